"""The world in a box, with the real daemon: what a newcomer sees, and what a program reads."""

import os
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from monitor.clock import SystemClock
from monitor.core.notice import Kind
from monitor.demo.play import Play
from monitor.demo.script import DEAD, WORLD, write
from monitor.demo.world import DemoWorld
from tests.contract.specs import TelegramSpec
from tests.flow.program import program, running


def check(document: dict[str, Any]) -> None:
    """Check that the play of any seed went as the policy wants it."""
    cases = {case["order"]: case for case in document["cases"]}
    chats = {chat["customer"]: chat["messages"] for chat in document["chats"]}
    # A range was listed, an account locked, another unpaid; one stands in Singapore instead of Frankfurt, one is half
    # as large as promised, and one key is not taken any more: each is a case with a spare of its own.
    assert {order: case["defect"] for order, case in cases.items()} == {
        "INV-1001": "range_listed",
        "INV-1002": "account_banned",
        "INV-1003": "account_banned",
        "INV-1004": "wrong_region",
        "INV-1005": "missing_feature",
        "INV-1006": "key_banned",
    }
    assert all(case["state"] == "promised" for case in document["cases"])
    assert len({case["spare"] for case in document["cases"]}) == len(document["cases"])
    assert all(case["clause"] == f"defects.{case['defect']}" for case in document["cases"])
    # The spare that was listed on the shelf went to nobody, and the next cheapest to the case.
    assert cases["INV-1001"]["spare"] == "vpn-spare-2"
    # Whoever was struck was told once that there is a case, then that the spare is ready; nobody else was told a thing.
    assert chats.keys() == {case["customer"] for case in document["cases"]}
    for case in document["cases"]:
        kinds = [message["kind"] for message in chats[case["customer"]]]
        assert kinds == [Kind.CASE_OPENED, Kind.REPLACEMENT_READY]
        assert all(case["order"] in message["text"] for message in chats[case["customer"]])
    # Access denied with a running server, a window that was over, one warning alone, an abuse ticket, a limit, a server
    # that will expire, pages for people, servers blocked amid an outage that the status page tells of, a provider that
    # turns everybody away: none of them opened anything.
    assert document["untouched"] == [f"INV-{number}" for number in range(1007, 1025)]
    # The dead list, the one that lists the world and both providers are incidents, and operators know.
    names = {(incident["kind"], incident["name"].partition("/")[0]) for incident in document["incidents"]}
    assert names == {("list", DEAD), ("list", WORLD), ("provider", "vultr"), ("provider", "hetzner")}
    assert (
        len([text for text in document["operators"] if DEAD in text or WORLD in text or "provider vultr" in text]) == 3
    )
    assert document["counts"]["notices"].keys() == {"sent"}


@pytest.mark.wide
@pytest.mark.timeout(600)
def test_the_demo_tells_its_story_in_one_document() -> None:
    ended = program("demo", "--for", "45s", "--seed", "1", "--json")
    assert (ended.status, ended.err) == (0, "")
    check(ended.document)


@pytest.mark.wide
@pytest.mark.timeout(600)
async def test_every_request_of_the_daemon_and_every_answer_conforms_to_the_bot_api(
    tmp_path: Path, shared: Path
) -> None:
    told: list[str] = []
    async with DemoWorld(write(2), 2) as world:
        play = Play(world, tmp_path, SystemClock(), lambda _, words: told.append(words))
        document = await play.run(45.0, told.append)
    check(document)
    specification = TelegramSpec(shared / "specs" / "telegram-bot-api-10.1.json")
    exchanges = world.bot.journal.exchanges
    assert Counter(exchange.method for exchange in exchanges)["sendMessage"] >= 6
    assert [fault for exchange in exchanges for fault in specification.exchange(exchange)] == []
    assert world.bot.flood.violations == []
    assert any("sold, and lists every address" in words for words in told)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_a_demo_cleanly_and_leaves_nothing_behind(tmp_path: Path, number: signal.Signals) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with running("demo", one_stream=True, env=environment) as process:
        process.until("Its console: http://127.0.0.1:")
        assert process.stop(number) == 0
    assert "24 deliveries, " in process.lines[-1]
    assert "Traceback" not in "".join(process.lines)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.timeout(600)
def test_ctrl_c_before_the_daemon_is_there_ends_the_demo_as_cleanly(tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with running("demo", one_stream=True, env=environment) as process:
        process.until("customers")
        assert process.stop(signal.SIGINT) == 0
    assert "Traceback" not in "".join(process.lines)
    assert list(tmp_path.iterdir()) == []
