"""Operators decide from their phones: with one tap, by user id, once; and everybody is answered at once."""

import pytest

from monitor.core.notice import Kind, Notice
from monitor.core.staff import Permission
from monitor.demo.botapi.faults import HangUp
from monitor.demo.botapi.world import User
from tests.flow.counter import ALL, Counter, counter
from tests.store.shop import HOUR, MINUTE, NOW, shelve

CASE = "/case 1"
PAIR = [("anna", ALL), ("boris", ALL)]


def people(desk: Counter) -> list[User]:
    return [desk.api.users[member] for member in desk.group.members if member in desk.api.users]


async def opened(desk: Counter) -> None:
    """Let a case wait for a spare, with a card in the operators' chat."""
    customer = desk.api.customer("Alice")
    await desk.sell("INV-1", user=customer)
    await desk.fails("INV-1")
    await desk.settle()


def card(desk: Counter) -> str:
    """Give what the newest card shows."""
    return next(text for text in reversed(desk.seen(desk.group.id)) if text.startswith(("Case 1", "No spare for case")))


async def test_a_case_that_needs_somebody_comes_with_its_buttons_and_the_card_moves_with_it(database: str) -> None:
    async with counter(database, operators=PAIR) as desk:
        await opened(desk)
        anna, _ = people(desk)
        assert desk.buttons(desk.group.id) == ["Reject …", "Hold", "Credit", "Ask the customer …"]
        assert await desk.presses(anna, "Hold", desk.group.id) == ["Done."]
        assert (await desk.case()).state == "held"
        assert card(desk).startswith("Case 1: held")
        assert "Last: hold by operator anna" in card(desk)
        assert desk.buttons(desk.group.id) == ["Reject …", "Release", "Credit", "Ask the customer …"]
        await shelve(desk.store, "spare-1")
        assert await desk.presses(anna, "Release", desk.group.id) == ["Done."]
        assert (await desk.case()).state == "promised"
        assert card(desk).startswith("Case 1: the replacement is set aside")
        assert len(desk.sent(desk.group.id)) == 1
        assert await desk.trail() == [
            ("open", "policy"),
            ("approve", "policy"),
            ("hold", "operator anna"),
            ("release", "operator anna"),
            ("promise", "policy"),
        ]


async def test_of_two_who_press_at_the_same_time_one_wins_and_the_other_is_told_who(database: str) -> None:
    async with counter(database, operators=PAIR) as desk:
        await opened(desk)
        anna, boris = people(desk)
        [message] = desk.sent(desk.group.id)
        desk.api.user_presses(anna, desk.group.id, message.message_id, "Hold")
        desk.api.user_presses(boris, desk.group.id, message.message_id, "Credit")
        await desk.settle()
        told = {shown.user: shown.text for shown in desk.api.journal.shown}
        winner, loser = (anna, boris) if told[anna.id] == "Done." else (boris, anna)
        assert told[winner.id] == "Done."
        name = "anna" if winner is anna else "boris"
        assert told[loser.id] == f"Already handled by operator {name}."
        assert sum(who.startswith("operator") for _, who in await desk.trail()) == 1


async def test_a_rejection_asks_for_its_clause_and_the_customer_is_told_in_plain_words(sqlite_url: str) -> None:
    async with counter(sqlite_url, operators=PAIR) as desk:
        await opened(desk)
        anna, boris = people(desk)
        await desk.presses(anna, "Reject …", desk.group.id)
        assert "customer tos" in desk.buttons(desk.group.id)
        await desk.presses(boris, "Back", desk.group.id)
        assert desk.buttons(desk.group.id) == ["Reject …", "Hold", "Credit", "Ask the customer …"]
        await desk.presses(anna, "Reject …", desk.group.id)
        assert await desk.presses(anna, "customer tos", desk.group.id) == ["Done."]
        assert (await desk.case()).clause == "exclusions.customer_tos"
        customer = await desk.chat_of("alice")
        assert customer is not None
        assert "a use that its rules forbid" in desk.seen(customer)[-1]
        # What is over has nothing to press.
        assert desk.buttons(desk.group.id) == []
        assert card(desk).startswith("Case 1: not covered")


# Who may what.


@pytest.mark.parametrize(
    ("may", "button"),
    [
        pytest.param({Permission.LOOK}, "Hold", id="may only look"),
        pytest.param({Permission.HOLD, Permission.LOOK}, "Credit", id="may do something else"),
        pytest.param(set(), "Reject …", id="may nothing"),
    ],
)
async def test_an_operator_does_what_he_may_and_no_more(sqlite_url: str, may: set[Permission], button: str) -> None:
    async with counter(sqlite_url, operators=[("helper", frozenset(may))]) as desk:
        await opened(desk)
        before = await desk.trail()
        assert await desk.presses(people(desk)[0], button, desk.group.id) == ["You may not do that here."]
        assert await desk.trail() == before


