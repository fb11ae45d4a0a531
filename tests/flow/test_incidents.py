"""Failures with one origin: how incidents begin, whom they freeze, who hears of them, and how they end."""

from collections import Counter
from dataclasses import replace
from ipaddress import ip_network

import pytest

from monitor.clock import DrivenClock
from monitor.core.case import State
from monitor.core.coverage import Defect, Policy
from monitor.core.fleet import Unit
from monitor.core.notice import Kind
from monitor.core.plan import Check
from monitor.demo.digitalocean import Broken, DigitalOceanApi, Well
from monitor.duty import NothingToDoError, close_incident, freeze_supplier, supplier_story, thaw_supplier
from monitor.store import reports
from monitor.store.engine import Store
from monitor.store.views import Row
from tests.flow.driven import (
    DAY,
    HOUR,
    LIFTED,
    MINUTE,
    NO_BRAKE,
    NOON,
    POLICY,
    Node,
    accounts,
    node,
    sell,
    shelve,
    vpn,
    vps,
)

BANNED, LISTED = Defect.ACCOUNT_BANNED, Defect.RANGE_LISTED
FIRES = replace(POLICY, brake=NO_BRAKE)
"""The shipped policy without the brake."""


async def open_shop(store: Store, policy: Policy = FIRES, spares: int = 4) -> Node:
    """Ten accounts of acme at six customers, ten of bolt at one, and spares of both: those of acme are cheaper."""
    sold = {f"customer-{n}": [vps(f"acme-{n}")] for n in range(5)}
    sold["alice"] = [vps(f"acme-{n}") for n in range(5, 10)]
    sold["bob"] = [vps(f"bolt-{n}", "bolt") for n in range(10)]
    await sell(store, sold, NOON - HOUR)
    await shelve(store, [vps(f"spare-acme-{n}", "acme", "1") for n in range(spares)], NOON, seen=BANNED)
    await shelve(store, [vps(f"spare-bolt-{n}", "bolt", "9") for n in range(spares)], NOON, seen=BANNED)
    return node(store, {}, DrivenClock(NOON), policy)


async def on_record(store: Store, *, lasting: bool = True) -> list[Row]:
    async with store.read() as connection:
        return await reports.list_incidents(connection, lasting=lasting, limit=100)


async def test_two_that_fall_are_two_cases_and_the_third_is_an_incident_of_all_three(store: Store) -> None:
    shop = await open_shop(store)
    await shop.fail(BANNED, "acme-0", "acme-1")
    assert await on_record(store) == []
    assert [case.spare for case in await shop.cases()] == ["spare-acme-0", "spare-acme-1"]

    await shop.fail(BANNED, "acme-2")
    [fire] = await on_record(store)
    assert (fire["kind"], fire["name"], fire["members"], fire["cases"]) == ("supplier", "acme", 3, 3)
    assert fire["why"] == "3 of 10 units in coverage fell at about the same time."
    found = await shop.cases()
    assert [case.supplier_fault for case in found] == [True, True, True]
    # What was promised before stays so; from now on nothing of acme is promised.
    assert [case.spare for case in found] == ["spare-acme-0", "spare-acme-1", "spare-bolt-0"]

    await shop.fail(BANNED, "acme-3")
    [fire] = await on_record(store)
    assert fire["members"] == 4
    assert len(await shop.notices(Kind.OPERATOR_INCIDENT)) == 1


async def test_what_nobody_was_told_yet_is_told_with_the_incident(store: Store) -> None:
    shop = await open_shop(store)
    await shop.fail(BANNED, "acme-5", "acme-6")
    assert {notice.key for notice in await shop.notices(Kind.CASE_OPENED)} == {
        "case:1:case_opened",
        "case:2:case_opened",
    }
    await shop.fail(BANNED, "acme-7", "acme-0")
    # Alice has two more units that may fall: she is told when they do, or when the gathering is over.
    assert Counter(n.customer for n in await shop.deliver() if n.kind is Kind.CASE_OPENED) == {"customer-0": 1}

    shop.clock.advance(5 * MINUTE)
    await shop.fail(BANNED, "acme-8", "acme-9")
    [alice] = [n for n in await shop.deliver() if n.kind is Kind.CASE_OPENED]
    assert alice.customer == "alice"
    items = alice.params["items"]
    assert isinstance(items, list)
    assert [item["unit"] for item in items] == ["acme-5", "acme-6", "acme-7", "acme-8", "acme-9"]


