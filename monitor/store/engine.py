"""Opens the database, brings it up to date, and hands out transactions."""

import asyncio
import fcntl
import os
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, event, make_url, text
from sqlalchemy.engine import Dialect
from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor
from sqlalchemy.exc import ArgumentError, DatabaseError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

DECIDING, MIGRATING = 7_266_837, 7_266_838
"""The advisory locks under which PostgreSQL is decided upon and migrated; SQLite has one writer anyway."""

WAL_TRIES, WAL_PAUSE = 100, 0.02
"""How often, and how many seconds apart, a new SQLite file is tried that somebody else opens too."""

DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}


_LOCKS: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()

Transaction = AsyncConnection
"""An open transaction: all that the rest of the house knows of the database library."""


class StoreError(Exception):
    """The database cannot be used; the message says why and what to do."""


class Store:
    """One open database."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        # SQLite has one writer, and those who wait for it poll: in one process they queue instead, first come first
        # served, or under load the same one could lose every time until its patience ends.
        self._turn = asyncio.Lock() if self.on_sqlite else nullcontext()

    @property
    def on_sqlite(self) -> bool:
        """Tell whether the database is a SQLite file."""
        return self._engine.dialect.name == "sqlite"

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction that only reads; it sees one state throughout."""
        async with _in_words(), self._engine.connect() as plain:
            connection = await plain.execution_options(coverwatch_reads=True)
            async with connection.begin():
                if not self.on_sqlite:
                    await connection.execute(text("set transaction isolation level repeatable read, read only"))
                yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction that writes; on SQLite it holds the write lock from its first statement."""
        async with self._turn, _in_words(), self._engine.begin() as connection:
            yield connection

    @asynccontextmanager
    async def deciding(self) -> AsyncIterator[AsyncConnection]:
        """Open the transaction in which a decision is made and written: one at a time, over all nodes."""
        async with self._turn, _in_words(), self._engine.begin() as connection:
            if not self.on_sqlite:
                await connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": DECIDING})
            yield connection

    async def close(self) -> None:
        """Close every connection."""
        await self._engine.dispose()


@asynccontextmanager
async def _in_words() -> AsyncIterator[None]:
    """Say in words what the machine did to the database, such as a full disk; a broken rule is ours, and stays."""
    try:
        yield
    except OperationalError as fault:
        raise StoreError(f"the database failed: {_first_line(fault)}; nothing was half written") from fault


async def connect(url: str) -> Store:
    """Open an up-to-date database, creating or migrating it as needed."""
    await migrate(url)
    return Store(_engine(url))


async def migrate(url: str) -> None:
    """Bring the schema to this version's; :class:`StoreError` where the database is newer or cannot be opened."""
    engine = _engine(url)
    try:
        # Looked at first, without the write lock: whoever only reads must not wait for whoever writes.
        async with engine.connect() as plain:
            connection = await plain.execution_options(coverwatch_reads=True)
            behind = await connection.run_sync(_is_behind)
        if behind:
            # Alembic keeps what it works on in the module: of one process, one migration at a time.
            async with _migrating(), engine.begin() as connection:
                if engine.dialect.name == "postgresql":
                    await connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": MIGRATING})
                await connection.run_sync(_upgrade)
    except (DatabaseError, OSError) as fault:
        raise StoreError(f"cannot open the database {shown(url)}: {_first_line(fault)}") from fault
    finally:
        await engine.dispose()


def _migrating() -> asyncio.Lock:
    return _LOCKS.setdefault(asyncio.get_running_loop(), asyncio.Lock())


def shown(url: str) -> str:
    """Give a URL without its password."""
    return make_url(url).render_as_string(hide_password=True)


def _first_line(fault: Exception) -> str:
    cause = fault.__cause__ or fault
    return str(cause).strip().splitlines()[0] if str(cause).strip() else type(cause).__name__


def _is_behind(connection: Connection) -> bool:
    """Tell whether the schema is older than this version's; :class:`StoreError` where it is newer."""
    script = ScriptDirectory.from_config(migrations(connection))
    current = MigrationContext.configure(connection).get_current_revision()
    known = {revision.revision for revision in script.walk_revisions()}
    if current is not None and current not in known:
        raise StoreError(
            f"the database was written by a newer coverwatch (schema {current}); "
            "install that version again, or restore the backup made before it"
        )
    return current != script.get_current_head()


