"""What a person decides about a case: one move, in his name, with his reason; and who hears of it."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from monitor.core import case as cases
from monitor.core.case import Case, Event, Move, State
from monitor.core.coverage import Exclusion
from monitor.core.decision import Decision
from monitor.core.fleet import Delivery
from monitor.core.notice import Kind, Notice

BY_HAND = (Move.APPROVE, Move.REJECT, Move.HOLD, Move.RELEASE, Move.CREDIT, Move.NOTE)
"""What an operator may do to a case himself; promises and hand-overs follow by themselves."""

GIVES_BACK = frozenset({Move.REJECT, Move.CREDIT, Move.UNPROMISE})
"""Moves after which a reserved spare is free again."""


class Question(StrEnum):
    """What an operator may ask a customer about a case."""

    TRANSACTION = "transaction"
    PICTURE = "picture"
    DETAILS = "details"
    STILL = "still"
    """Whether it is still broken."""


HEARD = {Move.APPROVE: Kind.CASE_OPENED, Move.REJECT: Kind.REPORT_REJECTED, Move.CREDIT: Kind.CREDIT_OFFERED}
"""Moves that the customer hears of; an approved case that he knows already is not told again: its key is written."""


@dataclass(frozen=True, slots=True)
class Handled:
    """What follows from a person's decision."""

    case: Case
    event: Event
    notices: tuple[Notice, ...] = ()
    gives_back: bool = False
    """Whether the reserved spare goes back on the shelf."""


def steps_to(state: State, move: Move) -> tuple[Move, ...]:
    """Give the moves that one word of an operator stands for: who approves what a customer reported has verified it."""
    if state is State.SUSPECTED and move in {Move.APPROVE, Move.CREDIT}:
        return Move.VERIFY, move
    return (move,)


def by_hand(
    case: Case,
    delivery: Delivery,
    move: Move,
    who: str,
    why: str,
    now: datetime,
    *,
    clause: Exclusion | None = None,
    question: Question | None = None,
) -> Handled:
    """Make one move in a person's name; ``clause`` is what a rejection rests on, ``question`` what is asked.

    :raises IllegalMoveError: the table of moves has no such move.
    """
    state = cases.follow(case.state, move)
    gives_back = move in GIVES_BACK and case.spare is not None
    moved = replace(
        case,
        state=state,
        spare=None if gives_back else case.spare,
        clause=case.clause if clause is None else f"exclusions.{clause}",
        closed_at=case.closed_at if state in cases.OPEN else case.closed_at or now,
    )
    event = Event(case.number, 0, now, who, move, state, why)
    kind = HEARD.get(move)
    notices = () if kind is None else (_notice(kind, moved, delivery, why, now),)
    if question is not None:
        facts = {
            "order": delivery.order,
            "unit": delivery.unit.name,
            "case": str(case.number),
            "question": question.value,
        }
        # The same may be asked again on another day.
        key = f"case:{case.number}:{Kind.CASE_QUESTION}:{now.isoformat()}"
        notices = (Notice(key, Kind.CASE_QUESTION, case.customer, case.number, now, facts),)
    return Handled(moved, event, notices, gives_back)


def _notice(kind: Kind, case: Case, delivery: Delivery, why: str, now: datetime) -> Notice:
    facts = {
        "order": delivery.order,
        "unit": delivery.unit.name,
        "tier": delivery.tier.name,
        "defect": case.defect.value,
        "case": str(case.number),
        "replace_due": case.replace_due.isoformat(),
        "since": case.opened_at.isoformat(),
        "seen_by": "the shop",
        "clause": case.clause,
        "reason": why,
    }
    return Notice(f"case:{case.number}:{kind}", kind, case.customer, case.number, now, facts)


def release_all(held: Iterable[Case], who: str, why: str, now: datetime) -> Decision:
    """Release cases in a person's name: they get the next spares."""
    moved: list[Case] = []
    events: list[Event] = []
    for case in held:
        state = cases.follow(case.state, Move.RELEASE)
        moved.append(replace(case, state=state))
        events.append(Event(case.number, 0, now, who, Move.RELEASE, state, why))
    return Decision(moved=tuple(moved), events=tuple(events))
