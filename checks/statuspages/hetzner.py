"""Hetzner's status page: the data that the page for people carries. It is no interface, and may change any day.

When it does, this is silence; the feed beside it (kind ``atom``) is the fallback, as a table of its own.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from http import HTTPStatus
from typing import Literal

import pydantic_core

from checks.foreign import Foreign
from checks.http import GuardedSession, Reach, WebAddress
from monitor.core.observation import Silent
from monitor.core.region import Regions
from monitor.core.status import PageSeen, Severity, Trouble

DATA = re.compile(rb'<script id="__NEXT_DATA__"[^>]*>(.*?)</script>', re.DOTALL)
LISTS = ("topNotification", "informationList", "maintenanceList")
"""Where the present stands; ``incidentHistory`` is the past."""
OVER = frozenset({"resolved", "completed"})
SEVERITY = {"outage": Severity.OUTAGE, "maintenance": Severity.MAINTENANCE, "other": Severity.NOTICE}


class Options(Reach):
    """Where the page is, and whose it is."""

    kind: Literal["hetzner"]
    provider: str = "hetzner"
    url: WebAddress = "https://status.hetzner.com/en"


class HetznerPage:
    """Reads incidents that are not over."""

    def __init__(self, options: Options, session: GuardedSession, regions: Regions) -> None:
        self._options = options
        self._session = session
        self._regions = regions

    async def look(self, at: datetime) -> PageSeen:
        """Say what the provider says is wrong just now; the world's faults are silence."""
        reply = await self._session.ask(self._options.url, conditional=True)
        if isinstance(reply, Silent):
            return PageSeen(at, self._options.provider, reply)
        said = read_page(reply.body) if reply.status == HTTPStatus.OK else None
        if said is None:
            return PageSeen(at, self._options.provider, Silent(f"no data in {reply.page}"))
        return PageSeen(at, self._options.provider, tuple(self._troubles(said, at)))

    def _troubles(self, said: Foreign, at: datetime) -> Iterator[Trouble]:
        systems = {f"/systems/{each['id'].name}": each["titleEn"].words for each in said["systems"]}
        told: set[str] = set()
        for incident in (each for name in LISTS for each in _several(said["incidents"][name])):
            began = incident["startTime"].instant
            key = incident["uuid"].name or incident["id"].name or incident["titleEn"].words
            ahead = began is not None and began > at
            if incident["incidentState"].words in OVER or ahead or key in told:
                continue
            told.add(key)
            words = incident["titleEn"].words
            text = f"{words} {systems.get(incident['system'].words, '')}"
            yield Trouble(
                id=key,
                severity=SEVERITY.get(incident["incidentType"].words, Severity.OUTAGE),
                words=words,
                regions=self._regions.named_in(text, self._options.provider) or None,
                since=began or incident["createdAt"].instant,
            )


def read_page(body: bytes) -> Foreign | None:
    """Find the data in the page; None: there is none, or in another shape."""
    found = DATA.search(body)
    if found is None:
        return None
    try:
        said = Foreign(pydantic_core.from_json(found[1], allow_inf_nan=False))["props"]["pageProps"]
    except ValueError:
        return None
    return said if said["incidents"].is_object else None


def _several(said: Foreign) -> list[Foreign]:
    """Give the elements; a lone object counts as one."""
    return [said] if said.is_object else list(said)
