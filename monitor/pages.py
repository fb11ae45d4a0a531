"""Reads the providers' own status pages: what they tell of is an incident, and what that touches is not judged."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from checks.statuspages import SELDOM, StatusPage
from monitor.clock import Clock
from monitor.core.decision import POLICY
from monitor.core.incident import ProviderTroubled, key
from monitor.core.observation import Silent
from monitor.core.status import PageSeen, Severity
from monitor.store import incidents, sweeps
from monitor.store.engine import Store, Transaction
from monitor.store.sweeps import Belief
from monitor.survey import Surveyor, page_of
from monitor.telemetry import Progress, logger

BELIEVED = timedelta(hours=1)
"""How long what a page said last is believed while it is not heard any more."""
MOST = 50
"""Troubles of one provider that are taken up; a page that tells of more speaks of the same thing in many words."""
LOOP = "pages"


class Pages:
    """Looks at all status pages, by name, and keeps the incidents that they tell of."""

    def __init__(self, store: Store, pages: Mapping[str, StatusPage], clock: Clock, *, withheld: bool = False) -> None:
        self._store = store
        self._pages = pages
        self._clock = clock
        self._log = logger("pages")
        self._surveyor = Surveyor(self._log, withheld=withheld)

    async def run(self, stopping: Callable[[], bool], progress: Progress, ring: Callable[[], None]) -> None:
        """Look once a minute until stopped."""
        failing = False
        while not stopping():
            try:
                if await self.look():
                    ring()
            except Exception:  # noqa: BLE001 - a loop that goes on; the next turn tries again
                if not failing:
                    self._log.exception("pages_failed")
                failing = True
            else:
                failing = False
                progress.made(LOOP, self._clock.monotonic())
            await asyncio.sleep(SELDOM.total_seconds())

    async def look(self) -> bool:
        """Look at every page once, and write down what has changed; tell whether anything has."""
        if not self._pages:
            return False
        now = self._clock.now()
        async with asyncio.TaskGroup() as group:
            asked = {name: group.create_task(page.look(now)) for name, page in self._pages.items()}
        seen = {name: task.result() for name, task in asked.items()}
        async with self._store.deciding() as connection:
            heard = await self._believe(connection, seen, now)
            return await self._record(connection, seen.values(), heard, now)

    async def _believe(
        self, connection: Transaction, seen: Mapping[str, PageSeen], now: datetime
    ) -> Mapping[str, datetime]:
        """Write down which pages were heard; give when each provider's were last heard whole."""
        before = await sweeps.beliefs(connection)
        heard: dict[str, datetime] = {}
        for name, page in seen.items():
            source = page_of(page.provider, name)
            was = before.get(source)
            silent = isinstance(page.said, Silent)
            at = was.heard_at if silent and was is not None else None if silent else now
            since = was.since if was is not None and was.believed is not silent else now
            why = page.said.why if isinstance(page.said, Silent) else ""
            await sweeps.believe(connection, source, Belief(not silent, why, since, at))
            last = at or datetime.min.replace(tzinfo=now.tzinfo)
            heard[page.provider] = min(heard.get(page.provider, last), last)
        return heard

    async def _record(
        self, connection: Transaction, seen: Iterable[PageSeen], heard: Mapping[str, datetime], now: datetime
    ) -> bool:
        told = {key(each): each for page in seen for each in troubled(page, now)}
        dismissed = await incidents.dismissed(connection)
        begun = [each for name, each in told.items() if name.partition(":")[2] not in dismissed]
        lasting = {key(each.incident): each for each in await incidents.on_record(connection)}
        changed = any(key(each) not in lasting for each in begun)
        await self._surveyor.begin(connection, 0, begun, now)
        for name, record in lasting.items():
            if not isinstance(record.incident, ProviderTroubled) or record.incident.provider not in heard:
                continue
            last = heard[record.incident.provider]
            if name in told:
                await incidents.renew(connection, record.number, told[name])
            elif last == now:
                await incidents.close(connection, record.number, POLICY, "its status page tells of it no more", now)
                changed = True
            elif now - last > BELIEVED:
                why = "its status page has not been heard for an hour"
                await incidents.close(connection, record.number, POLICY, why, now)
                changed = True
        return changed


def troubled(page: PageSeen, now: datetime) -> list[ProviderTroubled]:
    """Give what a page tells of that judgement must wait for."""
    if isinstance(page.said, Silent):
        return []
    serious = [each for each in page.said if each.severity is not Severity.NOTICE]
    return [ProviderTroubled(page.provider, now, each) for each in serious[:MOST]]


def page_facts(name: str, page: PageSeen) -> dict[str, Any]:
    """Write one look at a page as JSON facts."""
    silent = page.said.why if isinstance(page.said, Silent) else None
    troubles = () if isinstance(page.said, Silent) else page.said
    return {
        "page": name,
        "provider": page.provider,
        "silent": silent,
        "troubles": [incidents.trouble_facts(each) for each in troubles],
    }
