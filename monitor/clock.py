"""Time, passed in and never fetched below the shell."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Wall time for what is promised, monotonic time for what is waited."""

    def now(self) -> datetime:
        """Give the wall time: aware, UTC."""

    def monotonic(self) -> float:
        """Give seconds that never run backwards."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> datetime:
        """Give the wall time: aware, UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Give seconds that never run backwards."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


class DrivenClock:
    """A clock that moves only when told to: for tests, simulation and replay."""

    def __init__(self, start: datetime) -> None:
        self._start = start
        self._passed = timedelta()

    def now(self) -> datetime:
        """Give the driven wall time."""
        return self._start + self._passed

    def monotonic(self) -> float:
        """Give the seconds driven so far."""
        return self._passed.total_seconds()

    async def sleep(self, seconds: float) -> None:
        """Move on by ``seconds`` and let others run."""
        self.advance(timedelta(seconds=seconds))
        await asyncio.sleep(0)

    def advance(self, by: timedelta) -> None:
        """Move on."""
        self._passed += by
