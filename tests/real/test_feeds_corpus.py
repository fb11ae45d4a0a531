"""All eight levels of ipsum as feeds against every range that public VPN services use, and the truth by hand."""

from bisect import bisect_right
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest

from checks.downloads import Feed
from checks.feeds import FeedReach, Feeds
from checks.formats import Format
from monitor.clock import DrivenClock
from monitor.core.dnsxl import Weight
from tests.peers.publisher import Publisher

NOON = datetime(2026, 8, 22, 12, tzinfo=UTC)
LEVELS = [f"level{number}" for number in range(1, 9)]
LISTED = [120_430, 30_773, 14_217, 5_354, 1_413, 318, 70, 23]


def truth(ranges: Iterable[IPv4Network], listed: Iterable[str]) -> tuple[set[IPv4Address], set[IPv4Network]]:
    """Find the listed addresses in the ranges, and the ranges that hold one, with a sorted list and bisection."""
    order = sorted(ranges, key=lambda each: int(each.network_address))
    starts = [int(each.network_address) for each in order]
    addresses, holders = set(), set()
    for words in listed:
        address = IPv4Address(words)
        place = bisect_right(starts, int(address)) - 1
        if place >= 0 and int(address) <= int(order[place].broadcast_address):
            addresses.add(address)
            holders.add(order[place])
    return addresses, holders


@pytest.mark.wide
async def test_eight_lists_against_three_million_addresses(shared: Path, tmp_path: Path) -> None:
    ranges = [IPv4Network(line) for line in (shared / "data/vpn/ranges-ipv4.txt").read_text().split()]
    assert (len(ranges), sum(each.num_addresses for each in ranges)) == (10_862, 3_144_482)
    bodies = {level: (shared / f"data/ipsum/{level}.txt").read_bytes() for level in LEVELS}
    async with Publisher() as publisher:
        for level, body in bodies.items():
            publisher.publish(level, body)
        sources = [
            Feed(
                name=level, url=publisher.url(level), format=Format.PLAIN, group=level, weight=Weight.WARN,
                families=frozenset({4}), about="listed", interval=timedelta(days=1), max_age=timedelta(days=3),
                changes_within=timedelta(days=14),
            )
            for level in LEVELS
        ]  # fmt: skip
        home = FeedReach(allow=(IPv4Network("127.0.0.0/8"),))
        async with Feeds(sources, tmp_path, DrivenClock(NOON), home) as feeds:
            await feeds.refresh(NOON)
            assert all(trusted.believed for trusted in feeds.examine(NOON).values())
            found = feeds.match_ranges(ranges)
            # The same again as a sweep does it: address by address, some ranges at a time.
            swept = {
                address: answers
                for start in range(0, len(ranges), 500)
                for address, answers in feeds.match([a for each in ranges[start : start + 500] for a in each]).items()
            }
    assert swept == found
    by_level = {level: {address for address, said in found.items() if level in dict(said)} for level in LEVELS}
    known = {level: truth(ranges, body.decode().split()) for level, body in bodies.items()}
    assert [len(body.split()) for body in bodies.values()] == LISTED
    assert by_level == {level: addresses for level, (addresses, _) in known.items()}
    assert (len(by_level["level1"]), len(known["level1"][1])) == (910, 294)
