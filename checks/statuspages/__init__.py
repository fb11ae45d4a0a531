"""STATUS_PAGES: the registry of kinds of status pages, and what each of them has to offer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Generic, Protocol, TypeVar

from pydantic import Field

from checks.http import GuardedSession, Reach
from checks.statuspages import atom, hetzner, statuspage, vultr
from monitor.clock import Clock
from monitor.core.region import Regions
from monitor.core.status import PageSeen

OptionsT = TypeVar("OptionsT", bound=Reach)
SELDOM = timedelta(minutes=1)
"""No page is fetched more often."""


class StatusPage(Protocol):
    """Reads one provider's status page."""

    async def look(self, at: datetime) -> PageSeen:
        """Say what the provider says is wrong just now; the world's faults are silence."""


@dataclass(frozen=True, slots=True)
class Entry(Generic[OptionsT]):
    """A kind of page in the registry: its options, and what is made of them, a session and the table of regions."""

    options: type[OptionsT]
    make: Callable[[OptionsT, GuardedSession, Regions], StatusPage]


STATUS_PAGES: Mapping[str, Entry[Any]] = {
    "atom": Entry(atom.Options, atom.Atom),
    "hetzner": Entry(hetzner.Options, hetzner.HetznerPage),
    "statuspage": Entry(statuspage.Options, statuspage.Statuspage),
    "vultr": Entry(vultr.Options, vultr.VultrPage),
}

StatusPageOptions = Annotated[
    atom.Options | hetzner.Options | statuspage.Options | vultr.Options, Field(discriminator="kind")
]
"""What a status page's table of the settings may hold: its ``kind`` tells which."""


class Seldom:
    """Gives the last look again while it is younger than a minute."""

    def __init__(self, page: StatusPage) -> None:
        self._page = page
        self._last: PageSeen | None = None

    async def look(self, at: datetime) -> PageSeen:
        """Say what the page says, or said a moment ago."""
        if self._last is None or at - self._last.at >= SELDOM:
            self._last = await self._page.look(at)
        return self._last


def open_page(options: Reach, clock: Clock, regions: Regions) -> tuple[StatusPage, GuardedSession]:
    """Make a page and the session that it alone uses; the caller closes the session."""
    kind: str = getattr(options, "kind", "")
    session = GuardedSession(options, clock)
    return Seldom(STATUS_PAGES[kind].make(options, session, regions)), session
