"""Feeds: asked for seldom, read with suspicion, kept on disk while they are good, and believed while they are fresh."""

import json
import os
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv4Network, ip_address
from pathlib import Path
from typing import Any

import pytest

from checks.downloads import Feed
from checks.feeds import FeedReach, Feeds
from checks.formats import Format
from checks.mirrors import Mirror
from checks.rbldnsd import DataFormat
from monitor.clock import DrivenClock
from monitor.core.dnsxl import Weight, Zone
from monitor.core.listing import Source
from monitor.core.observation import Answer, Listed, Silent
from tests.peers.publisher import Publisher

NOON = datetime(2026, 5, 25, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
HOME = FeedReach(timeout=2.0, allow=(IPv4Network("127.0.0.0/8"),))
ONE = b"198.51.100.7\n"
TEN = b"".join(f"198.51.100.{last}\n".encode() for last in range(10))


@pytest.fixture
async def publisher() -> AsyncIterator[Publisher]:
    async with Publisher() as publisher:
        yield publisher


def feed(publisher: Publisher, name: str = "bad", **more: Any) -> Feed:
    options: dict[str, Any] = {
        "format": Format.PLAIN, "group": name, "weight": Weight.WARN, "families": frozenset({4}), "about": "attacks",
        "interval": HOUR, "max_age": DAY, "changes_within": 30 * DAY,
    } | more  # fmt: skip
    return Feed(name=name, url=publisher.url(name), **options)


@asynccontextmanager
async def running(
    folder: Path, *sources: Feed | Mirror, reach: FeedReach = HOME, clock: DrivenClock | None = None
) -> AsyncIterator[Feeds]:
    """Start with what lies in the folder, as after every restart."""
    async with Feeds(sources, folder / "feeds", clock or DrivenClock(NOON), reach) as feeds:
        yield feeds


async def named(feeds: Feeds, at: datetime, *addresses: str) -> list[str]:
    """Go through one round and give which of the addresses are named."""
    await feeds.refresh(at)
    feeds.examine(at)
    return [str(address) for address in feeds.match([ip_address(each) for each in addresses])]


def why(feeds: Feeds, at: datetime, name: str = "bad") -> str:
    return feeds.examine(at)[name].why


async def test_a_list_is_downloaded_and_matched(publisher: Publisher, tmp_path: Path) -> None:
    publisher.publish("bad", ONE)
    async with running(tmp_path, feed(publisher)) as feeds:
        assert feeds.examine(NOON)["bad"].why == "it has not been downloaded yet"
        await feeds.refresh(NOON)
        assert feeds.examine(NOON)["bad"].believed
        found = feeds.match([IPv4Address("198.51.100.6"), IPv4Address("198.51.100.7")])
    assert found == {IPv4Address("198.51.100.7"): [("bad", Listed((), "attacks"))]}


async def test_nothing_is_asked_for_within_its_interval_and_nothing_is_sent_again_that_did_not_change(
    publisher: Publisher, tmp_path: Path
) -> None:
    publisher.publish("bad", ONE)
    async with running(tmp_path, feed(publisher)) as feeds:
        for minutes in range(0, 125, 5):
            assert await named(feeds, NOON + timedelta(minutes=minutes), "198.51.100.7") == ["198.51.100.7"]
    assert publisher.times("bad") == 3
    assert ["if-none-match" in each for each in publisher.asked["bad"]] == [False, True, True]


async def test_restarts_every_ten_minutes_ask_no_oftener(publisher: Publisher, tmp_path: Path) -> None:
    publisher.publish("bad", ONE, modified="Mon, 25 May 2026 11:00:00 GMT")
    for minutes in range(0, 24 * 60, 10):
        async with running(tmp_path, feed(publisher)) as feeds:
            assert await named(feeds, NOON + timedelta(minutes=minutes), "198.51.100.7") == ["198.51.100.7"]
    assert publisher.times("bad") == 24
    assert publisher.asked["bad"][-1]["if-modified-since"] == "Mon, 25 May 2026 11:00:00 GMT"


async def test_another_list_takes_the_place_of_the_old_one(publisher: Publisher, tmp_path: Path) -> None:
    publisher.publish("bad", ONE)
    async with running(tmp_path, feed(publisher)) as feeds:
        await named(feeds, NOON)
        publisher.publish("bad", b"203.0.113.9\n")
        assert await named(feeds, NOON + HOUR, "198.51.100.7", "203.0.113.9") == ["203.0.113.9"]
    async with running(tmp_path, feed(publisher)) as feeds:
        assert await named(feeds, NOON + HOUR, "198.51.100.7", "203.0.113.9") == ["203.0.113.9"]


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        pytest.param(lambda p: p.publish("bad", b"<html>Slow down</html>"), "a web page came", id="HTML"),
        pytest.param(lambda p: p.publish("bad", b""), "it names nothing", id="an empty list"),
        pytest.param(lambda p: p.publish("bad", b"# maintenance\n"), "it names nothing", id="only a comment"),
        pytest.param(lambda p: p.publish("bad", TEN + b"no\n" * 9), "9 of 19 lines", id="half of it is garbage"),
        pytest.param(lambda p: p.publish("bad", TEN[:52]), "shrank from 10 to 4 entries", id="more than half is gone"),
        pytest.param(lambda p: p.publish("bad", b"0.0.0.0/0\n" * 10), "it names nothing", id="the whole world"),
        pytest.param(
            lambda p: p.publish("bad", b"".join(f"{first}.0.0.0/8\n".encode() for first in range(1, 120))),
            "it names 46% of the Internet", id="the world in pieces",
        ),
        pytest.param(lambda p: p.publish("bad", b"198.51.100.7\n" * 900_000), "more than 10485760 bytes", id="11 MB"),
        pytest.param(lambda p: p.publish("bad", b"\n" * 500 + b"1" * 5000), "line 501 is longer", id="one long line"),
        pytest.param(lambda p: p.publish("bad", b"", status=503), "HTTP 503", id="trouble"),
        pytest.param(lambda p: p.publish("bad", b"no", status=403, kind="text/html"), "HTTP 403, text/html", id="403"),
        pytest.param(lambda p: p.pages.clear(), "HTTP 404", id="gone"),
        pytest.param(lambda p: p.publish("bad", b"", hangs=True), "no whole answer within 2 s", id="silence"),
        pytest.param(
            lambda p: p.publish("bad", b"", status=302, headers={"Location": "https://example.net/"}),
            "redirected to another host", id="a redirection",
        ),
        pytest.param(lambda p: p.publish("bad", b"", status=304), "HTTP 304", id="304 although nothing was there"),
    ],
)  # fmt: skip
async def test_what_is_no_list_leaves_the_copy_in_force(
    publisher: Publisher, tmp_path: Path, spoil: Callable[[Publisher], object], reason: str
) -> None:
    later = NOON + HOUR
    if reason == "HTTP 304":
        async with running(tmp_path, feed(publisher)) as feeds:
            spoil(publisher)
            assert await named(feeds, NOON, "198.51.100.7") == []
            assert why(feeds, NOON).startswith(reason)
        return
    publisher.publish("bad", TEN)
    async with running(tmp_path, feed(publisher)) as feeds:
        await named(feeds, NOON)
        spoil(publisher)
        assert await named(feeds, later, "198.51.100.7") == ["198.51.100.7"]
        assert feeds.examine(later)["bad"].believed
        assert reason in why(feeds, later)
    async with running(tmp_path, feed(publisher)) as feeds:
        feeds.examine(later)
        assert list(feeds.match([IPv4Address("198.51.100.7")])) == [IPv4Address("198.51.100.7")]


