"""Linking: who holds the link of an order may claim it, once, after being asked; and nobody else may."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from monitor.reception.entries import digest_of
from monitor.store.conversation import inbox, link
from tests.flow.counter import ALL, Counter, counter
from tests.store.shop import HOUR, MINUTE

YES, NO = "Yes, it is mine", "No"
UNUSABLE = "This link cannot be used. Please ask the shop where you ordered for a new one."
WELCOME = "Hello"


async def refused(desk: Counter, user: object, token: str) -> list[str]:
    return await desk.says(user, f"/start {token}")  # type: ignore[arg-type]  # a user of the double


async def test_whoever_holds_the_link_is_asked_once_and_then_told_everything_there(database: str) -> None:
    async with counter(database) as desk:
        await desk.sell("INV-1042")
        anna = desk.api.user("Anna")
        [asked] = await desk.says(anna, f"/start {await desk.link('INV-1042')}")
        assert "ends in 1042" in asked
        assert "INV" not in asked
        assert await desk.chat_of("alice") is None
        assert await desk.presses(anna, YES) == [""]
        assert await desk.chat_of("alice") == anna.id
        [linked] = desk.seen(anna.id)
        assert linked.startswith("You are linked")
        await desk.fails("INV-1042")
        await desk.settle()
        assert "INV-1042" in desk.seen(anna.id)[-1]


async def test_an_order_shows_no_more_than_half_of_its_number(sqlite_url: str) -> None:
    async with counter(sqlite_url) as desk:
        await desk.sell("A-17")
        anna = desk.api.user("Anna")
        [asked] = await desk.says(anna, f"/start {await desk.link('A-17')}")
        assert "ends in 17 " in asked


async def test_wrong_used_and_expired_get_the_same_answer(sqlite_url: str) -> None:
    async with counter(sqlite_url) as desk:
        await desk.sell("INV-1042")
        anna, eve = desk.api.user("Anna"), desk.api.user("Eve")
        used, old = await desk.link("INV-1042"), await desk.link("INV-1042", MINUTE)
        await desk.says(anna, f"/start {used}")
        await desk.presses(anna, YES)
        desk.wait(2 * MINUTE)
        answers = [await desk.says(eve, f"/start {token}") for token in ("x" * 22, used, old, "a b c", "%00")]
        assert answers == [[UNUSABLE]] * 5
        assert await desk.chat_of("alice") == anna.id


async def test_a_link_that_was_refused_by_a_friend_still_works_for_its_owner(sqlite_url: str) -> None:
    async with counter(sqlite_url) as desk:
        await desk.sell("INV-1042")
        friend, anna = desk.api.user("Friend"), desk.api.user("Anna")
        token = await desk.link("INV-1042")
        await desk.says(friend, f"/start {token}")
        await desk.presses(friend, NO)
        assert await desk.chat_of("alice") is None
        await desk.says(anna, f"/start {token}")
        await desk.presses(anna, YES)
        assert await desk.chat_of("alice") == anna.id


async def test_of_two_who_hold_one_link_only_the_last_who_was_asked_can_say_yes(sqlite_url: str) -> None:
    async with counter(sqlite_url) as desk:
        await desk.sell("INV-1042")
        first, second = desk.api.user("First"), desk.api.user("Second")
        token = await desk.link("INV-1042")
        await desk.says(first, f"/start {token}")
        await desk.says(second, f"/start {token}")
        assert await desk.presses(first, YES) == ["This button is out of date."]
        assert await desk.chat_of("alice") is None
        await desk.presses(second, YES)
        assert await desk.chat_of("alice") == second.id
        # A press that comes twice changes nothing and says the same.
        message = desk.sent(second.id)[0].message_id
        assert await desk.forges(second, "v1:link.yes:1:0", message) == [""]
        assert desk.seen(second.id)[0].startswith("You are linked")


async def test_a_stranger_who_forges_the_button_gets_nothing(sqlite_url: str) -> None:
    async with counter(sqlite_url) as desk:
        await desk.sell("INV-1042")
        anna, eve = desk.api.user("Anna"), desk.api.user("Eve")
        await desk.says(anna, f"/start {await desk.link('INV-1042')}")
        await desk.says(eve, "/start")
        message = desk.sent(eve.id)[0].message_id
        for number in range(1, 20):
            assert await desk.forges(eve, f"v1:link.yes:{number}:0", message) == ["This button is out of date."]
        assert await desk.chat_of("alice") is None


async def test_who_guesses_is_told_to_wait_and_then_even_the_right_one_waits(sqlite_url: str) -> None:
    async with counter(sqlite_url) as desk:
        await desk.sell("INV-1042")
        eve = desk.api.user("Eve")
        right = await desk.link("INV-1042")
        answers = [(await desk.says(eve, f"/start {number:022}"))[0] for number in range(6)]
        assert answers == [UNUSABLE] * 5 + ["Too many attempts. Please wait a quarter of an hour."]
        assert (await desk.says(eve, f"/start {right}"))[0].startswith("Too many attempts")
        desk.wait(16 * MINUTE)
        assert (await desk.says(eve, f"/start {right}"))[0].startswith("Is the order")


async def test_neither_a_token_nor_what_would_open_as_one_is_in_the_database(sqlite_url: str) -> None:
    async with counter(sqlite_url) as desk:
        await desk.sell("INV-1042")
        anna = desk.api.user("Anna")
        token = await desk.link("INV-1042")
        async with desk.store.read() as connection:
            [digest] = (await connection.execute(select(link.c.digest))).scalars()
        # Who reads the database finds a digest, and a digest opens nothing.
        assert await desk.says(anna, f"/start {digest}") == [UNUSABLE]
        await desk.says(anna, f"/start {token}")
        async with desk.store.read() as connection:
            rows = (await connection.execute(select(inbox.c.content))).scalars().all()
        assert token not in repr(rows)
        assert digest == digest_of(token)


async def test_a_plain_start_explains_and_a_linked_one_greets(sqlite_url: str) -> None:
    async with counter(sqlite_url) as desk:
        anna = desk.api.user("Anna", language="ru")
        [welcome] = await desk.says(anna, "/start")
        assert welcome.startswith("Здравствуйте")
        await desk.sell("INV-1", user=anna)
        [resumed] = await desk.says(anna, "/start")
        # What the shop knows of a customer's language goes before that of his app.
        assert resumed.startswith("This chat is linked")


# Another chat for a customer who has one.


async def test_a_customer_who_is_owed_nothing_moves_at_once_and_the_old_chat_hears_of_it(sqlite_url: str) -> None:
    async with counter(sqlite_url) as desk:
        old, new = desk.api.customer("Old"), desk.api.user("New")
        await desk.sell("INV-1042", user=old)
        await desk.says(new, f"/start {await desk.link('INV-1042')}")
        await desk.presses(new, YES)
        assert await desk.chat_of("alice") == new.id
        assert desk.seen(old.id)[-1].startswith("Your orders are being linked to another chat")


async def owed(desk: Counter) -> tuple[object, object]:
    old, new = desk.api.customer("Old"), desk.api.user("New")
    await desk.sell("INV-1042", user=old)
    await desk.fails("INV-1042")
    await desk.says(new, f"/start {await desk.link('INV-1042')}")
    await desk.presses(new, YES)
    return old, new


async def test_while_something_is_owed_an_operator_decides_and_the_old_chat_is_warned(database: str) -> None:
    async with counter(database, operators=[("anna", ALL), ("boris", ALL)]) as desk:
        old, new = await owed(desk)
        anna, boris = (desk.api.users[user] for user in desk.group.members if user in desk.api.users)
        assert await desk.chat_of("alice") == old.id  # type: ignore[attr-defined]  # a user of the double
        assert desk.seen(old.id)[-1].startswith("Your orders are being linked")  # type: ignore[attr-defined]
        assert desk.seen(new.id)[-1].startswith("One moment more")  # type: ignore[attr-defined]
        assert await desk.presses(anna, "Link the new chat", desk.group.id) == ["Done."]
        assert await desk.chat_of("alice") == new.id  # type: ignore[attr-defined]
        assert desk.seen(new.id)[-1].startswith("You are linked")  # type: ignore[attr-defined]
        settled = next(text for text in desk.seen(desk.group.id) if "linked to the new chat" in text)
        assert "operator anna" in settled
        card = next(
            each for each in desk.sent(desk.group.id) if "wants another chat" in each.text
        )  # fmt: skip
        told = await desk.forges(boris, "v1:relink.no:1:0", card.message_id, desk.group.id)
        assert told == ["Already handled by operator anna."]
        assert await desk.chat_of("alice") == new.id  # type: ignore[attr-defined]


async def test_an_operator_who_may_not_link_changes_nothing_and_one_who_may_can_refuse(sqlite_url: str) -> None:
    few = frozenset(ALL - {"relink"})
    async with counter(sqlite_url, operators=[("helper", few), ("boss", ALL)]) as desk:
        old, new = await owed(desk)
        helper, boss = (desk.api.users[user] for user in desk.group.members if user in desk.api.users)
        assert await desk.presses(helper, "Refuse", desk.group.id) == ["You may not do that here."]
        assert await desk.presses(boss, "Refuse", desk.group.id) == ["Done."]
        assert await desk.chat_of("alice") == old.id  # type: ignore[attr-defined]
        assert desk.seen(new.id)[-1].startswith("We did not link this chat")  # type: ignore[attr-defined]


# What a customer can ask for.


async def test_help_language_and_silence_are_for_the_asking(sqlite_url: str) -> None:
    async with counter(sqlite_url) as desk:
        anna = desk.api.customer("Anna")
        await desk.sell("INV-1042", user=anna)
        assert (await desk.says(anna, "/help"))[0].startswith("What you can do here")
        await desk.says(anna, "/language")
        await desk.presses(anna, "中文")
        assert desk.seen(anna.id)[-1] == "今后我们将使用中文与您联系。"
        await desk.fails("INV-1042")
        await desk.settle()
        assert desk.seen(anna.id)[-1].startswith("我们发现您的订单 INV-1042 出现故障")


async def test_who_asks_for_silence_gets_it_until_he_starts_again_and_then_hears_what_he_missed(
    sqlite_url: str,
) -> None:
    async with counter(sqlite_url) as desk:
        anna = desk.api.customer("Anna")
        await desk.sell("INV-1042", user=anna)
        assert (await desk.says(anna, "/stop"))[0].startswith("We write no more")
        await desk.fails("INV-1042")
        await desk.settle()
        assert len(desk.sent(anna.id)) == 1
        assert any("has asked for no more messages" in text.lower() for text in desk.seen(desk.group.id))
        # To ask for something is not to ask for everything.
        await desk.says(anna, "/status")
        assert not any("We found a fault" in text for text in desk.seen(anna.id))
        await desk.says(anna, "/start")
        assert any("We found a fault" in text for text in desk.seen(anna.id))


async def test_the_status_tells_orders_coverage_and_cases(sqlite_url: str) -> None:
    async with counter(sqlite_url) as desk:
        anna = desk.api.customer("Anna")
        await desk.sell("INV-1", "INV-2", user=anna)
        await desk.sell("INV-3", name="somebody-else")
        await desk.fails("INV-1")
        await desk.settle()
        [told] = await desk.says(anna, "/status")
        assert "order INV-1\nCovered until 26 May 2026, 11:00 (UTC)\nCase 1: approved, waiting for a spare" in told
        assert "order INV-2\nCovered until 26 May 2026, 11:00 (UTC)" in told
        assert "INV-3" not in told
        desk.wait(timedelta(days=2))
        [later] = await desk.says(anna, "/status")
        assert "order INV-2\nThe coverage has ended" in later


async def test_a_stranger_learns_nothing_whatever_he_asks(sqlite_url: str) -> None:
    async with counter(sqlite_url) as desk:
        await desk.sell("INV-1")
        eve = desk.api.user("Eve")
        for asked in ("/status", "/report INV-1", "/stop", "INV-1", "/cases", "/case 1"):
            [told] = await desk.says(eve, asked)
            assert told.startswith("This chat is not linked")


async def test_what_a_customer_writes_is_passed_on_to_a_person(sqlite_url: str) -> None:
    async with counter(sqlite_url) as desk:
        anna = desk.api.customer("Anna")
        await desk.sell("INV-1", user=anna)
        assert (await desk.says(anna, "That was not <me>!"))[0].startswith("We have passed it on")
        assert desk.seen(desk.group.id) == ["alice writes\n\nThat was not <me>!"]


async def test_who_writes_without_end_is_answered_once_more_and_then_not(sqlite_url: str) -> None:
    async with counter(sqlite_url) as desk:
        eve = desk.api.user("Eve")
        for number in range(25):
            desk.api.user_says(eve, f"hello {number}")
        await desk.settle(200)
        answers = desk.seen(eve.id)
        assert answers.count("Too many attempts. Please wait a quarter of an hour.") == 1
        assert len(answers) == 21
        desk.wait(HOUR)
        assert (await desk.says(eve, "/start"))[0].startswith(WELCOME)


# Who can be written to.


async def test_who_blocks_us_is_not_written_to_and_hears_everything_once_he_comes_back(sqlite_url: str) -> None:
    async with counter(sqlite_url) as desk:
        anna = desk.api.customer("Anna")
        await desk.sell("INV-1", user=anna)
        desk.api.user_blocks(anna)
        await desk.settle()
        await desk.fails("INV-1")
        await desk.settle()
        asked = [each for each in desk.api.journal.exchanges if each.params.get("chat_id") == str(anna.id)]
        # Nobody knocks where it is known that nobody opens.
        assert asked == []
        assert any("has blocked the bot" in text.lower() for text in desk.seen(desk.group.id))
        desk.api.user_unblocks(anna)
        await desk.settle()
        assert "INV-1" in desk.seen(anna.id)[-1]


@pytest.mark.parametrize("strikes", [1, 2])
async def test_a_chat_that_is_not_found_once_or_twice_is_not_given_up(sqlite_url: str, strikes: int) -> None:
    from monitor.demo.botapi.faults import refuse_once  # noqa: PLC0415 - only here

    async with counter(sqlite_url) as desk:
        anna = desk.api.customer("Anna")
        await desk.sell("INV-1", user=anna)
        desk.api.faults.add(refuse_once(400, "Bad Request: chat not found"), "sendMessage", chat=anna.id, times=strikes)
        await desk.fails("INV-1")
        for _ in range(strikes):
            await desk.settle()
            assert desk.sent(anna.id) == []
            desk.wait(13 * HOUR)
        await desk.settle()
        assert "INV-1" in desk.seen(anna.id)[-1]
        # Operators were told at once all the same: something is owed, and the clock runs.
        assert any("chat cannot be found" in text for text in desk.seen(desk.group.id))


async def test_a_chat_that_is_not_found_for_days_is_given_up(sqlite_url: str) -> None:
    async with counter(sqlite_url) as desk:
        ghost = desk.api.user("Ghost")
        await desk.sell("INV-1", user=ghost)
        await desk.fails("INV-1")
        for _ in range(4):
            await desk.settle()
            desk.wait(13 * HOUR)
        assert (await desk.states())["case:1:case_opened"] == "unreachable"
        asked = [each for each in desk.api.journal.exchanges if each.params.get("chat_id") == str(ghost.id)]
        assert len(asked) == 3
