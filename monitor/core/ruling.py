"""Who owes: the coverage policy applied to one claim. Same claim, same policy, same ruling: today and in a dispute."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import assert_never

from monitor.core import sla
from monitor.core.coverage import Begins, Benefit, Defect, Exclusion, Policy, Rule
from monitor.core.fleet import Niche


class Outcome(StrEnum):
    """What the policy says."""

    COVERED = "covered"
    NOT_COVERED = "not_covered"
    OPERATOR = "operator"


class Remedy(StrEnum):
    """What follows from it."""

    REPLACEMENT = "replacement"
    NONE = "none"
    OPERATOR_DECIDES = "operator_decides"


REMEDY = {
    Outcome.COVERED: Remedy.REPLACEMENT,
    Outcome.NOT_COVERED: Remedy.NONE,
    Outcome.OPERATOR: Remedy.OPERATOR_DECIDES,
}

EXCLUDED_BECAUSE = {
    Exclusion.AFTER_WINDOW: "the failure began after the coverage window",
    Exclusion.CUSTOMER_CREDENTIALS: "the credentials were changed or lost by the customer",
    Exclusion.CUSTOMER_TOS: "the provider names an abuse by use",
    Exclusion.POLICY_LATER: "the provider acted on traffic patterns after the coverage window",
    Exclusion.WRONG_ORDER: "it was delivered as ordered",
    Exclusion.CHANGE_OF_MIND: "a change of mind names no defect",
    Exclusion.PRICE_CHANGE: "a change of price names no defect",
    Exclusion.PROFILE_ADDED: "the customer added a profile of his own",
    Exclusion.REPORTED_LATE: "it was reported after the coverage window",
}

TIMELY = frozenset({Exclusion.AFTER_WINDOW, Exclusion.POLICY_LATER, Exclusion.REPORTED_LATE})
"""Exclusions that assert a time: recorded instants may contradict them."""


class ImpossibleClaimError(ValueError):
    """The instants or words of a claim contradict one another; the message says which."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What is known of one failure. Fine at ``last_ok`` (None: never seen fine), broken at ``first_bad``; aware UTC."""

    niche: Niche
    defect: Defect
    delivered_at: datetime
    last_ok: datetime | None = None
    first_bad: datetime | None = None
    reported_at: datetime | None = None
    cause: Exclusion | None = None

    @property
    def was_broken_when_delivered(self) -> bool:
        """Tell whether the unit should never have left the shelf: the fault is the supplier's."""
        return self.first_bad is not None and self.first_bad <= self.delivered_at


@dataclass(frozen=True, slots=True)
class Ruling:
    """The outcome with its clause, its reason in one sentence, and the instants that follow from it."""

    outcome: Outcome
    clause: str
    reason: str
    deadline: datetime
    verify_due: datetime | None
    replace_due: datetime | None

    @property
    def remedy(self) -> Remedy:
        """What follows from the outcome."""
        return REMEDY[self.outcome]


def rule_on(claim: Claim, policy: Policy, now: datetime) -> Ruling:
    """Apply the policy to a claim; ``now`` is when the case would be opened, and starts its clocks.

    :raises ImpossibleClaimError: where the claim contradicts itself or the policy has no such defect in that niche.
    """
    rule = policy.rules.get(claim.defect)
    if rule is None or claim.niche not in rule.niches:
        raise ImpossibleClaimError(f"{claim.niche} has no defect {claim.defect}")
    _check(claim, now)
    # In UTC: on the clocks of a wall, 24 hours may be 23 or 25.
    deadline = claim.delivered_at.astimezone(UTC) + rule.window
    outcome, exclusion, reason = _judge(claim, rule, policy, deadline, now)
    clause = f"defects.{claim.defect}" if exclusion is None else f"exclusions.{exclusion}"
    if outcome is Outcome.NOT_COVERED:
        return Ruling(outcome, clause, reason, deadline, None, None)
    opened = (claim.reported_at or now).astimezone(UTC)
    return Ruling(outcome, clause, reason, deadline, sla.due(policy.verify, opened), opened + rule.replace_within)


_Judgement = tuple[Outcome, Exclusion | None, str]


def _check(claim: Claim, now: datetime) -> None:
    for instant in (claim.delivered_at, claim.last_ok, claim.first_bad, claim.reported_at, now):
        if instant is not None and instant.utcoffset() is None:
            raise ImpossibleClaimError(
                "an instant without a time zone cannot be compared: write it with an offset or Z"
            )
    if claim.last_ok and claim.first_bad and claim.first_bad < claim.last_ok:
        raise ImpossibleClaimError("first_bad lies before last_ok: it cannot have been broken before it was last fine")
    if claim.reported_at and claim.reported_at < claim.delivered_at:
        raise ImpossibleClaimError("reported_at lies before delivered_at: nothing was delivered yet")


