"""Secrets that we ask with, sealed in the database: written once, opened for the asking alone, never shown again."""

from collections.abc import Callable, Mapping
from datetime import datetime

from sqlalchemy import Column, LargeBinary, String, Table, delete, insert, select

from monitor.core.secret import Secret
from monitor.store.boxes import Seal, SealError
from monitor.store.engine import Store, Transaction
from monitor.store.tables import Instant, metadata

BOUND = "access:"
"""What a secret is bound to, with its name: nothing else that is sealed with the same key opens in its place."""

safe = Table(
    "safe",
    metadata,
    Column("name", String, primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("sealed_at", Instant, nullable=False),
)


async def put(connection: Transaction, seal: Seal, secrets: Mapping[str, Secret], now: datetime) -> None:
    """Seal secrets under their names, in place of what was there."""
    await connection.execute(delete(safe).where(safe.c.name.in_(list(secrets))))
    rows = [
        {"name": name, "sealed": seal.close(f"{BOUND}{name}", secret), "sealed_at": now}
        for name, secret in secrets.items()
    ]
    if rows:
        await connection.execute(insert(safe), rows)


async def names(connection: Transaction) -> dict[str, datetime]:
    """Tell which secrets there are, and since when; not what they are."""
    rows = await connection.execute(select(safe.c.name, safe.c.sealed_at).order_by(safe.c.name))
    return dict(rows.all())


async def forget(connection: Transaction, name: str) -> bool:
    """Destroy a secret; False where there is none."""
    gone = delete(safe).where(safe.c.name == name).returning(safe.c.name)
    return (await connection.execute(gone)).scalar_one_or_none() is not None


class Keeper:
    """Finds the secrets that we ask with: in a file of that name, else sealed in the database."""

    def __init__(self, store: Store, files: Callable[[str], Secret], seal: Seal | None) -> None:
        """``files`` reads a secret file by its name; a LookupError says why it cannot."""
        self._store = store
        self._files = files
        self._seal = seal

    async def read(self, name: str) -> Secret:
        """Give a secret; a LookupError says where it was looked for."""
        try:
            return self._files(name)
        except LookupError as fault:
            if self._seal is None:
                raise
            missing = fault
        async with self._store.read() as connection:
            sealed = (await connection.execute(select(safe.c.sealed).where(safe.c.name == name))).scalar_one_or_none()
        if sealed is None:
            raise LookupError(f"{missing}; and none of that name is sealed in the database")
        try:
            return self._seal.open(f"{BOUND}{name}", sealed)
        except SealError as fault:
            raise LookupError(str(fault)) from None
