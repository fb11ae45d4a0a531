"""The outbox: every notice from the decision that wrote it to the carrier that took it."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, CursorResult, Row, Select, exists, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from monitor.core.fleet import Customer
from monitor.core.notice import REPEATED, REPEATS, Kind, Notice
from monitor.store.engine import insert_once
from monitor.store.fleet import customer_of
from monitor.store.tables import carrier, customer, notice


class State(StrEnum):
    """Where a notice is."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    UNKNOWN = "unknown"
    REJECTED = "rejected"
    UNREACHABLE = "unreachable"
    EXPIRED = "expired"
    WITHHELD = "withheld"


class Channel(StrEnum):
    """Which way a notice goes: the shop's own, or the one for whom that does not reach."""

    FIRST = "first"
    SECOND = "second"


@dataclass(frozen=True, slots=True)
class Leased:
    """A notice taken for delivery, with its recipient; ``customer`` None: the operators."""

    number: int
    notice: Notice
    customer: Customer | None
    attempt: int

    @property
    def key(self) -> str:
        """The notice's own name, for ever."""
        return self.notice.key

    @property
    def kind(self) -> Kind:
        """What it tells."""
        return self.notice.kind


async def put(
    connection: AsyncConnection, item: Notice, *, withheld: bool = False, channel: Channel = Channel.FIRST
) -> bool:
    """Write a notice down; False where its key was written before. ``withheld``: it is never sent, in a dry run."""
    made = insert_once(connection.dialect, notice, **_values(item, withheld=withheld), channel=channel)
    return (await connection.execute(made.returning(notice.c.number))).scalar_one_or_none() is not None


async def is_written(connection: AsyncConnection, key: str) -> bool:
    """Tell whether a notice of this key was ever written down."""
    return (await connection.execute(select(notice.c.number).where(notice.c.key == key))).first() is not None


async def put_all(connection: AsyncConnection, items: Iterable[Notice], *, withheld: bool = False) -> None:
    """Write notices down in this order; those whose key was written before are left as they are."""
    rows = [_values(item, withheld=withheld) for item in items]
    if rows:
        await connection.execute(insert_once(connection.dialect, notice), rows)


def _values(item: Notice, *, withheld: bool) -> dict[str, Any]:
    return {
        "key": item.key,
        "kind": item.kind,
        "customer": item.customer,
        "chat": item.chat,
        "case_number": item.case,
        "params": dict(item.params),
        "created_at": item.created_at,
        "expires_at": item.expires_at,
        "not_before": item.wait_until or item.created_at,
        "state": State.WITHHELD if withheld else State.QUEUED,
        "attempt": 0,
        "repeats": 0,
        "settled_at": item.created_at if withheld else None,
        "why": "a dry run" if withheld else "",
    }


async def queued(connection: AsyncConnection, customers: Collection[str]) -> dict[str, Notice]:
    """Read what these customers are still to be told, by key."""
    if not customers:
        return {}
    query = select(notice).where(notice.c.customer.in_(customers), notice.c.state == State.QUEUED)
    return {
        row.key: Notice(
            row.key,
            Kind(row.kind),
            row.customer,
            row.case_number,
            row.created_at,
            row.params,
            row.not_before if row.not_before > row.created_at and not row.attempt else None,
            row.chat,
        )
        for row in await connection.execute(query)
    }


async def amend(connection: AsyncConnection, item: Notice) -> bool:
    """Put more into a notice that nobody has taken yet; False where it is on its way already."""
    waiting = (notice.c.key == item.key) & (notice.c.state == State.QUEUED) & (notice.c.attempt == 0)
    done: CursorResult[Any] = await connection.execute(
        update(notice).where(waiting).values(params=dict(item.params), not_before=item.wait_until or item.created_at)
    )
    return done.rowcount == 1


