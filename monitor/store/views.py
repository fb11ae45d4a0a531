"""What people look at: lists and stories, read in one go."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, Select, and_, case, func, select

from monitor.core.case import OPEN
from monitor.store import pictures
from monitor.store.archive import broken_trails
from monitor.store.baselines import baseline
from monitor.store.engine import Transaction
from monitor.store.tables import cases, customer, delivery, event, notice, reservation, ruling, source, standing, unit

Row = dict[str, Any]

GRAVEST_FIRST = ("failed", "suspect", "undecided", "excused", "sound", "not_measured")
"""Verdicts, in the order in which people want to know of them."""


def _plain(row: RowMapping) -> Row:
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in row.items()}


async def rows(connection: Transaction, query: Select[Any]) -> list[Row]:
    """Run a query and give its rows as plain facts, instants in ISO 8601."""
    return [_plain(row) for row in (await connection.execute(query)).mappings()]


def _worst_of(name: ColumnElement[str]) -> ColumnElement[bool]:
    """Join a unit with what is gravest of all that is remembered of it."""
    each = standing.alias("each")
    gravity = case({word: place for place, word in enumerate(GRAVEST_FIRST)}, value=each.c.verdict, else_=0)
    worst = select(each.c.defect).where(each.c.unit == name).order_by(gravity, each.c.defect).limit(1)
    return and_(standing.c.unit == name, standing.c.defect == worst.correlate_except(each).scalar_subquery())


def _deliveries() -> Select[Any]:
    newest = (
        select(cases.c.delivery.label("of"), func.max(cases.c.number).label("number"))
        .group_by(cases.c.delivery)
        .subquery()
    )
    return (
        select(
            delivery.c.number,
            delivery.c.order_number.label("order"),
            delivery.c.item,
            delivery.c.turn,
            delivery.c.customer,
            delivery.c.unit,
            unit.c.tier,
            unit.c.supplier,
            unit.c.ranges,
            unit.c.address,
            delivery.c.delivered_at,
            delivery.c.tx_hash,
            standing.c.defect,
            standing.c.verdict,
            standing.c.why,
            standing.c.last_ok,
            standing.c.first_bad,
            standing.c.looked_at,
            newest.c.number.label("case"),
        )
        .select_from(
            delivery.join(unit, unit.c.name == delivery.c.unit)
            .outerjoin(standing, _worst_of(delivery.c.unit))
            .outerjoin(newest, newest.c.of == delivery.c.number)
        )
        .order_by(delivery.c.number)
    )


async def list_deliveries(
    connection: Transaction, *, order: str | None, tiers: Sequence[str] | None, limit: int
) -> list[Row]:
    """List deliveries with how they stand."""
    query = _deliveries()
    if order is not None:
        query = query.where(delivery.c.order_number == order)
    if tiers is not None:
        query = query.where(unit.c.tier.in_(tiers))
    return await rows(connection, query.limit(limit))


def _cases(*more: ColumnElement[Any]) -> Select[Any]:
    return (
        select(
            cases.c.number,
            delivery.c.order_number.label("order"),
            delivery.c.item,
            cases.c.customer,
            cases.c.defect,
            cases.c.state,
            cases.c.clause,
            cases.c.reason,
            delivery.c.unit,
            cases.c.spare,
            cases.c.supplier,
            cases.c.tier,
            cases.c.opened_at,
            cases.c.verify_due,
            cases.c.replace_due,
            cases.c.closed_at,
            *more,
        )
        .select_from(
            cases.join(delivery, delivery.c.number == cases.c.delivery).join(unit, unit.c.name == delivery.c.unit)
        )
        .order_by(cases.c.number)
    )


async def list_cases(connection: Transaction, *, states: Sequence[str] | None, limit: int) -> list[Row]:
    """List cases, oldest first."""
    query = _cases()
    if states is not None:
        query = query.where(cases.c.state.in_(states))
    return await rows(connection, query.limit(limit))


async def case_story(connection: Transaction, number: int) -> Row | None:
    """Read one case with its ruling, trail, notices and what pictures there were; None where there is none."""
    delivered = (delivery.c.delivered_at, delivery.c.tx_hash, unit.c.ranges, unit.c.address, cases.c.supplier_fault)
    found = await rows(connection, _cases(*delivered).where(cases.c.number == number))
    if not found:
        return None
    rulings = select(
        ruling.c.outcome, ruling.c.clause, ruling.c.reason, ruling.c.at, ruling.c.policy_version,
        ruling.c.policy_digest, ruling.c.claim, ruling.c.finding,
    ).where(ruling.c.case_number == number)  # fmt: skip
    trail = (
        select(event.c.sequence, event.c.at, event.c.who, event.c.move, event.c.state, event.c.why, event.c.digest)
        .where(event.c.case_number == number)
        .order_by(event.c.sequence)
    )
    told = (
        select(notice.c.key, notice.c.kind, notice.c.customer, notice.c.state, notice.c.created_at,
               notice.c.settled_at, notice.c.attempt, notice.c.why)
        .where(notice.c.case_number == number)
        .order_by(notice.c.number)
    )  # fmt: skip
    held = select(reservation.c.unit, reservation.c.reserved_at, reservation.c.released_at).where(
        reservation.c.case_number == number
    )
    return {
        **found[0],
        "rulings": await rows(connection, rulings),
        "events": await rows(connection, trail),
        "trail_holds": not await broken_trails(connection, number),
        "reservations": await rows(connection, held),
        "notices": await rows(connection, told),
        "pictures": await rows(connection, pictures.story(number)),
    }


async def delivery_story(connection: Transaction, order: str) -> list[Row]:
    """Read every delivery of an order with its cases and the rulings that opened none."""
    found = await list_deliveries(connection, order=order, tiers=None, limit=1000)
    for row in found:
        row["cases"] = await rows(connection, _cases().where(cases.c.delivery == row["number"]))
        refused = select(ruling.c.defect, ruling.c.outcome, ruling.c.clause, ruling.c.reason, ruling.c.at)
        row["rulings"] = await rows(
            connection, refused.where(ruling.c.delivery == row["number"], ruling.c.case_number.is_(None))
        )
        looks = select(
            standing.c.defect, standing.c.verdict, standing.c.why, standing.c.last_ok, standing.c.first_bad,
            standing.c.looked_at,
        ).where(standing.c.unit == row["unit"]).order_by(standing.c.defect)  # fmt: skip
        row["standings"] = await rows(connection, looks)
        handed_over = await rows(connection, select(baseline).where(baseline.c.unit == row["unit"]))
        row["handed_over"] = handed_over[0] if handed_over else None
    return found


async def list_stock(connection: Transaction, *, tier: str | None, name: str | None, limit: int) -> list[Row]:
    """List the units that are, or were, on the shelf."""
    held = and_(reservation.c.unit == unit.c.name, reservation.c.released_at.is_(None))
    query = (
        select(
            unit.c.name.label("unit"),
            unit.c.tier,
            unit.c.supplier,
            unit.c.ranges,
            unit.c.address,
            unit.c.cost,
            unit.c.place,
            standing.c.verdict,
            standing.c.why,
            standing.c.looked_at,
            reservation.c.case_number.label("promised_to"),
        )
        .select_from(unit.outerjoin(reservation, held).outerjoin(standing, _worst_of(unit.c.name)))
        .where(unit.c.place != "delivered")
        .order_by(unit.c.tier, unit.c.name)
    )
    if tier is not None:
        query = query.where(unit.c.tier == tier)
    if name is not None:
        query = query.where(unit.c.name == name)
    return await rows(connection, query.limit(limit))


async def list_customers(connection: Transaction, names: Sequence[str] | None = None) -> list[Row]:
    """List customers; without their chats, which are nobody's business."""
    query = select(customer.c.name, customer.c.language, customer.c.chat.is_not(None).label("linked")).order_by(
        customer.c.name
    )
    if names is not None:
        query = query.where(customer.c.name.in_(names))
    return await rows(connection, query)


