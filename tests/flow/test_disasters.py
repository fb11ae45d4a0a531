"""Every way in which lists have misled monitors so far, through the running daemon: no case is opened, and it says why.

In each of these worlds another customer's range is truly listed, by a list that holds, and that case is opened.
"""

import asyncio
import os
import re
import socket
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import dns.message
import pytest
from structlog.testing import capture_logs

from monitor.core.notice import Kind
from monitor.core.secret import Secret
from monitor.demo.listing import Behaviour, Dead, Normal, Parked, Rcode, RefusesUs, Rewriting, White, World
from monitor.demo.script import PROXY, SPAM, WORLD, ZONES, OnShelf, Sold
from monitor.demo.zones import ZoneServer
from tests.flow.life import Glimpse, Shop, shop, spare_range, vpn
from tests.peers.dns_scripted import Asked, ScriptedServer, a, listed, reply

OPENED, READY = Kind.CASE_OPENED, Kind.REPLACEMENT_READY
DOUBTED, TRULY = "INV-1", "INV-2"
TWO: tuple[Sold | OnShelf, ...] = (vpn(DOUBTED, "alice"), vpn(TRULY, "bogdan"), spare_range("spare"))


@pytest.fixture
def sqlite(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/coverwatch.sqlite"


def few(text: str, lists: str = "", sample: int = 4) -> str:
    """Ask about some addresses of a range in each round, the customer's own among them."""
    return text.replace("[[lists.own]]", f"[lists]\nsample = {sample}\n{lists}\n[[lists.own]]", 1)


def of(seen: Glimpse, order: str) -> dict[str, Any]:
    return next(each for each in seen.deliveries if each["order"] == order)


def source(seen: Glimpse, zone: str) -> str:
    return str(next(each["why"] for each in seen.sources if each["name"] == zone))


def believed_since(seen: Glimpse) -> tuple[object, ...]:
    return next((each["believed"], each["since"], each["heard_at"]) for each in seen.sources if each["name"] == WORLD)


def edges(log: list[Any]) -> list[tuple[str, str]]:
    return [(record["event"], record["zone"]) for record in log if record["event"].startswith("zone_")]


async def find_the_true_one(house: Shop, zone: str = SPAM) -> None:
    house.world.zones.list(zone, str(vpn(TRULY).address))
    # The spare follows as soon as the lists that matter call it sound.
    await house.until(lambda seen: seen.told("bogdan")[:1] == [OPENED])


@pytest.mark.parametrize(
    ("behaviour", "why"),
    [
        pytest.param(World(), "it lists 127.0.0.1, which nobody may list", id="lists the world after its end"),
        pytest.param(
            RefusesUs(),
            "asked about 127.0.0.2: 127.255.255.254: the list does not serve this resolver",
            id="refuses a public resolver",
        ),
        pytest.param(Parked(), "asked about 127.0.0.2: 146.112.61.108 is outside 127.0.0.0/8", id="block page"),
        pytest.param(Parked("203.0.113.80"), "asked about 127.0.0.2: 203.0.113.80 is outside 127.0.0.0/8", id="sold"),
        pytest.param(
            World("127.0.0.1"), "asked about 127.0.0.1: 127.0.0.1 has no declared meaning", id="127.0.0.1 for everybody"
        ),
        pytest.param(
            Rewriting(), "asked about 127.0.0.1: 198.51.100.80 is outside 127.0.0.0/8", id="NXDOMAIN is rewritten"
        ),
        pytest.param(Dead(), "asked about 127.0.0.2: timeout", id="silent"),
        pytest.param(Normal(frozenset()), "its test entry 127.0.0.2 is not listed", id="emptied"),
        pytest.param(White(), "it lists 192.0.2.", id="a white list taken for a black one"),
        pytest.param(Rcode(5), "asked about 127.0.0.2: REFUSED", id="REFUSED"),
    ],
)
async def test_a_list_gone_bad_opens_no_case_says_why_and_is_muted_once_and_heard_again_once(
    tmp_path: Path, sqlite: str, behaviour: Behaviour, why: str
) -> None:
    with capture_logs() as log:
        async with shop(tmp_path, sqlite, *TWO, customize=few) as house, house.living():
            await house.until(lambda seen: [each["verdict"] for each in seen.deliveries] == ["sound", "sound"])
            house.world.zones.behave(WORLD, behaviour)
            # It may turn in the middle of a self-test, whose later questions then fail first: the next one tells all.
            await house.until(lambda seen: seen.believed(WORLD) is False and source(seen, WORLD).startswith(why))
            await house.until(lambda seen: of(seen, DOUBTED)["verdict"] == "undecided")
            await find_the_true_one(house)
            # Lists are named by the alphabet, and this one is the last: where it comes first it stands alone.
            worst = await house.until(lambda seen: str(of(seen, DOUBTED)["why"]).startswith(f"{WORLD} (muted: {why}"))
            house.world.zones.behave(WORLD, Normal())
            await house.until(lambda seen: seen.believed(WORLD) and of(seen, DOUBTED)["verdict"] == "sound")
            await house.until(lambda seen: seen.told("bogdan") == [OPENED, READY])
            seen = await house.after_sweeps(2)
    assert of(worst, DOUBTED)["why"].endswith(" could tip the balance")
    assert [case["order"] for case in seen.cases] == [TRULY]
    assert house.messages("alice") == []
    assert [kind for kind in seen.told(None) if kind == Kind.OPERATOR_LIST_SUSPENDED] == [Kind.OPERATOR_LIST_SUSPENDED]
    assert [text for text in house.operators_read() if WORLD in text]
    assert edges(log) == [("zone_muted", WORLD), ("zone_heard_again", WORLD)]
    assert [record for record in log if record["log_level"] in {"error", "critical"}] == []


async def test_a_muted_list_that_fails_otherwise_says_so_and_is_told_of_once(tmp_path: Path, sqlite: str) -> None:
    with capture_logs() as log:
        async with shop(tmp_path, sqlite, *TWO, customize=few) as house, house.living():
            await house.until(lambda seen: seen.believed(WORLD))
            zones = house.world.zones
            zones.behave(WORLD, Rcode(5))
            first = await house.until(lambda seen: source(seen, WORLD) == "asked about 127.0.0.2: REFUSED")
            zones.behave(WORLD, Parked())
            why = "asked about 127.0.0.2: 146.112.61.108 is outside 127.0.0.0/8"
            then = await house.until(lambda seen: source(seen, WORLD) == why)
            seen = await house.after_sweeps(2)
    assert [believed_since(each) for each in (then, seen)] == [believed_since(first)] * 2
    assert edges(log) == [("zone_muted", WORLD)]
    assert seen.told(None) == [Kind.OPERATOR_LIST_SUSPENDED]


@pytest.mark.parametrize(
    ("into", "why"),
    [
        pytest.param(World(), "after the round it lists 127.0.0.1, which nobody may list", id="the world"),
        pytest.param(White(), "after the round it lists 192.0.2.", id="white"),
        pytest.param(Parked(), "146.112.61.108 is outside 127.0.0.0/8", id="sold"),
        pytest.param(Dead(), "", id="silent"),
    ],
)
async def test_a_list_that_turns_bad_in_mid_sweep_opens_no_case(
    tmp_path: Path, sqlite: str, monkeypatch: pytest.MonkeyPatch, into: Behaviour, why: str
) -> None:
    """It holds whenever it is tested before a sweep, and is bad as soon as it is asked about the customer."""
    # A silent list is asked more and more slowly, so the fewer questions, the sooner this is over.
    two = partial(few, sample=2)
    async with shop(tmp_path, sqlite, *TWO, customize=two) as house, house.living():
        await house.until(lambda seen: of(seen, DOUBTED)["verdict"] == "sound")
        zones = house.world.zones
        monkeypatch.setattr(zones, "answer", _turning(zones, vpn(DOUBTED).address, into))
        seen = await house.until(lambda seen: of(seen, DOUBTED)["verdict"] == "undecided")
        await find_the_true_one(house)
        seen = await house.after_sweeps()
    assert of(seen, DOUBTED)["why"].startswith(f"{WORLD} ({why}")
    assert of(seen, DOUBTED)["why"].endswith(" could tip the balance")
    assert [case["order"] for case in seen.cases] == [TRULY]
    assert house.messages("alice") == []


def _turning(
    zones: ZoneServer, address: IPv4Address | None, into: Behaviour
) -> Callable[..., tuple[bytes, float] | None]:
    honest = zones.answer
    customer = ".".join(reversed(str(address).split("."))) + "."

    def answer(wire: bytes, *, limit: int | None = None) -> tuple[bytes, float] | None:
        name = dns.message.from_wire(wire).question[0].name.to_text().lower()
        if name.startswith("canary-"):
            zones.behave(WORLD, Normal())
        elif name.startswith(customer) and WORLD in name:
            zones.behave(WORLD, into)
        return honest(wire, limit=limit)

    return answer


QUIET = {
    "alice": ("dnsbl-3.uceprotect.net", "127.0.0.2", "sound"),
    "chen": ("hostkarma.junkemailfilter.com", "127.0.0.1", "sound"),
    "dora": ("list.dnswl.org", "127.0.5.3", "sound"),
    "elena": ("dnsbl.dronebl.org", "127.0.0.19", "sound"),
    "farid": ("rbl.efnetrbl.org", "127.0.0.1", "sound"),
    "gao": (SPAM, "127.0.0.1", "undecided"),
    "hanna": (SPAM, "127.255.255.254", "undecided"),
}
"""By customer, what a list that holds says of their address, and what it comes to."""


async def test_words_of_honest_lists_that_are_no_listing_open_no_case(tmp_path: Path, sqlite: str) -> None:
    """Network-wide, white, white as 127.0.0.1, informative, one warning alone, 127.0.0.1 without meaning, a refusal."""

    def hear_the_catalogue(text: str) -> str:
        return few(text, 'use = ["uceprotect-3", "hostkarma", "dnswl", "dronebl", "efnetrbl"]\n')

    sold = {name: vpn(f"INV-1{i}", name) for i, name in enumerate(QUIET)}
    things: tuple[Sold | OnShelf, ...] = (*sold.values(), vpn(TRULY, "bogdan"), spare_range("spare"))
    async with shop(tmp_path, sqlite, *things, customize=hear_the_catalogue) as house:
        for zone in dict.fromkeys(zone for zone, _, _ in QUIET.values()):
            if zone not in ZONES:
                house.world.zones.serve(zone)
        for name, (zone, code, _) in QUIET.items():
            house.world.zones.list(zone, str(sold[name].address), code)
        house.world.zones.list("rbl.efnetrbl.org", str(vpn(TRULY).address), "127.0.0.1")
        async with house.living():
            await house.until(lambda seen: all(each["verdict"] for each in seen.deliveries))
            # There 127.0.0.1 is a listing: with a second, independent warning it is a case.
            await find_the_true_one(house, PROXY)
            await house.after_sweeps(2)
            why = f"{SPAM} (127.0.0.1 has no declared meaning) could tip the balance"
            # Where the machine is slow, now and then an answer comes too late, and the next sweep hears it.
            seen = await house.until(
                lambda seen: (
                    of(seen, sold["gao"].order)["why"] == why
                    and all(of(seen, sold[name].order)["verdict"] == said for name, (_, _, said) in QUIET.items())
                )
            )
    assert [case["order"] for case in seen.cases] == [TRULY]
    # The last spare may have gone to the one who was owed it; no list is complained of.
    assert set(seen.told(None)) <= {Kind.OPERATOR_STOCK_LOW}
    assert [text for name in QUIET for text in house.messages(name)] == []


HOSTILE: dict[str, tuple[Callable[[Asked], Iterable[bytes]], str]] = {
    "chen": (lambda asked: [listed(replace(asked, wire=asked.wire[:12] + other(asked)))], "timeout"),
    "dora": (
        lambda asked: [reply(asked, [a(f"146.112.61.{last}") for last in range(10)])],
        "146.112.61.0 is outside 127.0.0.0/8",
    ),
    "elena": (
        lambda asked: [reply(asked, [*(a(f"127.0.0.{last}") for last in range(2, 11)), a("127.255.255.254")])],
        "127.255.255.254: the list does not serve this resolver",
    ),
    "farid": (lambda asked: [asked.wire[:2] + bytes(range(256)) * 254], "timeout"),
    "gao": (
        lambda asked: [reply(asked, [a("127.0.0.2", owner=b"\xc0" + bytes([len(asked.wire)]))])],
        "garbage",
    ),
    "hanna": (lambda asked: [listed(asked)[:-1]], "garbage"),
}
"""By customer, what is said of their address, and why it counts for nothing: an answer to another question, ten web
servers, ten codes with a refusal among them, 64 kB of garbage, a name that leads to itself, a record cut short."""


def other(asked: Asked) -> bytes:
    """Give the question for the neighbour of the address that was asked about, in the same letters."""
    first = asked.question[1 : 1 + asked.question[0]]
    last = str((int(first) + 1) % 256).encode()
    return bytes([len(last)]) + last + asked.question[1 + len(first) :]


async def test_hostile_answers_open_no_case_and_the_daemon_lives(tmp_path: Path, sqlite: str) -> None:
    sold = {name: vpn(f"INV-1{i}", name) for i, name in enumerate(HOSTILE)}
    doubted = {reversed_name(each): HOSTILE[name][0] for name, each in sold.items()}

    def answer(asked: Asked) -> Iterable[bytes]:
        hostile = next((say for name, say in doubted.items() if asked.name.startswith(name)), None)
        if hostile is not None and asked.name.lower().endswith(WORLD):
            return hostile(asked)
        told = house.world.zones.answer(asked.wire)
        return [told[0]] if told else []

    async with ScriptedServer(lambda _, asked: answer(asked)) as server:
        things: tuple[Sold | OnShelf, ...] = (*sold.values(), vpn(TRULY, "bogdan"), spare_range("spare"))
        async with shop(tmp_path, sqlite, *things, customize=asking(server)) as house, house.living():
            await house.until(
                lambda seen: all(of(seen, each.order)["verdict"] == "undecided" for each in sold.values())
            )
            await find_the_true_one(house)
            seen = await house.after_sweeps(2)
    for name, (_, why) in HOSTILE.items():
        # Where the machine is slow, time is up before the first of them is read.
        told = {f"{WORLD} ({reason}) could tip the balance" for reason in (why, "timeout")}
        assert of(seen, sold[name].order)["why"] in told
    assert [case["order"] for case in seen.cases] == [TRULY]
    assert [text for name in HOSTILE for text in house.messages(name)] == []
    assert seen.believed(WORLD), "of all other addresses it speaks the truth"


CROWD = 50
FORGERIES = 100_000 if os.environ.get("CI", "false") not in {"", "0", "false"} else 2_000


async def test_a_forger_ahead_of_the_true_answer_opens_no_case_and_hides_none(tmp_path: Path, sqlite: str) -> None:
    """All say that the address is listed: with a wrong id, in wrong letters, for another name, from another port."""
    sent = 0

    async def forge_first(server: ScriptedServer, asked: Asked) -> Iterable[bytes]:
        nonlocal sent
        told = house.world.zones.answer(asked.wire)
        if asked.name.startswith(reversed_name(vpn(DOUBTED))):
            assert server.transport is not None
            where = ("127.0.0.1", asked.port)
            questions = (asked.question.swapcase(), other(asked))
            lies = [reply(asked, [a("127.0.0.2")], question=question) for question in questions]
            for guess in range(1, 1 + min(2_000, FORGERIES - sent) // 4):
                server.transport.sendto(reply(asked, [a("127.0.0.2")], id=asked.id ^ guess), where)
                for lie in lies:
                    server.transport.sendto(lie, where)
                elsewhere.sendto(listed(asked), where)
                sent += 4
                if guess % CROWD == 0:
                    # Slowly enough that the kernel drops neither them nor the true answer.
                    await asyncio.sleep(0)
        return [told[0]] if told else []

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as elsewhere:
        async with (
            ScriptedServer(forge_first) as server,
            shop(tmp_path, sqlite, *TWO, customize=asking(server)) as house,
            house.living() as app,
        ):
            await house.until(lambda _: sent >= FORGERIES)
            await find_the_true_one(house)
            seen = await house.until(lambda seen: of(seen, DOUBTED)["verdict"] == "sound")
            page = app.metrics.page().decode()
    assert [case["order"] for case in seen.cases] == [TRULY]
    assert house.messages("alice") == []
    # What came from another port never reaches ours, and the kernel may have dropped some of the rest.
    told = re.search(r'^coverwatch_dns_datagrams_total{fate="forged"} (\S+)$', page, re.MULTILINE)
    assert told is not None
    assert float(told.group(1)) > FORGERIES / 4


def reversed_name(sold: Sold) -> str:
    return ".".join(reversed(str(sold.address).split("."))) + "."


def asking(server: ScriptedServer) -> Callable[[str], str]:
    """Put another server between the daemon and the lists."""
    return lambda text: re.sub(r"resolvers = .*", f'resolvers = ["127.0.0.1:{server.port}"]', few(text))


async def test_a_resolver_that_lies_is_passed_over_while_another_is_honest(tmp_path: Path, sqlite: str) -> None:
    async with ZoneServer(*ZONES, "invalid") as liar:
        for zone in ZONES:
            liar.behave(zone, World())
        liar.behave("invalid", Parked("198.51.100.80"))

        def ask_the_liar_too(text: str) -> str:
            return few(text).replace('resolvers = ["', f'resolvers = ["127.0.0.1:{liar.port}", "')

        async with shop(tmp_path, sqlite, *TWO, customize=ask_the_liar_too) as house, house.living():
            await house.until(lambda seen: of(seen, DOUBTED)["verdict"] == "sound")
            await find_the_true_one(house)
            seen = await house.after_sweeps()
        assert {zone: liar.questions[zone] for zone in ZONES} == dict.fromkeys(ZONES, 0)
    assert of(seen, DOUBTED)["verdict"] == "sound"
    assert [case["order"] for case in seen.cases] == [TRULY]
    assert all(each["believed"] for each in seen.sources)


async def test_when_the_only_resolver_lies_every_list_is_muted_once_with_the_reason(
    tmp_path: Path, sqlite: str
) -> None:
    with capture_logs() as log:
        async with shop(tmp_path, sqlite, *TWO, customize=few) as house:
            zones = house.world.zones
            zones.serve("invalid", Rcode(3))
            why = f"the resolver 127.0.0.1:{zones.port} answers names that do not exist with 198.51.100.80"
            async with house.living():
                await house.until(lambda seen: of(seen, DOUBTED)["verdict"] == "sound")
                zones.behave("invalid", Parked("198.51.100.80"))
                for zone in ZONES:
                    zones.behave(zone, Rewriting())
                # The round that it began to lie in is undecided as well, but not yet for this reason.
                await house.until(lambda seen: {source(seen, zone) for zone in ZONES} == {why})
                bad = await house.after_sweeps(2)
                zones.behave("invalid", Rcode(3))
                for zone in ZONES:
                    zones.behave(zone, Normal())
                await house.until(lambda seen: of(seen, DOUBTED)["verdict"] == "sound")
                await find_the_true_one(house)
                seen = await house.after_sweeps(2)
    assert of(bad, DOUBTED)["verdict"] == "undecided"
    assert {zone: source(bad, zone) for zone in ZONES} == dict.fromkeys(ZONES, why)
    assert [case["order"] for case in seen.cases] == [TRULY]
    assert sorted(edges(log)) == sorted((event, zone) for event in ("zone_heard_again", "zone_muted") for zone in ZONES)
    assert house.messages("alice") == []


async def test_when_our_own_line_is_dead_nobody_is_muted_and_nothing_is_judged(tmp_path: Path, sqlite: str) -> None:
    with capture_logs() as log:
        async with shop(tmp_path, sqlite, *TWO, customize=few) as house, house.living():
            await house.until(lambda seen: of(seen, DOUBTED)["verdict"] == "sound")
            for zone in ZONES:
                house.world.zones.behave(zone, Dead())
            await house.until(lambda seen: of(seen, DOUBTED)["verdict"] == "undecided")
            dark = await house.after_sweeps(2)
            for zone in ZONES:
                house.world.zones.behave(zone, Normal())
            await find_the_true_one(house)
            seen = await house.until(lambda seen: of(seen, DOUBTED)["verdict"] == "sound")
    assert all(each["believed"] for each in dark.sources)
    assert dark.cases == []
    assert [case["order"] for case in seen.cases] == [TRULY]
    assert edges(log) == []


async def test_a_key_is_asked_with_and_told_nowhere(
    tmp_path: Path, sqlite: str, capsys: pytest.CaptureFixture[str]
) -> None:
    key = Secret("fakefakefakefakefakefakefake")
    asked = f"{key.reveal()}.zen.dq.spamhaus.net"

    def hear_spamhaus(text: str) -> str:
        named = 'use = ["spamhaus-dqs"]\nkeys = { spamhaus-dqs = "dqs" }\n'
        (tmp_path / "secrets" / "dqs").touch(mode=0o600)
        (tmp_path / "secrets" / "dqs").write_text(key.reveal())
        return few(text, named)

    with capture_logs() as log:
        async with shop(tmp_path, sqlite, vpn(TRULY, "bogdan"), spare_range("spare"), customize=hear_spamhaus) as house:
            house.world.zones.serve(asked)
            async with house.living() as app:
                await house.until(lambda seen: seen.believed("zen.dq.spamhaus.net"))
                await find_the_true_one(house, asked)
                house.world.zones.behave(asked, World())
                seen = await house.until(lambda seen: seen.believed("zen.dq.spamhaus.net") is False)
                page = app.metrics.page().decode()
                read = house.messages("bogdan") + house.operators_read()
    told = [str(log), str(seen), page, *read, *capsys.readouterr()]
    assert 'coverwatch_list_believed{list="zen.dq.spamhaus.net"}' in page
    assert not any(key.reveal() in words for words in told)
    kept = b"".join(file.read_bytes() for file in tmp_path.glob("coverwatch.sqlite*"))  # noqa: ASYNC240 - done with the loop
    assert key.reveal().encode() not in kept
