"""Incidents: failures with one origin. Whose units burn and are frozen, who is down, which list lists the world."""

from collections import Counter, defaultdict
from collections.abc import Collection, Hashable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from ipaddress import IPv4Network
from itertools import chain
from typing import TypeVar, assert_never

from monitor.core.account import AccountSeen, Denied, Misconfigured
from monitor.core.coverage import Alarm, Burning
from monitor.core.fleet import Delivery, Network
from monitor.core.listing import RangeSeen
from monitor.core.observation import Silent
from monitor.core.status import Trouble
from monitor.core.stock import Frozen

BLOCK_4 = 24
BLOCK_6 = 48
"""Prefixes of what one holder usually gets, and of what lists name when they lose patience with an address."""

Origin = TypeVar("Origin", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Fallen:
    """A delivery in coverage whose unit failed, seen first at ``at``."""

    delivery: Delivery
    at: datetime


@dataclass(frozen=True, slots=True)
class SupplierBurning:
    """One supplier's units fall together: its spares are frozen. ``covered``: how many of its units are in coverage."""

    supplier: str
    members: tuple[Fallen, ...]
    covered: int


@dataclass(frozen=True, slots=True)
class RangeBurning:
    """Deliveries within one network fall together: spares within it are frozen."""

    block: Network
    members: tuple[Fallen, ...]
    covered: int


@dataclass(frozen=True, slots=True)
class ProviderFailing:
    """No account of a provider can be reached, or its status page says so: nothing is judged until that is over."""

    provider: str
    since: datetime
    why: str


@dataclass(frozen=True, slots=True)
class ProviderTroubled:
    """A provider's own status page tells of trouble: what it touches is not judged until that is over."""

    provider: str
    since: datetime
    trouble: Trouble


@dataclass(frozen=True, slots=True)
class ListAlarmed:
    """A list names addresses of unrelated ``suppliers`` that it did not name before: it is not believed."""

    name: str
    since: datetime
    suppliers: tuple[str, ...]


Incident = SupplierBurning | RangeBurning | ProviderFailing | ProviderTroubled | ListAlarmed


def key(incident: Incident) -> str:
    """Name what an incident is about: two of one key that follow one another are the same incident."""
    match incident:
        case SupplierBurning():
            return f"supplier:{incident.supplier}"
        case RangeBurning():
            return f"range:{incident.block}"
        case ProviderFailing():
            return f"provider:{incident.provider}"
        case ProviderTroubled():
            return f"provider:{incident.provider}/{incident.trouble.id}"
        case ListAlarmed():
            return f"list:{incident.name}"
        case _:
            assert_never(incident)


def supplier_incidents(
    fallen: Iterable[Fallen], covered: Mapping[str, int], rule: Burning, now: datetime
) -> list[SupplierBurning]:
    """Find the suppliers that burn. ``covered``: how many units of each are in coverage now, the fallen included."""
    origins = ((each.delivery.unit.supplier, each) for each in fallen)
    return [SupplierBurning(*found) for found in _burning(origins, covered, rule, now)]


def range_incidents(
    fallen: Iterable[Fallen], covered: Mapping[Network, int], rule: Burning, now: datetime
) -> list[RangeBurning]:
    """Find the networks that burn. ``covered``: how many units in coverage lie in each block (see :func:`block_of`)."""
    origins = ((familiar_block_of(network), each) for each in fallen for network in each.delivery.unit.ranges)
    return [RangeBurning(*found) for found in _burning(origins, covered, rule, now)]


def block_of(network: Network) -> Network:
    """Give the /24 or /48 that a network lies in; a larger network stands for itself."""
    prefix = BLOCK_4 if isinstance(network, IPv4Network) else BLOCK_6
    return network if network.prefixlen <= prefix else network.supernet(new_prefix=prefix)


familiar_block_of = lru_cache(maxsize=65_536)(block_of)
"""The same, for networks of which it is asked with every decision."""


@dataclass(frozen=True, slots=True)
class Reach:
    """How many accounts of a provider could not be reached, how many answered, and when the first of them was asked."""

    failing: int
    answering: int
    since: datetime


def reaches(looks: Mapping[str, AccountSeen]) -> dict[str, Reach]:
    """Count the accounts of each provider; ``looks`` are by account.

    A provider that names a ban answers; an access that we misconfigured says nothing about the provider.
    """
    found: dict[str, Reach] = {}
    for seen in looks.values():
        if isinstance(seen.state, Misconfigured):
            continue
        failing = isinstance(seen.state, Denied | Silent)
        found[seen.provider] = _joined(found.get(seen.provider), Reach(int(failing), int(not failing), seen.at))
    return found


def all_reaches(counts: Iterable[Mapping[str, Reach]]) -> dict[str, Reach]:
    """Add up what was counted in several places."""
    total: dict[str, Reach] = {}
    for counted in counts:
        for provider, found in counted.items():
            total[provider] = _joined(total.get(provider), found)
    return total


def _joined(one: Reach | None, other: Reach) -> Reach:
    if one is None:
        return other
    return Reach(one.failing + other.failing, one.answering + other.answering, min(one.since, other.since))


def failing_providers(found: Mapping[str, Reach], fewest: int) -> list[ProviderFailing]:
    """Find the providers none of whose accounts, at least ``fewest``, can be reached."""
    return [
        ProviderFailing(provider, reach.since, f"all {reach.failing} accounts fail at once")
        for provider, reach in sorted(found.items())
        if reach.failing >= fewest and not reach.answering
    ]


@dataclass(frozen=True, slots=True)
class Population:
    """How many addresses a list was heard about, in how many ranges, and how many of them it lists."""

    heard: int = 0
    listed: int = 0
    ranges: int = 0

    @property
    def share(self) -> float:
        """The share of listed addresses; 0 where none was heard."""
        return self.listed / self.heard if self.heard else 0.0


NOBODY = Population()

Populations = Mapping[str, Mapping[str, Population]]
"""By list, then by supplier."""


def populations(looks: Iterable[tuple[str, RangeSeen]]) -> Populations:
    """Count what each list that votes says about the addresses of each supplier; ``looks`` are (supplier, look)."""
    # Of a range almost every list says nothing: what holds for all of a panel is counted once, the rest apart.
    whole: dict[tuple[tuple[str, ...], str], list[int]] = {}
    apart: dict[tuple[str, str], list[int]] = {}
    for supplier, seen in looks:
        panel = tuple(name for name, source in seen.panel.items() if source.votes)
        sums = whole.setdefault((panel, supplier), [0, 0])
        sums[0] += seen.counted
        sums[1] += seen.counted > 0
        silent = Counter(name for said in seen.unheard.values() for name in said)
        named = Counter(n for said in seen.listed.values() for n, answer in said.items() if not answer.informative)
        for name in {*silent, *named}.intersection(panel):
            sums = apart.setdefault((name, supplier), [0, 0, 0])
            sums[0] -= silent[name]
            sums[1] += named[name]
            sums[2] -= seen.counted > 0 >= seen.counted - silent[name]
    everywhere = (
        (name, supplier, heard, 0, ranges) for (panel, supplier), (heard, ranges) in whole.items() for name in panel
    )
    here = ((name, supplier, heard, listed, ranges) for (name, supplier), (heard, listed, ranges) in apart.items())
    return _summed(chain(everywhere, here))


def together(counts: Iterable[Populations]) -> Populations:
    """Add up what was counted in several places."""
    return _summed(
        (name, supplier, found.heard, found.listed, found.ranges)
        for counted in counts
        for name, suppliers in counted.items()
        for supplier, found in suppliers.items()
    )


def _summed(counts: Iterable[tuple[str, str, int, int, int]]) -> Populations:
    """Add up what was counted of lists and suppliers; populations are made once, for there are thousands of them."""
    total: dict[str, dict[str, list[int]]] = {}
    for name, supplier, heard, listed, ranges in counts:
        sums = total.setdefault(name, {}).setdefault(supplier, [0, 0, 0])
        sums[0] += heard
        sums[1] += listed
        sums[2] += ranges
    return {
        name: {supplier: Population(*sums) for supplier, sums in suppliers.items()} for name, suppliers in total.items()
    }


def list_incidents(usual: Populations, found: Populations, rule: Alarm, at: datetime) -> list[ListAlarmed]:
    """Find the lists that list the world. ``usual`` is what was counted when the list was last believed."""
    alarmed: list[ListAlarmed] = []
    for name, counted in sorted(found.items()):
        before = usual.get(name, {})
        # Of a supplier about whose addresses the list was silent, nothing is known.
        suppliers = {supplier: population for supplier, population in counted.items() if population.heard}
        if sum(population.ranges for population in suppliers.values()) < rule.ranges:
            continue
        more = {s: p.share - before.get(s, NOBODY).share for s, p in suppliers.items()}
        rose = sorted(supplier for supplier, share in more.items() if round(share, 9) >= rule.jump)
        enough = max(2, min(rule.suppliers, len(suppliers)))
        # A few addresses of each supplier may rise by chance; all of them together do not.
        heard = sum(population.heard for population in suppliers.values())
        excess = sum(share * suppliers[supplier].heard for supplier, share in more.items()) / heard
        if len(rose) >= enough and len(rose) / len(suppliers) >= rule.share and round(excess, 9) >= rule.jump:
            alarmed.append(ListAlarmed(name, at, tuple(rose)))
    return alarmed


def disbelieve(seen: RangeSeen, lists: Collection[str], why: str) -> RangeSeen:
    """Take a look without what these lists said: it counts as refused, which speaks neither for nor against."""
    struck = [name for name in seen.panel if name in lists]
    if not struck:
        return seen
    kept = {address: {n: a for n, a in said.items() if n not in struck} for address, said in seen.listed.items()}
    refused = dict.fromkeys(struck, why)
    return replace(
        seen,
        listed={address: said for address, said in kept.items() if said},
        unheard={address: {**seen.unheard.get(address, {}), **refused} for address in seen.probed},
    )


def frozen_by(incidents: Iterable[Incident]) -> Frozen:
    """Say which spares may not be promised while these incidents last."""
    suppliers: set[str] = set()
    ranges: set[Network] = set()
    for incident in incidents:
        match incident:
            case SupplierBurning():
                suppliers.add(incident.supplier)
            case RangeBurning():
                ranges.add(incident.block)
            case ProviderFailing() | ProviderTroubled() | ListAlarmed():
                pass
            case _:
                assert_never(incident)
    return Frozen(frozenset(suppliers), frozenset(ranges))


def by_customer(members: Iterable[Fallen]) -> dict[str, tuple[Fallen, ...]]:
    """Sort the members of an incident by customer: each gets one message, with what concerns him."""
    items: dict[str, list[Fallen]] = defaultdict(list)
    for member in members:
        items[member.delivery.customer].append(member)
    return {customer: tuple(found) for customer, found in items.items()}


@dataclass(frozen=True, slots=True)
class Change:
    """What became of incidents from one look to the next."""

    begun: tuple[Incident, ...]
    lasting: tuple[Incident, ...]
    over: tuple[Incident, ...]


def compare(before: Iterable[Incident], found: Iterable[Incident]) -> Change:
    """Tell the incidents that began from those that last (as they are now) and those that are over (as they were)."""
    old = {key(incident): incident for incident in before}
    new = {key(incident): incident for incident in found}
    return Change(
        begun=tuple(incident for name, incident in new.items() if name not in old),
        lasting=tuple(incident for name, incident in new.items() if name in old),
        over=tuple(incident for name, incident in old.items() if name not in new),
    )


def _burning(
    origins: Iterable[tuple[Origin, Fallen]], covered: Mapping[Origin, int], rule: Burning, now: datetime
) -> list[tuple[Origin, tuple[Fallen, ...], int]]:
    """Group what fell within the time of the rule by its origin, and give those that are many enough."""
    recent: dict[Origin, dict[int, Fallen]] = defaultdict(dict)
    for origin, each in origins:
        if now - each.at <= rule.within:
            # A delivery counts once, whatever number of its ranges or looks failed.
            recent[origin].setdefault(each.delivery.number, each)
    found: list[tuple[Origin, tuple[Fallen, ...], int]] = []
    for origin, members in recent.items():
        units = max(covered.get(origin, 0), len(members))
        if len(members) >= rule.members and len(members) / units >= rule.share:
            order = sorted(members.values(), key=lambda each: (each.at, each.delivery.number))
            found.append((origin, tuple(order), units))
    return sorted(found, key=lambda each: str(each[0]))
