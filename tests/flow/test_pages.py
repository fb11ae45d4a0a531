"""Status pages in the line: what they tell of opens nothing, clears nothing, and freezes only what it touches."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from checks.statuspages import open_page
from checks.statuspages.vultr import Options
from config import ConfigError, load
from config.places import regions
from monitor.app import open_app, run
from monitor.clock import DrivenClock
from monitor.core.case import State
from monitor.core.coverage import Defect
from monitor.core.notice import Kind
from monitor.core.plan import Check
from monitor.demo.digitalocean import DigitalOceanApi
from monitor.duty import close_incident
from monitor.pages import Pages
from monitor.store import reports
from monitor.store.engine import Store
from monitor.store.tables import ruling, standing
from monitor.store.views import Row
from tests.flow.driven import FRANKFURT, HOUR, LIFTED, MINUTE, NOON, Node, accounts, node, sell, vps
from tests.peers.publisher import Publisher


class Page:
    """A provider's status page, whose regions have trouble or not."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self.tell()

    def tell(self, **troubles: str) -> None:
        """Let the page tell of one trouble in each of these regions."""
        alerts = {
            code: {"alerts": [{"id": code, "subject": words, "status": "ongoing"}]} for code, words in troubles.items()
        }
        self._publisher.publish("status.json", json.dumps({"service_alerts": [], "regions": alerts}).encode())

    def fall_silent(self) -> None:
        """Let the page answer nothing of use."""
        self._publisher.publish("status.json", b"<html>", status=502)


@asynccontextmanager
async def a_shop(store: Store) -> AsyncIterator[tuple[Node, DigitalOceanApi, Page, Pages, DrivenClock]]:
    """Sell alice an account in Frankfurt and bob one in Singapore."""
    clock = DrivenClock(NOON)
    async with DigitalOceanApi() as api, Publisher() as publisher:
        page = Page(publisher)
        api.account("hers")
        api.account("his").droplets[0].region = "sgp1"
        await sell(store, {"alice": [vps("hers", tier=FRANKFURT)], "bob": [vps("his")]}, NOON - HOUR)
        options = Options(
            kind="vultr", provider="digitalocean", url=publisher.url("status.json"), allow=["127.0.0.0/8"]
        )
        reader, session = open_page(options, clock, regions())
        async with session, accounts(api, clock) as probes:
            yield node(store, probes, clock, LIFTED), api, page, Pages(store, {"status": reader}, clock), clock


async def lasting(store: Store) -> list[Row]:
    async with store.read() as connection:
        return await reports.list_incidents(connection, lasting=True, limit=10)


async def sweep(shop: Node, pages: Pages, clock: DrivenClock, times: int = 1) -> None:
    for _ in range(times):
        await pages.look()
        await shop.sweep(Check.ACCOUNT)
        clock.advance(5 * MINUTE)


async def test_a_trouble_freezes_the_region_that_it_names_and_no_other(store: Store) -> None:
    async with a_shop(store) as (shop, api, page, pages, clock):
        page.tell(fra1="Power failure in FRA1")
        api.lock("hers")
        api.lock("his")
        await sweep(shop, pages, clock, 3)
        [outage] = await lasting(store)
        assert (outage["kind"], outage["name"]) == ("provider", "digitalocean/fra1")
        assert len(await shop.notices(Kind.OPERATOR_INCIDENT)) == 1
        assert [case.customer for case in await shop.cases()] == ["bob"]
        async with store.read() as connection:
            why = select(standing.c.why).where(standing.c.unit == "hers", standing.c.defect == Defect.ACCOUNT_BANNED)
            assert "Power failure in FRA1" in (await connection.execute(why)).scalar_one()

        # It is over: the next looks tell, and the page's silence about it stands in the proof.
        page.tell()
        await sweep(shop, pages, clock, 2)
        assert await lasting(store) == []
        assert [case.customer for case in await shop.cases()] == ["bob", "alice"]
        async with store.read() as connection:
            proof = (
                (await connection.execute(select(ruling.c.finding).order_by(ruling.c.number.desc()))).scalars().all()[0]
            )
        assert proof["heard"] == "digitalocean answered; its status page tells of no trouble there"


