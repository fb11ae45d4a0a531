"""How fast one may ask: a rate, a window that gives way to losses, and how long an answer may take."""

from dataclasses import dataclass
from typing import Final

_BURST_SECONDS: Final = 0.05
"""What may be asked at once after a pause, in seconds of the rate; the engine's own tick is well below it."""

_UNLIMITED: Final = 1 << 30


class Pace:
    """A rate in questions per second, kept by the time at which the next one would be due (GCRA). None: no limit."""

    __slots__ = ("_due", "_rate", "_slack")

    def __init__(self, rate: float | None) -> None:
        self._rate = rate
        self._slack = _BURST_SECONDS + 1 / rate if rate else 0.0
        self._due = float("-inf")

    def room(self, now: float) -> int:
        """Say how many questions may go now."""
        if self._rate is None:
            return _UNLIMITED
        # A millionth more, or rounding would eat a question that is due exactly now.
        return max(0, int((now + self._slack - max(self._due, now)) * self._rate + 1e-6))

    def spend(self, questions: int, now: float) -> None:
        """Count questions as asked, also beyond :meth:`room`: repeats are not held back, later questions are."""
        if self._rate is not None:
            self._due = max(self._due, now) + questions / self._rate


class Window:
    """How many questions may be open at once: fewer while many fail, more again while few do.

    A few lost packets in a hundred are the weather and change nothing; only a share above ``bearable`` is taken for
    congestion or refusal.
    """

    __slots__ = ("_bearable", "_ceiling", "_good", "_lost", "limit")

    _FEWEST = 10
    """Outcomes before a share means anything, unless the window is smaller."""

    def __init__(self, ceiling: int, bearable: float) -> None:
        self.limit = ceiling
        self._ceiling = ceiling
        self._bearable = bearable
        self._good = 0
        self._lost = 0

    def review(self, good: int, lost: int) -> None:
        """Adapt to the outcomes since the last review; both numbers count from the beginning."""
        new_good, new_lost = good - self._good, lost - self._lost
        outcomes = new_good + new_lost
        if outcomes < min(self._FEWEST, self.limit):
            return
        if new_lost > self._bearable * outcomes:
            self.limit = max(1, self.limit // 2)
        elif new_lost <= self._bearable / 2 * outcomes:
            self.limit = min(self._ceiling, self.limit + self.limit // 4 + 1)
        self._good, self._lost = good, lost


@dataclass(slots=True)
class RoundTrip:
    """How long answers take: a smoothed mean and deviation in seconds (RFC 6298)."""

    longest: float
    shortest: float
    mean: float | None = None
    deviation: float = 0.0

    def sample(self, seconds: float) -> None:
        """Learn from one answer."""
        if self.mean is None:
            self.mean, self.deviation = seconds, seconds / 2
        else:
            self.deviation += (abs(seconds - self.mean) - self.deviation) / 4
            self.mean += (seconds - self.mean) / 8

    def patience(self, tries: int) -> float:
        """Give the seconds to wait after the given number of tries before the question goes out again."""
        if self.mean is None:
            return self.longest
        likely = max(self.shortest, self.mean + 4 * self.deviation)
        return min(self.longest, likely * 2.0 ** (tries - 1))
