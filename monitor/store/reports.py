"""What people look at of incidents, suppliers, stock and the shop's own figures."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, func, select

from monitor.core.case import Move, State
from monitor.core.coverage import Policy
from monitor.core.figures import Told
from monitor.core.fleet import Tier
from monitor.store.engine import Transaction
from monitor.store.incidents import in_coverage
from monitor.store.judgement import incident, member
from monitor.store.tables import cases, delivery, event, ruling, unit
from monitor.store.views import Row, rows

REPLACED = [State.PROMISED, State.HANDED_OVER, State.CLOSED]


def _incidents() -> Select[Any]:
    counted = (
        select(
            member.c.incident, func.count().label("members"), func.count(member.c.case_number.distinct()).label("cases")
        )
        .group_by(member.c.incident)
        .subquery()
    )
    return (
        select(
            incident.c.number,
            incident.c.kind,
            incident.c.name,
            incident.c.opened_at,
            incident.c.opened_by,
            incident.c.why,
            func.coalesce(counted.c.members, 0).label("members"),
            func.coalesce(counted.c.cases, 0).label("cases"),
            incident.c.closed_at,
            incident.c.closed_by,
            incident.c.closed_why,
        )
        .outerjoin(counted, counted.c.incident == incident.c.number)
        .order_by(incident.c.number.desc())
    )


async def list_incidents(connection: Transaction, *, lasting: bool, limit: int) -> list[Row]:
    """List incidents, the newest first."""
    query = _incidents()
    if lasting:
        query = query.where(incident.c.closed_at.is_(None))
    return await rows(connection, query.limit(limit))


async def incident_story(connection: Transaction, number: int) -> Row | None:
    """Read one incident with its members; None where there is none."""
    found = await rows(connection, _incidents().where(incident.c.number == number))
    if not found:
        return None
    members = (
        select(
            delivery.c.order_number.label("order"),
            delivery.c.customer,
            delivery.c.unit,
            unit.c.supplier,
            unit.c.tier,
            member.c.joined_at,
            member.c.case_number.label("case"),
            cases.c.state,
            cases.c.spare,
        )
        .select_from(
            member.join(delivery, delivery.c.number == member.c.delivery)
            .join(unit, unit.c.name == delivery.c.unit)
            .outerjoin(cases, cases.c.number == member.c.case_number)
        )
        .where(member.c.incident == number)
        .order_by(member.c.joined_at, delivery.c.number)
    )
    return {**found[0], "deliveries": await rows(connection, members)}


async def list_suppliers(
    connection: Transaction, tiers: Mapping[str, Tier], policy: Policy, now: datetime
) -> list[Row]:
    """List the suppliers: what is in coverage and on the shelf, what failed within the time of the report."""
    since = now - policy.stocking.sold_within
    sold = delivery.join(unit, unit.c.name == delivery.c.unit)

    async def counted(query: Select[Any]) -> dict[str, int]:
        return {row[0]: row[1] for row in await connection.execute(query)}

    covered = await counted(
        select(unit.c.supplier, func.count())
        .select_from(sold)
        .where(in_coverage(tiers, policy, now))
        .group_by(unit.c.supplier)
    )
    delivered = await counted(
        select(unit.c.supplier, func.count())
        .select_from(sold)
        .where(delivery.c.turn == 0, delivery.c.delivered_at > since)
        .group_by(unit.c.supplier)
    )
    spares = await counted(
        select(unit.c.supplier, func.count()).where(unit.c.place == "shelf").group_by(unit.c.supplier)
    )
    opened = select(cases.c.supplier, func.count()).where(cases.c.opened_at > since).group_by(cases.c.supplier)
    failed = await counted(opened)
    replaced = await counted(opened.where(cases.c.state.in_(REPLACED)))
    burning = select(incident).where(incident.c.kind == "supplier", incident.c.closed_at.is_(None))
    frozen = {row.name: row for row in await connection.execute(burning)}
    every = select(unit.c.supplier).distinct().order_by(unit.c.supplier)
    return [
        {
            "supplier": name,
            "in_coverage": covered.get(name, 0),
            "spares": spares.get(name, 0),
            "delivered": delivered.get(name, 0),
            "cases": failed.get(name, 0),
            "replaced": replaced.get(name, 0),
            "frozen_since": frozen[name].opened_at.isoformat() if name in frozen else None,
            "frozen_by": frozen[name].opened_by if name in frozen else None,
            "incident": frozen[name].number if name in frozen else None,
        }
        for name in (await connection.execute(every)).scalars()
    ]


async def claims(connection: Transaction, supplier: str) -> list[dict[str, Any]]:
    """Read the cases for units of a supplier, with what it needs to find them: order, transaction, unit, instants."""
    query = (
        select(
            cases.c.number.label("case"),
            cases.c.state,
            cases.c.defect,
            cases.c.supplier_fault,
            cases.c.opened_at,
            delivery.c.order_number.label("order"),
            delivery.c.tx_hash,
            delivery.c.unit,
            delivery.c.delivered_at,
            unit.c.cost,
            ruling.c.claim,
        )
        .select_from(
            cases.join(delivery, delivery.c.number == cases.c.delivery)
            .join(unit, unit.c.name == delivery.c.unit)
            .outerjoin(ruling, ruling.c.case_number == cases.c.number)
        )
        .where(cases.c.supplier == supplier, cases.c.state.not_in([State.WITHDRAWN, State.REJECTED]))
        .order_by(cases.c.number)
    )
    return [dict(row) for row in (await connection.execute(query)).mappings()]


def began(claim: Mapping[str, Any] | None, opened_at: datetime) -> datetime:
    """Say when a failure began, by the claim that was ruled on: seen, reported, or opened."""
    words = (claim or {}).get("first_bad") or (claim or {}).get("reported_at")
    return datetime.fromisoformat(words) if words else opened_at


async def sold(
    connection: Transaction, tiers: Mapping[str, Tier], since: datetime
) -> list[tuple[str, str, str | None, int]]:
    """Count what was delivered since: (tier, supplier, provider, how many); replacements are not sold."""
    query = (
        select(unit.c.tier, unit.c.supplier, func.count())
        .select_from(delivery.join(unit, unit.c.name == delivery.c.unit))
        .where(delivery.c.turn == 0, delivery.c.delivered_at > since)
        .group_by(unit.c.tier, unit.c.supplier)
        .order_by(unit.c.tier, unit.c.supplier)
    )
    return [
        (tier, supplier, _provider(tiers, tier), count) for tier, supplier, count in await connection.execute(query)
    ]


async def told(connection: Transaction, tiers: Mapping[str, Tier], since: datetime) -> list[Told]:
    """Read when the cases since then began, were opened, approved and promised a spare."""
    approved = and_(event.c.case_number == cases.c.number, event.c.move.in_([Move.APPROVE, Move.HOLD]))
    verified = select(func.min(event.c.at)).where(approved).scalar_subquery()
    ready = and_(event.c.case_number == cases.c.number, event.c.move == Move.PROMISE)
    promised = select(func.max(event.c.at)).where(ready).scalar_subquery()
    query = (
        select(cases, ruling.c.claim, verified.label("approved_at"), promised.label("promised_at"))
        .outerjoin(ruling, ruling.c.case_number == cases.c.number)
        .where(cases.c.opened_at > since)
        .order_by(cases.c.number)
    )
    return [
        Told(
            tier=row.tier,
            supplier=row.supplier,
            provider=_provider(tiers, row.tier),
            began=began(row.claim, row.opened_at),
            opened=row.opened_at,
            approved=row.approved_at,
            promised=row.promised_at if row.state in REPLACED else None,
        )
        for row in await connection.execute(query)
    ]


def _provider(tiers: Mapping[str, Tier], name: str) -> str | None:
    return tiers[name].provider if name in tiers else None
