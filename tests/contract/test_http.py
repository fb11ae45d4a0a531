"""The guarded session: what it refuses to connect to, to follow, to wait for, to keep, and to ask again."""

import asyncio
import gzip
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from hypothesis import given
from hypothesis import strategies as some

from checks.budget import Breaker, Holds, Pace, retry_after, wish
from checks.egress import forbidden
from checks.foreign import Foreign
from checks.http import LARGE, MIB, GuardedSession, Reach, Reply
from monitor.clock import Clock, DrivenClock, SystemClock
from monitor.core.observation import Silent
from monitor.demo.loopback import Listener

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
LOOPBACK = ip_network("127.0.0.0/8")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/{any:.*}", handler)
    async with Listener(app) as listener:
        yield listener.url


def session(clock: Clock | None = None, **reach: object) -> GuardedSession:
    settings = {"allow": ["127.0.0.0/8"], "timeout": 5.0, "per_second": 1000.0, **reach}
    return GuardedSession(Reach.model_validate(settings), clock or SystemClock())


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("127.0.0.1", "not a public address"),
        ("127.255.255.254", "not a public address"),
        ("0.0.0.0", "not a public address"),
        ("10.0.0.1", "not a public address"),
        ("172.16.0.1", "not a public address"),
        ("192.168.1.1", "not a public address"),
        ("100.64.0.1", "not a public address"),
        ("100.100.100.200", "not a public address"),
        ("169.254.169.254", "not a public address"),
        ("198.18.0.1", "not a public address"),
        ("203.0.113.7", "not a public address"),
        ("240.0.0.1", "not a public address"),
        ("255.255.255.255", "not a public address"),
        ("192.0.0.192", "special purpose"),
        ("168.63.129.16", "cloud metadata"),
        ("192.88.99.1", "6to4 relay"),
        ("224.0.0.1", "multicast"),
        ("::", "IPv4-compatible"),
        ("::1", "IPv4-compatible"),
        ("::7f00:1", "IPv4-compatible"),
        ("::ffff:127.0.0.1", "not a public address"),
        ("::ffff:169.254.169.254", "not a public address"),
        ("64:ff9b::7f00:1", "NAT64"),
        ("64:ff9b::808:808", "NAT64"),
        ("64:ff9b:1::1", "NAT64"),
        ("2002:7f00:1::", "6to4"),
        ("2001:0:53aa:64c::1", "Teredo"),
        ("fe80::1", "not a public address"),
        ("fc00::1", "not a public address"),
        ("fd00:ec2::254", "not a public address"),
        ("fec0::1", "site-local"),
        ("ff02::1", "multicast"),
        ("2001:db8::1", "not a public address"),
        ("3fff::1", "documentation"),
        ("5f00::1", "segment routing"),
        ("8.8.8.8", None),
        ("::ffff:8.8.8.8", None),
        ("2606:4700::1111", None),
    ],
)
def test_only_public_addresses_are_connected_to(address: str, why: str | None) -> None:
    assert forbidden(ip_address(address), ()) == why


def test_what_is_allowed_by_name_is_allowed_and_nothing_beside_it() -> None:
    assert forbidden(ip_address("127.0.0.1"), (LOOPBACK,)) is None
    assert forbidden(ip_address("::ffff:127.0.0.1"), (LOOPBACK,)) is None
    assert forbidden(ip_address("10.0.0.1"), (LOOPBACK,)) is not None


class Poisoned(AbstractResolver):
    """Leads every name to ourselves."""

    def __init__(self) -> None:
        self.asked = 0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked += 1
        return [ResolveResult(hostname=host, host="127.0.0.1", port=port, family=family, proto=0, flags=0)]

    async def close(self) -> None:
        """Nothing is held."""


