"""Access data of spares: sealed at rest, shown only to whom it was handed over, and taken back after a while."""

import hashlib
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import func, select, update

from monitor.core.secret import Secret
from monitor.store.conversation import box, reveal
from monitor.store.engine import Transaction
from monitor.store.tables import unit

NONCE, MARK, KEY = 12, 4, 32
"""Bytes: of the number used once (NIST SP 800-38D), of the mark that tells keys apart, and of a key."""

Chance = Callable[[int], bytes]


class SealError(Exception):
    """Something cannot be sealed or opened; the message says why, and never what."""


class Seal:
    """Seals with the first of its keys and opens with any: a key is changed by writing the new one above the old.

    What is sealed is bound to its unit: moved to another one's row, it does not open.
    """

    def __init__(self, keys: Secret, chance: Chance = secrets.token_bytes) -> None:
        read = [_key(line) for line in keys.reveal().split()]
        if not read or None in read:
            raise SealError("the key that secrets are sealed with must be 64 hexadecimal digits; see: stock key")
        self._keys = {_mark(key): AESGCM(key) for key in read if key is not None}
        self._chance = chance

    def close(self, name: str, value: Secret) -> bytes:
        """Seal the access data of a unit."""
        mark, cipher = next(iter(self._keys.items()))
        nonce = self._chance(NONCE)
        return mark + nonce + cipher.encrypt(nonce, value.reveal().encode(), name.encode())

    def open(self, name: str, sealed: bytes) -> Secret:
        """Open what was sealed for a unit."""
        mark, nonce, rest = sealed[:MARK], sealed[MARK : MARK + NONCE], sealed[MARK + NONCE :]
        cipher = self._keys.get(mark)
        if cipher is None:
            raise SealError(f"{name} was sealed with key {mark.hex()}, which is not at hand")
        try:
            return Secret(cipher.decrypt(nonce, rest, name.encode()).decode())
        except InvalidTag:
            raise SealError(f"what is sealed for {name} was changed, or was sealed for another unit") from None


def new_key() -> str:
    """Draw a key."""
    return secrets.token_bytes(KEY).hex()


def _key(line: str) -> bytes | None:
    try:
        found = bytes.fromhex(line)
    except ValueError:
        return None
    return found if len(found) == KEY else None


def _mark(key: bytes) -> bytes:
    return hashlib.sha256(b"coverwatch seal\n" + key).digest()[:MARK]


async def units(connection: Transaction, names: Iterable[str]) -> set[str]:
    """Tell which of these units there are."""
    return set((await connection.execute(select(unit.c.name).where(unit.c.name.in_(list(names))))).scalars())


async def put(connection: Transaction, name: str, sealed: bytes, now: datetime) -> None:
    """Write down what is sealed for a unit, in place of what was."""
    values = {"sealed": sealed, "sealed_at": now}
    changed = update(box).where(box.c.unit == name).values(**values).returning(box.c.unit)
    if (await connection.execute(changed)).scalar_one_or_none() is None:
        await connection.execute(box.insert().values(unit=name, **values))


async def get(connection: Transaction, name: str) -> bytes | None:
    """Read what is sealed for a unit."""
    return (await connection.execute(select(box.c.sealed).where(box.c.unit == name))).scalar_one_or_none()


async def filled(connection: Transaction, names: Iterable[str]) -> set[str]:
    """Tell for which of these units something is sealed."""
    return set((await connection.execute(select(box.c.unit).where(box.c.unit.in_(list(names))))).scalars())


@dataclass(frozen=True, slots=True)
class Shown:
    """Access data that stands in a chat; ``receipt`` None: its number is not known."""

    number: int
    case: int
    chat: int
    receipt: str | None


async def show(connection: Transaction, case: int, chat: int, now: datetime, delete_at: datetime) -> int:
    """Write down that access data is about to be shown in a chat."""
    made = reveal.insert().values(case_number=case, chat=chat, at=now, delete_at=delete_at).returning(reveal.c.number)
    number: int = (await connection.execute(made)).scalar_one()
    return number


async def shown(connection: Transaction, number: int, receipt: str | None, *, gone: datetime | None = None) -> None:
    """Write down under which number it stands there, or that it does not (any more)."""
    await connection.execute(update(reveal).where(reveal.c.number == number).values(receipt=receipt, deleted_at=gone))


async def to_delete(connection: Transaction, now: datetime, limit: int) -> list[Shown]:
    """Read what has stood in a chat long enough."""
    query = (
        select(reveal)
        .where(reveal.c.deleted_at.is_(None), reveal.c.delete_at <= now)
        .order_by(reveal.c.delete_at)
        .limit(limit)
    )
    return [Shown(row.number, row.case_number, row.chat, row.receipt) for row in await connection.execute(query)]


async def keep_longer(connection: Transaction, number: int, delete_at: datetime) -> None:
    """Try to delete it later."""
    await connection.execute(update(reveal).where(reveal.c.number == number).values(delete_at=delete_at))


async def standing(connection: Transaction, case: int) -> int:
    """Count how often the access data of a case stands in a chat."""
    query = select(func.count()).select_from(reveal).where(reveal.c.case_number == case, reveal.c.deleted_at.is_(None))
    return (await connection.execute(query)).scalar_one()
