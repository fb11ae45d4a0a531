"""Cases, stock and clocks together, in every order that anybody can think of: what may never be, never is."""

import os
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from monitor.core.case import IllegalMoveError, Move, State
from monitor.core.coverage import BrakeLimits, Burning, Defect, Exclusion, Standing
from monitor.core.decide import Found, Recorded
from monitor.core.hand import BY_HAND, by_hand, release_all
from monitor.core.incident import SupplierBurning
from monitor.core.report import Report, file_report, reportable
from tests.core.ledger import Ledger
from tests.core.shop import POLICY, SMS, TIERS, VPN, VPN_BASIC, VPN_PLUS, delivery, finding, unit

MINUTE = timedelta(minutes=1)
TIGHT = replace(POLICY, brake=BrakeLimits(4, 12, 3, 3, 0.5), burning=Burning(members=3, share=0.3))
"""The shipped policy with a brake and incidents that a small shop meets, too."""
SUPPLIERS = ("acme", "bolt")
PROVES = {
    VPN: Defect.RANGE_LISTED,
    VPN_PLUS: Defect.KEY_BANNED,
    VPN_BASIC: Defect.RANGE_LISTED,
    SMS: Defect.NUMBER_TAKEN,
}
HANDS = (*BY_HAND, Move.VERIFY, Move.ASK, Move.ANSWER, Move.CLOSE)
CAUSES = (None, None, None, Exclusion.CUSTOMER_TOS, Exclusion.CUSTOMER_CREDENTIALS)
STEPS = 100_000
picks = st.integers(0, 1000)


