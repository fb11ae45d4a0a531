"""Decisions in the light of everything else: incidents, the brake, spares that fall ill, dry runs."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_network

import pytest

from monitor.core.burning import is_of
from monitor.core.case import Case, Event, Move, State
from monitor.core.coverage import BrakeLimits, Defect
from monitor.core.decide import Decision, Engagement, Found, Joined, Known, Promise, Recorded, decide
from monitor.core.draft import words
from monitor.core.fleet import Delivery, Spare
from monitor.core.incident import (
    Fallen,
    Incident,
    ListAlarmed,
    ProviderFailing,
    RangeBurning,
    SupplierBurning,
)
from monitor.core.notice import Kind, Notice
from monitor.core.ruling import Outcome
from monitor.core.stock import Approval, Limit, Reached
from monitor.core.telling import reason
from tests.core.shop import POLICY, TIERS, VPN, VPS, T, after, case, delivery, finding, spare

NOW = after("3h")
BANNED = Defect.ACCOUNT_BANNED
READY, OPENED = Kind.REPLACEMENT_READY, Kind.CASE_OPENED
CALM = Known(now=NOW, policy=POLICY, tiers=TIERS, in_coverage={"acme": 5}, next_case=42, next_incident=7)
"""The shop when nothing has happened yet: five units of acme are in coverage."""


def account(number: int, customer: str = "alice", supplier: str = "acme") -> Delivery:
    return delivery(number, tier=VPS, customer=customer, supplier=supplier, ranges=())


def banned(number: int, customer: str = "alice", first_bad: str = "2h", supplier: str = "acme") -> Found:
    found = finding(after(first_bad), defect=BANNED, last_ok=after("1h"), who=["digitalocean"])
    return Found(account(number, customer, supplier), found)


def fresh(name: str, supplier: str = "bolt") -> Spare:
    return spare(name, tier=VPS, supplier=supplier, ranges=())


def told(decision: Decision, kind: Kind) -> list[tuple[str | None, list[str]]]:
    """Give who hears what: (customer, cases)."""
    return [
        (notice.customer, [item["case"] for item in items] if isinstance(items, list) else [str(notice.params["case"])])
        for notice in decision.notices
        if notice.kind is kind
        for items in [notice.params.get("items")]
    ]


MASS_BAN = replace(CALM, found=[banned(1, "alice"), banned(2, "bob"), banned(3, "alice", "2h30m")])


def test_a_mass_ban_is_one_incident_of_its_supplier() -> None:
    decision = decide(MASS_BAN)

    (begun,) = decision.begun
    assert begun.number == 7
    assert begun.members == {1, 2, 3}
    assert isinstance(begun.incident, SupplierBurning)
    assert (begun.incident.supplier, begun.incident.covered) == ("acme", 5)
    assert decision.joined == (Joined(7, 1, 42), Joined(7, 2, 43), Joined(7, 3, 44))
    assert all(opening.case.supplier_fault for opening in decision.opened)


def test_operators_hear_of_a_mass_ban_once_with_its_members() -> None:
    (notice,) = [each for each in decide(MASS_BAN).notices if each.kind is Kind.OPERATOR_INCIDENT]

    assert (notice.key, notice.customer) == ("incident:7:opened", None)
    assert notice.params == {
        "scope": "supplier",
        "name": "acme",
        "reason": "3 of 5 units in coverage fell at about the same time.",
        "incident": 7,
        "cases": 3,
        "items": [
            {"order": "INV-1", "unit": "unit-1", "customer": "alice"},
            {"order": "INV-2", "unit": "unit-2", "customer": "bob"},
            {"order": "INV-3", "unit": "unit-3", "customer": "alice"},
        ],
    }


def test_each_customer_hears_of_a_mass_ban_once_with_what_concerns_him() -> None:
    decision = decide(MASS_BAN)

    assert told(decision, OPENED) == [("alice", ["42", "44"]), ("bob", ["43"])]
    alice = decision.notices[0]
    assert alice.key == "incident:7:alice:case_opened:42"
    assert alice.params["since"] == after("2h").isoformat()
    assert alice.params["seen_by"] == "digitalocean"
    assert alice.params["items"] == [
        {"order": "INV-1", "unit": "unit-1", "defect": "account_banned", "case": "42"},
        {"order": "INV-3", "unit": "unit-3", "defect": "account_banned", "case": "44"},
    ]


def test_no_spare_of_a_burning_supplier_is_promised() -> None:
    shelf = [fresh("a", "acme"), fresh("b", "bolt"), fresh("c", "acme"), fresh("d", "bolt")]

    decision = decide(replace(MASS_BAN, shelf=shelf))

    assert decision.promises == (Promise(42, "b"), Promise(43, "d"))
    assert [notice.key for notice in decision.notices if notice.kind is READY] == [
        "incident:7:alice:replacement_ready:42",
        "incident:7:bob:replacement_ready:43",
    ]
    assert told(decision, READY) == [("alice", ["42"]), ("bob", ["43"])]
    # Whoever is left waits; the incident has told operators already.
    assert told(decision, Kind.OPERATOR_NO_SPARE) == []


def test_two_of_five_are_two_cases_and_no_incident() -> None:
    decision = decide(replace(CALM, found=[banned(1), banned(2)]))

    assert (decision.begun, decision.joined) == ((), ())
    assert told(decision, OPENED) == [("alice", ["42"]), ("alice", ["43"])]
    assert not any(opening.case.supplier_fault for opening in decision.opened)


BURNING = Recorded(
    7,
    SupplierBurning("acme", tuple(Fallen(account(n), after("2h")) for n in (1, 2, 3)), 5),
    after("2h50m"),
    members=frozenset({1, 2, 3}),
)


def queued(*numbers: int, customer: str = "alice", since: str = "2h") -> Notice:
    items = [
        {"order": f"INV-{n}", "unit": f"unit-{n}", "defect": "account_banned", "case": str(41 + n)} for n in numbers
    ]
    facts: dict[str, str | int | list[dict[str, str]]] = {
        "replace_due": after("50h").isoformat(),
        "since": after(since).isoformat(),
        "items": items,
    }
    return Notice(
        f"incident:7:{customer}:case_opened:{items[0]['case']}", OPENED, customer, None, after("2h50m"), facts
    )


def test_what_falls_later_joins_the_incident_on_record() -> None:
    decision = decide(replace(CALM, found=[banned(4, "carol")], incidents=[BURNING], next_case=45))

    assert decision.begun == ()
    assert decision.joined == (Joined(7, 4, 45),)
    assert decision.opened[0].case.supplier_fault
    assert told(decision, Kind.OPERATOR_INCIDENT) == []
    assert told(decision, OPENED) == [("carol", ["45"])]


def test_what_falls_later_is_told_in_the_message_that_still_waits() -> None:
    waiting = queued(1, since="1h")

    decision = decide(
        replace(CALM, found=[banned(4)], incidents=[BURNING], queued={waiting.key: waiting}, next_case=45)
    )

    assert told(decision, OPENED) == []
    (amendment,) = decision.amended
    assert amendment.notice.key == waiting.key
    assert [item["case"] for item in items_of(amendment.notice)] == ["42", "45"]
    assert amendment.notice.params["since"] == after("1h").isoformat()
    assert amendment.notice.params["replace_due"] == (NOW + timedelta(hours=48)).isoformat()
    # And where it has gone out meanwhile, by one of its own.
    assert amendment.instead.key == "incident:7:alice:case_opened:45"
    assert [item["case"] for item in items_of(amendment.instead)] == ["45"]


def test_a_second_replacement_is_told_in_the_message_that_still_waits_for_the_first() -> None:
    ready = Notice(
        "incident:7:alice:replacement_ready:40",
        READY,
        "alice",
        None,
        after("2h55m"),
        {
            "replace_due": after("50h").isoformat(),
            "items": [{"order": "INV-1", "unit": "unit-1", "spare": "a", "case": "40"}],
        },
    )

    decision = decide(
        replace(
            CALM,
            waiting=[case(41, delivery=2, defect=BANNED, tier=VPS)],
            deliveries={2: account(2)},
            incidents=[BURNING],
            shelf=[fresh("b")],
            queued={ready.key: ready},
            holdings={"alice": [account(5)]},
        )
    )

    (amendment,) = decision.amended
    assert amendment.notice.key == ready.key
    assert [(item["case"], item["spare"]) for item in items_of(amendment.notice)] == [("40", "a"), ("41", "b")]
    assert amendment.notice.wait_until is None
    assert amendment.instead.key == "incident:7:alice:replacement_ready:41"


def items_of(notice: Notice) -> list[dict[str, str]]:
    items = notice.params["items"]
    assert isinstance(items, list)
    return items


@pytest.mark.parametrize(
    ("holdings", "opened", "wait"),
    [
        pytest.param([1, 4, 5], "2h50m", True, id="another of his may still fall"),
        pytest.param([1, 4], "2h50m", False, id="all he has of it has fallen"),
        pytest.param([1, 4, 5], "2h30m", False, id="it has been waited long enough"),
        pytest.param([], "2h50m", False, id="nothing is known of what he holds"),
    ],
)
def test_a_message_waits_while_more_of_a_customers_units_may_fall(
    holdings: Sequence[int], opened: str, *, wait: bool
) -> None:
    decision = decide(
        replace(
            CALM,
            found=[banned(4)],
            incidents=[replace(BURNING, opened_at=after(opened))],
            holdings={"alice": [*map(account, holdings), delivery(9, supplier="acme-2")]},
            next_case=45,
        )
    )

    assert decision.notices[0].wait_until == (after(opened) + POLICY.burning.gather if wait else None)


def test_what_fell_before_belongs_to_the_incident_that_begins_now() -> None:
    earlier = [Fallen(account(1), after("2h")), Fallen(account(2, "bob"), after("2h"))]
    lone = Notice(
        "case:40:case_opened",
        OPENED,
        "alice",
        40,
        after("2h"),
        {
            "order": "INV-1",
            "unit": "unit-1",
            "defect": "account_banned",
            "case": "40",
            "replace_due": after("50h").isoformat(),
            "since": after("2h").isoformat(),
            "seen_by": "digitalocean",
        },
    )

    decision = decide(
        replace(CALM, found=[banned(3)], fallen=earlier, cases_of={1: 40}, queued={lone.key: lone}, next_case=42)
    )

    assert [begun.members for begun in decision.begun] == [{1, 2, 3}]
    assert decision.joined == (Joined(7, 1, 40), Joined(7, 2, None), Joined(7, 3, 42))
    assert decision.blamed == (40,)
    # Nobody has sent the first message yet: it is told with the rest.
    assert decision.unsaid == ("case:40:case_opened",)
    assert told(decision, OPENED) == [("alice", ["40", "42"])]


def test_what_fell_without_a_case_keeps_nothing_else_from_the_incident() -> None:
    earlier = [Fallen(account(2, "bob"), after("2h")), Fallen(account(1), after("2h"))]

    decision = decide(replace(CALM, found=[banned(3)], fallen=earlier, cases_of={1: 40}, next_case=42))

    assert decision.joined == (Joined(7, 2, None), Joined(7, 1, 40), Joined(7, 3, 42))
    assert decision.blamed == (40,)


def test_what_was_told_before_the_incident_began_is_not_told_again() -> None:
    earlier = [Fallen(account(1), after("2h")), Fallen(account(2), after("2h"))]

    decision = decide(replace(CALM, found=[banned(3)], fallen=earlier, cases_of={1: 40, 2: 41}))

    assert decision.unsaid == ()
    assert decision.blamed == (40, 41)
    assert told(decision, OPENED) == [("alice", ["42"])]


@pytest.mark.parametrize(("closed", "begins"), [("1h59m59s", True), ("2h", False), ("2h30m", False)])
def test_an_incident_that_was_closed_is_not_begun_again_by_what_fell_before(closed: str, *, begins: bool) -> None:
    found = [banned(1), banned(2), banned(3)]

    decision = decide(replace(CALM, found=found, quiet={"supplier:acme": after(closed)}))

    assert bool(decision.begun) is begins


def listed(number: int, supplier: str, range_: str, customer: str = "alice") -> Found:
    return Found(
        delivery(number, supplier=supplier, ranges=[range_], customer=customer),
        finding(after("2h"), last_ok=after("1h")),
    )


NEIGHBOURS = [
    listed(1, "acme", "203.0.113.0/28"),
    listed(2, "bolt", "203.0.113.16/28", "bob"),
    listed(3, "corp", "203.0.113.32/28"),
]
BLOCK = ip_network("203.0.113.0/24")
FEW = replace(CALM, in_coverage={"acme": 90, "bolt": 90, "corp": 90}, blocks={BLOCK: 4})


def test_a_network_that_burns_freezes_what_lies_in_it_whoever_supplied_it() -> None:
    shelf = [
        spare("inside", supplier="dune", ranges=["203.0.113.240/28"], sound_at=NOW),
        spare("outside", supplier="acme", sound_at=NOW, cost="9"),
    ]

    decision = decide(replace(FEW, found=NEIGHBOURS, shelf=shelf))

    assert [begun.incident for begun in decision.begun if isinstance(begun.incident, RangeBurning)]
    assert decision.promises == (Promise(42, "outside"),)
    # Nobody's fault but the neighbourhood's.
    assert not any(opening.case.supplier_fault for opening in decision.opened)
    assert told(decision, OPENED) == [("alice", ["42", "44"]), ("bob", ["43"])]


def test_what_fell_before_in_a_network_that_burns_is_nobodys_fault() -> None:
    first, *others = NEIGHBOURS
    earlier = [Fallen(each.delivery, after("1h")) for each in others]

    decision = decide(replace(FEW, found=[first], fallen=earlier, cases_of={2: 40, 3: 41}))

    assert {joined.case for joined in decision.joined} == {40, 41, 42}
    assert decision.blamed == ()


def test_a_network_of_one_burning_supplier_is_that_suppliers_affair() -> None:
    found = [listed(n, "acme", f"203.0.113.{16 * n}/28") for n in (1, 2, 3)]

    decision = decide(replace(FEW, in_coverage={"acme": 5}, found=found))

    assert [type(begun.incident) for begun in decision.begun] == [SupplierBurning]


def test_a_network_that_was_closed_is_not_begun_again_by_what_fell_before() -> None:
    decision = decide(replace(FEW, found=NEIGHBOURS, quiet={f"range:{BLOCK}": after("2h")}))

    assert decision.begun == ()


def test_what_falls_after_its_window_while_its_supplier_burns_may_be_the_suppliers_fault() -> None:
    late = Found(account(4), finding(after("30h"), defect=BANNED, last_ok=after("29h")))

    alone = decide(replace(CALM, found=[late], now=after("31h")))
    burning = decide(replace(CALM, found=[late], now=after("31h"), incidents=[BURNING]))

    assert [each.ruling.clause for each in alone.ruled] == ["exclusions.after_window"]
    assert [(each.ruling.outcome, each.ruling.clause) for each in burning.opened] == [
        (Outcome.OPERATOR, "defects.supplier_fault")
    ]
    assert told(burning, Kind.OPERATOR_VERIFY) == [(None, ["42"])]


def test_a_number_does_not_fall_with_its_supplier() -> None:
    taken = Found(account(4), finding(after("2h"), defect=Defect.MISSING_FEATURE))

    decision = decide(replace(CALM, found=[taken], incidents=[BURNING]))

    assert decision.joined == ()
    assert not decision.opened[0].case.supplier_fault


def test_a_waiting_case_of_an_incident_is_told_with_it() -> None:
    waiting = [case(40, delivery=1, defect=BANNED, tier=VPS), case(41, delivery=2, defect=BANNED, tier=VPS)]

    decision = decide(
        replace(
            CALM,
            waiting=waiting,
            deliveries={n: account(n) for n in (1, 2)},
            incidents=[BURNING],
            shelf=[fresh("a"), fresh("b")],
        )
    )

    (notice,) = decision.notices
    assert notice.key == "incident:7:alice:replacement_ready:40"
    assert [(item["case"], item["spare"]) for item in items_of(notice)] == [("40", "a"), ("41", "b")]


def promised(number: int = 40, item: str = "ill") -> Case:
    return replace(case(number, State.PROMISED, defect=BANNED, tier=VPS), spare=item)


HELD_BY_ALICE = replace(CALM, deliveries={1: account(1)})


def test_a_spare_that_falls_ill_is_replaced_by_the_next() -> None:
    ready = Notice("case:40:replacement_ready:ill", READY, "alice", 40, after("2h"))

    decision = decide(replace(HELD_BY_ALICE, spoiled=[promised()], shelf=[fresh("well")], queued={ready.key: ready}))

    assert decision.freed == (40,)
    assert decision.promises == (Promise(40, "well"),)
    assert decision.moved == (replace(promised(), spare="well"),)
    ill = "spare ill fell ill before it was handed over"
    assert decision.events == (
        Event(40, 0, NOW, "policy", Move.UNPROMISE, State.APPROVED, ill),
        Event(40, 0, NOW, "policy", Move.PROMISE, State.PROMISED, "spare well reserved"),
    )
    assert decision.unsaid == ("case:40:replacement_ready:ill",)
    assert [notice.key for notice in decision.notices] == ["case:40:replacement_ready:well"]


def test_whoever_heard_of_a_spare_that_fell_ill_hears_that_it_will_take_longer() -> None:
    decision = decide(replace(HELD_BY_ALICE, spoiled=[promised()]))

    assert decision.moved == (replace(promised(), state=State.APPROVED, spare=None),)
    assert [(notice.key, notice.customer) for notice in decision.notices] == [("case:40:case_delayed", "alice")]
    assert decision.notices[0].params["new_due"] == (promised().replace_due + POLICY.delay).isoformat()


def test_whoever_is_late_already_is_promised_a_time_from_now() -> None:
    decision = decide(replace(HELD_BY_ALICE, spoiled=[promised()], now=after("50h")))

    assert decision.notices[0].params["new_due"] == (after("50h") + POLICY.delay).isoformat()


def test_whoever_never_heard_of_the_spare_hears_nothing() -> None:
    ready = Notice("case:40:replacement_ready:ill", READY, "alice", 40, after("2h"))

    decision = decide(replace(HELD_BY_ALICE, spoiled=[promised()], queued={ready.key: ready}))

    assert decision.unsaid == (ready.key,)
    assert decision.notices == ()


def test_a_spare_that_nobody_took_over_is_free_again_and_an_operator_is_asked() -> None:
    decision = decide(replace(HELD_BY_ALICE, lapsed=[promised()]))

    assert decision.freed == (40,)
    assert decision.moved == (replace(promised(), state=State.HELD, spare=None),)
    why = "spare ill was not taken over in time"
    assert decision.events == (
        Event(40, 0, NOW, "policy", Move.UNPROMISE, State.APPROVED, why),
        Event(40, 0, NOW, "policy", Move.HOLD, State.HELD, f"{why}: an operator decides"),
    )
    assert [(notice.key, notice.customer) for notice in decision.notices] == [("case:40:operator_verify:ill", None)]
    assert decision.notices[0].params["reason"] == "The spare ill was not taken over in time, and is free again."


def test_cases_whose_tier_has_left_the_catalogue_are_left_alone() -> None:
    assert decide(replace(CALM, spoiled=[promised(40)], lapsed=[promised(41)])) == Decision()


def test_a_dry_run_promises_nothing_and_says_what_it_would() -> None:
    decision = decide(
        replace(
            HELD_BY_ALICE,
            found=[banned(2)],
            waiting=[case(40, defect=BANNED, tier=VPS)],
            shelf=[fresh("a"), fresh("b")],
            dry_run=True,
        )
    )

    assert (decision.promises, decision.moved) == ((), ())
    assert [(each.case.state, each.case.spare) for each in decision.opened] == [(State.APPROVED, None)]
    would = "a dry run: spare b would be promised"
    assert decision.events[-1] == Event(42, 0, NOW, "policy", Move.NOTE, State.APPROVED, would)
    assert told(decision, READY) == []


WIDE = BrakeLimits(per_hour=99, per_day=99, supplier_per_hour=99, provider_per_hour=99, tier_share_per_hour=1.0)
BRAKED = replace(CALM, policy=replace(POLICY, brake=replace(POLICY.brake, per_hour=1)))


def test_the_brake_holds_what_is_too_much_and_asks_operators_once() -> None:
    found = [banned(n, f"customer-{n}") for n in (1, 2)]

    decision = decide(replace(BRAKED, found=found, shelf=[fresh("a"), fresh("b")], next_engagement=3))

    assert [each.case.state for each in decision.opened] == [State.PROMISED, State.HELD]
    assert decision.engaged == (Engagement(3, Reached(Limit.PER_HOUR, "", 1)),)
    why = "1 replacements approved by themselves within an hour: an operator releases it"
    assert decision.events[-1] == Event(43, 0, NOW, "brake", Move.HOLD, State.HELD, why)
    assert told(decision, OPENED) == [("customer-1", ["42"]), ("customer-2", ["43"])]
    (notice,) = [each for each in decision.notices if each.kind is Kind.OPERATOR_BRAKE]
    assert (notice.key, notice.customer, notice.created_at) == ("brake:3:engaged", None, NOW)
    assert notice.params == {
        "reason": "The brake is at its limit: 1 replacements approved by themselves within an hour.",
        "waiting": 1,
    }


def test_limits_that_are_reached_at_once_are_engagements_of_their_own_and_what_they_hold_is_counted() -> None:
    limits = replace(POLICY.brake, supplier_per_hour=1, provider_per_hour=1000)
    found = [
        banned(n, supplier=supplier)
        for n, supplier in ((1, "acme"), (2, "acme"), (3, "acme"), (4, "bolt"), (5, "bolt"))
    ]

    decision = decide(
        replace(
            CALM,
            policy=replace(POLICY, brake=limits),
            found=found,
            shelf=[fresh(name, "corp") for name in "abcde"],
            in_coverage={"acme": 90, "bolt": 90},
            next_engagement=3,
        )
    )

    assert decision.engaged == (
        Engagement(3, Reached(Limit.SUPPLIER_PER_HOUR, "acme", 1)),
        Engagement(4, Reached(Limit.SUPPLIER_PER_HOUR, "bolt", 1)),
    )
    assert [
        (notice.key, notice.params["reason"], notice.params["waiting"])
        for notice in decision.notices
        if notice.kind is Kind.OPERATOR_BRAKE
    ] == [
        (
            f"brake:{number}:engaged",
            f"The brake is at its limit: 1 replacements for units of {supplier} approved by themselves within an hour.",
            3,
        )
        for number, supplier in ((3, "acme"), (4, "bolt"))
    ]


@pytest.mark.parametrize(
    ("limits", "reached"),
    [
        pytest.param({"provider_per_hour": 1}, Reached(Limit.PROVIDER_PER_HOUR, "digitalocean", 1), id="a provider"),
        pytest.param({"tier_share_per_hour": 0.5}, Reached(Limit.TIER_SHARE_PER_HOUR, "do-2gb", 1), id="a tier"),
    ],
)
def test_the_brake_counts_where_units_came_from_and_where_spares_go(limits: dict[str, float], reached: Reached) -> None:
    policy = replace(POLICY, brake=replace(WIDE, **limits))  # type: ignore[arg-type]  # a limit and its number

    decision = decide(
        replace(CALM, policy=policy, found=[banned(1), banned(2)], shelf=[fresh("a"), fresh("b")], stood={"do-2gb": 2})
    )

    assert [each.case.state for each in decision.opened] == [State.PROMISED, State.HELD]
    assert [each.reached for each in decision.engaged] == [reached]


def test_a_brake_that_is_on_already_is_not_told_again() -> None:
    decision = decide(
        replace(
            BRAKED,
            found=[banned(1)],
            approvals=[Approval(after("2h30m"), "bolt", None, None)],
            engaged={("per_hour", ""): 2},
        )
    )

    assert [each.case.state for each in decision.opened] == [State.HELD]
    assert decision.engaged == ()
    assert told(decision, Kind.OPERATOR_BRAKE) == []


def test_the_brake_does_not_hold_whoever_was_approved_before() -> None:
    decision = decide(
        replace(
            BRAKED,
            deliveries={1: account(1)},
            waiting=[case(40, defect=BANNED, tier=VPS)],
            approvals=[Approval(after("2h30m"), "bolt", None, None)],
            shelf=[fresh("a")],
        )
    )

    assert decision.promises == (Promise(40, "a"),)


@pytest.mark.parametrize(
    ("incident", "words"),
    [
        (ProviderFailing("vultr", T, "all 3 accounts fail at once"), "all 3 accounts fail at once; nothing is judged"),
        (ListAlarmed("bogus", T, tuple("abcdefg")), "suddenly lists addresses of unrelated suppliers: a, b, c, d, e."),
        (RangeBurning(BLOCK, (Fallen(delivery(1, tier=VPN), T),), 4), "1 of 4 units in coverage fell"),
    ],
)
def test_every_incident_has_its_reason(incident: ProviderFailing | ListAlarmed | RangeBurning, words: str) -> None:
    assert words in reason(incident)


@pytest.mark.parametrize(
    ("incident", "member"),
    [
        pytest.param(SupplierBurning("acme", (), 5), True, id="of its supplier"),
        pytest.param(SupplierBurning("bolt", (), 5), False, id="of another supplier"),
        pytest.param(RangeBurning(BLOCK, (), 5), True, id="in its network"),
        pytest.param(RangeBurning(ip_network("198.51.100.0/24"), (), 5), False, id="in another network"),
        pytest.param(ProviderFailing("digitalocean", T, ""), False, id="an outage burns nothing"),
        pytest.param(ListAlarmed("bogus", T, ()), False, id="nor does a list"),
    ],
)
def test_an_incident_is_home_to_what_has_the_origin_that_burns(incident: Incident, *, member: bool) -> None:
    found = listed(1, "acme", "203.0.113.0/28")

    assert is_of(incident, found.delivery) is member
    assert bool(decide(replace(FEW, found=[found], incidents=[Recorded(8, incident, T)])).joined) is member


@pytest.mark.parametrize(
    "decision",
    [
        pytest.param(Decision(moved=(promised(),)), id="a case that moved"),
        pytest.param(Decision(begun=(BURNING,)), id="an incident that begins"),
        pytest.param(Decision(joined=(Joined(7, 1, None),)), id="a delivery that joins one"),
    ],
)
def test_a_decision_is_one_where_anything_is_to_be_written(decision: Decision) -> None:
    assert decision
    assert not Decision()


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        pytest.param(Limit.PER_HOUR, "3 replacements approved by themselves within an hour", id="in an hour"),
        pytest.param(Limit.PER_DAY, "3 replacements approved by themselves within a day", id="in a day"),
        pytest.param(
            Limit.SUPPLIER_PER_HOUR,
            "3 replacements for units of x approved by themselves within an hour",
            id="supplier",
        ),
        pytest.param(
            Limit.PROVIDER_PER_HOUR,
            "3 replacements for accounts at x approved by themselves within an hour",
            id="provider",
        ),
        pytest.param(Limit.TIER_SHARE_PER_HOUR, "3 spares of x given away by themselves within an hour", id="tier"),
    ],
)
def test_every_limit_of_the_brake_has_its_words(limit: Limit, said: str) -> None:
    assert words(Reached(limit, "x", 3)) == said
