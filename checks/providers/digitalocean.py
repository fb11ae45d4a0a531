"""DigitalOcean: API v2, bearer token, one account per token.

Source: the provider's OpenAPI description. A locked account answers 200, and says ``locked`` in the body.
"""

from datetime import datetime
from http import HTTPStatus
from typing import Literal

from checks.dialect import Page, heard, page_of, read_aside, together, token, walk
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
    Suspended,
    Warned,
)
from monitor.core.observation import Silent
from monitor.core.secret import Secret

PER_PAGE = 100
"""The API gives 200, but 200 droplets with their sizes' lists of regions come near the limit of an answer."""

LOCKED = ("lock on the account", "team has been locked")
"""Phrases of a lock; a team's lock leaves ``status`` at ``active``."""
ADVICE = ("contact support", "lack of payment", "open a ticket", "improper use")
"""Phrases that come with a lock where no status says otherwise; a warning may bear them too."""

STATES = {
    "active": ServerState.RUNNING,
    "off": ServerState.OFF,
    "new": ServerState.CHANGING,
    "archive": ServerState.OFF,
}


class Options(Reach):
    """Where the API is, and how hard it may be asked (its own limits, per token: 5000 an hour and 250 a minute)."""

    kind: Literal["digitalocean"]
    api: WebAddress = "https://api.digitalocean.com"
    gpus: bool = True
    """Whether to list GPU droplets too: they are left out of the ordinary listing."""


class DigitalOcean:
    """Looks at accounts and their droplets."""

    def __init__(self, options: Options, session: GuardedSession) -> None:
        self._options = options
        self._session = session

    async def look(self, secret: Secret, at: datetime) -> AccountSeen:
        """Say how the account stands, and what it holds. The world's faults are answers."""
        bearer = token(secret)
        if isinstance(bearer, Misconfigured):
            return AccountSeen(at, "digitalocean", bearer)
        ask = _Asker(self._session, self._options.api, bearer, fingerprint(secret))
        state = read_account(await ask("/v2/account"))
        if isinstance(state, Denied | Silent):
            return AccountSeen(at, "digitalocean", state)
        kinds = ("droplets", "gpus") if self._options.gpus else ("droplets",)
        listings = [await ask.droplets(kind) for kind in kinds]
        return AccountSeen(at, "digitalocean", Suspended(ask.lock) if ask.lock else state, together(*listings))


class _Asker:
    """One account's questions."""

    def __init__(self, session: GuardedSession, api: str, bearer: str, by: str) -> None:
        self._session = session
        self._api = api
        self._headers = {"authorization": f"Bearer {bearer}"}
        self._by = by
        self.lock = ""
        """What a refusal said of a lock."""

    async def __call__(self, path: str) -> Reply | Silent:
        reply = heard(await self._session.ask(self._api + path, headers=self._headers, by=self._by))
        if isinstance(reply, Reply) and reply.status == HTTPStatus.FORBIDDEN and is_lock(words := words_of(reply)):
            self.lock = words
        return reply

    async def droplets(self, kind: str) -> Inventory:
        async def turn(page: str) -> Page | None:
            reply = await self(f"/v2/droplets?type={kind}&per_page={PER_PAGE}&page={page}")
            return await read_aside(reply, lambda answer: read_droplets(answer, int(page)))

        return await walk(turn)


def read_account(reply: Reply | Silent) -> AccountState:
    """Read the answer of ``/v2/account``, the body before the status."""
    if isinstance(reply, Silent):
        return reply
    match reply.status:
        case HTTPStatus.OK:
            return _read_status(reply.said["account"])
        case HTTPStatus.UNAUTHORIZED:
            return Denied(words_of(reply))
        case HTTPStatus.FORBIDDEN if is_lock(words_of(reply)):
            return Suspended(words_of(reply))
        case HTTPStatus.FORBIDDEN:
            return Misconfigured(f"the token lacks the scope account:read: {words_of(reply)}")
        case _:
            return Silent(f"HTTP {reply.status}: {words_of(reply)}")


def _read_status(account: Foreign) -> AccountState:
    status = account["status"].words
    message = account["status_message"].words
    if status == "locked" or is_lock(message, LOCKED if status == "warning" else LOCKED + ADVICE):
        return Suspended(message or "locked")
    if status == "warning":
        return Warned(message)
    return Active() if status == "active" else Silent(f"an account status unknown to us: {status or 'none'}")


def words_of(reply: Reply) -> str:
    """Give the provider's own words in a refusal."""
    return reply.said["message"].words or f"HTTP {reply.status}"


def is_lock(words: str, phrases: tuple[str, ...] = LOCKED + ADVICE) -> bool:
    """Tell whether words of the provider speak of a lock."""
    said = words.casefold()
    return any(phrase in said for phrase in phrases)


def read_droplets(reply: Reply | Silent, page: int) -> Page | None:
    """Read one page of ``/v2/droplets``; None: it is none."""
    said = None if isinstance(reply, Silent) or reply.status != HTTPStatus.OK else reply.json
    if said is None or not said["droplets"].is_array:
        return None
    # The address of the next page is the server's idea of its own name: only that there is one is believed.
    more = said["links"]["pages"]["next"].words
    return page_of(said["droplets"], read_droplet, str(page + 1) if more else None, said["meta"]["total"].whole)


def read_droplet(said: Foreign) -> Server | None:
    """Read one droplet: memory in MB, disk in GB, transfer in TB (all of them powers of two but the last)."""
    number = said["id"].name
    if number is None:
        return None
    networks = [*said["networks"]["v4"], *said["networks"]["v6"]]
    addresses = [each["ip_address"].address for each in networks if each["type"].words == "public"]
    transfer = said["size"]["transfer"].size
    return Server(
        id=number,
        name=said["name"].words,
        state=STATES.get(said["status"].words, ServerState.UNKNOWN),
        region=said["region"]["slug"].name,
        vcpus=said["vcpus"].whole,
        ram_mib=said["memory"].whole,
        disk_gib=said["disk"].whole,
        traffic_gib=None if transfer is None else int(transfer * 1000),
        addresses=tuple(each for each in addresses if each is not None),
        raw={**said.figures("memory", "disk", "size_slug", "status"), "transfer": transfer},
    )
