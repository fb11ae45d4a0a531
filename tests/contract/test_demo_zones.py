"""The zone server tells what real lists tell, and misleads in every way in which they do."""

import asyncio
import socket
from ipaddress import ip_address

import dns.asyncquery
import dns.exception
import dns.flags
import dns.message
import dns.opcode
import dns.rcode
import dns.rdatatype
import pytest

from monitor.core.dnsxl import query_name
from monitor.demo.zones import (
    Behaviour,
    Dead,
    Delayed,
    Lossy,
    Normal,
    Parked,
    Rcode,
    RefusesUs,
    Rewriting,
    White,
    World,
    ZoneServer,
)

ZONE = "bl.example.test"
LISTED_4, CLEAN_4 = "127.0.0.2", "127.0.0.1"
LISTED_6, CLEAN_6 = "::ffff:7f00:2", "::ffff:7f00:1"
UNLISTED = "203.0.113.9"


async def ask(
    zones: ZoneServer, name: str, rdtype: str = "A", *, tcp: bool = False, timeout: float = 5.0
) -> dns.message.Message:
    """Ask over UDP (or TCP) without EDNS, as a small engine does."""
    question = dns.message.make_query(name, rdtype)
    how = dns.asyncquery.tcp if tcp else dns.asyncquery.udp
    host, port = zones.address
    return await how(question, host, port=port, timeout=timeout)


async def codes(zones: ZoneServer, address: str, zone: str = ZONE) -> set[str]:
    """Give the codes under which a zone lists an address; empty for an NXDOMAIN."""
    reply = await ask(zones, query_name(ip_address(address), zone))
    assert reply.rcode() == (dns.rcode.NOERROR if reply.answer else dns.rcode.NXDOMAIN)
    return {rdata.address for rrset in reply.answer for rdata in rrset}


async def reason(zones: ZoneServer, address: str, zone: str = ZONE) -> str:
    """Give the text that a zone has on an address."""
    reply = await ask(zones, query_name(ip_address(address), zone), "TXT")
    return "".join(part.decode() for rrset in reply.answer for rdata in rrset for part in rdata.strings)


async def test_a_listed_address_has_a_code_and_a_reason() -> None:
    async with ZoneServer(ZONE) as zones:
        zones.list(ZONE, "192.0.2.7", "127.0.0.4", "Spam source")
        assert await codes(zones, "192.0.2.7") == {"127.0.0.4"}
        assert await reason(zones, "192.0.2.7") == "Spam source"
        assert await codes(zones, "192.0.2.8") == set()


async def test_listing_and_delisting_show_at_once() -> None:
    async with ZoneServer(ZONE) as zones:
        zones.list(ZONE, "192.0.2.7")
        assert await codes(zones, "192.0.2.7") == {"127.0.0.2"}
        zones.delist(ZONE, "192.0.2.7")
        zones.delist(ZONE, "192.0.2.7")
        assert await codes(zones, "192.0.2.7") == set()


async def test_an_address_listed_twice_has_both_codes() -> None:
    async with ZoneServer(ZONE) as zones:
        zones.list(ZONE, "192.0.2.7", "127.0.0.2")
        zones.list(ZONE, "192.0.2.7", "127.0.0.9")
        zones.list(ZONE, "192.0.2.7", "127.0.0.9")
        assert await codes(zones, "192.0.2.7") == {"127.0.0.2", "127.0.0.9"}


@pytest.mark.parametrize(
    ("network", "inside", "outside"),
    [("192.0.2.0/24", "192.0.2.255", "192.0.3.0"), ("2001:db8:7::/48", "2001:db8:7:1::5", "2001:db8:8::5")],
)
async def test_a_network_lists_all_its_addresses(network: str, inside: str, outside: str) -> None:
    async with ZoneServer(ZONE) as zones:
        zones.list(ZONE, network, "127.0.0.3")
        assert await codes(zones, inside) == {"127.0.0.3"}
        assert await codes(zones, outside) == set()


async def test_the_narrowest_entry_speaks() -> None:
    async with ZoneServer(ZONE) as zones:
        zones.list(ZONE, "192.0.2.0/24", "127.0.0.3")
        zones.list(ZONE, "192.0.2.7", "127.0.0.9")
        assert await codes(zones, "192.0.2.7") == {"127.0.0.9"}
        assert await codes(zones, "192.0.2.8") == {"127.0.0.3"}


