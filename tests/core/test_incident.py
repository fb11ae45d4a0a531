"""Failures with one origin."""

from collections.abc import Sequence
from datetime import timedelta
from ipaddress import ip_network
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.account import AccountSeen, AccountState, Active, Closed, Denied, Misconfigured, Suspended, Warned
from monitor.core.burning import is_of
from monitor.core.coverage import Alarm, Burning
from monitor.core.decision import Recorded
from monitor.core.dnsxl import Weight
from monitor.core.fleet import Address, Network
from monitor.core.incident import (
    Change,
    Fallen,
    Incident,
    ListAlarmed,
    Population,
    ProviderFailing,
    ProviderTroubled,
    RangeBurning,
    Reach,
    SupplierBurning,
    all_reaches,
    block_of,
    by_customer,
    compare,
    disbelieve,
    failing_providers,
    frozen_by,
    key,
    list_incidents,
    populations,
    range_incidents,
    reaches,
    supplier_incidents,
    together,
)
from monitor.core.listing import RangeSeen, Source
from monitor.core.observation import Listed, Silent
from monitor.core.status import Severity, Trouble
from monitor.core.stock import NOTHING_FROZEN, Frozen
from monitor.core.telling import opened
from tests.core.shop import POLICY, SECOND, T, after, delivery

RULE = POLICY.burning
NOW = after("24h")


def fell(
    number: int, at: str = "24h", *, supplier: str = "acme", customer: str = "alice", ranges: Sequence[str] = ()
) -> Fallen:
    return Fallen(delivery(number, supplier=supplier, customer=customer, ranges=ranges), after(at))


@pytest.mark.parametrize(
    ("fallen", "covered", "burns"),
    [
        pytest.param(40, 50, True, id="forty of fifty"),
        pytest.param(3, 3, True, id="all three of three"),
        pytest.param(3, 15, True, id="three of fifteen are twenty percent"),
        pytest.param(3, 16, False, id="three of sixteen are less"),
        pytest.param(2, 2, False, id="two are not many, though they are all"),
        pytest.param(7, 35, True, id="seven of thirty-five are twenty percent, whatever floats say"),
        pytest.param(3, 0, True, id="what fell was in coverage, whatever was counted"),
    ],
)
def test_a_supplier_burns_when_three_and_a_fifth_of_its_units_fall(fallen: int, covered: int, *, burns: bool) -> None:
    members = tuple(fell(number) for number in range(fallen))

    found = supplier_incidents(members, {"acme": covered}, RULE, NOW)

    assert found == ([SupplierBurning("acme", members, max(covered, fallen))] if burns else [])


def test_what_fell_more_than_a_day_ago_no_longer_counts() -> None:
    old, new = fell(1, "0s"), [fell(2), fell(3)]

    assert len(supplier_incidents([old, *new], {"acme": 5}, RULE, NOW)) == 1
    assert supplier_incidents([old, *new], {"acme": 5}, RULE, NOW + SECOND) == []


def test_a_delivery_that_falls_twice_counts_once() -> None:
    assert supplier_incidents([fell(1), fell(2), fell(2)], {"acme": 3}, RULE, NOW) == []


def test_suppliers_burn_each_for_itself() -> None:
    fallen = [fell(number, supplier=name) for number, name in enumerate(["bolt", "acme", "corp"] * 3 + ["corp"])]

    found = supplier_incidents(fallen, {"acme": 3, "bolt": 15, "corp": 100}, RULE, NOW)

    assert [(each.supplier, len(each.members)) for each in found] == [("acme", 3), ("bolt", 3)]


def test_the_members_stand_in_the_order_in_which_they_fell() -> None:
    (found,) = supplier_incidents([fell(3, "3h"), fell(2, "1h"), fell(1, "3h")], {"acme": 3}, RULE, NOW)

    assert [member.delivery.number for member in found.members] == [2, 1, 3]


@pytest.mark.parametrize(
    ("network", "block"),
    [
        ("203.0.113.16/28", "203.0.113.0/24"),
        ("203.0.113.0/24", "203.0.113.0/24"),
        ("203.0.112.0/23", "203.0.112.0/23"),
        ("203.0.113.7/32", "203.0.113.0/24"),
        ("2001:db8:1:2::/64", "2001:db8:1::/48"),
        ("2001:db8:1::/48", "2001:db8:1::/48"),
        ("2001:db8::/32", "2001:db8::/32"),
    ],
)
def test_the_block_that_a_network_lies_in(network: str, block: str) -> None:
    assert block_of(ip_network(network)) == ip_network(block)


