"""Cases and their reservations: a decision is written here, whole or not at all."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, bindparam, func, insert, or_, select, update

from monitor.core.case import GENESIS, Case, Move, State
from monitor.core.coverage import Defect, Policy
from monitor.core.decision import BRAKE, Decision, Known
from monitor.core.fleet import Delivery, Tier
from monitor.core.hand import Handled
from monitor.faults import FAULTS
from monitor.store import brake, fleet, incidents, outbox, rulings
from monitor.store.engine import Transaction
from monitor.store.tables import cases, event, reservation, unit
from monitor.store.trail import append, events_of

__all__ = [
    "GENESIS",
    "WITHDRAWABLE",
    "append",
    "by_number",
    "case_of",
    "commit",
    "events_of",
    "held_by_brake",
    "known",
    "lapsed",
    "move",
    "newest",
    "release_reservation",
    "spoiled",
    "waiting",
]

WITHDRAWABLE = [State.VERIFYING, State.HELD, State.APPROVED]
"""What a sound look ends. What a customer reported is not: whether he or our look is right, an operator finds out."""

MOVED = ("state", "closed_at", "clause", "spare", "supplier_fault")
"""What a move may change. Setting the number too, even to what it is, has SQLite look for all that refers to it."""


def case_of(row: Row[Any]) -> Case:
    """Read a case from its columns."""
    return Case(
        number=row.number,
        delivery=row.delivery,
        defect=Defect(row.defect),
        period=row.period,
        state=State(row.state),
        opened_at=row.opened_at,
        clause=row.clause,
        reason=row.reason,
        verify_due=row.verify_due,
        replace_due=row.replace_due,
        tier=row.tier,
        supplier=row.supplier,
        customer=row.customer,
        spare=row.spare,
        closed_at=row.closed_at,
        supplier_fault=row.supplier_fault,
    )


def _case_values(case: Case) -> dict[str, object]:
    return {
        "number": case.number,
        "delivery": case.delivery,
        "defect": case.defect,
        "period": case.period,
        "state": case.state,
        "opened_at": case.opened_at,
        "closed_at": case.closed_at,
        "clause": case.clause,
        "reason": case.reason,
        "verify_due": case.verify_due,
        "replace_due": case.replace_due,
        "tier": case.tier,
        "supplier": case.supplier,
        "customer": case.customer,
        "spare": case.spare,
        "supplier_fault": case.supplier_fault,
    }


def _moved_values(case: Case) -> dict[str, object]:
    return {name: getattr(case, name) for name in MOVED}


async def waiting(connection: Transaction, tiers: Iterable[str] | None = None) -> list[Case]:
    """Read the approved cases that have no spare yet, oldest due first; with ``tiers`` only those of these tiers."""
    query = select(cases).where(cases.c.state == State.APPROVED).order_by(cases.c.replace_due, cases.c.number)
    if tiers is not None:
        query = query.where(cases.c.tier.in_(list(tiers)))
    return [case_of(row) for row in await connection.execute(query)]


async def newest(
    connection: Transaction, deliveries: Iterable[int], defects: Collection[Defect]
) -> dict[tuple[int, Defect], Case]:
    """Read the newest case of each of these deliveries for each of these defects."""
    query = (
        select(cases)
        .where(cases.c.delivery.in_(list(deliveries)), cases.c.defect.in_(defects))
        .order_by(cases.c.delivery, cases.c.period)
    )
    return {(row.delivery, Defect(row.defect)): case_of(row) for row in await connection.execute(query)}


async def spoiled(connection: Transaction, sick: Collection[str]) -> list[Case]:
    """Read the cases whose promised spare fell ill, just now or before."""
    ill = or_(unit.c.place == "sick", unit.c.name.in_(sick))
    query = select(cases).join(unit, unit.c.name == cases.c.spare).where(cases.c.state == State.PROMISED, ill)
    return [case_of(row) for row in await connection.execute(query.order_by(cases.c.number))]


async def lapsed(connection: Transaction, now: datetime) -> list[Case]:
    """Read the cases whose spare nobody took over in time."""
    late = and_(reservation.c.released_at.is_(None), reservation.c.expires_at <= now)
    query = (
        select(cases)
        .join(reservation, reservation.c.case_number == cases.c.number)
        .where(cases.c.state == State.PROMISED, late)
        .order_by(cases.c.number)
    )
    return [case_of(row) for row in await connection.execute(query)]


async def held_by_brake(connection: Transaction) -> list[Case]:
    """Read the cases that the brake holds, due first; those that a person holds are not among them."""
    query = select(cases).where(cases.c.state == State.HELD).order_by(cases.c.replace_due, cases.c.number)
    held = [case_of(row) for row in await connection.execute(query)]
    moves = (
        select(event.c.case_number, event.c.who)
        .where(event.c.case_number.in_([case.number for case in held]), event.c.move == Move.HOLD)
        .order_by(event.c.sequence)
    )
    last = {row.case_number: row.who for row in await connection.execute(moves)}
    return [case for case in held if last.get(case.number) == BRAKE]


async def known(
    connection: Transaction,
    now: datetime,
    policy: Policy,
    tiers: Mapping[str, Tier],
    defects: Collection[Defect],
    delivered: Iterable[int],
    sound: Iterable[tuple[int, Defect]],
    *,
    failing: Sequence[Delivery] = (),
    sick: Collection[str] = (),
) -> Known:
    """Read what a decision rests on: the past of these deliveries, who waits, who healed, what burns, and the shelf.

    ``sound`` tells which deliveries are in order and in which way; ``failing`` are the deliveries that fail now,
    ``sick`` the spares that do.
    """
    past = await newest(connection, delivered, defects)
    healed = [case for each in sound if (case := past.get(each)) and case.state in WITHDRAWABLE]
    shelf = [spare for spare in await fleet.shelf(connection, policy.confirm) if spare.unit.name not in sick]
    ill, late = await spoiled(connection, sick), await lapsed(connection, now)
    # With nothing to give, nobody is served: then those who wait need not be read, however many they are.
    niches = {tiers[spare.unit.tier].niche for spare in shelf if spare.unit.tier in tiers}
    served = [tier.name for tier in tiers.values() if tier.niche in niches]
    queue = await waiting(connection, served) if served else []
    deliveries = await fleet.deliveries_by_number(
        connection, {case.delivery for case in (*queue, *healed, *ill, *late)}, tiers
    )
    lasting = await incidents.on_record(connection)
    fires = await incidents.fires(connection, failing, lasting, tiers, policy, now)
    concerned = {each.customer for each in (*failing, *(each.delivery for each in fires.fallen))}
    concerned |= {case.customer for case in (*ill, *late)}
    burning = bool(failing) and (bool(fires.fallen) or bool(lasting) or len(failing) >= policy.burning.members)
    highest = (await connection.execute(select(func.max(cases.c.number)))).scalar_one_or_none()
    return Known(
        now=now,
        policy=policy,
        tiers=tiers,
        # A case whose tier was taken out of the settings waits until it is back: it must not hold up the others.
        healed=[case for case in healed if case.delivery in deliveries],
        past=past,
        waiting=[case for case in queue if case.delivery in deliveries],
        spoiled=ill,
        lapsed=late,
        deliveries=deliveries,
        shelf=shelf,
        incidents=lasting,
        fallen=fires.fallen,
        cases_of=fires.cases,
        in_coverage=fires.in_coverage,
        blocks=fires.blocks,
        quiet=await incidents.quiet(connection, now - policy.burning.within) if burning else {},
        holdings=await incidents.holdings(connection, concerned, tiers, policy, now) if burning else {},
        queued=await outbox.queued(connection, concerned),
        approvals=await brake.approvals(connection, tiers, now) if failing else (),
        stood=await brake.stood(connection, shelf, now) if failing else {},
        engaged=await brake.engaged(connection) if failing else {},
        next_case=(highest or 0) + 1,
        next_incident=await incidents.next_number(connection),
        next_engagement=await brake.next_number(connection),
    )


async def commit(
    connection: Transaction, decision: Decision, policy: Policy, now: datetime, *, withheld: bool = False
) -> None:
    """Write a decision in the transaction at hand: cases, rulings, trail, reservations, incidents, notices.

    ``withheld``: this is a dry run; its notices are written down and never sent.
    """
    if decision.opened:
        await connection.execute(insert(cases), [_case_values(each.case) for each in decision.opened])
        FAULTS.reach("case.opened")
    await rulings.write(connection, decision.opened, decision.ruled, policy, now)
    if decision.moved:
        moved = [{"of_number": each.number, **_moved_values(each)} for each in decision.moved]
        changed: dict[str, Any] = {name: bindparam(name) for name in MOVED}
        await connection.execute(update(cases).where(cases.c.number == bindparam("of_number")).values(changed), moved)
    if decision.blamed:
        blamed = update(cases).where(cases.c.number.in_(decision.blamed))
        await connection.execute(blamed.values(supplier_fault=True))
    await append(connection, decision.events)
    FAULTS.reach("case.trail")
    for number in decision.freed:
        await release_reservation(connection, number, now)
    if decision.promises:
        until = now + policy.stocking.reserved_for
        rows = [
            {"unit": each.unit, "case_number": each.case, "reserved_at": now, "expires_at": until}
            for each in decision.promises
        ]
        await connection.execute(insert(reservation), rows)
        FAULTS.reach("case.reserved")
    await incidents.record(connection, decision.begun)
    begun = {each.number for each in decision.begun}
    await incidents.join(connection, decision.joined, now, begun=begun)
    await brake.engage(connection, decision.engaged, now)
    await _tell(connection, decision, now, withheld=withheld)
    FAULTS.reach("case.notice")


async def _tell(connection: Transaction, decision: Decision, now: datetime, *, withheld: bool) -> None:
    await outbox.unsay(connection, decision.unsaid, now)
    late = [each.instead for each in decision.amended if not await outbox.amend(connection, each.notice)]
    await outbox.put_all(connection, [*late, *decision.notices], withheld=withheld)


async def release_reservation(connection: Transaction, number: int, now: datetime) -> None:
    """Give the spare of a case back."""
    held = and_(reservation.c.case_number == number, reservation.c.released_at.is_(None))
    await connection.execute(update(reservation).where(held).values(released_at=now))


async def by_number(connection: Transaction, number: int) -> Case | None:
    """Read one case; None where there is none."""
    row = (await connection.execute(select(cases).where(cases.c.number == number))).one_or_none()
    return None if row is None else case_of(row)


async def move(connection: Transaction, handled: Handled, now: datetime) -> None:
    """Write what a person decided."""
    number = handled.case.number
    await connection.execute(update(cases).where(cases.c.number == number).values(_moved_values(handled.case)))
    await append(connection, [handled.event])
    if handled.gives_back:
        await release_reservation(connection, number, now)
    for told in handled.notices:
        await outbox.put(connection, told)
