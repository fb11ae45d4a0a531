"""DigitalOcean's API v2, read side: accounts by token, their states as the provider words them, and its bad days.

Source: the provider's public API description; what a locked account answers was seen in public operations notes.
"""

import asyncio
import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from types import TracebackType
from typing import Self, assert_never
from urllib.parse import urlencode

from aiohttp import web

from monitor.clock import Clock, SystemClock
from monitor.demo.droplets import REGIONS, SIZES, Droplet, Json, region_json, size_json
from monitor.demo.loopback import Conversations, Listener

ALL_SCOPES = frozenset({"account:read", "droplet:read", "regions:read", "sizes:read", "billing:read"})
LISTING = "/v2/droplets"
HOURLY = 5000
"""Requests an hour for one token."""
LARGEST_PAGE = 200
FIRST_ADDRESS = IPv4Address("198.18.0.0")
"""Servers get addresses of the block for benchmarks (RFC 2544), which belong to nobody."""
EDGE_PAGE = "<!DOCTYPE html><html><body><h1>Web server is returning an unknown error</h1></body></html>"
LOCKED = "This account is locked due to a violation of our terms. Please contact support."


@dataclass(frozen=True, slots=True)
class Well:
    """The API answers as it should."""


@dataclass(frozen=True, slots=True)
class Limited:
    """429: over the burst limit, with seconds to wait, or over the hourly one, with ``ratelimit-reset`` only."""

    retry_after: int | None = None


@dataclass(frozen=True, slots=True)
class Broken:
    """A server error with the provider's own body; of one page of a listing only, if ``page`` says which."""

    status: int = 500
    page: int | None = None


@dataclass(frozen=True, slots=True)
class EdgePage:
    """A page for people, from the machines in front of the API."""

    status: int = 502


@dataclass(frozen=True, slots=True)
class Slow:
    """The right answer, this many seconds late."""

    seconds: float


Trouble = Well | Limited | Broken | EdgePage | Slow


@dataclass(slots=True)
class Account:
    """One customer of the provider. ``status``: active, warning or locked."""

    name: str
    token: str
    revoked: bool = False
    droplets: list[Droplet] = field(default_factory=list)
    gpus: list[Droplet] = field(default_factory=list)
    status: str = "active"
    status_message: str = " "
    scopes: frozenset[str] = ALL_SCOPES
    trouble: Trouble = field(default_factory=Well)
    requests: int = 0

    def as_json(self) -> Json:
        """Render it as GET /v2/account does: what the token may not see is left out."""
        told: Json = {
            "floating_ip_limit": 3,
            "email": f"{self.name}@shop.example",
            "name": self.name,
            "uuid": f"{self.name}-0000-4000-8000-000000000000",
            "email_verified": True,
            "status": self.status,
            "status_message": self.status_message,
            "team": {"uuid": f"{self.name}-team", "name": "My Team"},
        }
        return {"droplet_limit": 25, **told} if "droplet:read" in self.scopes else told


