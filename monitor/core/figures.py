"""Figures that an operator is held to: how many are replaced, and how long it takes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import ceil

DAY = timedelta(hours=24)
TARGET = 0.03
"""Of what is delivered, less than this share is to need a replacement."""


@dataclass(frozen=True, slots=True)
class Told:
    """What is on record of one case; an instant that did not come is None."""

    tier: str
    supplier: str
    provider: str | None
    began: datetime
    opened: datetime
    approved: datetime | None
    promised: datetime | None


@dataclass(frozen=True, slots=True)
class Spread:
    """How long something took."""

    count: int
    median: timedelta
    most: timedelta
    """Nine of ten took no longer."""
    longest: timedelta


@dataclass(frozen=True, slots=True)
class Rate:
    """Of what was ``delivered``, how much was ``replaced``."""

    delivered: int
    cases: int
    replaced: int

    @property
    def share(self) -> float:
        """The replaced share; 0 where nothing was delivered."""
        return self.replaced / self.delivered if self.delivered else 0.0


@dataclass(frozen=True, slots=True)
class Report:
    """The figures of a time."""

    whole: Rate
    tiers: Mapping[str, Rate] = field(default_factory=dict)
    suppliers: Mapping[str, Rate] = field(default_factory=dict)
    providers: Mapping[str, Rate] = field(default_factory=dict)
    detect: Spread | None = None
    verify: Spread | None = None
    replace: Spread | None = None
    within_a_day: float | None = None
    """The share of all replacements that took at most a day."""


def spread(times: Iterable[timedelta]) -> Spread | None:
    """Sum times up; None where there are none."""
    ordered = sorted(times)
    if not ordered:
        return None
    middle, most = (ordered[ceil(len(ordered) * share) - 1] for share in (0.5, 0.9))
    return Spread(len(ordered), middle, most, ordered[-1])


def report(sold: Sequence[tuple[str, str, str | None, int]], cases: Sequence[Told]) -> Report:
    """Sum a time up; ``sold`` are (tier, supplier, provider, how many)."""
    replaced = [case.promised - case.opened for case in cases if case.promised is not None]
    return Report(
        whole=_rate(sum(count for *_, count in sold), cases),
        tiers=_rates([(tier, count) for tier, _, _, count in sold], [(case.tier, case) for case in cases]),
        suppliers=_rates([(name, count) for _, name, _, count in sold], [(case.supplier, case) for case in cases]),
        providers=_rates(
            [(name, count) for _, _, name, count in sold if name is not None],
            [(case.provider, case) for case in cases if case.provider is not None],
        ),
        detect=spread(case.opened - case.began for case in cases if case.began <= case.opened),
        verify=spread(case.approved - case.opened for case in cases if case.approved is not None),
        replace=spread(replaced),
        within_a_day=sum(time <= DAY for time in replaced) / len(replaced) if replaced else None,
    )


def _rates(sold: Sequence[tuple[str, int]], cases: Sequence[tuple[str, Told]]) -> dict[str, Rate]:
    names = sorted({name for name, _ in (*sold, *cases)})
    return {
        name: _rate(sum(count for each, count in sold if each == name), [case for each, case in cases if each == name])
        for name in names
    }


def _rate(delivered: int, cases: Sequence[Told]) -> Rate:
    return Rate(delivered, len(cases), sum(case.promised is not None for case in cases))
