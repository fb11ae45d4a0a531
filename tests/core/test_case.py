"""What may follow what, and the chain that proves the trail."""

from dataclasses import fields, replace
from datetime import timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.case import GENESIS, OPEN, TABLE, Event, IllegalMoveError, Move, State, broken_at, digest, follow
from tests.core.shop import T, after

TOLD = {Move.NOTE, Move.ASK, Move.ANSWER}


@pytest.mark.parametrize(
    ("moves", "state"),
    [
        pytest.param([Move.OPEN, Move.APPROVE, Move.PROMISE, Move.HAND_OVER, Move.CLOSE], State.CLOSED, id="replaced"),
        pytest.param([Move.OPEN, Move.WITHDRAW], State.WITHDRAWN, id="it healed"),
        pytest.param([Move.OPEN, Move.APPROVE, Move.WITHDRAW], State.WITHDRAWN, id="it healed before the promise"),
        pytest.param([Move.OPEN, Move.REJECT], State.REJECTED, id="an operator said no"),
        pytest.param([Move.OPEN, Move.APPROVE, Move.CREDIT], State.CREDITED, id="nothing in stock"),
        pytest.param([Move.OPEN, Move.HOLD, Move.RELEASE, Move.PROMISE], State.PROMISED, id="the brake held it"),
        pytest.param([Move.OPEN, Move.APPROVE, Move.HOLD, Move.WITHDRAW], State.WITHDRAWN, id="it healed while held"),
        pytest.param([Move.REPORT, Move.VERIFY, Move.APPROVE], State.APPROVED, id="a customer reported it"),
        pytest.param([Move.REPORT, Move.REJECT], State.REJECTED, id="a report without a defect"),
        pytest.param(
            [Move.OPEN, Move.APPROVE, Move.PROMISE, Move.UNPROMISE, Move.PROMISE],
            State.PROMISED,
            id="the spare fell ill",
        ),
        pytest.param([Move.OPEN, Move.ASK, Move.ANSWER, Move.NOTE], State.VERIFYING, id="what is said moves nothing"),
        pytest.param([Move.OPEN, Move.REJECT, Move.NOTE], State.REJECTED, id="a note on a closed case"),
    ],
)
def test_the_story_of_a_case(moves: list[Move], state: State) -> None:
    now = None
    for move in moves:
        now = follow(now, move)

    assert now is state


@pytest.mark.parametrize("move", [move for move in Move if move not in {Move.OPEN, Move.REPORT}])
def test_nothing_happens_to_a_case_that_is_not_open_but_its_opening(move: Move) -> None:
    with pytest.raises(IllegalMoveError, match=f"a case that is not open cannot {move}; possible: open, report"):
        follow(None, move)


@pytest.mark.parametrize("state", [state for state in State if state not in OPEN])
@pytest.mark.parametrize("move", [move for move in Move if move is not Move.NOTE])
def test_what_is_closed_stays_closed(state: State, move: Move) -> None:
    with pytest.raises(IllegalMoveError, match=f"a case that is {state} cannot {move}; possible: note"):
        follow(state, move)


@pytest.mark.parametrize(
    ("state", "ways"),
    [
        pytest.param(None, {"open": "verifying", "report": "suspected"}, id="not open"),
        pytest.param(
            State.SUSPECTED, {"verify": "verifying", "reject": "rejected", "withdraw": "withdrawn"}, id="suspected"
        ),
        pytest.param(
            State.VERIFYING,
            {
                "approve": "approved",
                "hold": "held",
                "reject": "rejected",
                "withdraw": "withdrawn",
                "credit": "credited",
            },
            id="verifying",
        ),
        pytest.param(
            State.HELD,
            {"release": "approved", "reject": "rejected", "withdraw": "withdrawn", "credit": "credited"},
            id="held",
        ),
        pytest.param(
            State.APPROVED,
            {
                "promise": "promised",
                "hold": "held",
                "reject": "rejected",
                "withdraw": "withdrawn",
                "credit": "credited",
            },
            id="approved",
        ),
        pytest.param(
            State.PROMISED, {"unpromise": "approved", "hand_over": "handed_over", "credit": "credited"}, id="promised"
        ),
        pytest.param(State.HANDED_OVER, {"close": "closed"}, id="handed over"),
        *[pytest.param(state, {}, id=f"over: {state}") for state in State if state not in OPEN],
    ],
)
def test_where_a_case_may_go(state: State | None, ways: dict[str, str]) -> None:
    assert {move: then for (start, move), then in TABLE.items() if start is state and move not in TOLD} == ways


@pytest.mark.parametrize("state", State)
def test_whatever_became_of_a_case_a_note_can_be_written_on_it(state: State) -> None:
    assert follow(state, Move.NOTE) is state


@pytest.mark.parametrize("move", [Move.WITHDRAW, Move.REJECT, Move.HOLD])
def test_a_promise_is_not_taken_back(move: Move) -> None:
    with pytest.raises(IllegalMoveError) as caught:
        follow(State.PROMISED, move)

    assert (caught.value.state, caught.value.move) == (State.PROMISED, move)


