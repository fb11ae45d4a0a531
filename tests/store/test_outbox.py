"""The outbox: nobody takes what another has taken, a customer is told in order, and a doubt is kept as one."""

import asyncio
from collections import Counter, defaultdict
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from monitor.core.notice import Kind
from monitor.store import outbox
from monitor.store.engine import Store
from monitor.store.outbox import Leased, State
from monitor.store.tables import notice
from tests.store.shop import HOUR, MINUTE, NOW, SECOND, note, put

LEASE = 2 * MINUTE


async def lease(store: Store, limit: int = 8, now: datetime = NOW) -> list[Leased]:
    async with store.write() as connection:
        return await outbox.lease(connection, now, LEASE, limit)


async def settle(store: Store, leased: Leased, state: State = State.SENT, now: datetime = NOW) -> bool:
    async with store.write() as connection:
        return await outbox.settle(connection, leased.number, state, now)


async def postpone(store: Store, leased: Leased, until: datetime) -> None:
    async with store.write() as connection:
        await outbox.postpone(connection, leased.number, until, "the carrier is away")


async def doubt(store: Store, now: datetime, *, everything: bool = False) -> int:
    async with store.write() as connection:
        return await outbox.doubt(connection, now, everything=everything)


async def repeat(store: Store, now: datetime) -> int:
    async with store.write() as connection:
        return await outbox.repeat_unknown(connection, now, 2 * MINUTE)


async def expire(store: Store, now: datetime) -> int:
    async with store.write() as connection:
        return await outbox.expire(connection, now)


async def next_due(store: Store) -> datetime | None:
    async with store.read() as connection:
        return await outbox.next_due(connection, NOW)


async def states(store: Store) -> dict[str, str]:
    async with store.read() as connection:
        return {row.key: row.state for row in await connection.execute(select(notice.c.key, notice.c.state))}


async def test_four_who_compete_share_two_hundred_notices_without_a_repeat(store: Store) -> None:
    await put(store, *(note(f"n{n}", f"customer-{n}") for n in range(200)))
    taken: Counter[str] = Counter()

    async def work() -> None:
        while batch := await lease(store):
            for leased in batch:
                taken[leased.key] += 1
                await asyncio.sleep(0)
                assert await settle(store, leased)

    await asyncio.gather(*(work() for _ in range(4)))
    assert taken == Counter({f"n{n}": 1 for n in range(200)})
    assert set((await states(store)).values()) == {"sent"}


async def test_competitors_tell_each_customer_one_thing_after_the_other_in_order(store: Store) -> None:
    people = [f"customer-{n}" for n in range(5)]
    await put(store, *(note(f"{name}/{n}", name) for n in range(8) for name in people))
    told: dict[str, list[int]] = defaultdict(list)
    under_way: Counter[str] = Counter()

    async def work() -> None:
        while len([n for numbers in told.values() for n in numbers]) < 40:
            for leased in await lease(store, limit=3):
                name, _, number = leased.key.partition("/")
                under_way[name] += 1
                assert under_way[name] == 1, f"{name} is told two things at once"
                told[name].append(int(number))
                await asyncio.sleep(0)
                under_way[name] -= 1
                await settle(store, leased)

    await asyncio.gather(*(work() for _ in range(4)))
    assert told == {name: list(range(8)) for name in people}


async def test_the_younger_notice_waits_until_the_older_is_settled(store: Store) -> None:
    await put(store, note("opened", "alice"), note("ready", "alice"), note("other", "bob"))
    first, other = await lease(store)
    assert (first.key, other.key) == ("opened", "other")
    assert await lease(store) == []
    await postpone(store, first, NOW + MINUTE)
    assert await lease(store) == []
    [again] = await lease(store, now=NOW + MINUTE)
    assert (again.key, again.attempt) == ("opened", 2)
    await settle(store, again)
    assert [leased.key for leased in await lease(store)] == ["ready"]


async def test_operators_are_told_in_order_too(store: Store) -> None:
    await put(store, note("zone", None, Kind.OPERATOR_LIST_SUSPENDED), note("spare", None, Kind.OPERATOR_NO_SPARE))
    assert [(leased.key, leased.customer) for leased in await lease(store)] == [("zone", None)]


async def test_a_notice_that_cannot_be_taken_yet_wakes_nobody(store: Store) -> None:
    """The younger one is due, but must wait for the older: whoever sleeps until something is due sleeps on."""
    await put(store, note("opened", "alice"), note("ready", "alice"))
    [opened] = await lease(store)
    assert await next_due(store) is None
    await postpone(store, opened, NOW + HOUR)
    assert await next_due(store) == NOW + HOUR


async def test_what_is_leased_says_whom_to_tell_and_what(store: Store) -> None:
    await put(store, note("opened", "alice"))
    [leased] = await lease(store)
    assert leased.customer is not None
    assert (leased.customer.name, leased.kind, leased.attempt) == ("alice", Kind.CASE_OPENED, 1)
    assert leased.notice == note("opened", "alice")


async def test_a_lease_that_runs_out_becomes_a_doubt_and_never_a_new_try(store: Store) -> None:
    await put(store, note("opened", "alice"))
    await lease(store)
    assert await doubt(store, NOW + LEASE - SECOND) == 0
    assert await doubt(store, NOW + LEASE) == 1
    assert await states(store) == {"opened": "unknown"}
    assert await lease(store, now=NOW + HOUR) == []


