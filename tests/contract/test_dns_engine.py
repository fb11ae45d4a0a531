"""The engine against servers of every kind, on real sockets: what it must believe, and what it must ignore."""

import asyncio
import os
import socket
from collections.abc import Callable, Iterable
from dataclasses import replace
from ipaddress import IPv6Address

import pytest

from checks.dns.datagrams import ManyPost, Post, SinglePost
from checks.dns.engine import Engine, EngineOptions
from monitor.core.dnsxl import TEST_LISTED_6, Addresses, ErrorCode, NoSuchName, Reply, Unanswered, query_name
from tests.contract.dns_asking import ADDRESS, CALM, LISTED, QUICK, asking, saying
from tests.peers.dns_scripted import (
    CNAME,
    NS,
    SOA,
    TXT,
    Asked,
    ScriptedServer,
    a,
    listed,
    name,
    nxdomain,
    record,
    reply,
)

GUESSES = 25_000 if os.environ.get("CI", "false") not in {"", "0", "false"} else 1_500
"""Of each kind of forgery: 100,000 datagrams in all, where there is time for it."""


@pytest.fixture(params=[SinglePost, ManyPost], ids=["one by one", "in batches"])
def post(request: pytest.FixtureRequest) -> Post:
    made: Post = request.param(16)
    return made


# --- what a reply says -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param(listed, LISTED, id="one address"),
        pytest.param(nxdomain, NoSuchName(), id="no such name"),
        pytest.param(reply, NoSuchName(), id="the zone's own server has no such record"),
        pytest.param(
            lambda asked: reply(asked, flags=0x8180, authority=[record(SOA, name("a") + name("b") + bytes(20))]),
            NoSuchName(),
            id="a recursor has no such record, says the SOA",
        ),
        pytest.param(
            lambda asked: reply(asked, [a(f"127.0.0.{octet}") for octet in range(2, 12)]),
            Addresses(tuple(range(0x7F000002, 0x7F00000C))),
            id="ten addresses",
        ),
        pytest.param(
            lambda asked: reply(asked, [a("127.0.0.2"), a("127.0.0.2")]), LISTED, id="the same address twice is one"
        ),
        pytest.param(
            lambda asked: reply(
                asked,
                [
                    record(CNAME, name("two.test")),
                    record(CNAME, name("three.test"), owner=name("TWO.test")),
                    a("127.0.0.2", owner=name("three.TEST")),
                ],
            ),
            LISTED,
            id="a chain of aliases",
        ),
        pytest.param(
            lambda asked: reply(asked, [a("127.0.0.9", owner=name("two.test")), record(CNAME, name("two.test"))]),
            Addresses((0x7F000009,)),
            id="a chain out of order",
        ),
        pytest.param(
            lambda asked: reply(asked, [a("127.0.0.2", owner=name("somebody.else"))]),
            NoSuchName(),
            id="an address for another name is none for ours",
        ),
        pytest.param(
            lambda asked: reply(asked, [record(TXT, b"\3why"), a("127.0.0.2")]), LISTED, id="odd: a text beside it"
        ),
    ],
)
async def test_a_reply_is_read_whole(answer: Callable[[Asked], bytes], expected: Reply, post: Post) -> None:
    async with asking(saying(lambda asked: [answer(asked)]), post=post) as (engine, _):
        assert await engine.query(ADDRESS, "bl.test") == expected


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param(lambda asked: reply(asked, rcode=2), ErrorCode(2), id="SERVFAIL"),
        pytest.param(lambda asked: reply(asked, rcode=5), ErrorCode(5), id="REFUSED"),
        pytest.param(
            lambda asked: asked.wire[:2] + b"\x81\x05" + bytes(8), ErrorCode(5), id="REFUSED, in a header alone"
        ),
        pytest.param(
            lambda asked: reply(asked, flags=0x8180, authority=[record(NS, name("a.root"))]),
            Unanswered("referral"),
            id="a referral is no 'not listed'",
        ),
        pytest.param(
            lambda asked: reply(asked, [record(CNAME, name("two.test"))], flags=0x8180),
            Unanswered("referral"),
            id="an alias that leads nowhere is no 'not listed'",
        ),
        pytest.param(lambda _: b"", Unanswered("timeout"), id="an empty datagram"),
        pytest.param(lambda _: bytes(65_000), Unanswered("timeout"), id="64 kB of nothing"),
        pytest.param(lambda asked: reply(asked)[:-1], Unanswered("timeout"), id="cut in the question"),
        pytest.param(lambda asked: reply(asked, [a("127.0.0.2")])[:-1], Unanswered("garbage"), id="cut in the address"),
        pytest.param(
            lambda asked: reply(asked, [a("127.0.0.2", owner=b"\xc0" + bytes([12 + len(asked.question)]))]),
            Unanswered("garbage"),
            id="a pointer to itself",
        ),
        pytest.param(
            lambda asked: reply(asked, [record(CNAME, b"\xc0\x0c"), a("127.0.0.2", owner=name("two.test"))]),
            Unanswered("garbage"),
            id="an alias of itself",
        ),
        pytest.param(
            lambda asked: reply(asked, [a("127.0.0.2")], rcode=3), Unanswered("garbage"), id="no such name, and listed"
        ),
        pytest.param(
            lambda asked: reply(asked, additional=[record(41, b"", owner=b"\0")] * 2),
            Unanswered("garbage"),
            id="odd: two OPT records nobody asked for",
        ),
        pytest.param(
            lambda asked: reply(asked, question=name("2.2.0.192.bl.test") + asked.question[-4:]),
            Unanswered("timeout"),
            id="an answer to another question",
        ),
        pytest.param(lambda asked: asked.wire, Unanswered("timeout"), id="our own question"),
    ],
)
async def test_what_is_no_answer_is_never_taken_for_one(
    answer: Callable[[Asked], bytes], expected: Reply, post: Post
) -> None:
    options = EngineOptions(timeout=0.2, tries=2)
    async with asking(saying(lambda asked: [answer(asked)]), options=options, post=post) as (engine, _):
        assert await engine.query(ADDRESS, "bl.test") == expected