@pytest.mark.parametrize(("listed", "clean"), [(LISTED_4, CLEAN_4), (LISTED_6, CLEAN_6)])
async def test_the_test_entries_of_rfc_5782_hold(listed: str, clean: str) -> None:
    async with ZoneServer(ZONE) as zones:
        assert await codes(zones, listed) == {"127.0.0.2"}
        assert await codes(zones, clean) == set()


async def test_a_list_may_keep_no_test_entry_or_only_that_of_ipv4() -> None:
    async with ZoneServer("none.test", "four.test") as zones:
        zones.behave("none.test", Normal(test_entries=frozenset()))
        zones.behave("four.test", Normal(test_entries=frozenset({4})))
        assert await codes(zones, LISTED_4, "none.test") == set()
        assert await codes(zones, LISTED_4, "four.test") == {"127.0.0.2"}
        assert await codes(zones, LISTED_6, "four.test") == set()


async def test_a_test_point_may_be_entered_with_another_code() -> None:
    async with ZoneServer(ZONE) as zones:
        zones.list(ZONE, CLEAN_4, "127.0.0.1", "Open proxy")
        zones.list(ZONE, LISTED_4, "127.0.0.1")
        assert await codes(zones, CLEAN_4) == {"127.0.0.1"}
        assert await codes(zones, LISTED_4) == {"127.0.0.1"}


@pytest.mark.parametrize(
    ("behaviour", "listed", "clean", "unlisted", "nonsense"),
    [
        pytest.param(World(), {"127.0.0.2"}, {"127.0.0.2"}, {"127.0.0.2"}, {"127.0.0.2"}, id="it lists the world"),
        pytest.param(
            RefusesUs(),
            {"127.255.255.254"},
            {"127.255.255.254"},
            {"127.255.255.254"},
            {"127.255.255.254"},
            id="it refuses us",
        ),
        pytest.param(
            Parked(),
            {"146.112.61.108"},
            {"146.112.61.108"},
            {"146.112.61.108"},
            {"146.112.61.108"},
            id="the domain was sold",
        ),
        pytest.param(
            Rewriting("198.51.100.80"),
            {"127.0.0.2"},
            {"198.51.100.80"},
            {"198.51.100.80"},
            {"198.51.100.80"},
            id="a resolver rewrites NXDOMAIN",
        ),
        pytest.param(White("127.0.5.1"), {"127.0.0.2"}, set(), {"127.0.5.1"}, set(), id="it lists the good"),
    ],
)
async def test_a_list_misleads(
    behaviour: Behaviour, listed: set[str], clean: set[str], unlisted: set[str], nonsense: set[str]
) -> None:
    async with ZoneServer(ZONE) as zones:
        zones.behave(ZONE, behaviour)
        assert await codes(zones, LISTED_4) == listed
        assert await codes(zones, CLEAN_4) == clean
        assert await codes(zones, UNLISTED) == unlisted
        reply = await ask(zones, f"no-such-name-8f3a.{ZONE}")
        assert {rdata.address for rrset in reply.answer for rdata in rrset} == nonsense


@pytest.mark.parametrize("rcode", [dns.rcode.SERVFAIL, dns.rcode.REFUSED, dns.rcode.NOTIMP])
async def test_a_list_answers_with_an_error_code(rcode: dns.rcode.Rcode) -> None:
    async with ZoneServer(ZONE) as zones:
        zones.behave(ZONE, Rcode(rcode))
        reply = await ask(zones, query_name(ip_address(LISTED_4), ZONE))
        assert (reply.rcode(), reply.answer) == (rcode, [])


@pytest.mark.parametrize("tcp", [False, True])
async def test_a_dead_list_is_silent_and_counts_all_the_same(*, tcp: bool) -> None:
    async with ZoneServer(ZONE, "alive.test") as zones:
        zones.behave(ZONE, Dead())
        with pytest.raises(dns.exception.Timeout):
            await ask(zones, f"2.0.0.127.{ZONE}", tcp=tcp, timeout=0.1)
        assert await codes(zones, LISTED_4, "alive.test") == {"127.0.0.2"}
        assert zones.questions == {ZONE: 1, "alive.test": 1}


