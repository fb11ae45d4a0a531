"""The pacer's laws: what Telegram allows, under any course of events."""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notifiers.telegram.pacer import Limits, Pacer
from tests.peers.stepped import START, SteppedClock


@dataclass
class Request:
    """Somebody asks for a turn at ``asked``, and its request takes ``lasts`` seconds; ``flood``: 429 with this wish."""

    asked: float
    chat: str
    urgent: bool = False
    lasts: float = 0.05
    flood: float = 0.0
    began: float = -1.0
    ended: float = -1.0


@dataclass
class Record:
    requests: list[Request]
    pauses: list[tuple[float, float]] = field(default_factory=list)


async def play(pacer: Pacer, clock: SteppedClock, requests: list[Request]) -> Record:
    record = Record(requests)

    async def one(request: Request) -> None:
        await clock.sleep(request.asked)
        async with pacer.turn(request.chat, urgent=request.urgent):
            request.began = clock.monotonic()
            await clock.sleep(request.lasts)
            if request.flood:
                pacer.pause(request.flood)
                record.pauses.append((clock.monotonic(), clock.monotonic() + request.flood))
        request.ended = clock.monotonic()

    await clock.run(asyncio.gather(*(one(request) for request in requests)))
    return record


def told(requests: list[Request]) -> list[Request]:
    return sorted(requests, key=lambda each: each.began)


COURSES = st.lists(
    st.builds(
        Request,
        asked=st.floats(0, 30),
        chat=st.sampled_from(["1", "2", "3", "4", "5", "-100", "-200"]),
        urgent=st.booleans(),
        lasts=st.floats(0, 3),
        flood=st.sampled_from([0.0] * 9 + [5.0]),
    ),
    min_size=1,
    max_size=60,
)


@settings(max_examples=60, deadline=None)
@given(COURSES)
def test_whatever_is_asked_the_limits_hold_and_everybody_gets_a_turn(course: list[Request]) -> None:
    async def body() -> None:
        clock = SteppedClock()
        pacer = Pacer(clock)
        record = await play(pacer, clock, course)
        requests = told(record.requests)
        assert all(each.began >= each.asked for each in requests)
        starts = [each.began for each in requests]
        for at in starts:
            assert sum(at <= other < at + 1 for other in starts) <= 26
            assert sum(each.began <= at < each.ended for each in requests) <= 8
        for chat in {each.chat for each in requests}:
            mine = [each for each in requests if each.chat == chat]
            assert all(later.began >= earlier.ended + 1 for earlier, later in pairwise(mine))
            if chat.startswith("-"):
                assert all(later.began >= earlier.ended + 60 for earlier, later in zip(mine, mine[20:], strict=False))
            for urgent in (False, True):
                lane = [each.asked for each in mine if each.urgent is urgent]
                assert lane == sorted(lane)
        for since, until in record.pauses:
            assert not any(since < at < until for at in starts)

    asyncio.run(body())


async def test_2000_customers_are_told_at_25_a_second_although_every_timer_is_late() -> None:
    clock = SteppedClock(late=0.005)
    record = await play(Pacer(clock), clock, [Request(0, str(chat)) for chat in range(1, 2001)])
    starts = [each.began for each in told(record.requests)]
    assert 2000 / (starts[-1] - starts[0]) >= 0.96 * 25
    assert all(sum(at <= other < at + 1 for other in starts) <= 26 for at in starts[::50])


async def test_idleness_is_not_saved_up_for_a_burst() -> None:
    clock = SteppedClock()
    record = await play(Pacer(clock), clock, [Request(1000.0, str(chat)) for chat in range(1, 101)])
    starts = [each.began for each in told(record.requests)]
    assert min(later - earlier for earlier, later in pairwise(starts)) >= 0.02 - 1e-6
    assert sum(at < starts[0] + 1 for at in starts) <= 26


async def test_an_operators_message_does_not_wait_behind_5000_others() -> None:
    clock = SteppedClock()
    bulk = [Request(0, str(chat)) for chat in range(1, 5001)]
    urgent = Request(10.0, "-100", urgent=True)
    await play(Pacer(clock), clock, [*bulk, urgent])
    assert urgent.began - 10.0 < 0.1


async def test_twenty_go_to_a_group_at_one_a_second_and_the_next_after_a_minute() -> None:
    clock = SteppedClock()
    record = await play(Pacer(clock), clock, [Request(0, "-100", lasts=0) for _ in range(41)])
    starts = [each.began for each in told(record.requests)]
    assert starts[19] == pytest.approx(19, abs=0.01)
    assert starts[20] == pytest.approx(60, abs=0.01)
    assert starts[40] == pytest.approx(120, abs=0.01)


