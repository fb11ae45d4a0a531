"""What the brake counts, and when it went on and was released."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, insert, select, update

from monitor.core.case import Move
from monitor.core.decision import POLICY, Engagement
from monitor.core.fleet import Spare, Tier
from monitor.core.stock import DAY, HOUR, Approval
from monitor.store.engine import Transaction
from monitor.store.judgement import engagement
from monitor.store.tables import cases, event, reservation, unit


async def approvals(connection: Transaction, tiers: Mapping[str, Tier], now: datetime) -> list[Approval]:
    """Read what was approved by itself within a day, counted where the brake makes no difference between them."""
    # It tells what is an hour old from what is not.
    kind = (event.c.at > now - HOUR, cases.c.supplier, cases.c.tier, unit.c.tier)
    query = (
        select(*kind[1:3], unit.c.tier.label("drawn"), func.max(event.c.at).label("at"), func.count().label("approved"))
        .select_from(
            cases.join(event, event.c.case_number == cases.c.number).outerjoin(unit, unit.c.name == cases.c.spare)
        )
        # What is approved by itself is approved when it is opened.
        .where(cases.c.opened_at > now - DAY, event.c.move == Move.APPROVE, event.c.who == POLICY)
        .group_by(*kind)
    )
    return [
        Approval(row.at, row.supplier, tiers[row.tier].provider if row.tier in tiers else None, row.drawn, row.approved)
        for row in await connection.execute(query)
    ]


async def stood(connection: Transaction, shelf: Sequence[Spare], now: datetime) -> dict[str, int]:
    """Count the spares that each tier had an hour ago: those on the shelf, and those promised since."""
    query = (
        select(unit.c.tier, func.count())
        .select_from(reservation.join(unit, unit.c.name == reservation.c.unit))
        .where(reservation.c.reserved_at > now - HOUR, reservation.c.released_at.is_(None))
        .group_by(unit.c.tier)
    )
    promised: dict[str, int] = dict((await connection.execute(query)).all())
    return dict(Counter(spare.unit.tier for spare in shelf) + Counter(promised))


async def engaged(connection: Transaction) -> dict[tuple[str, str], int]:
    """Give where the brake is on: limit and whom it is about, with the number of the engagement."""
    query = select(engagement).where(engagement.c.released_at.is_(None))
    return {(row.limit_name, row.about): row.number for row in await connection.execute(query)}


async def next_number(connection: Transaction) -> int:
    """Give the number of the next engagement."""
    highest = (await connection.execute(select(func.max(engagement.c.number)))).scalar_one_or_none()
    return (highest or 0) + 1


async def engage(connection: Transaction, begun: Iterable[Engagement], now: datetime) -> None:
    """Write down that the brake goes on."""
    rows = [
        {
            "number": each.number,
            "limit_name": each.reached.limit,
            "about": each.reached.of,
            "allowed": each.reached.allowed,
            "engaged_at": now,
        }
        for each in begun
    ]
    if rows:
        await connection.execute(insert(engagement), rows)


async def release(connection: Transaction, who: str, now: datetime) -> int:
    """Write down that the brake is released everywhere; give how many engagements that ends."""
    done = await connection.execute(
        update(engagement).where(engagement.c.released_at.is_(None)).values(released_at=now, released_by=who)
    )
    return done.rowcount


async def history(connection: Transaction, limit: int) -> list[dict[str, Any]]:
    """List when the brake went on and was released, the newest first."""
    query = select(engagement).order_by(engagement.c.number.desc()).limit(limit)
    return [dict(row) for row in (await connection.execute(query)).mappings()]
