"""How a DNS list is asked, and what its reply means: RFC 5782, and the disasters that taught the rest."""

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.core import dnsxl
from monitor.core.dnsxl import (
    Addresses,
    ErrorCode,
    Mode,
    NoSuchName,
    Reply,
    Unanswered,
    Zone,
    query_name,
    read_answer,
)
from monitor.core.observation import Answer, Clear, Listed, Refused, Silent
from monitor.core.secret import Secret

PLAIN = Zone("list.example", "Example", "example")
NAMED = Zone("zen.example", "Example", "example", listed={0x7F000002: "spam", 0x7F000003: "", 0x7F000004: "exploits"})
BITS = Zone("bits.example", "Example", "example", mode=Mode.BITMASK, listed={2: "open relay", 4: "spam", 64: "dialup"})
WHITE = Zone("white.example", "Example", "example", white=True)

octets = st.integers(0, 255)
codes = st.integers(0x7F000000, 0x7FFFFFFF)
replies = st.lists(st.integers(0, 0xFFFFFFFF), max_size=12).map(lambda codes: Addresses(tuple(codes)))
zones = st.sampled_from([PLAIN, NAMED, BITS, WHITE])


def code(words: str) -> int:
    return int(IPv4Address(words))


def a(*codes: str, text: str | None = None) -> Addresses:
    return Addresses(tuple(map(code, codes)), text)


@pytest.mark.parametrize(
    ("address", "name"),
    [
        pytest.param("192.0.2.99", "99.2.0.192.list.example", id="octets reversed: RFC 5782 section 2.1"),
        pytest.param(
            "2001:db8:1:2:3:4:567:89ab",
            "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2.list.example",
            id="nibbles reversed: RFC 5782 section 2.4",
        ),
        pytest.param(
            "::ffff:7f00:2",
            "2.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.list.example",
            id="a mapped address stays IPv6: RFC 5782 section 5",
        ),
    ],
)
def test_the_name_that_is_asked(address: str, name: str) -> None:
    assert query_name(ip_address(address), "list.example") == name


@given(st.ip_addresses(v=4))
def test_the_name_of_an_ipv4_address_leads_back_to_it(address: IPv4Address) -> None:
    *labels, tld, root = query_name(address, "list.example").split(".")

    assert (tld, root) == ("list", "example")
    assert IPv4Address(".".join(reversed(labels))) == address


@given(st.ip_addresses(v=6))
def test_the_name_of_an_ipv6_address_leads_back_to_it(address: IPv6Address) -> None:
    *nibbles, tld, root = query_name(address, "list.example").split(".")

    assert (tld, root) == ("list", "example")
    assert len(nibbles) == 32
    assert IPv6Address(int("".join(reversed(nibbles)), 16)) == address


