"""The catalogue of DNS lists: every entry can be used, the traps are declared, and the dead stay buried."""

from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

import pytest
from pydantic import ValidationError

from config import ConfigError, load
from config.lists import Entry, ListsTable, OwnZone, catalogue, grave, zones_named
from monitor.core.dnsxl import Addresses, Mode, Weight, Zone, query_name, read_answer
from monitor.core.observation import Clear, Listed, Refused, Silent
from monitor.core.secret import Secret

ENTRIES = catalogue().entries
KEY = "fakefakefakefakefakefakefake"
DEFAULT = [
    "spamcop", "barracuda", "psbl", "mailspike-bl", "uceprotect-1", "s5h", "dronebl", "blocklist-de", "nordspam",
    "sem", "sem-ipv6", "0spam", "virusfree-bip", "gbudb-truncate",
]  # fmt: skip
KINDS = {
    "spam", "exploit", "mixed", "policy", "network-wide", "proxy-tor", "reputation", "bogon", "whitelist",
    "backscatter",
}  # fmt: skip


def said(known: str, *codes: str) -> Listed | Clear | Refused | Silent:
    """Say what a list of the catalogue means by these codes."""
    return read_answer(ENTRIES[known].read(), Addresses(tuple(int(IPv4Address(code)) for code in codes)))


def test_there_are_72_lists_of_which_14_are_on() -> None:
    assert len(ENTRIES) == 72
    assert [each for each, entry in ENTRIES.items() if entry.on] == DEFAULT


@pytest.mark.parametrize(("known", "entry"), ENTRIES.items(), ids=ENTRIES)
def test_every_entry_can_be_used(known: str, entry: Entry) -> None:
    zone = entry.read()
    assert zone.name == entry.zone.replace("{key}.", "")
    assert query_name(IPv6Address("2001:db8::1"), zone.name).count(".") > 32
    assert zone.families
    assert zone.families <= {4, 6}
    assert (entry.access == "key") is entry.zone.startswith("{key}.")
    assert entry.operator
    assert entry.group
    assert entry.budget.day >= 1000
    assert entry.budget.rate * 86_400 >= entry.budget.day
    assert entry.checked in {"2026-10", "2026", "2023", "never"}
    assert entry.delist is None or entry.delist.startswith("http")
    assert entry.kind in KINDS
    assert grave(zone.name) is None, known


@pytest.mark.parametrize(("known", "entry"), ENTRIES.items(), ids=ENTRIES)
def test_every_code_has_one_meaning(known: str, entry: Entry) -> None:
    zone = entry.read()
    assert zone.info <= zone.listed.keys(), known
    assert not zone.listed.keys() & zone.refused.keys()
    assert not zone.listed.keys() & zone.ignored
    assert bool(zone.listed) is not zone.white
    if zone.mode is Mode.BITMASK:
        assert all(bit in {1, 2, 4, 8, 16, 32, 64, 128} for bit in zone.listed)
    else:
        assert all(code >> 24 == 127 for code in zone.listed)
    assert all(code >> 24 == 127 for code in (*zone.refused, *zone.ignored))


@pytest.mark.parametrize(("known", "entry"), ENTRIES.items(), ids=ENTRIES)
def test_every_list_is_held_to_something_before_it_is_believed(known: str, entry: Entry) -> None:
    points = entry.test.read()
    proof = {4: points.listed or points.clean, 6: points.listed6 or points.clean6}
    assert points.control or all(proof[family] for family in entry.families), known
    for family, point in ((4, points.listed), (6, points.listed6)):
        if family in entry.families and point is not None:
            assert point.version == family


def test_lists_of_one_operator_count_once() -> None:
    by_operator: dict[str, set[str]] = {}
    for entry in ENTRIES.values():
        by_operator.setdefault(entry.operator, set()).add(entry.group)
    assert {operator: groups for operator, groups in by_operator.items() if len(groups) > 1} == {}


@pytest.mark.parametrize("kind", ["policy", "network-wide", "bogon", "whitelist", "reputation"])
def test_what_says_nothing_of_one_address_never_counts(kind: str) -> None:
    assert {entry.weight for entry in ENTRIES.values() if entry.kind == kind} == {Weight.INFO}


def test_a_fresh_installation_asks_no_list_whose_terms_forbid_it_without_a_key() -> None:
    assert {entry.access for entry in ENTRIES.values() if entry.on} <= {"open", "registration"}
    assert {known for known, entry in ENTRIES.items() if entry.access == "key"} == {"spamhaus-dqs", "abusix-combined"}


