"""Which spare, in which order: same tier, else equal or better of the niche, cheapest first; never a burning one.

And the brake: how many replacements may be approved by themselves before an operator is asked.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from math import floor
from typing import assert_never

from monitor.core.coverage import BrakeLimits
from monitor.core.fleet import Network, Spare, Tier
from monitor.core.plan import Check, is_probed

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Frozen:
    """What may not be promised: suppliers and ranges that are burning."""

    suppliers: Collection[str] = frozenset()
    ranges: Collection[Network] = ()


NOTHING_FROZEN = Frozen()


def in_order(
    wanted: Tier,
    shelf: Iterable[Spare],
    tiers: Mapping[str, Tier],
    frozen: Frozen,
    now: datetime,
    fresh_within: timedelta,
) -> list[Spare]:
    """Order the spares that may replace a unit of the wanted tier; the first is to be promised.

    A spare that can be probed must have been seen sound within ``fresh_within``: it is never promised unseen.
    """
    fit = [
        spare
        for spare in shelf
        if (tier := tiers.get(spare.unit.tier)) is not None
        and _serves(wanted, tier)
        and _is_fit(spare, tier, frozen, now, fresh_within)
    ]
    return sorted(fit, key=lambda spare: (spare.unit.tier != wanted.name, *_cheapest(spare, tiers)))


class Shelf:
    """The spares that may be promised at one instant; each can be taken once, in the order of :func:`in_order`."""

    __slots__ = ("_piles", "_tiers")

    def __init__(
        self,
        spares: Iterable[Spare],
        tiers: Mapping[str, Tier],
        frozen: Frozen,
        now: datetime,
        fresh_within: timedelta,
    ) -> None:
        self._tiers = tiers
        self._piles: dict[str, list[Spare]] = defaultdict(list)
        fit = [
            spare
            for spare in spares
            if (tier := tiers.get(spare.unit.tier)) is not None and _is_fit(spare, tier, frozen, now, fresh_within)
        ]
        # One pile for each tier, the spare to be taken first on top.
        for spare in sorted(fit, key=lambda spare: _cheapest(spare, tiers), reverse=True):
            self._piles[spare.unit.tier].append(spare)

    def take(self, wanted: Tier) -> Spare | None:
        """Take the spare that replaces a unit of the wanted tier; None: nothing on the shelf may."""
        name = self.next_tier(wanted)
        if name is None:
            return None
        pile = self._piles[name]
        spare = pile.pop()
        if not pile:
            del self._piles[name]
        return spare

    def next_tier(self, wanted: Tier) -> str | None:
        """Name the tier that the next spare for the wanted tier would come from; nothing is taken."""
        return wanted.name if wanted.name in self._piles else self._better(wanted)

    def _better(self, wanted: Tier) -> str | None:
        serving = [name for name in self._piles if _serves(wanted, self._tiers[name])]
        return min(serving, key=lambda name: _cheapest(self._piles[name][-1], self._tiers), default=None)


def _serves(wanted: Tier, offered: Tier) -> bool:
    return offered.name == wanted.name or (offered.niche is wanted.niche and offered.rank >= wanted.rank)


def _cheapest(spare: Spare, tiers: Mapping[str, Tier]) -> tuple[Decimal, int, str]:
    return spare.unit.cost, tiers[spare.unit.tier].rank, spare.unit.name


def _is_fit(spare: Spare, tier: Tier, frozen: Frozen, now: datetime, fresh_within: timedelta) -> bool:
    return not burns(spare, frozen) and _is_fresh(spare, tier, now, fresh_within)


def burns(spare: Spare, frozen: Frozen) -> bool:
    """Tell whether a spare may not be promised, for where it comes from."""
    unit = spare.unit
    if unit.supplier in frozen.suppliers:
        return True
    return any(
        (unit.address is not None and unit.address in burning)
        or any(mine.version == burning.version and mine.overlaps(burning) for mine in unit.ranges)
        for burning in frozen.ranges
    )


def _is_fresh(spare: Spare, tier: Tier, now: datetime, fresh_within: timedelta) -> bool:
    if not any(is_probed(check, spare.unit, tier.niche) for check in Check):
        # Numbers and subscriptions cannot be probed by us.
        return True
    return spare.sound_at is not None and now - spare.sound_at <= fresh_within


@dataclass(frozen=True, slots=True)
class Approval:
    """Replacements approved by themselves: ``count`` of one kind, the last of them at ``at``.

    ``tier``: on whose spares they draw; None: they have none yet.
    """

    at: datetime
    supplier: str
    provider: str | None
    tier: str | None
    count: int = 1


class Limit(StrEnum):
    """What the brake counts."""

    PER_HOUR = "per_hour"
    PER_DAY = "per_day"
    SUPPLIER_PER_HOUR = "supplier_per_hour"
    PROVIDER_PER_HOUR = "provider_per_hour"
    TIER_SHARE_PER_HOUR = "tier_share_per_hour"


@dataclass(frozen=True, slots=True)
class Reached:
    """A limit that leaves no room. ``of`` names the supplier, provider or tier; empty: it is that of all together."""

    limit: Limit
    of: str
    allowed: int


class Brake:
    """What may still be approved by itself at one instant."""

    __slots__ = ("_limits", "_now", "_spent", "_stood")

    def __init__(
        self, limits: BrakeLimits, now: datetime, approvals: Iterable[Approval], stood: Mapping[str, int]
    ) -> None:
        """Count the approvals of the last day, which may come in any order.

        ``stood`` says how many spares each tier had an hour ago, those that were promised since included.
        """
        self._limits = limits
        self._now = now
        self._stood = stood
        self._spent: Counter[tuple[Limit, str]] = Counter()
        for approval in approvals:
            for counted in self._counts(approval):
                self._spent[counted] += approval.count

    def spend(self, approval: Approval) -> Reached | None:
        """Take room for one approval at this instant; or say which limit leaves none, and take nothing."""
        counts = self._counts(approval)
        for limit, of in counts:
            allowed = self._allowed(limit, of)
            if allowed is not None and self._spent[limit, of] >= allowed:
                return Reached(limit, of, allowed)
        for counted in counts:
            self._spent[counted] += 1
        return None

    def _counts(self, approval: Approval) -> list[tuple[Limit, str]]:
        """Name the limits that an approval counts against: that of the day for a day, the others for an hour."""
        age = self._now - approval.at
        if age >= DAY:
            return []
        if age >= HOUR:
            return [(Limit.PER_DAY, "")]
        counts = [
            (Limit.PER_HOUR, ""),
            (Limit.PER_DAY, ""),
            (Limit.SUPPLIER_PER_HOUR, approval.supplier),
        ]
        if approval.tier is not None:
            counts.append((Limit.TIER_SHARE_PER_HOUR, approval.tier))
        if approval.provider is not None:
            counts.append((Limit.PROVIDER_PER_HOUR, approval.provider))
        return counts

    def _allowed(self, limit: Limit, of: str) -> int | None:
        match limit:
            case Limit.PER_HOUR:
                return self._limits.per_hour
            case Limit.PER_DAY:
                return self._limits.per_day
            case Limit.SUPPLIER_PER_HOUR:
                return self._limits.supplier_per_hour
            case Limit.PROVIDER_PER_HOUR:
                return self._limits.provider_per_hour
            case Limit.TIER_SHARE_PER_HOUR:
                return self._share(self._stood.get(of, 0))
            case _:
                assert_never(limit)

    def _share(self, stood: int) -> int | None:
        if not stood:
            # There is nothing to give away too fast: whoever is approved waits for stock.
            return None
        # One at least: of three spares, 30 % would be none, for ever.
        return max(1, floor(round(stood * self._limits.tier_share_per_hour, 6)))
