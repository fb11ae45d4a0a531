"""The bytes of questions and replies, and the parts that measure and pace them."""

import random
from ipaddress import IPv4Address, IPv6Address
from itertools import islice

import dns.message
import dns.name
import pytest

from checks.dns.pace import Pace, RoundTrip, Window
from checks.dns.timers import Timers
from checks.dns.wire import ABSENT, HEADER, NOT_THERE, Unread, ends_of_questions, nibbles, octets, pack_name, read_reply
from monitor.core.dnsxl import TEST_LISTED_6, Addresses, ErrorCode, NoSuchName, query_name
from tests.peers.dns_scripted import Asked, a, name, reply

QUESTION = name("2.0.0.127.Bl.tEst") + b"\0\1\0\1"
ASKED = Asked(b"\x12\x34\x01\x00\0\1\0\0\0\0\0\0" + QUESTION, 0)
randbytes = random.Random(5).randbytes


# --- questions -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["0.0.0.0", "255.255.255.255", "127.0.0.2", "192.0.2.10", "1.22.133.4"])
def test_an_ipv4_address_is_asked_about_in_reversed_octets(text: str) -> None:
    address = IPv4Address(text)
    assert octets([address], iter([pack_name("bl.test")])) == [
        dns.name.from_text(query_name(address, "bl.test")).to_wire()
    ]


@pytest.mark.parametrize("text", ["::", "2001:db8::1", "fe80::abcd:ef01:2345:6789", str(TEST_LISTED_6)])
def test_an_ipv6_address_is_asked_about_in_reversed_nibbles(text: str) -> None:
    address = IPv6Address(text)
    assert nibbles([address], iter([pack_name("bl.test")])) == [
        dns.name.from_text(query_name(address, "bl.test")).to_wire()
    ]


def test_dnspython_reads_the_question_that_was_meant() -> None:
    (question,) = octets([0x7F000002], ends_of_questions(pack_name("Some-List.example"), randbytes))
    message = dns.message.from_wire(HEADER.pack(7, 0x0100, 1, 0, 0, 0) + question)
    assert message.id == 7
    assert str(message.question[0]).lower() == "2.0.0.127.some-list.example. in a"


def test_every_letter_of_a_zone_takes_both_cases_and_nothing_else_changes() -> None:
    end = pack_name("a-1.bcd.test") + b"\0\1\0\1"
    drawn = list(islice(ends_of_questions(pack_name("a-1.bcd.test"), randbytes), 500))
    assert {one.lower() for one in drawn} == {end}
    for place, byte in enumerate(end):
        assert len({one[place] for one in drawn}) == (2 if chr(byte).isalpha() else 1)


# --- replies ---------------------------------------------------------------------------------------------------------


def test_a_reply_is_read_in_the_middle_of_other_bytes() -> None:
    packet = reply(ASKED, [a("127.0.0.2"), a("127.0.0.4")])
    arena = bytearray(b"\xff" * 100 + packet + b"\xff" * 100)
    assert read_reply(arena, 100, 100 + len(packet), QUESTION) == Addresses((0x7F000002, 0x7F000004))


def test_what_lies_behind_a_datagram_is_not_read() -> None:
    packet = reply(ASKED, [a("127.0.0.2")])
    for end in range(len(packet)):
        assert isinstance(read_reply(bytearray(packet), 0, end, QUESTION), Unread)


@pytest.mark.parametrize(
    ("packet", "expected"),
    [
        pytest.param(reply(ASKED, rcode=3), NoSuchName(), id="no such name"),
        pytest.param(reply(ASKED, rcode=2), ErrorCode(2), id="SERVFAIL"),
        pytest.param(reply(ASKED, flags=0x0100), Unread.FOREIGN, id="not a reply"),
        pytest.param(reply(ASKED, flags=0xA980), Unread.FOREIGN, id="a reply to a notification"),
        pytest.param(reply(ASKED, flags=0x8780, rcode=3), Unread.TRUNCATED, id="truncated"),
        pytest.param(reply(ASKED, rcode=3, question=QUESTION.lower()), Unread.FOLDED, id="in another case"),
        pytest.param(reply(ASKED, rcode=3, question=QUESTION[:-1] + b"\3"), Unread.FOREIGN, id="another class"),
        pytest.param(reply(ASKED, rcode=3, question=QUESTION[:-3] + b"\x10\0\1"), Unread.FOREIGN, id="another type"),
        pytest.param(reply(ASKED, [a("127.0.0.2", owner=b"\xc0\xff")]), Unread.MALFORMED, id="a pointer forwards"),
        pytest.param(reply(ASKED, [a("127.0.0.2", owner=b"\x80")]), Unread.MALFORMED, id="no kind of label"),
    ],
)
def test_each_datagram_has_one_fate(packet: bytes, expected: object) -> None:
    assert read_reply(packet, 0, len(packet), QUESTION) == expected


