"""How much of the engine's rate the whole line keeps: plan, ask, judge, commit: ``python -m tests.bench.line``.

Sweeps of a shop on SQLite and the bare engine ask the same rbldnsd on loopback the same questions, in turns in one
process; each figure is the median of the rounds. Half of the ranges are delivered, half are on the shelf.
"""

import argparse
import asyncio
import random
import shutil
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from checks.blocklist import BlocklistProbe
from checks.dns.engine import Engine, EngineOptions, collect_seldom
from config import load_policy
from monitor.clock import SystemClock
from monitor.core.dnsxl import Reply, Zone
from monitor.core.fleet import Customer, Niche, Tier, Unit
from monitor.core.plan import Check, Sharing, slot
from monitor.dispatch.local import run_sweep
from monitor.store import intake, views
from monitor.store.engine import Store, connect
from monitor.sweep import Law, Sweeper
from monitor.telemetry import Metrics
from tests.bench.dns_engine import ZONES, heartbeat
from tests.peers.dns_rbldnsd import rbldnsd

EVERY = timedelta(minutes=15)
IN_FLIGHT = 200
SHARD = 50
LISTED = 500
"""One address in so many is listed, by one zone."""
TIER = Tier("vpn-eu", Niche.VPN, 10)


def ranges(count: int) -> list[IPv4Network]:
    """Give different ranges of 256 addresses."""
    chance = random.Random(1)
    return [IPv4Network((number << 8, 24)) for number in chance.sample(range(0x0B0000, 0x7E0000), count)]


async def bring_in(store: Store, networks: list[IPv4Network]) -> None:
    now = datetime.now(UTC)
    units = [Unit(f"unit-{i}", TIER.name, f"supplier-{i % 7}", (net,)) for i, net in enumerate(networks)]
    half = len(units) // 2
    handed = [
        intake.Handed(f"INV-{i}", 1, "alice", unit.name, now - timedelta(hours=1))
        for i, unit in enumerate(units[:half])
    ]
    async with store.write() as connection:
        await intake.add_customers(connection, [Customer("alice", "en", 5_000_000_001)], now)
        await intake.add_units(connection, units[:half], "delivered", now)
        await intake.add_units(connection, units[half:], "shelf", now)
        await intake.add_deliveries(connection, handed, now - timedelta(hours=1))


async def measure(networks: list[IPv4Network], address: tuple[str, int], folder: Path, rounds: int) -> None:
    addresses = [each for net in networks for each in net]
    options = EngineOptions(in_flight=IN_FLIGHT, tries=8, deadline=20)
    store = await connect(f"sqlite:///{folder}/coverwatch.sqlite")
    try:
        await bring_in(store, networks)
        async with Engine([address], options) as engine:
            clock = SystemClock()
            zones = [Zone(name, name, name) for name in ZONES]
            probe = BlocklistProbe(zones, engine, random.SystemRandom(), timedelta(hours=1), {})
            sweeper = Sweeper(
                store,
                {Check.BLOCKLIST: probe},
                Law(load_policy(), {TIER.name: TIER}),
                clock,
                Metrics(),
                "bench",
                shard_size=SHARD,
                sharing=Sharing(),
                dry_run=False,
            )
            bare, whole, lags, busies = [], [], [], []
            for number in range(rounds):
                began = time.perf_counter()
                await ask(engine, addresses)
                bare.append(time.perf_counter() - began)
                due = slot(clock.now() + number * EVERY, EVERY)
                meter = asyncio.create_task(heartbeat())
                began = time.perf_counter()
                looked = await run_sweep(sweeper, Check.BLOCKLIST, due, lambda: None)
                whole.append(time.perf_counter() - began)
                meter.cancel()
                lag, busy = await meter
                lags.append(lag)
                busies.append(busy)
                print(f"round {number + 1}: engine {bare[-1]:.2f} s, {looked} ranges in a sweep {whole[-1]:.2f} s")
        async with store.read() as connection:
            cases = len(await views.list_cases(connection, states=None, limit=100_000))
    finally:
        await store.close()
    conclude(len(addresses) * len(ZONES), bare, whole, max(lags), max(busies), cases)


def conclude(questions: int, bare: list[float], whole: list[float], lag: float, busy: float, cases: int) -> None:
    """Print what was promised."""
    engine, line = questions / statistics.median(bare), questions / statistics.median(whole)
    print(f"\n{questions:,} questions, {IN_FLIGHT} in flight, {len(bare)} rounds, {cases} cases opened")
    print(f"engine alone      {engine:>9,.0f} questions a second")
    print(f"the whole line    {line:>9,.0f}")
    print(f"line / engine     {line / engine:>9.2f} (promised 0.70)")
    print(
        f"event loop        {busy * 1000:>9.0f} ms of work at a stretch (promised 50); woken {lag * 1000:.0f} ms late"
    )


async def ask(engine: Engine, addresses: list[IPv4Address]) -> None:
    """Ask with nothing around it."""

    def note(_address: IPv4Address, _reply: Reply, _who: str) -> None:
        pass

    await asyncio.gather(*(engine.ask(zone, addresses, note) for zone in ZONES))


def main(count: int, rounds: int) -> None:
    server = shutil.which("rbldnsd", path="/usr/sbin:/usr/bin:/sbin:/bin")
    if not server:
        sys.exit("rbldnsd is not installed")
    networks = ranges(count // 256 // len(ZONES))
    every = [address for net in networks for address in net]
    chance = random.Random(2)
    zones = {}
    for zone in ZONES:
        chosen = chance.sample(every, len(every) // LISTED // len(ZONES))
        lines = "".join(f"{address}\n" for address in chosen)
        zones[zone] = ("ip4set", f":127.0.0.2:Listed $\n127.0.0.2\n{lines}")
    collect_seldom()
    with tempfile.TemporaryDirectory() as place, rbldnsd(server, zones) as address:
        asyncio.run(measure(networks, address, Path(place), rounds))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    main(options.count, options.rounds)
