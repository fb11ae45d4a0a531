"""What one cell may say, and what is said of one that may not."""

from datetime import UTC, datetime
from decimal import Decimal
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.fleet import Niche, Tier
from monitor.intake import Kind
from monitor.intake.cells import Terms, looks_like_token, shown
from monitor.intake.columns import COLUMNS, CustomerRow, DeliveryRow, UnitRow, read_row
from monitor.intake.internet import SPECIAL, overlapping, what_else, what_is

NOW = datetime(2026, 6, 1, tzinfo=UTC)
TERMS = Terms(
    {
        "vpn-eu": Tier("vpn-eu", Niche.VPN, 10),
        "do-basic": Tier("do-basic", Niche.VPS, 10, "digitalocean"),
        "sms-uk": Tier("sms-uk", Niche.SMS, 10),
    },
    "en",
    NOW,
    ("wireguard", "openvpn"),
)
CUSTOMER = {"customer": "alice"}
SPARE = {"unit": "vpn-7", "tier": "vpn-eu", "supplier": "harbour", "range": "1.2.3.0/28"}
ACCOUNT = {"unit": "vps-7", "tier": "do-basic", "supplier": "harbour", "access": "do-7"}
DELIVERY = SPARE | {"order": "INV-1", "customer": "alice", "delivered_at": "2026-05-25T12:00:00Z"}
TOKEN = "dop_v1_" + "0123456789abcdef" * 4


def faults(kind: Kind, cells: dict[str, str]) -> list[str]:
    found = read_row(kind, cells, TERMS)
    assert isinstance(found, list), found
    return [fault.told("f.csv") for fault in found]


