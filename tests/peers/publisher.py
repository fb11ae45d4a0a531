"""A web server that publishes lists, with the habits of real ones: validators, errors, silence, something else."""

import asyncio
import hashlib
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from aiohttp import web


@dataclass(slots=True)
class Page:
    """What stands at one address now."""

    body: bytes = b""
    status: int = 200
    modified: str = ""
    """Last-Modified; empty: the server names none."""
    validates: bool = True
    """Whether it gives an ETag."""
    kind: str = "text/plain"
    headers: dict[str, str] = field(default_factory=dict)
    hangs: bool = False


class Publisher:
    """Serves pages by name; ``asked`` holds the headers of every request, by name, in order."""

    def __init__(self) -> None:
        self.pages: dict[str, Page] = {}
        self.asked: dict[str, list[dict[str, str]]] = {}
        self._runner: web.AppRunner | None = None

    def publish(self, name: str, body: bytes, **more: object) -> Page:
        """Put a page up, instead of the one before."""
        self.pages[name] = page = Page(body, **more)  # type: ignore[arg-type]  # the fields of a page
        return page

    def times(self, name: str) -> int:
        """Say how often a page was asked for."""
        return len(self.asked.get(name, []))

    def url(self, name: str) -> str:
        """Give the address of a page."""
        assert self._runner is not None
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}/{name}"

    async def __aenter__(self) -> Self:
        site = web.Application()
        site.router.add_get("/{name}", self._give)
        self._runner = web.AppRunner(site, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    async def _give(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        self.asked.setdefault(name, []).append({key.lower(): value for key, value in request.headers.items()})
        page = self.pages.get(name, Page(b"nothing here", status=404))
        if page.hangs:
            await asyncio.Event().wait()
        headers = {"Content-Type": page.kind, **page.headers}
        if page.modified:
            headers["Last-Modified"] = page.modified
        if page.validates and page.status == 200:
            headers["ETag"] = tag = f'"{hashlib.sha256(page.body).hexdigest()[:16]}"'
            if request.headers.get("If-None-Match") == tag:
                return web.Response(status=304, headers=headers)
        return web.Response(status=page.status, body=page.body, headers=headers)