async def test_the_same_seed_loses_the_same_questions() -> None:
    async def heard(seed: int) -> list[bool]:
        zones = ZoneServer(ZONE, seed=seed)
        zones.behave(ZONE, Lossy(0.5))
        question = dns.message.make_query(f"2.0.0.127.{ZONE}", "A").to_wire()
        return [zones.answer(question) is not None for _ in range(64)]

    assert await heard(1) == await heard(1) != await heard(2)
    assert 10 < sum(await heard(1)) < 54


@pytest.mark.parametrize("tcp", [False, True])
async def test_a_delayed_list_answers_later_than_a_prompt_one(*, tcp: bool) -> None:
    async with ZoneServer("late.test", "prompt.test") as zones:
        zones.behave("late.test", Delayed(0.2, then=World()))
        order: list[str] = []

        async def note(zone: str) -> None:
            await ask(zones, f"1.0.0.127.{zone}", tcp=tcp)
            order.append(zone)

        await asyncio.gather(note("late.test"), note("prompt.test"))
        assert order == ["prompt.test", "late.test"]


async def test_behaviours_combine() -> None:
    zones = ZoneServer(ZONE)
    zones.behave(ZONE, Delayed(0.1, then=Delayed(0.2, then=Lossy(0.0, then=RefusesUs()))))
    told = zones.answer(dns.message.make_query(f"9.113.0.203.{ZONE}", "A").to_wire())
    assert told is not None
    assert told[1] == pytest.approx(0.3)
    zones.behave(ZONE, Delayed(0.1, then=Dead()))
    assert zones.answer(dns.message.make_query(f"9.113.0.203.{ZONE}", "A").to_wire()) is None


async def test_the_name_comes_back_in_the_spelling_of_the_question() -> None:
    async with ZoneServer(ZONE) as zones:
        reply = await ask(zones, "2.0.0.127.bL.ExAmple.TEST")
        assert reply.question[0].name.to_text() == "2.0.0.127.bL.ExAmple.TEST."
        assert reply.answer[0].name.to_text() == "2.0.0.127.bL.ExAmple.TEST."


async def test_the_apex_has_soa_and_ns_and_no_address() -> None:
    async with ZoneServer(ZONE) as zones:
        for rdtype in ("SOA", "NS"):
            assert (await ask(zones, ZONE, rdtype)).answer[0].rdtype == dns.rdatatype.from_text(rdtype)
        reply = await ask(zones, ZONE, "A")
        assert (reply.rcode(), reply.answer) == (dns.rcode.NOERROR, [])
        assert reply.flags & dns.flags.AA
        assert reply.authority[0].rdtype == dns.rdatatype.SOA


async def test_a_name_of_another_zone_is_refused_and_not_counted() -> None:
    async with ZoneServer(ZONE) as zones:
        assert (await ask(zones, "2.0.0.127.other.test")).rcode() == dns.rcode.REFUSED
        assert zones.questions == {}


async def test_the_nearest_zone_answers() -> None:
    async with ZoneServer("example.test", "deep.example.test") as zones:
        zones.list("deep.example.test", "192.0.2.7", "127.0.0.9")
        assert await codes(zones, "192.0.2.7", "deep.example.test") == {"127.0.0.9"}
        assert await codes(zones, "192.0.2.7", "example.test") == set()
        assert zones.questions == {"deep.example.test": 1, "example.test": 1}


async def test_a_long_reason_is_truncated_over_udp_and_whole_over_tcp() -> None:
    long = "listed because " * 100
    async with ZoneServer(ZONE) as zones:
        zones.list(ZONE, "192.0.2.7", reason=long)
        short = await ask(zones, f"7.2.0.192.{ZONE}", "TXT")
        assert short.flags & dns.flags.TC
        assert short.answer == []
        whole = await ask(zones, f"7.2.0.192.{ZONE}", "TXT", tcp=True)
        assert not whole.flags & dns.flags.TC
        assert b"".join(whole.answer[0][0].strings).decode() == long


async def test_with_edns_a_large_answer_fits_into_one_datagram() -> None:
    async with ZoneServer(ZONE) as zones:
        zones.list(ZONE, "192.0.2.7", reason="x" * 900)
        question = dns.message.make_query(f"7.2.0.192.{ZONE}", "TXT", use_edns=0, payload=1232)
        host, port = zones.address
        reply = await dns.asyncquery.udp(question, host, port=port, timeout=5)
        assert not reply.flags & dns.flags.TC
        assert len(reply.answer[0][0].strings) == 4