@pytest.mark.parametrize(
    ("kind", "cells", "told"),
    [
        pytest.param(Kind.CUSTOMERS, {}, "customer: is empty; every row needs it", id="no name"),
        pytest.param(
            Kind.CUSTOMERS, {"customer": "a\x00b"}, r"customer: holds the control character '\x00'; remove it", id="NUL"
        ),
        pytest.param(
            Kind.CUSTOMERS, {"customer": "a\nb"}, r"customer: holds the control character '\n'; remove it",
            id="a line end",
        ),
        pytest.param(
            Kind.CUSTOMERS, {"customer": "\ud800"}, r"customer: holds the control character '\ud800'; remove it",
            id="half a character",
        ),
        pytest.param(
            Kind.CUSTOMERS, {"customer": "n-" * 65},
            f"customer: '{'n-' * 30}'… is 130 characters long; a name has at most 128", id="a long name",
        ),
        pytest.param(
            Kind.CUSTOMERS, {"customer": "n " * 2049},
            f"customer: '{'n ' * 30}'… is 4098 characters long; a cell has at most 4096", id="a long cell",
        ),
        pytest.param(
            Kind.CUSTOMERS, CUSTOMER | {"language": "en_GB"},
            "language: 'en_GB' is not a language; write en, ru, zh, pt-BR ...", id="a locale for a language",
        ),
        pytest.param(
            Kind.CUSTOMERS, CUSTOMER | {"telegram_chat": "@alice"},
            "telegram_chat: '@alice' is not a chat; write the number that Telegram gives it, not a @name", id="a @name",
        ),
        pytest.param(
            Kind.CUSTOMERS, CUSTOMER | {"telegram_chat": "0"},
            "telegram_chat: '0' is not a chat; write the number that Telegram gives it, not a @name", id="chat 0",
        ),
        pytest.param(
            Kind.CUSTOMERS, CUSTOMER | {"telegram_chat": str(1 << 52)},
            "telegram_chat: '4503599627370496' is not a chat; write the number that Telegram gives it, not a @name",
            id="a chat beyond 52 bits",
        ),
        pytest.param(
            Kind.CUSTOMERS, CUSTOMER | {"email": "alice"},
            "email: 'alice' is not an e-mail address; write one such as ann@example.org", id="an e-mail without @",
        ),
        pytest.param(
            Kind.DELIVERIES, DELIVERY | {"item": "0"},
            "item: '0' is not an item; write its number within the order: 1, 2, 3 ...", id="item 0",
        ),
        pytest.param(
            Kind.DELIVERIES, DELIVERY | {"item": "٣"},
            "item: '٣' is not an item; write its number within the order: 1, 2, 3 ...", id="digits of another script",
        ),
        pytest.param(
            Kind.DELIVERIES, DELIVERY | {"delivered_at": "2026-05-25 12:00"},
            "delivered_at: '2026-05-25 12:00' has no time zone; write 2026-05-25T12:00:00Z, or +08:00 at its end",
            id="a naive time stamp",
        ),
        pytest.param(
            Kind.DELIVERIES, DELIVERY | {"delivered_at": "25/05/2026"},
            "delivered_at: '25/05/2026' is not an instant; write 2026-05-25T12:00:00Z", id="a date of a spreadsheet",
        ),
        pytest.param(
            Kind.DELIVERIES, DELIVERY | {"delivered_at": "2026-06-02T00:00:01Z"},
            "delivered_at: '2026-06-02T00:00:01Z' is still to come; mend the date, or this machine's clock",
            id="more than a day ahead",
        ),
        pytest.param(
            Kind.DELIVERIES, DELIVERY | {"delivered_at": "1970-01-01T00:00:00Z"},
            "delivered_at: '1970-01-01T00:00:00Z' is before 2000; mend the year", id="no date at all",
        ),
        pytest.param(
            Kind.DELIVERIES, DELIVERY | {"tx": "0xab cd"},
            "tx: '0xab cd' is not a transaction hash; write it without blanks", id="a hash with a blank",
        ),
        pytest.param(
            Kind.STOCK, SPARE | {"tier": "vpn-ue"},
            "tier: 'vpn-ue' is no tier of the configuration; did you mean 'vpn-eu'?", id="a slip in a tier",
        ),
        pytest.param(
            Kind.STOCK, SPARE | {"tier": "gold"},
            "tier: 'gold' is no tier of the configuration; there are: do-basic, sms-uk, vpn-eu", id="an unknown tier",
        ),
        pytest.param(
            Kind.STOCK, SPARE | {"niche": "stream"}, "niche: 'stream' is no niche; did you mean 'streaming'?",
            id="an unknown niche",
        ),
        pytest.param(
            Kind.STOCK, SPARE | {"niche": "sms"}, "niche: 'sms' is not what 'vpn-eu' is: vpn; mend either",
            id="a niche that is not the tier's",
        ),
        pytest.param(
            Kind.STOCK, SPARE | {"range": ""},
            "range: is empty; 'vpn-eu' is a vpn tier, so write the networks that were sold", id="vpn without a range",
        ),
        pytest.param(
            Kind.STOCK, ACCOUNT | {"access": ""},
            "access: is empty; 'do-basic' is a vps tier, so name the secret file of the account",
            id="vps without access",
        ),
        pytest.param(
            Kind.STOCK, SPARE | {"range": "1.2.3.0/33"},
            "range: '1.2.3.0/33' is not a network (a prefix of IPv4 is at most /32); write one such as 1.2.3.0/28",
            id="/33",
        ),
        pytest.param(
            Kind.STOCK, SPARE | {"range": "1.2.3.0-1.2.3.15"},
            "range: '1.2.3.0-1.2.3.15' is not a network; write one such as 1.2.3.0/28", id="a span",
        ),
        pytest.param(
            Kind.STOCK, SPARE | {"range": "1.2.3.1/24"},
            "range: '1.2.3.1/24' has host bits set; write 1.2.3.0/24, or 1.2.3.1/32 for the one address",
            id="host bits",
        ),
        pytest.param(
            Kind.STOCK, SPARE | {"range": "2600::1%eth0"},
            "range: '2600::1%eth0' names an interface; write the network without it", id="a network on an interface",
        ),
        pytest.param(
            Kind.STOCK, SPARE | {"range": "1.0.0.0/15"},
            "range: 1.0.0.0/15 is wider than /16; that is more than a sample can speak for, "
            "so write the networks that were really handed over", id="wider than /16",
        ),
        pytest.param(
            Kind.STOCK, SPARE | {"range": "2600::/31"},
            "range: 2600::/31 is wider than /32; that is more than a sample can speak for, "
            "so write the networks that were really handed over", id="wider than /32 of IPv6",
        ),
        pytest.param(
            Kind.STOCK, SPARE | {"range": "1.2.3.0/28 1.2.3.8/29"},
            "range: 1.2.3.0/28 and 1.2.3.8/29 overlap; write each address once", id="networks that overlap",
        ),
        pytest.param(
            Kind.STOCK, SPARE | {"address": "1.2.3.16"},
            "address: 1.2.3.16 lies in none of its networks; write one of theirs, or leave it empty",
            id="an address of somebody else",
        ),
        pytest.param(
            Kind.STOCK, ACCOUNT | {"address": "10.0.0.1"},
            "address: 10.0.0.1 is not public (private); write what the internet sees", id="a private address",
        ),
        pytest.param(
            Kind.STOCK, SPARE | {"address": "1.2.3.0/32"},
            "address: '1.2.3.0/32' is not an address; write one such as 1.2.3.4", id="a network for an address",
        ),
        pytest.param(
            Kind.STOCK, SPARE | {"cost": "4,50"},
            "cost: '4,50' is not a price; write digits with a point, such as 4.50", id="a decimal comma",
        ),
        pytest.param(
            Kind.STOCK, SPARE | {"cost": "-1"}, "cost: '-1' is not a price; write digits with a point, such as 4.50",
            id="a negative price",
        ),
        pytest.param(
            Kind.STOCK, SPARE | {"cost": "NaN"}, "cost: 'NaN' is not a price; write digits with a point, such as 4.50",
            id="not a number",
        ),
        pytest.param(
            Kind.STOCK, ACCOUNT | {"access": "../do-7"},
            "access: is not the name of a secret file: letters, digits, dots and dashes, no folders", id="a folder",
        ),
    ],
)  # fmt: skip
def test_a_bad_cell_is_told_by_its_column_with_a_remedy(kind: Kind, cells: dict[str, str], told: str) -> None:
    assert faults(kind, cells) == [f"f.csv: {told}"]


