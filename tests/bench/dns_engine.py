"""How fast the engine asks, beside dnsperf, massdns, aiodns and dnspython: ``python -m tests.bench.dns_engine``.

All ask the same rbldnsd on loopback in the same run, in turns; each figure is the median of the rounds. Every engine
runs in a process of its own, whose CPU time is what the table shows. Answers are compared with what is listed.
"""

import argparse
import asyncio
import importlib.util
import json
import random
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from ipaddress import IPv4Address
from pathlib import Path

import dns.asyncresolver
import dns.exception
import dns.resolver

from checks.dns.datagrams import ManyPost, Post, SinglePost
from checks.dns.engine import Engine, EngineOptions, collect_seldom
from monitor.core.dnsxl import Addresses, NoSuchName, Reply, query_name
from tests.peers.dns_rbldnsd import rbldnsd
from tests.peers.dns_weather import weather

ZONES = ("bl.test", "xbl.test", "spam.dnsbl.test", "policy.lists.test")
LISTED = 50_000
SHARE_LISTED = 0.05
LOSS, DELAY, LOSSY_IN_FLIGHT = 0.02, 0.02, 1_000
MASSDNS_LOSSY = 19_724
"""Questions a second of massdns in such weather on a machine where dnsperf reached 92,495 without loss."""


Asked = dict[str, list[int]]
"""The addresses to ask each zone about."""
Said = dict[str, dict[int, bool | None]]
"""For each zone, whether an address is listed; None if no answer came."""


MEANS: dict[type[Reply], bool] = {Addresses: True, NoSuchName: False}


@dataclass(frozen=True, slots=True)
class Figures:
    """One run of one engine: seconds of wall time and of the client's CPU, and how its event loop fared.

    ``lag`` is the longest that a sleeper was woken late; ``busy`` the most CPU time spent between two of its wakings,
    which other programs on the machine cannot lengthen.
    """

    questions: int
    seconds: float
    cpu: float
    wrong: int = 0
    lost: int = 0
    lag: float = 0.0
    busy: float = 0.0

    @property
    def rate(self) -> float:
        return self.questions / self.seconds

    @property
    def cpu_per_100k(self) -> float:
        return self.cpu * 100_000 / self.questions


def listings() -> dict[str, list[int]]:
    chance = random.Random(1)
    return {zone: [chance.getrandbits(32) for _ in range(LISTED)] for zone in ZONES}


def questions(count: int) -> dict[str, list[int]]:
    """Give the addresses to ask each zone about: random, and one in twenty listed."""
    listed = listings()
    chance = random.Random(2)
    return {
        zone: [
            chance.choice(listed[zone]) if chance.random() < SHARE_LISTED else chance.getrandbits(32)
            for _ in range(count // len(ZONES))
        ]
        for zone in ZONES
    }


def names(asked: Asked) -> Iterator[tuple[int, str, str]]:
    """Give address, zone and name, the zones in turn."""
    for addresses in zip(*asked.values(), strict=True):
        for zone, address in zip(asked, addresses, strict=True):
            yield address, zone, query_name(IPv4Address(address), zone)


async def heartbeat() -> tuple[float, float]:
    """Measure how late the event loop wakes who sleeps, and its CPU time meanwhile, until cancelled; give the worst."""
    lag = busy = 0.0
    try:
        while True:
            start, cpu = time.monotonic(), time.thread_time()
            await asyncio.sleep(0.005)
            lag = max(lag, time.monotonic() - start - 0.005)
            busy = max(busy, time.thread_time() - cpu)
    except asyncio.CancelledError:
        return lag, busy


async def measure(asked: Asked, ask: Callable[[Said], Awaitable[None]]) -> Figures:
    """Run one engine, and compare what it said with what is listed."""
    said: Said = {zone: {} for zone in asked}
    truth = {zone: set(addresses) for zone, addresses in listings().items()}
    meter = asyncio.create_task(heartbeat())
    before, start = resource.getrusage(resource.RUSAGE_SELF), time.monotonic()
    await ask(said)
    seconds, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_SELF)
    meter.cancel()
    lag, busy = await meter
    heard = [(zone, address, said[zone].get(address)) for zone, addresses in asked.items() for address in addresses]
    return Figures(
        questions=len(heard),
        seconds=seconds,
        cpu=after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        wrong=sum(told is not None and told != (address in truth[zone]) for zone, address, told in heard),
        lost=sum(told is None for _, _, told in heard),
        lag=lag,
        busy=busy,
    )


