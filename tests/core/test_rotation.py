"""Which addresses come up in which round, and what the budgets allow."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.fleet import Unit
from monitor.core.rotation import Load, Turn, addresses_of, rounds_within, share_out, standing_for

SMALL = Unit("u", "t", "s", (ip_network("203.0.113.16/28"),), ip_address("203.0.113.20"))
LARGE = Unit("u", "t", "s", (ip_network("203.0.113.0/24"), ip_network("198.51.100.0/26")))
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


@given(rounds=st.integers(1, 60), sample=st.integers(2, 300), first=st.integers(0, 10**9))
def test_every_address_comes_up_within_the_rounds_that_the_turn_names(rounds: int, sample: int, first: int) -> None:
    total = 256 + 64
    needed = max(rounds, -(-total // (sample - 1)))
    seen = {
        address
        for number in range(first, first + needed)
        for address in addresses_of(LARGE, Turn(number, rounds, sample))
    }

    assert len(seen) == total


@given(number=st.integers(0, 10**9), rounds=st.integers(1, 60))
def test_the_customers_own_address_is_asked_about_first_in_every_round(number: int, rounds: int) -> None:
    asked = addresses_of(SMALL, Turn(number, rounds))

    assert asked[0] == ip_address("203.0.113.20")
    assert len(asked) == len(set(asked))
    assert all(address in SMALL.ranges[0] for address in asked)


def test_first_and_last_address_of_a_range_are_among_them() -> None:
    asked = addresses_of(SMALL, Turn(7))

    assert {ip_address("203.0.113.16"), ip_address("203.0.113.31")} <= set(asked)
    assert len(asked) == 16


def test_what_was_listed_is_asked_about_in_every_round() -> None:
    listed = (ip_address("203.0.113.99"),)

    assert all(listed[0] in addresses_of(LARGE, Turn(number, 100), listed) for number in range(50))


def test_of_an_ipv6_range_only_the_own_address_and_the_first_are_asked() -> None:
    unit = Unit("u", "t", "s", (ip_network("2001:db8:7::/48"),), ip_address("2001:db8:7::5"))

    assert addresses_of(unit, Turn(0, 96)) == [ip_address("2001:db8:7::5"), ip_address("2001:db8:7::")]


def test_a_unit_without_a_range_has_no_address_to_ask_about() -> None:
    assert addresses_of(Unit("u", "t", "s"), Turn(0)) == []


@pytest.mark.parametrize(
    ("sizes", "rounds", "allowed", "load"),
    [
        pytest.param([16] * 10, 1, None, Load(160, 1, 1), id="without a budget everything at once"),
        pytest.param([16] * 10, 5, None, Load(40, 5, 5), id="as slowly as was wished"),
        pytest.param([16] * 10, 1, 160, Load(160, 1, 1), id="a budget that suffices changes nothing"),
        pytest.param([16] * 10, 1, 159, Load(90, 2, 1), id="a budget that does not doubles the rounds"),
        pytest.param([16] * 10, 1, 20, Load(20, 15, 1), id="just one beside the own address"),
        pytest.param([16] * 10, 1, 5, Load(20, 16, 1), id="the own address is asked even where that is too much"),
        pytest.param([], 4, 10, Load(0, 4, 4), id="nothing to ask"),
    ],
)
def test_the_fewest_rounds_that_the_budget_allows(
    sizes: list[int], rounds: int, allowed: int | None, load: Load
) -> None:
    assert share_out(sizes, rounds, allowed) == load


@given(sizes=st.lists(st.integers(1, 5000), max_size=40), rounds=st.integers(1, 50), allowed=st.integers(0, 100_000))
def test_a_round_stays_within_its_budget_unless_the_own_addresses_alone_break_it(
    sizes: list[int], rounds: int, allowed: int
) -> None:
    load = share_out(sizes, rounds, allowed)

    assert load.rounds >= rounds
    assert load.addresses <= allowed or load.addresses <= 2 * len(sizes)


@pytest.mark.parametrize(
    ("wish", "rounds"),
    [(None, 1), (timedelta(minutes=5), 1), (timedelta(minutes=15), 1), (timedelta(hours=6), 24)],
)
def test_a_wish_becomes_a_number_of_rounds(wish: timedelta | None, rounds: int) -> None:
    assert rounds_within(wish, timedelta(minutes=15)) == rounds


def test_rounds_are_counted_from_when_we_began_to_watch() -> None:
    now = int(NOON.timestamp() // 900)

    assert Turn(now, 24, seconds=900).since(NOON - timedelta(hours=1)) == 5
    assert Turn(now, 24, seconds=900).since(NOON + timedelta(hours=1)) == 1
    assert Turn(now, 24, seconds=900).since(None) == 24
    assert Turn(now, 24).since(NOON) == 24


@pytest.mark.parametrize(
    ("turn", "watched", "stands_for"),
    [
        pytest.param(Turn(0), 1, 320, id="asked whole in one round"),
        pytest.param(Turn(0, 1, 512), 1, 320, id="a large sample takes it whole"),
        pytest.param(Turn(0, 32), 1, 10, id="one part of many"),
        pytest.param(Turn(0, 32), 5, 50, id="five parts"),
        pytest.param(Turn(0, 32), 1000, 320, id="never more than there are"),
    ],
)
def test_how_many_addresses_the_rounds_so_far_stand_for(turn: Turn, watched: int, stands_for: int) -> None:
    turn = Turn(turn.number, turn.rounds, max(turn.sample, 512))

    assert standing_for(LARGE, turn, watched) == stands_for


@pytest.mark.parametrize(
    "unit",
    [
        pytest.param(Unit("u", "t", "s", (ip_network("203.0.113.7/32"),)), id="one address"),
        pytest.param(Unit("u", "t", "s", (ip_network("2001:db8:7::/48"),)), id="an IPv6 range"),
        pytest.param(Unit("u", "t", "s"), id="no range"),
    ],
)
def test_the_own_address_stands_for_itself(unit: Unit) -> None:
    assert standing_for(unit, Turn(0, 8), 0) == 1
