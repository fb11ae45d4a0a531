"""How fast lists are matched in memory, beside asking over DNS: ``python -m tests.bench.feeds``.

Both look for the addresses of the first level of ipsum in every range that public VPN services use: here all of them,
over DNS a part, from which the whole is reckoned. The figures are medians of the rounds.
"""

import argparse
import asyncio
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from checks.dns.engine import Engine, EngineOptions
from checks.downloads import Feed
from checks.feeds import FeedReach, Feeds
from checks.formats import Format, read
from monitor.clock import SystemClock
from monitor.core.dnsxl import Addresses, Reply, Weight
from tests.peers.dns_rbldnsd import rbldnsd
from tests.peers.publisher import Publisher

SHARED = Path(__file__).parents[2].parent / "shared" / "data"
SHARD = 51_200
"""Addresses of one shard as it is set out of the box: 200 ranges, 256 addresses of each."""
PROMISED = 200


def timed(work: Callable[[], object], rounds: int) -> float:
    """Give the median of the seconds that it takes."""
    took = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        took.append(time.perf_counter() - began)
    return statistics.median(took)


async def heartbeat() -> tuple[float, float]:
    """Measure how late the event loop wakes who sleeps, until cancelled, and the CPU time of all threads meanwhile.

    Give the worst of each. The second is what other programs on the machine cannot lengthen.
    """
    lag = busy = 0.0
    try:
        while True:
            start, cpu = time.monotonic(), time.process_time()
            await asyncio.sleep(0.005)
            lag = max(lag, time.monotonic() - start - 0.005)
            busy = max(busy, time.process_time() - cpu)
    except asyncio.CancelledError:
        return lag, busy


async def over_dns(program: str, listed: list[str], asked: list[IPv4Address], rounds: int) -> float:
    """Ask one list about the addresses; give the median of the questions a second."""
    entries = "".join(f"{address}\n" for address in listed)
    rates = []
    with rbldnsd(program, {"ipsum.test": ("ip4set", entries)}) as server:
        for _ in range(rounds):
            found: list[IPv4Address] = []

            def hear(address: IPv4Address, reply: Reply, _: str, found: list[IPv4Address] = found) -> None:
                if isinstance(reply, Addresses):
                    found.append(address)

            async with Engine([server], EngineOptions(in_flight=200, tries=8, deadline=20)) as engine:
                began = time.perf_counter()
                await engine.ask("ipsum.test", asked, hear)
                rates.append(len(asked) / (time.perf_counter() - began))
            wrong = set(found) ^ (set(map(IPv4Address, listed)) & set(asked))
            assert not wrong, wrong
    return statistics.median(rates)


def feed(publisher: Publisher, name: str) -> Feed:
    return Feed(
        name=name, url=publisher.url(name), format=Format.PLAIN, group=name, weight=Weight.INFO,
        families=frozenset({4}), about="listed", interval=timedelta(days=1), max_age=timedelta(days=1),
        changes_within=timedelta(days=1),
    )  # fmt: skip


async def main(count: int, rounds: int) -> None:
    ranges = [IPv4Network(line) for line in (SHARED / "vpn" / "ranges-ipv4.txt").read_text().split()]
    total = sum(each.num_addresses for each in ranges)
    body = (SHARED / "ipsum" / "level1.txt").read_bytes()
    listed = body.decode().split()
    print(f"{total:,} addresses in {len(ranges):,} ranges, {len(listed):,} listed; {rounds} rounds\n")
    async with Publisher() as publisher:
        for level in range(1, 9):
            publisher.publish(f"level{level}", (SHARED / "ipsum" / f"level{level}.txt").read_bytes(), validates=False)
        # The largest list that is taken at all.
        largest = b"".join(f"{IPv4Address(number << 8)}\n".encode() for number in range(750_000))[: 10 << 20]
        publisher.publish("largest", largest, validates=False)
        home, now = FeedReach(allow=(IPv4Network("127.0.0.0/8"),)), datetime.now(UTC)
        with tempfile.TemporaryDirectory() as folder:
            async with Feeds([feed(publisher, "level1")], Path(folder), SystemClock(), home) as feeds:
                await feeds.refresh(now)
                feeds.examine(now)
                whole = timed(lambda: feeds.match_ranges(ranges), rounds)
                hits = len(feeds.match_ranges(ranges))
                shard = [address for each in ranges[:400] for address in each][:SHARD]
                part = timed(lambda: feeds.match(shard), rounds)
            names = [*publisher.pages]
            async with Feeds([feed(publisher, n) for n in names], Path(folder, "all"), SystemClock(), home) as feeds:
                meter = asyncio.create_task(heartbeat())
                began = time.perf_counter()
                await feeds.refresh(now)
                refreshed = time.perf_counter() - began
                feeds.examine(now)
                await asyncio.to_thread(feeds.match, shard)
                meter.cancel()
                lag, busy = await meter
                nine = timed(lambda: feeds.match_ranges(ranges), rounds)
    reading = timed(lambda: read(Format.PLAIN, body, {4}), rounds)
    print(f"reading one list of {len(listed):,} addresses: {reading:.3f} s")
    print(f"every range against one list: {whole:.3f} s ({total / whole / 1e6:.1f} M addresses a second, {hits} found)")
    print(f"every range against nine lists at once: {nine:.3f} s")
    print(f"a shard of {len(shard):,} addresses, as objects: {part * 1000:.0f} ms")
    print(f"nine lists, one of 10 MB, downloaded, read and laid out: {refreshed:.1f} s")
    print(f"meanwhile the event loop woke {lag * 1000:.0f} ms late at worst (this machine's other programs included),")
    print(f"and after at most {busy * 1000:.0f} ms of CPU time of all our threads")
    program = shutil.which("rbldnsd", path="/usr/sbin:/usr/bin:/sbin:/bin")
    if program is None:
        print("rbldnsd is not installed: nothing to compare with")
        return
    asked = [address for each in ranges for address in each][:: max(1, total // count)]
    rate = await over_dns(program, listed, asked, rounds)
    print(f"\nover DNS: {rate:,.0f} questions a second, {len(asked):,} of them; all would take {total / rate:.0f} s")
    print(f"DNS / memory: {total / rate / whole:.0f} times (promised {PROMISED})")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    if not SHARED.is_dir():
        sys.exit(f"no shared material at {SHARED}")
    asyncio.run(main(options.count, options.rounds))
