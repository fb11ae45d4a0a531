"""Rulings with all that they rested on, kept so that they can be made again."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import insert, select, tuple_

from monitor.core.coverage import Finding, Policy
from monitor.core.decision import Opening, Ruled
from monitor.core.ruling import Claim, Ruling
from monitor.store.engine import Transaction
from monitor.store.tables import ruling


async def write(
    connection: Transaction, opened: Sequence[Opening], ruled: Sequence[Ruled], policy: Policy, now: datetime
) -> None:
    """Write the rulings that opened cases, and of the others those that were not written before."""
    rows = [_row(each.case.delivery, each.case.number, each, policy, now) for each in opened]
    known = await _refused(connection, ruled)
    rows += [
        _row(each.delivery, None, each, policy, now)
        for each in ruled
        if (each.delivery, each.claim.defect.value, each.ruling.clause) not in known
    ]
    if rows:
        await connection.execute(insert(ruling), rows)


async def _refused(connection: Transaction, ruled: Sequence[Ruled]) -> set[tuple[int, str, str]]:
    """Name the refusals, of these, that are on record: by delivery, defect and clause."""
    if not ruled:
        return set()
    keys = [(each.delivery, each.claim.defect, each.ruling.clause) for each in ruled]
    columns = (ruling.c.delivery, ruling.c.defect, ruling.c.clause)
    query = select(*columns).where(ruling.c.case_number.is_(None), tuple_(*columns).in_(keys))
    return {(row.delivery, row.defect, row.clause) for row in await connection.execute(query)}


def _row(delivery: int, number: int | None, made: Opening | Ruled, policy: Policy, now: datetime) -> dict[str, object]:
    found: Ruling = made.ruling
    return {
        "delivery": delivery,
        "case_number": number,
        "defect": made.claim.defect,
        "outcome": found.outcome,
        "clause": found.clause,
        "reason": found.reason,
        "at": now,
        "policy_version": policy.version,
        "policy_digest": policy.digest,
        "claim": claim_facts(made.claim),
        "finding": finding_facts(made.finding),
    }


def claim_facts(claim: Claim) -> dict[str, str | None]:
    """Write a claim as JSON facts, from which it can be read again."""
    return {
        "niche": claim.niche,
        "defect": claim.defect,
        "delivered_at": claim.delivered_at.isoformat(),
        "last_ok": claim.last_ok.isoformat() if claim.last_ok else None,
        "first_bad": claim.first_bad.isoformat() if claim.first_bad else None,
        "reported_at": claim.reported_at.isoformat() if claim.reported_at else None,
        "cause": claim.cause,
    }


def finding_facts(finding: Finding) -> dict[str, object]:
    """Write a finding as JSON facts."""
    return {
        "defect": finding.defect,
        "last_ok": finding.last_ok.isoformat() if finding.last_ok else None,
        "first_bad": finding.first_bad.isoformat(),
        "confirmed_at": finding.confirmed_at.isoformat(),
        "rounds": finding.rounds,
        "heard": finding.heard,
        "witnesses": [
            [witness.who, witness.said, witness.subject, *([witness.vouched] if witness.vouched else [])]
            for witness in finding.witnesses
        ],
        "answers": [witness.raw for witness in finding.witnesses],
    }
