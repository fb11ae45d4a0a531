"""The fifteen traps that senders to Telegram fall into, one after the other, against the Bot API double."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, timedelta
from pathlib import Path

import pytest
import structlog

from monitor.clock import SystemClock
from monitor.core.coverage import Exclusion
from monitor.core.notice import Ambiguous, Delivered, Kind, Notice, Rejected, TryLater
from monitor.core.secret import Secret
from monitor.demo.botapi import BotApi
from monitor.demo.botapi.faults import UNAUTHORIZED, HangUp, Slow, refuse_once
from monitor.demo.botapi.html import parse_html
from monitor.telemetry import set_up_logging
from notifiers import compose
from notifiers.message import Button, Message
from notifiers.telegram.keyboard import Action, Press, markup, write
from notifiers.telegram.options import Options
from notifiers.telegram.pacer import Limits, Pacer
from notifiers.telegram.poller import Patience
from notifiers.telegram.sender import Telegram
from notifiers.telegram.updates import Heard, Said
from tests.contract.specs import TelegramSpec
from tests.flow.counter import ALL, TOKEN, Counter, counter
from tests.peers.stepped import SteppedClock
from tests.store.shop import HOUR, MINUTE, NOW, shelve


@pytest.fixture
def sqlite_url(tmp_path: Path, migrated_sqlite: Path) -> str:
    """Give the URL of a SQLite database with the schema of today and no rows."""
    (tmp_path / "coverwatch.sqlite").write_bytes((migrated_sqlite / "coverwatch.sqlite").read_bytes())
    return f"sqlite+aiosqlite:///{tmp_path}/coverwatch.sqlite"


@asynccontextmanager
async def telegram(api: BotApi, deadline: float = 10.0) -> AsyncIterator[Telegram]:
    options = Options.model_construct(api=api.base_url.removesuffix("/bot"), deadline=deadline)
    async with Telegram(options, Secret(TOKEN), SystemClock()) as notifier:
        yield notifier


def note(chat: int, text: str = "<b>Hello</b>") -> Message:
    return Message(str(chat), text, "Hello", key="case:42:case_opened")


def opened(key: str, customer: str, at: timedelta = timedelta(), kind: Kind = Kind.CASE_OPENED) -> Notice:
    facts = {
        "order": "INV-1", "unit": "u", "tier": "vpn-eu", "defect": "range_listed", "case": "1", "seen_by": "lists",
        "since": NOW.isoformat(), "replace_due": NOW.isoformat(), "spare": "s", "spare_tier": "t", "reason": "because",
    }  # fmt: skip
    return Notice(key, kind, customer, None, NOW + at, facts)


async def two(desk: Counter) -> None:
    for name in ("alice", "bogdan"):
        await desk.sell(f"INV-{name}", name=name, user=desk.api.customer(name.capitalize()))


async def test_1_a_lost_answer_is_no_reason_to_send_again_and_a_refusal_even_less(sqlite_url: str) -> None:
    async with counter(sqlite_url) as desk:
        await two(desk)
        chat = await desk.chat_of("alice") or 0
        desk.api.faults.add(HangUp(processed=True), "sendMessage")
        await desk.put(opened("a", "alice"))
        await desk.settle()
        assert (await desk.states())["a"] == "unknown"
        # A malformed message is not sent again either, however often one asks.
        desk.api.faults.add(refuse_once(400, "Bad Request: message is too long"), "sendMessage", times=None)
        await desk.put(opened("b", "bogdan"))
        await desk.settle()
        desk.wait(MINUTE)
        await desk.settle()
        assert (await desk.states())["b"] == "rejected"
        assert len(desk.sent(chat)) == 1
        asked = [each for each in desk.api.journal.exchanges if each.method == "sendMessage"]
        assert len(asked) == 2
    async with BotApi(token=TOKEN) as api, telegram(api, deadline=0.3) as notifier:
        api.faults.add(Slow(1.0), "sendMessage")
        assert isinstance(await notifier.send(note(api.customer("Anna").id)), Ambiguous)


async def test_2_a_thousand_customers_never_are_more_than_eight_requests_at_once() -> None:
    clock = SteppedClock()
    pacer, under_way, most = Pacer(clock, Limits(per_second=1000)), 0, 0

    async def tell(chat: int) -> None:
        nonlocal under_way, most
        async with pacer.turn(str(chat)):
            under_way += 1
            most = max(most, under_way)
            await clock.sleep(0.3)
            under_way -= 1

    await clock.run(asyncio.gather(*(tell(chat) for chat in range(1000))))
    assert most == 8


async def test_3_no_second_sees_more_than_is_allowed_and_a_reply_goes_before_bulk() -> None:
    clock = SteppedClock()
    pacer, told = Pacer(clock), list[tuple[float, str]]()

    async def tell(chat: str, *, urgent: bool = False) -> None:
        async with pacer.turn(chat, urgent=urgent):
            told.append((clock.monotonic(), chat))

    async def work() -> None:
        bulk = [asyncio.create_task(tell(str(chat))) for chat in range(300)]
        await clock.sleep(1.0)
        asked = clock.monotonic()
        await tell("operator", urgent=True)
        assert told[-1][0] - asked <= 0.1
        await asyncio.gather(*bulk)

    await clock.run(work())
    times = [at for at, _ in told]
    assert max(sum(begin <= at < begin + 1 for at in times) for begin in times) <= 26
    assert 300 / (times[-1] - times[0]) >= 0.96 * 25


async def test_4_one_refusal_of_the_token_does_not_kill_the_poller() -> None:
    heard: list[Heard] = []

    async def take(found: Sequence[Heard]) -> None:
        heard.extend(found)

    async with BotApi(token=TOKEN) as api, telegram(api) as notifier:
        api.faults.add(UNAUTHORIZED, "getUpdates", times=1)
        poller = notifier.poller(take, Patience(hold=1, rest=0.05))
        polling = asyncio.create_task(poller.run())
        api.user_says(api.user("Anna"), "/start")
        async with asyncio.timeout(10):
            while not heard:  # noqa: ASYNC110 - what is awaited is an update
                await asyncio.sleep(0.02)
        assert isinstance(heard[0], Said)
        assert not polling.done()
        polling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await polling


async def test_5_a_press_is_stored_before_it_is_confirmed_and_done_after_a_crash(sqlite_url: str) -> None:
    async with counter(sqlite_url, operators=[("anna", ALL)]) as desk:
        await desk.sell("INV-1", user=desk.api.customer("Alice"))
        await desk.fails("INV-1")
        await desk.settle()
        anna = desk.api.users[next(iter(set(desk.group.members) & set(desk.api.users)))]
        desk.api.user_presses(anna, desk.group.id, desk.sent(desk.group.id)[0].message_id, "Hold")
        await desk.hear()
        # Telegram has been told to forget it by the next question, and only then does the process die.
        await desk.hear()
        assert not desk.api.updates.pending
        await desk.die()
        await desk.settle()
        assert (await desk.case()).state == "held"
        assert [shown.text for shown in desk.api.journal.shown] == ["Done."]


async def test_6_one_chat_not_found_disables_nobody_and_who_blocked_us_costs_nothing_more(sqlite_url: str) -> None:
    async with counter(sqlite_url) as desk:
        await two(desk)
        alice, bogdan = await desk.chat_of("alice") or 0, await desk.chat_of("bogdan") or 0
        desk.api.faults.add(refuse_once(400, "Bad Request: chat not found"), "sendMessage", chat=alice)
        desk.api.user_blocks(desk.api.users[bogdan])
        desk.api.updates.pending.clear()
        await desk.put(opened("a1", "alice"), opened("b1", "bogdan"))
        await desk.settle()
        await desk.put(opened("b2", "bogdan"), opened("b3", "bogdan"))
        desk.wait(7 * HOUR)
        await desk.settle()
        assert len(desk.sent(alice)) == 1
        asked = [each for each in desk.api.journal.exchanges if each.params.get("chat_id") == str(bogdan)]
        assert len(asked) == 1


async def test_7_the_new_id_of_a_group_is_kept_and_nothing_is_lost(sqlite_url: str) -> None:
    async with counter(sqlite_url) as desk:
        await desk.sell("INV-1", user=desk.api.customer("Alice"))
        heir = desk.api.migrate(desk.group)
        desk.api.updates.pending.clear()
        await desk.fails("INV-1")
        await desk.settle()
        await desk.die()
        await desk.sell("INV-2", user=desk.api.users[await desk.chat_of("alice") or 0])
        await desk.fails("INV-2")
        await desk.settle()
        assert [each.text.splitlines()[0] for each in desk.sent(heir.id)] == [
            "No spare for case 1",
            "No spare for case 2",
        ]
        refused = [each for each in desk.api.journal.exchanges if each.status == 400]
        assert len(refused) == 1


async def test_8_a_payload_that_can_be_guessed_links_nobody(sqlite_url: str) -> None:
    async with counter(sqlite_url) as desk:
        await desk.sell("INV-4711")
        token = await desk.link("INV-4711")
        assert len(token) == 22
        eve = desk.api.user("Eve")
        for guess in ("4711", "INV-4711", "alice", token[:-1], f"{token}x"):
            assert (await desk.says(eve, f"/start {guess}"))[0].startswith("This link cannot be used")
        assert await desk.chat_of("alice") is None


async def test_9_the_token_is_in_no_log_no_exception_and_no_journal(
    sqlite_url: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    handlers, level = logging.getLogger().handlers[:], logging.getLogger().level
    set_up_logging(verbose=True)
    try:
        async with counter(sqlite_url) as desk:
            await two(desk)
            desk.api.faults.add(HangUp(), "sendMessage", times=2)
            await desk.put(opened("a", "alice"), opened("b", "bogdan"))
            await desk.settle()
            await desk.api.refuse()
            desk.wait(HOUR)
            life = desk.life
            assert life is not None
            with pytest.raises(Exception) as failure:  # noqa: PT011 - whatever it is, it must not tell
                await life.bot._wires[1].call("getUpdates", 1)
            await life.courier.deliver()
            journal, page, chat = repr(desk.api.journal), desk.metrics.page().decode(), str(await desk.chat_of("alice"))
    finally:
        logging.getLogger().handlers[:] = handlers
        logging.getLogger().setLevel(level)
        structlog.reset_defaults()
    out, err = capfd.readouterr()
    for place in (caplog.text, out, err, repr(failure.value), str(failure.value), page):
        assert "CANARY" not in place
        assert chat not in place
    assert "CANARY" not in journal


async def test_10_a_pause_outlives_a_restart_and_nothing_is_asked_in_it(sqlite_url: str) -> None:
    async with counter(sqlite_url) as desk:
        await two(desk)
        desk.api.faults.add(refuse_once(429, "Too Many Requests: retry after 12966", 12966), "sendMessage")
        await desk.put(opened("a", "alice"), opened("b", "bogdan"))
        await desk.settle()
        assert len([each for each in desk.api.journal.exchanges if each.method == "sendMessage"]) <= 2
        before = len([each for each in desk.api.journal.exchanges if each.method == "sendMessage"])
        for _ in range(3):
            await desk.die()
            life = await desk.begin()
            await life.courier._recover(alone=True)
            # Answers keep the silence too, whoever asks for them.
            assert life.bot.not_before is not None
            await desk.settle()
            desk.wait(HOUR)
        assert len([each for each in desk.api.journal.exchanges if each.method == "sendMessage"]) == before
        desk.wait(HOUR)
        await desk.settle()
        assert set((await desk.states()).values()) == {"sent"}


async def test_11_what_is_late_is_not_told_and_a_wave_is_one_message(sqlite_url: str) -> None:
    async with counter(sqlite_url) as desk:
        await two(desk)
        await desk.put(opened("late", "alice"))
        desk.wait(timedelta(days=8))
        await desk.settle()
        assert (await desk.states())["late"] == "expired"
        facts = {"zone": "bl.example.net", "reason": "because"}
        now = desk.clock.now()
        wave = [Notice(f"list:{n}", Kind.OPERATOR_LIST_SUSPENDED, None, None, now, facts) for n in range(200)]
        await desk.put(*wave)
        await desk.settle()
        assert len(desk.sent(desk.group.id)) == 4
        assert set((await desk.states()).values()) == {"expired", "sent"}


async def test_12_data_is_escaped_lengths_are_counted_as_seen_and_buttons_in_bytes() -> None:
    hostile = "<b>1.5 (x)_[y]!</b> & INV-1_2*3`"
    async with BotApi(token=TOKEN) as api, telegram(api) as notifier:
        api.flood.on = False
        anna = api.customer("Anna")
        for language in ("en", "ru", "zh"):
            facts = {**opened("x", "alice").params, "order": hostile, "unit": hostile}
            notice = Notice("x", Kind.CASE_OPENED, "alice", None, NOW, facts)
            message = compose(notice, str(anna.id), language, UTC)
            assert isinstance(await notifier.send(message), Delivered)
        assert all(hostile in each.text for each in api.journal.sent(anna.id))
        long = Message(str(anna.id), "<b>" + "&lt;" * 5000 + "</b>", "<" * 5000)
        pieces = notifier.parts(long)
        assert [len(parse_html(piece.text).text) for piece in pieces] == [4096, 904]
        assert all([isinstance(await notifier.send(piece), Delivered) for piece in pieces])
    with pytest.raises(ValueError, match="64 bytes"):
        markup(((Button("x", "ё" * 33),),))
    assert all(len(write(Press(Action.REJECT, 10**11, 999_999, each)).encode()) <= 64 for each in Exclusion)


async def test_13_numbers_that_begin_anew_are_heard_and_two_listeners_do_not_fight(sqlite_url: str) -> None:
    async with counter(sqlite_url) as desk:
        anna = desk.api.user("Anna")
        answers = []
        for _ in range(5):
            answers += await desk.says(anna, "/help")
            desk.wait(timedelta(days=8))
            desk.api.updates.jump()
        assert len(answers) == 5
        # The same number, long after: it is somebody's new words, and not a repeat.
        desk.api.updates._next -= 3
        assert len(await desk.says(anna, "/help")) == 1
    async with BotApi(token=TOKEN, conflict_pause=0.0) as api, telegram(api) as one, telegram(api) as other:
        patience = Patience(hold=1, rest=0.05, conflict=30.0)

        async def take(_: object) -> None:
            return

        pollers = [asyncio.create_task(each.poller(take, patience).run()) for each in (one, other)]
        await asyncio.sleep(2.5)
        for each in pollers:
            each.cancel()
        await asyncio.gather(*pollers, return_exceptions=True)
        conflicts = sum(each.status == 409 for each in api.journal.exchanges)
        assert conflicts <= 2


async def test_14_the_double_refuses_what_telegram_would_and_all_that_we_ask_conforms(
    sqlite_url: str, shared: Path
) -> None:
    spec = TelegramSpec(shared / "specs" / "telegram-bot-api-10.1.json")
    async with counter(sqlite_url, operators=[("anna", ALL)]) as desk:
        alice = desk.api.customer("Alice")
        await desk.sell("INV-1", "INV-2", user=alice)
        await shelve(desk.store, "spare-1")
        await desk.fails("INV-1")
        await desk.fails("INV-2")
        anna = desk.api.users[next(iter(set(desk.group.members) & set(desk.api.users)))]
        await desk.settle()
        await desk.presses(anna, "Reject …", desk.group.id)
        await desk.presses(anna, "customer tos", desk.group.id)
        for words in ("/start", "/help", "/status", "/report INV-1", "/language", "hello"):
            await desk.says(alice, words)
        asked = desk.api.journal.exchanges
        assert {each.method for each in asked} >= {
            "getUpdates",
            "sendMessage",
            "editMessageText",
            "answerCallbackQuery",
        }
        assert [fault for each in asked for fault in spec.request(each.method, each.params)] == []
        answers = [each for each in asked if each.answer is not None and each.status is not None]
        assert [f for each in answers for f in spec.answer(each.method, each.status or 0, each.answer or {})] == []
    async with BotApi(token=TOKEN) as api, telegram(api) as notifier:
        chat = api.customer("Anna").id
        assert isinstance(await notifier.send(note(chat, "x" * 4097)), Rejected)
        long = Message(str(chat), "x", "x", buttons=((Button("x" * 3, "y" * 60),),))
        assert isinstance(await notifier.send(long), TryLater | Delivered)


async def test_15_sent_means_taken_by_telegram_and_is_never_called_delivered_or_read(sqlite_url: str) -> None:
    async with counter(sqlite_url) as desk:
        await two(desk)
        await desk.put(opened("a", "alice"))
        await desk.settle()
        assert (await desk.states())["a"] == "sent"
        page = desk.metrics.page().decode()
    words = json.dumps([kind.value for kind in Kind]) + page
    assert "read" not in {part for word in words.split() for part in word.lower().split("_")}
    console = Path(__file__).parents[2] / "monitor" / "web" / "templates"
    for file in console.glob("*.html"):
        assert "was read" not in file.read_text()
