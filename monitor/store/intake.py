"""What an import reads and writes: always a batch of rows at once, never more names than one query takes."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, bindparam, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from monitor.core.fleet import Customer, Unit
from monitor.store import baselines
from monitor.store.fleet import unit_of, unit_values
from monitor.store.tables import customer, delivery, reservation, standing, unit


@dataclass(frozen=True, slots=True)
class Kept:
    """A unit that is known, where it is, and the case that it is promised to."""

    unit: Unit
    place: str
    promised_to: int | None = None


@dataclass(frozen=True, slots=True)
class Handed:
    """A delivery, as far as an import tells of it; ``unit`` is a name."""

    order: str
    item: int
    customer: str
    unit: str
    delivered_at: datetime
    tx_hash: str | None = None


async def kept_units(connection: AsyncConnection, names: Collection[str]) -> dict[str, Kept]:
    """Read these units, by name."""
    held = and_(reservation.c.unit == unit.c.name, reservation.c.released_at.is_(None))
    query = (
        select(unit, reservation.c.case_number)
        .select_from(unit.outerjoin(reservation, held))
        .where(unit.c.name.in_(names))
    )
    rows = (await connection.execute(query)).mappings()
    return {row["name"]: Kept(unit_of(row), row["place"], row["case_number"]) for row in rows}


async def first_deliveries(connection: AsyncConnection, orders: Collection[str]) -> dict[tuple[str, int], Handed]:
    """Read what was delivered first under these orders, by order and item; replacements are not among them."""
    found = await _handed(connection, and_(delivery.c.order_number.in_(orders), delivery.c.turn == 0))
    return {(each.order, each.item): each for each in found}


async def deliveries_of_units(connection: AsyncConnection, names: Collection[str]) -> dict[str, Handed]:
    """Read under which order each of these units was delivered, replacements too."""
    return {each.unit: each for each in await _handed(connection, delivery.c.unit.in_(names))}


async def add_customers(connection: AsyncConnection, customers: Iterable[Customer], at: datetime) -> None:
    """Write new customers."""
    rows = [
        {"name": each.name, "language": each.language, "chat": each.chat, "email": each.email, "imported_at": at}
        for each in customers
    ]
    if rows:
        await connection.execute(customer.insert(), rows)


async def change_customers(connection: AsyncConnection, customers: Iterable[Customer]) -> None:
    """Write what is new about known customers."""
    rows = [
        {"of_name": each.name, "language": each.language, "chat": each.chat, "email": each.email} for each in customers
    ]
    if rows:
        changed = update(customer).where(customer.c.name == bindparam("of_name"))
        facts = ("language", "chat", "email")
        await connection.execute(changed.values({name: bindparam(name) for name in facts}), rows)


async def add_units(connection: AsyncConnection, units: Iterable[Unit], place: str, at: datetime) -> None:
    """Write new units, all of them at one place."""
    rows = [{**unit_values(each), "place": place, "imported_at": at} for each in units]
    if rows:
        await connection.execute(unit.insert(), rows)


async def change_units(connection: AsyncConnection, units: Iterable[tuple[Unit, str]]) -> None:
    """Write what is new about known units, each with its place."""
    rows = [{**unit_values(each), "place": place, "of_name": each.name} for each, place in units]
    if rows:
        changed = update(unit).where(unit.c.name == bindparam("of_name"))
        facts = ("tier", "supplier", "ranges", "address", "access", "cost", "protocol", "endpoint", "block", "place")
        await connection.execute(changed.values({name: bindparam(name) for name in facts}), rows)


async def forget_standings(connection: AsyncConnection, names: Sequence[str]) -> None:
    """Forget what was seen of these units: they are not what was looked at any more."""
    if names:
        await connection.execute(delete(standing).where(standing.c.unit.in_(names)))
        await baselines.forget(connection, names)


async def add_deliveries(connection: AsyncConnection, deliveries: Iterable[Handed], at: datetime) -> None:
    """Write new deliveries, the first of their order and item."""
    rows = [
        {
            "order_number": each.order,
            "item": each.item,
            "turn": 0,
            "customer": each.customer,
            "unit": each.unit,
            "delivered_at": each.delivered_at,
            "imported_at": at,
            "tx_hash": each.tx_hash,
        }
        for each in deliveries
    ]
    if rows:
        await connection.execute(delivery.insert(), rows)


async def add_transactions(connection: AsyncConnection, deliveries: Iterable[Handed]) -> None:
    """Write the transaction hashes of known deliveries."""
    rows = [{"of_unit": each.unit, "tx_hash": each.tx_hash} for each in deliveries]
    if rows:
        changed = update(delivery).where(delivery.c.unit == bindparam("of_unit"))
        await connection.execute(changed.values(tx_hash=bindparam("tx_hash")), rows)


async def _handed(connection: AsyncConnection, which: ColumnElement[bool]) -> list[Handed]:
    query = select(
        delivery.c.order_number,
        delivery.c.item,
        delivery.c.customer,
        delivery.c.unit,
        delivery.c.delivered_at,
        delivery.c.tx_hash,
    ).where(which)
    return [Handed(*row) for row in await connection.execute(query)]
