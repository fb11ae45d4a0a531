"""What operators ask for: one transaction, in their name, through the same table of moves as everything else."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from monitor.core.case import Case, Move
from monitor.core.coverage import Exclusion
from monitor.core.decide import decide
from monitor.core.hand import Question, by_hand, steps_to
from monitor.core.ruling import ImpossibleClaimError, Outcome, Ruling, rule_on
from monitor.store import archive, cases, fleet
from monitor.store.archive import Judged
from monitor.store.engine import Store, Transaction
from monitor.sweep import Law

JUST_NOW = timedelta(minutes=2)
"""How long ago a spare may have been looked at, to be promised without another look."""


class NoSuchCaseError(LookupError):
    """There is no case of that number."""


class NoOtherSpareError(LookupError):
    """There is nothing else on the shelf that would do."""


class StaleError(ValueError):
    """Somebody else moved the case since it was looked at."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a person wants done to a case. ``seen``: how many events it had when he looked; None: he did not say."""

    case: int
    move: Move
    who: str
    why: str
    clause: Exclusion | None = None
    seen: int | None = None
    question: Question | None = None


async def carry_out(store: Store, law: Law, order: Order, now: datetime) -> Case:
    """Make a person's move, and serve whoever waits for a spare after it. Give the case as it is then.

    :raises NoSuchCaseError: there is no such case.
    :raises IllegalMoveError: the case is not where that move begins; nothing was changed.
    :raises StaleError: it was moved meanwhile; nothing was changed.
    :raises NoOtherSpareError: another spare was asked for, and there is none; nothing was changed.
    """
    async with store.deciding() as connection:
        case = await cases.by_number(connection, order.case)
        if case is None:
            raise NoSuchCaseError(f"there is no case {order.case}")
        if order.seen is not None:
            trail = await cases.events_of(connection, case.number)
            if len(trail) != order.seen:
                raise StaleError(f"already handled by {trail[-1][0].who}")
        deliveries = await fleet.deliveries_by_number(connection, [case.delivery], law.tiers)
        if case.delivery not in deliveries:
            raise NoSuchCaseError(f"case {order.case}: its tier {case.tier!r} is no longer in the configuration")
        delivery = deliveries[case.delivery]
        refused = case.spare if order.move is Move.UNPROMISE else None
        for step in steps_to(case.state, order.move):
            handled = by_hand(
                case, delivery, step, order.who, order.why, now, clause=order.clause, question=order.question
            )
            await cases.move(connection, handled, now)
            case = handled.case
        await serve_waiting(connection, law, case, now, refused)
        moved = await cases.by_number(connection, order.case) or case
        if refused is not None and moved.spare is None:
            raise NoOtherSpareError(f"there is no other spare for case {order.case}")
        return moved


async def serve_waiting(
    connection: Transaction, law: Law, case: Case, now: datetime, refused: str | None = None
) -> None:
    """Promise spares to the cases that wait for one; none gets the one that was ``refused``."""
    sick = () if refused is None else (refused,)
    known = await cases.known(connection, now, law.policy, law.tiers, [case.defect], [], [], sick=sick)
    if refused is None:
        # Nothing is probed here. What was not looked at just now waits for the daemon's next turn, which does that.
        known = replace(known, policy=replace(law.policy, fresh_within=min(law.policy.fresh_within, JUST_NOW)))
    else:
        # It is as well as before; it was only not wanted here.
        known = replace(known, spoiled=[each for each in known.spoiled if each.spare != refused])
    await cases.commit(connection, decide(known), law.policy, now)


@dataclass(frozen=True, slots=True)
class Replayed:
    """A ruling as it was made, and as it would be made now; ``now`` is the reason where the policy has no answer."""

    then: Judged
    now: Ruling | str

    @property
    def same(self) -> bool:
        """Whether both come to the same, due times included."""
        then, now = self.then, self.now
        if isinstance(now, str):
            return False
        words = (then.outcome, then.clause, then.reason) == (now.outcome, now.clause, now.reason)
        return words and (then.case is None or (then.verify_due, then.replace_due) == (now.verify_due, now.replace_due))

    @property
    def covered(self) -> tuple[bool, bool]:
        """Whether it was covered then, and whether it is now."""
        now = None if isinstance(self.now, str) else self.now.outcome
        return self.then.outcome == Outcome.COVERED, now is Outcome.COVERED


@dataclass(frozen=True, slots=True)
class Bill:
    """How many replacements a policy gives by itself, and what the units cost that they replace."""

    replacements: int
    cost: Decimal


def bills(replayed: Iterable[Replayed]) -> tuple[Bill, Bill]:
    """Sum up what was given then, and what would be given now."""
    every = [(each.covered, each.then.cost) for each in replayed]
    then = [cost for (was, _), cost in every if was]
    now = [cost for (_, is_now), cost in every if is_now]
    return Bill(len(then), sum(then, Decimal())), Bill(len(now), sum(now, Decimal()))


async def replay(store: Store, law: Law, number: int | None) -> list[Replayed]:
    """Rule again on what was stored: on one case, or on everything that was ever ruled on."""
    async with store.read() as connection:
        judged = await archive.rulings(connection, number)
    return [Replayed(each, _again(each, law)) for each in judged]


def _again(judged: Judged, law: Law) -> Ruling | str:
    try:
        return rule_on(judged.claim, law.policy, judged.at)
    except ImpossibleClaimError as fault:
        return str(fault)
