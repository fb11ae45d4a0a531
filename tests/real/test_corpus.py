"""Every address of every real VPN range, asked of a real rbldnsd through the real probe; and a real IPv6 zone."""

import os
import resource
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv4Network, ip_network
from pathlib import Path
from random import Random

import pytest

from checks.blocklist import BlocklistProbe
from checks.dns.engine import Engine, EngineOptions
from monitor.core.dnsxl import Zone
from monitor.core.fleet import Niche, Unit
from monitor.core.listing import RangeSeen
from monitor.core.plan import Watched
from monitor.core.rotation import Turn
from tests.peers.dns_rbldnsd import rbldnsd

pytestmark = [pytest.mark.wide, pytest.mark.timeout(900)]

AT = datetime(2026, 6, 1, tzinfo=UTC)
SHARD = 200
MIB = 1024
WHOLE = Turn(0, 1, 1 << 20)


def spares(ranges: Sequence[IPv4Network]) -> list[Watched]:
    return [Watched(Unit(f"u{number}", "t", "s", (net,)), Niche.VPN, None, None) for number, net in enumerate(ranges)]


def truth(ranges: Sequence[IPv4Network], listed: Sequence[int]) -> dict[IPv4Network, set[int]]:
    """Say by plain arithmetic over sorted numbers which ranges hold which listed addresses."""
    found = {}
    for net in ranges:
        first, last = int(net.network_address), int(net.broadcast_address)
        inside = listed[bisect_left(listed, first) : bisect_right(listed, last)]
        if inside:
            found[net] = set(inside)
    return found


async def test_exactly_the_listed_addresses_of_the_whole_corpus_are_found(
    shared: Path, real_part: Callable[[str], str]
) -> None:
    program = real_part("rbldnsd")
    ranges = [IPv4Network(line) for line in (shared / "data/vpn/ranges-ipv4.txt").read_text().split()]
    words = (shared / "data/ipsum/level1.txt").read_text().split()
    listed = sorted(int(IPv4Address(word)) for word in words)
    expected = truth(ranges, listed)
    # Under CI every address is asked about; on a user's machine every range that is touched, and every fortieth other.
    chosen = ranges if os.environ.get("CI") else [net for i, net in enumerate(ranges) if net in expected or i % 40 == 0]
    entries = ":127.0.0.2:Listed $\n127.0.0.2\n" + "\n".join(words) + "\n"

    found: dict[IPv4Network, set[int]] = {}
    with rbldnsd(program, {"ipsum.test": ("ip4set", entries)}) as server:
        async with Engine([server], EngineOptions(timeout=2, tries=6, deadline=20)) as engine:
            zone = Zone("ipsum.test", "ipsum", "ipsum")
            probe = BlocklistProbe([zone], engine, Random(1), timedelta(hours=1), {})
            trusted = await probe.examine(AT, {})
            assert trusted["ipsum.test"].believed, trusted
            for start in range(0, len(chosen), SHARD):
                part = chosen[start : start + SHARD]
                for name, seen in (await probe.look(spares(part), AT, WHOLE)).items():
                    assert isinstance(seen, RangeSeen)
                    assert not seen.unheard
                    if seen.listed:
                        found[part[int(name[1:])]] = {int(address) for address in seen.listed}

    assert len(expected) == 294
    assert sum(map(len, expected.values())) == 910
    assert found == expected
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MIB
    print(f"\n{sum(net.num_addresses for net in chosen)} addresses asked about; peak memory of the test {peak:.0f} MiB")


async def test_a_real_ipv6_zone_is_asked_by_nibbles_and_proves_itself_by_the_mapped_test_entry(
    real_part: Callable[[str], str],
) -> None:
    entries = ":127.0.0.2:Listed $\n::ffff:7f00:2\n2a01:4f8:1:2::/64\n"
    bad, good = ip_network("2a01:4f8:1:2::/64"), ip_network("2a01:4f8:1:3::/64")
    units = [
        Watched(Unit(name, "t", "s", (net,), net[5]), Niche.VPN, None, None)
        for name, net in (("bad", bad), ("good", good))
    ]

    with rbldnsd(real_part("rbldnsd"), {"six.test": ("ip6trie", entries)}) as server:
        async with Engine([server], EngineOptions()) as engine:
            zone = Zone("six.test", "six", "six", families=frozenset({6}))
            probe = BlocklistProbe([zone], engine, Random(1), timedelta(hours=1), {})
            trusted = await probe.examine(AT, {})
            seen = await probe.look(units, AT, WHOLE)

    assert trusted["six.test"].believed
    assert {name: len(what.listed) for name, what in seen.items() if isinstance(what, RangeSeen)} == {
        "bad": 2,
        "good": 0,
    }
