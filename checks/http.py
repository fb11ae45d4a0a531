"""One guarded session per provider or page: limits, deadlines, budgets; whatever goes wrong becomes an answer."""

import asyncio
import hashlib
import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from ipaddress import IPv4Network, IPv6Network, ip_address
from types import TracebackType
from typing import Annotated, Any, Self

import aiohttp
import pydantic_core
from multidict import istr
from pydantic import AfterValidator, BaseModel, ConfigDict, PositiveFloat, PositiveInt
from yarl import URL

from checks.budget import Breaker, Holds, Pace, wish
from checks.egress import EgressError, guarded_socket
from checks.foreign import ABSENT, Foreign, clip
from checks.logins import Logins
from monitor.clock import Clock
from monitor.core.observation import Silent
from monitor.core.secret import Secret
from monitor.telemetry import logger

BROKEN = HTTPStatus.INTERNAL_SERVER_ERROR
MIB = 1 << 20
LARGE = 256 * 1024
"""Bytes of JSON from which on it is read beside the event loop."""
HOPS = 3
"""Redirects that are followed, all within the same origin."""
REMEMBERED = 64
"""Answers that are kept for conditional requests."""
AGENT = "coverwatch"
CODING = istr("content-encoding")


def _web_address(text: str) -> str:
    url = URL(text)
    if url.scheme not in {"http", "https"} or not url.host:
        raise ValueError("must be an address such as https://api.example.com")
    if url.user or url.password or url.query_string or url.fragment:
        raise ValueError("must hold no user, password, query or fragment: secrets belong into files")
    return text.rstrip("/")


WebAddress = Annotated[str, AfterValidator(_web_address)]


class Reach(BaseModel):
    """How far a session may go, and how hard it may ask. Times in seconds, sizes in bytes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    timeout: PositiveFloat = 20.0
    """For a whole answer, redirects and all, from the moment it is asked for."""
    body: PositiveInt = MIB
    """Most bytes of an answer, before and after unpacking."""
    in_flight: PositiveInt = 16
    """Most requests under way at once."""
    per_second: PositiveFloat = 20.0
    """Most requests a second, for all credentials together."""
    allow: tuple[IPv4Network | IPv6Network, ...] = ()
    """Networks that may be connected to although they are not public. Only there is plain HTTP spoken."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back, whole: the status, the headers, the body, and its JSON where it is some."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    json: Foreign | None = None
    fault: str = ""
    """Why the body is no JSON."""

    @property
    def said(self) -> Foreign:
        """The JSON; absent where there is none."""
        return self.json or ABSENT

    @property
    def page(self) -> str:
        """What stands there instead of JSON, in a few words for an operator."""
        kind = self.headers.get("content-type", "no content type").partition(";")[0]
        return f"HTTP {self.status}, {clip(kind)}, {len(self.body)} bytes"


@dataclass(slots=True)
class _Cache:
    """The last answers that bore a validator, oldest first."""

    kept: dict[str, Reply] = field(default_factory=dict)

    def conditions(self, url: str) -> dict[str, str]:
        reply = self.kept.get(url)
        if reply is None:
            return {}
        pairs = (("if-none-match", "etag"), ("if-modified-since", "last-modified"))
        return {ask: reply.headers[tell] for ask, tell in pairs if tell in reply.headers}

    def settle(self, url: str, reply: Reply) -> Reply:
        if reply.status == HTTPStatus.NOT_MODIFIED and url in self.kept:
            return self.kept[url]
        if reply.status == HTTPStatus.OK and ("etag" in reply.headers or "last-modified" in reply.headers):
            self.kept.pop(url, None)
            self.kept[url] = reply
            if len(self.kept) > REMEMBERED:
                del self.kept[next(iter(self.kept))]
        return reply


