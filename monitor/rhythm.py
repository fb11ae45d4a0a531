"""What ticks and how often. The scheduler only rings; our own tasks do the work, and finish it."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import timedelta

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger

from monitor.clock import Clock
from monitor.core.plan import Check, Slot, closing_slot, slot
from monitor.dispatch.local import run_sweep
from monitor.sweep import Sweeper
from monitor.telemetry import Metrics, Progress, logger
from monitor.upkeep import Upkeep

FINEST = 0.2
"""Seconds between ticks at the finest; a slot begins at most a fifth of its length late."""
COARSEST = 15.0
UPKEEP = "upkeep"
UNHURRIED = timedelta(minutes=1)
"""A rhythm from which on windows that end are looked at more often; a faster one is fast enough."""


class Rhythm:
    """Runs a sweep of each kind in every slot, as long as it is asked to."""

    def __init__(
        self,
        sweeper: Sweeper,
        upkeep: Upkeep,
        every: Mapping[Check, timedelta],
        clock: Clock,
        metrics: Metrics,
        progress: Progress,
        ring: Callable[[], None],
    ) -> None:
        self._sweeper = sweeper
        self._upkeep = upkeep
        self._every = every
        self._clock = clock
        self._metrics = metrics
        self._progress = progress
        self._ring = ring
        self._ticks = {check: asyncio.Event() for check in sweeper.kinds}
        self._turn = asyncio.Event()
        self._stopping = False
        self._log = logger("rhythm")

    async def run(self) -> None:
        """Tick until stopped; the sweep under way is finished first."""
        scheduler = AsyncIOScheduler(timezone="UTC")
        finest = min((self._every[check] for check in self._ticks), default=timedelta(seconds=COARSEST))
        beats = {check.value: (tick, self._every[check] / 5) for check, tick in self._ticks.items()}
        beats[UPKEEP] = (self._turn, finest)
        for name, (tick, span) in beats.items():
            scheduler.add_job(
                _strike,
                IntervalTrigger(seconds=min(max(span.total_seconds(), FINEST), COARSEST)),
                args=[tick],
                id=name,
                coalesce=True,
                max_instances=1,
                # A late tick is still a tick: the slot decides what is due.
                misfire_grace_time=None,
            )
            tick.set()
        scheduler.start()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._tend(), name=f"rhythm:{UPKEEP}")
                for check in self._ticks:
                    group.create_task(self._follow(check), name=f"rhythm:{check}")
        finally:
            scheduler.shutdown(wait=False)

    def stop(self) -> None:
        """Begin no further sweep."""
        self._stopping = True
        for tick in (*self._ticks.values(), self._turn):
            tick.set()

    def look_at(self, unit: str) -> None:
        """Have a unit looked at now, not only when its turn comes."""
        self._upkeep.want(unit)
        self._turn.set()

    async def _tend(self) -> None:
        failing = False
        while True:
            await self._turn.wait()
            self._turn.clear()
            if self._stopping:
                return
            try:
                if await self._upkeep.tend():
                    self._ring()
            except Exception:  # noqa: BLE001 - a loop that goes on; the next turn tries again
                if not failing:
                    self._log.exception("upkeep_failed")
                failing = True
            else:
                self._progress.made(f"rhythm:{UPKEEP}", self._clock.monotonic())
                if failing:
                    self._log.info("upkeep_works_again")
                failing = False

    async def _follow(self, check: Check) -> None:
        tick, failing = self._ticks[check], False
        last: dict[bool, Slot] = {}
        while True:
            await tick.wait()
            tick.clear()
            if self._stopping:
                return
            self._progress.made(f"rhythm:{check}", self._clock.monotonic())
            fresh = [due for due in self._due(check) if last.get(due.closing) != due]
            last |= {due.closing: due for due in fresh}
            if not fresh:
                continue
            try:
                for due in fresh:
                    await self._sweep(check, due)
            except Exception:  # noqa: BLE001 - one of the two loops that go on; the next slot tries again
                self._metrics.sweeps.labels(check, "failed").inc()
                if not failing:
                    self._log.exception("sweep_failed", check=check)
                failing = True
            else:
                if failing:
                    self._log.info("sweep_works_again", check=check)
                failing = False

    def _due(self, check: Check) -> list[Slot]:
        now, every = self._clock.now(), self._every[check]
        return [slot(now, every), closing_slot(now, every)] if every >= UNHURRIED else [slot(now, every)]

    async def _sweep(self, check: Check, due: Slot) -> None:
        began = self._clock.monotonic()

        def got_on() -> None:
            self._progress.made(f"rhythm:{check}", self._clock.monotonic())
            self._ring()

        looked = await run_sweep(self._sweeper, check, due, got_on)
        if looked is None:
            return
        took = self._clock.monotonic() - began
        self._metrics.sweeps.labels(check, "ended").inc()
        self._metrics.sweep_seconds.labels(check).observe(took)
        if not due.closing:
            self._metrics.sweep_success.labels(check).set(self._clock.now().timestamp())
        elif not looked:
            return
        self._log.info("swept", check=check, due_at=due.due_at.isoformat(), units=looked, seconds=round(took, 3))


async def _strike(tick: asyncio.Event) -> None:
    # A coroutine, for the scheduler runs plain functions in a thread, and an event belongs to its loop.
    tick.set()
