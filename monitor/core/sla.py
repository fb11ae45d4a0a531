"""Clocks of a promise: arithmetic over recorded instants, never counters. All instants are aware and UTC."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Calendar:
    """Business hours, every day from ``opens`` to ``closes`` on the wall clocks of ``zone``."""

    opens: time
    closes: time
    zone: tzinfo

    def __post_init__(self) -> None:
        if self.opens >= self.closes:
            # Time would never pass, and `after` would search for ever.
            raise ValueError(f"business hours that open at {self.opens} cannot close at {self.closes}")

    def hours(self, day: date) -> tuple[datetime, datetime]:
        """Give the opening and closing instant of one local day, in UTC."""
        return (
            datetime.combine(day, self.opens, self.zone).astimezone(UTC),
            datetime.combine(day, self.closes, self.zone).astimezone(UTC),
        )

    def elapsed(self, start: datetime, end: datetime) -> timedelta:
        """Measure the open time between two instants; zero if ``end`` is not after ``start``."""
        total = timedelta()
        day = start.astimezone(self.zone).date()
        while day <= end.astimezone(self.zone).date():
            opens, closes = self.hours(day)
            total += max(timedelta(), min(closes, end) - max(opens, start))
            day += timedelta(days=1)
        return total

    def after(self, start: datetime, span: timedelta) -> datetime:
        """Give the instant at which ``span`` of open time has passed since ``start``."""
        day, left = start.astimezone(self.zone).date(), span
        while True:
            opens, closes = self.hours(day)
            begins = max(opens, start)
            open_for = max(timedelta(), closes - begins)
            if left <= open_for:
                return begins + left
            left -= open_for
            day += timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Target:
    """How long something may take, and when to warn. Without a calendar the clock always runs."""

    within: timedelta
    warn_after: timedelta
    calendar: Calendar | None = None


@dataclass(frozen=True, slots=True)
class Pause:
    """A time that does not count, such as waiting for the customer; ``until`` None: still paused."""

    since: datetime
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Clock:
    """A target, when it started, what interrupted it, and when it was met."""

    target: Target
    started: datetime
    pauses: Sequence[Pause] = ()
    stopped: datetime | None = None


class Condition(StrEnum):
    """How a clock stands."""

    RUNNING = "running"
    AT_RISK = "at_risk"
    BREACHED = "breached"
    PAUSED = "paused"
    MET = "met"
    MISSED = "missed"


@dataclass(frozen=True, slots=True)
class Standing:
    """How a clock stands at an instant; ``due`` assumes that a running pause ends now."""

    condition: Condition
    due: datetime
    warn_at: datetime
    elapsed: timedelta


def standing(clock: Clock, now: datetime) -> Standing:
    """Compute how a clock stands at ``now``. A clock that ended exactly on its due time was met."""
    end = min(now, clock.stopped) if clock.stopped else now
    pauses = _merged(clock.pauses, end)
    elapsed = _elapsed(clock.target, clock.started, end, pauses)
    due = _instant(clock.target, clock.started, clock.target.within, pauses)
    warn_at = _instant(clock.target, clock.started, clock.target.warn_after, pauses)
    return Standing(_condition(clock, now, elapsed), due, warn_at, elapsed)


def due(target: Target, started: datetime) -> datetime:
    """Give the instant by which an uninterrupted clock must be met."""
    return _instant(target, started, target.within, ())


def _condition(clock: Clock, now: datetime, elapsed: timedelta) -> Condition:
    over = elapsed > clock.target.within
    if clock.stopped is not None and clock.stopped <= now:
        return Condition.MISSED if over else Condition.MET
    if over:
        return Condition.BREACHED
    if any(pause.since <= now and (pause.until is None or now < pause.until) for pause in clock.pauses):
        return Condition.PAUSED
    return Condition.AT_RISK if elapsed >= clock.target.warn_after else Condition.RUNNING


def _merged(pauses: Sequence[Pause], end: datetime) -> tuple[tuple[datetime, datetime], ...]:
    """Order the pauses up to ``end`` and join those that overlap, so that no minute is forgiven twice."""
    spans: list[tuple[datetime, datetime]] = []
    for pause in sorted(pauses, key=lambda each: each.since):
        since, until = pause.since, min(pause.until or end, end)
        if spans and since <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(spans[-1][1], until))
        elif since < until:
            spans.append((since, until))
    return tuple(spans)


def _elapsed(target: Target, start: datetime, end: datetime, pauses: Sequence[tuple[datetime, datetime]]) -> timedelta:
    total = _open(target, start, end)
    for since, until in pauses:
        total -= _open(target, max(since, start), until)
    return total


def _instant(target: Target, start: datetime, span: timedelta, pauses: Sequence[tuple[datetime, datetime]]) -> datetime:
    at, left = start, span
    for since, until in pauses:
        worked = _open(target, at, since)
        if worked >= left:
            break
        at, left = max(at, until), left - worked
    return target.calendar.after(at, left) if target.calendar else at + left


def _open(target: Target, start: datetime, end: datetime) -> timedelta:
    if end <= start:
        return timedelta()
    return target.calendar.elapsed(start, end) if target.calendar else end - start
