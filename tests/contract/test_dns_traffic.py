"""The engine under way: what it must repeat, hold back and give up, and whose faults are whose."""

import asyncio
import random
import socket
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from checks.dns.datagrams import ManyPost, Post, SinglePost
from checks.dns.engine import Engine, EngineOptions
from checks.dns.stream import Budget
from monitor.core.dnsxl import ErrorCode, NoSuchName, Reply, Unanswered
from tests.contract.dns_asking import ADDRESS, CALM, LISTED, QUICK, asking, saying
from tests.peers.dns_scripted import (
    NS,
    Asked,
    ScriptedServer,
    a,
    listed,
    name,
    nxdomain,
    record,
    reply,
)


@pytest.fixture(params=[SinglePost, ManyPost], ids=["one by one", "in batches"])
def post(request: pytest.FixtureRequest) -> Post:
    made: Post = request.param(16)
    return made


# --- loss, delay and failing servers ---------------------------------------------------------------------------------


async def test_a_silent_server_is_asked_so_often_and_then_given_up() -> None:
    async with asking(saying(lambda _: []), options=QUICK) as (engine, [server]):
        assert await engine.query(ADDRESS, "bl.test") == Unanswered("timeout")
        counters = engine.resolvers[server.name]
    assert len(server.asked) == QUICK.tries
    assert (counters.asked, counters.repeated, counters.lost, counters.answered) == (3, 2, 3, 0)
    assert engine.zones["bl.test"].unanswered == 1
    assert len({asked.wire for asked in server.asked}) == 3, "every try has its own id and letter case"


async def test_the_deadline_ends_a_question_before_its_tries_are_used_up() -> None:
    options = EngineOptions(timeout=0.2, tries=50, deadline=0.5)
    async with asking(saying(lambda _: []), options=options) as (engine, [server]):
        assert await engine.query(ADDRESS, "bl.test") == Unanswered("timeout")
    assert len(server.asked) <= 4


async def test_a_closed_port_is_unreachable() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        nobody = taken.getsockname()
    async with Engine([nobody], QUICK) as engine:
        replies: list[Reply] = []
        tally = await engine.ask("bl.test", range(50), lambda _, said, __: replies.append(said))
    assert set(replies) == {Unanswered("unreachable")}
    assert tally.unanswered == 50


async def test_a_server_that_comes_up_late_is_still_heard() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        address = taken.getsockname()
    async with Engine([address], EngineOptions(timeout=1, tries=6)) as engine:
        asking_early = asyncio.create_task(engine.query(ADDRESS, "bl.test"))
        await asyncio.sleep(0.05)
        async with ScriptedServer(saying(lambda asked: [listed(asked)]), port=address[1]):
            assert await asking_early == LISTED


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(lambda asked: [reply(asked, rcode=2)], id="SERVFAIL"),
        pytest.param(lambda asked: [reply(asked, rcode=5)], id="REFUSED"),
        pytest.param(lambda _: [], id="silence"),
        pytest.param(lambda asked: [reply(asked, flags=0x8180, authority=[record(NS, name("x"))])], id="referral"),
        pytest.param(lambda asked: [reply(asked, [a("127.0.0.2")])[:-2]], id="garbage"),
    ],
)
async def test_what_one_resolver_does_not_answer_another_is_asked(bad: Callable[[Asked], Iterable[bytes]]) -> None:
    async with asking(saying(bad), saying(lambda asked: [listed(asked)]), options=QUICK) as (engine, [first, second]):
        replies: list[tuple[Reply, str]] = []
        await engine.ask("bl.test", range(20), lambda _, said, by: replies.append((said, by)))
    assert set(replies) == {(LISTED, second.name)}
    assert len(replies) == 20
    assert first.asked


async def test_refused_is_not_asked_for_twice_of_the_same_server() -> None:
    async with asking(saying(lambda asked: [reply(asked, rcode=5)])) as (engine, [server]):
        assert await engine.query(ADDRESS, "bl.test") == ErrorCode(5)
        assert engine.resolvers[server.name].refused == 1
    assert len(server.asked) == 1


async def test_a_late_answer_to_an_earlier_try_is_taken() -> None:
    first = asyncio.Event()

    async def answer_only_the_first_and_late(_: ScriptedServer, asked: Asked) -> Iterable[bytes]:
        if first.is_set():
            return []
        first.set()
        await asyncio.sleep(0.3)
        return [listed(asked)]

    async with asking(answer_only_the_first_and_late, options=QUICK) as (engine, [server]):
        assert await engine.query(ADDRESS, "bl.test") == LISTED
        assert engine.resolvers[server.name].late == 1
    assert len(server.asked) == 2


