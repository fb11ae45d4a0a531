"""What an operator hands on in a dispute, and how he proves it: evidence, replays and trails, by the command line."""

import asyncio
import re
from pathlib import Path

import pytest
from sqlalchemy import Delete, Update, delete, update

from monitor.clock import DrivenClock
from monitor.core.coverage import Defect
from monitor.core.plan import Check
from monitor.demo.zones import ZoneServer
from monitor.store.engine import connect
from monitor.store.tables import cases, event
from tests.flow.driven import HOUR, LIFTED, MINUTE, NOON, lists, node, sell, shelve, vpn
from tests.flow.program import Ended, coverwatch

SHIPPED = Path(__file__).parents[2] / "config" / "catalogue" / "policy.toml"
CONFIG = """
[store]
url = "{url}"

[tiers.vpn-eu]
niche = "vpn"
rank = 10

[notifier]
kind = "console"
"""
BL = "bl.test"
BROKEN = "it does not follow from the one before it"


@pytest.fixture
def config(tmp_path: Path, sqlite_url: str) -> Path:
    """Give the configuration of a shop of one tier."""
    file = tmp_path / "monitor.toml"
    file.write_text(CONFIG.format(url=sqlite_url))
    return file


@pytest.fixture(autouse=True)
def shop(sqlite_url: str) -> str:
    """Give a shop in which one range is listed, seen by real looks, and one failed after its window."""

    async def open_it() -> None:
        store = await connect(sqlite_url)
        await sell(store, {"anna": [vpn(1)], "boris": [vpn(2)]}, NOON - HOUR)
        await sell(store, {"clara": [vpn(3)]}, NOON - 40 * HOUR)
        await shelve(store, [vpn(9, "bolt")], NOON)
        async with ZoneServer(BL) as server, lists(server, BL) as probes:
            server.list(BL, str(vpn(1).address), reason="<b>Spam</b> seen")
            here = node(store, probes, DrivenClock(NOON), LIFTED)
            for _ in range(2):
                await here.sweep(Check.BLOCKLIST, 15 * MINUTE)
                here.clock.advance(15 * MINUTE)
            await here.fail(Defect.RANGE_LISTED, "range-3", last_ok=NOON - HOUR)
        await store.close()

    asyncio.run(open_it())
    return sqlite_url


def ask(config: Path, *words: str) -> Ended:
    """Run ``coverwatch cases`` on the shop."""
    ended = coverwatch("cases", *words, "--config", config)
    assert "Traceback" not in ended.err
    return ended


def test_the_evidence_holds_raw_answers_resolver_self_test_clause_and_trail(config: Path) -> None:
    told = ask(config, "export", "1").document
    [ruling] = told["rulings"]
    [[*said, vouched]] = ruling["finding"]["witnesses"]
    assert (said, ruling["finding"]["answers"]) == ([BL, "<b>Spam</b> seen", "185.100.1.1"], ["127.0.0.2"])
    assert re.fullmatch(r"through 127\.0\.0\.1:\d+; its test entries held before and after", vouched)
    assert told["delivered_at"] == (NOON - HOUR).isoformat()
    assert (told["order"], told["clause"], told["ranges"]) == ("INV-range-1", "defects.range_listed", "185.100.1.0/28")
    assert (ruling["finding"]["first_bad"], ruling["finding"]["rounds"]) == (NOON.isoformat(), 2)
    assert [each["move"] for each in told["events"]] == ["open", "approve", "promise"]
    assert told["trail_holds"] is True


def test_the_page_of_evidence_stands_alone_and_escapes_what_others_wrote(config: Path) -> None:
    page = ask(config, "export", "1", "--format", "html").out
    for words in ("127.0.0.2", "its test entries held", "defects.range_listed", "The trail holds", "INV-range-1"):
        assert words in page
    assert "<b>Spam" not in page
    assert "http" not in re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL)
    assert "through 127.0.0.1:" in ask(config, "show", "1").out


