"""Contabo: OpenID Connect password grant, tokens of five minutes, a request id with each call.

There is no account status: the login, HTTP 402 and the status of the instances tell. The client's own record
(``/v1/users/client``) holds the client secret and is never asked for. A refused login is never tried again.
"""

import asyncio
import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import Literal
from uuid import UUID

from checks.dialect import Page, fields, heard, page_of, read_aside, walk
from checks.foreign import Foreign
from checks.http import GuardedSession, Reach, Reply, WebAddress, fingerprint
from checks.logins import LOCKOUT
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

PER_PAGE = 100
LIFETIME = 300.0
"""Seconds that a token lives where its answer does not say."""
MARGIN = 30.0
"""Seconds before its end at which a token is renewed, so that it does not die on the way."""
LOGIN = "/auth/realms/contabo/protocol/openid-connect/token"
STATES = {
    "running": ServerState.RUNNING,
    "stopped": ServerState.OFF,
    "pending_payment": ServerState.SUSPENDED,
    "verification_required": ServerState.SUSPENDED,
} | dict.fromkeys(
    ("provisioning", "installing", "uninstalled", "manual_provisioning", "rescue", "reset_password"),
    ServerState.CHANGING,
)
AGAINST = frozenset({"pending_payment", "verification_required", "manual_provisioning", "error"})
"""Statuses of one instance that speak of trouble with the account."""


class Options(Reach):
    """Where the API and its login are, and how hard they may be asked (their own limits are not published)."""

    kind: Literal["contabo"]
    api: WebAddress = "https://api.contabo.com"
    auth: WebAddress = "https://auth.contabo.com"


@dataclass(slots=True)
class _Login:
    """One customer's token, shared by all who ask; renewed by one while the others wait."""

    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    token: Secret | None = None
    until: float = float("-inf")


class Contabo:
    """Looks at accounts and their instances.

    The secret is four lines of TOML: ``client_id``, ``client_secret``, ``username``, ``password``.
    """

    def __init__(self, options: Options, session: GuardedSession) -> None:
        self._options = options
        self._session = session
        self._logins: dict[str, _Login] = {}
        self._asked = 0

    async def look(self, secret: Secret, at: datetime) -> AccountSeen:
        """Say how the account stands, and what it holds. The world's faults are answers."""
        login = fields(secret, "client_id", "client_secret", "username", "password")
        if isinstance(login, Misconfigured):
            return AccountSeen(at, "contabo", login)
        by = fingerprint(secret)
        state: AccountState = Silent("not asked")

        async def turn(page: str) -> Page | None:
            nonlocal state
            reply = await self._ask(f"/v1/compute/instances?page={page}&size={PER_PAGE}", login, by)
            said = reply if isinstance(reply, Denied) else read_state(reply)
            if page == "1":
                state = said
            return (
                await read_aside(reply, read_instances)
                if isinstance(said, Active) and isinstance(reply, Reply)
                else None
            )

        inventory = await walk(turn)
        if not isinstance(state, Active):
            return AccountSeen(at, "contabo", state)
        against = [words for server in inventory.servers if (words := _against(server))]
        if against:
            state = Warned("; ".join(against[:10]))
        return AccountSeen(at, "contabo", state, inventory)

    async def _ask(self, path: str, login: dict[str, str], by: str) -> Reply | Silent | Denied:
        """Ask the API; a token that died before its time is renewed once."""
        reply = await self._ask_once(path, login, by)
        if isinstance(reply, Reply) and reply.status == HTTPStatus.UNAUTHORIZED:
            reply = await self._ask_once(path, login, by)
        return reply

    async def _ask_once(self, path: str, login: dict[str, str], by: str) -> Reply | Silent | Denied:
        bearer = await self._token(login, by)
        if not isinstance(bearer, Secret):
            return bearer
        headers = {"authorization": f"Bearer {bearer.reveal()}", "x-request-id": self._request_id(by)}
        reply = heard(await self._session.ask(self._options.api + path, headers=headers, by=by))
        kept = self._logins[by]
        # Another of this customer's questions may have renewed it meanwhile.
        if isinstance(reply, Reply) and reply.status == HTTPStatus.UNAUTHORIZED and kept.token == bearer:
            kept.token = None
        return reply

    async def _token(self, login: dict[str, str], by: str) -> Secret | Silent | Denied:
        kept = self._logins.setdefault(by, _Login())
        async with kept.turn:
            now = self._session.clock.monotonic()
            if kept.token is not None and now < kept.until:
                return kept.token
            if (words := self._session.logins.refused(by)) is not None:
                return Denied(f"{words}; not tried again until the password changes")
            form = login | {"grant_type": "password"}
            answer = await self._session.ask(self._options.auth + LOGIN, method="POST", form=form, by=by)
            if isinstance(answer, Reply) and answer.status == HTTPStatus.UNAUTHORIZED and answer.json is None:
                # Whoever said so, it may have counted as a failed login of this user.
                self._session.hold(LOCKOUT, by)
            found = read_login(heard(answer))
            if isinstance(found, Denied):
                self._session.logins.refuse(by, found.words)
            if not isinstance(found, Foreign):
                return found
            kept.token = Secret(found["access_token"].value if isinstance(found["access_token"].value, str) else "")
            kept.until = now + (found["expires_in"].size or LIFETIME) - MARGIN
            return kept.token

    def _request_id(self, by: str) -> str:
        """Make an id in the form that the API demands (UUID, version 4), told apart by a count."""
        self._asked += 1
        seed = f"{by} {self._session.clock.now().isoformat()} {self._asked}"
        return str(UUID(bytes=hashlib.sha256(seed.encode()).digest()[:16], version=4))


