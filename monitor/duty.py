"""What operators look at and decide about the brake, incidents, suppliers and stock; each decision in their name."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from monitor.core.case import Case
from monitor.core.decision import Recorded
from monitor.core.draft import words
from monitor.core.figures import Report, report
from monitor.core.hand import release_all
from monitor.core.incident import ListAlarmed, SupplierBurning
from monitor.core.level import Level
from monitor.core.plan import Check
from monitor.core.stock import HOUR, Limit, Reached
from monitor.core.warranty import claimable
from monitor.store import brake, cases, incidents, levels, reports, surveys
from monitor.store.engine import Store
from monitor.sweep import Law


class NothingToDoError(LookupError):
    """There is nothing of that kind to act on; the message says what there is."""


@dataclass(frozen=True, slots=True)
class Released:
    """What a release of the brake did."""

    engagements: int
    cases: tuple[Case, ...]


async def release_brake(store: Store, law: Law, who: str, why: str, now: datetime) -> Released:
    """Release the brake and all it holds; the spares follow with the next turn, freshly looked at."""
    async with store.deciding() as connection:
        decision = release_all(await cases.held_by_brake(connection), who, why, now)
        await cases.commit(connection, decision, law.policy, now)
        engagements = await brake.release(connection, who, now)
    return Released(engagements, decision.moved)


async def close_incident(store: Store, number: int, who: str, why: str, now: datetime) -> Recorded:
    """Close an incident: its spares are free, its provider is judged, and what its list says now is the usual.

    :raises NothingToDoError: no such incident lasts.
    """
    async with store.deciding() as connection:
        lasting = {each.number: each for each in await incidents.on_record(connection)}
        if number not in lasting:
            numbers = ", ".join(str(each) for each in lasting) or "none"
            raise NothingToDoError(f"there is no incident {number} that lasts; those that do: {numbers}")
        over = lasting[number]
        await incidents.close(connection, number, who, why, now)
        if isinstance(over.incident, ListAlarmed):
            name = over.incident.name
            said = await surveys.of_last_sweep(connection, Check.BLOCKLIST)
            counted = {name: said.lists[name]} if name in said.lists else {}
            await surveys.make_usual(connection, counted, now, at_once=True)
    return over


async def freeze_supplier(store: Store, name: str, who: str, why: str, now: datetime) -> Recorded:
    """Promise no spare of a supplier until it is thawed.

    :raises NothingToDoError: it is frozen already.
    """
    async with store.deciding() as connection:
        for each in await incidents.on_record(connection):
            if isinstance(each.incident, SupplierBurning) and each.incident.supplier == name:
                raise NothingToDoError(f"{name} is frozen already, by incident {each.number}")
        number = await incidents.next_number(connection)
        frozen = Recorded(number, SupplierBurning(name, (), 0), now, who)
        await incidents.record(connection, [frozen], why)
    return frozen


async def thaw_supplier(store: Store, name: str, who: str, why: str, now: datetime) -> Recorded:
    """Close the incident that freezes a supplier, whoever opened it.

    :raises NothingToDoError: it is not frozen.
    """
    async with store.deciding() as connection:
        for each in await incidents.on_record(connection):
            if isinstance(each.incident, SupplierBurning) and each.incident.supplier == name:
                await incidents.close(connection, each.number, who, why, now)
                return each
    raise NothingToDoError(f"{name} is not frozen")


async def brake_status(store: Store, law: Law, now: datetime) -> dict[str, Any]:
    """Say whether the brake is on and why, what it holds, and how much it still allows."""
    async with store.read() as connection:
        approvals = await brake.approvals(connection, law.tiers, now)
        history = await brake.history(connection, 20)
        held = await cases.held_by_brake(connection)
    told = [
        {
            "number": row["number"],
            "limit": row["limit_name"],
            "about": row["about"] or None,
            "reason": words(Reached(Limit(row["limit_name"]), row["about"], row["allowed"])),
            "engaged_at": row["engaged_at"].isoformat(),
            "released_at": row["released_at"].isoformat() if row["released_at"] else None,
            "released_by": row["released_by"],
        }
        for row in history
    ]
    return {
        "engaged": [each for each in told if each["released_at"] is None],
        "held": [
            {
                "number": case.number,
                "customer": case.customer,
                "tier": case.tier,
                "defect": case.defect.value,
                "opened_at": case.opened_at.isoformat(),
                "replace_due": case.replace_due.isoformat(),
            }
            for case in held
        ],
        "approved": {
            "hour": sum(each.count for each in approvals if now - each.at < HOUR),
            "day": sum(each.count for each in approvals),
        },
        "limits": asdict(law.policy.brake),
        "history": told,
    }


async def list_suppliers(
    store: Store, law: Law, warranties: Mapping[str, timedelta], now: datetime
) -> list[dict[str, Any]]:
    """List the suppliers, each with its own warranty to us."""
    async with store.read() as connection:
        found = await reports.list_suppliers(connection, law.tiers, law.policy, now)
    return [{**row, "warranty": _words(warranties.get(row["supplier"]))} for row in found]


async def supplier_story(
    store: Store, law: Law, name: str, warranties: Mapping[str, timedelta], now: datetime
) -> dict[str, Any] | None:
    """Read one supplier with what may be claimed from it; None where there is none."""
    found = next((row for row in await list_suppliers(store, law, warranties, now) if row["supplier"] == name), None)
    if found is None:
        return None
    async with store.read() as connection:
        rows = await reports.claims(connection, name)
    claims = []
    for row in rows:
        began = reports.began(row.pop("claim"), row["opened_at"])
        owed = claimable(row["delivered_at"], began, warranties.get(name))
        claims.append(
            {
                **{key: value.isoformat() if isinstance(value, datetime) else value for key, value in row.items()},
                "began": began.isoformat(),
                "warranty_until": owed.until.isoformat() if owed.until else None,
                "claim": None if owed.until is None else "covered" if owed.covered else "too late",
            }
        )
    return {**found, "claims": claims}


def _words(span: timedelta | None) -> str | None:
    """Write a duration as it stands in the settings."""
    if span is None:
        return None
    hours, rest = divmod(int(span.total_seconds()), 3600)
    return f"{hours}h" if not rest else f"{int(span.total_seconds())}s"


async def stock_levels(store: Store, law: Law, now: datetime) -> list[Level]:
    """Compare the spares of each tier with what was sold of it lately."""
    async with store.read() as connection:
        return await levels.levels(connection, law.tiers, law.policy, now)


async def figures_since(store: Store, law: Law, since: datetime) -> Report:
    """Sum up what was delivered, what failed and how long it took."""
    async with store.read() as connection:
        sold = await reports.sold(connection, law.tiers, since)
        told = await reports.told(connection, law.tiers, since)
    return report(sold, told)
