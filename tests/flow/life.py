"""A shop in a world of doubles: real DNS, real HTTP and the Bot API's protocol, with the daemon in this process.

Time runs as it does, only the shop's intervals are short; the wall clock can be set forward between two lives.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from config import Config, load
from monitor.app import App, open_app, run
from monitor.clock import SystemClock
from monitor.core.fleet import Customer, Unit
from monitor.core.plan import Check
from monitor.demo.listing import Normal
from monitor.demo.script import DEAD, OnShelf, Script, Sold
from monitor.demo.world import DemoWorld
from monitor.store import intake, views
from monitor.store.engine import Store, connect
from monitor.store.tables import notice, reservation, sweep

PATIENCE = 90.0
"""Seconds after which a condition that does not come is a failure; only a sick machine needs more than a few."""
OFTEN = timedelta(milliseconds=300)
HOUR = timedelta(hours=1)
DAY = timedelta(hours=24)


class WallClock(SystemClock):
    """The real clock, whose wall time can be set forward."""

    def __init__(self) -> None:
        self._ahead = timedelta()

    def now(self) -> datetime:
        """Give the wall time as it is set."""
        return super().now() + self._ahead

    def set_forward(self, by: timedelta) -> None:
        """Set the wall clock forward."""
        self._ahead += by


def vpn(order: str, customer: str = "alice", ago: timedelta = HOUR) -> Sold:
    """Sell a range of sixteen addresses; the customer uses the sixth."""
    network = _network(order)
    return Sold(order, customer, f"vpn-{order}", "vpn-eu", "northwind", ago, network, network[5])


def vps(order: str, customer: str = "bogdan", ago: timedelta = HOUR) -> Sold:
    """Sell an account."""
    return Sold(order, customer, f"vps-{order}", "do-basic", "eastgate", ago, access=f"do-{order}")


def spare_range(name: str, cost: str = "3.00") -> OnShelf:
    """Put a range on the shelf."""
    return OnShelf(name, "vpn-eu", "harbour", cost, _network(name))


def spare_account(name: str, cost: str = "4.00") -> OnShelf:
    """Put an account on the shelf."""
    return OnShelf(name, "do-basic", "harbour", cost, access=f"do-{name}")


def _network(name: str) -> IPv4Network:
    """Give every name a range of its own."""
    number = int.from_bytes(name.encode()[-2:]) + len(name) * 7919
    return IPv4Network((int(IPv4Network("185.100.0.0/14").network_address) + number % 16_384 * 16, 28))


@dataclass(frozen=True, slots=True)
class Glimpse:
    """What the database and the chats hold at one moment."""

    cases: Sequence[views.Row]
    deliveries: Sequence[views.Row]
    stock: Sequence[views.Row]
    sources: Sequence[views.Row]
    notices: Sequence[tuple[str | None, str, str]]
    """Customer (None: the operators), kind and state, in the order in which they were written."""
    reserved: Sequence[tuple[int, str]]
    """Case and spare."""
    sweeps: Mapping[str, int]
    """How many ended, by kind."""

    def told(self, customer: str | None) -> list[str]:
        """Give the kinds of what a customer was told."""
        return [kind for who, kind, state in self.notices if who == customer and state == "sent"]

    def case_states(self) -> dict[str, str]:
        """Give the state of the newest case of each order."""
        return {case["order"]: case["state"] for case in self.cases}

    def place(self, unit: str) -> str:
        """Say where a spare is."""
        return str(next(each["place"] for each in self.stock if each["unit"] == unit))

    def believed(self, zone: str) -> bool | None:
        """Say whether a list is believed; None before it was looked at."""
        return next((each["believed"] for each in self.sources if each["name"] == zone), None)


@dataclass(slots=True)
class Shop:
    """One shop: its world, its configuration, its clock, and a look at its database beside the daemon."""

    world: DemoWorld
    config: Config
    clock: WallClock
    store: Store
    chats: dict[str, int]

    @asynccontextmanager
    async def living(self, config: Config | None = None) -> AsyncIterator[App]:
        """Let the daemon live, from its start to an orderly end."""
        stop = asyncio.Event()
        async with open_app(config or self.config, self.clock) as app:
            life = asyncio.create_task(run(app, stop))
            try:
                yield app
            finally:
                stop.set()
                await life

    async def look(self) -> Glimpse:
        """Look at everything."""
        async with self.store.read() as connection:
            told = await connection.execute(
                select(notice.c.customer, notice.c.kind, notice.c.state).order_by(notice.c.number)
            )
            held = await connection.execute(
                select(reservation.c.case_number, reservation.c.unit).where(reservation.c.released_at.is_(None))
            )
            finished = await connection.execute(
                select(sweep.c.kind, func.count()).where(sweep.c.finished_at.is_not(None)).group_by(sweep.c.kind)
            )
            return Glimpse(
                cases=await views.list_cases(connection, states=None, limit=1000),
                deliveries=await views.list_deliveries(connection, order=None, tiers=None, limit=1000),
                stock=await views.list_stock(connection, tier=None, name=None, limit=1000),
                sources=await views.list_sources(connection),
                notices=[(row.customer, row.kind, row.state) for row in told],
                reserved=[(row.case_number, row.unit) for row in held],
                sweeps=Counter(dict(finished.all())),
            )

    async def until(self, holds: Callable[[Glimpse], object]) -> Glimpse:
        """Wait until something holds; a failure shows what held instead."""
        seen = await self.look()
        try:
            async with asyncio.timeout(PATIENCE):
                while not holds(seen):
                    await asyncio.sleep(0.1)
                    seen = await self.look()
        except TimeoutError:
            raise AssertionError(f"it did not come to pass: {seen}") from None
        return seen

    async def after_sweeps(self, number: int = 4) -> Glimpse:
        """Let so many more sweeps of every kind end: two looks make a finding, so four leave nothing to come."""
        before = (await self.look()).sweeps
        return await self.until(
            lambda seen: all(seen.sweeps[kind] >= before[kind] + number for kind in (Check.BLOCKLIST, Check.ACCOUNT))
        )

    def messages(self, customer: str) -> list[str]:
        """Give what a customer's chat shows, as the Bot API took it in."""
        return [entry.text for entry in self.world.bot.journal.sent(self.chats[customer])]

    def operators_read(self) -> list[str]:
        """Give what the operators' chat shows."""
        return [entry.text for entry in self.world.bot.journal.sent(self.world.operators)]

    async def import_stock(self, *spares: OnShelf) -> None:
        """Put more on the shelf, while the daemon runs or not."""
        for spare in spares:
            if spare.access:
                account = self.world.digitalocean.account(spare.access)
                (self.config.path.parent / "secrets" / spare.access).write_text(account.token)
        async with self.store.write() as connection:
            await intake.add_units(connection, [_unit(spare) for spare in spares], "shelf", self.clock.now())


