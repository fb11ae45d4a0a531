"""Customers, units and deliveries: written by imports, read by plans and people."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import Any

from sqlalchemy import ColumnElement, FromClause, RowMapping, Select, and_, bindparam, func, not_, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from monitor.core.assess import Seen
from monitor.core.case import OPEN, State
from monitor.core.coverage import Defect, Standing
from monitor.core.fleet import Address, Customer, Delivery, Spare, Tier, Unit
from monitor.core.incident import block_of
from monitor.core.listing import RangeSeen
from monitor.core.plan import Check, Watched
from monitor.store import baselines
from monitor.store.tables import cases, customer, delivery, listed_address, reservation, standing, unit

NAMES = 5000
"""Numbers in one query: neither database takes any number of them."""
LISTED_KEPT = 256
"""Listed addresses of one range that are remembered: more than enough to call it listed."""

GIVEN_STATES = [State.PROMISED, State.HANDED_OVER, State.CLOSED, State.CREDITED]
SETTLED_STATES = [*GIVEN_STATES, State.REJECTED]


def unit_values(item: Unit) -> dict[str, object]:
    """Give the columns of a unit, without its place."""
    return {
        "name": item.name,
        "tier": item.tier,
        "supplier": item.supplier,
        "ranges": " ".join(str(network) for network in item.ranges),
        "address": str(item.address) if item.address is not None else None,
        "access": item.access,
        "cost": str(item.cost),
        "protocol": item.protocol,
        "endpoint": item.endpoint,
        "block": str(block_of(item.ranges[0])) if item.ranges else None,
    }


def unit_of(found: RowMapping) -> Unit:
    """Read a unit from its columns."""
    return _unit(*(found[name] for name in UNIT_COLUMNS))


UNIT_COLUMNS = ("name", "tier", "supplier", "ranges", "address", "access", "cost", "protocol", "endpoint")


# The shelf is read with every decision, and hardly ever changes: what was parsed once need not be parsed again.
@lru_cache(maxsize=65_536)
def _unit(
    name: str,
    tier: str,
    supplier: str,
    ranges: str,
    address: str | None,
    access: str | None,
    cost: str,
    protocol: str | None,
    endpoint: str | None,
) -> Unit:
    return Unit(
        name=name,
        tier=tier,
        supplier=supplier,
        ranges=tuple(ip_network(network) for network in ranges.split()),
        address=ip_address(address) if address else None,
        access=access,
        cost=Decimal(cost),
        protocol=protocol,
        endpoint=endpoint,
    )


def customer_of(row: RowMapping) -> Customer:
    """Read a customer from its columns."""
    return Customer(row["name"], row["language"], row["chat"], row["email"])


def delivery_of(row: Mapping[str, Any], item: Unit, tier: Tier) -> Delivery:
    """Read a delivery from its columns."""
    return Delivery(
        number=row["number"],
        order=row["order_number"],
        item=row["item"],
        turn=row["turn"],
        customer=row["customer"],
        unit=item,
        tier=tier,
        delivered_at=row["delivered_at"],
        imported_at=row["imported_at"],
        tx_hash=row["tx_hash"],
    )


def _delivery_columns() -> list[Any]:
    return [column.label(f"delivery_{column.name}") for column in delivery.c]


def _joined(query: Select[Any], tiers: Mapping[str, Tier]) -> Select[Any]:
    return query.where(unit.c.tier.in_(list(tiers)))


def _read_joined(found: RowMapping, tiers: Mapping[str, Tier]) -> Delivery:
    item = unit_of(found)
    facts = {column.name: found[f"delivery_{column.name}"] for column in delivery.c}
    return delivery_of(facts, item, tiers[item.tier])


async def watched(
    connection: AsyncConnection,
    check: Check,
    tiers: Mapping[str, Tier],
    imported_after: datetime,
    *,
    only: str | None = None,
) -> list[Watched]:
    """Read every unit that may still have to be probed: on the shelf, or delivered and not settled.

    Deliveries made before ``imported_after`` are left out, unless a failure of theirs is pending. ``only`` names the
    one unit that is asked about.
    """
    memories = {defect: standing.alias(f"of_{defect}") for defect in check.defects}
    of_delivery = select(cases.c.number).where(cases.c.delivery == delivery.c.number).correlate(delivery)
    settled = {
        defect: of_delivery.where(cases.c.defect == defect, cases.c.state.in_(SETTLED_STATES)).exists()
        for defect in memories
    }
    # Whose failure is settled is not looked at again; and who gets another unit for one defect needs none for another.
    given = of_delivery.where(cases.c.defect.in_(memories), cases.c.state.in_(GIVEN_STATES)).exists()
    source: FromClause = unit.outerjoin(delivery, delivery.c.unit == unit.c.name)
    columns: list[ColumnElement[Any]] = []
    for defect, memory in memories.items():
        source = source.outerjoin(memory, and_(memory.c.unit == unit.c.name, memory.c.defect == defect))
        columns += [column.label(f"{defect}_{column.name}") for column in memory.c]
        columns.append(settled[defect].label(f"{defect}_settled"))
    pending = [and_(memory.c.first_bad.is_not(None), not_(settled[defect])) for defect, memory in memories.items()]
    query = (
        _joined(select(unit, *_delivery_columns(), *columns), tiers)
        .select_from(source)
        .where(
            or_(
                unit.c.place == "shelf",
                and_(
                    unit.c.place == "delivered",
                    not_(given),
                    not_(settled[check.defects[0]]),
                    or_(delivery.c.delivered_at >= imported_after, *pending),
                ),
            )
        )
        .order_by(unit.c.name)
    )
    if only is not None:
        query = query.where(unit.c.name == only)
    listed: dict[str, tuple[Address, ...]] = {}
    if check is Check.BLOCKLIST:
        for row in await connection.execute(select(listed_address)):
            listed[row.unit] = (*listed.get(row.unit, ()), ip_address(row.address))
    result: list[Watched] = []
    for found in (await connection.execute(query)).mappings():
        item = unit_of(found)
        tier = tiers[item.tier]
        handed = _read_joined(found, tiers) if found["delivery_number"] is not None else None
        known = {d: _standing(found, f"{d}_") for d in memories if found[f"{d}_unit"] and not found[f"{d}_settled"]}
        result.append(
            Watched(
                unit=item,
                niche=tier.niche,
                provider=tier.provider,
                delivery=handed,
                standings=known,
                listed=listed.get(item.name, ()),
                since=found["imported_at"],
                promised=tier.promised,
            )
        )
    if check is Check.ACCOUNT:
        handed_over = await baselines.of_units(connection, [each.unit.name for each in result if each.delivery])
        result = [replace(each, baseline=handed_over.get(each.unit.name)) for each in result]
    return result


def _standing(found: RowMapping, prefix: str = "") -> Standing:
    return Standing(
        last_ok=found[f"{prefix}last_ok"],
        first_bad=found[f"{prefix}first_bad"],
        counted_at=found[f"{prefix}counted_at"],
        rounds=found[f"{prefix}rounds"] or 0,
        looked_at=found[f"{prefix}looked_at"],
    )


async def standings(connection: AsyncConnection, defect: Defect, units: Iterable[str]) -> dict[str, Standing]:
    """Read what is remembered of these units."""
    query = select(standing).where(standing.c.defect == defect, standing.c.unit.in_(list(units)))
    return {row["unit"]: _standing(row) for row in (await connection.execute(query)).mappings()}


async def memory(
    connection: AsyncConnection, defects: Collection[Defect], units: Iterable[str]
) -> dict[tuple[str, Defect], Standing]:
    """Read what is remembered of these units, by unit and defect."""
    query = select(standing).where(standing.c.defect.in_(defects), standing.c.unit.in_(list(units)))
    rows = (await connection.execute(query)).mappings()
    return {(row["unit"], Defect(row["defect"])): _standing(row) for row in rows}


async def remember(
    connection: AsyncConnection, defect: Defect, changes: Sequence[tuple[str, Standing, str, str]]
) -> None:
    """Write what is to be remembered: (unit, standing, verdict, why)."""
    rows = [
        {
            "of_unit": name,
            "of_defect": defect,
            "last_ok": now.last_ok,
            "first_bad": now.first_bad,
            "counted_at": now.counted_at,
            "rounds": now.rounds,
            "looked_at": now.looked_at,
            "verdict": verdict,
            "why": why,
        }
        for name, now, verdict, why in changes
    ]
    if not rows:
        return
    names = [row["of_unit"] for row in rows]
    query = select(standing.c.unit).where(standing.c.defect == defect, standing.c.unit.in_(names))
    there = set((await connection.execute(query)).scalars())
    new = [
        {
            "unit": row["of_unit"],
            "defect": row["of_defect"],
            **{k: v for k, v in row.items() if not k.startswith("of_")},
        }
        for row in rows
        if row["of_unit"] not in there
    ]
    old = [row for row in rows if row["of_unit"] in there]
    if new:
        await connection.execute(standing.insert(), new)
    if old:
        changed = update(standing).where(
            standing.c.unit == bindparam("of_unit"), standing.c.defect == bindparam("of_defect")
        )
        values: dict[str, Any] = {
            k: bindparam(k) for k in ("last_ok", "first_bad", "counted_at", "rounds", "looked_at", "verdict", "why")
        }
        await connection.execute(changed.values(values), old)


async def shelf(connection: AsyncConnection, defects: Iterable[Defect]) -> list[Spare]:
    """Read the spares that nobody has been promised; a spare that looks bad is not among them.

    ``sound_at`` is the oldest of the last sound looks for each defect that was ever looked for.
    """
    taken = select(reservation.c.unit).where(reservation.c.released_at.is_(None)).scalar_subquery()
    looked = and_(standing.c.unit == unit.c.name, standing.c.defect.in_(list(defects)))
    query = (
        select(*(unit.c[name] for name in UNIT_COLUMNS), func.min(standing.c.last_ok).label("sound_at"))
        .select_from(unit.outerjoin(standing, looked))
        .where(unit.c.place == "shelf", unit.c.name.not_in(taken))
        .group_by(unit.c.name)
        .having(func.count(standing.c.first_bad) == 0)
        .order_by(unit.c.name)
    )
    return [Spare(unit_of(row), row["sound_at"]) for row in (await connection.execute(query)).mappings()]


async def take_off_shelf(connection: AsyncConnection, names: Sequence[str]) -> int:
    """Mark spares as sick; those promised meanwhile too. Give how many left the shelf."""
    if not names:
        return 0
    result = await connection.execute(
        update(unit).where(unit.c.name.in_(list(names)), unit.c.place == "shelf").values(place="sick")
    )
    return result.rowcount


async def deliveries_by_number(
    connection: AsyncConnection, numbers: Iterable[int], tiers: Mapping[str, Tier]
) -> dict[int, Delivery]:
    """Read these deliveries with their units."""
    # Which tiers there are is not asked of the database: SQLite would walk a whole tier for the sake of a few numbers.
    query = select(unit, *_delivery_columns()).select_from(unit.join(delivery, delivery.c.unit == unit.c.name))
    found: dict[int, Delivery] = {}
    wanted = sorted(numbers)
    for start in range(0, len(wanted), NAMES):
        part = query.where(delivery.c.number.in_(wanted[start : start + NAMES]))
        rows = (await connection.execute(part)).mappings()
        found |= {row["delivery_number"]: _read_joined(row, tiers) for row in rows if row["tier"] in tiers}
    return found


async def customers_by_name(connection: AsyncConnection, names: Iterable[str]) -> dict[str, Customer]:
    """Read these customers."""
    rows = await connection.execute(select(customer).where(customer.c.name.in_(list(names))))
    return {row["name"]: customer_of(row) for row in rows.mappings()}


async def has_open_case(connection: AsyncConnection, numbers: Iterable[int]) -> set[int]:
    """Give those deliveries, of these, that have an open case."""
    query = select(cases.c.delivery).where(cases.c.delivery.in_(list(numbers)), cases.c.state.in_(list(OPEN)))
    return set((await connection.execute(query)).scalars())


async def keep_listed(connection: AsyncConnection, seen: Mapping[str, Seen]) -> None:
    """Keep which addresses of each range are listed now: they are asked about in every round until they are clear."""
    ranges = {name: what for name, what in seen.items() if isinstance(what, RangeSeen)}
    if not ranges:
        return
    now = {(name, str(address)) for name, what in ranges.items() for address in list(what.listed)[:LISTED_KEPT]}
    found = await connection.execute(select(listed_address).where(listed_address.c.unit.in_(list(ranges))))
    before = {(row.unit, row.address) for row in found}
    for name, address in before - now:
        if _was_heard(ranges[name], ip_address(address)):
            gone = (listed_address.c.unit == name) & (listed_address.c.address == address)
            await connection.execute(listed_address.delete().where(gone))
    if now - before:
        rows = [{"unit": name, "address": address} for name, address in sorted(now - before)]
        await connection.execute(listed_address.insert(), rows)


def _was_heard(what: RangeSeen, address: Address) -> bool:
    """Tell whether a round says that an address is clear: it was asked about, and no list stayed silent."""
    return address in what.probed and address not in what.unheard
