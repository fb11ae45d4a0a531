"""Asks lists about addresses, over DNS and in memory, and hears only those that may be believed."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from itertools import zip_longest
from random import Random
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from checks import Seen, Trusted
from checks.dns.engine import Engine
from checks.dns.stream import Budget
from checks.dns.trust import Examiner, Trust
from checks.feeds import Feeds
from monitor.core.dnsxl import NoSuchName, Reply, Zone, read_answer
from monitor.core.fleet import Address
from monitor.core.listing import RangeSeen, Source, gather
from monitor.core.observation import Answer, Clear, Listed, Silent
from monitor.core.plan import Watched
from monitor.core.rotation import Turn, addresses_of, standing_for
from monitor.core.words import parse_duration, parse_endpoint

Span = Annotated[timedelta, BeforeValidator(parse_duration)]
Resolver = Annotated[tuple[str, int], BeforeValidator(parse_endpoint)]


class DnsOptions(BaseModel):
    """Whom we ask; without resolvers, those of /etc/resolv.conf."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    resolvers: tuple[Resolver, ...] = ()
    timeout: Span = timedelta(seconds=1)
    """The longest wait for one try."""
    tries: int = Field(default=4, ge=1, le=10)
    deadline: Span = timedelta(seconds=5)
    """The longest wait for one question with all its tries."""
    in_flight: int = Field(default=64, ge=1, le=1000)
    """Questions under way at once, to each resolver."""
    rate: float | None = Field(default=None, gt=0)
    """Datagrams a second to each resolver."""


