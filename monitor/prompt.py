"""One look on demand: what the lists say of some addresses now. No confirmation over time, no memory, no case."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from ipaddress import ip_address
from typing import Literal, assert_never

from checks.dns.engine import Engine
from checks.dns.trust import Examiner, Trust
from monitor.core.coverage import Bad, Excluded, Good, Listing, Unclear
from monitor.core.dnsxl import Reply, Zone, read_answer
from monitor.core.fleet import Address, Network
from monitor.core.listing import Balance, RangeSeen, Source, gather, look_at_range, weigh
from monitor.core.observation import Answer, Clear, Listed, Refused, Silent

REASONS = 200
"""Listed addresses and lists that are asked for their reason in words."""
AT_ONCE = 16
NO_TIME = datetime.min.replace(tzinfo=UTC)
"""A look at the prompt is compared with no other."""
V4 = 4
SUBNET = 64
"""Bits of what IPv6 gives to one network; lists name it as a whole."""
FAMILIES: tuple[Literal[4, 6], ...] = (4, 6)


class Verdict(StrEnum):
    """What the lists amount to."""

    SOUND = "sound"
    LISTED = "listed"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Heard:
    """What was said about the addresses of some ranges: by address, by zone. A zone not named cleared the address."""

    addresses: tuple[Address, ...]
    zones: tuple[Zone, ...]
    trust: Trust
    answers: Mapping[Address, Mapping[str, Answer]]
    panels: Mapping[int, Mapping[str, Source]]
    """The zones as judges, by family."""

    def answer(self, address: Address, zone: Zone) -> Answer | None:
        """Give what a zone says of an address; None where it keeps none of this family."""
        if address.version not in zone.families:
            return None
        return self.answers[address].get(zone.name, Clear())

    @property
    def asked(self) -> tuple[Zone, ...]:
        """The zones that keep a family of these addresses: the others had nothing to say."""
        families = {address.version for address in self.addresses}
        return tuple(zone for zone in self.zones if families & zone.families)

    @property
    def answered(self) -> int:
        """How many zones answered every question."""
        silent = {
            name for said in self.answers.values() for name, a in said.items() if not isinstance(a, Listed | Clear)
        }
        return sum(zone.name not in silent for zone in self.asked)


def kept(zones: Sequence[Zone], strange: Collection[str], trust: Trust) -> list[Zone]:
    """Give the zones as they are after their tests.

    Of those that nobody knows (``strange``), one that holds its test entries in one family and has none in the other
    does not keep the other.
    """
    return [_kept(zone, trust) if zone.name in strange else zone for zone in zones]


def _kept(zone: Zone, trust: Trust) -> Zone:
    there = frozenset(family for family in zone.families if (zone.name, family) not in trust.lacking)
    return replace(zone, families=there) if any(trust.heard.get((zone.name, family)) for family in there) else zone


async def ask(
    engine: Engine,
    examiner: Examiner,
    zones: Sequence[Zone],
    addresses: Sequence[Address],
    step: Callable[[int], None],
    strange: Collection[str] = (),
) -> Heard:
    """Test every zone, then ask those that hold about every address; ``step`` hears how many answers came in."""
    trust = await examiner.examine()
    zones = kept(zones, strange, trust)
    said: dict[Address, dict[str, Answer]] = {address: {} for address in addresses}
    async with asyncio.TaskGroup() as group:
        for zone in zones:
            for version in FAMILIES:
                if version in zone.families:
                    group.create_task(_ask_zone(engine, examiner, zone, version, trust, said, step))
    await _give_reasons(engine, zones, trust, said)
    panels: dict[int, Mapping[str, Source]] = {
        family: {z.name: Source(z.name, z.group, z.weight) for z in zones if family in z.families}
        for family in FAMILIES
    }
    return Heard(tuple(addresses), tuple(zones), trust, said, panels)


def addresses_of(network: Network, at_most: int) -> Sequence[Address]:
    """Give what is asked about a range: every address of IPv4, the first of each /64 of IPv6.

    ValueError if these are more than ``at_most``.
    """
    step = 1 if network.version == V4 else min(1 << SUBNET, network.num_addresses)
    count = network.num_addresses // step
    if count > at_most:
        what = "addresses" if network.version == V4 else f"networks of /{128 - SUBNET}"
        raise ValueError(f"{network} has {count} {what}, and {at_most} may be asked about; name a smaller range")
    return [network[place] for place in range(0, network.num_addresses, step)]


def judge_range(heard: Heard, addresses: Sequence[Address], rule: Listing) -> Verdict:
    """Judge the addresses of a range by every zone that was asked: none may be missing for it to be called sound."""
    match look_at_range(_seen(heard, addresses), rule):
        case Bad():
            return Verdict.LISTED
        case Unclear() | Excluded():
            return Verdict.UNDECIDED
        case Good():
            return Verdict.SOUND
        case look:
            assert_never(look)


def judge_address(heard: Heard, address: Address, rule: Listing) -> Verdict:
    """Judge one address."""
    seen = _seen(heard, (address,))
    if not any(source.votes for source in seen.panel.values()):
        return Verdict.UNDECIDED
    balance = weigh(seen, address, rule)
    return {Balance.BAD: Verdict.LISTED, Balance.OPEN: Verdict.UNDECIDED, Balance.CLEAR: Verdict.SOUND}[balance]


def worst(verdicts: Sequence[Verdict]) -> Verdict:
    """Give the verdict of several together."""
    for verdict in (Verdict.LISTED, Verdict.UNDECIDED):
        if verdict in verdicts:
            return verdict
    return Verdict.SOUND


def written(code: int) -> str:
    """Write a code as the address that it is."""
    return str(ip_address(code))


def _seen(heard: Heard, addresses: Sequence[Address]) -> RangeSeen:
    panel = heard.panels[addresses[0].version]
    answers = [(a, zone, answer) for a in addresses for zone, answer in heard.answers[a].items()]
    return gather(NO_TIME, addresses, panel, len(panel), answers)


async def _ask_zone(
    engine: Engine,
    examiner: Examiner,
    zone: Zone,
    version: Literal[4, 6],
    trust: Trust,
    said: dict[Address, dict[str, Answer]],
    step: Callable[[int], None],
) -> None:
    via = trust.heard.get((zone.name, version), ())
    mine = [address for address in said if address.version == version]
    if not mine:
        return
    if not via:
        kind = Refused if (zone.name, version) in trust.refusing else Silent
        answer = kind(f"not believed: {trust.why.get((zone.name, version), 'no answer')}")
        for address in mine:
            said[address][zone.name] = answer
        step(len(mine))
        return

    def hear(address: Address, reply: Reply, _resolver: str) -> None:
        answer = read_answer(zone, reply)
        if not isinstance(answer, Clear):
            said[address][zone.name] = answer
        step(1)

    await engine.ask(zone.asked, mine, hear, version=version, via=via)
    if any(isinstance(said[address].get(zone.name), Listed) for address in mine):
        await _test_again(examiner, zone, version, trust, said)


async def _test_again(
    examiner: Examiner, zone: Zone, version: int, trust: Trust, said: dict[Address, dict[str, Answer]]
) -> None:
    for resolver in trust.heard[zone.name, version]:
        fault = await examiner.test(zone, version, resolver)
        if fault is not None:
            for address, answers in said.items():
                if address.version == version:
                    answers[zone.name] = Silent(f"not believed: afterwards {fault.why}")
            return


async def _give_reasons(
    engine: Engine, zones: Sequence[Zone], trust: Trust, said: dict[Address, dict[str, Answer]]
) -> None:
    """Ask the lists for their reason in words, a few at a time."""
    room = asyncio.Semaphore(AT_ONCE)

    async def ask_one(address: Address, zone: Zone, answer: Listed) -> None:
        async with room:
            words = await engine.text(address, zone.asked, via=trust.heard[zone.name, address.version])
        if words:
            said[address][zone.name] = Listed(answer.codes, words, answer.informative)

    listed = [
        (address, zone, answer)
        for address, answers in said.items()
        for zone in zones
        if isinstance(answer := answers.get(zone.name), Listed)
    ]
    async with asyncio.TaskGroup() as group:
        for address, zone, answer in listed[:REASONS]:
            group.create_task(ask_one(address, zone, answer))
