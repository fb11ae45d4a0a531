"""Drafts: reports that customers are just making, one in each chat, until they are filed or forgotten."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select, update

from monitor.store.conversation import draft
from monitor.store.engine import Transaction


@dataclass(frozen=True, slots=True)
class Draft:
    """What a customer has said so far."""

    number: int
    chat: int
    content: Mapping[str, Any]


async def begin(connection: Transaction, chat: int, content: Mapping[str, Any], expires_at: datetime) -> int:
    """Begin a report, in place of one that was begun before in that chat."""
    await connection.execute(delete(draft).where(draft.c.chat == chat))
    made = draft.insert().values(chat=chat, content=dict(content), expires_at=expires_at).returning(draft.c.number)
    number: int = (await connection.execute(made)).scalar_one()
    return number


async def get(connection: Transaction, chat: int, now: datetime) -> Draft | None:
    """Read what is being reported in a chat."""
    query = select(draft).where(draft.c.chat == chat, draft.c.expires_at > now)
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else Draft(row.number, row.chat, row.content)


async def change(connection: Transaction, number: int, content: Mapping[str, Any]) -> None:
    """Write down what was added."""
    await connection.execute(update(draft).where(draft.c.number == number).values(content=dict(content)))


async def drop(connection: Transaction, chat: int) -> None:
    """Forget the report that was begun in a chat."""
    await connection.execute(delete(draft).where(draft.c.chat == chat))