async def ask_engine(
    asked: Asked,
    address: tuple[str, int],
    in_flight: int,
    said: Said,
    *,
    post: Callable[[int], Post] = ManyPost,
) -> None:
    def note(zone: str, address: int, reply: Reply, _: str) -> None:
        said[zone][address] = MEANS.get(type(reply))

    async with Engine([address], EngineOptions(in_flight=in_flight, tries=8, deadline=20), post=post(128)) as engine:
        await asyncio.gather(*(engine.ask(zone, addresses, partial(note, zone)) for zone, addresses in asked.items()))


async def ask_singly(
    asked: Asked,
    in_flight: int,
    said: Said,
    is_listed: Callable[[str], Awaitable[bool | None]],
) -> None:
    """Ask with something that takes one name at a time."""
    feed = names(asked)

    async def work() -> None:
        for address, zone, name in feed:
            said[zone][address] = await is_listed(name)

    await asyncio.gather(*(work() for _ in range(in_flight)))


async def ask_dnspython(asked: Asked, address: tuple[str, int], in_flight: int, said: Said) -> None:
    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = [address[0]], address[1]

    async def is_listed(name: str) -> bool | None:
        try:
            await resolver.resolve(name, "A")
        except dns.resolver.NXDOMAIN:
            return False
        except dns.exception.DNSException:
            return None
        return True

    await ask_singly(asked, in_flight, said, is_listed)


async def ask_aiodns(asked: Asked, address: tuple[str, int], in_flight: int, said: Said) -> None:
    import aiodns  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415 - only where it is measured

    resolver = aiodns.DNSResolver(nameservers=[f"{address[0]}:{address[1]}"], timeout=0.5, tries=5)

    async def is_listed(name: str) -> bool | None:
        try:
            await resolver.query_dns(name, "A")
        except aiodns.error.DNSError as error:
            return False if error.args[0] == aiodns.error.ARES_ENOTFOUND else None
        return True

    await ask_singly(asked, in_flight, said, is_listed)


def one(engine: str, count: int, address: tuple[str, int], in_flight: int) -> Figures:
    """Run one Python engine in this process, set up as the daemon's is."""
    collect_seldom()
    asked = questions(count)
    engines: dict[str, Callable[[Asked, tuple[str, int], int, Said], Awaitable[None]]] = {
        "engine": ask_engine,
        "engine, one by one": partial(ask_engine, post=SinglePost),
        "dnspython": ask_dnspython,
        "aiodns": ask_aiodns,
    }
    return asyncio.run(measure(asked, partial(engines[engine], asked, address, in_flight)))


def in_process(engine: str, count: int, address: tuple[str, int], in_flight: int) -> Figures:
    command = [sys.executable, "-m", "tests.bench.dns_engine", "--one", engine, "--count", str(count)]
    command += ["--address", f"{address[0]}:{address[1]}", "--in-flight", str(in_flight)]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return Figures(**json.loads(told))