@pytest.mark.parametrize(
    ("known", "codes", "means"),
    [
        pytest.param("spamhaus-zen", ["127.0.0.2"], "listed", id="SBL"),
        pytest.param("spamhaus-zen", ["127.0.0.10"], "informative", id="PBL by the ISP is policy"),
        pytest.param("spamhaus-dqs", ["127.0.0.11"], "informative", id="PBL by Spamhaus is policy"),
        pytest.param("spamhaus-zen", ["127.0.0.10", "127.0.0.4"], "listed", id="policy beside abuse is abuse"),
        pytest.param("spamhaus-zen", ["127.255.255.252"], "refused", id="typing error"),
        pytest.param("spamhaus-zen", ["127.255.255.254"], "refused", id="public resolver"),
        pytest.param("spamhaus-zen", ["127.255.255.255"], "refused", id="too many questions"),
        pytest.param("spamhaus-zen", ["127.0.0.1"], "silent", id="127.0.0.1 means nothing at Spamhaus"),
        pytest.param("efnetrbl", ["127.0.0.1"], "listed", id="127.0.0.1 is an open proxy at EFnet"),
        pytest.param("efnet-tor", ["127.0.0.1"], "listed", id="127.0.0.1 is a Tor exit at EFnet"),
        pytest.param("hostkarma", ["127.0.0.1"], "clear", id="127.0.0.1 is white at Hostkarma"),
        pytest.param("hostkarma", ["127.0.0.3"], "clear", id="yellow"),
        pytest.param("hostkarma", ["127.0.0.5"], "clear", id="never block"),
        pytest.param("hostkarma", ["127.0.1.1"], "clear", id="a fact"),
        pytest.param("hostkarma", ["127.0.2.3"], "clear", id="another fact"),
        pytest.param("hostkarma", ["127.0.0.1", "127.0.0.2"], "listed", id="black among white"),
        pytest.param("mailspike-bl", ["127.0.0.14"], "clear", id="neutral"),
        pytest.param("mailspike-bl", ["127.0.0.20"], "clear", id="excellent"),
        pytest.param("mailspike-bl", ["127.0.0.13"], "informative", id="suspicious here, neutral there"),
        pytest.param("mailspike-rep", ["127.0.0.13"], "clear", id="neutral in the reputation zone"),
        pytest.param("dronebl", ["127.0.0.12"], "informative", id="open resolver"),
        pytest.param("dronebl", ["127.0.0.19"], "informative", id="abused VPN service: most of what we sell"),
        pytest.param("dronebl", ["127.0.0.17"], "listed", id="botnet"),
        pytest.param("dnswl", ["127.0.5.3"], "clear", id="white"),
        pytest.param("dnswl", ["127.0.0.255"], "refused", id="over quota"),
        pytest.param("dnswl", ["127.0.10.0"], "refused", id="blocked"),
        pytest.param("dnswl", ["127.0.10.3"], "refused", id="blocked, whatever the last number"),
        pytest.param("senderscore", ["127.0.0.1"], "listed", id="bit 1: botnet"),
        pytest.param("senderscore", ["127.255.255.255"], "refused", id="not registered, and not every bit at once"),
        pytest.param("tornevall", ["127.0.0.66"], "listed", id="bits 2 and 64"),
        pytest.param("tornevall", ["127.0.0.4"], "silent", id="a bit that nobody declared"),
        pytest.param("uceprotect-3", ["127.0.0.2"], "listed", id="a whole autonomous system, which never counts"),
        pytest.param("spamcop", ["146.112.61.108"], "silent", id="a block page"),
    ],
)
def test_the_codes_that_surprise(known: str, codes: list[str], means: str) -> None:
    answer = said(known, *codes)
    word = type(answer).__name__.lower()
    assert ("informative" if isinstance(answer, Listed) and answer.informative else word) == means


def test_bits_are_told_one_by_one() -> None:
    answer = said("tornevall", "127.0.0.66")
    assert isinstance(answer, Listed)
    assert answer.reason == "working proxy; abusive"


@pytest.mark.parametrize("zone", catalogue().dead)
def test_a_dead_zone_is_refused_with_the_reason(zone: str) -> None:
    with pytest.raises(ValidationError, match=f"{zone} must not be asked: .*; remove it"):
        OwnZone(zone=zone)


