"""Hetzner Robot: dedicated servers, HTTP Basic with a web-service user.

Its statuses mislead: over the limit is a 403, no servers at all is a 404. Three failed logins block our address for ten
minutes, for all customers: a refused password is never tried again, and two of them hold the untried ones back.
"""

import base64
import re
from datetime import datetime
from http import HTTPStatus
from typing import Literal

from pydantic import PositiveFloat

from checks.dialect import fields, heard, page_of, read_aside
from checks.foreign import Foreign
from checks.http import GuardedSession, Reach, Reply, WebAddress, fingerprint
from checks.logins import LOCKOUT
from monitor.core.account import (
    AccountSeen,
    AccountState,
    Active,
    Denied,
    Inventory,
    Misconfigured,
    Server,
    ServerState,
)
from monitor.core.observation import Silent
from monitor.core.secret import Secret

HOUR = 3600
STATES = {"ready": ServerState.RUNNING, "in process": ServerState.CHANGING}
QUOTA = re.compile(r"(\d+)\s*TB", re.IGNORECASE)


class Options(Reach):
    """Where the API is, and how hard it may be asked (its own limit: 200 listings an hour)."""

    kind: Literal["hetzner_robot"]
    api: WebAddress = "https://robot-ws.your-server.de"
    per_second: PositiveFloat = 1.0


class HetznerRobot:
    """Looks at Robot users and their servers. The secret is two lines of TOML: ``user`` and ``password``."""

    def __init__(self, options: Options, session: GuardedSession) -> None:
        self._options = options
        self._session = session

    async def look(self, secret: Secret, at: datetime) -> AccountSeen:
        """Say how the user stands, and what it holds. The world's faults are answers."""
        login = fields(secret, "user", "password")
        if isinstance(login, Misconfigured):
            return AccountSeen(at, "hetzner_robot", login)
        by, logins = fingerprint(secret), self._session.logins
        if (words := logins.refused(by)) is not None:
            return AccountSeen(at, "hetzner_robot", Denied(f"{words}; not tried again until the password changes"))
        if (seconds := logins.held_back(by)) > 0:
            return AccountSeen(
                at, "hetzner_robot", Silent(f"not tried for {seconds:.0f} s after others' failed logins")
            )
        basic = base64.b64encode(f"{login['user']}:{login['password']}".encode()).decode()
        url, headers = f"{self._options.api}/server", {"authorization": f"Basic {basic}"}
        answer = await self._session.ask(url, headers=headers, by=by)
        if isinstance(answer, Reply) and answer.status == HTTPStatus.UNAUTHORIZED and answer.json is None:
            # Whoever said so, it may have counted as a failed login.
            logins.doubt()
            self._session.hold(LOCKOUT, by)
        reply = heard(answer)
        state = read_state(reply)
        if isinstance(reply, Reply):
            self._learn(reply, state, by)
        inventory = await read_aside(reply, read_servers) if isinstance(state, Active) else None
        return AccountSeen(at, "hetzner_robot", state, inventory)

    def _learn(self, reply: Reply, state: AccountState, by: str) -> None:
        if isinstance(state, Denied):
            self._session.logins.refuse(by, state.words)
        elif isinstance(state, Active):
            self._session.logins.prove(by)
        if _code(reply) == "RATE_LIMIT_EXCEEDED":
            # Asked as seldom as we do, a limit per user is never reached: so this one is for our address.
            self._session.hold(reply.said["error"]["interval"].size or HOUR)


def read_state(reply: Reply | Silent) -> AccountState:
    """Read what a listing, or its refusal, says about the user: the code before the status."""
    if isinstance(reply, Silent):
        return reply
    said = reply.said
    code = _code(reply)
    words = said["error"]["message"].words or code or f"HTTP {reply.status}"
    match reply.status:
        case HTTPStatus.FORBIDDEN if code == "RATE_LIMIT_EXCEEDED":
            return Silent("the provider's rate limit is reached")
        case HTTPStatus.NOT_FOUND if code in {"SERVER_NOT_FOUND", "NOT_FOUND"}:
            return Active()
        case HTTPStatus.OK if said.is_array:
            return Active()
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
            return Denied(words)
        case _:
            return Silent(f"HTTP {reply.status}: {words}")


def read_servers(reply: Reply | Silent) -> Inventory:
    """Read ``/server``: all of it at once, or a 404 when there is none."""
    said = (None if isinstance(reply, Silent) else reply.json) or Foreign(None)
    page = page_of(said, lambda each: read_server(each["server"]), None)
    return Inventory(tuple(page.servers), page.whole)


def read_server(said: Foreign) -> Server | None:
    """Read one dedicated server: a product's name instead of sizes, and traffic in words."""
    number = said["server_number"].name
    if number is None:
        return None
    quota = QUOTA.fullmatch(said["traffic"].words)
    addresses = [each.address for each in (said["server_ip"], *said["ip"], said["server_ipv6_net"])]
    return Server(
        id=number,
        name=said["server_name"].words,
        state=STATES.get(said["status"].words, ServerState.UNKNOWN),
        # "FSN1-DC10" is a hall of the place that the cloud calls fsn1.
        region=said["dc"].words.partition("-")[0].casefold() or None,
        traffic_gib=int(quota[1]) * 1000 if quota else None,
        addresses=tuple(dict.fromkeys(each for each in addresses if each is not None)),
        raw={
            **said.figures("product", "dc", "traffic", "status", "paid_until"),
            "cancelled": str(said["cancelled"].truth),
        },
    )


def _code(reply: Reply) -> str:
    return reply.said["error"]["code"].words
