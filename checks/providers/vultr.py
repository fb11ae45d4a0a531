"""Vultr: API v2, bearer key, one account per key.

There is no account status: the listing of instances is the cheapest question that proves the key, and all there is to
know. Bare metal is another collection and is not looked at. Listings hold passwords and console addresses: never kept.
"""

from datetime import datetime
from http import HTTPStatus
from typing import Literal
from urllib.parse import quote

from checks.dialect import Page, heard, page_of, read_aside, token, walk
from checks.foreign import Foreign
from checks.http import GuardedSession, Reach, Reply, WebAddress
from monitor.core.account import AccountSeen, AccountState, Active, Denied, Misconfigured, Server, ServerState
from monitor.core.observation import Silent
from monitor.core.secret import Secret

PER_PAGE = 200
STATES = {
    "pending": ServerState.CHANGING,
    "resizing": ServerState.CHANGING,
    "suspended": ServerState.SUSPENDED,
}
POWER = {"running": ServerState.RUNNING, "stopped": ServerState.OFF}


class Options(Reach):
    """Where the API is, and how hard it may be asked (its own limit, per source address: 30 a second)."""

    kind: Literal["vultr"]
    api: WebAddress = "https://api.vultr.com"


class Vultr:
    """Looks at accounts and their instances."""

    def __init__(self, options: Options, session: GuardedSession) -> None:
        self._options = options
        self._session = session

    async def look(self, secret: Secret, at: datetime) -> AccountSeen:
        """Say how the account stands, and what it holds. The world's faults are answers."""
        key = token(secret)
        if isinstance(key, Misconfigured):
            return AccountSeen(at, "vultr", key)
        state: AccountState = Silent("not asked")

        async def turn(cursor: str) -> Page | None:
            nonlocal state
            reply = heard(
                await self._session.ask(
                    f"{self._options.api}/v2/instances?per_page={PER_PAGE}&cursor={quote(cursor, safe='')}",
                    headers={"authorization": f"Bearer {key}"},
                    # The limit is one for our address, whatever the key.
                    by="",
                )
            )
            said = read_state(reply)
            if not cursor:
                state = said
            return await read_aside(reply, read_instances) if isinstance(said, Active) else None

        inventory = await walk(turn, first="")
        return AccountSeen(at, "vultr", state, inventory if isinstance(state, Active) else None)


def read_state(reply: Reply | Silent) -> AccountState:
    """Read what a listing, or its refusal, says about the account."""
    if isinstance(reply, Silent):
        return reply
    said = reply.said
    words = said["error"].words
    match reply.status:
        case HTTPStatus.OK:
            return Active() if said["instances"].is_array else Silent("an answer without instances")
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN if "unauthorized ip" in words.casefold():
            return Misconfigured(f"{words}; add this address to the account's API access control")
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
            return Denied(words or f"HTTP {reply.status}")
        case _:
            return Silent(f"HTTP {reply.status}: {words}")


def read_instances(reply: Reply | Silent) -> Page | None:
    """Read one page of ``/v2/instances``; None: it is none."""
    said = None if isinstance(reply, Silent) else reply.json
    if said is None or not said["instances"].is_array:
        return None
    meta = said["meta"]
    return page_of(said["instances"], read_instance, meta["links"]["next"].name, meta["total"].whole)


def read_instance(said: Foreign) -> Server | None:
    """Read one instance: memory in MB, disk and monthly traffic in GB. Only what is named here is kept."""
    number = said["id"].name
    if number is None:
        return None
    # The description says v6_networks; what clients get are the flat fields.
    newer = [network[key] for network in said["v6_networks"] for key in ("main_ip", "v6_main_ip")]
    addresses = [each.address for each in (said["main_ip"], said["v6_main_ip"], *newer)]
    return Server(
        id=number,
        name=said["label"].words,
        state=_state(said),
        region=said["region"].name,
        vcpus=said["vcpu_count"].whole,
        ram_mib=said["ram"].whole,
        disk_gib=said["disk"].whole,
        traffic_gib=said["allowed_bandwidth"].whole,
        addresses=tuple(dict.fromkeys(each for each in addresses if each is not None)),
        raw=said.figures("ram", "disk", "allowed_bandwidth", "plan", "status", "server_status"),
    )


def _state(said: Foreign) -> ServerState:
    status = said["status"].words
    if status == "active":
        return POWER.get(said["power_status"].words, ServerState.UNKNOWN)
    return STATES.get(status, ServerState.UNKNOWN)