def test_a_network_burns_whoever_supplied_what_lies_in_it() -> None:
    fallen = [
        fell(1, supplier="acme", ranges=["203.0.113.0/28", "203.0.113.16/28"]),
        fell(2, supplier="bolt", ranges=["203.0.113.32/28", "198.51.100.0/28"]),
        fell(3, supplier="corp", ranges=["203.0.113.48/28"]),
    ]
    covered: dict[Network, int] = {ip_network("203.0.113.0/24"): 4, ip_network("198.51.100.0/24"): 1}

    assert range_incidents(fallen, covered, RULE, NOW) == [
        RangeBurning(ip_network("203.0.113.0/24"), tuple(fallen), covered=4)
    ]


def test_networks_of_both_families_burn_beside_one_another() -> None:
    old = [fell(n, ranges=[f"203.0.113.{16 * n}/28"]) for n in (1, 2, 3)]
    new = [fell(n, ranges=[f"2001:db8:0:{n}::/64"]) for n in (4, 5, 6)]

    found = range_incidents([*old, *new], {}, RULE, NOW)

    assert [(str(each.block), each.members) for each in found] == [
        ("2001:db8::/48", tuple(new)),
        ("203.0.113.0/24", tuple(old)),
    ]


def look(provider: str, state: AccountState, at: str = "0s") -> AccountSeen:
    return AccountSeen(after(at), provider, state)


@pytest.mark.parametrize(
    ("states", "fails"),
    [
        pytest.param([Denied("401"), Denied("401"), Denied("401")], True, id="denied on every account"),
        pytest.param([Silent("timeout"), Denied("401"), Silent("HTTP 500")], True, id="in whatever way"),
        pytest.param([Denied("401"), Denied("401")], False, id="two accounts are not every account"),
        pytest.param([Denied("401"), Denied("401"), Active()], False, id="one works: then it is the accounts"),
        pytest.param([Denied("401"), Denied("401"), Warned("pay")], False, id="one is warned: then it answers"),
        pytest.param([Suspended("locked")] * 5, False, id="bans are answers, however many"),
        pytest.param([Closed("gone"), Denied("401"), Denied("401")], False, id="so is one"),
        pytest.param([Misconfigured("add our address")] * 3, False, id="our own mistakes are ours"),
        pytest.param([*[Denied("401")] * 3, Misconfigured("no scope")], True, id="and hide nothing"),
        pytest.param([Misconfigured("no scope"), *[Denied("401")] * 3], True, id="wherever they stand"),
        pytest.param([*[Denied("401")] * 2, Misconfigured("no scope")], False, id="nor do they make up the number"),
    ],
)
def test_a_provider_fails_when_no_account_of_it_can_be_reached(states: list[AccountState], *, fails: bool) -> None:
    looks = {f"do-{n}": look("digitalocean", state) for n, state in enumerate(states)}
    heard = sum(not isinstance(state, Misconfigured) for state in states)

    found = failing_providers(reaches({**looks, "vultr-1": look("vultr", Active())}), 3)

    assert found == ([ProviderFailing("digitalocean", T, f"all {heard} accounts fail at once")] if fails else [])


def test_a_provider_fails_since_the_first_look_that_failed() -> None:
    looks = {str(n): look("vultr", Denied("401"), at) for n, at in enumerate(["5m", "3m", "4m"])}

    assert [each.since for each in failing_providers(reaches(looks), 3)] == [after("3m")]


ADDRESSES: list[Address] = list(ip_network("203.0.113.0/29"))
PANEL = {name: Source(name, name, Weight.ALERT) for name in ("zen", "bogus")}


def test_populations_count_what_each_list_says_of_each_supplier() -> None:
    hit, noted = Listed((2,)), Listed((2,), informative=True)
    one = RangeSeen(
        T,
        ADDRESSES[0],
        tuple(ADDRESSES),
        PANEL,
        2,
        listed={ADDRESSES[0]: {"zen": hit, "bogus": noted}, ADDRESSES[1]: {"zen": hit}},
        unheard={ADDRESSES[2]: {"bogus": "timeout"}},
    )
    two = RangeSeen(T, ADDRESSES[0], tuple(ADDRESSES[:4]), {"zen": PANEL["zen"]}, 2)

    alone = RangeSeen(T, ADDRESSES[0], (ADDRESSES[0],), {"zen": PANEL["zen"]}, 2)

    assert populations([("acme", one), ("bolt", two), ("acme", two), ("corp", alone)]) == {
        "zen": {
            "acme": Population(12, 2, ranges=2),
            "bolt": Population(4, 0, ranges=1),
            "corp": Population(1, 0, ranges=1),
        },
        "bogus": {"acme": Population(7, 0, ranges=1)},
    }


