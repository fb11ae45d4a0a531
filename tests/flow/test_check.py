"""Asking at the prompt: ``coverwatch check``, ``lists`` and ``plan``, against a zone server."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from monitor.core.dnsxl import TEST_LISTED_6
from monitor.core.plan import Check
from monitor.demo.listing import Behaviour, Dead, Normal, Parked, Rcode, RefusesUs, World
from monitor.demo.zones import ZoneServer
from monitor.store.engine import connect
from tests.flow.program import Ended, coverwatch, program
from tests.store.shop import sell, shelve

BL, XBL, SIX, SICK = "bl.test", "xbl.test", "six.test", "sick.test"
BAD, GOOD = "185.100.0.7", "185.100.0.8"
SOUND, FAULT, LISTED, UNDECIDED = 0, 1, 2, 3

CONFIG = """
[tiers.vpn-eu]
niche = "vpn"
rank = 10

[notifier]
kind = "console"

[dns]
resolvers = ["127.0.0.1:{port}"]
"""


@pytest.fixture
async def server() -> AsyncIterator[ZoneServer]:
    async with ZoneServer(BL, XBL, SIX, SICK) as zones:
        zones.list(BL, BAD, reason="Spam\tseen [bold]from[/] 185.100.0.7")
        zones.list(BL, BAD, "127.0.0.4", reason="Spam\tseen [bold]from[/] 185.100.0.7")
        yield zones


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


async def ran(*words: str, runner: Callable[..., Ended] = coverwatch) -> Ended:
    """Run a command in another thread, or as a program of its own, while the zone server answers."""
    ended = await asyncio.to_thread(runner, *words)
    assert "Traceback" not in ended.err
    assert "\x1b" not in ended.out + ended.err
    return ended


async def check(server: ZoneServer, *words: str, zones: str = BL, resolver: str = "") -> Ended:
    place = resolver or f"127.0.0.1:{server.port}"
    return await ran("check", *words, "--zones", zones, "--resolver", place)


async def test_a_listed_address_is_told_with_its_codes_and_the_lists_own_reason(server: ZoneServer) -> None:
    ended = await check(server, BAD, GOOD, "--json")
    assert ended.status == LISTED
    words = "Spam seen [bold]from[/] 185.100.0.7"
    listed: dict[str, Any] = {"zone": BL, "answer": "listed", "codes": ["127.0.0.2", "127.0.0.4"], "reason": words}
    clear: dict[str, Any] = {"zone": BL, "answer": "clear", "codes": [], "reason": None}
    assert ended.document == {
        "verdict": "listed",
        "ranges": [
            {"range": f"{BAD}/32", "verdict": "listed"},
            {"range": f"{GOOD}/32", "verdict": "sound"},
        ],
        "addresses": [
            {"address": BAD, "verdict": "listed", "answers": [listed]},
            {"address": GOOD, "verdict": "sound", "answers": [clear]},
        ],
        "sources": {"asked": 1, "answered": 1},
    }


async def test_a_table_for_a_pipe_has_one_row_a_line_and_no_colours(server: ZoneServer) -> None:
    ended = await check(server, BAD, GOOD)
    assert ended.status == LISTED
    heading, row, *verdicts = ended.out.splitlines()
    assert heading.split("\t") == ["ADDRESS", "LIST", "ANSWER", "CODES", "REASON", "DELIST"]
    assert row.split("\t") == [BAD, BL, "listed", "127.0.0.2 127.0.0.4", "Spam seen [bold]from[/] 185.100.0.7", "-"]
    assert verdicts == [f"{BAD}/32: listed", f"{GOOD}/32: sound", "1 of 2 addresses are listed"]
    assert "listed; 1 of 1 lists answered" in ended.err


async def test_what_is_sound_ends_with_0(server: ZoneServer) -> None:
    words = ["check", GOOD, "--zones", f"{BL},{XBL}", "--resolver", f"127.0.0.1:{server.port}"]
    ended = await ran(*words, runner=program)
    assert ended.status == SOUND
    assert ended.out == f"{GOOD}/32: sound\n"
    assert "sound; 2 of 2 lists answered" in ended.err


@pytest.mark.parametrize("bad", ["185.100.0.0", "185.100.0.77", "185.100.0.255"], ids=["first", "middle", "last"])
async def test_every_address_of_a_range_is_asked_about(server: ZoneServer, bad: str) -> None:
    server.delist(BL, BAD)
    server.list(BL, bad)
    ended = await check(server, "185.100.0.0/24", "--json")
    assert ended.status == LISTED
    addresses = ended.document["addresses"]
    assert len(addresses) == 256
    assert [each["address"] for each in addresses if each["verdict"] == "listed"] == [bad]


@pytest.mark.parametrize(
    ("behaviour", "kind", "why"),
    [
        pytest.param(World(), "silent", "it lists 127.0.0.1, which nobody may list", id="lists the world"),
        pytest.param(RefusesUs(), "refused", "127.255.255.254: the list does not serve this resolver", id="refuses us"),
        pytest.param(Rcode(5), "refused", "REFUSED", id="REFUSED"),
        pytest.param(Parked(), "silent", "146.112.61.108 is outside 127.0.0.0/8", id="block page"),
        pytest.param(Dead(), "silent", "timeout", id="silent"),
    ],
)
async def test_a_list_that_is_not_believed_leaves_it_undecided(
    server: ZoneServer, behaviour: Behaviour, kind: str, why: str
) -> None:
    server.behave(SICK, behaviour)
    ended = await check(server, GOOD, "--json", zones=f"{BL},{SICK}")
    assert ended.status == UNDECIDED
    document = ended.document
    assert document["verdict"] == "undecided"
    assert document["sources"] == {"asked": 2, "answered": 1}
    [clear, unheard] = document["addresses"][0]["answers"]
    assert (clear["answer"], unheard["answer"], unheard["codes"]) == ("clear", kind, [])
    assert unheard["reason"].startswith("not believed: ")
    assert unheard["reason"].endswith(why)


async def test_a_listing_stands_although_another_list_is_not_believed(server: ZoneServer) -> None:
    server.behave(SICK, World())
    assert (await check(server, BAD, zones=f"{SICK},{BL}")).status == LISTED


async def test_a_refusal_for_one_address_is_told_as_such(server: ZoneServer) -> None:
    server.list(BL, GOOD, "127.255.255.254")
    ended = await check(server, GOOD, "--json")
    assert ended.status == UNDECIDED
    [answer] = ended.document["addresses"][0]["answers"]
    assert answer["answer"] == "refused"
    assert answer["reason"] == "127.255.255.254: the list does not serve this resolver"


async def test_ipv6_is_asked_by_nibbles_and_of_a_range_the_first_address_of_each_64(server: ZoneServer) -> None:
    server.list(SIX, "2a01:4f8:1::/64")
    server.list(SIX, "2a01:4f8:2:3::/64")
    ended = await check(server, "2a01:4f8:1::5", "2a01:4f8:3::/80", "2a01:4f8:2::/62", "--json", zones=SIX)
    assert ended.status == LISTED
    assert {each["address"]: each["verdict"] for each in ended.document["addresses"]} == {
        "2a01:4f8:1::5": "listed",
        "2a01:4f8:3::": "sound",
        "2a01:4f8:2::": "sound",
        "2a01:4f8:2:1::": "sound",
        "2a01:4f8:2:2::": "sound",
        "2a01:4f8:2:3::": "listed",
    }


async def test_a_list_that_nobody_knows_is_asked_in_the_family_that_it_keeps(server: ZoneServer) -> None:
    server.behave(BL, Normal(frozenset({4})))
    server.behave(SIX, Normal(frozenset({6})))
    ended = await check(server, GOOD, "2a01:4f8:1::5", "--json", zones=f"{BL},{SIX}")
    assert ended.status == SOUND
    said = {each["address"]: each["answers"] for each in ended.document["addresses"]}
    assert said == {
        GOOD: [{"zone": BL, "answer": "clear", "codes": [], "reason": None}],
        "2a01:4f8:1::5": [{"zone": SIX, "answer": "clear", "codes": [], "reason": None}],
    }
    ended = await ran("lists", "test", BL, SIX, "--resolver", f"127.0.0.1:{server.port}", "--json")
    assert ended.status == SOUND
    assert [(row["zone"], row["family"]) for row in ended.document["zones"]] == [(BL, 4), (SIX, 6)]
    ended = await check(server, "2a01:4f8:1::5", "--json", zones=BL)
    assert ended.status == UNDECIDED, "nobody was asked"


async def test_a_catalogues_list_of_the_other_family_says_nothing(server: ZoneServer) -> None:
    server.serve("psbl.surriel.com")
    ended = await check(server, "2a01:4f8::1", "--json", zones="psbl")
    assert ended.status == UNDECIDED
    assert ended.document["addresses"] == [{"address": "2a01:4f8::1", "verdict": "undecided", "answers": []}]
    assert ended.document["sources"] == {"asked": 0, "answered": 0}


async def test_a_list_of_the_catalogue_is_read_by_its_codes_and_names_the_way_out(server: ZoneServer) -> None:
    zone = "dnsbl.dronebl.org"
    server.serve(zone)
    server.list(zone, BAD, "127.0.0.17")
    server.list(zone, GOOD, "127.0.0.19")
    ended = await check(server, BAD, GOOD, zones="dronebl")
    assert ended.status == LISTED
    assert f"https://dronebl.org/lookup?ip={BAD}" in ended.out
    assert f"{GOOD}/32: sound" in ended.out


async def test_only_lists_that_never_count_decide_nothing(server: ZoneServer) -> None:
    server.serve("dnsbl-3.uceprotect.net")
    ended = await check(server, GOOD, "--json", zones="uceprotect-3")
    assert ended.status == UNDECIDED
    assert ended.document["addresses"][0]["verdict"] == "undecided"


async def test_what_is_named_twice_is_asked_once(server: ZoneServer) -> None:
    ended = await check(server, BAD, BAD, f"{BAD}/32", "185.100.0.6/31", "--json", zones=f"{BL},{BL.upper()}.,{BL}")
    document = ended.document
    assert [each["address"] for each in document["addresses"]] == [BAD, "185.100.0.6"]
    assert document["sources"] == {"asked": 1, "answered": 1}
    assert all(len(each["answers"]) == 1 for each in document["addresses"])


async def test_a_list_is_heard_through_the_resolver_that_it_serves(server: ZoneServer) -> None:
    async with ZoneServer(BL, "invalid") as liar:
        liar.behave(BL, World())
        liar.behave("invalid", Parked())
        words = ["check", GOOD, "--zones", BL]
        one, two = (f"127.0.0.1:{each.port}" for each in (liar, server))
        assert (await ran(*words, "--resolver", one, "--resolver", two)).status == SOUND
        ended = await ran(*words, "--resolver", one, "--json")
    assert ended.status == UNDECIDED
    assert f"the resolver {one} answers names that do not exist with 146.112.61.108" in ended.out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        pytest.param([], "Missing argument", id="no address"),
        pytest.param(["nonsense"], "neither an address nor a range", id="no address at all"),
        pytest.param(["185.100.0.7/24"], "has host bits set", id="host bits"),
        pytest.param(["185.100.0.0/33"], "neither an address nor a range", id="a prefix too long"),
        pytest.param(["185.0.0.0/8"], "16777216 addresses, and 65536 may be asked about", id="a range too large"),
        pytest.param(["2a00::/12"], "networks of /64, and 65536 may be asked about", id="too large in IPv6"),
        pytest.param(["185.1.0.0/16", "185.2.0.0/32"], "more than 65536 addresses together", id="too many ranges"),
        pytest.param([GOOD, "--what"], "No such option", id="no such option"),
        pytest.param([GOOD, "--zones", "dnsbl.sorbs.net"], "must not be asked: emptied since 2024-06-05", id="dead"),
        pytest.param([GOOD, "--zones", "a.b.dnsbl.sorbs.net"], "must not be asked", id="below a dead one"),
        pytest.param([GOOD, "--zones", "bl test"], "is not the name of a zone", id="no zone"),
        pytest.param([GOOD, "--zones", ","], "no list is named", id="no lists"),
        pytest.param([GOOD, "--zones", "spamhaus-dqs"], "needs a key", id="a list that needs a key"),
        pytest.param(
            [GOOD, "--zones", BL, "--resolver", "localhost:53"], "is not ADDRESS:PORT", id="a resolver's name"
        ),
        pytest.param([GOOD, "--zones", BL, "--resolver", "127.0.0.1:x"], "is not ADDRESS:PORT", id="no port"),
        pytest.param([GOOD, "--config", "."], "is a directory", id="a folder for a file"),
    ],
)
async def test_what_cannot_be_asked_ends_with_1_and_plain_words(words: list[str], told: str) -> None:
    ended = await ran("check", *words)
    assert ended.status == FAULT
    assert ended.out == ""
    assert told in ended.err


async def test_lists_and_resolvers_come_from_the_configuration(server: ZoneServer, tmp_path: Path) -> None:
    file = tmp_path / "monitor.toml"
    file.write_text(CONFIG.format(port=server.port) + f'[[lists.own]]\nzone = "{BL}"\nweight = "warn"\n')
    ended = await ran("check", BAD, "--json")
    assert ended.status == SOUND, "one warning alone"
    assert ended.document["addresses"][0]["answers"][0]["answer"] == "listed"
    file.write_text(CONFIG.format(port=server.port))
    ended = await ran("check", BAD)
    assert ended.status == FAULT
    assert "no list is named; write --zones, or lists.use in the configuration" in ended.err
    assert (await ran("check", BAD, "--zones", BL)).status == LISTED
    file.write_text("[lists]\nuse = 7\n")
    ended = await ran("check", BAD)
    assert ended.status == FAULT
    assert "lists.use" in ended.err


async def test_nobody_at_the_resolver_is_no_verdict(server: ZoneServer) -> None:
    port = server.port
    await server.__aexit__(None, None, None)
    ended = await check(server, GOOD, "--json", resolver=f"127.0.0.1:{port}")
    assert ended.status == UNDECIDED
    assert "unreachable" in ended.out
    assert ended.document["sources"] == {"asked": 1, "answered": 0}


async def test_colours_can_be_forbidden(server: ZoneServer) -> None:
    words = ["check", BAD, "--zones", BL, "--resolver", f"127.0.0.1:{server.port}"]
    plain = {**os.environ, "NO_COLOR": "1", "TERM": "xterm-256color"}
    ended = await ran(*words, runner=partial(program, env=plain))
    assert ended.status == LISTED
    assert ended.out.startswith("ADDRESS\tLIST\t")


async def test_the_catalogue_is_shown_with_what_is_dead() -> None:
    shown = (await ran("lists", "show", "--json")).document
    assert len(shown["zones"]) == 72
    assert sum(each["on"] for each in shown["zones"]) == 14
    assert {"zone": "dnsbl.sorbs.net", "why": "emptied since 2024-06-05"} in shown["dead"]
    table = await ran("lists", "show")
    assert all(f"\n{each['id']}\t{each['zone']}\t" in table.out for each in shown["zones"])
    one = await ran("lists", "show", "dronebl")
    assert one.out.startswith("dronebl\n")
    assert "127.0.0.17 botnet" in one.out
    [entry] = (await ran("lists", "show", "dronebl", "--json")).document["zones"]
    assert entry["id"] == "dronebl"
    unknown = await ran("lists", "show", "dronbl")
    assert unknown.status == FAULT
    assert "dronbl: not in the catalogue" in unknown.err


async def test_lists_prove_themselves_at_the_prompt(server: ZoneServer) -> None:
    server.behave(SICK, Normal(frozenset()))
    place = f"127.0.0.1:{server.port}"
    ended = await ran("lists", "test", BL, SICK, "--resolver", place, "--json")
    assert ended.status == UNDECIDED
    holds = {"zone": BL, "resolver": place, "holds": True, "why": "its test entries hold"}
    fails = {"zone": SICK, "resolver": "none", "holds": False}
    assert ended.document == {
        "zones": [
            {"family": 4, **holds},
            {"family": 6, **holds},
            {"family": 4, **fails, "why": "its test entry 127.0.0.2 is not listed"},
            {"family": 6, **fails, "why": f"its test entry {TEST_LISTED_6} is not listed"},
        ]
    }
    table = await ran("lists", "test", BL, "--resolver", place)
    assert table.status == SOUND
    assert table.out.splitlines()[1].split("\t") == [BL, "4", place, "yes", "its test entries hold"]
    dead = await ran("lists", "test", "dnsbl.sorbs.net", "--resolver", place)
    assert dead.status == FAULT
    assert "must not be asked" in dead.err


async def test_a_key_is_asked_with_and_never_printed(server: ZoneServer, tmp_path: Path) -> None:
    key = "fakefakefakefakefakefakefake"
    asked = f"{key}.zen.dq.spamhaus.net"
    server.serve(asked)
    server.list(asked, BAD, "127.0.0.4")
    (tmp_path / "secrets").mkdir(mode=0o700)
    (tmp_path / "secrets" / "dqs").touch(mode=0o600)
    (tmp_path / "secrets" / "dqs").write_text(key)
    lists = '[lists]\nuse = ["spamhaus-dqs"]\nkeys = { spamhaus-dqs = "dqs" }\n'
    (tmp_path / "monitor.toml").write_text(CONFIG.format(port=server.port) + lists)
    for words in (["check", BAD], ["check", BAD, "--json"], ["lists", "test"], ["lists", "test", "--json"]):
        ended = await ran(*words)
        assert ended.status == (LISTED if words[0] == "check" else SOUND), ended
        assert "zen.dq.spamhaus.net" in ended.out
        assert key not in ended.out + ended.err
    (tmp_path / "secrets" / "dqs").unlink()
    ended = await ran("check", BAD)
    assert ended.status == FAULT
    assert "dqs" in ended.err


async def test_the_plan_names_the_lists_whose_budgets_do_not_suffice(tmp_path: Path) -> None:
    lists = f"""