async def test_whoever_is_alone_doubts_all_that_was_half_sent_at_once(store: Store) -> None:
    await put(store, note("opened", "alice"), note("waiting", "bob"))
    await lease(store, limit=1)
    assert await doubt(store, NOW, everything=True) == 1
    assert await states(store) == {"opened": "unknown", "waiting": "queued"}


async def test_an_answer_that_comes_late_ends_the_doubt(store: Store) -> None:
    await put(store, note("opened", "alice"))
    [leased] = await lease(store)
    await doubt(store, NOW + LEASE)
    assert await settle(store, leased) is True
    assert await states(store) == {"opened": "sent"}
    assert await settle(store, leased) is False


async def test_a_doubtful_notice_is_repeated_after_a_while_once_for_each_lost_answer_and_not_for_ever(
    store: Store,
) -> None:
    await put(store, note("opened", "alice"))
    now = NOW
    for _ in range(3):
        [leased] = await lease(store, now=now)
        await settle(store, leased, State.UNKNOWN, now)
        assert await repeat(store, now + MINUTE) == 0
        now += 2 * MINUTE
        assert await repeat(store, now) == 1
    [again] = await lease(store, now=now)
    await settle(store, again, State.UNKNOWN, now)
    assert await repeat(store, now + HOUR) == 0


async def test_a_younger_notice_waits_for_an_older_one_in_doubt_as_long_as_that_is_to_be_repeated(
    store: Store,
) -> None:
    await put(store, note("opened", "alice"), note("ready", "alice", Kind.REPLACEMENT_READY), note("other", "bob"))
    [opened, other] = await lease(store)
    await settle(store, opened, State.UNKNOWN)
    assert other.key == "other"
    assert await lease(store) == []
    assert [each.key for each in await lease(store, now=NOW + timedelta(days=8))] == ["ready"]


async def test_nobody_doubts_what_he_has_in_his_own_hands(store: Store) -> None:
    await put(store, note("opened", "alice"), note("other", "bob"))
    mine, _ = await lease(store)
    async with store.write() as connection:
        assert await outbox.doubt(connection, NOW + HOUR, everything=False, except_for=[mine.number]) == 1
    assert await states(store) == {"opened": "sending", "other": "unknown"}


async def test_attempts_that_surely_failed_do_not_use_up_the_repeat(store: Store) -> None:
    """Five refusals during an outage, then a lost answer: the customer is owed the one repeat all the same."""
    await put(store, note("opened", "alice"))
    for _ in range(5):
        [leased] = await lease(store)
        await postpone(store, leased, NOW)
    [leased] = await lease(store)
    await settle(store, leased, State.UNKNOWN)
    assert await repeat(store, NOW + HOUR) == 1


async def test_what_operators_are_told_is_not_repeated(store: Store) -> None:
    await put(store, note("zone", None, Kind.OPERATOR_LIST_SUSPENDED))
    [leased] = await lease(store)
    await settle(store, leased, State.UNKNOWN)
    assert await repeat(store, NOW + HOUR) == 0


async def test_a_repeat_that_would_come_too_late_is_not_made(store: Store) -> None:
    await put(store, note("opened", "alice"))
    [leased] = await lease(store)
    await settle(store, leased, State.UNKNOWN)
    assert await repeat(store, NOW + timedelta(days=7)) == 0


@pytest.mark.parametrize(
    ("kind", "days"),
    [
        pytest.param(Kind.CASE_OPENED, 7, id="an opened case is news for a week"),
        pytest.param(Kind.REPLACEMENT_READY, 14, id="a replacement for two"),
        pytest.param(Kind.OPERATOR_NO_SPARE, 1, id="an operator's task for a day"),
    ],
)
async def test_a_notice_expires_at_the_end_of_its_life_and_not_before(store: Store, kind: Kind, days: int) -> None:
    await put(store, note("n", "alice", kind))
    assert await expire(store, NOW + timedelta(days=days) - SECOND) == 0
    assert await expire(store, NOW + timedelta(days=days)) == 1
    assert await lease(store, now=NOW + timedelta(days=days)) == []


async def test_what_is_being_sent_does_not_expire(store: Store) -> None:
    await put(store, note("opened", "alice"))
    await lease(store)
    assert await expire(store, NOW + timedelta(days=365)) == 0


async def test_the_expired_makes_room_for_what_waits_behind_it(store: Store) -> None:
    await put(store, note("old", "alice", Kind.REPORT_RECEIVED, NOW - timedelta(days=1)), note("new", "alice"))
    await expire(store, NOW)
    assert [leased.key for leased in await lease(store)] == ["new"]


async def test_only_what_is_being_sent_can_be_postponed(store: Store) -> None:
    await put(store, note("opened", "alice"))
    [leased] = await lease(store)
    await settle(store, leased)
    await postpone(store, leased, NOW)
    assert await states(store) == {"opened": "sent"}


async def test_a_carriers_silence_is_remembered_and_only_its_last_word_counts(store: Store) -> None:
    async with store.write() as connection:
        assert await outbox.paused_until(connection, "telegram") is None
        await outbox.pause(connection, "telegram", NOW + MINUTE)
        await outbox.pause(connection, "telegram", NOW + HOUR)
    async with store.read() as connection:
        assert await outbox.paused_until(connection, "telegram") == NOW + HOUR
        assert await outbox.paused_until(connection, "console") is None


async def test_notices_are_counted_by_state(store: Store) -> None:
    await put(store, note("a", "alice"), note("b", "bob"), note("c", "chen"))
    [first, *_] = await lease(store, limit=2)
    await settle(store, first)
    async with store.read() as connection:
        assert await outbox.counts(connection) == {"sent": 1, "sending": 1, "queued": 1}
