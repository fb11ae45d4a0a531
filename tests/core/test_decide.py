"""The one door: everything known in, one decision out."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.case import OPEN, Case, Event, Move, State
from monitor.core.coverage import Defect, Exclusion, Policy
from monitor.core.decide import Decision, Found, Known, Opening, Promise, Ruled, decide
from monitor.core.decision import replaced_once
from monitor.core.fleet import Delivery, Spare
from monitor.core.notice import Kind, Notice
from monitor.core.ruling import Claim, Outcome, rule_on
from monitor.core.stock import Frozen, in_order
from tests.core.shop import (
    ASKING,
    POLICY,
    SECOND,
    TIERS,
    VPN,
    VPN_PLUS,
    VPS,
    T,
    after,
    case,
    delivery,
    finding,
    spare,
)

NOW = after("3h")
FRESH = after("2h30m")
BANNED = Defect.ACCOUNT_BANNED


def known(
    *found: Found,
    healed: Sequence[Case] = (),
    past: Sequence[Case] = (),
    waiting: Sequence[Case] = (),
    deliveries: Sequence[Delivery] = (),
    shelf: Sequence[Spare] = (),
    frozen: Frozen = Frozen(),  # noqa: B008 - a frozen value
    policy: Policy = POLICY,
    next_case: int = 42,
) -> Known:
    return Known(
        now=NOW,
        policy=policy,
        tiers=TIERS,
        found=found,
        healed=healed,
        past={(each.delivery, each.defect): each for each in past},
        waiting=waiting,
        deliveries={each.number: each for each in deliveries},
        shelf=shelf,
        frozen=frozen,
        next_case=next_case,
    )


def lying(name: str, **more: object) -> Spare:
    return spare(name, sound_at=FRESH, **more)  # type: ignore[arg-type]  # any word of a spare


LISTED = Found(
    delivery(1), finding(after("2h"), last_ok=after("1h"), who=["zen.example", "pbl.example", "zen.example"])
)
DUE = NOW + timedelta(hours=48)


def told(decision: Decision) -> list[tuple[str, str | None]]:
    return [(notice.key, notice.customer) for notice in decision.notices]


def test_nothing_known_nothing_decided() -> None:
    decision = decide(known())

    assert decision == Decision()
    assert not decision


def test_a_covered_failure_with_a_spare_is_opened_approved_and_promised_at_once() -> None:
    decision = decide(known(LISTED, shelf=[lying("spare-1")]))

    claim = Claim(VPN.niche, Defect.RANGE_LISTED, T, after("1h"), after("2h"))
    ruling = rule_on(claim, POLICY, NOW)
    opened = Case(
        number=42,
        delivery=1,
        defect=Defect.RANGE_LISTED,
        period=0,
        state=State.PROMISED,
        opened_at=NOW,
        clause="defects.range_listed",
        reason=ruling.reason,
        verify_due=NOW + timedelta(hours=12),
        replace_due=DUE,
        tier="vpn-de",
        supplier="acme",
        customer="alice",
        spare="spare-1",
    )
    facts = {
        "order": "INV-1",
        "unit": "unit-1",
        "tier": "vpn-de",
        "defect": "range_listed",
        "case": "42",
        "replace_due": "2026-06-03T15:00:00+00:00",
    }
    assert decision == Decision(
        opened=(Opening(opened, ruling, claim, LISTED.finding),),
        promises=(Promise(42, "spare-1"),),
        events=(
            Event(42, 0, NOW, "policy", Move.OPEN, State.VERIFYING, ruling.reason),
            Event(
                42,
                0,
                NOW,
                "policy",
                Move.APPROVE,
                State.APPROVED,
                "defects.range_listed: verified by zen.example, pbl.example",
            ),
            Event(42, 0, NOW, "policy", Move.PROMISE, State.PROMISED, "spare spare-1 reserved"),
        ),
        notices=(
            Notice(
                "case:42:case_opened",
                Kind.CASE_OPENED,
                "alice",
                42,
                NOW,
                {**facts, "since": "2026-06-01T14:00:00+00:00", "seen_by": "zen.example, pbl.example"},
            ),
            Notice(
                "case:42:replacement_ready:spare-1",
                Kind.REPLACEMENT_READY,
                "alice",
                42,
                NOW,
                {**facts, "spare": "spare-1", "spare_tier": "vpn-de"},
            ),
        ),
    )
    assert decision


def test_a_covered_failure_without_a_spare_waits_and_operators_are_asked_for_one() -> None:
    decision = decide(known(LISTED))

    (opening,) = decision.opened
    assert (opening.case.state, opening.case.spare, opening.case.closed_at) == (State.APPROVED, None, None)
    assert [event.move for event in decision.events] == [Move.OPEN, Move.APPROVE]
    assert told(decision) == [("case:42:case_opened", "alice"), ("case:42:operator_no_spare", None)]
    assert decision.promises == ()


def test_for_many_that_wait_for_one_tier_operators_are_asked_once() -> None:
    decision = decide(known(LISTED, Found(delivery(2), LISTED.finding)))

    asked = [notice for notice in decision.notices if notice.kind is Kind.OPERATOR_NO_SPARE]
    assert [opening.case.state for opening in decision.opened] == [State.APPROVED, State.APPROVED]

    assert [(notice.key, notice.params["tier"]) for notice in asked] == [("case:42:operator_no_spare", "vpn-de")]


def test_a_doubtful_failure_waits_for_an_operator_and_the_customer_hears_nothing_yet() -> None:
    astride = Found(delivery(1), finding(after("25h"), last_ok=after("23h")))

    decision = decide(replace(known(astride, shelf=[lying("spare-1")], policy=ASKING), now=after("26h")))

    (opening,) = decision.opened
    assert (opening.ruling.outcome, opening.case.state) == (Outcome.OPERATOR, State.VERIFYING)
    assert [event.move for event in decision.events] == [Move.OPEN]
    assert told(decision) == [("case:42:operator_verify", None)]
    assert decision.notices[0].params["reason"] == opening.ruling.reason
    assert decision.promises == ()


def test_a_failure_that_is_not_covered_opens_no_case_but_can_be_explained() -> None:
    abuse = Found(
        delivery(1, tier=VPS), finding(after("2h"), defect=BANNED, cause=Exclusion.CUSTOMER_TOS, who=["digitalocean"])
    )

    decision = decide(known(abuse, shelf=[lying("spare-1")]))

    claim = Claim(VPS.niche, BANNED, T, None, after("2h"), cause=Exclusion.CUSTOMER_TOS)
    assert decision == Decision(ruled=(Ruled(1, rule_on(claim, POLICY, NOW), claim, abuse.finding),))
    assert decision.ruled[0].ruling.outcome is Outcome.NOT_COVERED
    assert decision


@pytest.mark.parametrize("state", [state for state in State if state is not State.WITHDRAWN])
def test_a_failure_that_has_its_case_opens_no_other(state: State) -> None:
    assert decide(known(LISTED, past=[case(7, state)], shelf=[lying("spare-1")])) == Decision()


def test_a_failure_that_comes_back_after_it_had_healed_opens_the_next_period() -> None:
    decision = decide(known(LISTED, past=[case(7, State.WITHDRAWN, period=2)]))

    assert [(each.case.number, each.case.period) for each in decision.opened] == [(42, 3)]


def test_another_defect_of_the_same_delivery_is_another_case() -> None:
    other = Found(LISTED.delivery, replace(LISTED.finding, defect=Defect.KEY_BANNED))

    decision = decide(known(LISTED, other, past=[case(7, State.CLOSED, defect=Defect.ACCOUNT_BANNED)]))

    assert [(each.case.number, each.case.defect) for each in decision.opened] == [
        (42, Defect.RANGE_LISTED),
        (43, Defect.KEY_BANNED),
    ]


def test_a_failure_told_twice_is_one() -> None:
    decision = decide(known(LISTED, LISTED, shelf=[lying("spare-1"), lying("spare-2")]))

    assert len(decision.opened) == len(decision.promises) == 1


@pytest.mark.parametrize(
    ("state", "customer_is_told"),
    [
        pytest.param(State.APPROVED, True, id="he was told that it is open"),
        pytest.param(State.HELD, True, id="he was told, though the brake held it"),
        pytest.param(State.SUSPECTED, True, id="he reported it"),
        pytest.param(State.VERIFYING, False, id="he has heard nothing: an operator was to verify it first"),
    ],
)
def test_a_failure_that_clears_before_the_promise_withdraws_its_case(state: State, *, customer_is_told: bool) -> None:
    healed = case(7, state)

    decision = decide(known(healed=[healed], deliveries=[delivery(1)]))

    assert decision.moved == (replace(healed, state=State.WITHDRAWN, closed_at=NOW),)
    assert decision.events == (
        Event(7, 0, NOW, "policy", Move.WITHDRAW, State.WITHDRAWN, "the failure cleared before a spare was promised"),
    )
    assert told(decision) == ([("case:7:case_withdrawn", "alice")] if customer_is_told else [])
    assert [notice.params for notice in decision.notices] == customer_is_told * [
        {
            "order": "INV-1",
            "unit": "unit-1",
            "tier": "vpn-de",
            "defect": "range_listed",
            "case": "7",
            "replace_due": healed.replace_due.isoformat(),
        }
    ]
    assert decision


def test_a_withdrawn_case_is_promised_nothing() -> None:
    healed = case(7, State.APPROVED)

    decision = decide(known(healed=[healed], waiting=[healed], deliveries=[delivery(1)], shelf=[lying("spare-1")]))

    assert decision.promises == ()
    assert [each.state for each in decision.moved] == [State.WITHDRAWN]


def test_a_waiting_case_is_promised_what_came_to_the_shelf() -> None:
    waiting = case(7, State.APPROVED)

    decision = decide(known(waiting=[waiting], deliveries=[delivery(1)], shelf=[lying("spare-1")]))

    assert decision.moved == (replace(waiting, state=State.PROMISED, spare="spare-1"),)
    assert decision.promises == (Promise(7, "spare-1"),)
    assert decision.events == (Event(7, 0, NOW, "policy", Move.PROMISE, State.PROMISED, "spare spare-1 reserved"),)
    assert told(decision) == [("case:7:replacement_ready:spare-1", "alice")]
    assert decision.notices[0].params["spare_tier"] == "vpn-de"


def test_a_waiting_case_that_goes_on_waiting_is_not_told_again() -> None:
    assert decide(known(waiting=[case(7)], deliveries=[delivery(1)])) == Decision()


def test_whoever_is_due_first_is_served_first() -> None:
    late, early = case(7, delivery=2, opened_at=after("2h")), case(8, delivery=3, opened_at=after("1h"))

    decision = decide(
        known(
            LISTED,
            waiting=[late, early],
            deliveries=[delivery(2), delivery(3)],
            shelf=[lying("cheap", cost="1"), lying("dear", cost="2"), lying("best", tier=VPN_PLUS)],
        )
    )

    assert decision.promises == (Promise(7, "dear"), Promise(8, "cheap"), Promise(42, "best"))


def test_of_two_due_at_once_the_older_is_served_first() -> None:
    decision = decide(
        known(
            waiting=[case(8, delivery=3), case(7, delivery=2)],
            deliveries=[delivery(2), delivery(3)],
            shelf=[lying("spare-1")],
        )
    )

    assert decision.promises == (Promise(7, "spare-1"),)


def test_a_case_whose_tier_has_left_the_catalogue_is_left_alone() -> None:
    orphan = case(7)

    assert decide(known(waiting=[orphan], healed=[case(8)], shelf=[lying("spare-1")])) == Decision()


@pytest.mark.parametrize(
    ("shelf", "frozen"),
    [
        pytest.param([spare("stale", sound_at=NOW - POLICY.fresh_within - SECOND)], Frozen(), id="not seen lately"),
        pytest.param([lying("burning", supplier="bolt")], Frozen(suppliers={"bolt"}), id="of a burning supplier"),
        pytest.param([lying("other", tier=VPS)], Frozen(), id="of another niche"),
    ],
)
def test_an_unfit_spare_is_promised_to_nobody(shelf: list[Spare], frozen: Frozen) -> None:
    assert decide(known(LISTED, shelf=shelf, frozen=frozen)).promises == ()


DEFECT = {VPN.name: Defect.RANGE_LISTED, VPN_PLUS.name: Defect.RANGE_LISTED, VPS.name: BANNED}
causes = st.sampled_from([None, Exclusion.CUSTOMER_TOS])
brakes = st.sampled_from([POLICY.brake, replace(POLICY.brake, per_hour=2), replace(POLICY.brake, per_hour=0)])
hours = st.integers(-2, 60).map(lambda each: T + timedelta(hours=each))


@st.composite
def worlds(draw: st.DrawFn) -> Known:
    """Draw a moment in the shop: what failed and healed, who waits, what lies on the shelf."""
    handed = [delivery(n, tier=draw(st.sampled_from([VPN, VPN_PLUS, VPS]))) for n in range(draw(st.integers(0, 8)))]
    cases = {
        each.number: case(
            number,
            draw(st.sampled_from(State)),
            delivery=each.number,
            defect=DEFECT[each.tier.name],
            opened_at=draw(hours),
            tier=each.tier,
        )
        for number, each in enumerate(handed, 1)
        if draw(st.booleans())
    }
    found = [
        Found(each, finding(draw(hours), defect=DEFECT[each.tier.name], cause=draw(causes)))
        for each in draw(st.lists(st.sampled_from(handed), max_size=10) if handed else st.just([]))
    ]
    failing = {each.delivery.number for each in found}
    withdrawable = [
        each
        for each in cases.values()
        if each.state in OPEN - {State.PROMISED, State.HANDED_OVER} and each.delivery not in failing
    ]
    shelf = [
        spare(
            f"spare-{n}",
            tier=draw(st.sampled_from([VPN, VPN_PLUS])),
            supplier=draw(st.sampled_from(["bolt", "corp"])),
            cost=str(draw(st.integers(0, 2))),
            sound_at=draw(st.sampled_from([None, after("59h30m")])),
        )
        for n in range(draw(st.integers(0, 6)))
    ]
    return Known(
        now=after("60h"),
        policy=replace(draw(st.sampled_from([POLICY, ASKING])), brake=draw(brakes)),
        tiers=TIERS,
        found=found,
        healed=[each for each in withdrawable if draw(st.booleans())],
        past={(each.delivery, each.defect): each for each in cases.values()},
        waiting=[each for each in cases.values() if each.state is State.APPROVED],
        deliveries={each.number: each for each in handed},
        shelf=shelf,
        frozen=draw(st.sampled_from([Frozen(), Frozen({"bolt"})])),
        in_coverage=draw(st.sampled_from([{}, {"acme": 1000}])),
        blocks=draw(st.sampled_from([{}, {ip_network("203.0.113.0/24"): 1000}])),
        next_case=100,
    )


def as_they_stand(world: Known, decision: Decision) -> dict[int, Case]:
    """Give all cases after the decision, by number."""
    before = {each.number: each for each in (*world.past.values(), *world.waiting, *world.healed)}
    return {
        **before,
        **{each.number: each for each in decision.moved},
        **{each.case.number: each.case for each in decision.opened},
    }


def tellings(decision: Decision, kind: Kind) -> Counter[str]:
    """Count in how many notices of a kind each case stands, alone or among others of one incident."""
    told: Counter[str] = Counter()
    for notice in decision.notices:
        if notice.kind is kind:
            items = notice.params.get("items")
            told.update([item["case"] for item in items] if isinstance(items, list) else [str(notice.params["case"])])
    return told


@given(worlds())
def test_no_delivery_has_two_open_cases_for_one_defect(world: Known) -> None:
    stand = as_they_stand(world, decide(world))
    open_cases = Counter((each.delivery, each.defect) for each in stand.values() if each.state in OPEN)

    assert not [twice for twice, count in open_cases.items() if count > 1]
    periods = Counter((each.delivery, each.defect, each.period) for each in stand.values())
    assert max(periods.values(), default=1) == 1


@given(worlds())
def test_no_spare_is_promised_twice_and_no_case_two_spares(world: Known) -> None:
    promises = decide(world).promises

    assert len({promise.unit for promise in promises}) == len(promises)
    assert len({promise.case for promise in promises}) == len(promises)


@given(worlds())
def test_a_promise_stands_in_the_case_in_the_trail_and_in_a_notice(world: Known) -> None:
    decision = decide(world)
    stand = as_they_stand(world, decision)
    promised = {promise.case: promise.unit for promise in decision.promises}

    assert promised == {
        each.number: each.spare for each in stand.values() if each.state is State.PROMISED and each.spare is not None
    }
    assert set(promised) == {event.case for event in decision.events if event.move is Move.PROMISE}
    assert tellings(decision, Kind.REPLACEMENT_READY) == Counter(map(str, promised))


@given(worlds())
def test_only_what_was_decided_to_be_covered_is_promised(world: Known) -> None:
    decision = decide(world)
    healed = {each.number for each in world.healed}
    covered = {each.case.number for each in decision.opened if each.ruling.outcome is Outcome.COVERED}
    approved = {each.number for each in world.waiting} - healed

    assert {promise.case for promise in decision.promises} <= covered | approved


@given(worlds())
def test_nobody_who_is_due_later_is_served_before_somebody_who_could_have_had_it(world: Known) -> None:
    decision = decide(world)
    stand = as_they_stand(world, decision)
    tiers = {**{n: each.tier for n, each in world.deliveries.items()}}
    shelf = {each.unit.name: each for each in world.shelf}
    unserved = [each for each in stand.values() if each.state is State.APPROVED]

    for promise in decision.promises:
        theirs = stand[promise.case]
        for mine in unserved:
            fit = in_order(
                tiers[mine.delivery], [shelf[promise.unit]], TIERS, world.frozen, world.now, POLICY.fresh_within
            )
            assert not fit or (theirs.replace_due, theirs.number) < (mine.replace_due, mine.number)


@given(worlds())
def test_every_opening_is_told_exactly_once_to_the_one_it_concerns(world: Known) -> None:
    decision = decide(world)
    opened, verify = tellings(decision, Kind.CASE_OPENED), tellings(decision, Kind.OPERATOR_VERIFY)

    for opening in decision.opened:
        covered = opening.ruling.outcome is Outcome.COVERED
        assert opened[str(opening.case.number)] == int(covered)
        assert verify[str(opening.case.number)] == int(not covered)
    assert opened.total() + verify.total() == len(decision.opened)


@given(worlds())
def test_every_notice_has_a_key_of_its_own_and_one_recipient(world: Known) -> None:
    notices = decide(world).notices

    assert len({notice.key for notice in notices}) == len(notices)
    assert all((notice.customer is None) == notice.kind.startswith("operator_") for notice in notices)


@given(worlds())
def test_a_case_that_waits_for_stock_is_told_to_operators_once_for_its_tier(world: Known) -> None:
    decision = decide(world)
    asked = [str(notice.params["tier"]) for notice in decision.notices if notice.kind is Kind.OPERATOR_NO_SPARE]
    together = {each.case for each in decision.joined}
    short = {
        each.case.tier
        for each in decision.opened
        if each.case.state is State.APPROVED and each.case.number not in together
    }

    assert sorted(asked) == sorted(short)


@given(worlds())
def test_what_the_brake_holds_is_told_but_not_promised(world: Known) -> None:
    decision = decide(world)
    held = {each.case.number for each in decision.opened if each.case.state is State.HELD}

    assert held == {event.case for event in decision.events if event.move is Move.HOLD}
    assert not held & {promise.case for promise in decision.promises}
    assert bool(held) == bool(decision.engaged) == any(n.kind is Kind.OPERATOR_BRAKE for n in decision.notices)


@given(worlds())
def test_every_finding_without_a_case_is_opened_or_explained(world: Known) -> None:
    decision = decide(world)
    pending = {
        (each.delivery.number, each.finding.defect)
        for each in world.found
        if (before := world.past.get((each.delivery.number, each.finding.defect))) is None
        or before.state is State.WITHDRAWN
    }

    opened = {(each.case.delivery, each.case.defect) for each in decision.opened}
    ruled = {(each.delivery, each.finding.defect) for each in decision.ruled}
    assert opened | ruled == pending
    assert not opened & ruled


@given(worlds())
def test_new_cases_are_numbered_one_after_another(world: Known) -> None:
    numbers = [each.case.number for each in decide(world).opened]

    assert numbers == list(range(world.next_case, world.next_case + len(numbers)))


@given(worlds())
def test_the_same_world_is_decided_in_the_same_way(world: Known) -> None:
    assert decide(world) == decide(world)


def settled(world: Known, decision: Decision, now: datetime) -> Known:
    """Give the world after a decision was written down."""
    stand = as_they_stand(world, decision)
    taken = {promise.unit for promise in decision.promises}
    newest = {(each.delivery, each.defect): each for each in sorted(stand.values(), key=lambda each: each.period)}
    return replace(
        world,
        now=now,
        healed=(),
        past=newest,
        waiting=[each for each in stand.values() if each.state is State.APPROVED],
        shelf=[each for each in world.shelf if each.unit.name not in taken],
        next_case=max([world.next_case, *(number + 1 for number in stand)]),
    )


@given(worlds())
def test_deciding_again_when_nothing_has_changed_changes_nothing(world: Known) -> None:
    again = decide(settled(world, decide(world), world.now))

    assert (again.opened, again.moved, again.promises, again.events, again.notices) == ((), (), (), (), ())


@pytest.mark.parametrize(
    ("before", "left"),
    [
        pytest.param([], 1, id="no case yet"),
        pytest.param([case(7, State.APPROVED, defect=Defect.ACCOUNT_BANNED)], 0, id="another defect brings a spare"),
        pytest.param([case(7, State.APPROVED)], 1, id="the same one"),
        pytest.param([case(7, State.WITHDRAWN, defect=Defect.ACCOUNT_BANNED)], 1, id="another one that healed"),
    ],
)
def test_who_gets_another_unit_for_one_defect_needs_none_for_another(before: list[Case], left: int) -> None:
    past = {(each.delivery, each.defect): each for each in before}

    assert len(replaced_once([LISTED], past)) == left
