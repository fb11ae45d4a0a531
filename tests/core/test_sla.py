"""Clocks of a promise: arithmetic over instants, on any calendar."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from monitor.core import sla
from monitor.core.sla import Calendar, Clock, Condition, Pause, Target, due, standing
from tests.core.shop import POLICY

SINGAPORE = ZoneInfo("Asia/Singapore")
BERLIN = ZoneInfo("Europe/Berlin")
OFFICE = Calendar(time(9), time(23), SINGAPORE)
"""The shop's own hours: 01:00 to 15:00 UTC."""

ALWAYS = Target(timedelta(hours=12), timedelta(hours=10))
RESPONSE = Target(timedelta(hours=1), timedelta(minutes=45), OFFICE)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


def utc(words: str) -> datetime:
    return datetime.fromisoformat(words).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("start", "end", "open_for"),
    [
        pytest.param("2026-06-01 02:00", "2026-06-01 03:30", HOUR * 1.5, id="within a day"),
        pytest.param("2026-06-01 00:00", "2026-06-01 02:00", HOUR, id="from before opening"),
        pytest.param("2026-06-01 14:00", "2026-06-01 20:00", HOUR, id="until after closing"),
        pytest.param("2026-06-01 15:00", "2026-06-02 01:00", HOUR * 0, id="through the night"),
        pytest.param("2026-06-01 14:30", "2026-06-02 01:30", HOUR, id="over night"),
        pytest.param("2026-06-01 01:00", "2026-06-08 01:00", HOUR * 98, id="a week of fourteen hours a day"),
        pytest.param("2026-06-01 03:00", "2026-06-01 02:00", HOUR * 0, id="backwards is nothing"),
        pytest.param("2026-06-02 03:00", "2026-06-01 02:00", HOUR * 0, id="nor is the day before"),
        pytest.param("2028-02-28 02:00", "2028-03-01 02:00", HOUR * 28, id="a leap day is a day"),
    ],
)
def test_open_time_is_measured(start: str, end: str, open_for: timedelta) -> None:
    assert OFFICE.elapsed(utc(start), utc(end)) == open_for


@pytest.mark.parametrize(
    ("start", "span", "end"),
    [
        pytest.param("2026-06-01 02:00", HOUR, "2026-06-01 03:00", id="within a day"),
        pytest.param("2026-06-01 00:00", HOUR, "2026-06-01 02:00", id="asked before opening"),
        pytest.param("2026-06-01 16:00", HOUR, "2026-06-02 02:00", id="asked after closing"),
        pytest.param("2026-06-01 14:45", HOUR, "2026-06-02 01:45", id="carried over night"),
        pytest.param("2026-06-01 14:00", HOUR, "2026-06-01 15:00", id="exactly until closing"),
        pytest.param("2026-06-01 01:00", HOUR * 30, "2026-06-03 03:00", id="over several days"),
    ],
)
def test_the_end_of_a_span_of_open_time(start: str, span: timedelta, end: str) -> None:
    assert OFFICE.after(utc(start), span) == utc(end)


def test_a_day_begins_where_the_shop_is_and_not_where_we_are() -> None:
    # In Pago Pago it is three in the afternoon of the day before.
    far_west = Calendar(time(9), time(23), ZoneInfo("Pacific/Pago_Pago"))

    assert far_west.after(utc("2026-06-02 02:00"), HOUR) == utc("2026-06-02 03:00")


@pytest.mark.parametrize(
    ("day", "opens", "closes", "open_for"),
    [
        pytest.param(date(2026, 3, 28), time(1), time(5), HOUR * 4, id="an ordinary night"),
        pytest.param(date(2026, 3, 29), time(1), time(5), HOUR * 3, id="an hour is skipped"),
        pytest.param(date(2026, 10, 25), time(1), time(5), HOUR * 5, id="an hour comes twice"),
        pytest.param(date(2026, 3, 29), time(2, 30), time(5), HOUR * 1.5, id="opens at a time that does not exist"),
        pytest.param(date(2026, 3, 29), time(1), time(2, 30), HOUR * 1.5, id="closes at a time that does not exist"),
    ],
)
def test_the_hours_of_a_day_when_the_clocks_change(day: date, opens: time, closes: time, open_for: timedelta) -> None:
    night = Calendar(opens, closes, BERLIN)
    start, end = datetime.combine(day, time(0), BERLIN), datetime.combine(day, time(23), BERLIN)

    assert night.elapsed(start.astimezone(UTC), end.astimezone(UTC)) == open_for


