"""Links: one-time tokens that tie a chat to a customer, kept as digests, each bound to one order."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import func, select, update

from monitor.core.case import OPEN
from monitor.store.conversation import link
from monitor.store.engine import Transaction
from monitor.store.tables import cases, customer, delivery


class State(StrEnum):
    """Where a link is."""

    ISSUED = "issued"
    WAITING = "waiting"
    """For an operator: the customer had another chat, and something is owed to him."""
    LINKED = "linked"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Link:
    """One link. ``chat``: who holds the token in his hands, and later who is linked by it."""

    number: int
    customer: str
    order: str
    expires_at: datetime
    state: State
    chat: int | None


async def customer_of_order(connection: Transaction, order: str) -> str | None:
    """Give who ordered; None where there is no such order."""
    query = select(delivery.c.customer).where(delivery.c.order_number == order).limit(1)
    return (await connection.execute(query)).scalar_one_or_none()


async def issue(
    connection: Transaction, digest: str, name: str, order: str, now: datetime, expires_at: datetime
) -> None:
    """Write a new link down."""
    await connection.execute(
        link.insert().values(
            digest=digest,
            customer=name,
            order_number=order,
            made_at=now,
            expires_at=expires_at,
            state=State.ISSUED,
        )
    )


async def present(connection: Transaction, digest: str, chat: int, now: datetime) -> Link | None:
    """Find the link that a token opens, and note who holds it. None: wrong, used or expired; nobody is told which."""
    valid = (link.c.digest == digest, link.c.state == State.ISSUED, link.c.expires_at > now)
    query = update(link).where(*valid).values(chat=chat).returning(link)
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else Link(
        row.number, row.customer, row.order_number, row.expires_at, State(row.state), row.chat
    )  # fmt: skip


async def find(connection: Transaction, number: int) -> Link | None:
    """Read one link."""
    row = (await connection.execute(select(link).where(link.c.number == number))).one_or_none()
    return None if row is None else Link(
        row.number, row.customer, row.order_number, row.expires_at, State(row.state), row.chat
    )  # fmt: skip


async def settle(
    connection: Transaction, found: Link, before: State, after: State, now: datetime, by: str | None = None
) -> bool:
    """Move a link on, once; False where somebody was faster."""
    query = (
        update(link)
        .where(link.c.number == found.number, link.c.state == before, link.c.chat == found.chat)
        .values(state=after, settled_at=now, settled_by=by)
        .returning(link.c.number)
    )
    return (await connection.execute(query)).scalar_one_or_none() is not None


async def settled_by(connection: Transaction, number: int) -> str | None:
    """Tell who settled a link."""
    query = select(link.c.settled_by).where(link.c.number == number)
    return (await connection.execute(query)).scalar_one_or_none()


async def tie(connection: Transaction, name: str, chat: int) -> None:
    """Tie a customer to a chat: from now on he is told there."""
    await connection.execute(update(customer).where(customer.c.name == name).values(chat=chat))


async def chat_of(connection: Transaction, name: str) -> int | None:
    """Give the chat that a customer is tied to."""
    return (await connection.execute(select(customer.c.chat).where(customer.c.name == name))).scalar_one_or_none()


async def owed(connection: Transaction, names: Iterable[str]) -> int:
    """Count the open cases of these customers."""
    query = (
        select(func.count()).select_from(cases).where(cases.c.customer.in_(list(names)), cases.c.state.in_(list(OPEN)))
    )
    return (await connection.execute(query)).scalar_one()
