"""Linode (Akamai): API v4, personal access token, one account per token.

There is no account status: the notifications and the status of the instances tell. ``/account`` holds the customer's
personal data and is never asked for.
"""

from datetime import datetime
from http import HTTPStatus
from ipaddress import ip_network
from typing import Literal

from checks.dialect import Page, heard, page_of, read_aside, token, walk
from checks.foreign import Foreign
from checks.http import GuardedSession, Reach, Reply, WebAddress, fingerprint
from monitor.core.account import (
    AccountSeen,
    AccountState,
    Active,
    Denied,
    Misconfigured,
    Server,
    ServerState,
    Suspended,
    Warned,
)
from monitor.core.observation import Silent
from monitor.core.secret import Secret

PER_PAGE = 200
PRIVATE = ip_network("192.168.128.0/17")
"""Linode's own private network, which stands among the public addresses."""

AGAINST = frozenset({"ticket_abuse", "ticket_important", "payment_due"})
"""Notifications that speak against the account; an abuse ticket is the first sign of a coming ban."""
NEUTRAL = frozenset(
    {
        "outage",
        "maintenance",
        "maintenance_scheduled",
        "maintenance_pending",
        "maintenance_in_progress",
        "migration_scheduled",
        "migration_imminent",
        "migration_pending",
        "reboot_scheduled",
        "security_reboot_maintenance_scheduled",
        "notice",
        "billing_email_bounce",
        "user_email_bounce",
        "promotion",
        "tax_id_verifying",
        "volume_migration_scheduled",
        "volume_migration_imminent",
    }
)

BILLING = "billing_suspension"
STATES = {
    "running": ServerState.RUNNING,
    "offline": ServerState.OFF,
    "stopped": ServerState.OFF,
    BILLING: ServerState.SUSPENDED,
} | dict.fromkeys(
    (
        "booting",
        "busy",
        "rebooting",
        "shutting_down",
        "provisioning",
        "deleting",
        "migrating",
        "rebuilding",
        "cloning",
        "restoring",
        "resizing",
    ),
    ServerState.CHANGING,
)


class Options(Reach):
    """Where the API is, and how hard it may be asked (its own limit, per user: 200 listings a minute)."""

    kind: Literal["linode"]
    api: WebAddress = "https://api.linode.com"


class Linode:
    """Looks at accounts and their Linodes."""

    def __init__(self, options: Options, session: GuardedSession) -> None:
        self._options = options
        self._session = session

    async def look(self, secret: Secret, at: datetime) -> AccountSeen:
        """Say how the account stands, and what it holds. The world's faults are answers."""
        bearer = token(secret)
        if isinstance(bearer, Misconfigured):
            return AccountSeen(at, "linode", bearer)

        headers, by = {"authorization": f"Bearer {bearer}"}, fingerprint(secret)

        async def ask(path: str) -> Reply | Silent:
            return heard(await self._session.ask(f"{self._options.api}/v4/{path}", headers=headers, by=by))

        older = ""

        async def turn(page: str) -> Page | None:
            nonlocal older
            reply = await ask(f"linode/instances?page={page}&page_size={PER_PAGE}")
            older = older or read_suspension(reply)
            return await read_aside(reply, read_instances)

        state = read_notifications(await ask("account/notifications"))
        if isinstance(state, Denied | Silent):
            return AccountSeen(at, "linode", state)
        inventory = await walk(turn)
        if older:
            state = Suspended(older)
        elif any(server.raw["status"] == BILLING for server in inventory.servers):
            state = Suspended(BILLING)
        return AccountSeen(at, "linode", state, inventory)


def read_notifications(reply: Reply | Silent) -> AccountState:
    """Read the answer of ``/account/notifications``."""
    if isinstance(reply, Silent):
        return reply
    said = reply.said
    words = words_of(reply)
    match reply.status:
        case HTTPStatus.OK:
            return _standing(said["data"])
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
            return _refusal(reply, words)
        case _:
            return Silent(f"HTTP {reply.status}: {words}")


def words_of(reply: Reply) -> str:
    """Give the provider's own words in a refusal."""
    return "; ".join(each["reason"].words for each in reply.said["errors"])


def read_suspension(reply: Reply | Silent) -> str:
    """Give the words with which a suspended Linode is withheld, as before its status told; empty: none are said."""
    if isinstance(reply, Silent) or reply.status not in {HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN}:
        return ""
    words = words_of(reply)
    return words if "has been suspended" in words.casefold() else ""


def _standing(notifications: Foreign) -> AccountState:
    if not notifications.is_array:
        return Silent("an answer without notifications")
    against = [each for each in notifications if _is_against(each)]
    if not against:
        return Active()
    return Warned(
        "; ".join(f"{each['type'].words}: {each['message'].words or each['label'].words}" for each in against)
    )


def _is_against(notification: Foreign) -> bool:
    kind = notification["type"].words
    # A kind unknown to us is not fine when the provider itself calls it critical.
    return kind in AGAINST or (kind not in NEUTRAL and notification["severity"].words == "critical")


def _refusal(reply: Reply, words: str) -> AccountState:
    # A lack of scope is a 401 as well. Only of a token that it knows can the API tell the scopes.
    scopes = reply.headers.get("x-oauth-scopes", "").strip()
    if scopes in {"", "unknown"}:
        return Denied(words or f"HTTP {reply.status}")
    needed = reply.headers.get("x-accepted-oauth-scopes", "").strip()
    return Misconfigured(f"the token has the scopes {scopes[:200]} and needs {needed[:200]}: {words}")


def read_instances(reply: Reply | Silent) -> Page | None:
    """Read one page of ``/linode/instances``; None: it is none."""
    said = None if isinstance(reply, Silent) or reply.status != HTTPStatus.OK else reply.json
    if said is None or not said["data"].is_array:
        return None
    page, pages = said["page"].whole, said["pages"].whole
    if page is None or pages is None:
        # Without a count nobody can say that this was all.
        return Page(page_of(said["data"], read_instance, None).servers, None, whole=False)
    return page_of(said["data"], read_instance, str(page + 1) if page < pages else None, said["results"].whole)


def read_instance(said: Foreign) -> Server | None:
    """Read one Linode: memory and disk in MB, transfer in GB a month (the description says MB, and is wrong)."""
    number = said["id"].name
    if number is None:
        return None
    specs = said["specs"]
    disk = specs["disk"].whole
    addresses = [each.address for each in (*said["ipv4"], said["ipv6"])]
    return Server(
        id=number,
        name=said["label"].words,
        state=STATES.get(said["status"].words, ServerState.UNKNOWN),
        region=said["region"].name,
        vcpus=specs["vcpus"].whole,
        ram_mib=specs["memory"].whole,
        disk_gib=None if disk is None else disk // 1024,
        traffic_gib=specs["transfer"].whole,
        addresses=tuple(each for each in addresses if each is not None and each not in PRIVATE),
        raw={**specs.figures("memory", "disk", "transfer"), **said.figures("type", "status")},
    )