async def test_a_list_that_stays_small_is_believed_once_the_old_copy_has_aged(
    publisher: Publisher, tmp_path: Path
) -> None:
    publisher.publish("bad", TEN)
    async with running(tmp_path, feed(publisher)) as feeds:
        await named(feeds, NOON)
        publisher.publish("bad", ONE)
        assert await named(feeds, NOON + DAY, "198.51.100.3") == ["198.51.100.3"]
        assert await named(feeds, NOON + DAY + HOUR, "198.51.100.3", "198.51.100.7") == ["198.51.100.7"]


async def test_an_empty_list_is_no_failure_where_that_is_normal(publisher: Publisher, tmp_path: Path) -> None:
    publisher.publish("bad", TEN)
    async with running(tmp_path, feed(publisher, can_be_empty=True)) as feeds:
        await named(feeds, NOON)
        publisher.publish("bad", b"# no botnet today\n")
        assert await named(feeds, NOON + HOUR, "198.51.100.7") == []
        assert feeds.examine(NOON + HOUR)["bad"].believed


async def test_a_list_whose_server_is_not_heard_for_too_long_is_not_believed(
    publisher: Publisher, tmp_path: Path
) -> None:
    publisher.publish("bad", ONE)
    async with running(tmp_path, feed(publisher)) as feeds:
        await named(feeds, NOON)
        publisher.publish("bad", b"", status=500)
        assert await named(feeds, NOON + DAY, "198.51.100.7") == ["198.51.100.7"]
        assert await named(feeds, NOON + DAY + HOUR, "198.51.100.7") == []
        assert why(feeds, NOON + DAY + HOUR).startswith("it was last heard on 2026-05-25 12:00Z; HTTP 500")
        publisher.publish("bad", ONE)
        assert await named(feeds, NOON + DAY + 2 * HOUR, "198.51.100.7") == ["198.51.100.7"]


