"""What people do, as the Bot API tells it: read into few values, handed over before it is confirmed, never lost."""

import asyncio
import copy
import json
import logging
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import Any

import pytest
import structlog
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from monitor.clock import SystemClock
from monitor.core.secret import Secret
from monitor.demo.botapi.faults import (
    BAD_GATEWAY,
    HTML_PAGE,
    INTERNAL_ERROR,
    UNAUTHORIZED,
    DuplicateUpdate,
    Fault,
    HalfAnswer,
    HangUp,
    Instead,
    RandomUpdateId,
    Reset,
    Slow,
    UpdateGap,
    refuse_once,
)
from monitor.demo.botapi.server import BotApi
from notifiers.telegram import updates
from notifiers.telegram.options import Options
from notifiers.telegram.poller import Patience, Poller
from notifiers.telegram.sender import Telegram
from notifiers.telegram.updates import (
    Admitted,
    Blocked,
    Command,
    Heard,
    Ignored,
    Migrated,
    Picture,
    Pressed,
    Removed,
    Said,
    Unblocked,
    authentic,
    command,
    normalise,
    read_webhook,
)
from tests.peers.bot_faults import file_peer
from tests.peers.stepped import START

TOKEN = "7000000001:CANARY-not-a-real-token"
QUICK = Patience(hold=1, deaf_after=30, look=0.01, rest=0.01, longest_rest=0.05, conflict=0.05)


@pytest.fixture(autouse=True)
def canary(caplog: pytest.LogCaptureFixture) -> Iterator[list[Any]]:
    caplog.set_level(logging.DEBUG)
    with structlog.testing.capture_logs() as events:
        yield events
    assert "CANARY" not in caplog.text
    assert "CANARY" not in repr(events)
    assert "50000000" not in caplog.text + repr(events)


@pytest.fixture
async def api() -> AsyncIterator[BotApi]:
    async with BotApi(token=TOKEN, conflict_pause=0.05) as double:
        yield double


class Ear:
    """Takes what is heard; ``refuse``: how often the store fails before it works."""

    def __init__(self, *, refuse: int = 0) -> None:
        self.heard: list[Heard] = []
        self.refuse = refuse
        self._more = asyncio.Condition()

    async def __call__(self, heard: Sequence[Heard]) -> None:
        if self.refuse:
            self.refuse -= 1
            raise OSError(28, "No space left on device")
        async with self._more:
            self.heard += heard
            self._more.notify_all()

    async def until(self, count: int) -> list[Heard]:
        async with asyncio.timeout(10), self._more:
            await self._more.wait_for(lambda: len(self.heard) >= count)
        return self.heard


@asynccontextmanager
async def polling(api: BotApi, ear: Ear, patience: Patience = QUICK) -> AsyncIterator[Poller]:
    options = Options.model_construct(api=api.base_url.removesuffix("/bot"))
    async with Telegram(options, Secret(TOKEN), SystemClock()) as telegram:
        poller = telegram.poller(ear, patience)
        task = asyncio.create_task(poller.run())
        try:
            yield poller
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def test_what_people_say_and_press_is_heard_in_order(api: BotApi) -> None:
    anna, group = api.user("Anna", language="ru"), api.supergroup("Operators", forum=True)
    topic = api.topic(group, "Cases")
    group.members[anna.id] = group.members[api.me.id]
    ear = Ear()
    async with polling(api, ear):
        api.user_says(anna, "/start abc_DEF-123")
        api.user_says(anna, "/case 42", group, topic)
        start, asked = await ear.until(2)
    assert isinstance(start, Said)
    assert (start.chat, start.user, start.private, start.text) == (anna.id, anna.id, True, "/start abc_DEF-123")
    assert (start.language, start.thread, start.picture) == ("ru", None, None)
    assert start.at.tzinfo is not None
    assert isinstance(asked, Said)
    assert (asked.chat, asked.user, asked.private, asked.thread) == (group.id, anna.id, False, topic)


async def test_a_pressed_button_names_the_message_that_has_arrived(api: BotApi) -> None:
    anna = api.customer("Anna")
    ear = Ear()
    async with polling(api, ear):
        api.user_says(anna, "hello")
        message = next(iter(api.chats[anna.id].messages))
        api.user_forges(anna, anna.id, message, "v1:approve:42:3")
        api.user_forges(anna, anna.id, message, "x", inaccessible=True)
        _, first, second = await ear.until(3)
    for press, data in ((first, "v1:approve:42:3"), (second, "x")):
        assert isinstance(press, Pressed)
        assert (press.user, press.chat, press.message, press.data) == (anna.id, anna.id, message, data)


