"""Remembers passwords that were refused, for trying them again may lock out the customer, or all of us."""

from collections import deque

from monitor.clock import Clock

LOCKOUT = 600.0
"""Seconds for which strangers' failures count together."""
FAILURES = 2
"""Failed logins within that time after which no untried password is tried: a third one blocks our address at Robot."""


class Logins:
    """What became of each password, by its fingerprint. A changed password has another one, and a fresh start."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._refused: dict[str, str] = {}
        self._proven: set[str] = set()
        self._failed: deque[float] = deque(maxlen=FAILURES)

    def refused(self, by: str) -> str | None:
        """Give the words with which this password was refused; None: it was not."""
        return self._refused.get(by)

    def held_back(self, by: str) -> float:
        """Give the seconds for which this password should not be tried yet, for the sake of all others."""
        if by in self._proven or len(self._failed) < FAILURES:
            return 0.0
        return max(0.0, self._failed[0] + LOCKOUT - self._clock.monotonic())

    def refuse(self, by: str, words: str) -> None:
        """Note that it was refused."""
        self._refused[by] = words
        self._proven.discard(by)
        self._failed.append(self._clock.monotonic())

    def doubt(self) -> None:
        """Note that somebody was turned away without a word about the password: it may count as a failure there."""
        self._failed.append(self._clock.monotonic())

    def prove(self, by: str) -> None:
        """Note that it was accepted."""
        self._proven.add(by)
