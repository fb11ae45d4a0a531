"""A provider's API on loopback: tenants with keys and machines, and what all dialects have in common on a bad day."""

import asyncio
import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from types import TracebackType
from typing import ClassVar, Self, assert_never

from aiohttp import web

from monitor.clock import Clock, SystemClock
from monitor.demo.digitalocean import EDGE_PAGE, FIRST_ADDRESS, Broken, EdgePage, Limited, Slow, Trouble, Well
from monitor.demo.loopback import Listener

Json = dict[str, object]
Told = Callable[["Tenant"], web.StreamResponse]


@dataclass(slots=True)
class Machine:
    """One server. Sizes in MiB and GiB; ``status`` is the dialect's own word."""

    serial: int
    name: str
    address: str
    region: str
    status: str
    vcpus: int = 2
    ram_mib: int = 4096
    disk_gib: int = 80
    traffic_gib: int = 4000
    blocked: bool = False


@dataclass(slots=True)
class Tenant:
    """One customer of the provider. ``key`` is what the API is shown, ``secret`` what a secret file must hold."""

    name: str
    key: str
    secret: str
    machines: list[Machine] = field(default_factory=list)
    revoked: bool = False
    warning: str = ""
    locked: str = ""
    misconfigured: bool = False
    trouble: Trouble = field(default_factory=Well)
    requests: int = 0


class Office(ABC):
    """Serves many tenants on one loopback port; they may be warned, locked, revoked or troubled while it runs."""

    region: ClassVar[str]
    running: ClassVar[str]
    suspended: ClassVar[str] = "suspended"

    def __init__(self, clock: Clock | None = None) -> None:
        self.tenants: dict[str, Tenant] = {}
        self.trouble: Trouble = Well()
        self.largest_page = 100
        self.refused: list[str] = []
        """The keys that were turned away, in order."""
        self.clock = clock or SystemClock()
        self._by_key: dict[str, Tenant] = {}
        self._serials = itertools.count(1)
        app = web.Application()
        app.add_routes(self.routes())
        self._listener = Listener(app)

    async def __aenter__(self) -> Self:
        await self._listener.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._listener.__aexit__(kind, error, trace)

    @property
    def base_url(self) -> str:
        """What the settings name as ``api``."""
        return self._listener.url

    def tenant(self, name: str, machines: int = 1) -> Tenant:
        """Open an account with so many servers; its key looks like what it is, a fake."""
        key = f"fake-{name}"
        tenant = self.tenants[name] = self._by_key[key] = Tenant(name, key, self.secret(key))
        for number in range(machines):
            serial = next(self._serials)
            address = str(IPv4Address(FIRST_ADDRESS) + serial)
            tenant.machines.append(Machine(serial, f"{name}-{number}", address, self.region, self.running))
        return tenant

    def secret(self, key: str) -> str:
        """Write the content of a secret file."""
        return key

    def find(self, key: str) -> Tenant | None:
        """Give the tenant with this key."""
        return self._by_key.get(key)

    def warn(self, name: str, words: str = "We have received a complaint.") -> None:
        """Put the account on notice, as this provider does."""
        self.tenants[name].warning = words

    def lock(self, name: str, words: str = "This account has been suspended.") -> None:
        """Lock the account, as this provider does."""
        self.tenants[name].locked = words

    def suspend(self, name: str) -> None:
        """Suspend the account's servers, and say nothing about the account."""
        for machine in self.tenants[name].machines:
            machine.status = self.suspended

    def pardon(self, name: str) -> None:
        """Take everything back."""
        tenant = self.tenants[name]
        tenant.warning = tenant.locked = ""
        tenant.revoked = tenant.misconfigured = False
        for machine in tenant.machines:
            machine.status, machine.blocked = self.running, False

    def revoke(self, name: str) -> None:
        """Make the key worthless: rotated by the customer, or the account is gone; the API does not tell which."""
        self.tenants[name].revoked = True

    def misconfigure(self, name: str) -> None:
        """Refuse us for a reason on our side."""
        self.tenants[name].misconfigured = True

    def behave(self, name: str, trouble: Trouble) -> None:
        """Let the API answer this account so from now on; ``Well()`` ends it."""
        self.tenants[name].trouble = trouble

    async def refuse(self) -> None:
        """Refuse connections, as in an outage, until :meth:`listen`."""
        await self._listener.refuse()

    async def listen(self) -> None:
        """Accept connections again."""
        await self._listener.listen()

    @abstractmethod
    def routes(self) -> list[web.RouteDef]:
        """Give the paths of the API."""

    @abstractmethod
    def key(self, request: web.Request) -> str:
        """Read from a request who asks."""

    @abstractmethod
    def say(self, status: int, words: str) -> web.Response:
        """Word an error."""

    @abstractmethod
    def deny(self) -> web.Response:
        """Turn away who bears no good key."""

    def limit(self) -> web.Response:
        """Word that there were too many requests."""
        return self.say(429, "Too many requests.")

    async def serve(self, request: web.Request, tell: Told) -> web.StreamResponse:
        """Answer one request: the bad day first, then who asks, then what they may see."""
        key = self.key(request)
        tenant = self.find(key)
        for trouble in (self.trouble, tenant.trouble if tenant else Well()):
            if (spoiled := await self._spoil(request, trouble)) is not None:
                return spoiled
        if tenant is None or tenant.revoked:
            self.refused.append(key)
            return self.deny()
        tenant.requests += 1
        return tell(tenant)

    def page(self, request: web.Request) -> str:
        """Name the page that is asked for."""
        return request.query.get("page", "1")

    async def _spoil(self, request: web.Request, trouble: Trouble) -> web.StreamResponse | None:
        match trouble:
            case Well():
                return None
            case Slow(seconds):
                await asyncio.sleep(seconds)
                return None
            case Limited(retry_after):
                response = self.limit()
                if retry_after is not None:
                    response.headers["retry-after"] = str(retry_after)
                return response
            case Broken(status, page):
                spared = page is not None and self.page(request) != str(page)
                return None if spared else self.say(status, "Internal server error.")
            case EdgePage(status):
                return web.Response(status=status, text=EDGE_PAGE, content_type="text/html")
            case _:
                assert_never(trouble)

    def cut(self, request: web.Request, asked: str, items: Sequence[Json]) -> tuple[list[Json], int, int, int]:
        """Cut one page out of a listing; give it, its number, the number of pages, and their size."""
        size = min(positive(request.query.get(asked), 25), self.largest_page)
        page, last = positive(request.query.get("page"), 1), max(1, math.ceil(len(items) / size))
        return list(items[(page - 1) * size : page * size]), page, last, size


def positive(word: str | None, otherwise: int) -> int:
    """Read a positive number, or take another."""
    return int(word) if word and word.isdecimal() and int(word) else otherwise


def bearer(request: web.Request, scheme: str = "Bearer") -> str:
    """Read the token of an Authorization header."""
    return request.headers.get("Authorization", "").removeprefix(f"{scheme} ")
