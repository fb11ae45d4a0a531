"""A question to a customer: it moves nothing, and it is told once, by itself."""

import pytest

from monitor.core.case import IllegalMoveError, Move, State
from monitor.core.hand import Question, by_hand
from monitor.core.notice import Kind
from tests.core import shop


@pytest.mark.parametrize("question", Question)
def test_the_customer_is_asked_and_the_case_stays_where_it_is(question: Question) -> None:
    case = shop.case(state=State.VERIFYING)
    handled = by_hand(case, shop.delivery(), Move.ASK, "operator anna", "to be sure", shop.T, question=question)
    [told] = handled.notices
    assert (handled.case, handled.event.move, handled.gives_back) == (case, Move.ASK, False)
    assert (told.kind, told.customer, told.case) == (Kind.CASE_QUESTION, case.customer, case.number)
    assert told.params["question"] == question


def test_nobody_is_asked_about_what_is_over() -> None:
    with pytest.raises(IllegalMoveError):
        by_hand(
            shop.case(state=State.CLOSED),
            shop.delivery(),
            Move.ASK,
            "operator anna",
            "",
            shop.T,
            question=Question.STILL,
        )