async def test_a_list_that_its_server_serves_unchanged_for_ever_is_abandoned(
    publisher: Publisher, tmp_path: Path
) -> None:
    publisher.publish("bad", ONE)
    async with running(tmp_path, feed(publisher, changes_within=3 * DAY)) as feeds:
        for days in range(4):
            assert await named(feeds, NOON + days * DAY, "198.51.100.7") == ["198.51.100.7"]
        assert await named(feeds, NOON + 3 * DAY + HOUR, "198.51.100.7") == []
        assert why(feeds, NOON + 3 * DAY + HOUR) == "it has not changed since 2026-05-25"
        publisher.publish("bad", ONE + b"# made anew\n")
        assert await named(feeds, NOON + 3 * DAY + 2 * HOUR, "198.51.100.7") == ["198.51.100.7"]


async def test_a_list_that_is_made_anew_with_the_same_entries_lives(publisher: Publisher, tmp_path: Path) -> None:
    async with running(tmp_path, feed(publisher, changes_within=3 * DAY)) as feeds:
        for days in range(6):
            at = NOON + days * DAY
            publisher.publish("bad", ONE, modified=f"{at:%a, %d %b %Y %H:%M:%S} GMT", validates=False)
            assert await named(feeds, at, "198.51.100.7") == ["198.51.100.7"]


async def test_a_list_that_was_abandoned_long_before_we_came_is_not_believed(
    publisher: Publisher, tmp_path: Path
) -> None:
    publisher.publish("bad", ONE, modified="Fri, 01 Mar 2019 00:00:00 GMT")
    async with running(tmp_path, feed(publisher)) as feeds:
        assert await named(feeds, NOON, "198.51.100.7") == []
        assert why(feeds, NOON) == "it has not changed since 2019-03-01"


async def test_whoever_does_not_answer_is_asked_soon_again_and_then_less_and_less(
    publisher: Publisher, tmp_path: Path
) -> None:
    publisher.publish("bad", b"", hangs=True)
    quick, clock = FeedReach(timeout=0.05, allow=HOME.allow), DrivenClock(NOON)
    asked = []
    async with running(tmp_path, feed(publisher, interval=2 * HOUR), reach=quick, clock=clock) as feeds:
        for minutes in range(0, 400, 5):
            before = publisher.times("bad")
            await feeds.refresh(clock.now())
            asked += [minutes] * (publisher.times("bad") - before)
            clock.advance(timedelta(minutes=5))
    assert asked == [0, 5, 15, 35, 75, 155, 275, 395]