async def test_with_one_packet_in_ten_lost_nothing_is_lost_or_wrong(post: Post) -> None:
    weather = random.Random(7)

    def lossy(asked: Asked) -> Iterable[bytes]:
        octet = int(asked.name.split(".")[0])
        return [] if weather.random() < 0.1 else [listed(asked) if octet % 2 else nxdomain(asked)]

    options = EngineOptions(in_flight=200, timeout=0.3, tries=10)
    async with asking(saying(lossy), options=options, post=post) as (engine, [server]):
        got: dict[int, Reply] = {}
        tally = await engine.ask("bl.test", range(3_000), lambda address, said, _: got.update({address: said}))
    assert tally.answered == 3_000
    assert got == {number: LISTED if number % 256 % 2 else NoSuchName() for number in range(3_000)}
    assert engine.resolvers[server.name].repeated > 200


async def test_a_zone_in_trouble_is_asked_less_at_a_time_and_in_the_end_not_at_all() -> None:
    def only_one_zone_works(asked: Asked) -> Iterable[bytes]:
        return [nxdomain(asked) if asked.name.lower().endswith("sound.test") else reply(asked, rcode=2)]

    options = replace(CALM, tries=2, give_up_after=0.5)
    async with asking(saying(only_one_zone_works), options=options) as (engine, [server]):
        replies: list[Reply] = []
        sound = asyncio.create_task(engine.ask("sound.test", range(20_000), lambda *_: None))
        await engine.ask("bl.test", range(10_000), lambda _, said, __: replies.append(said))
        assert (await sound).answered == 20_000
        # Halved at each review, of which a stalling machine gets in a few less before it is given up.
        assert engine._zones["bl.test"].window.limit <= options.in_flight // 8
    assert len(replies) == 10_000
    assert set(replies) == {ErrorCode(2), Unanswered("stopped answering")}
    in_vain = sum(asked.name.lower().endswith("bl.test") for asked in server.asked)
    assert in_vain < 5_000, "of the 20,000 tries that it might have had"


async def test_a_zone_that_stopped_answering_is_given_a_new_chance() -> None:
    broken = True

    def answer(asked: Asked) -> Iterable[bytes]:
        return [] if broken else [nxdomain(asked)]

    options = EngineOptions(timeout=1.5, tries=1, give_up_after=0.2, in_flight=8)
    async with asking(saying(answer), options=options) as (engine, _):
        assert (await engine.ask("bl.test", range(5_000), lambda *_: None)).answered == 0
        broken = False
        assert (await engine.ask("bl.test", range(50), lambda *_: None)).answered == 50


# --- budgets and backpressure ----------------------------------------------------------------------------------------


async def test_no_more_is_open_than_the_window_allows() -> None:
    waiting: list[Asked] = []
    seen = []

    async def slow(_: ScriptedServer, asked: Asked) -> Iterable[bytes]:
        waiting.append(asked)
        seen.append(len(waiting))
        await asyncio.sleep(0.02)
        waiting.remove(asked)
        return [nxdomain(asked)]

    async with asking(slow, options=replace(CALM, in_flight=20)) as (engine, _):
        await engine.ask("bl.test", range(200), lambda *_: None)
    assert 15 <= max(seen) <= 20


async def test_addresses_are_read_only_as_fast_as_questions_can_go() -> None:
    read = 0

    def endless() -> Iterator[int]:
        nonlocal read
        while True:
            read += 1
            yield read

    async with asking(saying(lambda _: []), options=replace(CALM, in_flight=32)) as (engine, _):
        task = asyncio.create_task(engine.ask("bl.test", endless(), lambda *_: None))
        await asyncio.sleep(0.1)
        assert read == 32
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_a_zones_rate_is_kept_and_holds_up_no_other_zone() -> None:
    rate = 20
    async with asking(saying(lambda asked: [nxdomain(asked)])) as (engine, [server]):
        engine.grant("slow.test", Budget(rate=rate))
        loop = asyncio.get_running_loop()
        start = loop.time()
        slow = asyncio.create_task(engine.ask("slow.test", range(100_000), lambda *_: None))
        assert (await engine.ask("quick.test", range(2_000), lambda *_: None)).answered == 2_000
        asked = sum(asked.name.lower().endswith("slow.test") for asked in server.asked)
        took = loop.time() - start
        assert not slow.done()
        assert 1 <= asked <= rate * took + 1 + rate * 0.05, "the rate, and one burst"
        slow.cancel()
        with pytest.raises(asyncio.CancelledError):
            await slow


async def test_a_resolvers_rate_is_kept() -> None:
    options = replace(CALM, rate=200)
    async with asking(saying(lambda asked: [nxdomain(asked)]), options=options) as (engine, _):
        loop = asyncio.get_running_loop()
        start = loop.time()
        await engine.ask("bl.test", range(60), lambda *_: None)
        assert loop.time() - start >= (60 - 1 - 200 * 0.05) / 200