async def unsay(connection: AsyncConnection, keys: Collection[str], now: datetime) -> None:
    """Bury notices that something overtook before anybody took them."""
    if keys:
        waiting = notice.c.key.in_(keys) & (notice.c.state == State.QUEUED)
        await connection.execute(
            update(notice).where(waiting).values(state=State.EXPIRED, settled_at=now, why="something overtook it")
        )


async def lease(
    connection: AsyncConnection, now: datetime, span: timedelta, limit: int, channel: Channel = Channel.FIRST
) -> list[Leased]:
    """Take up to ``limit`` due notices and mark them ``sending``, so that after a crash nobody takes them for unsent.

    Of one customer only the oldest notice is taken: what was decided first is told first.
    """
    # What operators are told does not stand behind what thousands of customers are.
    due: list[int] = []
    for customers in (False, True):
        query = _due(now, channel, customers=customers).limit(limit - len(due)).with_for_update(skip_locked=True)
        due += [row.number for row in await connection.execute(query)]
    if not due:
        return []
    taken = (
        update(notice)
        .where(notice.c.number.in_(due), notice.c.state == State.QUEUED)
        .values(state=State.SENDING, attempt=notice.c.attempt + 1, lease_until=now + span)
        .returning(notice)
    )
    return await read_leased(connection, (await connection.execute(taken)).all())


async def read_leased(connection: AsyncConnection, rows: Sequence[Row[Any]]) -> list[Leased]:
    """Read what was taken, with the people it goes to."""
    names = [row.customer for row in rows if row.customer is not None]
    found = await connection.execute(select(customer).where(customer.c.name.in_(names)))
    people = {row["name"]: customer_of(row) for row in found.mappings()}
    return [
        Leased(
            number=row.number,
            notice=Notice(
                row.key, Kind(row.kind), row.customer, row.case_number, row.created_at, row.params, chat=row.chat
            ),
            customer=people.get(row.customer) if row.customer is not None else None,
            attempt=row.attempt,
        )
        for row in sorted(rows, key=lambda each: each.number)
    ]


def _due(now: datetime, channel: Channel, *, customers: bool) -> Select[tuple[int]]:
    """Name what customers, or operators, may be told now, the oldest first."""
    due = select(notice.c.number).where(
        notice.c.state == State.QUEUED, notice.c.not_before <= now, notice.c.expires_at > now
    )
    return due.where(_is_oldest(now, channel, customers=customers)).order_by(notice.c.number)


def _is_oldest(now: datetime, channel: Channel, *, customers: bool) -> ColumnElement[bool]:
    """Tell that nothing older is unsettled for the same customer, or for operators: the younger ones wait for it.

    They wait for one in doubt as well, as long as it is to be repeated: else they would arrive before it.
    """
    older = notice.alias()
    on_its_way = older.c.state.in_([State.QUEUED, State.SENDING])
    here, there = notice.c.channel == channel, older.c.channel == channel
    if not customers:
        return (
            here
            & notice.c.customer.is_(None)
            & ~exists().where(there, older.c.customer.is_(None), older.c.number < notice.c.number, on_its_way)
        )
    repeatable = older.c.kind.in_(REPEATED) & (older.c.repeats < REPEATS) & (older.c.expires_at > now)
    return (
        here
        & notice.c.customer.is_not(None)
        & ~exists().where(
            there,
            older.c.customer == notice.c.customer,
            older.c.number < notice.c.number,
            # Said once more than needed, for the index.
            older.c.state.in_([State.QUEUED, State.SENDING, State.UNKNOWN]),
            or_(on_its_way, repeatable),
        )
    )


async def settle(
    connection: AsyncConnection, number: int, state: State, now: datetime, why: str = "", receipt: str | None = None
) -> bool:
    """Write down how it ended; False where somebody else settled it meanwhile."""
    done: CursorResult[Any] = await connection.execute(
        update(notice)
        .where(notice.c.number == number, notice.c.state.in_([State.SENDING, State.UNKNOWN]))
        .values(state=state, settled_at=now, why=why, receipt=receipt, lease_until=None)
    )
    return done.rowcount == 1


