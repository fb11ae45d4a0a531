"""Vultr's own ``status.json``: alerts by region, whose keys are the API's region codes."""

from collections.abc import Iterator
from datetime import datetime
from http import HTTPStatus
from typing import Literal

from checks.foreign import Foreign
from checks.http import GuardedSession, Reach, WebAddress
from monitor.core.observation import Silent
from monitor.core.region import Regions
from monitor.core.status import PageSeen, Severity, Trouble


class Options(Reach):
    """Where the page is, and whose it is."""

    kind: Literal["vultr"]
    provider: str = "vultr"
    url: WebAddress = "https://status.vultr.com/status.json"


class VultrPage:
    """Reads alerts that are still going on: resolved ones stay on the page."""

    def __init__(self, options: Options, session: GuardedSession, _: Regions) -> None:
        self._options = options
        self._session = session

    async def look(self, at: datetime) -> PageSeen:
        """Say what the provider says is wrong just now; the world's faults are silence."""
        reply = await self._session.ask(self._options.url, conditional=True)
        if isinstance(reply, Silent):
            return PageSeen(at, self._options.provider, reply)
        said = reply.json
        if reply.status != HTTPStatus.OK or said is None or not said["regions"].is_object:
            return PageSeen(at, self._options.provider, Silent(f"no regions but {reply.page}"))
        return PageSeen(at, self._options.provider, tuple(read_alerts(said)))


def read_alerts(said: Foreign) -> Iterator[Trouble]:
    """Read the alerts that are going on, each once, with all the regions under which it is repeated."""
    places: dict[str, set[str]] = {}
    alerts: dict[str, Foreign] = {}
    regions = said["regions"]
    found = [(alert["region"].words, alert) for alert in said["service_alerts"]]
    found += [(code, alert) for code in regions.names for alert in regions[code]["alerts"]]
    for code, alert in found:
        if alert["status"].words.casefold() == "resolved":
            continue
        key = alert["id"].name or alert["subject"].words
        alerts[key] = alert
        places.setdefault(key, set()).add(code.casefold())
    for key, alert in alerts.items():
        # An alert without a region is one for all.
        everywhere = "" in places[key]
        yield Trouble(
            id=key,
            severity=_severity(alert),
            words=alert["subject"].words,
            regions=None if everywhere else frozenset(places[key]),
            since=alert["start_date"].instant,
        )


def _severity(alert: Foreign) -> Severity:
    # There is no level of impact, and maintenance shows in the words alone.
    return Severity.MAINTENANCE if "maintenance" in alert["subject"].words.casefold() else Severity.OUTAGE