@pytest.mark.parametrize(
    ("zone", "why"),
    [
        pytest.param("dnsbl.sorbs.net", "emptied since 2024-06-05", id="the zone"),
        pytest.param("Spam.DNSBL.Sorbs.NET.", "emptied since 2024-06-05", id="in other letters"),
        pytest.param("brand.new.dnsbl.sorbs.net", "emptied since 2024-06-05", id="below it"),
        pytest.param("bl.spamcannibal.org", "lists the world", id="lists the world"),
        pytest.param("bl.nszones.com", "fraudulent", id="fraudulent"),
        pytest.param("cbl.abuseat.org", "merged into xbl.spamhaus.org", id="merged"),
    ],
)
def test_a_dead_zone_is_refused_however_it_is_written(zone: str, why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        OwnZone(zone=zone)
    with pytest.raises(ValueError, match=why):
        zones_named([zone], (4,))


@pytest.mark.parametrize("zone", ["sorbs.net", "mydnsbl.sorbs.net.example", "notdnsbl.sorbs.net"])
def test_a_name_that_only_resembles_a_dead_zone_may_be_asked(zone: str) -> None:
    assert grave(zone) is None
    assert OwnZone(zone=zone).read().name == zone


@pytest.mark.parametrize(
    "name", ["", ".", "bl..test", "bl test", "-bl.test", "b" * 64 + ".test", "bl.test/24", "bl.\u0442est", "a." * 120]
)
def test_what_is_no_name_of_a_zone_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match=r"is not the name of a zone; write one such as bl\.example\.net"):
        OwnZone(zone=name)


def test_a_list_that_needs_a_key_is_refused_without_one_and_asked_with_it() -> None:
    with pytest.raises(ValidationError, match="spamhaus-dqs needs a key; write keys"):
        ListsTable(use=("spamhaus-dqs",))
    with pytest.raises(ValueError, match="needs a key; name it in the configuration"):
        zones_named(["spamhaus-dqs"], (4,))
    with pytest.raises(ValueError, match="needs a key; name it in the configuration"):
        zones_named(["zen.dq.spamhaus.net"], (4,))
    table = ListsTable(use=("spamhaus-dqs",), keys={"spamhaus-dqs": "dqs"})
    [zone] = table.read({"dqs": Secret(KEY)}.__getitem__)
    assert zone.asked == f"{KEY}.zen.dq.spamhaus.net"
    assert zone.name == "zen.dq.spamhaus.net"
    assert KEY not in f"{zone} {zone!r} {table!r} {table.model_dump_json()}"
    assert table.unkeyed()[0].asked == "zen.dq.spamhaus.net"


def test_a_key_adds_its_list_to_those_that_are_on() -> None:
    assert list(ListsTable(use="default").entries) == DEFAULT
    keyed = ListsTable(use="default", keys={"spamhaus-dqs": "dqs"})
    assert set(keyed.entries) == {*DEFAULT, "spamhaus-dqs"}
    [zone] = [zone for zone in keyed.read({"dqs": Secret(KEY)}.__getitem__) if zone.group == "spamhaus"]
    assert zone.asked == f"{KEY}.zen.dq.spamhaus.net"


@pytest.mark.parametrize("known", ["spamcop", "spamhouse"])
def test_a_key_for_a_list_that_takes_none_is_refused(known: str) -> None:
    with pytest.raises(ValidationError, match=f"keys names {known}, and only abusix-combined, spamhaus-dqs take a key"):
        ListsTable(use="default", keys={known: "dqs"})


def test_lists_are_chosen_by_id_by_name_or_by_the_conventions_of_the_rfc() -> None:
    spamcop, own = zones_named(["spamcop", "bl.spamcop.net.", "BL.Example.NET"], (4, 6))
    assert spamcop == ENTRIES["spamcop"].read()
    assert own == Zone("bl.example.net", "bl.example.net", "bl.example.net", Weight.ALERT, frozenset({4, 6}))


def test_a_list_is_named_once() -> None:
    with pytest.raises(ValidationError, match=r"bl\.spamcop\.net is named twice; keep one"):
        ListsTable(use=("spamcop",), own=(OwnZone(zone="bl.spamcop.net"),))


FAULTY = """
[tiers.vpn-eu]
niche = "vpn"
rank = 10

[lists]
use = ["spamcp", "spamhaus-dqs"]

[[lists.own]]
zone = "dnsbl.sorbs.net"

[[lists.own]]
zone = "bl example.net"
weight = "heavy"

[notifier]
kind = "console"
"""


def test_every_fault_of_the_lists_is_told_with_its_place_and_remedy(tmp_path: Path) -> None:
    file = tmp_path / "monitor.toml"
    file.write_text(FAULTY)
    with pytest.raises(ConfigError) as caught:
        load(file, secrets=False)
    told = "\n".join(caught.value.faults)
    assert "'spamcp' is not in the catalogue; did you mean 'spamcop'?" in told
    assert "lists.own[0].zone: dnsbl.sorbs.net must not be asked: emptied since 2024-06-05; remove it" in told
    assert "lists.own[1].zone: 'bl example.net' is not the name of a zone" in told
    assert "lists.own[1].weight" in told
