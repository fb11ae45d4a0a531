"""Takes notices from the outbox and sees them delivered, postponed or buried.

A notice is marked ``sending`` in a transaction of its own before the carrier is called. What a crash, or a lost answer,
leaves in that state was perhaps delivered: it becomes ``unknown``. A customer's notice of that kind is repeated, once
for each lost answer, since not being told is worse than being told twice; nothing else is repeated.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from typing import Any

from monitor.clock import Clock
from monitor.core.notice import (
    Ambiguous,
    Delivered,
    Outcome,
    Rejected,
    TryLater,
    Undeliverable,
)
from monitor.drawing import Drawing
from monitor.faults import FAULTS
from monitor.letters import Shop
from monitor.posting import Job, take
from monitor.settling import settle
from monitor.store import outbox
from monitor.store.cards import Card
from monitor.store.engine import Store, StoreError, Transaction
from monitor.store.outbox import Channel
from monitor.telemetry import Metrics, Progress, logger
from notifiers import Message, Notifier, Unreachable, WordingError

LEASE = timedelta(minutes=2)
TIDY = 1.0
"""Seconds between looks for what is too late, in doubt, or to be repeated, while there is work."""
UNDER_WAY = 12
"""Notices in hand at once: what the carrier takes at the same time, and some that stand ready behind it."""
REFILL = 4
"""So many hands must be free before more is taken: each taking is a transaction."""
IDLE = 5.0
"""Seconds between looks at the outbox when nobody has rung."""
GLANCE = 0.5
"""Seconds between looks at the cards while there is work: each is a transaction, and a card may be so much late."""
TURN = 30.0
"""Seconds that a notice waits for its turn while its lease runs; then it goes back into the queue."""
LOOPS = {Channel.FIRST: "courier", Channel.SECOND: "courier:second"}
"""The names under which couriers say that they get somewhere."""
REPEAT_AFTER = timedelta(minutes=2)
SETTLINGS, SETTLE_AGAIN = 60, 1.0
"""How often, and how many seconds apart, the database is asked to keep how a notice ended."""
OUTAGE = 8
"""So many failures in a row, and it is the carrier that cannot be reached, not these notices."""
OUTAGE_WAIT = timedelta(seconds=30)


class Courier:
    """One courier of one node; many may share one outbox."""

    def __init__(
        self,
        store: Store,
        notifier: Notifier,
        shop: Shop,
        clock: Clock,
        metrics: Metrics,
        progress: Progress,
        *,
        dry_run: bool = False,
    ) -> None:
        self._store = store
        self._notifier = notifier
        self._shop = shop
        self._clock = clock
        self._metrics = metrics
        self._progress = progress
        self._dry_run = dry_run
        self._name = LOOPS[shop.channel]
        self._bell = asyncio.Event()
        self._quiet_until: datetime | None = None
        self._failed_in_row = 0
        self._under_way: set[asyncio.Task[None]] = set()
        self._in_hand: set[int] = set()
        """The notices that are being sent."""
        self._drawing = Drawing(store, notifier, shop, clock)
        self._busy_drawing = False
        self._glance_at = self._tidy_at = float("-inf")
        self._faults: list[BaseException] = []
        self._log = logger("courier")

    def ring(self) -> None:
        """Say that there may be something to deliver."""
        self._bell.set()

    async def run(self, *, alone: bool, stopping: Callable[[], bool]) -> None:
        """Deliver until told to stop. ``alone``: no other node shares the outbox, so what is half sent was ours."""
        await self._recover(alone=alone)
        failing = False
        try:
            while not stopping():
                # Cleared first: whoever rings from here on is heard.
                self._bell.clear()
                try:
                    wait = await self._step()
                except Exception:  # noqa: BLE001 - one of the two loops that go on
                    if not failing:
                        self._log.exception("outbox_failed")
                    failing, wait = True, IDLE
                else:
                    self._progress.made(self._name, self._clock.monotonic())
                    if failing:
                        self._log.info("outbox_works_again")
                    failing = False
                await self._rest(wait)
            if self._under_way:
                await asyncio.wait(self._under_way)
        finally:
            for task in self._under_way:
                task.cancel()
            await asyncio.gather(*self._under_way, return_exceptions=True)

    async def deliver(self) -> int:
        """Take one batch and see it through; give how many messages it made."""
        jobs = await self._take(UNDER_WAY)
        # Not a group of tasks: one that fails must not cut short the others, whose requests are on their way.
        for failure in await asyncio.gather(*map(self._tell, jobs), return_exceptions=True):
            if failure is not None:
                raise failure
        return len(jobs)

    async def redraw(self) -> int:
        """Bring the cards up to date whose cases have moved; give how many were."""
        stale = await self._drawing.stale(UNDER_WAY)
        for each in stale:
            await self._draw(each)
        return len(stale)

    async def _recover(self, *, alone: bool) -> None:
        now = self._clock.now()
        async with self._store.write() as connection:
            doubtful = await outbox.doubt(connection, now, self._shop.channel, everything=alone)
            self._quiet_until = await outbox.paused_until(connection, self._shop.carrier)
        if self._quiet_until is not None and self._quiet_until > now:
            # For whoever speaks past the outbox: answers keep the silence too.
            self._notifier.pause((self._quiet_until - now).total_seconds())
        if doubtful:
            self._metrics.ambiguous.inc(doubtful)
            self._log.warning("notices_in_doubt", count=doubtful)

    async def _step(self) -> float:
        """Fill the free hands; give how many seconds to rest unless somebody rings or a hand becomes free."""
        if self._faults:
            raise self._faults.pop()
        room = UNDER_WAY - len(self._under_way)
        jobs = await self._take(room) if room >= REFILL else []
        for job in jobs:
            self._begin(self._tell(job))
        glance = await self._look_at_cards()
        return min(IDLE, glance) if self._under_way else min(glance, await self._idle())

    async def _look_at_cards(self) -> float:
        """Begin to redraw one card that is out of date; give the seconds until the next look."""
        if not self._shop.chats or self._dry_run or self._silent() or self._busy_drawing:
            return IDLE
        now = self._clock.monotonic()
        if now < self._glance_at:
            return self._glance_at - now
        stale = await self._drawing.stale(1)
        if not stale:
            self._glance_at = now + GLANCE
            return IDLE
        self._busy_drawing = True
        self._begin(self._draw(stale[0]))
        return IDLE

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        if not task.cancelled() and (fault := task.exception()) is not None:
            self._faults.append(fault)
        self._bell.set()

    async def _rest(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._bell.wait()
        except TimeoutError:
            return

    def _silent(self) -> bool:
        return self._quiet_until is not None and self._clock.now() < self._quiet_until

    async def _take(self, room: int) -> list[Job]:
        """Take what is due, and all that is needed to tell it."""
        now = self._clock.now()
        if self._dry_run or self._silent():
            return []
        async with self._store.write() as connection:
            if (passed := self._clock.monotonic()) >= self._tidy_at or not self._under_way:
                await self._tidy(connection, now)
                self._tidy_at = passed + TIDY
            jobs = await take(connection, self._shop, now, LEASE, room)
        self._in_hand.update(each.number for job in jobs for each in job.leased)
        if jobs:
            FAULTS.reach("notice.leased")
        return jobs

    async def _tidy(self, connection: Transaction, now: datetime) -> None:
        await outbox.expire(connection, now)
        doubtful = await outbox.doubt(connection, now, self._shop.channel, everything=False, except_for=self._in_hand)
        await outbox.repeat_unknown(connection, now, REPEAT_AFTER)
        if doubtful:
            self._metrics.ambiguous.inc(doubtful)

    async def _idle(self) -> float:
        if self._dry_run:
            return IDLE
        now = self._clock.now()
        async with self._store.read() as connection:
            due = await outbox.next_due(connection, now, self._shop.channel)
        wake = max(filter(None, (due, self._quiet_until)), default=None) if due else None
        if wake is None or wake <= now:
            return IDLE if wake is None else 0.2
        return min(IDLE, (wake - now).total_seconds() + 0.01)

    async def _tell(self, job: Job) -> None:
        try:
            outcome = await self._carry(job)
            FAULTS.reach("notice.sent")
            await self._settle_surely(job, outcome)
            FAULTS.reach("notice.settled")
        finally:
            self._in_hand.difference_update(each.number for each in job.leased)

    async def _settle_surely(self, job: Job, outcome: Outcome) -> None:
        """Write down how it ended. Nobody else knows that: to give up at once would be to tell it twice later."""
        now = self._clock.now()
        self._count_failures(outcome, now)
        for leased in job.leased:
            self._metrics.told.labels(leased.kind, type(outcome).__name__.lower()).inc()
            if isinstance(outcome, Ambiguous):
                self._metrics.ambiguous.inc()
        for left in reversed(range(SETTLINGS)):
            try:
                await self._settle(job, outcome, now)
            except StoreError:
                if left == 0:
                    raise
                if left == SETTLINGS - 1:
                    self._log.error("notice_not_settled", notice=job.leased[0].key)
                await self._clock.sleep(SETTLE_AGAIN)
            else:
                return

    async def _carry(self, job: Job) -> Outcome:
        if job.recipient is None:
            return Undeliverable(Unreachable.NOT_LINKED.value)
        if job.closed is not None:
            # Nothing is spent on asking again who does not want to be asked.
            return Undeliverable(job.closed)
        try:
            message = job.write(self._shop, job.recipient)
        except WordingError as fault:
            return Rejected(str(fault))
        outcome: Outcome = Rejected("nothing to say")
        for number, part in enumerate(self._notifier.parts(message)):
            said = await self._say(part, urgent=job.to_operators)
            if not isinstance(said, Delivered):
                # The first part is out already: to begin again would say it twice.
                return said if number == 0 else Ambiguous("only a part of the message was sent")
            # Buttons stand under the last part: its number is the one that a card is known by.
            outcome = said
        return outcome

    async def _say(self, message: Message, *, urgent: bool) -> Outcome:
        async with AsyncExitStack() as turn:
            try:
                async with asyncio.timeout(TURN):
                    await turn.enter_async_context(self._notifier.turn(message.recipient, urgent=urgent))
            except TimeoutError:
                return self._no_turn()
            return await self._notifier.send(message)

    def _no_turn(self) -> TryLater:
        """Say that nothing was sent: somebody else's message brought a silence that outlasts our lease."""
        until, now = self._notifier.not_before, self._clock.now()
        if until is None or until <= now:
            return TryLater(timedelta(), "no turn came")
        return TryLater(until - now, "the carrier asked for silence", everyone=True)

    async def _settle(self, job: Job, outcome: Outcome, now: datetime) -> None:
        replaced: Card | None = None
        async with self._store.write() as connection:
            if isinstance(outcome, TryLater) and outcome.everyone:
                await self._fall_silent(connection, now + outcome.after)
            for leased in job.leased:
                await settle(connection, self._shop, job, leased, outcome, now, silent=self._silent())
            if isinstance(outcome, Delivered) and job.card_of is not None and job.recipient is not None:
                receipt = outcome.receipt
                replaced = await self._drawing.keep(connection, job.card_of, job.recipient, receipt, now)
        if replaced is not None:
            await self._drawing.retire(replaced)

    def _count_failures(self, outcome: Outcome, now: datetime) -> None:
        """Notice when it is the carrier that cannot be reached: then nobody is tried for a while."""
        if not isinstance(outcome, TryLater) or outcome.everyone:
            if self._failed_in_row >= OUTAGE:
                self._log.info("carrier_reached_again", carrier=self._shop.carrier)
            self._failed_in_row = 0
            return
        self._failed_in_row += 1
        if self._failed_in_row == OUTAGE:
            self._log.error("carrier_out_of_reach", carrier=self._shop.carrier, why=outcome.why)
        if self._failed_in_row >= OUTAGE:
            self._quiet_until = max(filter(None, (self._quiet_until, now + OUTAGE_WAIT)))

    async def _draw(self, stale: Card) -> None:
        try:
            outcome = await self._drawing.draw(stale)
            if isinstance(outcome, TryLater) and outcome.everyone:
                async with self._store.write() as connection:
                    await self._fall_silent(connection, self._clock.now() + outcome.after)
        finally:
            self._busy_drawing = False

    async def _fall_silent(self, connection: Transaction, until: datetime) -> None:
        """Send nothing to anybody until an instant, over a restart too."""
        self._quiet_until = max(filter(None, (self._quiet_until, until)))
        await outbox.pause(connection, self._shop.carrier, self._quiet_until)
