"""How much of each tier was sold lately, how much is on the shelf, and since when that is too little."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime

from sqlalchemy import func, insert, select, update

from monitor.core.coverage import Policy
from monitor.core.fleet import Tier
from monitor.core.incident import frozen_by
from monitor.core.level import Level, level
from monitor.core.stock import burns
from monitor.store import fleet, incidents
from monitor.store.engine import Transaction
from monitor.store.judgement import stock_level
from monitor.store.tables import delivery, unit


async def levels(connection: Transaction, tiers: Mapping[str, Tier], policy: Policy, now: datetime) -> list[Level]:
    """Compare, for each tier, the spares that may be promised with what was sold; replacements are not sold."""
    query = (
        select(unit.c.tier, func.count())
        .select_from(delivery.join(unit, unit.c.name == delivery.c.unit))
        .where(delivery.c.turn == 0, delivery.c.delivered_at > now - policy.stocking.sold_within)
        .group_by(unit.c.tier)
    )
    rows = await connection.execute(query)
    sold: dict[str, int] = dict(rows.all())
    frozen = frozen_by(each.incident for each in await incidents.on_record(connection))
    shelf = await fleet.shelf(connection, policy.confirm)
    spares = Counter(spare.unit.tier for spare in shelf if not burns(spare, frozen))
    return [level(name, sold.get(name, 0), spares[name], policy.stocking) for name in sorted(tiers)]


async def changed(connection: Transaction, found: Iterable[Level]) -> list[Level]:
    """Give the tiers, of these, that have become low or are no longer."""
    rows = await connection.execute(select(stock_level.c.tier, stock_level.c.low))
    before: dict[str, bool] = dict(rows.all())
    return [each for each in found if before.get(each.tier, False) is not each.low]


async def keep(connection: Transaction, found: Iterable[Level], now: datetime) -> None:
    """Write down how tiers stand that have changed."""
    there = set((await connection.execute(select(stock_level.c.tier))).scalars())
    for each in found:
        values = {"low": each.low, "since": now}
        if each.tier in there:
            await connection.execute(update(stock_level).where(stock_level.c.tier == each.tier).values(values))
        else:
            await connection.execute(insert(stock_level).values(tier=each.tier, **values))
