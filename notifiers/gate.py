"""Turns for carriers that have no rules of their own: a few at once, and silence when it is asked for."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from monitor.clock import Clock


class Gate:
    """Lets ``at_once`` through at the same time; the urgent do not stand behind the others."""

    def __init__(self, clock: Clock, at_once: int) -> None:
        self._clock = clock
        self._lanes = {urgent: asyncio.Semaphore(at_once) for urgent in (False, True)}
        self._not_before: datetime | None = None

    @property
    def not_before(self) -> datetime | None:
        """The wall time until which nobody is let through; None: the gate is open."""
        shut = self._not_before is not None and self._clock.now() < self._not_before
        return self._not_before if shut else None

    def pause(self, seconds: float) -> None:
        """Shut the gate; a shorter wish never ends a longer one."""
        until = self._clock.now() + timedelta(seconds=seconds)
        self._not_before = max(until, self._not_before or until)

    @asynccontextmanager
    async def turn(self, recipient: str, *, urgent: bool = False) -> AsyncIterator[None]:
        """Wait until one may pass."""
        del recipient
        async with self._lanes[urgent]:
            while (until := self.not_before) is not None:
                await self._clock.sleep((until - self._clock.now()).total_seconds())
            yield
