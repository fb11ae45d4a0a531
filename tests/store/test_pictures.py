"""Pictures in the database: those of before the migration get their digests, and a picture is there or was deleted."""

from hashlib import sha256

import pytest
from alembic import command
from sqlalchemy import Connection, update
from sqlalchemy.exc import IntegrityError

from monitor.store import pictures
from monitor.store.conversation import picture
from monitor.store.engine import Store, connect, migrations
from tests.store.shop import HOUR, NOW

CHAT = 5_000_000_001


def back_and_forth(connection: Connection) -> None:
    command.downgrade(migrations(connection), "0007")
    command.upgrade(migrations(connection), "head")


async def test_pictures_of_before_get_their_digests_and_what_was_deleted_leaves_nothing(empty_database: str) -> None:
    store = await connect(empty_database)
    async with store.write() as connection:
        for number in range(3):
            await pictures.keep(connection, CHAT, None, "image/png", b"picture %d" % number, NOW)
        mine = picture.c.number == 2
        await connection.execute(update(picture).where(mine).values(content=None, deleted_at=NOW))
    async with store.write() as connection:
        await connection.run_sync(back_and_forth)
        rows = (await connection.execute(picture.select().order_by(picture.c.number))).all()
    await store.close()
    found = [(row.number, row.content, row.size, row.digest, row.deleted_at) for row in rows]
    assert found == [
        (1, b"picture 0", 9, sha256(b"picture 0").hexdigest(), None),
        (3, b"picture 2", 9, sha256(b"picture 2").hexdigest(), None),
    ]


@pytest.mark.parametrize("change", [{"content": None}, {"deleted_at": NOW}], ids=["gone unsaid", "said and not gone"])
async def test_a_picture_is_there_or_was_deleted(store: Store, change: dict[str, object]) -> None:
    async with store.write() as connection:
        await pictures.keep(connection, CHAT, None, "image/png", b"picture", NOW)
    with pytest.raises(IntegrityError, match=r"(?i)check"):
        async with store.write() as connection:
            await connection.execute(update(picture).values(**change))


async def test_many_are_deleted_a_hundred_at_a_time_the_oldest_first(store: Store) -> None:
    async with store.write() as connection:
        for number in range(pictures.AT_ONCE + 2):
            await pictures.keep(connection, CHAT, None, "image/png", b"%d" % number, NOW - number * HOUR)
        assert await pictures.forget(connection, NOW, NOW) == pictures.AT_ONCE
        left = (await connection.execute(picture.select().order_by(picture.c.number))).all()
        assert [row.content for row in left] == [b"0", b"1"]
        assert await pictures.forget(connection, NOW, NOW) == 2
        assert await pictures.forget(connection, NOW, NOW) == 0