@given(st.lists(st.ip_addresses(), min_size=2, unique=True))
def test_two_addresses_are_never_asked_by_one_name(addresses: list[IPv4Address | IPv6Address]) -> None:
    names = {query_name(address, "list.example") for address in addresses}

    assert len(names) == len(addresses)


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        pytest.param(NoSuchName(), Clear(), id="no such name is not listed"),
        pytest.param(Addresses(()), Clear(), id="no record is not listed"),
        pytest.param(Unanswered("timeout"), Silent("timeout"), id="a lost question is silence"),
        pytest.param(ErrorCode(5), Refused("REFUSED"), id="refused is no reputation"),
        pytest.param(ErrorCode(2), Silent("SERVFAIL"), id="a broken server is silence"),
        pytest.param(ErrorCode(1), Silent("FORMERR"), id="a misunderstood question is silence"),
        pytest.param(ErrorCode(4), Silent("NOTIMP"), id="a server that cannot is silence"),
        pytest.param(ErrorCode(23), Silent("rcode 23"), id="an error nobody knows is silence"),
    ],
)
def test_a_reply_without_addresses(reply: Reply, answer: Answer) -> None:
    assert read_answer(PLAIN, reply) == answer


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        pytest.param(a("127.0.0.2"), Listed((code("127.0.0.2"),)), id="listed"),
        pytest.param(
            a("127.0.0.2", text="see https://list.example"),
            Listed((code("127.0.0.2"),), "see https://list.example"),
            id="with its reason",
        ),
        pytest.param(a("127.9.8.7"), Listed((code("127.9.8.7"),)), id="any code of an undeclared list is a listing"),
        pytest.param(
            a("127.0.0.1"),
            Silent("127.0.0.1 has no declared meaning"),
            id="127.0.0.1 must not exist, so it means nothing",
        ),
        pytest.param(
            a("127.255.255.254"),
            Refused("127.255.255.254: the list does not serve this resolver"),
            id="an open resolver is refused by code",
        ),
        pytest.param(
            a("127.255.255.0"),
            Refused("127.255.255.0: the list does not serve this resolver"),
            id="the first of the refusal block",
        ),
        pytest.param(a("127.255.254.255"), Listed((code("127.255.254.255"),)), id="the one before the refusal block"),
        pytest.param(
            a("146.112.61.108"), Silent("146.112.61.108 is outside 127.0.0.0/8"), id="a block page of the resolver"
        ),
        pytest.param(a("203.0.113.80"), Silent("203.0.113.80 is outside 127.0.0.0/8"), id="a sold domain is parked"),
        pytest.param(a("126.255.255.255"), Silent("126.255.255.255 is outside 127.0.0.0/8"), id="just below the block"),
        pytest.param(a("128.0.0.2"), Silent("128.0.0.2 is outside 127.0.0.0/8"), id="just above the block"),
        pytest.param(
            a("127.0.0.2", "127.0.0.10"),
            Listed((code("127.0.0.2"), code("127.0.0.10"))),
            id="several codes are read together",
        ),
        pytest.param(
            a("127.0.0.2", "127.255.255.254"),
            Refused("127.255.255.254: the list does not serve this resolver"),
            id="one refusal spoils the reply",
        ),
        pytest.param(
            a("127.0.0.2", "203.0.113.80"),
            Silent("203.0.113.80 is outside 127.0.0.0/8"),
            id="one foreign address spoils the reply",
        ),
        pytest.param(
            a("127.0.0.1", "127.0.0.2"), Listed((code("127.0.0.2"),)), id="one meaningless code spoils nothing"
        ),
    ],
)
def test_a_list_by_the_conventions_of_the_rfc(reply: Reply, answer: Answer) -> None:
    assert read_answer(PLAIN, reply) == answer


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        pytest.param(a("127.0.0.2"), Listed((code("127.0.0.2"),), "spam"), id="a declared code with its meaning"),
        pytest.param(a("127.0.0.3"), Listed((code("127.0.0.3"),)), id="a declared code without words"),
        pytest.param(
            a("127.0.0.2", "127.0.0.4"),
            Listed((code("127.0.0.2"), code("127.0.0.4")), "spam; exploits"),
            id="several meanings",
        ),
        pytest.param(
            a("127.0.0.2", "127.0.0.2"), Listed((code("127.0.0.2"),) * 2, "spam"), id="a meaning is said once"
        ),
        pytest.param(
            a("127.0.0.2", text="SBL1"), Listed((code("127.0.0.2"),), "SBL1"), id="the list's own words first"
        ),
        pytest.param(
            a("127.0.0.9"),
            Silent("127.0.0.9 has no declared meaning"),
            id="an undeclared code neither lists nor clears",
        ),
        pytest.param(
            a("127.0.0.9", "127.0.0.2"), Listed((code("127.0.0.2"),), "spam"), id="nor does it hide one that lists"
        ),
    ],
)
def test_a_list_whose_codes_are_declared(reply: Reply, answer: Answer) -> None:
    assert read_answer(NAMED, reply) == answer


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        pytest.param(a("127.0.0.4"), Listed((code("127.0.0.4"),), "spam"), id="one bit"),
        pytest.param(a("127.0.0.70"), Listed((code("127.0.0.70"),), "open relay; spam; dialup"), id="several bits"),
        pytest.param(a("127.0.0.8"), Silent("127.0.0.8 has no declared meaning"), id="a bit that means nothing here"),
        pytest.param(a("127.0.4.0"), Silent("127.0.4.0 has no declared meaning"), id="only the last octet holds bits"),
        pytest.param(a("127.0.0.0"), Silent("127.0.0.0 has no declared meaning"), id="no bit"),
    ],
)
def test_a_list_that_answers_in_bits(reply: Reply, answer: Answer) -> None:
    assert read_answer(BITS, reply) == answer


def test_a_declared_refusal_is_told_in_the_lists_own_words() -> None:
    zone = Zone("l.example", "L", "l", refused={code("127.0.0.1"): "query quota exceeded"})

    assert read_answer(zone, a("127.0.0.1")) == Refused("127.0.0.1: query quota exceeded")
    assert read_answer(zone, a("127.0.0.2", "127.0.0.1")) == Refused("127.0.0.1: query quota exceeded")


def test_127_0_0_1_lists_where_the_catalogue_says_so() -> None:
    zone = Zone("l.example", "L", "l", listed={code("127.0.0.1"): "listed by its old code"})

    assert read_answer(zone, a("127.0.0.1")) == Listed((code("127.0.0.1"),), "listed by its old code")


def test_the_refusal_block_lists_nothing_even_where_the_catalogue_says_so() -> None:
    zone = Zone("l.example", "L", "l", listed={code("127.255.255.254"): "a mistake"})

    assert isinstance(read_answer(zone, a("127.255.255.254")), Refused)


def test_an_ignored_code_lists_nothing() -> None:
    zone = Zone("l.example", "L", "l", ignored=frozenset({code("127.0.0.5")}))

    assert read_answer(zone, a("127.0.0.5")) == Clear()
    assert read_answer(zone, a("127.0.0.5", "127.0.0.1")) == Silent("127.0.0.1 has no declared meaning")
    assert read_answer(zone, a("127.0.0.5", "127.0.0.6")) == Listed((code("127.0.0.6"),))


