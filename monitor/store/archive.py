"""What was ruled and what was done, read again: to replay a decision, and to prove that nobody mended the trail."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from operator import attrgetter
from typing import Any

from sqlalchemy import Row, select, true

from monitor.core import case as trail
from monitor.core.case import Event, Move, State
from monitor.core.coverage import Defect, Exclusion
from monitor.core.fleet import Niche
from monitor.core.ruling import Claim
from monitor.store.engine import Transaction
from monitor.store.tables import cases, delivery, event, ruling, unit


@dataclass(frozen=True, slots=True)
class Judged:
    """A stored ruling with all that it rested on, to be made again."""

    case: int | None
    delivery: int
    claim: Claim
    outcome: str
    clause: str
    reason: str
    at: datetime
    policy_version: str
    policy_digest: str
    verify_due: datetime | None
    replace_due: datetime | None
    cost: Decimal
    """What the unit cost that is to be replaced."""


async def rulings(connection: Transaction, number: int | None) -> list[Judged]:
    """Read the rulings of one case, or all that were ever made."""
    query = (
        select(ruling, cases.c.verify_due, cases.c.replace_due, unit.c.cost)
        .select_from(
            ruling.join(delivery, delivery.c.number == ruling.c.delivery)
            .join(unit, unit.c.name == delivery.c.unit)
            .outerjoin(cases, cases.c.number == ruling.c.case_number)
        )
        .order_by(ruling.c.number)
    )
    if number is not None:
        query = query.where(ruling.c.case_number == number)
    return [
        Judged(
            row.case_number,
            row.delivery,
            claim_of(row.claim),
            row.outcome,
            row.clause,
            row.reason,
            row.at,
            row.policy_version,
            row.policy_digest,
            row.verify_due,
            row.replace_due,
            Decimal(row.cost),
        )
        for row in await connection.execute(query)
    ]


def claim_of(facts: Mapping[str, str | None]) -> Claim:
    """Read a claim from its JSON facts."""

    def word(name: str) -> str:
        words = facts.get(name)
        if words is None:
            raise ValueError(f"a stored claim has no {name}")
        return words

    def at(name: str) -> datetime | None:
        words = facts.get(name)
        return None if words is None else datetime.fromisoformat(words)

    cause = facts.get("cause")
    return Claim(
        niche=Niche(word("niche")),
        defect=Defect(word("defect")),
        delivered_at=datetime.fromisoformat(word("delivered_at")),
        last_ok=at("last_ok"),
        first_bad=at("first_bad"),
        reported_at=at("reported_at"),
        cause=Exclusion(cause) if cause else None,
    )


@dataclass(frozen=True, slots=True)
class Fault:
    """Where the trail of a case does not hold; ``event`` counts from 1, 0: it has none."""

    case: int
    event: int
    why: str


async def broken_trails(connection: Transaction, number: int | None = None) -> list[Fault]:
    """Check the trail of one case, or every trail; give the first fault of each that does not hold."""
    mine = true() if number is None else cases.c.number == number
    states = select(cases.c.number, cases.c.state).where(mine).order_by(cases.c.number)
    owned = event.c.case_number.in_(select(cases.c.number).where(mine))
    rows = await connection.execute(select(event).where(owned).order_by(event.c.case_number, event.c.sequence))
    trails = {case: list(found) for case, found in groupby(rows, attrgetter("case_number"))}
    faults = [_fault(case, state, trails.get(case, [])) for case, state in await connection.execute(states)]
    return [each for each in faults if each is not None]


def _fault(case: int, state: str, rows: Sequence[Row[Any]]) -> Fault | None:
    events: list[tuple[Event, str]] = []
    for place, row in enumerate(rows, 1):
        if row.move not in set(Move) or row.state not in set(State):
            return Fault(case, place, f"there is no move {row.move!r} to {row.state!r}")
        found = Event(row.case_number, row.sequence, row.at, row.who, Move(row.move), State(row.state), row.why)
        events.append((found, row.digest))
    broken = trail.broken_at(events)
    if broken is not None:
        return Fault(case, broken, "it does not follow from the one before it")
    ends = events[-1][0].state.value if events else "nowhere"
    return None if ends == state else Fault(case, len(events), f"the case is {state}, but its trail ends {ends}")
