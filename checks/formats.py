"""Reads downloaded lists, each format in its own words; what cannot be a list is refused as a whole."""

from array import array
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from io import BytesIO
from socket import AF_INET, AF_INET6, inet_pton
from typing import Protocol

import numpy as np
import pydantic_core

from checks.foreign import Foreign
from checks.intervals import EXCLUDED, KINDS, Layer, Stretches, layers, paint

LONGEST_LINE = 1024
"""Bytes."""
READABLE = 0.95
"""The share of lines that must be understood."""
WIDEST: Mapping[int, int] = {4: 8, 6: 16}
"""By family, the shortest prefix that is believed: with one line a wider one would list the world."""
WORLD: Mapping[int, int] = {4: 0, 6: 3}
"""By family, the prefix length of all that is in use; IPv6 lives in 2000::/3."""
SAME = 8
"""How often one network may be named with different values; an answer could hardly bear more."""
BITS: Mapping[int, int] = {4: 32, 6: 128}


class Unreadable(ValueError):  # noqa: N818 - it is no error, it is a way out
    """A text that is no list, or only a part of one; says why."""


class Format(StrEnum):
    """How a list is written."""

    PLAIN = "plain"
    """An address or a network a line; comments after ``#`` or ``;``."""
    NETSET = "netset"
    """FireHOL's name for the same."""
    DROP = "drop-json"
    """Spamhaus DROP: a JSON object a line, the last with the number of the others."""
    DSHIELD = "dshield"
    """DShield's block list: first and last address and prefix length between tabs."""
    TOR = "exit-addresses"
    """Tor's exit addresses, with what is known of each relay around them."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a list says of an entry: the code with which a zone would answer (as an integer), and words."""

    code: int | None = None
    words: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Roll:
    """A list as it was read: by family, which stretches it names, and by value what it says of them."""

    stretches: Mapping[int, Stretches]
    said: tuple[Said, ...]
    entries: int
    wide: int
    """Entries left out because they name too much."""
    share: Mapping[int, float]
    """By family, how much of the Internet is named."""


