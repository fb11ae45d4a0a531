"""The tables of feeds: what the catalogue knows, what is refused with its reason, and where copies lie."""

import json
import tomllib
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from pydantic import ValidationError

from checks.downloads import Feed
from checks.formats import Format
from checks.mirrors import Mirror
from config import ConfigError, load
from config.feeds import FeedsTable, feed_catalogue
from config.lists import catalogue
from monitor.app import open_app
from monitor.cli.lists import lists
from monitor.clock import SystemClock
from monitor.core.dnsxl import Weight

NOTIFIER = '[notifier]\nkind = "console"\n'


def mirror(zone: str = "bl.example.net", **more: object) -> dict[str, object]:
    return {"zone": zone, "file": "data", "format": "ip4set"} | more


def test_every_group_that_a_collection_copies_is_somebody() -> None:
    known = {entry.group for entry in feed_catalogue().entries.values()}
    known |= {entry.group for entry in catalogue().entries.values()}
    assert {group for entry in feed_catalogue().entries.values() for group in entry.contains} <= known


def test_a_list_of_what_is_not_abuse_never_counts() -> None:
    entries = feed_catalogue().entries
    others = [name for name, entry in entries.items() if entry.operator in {"X4BNet", "Team Cymru", "The Tor Project"}]
    assert {entries[name].weight for name in others} == {Weight.INFO}


def test_default_means_what_the_catalogue_has_on() -> None:
    assert [each.name for each in FeedsTable(use="default").read(Path())] == [
        "spamhaus-drop-v4", "spamhaus-drop-v6", "blocklist-de-all", "cins-army", "et-compromised", "feodo", "greensnow",
        "tor-bulk-exit", "ipsum-3",
    ]  # fmt: skip
    assert FeedsTable().read(Path()) == []


@pytest.mark.wide
def test_the_catalogue_says_what_the_facts_say(shared: Path) -> None:
    facts: dict[str, Any] = tomllib.loads((shared / "facts" / "blocklists.toml").read_text())
    known, refused = feed_catalogue().entries, feed_catalogue().refused
    assert set(known) | set(refused) == set(facts["feed"]) | set(facts["deadfeed"])
    told = {
        name: (each.url, each.operator, list(each.families), each.weight, each.on, each.commercial)
        for name, each in known.items()
    }
    assert told == {
        name: (each["url"], each["operator"], each["ip"], each["severity"], each["default"], each["commercial"])
        for name, each in facts["feed"].items()
        if name in known
    }
    hasty = [n for n, each in known.items() if each.interval < timedelta(seconds=facts["feed"][n]["min_interval_s"])]
    assert hasty == []