async def test_who_blocks_us_and_which_group_removes_us_is_heard(api: BotApi) -> None:
    anna = api.customer("Anna")
    group = api.group("Operators", [anna])
    ear = Ear()
    async with polling(api, ear):
        api.user_blocks(anna)
        api.user_unblocks(anna)
        api.kick_bot(group, anna)
        api.readmit_bot(group, anna)
        heard = [each for each in await ear.until(4) if not isinstance(each, Ignored)]
    assert [(type(each), each.chat) for each in heard] == [
        (Blocked, anna.id),
        (Unblocked, anna.id),
        (Removed, group.id),
        (Admitted, group.id),
    ]


async def test_a_group_that_moves_says_so_from_both_sides(api: BotApi) -> None:
    group = api.group("Operators")
    ear = Ear()
    async with polling(api, ear):
        heir = api.migrate(group)
        first, second = await ear.until(2)
    assert isinstance(first, Migrated)
    assert isinstance(second, Migrated)
    assert (first.chat, first.to) == (second.chat, second.to) == (group.id, heir.id)


async def test_nothing_is_confirmed_before_it_is_stored(api: BotApi) -> None:
    anna = api.customer("Anna")
    for number in range(3):
        api.user_says(anna, f"{number}")
    options = Options.model_construct(api=api.base_url.removesuffix("/bot"))
    async with Telegram(options, Secret(TOKEN), SystemClock()) as telegram:
        with pytest.raises(OSError, match="No space left"):
            await telegram.poller(Ear(refuse=1), QUICK).run()
        assert len(api.updates.pending) == 3
    # The next process hears it all again.
    ear = Ear()
    async with polling(api, ear):
        heard = await ear.until(3)
    assert [each.text for each in heard if isinstance(each, Said)] == ["0", "1", "2"]


