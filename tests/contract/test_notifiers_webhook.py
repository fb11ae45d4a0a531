"""The webhook against a receiver on loopback that checks what it is given."""

import hmac
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from pydantic import ValidationError

from monitor.clock import DrivenClock
from monitor.core.notice import Delivered, Outcome, Rejected, TryLater, Undeliverable
from monitor.core.secret import Secret
from monitor.demo.loopback import Listener
from notifiers import Message, open_notifier
from notifiers.webhook import Options, Webhook
from tests.peers.stepped import START

KEY = "made-up-signing-CANARY"
MESSAGE = Message(
    "operators", "<b>No spare</b>", "No spare\n\nfor case 42", key="case:42:no_spare", facts={"case": "42"}
)


@dataclass
class Receiver:
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    url: str = ""

    async def take(self, request: web.Request) -> web.Response:
        self.got.append((dict(request.headers), await request.read()))
        return web.Response(status=self.status, headers=self.headers)


@asynccontextmanager
async def receiver(
    status: int = 200,
    headers: dict[str, str] | None = None,
    take: Callable[[web.Request], Awaitable[web.StreamResponse]] | None = None,
) -> AsyncIterator[Receiver]:
    receiver = Receiver(status, headers or {})
    app = web.Application()
    app.router.add_post("/hook", take or receiver.take)
    async with Listener(app) as listener:
        receiver.url = f"{listener.url}/hook"
        yield receiver


def hook(url: str) -> Webhook:
    return Webhook(Options(url=url, key="hook_key"), Secret(KEY), DrivenClock(START))


async def test_a_message_arrives_signed_with_its_facts_and_its_key() -> None:
    async with receiver() as there, hook(there.url) as notifier, notifier.turn("operators"):
        assert await notifier.send(MESSAGE) == Delivered("case:42:no_spare")
    ((headers, body),) = there.got
    assert json.loads(body) == {
        "event": "told",
        "key": "case:42:no_spare",
        "recipient": "operators",
        "title": "No spare",
        "text": "No spare\n\nfor case 42",
        "facts": {"case": "42"},
    }
    assert headers["Idempotency-Key"] == "case:42:no_spare"
    # What a receiver does, in its own words.
    signed = f"{headers['X-Coverwatch-Time']}.".encode() + body
    assert headers["X-Coverwatch-Signature"] == "sha256=" + hmac.digest(KEY.encode(), signed, "sha256").hex()
    assert int(headers["X-Coverwatch-Time"]) == START.timestamp()
    assert "CANARY" not in repr(there.got)


async def test_a_repeat_bears_the_same_key_and_a_new_state_another() -> None:
    changed = Message("operators", "Done", "Done", key=MESSAGE.key)
    async with receiver() as there, hook(there.url) as notifier:
        for _ in range(2):
            await notifier.send(MESSAGE)
        for _ in range(2):
            await notifier.edit(MESSAGE.key, changed)
    keys = [headers["Idempotency-Key"] for headers, _ in there.got]
    assert keys[0] == keys[1] != keys[2] == keys[3]
    assert json.loads(there.got[2][1])["event"] == "changed"


@pytest.mark.parametrize(
    ("status", "headers", "outcome"),
    [
        (204, {}, Delivered("case:42:no_spare")),
        (302, {"Location": "http://127.0.0.1:1/elsewhere"}, TryLater(timedelta(minutes=1), "HTTP 302")),
        (400, {}, Rejected("HTTP 400")),
        (403, {}, TryLater(timedelta(minutes=1), "HTTP 403")),
        (410, {}, Undeliverable("refused")),
        (422, {}, Rejected("HTTP 422")),
        (429, {"Retry-After": "7"}, TryLater(timedelta(seconds=7), "HTTP 429", everyone=True)),
        (429, {"Retry-After": "Wed, 21 Oct 2026"}, TryLater(timedelta(minutes=1), "HTTP 429", everyone=True)),
        (503, {"Retry-After": "9" * 12}, TryLater(timedelta(days=1), "HTTP 503", everyone=True)),
        (500, {}, TryLater(timedelta(minutes=1), "HTTP 500")),
    ],
)
async def test_what_the_receiver_says_is_what_became_of_it(
    status: int, headers: dict[str, str], outcome: Outcome
) -> None:
    async with receiver(status, headers) as there, hook(there.url) as notifier:
        assert await notifier.send(MESSAGE) == outcome
        asked = isinstance(outcome, TryLater) and outcome.everyone
        assert (notifier.not_before is not None) == asked
    assert len(there.got) == 1


async def test_an_answer_that_is_lost_is_asked_for_again_under_the_same_key() -> None:
    keys: list[str] = []

    async def lose(request: web.Request) -> web.Response:
        keys.append(request.headers["Idempotency-Key"])
        assert request.transport is not None
        request.transport.close()
        return web.Response()

    async with receiver(take=lose) as there, hook(there.url) as notifier:
        for _ in range(2):
            assert await notifier.send(MESSAGE) == TryLater(timedelta(minutes=1), "no answer (ServerDisconnectedError)")
    assert keys == ["case:42:no_spare"] * 2


async def test_before_the_start_nothing_is_sent() -> None:
    notifier = hook("http://127.0.0.1:1/hook")
    assert isinstance(await notifier.send(MESSAGE), TryLater)
    async with notifier:
        assert await notifier.send(MESSAGE) == TryLater(timedelta(minutes=1), "no answer (ClientConnectorError)")
    assert notifier.parts(MESSAGE) == (MESSAGE,)


async def test_the_registry_makes_it_with_its_key() -> None:
    asked: list[str] = []

    def secret(name: str) -> Secret:
        asked.append(name)
        return Secret(KEY)

    async with (
        receiver() as there,
        open_notifier(Options(url=there.url, key="hook_key"), secret, DrivenClock(START)) as notifier,
    ):
        assert isinstance(await notifier.send(MESSAGE), Delivered)
    assert asked == ["hook_key"]


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"url": "http://example.org/hook"}, "write https://"),
        ({"url": "https://user:CANARY@example.org/hook"}, "is not an address"),
        ({"url": "ftp://example.org"}, "write https://"),
        ({"key": "abc:CANARY"}, "the name of a secret file"),
        ({"deadline": 0}, "greater than or equal to 1"),
    ],
)
def test_a_wrong_setting_is_named(table: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Options.model_validate({"url": "https://example.org/hook", "key": "hook_key", **table})
