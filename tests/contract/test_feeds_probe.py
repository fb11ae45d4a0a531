"""Feeds as judges beside zones, or alone: who is on the panel, who is waited for, and what counts once."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from random import Random
from typing import Any

import pytest

from checks.blocklist import BlocklistProbe
from checks.dns.engine import Engine
from checks.downloads import Feed
from checks.feeds import FeedReach, Feeds
from checks.formats import Format
from monitor.clock import DrivenClock
from monitor.core.coverage import Bad, Good, Listing, Unclear
from monitor.core.dnsxl import Weight, Zone
from monitor.core.fleet import Niche, Unit
from monitor.core.listing import RangeSeen, look_at_range
from monitor.core.observation import Listed
from monitor.core.plan import Watched
from monitor.core.rotation import Turn
from monitor.demo.zones import ZoneServer
from tests.peers.publisher import Publisher

NOON = datetime(2026, 5, 25, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
RANGE, RANGE_6 = IPv4Network("185.100.0.0/28"), IPv6Network("2a01:4f8::/64")
OTHERS = "185.101.0.1\n185.101.0.2\n"
EVERY_ADDRESS = Turn(0)
BL = "bl.test"
RULE = Listing(alerts=1, warns=2, share=0.1, quorum=0.5)


def unit(*ranges: IPv4Network | IPv6Network) -> Watched:
    return Watched(Unit("unit", "tier", "supplier", ranges, ranges[0][7]), Niche.VPN, None, None)


def feed(publisher: Publisher, name: str, weight: Weight = Weight.WARN, **more: Any) -> Feed:
    options: dict[str, Any] = {
        "format": Format.PLAIN, "group": name, "families": frozenset({4}), "about": f"listed by {name}",
        "interval": HOUR, "max_age": DAY, "changes_within": 30 * DAY,
    } | more  # fmt: skip
    return Feed(name=name, url=publisher.url(name), weight=weight, **options)


@asynccontextmanager
async def probing(
    folder: Path, *sources: Feed, zones: tuple[Zone, ...] = (), engine: Engine | None = None
) -> AsyncIterator[BlocklistProbe]:
    reach = FeedReach(timeout=2.0, allow=(IPv4Network("127.0.0.0/8"),))
    async with Feeds(sources, folder / "feeds", DrivenClock(NOON), reach) as feeds:
        yield BlocklistProbe(zones, engine, Random(1), HOUR, {}, feeds)


async def seen(probe: BlocklistProbe, watched: Watched, at: datetime = NOON) -> RangeSeen:
    found = (await probe.look([watched], at, EVERY_ADDRESS))["unit"]
    assert isinstance(found, RangeSeen)
    return found


@pytest.fixture
async def publisher() -> AsyncIterator[Publisher]:
    async with Publisher() as publisher:
        yield publisher


async def test_feeds_judge_alone_where_no_zone_is_configured(publisher: Publisher, tmp_path: Path) -> None:
    publisher.publish("bad", f"{RANGE[7]}\n{RANGE[0]}\n{RANGE[15]}\n".encode())
    async with probing(tmp_path, feed(publisher, "bad", Weight.ALERT)) as probe:
        probe.allow({})
        assert {name: each.believed for name, each in (await probe.examine(NOON, {})).items()} == {"bad": True}
        found = await seen(probe, unit(RANGE))
        assert probe.take_count() == {}
    assert set(found.listed) == {RANGE[0], RANGE[7], RANGE[15]}
    assert found.listed[RANGE[7]] == {"bad": Listed((), "listed by bad")}
    assert found.heard == "1 of 1 lists answered"
    assert isinstance(look_at_range(found, RULE), Bad)


async def test_before_the_first_examination_nothing_is_believed(publisher: Publisher, tmp_path: Path) -> None:
    publisher.publish("bad", f"{RANGE[7]}\n".encode())
    async with probing(tmp_path, feed(publisher, "bad", Weight.ALERT)) as probe:
        assert isinstance(look_at_range(await seen(probe, unit(RANGE)), RULE), Unclear)


async def test_both_families_are_matched(publisher: Publisher, tmp_path: Path) -> None:
    publisher.publish("bad", f"{RANGE_6}\n{OTHERS}".encode())
    async with probing(tmp_path, feed(publisher, "bad", Weight.ALERT, families=frozenset({4, 6}))) as probe:
        await probe.examine(NOON, {})
        found = await seen(probe, unit(RANGE_6))
    assert RANGE_6[7] in found.listed
    assert isinstance(look_at_range(found, RULE), Bad)


async def test_a_zone_and_a_feed_warn_together(publisher: Publisher, tmp_path: Path) -> None:
    publisher.publish("bad", f"{RANGE[7]}\n".encode())
    zone = Zone(BL, "test", "test", Weight.WARN)
    async with ZoneServer(BL) as server, Engine([server.address]) as engine:
        server.list(BL, str(RANGE[7]))
        async with probing(tmp_path, feed(publisher, "bad"), zones=(zone,), engine=engine) as probe:
            assert set(await probe.examine(NOON, {})) == {BL, "bad"}
            found = await seen(probe, unit(RANGE))
    assert set(found.listed[RANGE[7]]) == {BL, "bad"}
    assert found.heard == "2 of 2 lists answered"
    assert isinstance(look_at_range(found, RULE), Bad)


async def test_a_feed_of_the_operator_of_a_zone_says_nothing_new(publisher: Publisher, tmp_path: Path) -> None:
    publisher.publish("bad", f"{RANGE[7]}\n".encode())
    zone = Zone(BL, "test", "test", Weight.WARN)
    async with ZoneServer(BL) as server, Engine([server.address]) as engine:
        server.list(BL, str(RANGE[7]))
        async with probing(tmp_path, feed(publisher, "bad", group="test"), zones=(zone,), engine=engine) as probe:
            await probe.examine(NOON, {})
            found = await seen(probe, unit(RANGE))
    assert isinstance(look_at_range(found, RULE), Good)


async def test_a_collection_and_a_list_that_it_copies_count_once(publisher: Publisher, tmp_path: Path) -> None:
    for name in ("origin", "collection"):
        publisher.publish(name, f"{RANGE[7]}\n".encode())
    origin = feed(publisher, "origin")
    collection = feed(publisher, "collection", contains=frozenset({"origin"}))
    async with probing(tmp_path, origin, collection) as probe:
        await probe.examine(NOON, {})
        found = await seen(probe, unit(RANGE))
    assert set(found.listed[RANGE[7]]) == {"origin", "collection"}
    assert isinstance(look_at_range(found, RULE), Good)


async def test_a_feed_that_has_aged_is_waited_for_and_then_the_others_judge_without_it(
    publisher: Publisher, tmp_path: Path
) -> None:
    publisher.publish("bad", f"{RANGE[7]}\n".encode())
    publisher.publish("good", OTHERS.encode())
    async with probing(tmp_path, feed(publisher, "bad", Weight.ALERT), feed(publisher, "good")) as probe:
        await probe.examine(NOON, {})
        assert isinstance(look_at_range(await seen(probe, unit(RANGE)), RULE), Bad)
        publisher.publish("bad", b"", status=503)
        heard_at = {"bad": NOON + DAY, "good": NOON + DAY}

        soon = NOON + DAY + timedelta(minutes=30)
        trusted = await probe.examine(soon, heard_at)
        assert {name: each.believed for name, each in trusted.items()} == {"bad": False, "good": True}
        waiting = await seen(probe, unit(RANGE), soon)
        assert waiting.listed == {}
        assert waiting.unheard[RANGE[7]]["bad"].startswith("muted: it was last heard on 2026-05-25 12:00Z; HTTP 503")
        assert waiting.heard == "1 of 2 lists answered"
        assert look_at_range(waiting, RULE) == Unclear(
            f"bad ({waiting.unheard[RANGE[7]]['bad']}) could tip the balance"
        )

        late = NOON + DAY + 2 * HOUR
        await probe.examine(late, heard_at | {"good": late})
        without = await seen(probe, unit(RANGE), late)
        assert without.heard == "1 of 2 lists answered"
        assert without.unheard == {}
        assert isinstance(look_at_range(without, RULE), Good)


async def test_when_our_line_is_dead_the_copies_on_disk_still_speak(publisher: Publisher, tmp_path: Path) -> None:
    publisher.publish("bad", f"{RANGE[7]}\n".encode())
    async with probing(tmp_path, feed(publisher, "bad", Weight.ALERT)) as probe:
        await probe.examine(NOON, {})
    async with Engine([("127.0.0.1", 9)]) as engine:
        zone = Zone(BL, "test", "test")
        async with probing(tmp_path, feed(publisher, "bad", Weight.ALERT), zones=(zone,), engine=engine) as probe:
            assert set(await probe.examine(NOON, {})) == {"bad"}
            found = await seen(probe, unit(RANGE))
    assert isinstance(look_at_range(found, RULE), Bad)
