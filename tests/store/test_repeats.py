"""Work is done at least once and has its effect exactly once: for every unique key the work is done again here."""

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy import Index, UniqueConstraint, func, insert, select
from sqlalchemy.exc import IntegrityError

from monitor.core.case import Case, Move, State
from monitor.core.coverage import Standing
from monitor.core.decide import Decision, Opening
from monitor.store import cases, fleet, intake, outbox, sweeps
from monitor.store.engine import Store
from monitor.store.tables import metadata, reservation
from tests.store.shop import HOUR, LISTED, MINUTE, NOW, broken, note, put, rule, sell, shelve


async def count(store: Store, table: str) -> int:
    async with store.read() as connection:
        found = await connection.execute(select(func.count()).select_from(metadata.tables[table]))
        return int(found.scalar_one())


async def claim(store: Store, node: str, *, alone: bool = False) -> int | None:
    async with store.write() as connection:
        return await sweeps.claim(connection, "blocklist", NOW, NOW, node, alone=alone)


async def test_a_slot_is_claimed_once(store: Store) -> None:
    assert await claim(store, "a") is not None
    assert await claim(store, "b") is None
    assert await claim(store, "a") is None


async def test_of_eight_that_claim_a_slot_at_once_one_wins(store: Store) -> None:
    claims = await asyncio.gather(*(claim(store, f"node-{n}") for n in range(8)))
    assert sum(number is not None for number in claims) == 1
    assert await count(store, "sweep") == 1


async def test_another_kind_or_another_time_is_another_slot(store: Store) -> None:
    async with store.write() as connection:
        first = await sweeps.claim(connection, "blocklist", NOW, NOW, "a", alone=False)
        other_kind = await sweeps.claim(connection, "account", NOW, NOW, "a", alone=False)
        later = await sweeps.claim(connection, "blocklist", NOW + MINUTE, NOW, "a", alone=False)
    assert len({first, other_kind, later} - {None}) == 3


async def test_whoever_is_alone_takes_up_the_sweep_that_its_earlier_life_left(store: Store) -> None:
    begun = await claim(store, "first life", alone=True)
    assert begun is not None
    assert await claim(store, "second life", alone=True) == begun
    async with store.write() as connection:
        await sweeps.finish(connection, begun, NOW)
    assert await claim(store, "third life", alone=True) is None


async def test_the_report_of_a_shard_is_filed_once(store: Store) -> None:
    number = await claim(store, "a") or 0

    async def file(shard: int, sound: int) -> bool:
        async with store.write() as connection:
            return await sweeps.file_report(connection, number, shard, NOW, {"sound": sound})

    assert await file(0, 5) is True
    assert await file(0, 6) is False
    assert await file(1, 7) is True
    async with store.read() as connection:
        assert await sweeps.filed(connection, number) == {0, 1}


async def test_a_shard_filed_by_eight_at_once_counts_once(store: Store) -> None:
    number = await claim(store, "a") or 0

    async def file() -> bool:
        async with store.deciding() as connection:
            return await sweeps.file_report(connection, number, 0, NOW, {})

    assert sum(await asyncio.gather(*(file() for _ in range(8)))) == 1


async def test_the_same_finding_again_opens_no_second_case(store: Store) -> None:
    [sick] = await sell(store, "INV-1")
    await shelve(store, "spare-1", "spare-2")
    first = await rule(store, broken(sick))
    again = await rule(store, broken(sick), now=NOW + MINUTE)
    assert [opening.case.number for opening in first.opened] == [1]
    assert not again
    assert [await count(store, table) for table in ("cases", "reservation", "ruling")] == [1, 1, 1]
    assert await count(store, "notice") == 2


async def test_one_case_is_open_per_delivery_and_defect_whoever_decided(store: Store) -> None:
    """Two that decided on the same state of things cannot both write: the second fails whole."""
    [sick] = await sell(store, "INV-1")
    decision = await rule(store, broken(sick))
    [opening] = decision.opened
    twin = replace(opening.case, number=2, period=1)
    with pytest.raises(IntegrityError):
        await rule(store, before_commit=Decision(opened=(replace(opening, case=twin),)))
    assert await count(store, "cases") == 1


async def test_a_case_is_opened_once_per_period_even_after_it_is_closed(store: Store) -> None:
    [sick] = await sell(store, "INV-1")
    [opening] = (await rule(store, broken(sick))).opened
    closed = replace(opening.case, state=State.WITHDRAWN, closed_at=NOW)
    await rule(store, before_commit=Decision(moved=(closed,)))
    with pytest.raises(IntegrityError):
        await rule(store, before_commit=_open(opening, replace(opening.case, number=2)))
    await rule(store, before_commit=_open(opening, replace(opening.case, number=2, period=1)))
    assert await count(store, "cases") == 2


def _open(opening: Opening, case: Case) -> Decision:
    return Decision(opened=(replace(opening, case=case),))


async def test_a_withdrawn_case_is_followed_by_one_of_the_next_period(store: Store) -> None:
    [sick] = await sell(store, "INV-1")
    await rule(store, broken(sick))
    healed = await rule(store, healed=[sick], now=NOW + HOUR)
    assert [case.state for case in healed.moved] == [State.WITHDRAWN]
    relisted = await rule(store, broken(sick), now=NOW + 2 * HOUR)
    assert [(each.case.number, each.case.period) for each in relisted.opened] == [(2, 1)]


