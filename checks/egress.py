"""Where a session may connect to: the guard against being sent to ourselves, our neighbours or the metadata service."""

import socket
from collections.abc import Callable, Collection
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any

from monitor.core.fleet import Address, Network

# Python calls these global (some only in certain versions), and yet each leads to somewhere else than it says: into
# an IPv4 network of the translator's choice, to many hosts, or to a cloud's own house service.
TREACHEROUS: tuple[tuple[Network, str], ...] = (
    (ip_network("64:ff9b::/96"), "NAT64"),
    (ip_network("64:ff9b:1::/48"), "NAT64"),
    (ip_network("2002::/16"), "6to4"),
    (ip_network("192.88.99.0/24"), "6to4 relay"),
    (ip_network("192.0.0.0/24"), "special purpose"),
    (ip_network("2001::/32"), "Teredo"),
    (ip_network("::/96"), "IPv4-compatible"),
    (ip_network("fec0::/10"), "site-local"),
    (ip_network("5f00::/16"), "segment routing"),
    (ip_network("3fff::/20"), "documentation"),
    (ip_network("168.63.129.16/32"), "cloud metadata"),
)


class EgressError(OSError):
    """A connection to an address that no provider has any business at."""


def forbidden(address: Address, allow: Collection[Network]) -> str | None:
    """Say why an address may not be connected to; None: it may. ``allow`` names exceptions, such as 127.0.0.0/8."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if any(address in network for network in allow):
        return None
    for network, what in TREACHEROUS:
        if address in network:
            return what
    if address.is_multicast:
        return "multicast"
    return None if address.is_global else "not a public address"


def guarded_socket(allow: Collection[Network]) -> Callable[[tuple[Any, ...]], socket.socket]:
    """Make the socket factory of a session: it sees the very address that is about to be connected to.

    So there is no gap between the check and the connection for a second, different answer of the resolver.
    """

    def open_socket(target: tuple[Any, ...]) -> socket.socket:
        family, kind, protocol, _, place = target
        why = forbidden(ip_address(str(place[0]).partition("%")[0]), allow)
        if why is not None:
            raise EgressError(f"{place[0]} is refused: {why}; name its network under allow if this is meant")
        return socket.socket(family, kind, protocol)

    return open_socket
