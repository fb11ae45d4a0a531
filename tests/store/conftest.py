"""An open store on either database."""

from collections.abc import AsyncIterator

import pytest

from monitor.store.engine import Store, connect


@pytest.fixture
async def store(database: str) -> AsyncIterator[Store]:
    opened = await connect(database)
    yield opened
    await opened.close()
