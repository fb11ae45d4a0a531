"""The clocks of a case, read from its trail: response, verification, replacement. Nothing is counted."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from monitor.core.case import OPEN, Case, Event, Move, State
from monitor.core.coverage import Policy
from monitor.core.sla import Clock, Condition, Pause, Standing, Target, standing

UNVERIFIED = frozenset({State.SUSPECTED, State.VERIFYING})
READY = frozenset({State.PROMISED, State.HANDED_OVER, State.CLOSED})
"""States in which the replacement is there: what is still to come is the customer's part."""
AWAITED = frozenset({State.APPROVED, State.HELD})
"""States in which the customer has been told of a replacement and has none."""
TICKING = frozenset({Condition.RUNNING, Condition.AT_RISK, Condition.BREACHED})
"""Conditions of a clock that neither stands still nor has stopped."""
TOLD_OF = frozenset({Condition.AT_RISK, Condition.BREACHED})
"""Changes that an operator hears of."""


class Which(StrEnum):
    """What is timed."""

    RESPONSE = "response"
    VERIFICATION = "verification"
    REPLACEMENT = "replacement"


@dataclass(frozen=True, slots=True)
class Reading:
    """How a clock of a case stands, and when it may next stand otherwise by itself; None: only an event changes it."""

    which: Which
    standing: Standing
    next_at: datetime | None
    delayed: bool = False
    """Whether the customer is to hear that the replacement will be late."""


def clocks_of(case: Case, trail: Sequence[Event], policy: Policy) -> dict[Which, Clock]:
    """Give the clocks of a case; ``trail`` are its events in order. Their due times are those that were promised."""
    pauses = _pauses(trail)
    verify = case.verify_due - case.opened_at
    share = policy.verify.warn_after / policy.verify.within
    replaced = case.replace_due - case.opened_at
    clocks = {
        Which.VERIFICATION: Clock(
            Target(verify, verify * share), case.opened_at, pauses, _first(trail, lambda each: each not in UNVERIFIED)
        ),
        Which.REPLACEMENT: Clock(
            Target(replaced, replaced * policy.replace_warning), case.opened_at, pauses, _replaced_at(case, trail)
        ),
    }
    reported = next((event for event in trail if event.move is Move.REPORT), None)
    if reported is not None:
        answers = (each.at for each in trail[reported.sequence :] if each.move not in {Move.NOTE, Move.REPORT})
        clocks[Which.RESPONSE] = Clock(policy.response, reported.at, (), next(answers, None))
    return clocks


def read(case: Case, trail: Sequence[Event], policy: Policy, now: datetime) -> list[Reading]:
    """Read every clock of a case at an instant."""
    readings: list[Reading] = []
    for which, clock in clocks_of(case, trail, policy).items():
        found = standing(clock, now)
        next_at = {Condition.RUNNING: found.warn_at, Condition.AT_RISK: found.due}.get(found.condition)
        told_at = _told_at(clock, policy, now) if which is Which.REPLACEMENT and found.condition in TICKING else None
        delayed = told_at is not None and told_at <= now
        if next_at is not None and told_at is not None and not delayed:
            next_at = min(next_at, told_at)
        readings.append(Reading(which, found, next_at, delayed))
    return readings


def _told_at(clock: Clock, policy: Policy, now: datetime) -> datetime:
    """Say when the customer is to hear that it will be late, if nothing happens until then."""
    told_after = replace(clock.target, warn_after=clock.target.within * policy.delay_told)
    return standing(replace(clock, target=told_after), now).warn_at


def _replaced_at(case: Case, trail: Sequence[Event]) -> datetime | None:
    """Say when the spare that the case has was promised, or when the case ended without one."""
    if case.state in READY:
        return next((event.at for event in reversed(trail) if event.move is Move.PROMISE), None)
    return _first(trail, lambda each: each not in OPEN)


def _first(trail: Sequence[Event], holds: Callable[[State], bool]) -> datetime | None:
    return next((event.at for event in trail if holds(event.state)), None)


def _pauses(trail: Sequence[Event]) -> tuple[Pause, ...]:
    """Give the times of waiting for the customer: from a question to the answer."""
    pauses: list[Pause] = []
    for event in trail:
        asked = bool(pauses) and pauses[-1].until is None
        if event.move is Move.ASK and not asked:
            pauses.append(Pause(event.at))
        elif event.move is Move.ANSWER and asked:
            pauses[-1] = replace(pauses[-1], until=event.at)
    return tuple(pauses)
