"""Notices off their straight way: gathered for a digest, proven by a pressed button, retried or buried by people."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, CursorResult, and_, func, or_, select, update

from monitor.core.notice import LIFETIME, OPERATOR_LIFETIME, Kind
from monitor.store.engine import Transaction
from monitor.store.outbox import Channel, Leased, State, read_leased
from monitor.store.tables import customer, notice

TO_OPERATORS = and_(notice.c.customer.is_(None), notice.c.chat.is_(None), notice.c.channel == Channel.FIRST)


async def waiting_for_operators(connection: Transaction, now: datetime) -> int:
    """Count what operators could be told now."""
    due = (TO_OPERATORS, notice.c.state == State.QUEUED, notice.c.not_before <= now)
    return (await connection.execute(select(func.count()).select_from(notice).where(*due))).scalar_one()


async def gather(connection: Transaction, now: datetime, span: timedelta, limit: int) -> list[Leased]:
    """Take up to ``limit`` of the notices to operators at once, to be told in one message."""
    due = (
        select(notice.c.number)
        .where(TO_OPERATORS, notice.c.state == State.QUEUED, notice.c.not_before <= now)
        .order_by(notice.c.number)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("due")
        .prefix_with("MATERIALIZED")
    )
    taken = (
        update(notice)
        .where(notice.c.number.in_(select(due.c.number)), notice.c.state == State.QUEUED)
        .values(state=State.SENDING, attempt=notice.c.attempt + 1, lease_until=now + span)
        .returning(notice)
    )
    return await read_leased(connection, (await connection.execute(taken)).all())


async def prove(
    connection: Transaction, who: str | None, case: int, kinds: Iterable[Kind], receipt: str, now: datetime
) -> int:
    """Settle what was in doubt: somebody pressed a button on it, so it has arrived. Give how many doubts that ended.

    ``who``: the customer; None: the operators. A message whose number is known already proves nothing new.
    """
    mine = notice.c.customer.is_(None) if who is None else notice.c.customer == who
    known = select(notice.c.number).where(mine, notice.c.case_number == case, notice.c.receipt == receipt)
    if (await connection.execute(known)).first() is not None:
        return 0
    # One that waits to be repeated was in doubt a moment ago.
    doubtful = or_(
        notice.c.state == State.UNKNOWN, and_(notice.c.state == State.QUEUED, notice.c.repeats > 0)
    )  # fmt: skip
    done: CursorResult[Any] = await connection.execute(
        update(notice)
        .where(mine, notice.c.case_number == case, notice.c.kind.in_(list(kinds)), doubtful)
        .values(state=State.SENT, settled_at=now, receipt=receipt, why="proven by a button pressed on it")
    )
    return done.rowcount


async def revive(connection: Transaction, chat: int, now: datetime) -> int:
    """Queue again what could not be told in a chat that can be reached now, and is still worth telling."""
    names = select(customer.c.name).where(customer.c.chat == chat)
    return await _queue(connection, notice.c.customer.in_(names), [State.UNREACHABLE], now, "can be reached again")


async def retry(connection: Transaction, number: int, now: datetime) -> bool:
    """Queue one notice again, with a new life if its own is over; False where it cannot be."""
    ended = [State.UNKNOWN, State.REJECTED, State.UNREACHABLE, State.EXPIRED]
    kind = (await connection.execute(select(notice.c.kind).where(notice.c.number == number))).scalar_one_or_none()
    if kind is None:
        return False
    until = now + LIFETIME.get(Kind(kind), OPERATOR_LIFETIME)
    await connection.execute(
        update(notice)
        .where(notice.c.number == number, notice.c.state.in_(ended), notice.c.expires_at <= now)
        .values(expires_at=until)
    )
    return await _queue(connection, notice.c.number == number, ended, now, "queued again by hand") > 0


async def bury(connection: Transaction, number: int, now: datetime, why: str) -> bool:
    """Give one notice up; False where it is settled, or on its way."""
    done: CursorResult[Any] = await connection.execute(
        update(notice)
        .where(notice.c.number == number, notice.c.state.in_([State.QUEUED, State.UNKNOWN, State.UNREACHABLE]))
        .values(state=State.EXPIRED, settled_at=now, why=why, lease_until=None)
    )
    return done.rowcount == 1


async def _queue(
    connection: Transaction, which: ColumnElement[bool], states: Sequence[State], now: datetime, why: str
) -> int:
    done: CursorResult[Any] = await connection.execute(
        update(notice)
        .where(which, notice.c.state.in_(list(states)), notice.c.expires_at > now)
        .values(state=State.QUEUED, not_before=now, settled_at=None, lease_until=None, why=why)
    )
    return done.rowcount


async def listed(connection: Transaction, *, states: Sequence[str] | None, limit: int) -> list[dict[str, Any]]:
    """List notices, the newest first; without chats, which are nobody's business."""
    query = select(
        notice.c.number, notice.c.key, notice.c.kind, notice.c.customer, notice.c.case_number.label("case"),
        notice.c.channel, notice.c.state, notice.c.attempt, notice.c.repeats, notice.c.created_at, notice.c.not_before,
        notice.c.expires_at, notice.c.settled_at, notice.c.why,
    ).order_by(notice.c.number.desc())  # fmt: skip
    if states is not None:
        query = query.where(notice.c.state.in_(states))
    return [dict(row) for row in (await connection.execute(query.limit(limit))).mappings()]


async def one(connection: Transaction, number: int) -> dict[str, Any] | None:
    """Read one notice with the facts that it tells."""
    query = select(
        notice.c.number, notice.c.key, notice.c.kind, notice.c.customer, notice.c.case_number.label("case"),
        notice.c.channel, notice.c.state, notice.c.attempt, notice.c.repeats, notice.c.created_at, notice.c.not_before,
        notice.c.expires_at, notice.c.settled_at, notice.c.receipt, notice.c.why, notice.c.params,
    ).where(notice.c.number == number)  # fmt: skip
    row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else dict(row)