async def test_a_name_that_leads_to_ourselves_is_refused_at_the_socket() -> None:
    asked: list[str] = []

    async def listening(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response()

    async with serving(listening) as url:
        port = url.rpartition(":")[2]
        reach = Reach(timeout=5.0)
        async with GuardedSession(reach, SystemClock(), resolver := Poisoned()) as here:
            said = await here.ask(f"https://provider.example:{port}/")
    assert said == Silent("127.0.0.1 is refused: not a public address; name its network under allow if this is meant")
    # What the socket is for has been looked at: there is no second answer that could be another one.
    assert (asked, resolver.asked) == ([], 1)


@pytest.mark.parametrize("url", ["http://8.8.8.8/", "http://localhost/", "http://provider.example/", "ftp://8.8.8.8/"])
async def test_plain_http_is_spoken_only_where_it_was_allowed(url: str) -> None:
    async with session() as here:
        said = await here.ask(url)
    assert isinstance(said, Silent)
    assert "refused" in said.why


async def test_a_redirect_is_followed_within_its_origin_and_no_further() -> None:
    async def moving(request: web.Request) -> web.Response:
        raise web.HTTPFound("/new" if request.path == "/old" else "https://provider.example/")

    async def settled(request: web.Request) -> web.StreamResponse:
        return web.json_response({"here": True}) if request.path == "/new" else await moving(request)

    async with serving(settled) as url, session() as here:
        inside, outside = await here.ask(url + "/old"), await here.ask(url + "/out")
    assert isinstance(inside, Reply)
    assert inside.json is not None
    assert inside.json["here"].truth
    assert outside == Silent("redirected to another host")


async def test_a_login_that_is_redirected_is_not_sent_on() -> None:
    async def moving(_: web.Request) -> web.Response:
        return web.Response(status=307, headers={"location": "/elsewhere"})

    async with serving(moving) as url, session() as here:
        said = await here.ask(url, method="POST", form={"password": "fake"})
    assert isinstance(said, Reply)
    assert said.status == 307


async def test_cookies_of_one_customer_do_not_reach_another() -> None:
    cookies: list[str] = []

    async def baking(request: web.Request) -> web.Response:
        cookies.append(request.headers.get("cookie", ""))
        response = web.Response()
        response.set_cookie("session", "annas")
        return response

    async with serving(baking) as url, session() as here:
        await here.ask(url, by="anna")
        await here.ask(url, by="bert")
    assert cookies == ["", ""]


async def test_an_unchanged_page_is_not_sent_twice() -> None:
    sent: list[int] = []

    async def paging(request: web.Request) -> web.Response:
        if request.headers.get("if-none-match") == '"one"':
            sent.append(304)
            return web.Response(status=304)
        sent.append(200)
        return web.json_response({"page": 1}, headers={"etag": '"one"'})

    async with serving(paging) as url, session() as here:
        looks = [await here.ask(url, conditional=True) for _ in range(3)]
    assert sent == [200, 304, 304]
    assert [look.status for look in looks if isinstance(look, Reply)] == [200, 200, 200]


async def test_a_packed_answer_is_unpacked() -> None:
    async def packing(_: web.Request) -> web.Response:
        return web.Response(body=gzip.compress(b'{"packed": true}'), headers={"content-encoding": "gzip"})

    async with serving(packing) as url, session() as here:
        said = await here.ask(url)
    assert isinstance(said, Reply)
    assert said.json is not None
    assert said.json["packed"].truth


@pytest.mark.parametrize("size", [MIB, MIB + 1])
async def test_an_answer_may_have_a_mebibyte_and_not_one_byte_more(size: int) -> None:
    async def talking(_: web.Request) -> web.Response:
        return web.Response(body=b" " * size)

    async with serving(talking) as url, session() as here:
        said = await here.ask(url)
    assert isinstance(said, Reply if size == MIB else Silent)


async def test_large_json_is_read_beside_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    aside: list[int] = []
    to_thread = asyncio.to_thread

    async def noting(read: Callable[[bytes], object], body: bytes) -> object:
        aside.append(len(body))
        return await to_thread(read, body)

    monkeypatch.setattr(asyncio, "to_thread", noting)
    bodies = [json.dumps(["x" * size]) for size in (10, LARGE)]

    async def talking(request: web.Request) -> web.Response:
        return web.Response(text=bodies[int(request.query["n"])])

    async with serving(talking) as url, session() as here:
        for number in range(2):
            said = await here.ask(f"{url}/?n={number}")
            assert isinstance(said, Reply)
            assert said.json is not None
    assert aside == [len(bodies[1])]


async def test_no_more_are_under_way_than_there_are_seats() -> None:
    under_way = most = 0

    async def counting(_: web.Request) -> web.Response:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.01)
        under_way -= 1
        return web.Response()

    async with serving(counting) as url, session(in_flight=3) as here:
        await asyncio.gather(*[here.ask(url) for _ in range(20)])
    assert most == 3


async def test_a_provider_in_trouble_is_left_alone_and_then_asked_once() -> None:
    clock = DrivenClock(NOON)
    asked = 0
    status = 500

    async def failing(_: web.Request) -> web.Response:
        nonlocal asked
        asked += 1
        return web.Response(status=status)

    async with serving(failing) as url, session(clock) as here:
        for _ in range(20):
            await here.ask(url)
        assert asked == 5
        said = await here.ask(url)
        assert said == Silent("left alone for 30 s after failures in a row")
        clock.advance(timedelta(seconds=30))
        for _ in range(20):
            await here.ask(url)
        assert asked == 6
        status = 200
        clock.advance(timedelta(minutes=2))
        for _ in range(20):
            await here.ask(url)
        assert asked == 26


async def test_a_refused_credential_does_not_shut_the_provider_for_others() -> None:
    async def denying(_: web.Request) -> web.Response:
        return web.json_response({"error": "no"}, status=401)

    async with serving(denying) as url, session() as here:
        said = [await here.ask(url, by=str(number)) for number in range(20)]
    assert all(isinstance(each, Reply) for each in said)


