"""How the clocks of cases stood when they were last read."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, insert, or_, select

from monitor.core.case import OPEN, Case, Event, Move, State
from monitor.core.clocks import Reading, Which
from monitor.core.sla import Condition
from monitor.store.cases import case_of
from monitor.store.engine import Transaction
from monitor.store.judgement import incident, member, reading
from monitor.store.tables import cases, delivery, event

AT_ONCE = 2000
"""Cases that are read in one go; the others come with the next."""
UNSETTLED = [Condition.RUNNING, Condition.AT_RISK, Condition.BREACHED, Condition.PAUSED]


@dataclass(frozen=True, slots=True)
class Watch:
    """A case whose clocks are to be read: its trail, what it is about, and how they stood before."""

    case: Case
    trail: tuple[Event, ...]
    order: str
    unit: str
    incident: int | None
    before: Mapping[Which, "Kept"]


@dataclass(frozen=True, slots=True)
class Kept:
    """How one clock stood when it was last read."""

    condition: Condition
    since: datetime
    delayed: bool


async def due(connection: Transaction, now: datetime) -> list[Watch]:
    """Read the cases whose clocks may stand otherwise by now: time has come, or something has happened to them."""
    numbers = [*(await _moving(connection, now)), *(await _ended(connection))]
    if not numbers:
        return []
    told = await _trails(connection, numbers)
    kept: dict[int, dict[Which, Kept]] = {}
    for row in await connection.execute(select(reading).where(reading.c.case_number.in_(numbers))):
        before = Kept(Condition(row.condition), row.since, row.delayed)
        kept.setdefault(row.case_number, {})[Which(row.clock)] = before
    theirs = await _incidents(connection, numbers)
    query = (
        select(cases, delivery.c.order_number, delivery.c.unit)
        .join(delivery, delivery.c.number == cases.c.delivery)
        .where(cases.c.number.in_(numbers))
        .order_by(cases.c.number)
    )
    return [
        Watch(
            case_of(row),
            tuple(told.get(row.number, ())),
            row.order_number,
            row.unit,
            theirs.get(row.number),
            kept.get(row.number, {}),
        )
        for row in await connection.execute(query)
    ]


async def _moving(connection: Transaction, now: datetime) -> list[int]:
    """Name the open cases that were never read, that have moved since, or one of whose clocks is due."""
    read = (
        select(
            reading.c.case_number,
            func.min(reading.c.next_at).label("next_at"),
            func.max(reading.c.events).label("events"),
        )
        .join(cases, cases.c.number == reading.c.case_number)
        .where(cases.c.state.in_(OPEN))
        .group_by(reading.c.case_number)
        .subquery()
    )
    moved = select(func.max(event.c.sequence)).where(event.c.case_number == cases.c.number).scalar_subquery()
    query = (
        select(cases.c.number)
        .outerjoin(read, read.c.case_number == cases.c.number)
        .where(cases.c.state.in_(OPEN), or_(read.c.events.is_(None), read.c.next_at <= now, read.c.events < moved))
    )
    return list((await connection.execute(query.order_by(cases.c.number).limit(AT_ONCE))).scalars())


async def _ended(connection: Transaction) -> list[int]:
    """Name the cases that ended since their clocks were read."""
    query = (
        select(reading.c.case_number)
        .join(cases, cases.c.number == reading.c.case_number)
        .where(reading.c.condition.in_(UNSETTLED), cases.c.state.not_in(OPEN))
        .distinct()
        .limit(AT_ONCE)
    )
    return list((await connection.execute(query)).scalars())


async def _trails(connection: Transaction, numbers: Collection[int]) -> dict[int, list[Event]]:
    query = select(event).where(event.c.case_number.in_(numbers)).order_by(event.c.case_number, event.c.sequence)
    trails: dict[int, list[Event]] = {}
    for row in await connection.execute(query):
        found = Event(row.case_number, row.sequence, row.at, row.who, Move(row.move), State(row.state), row.why)
        trails.setdefault(row.case_number, []).append(found)
    return trails


async def _incidents(connection: Transaction, numbers: Collection[int]) -> dict[int, int]:
    """Name the incident, over or not, that each of these cases belongs to."""
    query = (
        select(member.c.case_number, member.c.incident)
        .join(incident, incident.c.number == member.c.incident)
        .where(member.c.case_number.in_(numbers))
        .order_by(member.c.incident.desc())
    )
    return {row.case_number: row.incident for row in await connection.execute(query)}


async def keep(connection: Transaction, read: Mapping[int, tuple[Watch, list[Reading]]], now: datetime) -> None:
    """Write down how the clocks of these cases stand."""
    await connection.execute(delete(reading).where(reading.c.case_number.in_(list(read))))
    rows = [
        {
            "case_number": number,
            "clock": each.which,
            "condition": each.standing.condition,
            "since": before.since if before and before.condition is each.standing.condition else now,
            "events": len(watch.trail),
            "next_at": each.next_at,
            "delayed": each.delayed or (before is not None and before.delayed),
        }
        for number, (watch, readings) in read.items()
        for each in readings
        for before in (watch.before.get(each.which),)
    ]
    if rows:
        await connection.execute(insert(reading), rows)
