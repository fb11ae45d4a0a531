"""Updates of the Bot API double: numbered, confirmed, kept for a day, fetched by one or delivered with a secret."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from monitor.demo.botapi import BotApi
from monitor.demo.botapi.world import User
from monitor.demo.loopback import Listener
from tests.contract.bots import Play, playing, telegram_spec

CONFLICT = "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"


@pytest.fixture
async def play(shared: Path) -> AsyncIterator[Play]:
    async with playing(telegram_spec(shared)) as play:
        yield play


def texts(updates: list[dict[str, Any]]) -> list[str]:
    """Give the texts of messages."""
    return [update["message"]["text"] for update in updates]


def says(bot: BotApi, user: User, *lines: str) -> None:
    """Let somebody write several lines."""
    for line in lines:
        bot.user_says(user, line)


# Fetching.


async def test_updates_come_again_until_they_are_confirmed(play: Play) -> None:
    says(play.bot, play.bot.user("Alice"), "one", "two", "three")
    first = (await play.call("getUpdates")).result
    assert texts(first) == ["one", "two", "three"]
    assert (await play.call("getUpdates")).result == first
    offset = first[1]["update_id"]
    assert texts((await play.call("getUpdates", offset=offset)).result) == ["two", "three"]
    assert (await play.call("getUpdates", offset=first[2]["update_id"] + 1)).result == []
    assert (await play.call("getUpdates")).result == []


async def test_a_limit_and_a_negative_offset_are_kept(play: Play) -> None:
    says(play.bot, play.bot.user("Alice"), *(f"n{number}" for number in range(120)))
    assert len((await play.call("getUpdates")).result) == 100
    assert texts((await play.call("getUpdates", limit=2)).result) == ["n0", "n1"]
    assert texts((await play.call("getUpdates", offset=-1)).result) == ["n119"]
    assert len(play.bot.updates.pending) == 1


async def test_a_long_poll_waits_for_the_next_update(play: Play) -> None:
    alice = play.bot.user("Alice")
    poll = asyncio.create_task(play.call("getUpdates", timeout=30))
    await asyncio.sleep(0.05)
    assert not poll.done()
    play.bot.user_says(alice, "at last")
    assert texts((await poll).result) == ["at last"]


async def test_a_long_poll_that_hears_nothing_ends_empty(play: Play) -> None:
    assert (await play.call("getUpdates", timeout=1)).result == []


async def test_a_second_poller_ends_the_first(play: Play) -> None:
    first = asyncio.create_task(play.call("getUpdates", timeout=30))
    await asyncio.sleep(0.05)
    second = asyncio.create_task(play.call("getUpdates", timeout=30))
    assert (await first).refusal == (409, CONFLICT)
    play.bot.user_says(play.bot.user("Alice"), "for the second")
    assert texts((await second).result) == ["for the second"]


async def test_conflicts_after_the_first_take_their_time(shared: Path) -> None:
    async with playing(telegram_spec(shared), conflict_pause=60.0) as play:
        await play.call("setWebhook", url="http://127.0.0.1:9/hook")
        assert (await play.call("getUpdates")).status == 409
        late = asyncio.create_task(play.call("getUpdates"))
        for _ in range(5):
            assert (await play.call("getMe")).status == 200
        assert not late.done()
        late.cancel()


async def test_what_is_older_than_a_day_is_lost(play: Play) -> None:
    alice = play.bot.user("Alice")
    play.bot.user_says(alice, "on Friday")
    play.wait(24 * 3600 + 1)
    play.bot.user_says(alice, "on Monday")
    assert texts((await play.call("getUpdates")).result) == ["on Monday"]


async def test_the_bot_chooses_what_it_is_told_of(play: Play) -> None:
    alice = play.bot.customer("Alice")
    await play.call("getUpdates", allowed_updates=["message"])
    play.bot.user_blocks(alice)
    assert (await play.call("getUpdates", allowed_updates=[])).result == []
    play.bot.user_unblocks(alice)
    assert len((await play.call("getUpdates")).result) == 1


# Odd numbers.


async def test_numbers_may_leap_and_the_offset_still_confirms(play: Play) -> None:
    alice = play.bot.user("Alice")
    says(play.bot, alice, "one")
    play.bot.updates.skip(7)
    says(play.bot, alice, "two")
    one, two = (await play.call("getUpdates")).result
    assert two["update_id"] - one["update_id"] == 8
    assert texts((await play.call("getUpdates", offset=one["update_id"] + 1)).result) == ["two"]
    assert (await play.call("getUpdates", offset=two["update_id"] + 1)).result == []


async def test_after_a_quiet_week_the_numbers_start_anywhere_even_lower(play: Play) -> None:
    alice = play.bot.user("Alice")
    seen: list[int] = []
    for text in ("one", "two", "three", "four"):
        offset = seen[-1] + 1 if seen else 0
        assert (await play.call("getUpdates", offset=offset)).result == []
        play.bot.updates.jump()
        play.bot.user_says(alice, text)
        (update,) = (await play.call("getUpdates", offset=offset)).result
        assert update["message"]["text"] == text
        seen.append(update["update_id"])
    assert seen != sorted(seen)


async def test_an_update_may_come_twice(play: Play) -> None:
    alice = play.bot.user("Alice")
    says(play.bot, alice, "one")
    play.bot.updates.repeat()
    twice = (await play.call("getUpdates")).result
    assert twice[0] == twice[1]
    assert len((await play.call("getUpdates")).result) == 1


# Delivery.


class Receiver:
    """The bot's own server: answers as told, and remembers what came."""

    def __init__(self) -> None:
        self.got: list[tuple[str | None, dict[str, Any]]] = []
        self.answers: list[web.Response] = []
        self.arrived = asyncio.Event()

    async def handle(self, request: web.Request) -> web.Response:
        self.got.append((request.headers.get("X-Telegram-Bot-Api-Secret-Token"), await request.json()))
        self.arrived.set()
        return self.answers.pop(0) if self.answers else web.Response()

    async def until(self, count: int) -> None:
        async with asyncio.timeout(20):
            while len(self.got) < count:
                self.arrived.clear()
                await self.arrived.wait()


