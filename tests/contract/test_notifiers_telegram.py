"""The Telegram notifier against a Bot API on loopback: what was accepted is what counts."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, timedelta
from pathlib import Path

import pytest
import structlog
from pydantic import ValidationError
from telegram.error import TelegramError

from monitor.clock import DrivenClock, SystemClock
from monitor.core.notice import (
    Ambiguous,
    Delivered,
    Kind,
    Moved,
    Notice,
    Outcome,
    Params,
    Rejected,
    TryLater,
    Undeliverable,
)
from monitor.core.secret import Secret
from monitor.demo.botapi.faults import (
    BAD_GATEWAY,
    BAD_GATEWAY_SENT,
    HTML_PAGE,
    INTERNAL_ERROR,
    INTERNAL_ERROR_SENT,
    NOT_OK,
    Drip,
    Fault,
    HalfAnswer,
    HangUp,
    Instead,
    Reset,
    Slow,
    refuse_once,
)
from monitor.demo.botapi.server import BotApi
from notifiers import compose, open_notifier
from notifiers.message import Button, Message
from notifiers.telegram.options import Options
from notifiers.telegram.request import MaybeSentError, NotSentError, Wire
from notifiers.telegram.sender import Telegram
from tests.peers.bot_faults import deaf_peer
from tests.peers.stepped import START

TOKEN = "7000000001:CANARY-not-a-real-token"


@asynccontextmanager
async def telegram(api: BotApi, *, deadline: float = 10.0) -> AsyncIterator[Telegram]:
    # A test need not wait as long as a shop's operator has to allow for.
    options = Options.model_construct(api=api.base_url.removesuffix("/bot"), deadline=deadline)
    async with Telegram(options, Secret(TOKEN), DrivenClock(START)) as notifier:
        yield notifier


@pytest.fixture
async def api() -> AsyncIterator[BotApi]:
    async with BotApi(token=TOKEN) as double:
        yield double


@pytest.fixture(autouse=True)
def canary(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """Whatever a test does, neither the token nor a chat's id may be in any log, at any level."""
    caplog.set_level(logging.DEBUG)
    with structlog.testing.capture_logs() as events:
        yield
    out, err = capfd.readouterr()
    for place in (caplog.text, out, err, repr(events)):
        assert "CANARY" not in place
        assert "50000000" not in place


def note(chat: int, text: str = "<b>Hello</b>", plain: str = "Hello", **more: object) -> Message:
    return Message(str(chat), text, plain, key="case:42:case_opened", **more)  # type: ignore[arg-type]  # any field


async def send(api: BotApi, message: Message, *, deadline: float = 10.0) -> Outcome:
    async with telegram(api, deadline=deadline) as notifier:
        return await notifier.send(message)


async def test_a_message_arrives_with_its_markup_and_the_receipt_is_its_number(api: BotApi) -> None:
    anna = api.customer("Anna")
    outcome = await send(api, note(anna.id, "<b>Order 1 &lt; 2</b>", silent=True, protect=True))
    (entry,) = api.journal.sent(anna.id)
    assert (entry.text, entry.silent, entry.protected) == ("Order 1 < 2", True, True)
    assert [each["type"] for each in entry.entities] == ["bold"]
    assert outcome == Delivered(str(entry.message_id))


async def test_a_message_can_go_to_a_topic_and_carry_buttons(api: BotApi) -> None:
    group = api.supergroup("Operators", forum=True)
    topic = api.topic(group, "Cases")
    buttons = ((Button("Approve", "v1:approve:42:3"), Button("Reject", "v1:reject:42:3")),)
    await send(api, note(group.id, thread=topic, buttons=buttons))
    (entry,) = api.journal.sent(group.id)
    assert entry.thread == topic
    assert entry.reply_markup == {
        "inline_keyboard": [
            [
                {"text": "Approve", "callback_data": "v1:approve:42:3"},
                {"text": "Reject", "callback_data": "v1:reject:42:3"},
            ]
        ]
    }


# Who can be written to (facts 1.1).


async def test_who_never_met_us_is_not_found_and_who_only_shares_a_group_is_not_linked(api: BotApi) -> None:
    stranger, seen = api.user("Stranger"), api.user("Seen")
    api.group("Others", [seen])
    assert await send(api, note(stranger.id)) == Undeliverable("chat_not_found")
    assert await send(api, note(seen.id)) == Undeliverable("not_linked")