class GuardedSession:
    """Asks one provider, on behalf of many credentials; its seats, pace and breaker are nobody else's.

    Cookies are never kept: two customers' accounts must not be mixed up by a stranger's server.
    """

    def __init__(self, reach: Reach, clock: Clock, resolver: aiohttp.abc.AbstractResolver | None = None) -> None:
        self.clock = clock
        self.logins = Logins(clock)
        self._reach = reach
        self._resolver = resolver
        self._seats = asyncio.Semaphore(reach.in_flight)
        self._pace = Pace(reach.per_second)
        self._breaker = Breaker()
        self._holds = Holds()
        self._cache = _Cache()
        self._client: aiohttp.ClientSession | None = None
        self._allowed: set[str] = set()
        self._log = logger("http").bind(peer=getattr(reach, "kind", "unnamed"))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        if self._client is not None:
            await self._client.close()
            self._client = None

    def hold(self, seconds: float, by: str = "") -> None:
        """Leave the provider alone for a while: for one credential (its fingerprint), or, unnamed, altogether."""
        self._holds.hold(by, self.clock.monotonic(), seconds)

    async def ask(
        self,
        url: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        by: str = "",
        json: object = None,
        form: Mapping[str, str] | None = None,
        conditional: bool = False,
    ) -> Reply | Silent:
        """Ask once. ``by`` is the fingerprint of the credential: the provider's own limits are kept apart by it.

        ``conditional`` keeps the answer, and asks whether it has changed; not for answers that hold somebody's secrets.
        """
        target = URL(url)
        if target.scheme != "https" and not self._is_allowed(target.host or ""):
            return Silent(f"plain http to {target.host} is refused; use https, or name its network under allow")
        async with self._seats:
            if (why := await self._wait(by)) is not None:
                return Silent(why)
            asked = dict(headers or {})
            if conditional:
                asked |= self._cache.conditions(url)
            try:
                async with asyncio.timeout(self._reach.timeout):
                    reply = await self._exchange(method, target, asked, json, form)
            except TimeoutError:
                reply = Silent(f"no whole answer within {self._reach.timeout:g} s")
            except (aiohttp.ClientError, OSError, zlib.error, ValueError) as error:
                reply = Silent(_reason(error))
        self._learn(reply, by)
        return self._cache.settle(url, reply) if conditional and isinstance(reply, Reply) else reply

    async def _wait(self, by: str) -> str | None:
        """Wait for our turn; say why there will be none soon."""
        now = self.clock.monotonic()
        held = self._holds.left(by, now)
        if held > self._reach.timeout:
            return f"the provider's limit is reached; it renews in {held:.0f} s"
        if (shut := self._breaker.shut_for(now + held)) > 0:
            return f"left alone for {shut:.0f} s after failures in a row"
        if (wait := held + self._pace.turn(now + held)) > 0:
            await self.clock.sleep(wait)
        return None

    def _learn(self, reply: Reply | Silent, by: str) -> None:
        now = self.clock.monotonic()
        if isinstance(reply, Silent) or reply.status >= BROKEN:
            if self._breaker.failed(now):
                self._log.warning("left_alone", why=reply.why if isinstance(reply, Silent) else reply.page)
        elif self._breaker.heard():
            self._log.info("heard_again")
        if isinstance(reply, Reply) and (seconds := wish(reply.status, reply.headers, self.clock.now())) is not None:
            self._holds.hold(by, now, seconds)

    async def _exchange(
        self, method: str, url: URL, headers: Mapping[str, str], json: object, form: Mapping[str, str] | None
    ) -> Reply | Silent:
        first = url
        for _ in range(1 + HOPS):
            async with self._open().request(
                method, url, headers=headers, json=json, data=form, allow_redirects=False
            ) as response:
                if response.status in {301, 302, 303, 307, 308} and method == "GET":
                    url = url.join(URL(response.headers.get("location", "")))
                    if url.scheme not in {"http", "https"} or url.origin() != first.origin():
                        return Silent("redirected to another host")
                    continue
                return await self._read(response)
        return Silent(f"redirected more than {HOPS} times")

    async def _read(self, response: aiohttp.ClientResponse) -> Reply | Silent:
        parts: list[bytes] = []
        size = 0
        while not response.content.at_eof():
            part = await response.content.readany()
            parts.append(part)
            size += len(part)
            if size > self._reach.body:
                return Silent(f"an answer of more than {self._reach.body} bytes")
        body = b"".join(parts)
        coding = response.headers.get(CODING, "identity")
        if coding != "identity":
            coding = coding.strip().casefold()
        if coding == "gzip":
            body = zlib.decompressobj(wbits=31).decompress(body, self._reach.body + 1)
            if len(body) > self._reach.body:
                return Silent(f"an answer that unpacks to more than {self._reach.body} bytes")
        elif coding not in {"identity", ""}:
            return Silent(f"an answer packed with {clip(coding)}, which was not asked for")
        try:
            # The reader refuses NaN, numbers without end and a depth of more than 200.
            read = _parse(body) if len(body) <= LARGE else await asyncio.to_thread(_parse, body)
        except ValueError as error:
            return Reply(response.status, response.headers, body, None, clip(str(error)))
        return Reply(response.status, response.headers, body, Foreign(read))

    def _open(self) -> aiohttp.ClientSession:
        if self._client is None:
            self._client = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=self._reach.in_flight,
                    resolver=self._resolver,
                    ttl_dns_cache=60,
                    socket_factory=guarded_socket(self._reach.allow),
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                # Unpacked by our own hands, for the sake of the limit.
                auto_decompress=False,
                timeout=aiohttp.ClientTimeout(total=None),
                headers={"user-agent": AGENT, "accept-encoding": "gzip"},
            )
        return self._client

    def _is_allowed(self, host: str) -> bool:
        if host not in self._allowed:
            with suppress(ValueError):
                if any(ip_address(host) in network for network in self._reach.allow):
                    self._allowed.add(host)
        return host in self._allowed


def _parse(body: bytes) -> Any:  # noqa: ANN401 - a stranger's document may be anything
    return pydantic_core.from_json(body, allow_inf_nan=False)


def _reason(error: Exception) -> str:
    inner = getattr(error, "os_error", error)
    if isinstance(inner, EgressError):
        return clip(str(inner))
    return clip(str(error)) or type(error).__name__


def fingerprint(secret: Secret) -> str:
    """Give the name under which a credential is remembered: sixteen hexadecimal digits of its SHA-256."""
    return hashlib.sha256(secret.reveal().encode()).hexdigest()[:16]