FAMILIES: tuple[Literal[4, 6], ...] = (4, 6)
Said = dict[Address, list[tuple[str, Answer]]]
"""What the lists say, by address; nothing of one that none of them names."""
Numbered = Mapping[int, Address]
"""Addresses of one family by their numbers, which are quicker to compare and to write."""
A_BIT = 500
"""Answers that are noted before others have their turn."""
REASONS = 3
"""Listings of one list in one look whose reason is asked for in words."""


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What is asked about for one unit in one round, and how many addresses that stands for."""

    addresses: Sequence[Address]
    by_number: Mapping[int, Numbered]
    """The same, by family."""
    stands_for: int


@dataclass(frozen=True, slots=True)
class DailyBudget:
    """What a list may be asked: questions a second, and a day (UTC)."""

    rate: float
    day: int


class BlocklistProbe:
    """Looks at delivered ranges through the lists that are believed. ``budgets`` are by the name of the zone.

    Without zones it needs no ``engine``: then the ``feeds`` judge alone.
    """

    def __init__(
        self,
        zones: Sequence[Zone],
        engine: Engine | None,
        random: Random,
        patience: timedelta,
        budgets: Mapping[str, DailyBudget],
        feeds: Feeds | None = None,
    ) -> None:
        self._zones = {zone.name: zone for zone in zones}
        self._engine = engine
        self._examiner = None if engine is None else Examiner(zones, engine, random)
        self._feeds = feeds
        self._voices = (*zones, *(() if feeds is None else feeds.sources))
        self._patience = patience
        self._budgets = budgets
        self._counted: dict[str, int] = {}
        self._trust = Trust(online=False)
        self._of_feeds: Mapping[str, Trusted] = {}
        self._waited_for: frozenset[str] = frozenset()

    async def examine(self, at: datetime, heard_at: Mapping[str, datetime]) -> Mapping[str, Trusted]:
        """Let every list prove itself. ``heard_at`` tells when each was last believed, over restarts too."""
        async with asyncio.TaskGroup() as group:
            if self._feeds is not None:
                group.create_task(self._feeds.refresh(at))
            self._trust = Trust(online=True) if self._examiner is None else await self._examiner.examine()
        self._waited_for = frozenset(
            each.name for each in self._voices if each.name in heard_at and at - heard_at[each.name] < self._patience
        )
        self._of_feeds = {} if self._feeds is None else self._feeds.examine(at)
        if not self._trust.online:
            # Then it is our own line that is dead: no list is to blame.
            return self._of_feeds
        return {name: self._told(zone) for name, zone in self._zones.items()} | self._of_feeds

    def _told(self, zone: Zone) -> Trusted:
        """Sum a zone up for people: believed where at least one of its families is."""
        faults = [self._trust.why[zone.name, v] for v in sorted(zone.families) if (zone.name, v) in self._trust.why]
        believed = len(faults) < len(zone.families)
        return Trusted(believed, "; ".join(faults) or "its test entries hold")

    def allow(self, spent: Mapping[str, int]) -> None:
        """Grant each list what is left of its day."""
        if self._engine is None:
            return
        for name, budget in self._budgets.items():
            left = max(0, budget.day - spent.get(name, 0))
            self._engine.grant(self._zones[name].asked, Budget(budget.rate, left))

    def take_count(self) -> Mapping[str, int]:
        """Give how many questions went to each list since the last count."""
        asked = {name: self._asked(zone) for name, zone in self._zones.items()}
        fresh = {name: total - self._counted.get(name, 0) for name, total in asked.items()}
        self._counted = asked
        return fresh

    def count_by_list(self) -> Mapping[tuple[str, ...], float]:
        """Give what became of the questions to each list since the start, by list and fate."""
        known = {} if self._engine is None else self._engine.zones
        return {
            (name, fate): number
            for name, zone in self._zones.items()
            if zone.asked in known
            for fate, number in asdict(known[zone.asked]).items()
        }

    def count_datagrams(self) -> Mapping[tuple[str, ...], float]:
        """Give what became of all datagrams since the start, by fate; ``forged`` ones answered nothing of ours."""
        total: Counter[tuple[str, ...]] = Counter()
        for counters in () if self._engine is None else self._engine.resolvers.values():
            total.update({(fate,): number for fate, number in asdict(counters).items()})
        return total

    def _asked(self, zone: Zone) -> int:
        counters = None if self._engine is None else self._engine.zones.get(zone.asked)
        return 0 if counters is None else counters.asked

    async def look(self, targets: Sequence[Watched], at: datetime, turn: Turn) -> Mapping[str, Seen]:
        """Look at ranges; an address that several units share is asked about once."""
        wanted: dict[str, _Wanted] = {}
        said: Said = {}
        of_family = _by_number(())
        for target in targets:
            addresses = addresses_of(target.unit, turn, target.listed)
            if addresses:
                stands_for = standing_for(target.unit, turn, turn.since(target.since))
                mine = _by_number(addresses)
                wanted[target.unit.name] = _Wanted(addresses, mine, stands_for)
                for family in FAMILIES:
                    of_family[family] |= mine[family]
            await _give_way()
        async with asyncio.TaskGroup() as group:
            if self._feeds is not None:
                group.create_task(self._match(self._feeds, said, of_family))
            for zone in self._zones.values():
                for version in FAMILIES:
                    if version in zone.families:
                        group.create_task(self._ask(zone, version, of_family[version], said))
        seen: dict[str, Seen] = {}
        named = _by_number(said)
        for name, each in wanted.items():
            seen[name] = self._seen(at, each, said, named)
            await _give_way()
        return seen

    async def _match(self, feeds: Feeds, said: Said, of_family: Mapping[int, Numbered]) -> None:
        """Match all addresses against the feeds; those that are not believed any more, but waited for, are silent."""
        every = [address for addresses in of_family.values() for address in addresses.values()]
        for address, answers in (await asyncio.to_thread(feeds.match, every)).items():
            said.setdefault(address, []).extend(answers)
        for source in feeds.sources:
            if source.name in self._waited_for and not self._of_feeds[source.name].believed:
                muted = Silent(f"muted: {self._of_feeds[source.name].why}")
                for family in source.families:
                    await _note(source.name, [(address, muted) for address in of_family[family].values()], said)

    async def _ask(self, zone: Zone, version: Literal[4, 6], addresses: Numbered, said: Said) -> None:
        """Ask one zone about every address; what it lists counts only if it still holds its self-test afterwards."""
        via = self._trust.heard.get((zone.name, version), ())
        if not addresses or self._engine is None or self._examiner is None:
            return
        if not via:
            if zone.name in self._waited_for:
                muted = Silent(f"muted: {self._trust.why.get((zone.name, version), 'we are offline')}")
                await _note(zone.name, [(address, muted) for address in addresses.values()], said)
            return
        spoken: list[tuple[Address, Answer]] = []
        witnesses: dict[str, list[int]] = {}

        def hear(number: int, reply: Reply, resolver: str) -> None:
            # Nearly every answer is this one.
            if isinstance(reply, NoSuchName):
                return
            answer = read_answer(zone, reply)
            if not isinstance(answer, Clear):
                witnesses.setdefault(resolver, []).append(len(spoken))
                spoken.append((addresses[number], answer))

        await self._engine.ask(zone.asked, addresses, hear, version=version, via=via)
        if any(isinstance(answer, Listed) for _, answer in spoken):
            for resolver, places in witnesses.items():
                fault = await self._examiner.test(zone, version, resolver)
                if fault is not None:
                    # It turned bad in mid-sweep: nothing that it said in this round is worth anything.
                    worthless = Silent(f"after the round {fault.why}")
                    spoken = [(address, worthless) for address in addresses.values()]
                    break
                await self._vouch(zone, resolver, spoken, places)
        await _note(zone.name, spoken, said)

    async def _vouch(
        self, zone: Zone, resolver: str, spoken: list[tuple[Address, Answer]], places: Sequence[int]
    ) -> None:
        """Note how the listings at these places were heard, and ask for the list's own words about some of them."""
        vouched = f"through {resolver}; its test entries held before and after"
        listed = [(place, *each) for place in places if isinstance((each := spoken[place])[1], Listed)]
        engine = self._engine

        async def words(address: Address) -> str | None:
            return None if engine is None else await engine.text(address, zone.asked, via=(resolver,))

        reasons = await asyncio.gather(*(words(address) for _, address, _ in listed[:REASONS]))
        for (place, address, answer), reason in zip_longest(listed, reasons):
            if isinstance(answer, Listed):
                spoken[place] = address, replace(answer, reason=reason or answer.reason, vouched=vouched)

    def _seen(self, at: datetime, wanted: _Wanted, said: Said, named: Mapping[int, Numbered]) -> RangeSeen:
        families = {family for family in FAMILIES if wanted.by_number[family]}
        mine = [each for each in self._voices if families & each.families]
        judges = {
            each.name: Source(each.name, each.group, each.weight)
            for each in mine
            if each.name in self._waited_for or self._is_heard(each.name, families & each.families)
        }
        told = [
            (address, said[address])
            for family in FAMILIES
            for number, address in wanted.by_number[family].items()
            if number in named[family]
        ]
        answers = (
            (address, name, answer)
            for address, words in told
            for name, answer in (words if self._feeds is None else self._feeds.independent(words, judges))
        )
        return gather(at, wanted.addresses, judges, len(mine), answers, wanted.stands_for)

    def _is_heard(self, name: str, families: Iterable[int]) -> bool:
        if name in self._of_feeds:
            return self._of_feeds[name].believed
        return any(self._trust.heard.get((name, family)) for family in families)


def _by_number(addresses: Iterable[Address]) -> dict[int, dict[int, Address]]:
    every = tuple(addresses)
    return {family: {int(each): each for each in every if each.version == family} for family in FAMILIES}


async def _note(name: str, spoken: Sequence[tuple[Address, Answer]], said: Said) -> None:
    for start in range(0, len(spoken), A_BIT):
        for address, answer in spoken[start : start + A_BIT]:
            said.setdefault(address, []).append((name, answer))
        await _give_way()


async def _give_way() -> None:
    """Let others have the event loop: a shard may hold very many addresses."""
    await asyncio.sleep(0)
