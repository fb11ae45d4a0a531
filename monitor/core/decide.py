"""The one door: everything known in, one Decision out."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from operator import itemgetter

from monitor.core import burning
from monitor.core.burning import FALLS
from monitor.core.case import Case, State
from monitor.core.coverage import Defect, Exclusion
from monitor.core.decision import (
    BRAKE,
    POLICY,
    Amendment,
    Decision,
    Engagement,
    Found,
    Joined,
    Known,
    Opening,
    Promise,
    Recorded,
    Ruled,
)
from monitor.core.draft import Draft, New
from monitor.core.fleet import Spare
from monitor.core.incident import Fallen
from monitor.core.ruling import Claim, Ruling, rule_on
from monitor.core.stock import Approval, Brake, Frozen, Reached, Shelf

__all__ = [
    "BRAKE",
    "POLICY",
    "Amendment",
    "Decision",
    "Engagement",
    "Found",
    "Joined",
    "Known",
    "Opening",
    "Promise",
    "Recorded",
    "Ruled",
    "decide",
]

AFTER_WINDOW = f"exclusions.{Exclusion.AFTER_WINDOW}"


def decide(known: Known) -> Decision:
    """Turn what is known into cases, reservations and notices. Pure: the same ``known`` gives the same decision."""
    known = _of_tiers_we_have(known)
    new, ruled = _rule(known)
    begun = burning.begin(known, [Fallen(n.delivery, n.finding.first_bad) for n in new if n.finding.defect in FALLS])
    draft = Draft(known, [*known.incidents, *begun])
    for incident in begun:
        draft.begin(incident)
    for case in known.healed:
        draft.withdraw(case)
    for case in known.lapsed:
        draft.lapse(case)
    waiting = [*known.waiting, *(draft.unpromise(case) for case in known.spoiled)]
    shares = _share_out(known, waiting, new, burning.frozen(known, begun))
    for case in waiting:
        if case.number in shares.spares:
            draft.promise(case, shares.spares[case.number])
    for case in known.spoiled:
        if case.number not in shares.spares:
            draft.delay(case)
    for each in new:
        draft.open(each, shares.spares.get(each.number), shares.held.get(each.number))
    return draft.done(ruled, begun)


def _of_tiers_we_have(known: Known) -> Known:
    """Leave cases alone whose tier was taken out of the settings; and who healed does not wait."""

    def ours(cases: Sequence[Case]) -> list[Case]:
        return [case for case in cases if case.delivery in known.deliveries]

    healed = {case.number for case in known.healed}
    waiting = [case for case in ours(known.waiting) if case.number not in healed]
    return replace(
        known, healed=ours(known.healed), waiting=waiting, spoiled=ours(known.spoiled), lapsed=ours(known.lapsed)
    )


def _rule(known: Known) -> tuple[list[New], list[Ruled]]:
    """Rule on every finding that has no case yet: which cases open, and which rulings open none."""
    new: list[New] = []
    ruled: list[Ruled] = []
    heard: set[tuple[int, Defect]] = set()
    for found in known.found:
        delivery, finding = found.delivery, found.finding
        key = (delivery.number, finding.defect)
        before = known.past.get(key)
        if key in heard or (before is not None and before.state is not State.WITHDRAWN):
            continue
        heard.add(key)
        claim, ruling = _ruling(known, found)
        if ruling.verify_due is None or ruling.replace_due is None:
            ruled.append(Ruled(delivery.number, ruling, claim, finding))
            continue
        number, period = known.next_case + len(new), 0 if before is None else before.period + 1
        new.append(New(number, period, delivery, finding, claim, ruling, ruling.verify_due, ruling.replace_due))
    return new, ruled


def _ruling(known: Known, found: Found) -> tuple[Claim, Ruling]:
    """Rule on one finding; what fell too late while its supplier burns may still be the supplier's fault."""
    delivery, finding = found.delivery, found.finding
    claim = Claim(
        niche=delivery.tier.niche,
        defect=finding.defect,
        delivered_at=delivery.delivered_at,
        last_ok=finding.last_ok,
        first_bad=finding.first_bad,
        cause=finding.cause,
    )
    ruling = rule_on(claim, known.policy, known.now)
    blamed = burning.blames(known.incidents, delivery) and finding.defect in FALLS
    rule = known.policy.rules.get(Defect.SUPPLIER_FAULT)
    if blamed and ruling.clause == AFTER_WINDOW and rule is not None and claim.niche in rule.niches:
        claim = replace(claim, defect=Defect.SUPPLIER_FAULT)
        ruling = rule_on(claim, known.policy, known.now)
    return claim, ruling


@dataclass(frozen=True, slots=True)
class _Shares:
    """Who gets which spare, by case, and whom the brake holds."""

    spares: dict[int, Spare] = field(default_factory=dict)
    held: dict[int, Reached] = field(default_factory=dict)


def _share_out(known: Known, waiting: Sequence[Case], new: Sequence[New], frozen: Frozen) -> _Shares:
    """Share out the shelf among all who wait for a spare: whoever is due first is served first."""
    queue = [(case.replace_due, case.number, known.deliveries[case.delivery]) for case in waiting]
    queue += [(each.replace_due, each.number, each.delivery) for each in new if each.covered]
    shares = _Shares()
    if not queue:
        return shares
    shelf = Shelf(known.shelf, known.tiers, frozen, known.now, known.policy.fresh_within)
    brake = Brake(known.policy.brake, known.now, known.approvals, known.stood)
    asking = {each.number for each in new}
    for _, number, delivery in sorted(queue, key=itemgetter(0, 1)):
        if number in asking:
            # Whoever waited was approved before; whoever is new draws on the tier that the next spare comes from.
            drawn = shelf.next_tier(delivery.tier)
            approval = Approval(known.now, delivery.unit.supplier, delivery.tier.provider, drawn)
            reached = brake.spend(approval)
            if reached is not None:
                shares.held[number] = reached
                continue
        spare = shelf.take(delivery.tier)
        if spare is not None:
            shares.spares[number] = spare
    return shares
