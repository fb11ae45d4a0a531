"""Every format as its operator writes it, and everything that arrives in its place."""

from ipaddress import ip_address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checks.formats import Format, Roll, Unreadable, read
from checks.intervals import keys_of
from checks.rbldnsd import DataFormat, read_data

PLAIN = b"""\
# abuse.ch Feodo Tracker Botnet C2 IP Blocklist\r
# DstIP\r
198.51.100.7\r
\r
203.0.113.0/28\r
# END 2 entries\r
"""
DROP = b"""\
{"cidr":"198.51.100.0/24","sblid":"SBL256894","rir":"apnic"}
{"cidr":"203.0.113.0/28","sblid":"SBL434604","rir":"apnic"}
{"type":"metadata","timestamp":1790072042,"size":104461,"records":2,"copyright":"(c) 2026 The Spamhaus Project SLU"}
"""
DSHIELD = b"""\
#   DShield.org Recommended Block List
#    updated: 2026-07-14T20:45:40
Start\tEnd\tNetmask\tAttacks\tName\tCountry\temail
198.51.100.0\t198.51.100.255\t24\t2076\tSOMENET\tUS\tabuse@example.com
203.0.113.0\t203.0.113.15\t28\t1550\tOTHERNET\tCN\t
"""
TOR = b"""\
ExitNode 0011BD2485AD45D984EC4159C88FC066E5E3300E
Published 2026-05-24 11:42:22
LastStatus 2026-05-24 12:00:00
ExitAddress 198.51.100.7 2026-05-24 12:09:01
ExitNode 00AA1D5B2F1E4E5C1D2B3A4F5E6D7C8B9A0F1E2D
ExitAddress 203.0.113.9 2026-05-24 12:10:33
"""
BRUTEFORCE = b"# IP\t\t\t# Last Reported\t\tCount\tID\n198.51.100.7\t\t# 2026-05-24 02:05:18\t\t3\t1018\n"
SPAMHAUS_TEXT = b"; Spamhaus DROP List 2026/05/24\n198.51.100.0/24 ; SBL256894\n"


def words(roll: Roll, text: str) -> str | None:
    """Give what a list says of an address; None if it does not name it."""
    address = ip_address(text)
    version = address.version
    if version not in roll.stretches:
        return None
    keys = keys_of([address], version)  # type: ignore[arg-type]  # of one family
    value = int(roll.stretches[version].at(keys)[0])
    return None if value < 0 else "; ".join(roll.said[each].words for each in roll.stretches[version].sets[value])


@pytest.mark.parametrize(
    ("kind", "body", "named", "clear"),
    [
        pytest.param(Format.PLAIN, PLAIN, ["198.51.100.7", "203.0.113.15"], ["198.51.100.8"], id="plain"),
        pytest.param(Format.NETSET, PLAIN, ["198.51.100.7"], ["198.51.100.8"], id="netset"),
        pytest.param(Format.DROP, DROP, ["198.51.100.255", "203.0.113.0"], ["203.0.113.16"], id="DROP"),
        pytest.param(Format.DSHIELD, DSHIELD, ["198.51.100.255", "203.0.113.15"], ["203.0.113.16"], id="DShield"),
        pytest.param(Format.TOR, TOR, ["198.51.100.7", "203.0.113.9"], ["198.51.100.8"], id="exit-addresses"),
        pytest.param(Format.PLAIN, BRUTEFORCE, ["198.51.100.7"], ["198.51.100.8"], id="words behind the address"),
        pytest.param(Format.PLAIN, SPAMHAUS_TEXT, ["198.51.100.200"], ["198.51.101.0"], id="semicolons"),
        pytest.param(Format.PLAIN, b"\xef\xbb\xbf198.51.100.7\n", ["198.51.100.7"], [], id="a byte order mark"),
        pytest.param(Format.PLAIN, b"198.51.100.7", ["198.51.100.7"], [], id="no end of line"),
        pytest.param(Format.PLAIN, b"198.51.100.7/24\n", ["198.51.100.200"], [], id="bits beyond the prefix"),
        pytest.param(
            Format.PLAIN, b"198.51.100.7\n2001:db8:7::/48\n2001:DB8::1\n",
            ["198.51.100.7", "2001:db8:7:ffff::1", "2001:db8::1"], ["2001:db8:8::", "2001:db8::2"], id="both families",
        ),
        pytest.param(Format.PLAIN, b"255.255.255.255\n0.0.0.0\n", ["255.255.255.255", "0.0.0.0"], [], id="the ends"),
    ],
)  # fmt: skip
def test_a_list_is_read_as_it_is_written(kind: Format, body: bytes, named: list[str], clear: list[str]) -> None:
    roll = read(kind, body, {4, 6})
    assert [each for each in named if words(roll, each) is None] == []
    assert [each for each in clear if words(roll, each) is not None] == []


def test_a_drop_record_is_told_by_its_sbl_number() -> None:
    assert words(read(Format.DROP, DROP, {4}), "198.51.100.9") == "SBL256894"


def test_the_families_that_a_list_is_not_declared_for_are_left_out() -> None:
    roll = read(Format.PLAIN, b"198.51.100.7\n2001:db8::1\n", {4})
    assert (roll.entries, words(roll, "2001:db8::1")) == (1, None)


