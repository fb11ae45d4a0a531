"""Telegram brings what people say: proven, stored, and only then taken off its hands."""

import asyncio
import io
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from sqlalchemy import text

from config import load
from monitor.app import open_app, run
from monitor.clock import SystemClock
from monitor.core.secret import Secret
from monitor.demo.botapi import BotApi
from monitor.demo.loopback import Listener
from monitor.web.hook import HEADER, Hook
from tests.flow.counter import TOKEN, Counter, counter

WORDS = "made-up_SECRET-42"


def saying(update: int, chat: int, words: str) -> bytes:
    person = {"id": chat, "is_bot": False, "first_name": "Anna"}
    message = {"message_id": 1, "date": 1_780_000_000, "chat": {"id": chat, "type": "private"}, "from": person}
    return json.dumps({"update_id": update, "message": {**message, "text": words}}).encode()


@asynccontextmanager
async def door(desk: Counter, patience: float = 20.0) -> AsyncIterator[str]:
    """Open our own server's door for Telegram; give its address."""
    life = desk.life or await desk.begin()
    site = web.Application()
    site.add_routes(Hook("https://watch.example/telegram", Secret(WORDS), life.reception.take, patience).routes())
    async with Listener(site) as listener:
        yield f"{listener.url}/telegram"


async def knock(url: str, body: bytes, secret: str | None = WORDS) -> int:
    headers = {} if secret is None else {HEADER: secret}
    async with aiohttp.ClientSession() as session, session.post(url, data=io.BytesIO(body), headers=headers) as answer:
        return answer.status


async def stored(desk: Counter) -> int:
    async with desk.store.read() as connection:
        return int((await connection.execute(text("select count(*) from inbox"))).scalar_one())


async def test_what_is_brought_is_stored_before_it_is_taken_and_answered_once(sqlite_url: str) -> None:
    async with counter(sqlite_url) as desk, door(desk) as url:
        anna = desk.api.customer("Anna")
        for _ in range(3):
            assert await knock(url, saying(7, anna.id, "/help")) == 200
        assert await stored(desk) == 1
        await desk.settle()
        assert len(desk.sent(anna.id)) == 1


@pytest.mark.parametrize("secret", [None, "", "made-up", WORDS + "x", WORDS.lower(), "\u00e9"])
async def test_whoever_does_not_know_the_words_is_not_heard(sqlite_url: str, secret: str | None) -> None:
    async with counter(sqlite_url) as desk, door(desk) as url:
        assert await knock(url, saying(7, desk.api.customer("Anna").id, "/help"), secret) == 403
        assert await stored(desk) == 0


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b'{"update_id": "x"}', b'{"update_id": 5}', b"[" * 100_000, b"x" * (2 << 20)],
    ids=["empty", "half", "a list", "null", "no number", "nothing in it", "deep", "large"],
)
async def test_what_cannot_be_read_is_not_brought_again_for_a_day(sqlite_url: str, body: bytes) -> None:
    async with counter(sqlite_url) as desk, door(desk) as url:
        assert await knock(url, body) == 200


async def test_while_nothing_can_be_stored_telegram_is_asked_to_come_again(sqlite_url: str) -> None:
    async with counter(sqlite_url, clock=SystemClock()) as desk, door(desk, patience=0.3) as url:
        anna = desk.api.customer("Anna")
        async with desk.store.write() as connection:
            await connection.execute(text("alter table inbox rename to away"))
        assert await knock(url, saying(7, anna.id, "/help")) == 503
        async with desk.store.write() as connection:
            await connection.execute(text("alter table away rename to inbox"))
        assert await knock(url, saying(7, anna.id, "/help")) == 200
        assert await stored(desk) == 1


async def test_the_daemon_has_telegram_come_and_answers(tmp_path: Path, migrated_sqlite: Path) -> None:
    (tmp_path / "coverwatch.sqlite").write_bytes((migrated_sqlite / "coverwatch.sqlite").read_bytes())
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "telegram_token").write_text(TOKEN)
    (tmp_path / "secrets" / "telegram_webhook_secret").write_text(WORDS)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    async with BotApi(token=TOKEN, clock=SystemClock(), first_pause=0.1) as api:
        (tmp_path / "monitor.toml").write_text(
            f"""
            web = {{ listen = "127.0.0.1:{port}" }}
            [notifier]
            kind = "telegram"
            api = "{api.base_url.removesuffix("/bot")}"
            webhook = "http://127.0.0.1:{port}/telegram"
            """
        )
        anna, stop = api.user("Anna"), asyncio.Event()
        async with open_app(load(tmp_path / "monitor.toml"), SystemClock()) as app:
            running = asyncio.create_task(run(app, stop))
            try:
                api.user_says(anna, "/start")
                async with asyncio.timeout(30):
                    while not api.journal.sent(anna.id):  # noqa: ASYNC110 - what is awaited is an answer
                        await asyncio.sleep(0.02)
            finally:
                stop.set()
                await running
        assert not any(each.method == "getUpdates" for each in api.journal.exchanges)
