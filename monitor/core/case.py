"""A case: what we owe for a finding. The one table of what may follow what, and the chain that proves the trail."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from monitor.core.coverage import Defect


class State(StrEnum):
    """Where a case is."""

    SUSPECTED = "suspected"
    VERIFYING = "verifying"
    HELD = "held"
    APPROVED = "approved"
    PROMISED = "promised"
    HANDED_OVER = "handed_over"
    CLOSED = "closed"
    WITHDRAWN = "withdrawn"
    REJECTED = "rejected"
    CREDITED = "credited"


OPEN = frozenset(
    {State.SUSPECTED, State.VERIFYING, State.HELD, State.APPROVED, State.PROMISED, State.HANDED_OVER},
)
"""States in which something is still owed, or may be."""


class Move(StrEnum):
    """What can happen to a case."""

    OPEN = "open"
    REPORT = "report"
    VERIFY = "verify"
    APPROVE = "approve"
    HOLD = "hold"
    RELEASE = "release"
    PROMISE = "promise"
    UNPROMISE = "unpromise"
    HAND_OVER = "hand_over"
    CLOSE = "close"
    WITHDRAW = "withdraw"
    REJECT = "reject"
    CREDIT = "credit"
    ASK = "ask"
    ANSWER = "answer"
    NOTE = "note"


TABLE: Mapping[tuple[State | None, Move], State] = {
    (None, Move.OPEN): State.VERIFYING,
    (None, Move.REPORT): State.SUSPECTED,
    (State.SUSPECTED, Move.VERIFY): State.VERIFYING,
    (State.SUSPECTED, Move.REJECT): State.REJECTED,
    (State.SUSPECTED, Move.WITHDRAW): State.WITHDRAWN,
    (State.VERIFYING, Move.APPROVE): State.APPROVED,
    (State.VERIFYING, Move.HOLD): State.HELD,
    (State.VERIFYING, Move.REJECT): State.REJECTED,
    (State.VERIFYING, Move.WITHDRAW): State.WITHDRAWN,
    (State.VERIFYING, Move.CREDIT): State.CREDITED,
    (State.HELD, Move.RELEASE): State.APPROVED,
    (State.HELD, Move.REJECT): State.REJECTED,
    (State.HELD, Move.WITHDRAW): State.WITHDRAWN,
    (State.HELD, Move.CREDIT): State.CREDITED,
    (State.APPROVED, Move.PROMISE): State.PROMISED,
    (State.APPROVED, Move.HOLD): State.HELD,
    (State.APPROVED, Move.REJECT): State.REJECTED,
    (State.APPROVED, Move.WITHDRAW): State.WITHDRAWN,
    (State.APPROVED, Move.CREDIT): State.CREDITED,
    (State.PROMISED, Move.UNPROMISE): State.APPROVED,
    (State.PROMISED, Move.HAND_OVER): State.HANDED_OVER,
    (State.PROMISED, Move.CREDIT): State.CREDITED,
    (State.HANDED_OVER, Move.CLOSE): State.CLOSED,
    # What is said about a case moves nothing.
    **{(state, move): state for state in OPEN for move in (Move.NOTE, Move.ASK, Move.ANSWER)},
    **{(state, Move.NOTE): state for state in State if state not in OPEN},
}


class IllegalMoveError(ValueError):
    """A move that the table does not know; nothing was changed."""

    def __init__(self, state: State | None, move: Move) -> None:
        allowed = ", ".join(sorted(other for (start, other) in TABLE if start is state))
        super().__init__(f"a case that is {state or 'not open'} cannot {move}; possible: {allowed}")
        self.state = state
        self.move = move


def follow(state: State | None, move: Move) -> State:
    """Give the state that follows; :class:`IllegalMoveError` where the table has none."""
    try:
        return TABLE[state, move]
    except KeyError:
        raise IllegalMoveError(state, move) from None


@dataclass(frozen=True, slots=True)
class Event:
    """One move in the append-only trail: who did what, when and why. ``sequence`` counts from 1 within a case."""

    case: int
    sequence: int
    at: datetime
    who: str
    move: Move
    state: State
    why: str


@dataclass(frozen=True, slots=True)
class Case:
    """What is owed for one defect of one delivery in one coverage period."""

    number: int
    delivery: int
    defect: Defect
    period: int
    state: State
    opened_at: datetime
    clause: str
    reason: str
    verify_due: datetime
    replace_due: datetime
    tier: str
    supplier: str
    customer: str
    spare: str | None = None
    closed_at: datetime | None = None
    supplier_fault: bool = False
    """Whether it fell because of how the supplier made it: it was broken when delivered, or it fell with others."""


GENESIS = "0" * 64
"""What the first event of a case is chained to."""


def digest(event: Event, previous: str) -> str:
    """Chain an event to the one before it: SHA-256 over the previous digest and the event's own words, hexadecimal."""
    words = [
        event.case,
        event.sequence,
        event.at.astimezone(UTC).isoformat(),
        event.who,
        event.move.value,
        event.state.value,
        event.why,
    ]
    return hashlib.sha256(f"{previous}\n{json.dumps(words, ensure_ascii=True)}".encode()).hexdigest()


def broken_at(trail: Iterable[tuple[Event, str]]) -> int | None:
    """Give the place, from 1, of the first event of a trail that was altered, moved or is not legal; None: it holds.

    ``trail`` is that of one case, each event with its digest. Events cut off its end leave no gap: for those, compare
    the state it ends in with that of the case.
    """
    state, previous = None, GENESIS
    for place, (event, claimed) in enumerate(trail, 1):
        legal = TABLE.get((state, event.move)) is event.state
        if event.sequence != place or not legal or digest(event, previous) != claimed:
            return place
        state, previous = event.state, claimed
    return None
