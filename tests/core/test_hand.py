"""What a person decides: one move in his name, and who hears of it."""

from dataclasses import replace

import pytest

from monitor.core.case import OPEN, Event, IllegalMoveError, Move, State
from monitor.core.coverage import Exclusion
from monitor.core.decision import Decision
from monitor.core.hand import Handled, Question, by_hand, release_all, steps_to
from monitor.core.notice import Kind, Notice
from tests.core.shop import after, case, delivery

NOW = after("3h")
OLGA = "operator olga"
FACTS = {
    "order": "INV-1",
    "unit": "unit-1",
    "tier": "vpn-de",
    "defect": "range_listed",
    "case": "7",
    "replace_due": "2026-06-03T12:00:00+00:00",
    "since": "2026-06-01T12:00:00+00:00",
    "seen_by": "the shop",
}


def moved(state: State, move: Move, *, spare: str | None = None, clause: Exclusion | None = None) -> Handled:
    return by_hand(replace(case(7, state), spare=spare), delivery(), move, OLGA, "why not", NOW, clause=clause)


@pytest.mark.parametrize(
    ("state", "move", "becomes", "kind"),
    [
        pytest.param(State.VERIFYING, Move.APPROVE, State.APPROVED, Kind.CASE_OPENED, id="approved"),
        pytest.param(State.VERIFYING, Move.HOLD, State.HELD, None, id="held"),
        pytest.param(State.HELD, Move.RELEASE, State.APPROVED, None, id="released"),
        pytest.param(State.SUSPECTED, Move.VERIFY, State.VERIFYING, None, id="looked at"),
        pytest.param(State.APPROVED, Move.NOTE, State.APPROVED, None, id="noted"),
        pytest.param(State.PROMISED, Move.ASK, State.PROMISED, None, id="asked"),
    ],
)
def test_a_move_is_an_event_in_his_name_and_the_case_stays_open(
    state: State, move: Move, becomes: State, kind: Kind | None
) -> None:
    before = case(7, state)
    told = [] if kind is None else [
        Notice(f"case:7:{kind}", kind, "alice", 7, NOW, {**FACTS, "clause": before.clause, "reason": "why not"})
    ]  # fmt: skip

    assert moved(state, move) == Handled(
        replace(before, state=becomes), Event(7, 0, NOW, OLGA, move, becomes, "why not"), tuple(told), gives_back=False
    )
    assert becomes in OPEN


@pytest.mark.parametrize(
    ("move", "clause", "becomes", "kind", "rests_on"),
    [
        pytest.param(
            Move.REJECT,
            Exclusion.CUSTOMER_TOS,
            State.REJECTED,
            Kind.REPORT_REJECTED,
            "exclusions.customer_tos",
            id="rejected under a clause",
        ),
        pytest.param(
            Move.REJECT, None, State.REJECTED, Kind.REPORT_REJECTED, "defects.range_listed", id="rejected without one"
        ),
        pytest.param(Move.CREDIT, None, State.CREDITED, Kind.CREDIT_OFFERED, "defects.range_listed", id="credited"),
    ],
)
def test_a_move_that_ends_a_case_closes_it_and_is_told_with_its_clause(
    move: Move, clause: Exclusion | None, becomes: State, kind: Kind, rests_on: str
) -> None:
    found = moved(State.APPROVED, move, clause=clause)

    assert found.case == replace(case(7), state=becomes, clause=rests_on, closed_at=NOW)
    facts = {**FACTS, "clause": rests_on, "reason": "why not"}
    assert found.notices == (Notice(f"case:7:{kind}", kind, "alice", 7, NOW, facts),)


def test_a_spare_goes_back_where_the_case_ends_without_it_and_stays_where_it_does_not() -> None:
    credited = moved(State.PROMISED, Move.CREDIT, spare="spare-1")
    assert (credited.gives_back, credited.case.spare) == (True, None)
    taken = moved(State.PROMISED, Move.HAND_OVER, spare="spare-1")
    assert (taken.gives_back, taken.case.spare) == (False, "spare-1")
    assert moved(State.APPROVED, Move.CREDIT).gives_back is False


def test_a_question_is_told_to_the_customer_and_again_on_another_day() -> None:
    found = by_hand(case(7, State.VERIFYING), delivery(), Move.ASK, OLGA, "no hash", NOW, question=Question.TRANSACTION)
    facts = {"order": "INV-1", "unit": "unit-1", "case": "7", "question": "transaction"}
    key = "case:7:case_question:2026-06-01T15:00:00+00:00"
    assert found.notices == (Notice(key, Kind.CASE_QUESTION, "alice", 7, NOW, facts),)
    assert found.case == case(7, State.VERIFYING)


def test_a_note_on_what_is_over_does_not_end_it_again() -> None:
    over = replace(case(7, State.REJECTED), closed_at=after("1h"))

    assert by_hand(over, delivery(), Move.NOTE, OLGA, "he called", NOW).case == over


def test_a_move_that_the_table_does_not_know_is_refused_with_those_that_are() -> None:
    with pytest.raises(IllegalMoveError, match=r"a case that is closed cannot approve; possible: note"):
        moved(State.CLOSED, Move.APPROVE)


@pytest.mark.parametrize(
    ("state", "move", "steps"),
    [
        (State.SUSPECTED, Move.APPROVE, (Move.VERIFY, Move.APPROVE)),
        (State.SUSPECTED, Move.CREDIT, (Move.VERIFY, Move.CREDIT)),
        (State.SUSPECTED, Move.REJECT, (Move.REJECT,)),
        (State.VERIFYING, Move.APPROVE, (Move.APPROVE,)),
        (State.HELD, Move.RELEASE, (Move.RELEASE,)),
    ],
)
def test_who_approves_a_report_has_verified_it(state: State, move: Move, steps: tuple[Move, ...]) -> None:
    assert steps_to(state, move) == steps


def test_all_that_is_held_is_released_in_one_persons_name() -> None:
    held = [case(7, State.HELD), case(8, State.HELD)]

    assert release_all(held, OLGA, "go on", NOW) == Decision(
        moved=(case(7, State.APPROVED), case(8, State.APPROVED)),
        events=(
            Event(7, 0, NOW, OLGA, Move.RELEASE, State.APPROVED, "go on"),
            Event(8, 0, NOW, OLGA, Move.RELEASE, State.APPROVED, "go on"),
        ),
    )