def test_lists_that_cannot_vote_are_not_counted() -> None:
    info = {"info": Source("info", "info", Weight.INFO)}

    assert populations([("acme", RangeSeen(T, ADDRESSES[0], tuple(ADDRESSES), info, 1))]) == {}


def test_a_range_of_which_a_list_said_nothing_is_not_counted() -> None:
    silent = RangeSeen(
        T,
        ADDRESSES[0],
        tuple(ADDRESSES[:2]),
        {"zen": PANEL["zen"]},
        1,
        unheard={address: {"zen": "timeout"} for address in ADDRESSES[:2]},
    )

    assert populations([("acme", silent)]) == {"zen": {"acme": Population(0, 0, ranges=0)}}


ZEN = {"zen": PANEL["zen"]}
FIRST, SECOND_OF_IT = ADDRESSES[:2]


@pytest.mark.parametrize(
    ("probed", "listed", "silent", "counted"),
    [
        pytest.param([FIRST], [], [], Population(1, 0, ranges=1), id="one address"),
        pytest.param([FIRST], [FIRST], [], Population(1, 1, ranges=1), id="one that is listed"),
        pytest.param([FIRST], [], [FIRST], Population(0, 0, ranges=0), id="one of which nothing was heard"),
        pytest.param([FIRST, SECOND_OF_IT], [], [FIRST], Population(1, 0, ranges=1), id="two, and one was heard"),
        pytest.param([FIRST, SECOND_OF_IT], [FIRST], [SECOND_OF_IT], Population(1, 1, ranges=1), id="one of each"),
        pytest.param([], [], [], Population(0, 0, ranges=0), id="nothing was asked"),
    ],
)
def test_a_list_is_counted_where_it_was_heard(
    probed: list[Address], listed: list[Address], silent: list[Address], counted: Population
) -> None:
    seen = RangeSeen(
        T,
        FIRST,
        tuple(probed),
        ZEN,
        1,
        {address: {"zen": Listed((2,))} for address in listed},
        {address: {"zen": "timeout"} for address in silent},
    )

    assert populations([("acme", seen)]) == {"zen": {"acme": counted}}


def test_ranges_counted_together_are_ranges_counted_one_by_one() -> None:
    hit, noted = Listed((2,)), Listed((2,), informative=True)
    here = tuple(ADDRESSES[:3])
    looks = [
        ("acme", RangeSeen(T, FIRST, here, PANEL, 2)),
        ("acme", RangeSeen(T, FIRST, here, PANEL, 2, {FIRST: {"zen": hit, "bogus": noted}})),
        ("acme", RangeSeen(T, FIRST, here, ZEN, 2, {FIRST: {"zen": hit}}, {SECOND_OF_IT: {"zen": "timeout"}})),
        ("acme", RangeSeen(T, FIRST, here, PANEL, 2, {}, {address: {"bogus": "timeout"} for address in here})),
        ("bolt", RangeSeen(T, FIRST, here, PANEL, 2, {SECOND_OF_IT: {"zen": hit, "bogus": hit}})),
        ("bolt", RangeSeen(T, FIRST, (), PANEL, 2)),
    ]

    for some in product(looks, repeat=3):
        assert populations(some) == together(populations([look]) for look in some)


def test_populations_counted_in_several_places_add_up() -> None:
    here = {"zen": {"acme": Population(8, 2, 1), "bolt": Population(4, 0, 1)}}
    there = {"zen": {"acme": Population(8, 1, 1)}, "bogus": {"acme": Population(8, 8, 1)}}

    assert together([here, there]) == {
        "zen": {"acme": Population(16, 3, 2), "bolt": Population(4, 0, 1)},
        "bogus": {"acme": Population(8, 8, 1)},
    }
    assert together([]) == {}


