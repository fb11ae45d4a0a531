"""A small shop for the tests of the store: who bought what, what stands on the shelf, and what is found of it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from ipaddress import ip_network

from sqlalchemy import Select, select

from config import load_policy
from monitor.core.coverage import BrakeLimits, Burning, Defect, Finding, Policy, Standing, Witness
from monitor.core.decide import Decision, Found, decide
from monitor.core.fleet import Customer, Delivery, Niche, Tier, Unit
from monitor.core.notice import Kind, Notice
from monitor.store import cases, fleet, intake, outbox
from monitor.store.engine import Store
from monitor.store.tables import delivery

NOW = datetime(2026, 5, 25, 12, 0, tzinfo=UTC)
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
VPN = Tier("vpn-eu", Niche.VPN, 10)
TIERS = {VPN.name: VPN}
POLICY = replace(
    load_policy(),
    # These have tests of their own.
    brake=BrakeLimits(10_000, 10_000, 10_000, 10_000, 10_000.0),
    burning=Burning(members=10_000),
)
LISTED = Defect.RANGE_LISTED


def vpn(name: str, cost: str = "3.00") -> Unit:
    """Make a unit with a range of its own, drawn from its name."""
    third, fourth = divmod(sum(name.encode()) * 16, 256)
    network = ip_network(f"203.0.{third % 256}.{fourth}/28")
    return Unit(name, VPN.name, "northwind", ranges=(network,), cost=Decimal(cost))


async def sell(store: Store, *orders: str, customer: str = "alice", ago: timedelta = HOUR) -> list[Delivery]:
    """Hand one unit over under each order."""
    async with store.write() as connection:
        if not await fleet.customers_by_name(connection, [customer]):
            await intake.add_customers(connection, [Customer(customer, "en", 5_000_000_001)], NOW - ago)
        await intake.add_units(connection, [vpn(f"unit-{order}") for order in orders], "delivered", NOW - ago)
        handed = [intake.Handed(order, 1, customer, f"unit-{order}", NOW - ago) for order in orders]
        await intake.add_deliveries(connection, handed, NOW - ago)
    return await sold(store, *orders)


async def sold(store: Store, *orders: str) -> list[Delivery]:
    """Read these deliveries."""
    wanted: Select[int] = select(delivery.c.number).where(delivery.c.order_number.in_(orders))
    async with store.read() as connection:
        numbers = (await connection.execute(wanted)).scalars().all()
        found = await fleet.deliveries_by_number(connection, numbers, TIERS)
    by_order = {each.order: each for each in found.values()}
    return [by_order[order] for order in orders]


async def shelve(store: Store, *names: str) -> None:
    """Put spares on the shelf, seen sound just now; the first named is the cheapest."""
    sound = Standing(last_ok=NOW, looked_at=NOW)
    async with store.write() as connection:
        units = [vpn(name, f"{price}.00") for price, name in enumerate(names, start=3)]
        await intake.add_units(connection, units, "shelf", NOW)
        await fleet.remember(connection, LISTED, [(name, sound, "sound", "") for name in names])


def broken(handed: Delivery) -> Found:
    """Say that a delivery's range was listed ten minutes ago, well inside its window."""
    witness = Witness("bl.example.net", "spam", str(handed.unit.main_address))
    finding = Finding(LISTED, NOW - 20 * MINUTE, NOW - 10 * MINUTE, NOW, 2, (witness,), "3 of 3 lists answered")
    return Found(handed, finding)


async def rule(
    store: Store,
    *found: Found,
    healed: Sequence[Delivery] = (),
    now: datetime = NOW,
    before_commit: Decision | None = None,
    policy: Policy = POLICY,
) -> Decision:
    """Decide about what was found, and write the decision down; ``before_commit`` is written instead, if given."""
    async with store.deciding() as connection:
        numbers = [each.delivery.number for each in found]
        sound = [(each.number, LISTED) for each in healed]
        failing = [each.delivery for each in found]
        known = await cases.known(
            connection, now, policy, TIERS, [LISTED], numbers + [each.number for each in healed], sound, failing=failing
        )
        decision = before_commit or decide(replace(known, found=found))
        await cases.commit(connection, decision, policy, now)
    return decision


def note(key: str, customer: str | None = None, kind: Kind = Kind.CASE_OPENED, at: datetime = NOW) -> Notice:
    """Make a notice with nothing in it."""
    return Notice(key, kind, customer, None, at)


async def put(store: Store, *notices: Notice) -> None:
    """Write notices down, with the customers that they go to."""
    async with store.write() as connection:
        names = {each.customer for each in notices if each.customer is not None}
        there = await fleet.customers_by_name(connection, names)
        await intake.add_customers(connection, [Customer(name) for name in sorted(names - there.keys())], NOW)
        for each in notices:
            await outbox.put(connection, each)
