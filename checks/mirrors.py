"""One data file of rbldnsd on this machine, read as the zone would answer and looked at again when it changes."""

import asyncio
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from checks import Trusted
from checks.downloads import objection
from checks.formats import Roll, Said, Unreadable
from checks.rbldnsd import FAMILY, DataFormat, expand, read_data
from monitor.core.dnsxl import Addresses, Weight, Zone, read_answer
from monitor.core.fleet import Address
from monitor.core.observation import Answer, Listed

LARGEST = 256 << 20
"""Bytes of a data file that are read."""


@dataclass(frozen=True, slots=True)
class Mirror:
    """A data file and the zone that it belongs to."""

    name: str
    zone: Zone
    file: Path
    format: DataFormat
    max_age: timedelta
    """How long the file is believed after it was written."""
    contains: frozenset[str] = frozenset()
    bogons: bool = False

    @property
    def group(self) -> str:
        """The independent operator."""
        return self.zone.group

    @property
    def weight(self) -> Weight:
        """How much the zone may move a verdict."""
        return self.zone.weight

    @property
    def families(self) -> frozenset[int]:
        """The family of the addresses in the file."""
        return frozenset({FAMILY[self.format]})


class Reading:
    """A mirror as it was last read. ``desk`` is held while a list is read: one at a time."""

    def __init__(self, mirror: Mirror, desk: asyncio.Lock) -> None:
        self.source = mirror
        self.roll: Roll | None = None
        self.fault = ""
        self._desk = desk
        self._seen: tuple[int, int] | None = None
        self._written_at: datetime | None = None

    async def load(self) -> None:
        """Read the file for the first time: that belongs to the first renewal."""

    async def renew(self, at: datetime) -> bool:
        """Read the file if it has changed; tell whether another list came of it."""
        before = self.roll
        try:
            found = self.source.file.stat()
            if (found.st_mtime_ns, found.st_size) == self._seen:
                return False
            self._seen = found.st_mtime_ns, found.st_size
            self.roll = await self._read(self.roll if self.trusted(at).believed else None)
            self._written_at = datetime.fromtimestamp(found.st_mtime, UTC)
            self.fault = ""
        except OSError as fault:
            self.fault, self._seen = f"{self.source.file} cannot be read: {fault.strerror}", None
        except Unreadable as fault:
            self.fault = f"{self.source.file} cannot be used: {fault}"
        return self.roll is not before

    def trusted(self, at: datetime) -> Trusted:
        """Say whether the file may be believed at this instant, and why."""
        if self.roll is None or self._written_at is None:
            return Trusted(believed=False, why=self.fault or "it has not been read yet")
        because = f"; {self.fault}" if self.fault else ""
        if at - self._written_at > self.source.max_age:
            return Trusted(believed=False, why=f"its file is of {self._written_at:%Y-%m-%d %H:%M}Z{because}")
        return Trusted(believed=True, why=f"its file is fresh{because}")

    def answer(self, said: tuple[Said, ...], address: Address) -> Answer:
        """Say what the zone's answer in these codes and words means."""
        codes = tuple(dict.fromkeys(each.code for each in said if each.code is not None))
        words = "; ".join(expand(each.words, address) for each in said if each.words)
        answer = read_answer(self.source.zone, Addresses(codes, words or None))
        written = self._written_at
        if not isinstance(answer, Listed) or written is None:
            return answer
        return replace(answer, vouched=f"in the mirror of {written:%Y-%m-%d %H:%M}Z")

    async def _read(self, before: Roll | None) -> Roll:
        async with self._desk:
            roll = await asyncio.to_thread(_read, self.source)
        why = objection(roll, before, votes=self.source.weight is not Weight.INFO)
        if why is not None:
            raise Unreadable(why)
        return roll


def _read(mirror: Mirror) -> Roll:
    with mirror.file.open("rb") as file:
        body = file.read(LARGEST + 1)
    if len(body) > LARGEST:
        raise Unreadable(f"it holds more than {LARGEST} bytes")
    return read_data(mirror.format, body)