async def test_a_stranger_in_the_operators_group_changes_nothing(sqlite_url: str) -> None:
    async with counter(sqlite_url, operators=PAIR) as desk:
        await opened(desk)
        eve = desk.api.customer("Eve")
        desk.group.members[eve.id] = desk.group.members[people(desk)[0].id]
        before = await desk.trail()
        for button in ("Hold", "Reject …", "Credit"):
            assert await desk.presses(eve, button, desk.group.id) == ["You may not do that here."]
        for asked in ("/cases", "/case 1", "/stock", "/mute 2h"):
            assert await desk.says(eve, asked, desk.group) == [
                "You may not do that here; the settings name who may."
            ]  # fmt: skip
        assert await desk.trail() == before


async def test_an_operators_button_counts_in_the_operators_group_alone(sqlite_url: str) -> None:
    async with counter(sqlite_url, operators=PAIR) as desk:
        await opened(desk)
        anna, _ = people(desk)
        other = desk.api.group("Somewhere else", [anna])
        await desk.says(anna, "/help")
        message = desk.sent(anna.id)[0].message_id
        before = await desk.trail()
        assert await desk.forges(anna, "v1:hold:1:2", message) == ["You may not do that here."]
        assert await desk.says(anna, "/cases", other) == []
        assert await desk.trail() == before


@pytest.mark.parametrize(
    ("data", "answer"),
    [
        ("", "This button is out of date."),
        ("v1:hold:1:0", "Already handled by policy."),
        ("v1:hold:1:99", "Already handled by policy."),
        ("v1:hold:77:2", "This button is out of date."),
        ("v1:hold.after_window:1:2", "This button is out of date."),
        ("v1:reject.moon:1:2", "This button is out of date."),
        ("v1:approve:1:2", "The case is approved, waiting for a spare: that is not possible any more."),
        ("v1:close:1:2", "This button is out of date."),
        ("v1:reveal:1:2", "This is not for you."),
        ("v1:link.yes:1:0", "This is not for you."),
        ("v2:hold:1:2", "This button is out of date."),
        ("v1:hold:1:2'; drop table cases", "This button is out of date."),
    ],
)
async def test_a_forged_button_is_answered_and_changes_nothing(sqlite_url: str, data: str, answer: str) -> None:
    async with counter(sqlite_url, operators=PAIR) as desk:
        await opened(desk)
        before = await desk.trail()
        [message] = desk.sent(desk.group.id)
        assert await desk.forges(people(desk)[0], data, message.message_id, desk.group.id) == [answer]
        assert await desk.trail() == before


async def test_a_press_that_is_delivered_again_is_done_once(sqlite_url: str) -> None:
    async with counter(sqlite_url, operators=PAIR) as desk:
        await opened(desk)
        anna, _ = people(desk)
        [message] = desk.sent(desk.group.id)
        desk.api.user_presses(anna, desk.group.id, message.message_id, "Hold")
        desk.api.updates.repeat()
        await desk.hear()
        # Stored, and then the process dies before Telegram is told to forget it.
        desk.offset = None
        await desk.die()
        await desk.settle()
        assert [move for move, who in await desk.trail() if who == "operator anna"] == ["hold"]
        assert [shown.text for shown in desk.api.journal.shown] == ["Done."]


async def test_an_edited_message_is_no_new_one(sqlite_url: str) -> None:
    async with counter(sqlite_url, operators=PAIR) as desk:
        await opened(desk)
        anna, _ = people(desk)
        said = desk.api.user_says(anna, "/stock", desk.group)
        await desk.settle()
        before = len(desk.sent(desk.group.id))
        desk.api.user_edits(anna, said, "/case 1")
        await desk.settle()
        assert len(desk.sent(desk.group.id)) == before


# Looking.


async def test_operators_look_at_cases_one_case_and_the_shelf(sqlite_url: str) -> None:
    async with counter(sqlite_url, operators=PAIR) as desk:
        await opened(desk)
        anna, _ = people(desk)
        await desk.sell("INV-2", name="bogdan")
        await desk.fails("INV-2")
        await desk.settle()
        await shelve(desk.store, "spare-1", "spare-2")
        [listed] = await desk.says(anna, "/cases@coverwatch_demo_bot", desk.group)
        assert listed.startswith("2 open cases\n\n• /case_1 approved, waiting for a spare, order INV-1: the IP range")
        [stock] = await desk.says(anna, "/stock", desk.group)
        assert stock == "The shelf\n\n• vpn-eu: 2 free, 0 promised, 0 sick"
        assert await desk.says(anna, "/case 77", desk.group) == ["There is no case 77."]
        assert (await desk.says(anna, "/help", desk.group))[0].startswith("What operators can do here")


