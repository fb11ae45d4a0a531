"""Incidents: what is on record, what may become one, and who holds units that may fall with the others."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_network
from typing import Any, assert_never

from sqlalchemy import ColumnElement, Row, Select, and_, case, func, insert, or_, select, update

from monitor.core.burning import FALLS
from monitor.core.case import OPEN, State
from monitor.core.coverage import Burning, Policy
from monitor.core.decision import POLICY, Joined, Recorded
from monitor.core.fleet import Delivery, Network, Niche, Tier
from monitor.core.incident import (
    Fallen,
    Incident,
    ListAlarmed,
    ProviderFailing,
    ProviderTroubled,
    RangeBurning,
    SupplierBurning,
    block_of,
    key,
    range_incidents,
    supplier_incidents,
)
from monitor.core.status import Severity, Trouble
from monitor.core.telling import reason
from monitor.store import fleet
from monitor.store.engine import Transaction
from monitor.store.judgement import incident, member
from monitor.store.tables import cases, delivery, standing, unit


@dataclass(frozen=True, slots=True)
class Fires:
    """What a decision must know to see whether something begins to burn."""

    fallen: Sequence[Fallen]
    cases: Mapping[int, int]
    """The case of each fallen delivery."""
    in_coverage: Mapping[str, int]
    blocks: Mapping[Network, int]


NO_FIRES = Fires((), {}, {}, {})

MOVED = incident.c.moves + 1
"""One move more, for whoever shows an incident and wants to know whether it shows it as it is."""


async def on_record(connection: Transaction) -> list[Recorded]:
    """Read the incidents that are not over."""
    lasting = (await connection.execute(select(incident).where(incident.c.closed_at.is_(None)))).all()
    joined: dict[int, set[int]] = {row.number: set() for row in lasting}
    query = select(member.c.incident, member.c.delivery).where(member.c.incident.in_(list(joined)))
    for number, fallen in (await connection.execute(query)) if lasting else ():
        joined[number].add(fallen)
    return [
        Recorded(row.number, incident_of(row), row.opened_at, row.opened_by, frozenset(joined[row.number]))
        for row in sorted(lasting, key=lambda row: row.number)
    ]


def incident_of(row: Row[Any]) -> Incident:
    """Read an incident from its columns; its members stand apart."""
    match row.kind:
        case "supplier":
            return SupplierBurning(row.name, (), row.covered)
        case "range":
            return RangeBurning(ip_network(row.name), (), row.covered)
        case "provider" if row.found is not None:
            return ProviderTroubled(row.found["provider"], row.opened_at, trouble_of(row.found))
        case "provider":
            return ProviderFailing(row.name, row.opened_at, row.why)
        case _:
            return ListAlarmed(row.name, row.opened_at, tuple(row.found or ()))


async def next_number(connection: Transaction) -> int:
    """Give the number of the next incident."""
    highest = (await connection.execute(select(func.max(incident.c.number)))).scalar_one_or_none()
    return (highest or 0) + 1


async def record(connection: Transaction, begun: Iterable[Recorded], why: str | None = None) -> None:
    """Write down incidents that begin."""
    rows = [_row(each, why) for each in begun]
    if rows:
        await connection.execute(insert(incident), rows)


def _row(begun: Recorded, why: str | None) -> dict[str, object]:
    kind, _, name = key(begun.incident).partition(":")
    values: dict[str, object] = {
        "number": begun.number,
        "kind": kind,
        "name": name,
        "opened_at": begun.opened_at,
        "opened_by": begun.by,
        "why": reason(begun.incident) if why is None else why,
        "covered": 0,
        "found": None,
    }
    match begun.incident:
        case SupplierBurning() | RangeBurning():
            values["covered"] = begun.incident.covered
        case ListAlarmed():
            values["found"] = list(begun.incident.suppliers)
        case ProviderTroubled(provider, _, trouble):
            values["found"] = {"provider": provider, **trouble_facts(trouble)}
        case ProviderFailing():
            pass
        case _:
            assert_never(begun.incident)
    return values


def trouble_facts(trouble: Trouble) -> dict[str, Any]:
    """Write a trouble as JSON facts."""
    return {
        "id": trouble.id,
        "severity": trouble.severity.value,
        "words": trouble.words,
        "regions": None if trouble.regions is None else sorted(trouble.regions),
        "hosts": sorted(trouble.hosts),
        "since": trouble.since.isoformat() if trouble.since else None,
    }


def trouble_of(facts: Mapping[str, Any]) -> Trouble:
    """Read a trouble from its JSON facts."""
    return Trouble(
        id=facts["id"],
        severity=Severity(facts["severity"]),
        words=facts["words"],
        regions=None if facts["regions"] is None else frozenset(facts["regions"]),
        hosts=frozenset(facts["hosts"]),
        since=datetime.fromisoformat(facts["since"]) if facts["since"] else None,
    )


async def join(
    connection: Transaction, joined: Sequence[Joined], now: datetime, *, begun: Collection[int] = ()
) -> None:
    """Write down who belongs to an incident; a member whose case came later gets it.

    That an incident grows is a move of it, unless it has just ``begun``: whoever hears of it hears of those.
    """
    if not joined:
        return
    numbers = {each.incident for each in joined}
    query = select(member.c.incident, member.c.delivery, member.c.case_number)
    found = (await connection.execute(query.where(member.c.incident.in_(numbers)))).all()
    there = {(row.incident, row.delivery): row.case_number for row in found}
    new = [each for each in joined if (each.incident, each.delivery) not in there]
    known = [each for each in joined if there.get((each.incident, each.delivery), each.case) != each.case]
    rows = [
        {"incident": each.incident, "delivery": each.delivery, "case_number": each.case, "joined_at": now}
        for each in new
    ]
    if rows:
        await connection.execute(insert(member), rows)
    for each in known:
        mine = (member.c.incident == each.incident) & (member.c.delivery == each.delivery)
        await connection.execute(update(member).where(mine).values(case_number=each.case))
    if moved := {each.incident for each in (*new, *known)}.difference(begun):
        await connection.execute(update(incident).where(incident.c.number.in_(moved)).values(moves=MOVED))


async def close(connection: Transaction, number: int, who: str, why: str, now: datetime) -> bool:
    """Write down that an incident is over; False where it was over before."""
    lasting = (incident.c.number == number) & incident.c.closed_at.is_(None)
    done = await connection.execute(
        update(incident).where(lasting).values(closed_at=now, closed_by=who, closed_why=why, moves=MOVED)
    )
    return done.rowcount == 1


async def dismissed(connection: Transaction) -> set[str]:
    """Name the troubles of providers that a person has called over: what the page still says of them is known."""
    query = select(incident.c.name).where(
        incident.c.kind == "provider", incident.c.closed_by.is_not(None), incident.c.closed_by != POLICY
    )
    return set((await connection.execute(query)).scalars())


async def renew(connection: Transaction, number: int, told: ProviderTroubled) -> None:
    """Write what a status page says now of a trouble that is on record."""
    facts, why = {"provider": told.provider, **trouble_facts(told.trouble)}, reason(told)
    # A page is read every few minutes, and mostly says what it said before.
    moves = incident.c.moves + case((incident.c.why != why, 1), else_=0)
    await connection.execute(
        update(incident).where(incident.c.number == number).values(found=facts, why=why, moves=moves)
    )


async def quiet(connection: Transaction, since: datetime) -> dict[str, datetime]:
    """Give when incidents were closed lately, by what they were about."""
    query = (
        select(incident.c.kind, incident.c.name, func.max(incident.c.closed_at).label("closed_at"))
        .where(incident.c.closed_at > since)
        .group_by(incident.c.kind, incident.c.name)
    )
    return {f"{row.kind}:{row.name}": row.closed_at for row in await connection.execute(query)}


async def fires(
    connection: Transaction,
    failing: Sequence[Delivery],
    lasting: Sequence[Recorded],
    tiers: Mapping[str, Tier],
    policy: Policy,
    now: datetime,
) -> Fires:
    """Read what fell lately beside the units that fail now, unless that burns on record already."""
    known = {key(each.incident) for each in lasting}
    suppliers = {each.unit.supplier for each in failing if f"supplier:{each.unit.supplier}" not in known}
    blocks = {block for each in failing for block in _block(each) if f"range:{block}" not in known}
    if not suppliers and not blocks:
        return NO_FIRES
    # Counted first: where everything falls, reading all that fell for each shard would be reading it over and over.
    rule = policy.burning
    names = Counter(each.unit.supplier for each in failing if each.unit.supplier in suppliers)
    places = Counter(block for each in failing for block in _block(each) if block in blocks)
    down = await _fell(connection, unit.c.supplier, names, policy, now)
    gone = await _fell(connection, unit.c.block, places, policy, now)
    # Suppliers are counted where enough fell; blocks always, for a unit counts in the blocks of its other ranges too.
    many = [name for name, count in down.items() if count >= rule.members]
    covered = await _count(connection, unit.c.supplier, many, tiers, policy, now)
    around = await _count(connection, unit.c.block, blocks, tiers, policy, now)
    hot, glowing = _hot(down, covered, rule), _hot(gone, around, rule)
    fallen, numbers = await _fallen(connection, hot, glowing, tiers, policy, now) if hot or glowing else ([], {})
    return Fires(fallen, numbers, covered, {ip_network(block): count for block, count in around.items()})


def _block(found: Delivery) -> list[str]:
    return [str(block_of(network)) for network in found.unit.ranges[:1]]


async def _fell(
    connection: Transaction, column: ColumnElement[Any], failing: Mapping[str, int], policy: Policy, now: datetime
) -> dict[str, int]:
    """Count by origin what fails now and what fell lately."""
    query = (
        select(column, func.count())
        .select_from(
            cases.join(delivery, delivery.c.number == cases.c.delivery).join(unit, unit.c.name == delivery.c.unit)
        )
        .where(*_lately(policy, now), column.in_(list(failing)))
        .group_by(column)
    )
    before: dict[str, int] = dict((await connection.execute(query)).all())
    return {name: before.get(name, 0) + count for name, count in failing.items()}


def _hot(fell: Mapping[str, int], covered: Mapping[str, int], rule: Burning) -> set[str]:
    """Name the origins that may burn: enough of their units fell."""
    return {
        name for name, count in fell.items() if count >= rule.members and count >= rule.share * covered.get(name, 0)
    }


def _lately(policy: Policy, now: datetime) -> tuple[ColumnElement[bool], ...]:
    """Say of a case that it counts among what fell lately."""
    return (
        cases.c.opened_at > now - policy.burning.within,
        cases.c.defect.in_(FALLS),
        cases.c.state.not_in([State.WITHDRAWN, State.REJECTED]),
    )


async def _fallen(
    connection: Transaction,
    suppliers: Collection[str],
    blocks: Collection[str],
    tiers: Mapping[str, Tier],
    policy: Policy,
    now: datetime,
) -> tuple[list[Fallen], dict[int, int]]:
    """Read the cases of the last hours whose units come from these suppliers or lie in these blocks."""
    began = func.coalesce(standing.c.first_bad, cases.c.opened_at, type_=cases.c.opened_at.type)
    query = (
        select(cases.c.number, cases.c.delivery, cases.c.state, began.label("at"))
        .select_from(
            cases.join(delivery, delivery.c.number == cases.c.delivery)
            .join(unit, unit.c.name == delivery.c.unit)
            .outerjoin(standing, and_(standing.c.unit == unit.c.name, standing.c.defect == cases.c.defect))
        )
        .where(*_lately(policy, now), or_(unit.c.supplier.in_(suppliers), unit.c.block.in_(blocks)))
    )
    rows = (await connection.execute(query)).all()
    found = await fleet.deliveries_by_number(connection, {row.delivery for row in rows}, tiers)
    return (
        [Fallen(found[row.delivery], row.at) for row in rows if row.delivery in found],
        {row.delivery: row.number for row in rows if row.state in OPEN},
    )


def in_coverage(tiers: Mapping[str, Tier], policy: Policy, now: datetime) -> ColumnElement[bool]:
    """Say of a delivery joined with its unit whether it is in coverage: a window of its niche is open."""
    open_: list[ColumnElement[bool]] = []
    for niche in Niche:
        windows = [rule.window for rule in policy.rules.values() if niche in rule.niches]
        names = [tier.name for tier in tiers.values() if tier.niche is niche]
        if windows and names:
            open_.append(and_(unit.c.tier.in_(names), delivery.c.delivered_at >= now - max(windows)))
    return or_(False, *open_)  # noqa: FBT003 - a column of the table


async def _count(
    connection: Transaction,
    column: ColumnElement[Any],
    names: Collection[str],
    tiers: Mapping[str, Tier],
    policy: Policy,
    now: datetime,
) -> dict[str, int]:
    """Count the units in coverage of each of these names."""
    if not names:
        return {}
    query: Select[Any] = (
        select(column, func.count())
        .select_from(delivery.join(unit, unit.c.name == delivery.c.unit))
        .where(column.in_(names), in_coverage(tiers, policy, now))
        .group_by(column)
    )
    return dict((await connection.execute(query)).all())


async def holdings(
    connection: Transaction, customers: Collection[str], tiers: Mapping[str, Tier], policy: Policy, now: datetime
) -> dict[str, list[Delivery]]:
    """Read what these customers have in coverage."""
    query = (
        select(delivery.c.number)
        .select_from(delivery.join(unit, unit.c.name == delivery.c.unit))
        .where(delivery.c.customer.in_(customers), in_coverage(tiers, policy, now))
    )
    numbers = (await connection.execute(query)).scalars().all()
    held: dict[str, list[Delivery]] = {}
    for found in (await fleet.deliveries_by_number(connection, numbers, tiers)).values():
        held.setdefault(found.customer, []).append(found)
    return held


async def burnt_out(
    connection: Transaction, tiers: Mapping[str, Tier], policy: Policy, now: datetime
) -> list[Recorded]:
    """Read the incidents that began by themselves and from whose origin too little fell lately to be one still."""
    over: list[Recorded] = []
    for each in await on_record(connection):
        if each.by != POLICY or now - each.opened_at < policy.burning.within:
            continue
        match each.incident:
            case SupplierBurning(supplier):
                fallen, _ = await _fallen(connection, [supplier], [], tiers, policy, now)
                count = await _count(connection, unit.c.supplier, [supplier], tiers, policy, now)
                lasts = bool(supplier_incidents(fallen, count, policy.burning, now))
            case RangeBurning(block):
                fallen, _ = await _fallen(connection, [], [str(block)], tiers, policy, now)
                around = await _count(connection, unit.c.block, [str(block)], tiers, policy, now)
                blocks = {ip_network(name): number for name, number in around.items()}
                lasts = bool(range_incidents(fallen, blocks, policy.burning, now))
            case _:
                lasts = True
        if not lasts:
            over.append(each)
    return over