@pytest.mark.parametrize(
    ("unit", "case"),
    [pytest.param("spare-1", 2, id="the same spare for another case"), pytest.param("spare-2", 1, id="a second spare")],
)
async def test_a_spare_is_promised_once_and_a_case_gets_one(store: Store, unit: str, case: int) -> None:
    await shelve(store, "spare-1", "spare-2")
    await rule(store, *(broken(each) for each in await sell(store, "INV-1")))
    # Another order, whose case stays without a spare.
    [other] = await sell(store, "INV-2")
    async with store.write() as connection:
        await fleet.take_off_shelf(connection, ["spare-2"])
    await rule(store, broken(other))
    with pytest.raises(IntegrityError):
        async with store.write() as connection:
            await connection.execute(insert(reservation).values(unit=unit, case_number=case, reserved_at=NOW))
    assert await count(store, "reservation") == 1


async def test_a_spare_that_was_given_back_can_be_promised_again(store: Store) -> None:
    await shelve(store, "spare-1")
    await rule(store, *(broken(each) for each in await sell(store, "INV-1")))
    async with store.write() as connection:
        await cases.release_reservation(connection, 1, NOW)
    await rule(store, *(broken(each) for each in await sell(store, "INV-2")))
    async with store.read() as connection:
        held = await connection.execute(select(reservation.c.case_number).where(reservation.c.released_at.is_(None)))
        assert held.scalars().all() == [2]


async def test_a_notice_is_written_once_per_key(store: Store) -> None:
    await put(store, note("case:42:opened", "alice"))
    async with store.write() as connection:
        assert await outbox.put(connection, note("case:42:opened", "alice")) is False
        assert await outbox.put(connection, note("case:42:ready", "alice")) is True
    assert await count(store, "notice") == 2


async def test_a_notice_written_by_eight_at_once_is_there_once(store: Store) -> None:
    async def write() -> bool:
        async with store.write() as connection:
            return await outbox.put(connection, note("list:bl.example.net:muted"))

    assert sum(await asyncio.gather(*(write() for _ in range(8)))) == 1


async def test_a_refusal_is_written_once_however_often_it_is_found(store: Store) -> None:
    [late] = await sell(store, "INV-1", ago=48 * HOUR)
    for minute in range(3):
        decision = await rule(store, broken(late), now=NOW + minute * MINUTE)
        assert [each.ruling.clause for each in decision.ruled] == ["exclusions.after_window"]
    assert await count(store, "ruling") == 1
    assert await count(store, "cases") == 0


async def test_a_unit_is_delivered_once_and_an_order_has_one_first_turn_of_an_item(store: Store) -> None:
    [_] = await sell(store, "INV-1")
    twice = [
        intake.Handed("INV-2", 1, "alice", "unit-INV-1", NOW),
        intake.Handed("INV-1", 1, "alice", "unit-INV-3", NOW),
    ]
    for handed in twice:
        with pytest.raises(IntegrityError):
            async with store.write() as connection:
                await intake.add_deliveries(connection, [handed], NOW)
    assert await count(store, "delivery") == 1


async def test_what_is_thought_of_a_list_and_of_a_unit_is_kept_once(store: Store) -> None:
    await sell(store, "INV-1")
    suspected = Standing(first_bad=NOW, counted_at=NOW, rounds=1, looked_at=NOW)
    belief = sweeps.Belief(believed=False, why="timeout", since=NOW, heard_at=None)
    for _ in range(3):
        async with store.write() as connection:
            await fleet.remember(connection, LISTED, [("unit-INV-1", suspected, "suspect", "seen bad")])
            await sweeps.believe(connection, "bl.example.net", belief)
    async with store.read() as connection:
        assert await fleet.standings(connection, LISTED, ["unit-INV-1"]) == {"unit-INV-1": suspected}
        assert await sweeps.beliefs(connection) == {"bl.example.net": belief}
    assert [await count(store, table) for table in ("standing", "source")] == [1, 1]


async def test_every_event_of_a_case_has_a_number_of_its_own(store: Store) -> None:
    await rule(store, *(broken(each) for each in await sell(store, "INV-1")))
    async with store.read() as connection:
        events = await cases.events_of(connection, 1)
    assert [(event.sequence, event.move) for event, _ in events] == [(1, Move.OPEN), (2, Move.APPROVE)]
    again = {"case_number": 1, "sequence": 1, "at": NOW, "who": "nobody", "move": Move.NOTE, "state": State.APPROVED}
    with pytest.raises(IntegrityError):
        async with store.write() as connection:
            await connection.execute(insert(metadata.tables["event"]).values(**again, why="", digest=""))


def test_each_of_these_keys_is_in_the_schema() -> None:
    """Whoever adds a unique key adds the test that repeats its work."""
    unique = {
        (table.name, *(column.name for column in key.columns))
        for table in metadata.sorted_tables
        for key in (*table.indexes, *table.constraints)
        if isinstance(key, UniqueConstraint) or (isinstance(key, Index) and key.unique)
    }
    assert unique == {
        # A second card of one case or incident takes the place of the first: tests/store/test_cards.py.
        ("card", "case_number"),
        ("card", "incident"),
        ("cases", "delivery", "defect"),
        ("cases", "delivery", "defect", "period"),
        ("delivery", "order_number", "item", "turn"),
        ("delivery", "unit"),
        ("draft", "chat"),
        ("engagement", "limit_name", "about"),
        ("inbox", "key"),
        ("incident", "kind", "name"),
        ("link", "digest"),
        ("notice", "key"),
        ("reservation", "case_number"),
        ("reservation", "unit"),
        ("ruling", "delivery", "defect", "clause"),
        ("sweep", "kind", "due_at"),
    }
    assert [column.name for column in metadata.tables["report"].primary_key] == ["sweep", "shard"]