def test_no_case_is_promised_a_spare_without_having_been_approved() -> None:
    assert {state for (state, move) in TABLE if move is Move.PROMISE} == {State.APPROVED}
    assert {state for (state, move), then in TABLE.items() if then is State.APPROVED and move not in TOLD} == {
        State.VERIFYING,
        State.HELD,
        State.PROMISED,
    }


def test_every_open_case_can_come_to_an_end() -> None:
    ends = {state for state in State if state not in OPEN}
    reach = set(ends)
    for _ in State:
        reach |= {state for (state, _), then in TABLE.items() if then in reach and state is not None}

    assert reach == set(State)
    assert ends == {State.CLOSED, State.WITHDRAWN, State.REJECTED, State.CREDITED}


@given(st.none() | st.sampled_from(State), st.sampled_from(Move))
def test_an_illegal_move_raises_and_leaves_the_table_as_it_was(state: State | None, move: Move) -> None:
    before = dict(TABLE)

    if (state, move) in TABLE:
        assert follow(state, move) is TABLE[state, move]
    else:
        with pytest.raises(IllegalMoveError):
            follow(state, move)
    assert before == TABLE


def trail(*moves: Move, case: int = 7) -> list[tuple[Event, str]]:
    """Give the trail of a case that went this way."""
    found: list[tuple[Event, str]] = []
    state, previous = None, GENESIS
    for place, move in enumerate(moves, 1):
        state = follow(state, move)
        event = Event(case, place, T + timedelta(minutes=place), "policy", move, state, f"reason {place}")
        previous = digest(event, previous)
        found.append((event, previous))
    return found


STORY = trail(Move.OPEN, Move.APPROVE, Move.PROMISE, Move.HAND_OVER, Move.CLOSE, Move.NOTE)


def test_a_trail_holds() -> None:
    assert broken_at(STORY) is None
    assert broken_at([]) is None


def test_a_digest_is_sha_256_and_never_changes() -> None:
    # Written down: trails on disk must be verified by every later version.
    assert STORY[0][1] == "cf07c27978b79332934a58dfde02f7f6ef80996a559cd29de6847dcd0d7410c6"
    assert len({each for _, each in STORY}) == len(STORY)
    foreign = Event(7, 1, T, "operator Zoë", Move.OPEN, State.VERIFYING, "她说没有")
    assert digest(foreign, GENESIS) == "05f9b4b42557b3cf30220ac1d4a2a1c25230fccb95e85be806868be7e91faddb"


@pytest.mark.parametrize("place", range(1, len(STORY) + 1))
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("case", 8),
        ("sequence", 9),
        ("at", after("3d")),
        ("who", "mallory"),
        ("move", Move.ASK),
        ("state", State.SUSPECTED),
        ("why", "another reason"),
    ],
)
def test_the_chain_breaks_where_anything_is_altered(place: int, field: str, value: object) -> None:
    altered = list(STORY)
    event, claimed = altered[place - 1]
    altered[place - 1] = (replace(event, **{field: value}), claimed)  # type: ignore[arg-type]  # any field of it

    assert broken_at(altered) == place
    assert field in {each.name for each in fields(Event)}


def test_the_chain_breaks_where_an_altered_event_was_given_its_right_digest() -> None:
    event, _ = STORY[1]
    forged = replace(event, why="another reason")
    altered = [STORY[0], (forged, digest(forged, STORY[0][1])), *STORY[2:]]

    assert broken_at(altered) == 3


@given(st.integers(0, len(STORY) - 2))
def test_the_chain_breaks_where_an_event_is_missing(place: int) -> None:
    assert broken_at([*STORY[:place], *STORY[place + 1 :]]) == place + 1


@given(st.permutations(STORY))
def test_the_chain_breaks_where_events_are_moved(story: list[tuple[Event, str]]) -> None:
    first = next(
        (place for place, (mine, theirs) in enumerate(zip(story, STORY, strict=True), 1) if mine != theirs), None
    )

    assert broken_at(story) == first


def test_an_illegal_move_is_found_even_where_the_chain_holds() -> None:
    opened = STORY[0]
    closed = Event(7, 2, after("1h"), "mallory", Move.CLOSE, State.CLOSED, "just so")

    assert broken_at([opened, (closed, digest(closed, opened[1]))]) == 2


def test_events_of_another_case_do_not_continue_a_trail() -> None:
    assert broken_at([*STORY[:2], *trail(Move.OPEN, Move.APPROVE, Move.PROMISE, case=8)[2:]]) == 3


def test_the_zone_in_which_an_instant_is_written_does_not_matter() -> None:
    event, claimed = STORY[0]
    singapore = replace(event, at=event.at.astimezone(timezone(timedelta(hours=8))))

    assert digest(singapore, GENESIS) == claimed


words = st.text(max_size=20)


@given(words, words, words, words)
def test_no_two_events_share_a_digest_by_the_place_where_words_end(
    who: str, why: str, other_who: str, other_why: str
) -> None:
    def told(name: str, reason: str) -> str:
        return digest(Event(1, 1, T, name, Move.OPEN, State.VERIFYING, reason), GENESIS)

    assert (told(who, why) == told(other_who, other_why)) == ((who, why) == (other_who, other_why))
