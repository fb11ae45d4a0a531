"""Cockbox: one undocumented question about one service; no listing, no account status, no sizes.

The little that is known comes from one old client: whatever does not answer as it did is silence.
"""

from datetime import datetime
from http import HTTPStatus
from typing import Literal
from urllib.parse import quote

from checks.dialect import fields, heard
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


class Options(Reach):
    """Where the API is, and how hard it may be asked (its own limits are not published)."""

    kind: Literal["cockbox"]
    api: WebAddress = "https://cockbox.org/api/1.0"


class Cockbox:
    """Looks at single services.

    The secret is two lines of TOML: ``key``, and ``services``, which are ids with commas between.
    """

    def __init__(self, options: Options, session: GuardedSession) -> None:
        self._options = options
        self._session = session

    async def look(self, secret: Secret, at: datetime) -> AccountSeen:
        """Say how the services stand. The world's faults are answers."""
        access = fields(secret, "key", "services")
        if isinstance(access, Misconfigured):
            return AccountSeen(at, "cockbox", access)
        services = [name for each in access["services"].split(",") if (name := each.strip())]
        if not services:
            return AccountSeen(at, "cockbox", Misconfigured("the secret names no services, and there is no listing"))
        servers: list[Server] = []
        complete = True
        state: AccountState = Active()
        for service in services:
            url = f"{self._options.api}/service/{quote(service, safe='')}"
            reply = heard(await self._session.ask(url, headers={"x-api-key": access["key"]}, by=fingerprint(secret)))
            said = read_state(reply, at)
            server = None if isinstance(reply, Silent) else read_service(reply, at)
            if server is None or not isinstance(said, Active | Warned):
                complete = False
            else:
                servers.append(server)
            # The worst that was said of any service stands for the account, and silence is not as bad as a refusal.
            state = max(state, said, key=lambda each: GRAVITY.index(type(each)))
            if isinstance(said, Denied):
                break
        return AccountSeen(at, "cockbox", state, Inventory(tuple(servers), complete) if servers else None)


GRAVITY = (Active, Warned, Silent, Denied)


def read_state(reply: Reply | Silent, at: datetime) -> Active | Warned | Silent | Denied:
    """Read the answer about one service."""
    if isinstance(reply, Silent):
        return reply
    said = reply.said
    words = said["message"].words or said["error"].words or f"HTTP {reply.status}"
    match reply.status:
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
            return Denied(words)
        case HTTPStatus.OK if said["message"]["identifier"].name:
            expired = _has_expired(said["message"], at)
            return (
                Warned(f"service {said['message']['identifier'].name} has expired, or has no end that can be read")
                if expired
                else Active()
            )
        case _:
            return Silent(f"HTTP {reply.status}: {words}")


def read_service(reply: Reply, at: datetime) -> Server | None:
    """Read one service; the payment addresses in the answer are not kept."""
    said = reply.said["message"]
    number = said["identifier"].name
    if number is None:
        return None
    address = said["ip_address"]["address"].address
    return Server(
        id=number,
        name=number,
        # A service that is paid for is one that nobody has taken away; more is not said.
        state=ServerState.UNKNOWN if _has_expired(said, at) else ServerState.RUNNING,
        addresses=() if address is None else (address,),
        raw=said.figures("expires_at"),
    )


def _has_expired(service: Foreign, at: datetime) -> bool:
    # An end that cannot be read is unknown, and not fine.
    ends = service["expires_at"].day
    return ends is None or ends <= at
