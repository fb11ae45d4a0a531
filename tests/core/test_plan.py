"""What is due, and which addresses of a range are asked about."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, ip_address, ip_network
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.coverage import Defect, Standing
from monitor.core.fleet import Niche, Unit
from monitor.core.plan import (
    Check,
    Sharing,
    Slot,
    Watched,
    door_of,
    is_due,
    is_probed,
    longest_window,
    plan_sweep,
    slot,
)
from monitor.core.rotation import Turn, addresses_of
from tests.core.shop import POLICY, VPN, VPS, T, after, delivery, maybe_after, unit

HALF_HOUR = Slot(datetime(2026, 6, 1, 12, tzinfo=UTC), 989064, seconds=1800.0)
NEVER = Standing()
ORIGINS = [("a", 1), ("a", 2), ("a", 3), ("a", 4), ("b", 1), ("b", 2), ("c", 1)]
"""Suppliers and the numbers of their units."""


def shelved(item: Unit, niche: Niche = Niche.VPN) -> Watched:
    return Watched(item, niche, None, None)


def delivered(*, imported: str = "0s", standing: Standing = NEVER) -> Watched:
    handed = delivery(imported_at=after(imported))
    return Watched(handed.unit, Niche.VPN, None, handed, {Defect.RANGE_LISTED: standing})


def test_each_check_proves_its_defects() -> None:
    assert {check: check.defects for check in Check} == {
        Check.BLOCKLIST: (Defect.RANGE_LISTED,),
        Check.ACCOUNT: (Defect.ACCOUNT_BANNED, Defect.WRONG_REGION, Defect.MISSING_FEATURE),
        Check.ENDPOINT: (Defect.KEY_BANNED,),
    }


@pytest.mark.parametrize(
    ("now", "due_at"),
    [
        ("2026-06-01T12:00:00+00:00", "2026-06-01T12:00:00+00:00"),
        ("2026-06-01T12:29:59.999999+00:00", "2026-06-01T12:00:00+00:00"),
        ("2026-06-01T12:30:00+00:00", "2026-06-01T12:30:00+00:00"),
        ("2026-06-01T20:10:00+08:00", "2026-06-01T12:00:00+00:00"),
    ],
)
def test_a_slot_is_the_same_on_every_node(now: str, due_at: str) -> None:
    assert slot(datetime.fromisoformat(now), timedelta(minutes=30)).due_at == datetime.fromisoformat(due_at)


def test_slots_are_numbered_one_after_another() -> None:
    first, then = (slot(after(words), timedelta(minutes=30)) for words in ("0s", "30m"))

    assert first == HALF_HOUR
    assert then.number == first.number + 1


@given(st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1)), st.integers(1, 86400))  # noqa: DTZ001 - Hypothesis asks for naive ends
def test_every_instant_lies_in_its_slot(naive: datetime, seconds: int) -> None:
    now, every = naive.replace(tzinfo=UTC), timedelta(seconds=seconds)

    found = slot(now, every)

    assert found.due_at <= now < found.due_at + every
    assert slot(found.due_at, every) == found


@pytest.mark.parametrize(
    ("check", "item", "niche", "probed"),
    [
        pytest.param(Check.BLOCKLIST, unit(ranges=["203.0.113.0/28"]), Niche.VPN, True, id="a range"),
        pytest.param(Check.BLOCKLIST, unit(), Niche.VPN, False, id="a vpn account without a range"),
        pytest.param(Check.BLOCKLIST, unit(ranges=["203.0.113.0/28"]), Niche.VPS, False, id="a server's network"),
        pytest.param(Check.ACCOUNT, unit(access="do-1"), Niche.VPS, True, id="an account"),
        pytest.param(Check.ACCOUNT, unit(), Niche.VPS, False, id="an account without access"),
        pytest.param(Check.ACCOUNT, unit(access="netflix-1"), Niche.STREAMING, False, id="a subscription"),
    ],
)
def test_what_can_be_probed(check: Check, item: Unit, niche: Niche, *, probed: bool) -> None:
    assert is_probed(check, item, niche) is probed


def test_a_spare_is_always_due() -> None:
    assert is_due(Check.BLOCKLIST, shelved(unit()), POLICY, after("365d"))


@pytest.mark.parametrize(
    ("imported", "last_ok", "first_bad", "now", "due"),
    [
        pytest.param("0s", None, None, "0s", True, id="just delivered"),
        pytest.param("0s", "23h", None, "24h", True, id="on the last second of the window"),
        pytest.param("0s", "24h", None, "24h", True, id="the last second belongs to it, whatever was seen"),
        pytest.param("0s", "24h", None, "24h1s", False, id="over, and seen fine at its end"),
        pytest.param("0s", "25h", None, "26h", False, id="over, and seen fine after it"),
        pytest.param("0s", "23h59m59s", None, "24h1s", True, id="over, but not seen fine at its end"),
        pytest.param("0s", None, None, "24h1s", True, id="over, and never seen fine"),
        pytest.param("0s", "23h", "25h", "26h", True, id="suspected: confirmation and healing need further looks"),
        pytest.param("0s", "25h", "26h", "27h", True, id="suspected after the window"),
        pytest.param("24h", None, None, "24h1s", True, id="imported on the last second"),
        pytest.param("24h1s", None, None, "24h1s", False, id="over before we began to watch"),
        pytest.param("30d", "20h", "21h", "30d", False, id="over before we began to watch, whatever was seen"),
    ],
)
def test_a_delivery_is_due_while_looking_can_change_what_is_owed(
    imported: str, last_ok: str | None, first_bad: str | None, now: str, *, due: bool
) -> None:
    standing = Standing(last_ok=maybe_after(last_ok), first_bad=maybe_after(first_bad))

    assert is_due(Check.BLOCKLIST, delivered(imported=imported, standing=standing), POLICY, after(now)) is due


def test_a_sweep_holds_what_is_due_in_shards_of_a_size() -> None:
    spares = [shelved(unit(f"spare-{n}", ranges=["203.0.113.0/28"])) for n in range(5)]
    over = delivered(imported="25h")
    server = shelved(unit("server", tier=VPS, access="do-1"), Niche.VPS)

    sweep = plan_sweep(Check.BLOCKLIST, HALF_HOUR, [over, *spares, server], POLICY, after("26h"), shard_size=2)

    assert (sweep.check, sweep.slot) == (Check.BLOCKLIST, HALF_HOUR)
    assert [(shard.index, [target.unit.name for target in shard.targets]) for shard in sweep.shards] == [
        (0, ["spare-0", "spare-1"]),
        (1, ["spare-2", "spare-3"]),
        (2, ["spare-4"]),
    ]


def test_where_nothing_is_due_there_is_no_shard() -> None:
    assert plan_sweep(Check.ACCOUNT, HALF_HOUR, [shelved(unit())], POLICY, after("0s"), 10).shards == ()


def hosts(*words: str) -> list[object]:
    return [ip_address(word) for word in words]


def of(*ranges: str, main: str | None = None) -> Unit:
    item = unit(tier=VPN, ranges=ranges)
    return item if main is None else replace(item, address=ip_address(main))


@pytest.mark.parametrize(
    ("item", "sample", "asked"),
    [
        pytest.param(of(), 4, [], id="a unit without addresses"),
        pytest.param(
            of("203.0.113.0/30"),
            4,
            hosts("203.0.113.0", "203.0.113.1", "203.0.113.2", "203.0.113.3"),
            id="a small range whole, its first and last address included",
        ),
        pytest.param(
            of("203.0.113.0/30", main="203.0.113.2"),
            4,
            hosts("203.0.113.2", "203.0.113.0", "203.0.113.1", "203.0.113.3"),
            id="the customer's own first",
        ),
        pytest.param(
            of("203.0.113.0/31", main="198.51.100.9"),
            4,
            hosts("198.51.100.9", "203.0.113.0", "203.0.113.1"),
            id="one outside the range",
        ),
        pytest.param(
            of("203.0.113.0/31", "198.51.100.6/31"),
            4,
            hosts("203.0.113.0", "203.0.113.1", "198.51.100.6", "198.51.100.7"),
            id="several ranges one after another",
        ),
        pytest.param(
            of("203.0.113.0/31", "203.0.113.0/32"),
            4,
            hosts("203.0.113.0", "203.0.113.1"),
            id="ranges that overlap are asked once",
        ),
        pytest.param(
            of("2001:db8::/48", main="2001:db8::7"),
            4,
            hosts("2001:db8::7", "2001:db8::"),
            id="of IPv6 the customer's own and the first",
        ),
        pytest.param(
            of("203.0.113.0/31", "2001:db8::/48"),
            4,
            hosts("203.0.113.0", "203.0.113.1", "2001:db8::"),
            id="both families",
        ),
    ],
)
def test_the_addresses_of_a_small_unit(item: Unit, sample: int, asked: list[object]) -> None:
    assert [addresses_of(item, Turn(round_, 1, sample)) for round_ in (0, 1, 989064)] == [asked] * 3


def test_a_large_range_is_asked_in_parts_that_change() -> None:
    item = of("203.0.113.0/24")

    assert addresses_of(item, Turn(0, 1, 4)) == hosts("203.0.113.0", "203.0.113.159", "203.0.113.62")
    assert addresses_of(item, Turn(1, 1, 4)) == hosts("203.0.113.0", "203.0.113.221", "203.0.113.124", "203.0.113.27")


networks = st.tuples(st.integers(0, 255), st.integers(22, 32)).map(
    lambda each: ip_network(f"10.{each[0]}.0.0/{each[1]}")
)
rounds = st.integers(0, 2**40)


@given(st.lists(networks, min_size=1, max_size=4), rounds, st.integers(1, 300))
def test_no_address_is_asked_twice_in_a_round_and_the_customers_own_comes_first(
    ranges: Sequence[object], round_: int, sample: int
) -> None:
    item = of(*map(str, ranges))

    asked = addresses_of(item, Turn(round_, 1, sample))

    assert asked[0] == item.main_address
    assert len(set(asked)) == len(asked)
    assert len(asked) <= max(sample, 2)
    assert all(any(address in network for network in item.ranges) for address in asked)


@given(
    st.lists(networks, min_size=1, max_size=4, unique_by=lambda each: each.network_address),
    rounds,
    st.integers(30, 300),
)
def test_every_address_comes_up_within_the_stated_rounds(ranges: Sequence[object], first: int, sample: int) -> None:
    item = of(*map(str, ranges))
    every = {address for network in item.ranges for address in network}

    asked = {
        address
        for round_ in range(first, first + ceil(len(every) / (sample - 1)))
        for address in addresses_of(item, Turn(round_, 1, sample))
    }

    assert asked == every


@given(rounds)
def test_a_part_of_a_range_is_spread_over_it(round_: int) -> None:
    main, *rest = addresses_of(of("203.0.113.0/24"), Turn(round_, 1, 17))
    places = sorted(int(address) - int(main) for address in rest)

    # Sixteen of 256: nowhere do more than three of them share a sixteenth of the range.
    assert max(sum(16 * part <= place < 16 * (part + 1) for place in places) for part in range(16)) <= 3
    assert all(isinstance(address, IPv4Address) for address in rest)


def account(name: str, access: str) -> Watched:
    return Watched(unit(name, tier=VPS, access=access), Niche.VPS, "digitalocean", None)


def keyed(name: str, endpoint: str | None, access: str | None = "conf") -> Watched:
    item = replace(unit(name, ranges=["203.0.113.0/28"]), access=access, protocol="wireguard", endpoint=endpoint)
    return Watched(item, Niche.VPN, None, None)


def names(check: Check, items: Sequence[Watched], size: int) -> list[list[str]]:
    sweep = plan_sweep(check, HALF_HOUR, items, POLICY, after("1h"), size)
    return [[each.unit.name for each in shard.targets] for shard in sweep.shards]


def test_units_behind_one_account_lie_in_one_shard_however_many_they_are() -> None:
    items = [account(f"{access}{n}", access) for n in range(3) for access in "ab"] + [account("c0", "c")]

    assert names(Check.ACCOUNT, items, 2) == [["a0", "a1", "a2"], ["b0", "b1", "b2"], ["c0"]]
    assert names(Check.ACCOUNT, items, 6) == [["a0", "a1", "a2", "b0", "b1", "b2"], ["c0"]]
    assert names(Check.ACCOUNT, [], 6) == []


def test_keys_of_one_endpoint_lie_in_one_shard_and_those_without_one_stand_alone() -> None:
    items = [keyed("a", "1.2.3.4:51820"), keyed("b", None), keyed("c", "1.2.3.4:51820"), keyed("d", None)]

    assert names(Check.ENDPOINT, items, 1) == [["a", "c"], ["b"], ["d"]]
    assert names(Check.ENDPOINT, [keyed("e", None, access=None)], 1) == []


def test_each_suppliers_units_are_spread_evenly_over_the_shards() -> None:
    items = [shelved(unit(f"{supplier}{n}", supplier=supplier, ranges=["203.0.113.0/28"])) for supplier, n in ORIGINS]

    assert names(Check.BLOCKLIST, items, 3) == [["a1", "b1", "a2"], ["c1", "a3", "b2"], ["a4"]]


def test_an_account_is_looked_at_whole_in_every_round_whatever_the_ranges_are_allowed() -> None:
    slow = Sharing(rounds=24, allowed=100, sample=64)
    sweep = plan_sweep(Check.ACCOUNT, HALF_HOUR, [account("a", "a")], POLICY, after("1h"), 6, slow)

    assert sweep.turn == Turn(HALF_HOUR.number, 1, 64, 1800.0)


def test_a_policy_without_a_rule_for_it_has_no_window_in_which_to_look() -> None:
    assert longest_window(Check.ENDPOINT, POLICY) == timedelta(hours=24)
    assert longest_window(Check.ENDPOINT, replace(POLICY, rules={})) == timedelta()


def test_what_is_asked_has_a_door_of_its_own() -> None:
    assert door_of(Check.ACCOUNT, account("a", "shared")) == ("digitalocean", "shared")
    assert door_of(Check.ENDPOINT, keyed("a", None)) == ("wireguard", "a")
    assert door_of(Check.BLOCKLIST, keyed("a", None)) == ("a",)


@pytest.mark.parametrize(
    ("standing", "due"),
    [
        pytest.param(Standing(), False, id="never judged"),
        pytest.param(Standing(last_ok=after("1h")), False, id="fine when handed over"),
        pytest.param(Standing(last_ok=T, first_bad=after("1h")), False, id="fine at the very instant"),
        pytest.param(Standing(first_bad=after("1h")), True, id="bad when handed over: it may heal"),
        pytest.param(Standing(last_ok=after("-1h"), first_bad=after("1h")), True, id="fine on the shelf alone"),
        pytest.param(Standing(last_ok=after("1h"), first_bad=after("2h")), False, id="changed by the customer"),
    ],
)
def test_what_was_handed_over_is_looked_at_further_only_while_it_may_heal(standing: Standing, due: bool) -> None:
    handed = delivery(tier=VPS, ranges=())
    known = {Defect.ACCOUNT_BANNED: Standing(last_ok=after("24h")), Defect.WRONG_REGION: standing}
    watched = Watched(handed.unit, Niche.VPS, "digitalocean", handed, known)

    assert is_due(Check.ACCOUNT, watched, POLICY, after("25h")) is due
