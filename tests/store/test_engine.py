"""The database itself: transactions, pragmas, migrations, and one daemon to a file."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import IntegrityError, StatementError
from sqlalchemy.ext.asyncio import AsyncConnection

from monitor.store.conversation import draft
from monitor.store.engine import Store, StoreError, connect, migrate, migrations, only_one, shown, sqlite_file
from monitor.store.tables import carrier, metadata
from monitor.telemetry import redact
from tests.store.shop import NOW

CHECKOUT = Path(__file__).parents[2]
HOLD = """
import asyncio, sys
from monitor.store.engine import only_one

async def hold():
    async with only_one(sys.argv[1]):
        print("held", flush=True)
        sys.stdin.readline()

asyncio.run(hold())
"""


@pytest.fixture
def file(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/shop.sqlite"


async def pragma(connection: AsyncConnection, name: str) -> object:
    return (await connection.execute(text(f"pragma {name}"))).scalar_one()


async def test_every_sqlite_connection_is_durable_checks_references_and_waits_for_locks(file: str) -> None:
    store = await connect(file)
    async with store.read() as one, store.read() as two, store.write() as three:
        for connection in (one, two, three):
            assert await pragma(connection, "journal_mode") == "wal"
            # 2 is FULL: NORMAL loses acknowledged commits in a power cut.
            assert await pragma(connection, "synchronous") == 2
            assert await pragma(connection, "foreign_keys") == 1
            assert await pragma(connection, "busy_timeout") == 30_000
    await store.close()


async def test_a_writing_transaction_on_sqlite_holds_the_lock_from_its_first_moment(file: str) -> None:
    store = await connect(file)
    with sqlite3.connect(sqlite_file(file) or "", timeout=0, isolation_level=None) as other:
        async with store.write():
            with pytest.raises(sqlite3.OperationalError, match="locked"):
                other.execute("begin immediate")
        other.execute("begin immediate")
        other.execute("rollback")
    other.close()
    await store.close()


async def test_who_reads_and_then_writes_at_once_with_others_is_never_told_that_it_is_locked(store: Store) -> None:
    """Each of eight reads what is there and writes one more: none fails, and none overwrites another."""

    async def add(connection: AsyncConnection) -> None:
        seen = (await connection.execute(text("select count(*) from carrier"))).scalar_one()
        await asyncio.sleep(0)
        await connection.execute(carrier.insert().values(name=f"carrier-{seen}", not_before=NOW))

    async def work() -> None:
        for _ in range(5):
            async with store.deciding() as connection:
                await add(connection)

    await asyncio.gather(*(work() for _ in range(8)))
    async with store.read() as connection:
        assert (await connection.execute(text("select count(*) from carrier"))).scalar_one() == 40


async def test_who_reads_waits_for_nobody_who_writes(store: Store, database: str) -> None:
    async with store.write() as writer:
        await writer.execute(carrier.insert().values(name="telegram", not_before=NOW))
        async with asyncio.timeout(20), store.read() as reader:
            assert (await reader.execute(carrier.select())).all() == []
        # Another process that opens the database only to look at it.
        async with asyncio.timeout(20):
            await migrate(database)


async def test_a_reading_transaction_sees_one_state_throughout(store: Store) -> None:
    async with store.read() as reader:
        assert (await reader.execute(carrier.select())).all() == []
        async with store.write() as writer:
            await writer.execute(carrier.insert().values(name="telegram", not_before=NOW))
        assert (await reader.execute(carrier.select())).all() == []
    async with store.read() as reader:
        assert len((await reader.execute(carrier.select())).all()) == 1


async def test_a_naive_instant_is_refused(store: Store) -> None:
    async with store.write() as connection:
        with pytest.raises(StatementError, match="has no time zone"):
            await connection.execute(carrier.insert().values(name="telegram", not_before=datetime(2026, 5, 25)))  # noqa: DTZ001 - the fault


async def test_an_instant_of_any_zone_comes_back_as_the_same_moment_in_utc(store: Store) -> None:
    singapore = datetime(2026, 5, 25, 20, 0, 0, 123456, tzinfo=timezone(timedelta(hours=8)))
    async with store.write() as connection:
        await connection.execute(carrier.insert().values(name="telegram", not_before=singapore))
    async with store.read() as connection:
        found = (await connection.execute(carrier.select())).one().not_before
    assert found == singapore
    assert found.tzinfo is UTC


def downgrade(connection: Connection) -> None:
    command.downgrade(migrations(connection), "base")


def upgrade(connection: Connection) -> None:
    command.upgrade(migrations(connection), "head")


def tables(connection: Connection) -> set[str]:
    return set(inspect(connection).get_table_names())


def drift(connection: Connection) -> object:
    context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
    return compare_metadata(context, metadata)


async def test_migrations_lead_from_nothing_to_the_schema_back_to_nothing_and_there_again(empty_database: str) -> None:
    everything = {*metadata.tables, "alembic_version"}
    store = await connect(empty_database)
    async with store.write() as connection:
        assert await connection.run_sync(tables) == everything
        await connection.run_sync(downgrade)
        assert await connection.run_sync(tables) == {"alembic_version"}
        await connection.run_sync(upgrade)
        assert await connection.run_sync(tables) == everything
    await store.close()


async def test_the_migrated_schema_is_the_one_in_the_code(store: Store) -> None:
    async with store.read() as connection:
        assert await connection.run_sync(drift) == []


async def test_partial_keys_and_checks_are_migrated_as_they_stand_in_the_code(empty_database: str) -> None:
    """What Alembic does not compare: the schema is made by the migrations, and then once more from the code."""
    store = await connect(empty_database)
    async with store.write() as connection:
        migrated = await connection.run_sync(_fine_print)
        await connection.run_sync(downgrade)
        await connection.run_sync(metadata.create_all)
        assert await connection.run_sync(_fine_print) == migrated
    await store.close()
    assert "released_at is null" in migrated["reservation"].lower()


def _fine_print(connection: Connection) -> dict[str, str]:
    inspector = inspect(connection)

    def plain(value: object) -> object:
        match value:
            case dict():
                return {name: plain(each) for name, each in sorted(value.items())}
            case list():
                return sorted(str(plain(each)) for each in value)
            case _:
                return str(value)

    kinds = ("indexes", "check_constraints", "unique_constraints", "foreign_keys")
    return {
        name: str({kind: plain(getattr(inspector, f"get_{kind}")(name)) for kind in kinds}) for name in metadata.tables
    }


async def test_several_that_open_a_new_database_at_once_all_get_it(empty_database: str) -> None:
    stores = await asyncio.gather(*(connect(empty_database) for _ in range(4)))
    for store in stores:
        async with store.read() as connection:
            assert "cases" in await connection.run_sync(tables)
        await store.close()


async def test_a_database_of_a_newer_version_is_refused_and_left_as_it_is(database: str) -> None:
    store = await connect(database)
    async with store.write() as connection:
        await connection.execute(text("update alembic_version set version_num = '9999'"))
    await store.close()
    with pytest.raises(StoreError, match=r"written by a newer coverwatch \(schema 9999\); install that version again"):
        await connect(database)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        pytest.param("mysql://host/shop", "mysql is not supported; write sqlite:///file", id="another database"),
        pytest.param("coverwatch.sqlite", "not a database URL", id="a bare file name"),
        pytest.param("sqlite://", "names no file", id="no file"),
        pytest.param("sqlite:///:memory:", "what is kept in memory is lost", id="memory"),
    ],
)
async def test_a_url_that_names_no_database_is_refused(url: str, says: str) -> None:
    with pytest.raises(StoreError, match=says):
        await connect(url)


async def test_a_file_that_is_no_database_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("Dear diary, " * 100)
    with pytest.raises(StoreError, match=r"cannot open the database .*notes\.txt: file is not a database"):
        await connect(f"sqlite:///{file}")
    assert file.read_text() == "Dear diary, " * 100


async def test_a_database_out_of_reach_is_named_without_its_password(tmp_path: Path) -> None:
    with pytest.raises(StoreError) as refused:
        await connect(f"postgresql://shop:fake-password@/shop?host={tmp_path}")
    assert "cannot open the database postgresql" in str(refused.value)
    assert "fake-password" not in str(refused.value)
    assert "fake-password" not in shown("postgresql://shop:fake-password@db.example/shop")


async def test_the_folder_of_a_new_database_is_made(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/a/b/shop.sqlite"
    async with only_one(url):
        store = await connect(url)
        await store.close()
    assert (tmp_path / "a/b/shop.sqlite").exists()


async def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "taken").touch()
    for opening in (
        connect(f"sqlite:///{tmp_path}/taken/shop.sqlite"),
        _take(f"sqlite:///{tmp_path}/taken/shop.sqlite"),
    ):
        with pytest.raises(StoreError, match="cannot make the folder"):
            await opening


async def _take(url: str) -> None:
    async with only_one(url):
        pass


@contextmanager
def holder(url: str) -> Iterator[subprocess.Popen[str]]:
    """Run another process that holds the place of the daemon."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, url], cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        if process.poll() is None:
            process.kill()


