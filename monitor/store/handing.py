"""Handing over: the spare becomes a delivery of its own, under the same order."""

from datetime import datetime

from sqlalchemy import func, or_, select, update

from monitor.core.case import Case, Move
from monitor.core.fleet import Delivery
from monitor.store import cases
from monitor.store.conversation import reveal
from monitor.store.engine import Transaction
from monitor.store.tables import delivery, event, unit


async def handed_over(connection: Transaction, case: int) -> tuple[datetime | None, int]:
    """Tell when a case's spare was handed over, and how often its access data has been shown since."""
    moved = select(func.max(event.c.at)).where(event.c.case_number == case, event.c.move == Move.HAND_OVER)
    since: datetime | None = (await connection.execute(moved)).scalar_one_or_none()
    stood = or_(reveal.c.receipt.is_not(None), reveal.c.deleted_at.is_(None))
    shown = select(func.count()).select_from(reveal).where(reveal.c.case_number == case, stood)
    return since, (await connection.execute(shown)).scalar_one()


async def deliver(connection: Transaction, case: Case, before: Delivery, now: datetime) -> None:
    """Make the spare of a case a delivery: the next turn of the same item, with a window of its own from now on."""
    item = (delivery.c.order_number == before.order, delivery.c.item == before.item)
    turn = (await connection.execute(select(func.max(delivery.c.turn)).where(*item))).scalar_one()
    await connection.execute(
        delivery.insert().values(
            order_number=before.order,
            item=before.item,
            turn=turn + 1,
            customer=before.customer,
            unit=case.spare,
            delivered_at=now,
            imported_at=now,
            tx_hash=before.tx_hash,
        )
    )
    await connection.execute(update(unit).where(unit.c.name == case.spare).values(place="delivered"))
    await cases.release_reservation(connection, case.number, now)


async def is_on_shelf(connection: Transaction, spare: str) -> bool:
    """Tell whether a spare is still fit to be given away."""
    return (await connection.execute(select(unit.c.place).where(unit.c.name == spare))).scalar_one_or_none() == "shelf"
