"""The plan looks harder near the end of a window, and shares large ranges out over rounds."""

from datetime import UTC, datetime, timedelta

import pytest

from config import load_policy
from monitor.core.fleet import Delivery, Niche, Tier, Unit
from monitor.core.plan import (
    Check,
    Sharing,
    Watched,
    closing_slot,
    ends_in,
    load_of,
    plan_sweep,
    slot,
)
from monitor.core.rotation import Turn
from monitor.core.words import parse_network

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
DAY = timedelta(hours=24)
POLICY = load_policy()


def watched(delivered_at: datetime, ranges: str = "203.0.113.0/28") -> Watched:
    unit = Unit("vpn-1", "vpn-eu", "northwind", tuple(parse_network(each) for each in ranges.split()))
    tier = Tier("vpn-eu", Niche.VPN, 10)
    delivery = Delivery(1, "INV-1", 1, 0, "alice", unit, tier, delivered_at, delivered_at)
    return Watched(unit, Niche.VPN, None, delivery)


@pytest.mark.parametrize(
    ("left", "looked_at"),
    [
        pytest.param(timedelta(seconds=0), True, id="ends now"),
        pytest.param(timedelta(minutes=5, seconds=59), True, id="ends in the next short slot"),
        pytest.param(timedelta(minutes=6), False, id="ends later"),
        pytest.param(timedelta(seconds=-1), False, id="ended before the slot"),
    ],
)
def test_a_closing_sweep_looks_at_windows_that_end_in_its_slot_or_the_next(left: timedelta, looked_at: bool) -> None:
    due = closing_slot(NOON, QUARTER)

    sweep = plan_sweep(Check.BLOCKLIST, due, [watched(NOON + left - DAY)], POLICY, NOON, 200)

    assert due.seconds == 180
    assert bool(sweep.shards) is looked_at


def test_a_closing_sweep_passes_spares_by() -> None:
    spare = watched(NOON)
    spare = Watched(spare.unit, Niche.VPN, None, None)

    assert not ends_in(Check.BLOCKLIST, spare, POLICY, closing_slot(NOON, QUARTER))


def test_the_rounds_of_a_sweep_follow_from_the_budget_of_all_its_ranges() -> None:
    many = [watched(NOON) for _ in range(10)]

    sweep = plan_sweep(Check.BLOCKLIST, slot(NOON, QUARTER), many, POLICY, NOON, 4, Sharing(1, 90, 64))

    assert sweep.turn == Turn(int(NOON.timestamp() // 900), 2, 64, 900)
    assert [len(shard.targets) for shard in sweep.shards] == [4, 4, 2]


def test_an_ipv6_range_counts_as_the_one_address_that_is_asked() -> None:
    assert load_of([watched(NOON, "2001:db8:1::/48").unit], Sharing()).addresses == 1