class ShopMachine(RuleBasedStateMachine):
    """Does what suppliers, providers, customers, operators and time do to a shop."""

    steps = 0

    def __init__(self) -> None:
        super().__init__()
        self.shop = Ledger(TIGHT)
        self.made = 0

    @initialize(sold=st.integers(1, 4), spares=st.integers(0, 4))
    def open_it(self, sold: int, spares: int) -> None:
        for n in range(sold):
            self.sell(n % 5, n % 2)
        for n in range(spares):
            self.stock(n % 3, (n + 1) % 2, n)

    @precondition(lambda self: len(self.shop.deliveries) < 12)
    @rule(tier=st.integers(0, 4), supplier=st.integers(0, 1))
    def sell(self, tier: int, supplier: int) -> None:
        number, shop = len(self.shop.deliveries) + 1, self.shop
        ranges = [f"203.0.{number}.0/28"] if list(TIERS.values())[tier].niche == "vpn" else []
        shop.deliveries[number] = delivery(
            number,
            tier=list(TIERS.values())[tier],
            supplier=SUPPLIERS[supplier],
            ranges=ranges,
            customer=f"customer-{number % 3}",
            at=shop.now,
            imported_at=shop.now,
        )

    @precondition(lambda self: len(self.shop.units) < 20)
    @rule(tier=st.integers(0, 4), supplier=st.integers(0, 1), cost=st.integers(0, 9))
    def stock(self, tier: int, supplier: int, cost: int) -> None:
        self.made += 1
        kind = list(TIERS.values())[tier]
        ranges = [f"198.51.{self.made}.0/28"] if kind.niche == "vpn" else []
        name = f"spare-{self.made}"
        self.shop.units[name] = unit(name, tier=kind, supplier=SUPPLIERS[supplier], ranges=ranges, cost=str(cost))
        self.shop.decide()

    @rule(minutes=st.sampled_from([1, 7, 45, 60, 600, 1440, 20160]))
    def wait(self, minutes: int) -> None:
        self.shop.now += minutes * MINUTE
        self.shop.watch_clocks()
        self.shop.decide()

    @rule(which=st.lists(picks, min_size=1, max_size=4), ago=st.integers(0, 2000), cause=st.sampled_from(CAUSES))
    def fail(self, which: list[int], ago: int, cause: Exclusion | None) -> None:
        shop, found = self.shop, []
        for each in which:
            fallen = self.pick(each)
            first_bad = shop.now - ago * MINUTE
            last_ok = first_bad - 5 * MINUTE if each % 2 else None
            defect = PROVES.get(fallen.tier, Defect.ACCOUNT_BANNED)
            found.append(Found(fallen, finding(first_bad, defect=defect, last_ok=last_ok, cause=cause)))
        shop.decide(found)

    @rule(which=picks)
    def heal(self, which: int) -> None:
        self.shop.decide(sound=[self.pick(which).number])

    @rule(which=picks, kind=picks)
    def report(self, which: int, kind: int) -> None:
        shop, told = self.shop, self.pick(which)
        defects = reportable(told, shop.policy)
        defect = defects[kind % len(defects)]
        before = shop.newest(told.number, defect)
        if before is None or before.state in {State.WITHDRAWN, State.CLOSED}:
            period = 0 if before is None else before.period + 1
            number = max(shop.cases, default=0) + 1
            shop.commit(file_report(Report(told, defect, shop.now), number, period, Standing(), shop.policy, shop.now))

    @precondition(lambda self: self.shop.units)
    @rule(which=picks)
    def sicken(self, which: int) -> None:
        names = sorted(self.shop.units.keys() - self.shop.gone)
        self.shop.sick |= {names[which % len(names)]} if names else set()
        self.shop.decide()

    @precondition(lambda self: self.shop.cases)
    @rule(which=picks, move=st.sampled_from(HANDS))
    def decide_by_hand(self, which: int, move: Move) -> None:
        shop = self.shop
        case = shop.cases[1 + which % len(shop.cases)]
        before = shop.written()
        try:
            handled = by_hand(case, shop.deliveries[case.delivery], move, "operator olga", "she says so", shop.now)
        except IllegalMoveError:
            assert shop.written() == before
            return
        shop.move(handled)
        shop.decide()

    @precondition(lambda self: any(case.state is State.PROMISED for case in self.shop.cases.values()))
    @rule(which=picks)
    def take_over(self, which: int) -> None:
        shop = self.shop
        ready = [each for each in shop.cases.values() if each.state is State.PROMISED and each.spare not in shop.sick]
        if ready:
            case = ready[which % len(ready)]
            before = shop.deliveries[case.delivery]
            shop.hand_over(by_hand(case, before, Move.HAND_OVER, case.customer, "taken over", shop.now), before)

    @rule(which=st.integers(0, 1))
    def freeze_or_thaw(self, which: int) -> None:
        shop, name = self.shop, SUPPLIERS[which]
        left = [
            each
            for each in shop.incidents
            if not (isinstance(each.incident, SupplierBurning) and each.incident.supplier == name)
        ]
        if len(left) == len(shop.incidents):
            number = max((each.number for each in left), default=0) + 1
            left.append(Recorded(number, SupplierBurning(name, (), 0), shop.now, "operator olga"))
        shop.incidents = left
        shop.decide()

    @precondition(lambda self: self.shop.engaged)
    @rule()
    def release_the_brake(self) -> None:
        self.shop.engaged.clear()
        self.shop.commit(release_all(self.shop.held_by_brake(), "operator olga", "go on", self.shop.now))
        self.shop.decide()

    @invariant()
    def count(self) -> None:
        type(self).steps += 1

    def teardown(self) -> None:
        self.shop.replay()

    def pick(self, which: int) -> Any:
        return self.shop.deliveries[1 + which % len(self.shop.deliveries)]


CHECKED = (HealthCheck.too_slow, HealthCheck.filter_too_much)


def test_whatever_happens_in_a_shop_nothing_happens_that_may_not() -> None:
    run_state_machine_as_test(
        ShopMachine, settings=settings(max_examples=10, stateful_step_count=30, suppress_health_check=CHECKED)
    )


@pytest.mark.wide
@pytest.mark.timeout(900)
def test_nor_in_a_hundred_thousand_steps() -> None:
    ShopMachine.steps = 0
    wanted = STEPS if os.environ.get("CI", "false") not in {"", "0", "false"} else STEPS // 50
    while ShopMachine.steps < wanted:
        run_state_machine_as_test(
            ShopMachine,
            settings=settings(
                max_examples=100, stateful_step_count=100, suppress_health_check=CHECKED, phases=[Phase.generate]
            ),
        )