@asynccontextmanager
async def receiving() -> AsyncIterator[tuple[Receiver, str]]:
    receiver, app = Receiver(), web.Application()
    app.router.add_post("/hook", receiver.handle)
    async with Listener(app) as listener:
        yield receiver, f"{listener.url}/hook"


async def test_a_webhook_gets_each_update_once_in_order_with_its_secret(play: Play) -> None:
    alice = play.bot.user("Alice")
    async with receiving() as (receiver, url):
        says(play.bot, alice, "before")
        await play.call("setWebhook", url=url, secret_token="fake-secret_1")
        says(play.bot, alice, "after", "later")
        await receiver.until(3)
        assert texts([update for _, update in receiver.got]) == ["before", "after", "later"]
        assert {secret for secret, _ in receiver.got} == {"fake-secret_1"}
        await play.call("deleteWebhook")
    assert (await play.call("getUpdates")).result == []


async def test_what_is_not_taken_comes_again_and_the_reason_is_kept(play: Play) -> None:
    alice = play.bot.user("Alice")
    async with receiving() as (receiver, url):
        receiver.answers = [web.Response(status=500), web.Response(status=302, headers={"Location": url})]
        await play.call("setWebhook", url=url)
        says(play.bot, alice, "one", "two")
        await receiver.until(4)
        assert texts([update for _, update in receiver.got]) == ["one", "one", "one", "two"]
        info = (await play.call("getWebhookInfo")).result
        assert info["last_error_message"] == "Wrong response from the webhook: 302 Found"
        await play.call("deleteWebhook")


async def test_a_retry_after_is_honoured_and_a_deaf_receiver_noted(play: Play) -> None:
    alice = play.bot.user("Alice")
    async with receiving() as (receiver, url):
        receiver.answers = [web.Response(status=503, headers={"Retry-After": "1"})]
        await play.call("setWebhook", url=url, max_connections=1)
        says(play.bot, alice, "one")
        await receiver.until(2)
    says(play.bot, alice, "to nobody")
    for _ in range(1000):
        if await failure(play) == "Connection refused":
            break
        await asyncio.sleep(0.02)
    assert await failure(play) == "Connection refused"
    assert (await play.call("getWebhookInfo")).result["pending_update_count"] == 1


async def failure(play: Play) -> object:
    """Give the last error of the webhook."""
    return (await play.call("getWebhookInfo")).result.get("last_error_message")


async def test_a_webhook_may_be_told_twice(play: Play) -> None:
    async with receiving() as (receiver, url):
        await play.call("setWebhook", url=url)
        play.bot.updates.repeat()
        says(play.bot, play.bot.user("Alice"), "one")
        await receiver.until(2)
        assert receiver.got[0] == receiver.got[1]
        await play.call("setWebhook", url="")


async def test_who_has_a_webhook_cannot_fetch(play: Play) -> None:
    poll = asyncio.create_task(play.call("getUpdates", timeout=30))
    await asyncio.sleep(0.05)
    await play.call("setWebhook", url="http://127.0.0.1:9/hook")
    assert (await poll).refusal == (409, "Conflict: terminated by setWebhook request")
    status, description = (await play.call("getUpdates")).refusal
    assert status == 409
    assert description.startswith("Conflict: can't use getUpdates method while webhook is active")
    assert (await play.call("getWebhookInfo")).result["url"] == "http://127.0.0.1:9/hook"
    play.bot.user_says(play.bot.user("Alice"), "dropped")
    await play.call("deleteWebhook", drop_pending_updates=True)
    assert (await play.call("getUpdates")).result == []


@pytest.mark.parametrize(
    ("params", "refusal"),
    [
        ({"url": "http://example.org/"}, "bad webhook: An HTTPS URL must be provided for webhook"),
        ({"url": "https://example.org/"}, "bad webhook: Failed to resolve host: Name or service not known"),
        ({"url": "http://127.0.0.1:9/", "secret_token": "sp ace"}, "secret token contains unallowed characters"),
    ],
)
async def test_a_webhook_has_its_form_and_stays_on_loopback(play: Play, params: dict[str, str], refusal: str) -> None:
    assert (await play.call("setWebhook", **params)).refusal == (400, f"Bad Request: {refusal}")
