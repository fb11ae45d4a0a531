"""The trail of cases: append-only, numbered and chained."""

from collections.abc import Iterable

from sqlalchemy import func, insert, select

from monitor.core import case as trail
from monitor.core.case import GENESIS, Event, Move, State
from monitor.store.engine import Transaction
from monitor.store.tables import event


async def append(connection: Transaction, events: Iterable[Event]) -> None:
    """Append events to the trails of their cases, numbered and chained."""
    new = list(events)
    if not new:
        return
    ends = await _ends(connection, {each.case for each in new})
    rows: list[dict[str, object]] = []
    for each in new:
        sequence, previous = ends.get(each.case, (0, GENESIS))
        placed = Event(each.case, sequence + 1, each.at, each.who, each.move, each.state, each.why)
        chained = trail.digest(placed, previous)
        ends[each.case] = placed.sequence, chained
        rows.append(
            {
                "case_number": placed.case,
                "sequence": placed.sequence,
                "at": placed.at,
                "who": placed.who,
                "move": placed.move,
                "state": placed.state,
                "why": placed.why,
                "digest": chained,
            }
        )
    await connection.execute(insert(event), rows)


async def _ends(connection: Transaction, numbers: Iterable[int]) -> dict[int, tuple[int, str]]:
    """Give number and digest of the last event of each case."""
    last = (
        select(event.c.case_number, func.max(event.c.sequence).label("sequence"))
        .where(event.c.case_number.in_(list(numbers)))
        .group_by(event.c.case_number)
        .subquery()
    )
    query = select(event.c.case_number, event.c.sequence, event.c.digest).join(
        last, (last.c.case_number == event.c.case_number) & (last.c.sequence == event.c.sequence)
    )
    return {row.case_number: (row.sequence, row.digest) for row in await connection.execute(query)}


async def events_of(connection: Transaction, number: int) -> list[tuple[Event, str]]:
    """Read the trail of one case: each event with its digest."""
    rows = await connection.execute(select(event).where(event.c.case_number == number).order_by(event.c.sequence))
    return [
        (
            Event(row.case_number, row.sequence, row.at, row.who, Move(row.move), State(row.state), row.why),
            row.digest,
        )
        for row in rows
    ]
