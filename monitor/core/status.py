"""What a provider's own status page says, and what of ours it touches."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from monitor.core.observation import Silent


class Severity(StrEnum):
    """How bad the provider says it is."""

    NOTICE = "notice"
    """Words for customers, such as on plans that are sold out: nothing is broken."""
    MAINTENANCE = "maintenance"
    DEGRADED = "degraded"
    OUTAGE = "outage"


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that is wrong just now, by the provider's own word.

    ``regions`` are the provider's codes, None: everywhere; ``hosts`` narrow it to machines of the provider, by number.
    """

    id: str
    severity: Severity
    words: str
    regions: frozenset[str] | None = None
    hosts: frozenset[str] = frozenset()
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class PageSeen:
    """One look at a status page. Silence means that nobody knows of any trouble, not that there is none."""

    at: datetime
    provider: str
    said: tuple[Trouble, ...] | Silent


def touching(pages: Iterable[PageSeen], provider: str, region: str | None, host: str | None = None) -> Trouble | None:
    """Give the trouble that judgement on a server must wait for; None: there is none.

    A server whose region we do not know may stand in any.
    """
    for page in pages:
        if page.provider != provider or isinstance(page.said, Silent):
            continue
        for trouble in page.said:
            if trouble.severity is not Severity.NOTICE and touches(trouble, region, host):
                return trouble
    return None


def touches(trouble: Trouble, region: str | None, host: str | None = None) -> bool:
    """Tell whether a trouble touches a server in this region and on this machine; None: that is not known."""
    if trouble.hosts and host not in trouble.hosts:
        return False
    return trouble.regions is None or region is None or region.casefold() in trouble.regions
