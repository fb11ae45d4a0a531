"""What people look at is what was written: lists, stories and figures."""

from dataclasses import replace

from sqlalchemy import select

from monitor.core.case import digest
from monitor.core.coverage import Standing
from monitor.core.decide import Decision
from monitor.core.notice import Kind
from monitor.store import cases, fleet, outbox, sweeps, views
from monitor.store.engine import Store
from monitor.store.outbox import State
from monitor.store.tables import event
from tests.store.shop import HOUR, LISTED, MINUTE, NOW, broken, rule, sell, shelve


async def test_deliveries_are_listed_with_how_they_stand_and_their_case(store: Store) -> None:
    sick, _ = await sell(store, "INV-1", "INV-2")
    await rule(store, broken(sick))
    seen = Standing(last_ok=NOW - HOUR, first_bad=NOW, counted_at=NOW, rounds=1, looked_at=NOW)
    async with store.write() as connection:
        await fleet.remember(connection, LISTED, [("unit-INV-1", seen, "suspect", "seen bad 1 of 2 times")])
    async with store.read() as connection:
        first, second = await views.list_deliveries(connection, order=None, tiers=None, limit=10)
        [only] = await views.list_deliveries(connection, order="INV-2", tiers=None, limit=10)
        assert await views.list_deliveries(connection, order=None, tiers=["sms-uk"], limit=10) == []
        assert len(await views.list_deliveries(connection, order=None, tiers=["vpn-eu"], limit=1)) == 1
    assert (first["order"], first["customer"], first["unit"], first["case"]) == ("INV-1", "alice", "unit-INV-1", 1)
    assert (first["verdict"], first["why"], first["looked_at"]) == ("suspect", "seen bad 1 of 2 times", NOW.isoformat())
    assert (second["verdict"], second["case"]) == (None, None)
    assert only == second


async def test_the_story_of_a_case_holds_all_that_was_written_about_it(store: Store) -> None:
    await shelve(store, "spare-1")
    [sick] = await sell(store, "INV-1")
    [opening] = (await rule(store, broken(sick))).opened
    async with store.write() as connection:
        [leased] = await outbox.lease(connection, NOW, 2 * MINUTE, 8)
        await outbox.settle(connection, leased.number, State.SENT, NOW + MINUTE, receipt="77")
    async with store.read() as connection:
        story = await views.case_story(connection, 1)
        assert await views.case_story(connection, 2) is None
        kinds = await views.notice_kinds(connection)
    assert story is not None
    assert {name: story[name] for name in ("number", "order", "customer", "defect", "state", "unit", "spare")} == {
        "number": 1,
        "order": "INV-1",
        "customer": "alice",
        "defect": "range_listed",
        "state": "promised",
        "unit": "unit-INV-1",
        "spare": "spare-1",
    }
    assert story["replace_due"] == opening.case.replace_due.isoformat()
    [ruling] = story["rulings"]
    assert (ruling["outcome"], ruling["clause"]) == ("covered", "defects.range_listed")
    assert ruling["claim"]["first_bad"] == (NOW - 10 * MINUTE).isoformat()
    assert ruling["finding"]["witnesses"] == [["bl.example.net", "spam", str(sick.unit.main_address)]]
    assert [(each["sequence"], each["move"], each["state"]) for each in story["events"]] == [
        (1, "open", "verifying"),
        (2, "approve", "approved"),
        (3, "promise", "promised"),
    ]
    assert [(each["unit"], each["released_at"]) for each in story["reservations"]] == [("spare-1", None)]
    assert [(each["kind"], each["state"], each["settled_at"]) for each in story["notices"]] == [
        (Kind.CASE_OPENED, "sent", (NOW + MINUTE).isoformat()),
        (Kind.REPLACEMENT_READY, "queued", None),
    ]
    assert kinds == {("alice", "77"): Kind.CASE_OPENED}


async def test_a_trail_that_was_tampered_with_no_longer_verifies(store: Store) -> None:
    await rule(store, *(broken(each) for each in await sell(store, "INV-1")))
    async with store.write() as connection:
        await connection.execute(event.update().where(event.c.sequence == 1).values(why="it was an operator"))
    async with store.read() as connection:
        events = await cases.events_of(connection, 1)
        stored = (await connection.execute(select(event.c.digest).order_by(event.c.sequence))).scalars().all()
    assert [mark for _, mark in events] == list(stored)
    assert digest(events[0][0], cases.GENESIS) != stored[0]