async def test_nothing_is_cleared_while_a_trouble_lasts(sqlite_store: Store) -> None:
    async with a_shop(sqlite_store) as (shop, api, page, pages, clock):
        api.lock("hers")
        await sweep(shop, pages, clock, 2)
        page.tell(fra1="Elevated errors")
        api.unlock("hers")
        await sweep(shop, pages, clock, 2)
        assert [case.state for case in await shop.cases()] == [State.APPROVED]
        page.tell()
        await sweep(shop, pages, clock)
        assert [case.state for case in await shop.cases()] == [State.WITHDRAWN]


async def test_a_page_that_falls_silent_is_believed_for_an_hour(sqlite_store: Store) -> None:
    async with a_shop(sqlite_store) as (_, _, page, pages, clock):
        page.tell(fra1="Power failure", sgp1="Flood")
        assert await pages.look()
        page.fall_silent()
        clock.advance(timedelta(minutes=50))
        assert not await pages.look()
        assert len(await lasting(sqlite_store)) == 2
        clock.advance(timedelta(minutes=15))
        assert await pages.look()
        assert await lasting(sqlite_store) == []


async def test_what_an_operator_calls_over_stays_over_whatever_the_page_says(sqlite_store: Store) -> None:
    async with a_shop(sqlite_store) as (shop, api, page, pages, clock):
        page.tell(fra1="Limited network capacity for weeks")
        await pages.look()
        [outage] = await lasting(sqlite_store)
        await close_incident(sqlite_store, outage["number"], "operator olga", "does not touch us", clock.now())
        api.lock("hers")
        await sweep(shop, pages, clock, 2)
        assert await lasting(sqlite_store) == []
        assert [case.customer for case in await shop.cases()] == ["alice"]


async def test_a_page_is_fetched_once_a_minute_at_most(sqlite_store: Store) -> None:
    clock = DrivenClock(NOON)
    async with Publisher() as publisher:
        Page(publisher)
        options = Options(kind="vultr", provider="vultr", url=publisher.url("status.json"), allow=["127.0.0.0/8"])
        reader, session = open_page(options, clock, regions())
        async with session:
            pages = Pages(sqlite_store, {"status": reader}, clock)
            for _ in range(6):
                await pages.look()
                clock.advance(timedelta(seconds=20))
        assert publisher.times("status.json") == 2
        # The second time it was asked whether anything had changed.
        assert "if-none-match" in publisher.asked["status.json"][1]


CONFIG = """
[store]
url = "{database}"

[web]
listen = "127.0.0.1:0"

[status_pages.main]
kind = "vultr"
provider = "digitalocean"
url = "{page}"
allow = ["127.0.0.0/8"]

[notifier]
kind = "console"
"""


async def test_the_daemon_reads_the_pages_of_its_configuration_and_tries_keys(tmp_path: Path, sqlite_url: str) -> None:
    async with Publisher() as publisher:
        Page(publisher).tell(fra1="Power failure")
        file = tmp_path / "monitor.toml"
        file.write_text(CONFIG.format(database=sqlite_url, page=publisher.url("status.json")))
        async with open_app(load(file), DrivenClock(NOON)) as app:
            stop = asyncio.Event()
            life = asyncio.create_task(run(app, stop))
            found: list[Row] = []
            for _ in range(1200):
                if found := await lasting(app.store):
                    break
                await asyncio.sleep(0.05)
            stop.set()
            await life
            assert [each["name"] for each in found] == ["digitalocean/fra1"]
            assert app.sweeper.kinds == [Check.ENDPOINT]


def test_a_page_must_be_of_a_kind_of_provider_that_there_is(tmp_path: Path) -> None:
    file = tmp_path / "monitor.toml"
    text = CONFIG.format(database="sqlite:///a.sqlite", page="https://status.example.net/status.json")
    file.write_text(text.replace('"digitalocean"', '"digitalozean"'))
    with pytest.raises(ConfigError, match=r"status_pages\.main\.provider: 'digitalozean' is none; write one of"):
        load(file)