def _upgrade(connection: Connection) -> None:
    # Another process may have done it while we waited for the lock.
    if _is_behind(connection):
        command.upgrade(migrations(connection), "head")


def migrations(connection: Connection) -> Config:
    """Name the migrations to Alembic, and the connection they run on."""
    config = Config()
    config.set_main_option("script_location", "monitor.store:migrations")
    config.attributes["connection"] = connection
    return config


def normal_url(url: str) -> str:
    """Name the driver in a database URL; :class:`StoreError` where it is none that we can use."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise StoreError("store.url is not a database URL; write sqlite:///file or postgresql://host/name") from None
    name = parsed.get_backend_name()
    if name not in DRIVERS:
        raise StoreError(f"store.url: {name} is not supported; write sqlite:///file or postgresql://host/name")
    if name == "sqlite" and parsed.database in {None, "", ":memory:"}:
        raise StoreError("store.url names no file, and what is kept in memory is lost; write sqlite:///file")
    return parsed.set(drivername=DRIVERS[name]).render_as_string(hide_password=False)


def sqlite_file(url: str) -> Path | None:
    """Give the file of a SQLite URL; None for anything else."""
    parsed = make_url(url)
    return Path(parsed.database) if parsed.get_backend_name() == "sqlite" and parsed.database else None


@asynccontextmanager
async def only_one(url: str) -> AsyncIterator[None]:
    """Hold the one place of a daemon on a SQLite file; a second daemon is told which process has it."""
    database = sqlite_file(url)
    if database is None:
        yield
        return
    _make_folder(database)
    lock = database.with_name(database.name + ".lock")
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as fault:
        raise StoreError(f"cannot write {lock}: {fault.strerror}") from fault
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 32).decode(errors="replace").strip() or "unknown"
            raise StoreError(
                f"{database} is in use by process {holder}; a SQLite file serves one daemon, use PostgreSQL for more"
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _engine(url: str) -> AsyncEngine:
    url = normal_url(url)
    database = sqlite_file(url)
    # Without hiding, an error tells the values of its statement: chats and sealed secrets, in every log.
    if database is None:
        return create_async_engine(url, pool_pre_ping=True, hide_parameters=True)
    _make_folder(database)
    engine = create_async_engine(url, hide_parameters=True)
    event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


def _make_folder(database: Path) -> None:
    try:
        database.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as fault:
        raise StoreError(f"cannot make the folder of {database}: {fault.strerror}") from fault


def _prepare_sqlite(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    # The driver must not begin transactions by itself: it would begin deferred ones.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("pragma busy_timeout = 30000")
    _write_ahead(cursor)
    for pragma in (
        # NORMAL loses acknowledged commits in a power cut; FULL does not.
        "synchronous = FULL",
        "foreign_keys = ON",
        "temp_store = MEMORY",
    ):
        cursor.execute(f"pragma {pragma}")
    cursor.close()


def _write_ahead(cursor: DBAPICursor) -> None:
    """Switch a new file to WAL, once for ever; others who open it at this moment make the switch fail at once."""
    for tries_left in reversed(range(WAL_TRIES)):
        try:
            cursor.execute("pragma journal_mode = WAL")
        except sqlite3.OperationalError:
            # The busy timeout does not hold for this statement.
            if not tries_left:
                raise
            time.sleep(WAL_PAUSE)
        else:
            return


def _begin_sqlite(connection: Connection) -> None:
    # A deferred transaction that reads and then writes fails with "database is locked", whatever the busy timeout.
    reads = connection.get_execution_options().get("coverwatch_reads", False)
    connection.exec_driver_sql("BEGIN DEFERRED" if reads else "BEGIN IMMEDIATE")


def insert_once(dialect: Dialect, table: Any, **values: object) -> Any:  # noqa: ANN401 - sqlalchemy's two insert classes
    """Build an insert that does nothing where a unique key says that the row is there already."""
    if dialect.name == "sqlite":
        from sqlalchemy.dialects.sqlite import insert as sqlite_insert  # noqa: PLC0415

        return sqlite_insert(table).values(**values).on_conflict_do_nothing()
    from sqlalchemy.dialects.postgresql import insert as postgresql_insert  # noqa: PLC0415

    return postgresql_insert(table).values(**values).on_conflict_do_nothing()