async def test_many_questions_go_over_one_tcp_connection() -> None:
    async with ZoneServer(ZONE) as zones:
        reader, writer = await asyncio.open_connection(*zones.address)
        for number in (1, 2, 3):
            wire = dns.message.make_query(f"{number}.0.0.127.{ZONE}", "A").to_wire()
            writer.write(len(wire).to_bytes(2, "big") + wire)
        rcodes = []
        for _ in range(3):
            length = int.from_bytes(await reader.readexactly(2), "big")
            rcodes.append(dns.message.from_wire(await reader.readexactly(length)).rcode())
        writer.close()
        await writer.wait_closed()
    assert rcodes == [dns.rcode.NXDOMAIN, dns.rcode.NOERROR, dns.rcode.NXDOMAIN]


@pytest.mark.parametrize(
    ("wire", "rcode"),
    [
        pytest.param(b"\x12\x34\x01\x00\x00\x01" + b"\xff" * 20, dns.rcode.FORMERR, id="garbage after a header"),
        pytest.param(b"\x12\x34", None, id="too short for a header"),
        pytest.param(b"\x12\x34\x81\x80\x00\x01" + b"\xff" * 20, None, id="garbage that calls itself an answer"),
        pytest.param(b"", None, id="nothing"),
    ],
)
async def test_what_is_no_question_is_refused_or_ignored(wire: bytes, rcode: int | None) -> None:
    told = ZoneServer(ZONE).answer(wire)
    assert (told and dns.message.from_wire(told[0]).rcode()) == rcode
    if told:
        assert dns.message.from_wire(told[0]).id == 0x1234


async def test_an_answer_is_not_answered_and_other_operations_are_not_known() -> None:
    zones = ZoneServer(ZONE)
    answer = dns.message.make_response(dns.message.make_query(f"2.0.0.127.{ZONE}", "A"))
    assert zones.answer(answer.to_wire()) is None
    notify = dns.message.make_query(ZONE, "SOA")
    notify.set_opcode(dns.opcode.NOTIFY)
    told = zones.answer(notify.to_wire())
    assert told is not None
    assert dns.message.from_wire(told[0]).rcode() == dns.rcode.NOTIMP


async def test_two_questions_at_once_are_malformed() -> None:
    double = dns.message.make_query(ZONE, "SOA")
    double.question += dns.message.make_query(ZONE, "NS").question
    told = ZoneServer(ZONE).answer(double.to_wire())
    assert told is not None
    assert dns.message.from_wire(told[0]).rcode() == dns.rcode.FORMERR


async def test_only_addresses_have_entries() -> None:
    async with ZoneServer(ZONE) as zones:
        zones.list(ZONE, "0.0.0.0/0")
        zones.list(ZONE, "::/0")
        assert await codes(zones, "192.0.2.7") == {"127.0.0.2"}
        for name in ("256.0.0.127", "7.2.0", "x.2.0.192", "test", ".".join("g" * 32), ".".join("1" * 31)):
            assert (await ask(zones, f"{name}.{ZONE}")).rcode() == dns.rcode.NXDOMAIN


async def test_a_zone_that_is_not_served_is_named() -> None:
    with pytest.raises(ValueError, match=r"zone other\.test is not served here"):
        ZoneServer(ZONE).list("other.test", "192.0.2.7")


async def test_five_hundred_questions_at_once_are_all_answered() -> None:
    async with ZoneServer(ZONE) as zones:
        zones.list(ZONE, "10.0.0.0/24", "127.0.0.2")
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.setblocking(False)  # noqa: FBT003 - the socket's own signature
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
            client.connect(zones.address)
            for number in range(500):
                question = dns.message.make_query(f"{number % 256}.{number // 256}.0.10.{ZONE}", "A", id=number)
                await loop.sock_sendall(client, question.to_wire())
            answers = [dns.message.from_wire(await loop.sock_recv(client, 512)) for _ in range(500)]
        assert {answer.id for answer in answers} == set(range(500))
        assert sum(bool(answer.answer) for answer in answers) == 256
