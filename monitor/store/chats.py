"""What is known of chats: who cannot be reached there and since when, where they moved, which language, how loud."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select, update

from monitor.core.fleet import Customer
from monitor.store.conversation import chat
from monitor.store.engine import Transaction, insert_once
from monitor.store.fleet import customer_of
from monitor.store.tables import customer

STRIKE_GAP = timedelta(hours=12)
"""Failures closer together than this count once: they may be one fault of Telegram's."""
STRIKES = 3
"""So many failures, over more than a day, until a chat that is not found is believed to be gone."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of one chat; ``unreachable`` says why nothing is sent there."""

    number: int
    language: str | None = None
    unreachable: str | None = None
    moved_to: int | None = None
    muted_until: datetime | None = None
    strikes: int = 0


async def read(connection: Transaction, numbers: Iterable[int]) -> dict[int, Known]:
    """Read what is known of these chats; of most nothing is."""
    rows = await connection.execute(select(chat).where(chat.c.number.in_(set(numbers))))
    return {
        row.number: Known(row.number, row.language, row.unreachable, row.moved_to, row.muted_until, row.strikes)
        for row in rows
    }


async def current(connection: Transaction, number: int) -> int:
    """Follow a chat to where it lives now."""
    seen = {number}
    while True:
        to = (await connection.execute(select(chat.c.moved_to).where(chat.c.number == number))).scalar_one_or_none()
        if to is None or to in seen:
            return number
        seen.add(to)
        number = to


async def move(connection: Transaction, number: int, to: int) -> None:
    """Remember that a group lives on under another id."""
    if number != to:
        await _change(connection, number, moved_to=to)


async def speak(connection: Transaction, number: int, language: str) -> None:
    """Remember the language that was chosen in a chat."""
    await _change(connection, number, language=language)


async def mute(connection: Transaction, number: int, until: datetime, by: str) -> None:
    """Let notices arrive without a sound until an instant; it always ends."""
    await _change(connection, number, muted_until=until, muted_by=by)


async def close(connection: Transaction, number: int, why: str, now: datetime) -> bool:
    """Remember that nobody can be reached in a chat; False where that was known."""
    known = (await read(connection, [number])).get(number)
    if known is not None and known.unreachable is not None:
        return False
    await _change(connection, number, unreachable=why, since=now)
    return True


async def strike(connection: Transaction, number: int, why: str, now: datetime) -> bool:
    """Count a failure that may not be the chat's own fault; True once it is believed, and the chat is closed."""
    row = (await connection.execute(select(chat).where(chat.c.number == number))).one_or_none()
    last: datetime | None = row.struck_at if row is not None else None
    if row is not None and last is not None and now - last < STRIKE_GAP:
        return False
    strikes = 1 + (row.strikes if row is not None else 0)
    await _change(connection, number, strikes=strikes, struck_at=now)
    if strikes < STRIKES:
        return False
    await close(connection, number, why, now)
    return True


async def open_again(connection: Transaction, number: int) -> bool:
    """Remember that a chat can be reached; True where it could not be."""
    query = select(chat.c.unreachable, chat.c.strikes).where(chat.c.number == number)
    row = (await connection.execute(query)).one_or_none()
    if row is None or (row.unreachable is None and not row.strikes):
        return False
    await _change(connection, number, unreachable=None, since=None, strikes=0, struck_at=None)
    return row.unreachable is not None


async def customers(connection: Transaction, number: int) -> list[Customer]:
    """Read who is linked to a chat; one person may have ordered under several names."""
    rows = await connection.execute(select(customer).where(customer.c.chat == number).order_by(customer.c.name))
    return [customer_of(row) for row in rows.mappings()]


async def choose_language(connection: Transaction, number: int, language: str) -> None:
    """Let everybody who is linked to a chat be told things in this language."""
    await speak(connection, number, language)
    await connection.execute(update(customer).where(customer.c.chat == number).values(language=language))


async def count_unreachable(connection: Transaction) -> int:
    """Count the chats in which nobody can be reached."""
    query = select(func.count()).select_from(chat).where(chat.c.unreachable.is_not(None))
    return (await connection.execute(query)).scalar_one()


async def _change(connection: Transaction, number: int, **values: object) -> None:
    await connection.execute(insert_once(connection.dialect, chat, number=number, strikes=0))
    await connection.execute(update(chat).where(chat.c.number == number).values(**values))