async def test_a_customer_who_has_more_at_the_same_supplier_is_told_at_the_latest_when_the_gathering_is_over(
    store: Store,
) -> None:
    shop = await open_shop(store)
    await shop.fail(BANNED, "acme-0", "acme-1", "acme-5")
    assert "alice" not in {notice.customer for notice in await shop.deliver()}
    shop.clock.advance(POLICY.burning.gather)
    assert Kind.CASE_OPENED in {notice.kind for notice in await shop.deliver() if notice.customer == "alice"}
    # Whatever of hers falls afterwards is told at once, by itself.
    await shop.fail(BANNED, "acme-6")
    [again] = [n for n in await shop.deliver() if n.customer == "alice" and n.kind is Kind.CASE_OPENED]
    assert [item["unit"] for item in again.params["items"]] == ["acme-6"]  # type: ignore[union-attr,index]  # a list of items


async def test_several_spares_for_one_customer_are_told_in_one_message(store: Store) -> None:
    shop = await open_shop(store)
    await shop.fail(BANNED, "acme-0", "acme-5", "acme-6")
    ready = [notice for notice in await shop.notices(Kind.REPLACEMENT_READY) if notice.customer == "alice"]
    assert [item["spare"] for item in ready[0].params["items"]] == ["spare-bolt-1", "spare-bolt-2"]  # type: ignore[union-attr,index]  # a list of items
    assert len(ready) == 1


async def test_fewer_than_a_fifth_of_a_suppliers_units_are_no_incident(store: Store) -> None:
    await sell(store, {f"customer-{n}": [vps(f"acme-{n}")] for n in range(16)}, NOON - HOUR)
    shop = node(store, {}, DrivenClock(NOON), FIRES)
    await shop.fail(BANNED, "acme-0", "acme-1", "acme-2")
    assert await on_record(store) == []
    await shop.fail(BANNED, "acme-3")
    assert [fire["members"] for fire in await on_record(store)] == [4]


async def test_an_incident_ends_by_itself_when_nothing_more_falls_and_its_spares_are_free_again(store: Store) -> None:
    shop = await open_shop(store)
    await shop.fail(BANNED, "acme-0", "acme-1", "acme-2")
    shop.clock.advance(DAY - HOUR)
    await shop.tend()
    assert len(await on_record(store)) == 1
    shop.clock.advance(2 * HOUR)
    await shop.tend()
    assert await on_record(store) == []
    [over] = await on_record(store, lasting=False)
    assert (over["closed_by"], over["closed_why"]) == ("policy", "nothing more fell")


async def test_what_an_operator_closed_is_not_opened_again_by_what_had_fallen_before(store: Store) -> None:
    shop = await open_shop(store)
    await shop.fail(BANNED, "acme-0", "acme-1", "acme-2")
    await close_incident(store, 1, "operator olga", "talked to them", shop.clock.now())
    shop.clock.advance(20 * MINUTE)
    await shop.fail(BANNED, "acme-3", "acme-4")
    assert await on_record(store) == []
    await shop.fail(BANNED, "acme-5")
    [fire] = await on_record(store)
    assert (fire["number"], fire["members"]) == (2, 3)
    with pytest.raises(NothingToDoError, match="no incident 1 that lasts; those that do: 2"):
        await close_incident(store, 1, "operator olga", "again", shop.clock.now())


async def test_a_supplier_that_an_operator_freezes_stays_frozen_until_it_is_thawed(store: Store) -> None:
    shop = await open_shop(store)
    await freeze_supplier(store, "acme", "operator olga", "rumours", NOON)
    with pytest.raises(NothingToDoError, match="frozen already, by incident 1"):
        await freeze_supplier(store, "acme", "operator", "", NOON)
    await shop.fail(BANNED, "bolt-0")
    assert [case.spare for case in await shop.cases()] == ["spare-bolt-0"]
    shop.clock.advance(3 * DAY)
    await shop.tend()
    assert [fire["opened_by"] for fire in await on_record(store)] == ["operator olga"]

    await thaw_supplier(store, "acme", "operator olga", "a rumour", shop.clock.now())
    assert await on_record(store) == []
    with pytest.raises(NothingToDoError, match="acme is not frozen"):
        await thaw_supplier(store, "acme", "operator", "", NOON)


