"""What is sold."""

from ipaddress import IPv4Address, IPv6Address, ip_network

import pytest

from monitor.core.fleet import Address, Unit


@pytest.mark.parametrize(
    ("given", "main"),
    [
        pytest.param(
            Unit("u", "t", "s", (ip_network("203.0.113.0/28"),), IPv4Address("203.0.113.7")),
            IPv4Address("203.0.113.7"),
            id="the one that was named",
        ),
        pytest.param(
            Unit("u", "t", "s", (ip_network("203.0.113.16/28"), ip_network("198.51.100.0/28"))),
            IPv4Address("203.0.113.16"),
            id="else the first of the first range",
        ),
        pytest.param(
            Unit("u", "t", "s", (), IPv6Address("2001:db8::7")), IPv6Address("2001:db8::7"), id="named without a range"
        ),
        pytest.param(Unit("u", "t", "s"), None, id="a unit without addresses has none"),
    ],
)
def test_the_main_address_of_a_unit(given: Unit, main: Address | None) -> None:
    assert given.main_address == main
