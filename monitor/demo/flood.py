"""Telegram's limits on messages, and what it costs to pass them: waits that grow when they are ignored.

Source: Bots FAQ ("My bot is hitting limits"); only ``retry_after`` is authoritative, the numbers are not contractual.
"""

import math
from collections import deque
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Limits:
    """How many messages: a second in all, a second to one private chat, a minute in one group.

    ``slack``: seconds of a window forgiven, for what the network delays. ``wait``: seconds to wait after passing the
    limit of all chats. ``grace``: seconds after a refusal in which requests already under way are not held against
    the sender.
    """

    overall: int = 30
    private: int = 1
    group: int = 20
    slack: float = 0.05
    wait: int = 3
    grace: float = 0.5


@dataclass(slots=True)
class _Pause:
    until: float
    length: float
    told: float


@dataclass(frozen=True, slots=True)
class Violation:
    """A message sent during a pause it had been told of: ``scope`` is the chat that was to rest, None for all."""

    at: float
    chat: int
    scope: int | None


@dataclass(slots=True)
class Flood:
    """The gate in front of the chats. Times are seconds of one clock that never runs backwards.

    ``violations`` is the assertion of a well-behaved sender: empty. ``during_any_pause`` counts, more strictly, what
    was sent to whatever chat while any pause was on, since Telegram does not say which limit was hit.
    """

    limits: Limits = field(default_factory=Limits)
    on: bool = True
    escalating: bool = False
    accepted: int = 0
    refused: int = 0
    violations: list[Violation] = field(default_factory=list)
    during_any_pause: int = 0
    _pauses: dict[int | None, _Pause] = field(default_factory=dict)
    _recent: dict[int | None, deque[float]] = field(default_factory=dict)

    def admit(self, chat: int, now: float) -> int | None:
        """Let one message to ``chat`` pass (None), or say how many seconds to wait."""
        if not self.on:
            return None
        self._count_rest(now)
        wait = self._resting(chat, now) or self._over(chat, now)
        if wait is None:
            self.accepted += 1
            for scope in (None, chat):
                self._recent.setdefault(scope, deque()).append(now)
        else:
            self.refused += 1
        return wait

    def pause(self, seconds: float, now: float, chat: int | None = None) -> int:
        """Demand a pause of one chat or of all, whatever was sent; give the seconds as they will be told."""
        self._pauses[chat] = _Pause(now + seconds, seconds, now)
        return math.ceil(seconds)

    def _count_rest(self, now: float) -> None:
        self._pauses = {scope: pause for scope, pause in self._pauses.items() if now < pause.until}
        late = any(now > pause.told + self.limits.grace for pause in self._pauses.values())
        self.during_any_pause += late

    def _resting(self, chat: int, now: float) -> int | None:
        for scope in (None, chat):
            pause = self._pauses.get(scope)
            if pause is None:
                continue
            if now > pause.told + self.limits.grace:
                self.violations.append(Violation(now, chat, scope))
                if self.escalating:
                    self.pause(2 * pause.length, now, scope)
            return math.ceil(self._pauses[scope].until - now)
        return None

    def _over(self, chat: int, now: float) -> int | None:
        limits, is_group = self.limits, chat < 0
        most, window = (limits.group, 60.0) if is_group else (limits.private, 1.0)
        for scope, number, span in ((None, limits.overall, 1.0), (chat, most, window)):
            recent = self._recent.setdefault(scope, deque())
            while recent and now - recent[0] >= span - limits.slack:
                recent.popleft()
            if len(recent) >= number:
                wait = limits.wait if scope is None else max(recent[0] + span - now, 1.0)
                return self.pause(math.ceil(wait), now, scope)
        return None
