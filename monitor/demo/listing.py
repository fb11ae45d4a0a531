"""What a DNS list says about a name, and every way in which it can mislead whoever reads it. No sockets here."""

import random
from contextlib import suppress
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import assert_never

import dns.name
import dns.rcode

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

TEST_ENTRIES: dict[int, Address] = {4: IPv4Address("127.0.0.2"), 6: IPv6Address("::ffff:7f00:2")}
BOTH = frozenset(TEST_ENTRIES)
CLEAN_POINTS = frozenset({IPv4Address("127.0.0.1"), IPv6Address("::ffff:7f00:1")})
LISTED = "127.0.0.2"


@dataclass(frozen=True, slots=True)
class Normal:
    """Answers from its entries; ``test_entries`` are the families whose RFC 5782 test entry it keeps."""

    test_entries: frozenset[int] = BOTH


@dataclass(frozen=True, slots=True)
class Dead:
    """Never answers; over TCP it accepts the connection and says nothing."""


@dataclass(frozen=True, slots=True)
class World:
    """Lists every name it is asked about, 127.0.0.1 and nonsense included."""

    code: str = LISTED
    reason: str = "This list has been shut down"


@dataclass(frozen=True, slots=True)
class RefusesUs:
    """Answers every name with a code that means: this list does not serve your resolver."""

    code: str = "127.255.255.254"
    reason: str = "Error: open resolver"


@dataclass(frozen=True, slots=True)
class Rcode:
    """Answers every question with this response code (RFC 6895): 2 SERVFAIL, 5 REFUSED ..."""

    rcode: int


@dataclass(frozen=True, slots=True)
class Parked:
    """A sold domain: every name under it is a web server."""

    address: str = "146.112.61.108"


@dataclass(frozen=True, slots=True)
class Rewriting:
    """A resolver on the way turns "no such name" into a web address; what is listed comes through."""

    address: str = "198.51.100.80"


@dataclass(frozen=True, slots=True)
class White:
    """A list of the good: has a kind word for every address that is not entered (except the clean test point)."""

    code: str = "127.0.5.1"
    reason: str = "Trusted"


@dataclass(frozen=True, slots=True)
class Delayed:
    """Answers like ``then``, this many seconds late."""

    seconds: float
    then: "Behaviour" = Normal()


@dataclass(frozen=True, slots=True)
class Lossy:
    """Answers like ``then``, except for this share (0 to 1) of the questions, which get lost."""

    share: float
    then: "Behaviour" = Normal()


Behaviour = Normal | Dead | World | RefusesUs | Rcode | Parked | Rewriting | White | Delayed | Lossy


@dataclass(frozen=True, slots=True)
class Entry:
    """What a zone says about one address or network: its codes (A records) and the reason (TXT record)."""

    codes: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Told:
    """What will be told about one name, and how many seconds late."""

    rcode: int = dns.rcode.NOERROR
    codes: tuple[str, ...] = ()
    reason: str | None = None
    after: float = 0.0


NO_SUCH_NAME = Told(rcode=dns.rcode.NXDOMAIN)


@dataclass(slots=True)
class Zone:
    """One list: its entries, and how it behaves just now."""

    apex: dns.name.Name
    behaviour: Behaviour
    # By family and prefix length, so that a lookup costs one step per length in use, however many entries there are.
    entries: dict[tuple[int, int], dict[Network, Entry]] = field(default_factory=dict)

    def tell(self, name: dns.name.Name, chance: random.Random) -> Told | None:
        """Tell what the zone, as it behaves now, says about a name under it; None for silence."""
        return self._tell(self.behaviour, name, chance)

    def _tell(self, behaviour: Behaviour, name: dns.name.Name, chance: random.Random) -> Told | None:
        told: Told | None
        match behaviour:
            case Normal(test_entries):
                told = self._honest(name, test_entries)
            case Dead():
                told = None
            case Rcode(rcode):
                told = Told(rcode=rcode)
            case Parked(address):
                told = Told(codes=(address,))
            case World(code, reason) | RefusesUs(code, reason):
                told = Told() if name == self.apex else Told(codes=(code,), reason=reason)
            case Rewriting(address):
                honest = self._honest(name)
                told = Told(codes=(address,)) if honest == NO_SUCH_NAME else honest
            case White(code, reason):
                honest = self._honest(name)
                stranger = honest == NO_SUCH_NAME and address_in(name, self.apex) not in CLEAN_POINTS | {None}
                told = Told(codes=(code,), reason=reason) if stranger else honest
            case Delayed(seconds, then):
                told = self._tell(then, name, chance)
                told = told and replace(told, after=told.after + seconds)
            case Lossy(share, then):
                told = None if chance.random() < share else self._tell(then, name, chance)
            case _:
                assert_never(behaviour)
        return told

    def _honest(self, name: dns.name.Name, test_entries: frozenset[int] = BOTH) -> Told:
        """Tell what the entries say."""
        if name == self.apex:
            return Told()
        address = address_in(name, self.apex)
        entry = address and (self._entry(address) or _test_entry(address, test_entries))
        return Told(codes=entry.codes, reason=entry.reason) if entry else NO_SUCH_NAME

    def _entry(self, address: Address) -> Entry | None:
        """Give the narrowest entry that covers the address."""
        lengths = sorted((length for family, length in self.entries if family == address.version), reverse=True)
        for length in lengths:
            if found := self.entries[address.version, length].get(ip_network((address, length), strict=False)):
                return found
        return None

    def enter(self, network: Network, code: str, reason: str) -> None:
        """Enter a network; one that is entered already gets the code in addition, and the new reason."""
        entries = self.entries.setdefault((network.version, network.prefixlen), {})
        codes = entries[network].codes if network in entries else ()
        entries[network] = Entry((*codes, code) if code not in codes else codes, reason)

    def remove(self, network: Network) -> None:
        """Take a network out again, exactly as it was entered; one that is not entered stays so."""
        self.entries.get((network.version, network.prefixlen), {}).pop(network, None)


def address_in(name: dns.name.Name, apex: dns.name.Name) -> Address | None:
    """Read the address in a name: four octets or 32 nibbles, backwards; None for any other name."""
    labels = [label.decode("ascii", "replace") for label in reversed(name.relativize(apex).labels)]
    with suppress(ValueError):
        if len(labels) == 4:  # noqa: PLR2004 - octets of IPv4
            return IPv4Address(".".join(labels))
        if len(labels) == 32 and all(len(label) == 1 for label in labels):  # noqa: PLR2004 - nibbles of IPv6
            return IPv6Address(int("".join(labels), 16))
    return None


def _test_entry(address: Address, families: frozenset[int]) -> Entry | None:
    wanted = address.version in families and address == TEST_ENTRIES[address.version]
    return Entry((LISTED,), "Test entry (RFC 5782)") if wanted else None
