"""A plain HTTP client of the Bot API double, and plays in which every answer must conform to the description."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp

from monitor.clock import DrivenClock
from monitor.demo.botapi import BotApi
from tests.contract.specs import TelegramSpec

TOKEN = "1234567:fake-token-of-the-tests"
NOON = datetime(2026, 9, 1, 12, 0, tzinfo=UTC)


def telegram_spec(shared: Path) -> TelegramSpec:
    """Read the description of the Bot API."""
    return TelegramSpec(shared / "specs" / "telegram-bot-api-10.1.json")


@dataclass(frozen=True)
class Reply:
    """One answer, whole."""

    status: int
    body: dict[str, Any]
    headers: Mapping[str, str]

    @property
    def result(self) -> Any:
        assert self.body.get("ok") is True, self.body
        return self.body["result"]

    @property
    def refusal(self) -> tuple[int, str]:
        assert self.body["ok"] is False, self.body
        assert self.body["error_code"] == self.status
        return self.status, self.body["description"]


class Client:
    """Calls methods as python-telegram-bot does: a form, with structures as strings of JSON."""

    def __init__(self, bot: BotApi, session: aiohttp.ClientSession) -> None:
        self._bot = bot
        self.session = session

    async def call(self, method: str, **params: object) -> Reply:
        form = {name: value if isinstance(value, str) else json.dumps(value) for name, value in params.items()}
        return await self.read(self.session.post(f"{self._bot.base_url}{TOKEN}/{method}", data=form))

    async def read(self, request: Any) -> Reply:
        async with request as response:
            return Reply(response.status, await response.json(), response.headers)


@dataclass
class Play:
    """The double, a client of it, and the clock that drives both."""

    bot: BotApi
    client: Client
    clock: DrivenClock

    async def call(self, method: str, **params: object) -> Reply:
        return await self.client.call(method, **params)

    async def send(self, chat: int, text: str = "hello", **params: object) -> Reply:
        return await self.call("sendMessage", chat_id=chat, text=text, **params)

    def wait(self, seconds: float) -> None:
        self.clock.advance(timedelta(seconds=seconds))


@asynccontextmanager
async def playing(
    spec: TelegramSpec, *, flood: bool = False, token: str | None = None, conflict_pause: float = 0.0
) -> AsyncIterator[Play]:
    """Play with the double; in the end everything that it answered must have conformed."""
    clock = DrivenClock(NOON)
    async with (
        BotApi(clock=clock, token=token, seed=1, first_pause=0.01, conflict_pause=conflict_pause) as bot,
        aiohttp.ClientSession() as session,
    ):
        bot.flood.on = flood
        yield Play(bot, Client(bot, session), clock)
    exchanges = [one for one in bot.journal.exchanges if one.answer is not None and one.status is not None]
    assert [fault for one in exchanges for fault in spec.answer(one.method, one.status or 0, one.answer or {})] == []
    assert TOKEN not in repr(bot.journal)