async def test_ipv6_is_asked_in_nibbles_and_the_mapped_test_entry_stays_ipv6() -> None:
    async with asking(saying(lambda asked: [listed(asked)])) as (engine, [server]):
        assert await engine.query(TEST_LISTED_6, "six.test") == LISTED
        assert await engine.query(IPv6Address("2001:db8::1"), "six.test") == LISTED
    assert [asked.name.lower() for asked in server.asked] == [
        query_name(TEST_LISTED_6, "six.test"),
        query_name(IPv6Address("2001:db8::1"), "six.test"),
    ]


async def test_a_resolver_may_have_an_ipv6_address() -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError as reason:
        pytest.skip(f"no IPv6 loopback: {reason}")
    async with ScriptedServer(saying(lambda asked: [listed(asked)]), host="::1") as server:
        async with Engine([server.address], CALM) as engine:
            assert await engine.query(ADDRESS, "bl.test") == LISTED
        assert list(engine.resolvers) == [server.name]


# --- forgers ---------------------------------------------------------------------------------------------------------


async def test_the_true_answer_is_taken_after_many_forged_ones(post: Post) -> None:
    async def forge_first(server: ScriptedServer, asked: Asked) -> Iterable[bytes]:
        assert server.transport is not None
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as elsewhere:
            for guess in range(GUESSES):
                elsewhere.sendto(nxdomain(asked), ("127.0.0.1", asked.port))
                server.transport.sendto(reply(asked, rcode=3, id=asked.id ^ (guess + 1)), ("127.0.0.1", asked.port))
                swapped = asked.question.swapcase()
                server.transport.sendto(reply(asked, rcode=3, question=swapped), ("127.0.0.1", asked.port))
                other = name(f"{guess % 250}.2.0.192.bl.test") + asked.question[-4:]
                server.transport.sendto(reply(asked, rcode=3, question=other), ("127.0.0.1", asked.port))
                # Slowly enough that the kernel drops none of them: the engine shall see every one.
                await asyncio.sleep(0)
        return [listed(asked)]

    options = replace(CALM, tries=1)
    async with asking(forge_first, options=options, post=post) as (engine, [server]):
        assert await engine.query(ADDRESS, "bl.test") == LISTED
        counters = engine.resolvers[server.name]
    assert counters.answered == 1
    # Three of four kinds reach the port, and some of them are lost in the crowd.
    assert counters.forged > GUESSES