async def test_who_blocked_us_or_left_telegram_is_undeliverable(api: BotApi) -> None:
    blocked, gone = api.customer("Blocked"), api.customer("Gone")
    api.user_blocks(blocked)
    api.user_leaves_telegram(gone)
    assert await send(api, note(blocked.id)) == Undeliverable("blocked")
    assert await send(api, note(gone.id)) == Undeliverable("deactivated")


async def test_a_group_that_removed_us_is_undeliverable_as_a_whole(api: BotApi) -> None:
    boss = api.customer("Boss")
    group = api.supergroup("Operators", [boss])
    api.kick_bot(group, boss)
    assert await send(api, note(group.id)) == Undeliverable("kicked")


async def test_a_group_that_became_a_supergroup_tells_its_new_id(api: BotApi) -> None:
    group = api.group("Operators")
    heir = api.migrate(group)
    assert await send(api, note(group.id)) == Moved(str(heir.id))
    assert api.journal.sent() == []


@pytest.mark.parametrize(
    ("code", "description", "chat", "outcome"),
    [
        (403, "Forbidden: bot can't initiate conversation with a user", 1, Undeliverable("not_linked")),
        (403, "FORBIDDEN: BOT WAS BLOCKED BY THE USER", 1, Undeliverable("blocked")),
        (403, "Forbidden: user is deactivated", 1, Undeliverable("deactivated")),
        (400, "Bad Request: private chat not found", 1, Undeliverable("chat_not_found")),
        (403, "Forbidden: bot is not a member of the supergroup chat", -1, Undeliverable("kicked")),
        (403, "Forbidden: the group chat was deleted", -1, Undeliverable("kicked")),
        (400, "Bad Request: not enough rights to send text messages to the chat", -1, Undeliverable("kicked")),
        (403, "Forbidden: a reason nobody has seen yet", 1, Undeliverable("blocked")),
        (403, "Forbidden: a reason nobody has seen yet", -1, Undeliverable("kicked")),
        (400, "Bad Request: message is too long", 1, Rejected("Bad Request: message is too long")),
        (
            409,
            "Conflict: terminated by other request",
            1,
            TryLater(timedelta(minutes=1), "HTTP 409 Conflict: terminat"),
        ),
        (401, "Unauthorized", 1, TryLater(timedelta(minutes=1), "HTTP 401 Unauthorized")),
        (404, "Not Found", 1, TryLater(timedelta(minutes=1), "HTTP 404 Not Found")),
    ],
)
async def test_a_refusal_is_read_by_its_words(
    api: BotApi, code: int, description: str, chat: int, outcome: Outcome
) -> None:
    api.faults.add(refuse_once(code, description))
    result = await send(api, note(chat))
    if isinstance(outcome, TryLater):
        assert isinstance(result, TryLater)
        assert result.why.startswith(outcome.why)
        assert (result.after, result.everyone) == (outcome.after, False)
    else:
        assert result == outcome
    assert api.journal.sent() == []


async def test_a_proxys_page_says_nothing_about_the_message(api: BotApi) -> None:
    anna = api.customer("Anna")
    for status in (302, 400, 403, 407):
        api.faults.add(Instead(status, "<html>Blocked by policy</html>", "text/html"))
        assert await send(api, note(anna.id)) == TryLater(timedelta(minutes=1), f"HTTP {status}")


async def test_a_flood_silences_everybody_for_as_long_as_telegram_says(api: BotApi) -> None:
    anna = api.customer("Anna")
    api.faults.add(refuse_once(429, "Too Many Requests: retry after 7", 7))
    async with telegram(api) as notifier:
        outcome = await notifier.send(note(anna.id))
        assert outcome == TryLater(timedelta(seconds=7.5), "flood", everyone=True)
        assert notifier.not_before == START + timedelta(seconds=7.5)


@pytest.mark.parametrize(
    ("fault", "seconds"),
    [
        pytest.param(Instead(429, "{}", retry_after=9), 9.5, id="only in the header"),
        pytest.param(Instead(429, '{"ok":false,"description":"retry after 11"}'), 11.5, id="only in words"),
        pytest.param(Instead(429, "<html>"), 30.5, id="nowhere"),
        pytest.param(refuse_once(429, "Too Many Requests", -1), 30.5, id="as nonsense"),
        pytest.param(Instead(429, '{"ok":false,"parameters":{"retry_after":"soon"}}'), 30.5, id="in no number"),
    ],
)
async def test_a_flood_that_is_told_badly_is_a_flood(api: BotApi, fault: Instead, seconds: float) -> None:
    api.faults.add(fault)
    assert await send(api, note(1)) == TryLater(timedelta(seconds=seconds), "flood", everyone=True)