def _judge(claim: Claim, rule: Rule, policy: Policy, deadline: datetime, now: datetime) -> _Judgement:
    if claim.cause is not None:
        return _excluded(claim, claim.cause, rule, deadline)
    match rule.begins:
        case Begins.WITHIN:
            return _within(claim, rule, policy, deadline, now)
        case Begins.AT_HAND_OVER:
            return _at_hand_over(claim, policy)
        case Begins.REPORTED:
            return _reported(claim.reported_at or now, deadline)
        case _:
            assert_never(rule.begins)


def _excluded(claim: Claim, cause: Exclusion, rule: Rule, deadline: datetime) -> _Judgement:
    because = EXCLUDED_BECAUSE[cause]
    if cause in TIMELY:
        begun = claim.reported_at if rule.begins is Begins.REPORTED else claim.first_bad or claim.reported_at
        if begun is not None and begun <= deadline:
            contradiction = f"It was said that {because}, but {_utc(begun)} is not after {_utc(deadline)}"
            return _doubt(Benefit.OPERATOR, contradiction)
        if rule.later is not None:
            return _doubt(rule.later, f"It was said that {because}")
    return Outcome.NOT_COVERED, cause, f"{because[0].upper()}{because[1:]}."


def _within(claim: Claim, rule: Rule, policy: Policy, deadline: datetime, now: datetime) -> _Judgement:
    first_bad = claim.first_bad or claim.reported_at or now
    last_ok = claim.last_ok or claim.delivered_at
    if claim.was_broken_when_delivered:
        return Outcome.COVERED, None, _shelf(first_bad, claim.delivered_at)
    if first_bad <= deadline:
        after = _span(first_bad - claim.delivered_at)
        reason = f"Broken at {_utc(first_bad)}, {after} after delivery; the window ended at {_utc(deadline)}."
        return Outcome.COVERED, None, reason
    if last_ok < deadline:
        gap = f"Last fine at {_utc(last_ok)}, broken at {_utc(first_bad)}; the window ended in between"
        return _doubt(policy.straddle, gap)
    fine = f"Still fine at {_utc(last_ok)}, when the window had ended at {_utc(deadline)}"
    return (Outcome.NOT_COVERED, Exclusion.AFTER_WINDOW, f"{fine}.") if rule.later is None else _doubt(rule.later, fine)


def _at_hand_over(claim: Claim, policy: Policy) -> _Judgement:
    """Judge by the baseline: the first complete look after delivery, or the last one before it."""
    if claim.first_bad is None and claim.last_ok is None:
        return Outcome.COVERED, None, "No look shows that it was in order at hand-over."
    if claim.first_bad is not None and claim.was_broken_when_delivered:
        return Outcome.COVERED, None, _shelf(claim.first_bad, claim.delivered_at)
    if claim.last_ok is None:
        return Outcome.COVERED, None, "It was so at the first complete look after delivery."
    if claim.last_ok < claim.delivered_at:
        gap = f"It was in order at {_utc(claim.last_ok)}, before delivery, and not at the first complete look after it"
        return _doubt(policy.straddle, gap)
    clean = f"It was in order at {_utc(claim.last_ok)}, once delivered: what changed later is no defect of hand-over."
    return Outcome.NOT_COVERED, Exclusion.AFTER_WINDOW, clean


def _reported(at: datetime, deadline: datetime) -> _Judgement:
    if at <= deadline:
        return Outcome.COVERED, None, f"Reported at {_utc(at)}, not after {_utc(deadline)}."
    return Outcome.NOT_COVERED, Exclusion.REPORTED_LATE, f"Reported at {_utc(at)}, after {_utc(deadline)}."


def _doubt(benefit: Benefit, facts: str) -> _Judgement:
    match benefit:
        case Benefit.CUSTOMER:
            return Outcome.COVERED, None, f"{facts}: the customer has the benefit of the doubt."
        case Benefit.OPERATOR:
            return Outcome.OPERATOR, None, f"{facts}: an operator decides."
        case _:
            assert_never(benefit)


def _shelf(first_bad: datetime, delivered_at: datetime) -> str:
    return f"Broken at {_utc(first_bad)} already, when it was delivered at {_utc(delivered_at)}: the supplier's fault."


def _utc(at: datetime) -> str:
    return f"{at.astimezone(UTC).isoformat(' ').removesuffix('+00:00')}Z"


def _span(span: timedelta) -> str:
    minutes, seconds = divmod(int(span.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min {seconds} s"
