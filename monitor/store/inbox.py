"""The inbox: what people said is stored before it is acted on, once, however often it is delivered."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, not_, or_, select, update

from monitor.store.conversation import inbox, post
from monitor.store.engine import Transaction, insert_once

KEPT = timedelta(hours=48)
"""How long an update is remembered. Telegram repeats none for longer than a day, and may use its number again after a
week: a number that was remembered for ever would make us deaf."""

PRESSED = "pressed"
"""The kind of a pressed button."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """One thing that somebody said or did. ``key`` names it however often it comes; ``chat``: where it happened."""

    key: str
    kind: str
    chat: int | None
    content: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Waiting:
    """One of them, taken to be acted on for the ``attempt``-th time."""

    number: int
    kind: str
    chat: int | None
    content: Mapping[str, Any]
    received_at: datetime
    attempt: int


async def store(connection: Transaction, arrived: Iterable[Arrived], now: datetime) -> int:
    """Write down what came, without what is there already; give how much of it was new."""
    # What is forgotten may come again as something new.
    await connection.execute(delete(inbox).where(inbox.c.expires_at <= now))
    new = 0
    for each in arrived:
        made = insert_once(
            connection.dialect,
            inbox,
            key=each.key,
            kind=each.kind,
            chat=each.chat,
            content=dict(each.content),
            received_at=now,
            expires_at=now + KEPT,
            not_before=now,
            attempt=0,
            why="",
        )
        new += (await connection.execute(made.returning(inbox.c.number))).scalar_one_or_none() is not None
    return new


async def lease(connection: Transaction, now: datetime, span: timedelta, limit: int) -> list[Waiting]:
    """Take what is to be acted on: of each chat only the oldest, so that what was said first is done first.

    A pressed button stands behind nothing: it carries the version that it is about, and somebody waits for its answer.
    """
    pressed = inbox.c.kind == PRESSED
    heads = select(func.min(inbox.c.number)).where(inbox.c.done_at.is_(None), not_(pressed)).group_by(inbox.c.chat)
    free = or_(inbox.c.lease_until.is_(None), inbox.c.lease_until <= now)
    first = or_(pressed, inbox.c.number.in_(heads))
    due = (
        select(inbox.c.number)
        .where(inbox.c.done_at.is_(None), inbox.c.not_before <= now, free, first)
        .order_by(inbox.c.number)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("due")
        .prefix_with("MATERIALIZED")
    )
    taken = (
        update(inbox)
        .where(inbox.c.number.in_(select(due.c.number)))
        .values(lease_until=now + span, attempt=inbox.c.attempt + 1)
        .returning(inbox)
    )
    rows = (await connection.execute(taken)).all()
    return [
        Waiting(row.number, row.kind, row.chat, row.content, row.received_at, row.attempt)
        for row in sorted(rows, key=lambda each: each.number)
    ]


async def release(connection: Transaction) -> None:
    """Free what an earlier life had taken: for whoever is alone on the database."""
    await connection.execute(update(inbox).where(inbox.c.done_at.is_(None)).values(lease_until=None))


async def done(connection: Transaction, number: int, now: datetime, why: str = "") -> None:
    """Write down that it was acted on, or why it cannot be."""
    await connection.execute(
        update(inbox).where(inbox.c.number == number).values(done_at=now, why=why, lease_until=None)
    )


async def postpone(connection: Transaction, number: int, not_before: datetime, why: str) -> None:
    """Act on it later."""
    await connection.execute(
        update(inbox).where(inbox.c.number == number).values(not_before=not_before, why=why, lease_until=None)
    )


async def next_due(connection: Transaction) -> datetime | None:
    """Give when the next may be acted on; None where nothing waits."""
    found: datetime | None = (
        await connection.execute(select(func.min(inbox.c.not_before)).where(inbox.c.done_at.is_(None)))
    ).scalar_one_or_none()
    return found


async def count(connection: Transaction, chat: int, kind: str, since: datetime, upto: int) -> int:
    """Count what of one kind came from a chat since an instant, up to one of them by its number."""
    query = (
        select(func.count())
        .select_from(inbox)
        .where(inbox.c.chat == chat, inbox.c.kind == kind, inbox.c.received_at > since, inbox.c.number <= upto)
    )
    return (await connection.execute(query)).scalar_one()


async def hold_post(connection: Transaction, name: str, node: str, now: datetime, span: timedelta) -> bool:
    """Take or keep a post that one node at a time has, such as receiving; False while another node has it."""
    await connection.execute(insert_once(connection.dialect, post, name=name, node=node, until=now))
    mine = or_(post.c.node == node, post.c.until <= now)
    held = update(post).where(post.c.name == name, mine).values(node=node, until=now + span).returning(post.c.name)
    return (await connection.execute(held)).scalar_one_or_none() is not None
