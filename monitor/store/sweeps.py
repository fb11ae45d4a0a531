"""Sweeps and their reports: planned once, counted once."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from monitor.store.engine import insert_once
from monitor.store.tables import report, source, spending, sweep


async def claim(
    connection: AsyncConnection, kind: str, due_at: datetime, now: datetime, node: str, *, alone: bool
) -> int | None:
    """Take a slot; None where somebody has it already.

    ``alone``: no other node shares the database, so whoever took a slot and did not finish it was an earlier life.
    """
    made = insert_once(connection.dialect, sweep, kind=kind, due_at=due_at, claimed_at=now, node=node)
    number: int | None = (await connection.execute(made.returning(sweep.c.number))).scalar_one_or_none()
    if number is None and alone:
        left = update(sweep).where(sweep.c.kind == kind, sweep.c.due_at == due_at, sweep.c.finished_at.is_(None))
        taken = left.values(claimed_at=now, node=node).returning(sweep.c.number)
        number = (await connection.execute(taken)).scalar_one_or_none()
    return number


async def filed(connection: AsyncConnection, number: int) -> set[int]:
    """Name the shards of a sweep that are done."""
    return set((await connection.execute(select(report.c.shard).where(report.c.sweep == number))).scalars())


async def file_report(
    connection: AsyncConnection,
    number: int,
    shard: int,
    now: datetime,
    summary: Mapping[str, int],
    survey: Mapping[str, Any] | None = None,
) -> bool:
    """File what one shard did and what it says of the sources; False where it was filed before."""
    facts = {"summary": dict(summary), "survey": survey}
    made = insert_once(connection.dialect, report, sweep=number, shard=shard, filed_at=now, **facts)
    return (await connection.execute(made.returning(report.c.shard))).scalar_one_or_none() is not None


async def planned(connection: AsyncConnection, number: int, shards: int) -> None:
    """Record how many shards a sweep has."""
    await connection.execute(update(sweep).where(sweep.c.number == number).values(shards=shards))


async def finish(connection: AsyncConnection, number: int, now: datetime) -> None:
    """Record that all shards of a sweep are filed."""
    await connection.execute(update(sweep).where(sweep.c.number == number).values(finished_at=now))


async def last_finished(connection: AsyncConnection) -> dict[str, datetime]:
    """Give when a sweep of each kind last ended well."""
    rows = await connection.execute(
        select(sweep.c.kind, func.max(sweep.c.finished_at))
        .where(sweep.c.finished_at.is_not(None))
        .group_by(sweep.c.kind)
    )
    return dict(rows.all())


async def forget(connection: AsyncConnection, before: datetime) -> int:
    """Delete the sweeps of long ago with their reports; the trail of cases is never deleted."""
    result = await connection.execute(delete(sweep).where(sweep.c.due_at < before))
    return result.rowcount


@dataclass(frozen=True, slots=True)
class Belief:
    """Whether a source is believed, since when and why."""

    believed: bool
    why: str
    since: datetime
    heard_at: datetime | None


async def beliefs(connection: AsyncConnection) -> dict[str, Belief]:
    """Read what is thought of every source."""
    rows = await connection.execute(select(source))
    return {row.name: Belief(row.believed, row.why, row.since, row.heard_at) for row in rows}


async def believe(connection: AsyncConnection, name: str, belief: Belief) -> None:
    """Write what is thought of one source."""
    values = {
        "believed": belief.believed,
        "why": belief.why,
        "since": belief.since,
        "heard_at": belief.heard_at,
    }
    done = await connection.execute(update(source).where(source.c.name == name).values(values))
    if done.rowcount == 0:
        await connection.execute(insert_once(connection.dialect, source, name=name, **values))


KEEP = timedelta(days=30)
"""How long sweeps are kept for looking back."""


async def spent(connection: AsyncConnection, day: date) -> dict[str, int]:
    """Read how many questions each source was asked on a day (UTC)."""
    rows = await connection.execute(select(spending.c.source, spending.c.questions).where(spending.c.day == day))
    return dict(rows.all())


async def spend(connection: AsyncConnection, day: date, counted: Mapping[str, int]) -> None:
    """Add to what sources were asked on a day."""
    for name, questions in counted.items():
        if not questions:
            continue
        mine = (spending.c.source == name) & (spending.c.day == day)
        done = await connection.execute(update(spending).where(mine).values(questions=spending.c.questions + questions))
        if done.rowcount == 0:
            await connection.execute(
                insert_once(connection.dialect, spending, source=name, day=day, questions=questions)
            )
    await connection.execute(delete(spending).where(spending.c.day < day - KEEP))
