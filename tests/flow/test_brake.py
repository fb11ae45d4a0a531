"""The brake on generosity: what it lets through, what it holds, and how it is released."""

from collections import Counter
from dataclasses import replace

import pytest

from monitor.clock import DrivenClock
from monitor.core.case import Move, State
from monitor.core.coverage import BrakeLimits, Defect, Policy
from monitor.core.notice import Kind
from monitor.duty import brake_status, release_brake
from monitor.store import cases
from monitor.store.engine import Store
from tests.flow.driven import DAY, HOUR, LIFTED, MINUTE, NO_BRAKE, NOON, Node, node, number, sell, shelve

TAKEN = Defect.NUMBER_TAKEN
THREE = replace(LIFTED, brake=replace(NO_BRAKE, per_hour=3))


async def open_shop(store: Store, policy: Policy = THREE, spares: int = 8, *, dry_run: bool = False) -> Node:
    await sell(store, {f"customer-{n}": [number(f"number-{n}")] for n in range(8)}, NOON - MINUTE)
    await shelve(store, [number(f"spare-{n}", supplier="bolt") for n in range(spares)], NOON)
    return node(store, {}, DrivenClock(NOON), policy, dry_run=dry_run)


async def states(shop: Node) -> Counter[State]:
    return Counter(case.state for case in await shop.cases())


async def test_above_the_limit_cases_open_customers_hear_and_an_operator_releases(store: Store) -> None:
    shop = await open_shop(store)
    await shop.fail(TAKEN, *(f"number-{n}" for n in range(5)))

    assert await states(shop) == {State.PROMISED: 3, State.HELD: 2}
    told = Counter(notice.kind for notice in await shop.notices())
    assert told == {Kind.CASE_OPENED: 5, Kind.REPLACEMENT_READY: 3, Kind.OPERATOR_BRAKE: 1}
    [brake] = await shop.notices(Kind.OPERATOR_BRAKE)
    assert brake.params == {
        "reason": "The brake is at its limit: 3 replacements approved by themselves within an hour.",
        "waiting": 2,
    }

    # The next hour has room for what is new; what is held waits for an operator.
    shop.clock.advance(HOUR)
    await shop.tend()
    await sell(store, {"latecomer": [number("late")]}, shop.clock.now())
    await shop.fail(TAKEN, "late")
    assert await states(shop) == {State.PROMISED: 4, State.HELD: 2}
    status = await brake_status(store, shop.sweeper.law, shop.clock.now())
    assert [each["limit"] for each in status["engaged"]] == ["per_hour"]
    assert [each["number"] for each in status["held"]] == [4, 5]
    assert status["approved"] == {"hour": 1, "day": 4}

    done = await release_brake(store, shop.sweeper.law, "operator olga", "looked at it", shop.clock.now())
    assert [case.number for case in done.cases] == [4, 5]
    await shop.tend()
    assert await states(shop) == {State.PROMISED: 6}
    assert await shop.trail(4) == [
        (Move.OPEN, "policy"),
        (Move.HOLD, "brake"),
        (Move.RELEASE, "operator olga"),
        (Move.PROMISE, "policy"),
    ]
    history = (await brake_status(store, shop.sweeper.law, shop.clock.now()))["history"]
    assert [(each["number"], each["released_by"]) for each in history] == [(1, "operator olga")]


async def test_one_engagement_is_told_once_and_the_next_one_again(store: Store) -> None:
    shop = await open_shop(store)
    await shop.fail(TAKEN, *(f"number-{n}" for n in range(4)))
    await shop.fail(TAKEN, "number-4")
    assert [each.key for each in await shop.notices(Kind.OPERATOR_BRAKE)] == ["brake:1:engaged"]

    await release_brake(store, shop.sweeper.law, "operator", "", shop.clock.now())
    await shop.fail(TAKEN, "number-5")
    assert [each.key for each in await shop.notices(Kind.OPERATOR_BRAKE)] == ["brake:1:engaged", "brake:2:engaged"]


async def test_what_an_operator_holds_is_not_released_with_the_brake(store: Store) -> None:
    shop = await open_shop(store)
    await shop.fail(TAKEN, *(f"number-{n}" for n in range(4)))
    async with store.deciding() as connection:
        [held] = await cases.held_by_brake(connection)
        last = replace((await cases.events_of(connection, held.number))[-1][0], who="operator olga")
        released = replace(last, move=Move.RELEASE, state=State.APPROVED)
        await cases.append(connection, [released, last])

    assert (await release_brake(store, shop.sweeper.law, "operator", "", shop.clock.now())).cases == ()


async def test_a_brake_that_holds_nothing_any_more_goes_off_by_itself(store: Store) -> None:
    shop = await open_shop(store)
    await shop.fail(TAKEN, *(f"number-{n}" for n in range(4)))
    await shop.heal(TAKEN, "number-3")
    await shop.tend()
    status = await brake_status(store, shop.sweeper.law, shop.clock.now())
    assert (status["engaged"], [each["released_by"] for each in status["history"]]) == ([], ["policy"])


@pytest.mark.parametrize(
    ("limits", "promised"),
    [
        pytest.param(BrakeLimits(1000, 1000, 1000, 1000, 0.3), 2, id="of eight spares thirty percent are two"),
        pytest.param(replace(NO_BRAKE, per_day=4), 4, id="in a day"),
        pytest.param(replace(NO_BRAKE, supplier_per_hour=5), 5, id="of one supplier"),
    ],
)
async def test_what_is_given_away_by_itself_is_counted_over_decisions(
    store: Store, limits: BrakeLimits, promised: int
) -> None:
    shop = await open_shop(store, replace(LIFTED, brake=limits))
    for n in range(7):
        await shop.fail(TAKEN, f"number-{n}")
        shop.clock.advance(MINUTE)
    assert await states(shop) == {State.PROMISED: promised, State.HELD: 7 - promised}


async def test_whoever_waits_for_stock_draws_on_no_tier(store: Store) -> None:
    shop = await open_shop(store, replace(LIFTED, brake=BrakeLimits(1000, 1000, 1000, 1000, 0.3)), spares=0)
    await shop.fail(TAKEN, *(f"number-{n}" for n in range(7)))
    assert await states(shop) == {State.APPROVED: 7}


@pytest.mark.parametrize("spares", [0, 8])
async def test_in_a_dry_run_everything_is_decided_nothing_is_promised_and_nothing_is_ever_sent(
    store: Store, spares: int
) -> None:
    shop = await open_shop(store, LIFTED, spares, dry_run=True)
    await shop.fail(TAKEN, "number-0")
    await shop.tend()
    assert await states(shop) == {State.APPROVED: 1}
    would_be = [(Move.NOTE, "policy")] if spares else []
    assert await shop.trail(1) == [(Move.OPEN, "policy"), (Move.APPROVE, "policy"), *would_be]
    assert Kind.CASE_OPENED in {notice.kind for notice in await shop.notices()}
    assert await shop.deliver() == []
    shop.clock.advance(DAY)
    await shop.tend()
    assert await shop.deliver() == []