async def postpone(connection: AsyncConnection, number: int, not_before: datetime, why: str) -> None:
    """Put a notice that was surely not sent back into the queue."""
    await connection.execute(
        update(notice)
        .where(notice.c.number == number, notice.c.state == State.SENDING)
        .values(state=State.QUEUED, not_before=not_before, why=why, lease_until=None)
    )


async def expire(connection: AsyncConnection, now: datetime) -> int:
    """Bury what is no longer worth telling."""
    done: CursorResult[Any] = await connection.execute(
        update(notice)
        .where(notice.c.state == State.QUEUED, notice.c.expires_at <= now)
        .values(state=State.EXPIRED, settled_at=now, why="too late to be worth telling")
    )
    return done.rowcount


async def doubt(
    connection: AsyncConnection,
    now: datetime,
    channel: Channel = Channel.FIRST,
    *,
    everything: bool,
    except_for: Collection[int] = (),
) -> int:
    """Turn deliveries that nobody finished into ``unknown``; with ``everything`` also those still on lease.

    ``except_for``: those in the hands of whoever asks. However long they take, he will say what became of them.
    """
    query = update(notice).where(
        notice.c.state == State.SENDING, notice.c.channel == channel, notice.c.number.not_in(except_for)
    )
    if not everything:
        query = query.where(notice.c.lease_until <= now)
    done: CursorResult[Any] = await connection.execute(
        query.values(
            state=State.UNKNOWN, settled_at=now, why="the process ended while it was being sent", lease_until=None
        )
    )
    return done.rowcount


async def repeat_unknown(connection: AsyncConnection, now: datetime, wait: timedelta) -> int:
    """Queue the ambiguous notices again whose loss would be worse than their repeat, each a few times at most.

    Attempts that surely failed do not count: whoever waited out an outage is owed the same repeat as anybody.
    """
    done: CursorResult[Any] = await connection.execute(
        update(notice)
        .where(
            notice.c.state == State.UNKNOWN,
            notice.c.kind.in_(REPEATED),
            notice.c.repeats < REPEATS,
            notice.c.expires_at > now,
            notice.c.settled_at <= now - wait,
        )
        .values(
            state=State.QUEUED,
            not_before=now,
            settled_at=None,
            repeats=notice.c.repeats + 1,
            why="repeated: the first answer was lost",
        )
    )
    return done.rowcount


async def next_due(connection: AsyncConnection, now: datetime, channel: Channel = Channel.FIRST) -> datetime | None:
    """Give when the next notice may be taken; None where nothing waits that could be."""
    found: list[datetime] = []
    for customers in (False, True):
        oldest = _is_oldest(now, channel, customers=customers)
        query = select(notice.c.not_before).where(notice.c.state == State.QUEUED, oldest)
        found += (await connection.execute(query.order_by(notice.c.not_before).limit(1))).scalars().all()
    return min(found, default=None)


async def counts(connection: AsyncConnection) -> dict[str, int]:
    """Count the notices by state."""
    rows = await connection.execute(select(notice.c.state, func.count()).group_by(notice.c.state))
    return dict(rows.all())


async def paused_until(connection: AsyncConnection, name: str) -> datetime | None:
    """Give until when a carrier asked for silence."""
    return (await connection.execute(select(carrier.c.not_before).where(carrier.c.name == name))).scalar_one_or_none()


async def pause(connection: AsyncConnection, name: str, until: datetime) -> None:
    """Remember until when a carrier asked for silence, over restarts too."""
    done: CursorResult[Any] = await connection.execute(
        update(carrier).where(carrier.c.name == name).values(not_before=until)
    )
    if done.rowcount == 0:
        await connection.execute(insert_once(connection.dialect, carrier, name=name, not_before=until))
