"""A day of restarts, on a driven clock: what is due is asked about once in each interval, and never skipped."""

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from checks import Seen, Trusted
from config import load_policy
from monitor.clock import DrivenClock
from monitor.core.dnsxl import Weight
from monitor.core.fleet import Niche, Tier
from monitor.core.listing import Source, gather
from monitor.core.plan import AT_ONCE, Check, Watched, slot
from monitor.core.rotation import Turn, addresses_of
from monitor.dispatch.local import run_sweep
from monitor.store import tables
from monitor.store.engine import Store, connect
from monitor.sweep import Law, Sweeper
from monitor.telemetry import Metrics

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
EVERY = timedelta(minutes=15)
UNITS = 7


class Lists:
    """The other side of the wire: one list that knows nobody, and remembers when it was asked about whom."""

    def __init__(self) -> None:
        self.asked: dict[str, list[datetime]] = defaultdict(list)

    async def examine(self, at: datetime, heard_at: Mapping[str, datetime]) -> Mapping[str, Trusted]:
        del at, heard_at
        return {"one.test": Trusted(believed=True, why="")}

    def allow(self, spent: Mapping[str, int]) -> None:
        del spent

    def take_count(self) -> Mapping[str, int]:
        return {}

    async def look(self, targets: Sequence[Watched], at: datetime, turn: Turn) -> Mapping[str, Seen]:
        seen = {}
        for target in targets:
            self.asked[target.unit.name].append(at)
            asked = addresses_of(target.unit, turn)
            panel = {"one.test": Source("one.test", "one", Weight.ALERT)}
            seen[target.unit.name] = gather(at, asked, panel, 1, [])
        return seen


async def deliver(store: Store) -> None:
    async with store.write() as connection:
        await connection.execute(tables.customer.insert().values(name="alice", language="en", imported_at=NOON))
        for number in range(UNITS):
            name = f"vpn-{number}"
            await connection.execute(
                tables.unit.insert().values(
                    name=name, tier="vpn", supplier="northwind", ranges=f"185.0.{number}.0/28", cost="0",
                    place="delivered", imported_at=NOON,
                )
            )  # fmt: skip
            await connection.execute(
                tables.delivery.insert().values(
                    order_number=f"INV-{number}", item=1, turn=0, customer="alice", unit=name, delivered_at=NOON,
                    imported_at=NOON,
                )
            )  # fmt: skip


async def test_a_day_of_restarts_asks_nobody_twice_within_an_interval_and_skips_nobody(tmp_path: Path) -> None:
    url, lists, chance = f"sqlite:///{tmp_path / 'day.sqlite'}", Lists(), random.Random(7)
    clock = DrivenClock(NOON)
    law = Law(load_policy(), {"vpn": Tier("vpn", Niche.VPN, 10)})
    store = await connect(url)
    await deliver(store)
    while clock.now() < NOON + timedelta(hours=23, minutes=50):
        # A life of ten minutes: it looks whether something is due at once, and then about once a minute.
        sweeper = Sweeper(
            store, {Check.BLOCKLIST: lists}, law, clock, Metrics(), "node", shard_size=3, sharing=AT_ONCE, dry_run=False
        )
        for _ in range(10):
            await run_sweep(sweeper, Check.BLOCKLIST, slot(clock.now(), EVERY), lambda: None)
            clock.advance(timedelta(seconds=60 + chance.uniform(-5, 5)))
        await store.close()
        store = await connect(url)
    await store.close()

    assert len(lists.asked) == UNITS
    for times in lists.asked.values():
        slots = [slot(at, EVERY).number for at in times]
        assert slots == list(range(slots[0], slots[0] + len(slots)))
        assert len(slots) == 24 * 4
