"""Atlassian Statuspage, version 2: DigitalOcean, Linode, and many others."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Literal

from checks.foreign import Foreign
from checks.http import GuardedSession, Reach, WebAddress
from monitor.core.observation import Silent
from monitor.core.region import Regions
from monitor.core.status import PageSeen, Severity, Trouble

IMPACT = {
    "none": Severity.DEGRADED,  # stands on real incidents too
    "minor": Severity.DEGRADED,
    "major": Severity.OUTAGE,
    "critical": Severity.OUTAGE,
    "maintenance": Severity.MAINTENANCE,
}
BROKEN = {
    "degraded_performance": Severity.DEGRADED,
    "partial_outage": Severity.OUTAGE,
    "major_outage": Severity.OUTAGE,
}
OVER = frozenset({"resolved", "postmortem", "completed"})
RUNNING = frozenset({"in_progress", "verifying"})


class Options(Reach):
    """Where the page is, whose it is, and which of its products concern servers."""

    kind: Literal["statuspage"]
    provider: str
    url: WebAddress
    products: tuple[str, ...] = ()
    """Groups or components that concern us, by name; none named: all do. Others' troubles are left aside."""


@dataclass(frozen=True, slots=True)
class _Component:
    """A product, perhaps in one place: "Droplets / FRA1", "Regions / FRA1", "EU-Central (Frankfurt)"."""

    path: tuple[str, ...]
    status: str

    @property
    def name(self) -> str:
        return " / ".join(filter(None, self.path))


class Statuspage:
    """Reads the summary of a page: components, incidents that are not over, and maintenances."""

    def __init__(self, options: Options, session: GuardedSession, regions: Regions) -> None:
        self._options = options
        self._session = session
        self._regions = regions
        self._products = tuple(product.casefold() for product in options.products)

    async def look(self, at: datetime) -> PageSeen:
        """Say what the provider says is wrong just now; the world's faults are silence."""
        reply = await self._session.ask(f"{self._options.url}/api/v2/summary.json", conditional=True)
        if isinstance(reply, Silent):
            return PageSeen(at, self._options.provider, reply)
        said = reply.json
        if reply.status != HTTPStatus.OK or said is None or not said["components"].is_array:
            return PageSeen(at, self._options.provider, Silent(f"no summary but {reply.page}"))
        return PageSeen(at, self._options.provider, tuple(self._troubles(said)))

    def _troubles(self, said: Foreign) -> Iterator[Trouble]:
        components = read_components(said["components"])
        told: set[str] = set()
        for incident in (*said["incidents"], *said["scheduled_maintenances"]):
            severity = _severity(incident)
            named = [name for each in incident["components"] if (name := each["id"].name)]
            told |= set(named)
            affected = [components[each] for each in named if each in components and self._concerns(components[each])]
            if severity is None or (named and not affected):
                continue
            words = incident["name"].words
            text = f"{words} {next(iter(incident['incident_updates']), Foreign(None))['body'].words}"
            yield Trouble(
                id=incident["id"].name or words,
                severity=severity,
                words=words,
                regions=self._everywhere([each.name for each in affected] or [text]),
                since=incident["started_at"].instant or incident["created_at"].instant,
            )
        for key, component in components.items():
            # A component may be down without anybody having written an incident yet.
            if key not in told and component.status in BROKEN and self._concerns(component):
                words = f"{component.name}: {component.status}"
                yield Trouble(key, BROKEN[component.status], words, self._everywhere([component.name]))

    def _concerns(self, component: _Component) -> bool:
        return not self._products or any(part.casefold() in self._products for part in component.path)

    def _everywhere(self, names: list[str]) -> frozenset[str] | None:
        """Give the regions that names speak of; one that speaks of none means all."""
        found = [self._regions.named_in(name, self._options.provider) for name in names]
        return frozenset().union(*found) if all(found) else None


def read_components(said: Foreign) -> Mapping[str, _Component]:
    """Read the components that are no groups, by id, each under the name of its group."""
    # Some names hold two blanks in a row: words are single spaced.
    groups = {each["id"].name: each["name"].words for each in said if each["group"].truth}
    return {
        key: _Component((groups.get(each["group_id"].name) or "", each["name"].words), each["status"].words)
        for each in said
        if not each["group"].truth and (key := each["id"].name) is not None
    }


def _severity(incident: Foreign) -> Severity | None:
    """Say how bad an incident is; None: it is over, or a maintenance that has not begun."""
    status = incident["status"].words
    if status in OVER:
        return None
    if "scheduled_for" in incident:
        return Severity.MAINTENANCE if status in RUNNING else None
    # An impact unknown to us is taken seriously.
    return IMPACT.get(incident["impact"].words, Severity.OUTAGE)
