"""ENDPOINTS: the registry of kinds of endpoints, and what each of them has to offer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Generic, Protocol, TypeVar

from pydantic import Field

from checks.endpoints import openvpn, ssh, tcp, wireguard
from checks.knock import Manner, Target
from monitor.clock import Clock
from monitor.core.endpoint import Knock
from monitor.core.secret import Secret

OptionsT = TypeVar("OptionsT", bound=Manner)


class Endpoint(Protocol):
    """Knocks at endpoints of one kind."""

    async def knock(self, target: Target | None, secret: Secret | None) -> Knock:
        """Say what the endpoint says, to a key where it is about keys; the world's faults are answers."""

    def where(self, secret: Secret | None) -> Target | None:
        """Give the endpoint that the secret itself names; None: it names none."""


@dataclass(frozen=True, slots=True)
class Entry(Generic[OptionsT]):
    """A kind of endpoint in the registry: its options, and what is made of them and a clock."""

    options: type[OptionsT]
    make: Callable[[OptionsT, Clock], Endpoint]


ENDPOINTS: Mapping[str, Entry[Any]] = {
    "openvpn": Entry(openvpn.Options, openvpn.OpenVpn),
    "ssh": Entry(ssh.Options, ssh.Ssh),
    "tcp": Entry(tcp.Options, tcp.Tcp),
    "wireguard": Entry(wireguard.Options, wireguard.WireGuard),
}

EndpointOptions = Annotated[
    openvpn.Options | ssh.Options | tcp.Options | wireguard.Options, Field(discriminator="kind")
]
"""What an endpoint's table of the settings may hold: its ``kind`` tells which."""


def open_endpoint(options: Manner, clock: Clock) -> Endpoint:
    """Make what knocks at endpoints of this kind."""
    kind: str = getattr(options, "kind", "")
    return ENDPOINTS[kind].make(options, clock)
