"""A shop on a driven clock: one node without the rhythm, against doubles that answer in real time."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from ipaddress import ip_network
from random import Random
from typing import Protocol

from sqlalchemy import select

from checks import Probe
from checks.accounts import AccountProbe
from checks.blocklist import BlocklistProbe
from checks.dns.engine import Engine, EngineOptions
from checks.doors import Doors
from checks.providers import open_provider
from checks.providers.digitalocean import Options
from config import load_policy
from config.places import regions
from monitor.clock import DrivenClock
from monitor.core.case import Case, Move
from monitor.core.coverage import BrakeLimits, Burning, Defect, Finding, Policy, Standing, Witness
from monitor.core.decide import Decision, Found, decide
from monitor.core.dnsxl import Zone
from monitor.core.fleet import Customer, Delivery, Niche, Promised, Tier, Unit
from monitor.core.notice import Kind, Notice
from monitor.core.plan import AT_ONCE, Check, slot
from monitor.core.secret import Secret
from monitor.demo.digitalocean import DigitalOceanApi
from monitor.dispatch.local import run_sweep
from monitor.store import cases, fleet, intake, outbox
from monitor.store.engine import Store
from monitor.store.outbox import State
from monitor.store.tables import cases as case_table
from monitor.store.tables import notice
from monitor.sweep import Law, Sweeper
from monitor.telemetry import Metrics
from monitor.upkeep import Upkeep

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)

VPN = Tier("vpn-eu", Niche.VPN, 10)
PLUS = Tier("vpn-eu-plus", Niche.VPN, 20)
VPS = Tier("do-basic", Niche.VPS, 10, "digitalocean")
SMS = Tier("sms-us", Niche.SMS, 10)
FRANKFURT = Tier("do-fra", Niche.VPS, 10, "digitalocean", "s-1vcpu-1gb", Promised("Frankfurt", 1, 1024, 25, 1000))
TIERS = {tier.name: tier for tier in (VPN, PLUS, VPS, SMS, FRANKFURT)}

POLICY = load_policy()
NO_BRAKE = BrakeLimits(100_000, 100_000, 100_000, 100_000, 100_000.0)
NO_FIRES = Burning(members=100_000)
LIFTED = replace(POLICY, brake=NO_BRAKE, burning=NO_FIRES)
"""The shipped policy for tests of something else than incidents and the brake."""


def vps(name: str, supplier: str = "acme", cost: str = "4", tier: Tier = VPS) -> Unit:
    """Make an account; its secret has its name."""
    return Unit(name, tier.name, supplier, access=name, cost=Decimal(cost))


def vpn(number: int, supplier: str = "acme", cost: str = "3", tier: Tier = VPN) -> Unit:
    """Make a range of sixteen addresses in a /24 of its own."""
    network = ip_network(f"185.{100 + number // 256}.{number % 256}.0/28")
    return Unit(f"range-{number}", tier.name, supplier, (network,), network[1], cost=Decimal(cost))


def number(name: str, tier: Tier = SMS, supplier: str = "acme") -> Unit:
    """Make a thing that nobody can probe."""
    return Unit(name, tier.name, supplier)


@dataclass(frozen=True, slots=True)
class Node:
    """One process of the shop, with its hands on the clock."""

    store: Store
    sweeper: Sweeper
    upkeep: Upkeep
    clock: DrivenClock
    dry_run: bool = False

    async def sweep(self, check: Check, every: timedelta = 5 * MINUTE) -> None:
        """Run the sweep of the slot that the clock is in."""
        await run_sweep(self.sweeper, check, slot(self.clock.now(), every), lambda: None)

    async def tend(self, times: int = 1) -> None:
        """Do what is due between sweeps."""
        for _ in range(times):
            await self.upkeep.tend()

    async def deliver(self) -> list[Notice]:
        """Take everything that may be told now, as a carrier does; give it in the order in which it was told."""
        told: list[Notice] = []
        while True:
            async with self.store.write() as connection:
                batch = await outbox.lease(connection, self.clock.now(), MINUTE, 100)
                for leased in batch:
                    await outbox.settle(connection, leased.number, State.SENT, self.clock.now(), receipt="1")
            if not batch:
                return told
            told += [leased.notice for leased in batch]

    async def fail(
        self, defect: Defect, *names: str, began: datetime | None = None, last_ok: datetime | None = None
    ) -> Decision:
        """Decide on the failure of these units, as a sweep does that has just believed it."""
        now, law = self.clock.now(), self.sweeper.law
        async with self.store.deciding() as connection:
            every = await fleet.deliveries_by_number(connection, range(1, 1000), law.tiers)
            found = [_broken(each, defect, now, began, last_ok) for each in every.values() if each.unit.name in names]
            known = await cases.known(
                connection,
                now,
                law.policy,
                law.tiers,
                [defect],
                [each.delivery.number for each in found],
                [],
                failing=[each.delivery for each in found],
            )
            decision = decide(replace(known, found=found, dry_run=self.dry_run))
            await cases.commit(connection, decision, law.policy, now, withheld=self.dry_run)
        return decision

    async def heal(self, defect: Defect, *names: str) -> Decision:
        """Decide on units that are sound again."""
        now, law = self.clock.now(), self.sweeper.law
        async with self.store.deciding() as connection:
            every = await fleet.deliveries_by_number(connection, range(1, 1000), law.tiers)
            sound = [each.number for each in every.values() if each.unit.name in names]
            decision = decide(
                await cases.known(
                    connection, now, law.policy, law.tiers, [defect], sound, [(number, defect) for number in sound]
                )
            )
            await cases.commit(connection, decision, law.policy, now)
        return decision

    async def trail(self, number: int) -> list[tuple[Move, str]]:
        """Give the moves of a case, and who made them."""
        async with self.store.read() as connection:
            return [(event.move, event.who) for event, _ in await cases.events_of(connection, number)]

    async def cases(self) -> list[Case]:
        """Read every case."""
        async with self.store.read() as connection:
            return [cases.case_of(row) for row in await connection.execute(select(case_table).order_by("number"))]

    async def notices(self, kind: Kind | None = None) -> list[Notice]:
        """Read every notice of a kind, told or not."""
        query = select(notice).order_by(notice.c.number)
        async with self.store.read() as connection:
            rows = await connection.execute(query if kind is None else query.where(notice.c.kind == kind))
            return [Notice(r.key, Kind(r.kind), r.customer, r.case_number, r.created_at, r.params) for r in rows]


def _broken(handed: Delivery, defect: Defect, now: datetime, began: datetime | None, last_ok: datetime | None) -> Found:
    witness = Witness("somebody outside", "broken", handed.unit.name)
    first_bad = began or max(handed.delivered_at, now - 10 * MINUTE)
    return Found(handed, Finding(defect, last_ok, first_bad, now, 2, (witness,), "all were heard"))


def node(
    store: Store,
    probes: Mapping[Check, Probe],
    clock: DrivenClock,
    policy: Policy = POLICY,
    *,
    shard_size: int = 200,
    dry_run: bool = False,
) -> Node:
    """Put a node together."""
    law = Law(policy, TIERS, regions())
    sweeper = Sweeper(
        store, probes, law, clock, Metrics(), "node", shard_size=shard_size, sharing=AT_ONCE, dry_run=dry_run
    )
    upkeep = Upkeep(store, sweeper, clock, dry_run=dry_run, pictures_for=timedelta(days=90))
    return Node(store, sweeper, upkeep, clock, dry_run)


async def sell(store: Store, units: Mapping[str, Sequence[Unit]], at: datetime) -> None:
    """Hand units over; ``units`` are by customer, each under an order that bears its name."""
    async with store.write() as connection:
        known = await fleet.customers_by_name(connection, list(units))
        await intake.add_customers(connection, [Customer(name) for name in units if name not in known], at)
        everything = [each for mine in units.values() for each in mine]
        await intake.add_units(connection, everything, "delivered", at)
        handed = [
            intake.Handed(f"INV-{each.name}", 1, customer, each.name, at)
            for customer, mine in units.items()
            for each in mine
        ]
        await intake.add_deliveries(connection, handed, at)


async def shelve(store: Store, units: Sequence[Unit], at: datetime, *, seen: Defect | None = None) -> None:
    """Put spares on the shelf; with ``seen``, they were looked at then and found sound."""
    async with store.write() as connection:
        await intake.add_units(connection, units, "shelf", at)
        if seen is not None:
            sound = Standing(last_ok=at, looked_at=at)
            await fleet.remember(connection, seen, [(each.name, sound, "sound", "") for each in units])


@asynccontextmanager
async def accounts(
    api: DigitalOceanApi, clock: DrivenClock, knocker: Doors | None = None
) -> AsyncIterator[Mapping[Check, Probe]]:
    """Open the probe of accounts towards a provider's double; the secret of each account has its name."""
    options = Options(kind="digitalocean", api=api.base_url, allow=["127.0.0.0/8"])
    provider, session = open_provider(options, clock)

    async def token_of(name: str) -> Secret:
        return Secret(api.accounts[name].token)

    try:
        yield {Check.ACCOUNT: AccountProbe({"digitalocean": provider}, token_of, knocker)}
    finally:
        await session.close()


class ServesLists(Protocol):
    """A server of lists, in this process or in another."""

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""


CALM = EngineOptions(timeout=20, patience=20, deadline=60)
"""For servers that answer everything: however slow the machine, nothing is asked twice."""


@asynccontextmanager
async def lists(server: ServesLists, *zones: str) -> AsyncIterator[Mapping[Check, Probe]]:
    """Open the probe of ranges towards lists of which each alone suffices."""
    async with Engine([server.address], CALM, random=Random(1)) as engine:
        asked = [Zone(name, name, name) for name in zones]
        yield {Check.BLOCKLIST: BlocklistProbe(asked, engine, Random(1), HOUR, {})}
