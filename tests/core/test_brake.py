"""How many replacements may be approved by themselves."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.coverage import BrakeLimits
from monitor.core.stock import Approval, Brake, Limit, Reached
from tests.core.shop import POLICY, SECOND, T, after

WIDE = BrakeLimits(per_hour=1000, per_day=1000, supplier_per_hour=1000, provider_per_hour=1000, tier_share_per_hour=1.0)


def approval(
    at: datetime = T, supplier: str = "acme", provider: str | None = "digitalocean", tier: str | None = "do-2gb"
) -> Approval:
    return Approval(at, supplier, provider, tier)


def room(
    limits: BrakeLimits,
    before: list[Approval],
    now: Approval | None = None,
    stood: int = 0,
) -> Reached | None:
    return Brake(limits, T, before, {"do-2gb": stood}).spend(now or approval())


@pytest.mark.parametrize(
    ("limits", "counted", "not_counted", "reached"),
    [
        pytest.param(
            replace(WIDE, per_hour=3),
            approval(),
            approval(after("-1h")),
            Reached(Limit.PER_HOUR, "", 3),
            id="in an hour",
        ),
        pytest.param(
            replace(WIDE, per_day=3),
            approval(after("-24h") + SECOND),
            approval(after("-24h")),
            Reached(Limit.PER_DAY, "", 3),
            id="in a day",
        ),
        pytest.param(
            replace(WIDE, supplier_per_hour=3),
            approval(provider=None),
            approval(supplier="bolt"),
            Reached(Limit.SUPPLIER_PER_HOUR, "acme", 3),
            id="of one supplier",
        ),
        pytest.param(
            replace(WIDE, provider_per_hour=3),
            approval(supplier="bolt"),
            approval(provider="vultr"),
            Reached(Limit.PROVIDER_PER_HOUR, "digitalocean", 3),
            id="of one provider",
        ),
    ],
)
def test_the_brake_counts(limits: BrakeLimits, counted: Approval, not_counted: Approval, reached: Reached) -> None:
    assert room(limits, [counted] * 2 + [not_counted] * 9) is None
    assert room(limits, [counted] * 3 + [not_counted] * 9) == reached


def test_what_is_spent_now_counts_at_once() -> None:
    brake = Brake(replace(WIDE, per_hour=2), T, [], {})

    spent = [brake.spend(approval()) for _ in range(4)]

    assert spent == [None, None, Reached(Limit.PER_HOUR, "", 2), Reached(Limit.PER_HOUR, "", 2)]


def test_what_found_no_room_takes_none() -> None:
    brake = Brake(replace(WIDE, supplier_per_hour=1), T, [], {})

    assert brake.spend(approval(supplier="acme")) is None
    assert brake.spend(approval(supplier="acme")) == Reached(Limit.SUPPLIER_PER_HOUR, "acme", 1)
    assert brake.spend(approval(supplier="bolt")) is None


def test_what_has_no_provider_is_not_counted_by_provider() -> None:
    limits = replace(WIDE, provider_per_hour=0)

    assert room(limits, [], approval(provider=None)) is None
    assert room(limits, [], approval()) == Reached(Limit.PROVIDER_PER_HOUR, "digitalocean", 0)


@pytest.mark.parametrize(
    ("stood", "allowed"),
    [
        pytest.param(10, 3, id="three of ten"),
        pytest.param(13, 3, id="three of thirteen"),
        pytest.param(14, 4, id="four of fourteen"),
        pytest.param(100, 30, id="thirty of a hundred"),
        pytest.param(3, 1, id="one of three, or none would ever be"),
        pytest.param(1, 1, id="the only one"),
    ],
)
def test_no_tier_gives_away_more_than_its_share_in_an_hour(stood: int, allowed: int) -> None:
    limits = replace(WIDE, tier_share_per_hour=0.30 if stood != 14 else 0.29)

    assert room(limits, [approval()] * (allowed - 1), stood=stood) is None
    assert room(limits, [approval()] * allowed, stood=stood) == Reached(Limit.TIER_SHARE_PER_HOUR, "do-2gb", allowed)


def test_a_share_is_that_of_the_spares_own_tier() -> None:
    limits = replace(WIDE, tier_share_per_hour=0.1)

    assert room(limits, [approval(tier="do-4gb")] * 9, stood=10) is None


def test_a_share_of_nothing_stops_nobody() -> None:
    # Whoever is approved waits for stock.
    assert room(replace(WIDE, tier_share_per_hour=0.1), [approval()] * 9, approval(tier=None), stood=10) is None
    assert room(replace(WIDE, tier_share_per_hour=0.1), [approval()] * 9, stood=0) is None
    assert Brake(replace(WIDE, tier_share_per_hour=0.1), T, [], {}).spend(approval()) is None


def test_a_share_is_not_lost_to_the_binary_system() -> None:
    # 0.29 * 100 is 28.999999999999996 to a computer.
    assert room(replace(WIDE, tier_share_per_hour=0.29), [approval()] * 28, stood=100) is None


def test_the_shipped_brake_lets_twenty_through_in_an_hour_and_a_hundred_in_a_day() -> None:
    def elsewhere(number: int, at: datetime) -> Approval:
        return Approval(at, f"supplier-{number % 7}", f"provider-{number % 7}", f"tier-{number}")

    hour = [elsewhere(number, T) for number in range(20)]
    day = [elsewhere(number, after("-2h")) for number in range(100)]

    assert room(POLICY.brake, hour[:19], stood=100) is None
    assert room(POLICY.brake, hour, stood=100) == Reached(Limit.PER_HOUR, "", 20)
    assert room(POLICY.brake, day[:99], stood=100) is None
    assert room(POLICY.brake, day, stood=100) == Reached(Limit.PER_DAY, "", 100)


def test_a_clock_that_ran_ahead_gives_no_room_away() -> None:
    assert room(replace(WIDE, per_hour=1), [approval(T + SECOND)]) == Reached(Limit.PER_HOUR, "", 1)


approvals = st.builds(
    Approval,
    st.timedeltas(timedelta(hours=-30), timedelta()).map(lambda ago: T + ago),
    st.sampled_from(["acme", "bolt"]),
    st.sampled_from([None, "digitalocean", "vultr"]),
    st.sampled_from([None, "do-2gb", "vultr-2gb"]),
)
limits = st.builds(
    BrakeLimits,
    st.integers(0, 6),
    st.integers(0, 12),
    st.integers(0, 5),
    st.integers(0, 5),
    st.sampled_from([0.1, 0.3, 1.0]),
)


@given(limits, st.lists(approvals, max_size=8), st.lists(approvals, max_size=20))
def test_no_limit_is_ever_passed(limits: BrakeLimits, before: list[Approval], wishes: list[Approval]) -> None:
    stood = {"do-2gb": 10, "vultr-2gb": 4}
    brake = Brake(limits, T, before, stood)

    through = [wish for wish in (replace(each, at=T) for each in wishes) if brake.spend(wish) is None]

    if through:
        hour = [each for each in [*before, *through] if T - each.at < timedelta(hours=1)]
        day = [each for each in [*before, *through] if T - each.at < timedelta(hours=24)]
        for each in through:
            assert sum(other.supplier == each.supplier for other in hour) <= limits.supplier_per_hour
            if each.provider is not None:
                assert sum(other.provider == each.provider for other in hour) <= limits.provider_per_hour
            if each.tier is not None:
                share = max(1, int(stood[each.tier] * limits.tier_share_per_hour))
                assert sum(other.tier == each.tier for other in hour) <= share
        assert len(hour) <= limits.per_hour
        assert len(day) <= limits.per_day


@given(limits, st.lists(approvals, max_size=12), approvals)
def test_the_order_of_what_was_approved_does_not_matter(
    limits: BrakeLimits, before: list[Approval], wish: Approval
) -> None:
    assert Brake(limits, T, before[::-1], {}).spend(wish) == Brake(limits, T, before, {}).spend(wish)


@given(limits, st.lists(approvals, max_size=4), approvals)
def test_what_is_counted_together_weighs_as_much_as_one_by_one(
    limits: BrakeLimits, before: list[Approval], wish: Approval
) -> None:
    together = [replace(each, count=3) for each in before]

    assert Brake(limits, T, together, {}).spend(wish) == Brake(limits, T, before * 3, {}).spend(wish)
