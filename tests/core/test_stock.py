"""Which spare, in which order."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.fleet import Niche, Spare, Tier, Unit
from monitor.core.stock import NOTHING_FROZEN, Frozen, Shelf, in_order
from tests.core.shop import SECOND, SMS, TIERS, VPN, VPN_BASIC, VPN_PLUS, VPS, T, after, spare, unit

HOUR = timedelta(hours=1)
GONE = Tier("gone", Niche.VPN, rank=99)


def names(wanted: Tier, shelf: Sequence[Spare], *, frozen: Frozen = NOTHING_FROZEN, now: datetime = T) -> list[str]:
    return [each.unit.name for each in in_order(wanted, shelf, TIERS, frozen, now, HOUR)]


def test_the_same_tier_comes_first_and_within_it_the_cheapest() -> None:
    shelf = [
        spare("better and cheap", tier=VPN_PLUS, cost="1"),
        spare("same and dear", cost="9"),
        spare("same and cheap", cost="3"),
        spare("better and dear", tier=VPN_PLUS, cost="8"),
    ]

    assert names(VPN, shelf) == ["same and cheap", "same and dear", "better and cheap", "better and dear"]


@pytest.mark.parametrize(
    ("offered", "serves"),
    [
        pytest.param(VPN, True, id="the same tier"),
        pytest.param(VPN_PLUS, True, id="a better one"),
        pytest.param(VPN_BASIC, False, id="a lower one"),
        pytest.param(Tier("twin", Niche.VPN, rank=10), True, id="one of equal rank"),
        pytest.param(Tier("other", Niche.SMS, rank=99), False, id="another niche, however good"),
    ],
)
def test_a_spare_serves_when_it_is_at_least_as_good(offered: Tier, *, serves: bool) -> None:
    shelf = [spare("s", tier=offered)]

    found = in_order(VPN, shelf, {**TIERS, offered.name: offered}, NOTHING_FROZEN, T, HOUR)

    assert found == (shelf if serves else [])


def test_a_tier_that_left_the_catalogue_serves_nobody() -> None:
    assert names(VPN, [spare("s", tier=GONE)]) == []
    assert names(GONE, [spare("s", tier=GONE)]) == []
    assert Shelf([spare("s", tier=GONE)], TIERS, NOTHING_FROZEN, T, HOUR).take(VPN) is None


def test_equal_prices_are_settled_by_rank_and_then_by_name() -> None:
    twin = Tier("twin", Niche.VPN, rank=10)
    shelf = [spare("b", tier=VPN_PLUS), spare("a", tier=VPN_PLUS), spare("z", tier=twin)]

    found = in_order(VPN, shelf, {**TIERS, "twin": twin}, NOTHING_FROZEN, T, HOUR)

    assert [each.unit.name for each in found] == ["z", "a", "b"]


@pytest.mark.parametrize(
    ("frozen", "left"),
    [
        pytest.param(NOTHING_FROZEN, ["a", "b"], id="nothing burns"),
        pytest.param(Frozen(suppliers={"bolt"}), ["b"], id="its supplier burns"),
        pytest.param(Frozen(ranges=[ip_network("198.51.100.0/24")]), ["b"], id="the network around it burns"),
        pytest.param(Frozen(ranges=[ip_network("198.51.100.8/30")]), ["b"], id="a part of it burns"),
        pytest.param(Frozen(ranges=[ip_network("198.51.100.16/28")]), ["a", "b"], id="the network beside it burns"),
        pytest.param(Frozen(ranges=[ip_network("2001:db8::/32")]), ["a"], id="an IPv6 network burns"),
        pytest.param(Frozen({"acme"}, [ip_network("198.51.100.0/24")]), [], id="both burn"),
    ],
)
def test_a_burning_spare_is_never_promised(frozen: Frozen, left: list[str]) -> None:
    shelf = [
        spare("a", supplier="bolt", ranges=["198.51.100.0/28"]),
        spare("b", supplier="acme", ranges=["203.0.113.0/28", "2001:db8:1::/48"]),
    ]

    assert names(VPN, shelf, frozen=frozen) == left


def test_an_address_without_its_range_burns_too() -> None:
    lone = Spare(Unit("a", VPN.name, "bolt", (ip_network("203.0.113.0/28"),), ip_address("198.51.100.7")), T)

    assert names(VPN, [lone], frozen=Frozen(ranges=[ip_network("198.51.100.0/24")])) == []
    assert names(VPN, [lone], frozen=Frozen(ranges=[ip_network("192.0.2.0/24")])) == ["a"]


@pytest.mark.parametrize(
    ("sound_at", "promised"),
    [
        pytest.param(T, True, id="seen sound now"),
        pytest.param(after("-1h"), True, id="an hour ago"),
        pytest.param(after("-1h") - SECOND, False, id="longer ago"),
        pytest.param(None, False, id="never seen"),
    ],
)
@pytest.mark.parametrize(
    ("tier", "item"),
    [
        pytest.param(VPN, unit("s", ranges=["198.51.100.0/28"]), id="a range"),
        pytest.param(VPS, unit("s", tier=VPS, access="do-9"), id="an account"),
    ],
)
def test_a_spare_that_can_be_probed_is_never_promised_unseen(
    tier: Tier, item: Unit, sound_at: datetime | None, *, promised: bool
) -> None:
    assert names(tier, [Spare(item, sound_at)]) == (["s"] if promised else [])


@pytest.mark.parametrize(
    ("tier", "item"),
    [
        pytest.param(SMS, unit("s", tier=SMS), id="a number"),
        pytest.param(SMS, unit("s", tier=SMS, access="login-9"), id="a number with a login"),
        pytest.param(VPS, unit("s", tier=VPS), id="an account that we have no access to"),
        pytest.param(VPN, unit("s", access="key-9"), id="a key without a range"),
    ],
)
def test_a_spare_that_cannot_be_probed_is_promised_as_it_is(tier: Tier, item: Unit) -> None:
    assert names(tier, [Spare(item, None)]) == ["s"]


def test_a_shelf_gives_each_spare_once() -> None:
    shelf = Shelf([spare("a"), spare("b", tier=VPN_PLUS)], TIERS, NOTHING_FROZEN, T, HOUR)

    taken = [shelf.take(VPN), shelf.take(VPN), shelf.take(VPN)]

    assert [each and each.unit.name for each in taken] == ["a", "b", None]


def test_a_shelf_keeps_what_a_better_tier_needs() -> None:
    shelf = Shelf([spare("a"), spare("b", tier=VPN_PLUS)], TIERS, NOTHING_FROZEN, T, HOUR)

    assert shelf.take(VPS) is None
    assert [each and each.unit.name for each in (shelf.take(VPN_PLUS), shelf.take(VPN_PLUS))] == ["b", None]


tiers = st.sampled_from(list(TIERS.values()))
frozen_things = st.builds(
    Frozen,
    st.sets(st.sampled_from(["acme", "bolt", "corp"])),
    st.lists(st.sampled_from(["198.51.100.0/24", "203.0.113.0/25"]).map(ip_network), max_size=2),
)


@st.composite
def shelves(draw: st.DrawFn) -> list[Spare]:
    """Draw spares of all kinds, each with its own name."""
    return [
        spare(
            f"s{number}",
            tier=draw(tiers),
            supplier=draw(st.sampled_from(["acme", "bolt", "corp"])),
            cost=str(draw(st.integers(0, 3))),
            ranges=[draw(st.sampled_from(["198.51.100.0/28", "203.0.113.0/28", "192.0.2.0/28"]))],
            sound_at=draw(st.sampled_from([None, T, after("-2h")])),
        )
        for number in range(draw(st.integers(0, 12)))
    ]


@given(tiers, shelves(), frozen_things)
def test_no_order_ever_holds_what_may_not_be_promised(wanted: Tier, shelf: list[Spare], frozen: Frozen) -> None:
    for found in in_order(wanted, shelf, TIERS, frozen, T, HOUR):
        offered = TIERS[found.unit.tier]
        assert offered.niche is wanted.niche
        assert offered.rank >= wanted.rank
        assert found.unit.supplier not in frozen.suppliers
        assert not any(network.overlaps(mine) for network in frozen.ranges for mine in found.unit.ranges)
        assert found.sound_at == T or wanted.niche is not Niche.VPN


@given(tiers, shelves(), frozen_things)
def test_every_order_is_the_same_tier_first_and_then_the_cheapest(
    wanted: Tier, shelf: list[Spare], frozen: Frozen
) -> None:
    found = in_order(wanted, shelf, TIERS, frozen, T, HOUR)

    keys: list[tuple[bool, Decimal]] = [(each.unit.tier != wanted.name, each.unit.cost) for each in found]
    assert keys == sorted(keys)
    assert len({each.unit.name for each in found}) == len(found)
    assert found == in_order(wanted, shelf[::-1], TIERS, frozen, T, HOUR)


@given(st.lists(tiers, max_size=14), shelves(), frozen_things)
def test_taking_from_a_shelf_is_taking_the_first_in_order(
    wishes: list[Tier], spares: list[Spare], frozen: Frozen
) -> None:
    shelf, left = Shelf(spares, TIERS, frozen, T, HOUR), list(spares)

    for wanted in wishes:
        order = in_order(wanted, left, TIERS, frozen, T, HOUR)
        expected = order[0] if order else None
        assert shelf.next_tier(wanted) == (expected and expected.unit.tier)
        assert shelf.take(wanted) == expected
        if expected is not None:
            left.remove(expected)


def test_of_several_better_tiers_the_one_with_the_cheapest_spare_serves() -> None:
    # Neither by their names nor by the order in which they came.
    tiers = {name: Tier(name, Niche.VPN, rank=30) for name in ("alpha", "omega")}
    shelf = [spare("dear", tier=tiers["alpha"], cost="9"), spare("cheap", tier=tiers["omega"], cost="2")]

    taken = Shelf(shelf, {**TIERS, **tiers}, NOTHING_FROZEN, T, HOUR)

    assert [taken.take(VPN), taken.take(VPN), taken.take(VPN)] == [shelf[1], shelf[0], None]