async def list_sources(connection: Transaction) -> list[Row]:
    """List what is thought of every source."""
    return await rows(connection, select(source).order_by(source.c.name))


@dataclass(frozen=True, slots=True)
class Figures:
    """What the metrics page shows of the store."""

    cases: Mapping[str, int]
    oldest_due: datetime | None
    spares: Mapping[tuple[str, ...], int]
    notices: Mapping[str, int]


async def figures(connection: Transaction) -> Figures:
    """Count cases, spares and notices."""
    states = await connection.execute(select(cases.c.state, func.count()).group_by(cases.c.state))
    due = await connection.execute(select(func.min(cases.c.replace_due)).where(cases.c.state.in_(list(OPEN))))
    held = select(reservation.c.unit).where(reservation.c.released_at.is_(None)).scalar_subquery()
    spares: dict[tuple[str, ...], int] = {}
    rows = await connection.execute(
        select(unit.c.tier, unit.c.place, unit.c.name.in_(held).label("held"), func.count())
        .where(unit.c.place != "delivered")
        .group_by(unit.c.tier, unit.c.place, unit.c.name.in_(held))
    )
    for tier, place, promised, count in rows:
        condition = "sick" if place == "sick" else "reserved" if promised else "available"
        spares[tier, condition] = spares.get((tier, condition), 0) + count
    told = await connection.execute(select(notice.c.state, func.count()).group_by(notice.c.state))
    return Figures(dict(states.all()), due.scalar_one_or_none(), spares, dict(told.all()))


async def events_after(connection: Transaction, seen: int) -> list[Row]:
    """Read the moves of cases beyond the first ``seen``, in the order in which they happened."""
    query = (
        select(event.c.case_number, delivery.c.order_number.label("order"), event.c.move, event.c.why, event.c.at)
        .select_from(
            event.join(cases, cases.c.number == event.c.case_number).join(
                delivery, delivery.c.number == cases.c.delivery
            )
        )
        .order_by(event.c.at, event.c.case_number, event.c.sequence)
        .offset(seen)
    )
    return await rows(connection, query)


async def notice_kinds(connection: Transaction) -> dict[tuple[str | None, str], str]:
    """Tell what each accepted message was: by customer and receipt."""
    rows = await connection.execute(
        select(notice.c.customer, notice.c.receipt, notice.c.kind).where(notice.c.receipt.is_not(None))
    )
    return {(row.customer, row.receipt): row.kind for row in rows}


async def accounts(connection: Transaction, names: Sequence[str] | None) -> list[Row]:
    """List the units that have an account; without names, those on the shelf or delivered of late."""
    query = select(unit.c.name.label("unit"), unit.c.tier, unit.c.access).where(unit.c.access.is_not(None))
    query = query.where(unit.c.place != "sick") if names is None else query.where(unit.c.name.in_(names))
    return await rows(connection, query.order_by(unit.c.name).limit(10_000))