def _unit(thing: Sold | OnShelf) -> Unit:
    address = thing.address if isinstance(thing, Sold) else None
    cost = Decimal(thing.cost) if isinstance(thing, OnShelf) else Decimal(0)
    ranges = (thing.range,) if thing.range else ()
    return Unit(thing.unit, thing.tier, thing.supplier, ranges, address, thing.access or None, cost)


@asynccontextmanager
async def shop(
    folder: Path, database: str, *things: Sold | OnShelf, customize: Callable[[str], str] = str
) -> AsyncIterator[Shop]:
    """Open a shop that sold these things and has these spares, in a world where all is well.

    ``customize`` may change the text of monitor.toml.
    """
    sold = tuple(each for each in things if isinstance(each, Sold))
    spares = tuple(each for each in things if isinstance(each, OnShelf))
    script = Script(sold, spares, ())
    clock = WallClock()
    async with DemoWorld(script, seed=1) as world:
        world.zones.behave(DEAD, Normal())
        config = _configure(world, folder, database, clock.now(), customize)
        store = await connect(database)
        chats = {name: chat for chat, name in world.customers.items()}
        try:
            await _bring_in(store, script, chats, clock.now())
            yield Shop(world, config, clock, store, chats)
        finally:
            await store.close()


def _configure(world: DemoWorld, folder: Path, database: str, now: datetime, customize: Callable[[str], str]) -> Config:
    file = world.write_files(folder, now)
    text = file.read_text().replace("sqlite:///coverwatch.sqlite", database)
    file.write_text(customize(text))
    policy = folder / "policy.toml"
    # Incidents and the brake have tests of their own.
    calm = {'spacing = "2s"': 'spacing = "0s"', "tier_share_per_hour = 0.30": "tier_share_per_hour = 1.0"}
    calm |= {"members = 3": "members = 1000"}
    words = policy.read_text()
    for before, after in calm.items():
        words = words.replace(before, after)
    policy.write_text(words)
    config = load(file)
    settings: Any = config.settings
    rhythm = settings.rhythm.model_copy(update={"blocklists": OFTEN, "accounts": OFTEN})
    dns = settings.dns.model_copy(update={"timeout": 2 * OFTEN, "deadline": 4 * OFTEN})
    return replace(config, settings=settings.model_copy(update={"rhythm": rhythm, "dns": dns}))


async def _bring_in(store: Store, script: Script, chats: dict[str, int], now: datetime) -> None:
    people = [Customer(name, tongue, chats[name]) for name, _, tongue in script.customers]
    handed = [intake.Handed(each.order, 1, each.customer, each.unit, now - each.ago) for each in script.sold]
    async with store.write() as connection:
        await intake.add_customers(connection, people, now)
        await intake.add_units(connection, [_unit(each) for each in script.sold], "delivered", now)
        await intake.add_units(connection, [_unit(each) for each in script.shelf], "shelf", now)
        # Entered at the hand-over, as a shop does: a window is watched from its beginning.
        for each, delivery in zip(script.sold, handed, strict=True):
            await intake.add_deliveries(connection, [delivery], now - each.ago)
