"""Status pages: four ways to write what is wrong, where, and whether it is over."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as some
from pydantic import TypeAdapter

from checks.providers import PROVIDERS
from checks.regions import read_regions
from checks.statuspages import STATUS_PAGES, StatusPage, StatusPageOptions, open_page
from checks.statuspages.atom import read_feed
from checks.statuspages.hetzner import read_page
from monitor.clock import DrivenClock, SystemClock
from monitor.core.observation import Silent
from monitor.core.status import PageSeen, Severity, Trouble
from monitor.demo.loopback import Listener
from monitor.demo.pages import HetznerPage
from tests.peers import crooked

AT = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
REGIONS = read_regions(files("config").joinpath("catalogue/regions.toml").read_text(), PROVIDERS)


class Pages:
    """A web server with one page."""

    def __init__(self, body: str) -> None:
        self.body = body
        self.status = 200
        self.asked: list[str] = []

    async def serve(self, request: web.Request) -> web.Response:
        self.asked.append(request.path)
        return web.Response(text=self.body, status=self.status, headers={"etag": f'"{hash(self.body)}"'})


@asynccontextmanager
async def reading(kind: str, body: str, provider: str, **more: Any) -> AsyncIterator[tuple[StatusPage, Pages]]:
    pages = Pages(body)
    app = web.Application()
    app.router.add_get("/{any:.*}", pages.serve)
    async with Listener(app) as listener:
        options = _options(kind, listener.url, provider=provider, **more)
        page, session = open_page(options, SystemClock(), REGIONS)
        async with session:
            yield page, pages


def _options(kind: str, url: str, **more: Any) -> Any:
    table = {"kind": kind, "url": url, "allow": ["127.0.0.0/8"], "timeout": 0.5, **more}
    return TypeAdapter[Any](StatusPageOptions).validate_python(table)


async def look(kind: str, body: str, provider: str, **more: Any) -> PageSeen:
    async with reading(kind, body, provider, **more) as (page, _):
        return await page.look(AT)


def component(key: str, name: str, group: str | None = None, status: str = "operational") -> dict[str, Any]:
    return {"id": key, "name": name, "status": status, "group": False, "group_id": group}


def group(key: str, name: str) -> dict[str, Any]:
    return {"id": key, "name": name, "status": "operational", "group": True, "group_id": None}


def incident(*components: str, **more: Any) -> dict[str, Any]:
    plain = {"id": "i1", "name": "Trouble", "status": "investigating", "impact": "major", "incident_updates": []}
    return {**plain, "components": [{"id": key} for key in components], **more}


DIGITALOCEAN = [
    group("g1", "Droplets"),
    group("g2", "App Platform"),
    component("c1", "FRA1", "g1"),
    component("c2", "NYC3", "g1"),
    component("c3", "Global", "g1"),
    component("c4", "Frankfurt", "g2"),
]


def summary(*incidents: Any, components: list[Any] = DIGITALOCEAN, maintenances: tuple[Any, ...] = ()) -> str:
    return json.dumps(
        {"components": components, "incidents": list(incidents), "scheduled_maintenances": list(maintenances)}
    )


FRA1 = frozenset({"fra1"})


@pytest.mark.parametrize(
    ("body", "troubles"),
    [
        pytest.param(summary(), [], id="all is well"),
        pytest.param(summary(incident("c1")), [(Severity.OUTAGE, FRA1)], id="one region"),
        pytest.param(summary(incident("c1", "c2")), [(Severity.OUTAGE, frozenset({"fra1", "nyc3"}))], id="two regions"),
        pytest.param(summary(incident("c1", "c3")), [(Severity.OUTAGE, None)], id="everywhere"),
        pytest.param(summary(incident("c4")), [], id="a product that is not ours"),
        pytest.param(summary(incident("c1", status="resolved")), [], id="over"),
        pytest.param(
            summary(incident("c1", impact="none")), [(Severity.DEGRADED, FRA1)], id="an impact of none is some"
        ),
        pytest.param(summary(incident("c1", impact="entangled")), [(Severity.OUTAGE, FRA1)], id="an unknown impact"),
        pytest.param(
            summary(incident(name="Network in FRA1")), [(Severity.OUTAGE, FRA1)], id="no component: the text tells"
        ),
        pytest.param(summary(incident(name="API")), [(Severity.OUTAGE, None)], id="nor does the text: everywhere"),
        pytest.param(
            summary(maintenances=(incident("c1", status="scheduled", scheduled_for="2026-11-24T00:00:00Z"),)),
            [],
            id="a maintenance ahead",
        ),
        pytest.param(
            summary(maintenances=(incident("c1", status="in_progress", scheduled_for="2026-11-23T00:00:00Z"),)),
            [(Severity.MAINTENANCE, FRA1)],
            id="a maintenance that runs",
        ),
        pytest.param(
            summary(components=[group("g1", "Droplets"), component("c1", "FRA1", "g1", "major_outage")]),
            [(Severity.OUTAGE, FRA1)],
            id="a component is down, and nobody has written about it",
        ),
        pytest.param(
            summary(
                incident("c1"), components=[group("g1", "Droplets"), component("c1", "FRA1", "g1", "major_outage")]
            ),
            [(Severity.OUTAGE, FRA1)],
            id="what an incident tells is not told twice",
        ),
        pytest.param(
            summary(components=[group("g9", "Regions"), component("c1", "fra1", "g9", "partial_outage")]),
            [(Severity.OUTAGE, FRA1)],
            id="the layout of 2021",
        ),
    ],
)
async def test_a_statuspage_is_resolved_by_group_and_component(body: str, troubles: list[Any]) -> None:
    seen = await look("statuspage", body, "digitalocean", products=["Droplets", "Regions"])
    assert not isinstance(seen.said, Silent)
    assert [(each.severity, each.regions) for each in seen.said] == troubles


async def test_linodes_components_hold_two_blanks_and_a_city() -> None:
    components = [
        component("c1", "EU-Central (Frankfurt)  NodeBalancers", status="partial_outage"),
        component("c2", "DE Frankfurt 2", status="major_outage"),
    ]
    seen = await look("statuspage", summary(components=components), "linode")
    assert not isinstance(seen.said, Silent)
    assert [sorted(each.regions or ()) for each in seen.said] == [["eu-central"], ["de-fra-2", "eu-central"]]
    assert seen.said[0].words == "EU-Central (Frankfurt) NodeBalancers: partial_outage"


def alert(key: str, subject: str = "Packet loss", status: str = "ongoing", region: str = "") -> dict[str, Any]:
    entries = [{"updated_at": "", "message": "We are looking into it."}]
    start = "2026-11-23T11:00:00+00:00"
    return {"id": key, "subject": subject, "status": status, "region": region, "start_date": start, "entries": entries}


def regions(**alerts: list[Any]) -> str:
    places = {code: {"location": "?", "alerts": listed} for code, listed in alerts.items()}
    return json.dumps({"service_alerts": [], "regions": places, "message": "extra"})


async def test_vultrs_resolved_alerts_stay_on_the_page_and_repeated_ones_are_one() -> None:
    body = regions(fra=[alert("1"), alert("2", status="resolved")], ams=[alert("1")], sgp=[])
    seen = await look("vultr", body, "vultr")
    began = datetime(2026, 11, 23, 11, 0, tzinfo=UTC)
    assert seen.said == (Trouble("1", Severity.OUTAGE, "Packet loss", frozenset({"fra", "ams"}), since=began),)


async def test_vultrs_maintenance_shows_in_the_words_and_an_alert_without_region_is_for_all() -> None:
    body = json.dumps({"service_alerts": [alert("1", "Scheduled Maintenance of the API")], "regions": {}})
    seen = await look("vultr", body, "vultr")
    assert not isinstance(seen.said, Silent)
    assert [(each.severity, each.regions) for each in seen.said] == [(Severity.MAINTENANCE, None)]


def feed(*entries: tuple[str, str, str]) -> str:
    posts = "".join(
        f"<entry><id>{number}</id><title>{title}</title><updated>{updated}</updated>"
        f"<summary type='html'>{summary}</summary></entry>"
        for number, (title, updated, summary) in enumerate(entries)
    )
    return f"<?xml version='1.0'?><feed xmlns='http://www.w3.org/2005/Atom'>{posts}</feed>"


@pytest.mark.parametrize(
    ("title", "updated", "summary", "trouble"),
    [
        pytest.param(
            "Outage in Falkenstein", "2026-11-23T11:00:00Z", "", (Severity.OUTAGE, {"fsn1"}, set()), id="in a place"
        ),
        pytest.param("Network fault", "2026-11-23T11:00:00", "", (Severity.OUTAGE, None, set()), id="in none"),
        pytest.param(
            "Fault", "2026-11-23T11:00:00Z", "The crash since noon", (Severity.OUTAGE, None, set()), id="words"
        ),
        pytest.param("Fault", "2026-11-20T11:00:00Z", "", None, id="long ago"),
        pytest.param("Fault", "yesterday", "", None, id="without a date"),
        pytest.param("Fault", "2026-11-23T11:00:00Z", "It has been &lt;b&gt;resolved&lt;/b&gt;.", None, id="over"),
        pytest.param("Planned maintenance", "2026-11-23T11:00:00Z", "", None, id="ahead"),
        pytest.param("Maintenance", "2026-11-23T11:00:00Z", "", (Severity.MAINTENANCE, None, set()), id="running"),
        pytest.param(
            "Limited availability of plans", "2026-11-23T11:00:00Z", "", (Severity.NOTICE, None, set()), id="a notice"
        ),
        pytest.param(
            "All VPS on host system 12345",
            "2026-11-23T11:00:00Z",
            "",
            (Severity.OUTAGE, None, {"12345"}),
            id="one machine",
        ),
    ],
)
async def test_an_atom_post_counts_while_it_is_young_and_not_said_to_be_over(
    title: str, updated: str, summary: str, trouble: Any
) -> None:
    seen = await look("atom", feed((title, updated, summary)), "hetzner")
    assert not isinstance(seen.said, Silent)
    assert [(each.severity, each.regions, each.hosts) for each in seen.said] == ([trouble] if trouble else [])


def next_data(incidents: Any) -> str:
    systems = [{"id": 7, "titleEn": "Cloud FSN1", "systemState": "x", "parent": None}]
    data = {"props": {"pageProps": {"systems": systems, "incidents": incidents}}}
    return f'<html><script id="__NEXT_DATA__" type="application/json">{json.dumps(data)}</script></html>'


def hetzner(**more: Any) -> dict[str, Any]:
    plain = {"id": 1, "uuid": "u1", "system": "/systems/7", "titleEn": "Fault", "incidentState": "in_progress"}
    return {**plain, "incidentType": "outage", "startTime": "2026-11-23T11:00:00Z", **more}


@pytest.mark.parametrize(
    ("incidents", "troubles"),
    [
        pytest.param({}, [], id="all is well"),
        pytest.param({"informationList": [hetzner()]}, [(Severity.OUTAGE, {"fsn1"})], id="a system in a place"),
        pytest.param(
            {"informationList": [hetzner()], "topNotification": hetzner()}, [(Severity.OUTAGE, {"fsn1"})], id="twice"
        ),
        pytest.param({"informationList": [hetzner(incidentState="resolved")]}, [], id="over"),
        pytest.param({"maintenanceList": [hetzner(startTime="2026-11-24T00:00:00Z")]}, [], id="ahead"),
        pytest.param({"incidentHistory": [hetzner()]}, [], id="the past"),
        pytest.param(
            {"informationList": [hetzner(incidentType="other", system=None)]}, [(Severity.NOTICE, None)], id="a notice"
        ),
        pytest.param(
            {"informationList": [hetzner(incidentType="entangled", system=None)]},
            [(Severity.OUTAGE, None)],
            id="unknown",
        ),
    ],
)
async def test_hetzners_page_carries_its_data(incidents: Any, troubles: list[Any]) -> None:
    seen = await look("hetzner", next_data(incidents), "hetzner")
    assert not isinstance(seen.said, Silent)
    assert [(each.severity, each.regions) for each in seen.said] == troubles


GOOD = {"statuspage": summary(), "vultr": regions(), "atom": feed(), "hetzner": next_data({})}
every_kind = pytest.mark.parametrize("kind", sorted(STATUS_PAGES))


@every_kind
async def test_a_page_without_trouble_says_so(kind: str) -> None:
    assert await look(kind, GOOD[kind], "vultr") == PageSeen(AT, "vultr", ())


@every_kind
@pytest.mark.parametrize(
    "body",
    [
        "",
        "null",
        "{}",
        "[]",
        "<html>Checking your browser</html>",
        "<rss version='2.0'><channel/></rss>",
        "<!DOCTYPE feed [<!ENTITY a 'b'>]><feed xmlns='http://www.w3.org/2005/Atom'>&a;</feed>",
        "<?xml version='1.0' encoding='entangled'?><feed xmlns='http://www.w3.org/2005/Atom'/>",
        '<script id="__NEXT_DATA__">{"props": NaN}</script>',
        '<script id="__NEXT_DATA__">{"props": {"pageProps": {"incidents": []}}}</script>',
    ],
)
async def test_a_page_of_another_shape_is_silence_and_never_all_clear(kind: str, body: str) -> None:
    assert isinstance((await look(kind, body, "vultr")).said, Silent)


@every_kind
@pytest.mark.parametrize(
    "misbehaviour", [crooked.slow_loris, crooked.endless, crooked.gzip_bomb, crooked.html("503 Busy"), crooked.hang_up]
)
async def test_a_page_that_misbehaves_is_silence(kind: str, misbehaviour: crooked.Misbehaviour) -> None:
    async with crooked.misbehaving(misbehaviour) as url:
        page, session = open_page(_options(kind, url, provider="vultr"), SystemClock(), REGIONS)
        async with session:
            seen = await page.look(AT)
    assert isinstance(seen.said, Silent)


@every_kind
async def test_a_page_is_asked_at_most_once_a_minute_and_not_sent_twice(kind: str) -> None:
    async with reading(kind, GOOD[kind], "vultr") as (page, pages):
        looks = [await page.look(AT + timedelta(seconds=seconds)) for seconds in (0, 1, 59, 60, 61, 200)]
    assert len(pages.asked) == 3
    assert [seen.at for seen in looks] == [AT] * 3 + [AT + timedelta(minutes=1)] * 2 + [AT + timedelta(seconds=200)]


async def test_the_page_of_the_demo_is_read_as_hetzners_own_and_not_sent_twice() -> None:
    clock = DrivenClock(AT)
    async with HetznerPage(clock) as there:
        page, session = open_page(_options("hetzner", there.url), clock, REGIONS)
        async with session:
            well = await page.look(AT)
            there.outages.append("Outage in Helsinki")
            bad, same = [await page.look(AT + timedelta(minutes=minutes)) for minutes in (1, 2)]
    assert (well.said, there.asked, there.unchanged) == ((), 3, 1)
    assert not isinstance(bad.said, Silent)
    assert [(each.words, each.severity, each.regions) for each in bad.said] == [
        ("Outage in Helsinki", Severity.OUTAGE, frozenset({"hel1"}))
    ]
    assert same.said == bad.said


@given(some.binary(max_size=200) | some.text(max_size=200).map(lambda text: feed((text, text, text)).encode()))
def test_no_bytes_break_the_readers(body: bytes) -> None:
    read_page(body)
    try:
        list(read_feed(body, "hetzner", REGIONS, AT))
    except ValueError as fault:
        assert str(fault)  # noqa: PT017 - either it is read, or there is a reason


def test_a_feed_a_hundred_thousand_elements_deep_is_read() -> None:
    deep = "<a>" * 100_000 + "x" + "</a>" * 100_000
    body = feed(("T", "2026-11-23T11:00:00Z", deep)).encode()
    assert [each.words for each in read_feed(body, "hetzner", REGIONS, AT - timedelta(days=1))] == ["T"]
