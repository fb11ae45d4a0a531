"""Lists that are matched in memory, all at once: downloaded ones, and mirrors of zones on this machine."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime
from ipaddress import IPv4Address, IPv4Network, IPv6Address
from pathlib import Path
from types import TracebackType
from typing import Literal, Self, TypeAlias

from pydantic import PositiveFloat, PositiveInt
from yarl import URL

from checks import Trusted
from checks.copies import Copies
from checks.downloads import Download, Feed
from checks.formats import Roll
from checks.http import MIB, GuardedSession, Reach
from checks.intervals import Cover, Keys, keys_of, spread
from checks.mirrors import Mirror, Reading
from monitor.clock import Clock
from monitor.core.dnsxl import Weight
from monitor.core.fleet import Address
from monitor.core.listing import Source
from monitor.core.observation import Answer, Clear, Listed
from monitor.telemetry import logger

Said: TypeAlias = dict[Address, list[tuple[str, Answer]]]
FAMILIES: tuple[Literal[4, 6], ...] = (4, 6)


class FeedReach(Reach):
    """How far the download of a list may go."""

    kind: Literal["feeds"] = "feeds"
    timeout: PositiveFloat = 30.0
    body: PositiveInt = 10 * MIB
    in_flight: PositiveInt = 4


@dataclass(frozen=True, slots=True)
class _Table:
    """All lists as they were when the table was laid out."""

    covers: Mapping[int, Cover] = field(default_factory=dict)
    rolls: Mapping[str, Roll] = field(default_factory=dict)


class Feeds:
    """Keeps lists fresh and matches addresses against those that are believed."""

    def __init__(
        self, sources: Sequence[Feed | Mirror], folder: Path, clock: Clock, reach: FeedReach | None = None
    ) -> None:
        self.sources = tuple(sources)
        self.believed: frozenset[str] = frozenset()
        """The names of the lists that were believed at the last examination."""
        self._contains = {source.name: source.contains for source in sources if source.contains}
        self._copies = Copies(folder)
        self._clock = clock
        self._reach = reach or FeedReach()
        self._sessions: dict[str, GuardedSession] = {}
        self._stack = AsyncExitStack()
        # While a list is read the event loop gets its turn every few milliseconds; with many at once it would wait.
        self._desk = asyncio.Lock()
        self._held: dict[str, Download | Reading] = {}
        self._table = _Table()
        self._log = logger("feeds")

    async def __aenter__(self) -> Self:
        """Take up the copies on disk; OSError where the folder cannot be written."""
        if any(isinstance(source, Feed) for source in self.sources):
            await asyncio.to_thread(self._copies.open)
        self._held = {source.name: await self._hold(source) for source in self.sources}
        for held in self._held.values():
            await held.load()
        self._table = await asyncio.to_thread(self._lay_out)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def _hold(self, source: Feed | Mirror) -> Download | Reading:
        if isinstance(source, Mirror):
            return Reading(source, self._desk)
        # One server's troubles and limits are no other's.
        host = str(URL(source.url).origin())
        if host not in self._sessions:
            session = GuardedSession(self._reach, self._clock)
            self._sessions[host] = await self._stack.enter_async_context(session)
        return Download(source, self._copies, self._sessions[host], self._desk)

    async def refresh(self, at: datetime) -> None:
        """Download what is due and read what has changed; whatever goes wrong is told once, and the copy stays."""
        before = {name: held.fault for name, held in self._held.items()}
        async with asyncio.TaskGroup() as group:
            renewals = [group.create_task(held.renew(at)) for held in self._held.values()]
        if any(task.result() for task in renewals):
            self._table = await asyncio.to_thread(self._lay_out)
        for name, held in self._held.items():
            if held.fault and not before[name]:
                self._log.warning("feed_refused", feed=name, why=held.fault)
            elif before[name] and not held.fault:
                self._log.info("feed_works_again", feed=name)

    def examine(self, at: datetime) -> dict[str, Trusted]:
        """Say of each list whether it may be believed at this instant; those are matched from now on."""
        found = {name: held.trusted(at) for name, held in self._held.items()}
        self.believed = frozenset(name for name, trusted in found.items() if trusted.believed)
        return found

    def match(self, addresses: Sequence[Address]) -> Said:
        """Give, for each address that a believed list names, the lists and what they say."""
        said: Said = {}
        ipv4 = [address for address in addresses if isinstance(address, IPv4Address)]
        ipv6 = [address for address in addresses if isinstance(address, IPv6Address)]
        self._match(4, keys_of(ipv4, 4), ipv4.__getitem__, said)
        self._match(6, keys_of(ipv6, 6), ipv6.__getitem__, said)
        return said

    def match_ranges(self, ranges: Sequence[IPv4Network]) -> Said:
        """Match every address of IPv4 ranges; only of those ranges in which one is named, each is looked at."""
        said: Said = {}
        cover = self._table.covers.get(4)
        keys = spread([] if cover is None else cover.touched(ranges))
        self._match(4, keys, lambda place: IPv4Address(int(keys[place])), said)
        return said

    def _match(self, version: Literal[4, 6], keys: Keys, address_at: Callable[[int], Address], said: Said) -> None:
        table = self._table
        if version not in table.covers or not len(keys):
            return
        for name, places in table.covers[version].find(keys).items():
            if name not in self.believed:
                continue
            held, roll = self._held[name], table.rolls[name]
            stretches = roll.stretches[version]
            words = [tuple(roll.said[value] for value in values) for values in stretches.sets]
            for place, value in zip(places.tolist(), stretches.at(keys[places]).tolist(), strict=True):
                address = address_at(place)
                if held.source.bogons and not address.is_global:
                    continue
                answer = held.answer(words[value], address)
                if not isinstance(answer, Clear):
                    said.setdefault(address, []).append((name, answer))

    def _lay_out(self) -> _Table:
        rolls = {name: held.roll for name, held in self._held.items() if held.roll is not None}
        covers: dict[int, Cover] = {}
        for version in FAMILIES:
            lists = {name: roll.stretches[version] for name, roll in rolls.items() if version in roll.stretches}
            if lists:
                covers[version] = Cover(version, lists)
        return _Table(covers, rolls)

    def independent(
        self, said: Sequence[tuple[str, Answer]], panel: Mapping[str, Source]
    ) -> Sequence[tuple[str, Answer]]:
        """Let collections of other lists say nothing where one of those speaks too: what they repeat counts once.

        Of what counts against an address, the weightier list is heard first, then the one that copies from fewer.
        """
        if len(said) < 2 or not any(name in self._contains for name, _ in said):  # noqa: PLR2004 - nobody repeats
            return said
        names = [name for name, answer in said if name in panel and _counts(panel[name], answer)]
        names.sort(key=lambda name: (panel[name].weight is not Weight.ALERT, len(self._copied(name)), name))
        origins: set[str] = set()
        echoes: set[str] = set()
        for name in names:
            mine = {panel[name].group} | self._copied(name)
            if panel[name].group not in origins and mine & origins:
                echoes.add(name)
            else:
                origins |= mine
        return [
            (name, replace(answer, informative=True) if name in echoes and isinstance(answer, Listed) else answer)
            for name, answer in said
        ]

    def _copied(self, name: str) -> frozenset[str]:
        return self._contains.get(name, frozenset())


def _counts(source: Source, answer: Answer) -> bool:
    return source.votes and isinstance(answer, Listed) and not answer.informative
