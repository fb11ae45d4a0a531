"""Databases for the tests of flows: an open store on either kind, and one of SQLite alone."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from monitor.store.engine import Store, connect


@pytest.fixture
async def store(database: str) -> AsyncIterator[Store]:
    opened = await connect(database)
    yield opened
    await opened.close()


@pytest.fixture
def sqlite_url(tmp_path: Path, migrated_sqlite: Path) -> str:
    """Give the URL of a SQLite database with the schema of today and no rows."""
    shutil.copytree(migrated_sqlite, tmp_path, dirs_exist_ok=True)
    return f"sqlite+aiosqlite:///{tmp_path}/coverwatch.sqlite"


@pytest.fixture
async def sqlite_store(sqlite_url: str) -> AsyncIterator[Store]:
    """Give an open store on SQLite alone, for what no database can change."""
    opened = await connect(sqlite_url)
    yield opened
    await opened.close()
