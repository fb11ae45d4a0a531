"""What becomes of accounts: the table of decisions, each row by sweeps through the whole line."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from checks.doors import Doors, WitnessOptions
from monitor.clock import DrivenClock
from monitor.core.case import State
from monitor.core.coverage import Defect
from monitor.core.notice import Kind
from monitor.core.plan import Check
from monitor.demo.digitalocean import Broken, DigitalOceanApi
from monitor.store import baselines, reports, views
from monitor.store.engine import Store
from monitor.store.tables import ruling, standing
from tests.flow.driven import (
    DAY,
    FRANKFURT,
    HOUR,
    LIFTED,
    MINUTE,
    NOON,
    Node,
    accounts,
    node,
    sell,
    shelve,
    vps,
)

ALIVE, MUTE, RUNNING = "127.0.0.21", "127.0.0.22", "127.0.0.23"
"""Where a server answers, where one swallows every call, and where that of another account runs."""


@contextmanager
def mute(host: str, port: int) -> Iterator[None]:
    """Keep a door at which nothing is heard: its queue is full, so the kernel drops whoever comes."""
    with socket.socket() as door:
        door.bind((host, port))
        door.listen(0)
        waiting = [socket.socket() for _ in range(2)]
        try:
            for each in waiting:
                each.settimeout(0)
                each.connect_ex((host, port))
            yield
        finally:
            for each in waiting:
                each.close()


async def _greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"hello\r\n")
    await writer.drain()
    writer.close()


@asynccontextmanager
async def doors(*hosts: str) -> AsyncIterator[Doors]:
    """Open a door of one port at the living hosts; at MUTE the same port swallows everybody."""
    async with AsyncExitStack() as stack:
        first = await asyncio.start_server(_greet, hosts[0], 0)
        await stack.enter_async_context(first)
        port: int = first.sockets[0].getsockname()[1]
        for host in hosts[1:]:
            await stack.enter_async_context(await asyncio.start_server(_greet, host, port))
        stack.enter_context(mute(MUTE, port))
        options = WitnessOptions(ports=(port,), ssh=(), timeout=0.3, allow=("127.0.0.0/8",))
        yield Doors(options, DrivenClock(NOON))


@asynccontextmanager
async def a_shop(store: Store, clock: DrivenClock, *hosts: str) -> AsyncIterator[tuple[Node, DigitalOceanApi]]:
    """Sell one account to alice, whose only server is at the first host; five more accounts are at RUNNING."""
    async with DigitalOceanApi() as api, doors(ALIVE, RUNNING) as knocker:
        api.account("hers").droplets[0].address = hosts[0]
        for n in range(5):
            api.account(f"other-{n}").droplets[0].address = RUNNING
        others = {f"customer-{n}": [vps(f"other-{n}", f"supplier-{n}")] for n in range(5)}
        await sell(store, {"alice": [vps("hers", tier=FRANKFURT)], **others}, NOON - HOUR)
        async with accounts(api, clock, knocker) as probes:
            yield node(store, probes, clock, LIFTED), api


async def sweep(shop: Node, clock: DrivenClock, times: int = 1) -> None:
    for _ in range(times):
        await shop.sweep(Check.ACCOUNT)
        clock.advance(5 * MINUTE)


async def rulings(store: Store) -> list[Any]:
    async with store.read() as connection:
        return list(await connection.execute(select(ruling).order_by(ruling.c.number)))


async def verdict(store: Store, unit: str, defect: Defect = Defect.ACCOUNT_BANNED) -> tuple[str, str]:
    async with store.read() as connection:
        query = select(standing).where(standing.c.unit == unit, standing.c.defect == defect)
        row = (await connection.execute(query)).one()
        return row.verdict, row.why


async def test_a_refused_login_alone_is_a_question_for_an_operator_once_and_no_case(sqlite_store: Store) -> None:
    clock = DrivenClock(NOON)
    async with DigitalOceanApi() as api:
        for name in ("hers", "other"):
            api.account(name)
        await sell(sqlite_store, {"alice": [vps("hers")], "bob": [vps("other")]}, NOON - HOUR)
        async with accounts(api, clock) as probes:
            shop = node(sqlite_store, probes, clock, LIFTED)
            await sweep(shop, clock)
            api.revoke("hers")
            await sweep(shop, clock, 4)

            [question] = await shop.notices(Kind.OPERATOR_QUESTION)
            assert question.params["items"] == [{"unit": "hers", "order": "INV-hers", "customer": "alice"}]
            assert (await shop.cases(), await rulings(sqlite_store)) == ([], [])

            # It worked again, and is refused anew: that is another question.
            api.restore("hers")
            await sweep(shop, clock)
            api.revoke("hers")
            await sweep(shop, clock, 2)
            assert len(await shop.notices(Kind.OPERATOR_QUESTION)) == 2


async def test_a_refused_login_and_dead_servers_are_a_ban(store: Store) -> None:
    clock = DrivenClock(NOON)
    async with a_shop(store, clock, MUTE) as (shop, api):
        await sweep(shop, clock)
        api.revoke("hers")
        await sweep(shop, clock)
        assert (await shop.cases(), await verdict(store, "hers")) == ([], ("suspect", "seen bad 1 of 2 times"))
        await sweep(shop, clock)

        [case] = await shop.cases()
        assert (case.delivery, case.defect, case.state) == (1, Defect.ACCOUNT_BANNED, State.APPROVED)
        assert [(who, what) for who, _, what in (await rulings(store))[0].finding["witnesses"]] == [
            ("digitalocean", "account"),
            (MUTE, f"server {MUTE}"),
        ]
        assert await shop.notices(Kind.OPERATOR_QUESTION) == []


async def test_a_refused_login_while_the_servers_answer_is_the_customers_own_doing(sqlite_store: Store) -> None:
    clock = DrivenClock(NOON)
    async with a_shop(sqlite_store, clock, ALIVE) as (shop, api):
        await sweep(shop, clock)
        api.revoke("hers")
        await sweep(shop, clock, 4)

        assert await shop.cases() == []
        [made] = await rulings(sqlite_store)
        assert (made.outcome, made.clause) == ("not_covered", "exclusions.customer_credentials")
        assert (await verdict(sqlite_store, "hers"))[0] == "excused"

        # Once the window is over, what he makes of his servers is his own affair, and nobody looks any more.
        clock.advance(DAY)
        await sweep(shop, clock)
        api.accounts["hers"].droplets[0].address = MUTE
        asked = api.accounts["other-0"].requests
        await sweep(shop, clock, 4)
        assert (await shop.cases(), api.accounts["other-0"].requests) == ([], asked)


async def test_a_refused_login_and_a_door_that_is_shut_are_a_question(sqlite_store: Store) -> None:
    # At the address somebody refuses the call: the machine is there, or somebody else's is.
    clock = DrivenClock(NOON)
    async with a_shop(sqlite_store, clock, "127.0.0.24") as (shop, api):
        await sweep(shop, clock)
        api.revoke("hers")
        await sweep(shop, clock, 4)
        assert (await shop.cases(), await rulings(sqlite_store)) == ([], [])
        assert len(await shop.notices(Kind.OPERATOR_QUESTION)) == 1


async def test_whoever_switches_his_server_off_and_keeps_us_out_is_not_banned(sqlite_store: Store) -> None:
    clock = DrivenClock(NOON)
    async with a_shop(sqlite_store, clock, MUTE) as (shop, api):
        await sweep(shop, clock)
        api.accounts["hers"].droplets[0].status = "off"
        await sweep(shop, clock)
        api.revoke("hers")
        await sweep(shop, clock, 4)
        assert (await shop.cases(), await rulings(sqlite_store)) == ([], [])
        assert len(await shop.notices(Kind.OPERATOR_QUESTION)) == 1


async def test_when_we_reach_no_server_at_all_a_silent_one_proves_nothing(sqlite_store: Store) -> None:
    clock = DrivenClock(NOON)
    async with a_shop(sqlite_store, clock, MUTE) as (shop, api):
        for n in range(5):
            api.accounts[f"other-{n}"].droplets[0].address = MUTE
        await sweep(shop, clock)
        api.revoke("hers")
        await sweep(shop, clock, 4)
        assert await shop.cases() == []
        assert "is it our line?" in (await verdict(sqlite_store, "hers"))[1]


async def test_a_refused_login_on_every_account_is_an_incident_and_freezes_all(store: Store) -> None:
    clock = DrivenClock(NOON)
    async with a_shop(store, clock, MUTE) as (shop, api):
        await sweep(shop, clock)
        for name in api.accounts:
            api.revoke(name)
        await sweep(shop, clock, 4)

        async with store.read() as connection:
            [outage] = await reports.list_incidents(connection, lasting=True, limit=10)
        assert (outage["kind"], outage["name"]) == ("provider", "digitalocean")
        assert (await shop.cases(), await rulings(store)) == ([], [])
        assert await shop.notices(Kind.OPERATOR_QUESTION) == []
        assert len(await shop.notices(Kind.OPERATOR_INCIDENT)) == 1


@pytest.mark.parametrize(
    ("after", "outcome"),
    [
        pytest.param(timedelta(hours=23, minutes=59), "covered", id="a minute before the end"),
        pytest.param(timedelta(hours=24), "covered", id="at the very end"),
        pytest.param(timedelta(hours=24, minutes=5), None, id="seen fine at the end, locked five minutes later"),
    ],
)
async def test_locked_near_the_end_of_the_window(sqlite_store: Store, after: timedelta, outcome: str | None) -> None:
    clock = DrivenClock(NOON)
    async with DigitalOceanApi() as api:
        api.account("hers")
        await sell(sqlite_store, {"alice": [vps("hers")]}, NOON)
        async with accounts(api, clock) as probes:
            shop = node(sqlite_store, probes, clock, LIFTED)
            if outcome is None:
                clock.advance(DAY)
                await shop.sweep(Check.ACCOUNT)
                clock.advance(after - DAY)
            else:
                clock.advance(after - 10 * MINUTE)
                await shop.sweep(Check.ACCOUNT)
                clock.advance(10 * MINUTE)
            api.lock("hers")
            await sweep(shop, clock, 2)
            assert [each.outcome for each in await rulings(sqlite_store)] == ([outcome] if outcome else [])
            assert len(await shop.cases()) == (outcome == "covered")


async def test_frankfurt_ordered_and_singapore_delivered_is_found_at_the_first_look(store: Store) -> None:
    clock = DrivenClock(NOON)
    async with DigitalOceanApi() as api:
        api.account("hers").droplets[0].region = "sgp1"
        api.account("spare")
        await sell(store, {"alice": [vps("hers", tier=FRANKFURT)]}, NOON - HOUR)
        await shelve(store, [vps("spare", tier=FRANKFURT)], NOON)
        async with accounts(api, clock) as probes:
            shop = node(store, probes, clock, LIFTED)
            await sweep(shop, clock)

            [case] = await shop.cases()
            assert (case.defect, case.clause) == (Defect.WRONG_REGION, "defects.wrong_region")
            assert (case.state, case.spare) == (State.PROMISED, "spare")
            assert (await verdict(store, "hers", Defect.WRONG_REGION)) == (
                "failed",
                "digitalocean: in sgp1 (Singapore), ordered Frankfurt (hers-0)",
            )
            await sweep(shop, clock, 3)
            assert len(await shop.cases()) == 1


async def test_less_than_was_promised_is_found_at_the_first_look_and_replaced_once(sqlite_store: Store) -> None:
    clock = DrivenClock(NOON)
    async with DigitalOceanApi() as api:
        hers = api.account("hers").droplets[0]
        hers.memory, hers.region = 512, "sgp1"
        api.account("his").droplets[0].memory = 512
        mine = {"alice": [vps("hers", tier=FRANKFURT)], "bob": [vps("his", tier=FRANKFURT)]}
        await sell(sqlite_store, mine, NOON - HOUR)
        async with accounts(api, clock) as probes:
            shop = node(sqlite_store, probes, clock, LIFTED)
            await sweep(shop, clock, 3)
            # In two ways wrong is one replacement.
            assert [(case.customer, case.defect) for case in await shop.cases()] == [
                ("alice", Defect.WRONG_REGION),
                ("bob", Defect.MISSING_FEATURE),
            ]


async def test_what_changes_after_a_clean_look_is_not_covered(sqlite_store: Store) -> None:
    clock = DrivenClock(NOON)
    async with DigitalOceanApi() as api:
        hers = api.account("hers").droplets[0]
        await sell(sqlite_store, {"alice": [vps("hers", tier=FRANKFURT)]}, NOON - HOUR)
        async with accounts(api, clock) as probes:
            shop = node(sqlite_store, probes, clock, LIFTED)
            await sweep(shop, clock)
            async with sqlite_store.read() as connection:
                kept = (await baselines.of_units(connection, ["hers"]))["hers"]
            assert [(server.region, server.ram_mib) for server in kept.servers] == [("fra1", 1024)]

            hers.memory = 512
            await sweep(shop, clock, 3)
            assert await shop.cases() == []
            [made] = await rulings(sqlite_store)
            assert (made.defect, made.outcome) == ("missing_feature", "not_covered")
            async with sqlite_store.read() as connection:
                again = (await baselines.of_units(connection, ["hers"]))["hers"]
            assert again == kept


async def test_a_server_that_the_customer_makes_himself_is_no_matter_of_hand_over(sqlite_store: Store) -> None:
    clock = DrivenClock(NOON)
    async with DigitalOceanApi() as api:
        api.account("hers", droplets=0)
        await sell(sqlite_store, {"alice": [vps("hers", tier=FRANKFURT)]}, NOON - HOUR)
        async with accounts(api, clock) as probes:
            shop = node(sqlite_store, probes, clock, LIFTED)
            await sweep(shop, clock)
            made = api.account("template").droplets[0]
            api.accounts["hers"].droplets = [replace(made, region="sgp1")]
            await sweep(shop, clock, 3)
            assert await shop.cases() == []
            assert [(each.defect, each.outcome) for each in await rulings(sqlite_store)] == [
                ("wrong_region", "not_covered")
            ]


async def test_a_part_of_the_listing_proves_nothing_and_is_no_baseline(sqlite_store: Store) -> None:
    clock = DrivenClock(NOON)
    async with DigitalOceanApi() as api:
        api.account("hers", droplets=150)
        for droplet in api.accounts["hers"].droplets:
            droplet.region = "sgp1"
        await sell(sqlite_store, {"alice": [vps("hers", tier=FRANKFURT)]}, NOON - HOUR)
        async with accounts(api, clock) as probes:
            shop = node(sqlite_store, probes, clock, LIFTED)
            api.behave("hers", Broken(page=2))
            await sweep(shop, clock, 2)
            async with sqlite_store.read() as connection:
                assert await baselines.of_units(connection, ["hers"]) == {}
            assert await shop.cases() == []
            assert (await verdict(sqlite_store, "hers", Defect.WRONG_REGION))[0] == "undecided"


async def test_a_region_that_nobody_knows_is_a_question(sqlite_store: Store) -> None:
    clock = DrivenClock(NOON)
    async with DigitalOceanApi() as api:
        api.account("hers").droplets[0].region = "xyz9"
        await sell(sqlite_store, {"alice": [vps("hers", tier=FRANKFURT)]}, NOON - HOUR)
        async with accounts(api, clock) as probes:
            shop = node(sqlite_store, probes, clock, LIFTED)
            await sweep(shop, clock, 3)
            assert await shop.cases() == []
            [question] = await shop.notices(Kind.OPERATOR_QUESTION)
            assert "does not know 'Frankfurt' or 'xyz9'" in str(question.params["reason"])


async def test_a_spare_in_the_wrong_place_leaves_the_shelf(sqlite_store: Store) -> None:
    clock = DrivenClock(NOON)
    async with DigitalOceanApi() as api:
        api.account("spare").droplets[0].region = "sgp1"
        await shelve(sqlite_store, [vps("spare", tier=FRANKFURT)], NOON)
        async with accounts(api, clock) as probes:
            await sweep(node(sqlite_store, probes, clock, LIFTED), clock)
        async with sqlite_store.read() as connection:
            rows = await views.list_stock(connection, tier=None, name=None, limit=10)
        assert [row["place"] for row in rows if row["unit"] == "spare"] == ["sick"]


async def test_one_token_behind_many_units_is_asked_once_in_a_sweep(sqlite_store: Store) -> None:
    clock = DrivenClock(NOON)
    async with DigitalOceanApi() as api:
        api.account("shared", droplets=12)
        units = [replace(vps(f"unit-{n}"), access="shared") for n in range(12)]
        await sell(sqlite_store, {f"customer-{n}": [each] for n, each in enumerate(units)}, NOON - HOUR)
        async with accounts(api, clock) as probes:
            shop = node(sqlite_store, probes, clock, LIFTED, shard_size=5)
            await sweep(shop, clock)
        # The account itself, the droplets, and the droplets with GPUs.
        assert api.accounts["shared"].requests == 3