async def test_a_case_that_is_asked_for_gets_a_new_card_and_the_old_one_loses_its_buttons(sqlite_url: str) -> None:
    async with counter(sqlite_url, operators=PAIR) as desk:
        await opened(desk)
        anna, _ = people(desk)
        await desk.says(anna, "/case_1", desk.group)
        old, new = (each for each in desk.api.chats[desk.group.id].showing() if each.sender is desk.api.me)
        assert (old.marked.text, old.keyboard) == ("Case 1: the newest message about it stands below.", None)
        assert new.marked.text.startswith("Case 1: approved")
        await desk.presses(anna, "Hold", desk.group.id)
        assert new.marked.text.startswith("Case 1: held")


async def test_a_wave_of_cases_becomes_one_message_and_not_two_hundred(sqlite_url: str) -> None:
    async with counter(sqlite_url, operators=PAIR) as desk:
        customer = desk.api.customer("Alice")
        orders = [f"INV-{number}" for number in range(1, 31)]
        await desk.sell(*orders, user=customer)
        for order in orders:
            await desk.fails(order)
        await desk.settle(200)
        [told] = desk.seen(desk.group.id)
        assert told.startswith("30 messages at once\n\n• No spare for case 1 /case_1\n• No spare for case 2 /case_2\n")
        assert {state for key, state in (await desk.states()).items() if "operator" in key} == {"sent"}
        anna, _ = people(desk)
        # What the message lists can be decided all the same.
        await desk.says(anna, "/case_17", desk.group)
        assert await desk.presses(anna, "Hold", desk.group.id) == ["Done."]
        assert (await desk.case(17)).state == "held"


# Silence.


async def test_a_mute_takes_the_sound_and_ends_by_itself(sqlite_url: str) -> None:
    async with counter(sqlite_url, operators=PAIR) as desk:
        anna, _ = people(desk)
        [muted] = await desk.says(anna, "/mute 2h", desk.group)
        assert muted.startswith("No sound until 25 May 2026, 14:00 (UTC)")
        await opened(desk)
        assert desk.sent(desk.group.id)[-1].silent
        desk.wait(2 * HOUR + MINUTE)
        await desk.put(note("later"))
        await desk.settle()
        assert not desk.sent(desk.group.id)[-1].silent


@pytest.mark.parametrize("words", ["", "for ever", "-1h", "25h", "0x10", "1000000000d"])
async def test_a_mute_without_an_end_is_none(sqlite_url: str, words: str) -> None:
    async with counter(sqlite_url, operators=PAIR) as desk:
        assert (await desk.says(people(desk)[0], f"/mute {words}", desk.group))[0].startswith("For how long?")
        await desk.put(note("loud"))
        await desk.settle()
        assert not desk.sent(desk.group.id)[-1].silent


def note(key: str) -> Notice:
    facts = {"zone": "bl.example.net", "reason": "it lists the world"}
    return Notice(key, Kind.OPERATOR_LIST_SUSPENDED, None, None, NOW, facts)


async def test_a_mute_can_be_ended(sqlite_url: str) -> None:
    async with counter(sqlite_url, operators=PAIR) as desk:
        anna, _ = people(desk)
        await desk.says(anna, "/mute 2h", desk.group)
        await desk.says(anna, "/mute off", desk.group)
        await desk.put(note("loud"))
        await desk.settle()
        assert not desk.sent(desk.group.id)[-1].silent


# When things go wrong.


async def test_a_doubt_ends_when_somebody_presses_a_button_on_the_message(sqlite_url: str) -> None:
    async with counter(sqlite_url, operators=PAIR) as desk:
        desk.api.faults.add(HangUp(processed=True), "sendMessage", chat=desk.group.id)
        await opened(desk)
        assert (await desk.states())["case:1:operator_no_spare"] == "unknown"
        anna, _ = people(desk)
        await desk.presses(anna, "Hold", desk.group.id)
        assert (await desk.states())["case:1:operator_no_spare"] == "sent"
        desk.wait(HOUR)
        await desk.settle()
        assert len(desk.sent(desk.group.id)) == 1


async def test_what_operators_are_told_waits_until_their_group_lets_us_in_again(sqlite_url: str) -> None:
    async with counter(sqlite_url, operators=PAIR) as desk:
        anna, _ = people(desk)
        desk.api.kick_bot(desk.group, anna)
        await opened(desk)
        assert desk.sent(desk.group.id) == []
        assert (await desk.states())["case:1:operator_no_spare"] == "queued"
        desk.api.readmit_bot(desk.group, anna)
        desk.wait(6 * MINUTE)
        await desk.settle()
        assert desk.seen(desk.group.id)[-1].startswith("No spare for case 1")


async def test_a_group_that_becomes_a_supergroup_is_followed_over_a_restart(sqlite_url: str) -> None:
    async with counter(sqlite_url, operators=PAIR) as desk:
        await opened(desk)
        anna, _ = people(desk)
        heir = desk.api.migrate(desk.group)
        await desk.settle()
        await desk.die()
        await desk.put(note("after"))
        await desk.settle()
        assert desk.seen(heir.id)[-1].startswith("Blocklist suspended")
        assert (await desk.says(anna, "/cases", heir))[0].startswith("1 open case")
