"""What operators do from their phones besides deciding: another spare, a question, incidents, the brake."""

import pytest

from monitor.core.staff import Permission
from monitor.demo.botapi.world import User
from monitor.duty import freeze_supplier
from tests.flow.counter import ALL, Counter, counter
from tests.store.shop import HOUR, shelve

ANNA = [("anna", ALL)]


def operator(desk: Counter) -> User:
    return next(desk.api.users[member] for member in desk.group.members if member in desk.api.users)


async def opened(desk: Counter, *spares: str) -> User:
    """Sell one order to Alice, let it fail, and put these spares on the shelf before; give her."""
    alice = desk.api.customer("Alice")
    await shelve(desk.store, *spares)
    await desk.sell("INV-1", user=alice)
    await desk.fails("INV-1")
    await desk.settle()
    return alice


async def test_another_spare_is_promised_and_the_first_goes_back_on_the_shelf(database: str) -> None:
    async with counter(database, operators=ANNA) as desk:
        alice = await opened(desk, "spare-1", "spare-2")
        anna = operator(desk)
        await desk.says(anna, "/case 1", desk.group)
        assert (await desk.case()).spare == "spare-1"
        assert await desk.presses(anna, "Other spare", desk.group.id) == ["Done."]
        assert ((await desk.case()).spare, (await desk.case()).state) == ("spare-2", "promised")
        assert (await desk.trail())[-2:] == [("unpromise", "operator anna"), ("promise", "policy")]
        assert "spare-2" in desk.seen(alice.id)[-1]
        [shelf] = await desk.says(anna, "/stock", desk.group)
        assert "1 free, 1 promised, 0 sick" in shelf


async def test_where_there_is_no_other_spare_the_case_keeps_the_one_it_has(sqlite_url: str) -> None:
    async with counter(sqlite_url, operators=ANNA) as desk:
        await opened(desk, "spare-1")
        anna = operator(desk)
        await desk.says(anna, "/case 1", desk.group)
        before = await desk.trail()
        answer = ["There is no other spare that would do."]
        assert await desk.presses(anna, "Other spare", desk.group.id) == answer
        assert ((await desk.case()).spare, await desk.trail()) == ("spare-1", before)


async def test_a_customer_is_asked_once_in_his_language_and_his_answer_stands_in_the_trail(database: str) -> None:
    async with counter(database, operators=ANNA) as desk:
        alice = await opened(desk)
        anna = operator(desk)
        assert await desk.presses(anna, "Ask the customer …", desk.group.id) == [""]
        assert desk.buttons(desk.group.id) == [
            "The hash of the payment", "A picture", "What exactly happens", "Whether it is still broken", "Back",
        ]  # fmt: skip
        assert await desk.presses(anna, "What exactly happens", desk.group.id) == ["Done."]
        assert "what exactly happens, since when" in desk.seen(alice.id)[-1]
        assert (await desk.trail())[-1] == ("ask", "operator anna")
        await desk.says(alice, "It says <b>no route</b>")
        assert (await desk.trail())[-1] == ("answer", "alice")
        told = desk.sent(desk.group.id)[-1]
        assert "alice, /case_1" in told.text
        assert "It says <b>no route</b>" in told.text
        # What is said after that is a message like any other.
        await desk.says(alice, "Thank you")
        assert [move for move, _ in await desk.trail()].count("answer") == 1
        # His words are no card, which would be drawn anew.
        await desk.presses(anna, "Hold", desk.group.id)
        assert any("no route" in each for each in desk.seen(desk.group.id))


async def test_whoever_may_not_ask_or_swap_does_not(sqlite_url: str) -> None:
    async with counter(sqlite_url, operators=[("lena", frozenset({Permission.LOOK, Permission.HOLD}))]) as desk:
        await opened(desk, "spare-1", "spare-2")
        lena = operator(desk)
        await desk.says(lena, "/case 1", desk.group)
        before = await desk.trail()
        for button in ("Other spare", "Ask the customer …"):
            assert await desk.presses(lena, button, desk.group.id) == ["You may not do that here."]
        assert await desk.trail() == before


async def test_incidents_are_listed_with_what_burns_and_since_when(sqlite_url: str) -> None:
    async with counter(sqlite_url, operators=ANNA) as desk:
        anna = operator(desk)
        assert await desk.says(anna, "/incidents", desk.group) == ["0 incidents last"]
        await freeze_supplier(desk.store, "north<wind>", "operator anna", "they admit it", desk.clock.now())
        [listed] = await desk.says(anna, "/incidents", desk.group)
        since = "since 25 May 2026, 12:00 (UTC). they admit it"
        assert listed == f"1 incident lasts\n\n• /incident_1 supplier north<wind>, {since}"


async def test_the_brake_is_looked_at_by_all_and_released_by_whoever_may(sqlite_url: str) -> None:
    team = [("anna", ALL), ("lena", frozenset({Permission.LOOK}))]
    async with counter(sqlite_url, operators=team) as desk:
        await opened(desk)
        anna, lena = (desk.api.users[member] for member in desk.group.members if member in desk.api.users)
        [shown] = await desk.says(lena, "/brake", desk.group)
        assert shown == (
            "The brake is off\n\n0 cases wait for its release."
            " Approved automatically: 1 within an hour, 1 within a day."
        )
        assert await desk.says(lena, "/brake release", desk.group) == [
            "You may not do that here; the settings name who may."
        ]
        [released] = await desk.says(anna, "/brake release enough stock", desk.group)
        assert released.startswith("The brake is released")


@pytest.mark.parametrize("words", ["/incidents@another_bot", "/brakes", "/brake@another_bot release"])
async def test_what_is_said_to_another_bot_is_not_ours(sqlite_url: str, words: str) -> None:
    async with counter(sqlite_url, operators=ANNA) as desk:
        desk.wait(HOUR)
        assert await desk.says(operator(desk), words, desk.group) == []