async def test_a_spent_limit_holds_one_credential_until_the_provider_says() -> None:
    clock = DrivenClock(NOON)

    async def metering(request: web.Request) -> web.Response:
        left = "0" if request.headers["x-who"] == "anna" else "10"
        reset = str(int(NOON.timestamp()) + 90)
        return web.json_response({}, headers={"ratelimit-remaining": left, "ratelimit-reset": reset})

    async with serving(metering) as url, session(clock) as here:

        async def ask(who: str) -> Reply | Silent:
            return await here.ask(url, headers={"x-who": who}, by=who)

        assert isinstance(await ask("anna"), Reply)
        assert await ask("anna") == Silent("the provider's limit is reached; it renews in 90 s")
        assert isinstance(await ask("bert"), Reply)
        clock.advance(timedelta(seconds=90))
        assert isinstance(await ask("anna"), Reply)


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        pytest.param(200, {}, None, id="nothing said"),
        pytest.param(200, {"ratelimit-remaining": "1", "ratelimit-reset": "9999999999"}, None, id="one left"),
        pytest.param(200, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1795435230"}, 30.0, id="none left"),
        pytest.param(429, {}, 60.0, id="without a word"),
        pytest.param(429, {"retry-after": "7"}, 7.0, id="seconds"),
        pytest.param(503, {"retry-after": "7"}, 7.0, id="in maintenance"),
        pytest.param(200, {"retry-after": "7"}, None, id="a wish that means nothing"),
        pytest.param(429, {"retry-after": "Mon, 23 Nov 2026 12:00:45 GMT"}, 45.0, id="a date"),
        pytest.param(429, {"retry-after": "soon"}, 60.0, id="a riddle"),
        pytest.param(429, {"retry-after": "9" * 400}, 60.0, id="for ever"),
        pytest.param(429, {"ratelimit-reset": "1795435210"}, 10.0, id="an instant"),
        pytest.param(200, {"ratelimit-remaining": "zero", "ratelimit-reset": "-1"}, None, id="no numbers"),
    ],
)
def test_a_providers_wish_to_be_left_alone_is_read(status: int, headers: dict[str, str], seconds: float | None) -> None:
    assert wish(status, headers, NOON) == seconds


@given(some.text(max_size=40))
def test_whatever_stands_in_a_header_nothing_breaks(text: str) -> None:
    retry_after(text, NOON)
    wish(429, {"ratelimit-remaining": text, "ratelimit-reset": text, "retry-after": text}, NOON)


def test_the_pace_is_even_with_a_small_start() -> None:
    pace = Pace(per_second=100.0)
    waits = [pace.turn(0.0) for _ in range(111)]
    assert waits[10] == 0.0
    assert waits[110] == pytest.approx(1.0)


def test_a_hold_is_no_longer_than_an_hour_and_no_shorter_than_the_longest_wish() -> None:
    holds = Holds()
    holds.hold("anna", 0.0, 1e12)
    holds.hold("anna", 0.0, 5.0)
    assert holds.left("anna", 0.0) == 3600.0
    assert holds.left("bert", 0.0) == 0.0
    holds.hold("", 0.0, 10.0)
    assert holds.left("bert", 0.0) == 10.0
    assert holds.left("anna", 3600.0) == 0.0


def test_the_breaker_rests_longer_each_time_and_forgets_when_it_is_heard() -> None:
    breaker = Breaker(patience=2, rest=10.0, longest=30.0)
    rests = []
    now = 0.0
    for _ in range(5):
        while not (rest := breaker.shut_for(now)):
            breaker.failed(now)
        rests.append(rest)
        now += rest
    assert rests == [10.0, 20.0, 30.0, 30.0, 30.0]
    assert breaker.shut_for(now) == 0.0
    breaker.heard()
    breaker.failed(now)
    assert breaker.shut_for(now) == 0.0


@pytest.mark.parametrize(
    "address", ["ftp://x.example", "x.example", "https://", "https://u:p@x.example", "https://x.example/?k=v", "//x"]
)
def test_an_address_in_the_settings_is_one_of_the_web_without_secrets(address: str) -> None:
    from checks.providers.vultr import Options  # noqa: PLC0415 - one of many that hold such an address

    with pytest.raises(ValueError, match="must"):
        Options(kind="vultr", api=address)


anything = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | some.text(max_size=8),
    lambda inner: some.lists(inner, max_size=4) | some.dictionaries(some.sampled_from(["a", "b"]), inner, max_size=2),
    max_leaves=12,
)


@given(anything)
def test_every_question_about_a_strangers_value_has_an_answer(value: object) -> None:
    foreign = Foreign(value)  # type: ignore[arg-type]  # hypothesis does not know the recursive type
    properties = [name for name, kind in vars(Foreign).items() if isinstance(kind, property)]
    assert len(properties) > 10
    for each in (foreign, foreign["a"], foreign["a"]["b"], *foreign):
        assert [getattr(each, name) for name in properties]
        assert ("a" in each, repr(each)) is not None
