"""Who may be believed: we while online, a resolver while its canaries hold, a zone while its test entries do.

The test entries are those of RFC 5782 section 5 or, for zones that do not follow it, those that the catalogue names.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from random import Random
from typing import Protocol, assert_never

from monitor.core.dnsxl import Addresses, Reply, Unanswered, Zone, is_listed_at_all, read_answer
from monitor.core.observation import Clear, Listed, Refused, Silent

CONTROL_BLOCK = int(IPv4Address("192.0.2.0"))
"""TEST-NET-1 (RFC 5737): nobody has these addresses, so a list that names one names the world."""
CONTROL_BLOCK_6 = int(IPv6Address("2001:db8::"))

V4 = 4
SILENCE = ("timeout", "unreachable")
_NO_ENTRY = "its test entry"


class Asker(Protocol):
    """The part of the engine that self-tests need."""

    @property
    def resolvers(self) -> Mapping[str, object]:
        """The resolvers there are, by name."""

    async def query(self, address: IPv4Address | IPv6Address, zone: str, *, via: Sequence[str] = ()) -> Reply:
        """Ask one zone about one address."""

    async def lookup(self, name: str, *, via: Sequence[str] = ()) -> Reply:
        """Ask for the addresses of any name."""


@dataclass(frozen=True, slots=True)
class Trust:
    """What the tests said. The families of a zone stand for themselves: one may be well kept and the other not."""

    online: bool
    heard: Mapping[tuple[str, int], tuple[str, ...]] = field(default_factory=dict)
    """By zone and family, the resolvers through which it may be heard."""
    why: Mapping[tuple[str, int], str] = field(default_factory=dict)
    """By zone and family, why it may be heard through none."""
    refusing: frozenset[tuple[str, int]] = frozenset()
    """Of these, the ones that said themselves that they do not serve us."""
    lacking: frozenset[tuple[str, int]] = frozenset()
    """Of these, the ones whose test entry is not there: perhaps the zone does not keep this family at all."""
    liars: Mapping[str, str] = field(default_factory=dict)
    """Resolvers whose canaries died, and how."""


@dataclass(frozen=True, slots=True)
class _Point:
    """One test question and what its answer must be."""

    address: IPv4Address | IPv6Address
    must_list: bool


class Examiner:
    """Tests zones and resolvers. ``random`` draws the control addresses, so that no list can know them."""

    def __init__(self, zones: Sequence[Zone], asker: Asker, random: Random) -> None:
        self._zones = tuple(zones)
        self._asker = asker
        self._random = random
        # One name for each process: the engine keeps a counter for every name that it looks up.
        self._nonsense = f"nobody-{random.getrandbits(64):016x}"

    async def examine(self) -> Trust:
        """Test every resolver, and every zone through every resolver that holds."""
        resolvers = tuple(self._asker.resolvers)
        async with asyncio.TaskGroup() as group:
            canaries = {name: group.create_task(self._canary(name)) for name in resolvers}
        liars = {name: fault for name, task in canaries.items() if (fault := task.result()) is not None}
        honest = [name for name in resolvers if name not in liars]
        async with asyncio.TaskGroup() as group:
            tests = {
                (zone.name, version, name): group.create_task(self.test(zone, version, name))
                for zone in self._zones
                for version in zone.families
                for name in honest
            }
        found = {key: task.result() for key, task in tests.items()}
        heard: dict[tuple[str, int], tuple[str, ...]] = {}
        why: dict[tuple[str, int], str] = {}
        refusing: set[tuple[str, int]] = set()
        lacking: set[tuple[str, int]] = set()
        for voice in ((zone.name, version) for zone in self._zones for version in sorted(zone.families)):
            heard[voice] = tuple(name for name in honest if found[*voice, name] is None)
            if not heard[voice]:
                first = next((found[*voice, name] for name in honest), None)
                why[voice] = first.why if first is not None else next(iter(liars.values()), "")
                if isinstance(first, Refused):
                    refusing.add(voice)
                elif first is not None and first.why.startswith(_NO_ENTRY):
                    lacking.add(voice)
        # Where nothing at all is heard, and silence is among the reasons, it is our own line that is dead.
        online = any(heard.values()) or not any(word in reason for reason in why.values() for word in SILENCE)
        return Trust(online, heard, why, frozenset(refusing), frozenset(lacking), liars)

    async def test(self, zone: Zone, version: int, resolver: str) -> Refused | Silent | None:
        """Test one family of a zone through one resolver; None if it holds, else why not."""
        for point in self._points(zone, version):
            reply = await self._asker.query(point.address, zone.asked, via=(resolver,))
            fault = _fault(point, zone, reply)
            if fault is not None:
                return fault
        return await self._wildcard(zone, resolver)

    async def _wildcard(self, zone: Zone, resolver: str) -> Silent | None:
        """Ask a zone for a name that is no address: one that finds an address there names everything."""
        reply = await self._asker.lookup(f"{self._nonsense}.{zone.asked}", via=(resolver,))
        # Whatever else a list says to nonsense, an error code included, tells nothing of how it is kept.
        if isinstance(reply, Addresses) and isinstance(read_answer(zone, reply), Listed | Silent):
            return Silent(f"it answers a name that is no address with {IPv4Address(reply.codes[0])}")
        return None

    async def _canary(self, resolver: str) -> str | None:
        """Ask for a name that cannot exist (RFC 6761): a resolver that finds an address there rewrites NXDOMAIN."""
        name = f"canary-{self._random.getrandbits(64):016x}.invalid"
        match await self._asker.lookup(name, via=(resolver,)):
            case Addresses(codes):
                return f"the resolver {resolver} answers names that do not exist with {IPv4Address(codes[0])}"
            case Unanswered(why) if why == "unreachable":
                return f"the resolver {resolver} is unreachable"
            case _:
                return None

    def _points(self, zone: Zone, version: int) -> list[_Point]:
        if version == V4:
            control = IPv4Address(CONTROL_BLOCK + self._random.randrange(1, 255))
            return _pair(zone, zone.test.listed, zone.test.clean, control)
        control6 = IPv6Address(CONTROL_BLOCK_6 + self._random.getrandbits(64))
        return _pair(zone, zone.test.listed6, zone.test.clean6, control6)


def _pair(
    zone: Zone,
    listed: IPv4Address | IPv6Address | None,
    clean: IPv4Address | IPv6Address | None,
    control: IPv4Address | IPv6Address,
) -> list[_Point]:
    points = [_Point(listed, must_list=True)] if listed is not None and not zone.white else []
    if clean is not None:
        points.append(_Point(clean, must_list=False))
    if zone.test.control:
        points.append(_Point(control, must_list=False))
    return points


def _fault(point: _Point, zone: Zone, reply: Reply) -> Refused | Silent | None:
    if point.must_list and is_listed_at_all(reply, zone):
        return None
    answer = read_answer(zone, reply)
    match answer:
        case Listed():
            return Silent(f"it lists {point.address}, which nobody may list")
        case Clear():
            return Silent(f"{_NO_ENTRY} {point.address} is not listed") if point.must_list else None
        case Refused(why) | Silent(why):
            return type(answer)(f"asked about {point.address}: {why}")
        case _:
            assert_never(answer)