@pytest.mark.parametrize(
    "fault",
    [
        UNAUTHORIZED,
        INTERNAL_ERROR,
        BAD_GATEWAY,
        HTML_PAGE,
        Reset(),
        HangUp(),
        HalfAnswer(),
        Instead(404, "<html>not here</html>", "text/html"),
        Instead(200, '{"ok":true,"result":7}'),
        Instead(200, '{"ok":true,"result":[7,{},{"update_id":"x"}]}'),
        refuse_once(409, "Conflict: terminated by other getUpdates request"),
        refuse_once(429, "Too Many Requests: retry after 0"),
    ],
    ids=repr,
)
async def test_no_bad_day_ends_the_poller_and_nothing_said_is_lost(
    api: BotApi, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("notifiers.telegram.answers.FLOOD", 0.0)
    monkeypatch.setattr("notifiers.telegram.answers.MARGIN", 0.0)
    anna = api.customer("Anna")
    api.faults.add(fault, "getUpdates", times=3)
    ear = Ear()
    async with polling(api, ear):
        api.user_says(anna, "still there?")
        (said,) = await ear.until(1)
    assert isinstance(said, Said)
    assert said.text == "still there?"


async def test_what_comes_twice_is_handed_over_twice_under_one_number(api: BotApi) -> None:
    anna = api.customer("Anna")
    ear = Ear()
    api.faults.add(DuplicateUpdate(), "getUpdates")
    async with polling(api, ear):
        api.user_says(anna, "once")
        first, second = await ear.until(2)
    assert first == second


@pytest.mark.parametrize("fault", [UpdateGap(1000), RandomUpdateId()], ids=repr)
async def test_numbers_may_leap_and_fall_and_everything_is_heard(api: BotApi, fault: Fault) -> None:
    anna = api.customer("Anna")
    ear = Ear()
    async with polling(api, ear, Patience(hold=0, look=0.01, rest=0.01)):
        for number in range(5):
            api.user_says(anna, f"{number}")
            await ear.until(number + 1)
            # Some empty answers come first, as they would in a quiet week.
            await asyncio.sleep(0.1)
            api.faults.add(fault, "getUpdates")
            await asyncio.sleep(0.1)
    assert [each.text for each in ear.heard if isinstance(each, Said)] == ["0", "1", "2", "3", "4"]


async def test_a_poll_that_hangs_is_noticed_once_and_started_anew(api: BotApi, canary: list[Any]) -> None:
    anna = api.customer("Anna")
    api.faults.add(Slow(20, processed=False), "getUpdates", times=2)
    ear = Ear()
    async with polling(api, ear, Patience(hold=1, deaf_after=0.5, look=0.01, rest=0.01)) as poller:
        api.user_says(anna, "hello")
        await ear.until(1)
        assert poller.restarts >= 2
        assert poller.age < 5
    edges = [each["event"] for each in canary]
    assert edges.count("telegram_deaf") == 1
    assert edges.count("telegram_hears_again") == 1


async def test_trouble_is_told_when_it_begins_and_when_it_ends(api: BotApi, canary: list[Any]) -> None:
    anna = api.customer("Anna")
    api.faults.add(INTERNAL_ERROR, "getUpdates", times=5)
    ear = Ear()
    async with polling(api, ear):
        api.user_says(anna, "hello")
        await ear.until(1)
    assert [each["event"] for each in canary] == ["telegram_poll_failed", "telegram_hears_again"]


async def test_updates_can_be_brought_to_us_under_a_secret(api: BotApi) -> None:
    anna, secret, heard = api.customer("Anna"), Secret("made-up-header_CANARY-2"), asyncio.Queue[Heard | None]()

    async def take(request: web.Request) -> web.Response:
        assert authentic(request.headers.get("X-Telegram-Bot-Api-Secret-Token"), secret)
        heard.put_nowait(read_webhook(await request.read()))
        return web.Response()

    app = web.Application()
    app.router.add_post("/telegram", take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    options = Options.model_construct(api=api.base_url.removesuffix("/bot"))
    async with Telegram(options, Secret(TOKEN), SystemClock()) as telegram:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        assert await telegram.deliver_updates(f"http://127.0.0.1:{runner.addresses[0][1]}/telegram", secret)
        api.user_says(anna, "hello")
        async with asyncio.timeout(5):
            said = await heard.get()
        assert isinstance(said, Said)
        assert said.text == "hello"
        assert await telegram.deliver_updates("", secret)
        assert not await telegram.deliver_updates("https://elsewhere.example/telegram", secret)
    await runner.cleanup()


@pytest.mark.parametrize(
    ("told", "most", "given"),
    [
        pytest.param(7, 7, b"picture", id="within the limit"),
        pytest.param(None, 7, b"picture", id="a size that is not told"),
        pytest.param(7, 6, None, id="larger than allowed"),
        pytest.param(3, 6, None, id="larger than told"),
    ],
)
async def test_a_file_somebody_sent_is_fetched_within_limits(told: int | None, most: int, given: bytes | None) -> None:
    async with (
        file_peer(TOKEN, b"picture", told=told) as url,
        Telegram(Options(api=url), Secret(TOKEN), SystemClock()) as telegram,
    ):
        assert await telegram.fetch("F", most) == given


async def test_what_telegram_does_not_give_is_not_there(api: BotApi) -> None:
    options = Options.model_construct(api=api.base_url.removesuffix("/bot"))
    async with Telegram(options, Secret(TOKEN), SystemClock()) as telegram:
        # The double knows no files.
        assert await telegram.fetch("F", 100) is None
        api.faults.add(Reset())
        assert await telegram.name() is None
        assert await telegram.name() == "coverwatch_demo_bot"


# Reading, without a network.

PERSON = {"id": 5_000_000_001, "is_bot": False, "first_name": "Anna", "language_code": "zh-hans"}
PRIVATE = {"id": 5_000_000_001, "type": "private", "first_name": "Anna"}
MESSAGE: dict[str, Any] = {
    "message_id": 9,
    "date": 1_779_699_600,
    "chat": PRIVATE,
    "from": PERSON,
    "text": "hello",
}


def test_a_picture_is_the_largest_one_with_its_caption() -> None:
    photo = [{"file_id": "small", "file_size": 10}, {"file_id": "large", "file_size": 999}]
    message = {**MESSAGE, "photo": photo, "caption": "/report INV-1"}
    del message["text"]
    said = normalise({"update_id": 1, "message": message})
    assert isinstance(said, Said)
    assert (said.text, said.picture, said.at) == ("/report INV-1", Picture("large", 999), START)
    document = {**MESSAGE, "document": {"file_id": "scan", "mime_type": "image/png"}}
    said = normalise({"update_id": 1, "message": document})
    assert isinstance(said, Said)
    assert said.picture == Picture("scan", None)


@pytest.mark.parametrize(
    ("update", "why"),
    [
        ({"edited_message": MESSAGE}, "a kind we did not ask for"),
        ({"message": {**MESSAGE, "from": {**PERSON, "is_bot": True}}}, "written by a bot"),
        ({"message": {**MESSAGE, "text": ""}}, "neither words nor a picture"),
        ({"message": {**MESSAGE, "date": 10**15}}, "a message without the usual parts"),
        ({"message": {**MESSAGE, "chat": {"id": True}}}, "a message without the usual parts"),
        ({"message": None}, "a message without the usual parts"),
        ({"callback_query": {"id": "1", "from": PERSON}}, "a callback_query without the usual parts"),
        ({"my_chat_member": {"chat": PRIVATE}}, "a my_chat_member without the usual parts"),
    ],
)
def test_what_is_nothing_for_us_is_confirmed_all_the_same(update: dict[str, Any], why: str) -> None:
    assert normalise({"update_id": 7, **update}) == Ignored(7, why)


def test_a_group_that_takes_our_voice_has_removed_us() -> None:
    group = {"id": -100, "type": "supergroup"}
    change = {"chat": group, "from": PERSON, "new_chat_member": {"status": "restricted", "can_send_messages": False}}
    assert normalise({"update_id": 1, "my_chat_member": change}) == Removed(1, -100, PERSON["id"])  # type: ignore[arg-type]  # an int
    change["new_chat_member"] = {"status": "restricted", "can_send_messages": True}
    assert normalise({"update_id": 1, "my_chat_member": change}) == Admitted(1, -100, PERSON["id"])  # type: ignore[arg-type]  # an int


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
UPDATES: list[dict[str, Any]] = [
    {"update_id": 1, "message": {**MESSAGE, "photo": [{"file_id": "a"}], "is_topic_message": True}},
    {"update_id": 1, "callback_query": {"id": "1", "from": PERSON, "message": MESSAGE, "data": "v1:ask:1:1"}},
    {"update_id": 1, "my_chat_member": {"chat": PRIVATE, "from": PERSON, "new_chat_member": {"status": "kicked"}}},
]


def _places(value: object, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    if isinstance(value, dict | list):
        for key, each in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _places(each, (*path, key))


@given(JSON)
def test_no_document_at_all_breaks_the_reading(document: object) -> None:
    assert normalise(document) is None


@given(st.data())
def test_no_wrong_value_in_any_place_breaks_the_reading(data: st.DataObject) -> None:
    update = copy.deepcopy(data.draw(st.sampled_from(UPDATES)))
    path = data.draw(st.sampled_from([each for each in _places(update) if each]))
    junk = data.draw(JSON)
    place: Any = update
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = junk
    heard = normalise(update)
    if path != ("update_id",):
        assert heard is not None
        assert heard.update == 1
    repr(heard).encode()


@given(st.binary())
def test_no_body_of_a_webhook_breaks_the_reading(body: bytes) -> None:
    assert read_webhook(body) is None


def test_a_webhook_is_read_like_a_poll_and_believed_only_with_its_secret() -> None:
    body = json.dumps({"update_id": 1, "message": MESSAGE}).encode()
    assert read_webhook(body) == normalise({"update_id": 1, "message": MESSAGE})
    assert read_webhook(b"[" * 100_000) is None
    secret = Secret("made-up-header")
    assert authentic("made-up-header", secret)
    for wrong in (None, "", "made-up-heade", "made-up-header ", "mäde", "\ud800"):
        assert not authentic(wrong, secret)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("/start", Command("start", "")),
        ("/start abc-DEF_1", Command("start", "abc-DEF_1")),
        ("/Report@coverwatch_bot  INV-1 \n broken", Command("report", "INV-1 \n broken", "coverwatch_bot")),
        ("  /help  ", Command("help", "")),
        ("/", None),
        ("/start@", None),
        ("hello /start", None),
        ("", None),
    ],
)
def test_a_command_is_read_with_what_follows_it(text: str, read: Command | None) -> None:
    assert command(text) == read


def test_we_ask_only_for_what_we_read() -> None:
    assert set(updates.ALLOWED) == {"message", "callback_query", "my_chat_member"}
    assert datetime.fromtimestamp(MESSAGE["date"], START.tzinfo) == START