async def test_a_second_daemon_on_a_sqlite_file_is_told_which_process_has_it(file: str) -> None:
    with holder(file) as process:
        with pytest.raises(StoreError, match=rf"shop\.sqlite is in use by process {process.pid};"):
            await _take(file)
        process.communicate("\n")
        await _take(file)


async def test_the_lock_of_a_daemon_that_was_killed_is_no_obstacle(file: str) -> None:
    with holder(file) as process:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        async with only_one(file):
            assert _locked_by(file) == f"{os.getpid()}\n"


def _locked_by(url: str) -> str:
    return Path(f"{sqlite_file(url)}.lock").read_text()


async def test_many_daemons_may_share_a_postgresql_database() -> None:
    url = "postgresql://shop@db.example/shop"
    async with only_one(url):
        await _take(url)


async def test_one_process_may_make_several_new_databases_at_once(tmp_path: Path) -> None:
    stores = await asyncio.gather(*(connect(f"sqlite:///{tmp_path}/shop-{n}.sqlite") for n in range(6)))
    for store in stores:
        async with store.read() as connection:
            assert "cases" in await connection.run_sync(tables)
        await store.close()


async def test_what_is_logged_of_a_refused_row_names_none_of_its_values(store: Store) -> None:
    row = {"chat": 5550001234, "content": {"word": "marigold"}, "expires_at": NOW}
    async with store.write() as connection:
        await connection.execute(draft.insert().values(row))
    with pytest.raises(IntegrityError) as refused:
        async with store.write() as connection:
            await connection.execute(draft.insert().values(row))
    record = {"event": "it_failed", "exception": "".join(traceback.format_exception(refused.value))}
    logged = redact(None, "error", record)["exception"]
    assert "IntegrityError" in logged
    assert "INSERT INTO draft" in logged
    assert "5550001234" not in logged
    assert "marigold" not in logged
