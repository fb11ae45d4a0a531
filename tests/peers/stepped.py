"""A clock for many sleepers at once: time jumps to the next of them as soon as nobody has anything left to do."""

import asyncio
import heapq
from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TypeVar

T = TypeVar("T")
START = datetime(2026, 5, 25, 9, 0, tzinfo=UTC)


class SteppedClock:
    """Implements ``monitor.clock.Clock``; ``late``: seconds by which every sleeper oversleeps."""

    def __init__(self, *, late: float = 0.0) -> None:
        self._now = 0.0
        self._late = late
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = count()

    def now(self) -> datetime:
        return START + timedelta(seconds=self._now)

    def monotonic(self) -> float:
        return self._now

    async def sleep(self, seconds: float) -> None:
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._now + max(0.0, seconds) + self._late, next(self._order), woken))
        await woken

    async def run(self, work: Awaitable[T], *, steps: int = 1_000_000) -> T:
        """Let time pass until ``work`` is done."""
        task = asyncio.ensure_future(work)
        for _ in range(steps):
            await _settle()
            if task.done():
                return task.result()
            if not self._wake():
                break
        task.cancel()
        raise AssertionError("everybody waits for something other than time")

    async def pass_(self, seconds: float) -> None:
        """Let this much time pass, waking whoever is due."""
        until = self._now + seconds
        await _settle()
        while self._sleepers and self._sleepers[0][0] <= until:
            self._wake()
            await _settle()
        self._now = until

    def _wake(self) -> bool:
        while self._sleepers:
            at, _, woken = heapq.heappop(self._sleepers)
            if not woken.done():
                self._now = max(self._now, at)
                woken.set_result(None)
                return True
        return False


async def _settle() -> None:
    """Let everything run that can run without time passing."""
    ready = asyncio.get_running_loop()._ready  # type: ignore[attr-defined]  # there is no public way to ask
    await asyncio.sleep(0)
    while ready:  # noqa: ASYNC110 - what is awaited is that nobody has anything left to do
        await asyncio.sleep(0)