@pytest.mark.parametrize("hours", [(time(9), time(9)), (time(23), time(9))])
def test_hours_that_never_open_are_refused(hours: tuple[time, time]) -> None:
    with pytest.raises(ValueError, match=f"business hours that open at {hours[0]} cannot close at {hours[1]}"):
        Calendar(*hours, SINGAPORE)


@pytest.mark.parametrize(
    ("now", "stopped", "condition"),
    [
        pytest.param("21:59", None, Condition.RUNNING, id="before the warning"),
        pytest.param("22:00", None, Condition.AT_RISK, id="at the warning"),
        pytest.param("24:00", None, Condition.AT_RISK, id="at the due time"),
        pytest.param("24:01", None, Condition.BREACHED, id="after it"),
        pytest.param("24:01", "24:00", Condition.MET, id="met at the due time"),
        pytest.param("30:00", "13:00", Condition.MET, id="met long ago"),
        pytest.param("24:01", "24:01", Condition.MISSED, id="ended a minute late"),
        pytest.param("23:00", "23:30", Condition.AT_RISK, id="before it ended, it ran"),
        pytest.param("11:00", None, Condition.RUNNING, id="before it started"),
    ],
)
def test_a_clock_of_twelve_hours_from_noon(now: str, stopped: str | None, condition: Condition) -> None:
    def at(words: str) -> datetime:
        hours, minutes = words.split(":")
        return utc("2026-06-01") + timedelta(hours=int(hours), minutes=int(minutes))

    clock = Clock(ALWAYS, at("12:00"), stopped=at(stopped) if stopped else None)

    found = standing(clock, at(now))

    assert found.condition is condition
    assert (found.due, found.warn_at) == (at("24:00"), at("22:00"))
    assert found.elapsed == max(min(at(now), at(stopped or now)) - at("12:00"), timedelta())


NOON = utc("2026-06-01 12:00")


def pause(since: float, until: float | None = None) -> Pause:
    return Pause(NOON + HOUR * since, None if until is None else NOON + HOUR * until)


@pytest.mark.parametrize(
    ("pauses", "now", "condition", "elapsed", "due_after"),
    [
        pytest.param([pause(1, 3)], 5, Condition.RUNNING, 3, 14, id="two hours are forgiven"),
        pytest.param([pause(1)], 5, Condition.PAUSED, 1, 16, id="a running pause ends now, as far as anybody knows"),
        pytest.param([pause(1)], 100, Condition.PAUSED, 1, 111, id="no breach while paused"),
        pytest.param([pause(1, 3)], 2, Condition.PAUSED, 1, 13, id="paused until a known time"),
        pytest.param([pause(1, 3)], 3, Condition.RUNNING, 1, 14, id="at its end a pause is over"),
        pytest.param([pause(1, 3)], 1, Condition.PAUSED, 1, 12, id="at its beginning it has begun"),
        pytest.param([pause(1, 3), pause(2, 4)], 5, Condition.RUNNING, 2, 15, id="no minute is forgiven twice"),
        pytest.param([pause(2, 4), pause(1, 3)], 5, Condition.RUNNING, 2, 15, id="in whatever order they are told"),
        pytest.param([pause(1, 4), pause(2, 3)], 5, Condition.RUNNING, 2, 15, id="one within another"),
        pytest.param([pause(1, 2), pause(2, 3)], 5, Condition.RUNNING, 3, 14, id="one after another"),
        pytest.param([pause(1, 2), pause(3, 4)], 5, Condition.RUNNING, 3, 14, id="two apart"),
        pytest.param([pause(-5, 1)], 5, Condition.RUNNING, 4, 13, id="one that began before the clock"),
        pytest.param([pause(-5, -1)], 5, Condition.RUNNING, 5, 12, id="one that was over before the clock"),
        pytest.param([pause(3, 1)], 5, Condition.RUNNING, 5, 12, id="one that ends before it begins"),
        pytest.param([pause(7, 9)], 5, Condition.RUNNING, 5, 12, id="one that is still to come"),
        pytest.param([pause(12, 20)], 21, Condition.BREACHED, 13, 12, id="one that came at the due time came late"),
        pytest.param([pause(13, 20)], 21, Condition.BREACHED, 14, 12, id="nothing mends a breach"),
        pytest.param([pause(13)], 14, Condition.BREACHED, 13, 12, id="not even a pause that lasts"),
        pytest.param([pause(11, 12)], 13, Condition.AT_RISK, 12, 13, id="a pause near the end still counts"),
    ],
)
def test_waiting_for_the_customer_does_not_count(
    pauses: Sequence[Pause], now: float, condition: Condition, elapsed: float, due_after: float
) -> None:
    found = standing(Clock(ALWAYS, NOON, pauses), NOON + HOUR * now)

    assert (found.condition, found.elapsed, found.due) == (condition, HOUR * elapsed, NOON + HOUR * due_after)