@pytest.mark.parametrize(
    ("network", "what"),
    [
        ("10.0.0.0/8", "private"),
        ("10.1.2.0/28", "private"),
        ("127.0.0.0/8", "loopback"),
        ("100.64.0.0/16", "shared behind a carrier's NAT"),
        ("169.254.1.0/24", "link-local"),
        ("172.31.0.0/24", "private"),
        ("192.168.1.0/24", "private"),
        ("192.0.2.0/28", "for documentation"),
        ("198.51.100.0/24", "for documentation"),
        ("203.0.113.0/28", "for documentation"),
        ("198.19.0.0/24", "for benchmarks"),
        ("224.0.0.0/24", "multicast"),
        ("250.0.0.0/24", "reserved"),
        ("0.0.0.0/0", "reserved"),
        ("::1", "not public unicast"),
        ("::ffff:1.2.3.0/124", "not public unicast"),
        ("fd00::/48", "private"),
        ("fe80::/64", "link-local"),
        ("ff02::/64", "multicast"),
        ("2001:db8:1::/48", "for documentation"),
        ("2002:102:304::/48", "for 6to4"),
        ("::/0", "multicast"),
    ],
)
def test_a_range_that_is_nobody_s_on_the_internet_is_refused(network: str, what: str) -> None:
    assert faults(Kind.STOCK, SPARE | {"range": network}) == [
        f"f.csv: range: {ip_network(network)} is not public ({what}); write what the internet sees"
    ]


@given(st.ip_addresses())
def test_what_is_called_public_is_public_by_the_registries_too(address: Any) -> None:
    # Python's own tables differ between releases, and count a few anycast blocks in that nobody can sell.
    if what_is(address) is None:
        assert address.is_global or address in ip_network("64:ff9b:1::/48")
    assert what_is(address) == what_else(ip_network(address))


