"""A look that somebody asked for: at once, outside any sweep, and remembered as any other."""

import asyncio

from monitor.clock import DrivenClock
from monitor.core.coverage import Defect, Standing
from monitor.core.notice import Kind
from monitor.core.plan import Check, slot
from monitor.demo.zones import ZoneServer
from monitor.store import fleet
from monitor.store.engine import Store
from tests.flow.driven import HOUR, LIFTED, MINUTE, NOON, lists, node, sell, shelve, vpn

ZONE = "bl.test"


async def test_it_is_remembered_and_confirmed_by_the_next_one(store: Store) -> None:
    await sell(store, {"alice": [vpn(1)], "bogdan": [vpn(2)]}, NOON - HOUR)
    await shelve(store, [vpn(90)], NOON - HOUR)
    async with ZoneServer(ZONE) as server, lists(server, ZONE) as probes:
        server.list(ZONE, str(vpn(1).address))
        shop = node(store, probes, DrivenClock(NOON), LIFTED)
        await shop.sweeper.examine(Check.BLOCKLIST)
        shop.upkeep.want("range-1")
        await shop.tend()
        async with store.read() as connection:
            seen = await fleet.standings(connection, Defect.RANGE_LISTED, ["range-1", "range-2"])
        assert seen["range-1"].first_bad == NOON
        assert "range-2" not in seen
        assert await shop.cases() == []
        shop.clock.advance(11 * MINUTE)
        shop.upkeep.want("range-1")
        await shop.tend(2)
    [case] = await shop.cases()
    assert (case.customer, case.spare) == ("alice", "range-90")


async def test_of_what_is_no_delivery_nothing_is_asked(store: Store) -> None:
    await sell(store, {"alice": [vpn(1)]}, NOON - HOUR)
    async with ZoneServer(ZONE) as server, lists(server, ZONE) as probes:
        shop = node(store, probes, DrivenClock(NOON), LIFTED)
        await shop.sweeper.look_at("nobody-has-this")
        await shop.sweeper.look_at("range-1")
        async with store.read() as connection:
            seen = await fleet.standings(connection, Defect.RANGE_LISTED, ["range-1"])
    # Nobody examined the list yet: it is not believed, and silence is not health.
    assert seen["range-1"].last_ok is None


async def test_shards_at_once_do_not_look_at_the_same_spares_for_one_of_them_to_get_them(store: Store) -> None:
    fallen, spares = [vpn(n) for n in range(16)], [vpn(100 + n, "bolt") for n in range(16)]
    await sell(store, {f"customer-{n}": [each] for n, each in enumerate(fallen)}, NOON - HOUR)
    then = NOON - 20 * MINUTE
    bad = Standing(last_ok=then - MINUTE, first_bad=then, counted_at=then, rounds=1, looked_at=then)
    async with store.write() as connection:
        await fleet.remember(connection, Defect.RANGE_LISTED, [(each.name, bad, "suspect", "") for each in fallen])
    async with ZoneServer(ZONE) as server, lists(server, ZONE) as probes:
        for each in fallen:
            server.list(ZONE, str(each.address))
        shop = node(store, probes, DrivenClock(NOON), LIFTED, shard_size=4)
        planned = await shop.sweeper.plan(Check.BLOCKLIST, slot(NOON, 15 * MINUTE))
        assert planned is not None
        await shelve(store, spares, NOON - HOUR, seen=Defect.RANGE_LISTED)
        await shop.sweeper.examine(Check.BLOCKLIST)
        number, sweep = planned
        await asyncio.gather(*(shop.sweeper.run_shard(number, sweep, shard) for shard in sweep.shards))

    assert {case.spare for case in await shop.cases()} == {each.name for each in spares}
    assert await shop.notices(Kind.OPERATOR_NO_SPARE) == []