async def test_a_port_that_draws_strays_is_replaced() -> None:
    async def flood(server: ScriptedServer, asked: Asked) -> Iterable[bytes]:
        for guess in range(600):
            assert server.transport is not None
            server.transport.sendto(reply(asked, id=asked.id ^ (guess + 1)), ("127.0.0.1", asked.port))
            if guess % 20 == 0:
                await asyncio.sleep(0)
        return [listed(asked)]

    options = replace(CALM, sockets=1, in_flight=1)
    async with asking(flood, options=options) as (engine, [server]):
        tally = await engine.ask("bl.test", range(4), lambda *_: None)
    assert tally.answered == 4
    assert len({asked.port for asked in server.asked}) == 4


async def test_ids_ports_and_letter_case_are_drawn_anew() -> None:
    options = replace(CALM, questions_per_port=32, sockets=2)
    async with asking(saying(lambda asked: [nxdomain(asked)]), options=options) as (engine, [server]):
        await engine.ask("a-rather-long-name.of.a.list.test", range(1_000), lambda *_: None)
    # The kernel may give a number of a port again that was closed.
    assert len({asked.port for asked in server.asked}) > 1_000 / 32 * 0.8
    assert len({asked.id for asked in server.asked}) > 950
    assert len({asked.name for asked in server.asked}) == len(server.asked) == 1_000
    cases = {asked.name.split(".", 4)[4] for asked in server.asked}
    assert len(cases) > 950
    assert {case.lower() for case in cases} == {"a-rather-long-name.of.a.list.test"}


async def test_a_server_that_folds_case_is_found_out_and_then_believed() -> None:
    def fold(asked: Asked) -> Iterable[bytes]:
        return [reply(asked, [a("127.0.0.2")], question=asked.question.lower())]

    async with asking(saying(fold), options=QUICK) as (engine, [server]):
        replies: list[Reply] = []
        tally = await engine.ask("some.list.test", range(300), lambda _, said, __: replies.append(said))
        forged = engine.resolvers[server.name].forged
        assert engine._resolvers[0].folds
        await engine.ask("some.list.test", range(300), lambda _, said, __: replies.append(said))
        assert engine.resolvers[server.name].forged == forged, "once it is known to fold, its answers are answers"
    assert tally.unanswered == 0
    assert set(replies) == {LISTED}


async def test_one_question_to_a_server_that_folds_case_is_answered() -> None:
    def fold(asked: Asked) -> Iterable[bytes]:
        return [reply(asked, [a("127.0.0.2")], question=asked.question.lower())]

    async with asking(saying(fold), options=QUICK) as (engine, _):
        assert await engine.query(ADDRESS, "some.list.test") == LISTED


async def test_a_forger_cannot_teach_that_a_server_folds_case() -> None:
    async def forge(_: ScriptedServer, asked: Asked) -> Iterable[bytes]:
        return [reply(asked, rcode=3, question=asked.question.swapcase()), listed(asked)]

    async with asking(forge) as (engine, [server]):
        replies: list[Reply] = []
        await engine.ask("some.list.test", range(500), lambda _, said, __: replies.append(said))
        assert set(replies) == {LISTED}
        assert engine.resolvers[server.name].forged == 500
        assert engine.zones["some.list.test"].forged == 500
        assert not engine._resolvers[0].folds