@given(st.ip_addresses(v=4) | st.ip_addresses(v=6), st.integers(0, 32))
def test_a_network_is_public_if_it_overlaps_no_special_block(address: Any, prefix: int) -> None:
    network = ip_network((int(address), 32 - prefix if address.version == 4 else 128 - 4 * prefix), strict=False)
    blocks = [ip_network(block) for block in SPECIAL]
    touched = any(block.version == network.version and network.overlaps(block) for block in blocks)
    assert (what_else(network) is not None) is touched


@given(st.lists(st.tuples(st.integers(0, 255), st.integers(24, 32)), max_size=6))
def test_overlapping_networks_are_found_wherever_they_stand(parts: list[tuple[int, int]]) -> None:
    nets = tuple(IPv4Network((0x01020300 + low, prefix), strict=False) for low, prefix in parts)
    pairs = [(a, b) for i, a in enumerate(nets) for b in nets[i + 1 :] if a.overlaps(b)]
    assert (overlapping((*nets, IPv6Network("2600::/48"))) is not None) is bool(pairs)


def test_all_faults_of_a_row_are_told_at_once() -> None:
    assert [told.split(": ")[1] for told in faults(Kind.DELIVERIES, {"tier": "x", "range": "y", "item": "z"})] == [
        "order", "item", "customer", "delivered_at", "unit", "tier", "supplier", "range",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "token",
    [
        pytest.param(TOKEN, id="digitalocean"),
        pytest.param("a1b2c3d4e5f6a7b8c9d0", id="short hex"),
        pytest.param("0123456789abcdef" * 4, id="hex"),
        pytest.param("QWERTZUIOPASDFGHJKLYXCVBNMQWERTZUIOP", id="capitals"),
        pytest.param("123456789:AAFakeFakeFakeFakeFakeFakeFakeFake", id="telegram"),
        pytest.param("sk-live-0123456789", id="a known prefix"),
        pytest.param("eyJhbGciOiJI.eyJzdWIiOiIx", id="jwt"),
    ],
)
def test_a_secret_in_a_cell_is_refused_or_at_least_never_shown(token: str) -> None:
    told = faults(Kind.STOCK, ACCOUNT | {"access": token})
    assert told == [
        (
            "f.csv: access: looks like the secret itself (not shown); put it into a file of secrets.directory, "
            "and write that file's name here"
        )
    ]
    for kind, columns in COLUMNS.items():
        cells = dict.fromkeys(columns, token)
        found = read_row(kind, cells, TERMS)
        if isinstance(found, list):
            assert token not in " ".join(fault.words for fault in found)


@pytest.mark.parametrize(
    "name", ["do-7", "digitalocean20260525", "account-2026-05-25", "team.eu_west-1", "INV-20260525-0001"]
)
def test_a_name_is_not_taken_for_a_secret(name: str) -> None:
    assert not looks_like_token(name)


def test_a_cell_is_shown_cut_and_with_its_control_characters_escaped() -> None:
    assert shown("\x1b[2J\u202eabc") == r"'\x1b[2J\u202eabc'"
    assert shown("ab " * 30) == repr("ab " * 20) + "…"


def test_a_customer_is_read() -> None:
    cells = {"customer": "Jörg Ø", "language": "pt-BR", "telegram_chat": "-1001234567890", "email": "j@x.example"}
    assert read_row(Kind.CUSTOMERS, cells, TERMS) == CustomerRow(
        "Jörg Ø", {"language": "pt-BR", "chat": -1001234567890, "email": "j@x.example"}
    )
    assert read_row(Kind.CUSTOMERS, {"customer": "alice", "language": ""}, TERMS) == CustomerRow("alice", {})


