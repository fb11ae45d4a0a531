"""Which networks can be sold: those of the public internet, and of a size that one can watch."""

from bisect import bisect_right
from ipaddress import ip_network
from itertools import pairwise

from monitor.core.fleet import Address, Network

WIDEST = {4: 16, 6: 32}
"""The shortest prefix of a sold range, by IP version."""

SPECIAL = {
    "0.0.0.0/8": "this host's own",
    "10.0.0.0/8": "private",
    "100.64.0.0/10": "shared behind a carrier's NAT",
    "127.0.0.0/8": "loopback",
    "169.254.0.0/16": "link-local",
    "172.16.0.0/12": "private",
    "192.0.0.0/24": "for protocols",
    "192.0.2.0/24": "for documentation",
    "192.88.99.0/24": "for 6to4 relays",
    "192.168.0.0/16": "private",
    "198.18.0.0/15": "for benchmarks",
    "198.51.100.0/24": "for documentation",
    "203.0.113.0/24": "for documentation",
    "224.0.0.0/4": "multicast",
    "240.0.0.0/4": "reserved",
    "::/3": "not public unicast",
    "2001::/23": "for protocols",
    "2001:db8::/32": "for documentation",
    "2002::/16": "for 6to4",
    "3fff::/20": "for documentation",
    "4000::/2": "not public unicast",
    "8000::/2": "not public unicast",
    "c000::/3": "not public unicast",
    "e000::/4": "not public unicast",
    "f000::/5": "not public unicast",
    "f800::/6": "not public unicast",
    "fc00::/7": "private",
    "fe00::/9": "not public unicast",
    "fe80::/10": "link-local",
    "fec0::/10": "private",
    "ff00::/8": "multicast",
}
"""Blocks that are nobody's on the public internet (IANA special-purpose registries; IPv6 unicast is 2000::/3)."""

_BLOCKS = [(ip_network(block), what) for block, what in SPECIAL.items()]
_KNOWN = {
    version: sorted(
        (int(block.network_address), int(block.broadcast_address), what)
        for block, what in _BLOCKS
        if block.version == version
    )
    for version in WIDEST
}
_FIRSTS = {version: [first for first, _, _ in blocks] for version, blocks in _KNOWN.items()}


def what_else(network: Network) -> str | None:
    """Say what a network is that is not public throughout: ``private``, ``for documentation`` ...; else None."""
    first = int(network.network_address)
    return _what_lies(network.version, first, first | (1 << network.max_prefixlen - network.prefixlen) - 1)


def what_is(address: Address) -> str | None:
    """Say what an address is that is not public; else None."""
    return _what_lies(address.version, int(address), int(address))


def _what_lies(version: int, first: int, last: int) -> str | None:
    blocks = _KNOWN[version]
    # Blocks do not overlap: only the last one that begins before our end can reach into us.
    at = bisect_right(_FIRSTS[version], last) - 1
    return blocks[at][2] if at >= 0 and blocks[at][1] >= first else None


def too_wide(network: Network) -> bool:
    """Tell whether a network is wider than anybody is sold."""
    return network.prefixlen < WIDEST[network.version]


def overlapping(networks: tuple[Network, ...]) -> tuple[Network, Network] | None:
    """Give two of these networks that overlap, if there are."""
    spans = sorted(
        ((each.version, int(each.network_address), int(each.broadcast_address), each) for each in networks),
        key=lambda span: span[:3],
    )
    for (version, _, end, one), (other_version, start, _, other) in pairwise(spans):
        if version == other_version and start <= end:
            return one, other
    return None
