"""The operator's pages: what is owed now, and the story of each case. They only show."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

import jinja2
from aiohttp import web

from monitor.clock import Clock
from monitor.store import views
from monitor.store.engine import Store

NEWEST = 200
SECURITY = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def load_pages() -> jinja2.Environment:
    """Give the templates of our pages."""
    folder = resources.files("monitor.web") / "templates"
    names = (
        "page.html",
        "overview.html",
        "case.html",
        "story.html",
        "style.html",
        "evidence.html",
        "missing.html",
        "notices.html",
    )
    return jinja2.Environment(
        loader=jinja2.DictLoader({name: (folder / name).read_text() for name in names}),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        enable_async=False,
    )


def draw_case(story: Mapping[str, Any]) -> str:
    """Draw one case as a page that stands alone: evidence to be handed on."""
    return load_pages().get_template("evidence.html").render(case=story)


@dataclass(frozen=True, slots=True)
class Console:
    """Pages drawn from the store."""

    store: Store
    clock: Clock
    shop: str
    pages: jinja2.Environment = field(default_factory=load_pages)

    def routes(self) -> list[web.RouteDef]:
        """Give the routes."""
        return [web.get("/", self.overview), web.get(r"/cases/{number:\d{1,12}}", self.case)]

    async def overview(self, _request: web.Request) -> web.Response:
        """Show cases, deliveries, stock and lists."""
        async with self.store.read() as connection:
            figures = await views.figures(connection)
            cases = await views.list_cases(connection, states=None, limit=NEWEST)
            deliveries = await views.list_deliveries(connection, order=None, tiers=None, limit=NEWEST)
            stock = await views.list_stock(connection, tier=None, name=None, limit=NEWEST)
            sources = await views.list_sources(connection)
        return self._page(
            "overview.html",
            figures=figures,
            cases=cases,
            deliveries=deliveries,
            stock=stock,
            sources=sources,
        )

    async def case(self, request: web.Request) -> web.Response:
        """Show one case: what was seen, by whom, which clause, which spare, which notices."""
        number = int(request.match_info["number"])
        async with self.store.read() as connection:
            story = await views.case_story(connection, number)
        if story is None:
            return self._page("missing.html", status=404, what=f"case {number}")
        return self._page("case.html", case=story)

    def _page(self, template: str, *, status: int = 200, **facts: object) -> web.Response:
        now = f"{self.clock.now():%Y-%m-%d %H:%M:%S} UTC"
        text = self.pages.get_template(template).render(shop=self.shop, now=now, **facts)
        return web.Response(text=text, status=status, content_type="text/html", headers=SECURITY)
