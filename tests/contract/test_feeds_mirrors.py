"""Data files of rbldnsd: what is read from them is what rbldnsd itself would answer."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, ip_address
from pathlib import Path
from random import Random

import dns.message
import dns.query
import dns.rdatatype
import pytest

from checks.formats import Unreadable
from checks.intervals import keys_of
from checks.mirrors import Mirror, Reading
from checks.rbldnsd import DataFormat, read_data
from monitor.core.dnsxl import NoSuchName, Zone, query_name, read_answer
from monitor.core.fleet import Address
from monitor.core.observation import Answer, Clear, Listed, Silent
from tests.peers.dns_rbldnsd import rbldnsd

ZONE = Zone("bl.test", "test", "test", listed={}, families=frozenset({4, 6}))
NOON = datetime(2026, 5, 25, 12, tzinfo=UTC)

SET = b"""\
# the zone of an example
$TTL 2048
$SOA 3000 ns.example.net admin.example.net 0 600 300 86400 300
$1 See https://example.net/bl
:127.0.0.2:$1?$ for $0
198.51.100.7
198.51.100.8 :5
198.51.100.9 :6:
198.51.100.10 :127.0.0.9:Some $$ words about $
198.51.100.11 only words
198.51.100.12 ; nothing but a comment
198.51.101/24 :3:a whole network
!198.51.101.9
198.51.101.64-127 :4:a part of it
198.51.102.7-198.51.103.9
203.0.113.0/24
203.0.113.0/24 :8:said again
203.0.113.77 :9:alone
:4:
192.0.2.1
"""
TRIE = b"""\
:2:listed, see $
198.51.100.0/24
!198.51.100.128/25
198.51.100.200 :7:in it again
198.51.100.201/32 :7:first
198.51.100.201/32 :8:second
192.0.2/25
"""
TRIE6 = b"""\
:127.0.1.2: Listed, see https://example.net/?$
2001:db8:c000/36
2001:db8:def7:4242 :127.0.1.3: This one smells funny
2605:6001:42::/52
::1 # localhost
!2605:6001:42::bead
2001:DB8:1:2:3:4:5:6 :9:
"""


def said(kind: DataFormat, body: bytes, text: str) -> Answer:
    """Say what a mirror with this file answers about an address."""
    address = ip_address(text)
    roll, reading = read_data(kind, body), Reading(Mirror("m", ZONE, Path("m"), kind, timedelta(1)), asyncio.Lock())
    stretches = roll.stretches[address.version]
    value = int(stretches.at(keys_of([address], address.version))[0])  # type: ignore[arg-type]  # of one family
    if value < 0:
        return read_answer(ZONE, NoSuchName())
    return reading.answer(tuple(roll.said[each] for each in stretches.sets[value]), address)


def listed(*codes: str, words: str | None = None) -> Listed:
    return Listed(tuple(int(IPv4Address(code)) for code in codes), words)


@pytest.mark.parametrize(
    ("kind", "body", "address", "answer"),
    [
        (DataFormat.IP4SET, SET, "198.51.100.6", Clear()),
        (DataFormat.IP4SET, SET, "198.51.100.7",
         listed("127.0.0.2", words="See https://example.net/bl?198.51.100.7 for 198.51.100.70")),
        (DataFormat.IP4SET, SET, "198.51.100.8",
         listed("127.0.0.5", words="See https://example.net/bl?198.51.100.8 for 198.51.100.80")),
        (DataFormat.IP4SET, SET, "198.51.100.9", listed("127.0.0.6")),
        (DataFormat.IP4SET, SET, "198.51.100.10", listed("127.0.0.9", words="Some $ words about 198.51.100.10")),
        (DataFormat.IP4SET, SET, "198.51.100.11", listed("127.0.0.2", words="only words")),
        (DataFormat.IP4SET, SET, "198.51.101.8", listed("127.0.0.3", words="a whole network")),
        (DataFormat.IP4SET, SET, "198.51.101.9", Clear()),
        (DataFormat.IP4SET, SET, "198.51.101.100", listed("127.0.0.4", words="a part of it")),
        (DataFormat.IP4SET, SET, "203.0.113.77", listed("127.0.0.9", words="alone")),
        (DataFormat.IP4SET, SET, "192.0.2.1", listed("127.0.0.4")),
        (DataFormat.IP4TRIE, TRIE, "198.51.100.127", listed("127.0.0.2", words="listed, see 198.51.100.127")),
        (DataFormat.IP4TRIE, TRIE, "198.51.100.128", Clear()),
        (DataFormat.IP4TRIE, TRIE, "198.51.100.200", listed("127.0.0.7", words="in it again")),
        (DataFormat.IP4TRIE, TRIE, "198.51.100.201", listed("127.0.0.7", words="first")),
        (DataFormat.IP4TRIE, TRIE, "192.0.2.128", Clear()),
        (DataFormat.IP6TRIE, TRIE6, "2001:db8:cfff::1",
         listed("127.0.1.2", words="Listed, see https://example.net/?2001:db8:cfff::1")),
        (DataFormat.IP6TRIE, TRIE6, "2001:db8:def7:4242::9", listed("127.0.1.3", words="This one smells funny")),
        (DataFormat.IP6TRIE, TRIE6, "2605:6001:42::bead", Clear()),
        (DataFormat.IP6TRIE, TRIE6, "2001:db8:1:2:3:4:5:6", listed("127.0.0.9")),
    ],
)  # fmt: skip
def test_a_data_file_says_what_its_zone_would(kind: DataFormat, body: bytes, address: str, answer: Answer) -> None:
    assert said(kind, body, address) == answer


def test_all_that_is_equally_specific_speaks() -> None:
    answer = said(DataFormat.IP4SET, SET, "203.0.113.9")
    assert isinstance(answer, Listed)
    assert answer.codes == (int(IPv4Address("127.0.0.2")), int(IPv4Address("127.0.0.8")))


def test_a_code_that_the_zone_does_not_declare_says_nothing() -> None:
    strict = Zone("bl.test", "test", "test", listed={int(IPv4Address("127.0.0.2")): "spam"})
    reading = Reading(Mirror("m", strict, Path("m"), DataFormat.IP4SET, timedelta(1)), asyncio.Lock())
    roll = read_data(DataFormat.IP4SET, b"198.51.100.7 :9:\n")
    assert reading.answer(roll.said[-1:], ip_address("198.51.100.7")) == Silent("127.0.0.9 has no declared meaning")


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"$DATASET ip4set spam @\n198.51.100.7\n", "combined file"),
        (b"$GENERATE 1-9 x\n", "1 of 1 lines"),
        (b"example.com :2:a name\n", "1 of 1 lines"),
        (b"198.51.100.7/24\n", "1 of 1 lines"),
        (b"198\n", "1 of 1 lines"),
        (b"198.51.100.9-198.51.100.7\n", "1 of 1 lines"),
        (b"198.51.100.7 :127.0.0\n", "1 of 1 lines"),
        (b"198.51.100.7 :300:\n", "1 of 1 lines"),
        (b"<html>", "web page"),
    ],
)
def test_what_is_no_data_file_is_refused(body: bytes, why: str) -> None:
    with pytest.raises(Unreadable, match=why):
        read_data(DataFormat.IP4SET, body)


def test_ranges_above_the_maximum_of_the_file_and_above_a_slash_8_are_left_out() -> None:
    roll = read_data(DataFormat.IP4SET, b"198.51.100.0/24\n$MAXRANGE4 /25\n203.0.113.0/24\n192.0.2.0/25\n0.0.0.0/0\n")
    assert (roll.entries, roll.wide) == (2, 0)
    assert read_data(DataFormat.IP4SET, b"0.0.0.0-127.255.255.255\n198.51.100.7\n").wide == 1


async def test_a_file_is_read_again_when_it_changed_and_kept_while_it_is_gone(tmp_path: Path) -> None:
    file = tmp_path / "bl.test"
    reading = Reading(Mirror("bl.test", ZONE, file, DataFormat.IP4SET, timedelta(days=1)), asyncio.Lock())
    assert await reading.renew(NOON) is False
    assert reading.trusted(NOON).why == f"{file} cannot be read: No such file or directory"
    file.write_bytes(b"198.51.100.7\n")
    now = datetime.fromtimestamp(file.stat().st_mtime, UTC)
    assert (await reading.renew(now), await reading.renew(now)) == (True, False)
    assert reading.trusted(now + timedelta(hours=23)).believed
    file.write_bytes(b"<html>")
    assert await reading.renew(now) is False
    assert reading.trusted(now) == reading.trusted(now)
    assert "cannot be used: a web page" in reading.trusted(now).why
    file.unlink()
    assert await reading.renew(now) is False
    assert reading.trusted(now).believed
    assert not reading.trusted(now + timedelta(hours=25)).believed


def ask(port: int, address: Address) -> tuple[set[str], set[str]]:
    """Ask for the codes and the words about an address."""
    found: list[set[str]] = []
    for kind in (dns.rdatatype.A, dns.rdatatype.TXT):
        question = dns.message.make_query(query_name(address, "bl.test"), kind)
        answer = dns.query.udp(question, "127.0.0.1", timeout=5.0, port=port)
        found.append({text for rrset in answer.answer for each in rrset for text in [each.to_text().strip('"')]})
    return found[0], found[1]


def invented(kind: DataFormat, random: Random) -> bytes:
    """Invent a data file: networks in one another, exclusions, repeated ones, values of every spelling."""
    values = ["", "", "", " :5", " :6:", " :127.0.0.9:nine", " words", " ; a comment", " :7:seven of $"]
    lines = [":3:default"] if random.random() < 0.5 else []
    for _ in range(40):
        mark = "!" if random.random() < 0.2 else ""
        base = 0xC6336400 + random.randrange(1024)
        if kind is DataFormat.IP6TRIE:
            bits = random.choice([32, 44, 48, 60, 64, 112, 120, 127, 128])
            number = (
                (0x20010DB8 << 96 | random.randrange(4) << 80 | random.randrange(64)) >> (128 - bits) << (128 - bits)
            )
            entry = f"{ip_address(number)}/{bits}"
        elif kind is DataFormat.IP4SET and random.random() < 0.3:
            entry = f"{IPv4Address(base)}-{IPv4Address(base + random.randrange(600))}"
        elif random.random() < 0.2:
            entry = str(IPv4Address(base)).rpartition(".")[0] if random.random() < 0.5 else str(IPv4Address(base))
        else:
            bits = random.randrange(20, 33)
            entry = f"{IPv4Address(base >> (32 - bits) << (32 - bits))}/{bits}"
        lines.append(f"{mark}{entry}{random.choice(values)}")
    return "\n".join([*lines, ""]).encode()


@pytest.mark.wide
@pytest.mark.parametrize("kind", [DataFormat.IP4SET, DataFormat.IP4TRIE, DataFormat.IP6TRIE])
@pytest.mark.parametrize("seed", range(3))
def test_rbldnsd_itself_answers_the_same(kind: DataFormat, seed: int, real_part: Callable[[str], str]) -> None:
    random = Random(f"{kind}{seed}")
    body = invented(kind, random)
    if kind is DataFormat.IP6TRIE:
        asked = [ip_address(0x20010DB8 << 96 | random.randrange(5) << 80 | random.randrange(70)) for _ in range(150)]
    else:
        asked = [ip_address(0xC6336300 + random.randrange(1600)) for _ in range(200)]
    with rbldnsd(real_part("rbldnsd"), {"bl.test": (kind, body.decode())}) as (_, port):
        for address in asked:
            codes, words = ask(port, address)
            mine = said(kind, body, str(address))
            told = mine if isinstance(mine, Listed) else Listed(())
            assert {str(ip_address(code)) for code in told.codes} == codes, f"{address}\n{body.decode()}"
            if kind is not DataFormat.IP6TRIE:
                assert set((told.reason or "").split("; ")) - {""} == words, f"{address}\n{body.decode()}"