def test_accounts_counted_in_several_places_add_up() -> None:
    here, there = {"vultr": Reach(2, 0, after("5m"))}, {"vultr": Reach(1, 1, after("3m")), "njalla": Reach(1, 0, T)}

    assert all_reaches([here, there]) == {"vultr": Reach(3, 1, after("3m")), "njalla": Reach(1, 0, T)}
    assert failing_providers(all_reaches([here, here]), fewest=3) == [
        ProviderFailing("vultr", after("5m"), "all 4 accounts fail at once")
    ]


def test_a_list_that_is_disbelieved_speaks_neither_for_nor_against() -> None:
    hit = Listed((2,))
    seen = RangeSeen(
        T,
        ADDRESSES[0],
        tuple(ADDRESSES[:2]),
        PANEL,
        2,
        listed={ADDRESSES[0]: {"bogus": hit, "zen": hit}, ADDRESSES[1]: {"bogus": hit}},
        unheard={ADDRESSES[1]: {"zen": "timeout"}},
    )

    struck = disbelieve(seen, {"bogus", "never heard of"}, "suspended")

    assert struck.listed == {ADDRESSES[0]: {"zen": hit}}
    assert struck.unheard == {
        ADDRESSES[0]: {"bogus": "suspended"},
        ADDRESSES[1]: {"zen": "timeout", "bogus": "suspended"},
    }
    assert disbelieve(seen, {"never heard of"}, "suspended") is seen


@pytest.mark.parametrize(
    ("population", "share"), [(Population(8, 2), 0.25), (Population(8, 8), 1.0), (Population(), 0.0)]
)
def test_a_share_of_what_was_heard(population: Population, share: float) -> None:
    assert population.share == share


ALARM = Alarm(jump=0.10, suppliers=3, share=0.5)


def heard(**percent: int) -> dict[str, dict[str, Population]]:
    return {"bogus": {supplier: Population(100, listed, ranges=5) for supplier, listed in percent.items()}}


@pytest.mark.parametrize(
    ("usual", "found", "rose"),
    [
        pytest.param(heard(a=0, b=0, c=0), heard(a=100, b=100, c=100), "abc", id="it lists the world"),
        pytest.param(heard(a=0, b=0, c=0), heard(a=10, b=10, c=10), "abc", id="a tenth more is a jump"),
        pytest.param(heard(a=0, b=0, c=0), heard(a=9, b=9, c=9), "", id="less is not"),
        pytest.param(heard(a=20, b=20, c=20), heard(a=30, b=30, c=30), "abc", id="a tenth more than usual"),
        pytest.param(heard(a=90, b=90, c=90), heard(a=95, b=95, c=95), "", id="usually it lists many"),
        pytest.param(heard(a=90, b=90, c=90), heard(a=0, b=0, c=0), "", id="it forgot"),
        pytest.param(heard(a=0, b=0, c=0), heard(a=100, b=0, c=0), "", id="one supplier burns by itself"),
        pytest.param(heard(a=0, b=0, c=0), heard(a=100, b=100, c=0), "", id="so may two of three"),
        pytest.param({}, heard(a=50, b=50, c=50), "abc", id="a list that was never heard before"),
        pytest.param({}, heard(a=50, b=50), "ab", id="both of two suppliers"),
        pytest.param({}, heard(a=50), "", id="one supplier proves nothing"),
        pytest.param({}, heard(a=50, b=50, c=50, d=0, e=0, f=0), "abc", id="half of six"),
        pytest.param({}, heard(a=50, b=50, c=50, d=0, e=0, f=0, g=0), "", id="less than half of seven"),
        pytest.param(
            {},
            {"bogus": {**heard(a=50, b=50, c=50)["bogus"], **dict.fromkeys("defgh", Population(0, 0, 9))}},
            "abc",
            id="suppliers it was silent about are none",
        ),
        pytest.param({}, {"bogus": dict.fromkeys("abc", Population(100, 50, 3))}, "", id="nine ranges are too few"),
        pytest.param(
            {},
            {"bogus": {**dict.fromkeys("ab", Population(100, 50, 3)), "c": Population(100, 50, 4)}},
            "abc",
            id="ten are not",
        ),
    ],
)
def test_a_list_is_not_believed_when_it_jumps_at_unrelated_suppliers(
    usual: dict[str, dict[str, Population]], found: dict[str, dict[str, Population]], rose: str
) -> None:
    assert list_incidents(usual, found, ALARM, T) == ([ListAlarmed("bogus", T, tuple(rose))] if rose else [])