@given(replies)
def test_a_white_list_never_lists(reply: Addresses) -> None:
    assert not isinstance(read_answer(WHITE, reply), Listed)


@pytest.mark.parametrize(
    ("zone", "reply", "informative"),
    [
        pytest.param(
            Zone("l", "L", "l", info=frozenset({0x7F000003})), a("127.0.0.3"), True, id="a code for information"
        ),
        pytest.param(Zone("l", "L", "l", info=frozenset({0x7F000003})), a("127.0.0.2"), False, id="another code"),
        pytest.param(
            Zone("l", "L", "l", info=frozenset({0x7F000003})),
            a("127.0.0.3", "127.0.0.2"),
            False,
            id="one that counts is enough",
        ),
        pytest.param(
            Zone("l", "L", "l", mode=Mode.BITMASK, listed={2: "a", 4: "b"}, info=frozenset({4})),
            a("127.0.0.4"),
            True,
            id="a bit for information",
        ),
        pytest.param(
            Zone("l", "L", "l", mode=Mode.BITMASK, listed={2: "a", 4: "b"}, info=frozenset({4})),
            a("127.0.0.6"),
            False,
            id="a bit that counts beside it",
        ),
    ],
)
def test_codes_that_are_no_defect_are_marked(zone: Zone, reply: Reply, *, informative: bool) -> None:
    answer = read_answer(zone, reply)

    assert isinstance(answer, Listed)
    assert answer.informative is informative


@given(zones, replies)
def test_nothing_outside_127_lists(zone: Zone, reply: Addresses) -> None:
    foreign = [each for each in reply.codes if each >> 24 != 127]

    if foreign:
        assert isinstance(read_answer(zone, reply), Silent | Refused)


@given(zones, st.lists(codes, max_size=12))
def test_what_is_listed_was_answered(zone: Zone, given: list[int]) -> None:
    answer = read_answer(zone, Addresses(tuple(given)))

    if isinstance(answer, Listed):
        assert answer.codes
        assert set(answer.codes) <= set(given)


@given(zones, st.lists(codes, max_size=8).flatmap(lambda given: st.tuples(st.just(given), st.permutations(given))))
def test_the_order_of_the_records_does_not_matter(zone: Zone, orders: tuple[list[int], list[int]]) -> None:
    kinds = {type(read_answer(zone, Addresses(tuple(order)))) for order in orders}

    assert len(kinds) == 1


@given(zones, octets)
def test_the_refusal_block_never_says_anything_of_an_address(zone: Zone, last: int) -> None:
    assert isinstance(read_answer(zone, Addresses((0x7FFFFF00 | last,))), Refused)


@pytest.mark.parametrize(
    ("reply", "there"),
    [
        pytest.param(a("127.0.0.2"), True, id="listed by the code of the RFC"),
        pytest.param(a("127.0.0.1"), True, id="or by any other"),
        pytest.param(a("127.0.0.2", "127.0.0.4"), True, id="or by several"),
        pytest.param(NoSuchName(), False, id="no such name"),
        pytest.param(Addresses(()), False, id="no record"),
        pytest.param(Unanswered("timeout"), False, id="no answer"),
        pytest.param(ErrorCode(5), False, id="refused"),
        pytest.param(a("127.255.255.254"), False, id="refused by the code of convention"),
        pytest.param(a("127.255.255.0"), False, id="refused by the first of them"),
        pytest.param(a("127.255.255.255"), False, id="refused by the last of them"),
        pytest.param(a("127.255.254.255"), True, id="a code just below them"),
        pytest.param(a("127.0.0.2", "127.0.0.99"), False, id="refused by a declared code"),
        pytest.param(a("127.0.0.2", "203.0.113.80"), False, id="a web server's address"),
    ],
)
def test_a_test_entry_is_there_when_the_list_names_it_in_any_way(reply: Reply, *, there: bool) -> None:
    zone = Zone("l.example", "L", "l", listed={code("127.0.0.2"): "spam"}, refused={code("127.0.0.99"): "quota"})

    assert dnsxl.is_listed_at_all(reply, zone) is there


def test_a_key_goes_in_front_of_the_name_that_is_asked() -> None:
    assert PLAIN.asked == "list.example"

    keyed = Zone("dq.example", "Example", "example", key=Secret("not-a-real-key"))
    assert keyed.asked == "not-a-real-key.dq.example"
    assert "not-a-real-key" not in repr(keyed)


def test_a_list_of_which_nothing_else_is_said_knows_ipv4_alone_and_must_clear_what_nobody_has() -> None:
    assert (PLAIN.families, PLAIN.test.control) == (frozenset({4}), True)


def test_the_test_entries_are_those_of_the_rfc() -> None:
    points = dnsxl.TestPoints()

    assert (points.listed, points.clean) == (IPv4Address("127.0.0.2"), IPv4Address("127.0.0.1"))
    assert (points.listed6, points.clean6) == (IPv6Address("::ffff:7f00:2"), IPv6Address("::ffff:7f00:1"))
