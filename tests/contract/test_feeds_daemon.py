"""Feeds through the running daemon, without any zone: cases from downloads, and silence that is told once."""

import re
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from monitor.core.notice import Kind
from tests.flow.life import shop, spare_range, vpn
from tests.peers.publisher import Publisher

OPENED, READY, MUTED = Kind.CASE_OPENED, Kind.REPLACEMENT_READY, Kind.OPERATOR_LIST_SUSPENDED
OTHERS = b"203.0.113.1\n203.0.113.2\n"


@pytest.fixture
async def publisher() -> AsyncIterator[Publisher]:
    async with Publisher() as publisher:
        yield publisher


@pytest.fixture
def sqlite(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/coverwatch.sqlite"


def only_feeds(publisher: Publisher) -> Callable[[str], str]:
    """Leave no zone in the configuration, nor a resolver, and have one list downloaded every second."""

    def change(text: str) -> str:
        text = re.sub(r"\[\[lists\.own\]\]\n(?:\w+ = .*\n)+", "", text)
        text = re.sub(r"resolvers = .*\n", "", text)
        return f"""{text}
[feeds]
allow = ["127.0.0.0/8"]
timeout = "2s"

[[feeds.own]]
name = "bad"
url = "{publisher.url("bad")}"
weight = "alert"
interval = "1s"
max_age = "20m"
"""

    return change


async def test_a_case_is_opened_from_a_download_alone(publisher: Publisher, tmp_path: Path, sqlite: str) -> None:
    sick, sound = vpn("INV-1", "alice"), vpn("INV-2", "bogdan")
    publisher.publish("bad", OTHERS)
    async with (
        shop(tmp_path, sqlite, sick, sound, spare_range("spare"), customize=only_feeds(publisher)) as house,
        house.living(),
    ):
        await house.until(lambda seen: [each["verdict"] for each in seen.deliveries] == ["sound", "sound"])
        publisher.publish("bad", OTHERS + f"{sick.address}\n".encode())
        seen = await house.until(lambda seen: seen.told("alice") == [OPENED, READY])
    assert seen.case_states() == {"INV-1": "promised"}
    assert "bad" in house.messages("alice")[0]
    assert house.messages("bogdan") == []
    assert (tmp_path / "feeds" / "bad.list").is_file()


async def test_a_list_that_falls_silent_is_muted_once_and_heard_again_once(
    publisher: Publisher, tmp_path: Path, sqlite: str
) -> None:
    publisher.publish("bad", OTHERS)
    with capture_logs() as log:
        async with (
            shop(tmp_path, sqlite, vpn("INV-1"), spare_range("spare"), customize=only_feeds(publisher)) as house,
            house.living(),
        ):
            await house.until(lambda seen: seen.believed("bad"))
            publisher.publish("bad", b"<html>Back soon</html>")
            asked = publisher.times("bad")
            await house.until(lambda _: publisher.times("bad") > asked + 1)
            house.clock.set_forward(timedelta(minutes=30))
            await house.until(lambda seen: seen.believed("bad") is False)
            doubtful = await house.until(lambda seen: seen.deliveries[0]["verdict"] == "undecided")
            publisher.publish("bad", OTHERS)
            await house.until(lambda seen: seen.believed("bad"))
            seen = await house.until(lambda seen: seen.deliveries[0]["verdict"] == "sound")
    assert doubtful.deliveries[0]["why"].startswith("bad (muted: it was last heard on ")
    assert (seen.cases, seen.told(None)) == ([], [MUTED])
    edges = [each["event"] for each in log if "bad" in (each.get("zone"), each.get("feed"))]
    assert edges == ["feed_refused", "zone_muted", "feed_works_again", "zone_heard_again"]
    assert [record for record in log if record["log_level"] in {"error", "critical"}] == []
