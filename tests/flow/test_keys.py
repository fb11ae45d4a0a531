"""VPN keys in the line: which silence is a ban, and which is none."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from sqlalchemy import select

from checks.doors import Doors, WitnessOptions
from checks.endpoints.wireguard import Options, WireGuard
from checks.keys import KeyProbe
from monitor.clock import DrivenClock
from monitor.core.case import State
from monitor.core.coverage import Defect
from monitor.core.fleet import Unit
from monitor.core.plan import Check
from monitor.core.secret import Secret
from monitor.demo.wireguard import Peer, WireGuardEndpoint
from monitor.store.engine import Store
from monitor.store.tables import standing
from tests.flow.driven import HOUR, LIFTED, MINUTE, NOON, Node, node, sell, shelve, vpn

LOOPBACK = "127.0.0.0/8"


@dataclass(slots=True)
class Shop:
    """One endpoint with the keys of alice and bob, and a node that tries them."""

    node: Node
    clock: DrivenClock
    endpoint: WireGuardEndpoint
    keys: dict[str, Peer]
    store: Store

    async def rounds(self, number: int = 1) -> None:
        """Try the keys so many times, twelve minutes apart: what is seen sooner does not count."""
        for _ in range(number):
            await self.node.sweep(Check.ENDPOINT, 10 * MINUTE)
            self.clock.advance(12 * MINUTE)

    async def verdict(self, unit: str) -> tuple[str, str]:
        """Give what is thought of a key."""
        query = select(standing).where(standing.c.unit == unit, standing.c.defect == Defect.KEY_BANNED)
        async with self.store.read() as connection:
            row = (await connection.execute(query)).one()
        return row.verdict, row.why


def keyed(number: int, endpoint: WireGuardEndpoint, access: str) -> Unit:
    """Make a range with a key for an endpoint."""
    return replace(vpn(number), access=access, protocol="wireguard", endpoint=f"127.0.0.1:{endpoint.port}")


@asynccontextmanager
async def a_shop(store: Store, *customers: str) -> AsyncIterator[Shop]:
    clock = DrivenClock(NOON)
    host = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    async with host, WireGuardEndpoint() as endpoint:
        keys = {name: endpoint.admit() for name in (*customers, "spare")}
        sold = {name: [keyed(n, endpoint, name)] for n, name in enumerate(customers)}
        await sell(store, sold, NOON - HOUR)

        async def read(name: str) -> Secret:
            return Secret(endpoint.configuration(keys[name]))

        port = host.sockets[0].getsockname()[1]
        doors = Doors(WitnessOptions(ports=(port,), ssh=(), timeout=1, allow=(LOOPBACK,)), clock)
        options = Options(kind="wireguard", timeout=0.2, tries=1, allow=(LOOPBACK,))
        probe = KeyProbe({"wireguard": WireGuard(options, clock)}, read, doors)
        yield Shop(node(store, {Check.ENDPOINT: probe}, clock, LIFTED), clock, endpoint, keys, store)


async def test_a_key_that_worked_and_is_refused_three_times_by_a_living_host_is_banned(store: Store) -> None:
    async with a_shop(store, "alice") as shop:
        await shelve(store, [keyed(9, shop.endpoint, "spare")], NOON)
        await shop.rounds()
        assert await shop.verdict("range-0") == ("sound", "")
        shop.keys["alice"].banned = True
        await shop.rounds(2)
        assert (await shop.node.cases(), await shop.verdict("range-0")) == ([], ("suspect", "seen bad 2 of 3 times"))
        await shop.rounds()
        [case] = await shop.node.cases()
        assert (case.defect, case.state, case.spare) == (Defect.KEY_BANNED, State.PROMISED, "range-9")

        # It is taken again, but the spare is promised: that stands.
        shop.keys["alice"].banned = False
        await shop.rounds()
        assert [case.state for case in await shop.node.cases()] == [State.PROMISED]


async def test_a_key_that_never_worked_is_banned_where_another_is_taken_at_the_same_endpoint(
    sqlite_store: Store,
) -> None:
    async with a_shop(sqlite_store, "alice", "bob") as shop:
        shop.keys["alice"].banned = True
        await shop.rounds(3)
        assert [(case.customer, case.defect) for case in await shop.node.cases()] == [("alice", Defect.KEY_BANNED)]
        assert await shop.verdict("range-1") == ("sound", "")


async def test_a_key_that_nobody_ever_saw_working_proves_nothing_alone(sqlite_store: Store) -> None:
    async with a_shop(sqlite_store, "alice") as shop:
        shop.keys["alice"].banned = True
        await shop.rounds(4)
        assert await shop.node.cases() == []
        assert "never seen to work" in (await shop.verdict("range-0"))[1]


async def test_an_endpoint_that_is_gone_bans_nobody(sqlite_store: Store) -> None:
    async with a_shop(sqlite_store, "alice", "bob") as shop:
        await shop.rounds()
        shop.endpoint.unplug()
        await shop.rounds(4)
        assert await shop.node.cases() == []
        assert (await shop.verdict("range-0"))[0] == "undecided"


async def test_an_endpoint_under_load_says_nothing_of_the_key(sqlite_store: Store) -> None:
    async with a_shop(sqlite_store, "alice") as shop:
        shop.endpoint.busy = True
        await shop.rounds()
        assert await shop.verdict("range-0") == (
            "not_measured",
            f"127.0.0.1:{shop.endpoint.port} busy, and says nothing of the key",
        )


async def test_keys_of_one_endpoint_are_tried_in_one_shard(sqlite_store: Store) -> None:
    async with a_shop(sqlite_store, *(f"customer-{n}" for n in range(6))) as shop:
        shop.keys["customer-0"].banned = True
        small = node(sqlite_store, shop.node.sweeper._probes, shop.clock, LIFTED, shard_size=2)
        for _ in range(3):
            await small.sweep(Check.ENDPOINT, 10 * MINUTE)
            shop.clock.advance(12 * MINUTE)
        assert [case.customer for case in await small.cases()] == ["customer-0"]