async def test_a_clock_that_is_set_back_does_not_silence_a_list(publisher: Publisher, tmp_path: Path) -> None:
    publisher.publish("bad", ONE)
    async with running(tmp_path, feed(publisher)) as feeds:
        await feeds.refresh(NOON + 365 * DAY)
        await feeds.refresh(NOON)
    assert publisher.times("bad") == 2


async def test_copies_are_ours_alone(publisher: Publisher, tmp_path: Path) -> None:
    publisher.publish("bad", ONE)
    async with running(tmp_path, feed(publisher)) as feeds:
        await feeds.refresh(NOON)
    modes = {name: stat.S_IMODE((tmp_path / "feeds" / name).stat().st_mode) for name in ("", "bad.list", "bad.json")}
    assert modes == {"": 0o700, "bad.list": 0o600, "bad.json": 0o600}


@pytest.mark.parametrize("harm", ["spoiled", "cut off", "gone", "without its note", "with a note of nonsense"])
async def test_a_copy_that_came_to_harm_is_fetched_whole(publisher: Publisher, tmp_path: Path, harm: str) -> None:
    publisher.publish("bad", TEN)
    async with running(tmp_path, feed(publisher)) as feeds:
        await feeds.refresh(NOON)
    copy, note = tmp_path / "feeds" / "bad.list", tmp_path / "feeds" / "bad.json"
    match harm:
        case "spoiled":
            copy.write_bytes(TEN.replace(b"198", b"203"))
        case "cut off":
            copy.write_bytes(TEN[:-8])
        case "gone":
            copy.unlink()
        case "without its note":
            note.unlink()
        case _:
            note.write_text('{"url": 7}')
    async with running(tmp_path, feed(publisher)) as feeds:
        assert not feeds.examine(NOON)["bad"].believed
        assert await named(feeds, NOON + HOUR, "198.51.100.3") == ["198.51.100.3"]
    assert "if-none-match" not in publisher.asked["bad"][-1]


async def test_a_power_cut_between_copy_and_note_costs_one_more_download(publisher: Publisher, tmp_path: Path) -> None:
    publisher.publish("bad", ONE)
    async with running(tmp_path, feed(publisher)) as feeds:
        await feeds.refresh(NOON)
    # The copy of the next download came down on the disk; what is known of it did not.
    publisher.publish("bad", TEN)
    (tmp_path / "feeds" / "bad.list").write_bytes(TEN)
    async with running(tmp_path, feed(publisher)) as feeds:
        assert await named(feeds, NOON + HOUR, "198.51.100.3") == ["198.51.100.3"]
    assert publisher.times("bad") == 2


async def test_a_copy_from_another_address_is_not_the_list(publisher: Publisher, tmp_path: Path) -> None:
    publisher.publish("bad", ONE)
    publisher.publish("other", TEN)
    async with running(tmp_path, feed(publisher)) as feeds:
        await feeds.refresh(NOON)
    moved = Feed(**{**_fields(feed(publisher)), "url": publisher.url("other")})
    async with running(tmp_path, moved) as feeds:
        assert feeds.examine(NOON)["bad"].why == "it has not been downloaded yet"
        assert await named(feeds, NOON, "198.51.100.3") == ["198.51.100.3"]


def _fields(source: Feed) -> dict[str, Any]:
    return {name: getattr(source, name) for name in source.__slots__}


async def test_a_disk_that_takes_nothing_costs_nothing_but_the_copy(publisher: Publisher, tmp_path: Path) -> None:
    publisher.publish("bad", ONE)
    async with running(tmp_path, feed(publisher)) as feeds:
        (tmp_path / "feeds").rmdir()
        assert await named(feeds, NOON, "198.51.100.7") == ["198.51.100.7"]
        assert why(feeds, NOON) == "its copy is fresh; its copy cannot be kept: No such file or directory"


