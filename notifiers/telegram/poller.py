"""Asks Telegram for what people said, hands it over, and only then lets Telegram forget it.

The library's own poller ends for good on one 401 while it calls itself running; this one goes on, and is watched.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus

from telegram.error import NetworkError

from monitor.clock import Clock
from monitor.telemetry import logger
from notifiers.telegram.answers import silence
from notifiers.telegram.request import RefusedError, Wire
from notifiers.telegram.updates import ALLOWED, Heard, normalise

log = logger("notifiers.telegram")

SLACK = 15
"""Seconds after the end of a poll until its answer is given up."""

Take = Callable[[Sequence[Heard]], Awaitable[None]]
"""Stores what was heard. Telegram is told to forget it only after this has returned; it may come again, and twice."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long is waited for what, in seconds."""

    hold: int = 30
    """Telegram holds an empty answer back so long; at most 50."""
    deaf_after: float = 90.0
    """Without a good answer, the poller is started anew."""
    look: float = 5.0
    """From one look at the poller to the next."""
    rest: float = 1.0
    """After a failure; twice as long after the next, and so on."""
    longest_rest: float = 30.0
    conflict: float = 30.0
    """When somebody else receives: a second installation, or a webhook that was left. To fight would help neither."""


class Poller:
    """One long poll after the other, for ever."""

    def __init__(self, wire: Wire, take: Take, clock: Clock, patience: Patience | None = None) -> None:
        self._wire = wire
        self._take = take
        self._clock = clock
        self._patience = patience or Patience()
        self._heard_at = clock.monotonic()
        self._began_at = self._heard_at
        self._offset: int | None = None
        self._deaf = False
        self._troubled = False
        self.restarts = 0

    @property
    def age(self) -> float:
        """Seconds since Telegram last gave a good answer, or since the start."""
        return self._clock.monotonic() - self._heard_at

    async def run(self) -> None:
        """Poll until cancelled. What ``take`` raises ends it, for then nothing can be stored."""
        while True:
            self._began_at = self._clock.monotonic()
            polling = asyncio.create_task(self._poll())
            try:
                await self._watch(polling)
            finally:
                polling.cancel()
                with suppress(asyncio.CancelledError):
                    await polling
            self.restarts += 1

    async def _watch(self, polling: asyncio.Task[None]) -> None:
        """Return when the poller has heard nothing for too long; raise what it raised."""
        while True:
            looked = asyncio.create_task(self._clock.sleep(self._patience.look))
            try:
                await asyncio.wait({polling, looked}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                looked.cancel()
            if polling.done():
                polling.result()
            since = max(self._heard_at, self._began_at)
            if self.age > self._patience.deaf_after and not self._deaf:
                self._deaf = True
                log.error("telegram_deaf", seconds=round(self.age))
            if self._clock.monotonic() - since > self._patience.deaf_after:
                return

    async def _poll(self) -> None:
        rest = self._patience.rest
        while True:
            asked_at = self._clock.monotonic()
            try:
                raw = await self._wire.call(
                    "getUpdates",
                    self._patience.hold + SLACK,
                    offset=self._offset,
                    timeout=self._patience.hold,
                    allowed_updates=ALLOWED,
                )
            except RefusedError as refusal:
                self._trouble(f"HTTP {refusal.code} {refusal.description}".rstrip())
                await self._clock.sleep(self._rest_after(refusal, rest))
            except NetworkError as error:
                self._trouble(error.message)
                await self._clock.sleep(rest)
            else:
                heard = [each for each in map(normalise, raw if isinstance(raw, list) else []) if each is not None]
                await self._hand_over(heard)
                if not heard and self._clock.monotonic() - asked_at < self._patience.rest:
                    # Empty answers are held back; who gives them at once would be asked without end.
                    await self._clock.sleep(self._patience.rest)
                rest = self._patience.rest
                continue
            rest = min(2 * rest, self._patience.longest_rest)

    async def _hand_over(self, heard: Sequence[Heard]) -> None:
        if heard:
            await self._take(heard)
        # After an empty answer all is confirmed, and no offset is needed: one that is kept would make us deaf when
        # Telegram goes on from a lower number, as it may after a quiet week.
        self._offset = max(each.update for each in heard) + 1 if heard else None
        self._heard_at = self._clock.monotonic()
        if self._deaf or self._troubled:
            log.info("telegram_hears_again")
        self._deaf = self._troubled = False

    def _rest_after(self, refusal: RefusedError, rest: float) -> float:
        if refusal.code == HTTPStatus.CONFLICT:
            return self._patience.conflict
        return max(silence(refusal) or 0.0, rest)

    def _trouble(self, why: str) -> None:
        if not self._troubled:
            log.warning("telegram_poll_failed", why=why)
        self._troubled = True
