"""A list that lists the world for one hour: it opens no case, and the operators hear of it once."""

from collections.abc import Callable

import pytest

from monitor.clock import DrivenClock
from monitor.core.case import State
from monitor.core.notice import Kind
from monitor.core.plan import Check
from monitor.demo.listing import Normal, World
from monitor.demo.zones import ZoneServer
from monitor.duty import close_incident
from monitor.store import reports, sweeps
from monitor.store.engine import Store
from tests.flow.driven import HOUR, LIFTED, MINUTE, NOON, Node, lists, node, sell, shelve, vpn

pytestmark = pytest.mark.wide

GONE, HONEST = "gone.test", "honest.test"
EVERYTHING_OF_OURS = "185.100.0.0/14"
QUARTER = 15 * MINUTE


async def open_shop(store: Store) -> None:
    """Twelve ranges of four suppliers, and a spare."""
    sold = {f"customer-{n:02}": [vpn(n, f"supplier-{n % 4}")] for n in range(12)}
    await sell(store, sold, NOON - HOUR)
    await shelve(store, [vpn(90, "supplier-9")], NOON - HOUR)


def lists_everybody(server: ZoneServer) -> None:
    server.behave(GONE, World())


def lists_nobody(server: ZoneServer) -> None:
    server.behave(GONE, Normal())


def lists_us_all(server: ZoneServer) -> None:
    server.list(GONE, EVERYTHING_OF_OURS)


def lists_us_no_more(server: ZoneServer) -> None:
    server.delist(GONE, EVERYTHING_OF_OURS)


async def believed(store: Store) -> bool:
    async with store.read() as connection:
        return (await sweeps.beliefs(connection))[GONE].believed


async def quarters(shop: Node, count: int) -> None:
    for _ in range(count):
        await shop.sweep(Check.BLOCKLIST, QUARTER)
        await shop.tend()
        shop.clock.advance(QUARTER)


@pytest.mark.parametrize(
    ("begin", "end", "shard_size"),
    [
        pytest.param(lists_everybody, lists_nobody, 200, id="even what nobody has"),
        pytest.param(lists_us_all, lists_us_no_more, 200, id="all of ours, while its test entries hold"),
        pytest.param(lists_us_all, lists_us_no_more, 5, id="all of ours, which shows only in the third shard"),
    ],
)
async def test_for_an_hour_it_opens_no_case_and_is_told_once(
    store: Store, begin: Callable[[ZoneServer], None], end: Callable[[ZoneServer], None], shard_size: int
) -> None:
    await open_shop(store)
    async with ZoneServer(GONE, HONEST) as server, lists(server, GONE, HONEST) as probes:
        shop = node(store, probes, DrivenClock(NOON), LIFTED, shard_size=shard_size)
        await quarters(shop, 2)
        begin(server)
        await quarters(shop, 4)
        assert not await believed(store)
        end(server)
        # The first look after it says that all is as usual; from the second on it is believed.
        await quarters(shop, 2)
        assert await believed(store)
        await quarters(shop, 1)

    assert await shop.cases() == []
    assert [notice.kind for notice in await shop.notices()] == [Kind.OPERATOR_LIST_SUSPENDED]


async def test_the_other_lists_are_believed_meanwhile(store: Store) -> None:
    await open_shop(store)
    async with ZoneServer(GONE, HONEST) as server, lists(server, GONE, HONEST) as probes:
        shop = node(store, probes, DrivenClock(NOON), LIFTED)
        await quarters(shop, 1)
        lists_us_all(server)
        server.list(HONEST, "185.100.3.1")
        await quarters(shop, 2)
    [case] = await shop.cases()
    assert (case.customer, case.state) == ("customer-03", State.APPROVED)


async def test_an_operator_who_closes_the_incident_says_that_the_list_is_right(store: Store) -> None:
    await open_shop(store)
    async with ZoneServer(GONE, HONEST) as server, lists(server, GONE, HONEST) as probes:
        shop = node(store, probes, DrivenClock(NOON), LIFTED)
        await quarters(shop, 1)
        lists_us_all(server)
        await quarters(shop, 2)
        async with store.read() as connection:
            [alarm] = await reports.list_incidents(connection, lasting=True, limit=10)
        assert (alarm["kind"], alarm["name"]) == ("list", GONE)
        await close_incident(store, alarm["number"], "operator olga", "they do list us", shop.clock.now())
        await quarters(shop, 2)
        assert await believed(store)
    assert len(await shop.cases()) == 12


async def test_a_list_that_lists_the_ranges_of_one_supplier_is_right(store: Store) -> None:
    await open_shop(store)
    async with ZoneServer(GONE, HONEST) as server, lists(server, GONE, HONEST) as probes:
        shop = node(store, probes, DrivenClock(NOON), LIFTED)
        await quarters(shop, 1)
        for n in (0, 4, 8):
            server.list(GONE, f"185.100.{n}.0/28")
        await quarters(shop, 2)
    assert sorted(case.customer for case in await shop.cases()) == ["customer-00", "customer-04", "customer-08"]