async def test_beyond_the_quota_nothing_is_asked() -> None:
    async with asking(saying(lambda asked: [nxdomain(asked)])) as (engine, [server]):
        engine.grant("bl.test", Budget(quota=100))
        replies: list[Reply] = []
        tally = await engine.ask("bl.test", range(2_000), lambda _, said, __: replies.append(said))
        assert (tally.asked, tally.answered, tally.unanswered) == (2_000, 100, 1_900)
        assert Counter(replies) == {NoSuchName(): 100, Unanswered("quota"): 1_900}
        assert len(server.asked) == 100
        assert await engine.text(ADDRESS, "bl.test") is None
        engine.grant("bl.test", Budget(quota=1))
        assert await engine.query(ADDRESS, "bl.test") == NoSuchName()
        assert await engine.query(ADDRESS, "bl.test") == Unanswered("quota")


async def test_repeats_count_against_the_quota_too() -> None:
    async with asking(saying(lambda _: []), options=QUICK) as (engine, [server]):
        engine.grant("bl.test", Budget(quota=2))
        assert await engine.query(ADDRESS, "bl.test") == Unanswered("quota")
    assert len(server.asked) == 2


async def test_only_the_named_resolver_is_asked() -> None:
    both = saying(lambda asked: [listed(asked)])
    async with asking(both, both) as (engine, [first, second]):
        await engine.ask("bl.test", range(100), lambda *_: None, via=[second.name])
        with pytest.raises(ValueError, match="none of the engine's resolvers"):
            await engine.query(ADDRESS, "bl.test", via=["198.51.100.1:53"])
    assert (len(first.asked), len(second.asked)) == (0, 100)


async def test_two_resolvers_share_the_work() -> None:
    both = saying(lambda asked: [nxdomain(asked)])
    async with asking(both, both) as (engine, servers):
        await engine.ask("bl.test", range(1_000), lambda *_: None)
    assert all(300 < len(server.asked) < 700 for server in servers)


async def test_addresses_come_back_as_they_were_given() -> None:
    addresses: Sequence[IPv4Address] = [IPv4Address("192.0.2.1"), IPv4Address("192.0.2.2")]
    back = []
    async with asking(saying(lambda asked: [nxdomain(asked)])) as (engine, _):
        await engine.ask("bl.test", addresses, lambda address, *_: back.append(address))
    assert sorted(back) == addresses


# --- whose fault it is -----------------------------------------------------------------------------------------------


async def test_what_the_caller_raises_comes_back_to_the_caller_and_to_nobody_else() -> None:
    def stumble(*_: object) -> None:
        raise LookupError("the caller's own")

    def runs_out() -> Iterator[int]:
        yield 1
        raise LookupError("the caller's own")

    async with asking(saying(lambda asked: [nxdomain(asked)])) as (engine, _):
        other = asyncio.create_task(engine.ask("other.test", range(5_000), lambda *_: None))
        with pytest.raises(LookupError, match="the caller's own"):
            await engine.ask("bl.test", range(1_000), stumble)
        with pytest.raises(LookupError, match="the caller's own"):
            await engine.ask("bl.test", runs_out(), lambda *_: None)
        assert (await other).answered == 5_000
        assert (await engine.ask("bl.test", range(100), lambda *_: None)).answered == 100


async def test_a_cancelled_stream_leaves_nothing_behind() -> None:
    calls: list[object] = []

    async def slow(_: ScriptedServer, asked: Asked) -> Iterable[bytes]:
        await asyncio.sleep(0.05)
        return [nxdomain(asked)]

    async with asking(slow) as (engine, _):
        task = asyncio.create_task(engine.ask("bl.test", range(1_000), lambda *_: calls.append(1)))
        await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(0.1)
        assert calls == []
        assert (await engine.ask("bl.test", range(100), lambda *_: None)).answered == 100
        assert engine._zones["bl.test"].open == 0
        assert engine._resolvers[0].in_flight == 0


async def test_an_engine_that_closes_says_so_to_those_who_wait() -> None:
    async with asking(saying(lambda _: [])) as (engine, _):
        task = asyncio.create_task(engine.query(ADDRESS, "bl.test"))
        await asyncio.sleep(0.02)
    with pytest.raises(RuntimeError, match="closed while questions were open"):
        await task
    with pytest.raises(RuntimeError, match="not open"):
        await engine.query(ADDRESS, "bl.test")


async def test_an_idle_engine_keeps_no_port_open() -> None:
    async with asking(saying(lambda asked: [nxdomain(asked)])) as (engine, _):
        await engine.ask("bl.test", range(1_000), lambda *_: None)
        await asyncio.sleep(0.05)
        assert not engine._resolvers[0].ports
