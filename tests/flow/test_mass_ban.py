"""Forty of fifty accounts of one supplier are locked within twenty minutes."""

from collections import Counter

from monitor.clock import DrivenClock
from monitor.core.case import State
from monitor.core.incident import SupplierBurning
from monitor.core.notice import Kind
from monitor.core.plan import Check
from monitor.demo.digitalocean import DigitalOceanApi
from monitor.store import incidents
from monitor.store.engine import Store
from tests.flow.driven import HOUR, MINUTE, NOON, accounts, node, sell, shelve, vps

BURNING, OTHERS = [f"acme-{n:02}" for n in range(50)], [f"bolt-{n:02}" for n in range(20)]
CUSTOMERS = {f"customer-{n:02}": [vps(f"acme-{n:02}"), vps(f"acme-{n + 20:02}")] for n in range(20)}
CUSTOMERS["customer-00"].append(vps("acme-40"))
CUSTOMERS |= {f"bystander-{n}": [vps(f"acme-{n}")] for n in range(41, 50)}
CUSTOMERS |= {f"elsewhere-{n:02}": [vps(name, "bolt")] for n, name in enumerate(OTHERS)}
SPARES = [
    *(vps(f"spare-acme-{n:02}", "acme", "1") for n in range(20)),
    *(vps(f"spare-bolt-{n:02}", "bolt", "9") for n in range(50)),
]


async def test_it_is_one_incident_each_customer_hears_once_and_the_operators_are_asked_once(store: Store) -> None:
    clock = DrivenClock(NOON)
    await sell(store, CUSTOMERS, NOON - 3 * HOUR)
    await shelve(store, SPARES, NOON - HOUR)
    async with DigitalOceanApi() as api:
        for name in (*BURNING, *OTHERS, *(spare.name for spare in SPARES)):
            api.account(name)
        async with accounts(api, clock) as probes:
            shop = node(store, probes, clock)
            told = []
            for minute in range(0, 45, 5):
                for name in BURNING[2 * minute : 2 * minute + 10] if minute < 20 else []:
                    api.lock(name)
                await shop.sweep(Check.ACCOUNT)
                await shop.tend()
                told += await shop.deliver()
                clock.advance(5 * MINUTE)
    cases = await shop.cases()
    assert Counter(case.state for case in cases) == {State.PROMISED: 20, State.HELD: 20}
    assert all(case.supplier_fault for case in cases)

    async with store.read() as connection:
        [fire] = await incidents.on_record(connection)
    assert fire.incident == SupplierBurning("acme", (), 50)
    assert len(fire.members) == 40

    spares = {case.spare or "" for case in cases if case.state is State.PROMISED}
    assert len(spares) == 20
    assert {name.split("-")[1] for name in spares} == {"bolt"}

    opened = [notice for notice in told if notice.kind is Kind.CASE_OPENED]
    assert sorted(notice.customer or "" for notice in opened) == [f"customer-{n:02}" for n in range(20)]
    assert all(len(notice.params["items"]) == 2 for notice in opened)  # type: ignore[arg-type]  # a list
    kinds = Counter(notice.kind for notice in told if notice.customer is None)
    assert kinds == {Kind.OPERATOR_INCIDENT: 1, Kind.OPERATOR_BRAKE: 1}
    # The gathering is not waited for by those of whom nothing else may fall.
    assert [notice.customer for notice in opened][-1] == "customer-00"
