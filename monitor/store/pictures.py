"""Pictures that customers sent to show what is wrong: kept for a time, and then only proven to have been there."""

from datetime import datetime
from hashlib import sha256

from sqlalchemy import Select, delete, func, or_, select, update

from monitor.core.case import OPEN
from monitor.store.conversation import picture
from monitor.store.engine import Transaction
from monitor.store.tables import cases

AT_ONCE = 100
"""Pictures that one transaction deletes: each may have megabytes."""


async def count(connection: Transaction, chat: int, since: datetime) -> int:
    """Count what came from a chat since then."""
    mine = (picture.c.chat == chat, picture.c.received_at > since)
    return (await connection.execute(select(func.count()).select_from(picture).where(*mine))).scalar_one()


async def keep(connection: Transaction, chat: int, case: int | None, media: str, content: bytes, now: datetime) -> str:
    """Keep a picture, for a case or for the report that is being made; give its SHA-256 in hexadecimal."""
    digest = sha256(content).hexdigest()
    row = {"chat": chat, "case_number": case, "media": media, "content": content, "received_at": now}
    await connection.execute(picture.insert().values(**row, size=len(content), digest=digest))
    return digest


async def attach(connection: Transaction, chat: int, case: int) -> list[str]:
    """Give a new case the pictures that came with its report; give their digests."""
    loose = (picture.c.chat == chat, picture.c.case_number.is_(None))
    given = update(picture).where(*loose).values(case_number=case).returning(picture.c.number, picture.c.digest)
    return [digest for _, digest in sorted(tuple(row) for row in await connection.execute(given))]


async def of_case(connection: Transaction, case: int) -> list[tuple[str, bytes]]:
    """Read the pictures of a case that are still kept, with their media types, the oldest first."""
    query = (
        select(picture.c.media, picture.c.content)
        .where(picture.c.case_number == case, picture.c.deleted_at.is_(None))
        .order_by(picture.c.number)
    )
    return [(row.media, row.content) for row in await connection.execute(query)]


def story(case: int) -> Select[tuple[str, int, str, datetime, datetime | None]]:
    """Ask what came with a case, kept or not: never the content itself, nor from which chat."""
    return (
        select(picture.c.media, picture.c.size, picture.c.digest, picture.c.received_at, picture.c.deleted_at)
        .where(picture.c.case_number == case)
        .order_by(picture.c.number)
    )


async def due(connection: Transaction, before: datetime) -> list[int]:
    """Name some of the pictures whose case was closed before this; or that came before it, for no case at all."""
    over = cases.c.state.not_in(OPEN) & (cases.c.closed_at <= before)
    query = (
        select(picture.c.number)
        .outerjoin(cases, cases.c.number == picture.c.case_number)
        .where(picture.c.deleted_at.is_(None), picture.c.received_at <= before)
        .where(or_(picture.c.case_number.is_(None), over))
        .order_by(picture.c.received_at)
        .limit(AT_ONCE)
    )
    return list((await connection.execute(query)).scalars())


async def forget(connection: Transaction, before: datetime, now: datetime) -> int:
    """Delete some of the pictures that are due; tell how many. Of those of a case, size and digest stay."""
    numbers = await due(connection, before)
    if numbers:
        these = picture.c.number.in_(numbers)
        await connection.execute(delete(picture).where(these, picture.c.case_number.is_(None)))
        await connection.execute(update(picture).where(these).values(content=None, deleted_at=now))
    return len(numbers)