def read_login(reply: Reply | Silent) -> Foreign | Silent | Denied:
    """Read the answer of the login: what bears the token, or why there is none (RFC 6749, 5.2)."""
    if isinstance(reply, Silent):
        return reply
    said = reply.said
    error = said["error"].words
    words = said["error_description"].words or error
    if reply.status == HTTPStatus.OK and said["access_token"].words:
        return said
    refused = error in {"invalid_grant", "invalid_client", "unauthorized_client"}
    if refused or reply.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return Denied(words or f"HTTP {reply.status}")
    return Silent(f"the login answers HTTP {reply.status}: {words}")


def read_state(reply: Reply | Silent) -> AccountState:
    """Read what a listing, or its refusal, says about the account."""
    if isinstance(reply, Silent):
        return reply
    said = reply.said
    words = said["message"].words
    match reply.status:
        case HTTPStatus.OK if said["data"].is_array:
            return Active()
        case HTTPStatus.PAYMENT_REQUIRED:
            return Suspended(words or "payment required")
        case HTTPStatus.UNAUTHORIZED:
            return Denied(words or "HTTP 401")
        case HTTPStatus.FORBIDDEN:
            return Misconfigured(f"the API user's role may not read instances: {words}")
        case _:
            return Silent(f"HTTP {reply.status}: {words}")


def read_instances(reply: Reply | Silent) -> Page | None:
    """Read one page of ``/v1/compute/instances``; None: it is none."""
    said = None if isinstance(reply, Silent) else reply.json
    if said is None or not said["data"].is_array:
        return None
    paging = said["_pagination"]
    page, pages = paging["page"].whole, paging["totalPages"].whole
    if page is None or pages is None:
        # Without a count nobody can say that this was all.
        return Page(page_of(said["data"], read_instance, None).servers, None, whole=False)
    following = str(page + 1) if page < pages else None
    return page_of(said["data"], read_instance, following, paging["totalElements"].whole)


def _against(server: Server) -> str:
    """Say what speaks against an instance; empty: nothing does."""
    status, words, end = (server.raw[name] for name in ("status", "errorMessage", "cancelDate"))
    if status in AGAINST:
        return f"{server.name}: {status} {words or ''}".strip()
    return f"{server.name}: cancelled for {end}" if end else ""


def read_instance(said: Foreign) -> Server | None:
    """Read one instance: memory and disk in MB, no traffic."""
    number = said["instanceId"].name
    if number is None:
        return None
    disk = said["diskMb"].whole
    nets = [said["ipConfig"], *said["additionalIps"]]
    addresses = [net[family]["ip"].address for net in nets for family in ("v4", "v6")]
    return Server(
        id=number,
        name=said["displayName"].words or said["name"].words,
        state=STATES.get(said["status"].words, ServerState.UNKNOWN),
        region=said["region"].name,
        vcpus=said["cpuCores"].whole,
        ram_mib=said["ramMb"].whole,
        disk_gib=None if disk is None else disk // 1024,
        addresses=tuple(dict.fromkeys(each for each in addresses if each is not None)),
        # The number of the host is what status posts name.
        raw=said.figures(
            "ramMb", "diskMb", "productId", "dataCenter", "status", "errorMessage", "cancelDate", "vHostNumber"
        ),
    )
