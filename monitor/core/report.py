"""A customer's report: what the policy says of it, and the case that it opens until somebody has looked."""

from dataclasses import dataclass
from datetime import datetime

from monitor.core import sla
from monitor.core.case import Case, Event, Move, follow
from monitor.core.coverage import Defect, Finding, Policy, Standing, Witness
from monitor.core.decision import Decision, Opening, Ruled
from monitor.core.fleet import Delivery
from monitor.core.notice import Kind, Notice
from monitor.core.ruling import Claim, Outcome, Ruling, rule_on

OWN_WORDS = "reported by the customer"


@dataclass(frozen=True, slots=True)
class Report:
    """What a customer reported. ``transaction``: the hash of his payment as he wrote it, or what he said instead."""

    delivery: Delivery
    defect: Defect
    at: datetime
    transaction: str | None = None


def reportable(delivery: Delivery, policy: Policy) -> list[Defect]:
    """Give the defects that a customer can report of what he holds; whose fault it was is not for him to say."""
    niche = delivery.tier.niche
    return [each for each, rule in policy.rules.items() if niche in rule.niches and each is not Defect.SUPPLIER_FAULT]


def answer_due(at: datetime, policy: Policy) -> datetime:
    """Tell by when a customer who reported at ``at`` has an answer: the response clock, in business hours."""
    return sla.due(policy.response, at)


def file_report(report: Report, number: int, period: int, seen: Standing, policy: Policy, now: datetime) -> Decision:
    """Turn a report into a case to be looked at, or into a rejection that names its clause.

    ``seen`` is what our own looks know of the unit; nothing in it outweighs a report that an operator has yet to read.
    """
    delivery = report.delivery
    first_bad = seen.first_bad if seen.first_bad is not None and seen.first_bad <= report.at else None
    claim = Claim(
        niche=delivery.tier.niche,
        defect=report.defect,
        delivered_at=delivery.delivered_at,
        last_ok=seen.last_ok if first_bad is not None or seen.last_ok is None else min(seen.last_ok, report.at),
        first_bad=first_bad,
        reported_at=report.at,
    )
    ruling = rule_on(claim, policy, now)
    finding = _finding(report, claim)
    if ruling.outcome is Outcome.NOT_COVERED or ruling.verify_due is None or ruling.replace_due is None:
        facts = {"order": delivery.order, "clause": ruling.clause}
        key = f"report:{delivery.number}:{report.defect}:{ruling.clause}"
        told = Notice(key, Kind.REPORT_REJECTED, delivery.customer, None, now, facts)
        return Decision(ruled=(Ruled(delivery.number, ruling, claim, finding),), notices=(told,))
    case = Case(
        number=number,
        delivery=delivery.number,
        defect=report.defect,
        period=period,
        state=follow(None, Move.REPORT),
        opened_at=now,
        clause=ruling.clause,
        reason=ruling.reason,
        verify_due=ruling.verify_due,
        replace_due=ruling.replace_due,
        tier=delivery.tier.name,
        supplier=delivery.unit.supplier,
        customer=delivery.customer,
    )
    event = Event(number, 0, report.at, delivery.customer, Move.REPORT, case.state, _words(report))
    return Decision(
        opened=(Opening(case, ruling, claim, finding),),
        events=(event,),
        notices=_notices(report, case, ruling, policy, now),
    )


def _finding(report: Report, claim: Claim) -> Finding:
    witness = Witness(report.delivery.customer, _words(report), report.delivery.unit.name)
    began = claim.first_bad or report.at
    return Finding(report.defect, claim.last_ok, began, report.at, 0, (witness,), OWN_WORDS)


def _words(report: Report) -> str:
    said = "without a transaction hash"
    if report.transaction is not None:
        known = report.delivery.tx_hash
        same = "" if known is None else ", as recorded" if known == report.transaction else f", recorded is {known}"
        said = f"transaction {report.transaction}{same}"
    return f"{OWN_WORDS}, {said}"


def _notices(report: Report, case: Case, ruling: Ruling, policy: Policy, now: datetime) -> tuple[Notice, ...]:
    order = report.delivery.order
    received = {"order": order, "answer_due": answer_due(report.at, policy).isoformat()}
    verify = {
        "order": order,
        "unit": report.delivery.unit.name,
        "tier": case.tier,
        "defect": case.defect.value,
        "case": str(case.number),
        "replace_due": case.replace_due.isoformat(),
        "reason": f"{_words(report)[:1].upper()}{_words(report)[1:]}. {ruling.reason}",
    }
    return (
        Notice(f"case:{case.number}:received", Kind.REPORT_RECEIVED, case.customer, case.number, now, received),
        Notice(f"case:{case.number}:operator_verify", Kind.OPERATOR_VERIFY, None, case.number, now, verify),
    )
