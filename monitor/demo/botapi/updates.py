"""The queue of updates for the bot: numbered, confirmed by offset, kept for a day; one reader at a time.

Source: Bot API, "Getting updates"; behaviour of tdlib/telegram-bot-api.
"""

import asyncio
import random
from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta

from monitor.clock import Clock
from monitor.demo.botapi.refusal import RefusalError, conflict
from monitor.demo.botapi.world import Json

KEPT = timedelta(hours=24)
MOST = 100
LONGEST_POLL = 50
ON_REQUEST = frozenset({"chat_member", "message_reaction", "message_reaction_count"})
"""Kinds that are sent only to who names them."""
OTHER_POLLER = "terminated by other getUpdates request; make sure that only one bot instance is running"
WEBHOOK_ACTIVE = "can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
WEBHOOK_SET = "terminated by setWebhook request"


@dataclass(frozen=True, slots=True)
class Update:
    """One thing that happened: ``kind`` is the field of the Update that holds it."""

    id: int
    at: datetime
    kind: str
    content: Json

    def as_json(self) -> Json:
        """Render it as an Update."""
        return {"update_id": self.id, self.kind: self.content}


class Updates:
    """What the bot has not confirmed yet. ``conflict_pause``: seconds from one 409 to the next."""

    def __init__(self, clock: Clock, seed: int = 0, conflict_pause: float = 3.0) -> None:
        self.pending: deque[Update] = deque()
        self.allowed: frozenset[str] | None = None
        self.webhook_active = False
        self._clock = clock
        self._chance = random.Random(seed)  # noqa: S311 - a play needs the same chance every time, not a secret one
        self._next = self._chance.randrange(100_000_000, 900_000_000)
        self._twice = False
        self._poller: asyncio.Future[None] | None = None
        self._arrived = asyncio.Event()
        self._conflict_pause = conflict_pause
        self._last_conflict = float("-inf")

    def push(self, kind: str, content: Json) -> None:
        """Add an update, unless the bot has asked not to be told of this kind."""
        wanted = kind not in ON_REQUEST if self.allowed is None else kind in self.allowed
        if not wanted:
            return
        self.pending.append(Update(self._next, self._clock.now(), kind, content))
        self._next += 1
        self._arrived.set()
        if self._poller and not self._poller.done():
            self._poller.set_result(None)

    def allow(self, kinds: list[str] | None) -> None:
        """Choose the kinds from now on; an empty list is the default choice, None leaves it as it is."""
        if kinds is not None:
            self.allowed = frozenset(kinds) if kinds else None

    async def poll(self, offset: int | None, limit: int | None, timeout: int | None) -> list[Json]:
        """Answer getUpdates: confirm, wait if nothing is there, and give what is. 409 ends a reader before this one."""
        try:
            if self.webhook_active:
                raise conflict(WEBHOOK_ACTIVE)
            self.interrupt(OTHER_POLLER)
            self._confirm(offset or 0)
            self.expire()
            if not self.pending and timeout and timeout > 0:
                await self._wait(min(timeout, LONGEST_POLL))
        except RefusalError:
            await self._pause_conflict()
            raise
        batch = [update.as_json() for update in self.pending][: min(max(limit or MOST, 1), MOST)]
        if self.take_twice():
            batch = [update for update in batch for _ in range(2)]
        return batch

    def interrupt(self, reason: str) -> None:
        """End the long poll under way, if any, with a 409."""
        if self._poller and not self._poller.done():
            self._poller.set_exception(conflict(reason))

    def expire(self) -> None:
        """Forget what is older than a day."""
        while self.pending and self._clock.now() - self.pending[0].at > KEPT:
            self.pending.popleft()

    def skip(self, count: int) -> None:
        """Leave a gap in the numbers: so many updates went to nobody."""
        self._next += count

    def jump(self) -> None:
        """Go on numbering from anywhere, perhaps lower: what happens after a week without updates."""
        self._next = self._chance.randrange(100_000_000, 900_000_000)

    def repeat(self) -> None:
        """Deliver twice what is delivered next."""
        self._twice = True

    def take_twice(self) -> bool:
        """Tell, once, whether the next delivery is a double one."""
        twice, self._twice = self._twice and bool(self.pending), self._twice and not self.pending
        return twice

    async def first(self) -> Update:
        """Wait for the oldest update, without taking it."""
        while True:
            self.expire()
            if self.pending:
                return self.pending[0]
            self._arrived.clear()
            await self._arrived.wait()

    def done(self, update: Update) -> None:
        """Take out what has been delivered."""
        if update in self.pending:
            self.pending.remove(update)

    def _confirm(self, offset: int) -> None:
        if offset < 0:
            while len(self.pending) > -offset:
                self.pending.popleft()
            return
        # By place in the queue, not by size: after a jump the numbers to come may be lower than those confirmed.
        ids = [update.id for update in self.pending]
        upto = ids.index(offset) if offset in ids else ids.index(offset - 1) + 1 if offset - 1 in ids else 0
        for _ in range(upto):
            self.pending.popleft()

    async def _wait(self, seconds: float) -> None:
        poller = self._poller = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(seconds):
                await poller
        except TimeoutError:
            pass
        finally:
            if self._poller is poller:
                self._poller = None

    async def _pause_conflict(self) -> None:
        """Let the first 409 go at once, and the next one not before its time."""
        now = asyncio.get_running_loop().time()
        self._last_conflict = max(now, self._last_conflict + self._conflict_pause)
        await asyncio.sleep(self._last_conflict - now)
