"""A thousand real VPN ranges against a real list in a real list server, through DNS, by the real daemon."""

import csv
import os
import random
import signal
import socket
import subprocess
import tempfile
import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from importlib import resources
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from sqlite3 import connect

import dns.exception
import dns.message
import dns.query
import pytest

from tests.flow.program import coverwatch, running

ZONE = "level1.lists.test"
HELD, SOLD = 294, 1000
"""Of the ranges that VPN services use so many hold a listed address; and so many are sold here."""

CONFIG = """
[store]
url = "sqlite:///coverwatch.sqlite"

[web]
listen = "127.0.0.1:0"

[rhythm]
blocklists = "1s"

[policy]
file = "policy.toml"

[dns]
resolvers = ["127.0.0.1:{port}"]
# The socket of the list server holds no more at once.
in_flight = 64

[[lists.own]]
zone = "{zone}"

[tiers.vpn]
niche = "vpn"
rank = 10

[notifier]
kind = "console"
"""


@contextmanager
def rbldnsd(program: str, addresses: Sequence[str]) -> Iterator[int]:
    """Serve these addresses as a list, and give the port."""
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="cw-rbldnsd-") as name:
        folder = Path(name)
        # It gives up root for a user who owns nothing.
        folder.chmod(0o755)
        head = [
            f"$SOA 3600 ns.{ZONE}. hostmaster.{ZONE}. 1 3600 600 86400 60",
            f"$NS 3600 ns.{ZONE}.",
            ":127.0.0.2:Listed: $",
            "127.0.0.2",
        ]
        (folder / "level1").write_text("\n".join([*head, *addresses, ""]))
        user = ["-u", "nobody"] if os.geteuid() == 0 else []
        command: list[str | Path] = [
            program,
            "-n",
            *user,
            "-c",
            "0",
            "-b",
            f"127.0.0.1/{port}",
            "-w",
            folder,
            f"{ZONE}:ip4set:level1",
        ]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as server:
            try:
                _await(server, port)
                yield port
            finally:
                server.terminate()


def _await(server: subprocess.Popen[str], port: int) -> None:
    question = dns.message.make_query(f"2.0.0.127.{ZONE}", "A")
    for _ in range(100):
        try:
            if dns.query.udp(question, "127.0.0.1", timeout=0.3, port=port).answer:
                return
        except (dns.exception.Timeout, OSError):
            assert server.poll() is None, server.stdout and server.stdout.read()
            time.sleep(0.1)
    raise AssertionError("the list server never answered")


def holds(network: IPv4Network, listed: Sequence[int]) -> int:
    """Count the listed addresses of a range; ``listed`` is sorted."""
    return bisect_right(listed, int(network[-1])) - bisect_left(listed, int(network[0]))


def cut(network: IPv4Network, around: int) -> IPv4Network:
    """Give the sixteen addresses around one of them, where the range has more."""
    return network if network.prefixlen >= 28 else IPv4Network((around & ~15, 28))


def choose(ranges: Sequence[IPv4Network], listed: Sequence[int]) -> list[IPv4Network]:
    """Choose a thousand ranges: all that hold a listed address, and as many clean ones as are missing."""
    held = [network for network in ranges if holds(network, listed)]
    clean = [network for network in ranges if not holds(network, listed)]
    assert len(held) == HELD
    bad = [cut(network, listed[bisect_left(listed, int(network[0]))]) for network in held]
    good = [cut(network, int(network[0])) for network in random.Random(1).sample(clean, SOLD - HELD)]
    return bad + good


def write_shop(folder: Path, ranges: Sequence[IPv4Network], port: int) -> Path:
    """Write what the shop would: one delivery for each range, an hour ago, each from a supplier of its own."""
    policy = (resources.files("config") / "catalogue" / "policy.toml").read_text()
    # One listed address makes these ranges listed, and two looks in a row are enough.
    policy = policy.replace("share = 0.10", "share = 0.001").replace('spacing = "10m"', 'spacing = "1s"')
    (folder / "policy.toml").write_text(policy)
    config = folder / "monitor.toml"
    config.write_text(CONFIG.format(port=port, zone=ZONE))
    delivered_at = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    with (folder / "customers.csv").open("w") as opened:
        opened.write("customer,language\nalice,en\n")
    with (folder / "deliveries.csv").open("w", newline="") as opened:
        table = csv.writer(opened)
        table.writerow(["order", "customer", "unit", "tier", "supplier", "delivered_at", "range"])
        table.writerows(
            [f"INV-{n}", "alice", f"vpn-{n}", "vpn", f"supplier-{n}", delivered_at, network]
            for n, network in enumerate(ranges)
        )
    return config


def wait_for_sweeps(database: Path, number: int) -> None:
    """Wait until so many sweeps have ended."""
    ended = 0
    for _ in range(3000):
        with closing(connect(database)) as connection:
            (ended,) = connection.execute(
                "select count(*) from sweep where kind = 'blocklist' and finished_at is not null"
            ).fetchone()
        if ended >= number:
            return
        time.sleep(0.1)
    raise AssertionError(f"only {ended} sweeps ended")


@pytest.mark.wide
@pytest.mark.timeout(600)
def test_of_a_thousand_real_ranges_exactly_those_are_found_that_a_real_list_names(
    tmp_path: Path, shared: Path, real_part: Callable[[str], str]
) -> None:
    words = (shared / "data/ipsum/level1.txt").read_text().split()
    listed = sorted(int(IPv4Address(word)) for word in words)
    ranges = [IPv4Network(line) for line in (shared / "data/vpn/ranges-ipv4.txt").read_text().split()]
    sold = choose(ranges, listed)
    truth = {f"INV-{n}" for n, network in enumerate(sold) if holds(network, listed)}
    assert len(truth) == HELD
    with rbldnsd(real_part("rbldnsd"), words) as port:
        config = write_shop(tmp_path, sold, port)
        for kind in ("customers", "deliveries"):
            assert coverwatch("import", kind, tmp_path / f"{kind}.csv", "--config", config).status == 0
        database = tmp_path / "coverwatch.sqlite"
        with running("run", "--config", config) as daemon:
            daemon.until('"ready"')
            # Two looks make a finding; the third sees nobody else.
            wait_for_sweeps(database, 3)
            assert daemon.stop(signal.SIGTERM) == 0
        assert [line for line in daemon.lines if "Traceback" in line] == []
    cases = coverwatch("cases", "list", "--json", "--limit", "10000", "--config", config).document
    assert len(cases) == HELD
    assert {case["order"] for case in cases} == truth
    assert {case["defect"] for case in cases} == {"range_listed"}
    deliveries = coverwatch("deliveries", "list", "--json", "--limit", "10000", "--config", config).document
    verdicts = {each["order"]: each["verdict"] for each in deliveries}
    assert verdicts == {f"INV-{n}": "failed" if f"INV-{n}" in truth else "sound" for n in range(SOLD)}