def test_everything_comes_out_the_same_again(config: Path) -> None:
    assert ask(config, "replay", "1").status == 0
    again = ask(config, "replay", "--all", "--json")
    assert (again.status, again.document["same"]) == (0, True)
    assert again.document["bill"]["then"] == again.document["bill"]["now"] == {"replacements": 1, "cost": "3"}
    assert [each["then"]["decision"] for each in again.document["rulings"]] == ["covered", "not_covered"]


@pytest.mark.parametrize(
    ("words", "becomes", "now", "bill"),
    [
        pytest.param('window = "24h"', 'window = "60h"', ["covered", "covered"], (2, "6"), id="a longer window"),
        pytest.param('window = "24h"', 'window = "30m"', ["covered", "not_covered"], (1, "3"), id="a shorter one"),
        pytest.param(
            'replace_within = "48h"', 'replace_within = "24h"', ["covered", "not_covered"], (1, "3"), id="a due time"
        ),
        pytest.param('niches = ["vpn"]', 'niches = ["ai"]', ["none", "none"], (0, "0"), id="no such defect any more"),
    ],
)
def test_a_new_policy_is_tried_on_what_was_and_its_cost_shown(
    config: Path, tmp_path: Path, words: str, becomes: str, now: list[str], bill: tuple[int, str]
) -> None:
    draft = tmp_path / "policy.toml"
    head, row, rest = SHIPPED.read_text().partition("[defects.range_listed]")
    draft.write_text(head + row + rest.replace(words, becomes, 1))
    again = ask(config, "replay", "--all", "--policy", str(draft), "--json")
    assert (again.status, again.document["same"]) == (3, False)
    assert [each["now"]["decision"] for each in again.document["rulings"]] == now
    assert again.document["bill"]["now"] == {"replacements": bill[0], "cost": bill[1]}
    assert "of 2 rulings come out the same" in ask(config, "replay", "--all", "--policy", str(draft)).err


@pytest.mark.parametrize(
    ("said", "status"),
    [
        pytest.param(["replay"], 2, id="neither one nor all"),
        pytest.param(["replay", "1", "--all"], 2, id="both"),
        pytest.param(["replay", "9"], 1, id="no such case"),
        pytest.param(["replay", "--all", "--policy", "/nowhere.toml"], 78, id="no such policy"),
        pytest.param(["export", "9"], 1, id="no evidence of what is not"),
    ],
)
def test_what_makes_no_sense_is_said_in_plain_words(config: Path, said: list[str], status: int) -> None:
    assert ask(config, *said).status == status


FIRST, LAST = ((event.c.case_number == 1) & (event.c.sequence == place) for place in (1, 3))


@pytest.mark.parametrize(
    ("change", "where", "why"),
    [
        pytest.param(
            update(cases).values(state="closed"), 3, "the case is closed, but its trail ends promised", id="c"
        ),
        pytest.param(update(event).where(FIRST).values(who="olga"), 1, BROKEN, id="another name"),
        pytest.param(
            update(event).where(LAST).values(move="moon"), 3, "there is no move 'moon' to 'promised'", id="another move"
        ),
        pytest.param(
            update(event).where(LAST).values(state="moon"),
            3,
            "there is no move 'promise' to 'moon'",
            id="another state",
        ),
        pytest.param(delete(event).where(LAST), 2, "the case is promised, but its trail ends approved", id="cut off"),
        pytest.param(delete(event).where(FIRST), 1, BROKEN, id="begun later"),
        pytest.param(delete(event), 0, "the case is promised, but its trail ends nowhere", id="no trail at all"),
    ],
)
def test_a_trail_that_was_altered_in_any_way_does_not_verify(
    config: Path, shop: str, change: Update | Delete, where: int, why: str
) -> None:
    assert ask(config, "verify-trail").status == 0

    async def tamper() -> None:
        store = await connect(shop)
        async with store.write() as connection:
            await connection.execute(change)
        await store.close()

    asyncio.run(tamper())
    told = ask(config, "verify-trail", "--json")
    assert told.status == 3
    assert told.document == {"holds": False, "broken": [{"case": 1, "event": where, "why": why}]}
    assert ask(config, "verify-trail").out == f"case 1: event {where}: {why}\n"
    assert "DOES NOT HOLD" in ask(config, "export", "1", "--format", "html").out