class Harvest:
    """Gathers the entries of one list, family by family and length by length."""

    def __init__(self, families: Collection[int], together: Callable[[int], int] | None = None) -> None:
        self.entries = self.wide = 0
        self._families = frozenset(families)
        self._together = together or (lambda length: length)
        self._several = together is not None
        self._values: dict[Said, int] = {}
        self._keys: dict[tuple[int, int], bytearray] = {}
        self._marks: dict[tuple[int, int], array[int]] = {}
        self._hosts = self._keys[4, 32] = bytearray()
        self._host_marks = self._marks[4, 32] = array("i")

    def value(self, said: Said) -> int:
        """Give the number of a value."""
        return self._values.setdefault(said, len(self._values))

    def add(self, version: int, key: int, length: int, value: int) -> None:
        """Take an entry: the first address of a network as a number, and its prefix length."""
        if version not in self._families:
            return
        if length < WIDEST[version] and value != EXCLUDED:
            self.wide += 1
            return
        self.entries += value != EXCLUDED
        place = version, length
        if place not in self._keys:
            self._keys[place], self._marks[place] = bytearray(), array("i")
        self._keys[place] += key.to_bytes(BITS[version] // 8, "big")
        self._marks[place].append(value)

    def host(self, packed: bytes, value: int) -> None:
        """Take a single IPv4 address, by far the most frequent entry."""
        if 4 in self._families:  # noqa: PLR2004 - the number is the subject
            self.entries += 1
            self._hosts += packed
            self._host_marks.append(value)

    def bring_in(self) -> Roll:
        """Give all that was gathered; of two networks the more specific one speaks."""
        stretches: dict[int, Stretches] = {}
        share: dict[int, float] = {}
        for version in sorted(self._families):
            groups: dict[int, list[Layer]] = {}
            share[version] = 0.0
            for length in sorted(length for each, length in self._keys if each == version):
                found = self._layers(version, length)
                groups.setdefault(self._together(length), []).extend(found)
                share[version] += sum(map(_named, found)) * 2.0 ** (WORLD[version] - length)
            stretches[version] = paint(version, groups.values(), len(self._values))
        return Roll(stretches, tuple(self._values), self.entries, self.wide, share)

    def _layers(self, version: int, length: int) -> list[Layer]:
        raw = np.frombuffer(self._keys[version, length], ">u4" if version == 4 else "S16")  # noqa: PLR2004 - the number is the subject
        values = np.frombuffer(self._marks[version, length], np.int32)
        return layers(raw.astype(KINDS[version]), length, values, SAME if self._several else 1)


def _named(layer: Layer) -> int:
    return int(np.count_nonzero(layer.values != EXCLUDED))


class Reader(Protocol):
    """Reads one format."""

    def line(self, line: bytes) -> bool | None:
        """Take a line: True if it was understood, False if not, None if there is nothing in it to understand."""

    def end(self) -> None:
        """Raise :class:`Unreadable` if the list is not whole."""


def gather(reader: Reader, harvest: Harvest, body: bytes) -> Roll:
    """Let a reader read a whole list, and bring in the harvest; :class:`Unreadable` if that is no list."""
    body = body.removeprefix(b"\xef\xbb\xbf")
    if body[:LONGEST_LINE].lstrip().startswith(b"<"):
        raise Unreadable("a web page came instead of a list")
    good = bad = odd = 0
    for number, line in enumerate(BytesIO(body), 1):
        if len(line) > LONGEST_LINE:
            raise Unreadable(f"line {number} is longer than {LONGEST_LINE} bytes")
        understood = reader.line(line)
        if understood:
            good += 1
        elif understood is False:
            bad += 1
            odd = odd or number
    if good < READABLE * (good + bad):
        raise Unreadable(f"{bad} of {good + bad} lines are not understood, line {odd} first")
    reader.end()
    return harvest.bring_in()


def read(kind: Format, body: bytes, families: Collection[int]) -> Roll:
    """Read a downloaded list of this format; :class:`Unreadable` if it is none."""
    harvest = Harvest(families)
    return gather(READERS[kind](harvest), harvest, body)


def network(words: str) -> tuple[int, int, int] | None:
    """Read an address or a network: family, first address and prefix length; None if it is neither.

    Bits beyond the prefix are cleared: whoever names 192.0.2.7/24 means the network around it.
    """
    host, slash, bits = words.partition("/")
    version = 6 if ":" in host else 4
    size = BITS[version]
    try:
        packed = inet_pton(AF_INET6 if version == 6 else AF_INET, host)  # noqa: PLR2004 - the number is the subject
    except (OSError, ValueError):
        return None
    length = size
    if slash:
        if not (bits.isascii() and bits.isdigit() and len(bits) < 4 and int(bits) <= size):  # noqa: PLR2004 - the number is the subject
            return None
        length = int(bits)
    return version, int.from_bytes(packed, "big") >> (size - length) << (size - length), length


class _Plain:
    def __init__(self, harvest: Harvest) -> None:
        self._harvest = harvest
        self._value = harvest.value(Said())

    def line(self, line: bytes) -> bool | None:
        text = line.decode("latin-1").strip()
        try:
            self._harvest.host(inet_pton(AF_INET, text), self._value)
        except (OSError, ValueError):
            words = text.partition("#")[0].partition(";")[0].strip()
            return self.take(words) if words else None
        return True

    def take(self, words: str, said: Said | None = None) -> bool:
        """Take an entry that is an address or a network."""
        found = network(words)
        if found is None:
            return False
        self._harvest.add(*found, self._value if said is None else self._harvest.value(said))
        return True

    def end(self) -> None:
        """Whether such a list is whole cannot be told."""


class _Drop(_Plain):
    """What the entries are is told by their members; the metadata tell how many there must be."""

    _records = 0
    _promised: int | None = None

    def line(self, line: bytes) -> bool | None:
        if not (line := line.strip()):
            return None
        try:
            entry = Foreign(pydantic_core.from_json(line, allow_inf_nan=False))
        except ValueError:
            return False
        if entry["type"].words == "metadata":
            self._promised = entry["records"].whole
            return None
        self._records += 1
        return self.take(entry["cidr"].words, Said(words=entry["sblid"].words))

    def end(self) -> None:
        if self._promised is None or self._records < self._promised:
            raise Unreadable(f"{self._records} records came of {self._promised or 'an unknown number'}: it is cut off")


class _Dshield(_Plain):
    def line(self, line: bytes) -> bool | None:
        if not line.strip() or line.startswith((b"#", b"Start\t")):
            return None
        fields = line.decode("latin-1").split("\t")
        return len(fields) > 2 and self.take(f"{fields[0].strip()}/{fields[2].strip()}")  # noqa: PLR2004 - the number is the subject


class _Tor(_Plain):
    def line(self, line: bytes) -> bool | None:
        match line.decode("latin-1").split():
            case ["ExitAddress", words, *_]:
                return self.take(words)
            case [] | ["ExitNode" | "Published" | "LastStatus", *_]:
                return None
            case _:
                return False


READERS: Mapping[Format, Callable[[Harvest], Reader]] = {
    Format.PLAIN: _Plain,
    Format.NETSET: _Plain,
    Format.DROP: _Drop,
    Format.DSHIELD: _Dshield,
    Format.TOR: _Tor,
}
