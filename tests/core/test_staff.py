"""Who may decide what: by user id, whatever group he is in."""

import pytest

from monitor.core.case import Move
from monitor.core.staff import FOR_MOVE, Operator, Permission, Staff

ANNA = Operator("anna", 5_000_000_001, frozenset({Permission.LOOK, Permission.APPROVE}))


def test_an_operator_is_found_by_his_user_id_and_signs_with_his_name() -> None:
    found = Staff([ANNA]).find(5_000_000_001)
    assert found is ANNA
    assert ANNA.signature == "operator anna"


@pytest.mark.parametrize("user", [5_000_000_002, 0, -5_000_000_001])
def test_whoever_is_not_named_is_no_operator(user: int) -> None:
    assert Staff([ANNA]).find(user) is None
    assert Staff().find(user) is None


def test_every_move_that_gives_something_away_needs_a_leave_of_its_own() -> None:
    giving = {Move.APPROVE, Move.RELEASE, Move.CREDIT, Move.UNPROMISE}
    assert giving <= FOR_MOVE.keys()
    assert len({FOR_MOVE[move] for move in giving}) == len(giving)


def test_each_move_of_an_operator_needs_the_leave_that_is_named_for_it() -> None:
    assert {move.value: leave.value for move, leave in FOR_MOVE.items()} == {
        "approve": "approve",
        "reject": "reject",
        "hold": "hold",
        "release": "release",
        "credit": "credit",
        "unpromise": "other_spare",
        "ask": "ask",
    }