async def test_units_of_many_suppliers_in_one_network_are_an_incident_of_that_network(store: Store) -> None:
    def within(number: int, place: int, supplier: str) -> Unit:
        network = ip_network(f"203.0.113.{place * 16}/28")
        return replace(vpn(number, supplier), ranges=(network,), address=network[1])

    sold = {f"customer-{n}": [within(n, n, f"supplier-{n}")] for n in range(4)}
    sold["elsewhere"] = [vpn(9, "supplier-9")]
    await sell(store, sold, NOON - HOUR)
    await shelve(store, [within(20, 10, "fresh"), vpn(21, "fresh", cost="9")], NOON, seen=LISTED)
    shop = node(store, {}, DrivenClock(NOON), FIRES)
    await shop.fail(LISTED, "range-0", "range-1", "range-2")
    [fire] = await on_record(store)
    assert (fire["kind"], fire["name"], fire["members"]) == ("range", "203.0.113.0/24", 3)
    # The spare in that network is not promised, though it is the cheaper one.
    found = await shop.cases()
    assert [case.spare for case in found] == ["range-21", None, None]
    assert not any(case.supplier_fault for case in found)


async def test_what_falls_too_late_while_its_supplier_burns_is_for_an_operator_to_decide(store: Store) -> None:
    shop = await open_shop(store)
    await sell(store, {"carol": [vps("acme-old")]}, NOON - 3 * DAY)
    await shop.fail(BANNED, "acme-0", "acme-1", "acme-2")
    late = await shop.fail(BANNED, "acme-old", last_ok=NOON - HOUR, began=NOON - 10 * MINUTE)
    [opening] = late.opened
    assert (opening.case.clause, opening.case.state) == ("defects.supplier_fault", State.VERIFYING)
    assert (opening.case.defect, opening.case.supplier_fault) == (BANNED, True)


async def test_the_claim_list_of_a_supplier_compares_with_its_own_warranty(store: Store) -> None:
    shop = await open_shop(store)
    await shop.fail(BANNED, "acme-0", began=NOON - 30 * MINUTE)
    await shop.fail(BANNED, "acme-1", began=NOON)
    warranties = {"acme": HOUR - MINUTE}
    story = await supplier_story(store, shop.sweeper.law, "acme", warranties, NOON)
    assert story is not None
    assert [(claim["unit"], claim["claim"]) for claim in story["claims"]] == [
        ("acme-0", "covered"),
        ("acme-1", "too late"),
    ]
    assert await supplier_story(store, shop.sweeper.law, "nobody", warranties, NOON) is None


async def test_while_a_provider_fails_nothing_is_opened_and_nothing_is_cleared(store: Store) -> None:
    clock = DrivenClock(NOON)
    await sell(store, {f"customer-{n}": [vps(f"acme-{n}", f"supplier-{n}")] for n in range(4)}, NOON - HOUR)
    async with DigitalOceanApi() as api:
        for n in range(4):
            api.account(f"acme-{n}")
        async with accounts(api, clock) as probes:
            shop = node(store, probes, clock, LIFTED)

            async def states_after_a_sweep() -> list[tuple[int, State]]:
                await shop.sweep(Check.ACCOUNT)
                clock.advance(5 * MINUTE)
                return [(case.number, case.state) for case in await shop.cases()]

            api.lock("acme-0")
            await states_after_a_sweep()
            assert await states_after_a_sweep() == [(1, State.APPROVED)]

            api.trouble = Broken()
            for _ in range(3):
                assert await states_after_a_sweep() == [(1, State.APPROVED)]
            [outage] = await on_record(store)
            assert (outage["kind"], outage["name"]) == ("provider", "digitalocean")
            assert len(await shop.notices(Kind.OPERATOR_INCIDENT)) == 1

            # It is over, and one account was given back, another one taken meanwhile: the next looks will tell.
            api.trouble = Well()
            api.unlock("acme-0")
            api.lock("acme-1")
            assert await states_after_a_sweep() == [(1, State.APPROVED)]
            assert await on_record(store) == []
            assert await states_after_a_sweep() == [(1, State.WITHDRAWN)]
            assert await states_after_a_sweep() == [(1, State.WITHDRAWN), (2, State.APPROVED)]