async def test_a_folder_that_cannot_be_is_told_at_once(publisher: Publisher, tmp_path: Path) -> None:
    (tmp_path / "feeds").write_text("a file")
    with pytest.raises(OSError, match="File exists"):
        async with running(tmp_path, feed(publisher)):
            pass


async def test_nothing_is_fetched_from_where_nobody_publishes(publisher: Publisher, tmp_path: Path) -> None:
    publisher.publish("bad", ONE)
    async with running(tmp_path, feed(publisher), reach=FeedReach()) as feeds:
        assert await named(feeds, NOON, "198.51.100.7") == []
        assert why(feeds, NOON).startswith("plain http to 127.0.0.1 is refused")
    secure = Feed(**{**_fields(feed(publisher)), "url": publisher.url("bad").replace("http:", "https:")})
    async with running(tmp_path, secure, reach=FeedReach()) as feeds:
        assert await named(feeds, NOON, "198.51.100.7") == []
        assert "127.0.0.1 is refused: not a public address" in why(feeds, NOON)
    assert publisher.times("bad") == 0


async def test_one_silent_server_keeps_no_other_list_away(publisher: Publisher, tmp_path: Path) -> None:
    publisher.publish("bad", ONE)
    publisher.publish("hangs", b"", hangs=True)
    slow = FeedReach(timeout=0.2, allow=HOME.allow)
    async with running(tmp_path, feed(publisher), feed(publisher, "hangs"), reach=slow) as feeds:
        assert await named(feeds, NOON, "198.51.100.7") == ["198.51.100.7"]
        assert {name: each.believed for name, each in feeds.examine(NOON).items()} == {"bad": True, "hangs": False}


async def test_each_list_that_names_an_address_is_told_with_its_words(publisher: Publisher, tmp_path: Path) -> None:
    publisher.publish("bad", ONE + b"2001:db8::/32\n")
    publisher.publish("drop", b'{"cidr":"198.51.100.0/24","sblid":"SBL1"}\n{"type":"metadata","records":1}\n')
    mirrored = tmp_path / "bl.test"
    mirrored.write_bytes(b"198.51.100.0/25 :127.0.0.4:seen at $\n")
    os.utime(mirrored, (NOON.timestamp(), NOON.timestamp()))
    zone = Zone("bl.test", "test", "test", Weight.ALERT)
    sources = (
        feed(publisher, families=frozenset({4, 6})),
        feed(publisher, "drop", format=Format.DROP, about="hijacked networks"),
        Mirror("bl.test", zone, mirrored, DataFormat.IP4SET, DAY),
    )
    async with running(tmp_path, *sources) as feeds:
        await feeds.refresh(NOON)
        feeds.examine(NOON)
        found = feeds.match([ip_address("2001:db8::7"), ip_address("198.51.100.7"), ip_address("198.51.100.200")])
        ranges = feeds.match_ranges([IPv4Network("198.51.100.6/31"), IPv4Network("203.0.113.0/24")])
    expected = [
        ("bad", Listed((), "attacks")),
        ("drop", Listed((), "hijacked networks: SBL1")),
        ("bl.test", Listed((int(IPv4Address("127.0.0.4")),), "seen at 198.51.100.7")),
    ]
    assert found == {
        ip_address("198.51.100.7"): expected,
        ip_address("198.51.100.200"): [("drop", Listed((), "hijacked networks: SBL1"))],
        ip_address("2001:db8::7"): [("bad", Listed((), "attacks"))],
    }
    assert ranges[IPv4Address("198.51.100.7")] == expected
    assert set(ranges) == {IPv4Address("198.51.100.6"), IPv4Address("198.51.100.7")}


async def test_the_bogons_of_a_list_that_holds_them_are_not_heard(publisher: Publisher, tmp_path: Path) -> None:
    publisher.publish("bad", b"10.0.0.0/8\n100.64.0.0/10\n9.9.9.0/24\n")
    async with running(tmp_path, feed(publisher, bogons=True)) as feeds:
        assert await named(feeds, NOON, "10.1.2.3", "100.64.0.1", "9.9.9.9") == ["9.9.9.9"]


