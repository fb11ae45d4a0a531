"""The kinds of probes. A probe looks at units and says what it saw; it never raises for the world's faults."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from monitor.core.assess import Seen
from monitor.core.plan import Watched
from monitor.core.rotation import Turn

__all__ = ["Probe", "Seen", "Trusted"]


@dataclass(frozen=True, slots=True)
class Trusted:
    """What a self-test says of one source."""

    believed: bool
    why: str


class Probe(Protocol):
    """What every kind of check can do."""

    async def examine(self, at: datetime, heard_at: Mapping[str, datetime]) -> Mapping[str, Trusted]:
        """Test the sources before they are believed: by source, what is to be thought of it.

        ``heard_at`` tells when each was last believed.
        """

    def allow(self, spent: Mapping[str, int]) -> None:
        """Renew the budgets: ``spent`` tells what each source was asked today already, over restarts too."""

    def take_count(self) -> Mapping[str, int]:
        """Give how many questions went to each source since the last count."""

    async def look(self, targets: Sequence[Watched], at: datetime, turn: Turn) -> Mapping[str, Seen]:
        """Look at units, by name. ``turn`` tells which part of a large range is asked about."""
