"""The clocks of a case are read from its trail: nothing is counted, so nothing drifts."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from monitor.core.case import Case, Event, Move, State
from monitor.core.clocks import Reading, Which, clocks_of, read
from monitor.core.coverage import Policy
from monitor.core.sla import Clock, Condition, Standing, Target
from monitor.core.words import parse_duration
from tests.core.shop import POLICY, T, after, case

HOUR = timedelta(hours=1)
NAMES = {
    Move.OPEN: State.VERIFYING,
    Move.REPORT: State.SUSPECTED,
    Move.VERIFY: State.VERIFYING,
    Move.APPROVE: State.APPROVED,
    Move.PROMISE: State.PROMISED,
    Move.UNPROMISE: State.APPROVED,
    Move.HAND_OVER: State.HANDED_OVER,
    Move.CLOSE: State.CLOSED,
    Move.WITHDRAW: State.WITHDRAWN,
}


def trail(*moves: tuple[str, Move]) -> tuple[Case, list[Event]]:
    """Give a case that was opened at T, and its trail: each move with its time after that."""
    state, events = State.VERIFYING, []
    for place, (at, move) in enumerate(moves, 1):
        state = NAMES.get(move, state)
        events.append(Event(1, place, after(at), "somebody", move, state, "so"))
    return case(1, state), events


def told(which: Which, now: str, *moves: tuple[str, Move], policy: Policy = POLICY) -> Reading:
    subject, events = trail(*moves)
    [found] = [each for each in read(subject, events, policy, after(now)) if each.which is which]
    return found


def at(words: str) -> timedelta:
    return parse_duration(words)


OPEN, APPROVE = ("0s", Move.OPEN), ("1h", Move.APPROVE)


def test_a_case_that_we_found_has_two_clocks_and_one_that_was_reported_a_third() -> None:
    subject, events = trail(OPEN, APPROVE, ("2h", Move.PROMISE))
    assert clocks_of(subject, events, POLICY) == {
        Which.VERIFICATION: Clock(Target(12 * HOUR, 10 * HOUR), T, (), after("1h")),
        Which.REPLACEMENT: Clock(Target(48 * HOUR, 36 * HOUR), T, (), after("2h")),
    }
    subject, events = trail(("0s", Move.REPORT), ("5m", Move.NOTE), ("30m", Move.VERIFY))
    found = clocks_of(subject, events, POLICY)
    assert found[Which.RESPONSE] == Clock(POLICY.response, T, (), after("30m"))
    assert found[Which.VERIFICATION].stopped is None


@pytest.mark.parametrize(
    ("now", "moves", "expected", "next_at"),
    [
        pytest.param("1m", [OPEN], (Condition.RUNNING, "12h", "10h", "1m"), "10h", id="runs until the warning"),
        pytest.param("10h", [OPEN], (Condition.AT_RISK, "12h", "10h", "10h"), "12h", id="at risk until it is due"),
        pytest.param("12h", [OPEN], (Condition.AT_RISK, "12h", "10h", "12h"), "12h", id="on the second"),
        pytest.param("12h1s", [OPEN], (Condition.BREACHED, "12h", "10h", "12h1s"), None, id="a second late"),
        pytest.param("20h", [OPEN, APPROVE], (Condition.MET, "12h", "10h", "1h"), None, id="met"),
        pytest.param(
            "20h", [OPEN, ("13h", Move.APPROVE)], (Condition.MISSED, "12h", "10h", "13h"), None, id="approved too late"
        ),
        pytest.param(
            "20h", [OPEN, ("3h", Move.ASK)], (Condition.PAUSED, "29h", "27h", "3h"), None, id="waits for the customer"
        ),
        pytest.param(
            "20h",
            [OPEN, ("3h", Move.ASK), ("4h", Move.ASK), ("13h", Move.ANSWER), ("14h", Move.ANSWER)],
            (Condition.AT_RISK, "22h", "20h", "10h"),
            "22h",
            id="asked twice is asked once",
        ),
        pytest.param(
            "20h",
            [OPEN, ("1h", Move.ASK), ("3h", Move.ANSWER), ("5h", Move.ASK), ("6h", Move.ANSWER)],
            (Condition.BREACHED, "15h", "13h", "17h"),
            None,
            id="two pauses",
        ),
    ],
)
def test_the_clock_of_verification(
    now: str, moves: Sequence[tuple[str, Move]], expected: tuple[Condition, str, str, str], next_at: str | None
) -> None:
    condition, due, warn_at, elapsed = expected
    standing = Standing(condition, after(due), after(warn_at), at(elapsed))

    assert told(Which.VERIFICATION, now, *moves) == Reading(
        Which.VERIFICATION, standing, None if next_at is None else after(next_at)
    )


PROMISED = [OPEN, APPROVE, ("2h", Move.PROMISE)]


@pytest.mark.parametrize(
    ("now", "moves", "condition", "next_at", "delayed"),
    [
        pytest.param("2h", [OPEN, APPROVE], Condition.RUNNING, "36h", False, id="until the warning"),
        pytest.param("36h", [OPEN, APPROVE], Condition.AT_RISK, "43h12m", False, id="until the customer must hear"),
        pytest.param("43h11m59s", [OPEN, APPROVE], Condition.AT_RISK, "43h12m", False, id="a second before that"),
        pytest.param("43h12m", [OPEN, APPROVE], Condition.AT_RISK, "48h", True, id="he is to hear of it"),
        pytest.param("49h", [OPEN, APPROVE], Condition.BREACHED, None, True, id="late"),
        pytest.param("49h", PROMISED, Condition.MET, None, False, id="promised in time"),
        pytest.param("50h", [*PROMISED, ("3h", Move.UNPROMISE)], Condition.BREACHED, None, True, id="taken back"),
        pytest.param(
            "60h",
            [*PROMISED, ("3h", Move.UNPROMISE), ("50h", Move.PROMISE)],
            Condition.MISSED,
            None,
            False,
            id="the spare that counts is the last",
        ),
        pytest.param(
            "60h",
            [*PROMISED, ("4h", Move.HAND_OVER), ("55h", Move.CLOSE)],
            Condition.MET,
            None,
            False,
            id="what comes after the promise is the customer's part",
        ),
        pytest.param("60h", [OPEN, ("4h", Move.WITHDRAW)], Condition.MET, None, False, id="withdrawn"),
        pytest.param("60h", [OPEN, APPROVE, ("4h", Move.ASK)], Condition.PAUSED, None, False, id="the customer's turn"),
    ],
)
def test_the_clock_of_a_replacement(
    now: str, moves: Sequence[tuple[str, Move]], condition: Condition, next_at: str | None, *, delayed: bool
) -> None:
    found = told(Which.REPLACEMENT, now, *moves)

    assert (found.standing.condition, found.delayed) == (condition, delayed)
    assert found.next_at == (None if next_at is None else after(next_at))


@pytest.mark.parametrize(
    ("now", "moves", "condition", "due"),
    [
        pytest.param("10m", [], Condition.RUNNING, "1h", id="not yet answered"),
        pytest.param("45m", [], Condition.AT_RISK, "1h", id="at risk"),
        pytest.param("5h", [("50m", Move.VERIFY)], Condition.MET, "1h", id="somebody looks at it"),
        pytest.param("2h", [("50m", Move.NOTE)], Condition.BREACHED, "1h", id="a note is no answer"),
        pytest.param("2h", [("50m", Move.NOTE), ("61m", Move.ASK)], Condition.MISSED, "1h", id="asked too late"),
    ],
)
def test_the_clock_of_an_answer(now: str, moves: Sequence[tuple[str, Move]], condition: Condition, due: str) -> None:
    # Noon is 20:00 in Singapore, within business hours.
    found = told(Which.RESPONSE, now, ("0s", Move.REPORT), *moves)

    assert (found.standing.condition, found.standing.due) == (condition, after(due))


def test_a_policy_edit_moves_no_clock_that_runs_but_may_warn_at_another_share() -> None:
    strict = replace(
        POLICY, verify=Target(HOUR, HOUR / 2), rules={}, replace_warning=0.5, delay_told=0.6, delay=timedelta()
    )
    before, edited = (told(Which.REPLACEMENT, "1h", OPEN, policy=policy) for policy in (POLICY, strict))

    assert before.standing.due == edited.standing.due == after("48h")
    assert (before.standing.warn_at, edited.standing.warn_at) == (after("36h"), after("24h"))
    assert told(Which.VERIFICATION, "1h", OPEN, policy=strict).standing.due == after("12h")
    assert told(Which.VERIFICATION, "1h", OPEN, policy=strict).standing.warn_at == after("6h")


def test_a_clock_read_again_from_the_same_trail_stands_the_same_whoever_read_it_between() -> None:
    subject, events = trail(OPEN, APPROVE, ("4h", Move.ASK), ("9h", Move.ANSWER))
    once = read(subject, events, POLICY, after("20h"))
    for minutes in range(0, 1200, 50):
        read(subject, events, POLICY, T + timedelta(minutes=minutes))

    assert read(subject, events, POLICY, after("20h")) == once
    assert [each.standing.elapsed for each in once] == [HOUR, 15 * HOUR]
    assert once[1].standing.due == after("53h")


def test_a_spare_that_no_event_promised_stops_no_clock() -> None:
    assert clocks_of(case(1, State.PROMISED), [], POLICY)[Which.REPLACEMENT].stopped is None
