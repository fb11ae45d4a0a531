"""Reads a stranger's JSON without believing its shape: what is not there, or is of another kind, is simply absent."""

import math
from collections.abc import Iterator
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv6Address
from itertools import islice
from socket import AF_INET, AF_INET6, inet_pton
from typing import TypeAlias

from monitor.core.fleet import Address

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"

WORDS = 300
"""Characters of a stranger's text that are kept."""
MOST = 2000
"""Elements of one array that are read; nobody's page is that long, but a mebibyte holds a hundred thousand of them."""
LARGEST = 2**63
"""No size is as large as this."""


class Foreign:
    """A value of somebody else's document. Every question has an answer, and none raises."""

    __slots__ = ("value",)

    def __init__(self, value: Json) -> None:
        self.value = value

    def __getitem__(self, key: str) -> "Foreign":
        """Give the member of an object; absent when there is none."""
        value = self.value
        found = value.get(key) if isinstance(value, dict) else None
        # Much of what is asked for is not there, and nothing is like nothing.
        return ABSENT if found is None else Foreign(found)

    def __contains__(self, key: str) -> bool:
        return isinstance(self.value, dict) and key in self.value

    def __iter__(self) -> Iterator["Foreign"]:
        """Give the elements of an array, the first ``MOST`` of them; nothing when it is none."""
        return map(Foreign, islice(self.value, MOST) if isinstance(self.value, list) else ())

    def __repr__(self) -> str:
        # The value may hold a stranger's secrets.
        return f"Foreign({type(self.value).__name__})"

    @property
    def is_object(self) -> bool:
        """Whether this is an object."""
        return isinstance(self.value, dict)

    @property
    def is_array(self) -> bool:
        """Whether this is an array."""
        return isinstance(self.value, list)

    @property
    def is_too_long(self) -> bool:
        """Whether this array has more elements than are read."""
        return isinstance(self.value, list) and len(self.value) > MOST

    @property
    def names(self) -> tuple[str, ...]:
        """The names of an object's members; none when this is none."""
        return tuple(self.value) if isinstance(self.value, dict) else ()

    @property
    def words(self) -> str:
        """The text, with its white space made single and clipped; empty when this is no text."""
        return clip(self.value) if isinstance(self.value, str) else ""

    @property
    def name(self) -> str | None:
        """The text, or the whole number as text: what identifies something; None when it is neither, or empty."""
        if isinstance(self.value, str):
            return clip(self.value) or None
        return str(self.value) if isinstance(self.value, int) and not isinstance(self.value, bool) else None

    @property
    def number(self) -> float | int | None:
        """The finite number; None when this is none. JSON's own grammar lets 1e999 through, which is none."""
        if isinstance(self.value, bool) or not isinstance(self.value, int | float):
            return None
        return self.value if math.isfinite(self.value) else None

    @property
    def size(self) -> float | int | None:
        """The number, where it can be the size of something: not negative, and not beyond all measure."""
        number = self.number
        return number if number is not None and 0 <= number < LARGEST else None

    @property
    def whole(self) -> int | None:
        """The size, rounded down."""
        # Most are plain whole numbers, and there are very many of them.
        if type(self.value) is int and 0 <= self.value < LARGEST:
            return self.value
        size = self.size
        return None if size is None else int(size)

    @property
    def truth(self) -> bool | None:
        """The boolean; None when this is none."""
        return self.value if isinstance(self.value, bool) else None

    @property
    def address(self) -> Address | None:
        """The IP address, also when it is written with a prefix length; None when this is none, or unspecified."""
        if not isinstance(self.value, str):
            return None
        text = self.value.strip().partition("/")[0]
        # The C library reads them five times as fast as ipaddress, and an inventory is mostly addresses.
        try:
            if ":" in text:
                packed = inet_pton(AF_INET6, text)
                return IPv6Address(packed) if any(packed) else None
            packed = inet_pton(AF_INET, text)
            return IPv4Address(packed) if any(packed) else None
        except (OSError, ValueError):
            return None

    @property
    def instant(self) -> datetime | None:
        """The instant of an ISO 8601 text, in UTC; None when it is none, or bears no offset."""
        if not isinstance(self.value, str):
            return None
        try:
            found = datetime.fromisoformat(self.value.strip())
            return None if found.tzinfo is None else found.astimezone(UTC)
        except (ValueError, OverflowError):
            return None

    @property
    def day(self) -> datetime | None:
        """The instant of an ISO 8601 text that may lack its offset, or its time of day; UTC is meant then."""
        if not isinstance(self.value, str):
            return None
        try:
            found = datetime.fromisoformat(self.value.strip())
            return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
        except (ValueError, OverflowError):
            return None

    def figures(self, *names: str) -> dict[str, str | int | float | None]:
        """Give plain values of an object by their names, for the record: texts and numbers; None for all else."""
        found = self.value if isinstance(self.value, dict) else {}
        return {name: _figure(found.get(name)) for name in names}


ABSENT = Foreign(None)


def clip(text: str) -> str:
    """Make white space single and keep the beginning."""
    if len(text) < WORDS and " " not in text and text.isprintable():
        return text
    return " ".join(text[: WORDS * 4].split())[:WORDS]


def _figure(value: Json) -> str | int | float | None:
    if isinstance(value, str):
        return clip(value) or None
    return value if type(value) is int else Foreign(value).number
