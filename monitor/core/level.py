"""How much stock a tier needs: so many spares for what was sold of it lately."""

from dataclasses import dataclass
from math import ceil

from monitor.core.coverage import Stocking


@dataclass(frozen=True, slots=True)
class Level:
    """The stock of a tier: ``sold`` lately, ``spares`` that may be promised now, and what to ``order``."""

    tier: str
    sold: int
    spares: int
    least: int
    most: int
    order: int
    low: bool


def level(tier: str, sold: int, spares: int, rule: Stocking) -> Level:
    """Compare the spares of a tier with what was sold; a part of a spare is a whole one."""
    least, most = (ceil(round(sold * share, 6)) for share in (rule.least, rule.most))
    return Level(tier, sold, spares, least, most, max(0, most - spares), low=spares < least)
