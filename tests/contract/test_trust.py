"""Who may be believed: every way in which a zone or a resolver can mislead, played by a zone server on loopback."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv4Network, IPv6Address
from random import Random

import dns.message
import pytest

from checks.blocklist import REASONS, BlocklistProbe
from checks.dns.engine import Engine, EngineOptions
from checks.dns.trust import Examiner, Trust
from config.lists import catalogue
from monitor.core import dnsxl
from monitor.core.coverage import Bad, Listing, Witness
from monitor.core.dnsxl import TEST_LISTED_6, Mode, Weight, Zone
from monitor.core.fleet import Niche, Unit
from monitor.core.listing import RangeSeen, look_at_range
from monitor.core.observation import Listed
from monitor.core.plan import Watched
from monitor.core.rotation import Turn
from monitor.core.secret import Secret
from monitor.demo.listing import (
    Behaviour,
    Dead,
    Normal,
    Parked,
    Rcode,
    RefusesUs,
    Rewriting,
    White,
    World,
)
from monitor.demo.zones import ZoneServer
from tests.peers.dns_rbldnsd import free_port

BL, OTHER = "bl.test", "other.test"
QUICK = EngineOptions(timeout=0.2, tries=2, deadline=0.4)
AT = datetime(2026, 6, 1, tzinfo=UTC)
EVERY_ADDRESS = Turn(0, 1, 256)
HOLDS = None


def zone(name: str = BL, *families: int) -> Zone:
    return Zone(name, name, name, families=frozenset(families or {4}))


@asynccontextmanager
async def examined(*resolvers: tuple[str, int], zones: list[Zone]) -> AsyncIterator[Trust]:
    async with Engine(resolvers, QUICK) as engine:
        yield await Examiner(zones, engine, Random(1)).examine()


async def fault_of(behaviour: Behaviour, tested: Zone) -> str | None:
    """Say why a zone that behaves like this is not believed, beside another one that holds."""
    async with ZoneServer(BL, OTHER) as server:
        server.behave(BL, behaviour)
        async with examined(server.address, zones=[tested, zone(OTHER)]) as trust:
            assert trust.online
            assert trust.liars == {}
            assert (OTHER, 4) not in trust.why
            [version] = tested.families
            assert bool(trust.heard[BL, version]) is ((BL, version) not in trust.why)
            return trust.why.get((BL, version))


@pytest.mark.parametrize(
    ("behaviour", "why"),
    [
        pytest.param(Normal(), HOLDS, id="a list that keeps to the RFC"),
        pytest.param(Normal(frozenset()), "its test entry 127.0.0.2 is not listed", id="no test entry: emptied"),
        pytest.param(Dead(), "asked about 127.0.0.2: timeout", id="silent"),
        pytest.param(World(), "it lists 127.0.0.1, which nobody may list", id="lists the world"),
        pytest.param(
            World("127.0.0.1"),
            "asked about 127.0.0.1: 127.0.0.1 has no declared meaning",
            id="lists the world in a code that means nothing",
        ),
        pytest.param(
            RefusesUs(),
            "asked about 127.0.0.2: 127.255.255.254: the list does not serve this resolver",
            id="refuses public resolvers",
        ),
        pytest.param(Rcode(2), "asked about 127.0.0.2: SERVFAIL", id="SERVFAIL"),
        pytest.param(Rcode(5), "asked about 127.0.0.2: REFUSED", id="REFUSED"),
        pytest.param(Rcode(3), "its test entry 127.0.0.2 is not listed", id="NXDOMAIN for everything"),
        pytest.param(
            Parked(), "asked about 127.0.0.2: 146.112.61.108 is outside 127.0.0.0/8", id="a block page for every name"
        ),
        pytest.param(
            Parked("203.0.113.80"), "asked about 127.0.0.2: 203.0.113.80 is outside 127.0.0.0/8", id="a sold domain"
        ),
        pytest.param(
            Rewriting(), "asked about 127.0.0.1: 198.51.100.80 is outside 127.0.0.0/8", id="NXDOMAIN is rewritten"
        ),
    ],
)
async def test_a_zone_is_believed_only_while_its_test_entries_hold(behaviour: Behaviour, why: str | None) -> None:
    assert await fault_of(behaviour, zone()) == why


@pytest.mark.parametrize(
    ("behaviour", "why"),
    [
        pytest.param(Normal(), HOLDS, id="a list that keeps to the RFC"),
        pytest.param(
            Normal(frozenset({4})), f"its test entry {TEST_LISTED_6} is not listed", id="its IPv6 part is empty"
        ),
        pytest.param(Dead(), f"asked about {TEST_LISTED_6}: timeout", id="silent"),
    ],
)
async def test_an_ipv6_zone_proves_itself_by_the_mapped_test_entry(behaviour: Behaviour, why: str | None) -> None:
    assert await fault_of(behaviour, zone(BL, 6)) == why


async def test_the_families_of_a_zone_are_believed_each_for_itself() -> None:
    async with ZoneServer(BL) as server:
        server.behave(BL, Normal(frozenset({4})))
        async with examined(server.address, zones=[zone(BL, 4, 6)]) as trust:
            assert trust.heard[BL, 4]
            assert trust.heard[BL, 6] == ()
            assert trust.why == {(BL, 6): f"its test entry {TEST_LISTED_6} is not listed"}


async def test_a_zone_that_lists_an_address_that_nobody_has_is_not_believed() -> None:
    async with ZoneServer(BL) as server:
        server.list(BL, "192.0.2.0/24")
        server.list(BL, "2001:db8::/32")
        async with examined(server.address, zones=[zone(BL, 4, 6)]) as trust:
            assert trust.why[BL, 4].startswith("it lists 192.0.2.")
            assert trust.why[BL, 6].startswith("it lists 2001:db8::")


async def test_a_list_of_what_nobody_may_use_has_its_own_test_entries_and_no_control_address() -> None:
    bogons = replace(zone(), test=dnsxl.TestPoints(IPv4Address("10.0.0.1"), IPv4Address("8.8.8.8"), control=False))
    async with ZoneServer(BL) as server:
        for network in ("10.0.0.0/8", "127.0.0.0/8", "192.0.2.0/24"):
            server.list(BL, network)
        async with examined(server.address, zones=[bogons]) as trust:
            assert trust.why == {}
        async with examined(server.address, zones=[zone()]) as trust:
            assert trust.why == {(BL, 4): "it lists 127.0.0.1, which nobody may list"}


@pytest.mark.parametrize(
    ("behaviour", "why"),
    [
        pytest.param(Normal(frozenset()), HOLDS, id="nothing to prove itself by"),
        pytest.param(World(), "it lists 192.0.2.", id="lists the world"),
        pytest.param(Dead(), "asked about 192.0.2.", id="silent"),
        pytest.param(Parked(), "asked about 192.0.2.", id="sold"),
    ],
)
async def test_a_zone_without_test_entries_is_still_held_to_the_control_address(
    behaviour: Behaviour, why: str | None
) -> None:
    found = await fault_of(behaviour, replace(zone(), test=dnsxl.TestPoints(None, None, None, None)))
    assert found == why or (found is not None and why is not None and found.startswith(why))


async def test_a_zone_that_finds_an_address_for_any_name_is_not_believed() -> None:
    """Such a zone answers every address honestly, so that only a name that is no address gives it away."""

    class Wildcard(ZoneServer):
        def answer(self, wire: bytes, *, limit: int | None = None) -> tuple[bytes, float] | None:
            if "nobody-" in str(dns.message.from_wire(wire).question[0].name).lower():
                self.behave(BL, World())
            told = super().answer(wire, limit=limit)
            self.behave(BL, Normal())
            return told

    async with Wildcard(BL) as server, examined(server.address, zones=[zone()]) as trust:
        assert trust.why == {(BL, 4): "it answers a name that is no address with 127.0.0.2"}


@pytest.mark.parametrize(
    ("behaviour", "why"),
    [
        pytest.param(White(), HOLDS, id="knows all the world as good"),
        pytest.param(World("127.0.10.1"), "127.0.10.1: blocked", id="blocks us"),
        pytest.param(World("127.0.0.255"), "127.0.0.255: over quota or blocked", id="is over quota"),
        pytest.param(Parked(), "146.112.61.108 is outside 127.0.0.0/8", id="is sold"),
    ],
)
async def test_a_white_list_may_know_everybody_and_must_not_refuse_us(behaviour: Behaviour, why: str | None) -> None:
    entry = catalogue().entries["dnswl"].read()
    found = await fault_of(behaviour, replace(entry, name=BL, families=frozenset({4})))
    assert found == why or (found is not None and why is not None and found.endswith(why))


async def test_a_white_list_that_is_taken_for_a_black_one_is_not_believed() -> None:
    found = await fault_of(White(), zone())
    assert found is not None
    assert found.startswith("it lists 192.0.2.")


@pytest.mark.parametrize(
    ("known", "code", "listed"),
    [
        pytest.param("efnetrbl", "127.0.0.1", True, id="127.0.0.1 is a listing"),
        pytest.param("hostkarma", "127.0.0.1", False, id="127.0.0.1 is white"),
        pytest.param("hostkarma", "127.0.0.2", True, id="black"),
        pytest.param("mailspike-bl", "127.0.0.20", False, id="an excellent reputation"),
        pytest.param("dnswl", "127.0.5.3", False, id="white-listed"),
        pytest.param("tornevall", "127.0.0.66", True, id="two bits"),
    ],
)
async def test_a_zone_of_the_catalogue_holds_and_is_read_by_its_own_codes(known: str, code: str, listed: bool) -> None:
    entry = catalogue().entries[known].read()
    async with ZoneServer(entry.name) as server:
        server.list(entry.name, "185.100.0.7", code)
        seen = await look(server, entry)
    assert seen.unheard == {}
    assert list(seen.panel) == [entry.name]
    assert bool(seen.listed) is listed


async def test_127_0_0_1_says_nothing_where_the_list_does_not_declare_it() -> None:
    async with ZoneServer(BL) as server:
        server.list(BL, "185.100.0.7", "127.0.0.1")
        seen = await look(server, zone())
    assert seen.listed == {}
    assert seen.unheard == {IPv4Address("185.100.0.7"): {BL: "127.0.0.1 has no declared meaning"}}


async def test_bits_that_nobody_declared_do_not_let_a_list_of_bits_pass_for_the_world() -> None:
    bits = replace(zone(), mode=Mode.BITMASK, listed={1: "scanned", 2: "proxy"})
    assert await fault_of(World("127.0.0.4"), bits) == "asked about 127.0.0.1: 127.0.0.4 has no declared meaning"
    assert await fault_of(World("127.0.0.3"), bits) == "it lists 127.0.0.1, which nobody may list"
    assert await fault_of(Normal(), bits) is HOLDS


async def test_a_key_is_asked_with_and_never_told() -> None:
    keyed = replace(zone(), key=Secret("fakefakefakefakefakefakefake"))
    async with ZoneServer(f"fakefakefakefakefakefakefake.{BL}") as server:
        async with examined(server.address, zones=[keyed]) as trust:
            assert trust.heard[BL, 4]
        server.behave(f"fakefakefakefakefakefakefake.{BL}", World())
        async with examined(server.address, zones=[keyed]) as trust:
            assert "fakefake" not in f"{trust} {keyed}"
            assert (BL, 4) in trust.why


async def test_a_resolver_that_finds_what_does_not_exist_is_not_asked() -> None:
    async with ZoneServer(BL) as honest, ZoneServer(BL, "invalid") as liar:
        liar.behave("invalid", Parked("198.51.100.80"))
        names = [f"{host}:{port}" for host, port in (honest.address, liar.address)]
        async with examined(honest.address, liar.address, zones=[zone()]) as trust:
            assert trust.heard == {(BL, 4): (names[0],)}
            fault = f"the resolver {names[1]} answers names that do not exist with 198.51.100.80"
            assert trust.liars == {names[1]: fault}
            assert trust.why == {}
        assert liar.questions[BL] == 0
        async with examined(liar.address, zones=[zone()]) as trust:
            assert trust.online
            assert trust.heard == {(BL, 4): ()}
            assert trust.why == {(BL, 4): fault}


async def test_a_zone_is_heard_through_the_resolvers_that_it_serves_only() -> None:
    async with ZoneServer(BL) as served, ZoneServer(BL) as refused:
        refused.behave(BL, RefusesUs())
        async with examined(refused.address, served.address, zones=[zone()]) as trust:
            assert trust.heard == {(BL, 4): (f"127.0.0.1:{served.port}",)}
            assert trust.why == {}


async def test_a_resolver_that_nobody_listens_at_is_passed_over() -> None:
    nobody = ("127.0.0.1", free_port())
    async with ZoneServer(BL) as server, examined(nobody, server.address, zones=[zone()]) as trust:
        assert trust.online
        assert trust.heard == {(BL, 4): (f"127.0.0.1:{server.port}",)}
        assert trust.liars == {f"127.0.0.1:{nobody[1]}": f"the resolver 127.0.0.1:{nobody[1]} is unreachable"}


@pytest.mark.parametrize("listens", [True, False], ids=["every question is lost", "nobody is there"])
async def test_when_nothing_at_all_is_heard_we_are_offline_and_nobody_is_to_blame(listens: bool) -> None:
    zones = [zone(), zone(OTHER)]
    async with ZoneServer(BL, OTHER, "invalid") as server:
        for name in (BL, OTHER, "invalid"):
            server.behave(name, Dead())
        address = server.address if listens else ("127.0.0.1", free_port())
        async with Engine([address], QUICK) as engine:
            probe = BlocklistProbe(zones, engine, Random(1), timedelta(hours=1), {})
            assert await probe.examine(AT, {BL: AT, OTHER: AT}) == {}
            seen = await probe.look([WATCHED], AT, EVERY_ADDRESS)
    [found] = seen.values()
    assert isinstance(found, RangeSeen)
    assert found.listed == {}
    assert found.heard == "0 of 2 lists answered"


RANGE = IPv4Network("185.100.0.0/28")
WATCHED = Watched(Unit("unit", "tier", "supplier", (RANGE,), RANGE[7]), Niche.VPN, None, None)


async def look(server: ZoneServer, asked: Zone) -> RangeSeen:
    """Let one list prove itself, and look at a range through it."""
    async with Engine([server.address], QUICK) as engine:
        probe = BlocklistProbe([asked], engine, Random(1), timedelta(hours=1), {})
        trusted = await probe.examine(AT, {})
        assert trusted[asked.name].believed, trusted
        seen = (await probe.look([WATCHED], AT, EVERY_ADDRESS))["unit"]
    assert isinstance(seen, RangeSeen)
    return seen


class Turning(ZoneServer):
    """A server whose list turns bad after so many questions."""

    def __init__(self, after: int, into: Behaviour) -> None:
        super().__init__(BL)
        self._after, self._into = after, into

    def answer(self, wire: bytes, *, limit: int | None = None) -> tuple[bytes, float] | None:
        if self.questions[BL] >= self._after:
            self.behave(BL, self._into)
        return super().answer(wire, limit=limit)


TEST_QUESTIONS = 4
"""Test entry, clean entry, control address, and a name that is no address."""


@pytest.mark.parametrize("answered", [0, 1, 8, 15])
@pytest.mark.parametrize("into", [World(), World("127.0.0.9"), White()], ids=["the world", "in another code", "white"])
async def test_what_a_list_said_in_the_round_in_which_it_turned_bad_counts_for_nothing(
    answered: int, into: Behaviour
) -> None:
    async with Turning(TEST_QUESTIONS + answered, into) as server:
        server.list(BL, str(RANGE[7]))
        seen = await look(server, zone())
    assert seen.listed == {}
    assert seen.unheard.keys() == set(RANGE)
    assert all(why[BL].startswith("after the round it lists ") for why in seen.unheard.values())


@pytest.mark.parametrize("into", [Dead(), RefusesUs(), Parked(), Rcode(2)], ids=["silent", "refuses", "sold", "fails"])
async def test_a_list_that_fails_in_mid_round_clears_nobody_whom_it_did_not_answer_about(into: Behaviour) -> None:
    async with Turning(TEST_QUESTIONS + 8, into) as server:
        seen = await look(server, zone())
    assert seen.listed == {}
    assert len(seen.unheard) == 8


async def test_a_list_that_holds_before_and_after_is_believed() -> None:
    async with ZoneServer(BL) as server:
        server.list(BL, str(RANGE[7]), reason="Spam")
        seen = await look(server, zone())
        way = f"through 127.0.0.1:{server.port}; its test entries held before and after"
    assert seen.listed == {RANGE[7]: {BL: Listed((0x7F000002,), "Spam")}}
    assert seen.unheard == {}
    assert look_at_range(seen, Listing()) == Bad((Witness(BL, "Spam", str(RANGE[7]), way, "127.0.0.2"),))


async def test_of_many_listings_some_are_asked_for_their_reason() -> None:
    async with ZoneServer(BL) as server:
        for address in RANGE:
            server.list(BL, str(address), reason=f"Spam from {address}")
        seen = await look(server, zone())
    reasons = [said[BL].reason for said in seen.listed.values()]
    assert len(reasons) == 16
    assert sum(reason is not None for reason in reasons) == REASONS


async def test_two_families_of_one_range_are_asked_of_one_list() -> None:
    six = IPv6Address("2a01:4f8::5")
    async with ZoneServer(BL) as server:
        server.list(BL, "2a01:4f8::/64")
        async with Engine([server.address], QUICK) as engine:
            probe = BlocklistProbe([zone(BL, 4, 6)], engine, Random(1), timedelta(hours=1), {})
            await probe.examine(AT, {})
            ranges = (RANGE, IPv4Network("185.100.1.0/28"))
            mixed = replace(WATCHED, unit=Unit("unit", "tier", "supplier", ranges, six))
            seen = (await probe.look([mixed], AT, EVERY_ADDRESS))["unit"]
    assert isinstance(seen, RangeSeen)
    assert seen.listed.keys() == {six}
    assert len(seen.probed) == 33
    assert seen.panel[BL].weight is Weight.ALERT
