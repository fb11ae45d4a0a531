"""What is due: sweeps, shards and probes, by pure arithmetic over deliveries, spares and the clock."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from ipaddress import IPv4Network
from typing import assert_never

from monitor.core.coverage import Begins, Defect, Policy, Rule, Standing
from monitor.core.fleet import Address, Delivery, Niche, Promised, Unit
from monitor.core.handover import Baseline
from monitor.core.rotation import Load, Turn, share_out

NOTHING_PROMISED = Promised()
LARGEST = 65_536
"""Addresses of one range that are ever walked; nobody delivers more."""


class Check(StrEnum):
    """A kind of probe, and the defects that it can prove."""

    BLOCKLIST = "blocklist"
    ACCOUNT = "account"
    ENDPOINT = "endpoint"

    @property
    def defects(self) -> tuple[Defect, ...]:
        """The defects that one look of this kind can prove, the gravest first."""
        return PROVES[self]


PROVES: Mapping[Check, tuple[Defect, ...]] = {
    Check.BLOCKLIST: (Defect.RANGE_LISTED,),
    Check.ACCOUNT: (Defect.ACCOUNT_BANNED, Defect.WRONG_REGION, Defect.MISSING_FEATURE),
    Check.ENDPOINT: (Defect.KEY_BANNED,),
}


def rules_of(check: Check, policy: Policy) -> list[Rule]:
    """Give the rules of the policy that a kind of probe can tell about."""
    return [policy.rules[defect] for defect in check.defects if defect in policy.rules]


def longest_window(check: Check, policy: Policy) -> timedelta:
    """Tell how long after a delivery a failure that this kind of probe proves may count."""
    return max((rule.window for rule in rules_of(check, policy)), default=timedelta())


@dataclass(frozen=True, slots=True)
class Watched:
    """A unit that may be probed: delivered (with its delivery) or on the shelf, and what is remembered of it.

    ``standings`` are by defect, without those about which a case has been settled.
    """

    unit: Unit
    niche: Niche
    provider: str | None
    delivery: Delivery | None
    standings: Mapping[Defect, Standing] = field(default_factory=dict)
    listed: tuple[Address, ...] = ()
    """Addresses that were listed when they were last asked about: they are asked about in every round."""
    since: datetime | None = None
    """When we began to watch it."""
    promised: Promised = NOTHING_PROMISED
    baseline: Baseline | None = None
    """What was handed over, once it was seen."""


@dataclass(frozen=True, slots=True)
class Shard:
    """A part of a sweep that one node runs whole; numbered from 0."""

    index: int
    targets: tuple[Watched, ...]


@dataclass(frozen=True, slots=True)
class Slot:
    """A time in which one sweep of a kind is due; ``number`` counts the slots since 1970, the same on every node."""

    due_at: datetime
    number: int
    seconds: float
    closing: bool = False
    """Whether only those are looked at whose window ends in this slot: the last look narrows the gap."""


CLOSER = 5
"""How many times harder we look when a window is about to end."""


def slot(now: datetime, every: timedelta) -> Slot:
    """Give the slot that ``now`` lies in."""
    seconds = every.total_seconds()
    number = int(now.timestamp() // seconds)
    return Slot(datetime.fromtimestamp(number * seconds, UTC), number, seconds)


def closing_slot(now: datetime, every: timedelta) -> Slot:
    """Give the shorter slot that ``now`` lies in, in which ending windows are looked at once more."""
    return replace(slot(now, every / CLOSER), closing=True)


def ends_in(check: Check, watched: Watched, policy: Policy, due: Slot) -> bool:
    """Tell whether a window ends in this slot or the next."""
    if watched.delivery is None:
        return False
    deadline = watched.delivery.delivered_at + longest_window(check, policy)
    return due.due_at <= deadline < due.due_at + timedelta(seconds=2 * due.seconds)


@dataclass(frozen=True, slots=True)
class Sharing:
    """How the addresses of ranges are shared out over rounds.

    ``rounds``: in how many a range is to be asked whole; ``allowed``: addresses that the budgets allow in one round
    (None: no limit); ``sample``: addresses of one range in one round, at most.
    """

    rounds: int = 1
    allowed: int | None = None
    sample: int = 256


AT_ONCE = Sharing()


@dataclass(frozen=True, slots=True)
class Sweep:
    """All that is due of one kind in one slot."""

    check: Check
    slot: Slot
    shards: tuple[Shard, ...]
    turn: Turn


def plan_sweep(
    check: Check,
    due: Slot,
    watched: Iterable[Watched],
    policy: Policy,
    now: datetime,
    shard_size: int,
    sharing: Sharing = AT_ONCE,
) -> Sweep:
    """Choose what is to be probed now: every spare, and every delivery whose coverage is not settled yet."""
    chosen = [each for each in watched if is_probed(check, each.unit, each.niche) and is_due(check, each, policy, now)]
    if due.closing:
        chosen = [each for each in chosen if ends_in(check, each, policy, due)]
    rounds = load_of((each.unit for each in chosen), sharing).rounds if check is Check.BLOCKLIST else 1
    turn = Turn(due.number, rounds, sharing.sample, due.seconds)
    parts = _parts(_mixed(chosen), shard_size) if check is Check.BLOCKLIST else _whole(check, chosen, shard_size)
    return Sweep(check, due, tuple(Shard(i, tuple(part)) for i, part in enumerate(parts)), turn)


def is_probed(check: Check, unit: Unit, niche: Niche) -> bool:
    """Tell whether this kind of probe can say anything about the unit."""
    match check:
        case Check.BLOCKLIST:
            return niche is Niche.VPN and bool(unit.ranges)
        case Check.ACCOUNT:
            return niche is Niche.VPS and unit.access is not None
        case Check.ENDPOINT:
            return niche is Niche.VPN and unit.access is not None and unit.protocol is not None
        case _:
            assert_never(check)


def is_due(check: Check, watched: Watched, policy: Policy, now: datetime) -> bool:
    """Tell whether looking can still change what is owed.

    A window that was over before we began to watch is not looked at. One that ended under our watch is, until one
    decisive look after its end has said how it stood: else the gap would be our blindness.
    """
    delivery = watched.delivery
    if delivery is None:
        return True
    return any(
        _is_open(rule, delivery, watched.standings.get(rule.defect, Standing()), now)
        for rule in rules_of(check, policy)
    )


def _is_open(rule: Rule, delivery: Delivery, standing: Standing, now: datetime) -> bool:
    if rule.begins is Begins.AT_HAND_OVER:
        # It comes out in the looks that are made anyway; what is bad needs further ones to heal, unless the customer
        # made it so after a clean look.
        fine_since = standing.last_ok is not None and standing.last_ok >= delivery.delivered_at
        return standing.first_bad is not None and not fine_since
    deadline = delivery.delivered_at + rule.window
    if now <= deadline:
        return True
    if delivery.imported_at > deadline:
        return False
    if standing.first_bad is not None:
        # Suspected, or believed: confirmation and healing both need further looks.
        return True
    return standing.last_ok is None or standing.last_ok < deadline


def load_of(units: Iterable[Unit], sharing: Sharing) -> Load:
    """Tell what one round over these ranges costs, and in how many rounds each is asked whole."""
    sizes = [
        min(sum(net.num_addresses for net in unit.ranges if isinstance(net, IPv4Network)) or 1, LARGEST)
        for unit in units
    ]
    return share_out(sizes, sharing.rounds, sharing.allowed)


def _mixed(items: Sequence[Watched]) -> list[Watched]:
    """Spread each supplier's units evenly: whether a list lists the world must show in every shard."""
    total = Counter(each.unit.supplier for each in items)
    passed: Counter[str] = Counter()

    def place(each: Watched) -> float:
        passed[each.unit.supplier] += 1
        return (passed[each.unit.supplier] - 0.5) / total[each.unit.supplier]

    return sorted(items, key=place)


def door_of(check: Check, watched: Watched) -> tuple[str | None, ...]:
    """Name what one look asks: an account at its provider, an endpoint in its protocol, or the unit itself."""
    unit = watched.unit
    match check:
        case Check.ACCOUNT:
            return watched.provider, unit.access
        case Check.ENDPOINT:
            return unit.protocol, unit.endpoint or unit.name
        case Check.BLOCKLIST:
            return (unit.name,)
        case _:
            assert_never(check)


def _whole(check: Check, items: Iterable[Watched], size: int) -> Iterator[Sequence[Watched]]:
    """Deal units to shards so that those behind one door lie in one shard: it is knocked at once in a sweep."""
    doors: dict[tuple[str | None, ...], list[Watched]] = {}
    for each in items:
        doors.setdefault(door_of(check, each), []).append(each)
    part: list[Watched] = []
    for behind in doors.values():
        if part and len(part) + len(behind) > size:
            yield part
            part = []
        part = [*part, *behind]
    if part:
        yield part


def _parts(items: Sequence[Watched], size: int) -> Iterator[Sequence[Watched]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