def test_a_pause_after_the_warning_does_not_move_the_warning() -> None:
    found = standing(Clock(ALWAYS, NOON, [pause(11, 12)]), NOON + HOUR * 12)

    assert (found.warn_at, found.due) == (NOON + HOUR * 10, NOON + HOUR * 13)


def test_a_clock_stopped_in_a_pause_counts_until_the_pause() -> None:
    found = standing(Clock(ALWAYS, NOON, [pause(1)], stopped=NOON + HOUR * 30), NOON + HOUR * 40)

    assert (found.condition, found.elapsed) == (Condition.MET, HOUR)


def test_a_report_at_night_is_answered_in_the_morning() -> None:
    midnight = utc("2026-06-01 16:00")
    clock = Clock(RESPONSE, midnight)

    assert due(RESPONSE, midnight) == utc("2026-06-02 02:00")
    assert standing(clock, utc("2026-06-02 00:59")).condition is Condition.RUNNING
    assert standing(clock, utc("2026-06-02 01:45")).condition is Condition.AT_RISK
    assert standing(clock, utc("2026-06-02 02:00")).condition is Condition.AT_RISK
    assert standing(clock, utc("2026-06-02 02:01")).condition is Condition.BREACHED
    assert standing(clock, utc("2026-06-02 02:01")).warn_at == utc("2026-06-02 01:45")


def test_a_pause_over_night_forgives_only_what_was_open() -> None:
    clock = Clock(RESPONSE, utc("2026-06-01 14:30"), [Pause(utc("2026-06-01 14:45"), utc("2026-06-02 01:15"))])

    found = standing(clock, utc("2026-06-02 01:30"))

    assert (found.elapsed, found.due) == (MINUTE * 30, utc("2026-06-02 02:00"))


def test_the_shop_answers_from_nine_to_twenty_three_in_singapore() -> None:
    assert POLICY.response.calendar == OFFICE


zones = st.sampled_from([SINGAPORE, BERLIN, ZoneInfo("America/New_York"), ZoneInfo("Australia/Lord_Howe"), UTC])
instants = st.datetimes(datetime(2024, 1, 1), datetime(2027, 1, 1)).map(lambda at: at.replace(tzinfo=UTC))  # noqa: DTZ001
spans = st.timedeltas(timedelta(), timedelta(days=4))
positive = st.timedeltas(timedelta(microseconds=1), timedelta(days=4))


@st.composite
def calendars(draw: st.DrawFn) -> Calendar:
    """Draw business hours of at least a minute."""
    opens = draw(st.integers(0, 1438))
    closes = draw(st.integers(opens + 1, 1439))
    return Calendar(time(*divmod(opens, 60)), time(*divmod(closes, 60)), draw(zones))


@st.composite
def targets(draw: st.DrawFn) -> Target:
    """Draw a target with its warning."""
    within = draw(positive)
    # Hours of a few minutes a day would make a walk of years.
    office = st.sampled_from([None, OFFICE, Calendar(time(2, 30), time(3, 30), BERLIN)])
    return Target(within, within * draw(st.sampled_from([0.25, 0.5, 1.0])), draw(office))


