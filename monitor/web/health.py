"""``/-/healthy``, ``/-/ready`` and ``/metrics``."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from monitor.clock import Clock
from monitor.telemetry import Metrics, Progress


@dataclass(frozen=True, slots=True)
class Health:
    """What health rests on; ``refresh`` brings the figures read from the store up to date."""

    metrics: Metrics
    progress: Progress
    clock: Clock
    refresh: Callable[[], Awaitable[None]]

    def routes(self) -> list[web.RouteDef]:
        """Give the routes; a GET route answers HEAD too."""
        return [
            web.get("/-/healthy", self.healthy),
            web.get("/-/ready", self.ready),
            web.get("/metrics", self.page),
        ]

    async def healthy(self, _request: web.Request) -> web.Response:
        """Say that the process answers."""
        return web.Response(text="coverwatch is alive\n")

    async def ready(self, _request: web.Request) -> web.Response:
        """Say whether every loop gets somewhere; 503 names those that do not."""
        stuck = self.progress.stuck(self.clock.monotonic())
        if stuck:
            return web.Response(status=503, text=f"no progress: {', '.join(stuck)}\n")
        return web.Response(text="coverwatch is ready\n")

    async def page(self, _request: web.Request) -> web.Response:
        """Give the metrics; a scrape only reads, it never probes."""
        await self.refresh()
        return web.Response(
            body=self.metrics.page(), headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
        )
