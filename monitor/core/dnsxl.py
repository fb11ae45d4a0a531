"""RFC 5782 words: how a DNS list is asked about an address, and what its reply means.

A *reply* is what came back over the wire; an *answer* (see :mod:`monitor.core.observation`) is what it says about the
address. Only :func:`read_answer` leads from one to the other.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import assert_never

from monitor.core.fleet import Address
from monitor.core.observation import Answer, Clear, Listed, Refused, Silent
from monitor.core.secret import Secret

LOOPBACK = 127
"""The first octet of every answer (RFC 5782 section 2.1)."""
REFUSAL_BLOCK = 0x7FFFFF00
"""127.255.255.0/24: by convention an error of the asker, never a reputation."""

TEST_LISTED_4 = IPv4Address("127.0.0.2")
TEST_CLEAN_4 = IPv4Address("127.0.0.1")
TEST_LISTED_6 = IPv6Address("::ffff:7f00:2")
TEST_CLEAN_6 = IPv6Address("::ffff:7f00:1")


class Weight(StrEnum):
    """How much one list may move a verdict."""

    ALERT = "alert"
    WARN = "warn"
    INFO = "info"


class Mode(StrEnum):
    """How a list writes its answer: a code for each reason, or bits of the last octet."""

    EXACT = "exact"
    BITMASK = "bitmask"


@dataclass(frozen=True, slots=True)
class TestPoints:
    """What must be listed and what must not, before a zone is believed (RFC 5782 section 5); None: unknown."""

    listed: IPv4Address | None = TEST_LISTED_4
    clean: IPv4Address | None = TEST_CLEAN_4
    listed6: IPv6Address | None = TEST_LISTED_6
    clean6: IPv6Address | None = TEST_CLEAN_6
    control: bool = True
    """Whether an address that nobody has must be clean: not so on lists of what nobody may use."""


@dataclass(frozen=True, slots=True)
class Zone:
    """One DNS list: its name, who runs it, and how its answers are to be read.

    ``listed`` maps a code (an address in 127/8, or in ``BITMASK`` mode one bit of the last octet, as an integer) to its
    meaning; empty means that every code in 127/8 that is not refused or ignored is a listing. ``group`` names the
    independent operator: lists of one group count once.
    """

    name: str
    operator: str
    group: str
    weight: Weight = Weight.ALERT
    families: frozenset[int] = frozenset({4})
    mode: Mode = Mode.EXACT
    listed: Mapping[int, str] = field(default_factory=dict)
    refused: Mapping[int, str] = field(default_factory=dict)
    ignored: frozenset[int] = frozenset()
    info: frozenset[int] = frozenset()
    white: bool = False
    test: TestPoints = TestPoints()
    delist: str | None = None
    key: Secret | None = None
    """Goes in front of the name that is asked; never shown."""

    @property
    def asked(self) -> str:
        """The name that is really asked: a secret, where there is a key."""
        return self.name if self.key is None else f"{self.key.reveal()}.{self.name}"


@dataclass(frozen=True, slots=True)
class Addresses:
    """NOERROR with A records, as integers, in the order received."""

    codes: tuple[int, ...]
    text: str | None = None


@dataclass(frozen=True, slots=True)
class NoSuchName:
    """NXDOMAIN, or NOERROR without an A record: not listed (RFC 5782 section 2.1)."""


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """Any other response code, by its number (RFC 6895): 2 SERVFAIL, 5 REFUSED."""

    rcode: int


@dataclass(frozen=True, slots=True)
class Unanswered:
    """Nothing usable came back in time: ``timeout``, ``unreachable``, ``garbage``, ``quota`` ..."""

    why: str


Reply = Addresses | NoSuchName | ErrorCode | Unanswered

RCODES = {1: "FORMERR", 2: "SERVFAIL", 4: "NOTIMP", 5: "REFUSED"}
REFUSED_RCODE = 5


def query_name(address: Address, zone: str) -> str:
    """Give the name to ask: octets (IPv4) or nibbles (IPv6) reversed before the zone; a mapped address stays IPv6."""
    # From the number: newer Pythons write a mapped IPv6 address with dots.
    labels = str(address).split(".") if isinstance(address, IPv4Address) else list(f"{int(address):032x}")
    return ".".join((*reversed(labels), zone))


def read_answer(zone: Zone, reply: Reply) -> Answer:
    """Say what a reply means for the address asked about: listed, clear, refused or silent. Never a guess.

    A reply with several records is read whole: one refusal spoils it, one listing code among white ones lists.
    """
    match reply:
        case NoSuchName():
            return Clear()
        case Unanswered(why):
            return Silent(why)
        case ErrorCode(rcode):
            name = RCODES.get(rcode, f"rcode {rcode}")
            return Refused(name) if rcode == REFUSED_RCODE else Silent(name)
        case Addresses(codes, text):
            return _read_codes(zone, codes, text)
        case _:
            assert_never(reply)


def is_listed_at_all(reply: Reply, zone: Zone) -> bool:
    """Tell whether a test entry is there: any code in 127/8 that is no refusal; lists mark it as they like."""
    return (
        isinstance(reply, Addresses)
        and len(reply.codes) > 0
        and all(code >> 24 == LOOPBACK and code & 0xFFFFFF00 != REFUSAL_BLOCK for code in reply.codes)
        and not any(code in zone.refused for code in reply.codes)
    )


def _read_codes(zone: Zone, codes: tuple[int, ...], text: str | None) -> Answer:
    for code in codes:
        if code in zone.refused:
            return Refused(f"{ip_address(code)}: {zone.refused[code]}")
        if code & 0xFFFFFF00 == REFUSAL_BLOCK:
            return Refused(f"{ip_address(code)}: the list does not serve this resolver")
        if code >> 24 != LOOPBACK:
            # A parked zone or a rewriting resolver answers every name with a web server's address.
            return Silent(f"{ip_address(code)} is outside 127.0.0.0/8")
    hits = tuple(code for code in codes if _is_listing(zone, code))
    if not hits:
        # A code that nobody declared may be a new kind of listing: it says nothing, least of all that all is well.
        odd = next((code for code in codes if not (zone.white or code in zone.ignored)), None)
        return Clear() if odd is None else Silent(f"{ip_address(odd)} has no declared meaning")
    meanings = dict.fromkeys(meaning for code in hits for meaning in _meanings(zone, code))
    told = text or "; ".join(meanings) or None
    return Listed(codes=hits, reason=told, informative=all(_is_informative(zone, code) for code in hits))


def _is_listing(zone: Zone, code: int) -> bool:
    if zone.white or code in zone.ignored:
        return False
    if zone.mode is Mode.BITMASK:
        return any(code & 0xFF & bit for bit in zone.listed)
    # 127.0.0.1 is the entry that must not exist: where the catalogue does not declare it, it means nothing.
    return code in zone.listed if zone.listed else code != int(TEST_CLEAN_4)


def _is_informative(zone: Zone, code: int) -> bool:
    if zone.mode is Mode.BITMASK:
        return all(bit in zone.info for bit in zone.listed if code & 0xFF & bit)
    return code in zone.info


def _meanings(zone: Zone, code: int) -> list[str]:
    if zone.mode is Mode.BITMASK:
        return [meaning for bit, meaning in zone.listed.items() if code & 0xFF & bit]
    return [zone.listed[code]] if zone.listed.get(code) else []
