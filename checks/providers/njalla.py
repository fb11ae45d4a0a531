"""Njalla: JSON-RPC over POST, errors mostly with HTTP 200; undocumented.

There is no account status, no region and no size: only the name of a server's type, which the plan table of the
configuration must explain. A server that will expire and does not renew itself is what can be foreseen.
"""

from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Literal

from pydantic import PositiveInt

from checks.dialect import heard, page_of, read_aside, token
from checks.foreign import Foreign
from checks.http import GuardedSession, Reach, Reply, WebAddress, fingerprint
from monitor.core.account import (
    AccountSeen,
    AccountState,
    Active,
    Denied,
    Inventory,
    Misconfigured,
    Server,
    ServerState,
    Warned,
)
from monitor.core.observation import Silent
from monitor.core.secret import Secret

REFUSALS = ("invalid token", "unauthori", "not authori", "authentication", "access denied", "login required")
"""Words of a refused token, whatever the code beside them."""
LIMITS = ("permission", "method not allowed", "ip not allowed", "not allowed from")
"""Words about a token that is good, and limited to other methods or addresses."""
STATES = {
    "active": ServerState.RUNNING,
    "running": ServerState.RUNNING,
    "stopped": ServerState.OFF,
    "off": ServerState.OFF,
    "suspended": ServerState.SUSPENDED,
}


class Options(Reach):
    """Where the API is, and how hard it may be asked (its own limits are not published)."""

    kind: Literal["njalla"]
    api: WebAddress = "https://njal.la/api/1"
    expiry_warning_days: PositiveInt = 3


class Njalla:
    """Looks at accounts and their servers."""

    def __init__(self, options: Options, session: GuardedSession) -> None:
        self._options = options
        self._session = session

    async def look(self, secret: Secret, at: datetime) -> AccountSeen:
        """Say how the account stands, and what it holds. The world's faults are answers."""
        key = token(secret)
        if isinstance(key, Misconfigured):
            return AccountSeen(at, "njalla", key)
        reply = heard(
            await self._session.ask(
                f"{self._options.api}/",
                method="POST",
                headers={"authorization": f"Njalla {key}"},
                json={"method": "list-servers", "params": {}},
                by=fingerprint(secret),
            )
        )
        state = read_state(reply)
        if not isinstance(state, Active) or isinstance(reply, Silent):
            return AccountSeen(at, "njalla", state)
        inventory = await read_aside(reply, read_servers)
        days = timedelta(days=self._options.expiry_warning_days)
        ending = [words for each in reply.said["result"]["servers"] if (words := _ending(each, at, days))]
        return AccountSeen(at, "njalla", Warned("; ".join(ending[:10])) if ending else state, inventory)


def read_state(reply: Reply | Silent) -> AccountState:
    """Read what a listing, or its refusal, says about the account. An error is told by its key: its code may be 0."""
    if isinstance(reply, Silent):
        return reply
    said = reply.said
    failed = said["error"].value is not None
    if not failed and reply.status == HTTPStatus.OK and said["result"]["servers"].is_array:
        return Active()
    words = said["error"]["message"].words or f"HTTP {reply.status}"
    code = said["error"]["code"].whole if failed else reply.status
    # Which codes there are is not documented: the words may be all that tells.
    spoken = words.casefold() if failed else ""
    if any(each in spoken for each in LIMITS):
        return Misconfigured(f"{words}: the token must be allowed the method list-servers from this address")
    if code in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN} or any(each in spoken for each in REFUSALS):
        return Denied(words)
    return Silent(f"error {code}: {words}" if failed else f"HTTP {reply.status}: no servers")


def read_servers(reply: Reply | Silent) -> Inventory:
    """Read the answer of ``list-servers``: all of it at once."""
    said = Foreign(None) if isinstance(reply, Silent) else reply.said
    page = page_of(said["result"]["servers"], read_server, None)
    return Inventory(tuple(page.servers), page.whole)


def read_server(said: Foreign) -> Server | None:
    """Read one server: its state is undocumented, its type a mere name."""
    number = said["id"].name
    if number is None:
        return None
    addresses = [each.address for each in said["ips"]]
    return Server(
        id=number,
        name=said["name"].words,
        state=STATES.get(said["status"].words.casefold(), ServerState.UNKNOWN),
        addresses=tuple(each for each in addresses if each is not None),
        raw=said.figures("type", "status", "os_state", "expiry"),
    )


def _ending(said: Foreign, at: datetime, warning: timedelta) -> str | None:
    expiry = said["expiry"].day
    if expiry is None or said["autorenew"].truth is not False or expiry - at > warning:
        return None
    return f"server {said['name'].words} expires on {expiry:%Y-%m-%d} and does not renew itself"