@st.composite
def clocks(draw: st.DrawFn) -> Clock:
    """Draw a clock with pauses around its beginning."""
    started = draw(instants)
    pauses = [
        Pause(started + since, None if length is None else started + since + length)
        for since, length in draw(
            st.lists(st.tuples(st.timedeltas(timedelta(days=-1), timedelta(days=6)), st.none() | spans), max_size=4)
        )
    ]
    return Clock(draw(targets()), started, pauses)


@given(calendars(), instants, spans, spans)
def test_open_time_adds_up(calendar: Calendar, start: datetime, first: timedelta, second: timedelta) -> None:
    middle, end = start + first, start + first + second

    assert calendar.elapsed(start, end) == calendar.elapsed(start, middle) + calendar.elapsed(middle, end)


@given(calendars(), instants, spans)
def test_open_time_is_part_of_time(calendar: Calendar, start: datetime, span: timedelta) -> None:
    assert timedelta() <= calendar.elapsed(start, start + span) <= span


@given(calendars(), instants, st.timedeltas(timedelta(microseconds=1), timedelta(hours=3)))
def test_after_a_span_exactly_that_span_has_passed(calendar: Calendar, start: datetime, span: timedelta) -> None:
    day = datetime.combine(date(2026, 6, 1), calendar.closes) - datetime.combine(date(2026, 6, 1), calendar.opens)
    assume(span < day * 40)

    end = calendar.after(start, span)

    assert calendar.elapsed(start, end) == span
    # And not a moment earlier.
    assert calendar.elapsed(start, end - timedelta(microseconds=1)) < span


@given(clocks(), spans)
def test_elapsed_time_never_runs_backwards(clock: Clock, later: timedelta) -> None:
    now = clock.started + timedelta(days=2)

    assert standing(clock, now).elapsed <= standing(clock, now + later).elapsed


@given(clocks(), spans)
def test_elapsed_and_paused_time_make_up_the_whole(clock: Clock, passed: timedelta) -> None:
    now = clock.started + passed
    bare = Clock(clock.target, clock.started)
    # Counted minute by minute of the pauses' edges, by another way than the code takes.
    edges = sorted({clock.started, now, *(at for each in clock.pauses for at in (each.since, each.until or now))})
    paused = timedelta()
    for since, until in pairwise(edges):
        inside = clock.started <= since and until <= now
        if inside and any(each.since <= since and until <= (each.until or now) for each in clock.pauses):
            paused += standing(bare, until).elapsed - standing(bare, since).elapsed

    assert standing(clock, now).elapsed + paused == standing(bare, now).elapsed


@given(clocks(), spans, spans, positive)
def test_one_more_pause_never_makes_anything_due_earlier(
    clock: Clock, passed: timedelta, since: timedelta, length: timedelta
) -> None:
    now = clock.started + passed
    more = Clock(
        clock.target,
        clock.started,
        [*clock.pauses, Pause(clock.started + since, clock.started + since + length)],
    )

    assert standing(more, now).elapsed <= standing(clock, now).elapsed
    assert standing(more, now).due >= standing(clock, now).due


@given(clocks(), spans)
def test_what_is_breached_was_due(clock: Clock, passed: timedelta) -> None:
    now = clock.started + passed

    found = standing(clock, now)

    if found.condition is Condition.BREACHED:
        assert found.due < now
    else:
        # Whatever open time has passed since the due time, none of it was needed.
        assert found.elapsed <= clock.target.within
    assert found.warn_at <= found.due


@given(clocks(), spans, spans)
def test_how_a_clock_ended_never_changes(clock: Clock, passed: timedelta, later: timedelta) -> None:
    stopped = clock.started + passed
    ended = Clock(clock.target, clock.started, clock.pauses, stopped)

    assert standing(ended, stopped).condition in {Condition.MET, Condition.MISSED}
    closed = [each for each in clock.pauses if each.until is not None]
    settled = Clock(clock.target, clock.started, closed, stopped)
    assert standing(settled, stopped) == standing(settled, stopped + later)


@given(targets(), instants)
def test_without_pauses_the_due_time_is_known_from_the_start(target: Target, started: datetime) -> None:
    found = sla.due(target, started)

    assert found == standing(Clock(target, started), started).due
    assert standing(Clock(target, started), found).elapsed == target.within
