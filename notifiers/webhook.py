"""Tells a program: one signed POST for each message.

The receiver checks ``X-Coverwatch-Signature`` (``sha256=`` and the HMAC of "<X-Coverwatch-Time>.<body>") and takes each
``Idempotency-Key`` once: so a repeat does no harm, and nothing is ambiguous here.
"""

import hashlib
import hmac
import json
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from http import HTTPStatus
from types import TracebackType
from typing import Annotated, Literal, Self

import aiohttp
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from monitor.clock import Clock
from monitor.core.notice import Delivered, Outcome, Rejected, TryLater, Undeliverable
from monitor.core.secret import Secret
from notifiers.address import file_name, guarded
from notifiers.gate import Gate
from notifiers.message import Message, Unreachable

SOON = timedelta(minutes=1)
LONGEST_SILENCE = 86_400
MALFORMED = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY})
BUSY = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})


class Options(BaseModel):
    """One receiver. ``key`` is the name of the secret file with the key that signatures are made with."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    kind: Literal["webhook"] = "webhook"
    url: Annotated[str, AfterValidator(guarded)]
    key: Annotated[str, AfterValidator(file_name)]
    deadline: Annotated[float, Field(ge=1, le=120)] = 15.0
    """Seconds for a whole call."""


def sign(key: Secret, at: int, body: bytes) -> str:
    """Sign a body sent at ``at`` (Unix seconds), so that an old one cannot be sent again as a new one."""
    return "sha256=" + hmac.new(key.reveal().encode(), b"%d.%b" % (at, body), hashlib.sha256).hexdigest()


class Webhook:
    """Posts each message as JSON. The receipt is the message's key."""

    def __init__(self, options: Options, key: Secret, clock: Clock) -> None:
        self._options = options
        self._key = key
        self._clock = clock
        self._gate = Gate(clock, at_once=4)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": "coverwatch"},
            timeout=aiohttp.ClientTimeout(total=self._options.deadline),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    @property
    def not_before(self) -> datetime | None:
        """The wall time until which the receiver wants to hear nothing."""
        return self._gate.not_before

    def pause(self, seconds: float) -> None:
        """Leave the receiver alone."""
        self._gate.pause(seconds)

    def turn(self, recipient: str, *, urgent: bool = False) -> AbstractAsyncContextManager[None]:
        """Wait for one of the few connections."""
        return self._gate.turn(recipient, urgent=urgent)

    def parts(self, message: Message) -> Sequence[Message]:
        """Give the message whole: a program reads any length."""
        return (message,)

    async def send(self, message: Message) -> Outcome:
        """Post one message."""
        return await self._post("told", message, message.key)

    async def edit(self, receipt: str, message: Message) -> Outcome:
        """Post the new state of message ``receipt``."""
        digest = hashlib.sha256(message.plain.encode()).hexdigest()[:16]
        return await self._post("changed", message, f"{receipt}:{digest}")

    async def _post(self, event: str, message: Message, key: str) -> Outcome:
        if self._session is None:
            return TryLater(SOON, "the notifier is not started")
        facts = {
            "event": event,
            "key": message.key,
            "recipient": message.recipient,
            "title": message.title,
            "text": message.plain,
            "facts": dict(message.facts),
        }
        body, at = json.dumps(facts, sort_keys=True).encode(), int(self._clock.now().timestamp())
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": key,
            "X-Coverwatch-Time": str(at),
            "X-Coverwatch-Signature": sign(self._key, at, body),
        }
        try:
            async with self._session.post(self._options.url, data=body, headers=headers, allow_redirects=False) as got:
                return self._read(got.status, got.headers.get("Retry-After", ""), key)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            return TryLater(SOON, f"no answer ({type(error).__name__})")

    def _read(self, status: int, retry_after: str, key: str) -> Outcome:
        if status in range(200, 300):
            return Delivered(key)
        if status == HTTPStatus.GONE:
            return Undeliverable(Unreachable.REFUSED.value)
        if status in MALFORMED:
            return Rejected(f"HTTP {status}")
        if status in BUSY:
            wanted = int(retry_after) if retry_after.isascii() and retry_after.isdecimal() else SOON.total_seconds()
            silence = timedelta(seconds=min(wanted, LONGEST_SILENCE))
            self.pause(silence.total_seconds())
            return TryLater(silence, f"HTTP {status}", everyone=True)
        return TryLater(SOON, f"HTTP {status}")