class DigitalOceanApi:
    """Serves many accounts on one loopback port; they may be locked, revoked or troubled while it runs."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.accounts: dict[str, Account] = {}
        self.trouble: Trouble = Well()
        self._by_token: dict[str, Account] = {}
        self._serials = itertools.count(1)
        self._clock = clock or SystemClock()
        self._servers: dict[str, Conversations] = {}
        app = web.Application()
        app.router.add_get("/v2/account", self._account)
        app.router.add_get(LISTING, self._droplets)
        app.router.add_get("/v2/regions", self._regions)
        app.router.add_get("/v2/sizes", self._sizes)
        app.router.add_get("/v2/customers/my/balance", self._balance)
        app.router.add_route("*", "/{any:.*}", self._nowhere)
        self._listener = Listener(app)

    async def __aenter__(self) -> Self:
        await self._listener.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name in tuple(self._servers):
            await self.unplug(name)
        await self._listener.__aexit__(kind, error, trace)

    @property
    def base_url(self) -> str:
        """What stands in front of ``/v2/account``."""
        return self._listener.url

    def account(self, name: str, *, token: str | None = None, droplets: int = 1) -> Account:
        """Open an account with so many servers; without ``token`` it gets one that looks like what it is, a fake."""
        account = Account(name, token or f"dop_v1_fake_{name}")
        for number in range(droplets):
            serial = next(self._serials)
            account.droplets.append(Droplet(serial, f"{name}-{number}", str(FIRST_ADDRESS + serial)))
        self.accounts[name] = self._by_token[account.token] = account
        return account

    def lock(self, name: str, message: str = LOCKED) -> None:
        """Ban the account: it still answers 200, its servers can still be listed, and they are off."""
        account = self.accounts[name]
        account.status, account.status_message = "locked", message
        for droplet in (*account.droplets, *account.gpus):
            droplet.status = "off"

    def warn(self, name: str, message: str = "Please open a ticket with support.") -> None:
        """Put the account on notice."""
        self.accounts[name].status, self.accounts[name].status_message = "warning", message

    def unlock(self, name: str) -> None:
        """Take a lock or warning back; the servers run again."""
        account = self.accounts[name]
        account.status, account.status_message = "active", " "
        for droplet in (*account.droplets, *account.gpus):
            droplet.status = "active"

    def revoke(self, name: str) -> None:
        """Make the token worthless: rotated by the customer, or the account is gone; the API does not tell which."""
        self.accounts[name].revoked = True

    def restore(self, name: str) -> None:
        """Let the token work again."""
        self.accounts[name].revoked = False

    def narrow(self, name: str, *without: str) -> None:
        """Take scopes from the token."""
        self.accounts[name].scopes -= set(without)

    def behave(self, name: str, trouble: Trouble) -> None:
        """Let the API answer this account so from now on; ``Well()`` ends it. For all accounts at once: ``trouble``."""
        self.accounts[name].trouble = trouble

    async def refuse(self) -> None:
        """Refuse connections, as in an outage, until :meth:`listen`."""
        await self._listener.refuse()

    async def listen(self) -> None:
        """Accept connections again."""
        await self._listener.listen()

    async def plug_in(self, name: str) -> int:
        """Start a server of the account that answers with an SSH banner; give its port on 127.0.0.1."""
        server = self._servers[name] = Conversations(_greet)
        return await server.open()

    async def unplug(self, name: str) -> None:
        """Take that server off the net, visitors included."""
        await self._servers.pop(name).close()

    async def _account(self, request: web.Request) -> web.StreamResponse:
        return await self._serve(request, "account:read", lambda account: {"account": account.as_json()})

    async def _droplets(self, request: web.Request) -> web.StreamResponse:
        def listing(account: Account) -> Json:
            droplets = account.gpus if request.query.get("type") == "gpus" else account.droplets
            return self._page(request, "droplets", [droplet.as_json() for droplet in droplets])

        return await self._serve(request, "droplet:read", listing)

    async def _regions(self, request: web.Request) -> web.StreamResponse:
        regions = [region_json(slug) for slug in REGIONS]
        return await self._serve(request, "regions:read", lambda _: self._page(request, "regions", regions))

    async def _sizes(self, request: web.Request) -> web.StreamResponse:
        sizes = [size_json(slug) for slug in SIZES]
        return await self._serve(request, "sizes:read", lambda _: self._page(request, "sizes", sizes))

    async def _balance(self, request: web.Request) -> web.StreamResponse:
        now = self._clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        # Amounts are strings, and the generated time is the only one that says when.
        amounts = dict.fromkeys(("month_to_date_balance", "account_balance", "month_to_date_usage"), "12.23")
        return await self._serve(request, "billing:read", lambda _: {**amounts, "generated_at": now})

    async def _nowhere(self, request: web.Request) -> web.StreamResponse:
        return await self._serve(request, None, lambda _: None)

    async def _serve(
        self, request: web.Request, scope: str | None, tell: Callable[[Account], Json | None]
    ) -> web.StreamResponse:
        """Answer one request: the bad day first, then who asks, then what they may see."""
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        account = self._by_token.get(token)
        spoiled = await self._spoil(request, self.trouble) or (account and await self._spoil(request, account.trouble))
        if spoiled:
            return spoiled
        if account is None or account.revoked:
            return self._say(401, "unauthorized", "Unable to authenticate you.")
        account.requests += 1
        if scope is not None and scope not in account.scopes:
            return self._say(403, "forbidden", "You do not have access for the attempted action.", account)
        told = tell(account)
        if told is None:
            return self._say(404, "not_found", "The resource you requested could not be found.", account)
        return web.json_response(told, headers=self._meters(account))

    async def _spoil(self, request: web.Request, trouble: Trouble) -> web.StreamResponse | None:
        match trouble:
            case Well():
                return None
            case Slow(seconds):
                await asyncio.sleep(seconds)
                return None
            case Limited(retry_after):
                response = self._say(429, "too_many_requests", "API rate limit exceeded.")
                response.headers["ratelimit-remaining"] = "0"
                if retry_after is not None:
                    response.headers["retry-after"] = str(retry_after)
                return response
            case Broken(status, page):
                spared = page is not None and (request.path, request.query.get("page", "1")) != (LISTING, str(page))
                return None if spared else self._say(status, "server_error", "Unexpected server-side error")
            case EdgePage(status):
                return web.Response(status=status, text=EDGE_PAGE, content_type="text/html")
            case _:
                assert_never(trouble)

    def _page(self, request: web.Request, key: str, items: Sequence[Json]) -> Json:
        """Cut one page out of a listing, with links to its neighbours; on a single page ``links`` is empty."""
        size = min(_positive(request.query.get("per_page"), 20), LARGEST_PAGE)
        page, last = _positive(request.query.get("page"), 1), max(1, math.ceil(len(items) / size))

        def link(number: int) -> str:
            return f"{self.base_url}{request.path}?{urlencode({**request.query, 'page': number, 'per_page': size})}"

        pages = {"first": link(1), "prev": link(page - 1)} if page > 1 else {}
        if page < last:
            pages |= {"next": link(page + 1), "last": link(last)}
        part = items[(page - 1) * size : page * size]
        return {key: part, "links": {"pages": pages} if pages else {}, "meta": {"total": len(items)}}

    def _say(self, status: int, name: str, message: str, account: Account | None = None) -> web.Response:
        error = {"id": name, "message": message, "request_id": "00000000-0000-4000-8000-000000000001"}
        return web.json_response(error, status=status, headers=self._meters(account))

    def _meters(self, account: Account | None) -> dict[str, str]:
        left = HOURLY - (account.requests if account else 0)
        reset = int(self._clock.now().timestamp()) + 3600
        return {
            "ratelimit-limit": str(HOURLY),
            "ratelimit-remaining": str(max(left, 0)),
            "ratelimit-reset": str(reset),
        }


def _positive(word: str | None, otherwise: int) -> int:
    return int(word) if word and word.isdecimal() and int(word) else otherwise


async def _greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Say who is there, as an SSH server does, and wait until the visitor leaves."""
    writer.write(b"SSH-2.0-OpenSSH_9.6\r\n")
    await writer.drain()
    await reader.read()
