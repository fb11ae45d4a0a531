"""What customers hold: their newest deliveries, how each stands, and whether a case is about it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, func, select

from monitor.core.case import OPEN, Move, State
from monitor.store.engine import Transaction
from monitor.store.tables import cases, delivery, event, unit


@dataclass(frozen=True, slots=True)
class Held:
    """One thing that a customer has now: the first delivery of an item, or its newest replacement."""

    delivery: int
    order: str
    unit: str
    tier: str
    delivered_at: datetime
    tx_hash: str | None
    case: int | None
    state: str | None
    """Of the newest case about the item, replaced ones included."""


async def of(connection: Transaction, customers: Sequence[str], limit: int) -> list[Held]:
    """Read what these customers hold, the newest first."""
    item = (delivery.c.order_number, delivery.c.item)
    last = (
        select(*item, func.max(delivery.c.turn).label("turn"))
        .where(delivery.c.customer.in_(list(customers)))
        .group_by(*item)
        .subquery()
    )
    about = (
        select(*item, func.max(cases.c.number).label("number"))
        .select_from(cases.join(delivery, delivery.c.number == cases.c.delivery))
        .where(delivery.c.customer.in_(list(customers)))
        .group_by(*item)
        .subquery()
    )

    query = (
        select(delivery, unit.c.tier, cases.c.number.label("case_number"), cases.c.state)
        .select_from(
            delivery.join(unit, unit.c.name == delivery.c.unit)
            .join(last, and_(last.c.order_number == delivery.c.order_number, last.c.item == delivery.c.item))
            .outerjoin(about, and_(about.c.order_number == delivery.c.order_number, about.c.item == delivery.c.item))
            .outerjoin(cases, cases.c.number == about.c.number)
        )
        .where(last.c.turn == delivery.c.turn)
        .order_by(delivery.c.delivered_at.desc(), delivery.c.number.desc())
        .limit(limit)
    )
    return [
        Held(
            row.number,
            row.order_number,
            row.unit,
            row.tier,
            row.delivered_at,
            row.tx_hash,
            row.case_number,
            row.state,
        )
        for row in await connection.execute(query)
    ]


async def next_case(connection: Transaction) -> int:
    """Give the number that the next case bears."""
    return ((await connection.execute(select(func.max(cases.c.number)))).scalar_one_or_none() or 0) + 1


async def asked(connection: Transaction, customers: Sequence[str]) -> int | None:
    """Give the open case that one of these customers was asked about last and has not answered; None: none."""
    said = (
        select(event.c.case_number, func.max(event.c.sequence).label("sequence"))
        .select_from(event.join(cases, cases.c.number == event.c.case_number))
        .where(
            cases.c.customer.in_(list(customers)),
            cases.c.state.in_(list(OPEN)),
            event.c.move.in_([Move.ASK, Move.ANSWER]),
        )
        .group_by(event.c.case_number)
        .subquery()
    )
    query = (
        select(event.c.case_number)
        .select_from(
            event.join(said, and_(said.c.case_number == event.c.case_number, said.c.sequence == event.c.sequence))
        )
        .where(event.c.move == Move.ASK)
        .order_by(event.c.at.desc())
        .limit(1)
    )
    return (await connection.execute(query)).scalar_one_or_none()


async def looked_at(connection: Transaction, customers: Sequence[str]) -> int | None:
    """Give the case that these customers were asked about, or else their newest that somebody has yet to look at."""
    number = await asked(connection, customers)
    if number is not None:
        return number
    query = select(func.max(cases.c.number)).where(
        cases.c.customer.in_(list(customers)), cases.c.state.in_([State.SUSPECTED, State.VERIFYING])
    )
    newest: int | None = (await connection.execute(query)).scalar_one_or_none()
    return newest
