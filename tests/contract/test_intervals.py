"""Intervals: what numpy finds for millions at once is what one would find with a pencil."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checks.intervals import EXCLUDED, KINDS, Cover, Layer, Stretches, keys_of, layers, paint, spread

Entry = tuple[IPv4Network | IPv6Network, int]
CORNERS_4 = ["0.0.0.0/32", "0.0.0.0/8", "255.255.255.255/32", "255.0.0.0/8", "10.0.0.0/9", "10.128.0.0/9"]
CORNERS_6 = ["::/16", "::/128", "ffff::/16", f"{IPv6Address(2**128 - 1)}/128", "2001:db8::/32", "2001:db8::/64"]


def networks(version: Literal[4, 6]) -> st.SearchStrategy[IPv4Network | IPv6Network]:
    """Draw networks that often lie in one another, and now and then at the ends of the world."""
    if version == 4:
        drawn = st.tuples(st.integers(0, 2**12), st.integers(8, 32)).map(
            lambda each: ip_network((int(IPv4Address("198.51.96.0")) + each[0], each[1]), strict=False)
        )
        return drawn | st.sampled_from([ip_network(each) for each in CORNERS_4])
    drawn = st.tuples(st.integers(0, 2**12), st.integers(0, 2**12), st.integers(16, 128)).map(
        lambda each: ip_network((int(IPv6Address("2001:db8::")) + (each[0] << 60) + each[1], each[2]), strict=False)
    )
    return drawn | st.sampled_from([ip_network(each) for each in CORNERS_6])


def stacked(version: int, entries: list[Entry], *, of: int, most: int = 1) -> list[Layer]:
    """Make layers of all entries with this prefix length, as a list is read."""
    mine = [(net, value) for net, value in entries if net.prefixlen == of]
    packed = b"".join(net.network_address.packed for net, _ in mine)
    first = np.frombuffer(packed, ">u4" if version == 4 else "S16").astype(KINDS[version])
    return layers(first, of, np.array([value for _, value in mine], np.int32), most)


def painted(version: Literal[4, 6], entries: list[Entry], *, values: int = 4) -> Stretches:
    lengths = sorted({net.prefixlen for net, _ in entries})
    return paint(version, [stacked(version, entries, of=length) for length in lengths], values)


def edges(entries: list[Entry]) -> list[IPv4Address | IPv6Address]:
    """Give the addresses where a mistake would show: the ends of every network, and their neighbours."""
    kind = type(entries[0][0].network_address) if entries else IPv4Address
    top = 2 ** (32 if kind is IPv4Address else 128) - 1
    numbers = {0, top}
    for net, _ in entries:
        for end in (int(net.network_address), int(net.broadcast_address)):
            numbers |= {max(end - 1, 0), end, min(end + 1, top)}
    return [kind(number) for number in sorted(numbers)]


@pytest.mark.parametrize("version", [4, 6])
@settings(deadline=None)
@given(data=st.data())
def test_the_most_specific_network_speaks(version: Literal[4, 6], data: st.DataObject) -> None:
    entries = data.draw(st.lists(st.tuples(networks(version), st.integers(EXCLUDED, 3)), max_size=12))
    asked = edges(entries) if entries else [ip_address("192.0.2.1" if version == 4 else "2001:db8::1")]
    expected = [
        max(
            ((net.prefixlen, -place, value) for place, (net, value) in enumerate(entries) if address in net),
            default=(0, 0, EXCLUDED),
        )[2]
        for address in asked
    ]
    found = painted(version, entries).at(keys_of(asked, version))  # type: ignore[arg-type]  # of one family
    assert found.tolist() == expected


@pytest.mark.parametrize("version", [4, 6])
@settings(deadline=None)
@given(data=st.data())
def test_a_cover_names_exactly_the_lists_that_name_an_address(version: Literal[4, 6], data: st.DataObject) -> None:
    lists = data.draw(
        st.lists(st.lists(networks(version), min_size=1, max_size=5), max_size=19).map(
            lambda found: {f"list-{number}": each for number, each in enumerate(found)}
        )
    )
    entries: list[Entry] = [(net, 0) for each in lists.values() for net in each]
    asked = edges(entries) if entries else [ip_address("192.0.2.1" if version == 4 else "2001:db8::1")]
    cover = Cover(version, {name: painted(version, [(net, 0) for net in each]) for name, each in lists.items()})
    found = {name: [asked[place] for place in places] for name, places in
             cover.find(keys_of(asked, version)).items()}  # type: ignore[arg-type]  # fmt: skip
    expected = {
        name: named
        for name, each in lists.items()
        if (named := [address for address in asked if any(address in net for net in each)])
    }
    assert found == expected


def test_what_is_equally_specific_is_added_together_and_an_exclusion_wins() -> None:
    entries: list[Entry] = [(ip_network("198.51.100.0/25"), 0), (ip_network("198.51.100.0/25"), 1)]
    both = stacked(4, entries, of=25, most=2)
    out = stacked(4, [(ip_network("198.51.100.7/32"), EXCLUDED)], of=32)
    stretches = paint(4, [both + out], 2)
    asked = [IPv4Address("198.51.100.6"), IPv4Address("198.51.100.7"), IPv4Address("198.51.100.128")]
    said = [stretches.sets[value] if value >= 0 else () for value in stretches.at(keys_of(asked, 4)).tolist()]
    assert said == [(0, 1), (), ()]


def test_of_a_network_that_is_named_twice_the_first_mention_stands() -> None:
    entries: list[Entry] = [(ip_network("198.51.100.0/24"), 2), (ip_network("198.51.100.0/24"), 1)]
    assert painted(4, entries).at(keys_of([IPv4Address("198.51.100.9")], 4)).tolist() == [2]


def test_without_any_list_nothing_is_named() -> None:
    assert Cover(4, {}).find(keys_of([IPv4Address("198.51.100.9")], 4)) == {}
    assert Cover(6, {"empty": paint(6, [], 0)}).find(keys_of([IPv6Address("2001:db8::")], 6)) == {}


def test_ranges_are_spread_into_every_address_first_and_last_included() -> None:
    ranges = [IPv4Network("198.51.100.254/31"), IPv4Network("203.0.113.7/32"), IPv4Network("192.0.2.0/30")]
    assert spread(ranges).tolist() == [int(address) for each in ranges for address in each]
    assert spread([]).tolist() == []


@given(st.lists(networks(4), max_size=6), st.lists(networks(4), max_size=6))
def test_the_ranges_that_are_touched_are_those_in_which_a_list_names_an_address(
    named: list[IPv4Network], asked: list[IPv4Network]
) -> None:
    cover = Cover(4, {"list": painted(4, [(net, 0) for net in named])})
    assert cover.touched(asked) == [each for each in asked if any(each.overlaps(net) for net in named)]


def test_the_first_and_the_last_address_of_all_touch_their_ranges() -> None:
    edges = [IPv4Network("0.0.0.0/32"), IPv4Network("255.255.255.255/32")]
    cover = Cover(4, {"edges": painted(4, [(net, 0) for net in edges])})
    asked = [IPv4Network(each) for each in ("0.0.0.0/24", "0.0.0.1/32", "128.0.0.0/24", "255.255.255.0/24")]
    assert cover.touched(asked) == [asked[0], asked[3]]
    assert Cover(4, {}).touched(asked) == []
