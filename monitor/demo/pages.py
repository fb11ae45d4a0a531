"""Hetzner's status page: a page for people, with the data behind it embedded, and a validator for who asks again."""

import hashlib
import json
from datetime import timedelta
from types import TracebackType
from typing import Self

from aiohttp import web

from monitor.clock import Clock, SystemClock
from monitor.demo.loopback import Listener

Json = dict[str, object]


class HetznerPage:
    """Tells of outages in places, until they are over."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.outages: list[str] = []
        """Titles, which name the place."""
        self.asked = self.unchanged = 0
        """How often it was asked for, and how often it needed not be sent."""
        self._clock = clock or SystemClock()
        self._since = self._clock.now() - timedelta(minutes=5)
        app = web.Application()
        app.router.add_get("/en", self._page)
        self._listener = Listener(app)

    async def __aenter__(self) -> Self:
        await self._listener.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._listener.__aexit__(kind, error, trace)

    @property
    def url(self) -> str:
        """What the settings name as ``url``."""
        return f"{self._listener.url}/en"

    async def _page(self, request: web.Request) -> web.Response:
        self.asked += 1
        told = {
            "systems": [{"id": 1, "titleEn": "Cloud", "systemState": "x", "parent": None}],
            "incidents": {
                "topNotification": None,
                "informationList": [self._incident(number, title) for number, title in enumerate(self.outages, 1)],
                "maintenanceList": [],
                "incidentHistory": [],
            },
        }
        data = json.dumps({"props": {"pageProps": told}})
        body = f'<!DOCTYPE html><html><script id="__NEXT_DATA__" type="application/json">{data}</script></html>'
        tag = f'"{hashlib.sha256(body.encode()).hexdigest()[:16]}"'
        if request.headers.get("If-None-Match") == tag:
            self.unchanged += 1
            return web.Response(status=304, headers={"ETag": tag})
        return web.Response(text=body, content_type="text/html", headers={"ETag": tag})

    def _incident(self, number: int, title: str) -> Json:
        since = self._since.strftime("%Y-%m-%dT%H:%M:%SZ")
        return {
            "id": number,
            "uuid": f"00000000-0000-4000-8000-{number:012d}",
            "system": "/systems/1",
            "titleEn": title,
            "incidentState": "in_progress",
            "incidentType": "outage",
            "startTime": since,
            "endTime": None,
            "createdAt": since,
            "updatedAt": since,
        }