def test_a_spare_is_read() -> None:
    cells = SPARE | {"niche": "VPN", "address": "1.2.3.1", "cost": "4.50"}
    assert read_row(Kind.STOCK, cells, TERMS) == UnitRow(
        "vpn-7",
        {
            "tier": "vpn-eu", "supplier": "harbour", "ranges": (IPv4Network("1.2.3.0/28"),),
            "address": ip_address("1.2.3.1"), "cost": Decimal("4.50"),
        },
    )  # fmt: skip


def test_a_delivery_is_read() -> None:
    cells = DELIVERY | {"delivered_at": "2026-05-25T20:00+08:00", "range": "1.2.3.0/28 2600:1::/48", "item": "2"}
    assert read_row(Kind.DELIVERIES, cells, TERMS) == DeliveryRow(
        "INV-1", 2, "alice", datetime(2026, 5, 25, 12, tzinfo=UTC), None,
        UnitRow("vpn-7", {
            "tier": "vpn-eu", "supplier": "harbour", "ranges": (IPv4Network("1.2.3.0/28"), IPv6Network("2600:1::/48")),
        }),
    )  # fmt: skip


def test_a_shop_s_clock_may_run_a_day_ahead() -> None:
    found = read_row(Kind.DELIVERIES, DELIVERY | {"delivered_at": "2026-06-02T00:00:00Z"}, TERMS)
    assert isinstance(found, DeliveryRow)


def test_a_number_to_be_verified_needs_neither_range_nor_access() -> None:
    found = read_row(Kind.STOCK, {"unit": "sms-1", "tier": "sms-uk", "supplier": "harbour"}, TERMS)
    assert found == UnitRow("sms-1", {"tier": "sms-uk", "supplier": "harbour"})


@given(st.sampled_from(Kind), st.dictionaries(st.sampled_from(sorted({*COLUMNS[Kind.DELIVERIES], "cost"})), st.text()))
def test_whatever_stands_in_the_cells_is_a_row_or_faults_with_words(kind: Kind, cells: dict[str, str]) -> None:
    found = read_row(kind, cells, TERMS)
    if isinstance(found, list):
        assert found
        assert all(fault.words and fault.column for fault in found)


KEYED = SPARE | {"access": "conf-7", "protocol": "wireguard"}


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        pytest.param(
            KEYED | {"protocol": "wiregard"},
            "protocol: 'wiregard' is no table of [endpoints]; did you mean 'wireguard'?",
            id="a slip of the pen",
        ),
        pytest.param(
            KEYED | {"access": ""},
            "access: is empty; name the secret file with the customer's configuration, so that it can be tried",
            id="nothing to try",
        ),
        pytest.param(
            SPARE | {"endpoint": "1.2.3.4:51820"},
            "protocol: is empty; an endpoint needs the name of its table of [endpoints]",
            id="nobody knows how",
        ),
        pytest.param(
            ACCOUNT | {"protocol": "openvpn"},
            "protocol: is for vpn tiers; a vps tier has no endpoint, so leave it empty",
            id="an account has none",
        ),
        *[
            pytest.param(
                KEYED | {"endpoint": words},
                f"endpoint: {words!r} is no endpoint; write host:port, such as 1.2.3.4:51820 or [2001:db8::1]:1194",
                id=words,
            )
            for words in (
                "1.2.3.4", "1.2.3.4:0", "1.2.3.4:70000", "2001:db8::1:1194", "[1.2.3.4]:1194", "a b:1", ":1", "x:y",
            )
        ],
    ],
)  # fmt: skip
def test_how_a_key_is_tried_and_where(cells: dict[str, str], told: str) -> None:
    assert faults(Kind.STOCK, cells) == [f"f.csv: {told}"]


@pytest.mark.parametrize("words", ["1.2.3.4:51820", "[2001:db8::1]:1194", "vpn-7.example.net:443"])
def test_an_endpoint_is_an_address_or_a_name_with_a_port(words: str) -> None:
    row = read_row(Kind.STOCK, KEYED | {"endpoint": words}, TERMS)
    assert isinstance(row, UnitRow)
    assert (row.facts["endpoint"], row.facts["protocol"]) == (words, "wireguard")
