"""A supplier's own warranty to us: a second clock on the same defect."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Claimable:
    """Whether a supplier owes us for a unit: ``until`` when it had to fail, None: it gives no warranty."""

    until: datetime | None
    covered: bool


def claimable(delivered_at: datetime, began: datetime, warranty: timedelta | None) -> Claimable:
    """Apply a supplier's warranty, which runs from the hand-over, to a failure that began at an instant."""
    if warranty is None:
        return Claimable(None, covered=False)
    until = delivered_at + warranty
    return Claimable(until, covered=began <= until)
