"""A decision is written whole or not at all, and decisions are made one after the other, whoever makes them."""

import asyncio
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from monitor.core.case import State
from monitor.core.case import digest as digest_of
from monitor.core.decide import Decision, Promise, decide
from monitor.core.notice import Kind
from monitor.store import cases
from monitor.store.engine import Store
from monitor.store.tables import cases as case_table
from monitor.store.tables import metadata, reservation
from tests.store.shop import HOUR, LISTED, NOW, POLICY, TIERS, broken, note, put, rule, sell, shelve

CHECKOUT = Path(__file__).parents[2]
WRITTEN = ("cases", "ruling", "event", "reservation", "notice")


async def counts(store: Store) -> dict[str, int]:
    async with store.read() as connection:
        return {
            name: (await connection.execute(select(func.count()).select_from(metadata.tables[name]))).scalar_one()
            for name in WRITTEN
        }


async def promised(store: Store) -> dict[int, str]:
    async with store.read() as connection:
        held = await connection.execute(select(reservation).where(reservation.c.released_at.is_(None)))
        return {row.case_number: row.unit for row in held}


async def test_a_decision_is_written_whole(store: Store) -> None:
    await shelve(store, "spare-1")
    await rule(store, *(broken(each) for each in await sell(store, "INV-1")))
    assert await counts(store) == {"cases": 1, "ruling": 1, "event": 3, "reservation": 1, "notice": 2}


async def test_of_a_decision_that_fails_at_its_last_step_nothing_is_written(store: Store) -> None:
    """The second promise of one decision names a spare that is promised already: its case must not stay either."""
    await shelve(store, "spare-1")
    await rule(store, *(broken(each) for each in await sell(store, "INV-1")))
    before = await counts(store)
    [other] = await sell(store, "INV-2")
    async with store.deciding() as connection:
        known = await cases.known(connection, NOW, POLICY, TIERS, [LISTED], [other.number], [])
    made = decide(replace(known, found=[broken(other)]))
    spoiled = replace(made, promises=(Promise(2, "spare-1"),))
    with pytest.raises(IntegrityError):
        await rule(store, before_commit=spoiled)
    assert await counts(store) == before


async def test_a_transaction_that_is_cancelled_leaves_nothing(store: Store) -> None:
    [sick] = await sell(store, "INV-1")
    written = asyncio.Event()

    async def decide_and_wait() -> None:
        async with store.deciding() as connection:
            known = await cases.known(connection, NOW, POLICY, TIERS, [LISTED], [sick.number], [])
            await cases.commit(connection, decide(replace(known, found=[broken(sick)])), POLICY, NOW)
            written.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(decide_and_wait())
    await written.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert set((await counts(store)).values()) == {0}
    # And the lock went with it.
    await rule(store, broken(sick))
    assert (await counts(store))["cases"] == 1


async def test_tasks_that_decide_at_once_promise_no_spare_twice(store: Store) -> None:
    orders = [f"INV-{n}" for n in range(12)]
    await shelve(store, *(f"spare-{n}" for n in range(7)))
    handed = await sell(store, *orders)
    await asyncio.gather(*(rule(store, broken(each)) for each in handed))
    spares = await promised(store)
    assert len(spares) == len(set(spares.values())) == 7
    async with store.read() as connection:
        found = await connection.execute(select(case_table.c.state, func.count()).group_by(case_table.c.state))
        assert dict(found.all()) == {State.PROMISED: 7, State.APPROVED: 5}


async def test_processes_that_decide_at_once_promise_no_spare_twice(store: Store, database: str) -> None:
    mine, theirs = [f"INV-{n}" for n in range(8)], [f"INV-{n}" for n in range(8, 16)]
    await shelve(store, *(f"spare-{n}" for n in range(10)))
    handed = await sell(store, *mine, *theirs)
    rival = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.store.rival", database, *theirs,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, cwd=CHECKOUT,
    )  # fmt: skip
    assert rival.stdin is not None
    assert rival.stdout is not None
    assert await rival.stdout.readline() == b"ready\n"
    rival.stdin.write(b"go\n")
    for each in handed[:8]:
        await rule(store, broken(each))
    assert await rival.wait() == 0
    spares = await promised(store)
    assert len(spares) == len(set(spares.values())) == 10
    assert await counts(store) == {"cases": 16, "ruling": 16, "event": 16 * 2 + 10, "reservation": 10, "notice": 16 * 2}


async def test_the_cheapest_spare_goes_to_the_case_that_is_due_first(store: Store) -> None:
    [first, second] = await sell(store, "INV-1", "INV-2")
    await rule(store, broken(second))
    await rule(store, broken(first), now=NOW + HOUR)
    assert await promised(store) == {}
    await shelve(store, "cheap", "dear")
    await rule(store, now=NOW)
    assert await promised(store) == {1: "cheap", 2: "dear"}


async def test_a_case_whose_tier_left_the_settings_waits_and_holds_nobody_up(store: Store) -> None:
    [waiting] = await sell(store, "INV-1")
    await rule(store, broken(waiting))
    async with store.deciding() as connection:
        known = await cases.known(connection, NOW, POLICY, {}, [LISTED], [waiting.number], [])
    assert decide(known) == Decision()


async def test_the_trail_of_a_case_is_chained_and_verifies(store: Store) -> None:
    await shelve(store, "spare-1")
    await rule(store, *(broken(each) for each in await sell(store, "INV-1")))
    async with store.read() as connection:
        events = await cases.events_of(connection, 1)
    previous = cases.GENESIS
    for event, digest in events:
        assert digest_of(event, previous) == digest
        previous = digest
    tampered = replace(events[1][0], why="an operator said so")
    assert digest_of(tampered, events[0][1]) != events[1][1]
    assert Counter(event.who for event, _ in events) == {"policy": 3}


async def test_notices_of_a_decision_keep_the_order_in_which_they_were_decided(store: Store) -> None:
    await shelve(store, "spare-1")
    await put(store, note("earlier", "alice", Kind.REPORT_RECEIVED))
    await rule(store, *(broken(each) for each in await sell(store, "INV-1")))
    async with store.read() as connection:
        kinds = await connection.execute(select(metadata.tables["notice"].c.kind).order_by("number"))
        assert kinds.scalars().all() == [Kind.REPORT_RECEIVED, Kind.CASE_OPENED, Kind.REPLACEMENT_READY]
