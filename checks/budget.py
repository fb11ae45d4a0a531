"""What a session may still ask of one provider: its pace, the provider's own limits, a breaker against its troubles."""

from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from multidict import istr

BUSY, UNAVAILABLE = HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE
# As headers are kept: so they need not be folded anew for every answer.
REMAINING = (istr("ratelimit-remaining"), istr("x-ratelimit-remaining"))
RESET = (istr("ratelimit-reset"), istr("x-ratelimit-reset"))
UNTOLD = 60.0
"""Seconds, where a provider has enough of us and does not say for how long."""
LONGEST_HOLD = 3600.0
"""Seconds; a longer wish is not believed, for a slip of a stranger's clock must not silence a provider for a year."""


class Pace:
    """At most ``per_second`` requests a second; a tenth of a second's worth may come at once."""

    def __init__(self, per_second: float) -> None:
        self._gap = 1.0 / per_second
        self._burst = 0.1
        self._next = float("-inf")

    def turn(self, now: float) -> float:
        """Take the next turn and give the seconds until it comes."""
        turn = max(self._next, now - self._burst)
        self._next = turn + self._gap
        return max(0.0, turn - now)


class Breaker:
    """Leaves a provider alone after ``patience`` failures in a row: for ``rest`` seconds, then longer and longer."""

    def __init__(self, patience: int = 5, rest: float = 30.0, longest: float = 600.0) -> None:
        self._patience = patience
        self._rest = self._first = rest
        self._longest = longest
        self._failures = 0
        self._probing = False
        self._shut_until = float("-inf")

    def shut_for(self, now: float) -> float:
        """Give the seconds for which nobody may ask. At their end one may, and the others wait for what it brings."""
        if self._failures < self._patience:
            return 0.0
        if now < self._shut_until:
            return self._shut_until - now
        self._probing = True
        self._shut_until = now + self._first
        return 0.0

    def heard(self) -> bool:
        """Note that the provider answered; tell whether it had been left alone until now."""
        was_shut = self._failures >= self._patience
        self._failures = 0
        self._probing = False
        self._rest = self._first
        return was_shut

    def failed(self, now: float) -> bool:
        """Note that it did not, or only that it is in trouble; tell whether it is left alone from now on."""
        self._failures += 1
        # Of many requests that were under way together, only the first that counts may lengthen the rest.
        if self._failures == self._patience or self._probing:
            self._probing = False
            self._shut_until = now + self._rest
            self._rest = min(self._rest * 2, self._longest)
        return self._failures == self._patience


class Holds:
    """Who may not ask before when: credentials, or the empty name for everybody."""

    def __init__(self) -> None:
        self._until: dict[str, float] = {}

    def hold(self, who: str, now: float, seconds: float) -> None:
        """Let nobody ask for ``who`` during the next seconds."""
        until = now + min(max(seconds, 0.0), LONGEST_HOLD)
        if until > now:
            self._until[who] = max(until, self._until.get(who, until))

    def left(self, who: str, now: float) -> float:
        """Give the seconds that ``who`` has to wait."""
        return max(self._left("", now), self._left(who, now)) if self._until else 0.0

    def _left(self, name: str, now: float) -> float:
        until = self._until.get(name)
        if until is not None and until <= now:
            del self._until[name]
        return 0.0 if until is None else until - now


def wish(status: int, headers: Mapping[str, str], now: datetime) -> float | None:
    """Read from an answer how many seconds to leave its provider alone; None: it does not ask for it."""
    busy = status == BUSY
    if busy or status == UNAVAILABLE:
        after = retry_after(headers.get("retry-after"), now)
        if after is not None:
            return after
    if busy or _number(headers, REMAINING) == 0:
        reset = _number(headers, RESET)
        if reset is not None:
            return reset - now.timestamp()
    return UNTOLD if busy else None


def retry_after(text: str | None, now: datetime) -> float | None:
    """Read a Retry-After header (RFC 9110, 10.2.3): seconds or a date; None when it is neither."""
    if text is None:
        return None
    if (seconds := _digits(text)) is not None:
        return seconds
    try:
        return (parsedate_to_datetime(text) - now).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return None


def _number(headers: Mapping[str, str], names: tuple[str, ...]) -> float | None:
    for name in names:
        if (text := headers.get(name)) is not None:
            return _digits(text)
    return None


def _digits(text: str) -> float | None:
    text = text.strip()
    return float(text) if text.isascii() and text.isdigit() and len(text) <= 12 else None  # noqa: PLR2004 - an epoch second, with room
