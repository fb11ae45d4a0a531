"""Listens to Telegram, on one node at a time, and notices when nothing is heard any more."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from typing import Protocol

from monitor.clock import Clock
from monitor.store import inbox
from monitor.store.engine import Store, StoreError
from monitor.telemetry import Metrics, Progress, logger

POST = "telegram"
WATCH = timedelta(seconds=60)
"""How long a node is the one that listens without saying so again: two at once would only disturb each other."""
LOOK = 5.0
ANNOUNCE_AGAIN = 3600.0
FRESH = 90.0
"""Seconds since the last good answer within which the poller is surely alive."""


class Poller(Protocol):
    """What asks Telegram for news, one long question after the other."""

    restarts: int

    @property
    def age(self) -> float:
        """Seconds since the last good answer."""

    async def run(self) -> None:
        """Ask until cancelled."""


class Doorbell:
    """Has Telegram come to us: says where, again and again until it is understood."""

    def __init__(self, announce: Callable[[], Awaitable[bool]], clock: Clock, progress: Progress) -> None:
        self._announce = announce
        self._clock = clock
        self._progress = progress
        self._log = logger("reception")

    async def run(self) -> None:
        """Announce where we are, and once more every hour, for somebody may have said otherwise. Until cancelled."""
        told_at: float | None = None
        while True:
            now = self._clock.monotonic()
            if (told_at is None or now - told_at >= ANNOUNCE_AGAIN) and await self._announce():
                if told_at is None:
                    self._log.info("listening")
                told_at = now
            self._progress.made("ears", self._clock.monotonic())
            await self._clock.sleep(LOOK)


class Ears:
    """Keeps one poller going on whichever node has the post."""

    def __init__(
        self,
        store: Store,
        poller: Callable[[], Poller],
        clock: Clock,
        metrics: Metrics,
        progress: Progress,
        node: str,
    ) -> None:
        self._store = store
        self._poller = poller
        self._clock = clock
        self._metrics = metrics
        self._progress = progress
        self._node = node
        self._log = logger("reception")

    async def run(self) -> None:
        """Listen until cancelled; what storing raises comes from here."""
        while True:
            if await self._has_post():
                await self._listen()
            self._progress.made("ears", self._clock.monotonic())
            await self._clock.sleep(LOOK)

    async def _listen(self) -> None:
        poller, restarts = self._poller(), 0
        self._log.info("listening")
        polling = asyncio.create_task(poller.run(), name="poller")
        try:
            while await self._has_post():
                # A restart of the poller is progress too: with Telegram away there is nothing better to do.
                if poller.age < FRESH or poller.restarts != restarts:
                    self._progress.made("ears", self._clock.monotonic())
                restarts = poller.restarts
                self._metrics.heard_at.set(self._clock.now().timestamp() - poller.age)
                await asyncio.wait({polling}, timeout=LOOK)
                if polling.done():
                    polling.result()
        finally:
            polling.cancel()
            with suppress(asyncio.CancelledError):
                await polling

    async def _has_post(self) -> bool:
        try:
            async with self._store.write() as connection:
                return await inbox.hold_post(connection, POST, self._node, self._clock.now(), WATCH)
        except StoreError:
            # Nobody else gets at the database either; who has listened goes on, and keeps what is heard to himself.
            return True