[[lists.own]]
zone = "{BL}"
budget = {{ rate = 5, day = 100 }}

[[lists.own]]
zone = "{XBL}"
budget = {{ rate = 50, day = 500000 }}
"""
    (tmp_path / "monitor.toml").write_text(CONFIG.format(port=53) + lists)
    store = await connect(f"sqlite:///{tmp_path}/coverwatch.sqlite")
    await sell(store, "INV-1")
    await shelve(store, "spare-1", "spare-2")
    await store.close()
    planned = (await ran("plan", "--json")).document
    blocklist: dict[str, Any] = next(each for each in planned["checks"] if each["check"] == "blocklist")
    # Two spares of sixteen addresses, 96 rounds a day: even two addresses of each are more than one list allows.
    assert (blocklist["every"], blocklist["deliveries"], blocklist["spares"]) == ("15m", 0, 2)
    assert (blocklist["full_round_wanted"], blocklist["full_round"]) == ("15m", "4h")
    assert blocklist["questions"] == 8
    assert blocklist["lists"] == [
        {"list": BL, "round": 4, "day": 384, "budget": 100, "today": 0, "over": 284},
        {"list": XBL, "round": 4, "day": 384, "budget": 500000, "today": 0, "over": 0},
    ]
    told = await ran("plan")
    assert told.status == SOUND
    assert f"{BL}: 284 questions a day beyond its budget will not be asked" in told.out
    assert "15m was wanted: the budgets do not allow it" in told.out
    assert f"{XBL}: " not in told.out


async def test_a_plan_without_lists_or_deliveries_is_empty(tmp_path: Path) -> None:
    (tmp_path / "monitor.toml").write_text(CONFIG.format(port=53))
    planned = (await ran("plan", "--json")).document
    assert {each["check"]: each["questions"] for each in planned["checks"]} == dict.fromkeys(Check, 0)
    assert (await ran("plan")).status == SOUND


async def test_a_plan_of_nothing_that_can_be_read_says_so() -> None:
    ended = await ran("plan")
    assert ended.status != SOUND
    assert "monitor.toml" in ended.err
