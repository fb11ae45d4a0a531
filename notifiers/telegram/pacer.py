"""How fast Telegram may be spoken to: no bursts, urgent before bulk, and silence when it asks for silence.

Source: the Bots FAQ ("My bot is hitting limits") for the figures; only ``retry_after`` is authoritative.
"""

import asyncio
import heapq
from collections import OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count

from monitor.clock import Clock

URGENT, BULK = 0, 1


@dataclass(frozen=True, slots=True)
class Limits:
    """Telegram allows 30 messages a second in all, 1 a second to a chat, 20 a minute to a group; we stay below."""

    per_second: float = 25.0
    chat_gap: float = 1.0
    group_count: int = 20
    group_span: float = 60.0
    in_flight: int = 8


@dataclass(slots=True)
class _Chat:
    """One chat's recent past, and who waits for it. ``ended``: when its last turns ended, the newest last."""

    ended: deque[float]
    busy: bool = False
    waiting: tuple[deque[asyncio.Future[None]], deque[asyncio.Future[None]]] = field(
        default_factory=lambda: (deque(), deque())
    )


class Pacer:
    """Gives turns: at most ``in_flight`` at once, one at a time to a chat, in the order of asking."""

    def __init__(self, clock: Clock, limits: Limits | None = None) -> None:
        self._clock = clock
        self._limits = limits or Limits()
        self._gap = 1 / self._limits.per_second
        self._chats: OrderedDict[str, _Chat] = OrderedDict()
        self._ready: tuple[deque[str], deque[str]] = (deque(), deque())
        self._later: list[tuple[float, int, str]] = []
        self._order = count()
        self._in_flight = 0
        self._slot = float("-inf")
        """When the next turn may begin, for the sake of the overall rate."""
        self._silent_until = float("-inf")
        self._probing = False
        """After a silence a single turn goes first, to learn whether it is really over."""
        self._resume_at: datetime | None = None
        self._alarm: tuple[float, asyncio.Task[None]] | None = None

    @property
    def not_before(self) -> datetime | None:
        """The wall time until which nobody may be spoken to, to be kept over a restart; None: one may speak."""
        return self._resume_at if self.silent else None

    @property
    def silent(self) -> bool:
        """Whether Telegram has asked for silence."""
        return self._clock.monotonic() < self._silent_until

    def __len__(self) -> int:
        """Count the chats that are remembered."""
        return len(self._chats)

    def pause(self, seconds: float) -> None:
        """Fall silent towards everybody; a shorter wish never ends a longer one."""
        until = self._clock.monotonic() + seconds
        if until <= self._silent_until or seconds <= 0:
            return
        self._silent_until = until
        self._resume_at = self._clock.now() + timedelta(seconds=seconds)
        self._probing = True
        self._grant()

    def close(self) -> None:
        """Give no further turns."""
        if self._alarm is not None:
            self._alarm[1].cancel()
            self._alarm = None

    @asynccontextmanager
    async def turn(self, chat: str, *, urgent: bool = False) -> AsyncIterator[None]:
        """Wait until ``chat`` may be sent one request; the turn lasts until its answer is there."""
        granted = self._ask(chat, URGENT if urgent else BULK)
        try:
            await granted
        except asyncio.CancelledError:
            if granted.done() and not granted.cancelled():
                self._end(chat, failed=True)
            raise
        before = self._silent_until
        try:
            yield
        finally:
            self._end(chat, failed=self._silent_until > before)

    def _ask(self, chat: str, lane: int) -> asyncio.Future[None]:
        known = self._chats.get(chat)
        if known is None:
            # A group's id is negative; of a private chat only the last turn matters.
            group = chat.startswith(("-", "@"))
            known = self._chats[chat] = _Chat(deque(maxlen=self._limits.group_count if group else 1))
        granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        known.waiting[lane].append(granted)
        self._line_up(chat, known, lane)
        self._grant()
        return granted

    def _end(self, chat: str, *, failed: bool) -> None:
        now = self._clock.monotonic()
        known = self._chats[chat]
        known.busy = False
        # Counted from the end: two requests cannot overtake each other on the way and arrive together.
        known.ended.append(now)
        self._chats.move_to_end(chat)
        self._in_flight -= 1
        if not failed and now >= self._silent_until:
            self._probing = False
        for lane, waiting in enumerate(known.waiting):
            if waiting:
                self._line_up(chat, known, lane)
        self._forget(now)
        self._grant()

    def _free_at(self, known: _Chat) -> float:
        if not known.ended:
            return float("-inf")
        free_at = known.ended[-1] + self._limits.chat_gap
        if len(known.ended) == self._limits.group_count:
            free_at = max(free_at, known.ended[0] + self._limits.group_span)
        return free_at

    def _line_up(self, chat: str, known: _Chat, lane: int) -> None:
        if known.busy:
            return
        free_at = self._free_at(known)
        if free_at > self._clock.monotonic():
            heapq.heappush(self._later, (free_at, next(self._order), chat))
        else:
            self._ready[lane].append(chat)

    def _grant(self) -> None:
        """Give every turn that may begin now, and set the alarm for the next."""
        now = self._clock.monotonic()
        self._wake(now)
        room = 1 if self._probing else self._limits.in_flight
        while self._in_flight < room and now >= max(self._slot, self._silent_until):
            granted = self._next(now)
            if granted is None:
                break
            self._in_flight += 1
            # A timer a little late is made good, so that the rate holds; idleness is not: it would end in a burst.
            self._slot = max(self._slot, now - self._gap / 2) + self._gap
            granted.set_result(None)
        self._set_alarm(now, room)

    def _wake(self, now: float) -> None:
        while self._later and self._later[0][0] <= now:
            chat = heapq.heappop(self._later)[2]
            known = self._chats.get(chat)
            if known is not None and not known.busy:
                for lane, waiting in enumerate(known.waiting):
                    if waiting:
                        self._ready[lane].append(chat)

    def _next(self, now: float) -> asyncio.Future[None] | None:
        for lane, ready in enumerate(self._ready):
            while ready:
                chat = ready.popleft()
                known = self._chats.get(chat)
                # A chat may stand in line twice; whoever comes when it is taken comes again when it is free.
                if known is None or known.busy or self._free_at(known) > now:
                    continue
                waiting = known.waiting[lane]
                while waiting:
                    granted = waiting.popleft()
                    if not granted.done():
                        known.busy = True
                        return granted
        return None

    def _set_alarm(self, now: float, room: int) -> None:
        at: float | None = None
        if self._in_flight < room:
            if any(self._ready):
                at = max(self._slot, self._silent_until)
            elif self._later:
                at = max(self._slot, self._silent_until, self._later[0][0])
        if self._alarm is not None:
            if self._alarm[0] == at:
                return
            self._alarm[1].cancel()
            self._alarm = None
        if at is not None:
            # A microsecond more, for a clock's rounding must not wake us a hair too early, again and again.
            wait = max(0.0, at - now) + 1e-6
            self._alarm = (at, asyncio.get_running_loop().create_task(self._ring(wait)))

    async def _ring(self, seconds: float) -> None:
        await self._clock.sleep(seconds)
        self._alarm = None
        self._grant()

    def _forget(self, now: float) -> None:
        """Forget the chats that no limit remembers; the oldest come first."""
        while self._chats:
            chat, known = next(iter(self._chats.items()))
            idle = not known.busy and not any(known.waiting)
            if not idle or (known.ended and known.ended[-1] + self._limits.group_span > now):
                return
            del self._chats[chat]
