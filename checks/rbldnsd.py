"""Reads the data files of rbldnsd (its manual, rbldnsd(8)), so that the mirror of a zone need not be asked over DNS.

What rbldnsd itself leaves out of a file is left out here too: networks with bits beyond their prefix, for one.
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from ipaddress import IPv4Address
from typing import Literal

from checks.formats import BITS, Harvest, Roll, Said, Unreadable, gather, network
from checks.intervals import EXCLUDED
from monitor.core.fleet import Address


class DataFormat(StrEnum):
    """The kinds of data sets that name addresses with values."""

    IP4SET = "ip4set"
    IP4TRIE = "ip4trie"
    IP6TRIE = "ip6trie"


FAMILY: Mapping[DataFormat, Literal[4, 6]] = {DataFormat.IP4SET: 4, DataFormat.IP4TRIE: 4, DataFormat.IP6TRIE: 6}

DEFAULT = Said(code=int(IPv4Address("127.0.0.2")))
LOOPBACK = int(IPv4Address("127.0.0.0"))

PREFIX = r"\d{1,3}(?:\.\d{1,3}){0,3}"
PLACE_4 = re.compile(rf"({PREFIX})(?:/(\d{{1,2}})|-({PREFIX}))?(?=$|[\s#;:])", re.ASCII)
PLACE_6 = re.compile(r"([0-9A-Fa-f:]+)(?:/(\d{1,3}))?(?=$|[\s#;:])", re.ASCII)
VALUE = re.compile(r":\s*(\d{1,3}(?:\.\d{1,3}){3}|\d{1,3})\s*(?:(:)\s*(.*)|[#;].*)?", re.ASCII)
SPECIAL = re.compile(r"[#;:]?\$(\w+|=)(?:\s+(.*))?", re.DOTALL)
KNOWN = frozenset({"soa", "ns", "nameserver", "ttl", "timestamp", "="})


def read_data(kind: DataFormat, body: bytes) -> Roll:
    """Read a data file; :class:`Unreadable` if it is none."""
    # In an ip4set whoever names less of 8, 16, 24 or 32 bits is more specific, and all that is equally specific speaks.
    harvest = Harvest({FAMILY[kind]}, (lambda length: (length + 7) // 8) if kind is DataFormat.IP4SET else None)
    return gather(_DataFile(kind, harvest), harvest, body)


def expand(words: str, address: Address) -> str:
    """Give the words of an entry, with the address in the place of its ``$``."""
    return re.sub(r"\$(\$?)", lambda found: found[1] or str(address), words)


class _DataFile:
    def __init__(self, kind: DataFormat, harvest: Harvest) -> None:
        self._kind = kind
        self._harvest = harvest
        self._default = DEFAULT
        self._variables: dict[str, str] = {}
        self._largest = 1 << BITS[FAMILY[kind]]

    def line(self, line: bytes) -> bool | None:
        words = line.decode(errors="replace").strip()
        if special := SPECIAL.fullmatch(words):
            return self._special(special[1].lower(), special[2] or "")
        if not words or words[0] in "#;":
            return None
        # "::" begins an address: no value is empty.
        if words[0] == ":" and not (self._kind is DataFormat.IP6TRIE and words[1:2] == ":"):
            said = self._value(words, DEFAULT)
            self._default = said or self._default
            return None if said else False
        return self._entry(words[1:].lstrip(), excluded=True) if words[0] == "!" else self._entry(words)

    def end(self) -> None:
        """Whether such a file is whole cannot be told."""

    def _special(self, name: str, rest: str) -> bool | None:
        if name == "dataset":
            raise Unreadable("it is a combined file; name one with a single dataset")
        if name == "maxrange4" and (found := re.fullmatch(r"(/?)(\d{1,9})", rest)):
            self._largest = 1 << max(32 - int(found[2]), 0) if found[1] else int(found[2])
            return None
        if name.isdigit():
            self._variables.setdefault(name, rest)
            return None
        return None if name in KNOWN else False

    def _entry(self, words: str, *, excluded: bool = False) -> bool | None:
        place = (PLACE_6 if self._kind is DataFormat.IP6TRIE else PLACE_4).match(words)
        networks = self._networks(place) if place else None
        said = self._value(words[place.end() :].strip(), self._default) if place else None
        if networks is None or not (said or excluded):
            return False
        if sum(1 << (BITS[version] - length) for version, _, length in networks) > self._largest:
            return None
        value = EXCLUDED if excluded else self._harvest.value(said or self._default)
        for each in networks:
            self._harvest.add(*each, value)
        return True

    def _networks(self, place: re.Match[str]) -> list[tuple[int, int, int]] | None:
        if self._kind is DataFormat.IP6TRIE:
            found = _network_6(place[1], place[2])
            return None if found is None else [found]
        first = _prefix_4(place[1])
        if first is None or (place[3] and self._kind is not DataFormat.IP4SET):
            return None
        start, length = first
        if place[3]:
            last = _last_4(start, length, place[3])
            return None if last is None or last < start else _cut(start, last)
        if place[2]:
            length = int(place[2])
        elif length == 8:  # noqa: PLR2004 - the number is the subject
            return None
        return None if length > BITS[4] or start & ((1 << (BITS[4] - length)) - 1) else [(4, start, length)]

    def _value(self, words: str, default: Said) -> Said | None:
        """Read ``:127.0.0.2:words``, ``:2:words``, ``words`` or nothing; None if it is none of them."""
        if not words or words[0] in "#;":
            return default
        if words[0] != ":":
            return Said(default.code, self._put_in(words))
        found = VALUE.fullmatch(words)
        code = _prefix_4(found[1]) if found else None
        if found is None or code is None:
            return None
        number = code[0] if "." in found[1] else LOOPBACK | code[0] >> 24
        # A second colon without words means that there are none.
        return Said(number, self._put_in(found[3]) if found[2] else default.words)

    def _put_in(self, words: str) -> str:
        """Put the variables of the file into words."""
        return re.sub(r"\$([\d$])", lambda found: self._variables.get(found[1], found[0]), words)


def _prefix_4(words: str) -> tuple[int, int] | None:
    """Read leading octets: the address, filled up with zeros, and how many bits they are."""
    octets = [int(each) for each in words.split(".")]
    if max(octets) > 255:  # noqa: PLR2004 - the number is the subject
        return None
    return int.from_bytes(bytes(octets).ljust(4, b"\0"), "big"), 8 * len(octets)


def _last_4(start: int, length: int, words: str) -> int | None:
    """Read the end of a range: 127.0.0.1-2 is 127.0.0.1-127.0.0.2, and 127.16-127.31 ends with 127.31.255.255."""
    found = _prefix_4(words)
    if found is None:
        return None
    last, bits = found
    if bits == 8:  # noqa: PLR2004 - the number is the subject
        last = (last >> (length - 8)) | (start >> (40 - length) << (40 - length))
    elif bits != length:
        return None
    return last | ((1 << (32 - length)) - 1)


def _cut(first: int, last: int) -> list[tuple[int, int, int]]:
    """Cut an IPv4 range into networks."""
    networks = []
    while first <= last:
        size = min(first & -first or 1 << 32, 1 << (last - first + 1).bit_length() - 1)
        networks.append((4, first, 33 - size.bit_length()))
        first += size
    return networks


def _network_6(words: str, bits: str | None) -> tuple[int, int, int] | None:
    """Read an IPv6 network, whose groups may be fewer than eight: what they leave out is zero, or any."""
    groups = words.count(":") + 1
    short = "::" not in words and groups < 8  # noqa: PLR2004 - the number is the subject
    if short and groups == 1 and bits is None:
        return None
    length = bits or str(16 * groups if short else BITS[6])
    host = network(words + "::" if short else words)
    found = network(f"{words}{'::' if short else ''}/{length}")
    return found if host is not None and found is not None and host[1] == found[1] else None
