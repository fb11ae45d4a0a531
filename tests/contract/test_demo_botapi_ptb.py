"""python-telegram-bot, as it is, runs against the Bot API double, and meets what its authors' users have met."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import telegram
from telegram import InlineKeyboardButton, InlineKeyboardMarkup, Update
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Conflict,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TelegramError,
    TimedOut,
)
from telegram.ext import (
    Application,
    ApplicationBuilder,
    CallbackQueryHandler,
    ChatMemberHandler,
    ContextTypes,
    MessageHandler,
    filters,
)

from monitor.demo.botapi import BotApi
from monitor.demo.botapi.faults import (
    BAD_GATEWAY_SENT,
    HTML_PAGE,
    INTERNAL_ERROR,
    NOT_OK,
    UNAUTHORIZED,
    Fault,
    HalfAnswer,
    HangUp,
    Reset,
    Slow,
)
from monitor.demo.botapi.world import Standing
from tests.contract.bots import TOKEN, Play, playing, telegram_spec
from tests.contract.specs import TelegramSpec


@pytest.fixture(scope="module")
def spec(shared: Path) -> TelegramSpec:
    return telegram_spec(shared)


@pytest.fixture
async def play(spec: TelegramSpec) -> AsyncIterator[Play]:
    async with playing(spec) as play:
        yield play
    assert [fault for exchange in play.bot.journal.exchanges for fault in spec.exchange(exchange)] == []


def builder(bot: BotApi) -> Any:
    """Give a builder for an application that talks to the double; reads give up after half a second."""
    return ApplicationBuilder().token(TOKEN).base_url(bot.base_url).read_timeout(0.5).get_updates_read_timeout(0.5)


@asynccontextmanager
async def ptb(bot: BotApi) -> AsyncIterator[telegram.Bot]:
    """Run a bot of the library."""
    application: Application[Any, Any, Any, Any, Any, Any] = builder(bot).build()
    async with application.bot as running:
        yield running


async def test_a_bot_starts_sends_edits_and_deletes(play: Play) -> None:
    alice = play.bot.customer("Alice")
    keyboard = InlineKeyboardMarkup([[InlineKeyboardButton("Approve", callback_data="v1:a")]])
    async with ptb(play.bot) as bot:
        assert bot.username == "coverwatch_demo_bot"
        message = await bot.send_message(alice.id, "<b>Case 42</b>", parse_mode="HTML", reply_markup=keyboard)
        assert message.text_html == "<b>Case 42</b>"
        assert message.date.timestamp() == play.clock.now().timestamp()
        edited = await bot.edit_message_text("Case 42 closed", chat_id=alice.id, message_id=message.message_id)
        assert isinstance(edited, telegram.Message)
        assert edited.text == "Case 42 closed"
        assert (await bot.get_chat(alice.id)).first_name == "Alice"
        assert await bot.send_chat_action(alice.id, "typing")
        assert await bot.set_my_commands([("status", "My orders")])
        assert await bot.delete_message(alice.id, message.message_id)
    assert [entry.deed for entry in play.bot.journal.entries] == ["sent", "edited", "deleted"]


async def test_an_application_polls_answers_and_stops_in_order(play: Play) -> None:
    alice = play.bot.user("Alice", language="ru")
    seen: list[str] = []
    heard = asyncio.Queue[None]()

    async def on_start(update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
        assert update.message is not None
        assert update.effective_user is not None
        seen.append(f"{update.message.text} {update.effective_user.language_code}")
        keyboard = InlineKeyboardMarkup([[InlineKeyboardButton("Approve", callback_data="v1:a")]])
        await update.message.reply_text("Welcome", reply_markup=keyboard)
        heard.put_nowait(None)

    async def on_press(update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
        assert update.callback_query is not None
        seen.append(str(update.callback_query.data))
        await update.callback_query.answer("Done", show_alert=True)
        heard.put_nowait(None)

    async def on_member(update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
        assert update.my_chat_member is not None
        seen.append(update.my_chat_member.new_chat_member.status)
        heard.put_nowait(None)

    application = builder(play.bot).build()
    application.add_handler(MessageHandler(filters.COMMAND, on_start))
    application.add_handler(CallbackQueryHandler(on_press))
    application.add_handler(ChatMemberHandler(on_member, ChatMemberHandler.MY_CHAT_MEMBER))
    await application.initialize()
    await application.start()
    await application.updater.start_polling(timeout=10, allowed_updates=Update.ALL_TYPES)
    async with asyncio.timeout(20):
        play.bot.user_says(alice, "/start link-token")
        await heard.get()
        (welcome,) = play.bot.journal.sent(alice.id)
        play.bot.user_presses(alice, alice.id, welcome.message_id, "Approve")
        await heard.get()
        play.bot.user_blocks(alice)
        await heard.get()
    await application.updater.stop()
    await application.stop()
    await application.shutdown()
    assert seen == ["/start link-token ru", "v1:a", "kicked"]
    assert [shown.text for shown in play.bot.journal.shown] == ["Done"]
    assert list(play.bot.updates.pending) == []


@pytest.mark.parametrize(
    ("standing", "error", "text"),
    [
        (Standing.NEVER_MET, BadRequest, "Chat not found"),
        (Standing.SEEN, Forbidden, "Forbidden: bot can't initiate conversation with a user"),
        (Standing.BLOCKED, Forbidden, "Forbidden: bot was blocked by the user"),
        (Standing.DEACTIVATED, Forbidden, "Forbidden: user is deactivated"),
    ],
)
async def test_a_refusal_becomes_the_error_that_the_library_knows(
    play: Play, standing: Standing, error: type[TelegramError], text: str
) -> None:
    alice = play.bot.user("Alice")
    alice.standing = standing
    async with ptb(play.bot) as bot:
        with pytest.raises(error, match=text):
            await bot.send_message(alice.id, "hello")


async def test_limits_and_upgrades_carry_their_numbers(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PTB_TIMEDELTA", "true")
    alice = play.bot.customer("Alice")
    group = play.bot.group("Operators", [alice])
    heir = play.bot.migrate(group)
    async with ptb(play.bot) as bot:
        with pytest.raises(ChatMigrated) as moved:
            await bot.send_message(group.id, "hello")
        assert moved.value.new_chat_id == heir.id
        play.bot.flood.on = True
        play.bot.flood.pause(17, play.clock.monotonic())
        with pytest.raises(RetryAfter) as limited:
            await bot.send_message(alice.id, "hello")
        assert limited.value.retry_after == timedelta(seconds=17)


@pytest.mark.parametrize(
    ("fault", "error", "accepted"),
    [
        pytest.param(HangUp(), NetworkError, 0, id="closed before it was processed"),
        pytest.param(HangUp(processed=True), NetworkError, 1, id="accepted, then closed without an answer"),
        pytest.param(Reset(), NetworkError, 0, id="reset before it was processed"),
        pytest.param(Reset(processed=True), NetworkError, 1, id="accepted, then reset"),
        pytest.param(HalfAnswer(), NetworkError, 1, id="accepted, half an answer"),
        pytest.param(Slow(30), TimedOut, 1, id="accepted, answered too late"),
        pytest.param(INTERNAL_ERROR, NetworkError, 0, id="500"),
        pytest.param(BAD_GATEWAY_SENT, NetworkError, 1, id="accepted, then 502 from a proxy"),
        pytest.param(HTML_PAGE, TelegramError, 0, id="200 with a page"),
        pytest.param(NOT_OK, KeyError, 0, id="200 with ok false"),
        pytest.param(UNAUTHORIZED, InvalidToken, 0, id="401 once"),
    ],
)
async def test_the_library_cannot_tell_what_was_accepted(
    play: Play, fault: Fault, error: type[Exception], accepted: int
) -> None:
    alice = play.bot.customer("Alice")
    async with ptb(play.bot) as bot:
        play.bot.faults.add(fault, "sendMessage")
        with pytest.raises(error):
            await bot.send_message(alice.id, "hello")
    assert len(play.bot.journal.sent(alice.id)) == accepted


async def test_nobody_listens(play: Play) -> None:
    alice = play.bot.customer("Alice")
    async with ptb(play.bot) as bot:
        await play.bot.refuse()
        for _ in range(2):
            with pytest.raises(NetworkError):
                await bot.send_message(alice.id, "hello")
        await play.bot.listen()
        assert (await bot.send_message(alice.id, "hello")).text == "hello"
    assert len(play.bot.journal.sent()) == 1


async def test_two_pollers_drive_each_other_out(play: Play) -> None:
    async with ptb(play.bot) as one, ptb(play.bot) as two:
        first = asyncio.create_task(one.get_updates(timeout=10))
        await asyncio.sleep(0.1)
        second = asyncio.create_task(two.get_updates(timeout=10))
        with pytest.raises(Conflict, match="terminated by other getUpdates request"):
            await first
        play.bot.user_says(play.bot.user("Alice"), "hello")
        (update,) = await second
        assert update.message is not None
        assert update.message.text == "hello"


async def test_a_single_401_ends_the_polling_for_good(play: Play) -> None:
    errors: list[TelegramError] = []
    application = builder(play.bot).build()
    await application.initialize()
    play.bot.faults.add(UNAUTHORIZED, "getUpdates")
    await application.updater.start_polling(timeout=10, error_callback=errors.append)
    async with asyncio.timeout(20):
        while not play.bot.faults.met:  # noqa: ASYNC110 - the double raises no event when a fault is met
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)
    polls = len(play.bot.journal.exchanges)
    await asyncio.sleep(0.3)
    assert (len(play.bot.journal.exchanges), errors, application.updater.running) == (polls, [], True)
    with pytest.raises(InvalidToken):
        await application.updater.stop()
    await application.shutdown()