async def test_an_order_is_shown_with_its_cases_and_with_the_rulings_that_opened_none(store: Store) -> None:
    await rule(store, *(broken(each) for each in await sell(store, "INV-1")))
    await rule(store, *(broken(each) for each in await sell(store, "INV-2", ago=48 * HOUR)))
    async with store.read() as connection:
        [covered] = await views.delivery_story(connection, "INV-1")
        [late] = await views.delivery_story(connection, "INV-2")
        assert await views.delivery_story(connection, "INV-9") == []
    assert ([case["number"] for case in covered["cases"]], covered["rulings"]) == ([1], [])
    assert (late["cases"], [ruling["clause"] for ruling in late["rulings"]]) == ([], ["exclusions.after_window"])


async def test_cases_are_listed_by_state(store: Store) -> None:
    first, second = await sell(store, "INV-1", "INV-2")
    await shelve(store, "spare-1")
    await rule(store, broken(first))
    await rule(store, broken(second))
    async with store.read() as connection:
        everything = await views.list_cases(connection, states=None, limit=10)
        waiting = await views.list_cases(connection, states=["approved"], limit=10)
        assert len(await views.list_cases(connection, states=None, limit=1)) == 1
    assert [(case["order"], case["state"]) for case in everything] == [("INV-1", "promised"), ("INV-2", "approved")]
    assert [case["order"] for case in waiting] == ["INV-2"]


async def test_stock_shows_what_is_free_what_is_promised_and_what_is_sick(store: Store) -> None:
    await shelve(store, "free", "sick", "taken")
    async with store.write() as connection:
        await fleet.take_off_shelf(connection, ["sick"])
    [sold] = await sell(store, "INV-1")
    decision = await rule(store, broken(sold))
    assert [promise.unit for promise in decision.promises] == ["free"]
    async with store.read() as connection:
        stock = await views.list_stock(connection, tier=None, name=None, limit=10)
        [one] = await views.list_stock(connection, tier="vpn-eu", name="sick", limit=10)
        figures = await views.figures(connection)
    assert [(each["unit"], each["place"], each["promised_to"]) for each in stock] == [
        ("free", "shelf", 1),
        ("sick", "sick", None),
        ("taken", "shelf", None),
    ]
    assert one["unit"] == "sick"
    assert figures.spares == {
        ("vpn-eu", "reserved"): 1,
        ("vpn-eu", "sick"): 1,
        ("vpn-eu", "available"): 1,
    }
    assert figures.cases == {"promised": 1}
    assert figures.notices == {"queued": 2}
    assert figures.oldest_due == decision.opened[0].case.replace_due


async def test_the_moves_of_all_cases_are_read_on_from_where_one_stopped(store: Store) -> None:
    first, second = await sell(store, "INV-1", "INV-2")
    await rule(store, broken(first))
    async with store.read() as connection:
        seen = await views.events_after(connection, 0)
    await rule(store, broken(second), now=NOW + MINUTE)
    async with store.read() as connection:
        more = await views.events_after(connection, len(seen))
    assert [(each["order"], each["move"]) for each in seen] == [("INV-1", "open"), ("INV-1", "approve")]
    assert [(each["order"], each["move"]) for each in more] == [("INV-2", "open"), ("INV-2", "approve")]


async def test_sources_show_whether_they_are_believed_and_since_when(store: Store) -> None:
    muted = sweeps.Belief(believed=False, why="its test entry is not listed", since=NOW, heard_at=NOW - HOUR)
    async with store.write() as connection:
        await sweeps.believe(connection, "bl.example.net", muted)
        await sweeps.believe(connection, "bl.example.net", replace(muted, believed=True, why="", since=NOW + HOUR))
        await sweeps.believe(connection, "dead.example.net", muted)
    async with store.read() as connection:
        found = await views.list_sources(connection)
    assert [(each["name"], each["believed"], each["since"]) for each in found] == [
        ("bl.example.net", True, (NOW + HOUR).isoformat()),
        ("dead.example.net", False, NOW.isoformat()),
    ]


async def test_of_customers_nobody_sees_the_chat(store: Store) -> None:
    await sell(store, "INV-1")
    async with store.read() as connection:
        assert await views.list_customers(connection) == [{"name": "alice", "language": "en", "linked": True}]
        assert await views.list_customers(connection, ["bob"]) == []


async def test_a_decision_about_nothing_writes_nothing(store: Store) -> None:
    assert not await rule(store, before_commit=Decision())
    async with store.read() as connection:
        assert await views.list_cases(connection, states=None, limit=1) == []
