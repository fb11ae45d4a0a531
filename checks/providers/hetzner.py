"""Hetzner Cloud: API v1, bearer token, one *project* per token; no token sees the account.

The listing of servers is the only question. What speaks of a ban are addresses that the provider blocked.
"""

from datetime import datetime
from http import HTTPStatus
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

PER_PAGE = 50
GIB = 1 << 30
TROUBLES = frozenset({"rate_limit_exceeded", "maintenance", "service_error", "unavailable", "timeout"})
"""Codes that speak of the provider, not of the project, whatever the status."""
STATES = {
    "running": ServerState.RUNNING,
    "off": ServerState.OFF,
    "unknown": ServerState.UNKNOWN,
} | dict.fromkeys(("initializing", "starting", "stopping", "deleting", "migrating", "rebuilding"), ServerState.CHANGING)


class Options(Reach):
    """Where the API is, and how hard it may be asked (its own limit, per project: 3600 an hour)."""

    kind: Literal["hetzner"]
    api: WebAddress = "https://api.hetzner.cloud"


class Hetzner:
    """Looks at projects and their servers."""

    def __init__(self, options: Options, session: GuardedSession) -> None:
        self._options = options
        self._session = session

    async def look(self, secret: Secret, at: datetime) -> AccountSeen:
        """Say how the project stands, and what it holds. The world's faults are answers."""
        bearer = token(secret)
        if isinstance(bearer, Misconfigured):
            return AccountSeen(at, "hetzner", bearer)
        state: AccountState = Silent("not asked")

        async def turn(page: str) -> Page | None:
            nonlocal state
            url = f"{self._options.api}/v1/servers?page={page}&per_page={PER_PAGE}"
            headers = {"authorization": f"Bearer {bearer}"}
            reply = heard(await self._session.ask(url, headers=headers, by=fingerprint(secret)))
            said = read_state(reply)
            if page == "1":
                state = said
            return await read_aside(reply, read_servers) if isinstance(said, Active) else None

        inventory = await walk(turn)
        if not isinstance(state, Active):
            return AccountSeen(at, "hetzner", state)
        blocked = [str(server.raw["blocked"]) for server in inventory.servers if server.raw["blocked"]]
        if blocked:
            state = Warned(f"blocked by the anti-abuse department: {', '.join(blocked[:10])}")
        return AccountSeen(at, "hetzner", state, inventory)


def read_state(reply: Reply | Silent) -> AccountState:
    """Read what a listing, or its refusal, says about the project: the code before the status."""
    if isinstance(reply, Silent):
        return reply
    said = reply.said
    code = said["error"]["code"].words
    words = said["error"]["message"].words or code or f"HTTP {reply.status}"
    match reply.status:
        case _ if code == "resource_locked":
            return Suspended(words)
        case HTTPStatus.OK if said["servers"].is_array:
            return Active()
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN if code not in TROUBLES:
            # There are no scopes that a reading token could lack.
            return Denied(words)
        case HTTPStatus.GONE:
            return Misconfigured(f"the API has moved on, and a newer release of this program is needed: {words}")
        case _:
            return Silent(f"HTTP {reply.status}: {words}")


def read_servers(reply: Reply | Silent) -> Page | None:
    """Read one page of ``/servers``; None: it is none."""
    said = None if isinstance(reply, Silent) else reply.json
    if said is None or not said["servers"].is_array:
        return None
    paging = said["meta"]["pagination"]
    page = page_of(said["servers"], read_server, paging["next_page"].name, paging["total_entries"].whole)
    # ``next_page`` is null on the last page; without it nobody can say that this was all.
    return page if "next_page" in paging else Page(page.servers, None, whole=False)


def read_server(said: Foreign) -> Server | None:
    """Read one server: memory and disk in GB, traffic in bytes; ``primary_disk_size`` is what it has now."""
    number = said["id"].name
    if number is None:
        return None
    kind, net = said["server_type"], said["public_net"]
    memory, traffic = kind["memory"].size, said["included_traffic"].size
    ends = [end for end in (net["ipv4"], net["ipv6"]) if end["ip"].address is not None]
    blocked = [end["ip"].words for end in ends if end["blocked"].truth]
    disk = said["primary_disk_size"].whole
    state = STATES.get(said["status"].words, ServerState.UNKNOWN)
    return Server(
        id=number,
        name=said["name"].words,
        # A server none of whose addresses is let through runs for nobody.
        state=ServerState.SUSPENDED if ends and len(blocked) == len(ends) else state,
        # Answers before July 2026 named the place under its data centre only.
        region=said["location"]["name"].name or said["datacenter"]["location"]["name"].name,
        vcpus=kind["cores"].whole,
        ram_mib=None if memory is None else int(memory * 1024),
        disk_gib=kind["disk"].whole if disk is None else disk,
        traffic_gib=None if traffic is None else int(traffic // GIB),
        addresses=tuple(address for end in ends if (address := end["ip"].address) is not None),
        raw={
            **kind.figures("memory", "disk", "name"),
            **said.figures("primary_disk_size", "included_traffic", "status"),
            "blocked": ", ".join(blocked) or None,
        },
    )