async def test_the_flood_double_refuses_what_is_sent_without_turns_and_nothing_is_lost_in_the_telling(
    api: BotApi,
) -> None:
    anna = api.customer("Anna")
    async with telegram(api) as notifier:
        outcomes = [await notifier.send(note(anna.id, f"{number}", f"{number}")) for number in range(3)]
    assert isinstance(outcomes[0], Delivered)
    assert all(isinstance(each, TryLater) and each.everyone for each in outcomes[1:])
    assert [entry.text for entry in api.journal.sent(anna.id)] == ["0"]


# What may be sent again (facts 1.4): the journal knows the truth.


@pytest.mark.parametrize(
    ("fault", "accepted"),
    [
        pytest.param(Reset(), False, id="reset before processing"),
        pytest.param(Reset(processed=True), True, id="reset after processing"),
        pytest.param(HangUp(), False, id="closed before processing"),
        pytest.param(HangUp(processed=True), True, id="accepted, then closed without an answer"),
        pytest.param(HalfAnswer(), True, id="accepted, half an answer"),
        pytest.param(Slow(4.0), True, id="accepted, answer after the deadline"),
        pytest.param(Slow(4.0, processed=False), False, id="no answer before the deadline"),
        pytest.param(Drip(0.4, 8), True, id="an answer that drips past the deadline"),
        pytest.param(INTERNAL_ERROR, False, id="500"),
        pytest.param(INTERNAL_ERROR_SENT, True, id="500, but sent"),
        pytest.param(BAD_GATEWAY, False, id="502"),
        pytest.param(BAD_GATEWAY_SENT, True, id="502, but sent"),
        pytest.param(HTML_PAGE, False, id="200 with a web page"),
        pytest.param(NOT_OK, False, id="200, not ok"),
        pytest.param(Instead(200, '{"ok":true}', processed=True), True, id="200 without a result"),
        pytest.param(Instead(200, '{"ok":true,"result":7}', processed=True), True, id="200 with a result of no sense"),
        pytest.param(Instead(200, "[" * 5000), False, id="200 with a bottomless answer"),
        pytest.param(Instead(204, ""), False, id="204"),
    ],
)
async def test_what_nobody_can_know_is_ambiguous(api: BotApi, fault: Fault, *, accepted: bool) -> None:
    anna = api.customer("Anna")
    api.faults.add(fault)
    outcome = await send(api, note(anna.id), deadline=1.0)
    assert isinstance(outcome, Ambiguous)
    assert len(api.journal.sent(anna.id)) == accepted


async def test_an_answer_that_drips_but_comes_in_time_is_an_answer(api: BotApi) -> None:
    anna = api.customer("Anna")
    api.faults.add(Drip(0.001, 64))
    assert isinstance(await send(api, note(anna.id)), Delivered)


async def test_a_refused_connection_is_surely_not_sent(api: BotApi) -> None:
    await api.refuse()
    outcome = await send(api, note(1))
    assert outcome == TryLater(timedelta(seconds=5), "no connection (ClientConnectorError)")


async def test_a_connection_that_is_never_made_is_surely_not_sent() -> None:
    async with deaf_peer() as port:
        # The other side takes the call and says nothing: the handshake of TLS never ends.
        wire = Wire(f"https://127.0.0.1:{port}", Secret(TOKEN), deadline=0.2)
        await wire.initialize()
        with pytest.raises(NotSentError, match=r"no connection \(\w*TimeoutError\)"):
            await wire.do_request("botwithheld/sendMessage", "POST")
        await wire.shutdown()


async def test_a_connection_without_an_answer_is_not_surely_anything() -> None:
    async with deaf_peer() as port:
        wire = Wire(f"http://127.0.0.1:{port}", Secret(TOKEN), deadline=0.2)
        await wire.initialize()
        with pytest.raises(MaybeSentError, match="no answer"):
            await wire.do_request("botwithheld/sendMessage", "POST")
        await wire.shutdown()