async def test_a_note_on_disk_holds_what_is_needed_to_ask_again_and_no_more(
    publisher: Publisher, tmp_path: Path
) -> None:
    publisher.publish("bad", ONE)
    async with running(tmp_path, feed(publisher)) as feeds:
        await feeds.refresh(NOON)
    note = json.loads((tmp_path / "feeds" / "bad.json").read_text())
    assert (note["asked_at"], note["next_at"]) == ("2026-05-25T12:00:00Z", "2026-05-25T13:00:00Z")
    assert set(note) == {
        "url", "asked_at", "next_at", "heard_at", "changed_at", "etag", "modified", "digest"
    }  # fmt: skip


LISTED, SILENT = Listed(()), Silent("timeout")
PANEL = {
    name: Source(name, group, weight)
    for name, group, weight in [
        ("bl.blocklist.de", "blocklist-de", Weight.ALERT), ("greensnow", "greensnow", Weight.WARN),
        ("cins-army", "sentinel-ips", Weight.WARN), ("tor", "the-tor-project", Weight.INFO),
        ("level1", "firehol", Weight.WARN), ("level2", "firehol", Weight.WARN), ("ipsum", "stamparm", Weight.WARN),
    ]
}  # fmt: skip
CONTAINS = {
    "level1": frozenset({"spamhaus"}),
    "level2": frozenset({"blocklist-de", "greensnow"}),
    "ipsum": frozenset({"blocklist-de", "sentinel-ips", "the-tor-project"}),
}


@pytest.mark.parametrize(
    ("said", "echoes"),
    [
        pytest.param([("greensnow", LISTED), ("cins-army", LISTED)], [], id="two that know nothing of one another"),
        pytest.param([("greensnow", LISTED), ("level2", LISTED)], ["level2"], id="a collection and what it collects"),
        pytest.param([("level2", LISTED), ("greensnow", LISTED)], ["level2"], id="in whatever order"),
        pytest.param([("cins-army", LISTED), ("level2", LISTED)], [], id="a collection that collects elsewhere"),
        pytest.param([("level2", LISTED), ("ipsum", LISTED)], ["ipsum"], id="two collections with one origin"),
        pytest.param([("level1", LISTED), ("level2", LISTED)], [], id="one operator counts once anyhow"),
        pytest.param([("bl.blocklist.de", LISTED), ("ipsum", LISTED)], ["ipsum"], id="a zone is an origin too"),
        pytest.param([("bl.blocklist.de", SILENT), ("ipsum", LISTED)], [], id="silence repeats nothing"),
        pytest.param([("tor", LISTED), ("ipsum", LISTED)], [], id="what never counts takes nothing away"),
        pytest.param(
            [("greensnow", Listed((), None, informative=True)), ("level2", LISTED)], [], id="nor what informs"
        ),
        pytest.param([("stranger", LISTED), ("level2", LISTED)], [], id="nor who is not on the panel"),
    ],
)
def test_what_a_collection_of_lists_repeats_counts_once(
    tmp_path: Path, said: list[tuple[str, Answer]], echoes: list[str]
) -> None:
    sources = [
        Feed(
            name=name, url="https://example.net/", format=Format.PLAIN, group=PANEL[name].group,
            weight=PANEL[name].weight, families=frozenset({4}), about="", interval=HOUR, max_age=DAY,
            changes_within=DAY, contains=contains,
        )
        for name, contains in CONTAINS.items()
    ]  # fmt: skip
    heard = Feeds(sources, tmp_path, DrivenClock(NOON)).independent(said, PANEL)
    before = [name for name, answer in said if isinstance(answer, Listed) and answer.informative]
    after = [name for name, answer in heard if isinstance(answer, Listed) and answer.informative]
    assert after == before + echoes
    assert [name for name, _ in heard] == [name for name, _ in said]