def test_the_headers_known_to_mean_no_such_name_are_read_as_that() -> None:
    assert len(ABSENT) == 10
    for head in ABSENT:
        packet = b"\0\7" + head + QUESTION
        assert read_reply(packet, 0, len(packet), QUESTION) is NOT_THERE


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        pytest.param("c00c 0001 0001 00000e10 0004 7f000002", Addresses((0x7F000002,)), id="as it comes"),
        pytest.param("c00c 0001 0001 00000e10 0004 7f0000", Unread.MALFORMED, id="a byte short"),
        pytest.param("c00c 0001 0001 00000e10 0005 7f00000200", Unread.MALFORMED, id="five bytes of address"),
        pytest.param("c00c 0001 0003 00000e10 0004 7f000002", Unread.ODD, id="another class"),
        pytest.param("c00d 0001 0001 00000e10 0004 7f000002", Unread.MALFORMED, id="an owner amid a label"),
        pytest.param("c010 0001 0001 00000e10 0004 7f000002", NoSuchName(), id="the address of another name"),
    ],
)
def test_one_address_is_read_only_if_it_is_that_of_the_name_asked(rest: str, expected: object) -> None:
    packet = HEADER.pack(7, 0x8180, 1, 1, 0, 0) + QUESTION + bytes.fromhex(rest)
    assert read_reply(packet, 0, len(packet), QUESTION) == expected


def test_names_may_be_compressed_in_steps_but_only_backwards() -> None:
    # "2.0.0.127" as labels, then a pointer to "Bl.tEst" in the question.
    owner = QUESTION[:10] + b"\xc0" + bytes([12 + 10])
    packet = reply(ASKED, [a("127.0.0.2", owner=owner)])
    assert read_reply(packet, 0, len(packet), QUESTION) == Addresses((0x7F000002,))


# --- pace, window, patience, timers ----------------------------------------------------------------------------------


def test_a_rate_allows_a_short_burst_and_then_one_question_each_interval() -> None:
    pace = Pace(10)
    assert pace.room(100.0) == 1
    pace.spend(1, 100.0)
    assert [pace.room(100.0 + passed) for passed in (0.0, 0.04, 0.06, 0.1)] == [0, 0, 1, 1]
    busy = Pace(1_000)
    asked = 0
    for tick in range(1_000):
        room = busy.room(tick / 100)
        busy.spend(room, tick / 100)
        asked += room
    assert asked == pytest.approx(9_990 + 51, abs=2)


def test_repeats_beyond_the_rate_hold_back_what_comes_after() -> None:
    pace = Pace(10)
    pace.spend(21, 0.0)
    assert (pace.room(1.9), pace.room(2.1)) == (0, 1)


def test_without_a_rate_there_is_always_room() -> None:
    pace = Pace(None)
    pace.spend(1_000_000, 0.0)
    assert pace.room(0.0) > 1_000_000


def test_a_window_gives_way_to_many_losses_and_comes_back() -> None:
    window = Window(64, bearable=0.2)
    window.review(98, 2)
    assert window.limit == 64, "two lost in a hundred are the weather"
    window.review(98, 102)
    assert window.limit == 32
    for lost in range(200, 2_000, 100):
        window.review(98, lost)
    assert window.limit == 1
    for good in range(200, 3_000, 100):
        window.review(good, 1_900)
    assert window.limit == 64


def test_patience_is_a_few_times_what_answers_take_and_doubles() -> None:
    trip = RoundTrip(longest=1.0, shortest=0.05)
    assert trip.patience(1) == 1.0, "nothing is known yet"
    for _ in range(50):
        trip.sample(0.1)
    assert trip.patience(1) == pytest.approx(0.1, rel=0.01)
    assert trip.patience(3) == pytest.approx(0.4, rel=0.01)
    assert trip.patience(9) == 1.0
    trip.sample(0.0)
    assert RoundTrip(1.0, 0.05, mean=0.001).patience(1) == 0.05


def test_deadlines_come_out_in_their_time_and_so_many_at_once() -> None:
    timers: Timers[str] = Timers()
    timers.bucket(1.0).append("first")
    timers.bucket(1.002).append("second")
    timers.bucket(3.0).append("last")
    assert list(timers.due(0.999, 9)) == []
    assert list(timers.due(1.02, 1)) == ["second"]
    assert list(timers.due(1.02, 9)) == ["first"]
    assert list(timers.due(99.0, 9)) == ["last"]
    assert list(timers.due(99.0, 9)) == []