def run_tool(command: list[str]) -> tuple[str, float, float]:
    """Run a program; give what it printed, its seconds and its CPU seconds."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    seconds, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return told, seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def dnsperf(program: str, file: Path, count: int, address: tuple[str, int], in_flight: int) -> Figures:
    command = [program, "-s", address[0], "-p", str(address[1]), "-d", str(file), "-n", "1", "-q", str(in_flight)]
    # It never asks twice; a short time-out keeps what rbldnsd's small buffer loses from slowing it down.
    told, _, cpu = run_tool([*command, "-c", "4", "-T", "1", "-t", "0.1"])
    seconds = float(re.search(r"Run time \(s\):\s+([\d.]+)", told).group(1))  # type: ignore[union-attr]
    lost = int(re.search(r"Queries lost:\s+(\d+)", told).group(1))  # type: ignore[union-attr]
    return Figures(count, seconds, cpu, lost=lost)


def massdns(program: str, file: Path, count: int, address: tuple[str, int], in_flight: int) -> Figures:
    resolvers = file.with_name("resolvers")
    resolvers.write_text(f"{address[0]}:{address[1]}\n")
    command = [program, "-r", str(resolvers), "-t", "A", "-o", "S", "-s", str(in_flight), "-i", "500", "-c", "5", "-q"]
    _, seconds, cpu = run_tool([*command, "-w", "/dev/null", str(file)])
    return Figures(count, seconds, cpu)


def compete(runners: dict[str, Callable[[], Figures]], rounds: int) -> dict[str, Figures]:
    """Let all run in turns, in an order drawn anew each round; give the run of median rate of each."""
    runs: dict[str, list[Figures]] = {name: [] for name in runners}
    chance = random.Random(3)
    for _ in range(rounds):
        for name in chance.sample(list(runners), len(runners)):
            runs[name].append(runners[name]())
    return {name: sorted(done, key=lambda run: run.rate)[len(done) // 2] for name, done in runs.items()}


def show(title: str, results: dict[str, Figures], against: str | None) -> None:
    columns = ("q/s", f"of {against}" if against else "", "CPU-s/100k", "wrong", "lost", "lag ms", "busy ms")
    print(f"\n{title}\n{'':24}" + "".join(f"{column:>12}" for column in columns), flush=True)
    for name, run in results.items():
        ratio = f"{run.rate / results[against].rate:.3f}" if against else ""
        loop = (f"{run.lag * 1000:.0f}", f"{run.busy * 1000:.0f}") if run.lag else ("", "")
        figures = (f"{run.rate:,.0f}", ratio, f"{run.cpu_per_100k:.2f}", f"{run.wrong}", f"{run.lost}", *loop)
        print(f"{name:24}" + "".join(f"{figure:>12}" for figure in figures), flush=True)


def conclude(calm: dict[str, Figures], rough: dict[str, Figures]) -> None:
    """Print the ratios that were promised."""
    engine = calm["engine"]
    print()
    for other, least in (("dnsperf", 0.70), ("dnspython asyncresolver", 30), ("aiodns", 4)):
        if other in calm:
            print(f"engine / {other}: {engine.rate / calm[other].rate:.2f} (promised {least})")
        else:
            print(f"{other}: not installed")
    if "dnsperf" in calm:
        ratio = engine.cpu_per_100k / calm["dnsperf"].cpu_per_100k
        print(f"CPU for 100,000 questions, engine / dnsperf: {ratio:.2f} (promised at most 2)")
    if "massdns" in rough:
        print(f"lossy, engine / massdns: {rough['engine'].rate / rough['massdns'].rate:.2f} (promised 0.9)")
    else:
        ratio = rough["engine"].rate / MASSDNS_LOSSY
        print(
            f"massdns: not installed; lossy, engine / its {MASSDNS_LOSSY:,} q/s elsewhere: {ratio:.2f} (promised 0.9)"
        )


def main(count: int, rounds: int) -> None:
    perf, mass = shutil.which("dnsperf"), shutil.which("massdns")
    server = shutil.which("rbldnsd", path="/usr/sbin:/usr/bin:/sbin:/bin")
    if not server:
        sys.exit("rbldnsd is not installed")
    zones = {
        zone: ("ip4set", "".join(f"{IPv4Address(one)} :127.0.0.{2 + one % 10}:listed\n" for one in addresses))
        for zone, addresses in listings().items()
    }
    asked = questions(count)
    with tempfile.TemporaryDirectory() as place, rbldnsd(server, zones) as address:
        typed, bare = Path(place, "typed"), Path(place, "names")
        typed.write_text("".join(f"{name} A\n" for _, _, name in names(asked)))
        bare.write_text("".join(f"{name}\n" for _, _, name in names(asked)))
        runners: dict[str, Callable[[], Figures]] = {
            "engine": partial(in_process, "engine", count, address, 200),
            "engine, one by one": partial(in_process, "engine, one by one", count, address, 200),
            "dnspython asyncresolver": partial(in_process, "dnspython", count // 20, address, 200),
        }
        if importlib.util.find_spec("aiodns"):
            runners["aiodns"] = partial(in_process, "aiodns", count // 4, address, 200)
        if perf:
            runners["dnsperf"] = partial(dnsperf, perf, typed, count, address, 200)
        calm = compete(runners, rounds)
        show(f"No loss: {count:,} questions, 200 in flight, {rounds} rounds", calm, "dnsperf" if perf else None)
        with weather(address, LOSS, DELAY, seed=4) as far:
            runners = {"engine": partial(in_process, "engine", count, far, LOSSY_IN_FLIGHT)}
            if mass:
                runners["massdns"] = partial(massdns, mass, bare, count, far, LOSSY_IN_FLIGHT)
            rough = compete(runners, rounds)
        show(f"2 % lost, 20 ms: {count:,} questions, 1,000 in flight, {rounds} rounds", rough, None)
    conclude(calm, rough)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--address", help=argparse.SUPPRESS)
    parser.add_argument("--in-flight", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        host, _, port = options.address.rpartition(":")
        print(json.dumps(asdict(one(options.one, options.count, (host, int(port)), options.in_flight))))
    else:
        main(options.count, options.rounds)