def test_a_list_that_said_too_little_hides_none_that_comes_after_it() -> None:
    found = {"aaa": dict.fromkeys("abc", Population(100, 50, 1)), **heard(a=100, b=100, c=100)}

    assert [each.name for each in list_incidents({}, found, ALARM, T)] == ["bogus"]


def test_a_few_small_suppliers_do_not_make_a_jump_of_the_whole() -> None:
    small = dict.fromkeys("abc", Population(2, 1, 5))

    assert list_incidents({}, {"bogus": {**small, "d": Population(1000, 0, 5)}}, ALARM, T) == []


def test_the_other_lists_are_believed_as_before() -> None:
    found = {**heard(a=100, b=100, c=100), "zen": dict.fromkeys("abc", Population(100, 1))}

    assert [each.name for each in list_incidents({}, found, ALARM, T)] == ["bogus"]


BLOCK = ip_network("203.0.113.0/24")
ACME = SupplierBurning("acme", (fell(1),), 4)
RANGE = RangeBurning(BLOCK, (fell(1),), 4)
OUTAGE = ProviderFailing("digitalocean", T, "all 3 accounts fail at once")
WORLD = ListAlarmed("bogus", T, ("a", "b"))


def test_what_burns_is_frozen() -> None:
    assert frozen_by([ACME, RANGE, OUTAGE, WORLD]) == Frozen(frozenset({"acme"}), frozenset({BLOCK}))
    assert frozen_by([]) == Frozen(frozenset(), frozenset())
    assert not frozen_by([OUTAGE, WORLD]).suppliers
    assert not NOTHING_FROZEN.suppliers


def test_each_customer_hears_of_his_own() -> None:
    one, two, three = fell(1, customer="alice"), fell(2, customer="bob"), fell(3, customer="alice")

    assert by_customer([one, two, three]) == {"alice": (one, three), "bob": (two,)}


@pytest.mark.parametrize(
    ("incident", "name"),
    [
        (ACME, "supplier:acme"),
        (RANGE, "range:203.0.113.0/24"),
        (OUTAGE, "provider:digitalocean"),
        (WORLD, "list:bogus"),
    ],
)
def test_an_incident_is_known_by_what_it_is_about(incident: Incident, name: str) -> None:
    assert key(incident) == name


def test_incidents_begin_last_and_end() -> None:
    grown = SupplierBurning("acme", (fell(1), fell(2)), 4)

    assert compare([ACME, OUTAGE], [grown, WORLD]) == Change(begun=(WORLD,), lasting=(grown,), over=(OUTAGE,))


numbers = st.lists(st.tuples(st.integers(1, 30), st.integers(0, 60)), max_size=40)
rules = st.builds(Burning, st.integers(1, 5), st.sampled_from([0.1, 0.2, 0.5, 1.0]), st.just(timedelta(hours=24)))


@given(numbers, st.integers(0, 60), rules)
def test_one_more_failure_never_puts_out_a_fire(fallen: list[tuple[int, int]], covered: int, rule: Burning) -> None:
    members = [Fallen(delivery(number), T + timedelta(hours=at)) for number, at in fallen]
    now = after("60h")

    before = supplier_incidents(members, {"acme": covered}, rule, now)
    later = supplier_incidents([*members, fell(31, "60h")], {"acme": max(covered, 31)}, rule, now)
    fewer = supplier_incidents(members, {"acme": max(covered, 31)}, rule, now)

    assert len(later) >= len(fewer)
    assert len(before) >= len(fewer)
    for each in (*before, *later):
        assert len(each.members) == len({member.delivery.number for member in each.members}) >= rule.members
        assert all(now - member.at <= rule.within for member in each.members)


def test_troubles_of_one_provider_are_incidents_of_their_own_and_freeze_no_spares() -> None:
    one, other = (ProviderTroubled("vultr", T, Trouble(name, Severity.OUTAGE, "Power")) for name in ("1", "2"))

    assert [key(one), key(other)] == ["provider:vultr/1", "provider:vultr/2"]
    assert frozen_by([one]) == Frozen(frozenset(), frozenset())
    assert not is_of(one, delivery())
    told = opened(Recorded(7, one, T), (), {})
    assert (told.params["name"], told.params["reason"]) == (
        "vultr",
        "Its status page says: Power. What that touches is not judged until it is over.",
    )