async def test_a_busy_group_holds_up_nobody_else() -> None:
    clock = SteppedClock()
    group = [Request(0, "-100") for _ in range(40)]
    other = Request(5.0, "7")
    await play(Pacer(clock), clock, [*group, other])
    assert other.began - 5.0 < 0.1


async def test_after_a_silence_one_goes_first_and_the_others_follow_when_it_was_heard() -> None:
    clock = SteppedClock()
    flooded = Request(0, "1", lasts=0.1, flood=10)
    rest = [Request(1, str(chat), lasts=2.0) for chat in range(2, 12)]
    await play(Pacer(clock), clock, [flooded, *rest])
    probe, *others = told(rest)
    assert probe.began == pytest.approx(10.1, abs=0.01)
    assert min(each.began for each in others) >= probe.ended


async def test_a_probe_that_is_refused_again_keeps_the_others_silent() -> None:
    clock = SteppedClock()
    flooded = Request(0, "1", lasts=0, flood=10)
    probe = Request(0.5, "2", lasts=0, flood=20)
    rest = [Request(1, str(chat)) for chat in range(3, 12)]
    await play(Pacer(clock), clock, [flooded, probe, *rest])
    assert probe.began == pytest.approx(10, abs=0.01)
    assert min(each.began for each in rest) >= 30


async def test_a_shorter_wish_for_silence_never_ends_a_longer_one() -> None:
    clock = SteppedClock()
    pacer = Pacer(clock)
    pacer.pause(100)
    pacer.pause(1)
    assert pacer.not_before == START + timedelta(seconds=100)
    await clock.pass_(99)
    assert pacer.silent
    await clock.pass_(1)
    assert not pacer.silent
    assert pacer.not_before is None


async def test_a_silence_is_taken_over_a_restart() -> None:
    clock = SteppedClock()
    before, after = Pacer(clock), Pacer(clock)
    before.pause(3600)
    assert before.not_before is not None
    after.pause((before.not_before - clock.now()).total_seconds())
    first = Request(0, "1")
    await play(after, clock, [first])
    assert first.began >= 3600


async def test_whoever_gives_up_waiting_leaves_no_gap_and_no_lock() -> None:
    clock = SteppedClock()
    pacer = Pacer(clock, Limits(in_flight=1))

    async def hold() -> None:
        async with pacer.turn("1"):
            await clock.sleep(1)

    first = asyncio.create_task(hold())
    waiting = [asyncio.create_task(hold()) for _ in range(3)]
    await clock.pass_(0.5)
    for each in waiting:
        each.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    await clock.run(first)
    last = Request(0, "1")
    await play(pacer, clock, [last])
    assert last.began == pytest.approx(2, abs=0.01)


async def test_a_turn_that_was_given_and_cancelled_in_one_breath_is_given_back() -> None:
    clock = SteppedClock()
    pacer = Pacer(clock, Limits(in_flight=1))

    async def wait() -> None:
        async with pacer.turn("2"):
            raise AssertionError("cancelled before it began")

    async with pacer.turn("1"):
        waiting = asyncio.create_task(wait())
        await clock.pass_(1)
    # The turn was given by the line above; its owner has not yet run.
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    other = Request(0, "3")
    await play(pacer, clock, [other])
    assert other.ended > 0


async def test_what_goes_wrong_within_a_turn_ends_it() -> None:
    clock = SteppedClock()
    pacer = Pacer(clock, Limits(in_flight=1))
    with pytest.raises(ZeroDivisionError):
        async with pacer.turn("1"):
            raise ZeroDivisionError
    other = Request(0, "2")
    await play(pacer, clock, [other])
    assert other.ended > 0


async def test_only_chats_of_the_last_minute_are_remembered() -> None:
    clock = SteppedClock()
    pacer = Pacer(clock)
    await play(pacer, clock, [Request(chat / 20, str(chat), lasts=0) for chat in range(1, 10_001)])
    assert len(pacer) <= 25 * 60 + 1


async def test_no_turns_after_the_close() -> None:
    clock = SteppedClock()
    pacer = Pacer(clock)
    pacer.pause(10)
    waiting = asyncio.create_task(play(pacer, clock, []))
    await waiting
    task = asyncio.create_task(pacer.turn("1").__aenter__())
    await asyncio.sleep(0)
    pacer.close()
    await clock.pass_(100)
    assert not task.done()
    task.cancel()
