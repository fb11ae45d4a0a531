"""Figures that an operator is held to."""

from datetime import timedelta

import pytest

from monitor.core.figures import Rate, Report, Spread, Told, report, spread
from tests.core.shop import T, maybe_after

MINUTE = timedelta(minutes=1)
SOLD = [("vpn", "acme", None, 80), ("vpn", "bolt", None, 20), ("vps", "acme", "vultr", 50)]


def told(
    tier: str = "vpn",
    supplier: str = "acme",
    provider: str | None = None,
    *,
    began: str = "-10m",
    approved: str | None = None,
    promised: str | None = None,
) -> Told:
    """Give a case that was opened at T."""
    at = maybe_after(began)
    assert at is not None
    return Told(tier, supplier, provider, at, T, maybe_after(approved), maybe_after(promised))


@pytest.mark.parametrize(
    ("minutes", "middle", "most", "longest"),
    [
        pytest.param([5], 5, 5, 5, id="one"),
        pytest.param([9, 1], 1, 9, 9, id="two"),
        pytest.param([3, 1, 2], 2, 3, 3, id="three"),
        pytest.param(list(range(10, 0, -1)), 5, 9, 10, id="ten"),
        pytest.param(list(range(1, 101)), 50, 90, 100, id="a hundred"),
    ],
)
def test_times_are_summed_up(minutes: list[int], middle: int, most: int, longest: int) -> None:
    found = spread(n * MINUTE for n in minutes)

    assert found == Spread(len(minutes), middle * MINUTE, most * MINUTE, longest * MINUTE)


def test_nothing_sums_up_to_nothing() -> None:
    assert spread([]) is None
    assert report([], []) == Report(Rate(0, 0, 0))
    assert Rate(0, 1, 1).share == 0.0


def test_a_time_is_summed_up_by_tier_supplier_and_provider() -> None:
    cases = [
        told(approved="0s", promised="1h"),
        told(supplier="bolt", approved="2h", promised="24h"),
        told("vps", "acme", "vultr", began="-30m", approved="4h", promised="24h1s"),
        told("vps", "gone", "vultr", began="5m"),
    ]

    assert report(SOLD, cases) == Report(
        whole=Rate(150, 4, 3),
        tiers={"vpn": Rate(100, 2, 2), "vps": Rate(50, 2, 1)},
        suppliers={"acme": Rate(130, 2, 2), "bolt": Rate(20, 1, 1), "gone": Rate(0, 1, 0)},
        providers={"vultr": Rate(50, 2, 1)},
        # What began after it was opened, as a report may say, was not found out by us.
        detect=Spread(3, 10 * MINUTE, 30 * MINUTE, 30 * MINUTE),
        verify=Spread(3, 120 * MINUTE, 240 * MINUTE, 240 * MINUTE),
        replace=Spread(3, timedelta(hours=24), timedelta(hours=24, seconds=1), timedelta(hours=24, seconds=1)),
        within_a_day=2 / 3,
    )
    assert Rate(100, 4, 3).share == 0.03


def test_what_is_found_out_at_once_was_found_out() -> None:
    assert report(SOLD, [told(began="0s")]).detect == Spread(1, timedelta(), timedelta(), timedelta())
