"""What a shop's own programs ask: a link for an order, by whoever shows the token, over HTTP."""

import asyncio
import io
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from sqlalchemy import func, select

from config import load
from monitor.app import open_app, run
from monitor.clock import SystemClock
from monitor.core.secret import Secret
from monitor.demo.botapi import BotApi
from monitor.demo.loopback import Listener
from monitor.store.conversation import link
from monitor.web.api import Api, IssuedLink, Problem
from tests.flow.counter import TOKEN, Counter, counter
from tests.store.shop import HOUR, NOW

WORDS = "made-up-token-" + "0f" * 16
KNOWN = {"Authorization": f"Bearer {WORDS}"}


@asynccontextmanager
async def door(desk: Counter, bot: str | None = "shop_bot") -> AsyncIterator[str]:
    """Open the API over a shop's store; give its address."""

    async def name() -> str | None:
        return bot

    site = web.Application()
    site.add_routes(Api(desk.store, desk.clock, Secret(WORDS), HOUR, name).routes())
    async with Listener(site) as listener:
        yield f"{listener.url}/api/v1"


async def ask(url: str, body: bytes | object, headers: Mapping[str, str] = KNOWN) -> tuple[int, Any]:
    """Ask for a link; whatever comes has the shape that the description gives it."""
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{url}/openapi.json") as told:
            operation = (await told.json())["paths"]["/api/v1/links"]["post"]
        async with session.post(f"{url}/links", data=io.BytesIO(sent), headers=headers) as answer:
            content = operation["responses"][str(answer.status)]["content"]
            shape: type[IssuedLink | Problem] = IssuedLink if answer.status == 201 else Problem
            assert content == {answer.content_type: {"schema": {"$ref": f"#/components/schemas/{shape.__name__}"}}}
            shape.model_validate_json(await answer.text())
            assert answer.headers["Cache-Control"] == "no-store"
            return answer.status, json.loads(await answer.text())


async def issued(desk: Counter) -> int:
    async with desk.store.read() as connection:
        return (await connection.execute(select(func.count()).select_from(link))).scalar_one()


async def test_a_program_is_given_the_link_that_ties_its_customer_to_his_chat(database: str) -> None:
    async with counter(database) as desk, door(desk) as url:
        await desk.sell("INV-1042")
        status, made = await ask(url, {"order": "INV-1042"})
        address, _, token = made.pop("link").partition("?start=")
        assert (status, address) == (201, "https://t.me/shop_bot")
        assert made == {"order": "INV-1042", "customer": "alice", "expires_at": f"{NOW + HOUR:%Y-%m-%dT%H:%M:%SZ}"}
        anna = desk.api.user("Anna")
        await desk.says(anna, f"/start {token}")
        await desk.presses(anna, "Yes, it is mine")
        assert await desk.chat_of("alice") == anna.id


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer "},
        {"Authorization": WORDS},
        {"Authorization": f"Basic {WORDS}"},
        {"Authorization": f"Bearer {WORDS}x"},
        {"Authorization": f"Bearer {WORDS[:-1]}"},
        {"Authorization": f"Bearer {WORDS.upper()}"},
        {"Authorization": "Bearer \u00e9"},
    ],
)
async def test_whoever_does_not_show_the_token_is_given_nothing(sqlite_url: str, headers: dict[str, str]) -> None:
    async with counter(sqlite_url) as desk, door(desk) as url:
        await desk.sell("INV-1042")
        status, why = await ask(url, {"order": "INV-1042"}, headers)
        assert (status, why["title"]) == (401, "Unauthorized")
        assert await issued(desk) == 0


@pytest.mark.parametrize(
    ("body", "status", "detail"),
    [
        pytest.param({"order": "INV-7"}, 404, "there is no order INV-7", id="unknown"),
        pytest.param({}, 400, "order: Field required", id="no order"),
        pytest.param({"order": 7}, 400, "order: Input should be a valid string", id="a number"),
        pytest.param({"order": ""}, 400, "order: String should have at least 1 character", id="empty"),
        pytest.param({"order": "x" * 201}, 400, "order: String should have at most 200 characters", id="long"),
        pytest.param(
            {"order": "INV-1042", "customer": "eve"},
            400,
            "customer: Extra inputs are not permitted",
            id="more than is asked for",
        ),
        pytest.param([], 400, "Input should be an object", id="a list"),
        pytest.param(b"", 400, "Invalid JSON", id="nothing"),
        pytest.param(b'{"order": "INV-1042"', 400, "Invalid JSON", id="half"),
        pytest.param(b"\xff", 400, "Invalid JSON", id="no text"),
        pytest.param(b"[" * 10_000, 400, "Invalid JSON", id="deep"),
        pytest.param(b" " * (2 << 20), 413, "Maximum request body size 1048576 exceeded", id="large"),
    ],
)
async def test_what_cannot_be_done_is_answered_with_the_reason(
    sqlite_url: str, body: object, status: int, detail: str
) -> None:
    async with counter(sqlite_url) as desk, door(desk) as url:
        await desk.sell("INV-1042")
        found, why = await ask(url, body)
        assert (found, why["status"]) == (status, status)
        assert why["detail"].startswith(detail)
        assert await issued(desk) == 0


async def test_without_the_name_of_the_bot_no_link_is_used_up(sqlite_url: str) -> None:
    async with counter(sqlite_url) as desk, door(desk, bot=None) as url:
        await desk.sell("INV-1042")
        status, why = await ask(url, {"order": "INV-1042"})
        assert (status, why["title"]) == (503, "Service Unavailable")
        assert "notifier.username" in why["detail"]
        assert await issued(desk) == 0


@pytest.mark.parametrize(
    ("words", "kind"),
    [('api = "api_token"', "application/problem+json"), ("", "text/plain")],
    ids=["with", "without"],
)
async def test_the_daemon_opens_it_where_a_token_is_named(
    tmp_path: Path, sqlite_url: str, words: str, kind: str
) -> None:
    assert sqlite_url.endswith(f"{tmp_path}/coverwatch.sqlite")
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "telegram_token").write_text(TOKEN)
    (tmp_path / "secrets" / "api_token").write_text(WORDS)
    file, stop = tmp_path / "monitor.toml", asyncio.Event()
    async with BotApi(token=TOKEN, clock=SystemClock(), first_pause=0.1) as api:
        file.write_text(
            f"""
            [web]
            listen = "127.0.0.1:0"
            {words}
            [notifier]
            kind = "telegram"
            api = "{api.base_url.removesuffix("/bot")}"
            """
        )
        async with open_app(load(file), SystemClock()) as app:
            running = asyncio.create_task(run(app, stop))
            try:
                async with (
                    aiohttp.ClientSession(headers=KNOWN) as session,
                    session.post(f"{app.address}api/v1/links", json={"order": "INV-7"}) as answer,
                ):
                    assert (answer.status, answer.content_type) == (404, kind)
            finally:
                stop.set()
                await running