@pytest.mark.parametrize(
    "lies",
    [
        pytest.param(
            lambda asked: [reply(asked, [a("127.0.0.2")], question=asked.question.swapcase())] * 2, id="wrong letters"
        ),
        pytest.param(
            lambda asked: [
                reply(asked, [a("127.0.0.2")], question=asked.question.lower()),
                reply(asked, [a("127.0.0.2")], id=asked.id ^ 1),
            ],
            id="wrong letters once, and a wrong id",
        ),
    ],
)
async def test_a_forger_is_not_believed_even_where_the_true_answer_never_comes(
    lies: Callable[[Asked], Iterable[bytes]], post: Post
) -> None:
    options = EngineOptions(timeout=0.1, tries=4, deadline=2)
    async with asking(saying(lies), options=options, post=post) as (engine, _):
        for _ in range(3):
            assert await engine.query(ADDRESS, "some.list.test") == Unanswered("timeout")
        assert not engine._resolvers[0].folds


# --- TCP and words ---------------------------------------------------------------------------------------------------


async def test_a_truncated_reply_is_asked_for_again_over_tcp() -> None:
    many = [a(f"127.0.0.{octet}") for octet in range(2, 102)]
    server = ScriptedServer(
        saying(lambda asked: [reply(asked, flags=0x8780)]), over_tcp=lambda asked: reply(asked, many)
    )
    async with server, Engine([server.address], CALM) as engine:
        assert await engine.query(ADDRESS, "bl.test") == Addresses(tuple(range(0x7F000002, 0x7F000066)))
        assert engine.resolvers[server.name].truncated == 1


async def test_truncated_and_no_tcp_is_no_answer() -> None:
    async with asking(saying(lambda asked: [reply(asked, flags=0x8780)]), options=QUICK) as (engine, _):
        assert await engine.query(ADDRESS, "bl.test") == Unanswered("truncated")


async def test_the_reason_is_one_printable_line() -> None:
    words = b"Spam source\n\x1b[31m see https://list.test/"

    def tell(asked: Asked) -> Iterable[bytes]:
        return [reply(asked, [record(TXT, bytes([len(words)]) + words)])]

    async with asking(saying(tell)) as (engine, _):
        assert await engine.text(ADDRESS, "bl.test") == "Spam source  [31m see https://list.test/"


async def test_no_reason_is_none() -> None:
    async with asking(saying(lambda asked: [nxdomain(asked)])) as (engine, _):
        assert await engine.text(ADDRESS, "bl.test") is None


async def test_any_name_can_be_looked_up() -> None:
    async with asking(saying(lambda asked: [reply(asked, [a("192.0.2.7")])])) as (engine, [server]):
        assert await engine.lookup("canary.example") == Addresses((0xC0000207,))
    assert server.asked[0].name.lower() == "canary.example"


# --- what cannot work ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        pytest.param(lambda: Engine([]), "at least one", id="no resolver"),
        pytest.param(lambda: Engine([("dns.example", 53)]), "give its IP address", id="a resolver's name"),
        pytest.param(lambda: EngineOptions(in_flight=0), "in_flight: must be above 0", id="no room"),
        pytest.param(lambda: EngineOptions(questions_per_port=65_536), "at most 16384", id="more ids than there are"),
    ],
)
def test_an_engine_that_could_not_work_is_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("zone", ["", "a..b", "é.test", "x" * 64 + ".test", ".".join(["abcdefgh"] * 30)])
async def test_a_zone_that_is_no_name_is_refused(zone: str) -> None:
    async with asking(saying(lambda _: [])) as (engine, _):
        with pytest.raises(ValueError, match=r"is not a domain name|is too long"):
            await engine.query(ADDRESS, zone)
