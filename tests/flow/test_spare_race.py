"""A hundred cases at once in four processes, and fewer spares: who is promised what, and what becomes of the others."""

import asyncio
import sys
from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import select

from monitor.clock import DrivenClock
from monitor.core.case import State
from monitor.core.coverage import Defect, Standing
from monitor.core.notice import Kind
from monitor.core.plan import Check
from monitor.core.sla import Condition
from monitor.demo.zones import ZoneServer
from monitor.store import fleet, sweeps
from monitor.store.engine import Store
from monitor.store.judgement import reading
from monitor.store.tables import reservation
from tests.flow.contestant import ZONE
from tests.flow.driven import HOUR, LIFTED, MINUTE, NOON, PLUS, lists, node, sell, shelve, vpn

pytestmark = pytest.mark.wide

CHECKOUT = Path(__file__).parents[2]
PROCESSES = 4
LISTED = Defect.RANGE_LISTED
IN_TIER = [vpn(200 + n, "bolt", cost=f"{3 + n}") for n in range(10)]
BETTER = [vpn(300 + n, "bolt", cost=f"{n}", tier=PLUS) for n in range(5)]
SICK = IN_TIER[0], IN_TIER[3], IN_TIER[4]
IN_ORDER = [each.name for each in (*IN_TIER, *BETTER) if each not in SICK]


async def suspect(store: Store, names: list[str]) -> None:
    """Let these units have been seen bad once, twenty minutes ago: the next look confirms it."""
    then = NOON - 20 * MINUTE
    seen = Standing(last_ok=then - MINUTE, first_bad=then, counted_at=then, rounds=1, looked_at=then)
    async with store.write() as connection:
        await fleet.remember(connection, LISTED, [(name, seen, "suspect", "") for name in names])


async def race(database: str, port: int, sweep: int) -> None:
    racers = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.flow.contestant", database, str(port), str(sweep), str(part), str(PROCESSES),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, cwd=CHECKOUT,
        )
        for part in range(PROCESSES)
    ]  # fmt: skip
    for racer in racers:
        assert racer.stdout is not None
        assert await racer.stdout.readline() == b"ready\n"
    assert [(await racer.communicate(b"go\n"), racer.returncode)[1] for racer in racers] == [0] * PROCESSES


async def test_twelve_are_promised_in_order_and_none_twice_and_the_rest_wait_and_are_served_when_stock_arrives(
    store: Store, database: str
) -> None:
    await sell(store, {f"customer-{n:02}": [vpn(n)] for n in range(100)}, NOON - HOUR)
    await suspect(store, [f"range-{n}" for n in range(100)])
    # Half an hour ago all spares were sound; three have fallen since.
    await shelve(store, [*IN_TIER, *BETTER], NOON - 30 * MINUTE, seen=LISTED)
    async with store.write() as connection:
        number = await sweeps.claim(connection, Check.BLOCKLIST, NOON, NOON, "all", alone=False)
    async with ZoneServer(ZONE) as server, lists(server, ZONE) as probes:
        for n in range(100):
            server.list(ZONE, str(vpn(n).address))
        for spare in SICK:
            server.list(ZONE, str(spare.address))
        await race(database, server.port, number or 0)

        shop = node(store, probes, DrivenClock(NOON), LIFTED)
        await shop.sweeper.examine(Check.BLOCKLIST)
        await shop.tend()
        found = await shop.cases()
        assert len(found) == 100
        promised = [case.spare for case in found if case.state is State.PROMISED]
        assert promised == IN_ORDER
        async with store.read() as connection:
            held = (await connection.execute(select(reservation.c.unit))).scalars().all()
            conditions = (
                await connection.execute(select(reading.c.condition).where(reading.c.clock == "replacement"))
            ).scalars()
            clocks = Counter(conditions)
        assert sorted(held) == sorted(IN_ORDER)
        assert clocks == {Condition.RUNNING: 88, Condition.MET: 12}
        assert len(await shop.notices(Kind.REPLACEMENT_READY)) == 12

        late = [vpn(400 + n, "bolt") for n in range(20)]
        await shelve(store, late, NOON)
        await shop.tend()
        states = [case.state for case in await shop.cases()]
        assert states == [State.PROMISED] * 32 + [State.APPROVED] * 68
        assert Counter(case.spare for case in await shop.cases() if case.spare).most_common(1)[0][1] == 1
