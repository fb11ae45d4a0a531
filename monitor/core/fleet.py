"""What the shop sells and to whom: customers, units, tiers, suppliers, deliveries, spares."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


class Niche(StrEnum):
    """What kind of thing is sold."""

    VPS = "vps"
    VPN = "vpn"
    SMS = "sms"
    STREAMING = "streaming"
    AI = "ai"


@dataclass(frozen=True, slots=True)
class Promised:
    """What a tier promises; None: nothing was promised about it. RAM in MiB, disk and monthly traffic in GiB."""

    region: str | None = None
    vcpus: int | None = None
    ram_mib: int | None = None
    disk_gib: int | None = None
    traffic_gib: int | None = None


@dataclass(frozen=True, slots=True)
class Tier:
    """Units of one tier are exchangeable; a higher ``rank`` of the same niche is at least as good."""

    name: str
    niche: Niche
    rank: int
    provider: str | None = None
    plan: str | None = None
    promised: Promised = Promised()


@dataclass(frozen=True, slots=True)
class Unit:
    """One concrete thing: a VPN range with its key, or an account. ``access`` names a secret file, not its content.

    ``protocol`` names how its endpoint is spoken to, ``endpoint`` where that is (``host:port``).
    """

    name: str
    tier: str
    supplier: str
    ranges: tuple[Network, ...] = ()
    address: Address | None = None
    access: str | None = None
    cost: Decimal = Decimal(0)
    protocol: str | None = None
    endpoint: str | None = None

    @property
    def main_address(self) -> Address | None:
        """The address the customer uses first: the one given, else the first of the first range."""
        if self.address is not None or not self.ranges:
            return self.address
        return self.ranges[0].network_address


@dataclass(frozen=True, slots=True)
class Customer:
    """Somebody who ordered. ``chat`` is a Telegram chat id; ``language`` a BCP 47 tag."""

    name: str
    language: str = "en"
    chat: int | None = None
    email: str | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """A unit handed to a customer under an order. ``turn`` counts replacements of the same item: 0 is the first."""

    number: int
    order: str
    item: int
    turn: int
    customer: str
    unit: Unit
    tier: Tier
    delivered_at: datetime
    imported_at: datetime
    tx_hash: str | None = None


@dataclass(frozen=True, slots=True)
class Spare:
    """A unit on the shelf. ``sound_at``: when lists and provider last had nothing against it; None: never looked."""

    unit: Unit
    sound_at: datetime | None = None