def test_own_feeds_and_mirrors_are_read_as_they_are_written(tmp_path: Path) -> None:
    table = FeedsTable.model_validate({
        "own": [{"name": "office", "url": "https://lists.example.net/bad.txt?all", "operator": "spamhaus",
                 "weight": "alert", "families": [4, 6], "interval": "6h", "can_be_empty": True}],
        "mirrors": [mirror(), mirror(file="data6", format="ip6trie"),
                    mirror("dnsbl.dronebl.org", file="/var/drone", format="ip4trie"),
                    mirror("bl.spamcop.net", weight="warn", operator="ours")],
    })  # fmt: skip
    office, bl, bl6, drone, cop = table.read(tmp_path)
    assert isinstance(office, Feed)
    assert (office.group, office.weight, office.interval) == ("spamhaus", Weight.ALERT, timedelta(hours=6))
    assert office.can_be_empty
    assert all(isinstance(each, Mirror) for each in (bl, bl6, drone, cop))
    assert [(each.name, each.group, each.weight, sorted(each.families)) for each in (bl, bl6, drone, cop)] == [
        ("bl.example.net", "bl.example.net", "alert", [4]),
        ("bl.example.net/6", "bl.example.net", "alert", [6]),
        ("dnsbl.dronebl.org", "dronebl", "alert", [4]),
        ("bl.spamcop.net", "ours", "warn", [4]),
    ]
    assert isinstance(drone, Mirror)
    assert isinstance(bl, Mirror)
    # What the catalogue knows of the codes holds for the file as well.
    assert drone.zone.info
    assert (drone.file, bl.file) == (Path("/var/drone"), tmp_path / "data")


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ({"use": ["feodoo"]}, "'feodoo' is not in the catalogue of feeds; did you mean 'feodo'?"),
        ({"use": ["zzz"]}, "'zzz' is not in the catalogue of feeds; see: coverwatch lists show"),
        ({"use": ["spamhaus-edrop"]}, "'spamhaus-edrop' is of no use: empty since 2024-04-10"),
        ({"use": ["spamhaus-asndrop"]}, "is of no use: names autonomous systems by number"),
        ({"use": ["feodo", "feodo"]}, "feodo is named twice"),
        ({"use": ["feodo"], "own": [{"name": "feodo", "url": "https://example.net/"}]}, "feodo is named twice"),
        ({"mirrors": [mirror(), mirror(format="ip4trie")]}, "bl.example.net is named twice"),
        ({"mirrors": [mirror("dnsbl.sorbs.net")]}, "dnsbl.sorbs.net must not be asked"),
        ({"mirrors": [mirror(format="dnset")]}, "'ip4set', 'ip4trie' or 'ip6trie'"),
        ({"own": [{"name": "x", "url": "https://www.spamhaus.org/drop/edrop.txt"}]}, "must not be asked for: empty"),
        ({"own": [{"name": "x", "url": "https://zeustracker.abuse.ch/blocklist.php"}]}, "ended in 2019"),
        ({"own": [{"name": "x", "url": "ftp://example.net/bad.txt"}]}, "is not the address of a list"),
        ({"own": [{"name": "x", "url": "https://me:secret@example.net/"}]}, "without user or password"),
        ({"own": [{"name": "../x", "url": "https://example.net/"}]}, "String should match pattern"),
        ({"own": [{"name": "x", "url": "https://example.net/", "families": []}]}, "at least 1 item"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused_with_the_remedy(table: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError) as refused:
        FeedsTable.model_validate(table)
    assert told in str(refused.value)


def written(folder: Path, words: str) -> Path:
    file = folder / "monitor.toml"
    file.write_text(NOTIFIER + words)
    return file


def test_a_zone_is_asked_or_read_but_not_both(tmp_path: Path) -> None:
    own = '[[lists.own]]\nzone = "bl.example.net"\n'
    both = own + '[[feeds.mirrors]]\nzone = "bl.example.net"\nfile = "data"\nformat = "ip4set"\n'
    with pytest.raises(ConfigError, match=r"bl\.example\.net is asked over DNS as well"):
        load(written(tmp_path, both))


async def test_a_folder_that_cannot_be_written_is_told_before_anything_starts(tmp_path: Path) -> None:
    (tmp_path / "feeds").write_text("in the way")
    config = load(written(tmp_path, '[feeds]\nuse = ["feodo"]\n'))
    with pytest.raises(ConfigError, match=r"feeds\.directory: .*/feeds cannot be written: File exists"):
        async with open_app(config, SystemClock()):
            pass


def test_the_catalogue_shows_its_feeds() -> None:
    shown = CliRunner().invoke(lists, ["show"]).stdout.splitlines()
    rows = [line.split("\t") for line in shown]
    assert [row for row in rows if row[0] == "feodo"] == [
        ["feodo", "feodotracker.abuse.ch", "abuse.ch", "feed", "4", "alert", "yes", "open", "-"]
    ]
    told = CliRunner().invoke(lists, ["show", "ipsum-3"]).stdout
    assert "  interval       1d\n" in told
    assert CliRunner().invoke(lists, ["show", "nobody"]).exit_code == 1


def test_a_feed_is_shown_to_programs() -> None:
    document = CliRunner().invoke(lists, ["show", "--json", "dan-torlist"])
    found = json.loads(document.stdout)
    assert found["zones"] == []
    [row] = found["feeds"]
    assert (row["id"], row["families"], row["interval"], row["format"]) == ("dan-torlist", [4, 6], "30m", Format.PLAIN)