@pytest.mark.parametrize(
    ("kind", "body", "why"),
    [
        pytest.param(
            Format.PLAIN, b"<!DOCTYPE html><html><body>Checking your browser</body></html>", "a web page", id="HTML"
        ),
        pytest.param(Format.PLAIN, b"\n\n  <html>\n198.51.100.7\n", "a web page", id="HTML after blanks"),
        pytest.param(Format.PLAIN, b"Please wait 30 minutes between downloads\n", "line 1 first", id="an error text"),
        pytest.param(Format.PLAIN, b"198.51.100.7\n" * 94 + b"x\n" * 6, "6 of 100 lines", id="6 % are garbage"),
        pytest.param(Format.PLAIN, b"198.51.100.7\n" + b"#" * 2000, "line 2 is longer", id="a line without end"),
        pytest.param(Format.DROP, DROP.rpartition(b'{"type"')[0], "cut off", id="DROP without its last line"),
        pytest.param(Format.DROP, DROP.partition(b"\n")[2], "1 records came of 2", id="DROP without its first record"),
        pytest.param(Format.DROP, b'{"error":"rate limited"}\n', "1 of 1 lines", id="JSON of another kind"),
        pytest.param(Format.DROP, b"[" * 900 + b"\n", "1 of 1 lines", id="JSON without ground"),
        pytest.param(Format.TOR, PLAIN, "5 of 5 lines", id="another format"),
        pytest.param(Format.PLAIN, bytes(range(256)) * 4, "lines are not understood", id="binary"),
    ],
)
def test_what_is_no_list_is_refused_with_its_reason(kind: Format, body: bytes, why: str) -> None:
    with pytest.raises(Unreadable, match=why):
        read(kind, body, {4, 6})


def test_one_line_in_twenty_may_be_anything() -> None:
    assert read(Format.PLAIN, b"198.51.100.7\n" * 95 + b"x\n" * 5, {4}).entries == 95


@pytest.mark.parametrize(
    "line",
    ["198.51.100", "198.51.100.256", "0x7f000001", "1", "010.1.1.1", "198.51.100.7/33", "198.51.100.7/-1", "/24",
     "198.51.100.7/", "198.51.100.7/0024", "198.51.100.7 203.0.113.9", "fe80::1%eth0", "2001:db8::/129", "example.com",
     "198.51.100.7\x00", "\uff1198.51.100.7", "198.51.100.7/\uff124", "::ffff:198.51.100.777"],
)  # fmt: skip
def test_an_address_is_written_as_an_address(line: str) -> None:
    with pytest.raises(Unreadable):
        read(Format.PLAIN, line.encode(), {4, 6})


@pytest.mark.parametrize(
    ("line", "named"),
    [
        pytest.param("0.0.0.0/0", "198.51.100.7", id="the world"),
        pytest.param("128.0.0.0/1", "198.51.100.7", id="half of it"),
        pytest.param("198.0.0.0/7", "198.51.100.7", id="wider than /8"),
        pytest.param("::/0", "2001:db8::1", id="the new world"),
        pytest.param("2000::/3", "2001:db8::1", id="all that is in use of it"),
        pytest.param("2000::/15", "2001:db8::1", id="wider than /16"),
    ],
)
def test_too_wide_a_network_lists_nobody(line: str, named: str) -> None:
    roll = read(Format.PLAIN, f"{line}\n203.0.113.9\n".encode(), {4, 6})
    assert (words(roll, named), words(roll, "203.0.113.9"), roll.wide, roll.entries) == (None, "", 1, 1)


@pytest.mark.parametrize("line", ["198.0.0.0/8", "2001::/16"])
def test_a_network_of_the_widest_kind_is_believed(line: str) -> None:
    roll = read(Format.PLAIN, f"{line}\n".encode(), {4, 6})
    assert (roll.wide, roll.entries) == (0, 1)


def test_a_list_tells_how_much_of_the_internet_it_names() -> None:
    body = b"".join(f"{first}.0.0.0/8\n".encode() for first in range(64)) + b"2000::/16\n" * 3
    assert read(Format.PLAIN, body, {4, 6}).share == {4: 0.25, 6: 2.0**-13}


PIECES = st.sampled_from([
    b"198.51.100.7", b"198.51.100", b"198", b"/24", b"/0", b"/33", b"-", b"198.51.100.9", b":", b":2:", b":127.0.0.9:",
    b"!", b"$", b"$1 ", b"$MAXRANGE4 ", b"$TTL ", b"2001:db8::", b"2001:db8", b"::1", b"::", b"\n", b"\n", b"\n", b" ",
    b"\t", b"#", b";", b"ExitAddress ", b"Start\t", b'{"cidr":"198.51.100.0/24"}', b'{"cidr":7}', b"[" * 300, b"word",
    b'{"type":"metadata","records":1}', b"\xff\xfe", b"\xd9\xa1", b"\x00", b"9" * 30,
])  # fmt: skip
BODIES = st.lists(PIECES | st.binary(max_size=8), max_size=40).map(b"".join)


@settings(deadline=None, max_examples=300)
@given(kind=st.sampled_from([*Format, *DataFormat]), body=BODIES, head=st.booleans())
def test_whatever_arrives_is_read_or_refused(kind: Format | DataFormat, body: bytes, head: bool) -> None:
    # A head of good lines lets the garbage through to the end.
    good = b"198.51.100.7\n" * 200 if head and kind is not DataFormat.IP6TRIE else b""
    try:
        roll = read_data(kind, good + body) if isinstance(kind, DataFormat) else read(kind, good + body, {4, 6})
    except Unreadable:
        return
    assert roll.entries >= 0
    assert words(roll, "203.0.113.255") is None or b"/0" in body or b"-" in body