async def test_an_endless_answer_is_given_up(api: BotApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("notifiers.telegram.request.LONGEST_ANSWER", 1000)
    api.faults.add(Instead(200, " " * 100_000))
    outcome = await send(api, note(1))
    assert outcome == Ambiguous("HTTP 200 with an answer beyond 1000 bytes")


async def test_before_the_start_and_after_the_stop_nothing_is_sent(api: BotApi) -> None:
    options = Options.model_construct(api=api.base_url.removesuffix("/bot"))
    notifier = Telegram(options, Secret(TOKEN), DrivenClock(START))
    assert isinstance(await notifier.send(note(1)), TryLater)
    async with notifier:
        pass
    assert isinstance(await notifier.send(note(1)), TryLater)
    assert api.journal.exchanges == []


async def test_no_failure_carries_the_token_in_its_text_or_in_what_caused_it(api: BotApi) -> None:
    wire = Wire(api.base_url.removesuffix("/bot"), Secret(TOKEN), deadline=0.3)
    await wire.initialize()
    url = "botwithheld/sendMessage"
    for fault in (Reset(), HangUp(), HalfAnswer(), Slow(1), HTML_PAGE, refuse_once(403, f"bot {TOKEN} was blocked")):
        api.faults.add(fault)
        with pytest.raises(TelegramError) as caught:
            wire.parse_json_payload((await wire.do_request(url, "POST"))[1])
        error: BaseException | None = caught.value
        while error is not None:
            assert "CANARY" not in f"{error} {error!r} {error.args}"
            error = error.__cause__ or error.__context__
    await wire.shutdown()
    assert "CANARY" not in repr(vars(wire))


# What can be repaired on the spot.


async def test_broken_markup_is_sent_once_more_as_plain_text(api: BotApi) -> None:
    anna = api.customer("Anna")
    api.flood.on = False
    outcome = await send(api, note(anna.id, "<b>Order 1 < 2", "Order 1 < 2"))
    (entry,) = api.journal.sent(anna.id)
    assert (entry.text, entry.entities) == ("Order 1 < 2", [])
    assert outcome == Delivered(str(entry.message_id))
    assert len(api.journal.exchanges) == 2


async def test_what_cannot_be_sent_in_plain_text_either_is_rejected_after_two_requests(api: BotApi) -> None:
    anna = api.customer("Anna")
    refusal = refuse_once(400, "Bad Request: can't parse entities: anything")
    api.faults.add(refusal, times=None)
    outcome = await send(api, note(anna.id))
    assert outcome == Rejected("Bad Request: can't parse entities: anything")
    assert len(api.journal.exchanges) == 2


async def test_a_topic_that_is_gone_is_left_out(api: BotApi) -> None:
    group = api.supergroup("Operators", forum=True)
    topic = api.topic(group, "Cases")
    api.close_topic(group, topic)
    assert isinstance(await send(api, note(group.id, thread=topic)), Delivered)
    (entry,) = api.journal.sent(group.id)
    assert entry.thread is None


async def test_an_answer_that_is_lost_on_the_second_try_is_ambiguous(api: BotApi) -> None:
    anna = api.customer("Anna")
    api.flood.on = False
    api.faults.add(HangUp(processed=True), skip=1)
    assert isinstance(await send(api, note(anna.id, "<b>", "b")), Ambiguous)
    assert len(api.journal.sent(anna.id)) == 1


# Changing, deleting, answering.


async def test_an_edit_changes_the_message_and_a_repeat_of_it_is_a_success(api: BotApi) -> None:
    anna = api.customer("Anna")
    api.flood.on = False
    async with telegram(api) as notifier:
        sent = await notifier.send(note(anna.id))
        assert isinstance(sent, Delivered)
        for _ in range(2):
            assert await notifier.edit(sent.receipt, note(anna.id, "<i>Done</i>", "Done")) == sent
    assert [message.marked.text for message in api.chats[anna.id].showing()] == ["Done"]


async def test_an_edit_of_what_is_gone_is_rejected_so_that_it_can_be_sent_anew(api: BotApi) -> None:
    anna = api.customer("Anna")
    async with telegram(api) as notifier:
        assert await notifier.edit("99", note(anna.id)) == Rejected("Bad Request: message to edit not found")


async def test_an_edit_whose_answer_was_lost_may_simply_be_repeated(api: BotApi) -> None:
    anna = api.customer("Anna")
    api.flood.on = False
    async with telegram(api) as notifier:
        sent = await notifier.send(note(anna.id))
        assert isinstance(sent, Delivered)
        api.faults.add(HangUp(processed=True))
        assert isinstance(await notifier.edit(sent.receipt, note(anna.id, "Done", "Done")), TryLater)
        assert await notifier.edit(sent.receipt, note(anna.id, "Done", "Done")) == sent


async def test_an_edit_that_was_accepted_in_words_of_no_sense_was_accepted(api: BotApi) -> None:
    async with telegram(api) as notifier:
        api.faults.add(Instead(200, '{"ok":true,"result":7}'))
        assert await notifier.edit("9", note(1)) == Delivered("9")


async def test_a_message_can_be_taken_back_and_that_twice(api: BotApi) -> None:
    anna = api.customer("Anna")
    async with telegram(api) as notifier:
        sent = await notifier.send(note(anna.id))
        assert isinstance(sent, Delivered)
        for _ in range(2):
            assert await notifier.delete(str(anna.id), sent.receipt) == sent
        api.faults.add(Reset())
        assert isinstance(await notifier.delete(str(anna.id), sent.receipt), TryLater)
        api.faults.add(refuse_once(400, "Bad Request: message can't be deleted for everyone"))
        assert isinstance(await notifier.delete(str(anna.id), sent.receipt), Rejected)
    assert api.chats[anna.id].showing() == []


async def test_a_pressed_button_is_answered_once(api: BotApi) -> None:
    anna = api.customer("Anna")
    async with telegram(api) as notifier:
        sent = await notifier.send(note(anna.id, buttons=((Button("Go", "v1:reveal:42:1"),),)))
        assert isinstance(sent, Delivered)
        press = api.user_presses(anna, anna.id, int(sent.receipt), "Go")
        assert await notifier.answer(press, "Done. " * 100, alert=True) == Delivered(press)
        assert isinstance(await notifier.answer(press, "again"), Rejected)
        api.faults.add(Reset())
        assert isinstance(await notifier.answer(press), TryLater)
    (shown,) = api.journal.shown
    assert (shown.user, len(shown.text), shown.alert) == (anna.id, 200, True)


async def test_during_a_silence_not_even_a_button_is_answered(api: BotApi) -> None:
    async with telegram(api) as notifier:
        notifier.pause(60)
        assert await notifier.answer("1") == TryLater(timedelta(seconds=5), "flood", everyone=True)
    assert api.journal.exchanges == []


async def test_three_refusals_of_the_token_silence_everybody_and_one_does_not(api: BotApi) -> None:
    anna = api.customer("Anna")
    api.flood.on = False
    api.faults.add(refuse_once(401, "Unauthorized"))
    api.faults.add(refuse_once(401, "Unauthorized"), skip=1, times=3)
    async with telegram(api) as notifier:
        assert await notifier.send(note(anna.id)) == TryLater(timedelta(minutes=1), "HTTP 401 Unauthorized")
        assert isinstance(await notifier.send(note(anna.id)), Delivered)
        outcomes = [await notifier.send(note(anna.id)) for _ in range(3)]
        assert [each.everyone for each in outcomes if isinstance(each, TryLater)] == [False, False, True]
        assert notifier.not_before == START + timedelta(minutes=1)


async def test_a_button_that_telegram_would_refuse_is_our_own_fault_and_is_not_sent(api: BotApi) -> None:
    for data in ("", "x" * 65, "é" * 33):
        with pytest.raises(ValueError, match="1 to 64 bytes"):
            await send(api, note(1, buttons=((Button("Go", data),),)))
    assert api.journal.exchanges == []


async def test_whoever_waits_for_turns_is_never_refused(api: BotApi) -> None:
    people = [api.customer(f"Customer {number}") for number in range(30)]
    group = api.supergroup("Operators")
    # Slower than Telegram allows by more than may be under way, so that a busy machine cannot make the test fail.
    options = Options.model_construct(api=api.base_url.removesuffix("/bot"), per_second=20.0)
    async with Telegram(options, Secret(TOKEN), SystemClock()) as notifier:

        async def tell(chat: int, number: int) -> None:
            async with notifier.turn(str(chat), urgent=chat < 0):
                assert isinstance(await notifier.send(note(chat, f"{number}", f"{number}")), Delivered)

        await asyncio.gather(
            *(tell(each.id, number) for each in people for number in range(2)),
            *(tell(group.id, number) for number in range(3)),
        )
    assert (api.flood.refused, api.flood.violations) == (0, [])
    for chat in [*(each.id for each in people), group.id]:
        texts = [entry.text for entry in api.journal.sent(chat)]
        assert texts == sorted(texts)


async def test_a_long_message_comes_in_parts_with_its_buttons_under_the_last(api: BotApi) -> None:
    anna = api.customer("Anna")
    api.flood.on = False
    text = "<b>Cases</b>\n" + "\n".join(f"• <code>unit-{number}</code> &lt;ok&gt; 🎉" for number in range(600))
    message = note(anna.id, text, text, buttons=((Button("Go", "v1:hold:42:1"),),))
    async with telegram(api) as notifier:
        parts = notifier.parts(message)
        for part in parts:
            async with notifier.turn(part.recipient):
                assert isinstance(await notifier.send(part), Delivered)
    entries = api.journal.sent(anna.id)
    assert len(entries) == len(parts) > 1
    assert [entry.reply_markup is not None for entry in entries] == [False] * (len(parts) - 1) + [True]
    assert "\n".join(entry.text for entry in entries).count("<ok> 🎉") == 600


async def test_every_request_is_one_that_the_bot_api_describes(api: BotApi, shared: Path) -> None:
    spec = json.loads((shared / "specs" / "telegram-bot-api-10.1.json").read_text())
    anna = api.customer("Anna")
    group = api.supergroup("Operators", forum=True)
    topic = api.topic(group, "Cases")
    api.flood.on = False
    async with telegram(api) as notifier:
        sent = await notifier.send(note(anna.id, silent=True, protect=True, buttons=((Button("Go", "v1:ask:1:1"),),)))
        assert isinstance(sent, Delivered)
        await notifier.send(note(group.id, thread=topic))
        await notifier.edit(sent.receipt, note(anna.id, "new", "new", buttons=((Button("Go", "v1:ask:1:1"),),)))
        await notifier.answer(api.user_presses(anna, anna.id, int(sent.receipt), "Go"), "ok", alert=True)
        await notifier.delete(str(anna.id), sent.receipt)
    assert {each.method for each in api.journal.exchanges} == {
        "sendMessage",
        "editMessageText",
        "answerCallbackQuery",
        "deleteMessage",
    }
    for exchange in api.journal.exchanges:
        assert exchange.status == 200
        fields = {each["name"]: each["required"] for each in spec["methods"][exchange.method]["fields"]}
        assert exchange.params.keys() <= fields.keys()
        assert {name for name, required in fields.items() if required} <= exchange.params.keys()


async def test_the_registry_makes_a_notifier_that_carries_composed_notices(api: BotApi) -> None:
    anna, asked = api.customer("Anna"), list[str]()

    def secret(name: str) -> Secret:
        asked.append(name)
        return Secret(TOKEN)

    params: Params = {"order": "INV-1042", "clause": "exclusions.after_window"}
    notice = Notice("case:42:rejected", Kind.REPORT_REJECTED, "anna", 42, START, params)
    message = compose(notice, str(anna.id), "zh-CN", UTC)
    assert (message.key, message.facts, message.title) == (
        notice.key,
        params,
        "您关于订单 INV-1042 的报告不在保障范围内",
    )
    options = Options(api=api.base_url.removesuffix("/bot"), token="bot_token")
    async with open_notifier(options, secret, DrivenClock(START)) as notifier, notifier.turn(message.recipient):
        assert isinstance(await notifier.send(message), Delivered)
    assert asked == ["bot_token"]
    (entry,) = api.journal.sent(anna.id)
    assert entry.text == message.plain


# Settings.


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"token": TOKEN}, "the name of a secret file"),
        ({"token": ""}, "the name of a secret file"),
        ({"api": "http://api.telegram.org"}, "write https://"),
        ({"api": "https://"}, "is not an address"),
        ({"api": " https://example.org"}, "is not an address"),
        ({"api": "https://a:b@example.org"}, "is not an address"),
        ({"api": "https://example.org:port"}, "is not an address"),
        ({"operators_topic": 1}, "greater than 1"),
        ({"per_second": 31}, "less than or equal to 30"),
        ({"deadline": 1}, "greater than or equal to 5"),
        ({"tokn": "x"}, "Extra inputs"),
    ],
)
def test_a_wrong_setting_is_named_and_its_value_is_kept_out(table: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words) as caught:
        Options.model_validate(table)
    assert "CANARY" not in str(caught.value)


def test_a_bot_api_on_this_machine_may_be_spoken_to_in_the_clear() -> None:
    assert Options(api="http://127.0.0.1:8081/").api == "http://127.0.0.1:8081"
    assert Options().api == "https://api.telegram.org"
