"""What goes wrong on the way to the Bot API double: limits, faults by script and by chance, and the control port."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from monitor.demo.botapi.faults import (
    BAD_GATEWAY,
    EVERY_WAY,
    HTML_PAGE,
    INTERNAL_ERROR,
    INTERNAL_ERROR_SENT,
    NOT_OK,
    UNAUTHORIZED,
    Drip,
    DuplicateUpdate,
    Fault,
    HalfAnswer,
    HangUp,
    RandomUpdateId,
    Reset,
    Script,
    Slow,
    UpdateGap,
    fault_from,
    refuse_once,
)
from monitor.demo.flood import Flood, Limits
from tests.contract.bots import TOKEN, Play, playing, telegram_spec

ALICE, BOB, GROUP = 11, 12, -13


@pytest.fixture
async def play(shared: Path) -> AsyncIterator[Play]:
    async with playing(telegram_spec(shared)) as play:
        yield play


# The limits on messages.


def test_one_message_a_second_to_one_chat() -> None:
    flood = Flood()
    assert [flood.admit(ALICE, now) for now in (0.0, 1.0, 2.0)] == [None, None, None]
    assert flood.admit(ALICE, 2.4) == 1
    assert flood.admit(BOB, 2.4) is None
    assert flood.admit(ALICE, 3.5) is None
    assert (flood.accepted, flood.refused, flood.violations) == (5, 1, [])


def test_what_the_network_delays_by_a_little_is_forgiven() -> None:
    flood = Flood()
    assert [flood.admit(ALICE, now) for now in (0.00, 0.96, 1.92)] == [None, None, None]


def test_thirty_messages_a_second_in_all() -> None:
    flood = Flood()
    assert [flood.admit(chat, 0.0) for chat in range(1, 31)] == [None] * 30
    assert flood.admit(31, 0.1) == 3
    # What was on its way when the pause was declared is refused, and not held against the sender.
    assert [flood.admit(chat, 0.2) for chat in (32, 33)] == [3, 3]
    assert flood.violations == []
    assert flood.admit(34, 3.2) is None


def test_twenty_messages_a_minute_in_one_group() -> None:
    flood = Flood()
    assert [flood.admit(GROUP, float(second)) for second in range(20)] == [None] * 20
    assert flood.admit(GROUP, 20.0) == 40
    assert flood.admit(ALICE, 20.0) is None
    assert flood.admit(GROUP, 60.5) is None


def test_a_message_during_a_pause_is_a_violation() -> None:
    flood = Flood()
    flood.pause(10, now=0.0)
    assert flood.admit(ALICE, 5.0) == 5
    flood.pause(60, now=20.0, chat=GROUP)
    assert flood.admit(ALICE, 21.0) is None
    assert flood.admit(GROUP, 22.0) == 58
    assert [(violation.at, violation.chat, violation.scope) for violation in flood.violations] == [
        (5.0, ALICE, None),
        (22.0, GROUP, GROUP),
    ]
    assert flood.during_any_pause == 3


def test_a_wait_that_is_ignored_grows() -> None:
    flood = Flood(escalating=True)
    flood.pause(10, now=0.0)
    assert [flood.admit(ALICE, now) for now in (1.0, 2.0, 3.0)] == [20, 40, 80]
    assert flood.admit(ALICE, 82.0) == 160
    assert flood.admit(ALICE, 82.0 + 161) is None


def test_the_gate_may_stand_open_and_the_limits_may_differ() -> None:
    flood = Flood(on=False)
    assert [flood.admit(ALICE, 0.0) for _ in range(100)] == [None] * 100
    generous = Flood(Limits(private=3))
    assert [generous.admit(ALICE, 0.0) for _ in range(4)] == [None, None, None, 1]


async def test_too_many_requests_come_with_the_wait_in_body_and_header(shared: Path) -> None:
    async with playing(telegram_spec(shared), flood=True) as play:
        alice = play.bot.customer("Alice")
        first = (await play.send(alice.id)).result
        reply = await play.send(alice.id)
        assert reply.refusal == (429, "Too Many Requests: retry after 1")
        assert (reply.body["parameters"], reply.headers["Retry-After"]) == ({"retry_after": 1}, "1")
        assert (
            await play.call("editMessageText", chat_id=alice.id, message_id=first["message_id"], text="x")
        ).status == 429
        assert (await play.call("sendChatAction", chat_id=alice.id, action="typing")).status == 200
        play.wait(2)
        assert (await play.send(alice.id)).status == 200
        play.bot.flood.pause(12966, play.clock.monotonic())
        assert (await play.send(alice.id)).body["parameters"] == {"retry_after": 12966}
        assert len(play.bot.journal.sent()) == 2
        assert play.bot.flood.violations == []


# Faults.


@pytest.mark.parametrize(
    ("fault", "error", "accepted"),
    [
        (Reset(), aiohttp.ClientOSError, False),
        (Reset(processed=True), aiohttp.ClientOSError, True),
        (HangUp(), aiohttp.ServerDisconnectedError, False),
        (HangUp(processed=True), aiohttp.ServerDisconnectedError, True),
        (HalfAnswer(), aiohttp.ClientPayloadError, True),
        (Slow(30.0), TimeoutError, True),
        (Slow(30.0, processed=False), TimeoutError, False),
        (Drip(pause=30.0), TimeoutError, True),
        (BAD_GATEWAY, aiohttp.ContentTypeError, False),
        (HTML_PAGE, aiohttp.ContentTypeError, False),
    ],
)
async def test_an_answer_is_lost_and_the_journal_knows_whether_it_was_accepted(
    play: Play,
    fault: Fault,
    error: type[Exception],
    accepted: bool,
) -> None:
    alice = play.bot.customer("Alice")
    play.bot.faults.add(fault, "sendMessage")
    with pytest.raises(error):
        async with asyncio.timeout(0.5):
            await play.send(alice.id, "once")
    assert [entry.text for entry in play.bot.journal.sent(alice.id)] == ["once"] * accepted
    assert (await play.send(alice.id, "again")).status == 200


@pytest.mark.parametrize(
    ("fault", "status", "accepted"),
    [(INTERNAL_ERROR, 500, 0), (INTERNAL_ERROR_SENT, 500, 1), (UNAUTHORIZED, 401, 0), (NOT_OK, 200, 0)],
)
async def test_an_answer_is_wrong_once(play: Play, fault: Fault, status: int, accepted: int) -> None:
    alice = play.bot.customer("Alice")
    play.bot.faults.add(fault, "sendMessage")
    reply = await play.send(alice.id)
    assert (reply.status, reply.body["ok"]) == (status, False)
    assert len(play.bot.journal.sent()) == accepted
    assert (await play.send(alice.id)).status == 200


async def test_a_slow_answer_and_a_dripping_one_arrive_whole(play: Play) -> None:
    alice = play.bot.customer("Alice")
    for fault in (Slow(0.01), Slow(0.01, processed=False), Drip(pause=0.0, size=64)):
        play.bot.faults.add(fault)
        assert (await play.send(alice.id)).result["text"] == "hello"


async def test_one_request_is_refused_though_nothing_is_wrong_with_it(play: Play) -> None:
    alice = play.bot.customer("Alice")
    play.bot.faults.add(refuse_once(400, "Bad Request: chat not found"), "sendMessage", chat=alice.id)
    play.bot.faults.add(refuse_once(429, "Too Many Requests: retry after 7", retry_after=7), "sendMessage")
    assert (await play.send(alice.id)).refusal == (400, "Bad Request: chat not found")
    limited = await play.send(alice.id)
    assert (limited.body["parameters"], limited.headers["Retry-After"]) == ({"retry_after": 7}, "7")
    assert (await play.send(alice.id)).status == 200


async def test_updates_come_twice_with_gaps_and_under_random_numbers(play: Play) -> None:
    alice, faults = play.bot.user("Alice"), play.bot.faults
    play.bot.user_says(alice, "one")
    faults.add(DuplicateUpdate(), "getUpdates")
    first = (await play.call("getUpdates")).result
    assert [update["message"]["text"] for update in first] == ["one", "one"]
    offset = first[0]["update_id"] + 1
    for fault in (UpdateGap(5), RandomUpdateId()):
        faults.add(fault, "getUpdates")
        assert (await play.call("getUpdates", offset=offset)).result == []
        play.bot.user_says(alice, "next")
        (update,) = (await play.call("getUpdates", offset=offset)).result
        assert update["update_id"] != offset
        offset = update["update_id"] + 1
    assert dict(faults.met) == {"DuplicateUpdate": 1, "UpdateGap": 1, "RandomUpdateId": 1}


async def test_connections_are_refused_until_they_are_not(play: Play) -> None:
    alice, before = play.bot.customer("Alice"), play.bot.base_url
    assert (await play.send(alice.id)).status == 200
    await play.bot.refuse()
    # Whoever was connected is cut off first, and then refused.
    with pytest.raises(aiohttp.ClientConnectionError):
        await play.send(alice.id)
    with pytest.raises(aiohttp.ClientConnectorError):
        await play.send(alice.id)
    await play.bot.listen()
    assert (await play.send(alice.id)).status == 200
    assert play.bot.base_url == before


def test_a_script_knows_the_request_it_is_meant_for() -> None:
    script = Script()
    script.add(HalfAnswer(), "sendMessage", chat=ALICE, skip=1, times=2)
    assert script.take("getMe", None) is None
    assert script.take("sendMessage", BOB) is None
    assert [script.take("sendMessage", ALICE) for _ in range(4)] == [None, HalfAnswer(), HalfAnswer(), None]
    script.add(Reset(), times=None)
    assert [script.take("getMe", None) for _ in range(3)] == [Reset()] * 3
    script.clear()
    assert script.take("getMe", None) is None


def test_chance_is_the_same_for_the_same_seed() -> None:
    def drawn(seed: int) -> list[Fault | None]:
        script = Script(seed)
        script.sometimes(0.2, EVERY_WAY, "sendMessage")
        assert script.take("getMe", None) is None
        return [script.take("sendMessage", ALICE) for _ in range(500)]

    assert drawn(1) == drawn(1) != drawn(2)
    assert set(EVERY_WAY) <= set(drawn(1))
    assert 50 < sum(fault is not None for fault in drawn(1)) < 150


def test_a_fault_can_be_written_down() -> None:
    assert fault_from({"fault": "Reset", "processed": True}) == Reset(processed=True)
    assert fault_from({"fault": "Drip"}) == Drip()
    with pytest.raises(ValueError, match="fault: one of Slow, Reset"):
        fault_from({"fault": "Meteor"})
    with pytest.raises(ValueError, match="Drip has no sice, only pause, size"):
        fault_from({"fault": "Drip", "sice": 3})


async def test_the_record_of_requests_names_the_fault_and_never_the_token(play: Play) -> None:
    alice = play.bot.customer("Alice")
    play.bot.faults.add(INTERNAL_ERROR)
    await play.send(alice.id)
    await play.send(alice.id)
    told = [(one.method, one.status, one.fault) for one in play.bot.journal.exchanges]
    assert told == [("sendMessage", None, "Instead"), ("sendMessage", 200, None)]
    assert TOKEN not in repr(play.bot.journal.exchanges)


# The control port.


class Control:
    """Another process, as far as the double can tell."""

    def __init__(self, play: Play) -> None:
        self._play = play

    async def get(self, path: str) -> Any:
        return await self._ask("GET", path)

    async def post(self, path: str, status: int = 200, **words: object) -> Any:
        return await self._ask("POST", path, status, words)

    async def delete(self, path: str) -> Any:
        return await self._ask("DELETE", path)

    async def _ask(self, verb: str, path: str, status: int = 200, words: object = None) -> Any:
        url = f"{self._play.bot.control_url}{path}"
        async with self._play.client.session.request(verb, url, json=words) as response:
            assert response.status == status, await response.text()
            return await response.json()


async def test_the_control_port_shows_what_happened(play: Play) -> None:
    control = Control(play)
    alice = await control.post("/users", first_name="Alice", language="ru", started=True)
    await play.send(alice["id"], "<b>hi</b>", parse_mode="HTML")
    (entry,) = await control.get(f"/journal?chat={alice['id']}")
    assert (entry["deed"], entry["chat"], entry["text"]) == ("sent", alice["id"], "hi")
    assert await control.get("/journal?chat=5") == []
    (request,) = await control.get("/requests")
    assert (request["method"], request["status"], request["answer"]["ok"]) == ("sendMessage", 200, True)
    (chat,) = await control.get("/chats")
    assert [message["text"] for message in chat["messages"]] == ["hi"]
    assert TOKEN not in repr(await control.get("/requests"))


async def test_the_control_port_lets_people_act(play: Play) -> None:
    control = Control(play)
    alice = await control.post("/users", first_name="Alice")
    await control.post("/say", user=alice["id"], text="/start")
    group = await control.post("/groups", title="Old", members=[alice["id"]])
    ops = await control.post("/groups", title="Operators", members=[alice["id"]], forum=True)
    keyboard = {"inline_keyboard": [[{"text": "Approve", "callback_data": "v1:a"}]]}
    number = (await play.send(ops["id"], reply_markup=keyboard)).result["message_id"]
    where = {"user": alice["id"], "chat": ops["id"], "message_id": number}
    query = (await control.post("/press", **where, button="Approve"))["callback_query_id"]
    await control.post("/forge", **where, data="v1:b")
    await play.call("answerCallbackQuery", callback_query_id=query, text="done")
    assert [shown["text"] for shown in await control.get("/shown")] == ["done"]
    await control.post("/say", user=alice["id"], text="/cases", chat=ops["id"])
    heir = await control.post("/migrate", chat=group["id"])
    assert heir["type"] == "supergroup"
    await control.post("/kick", user=alice["id"], chat=ops["id"])
    assert (await play.send(ops["id"])).status == 403
    for act, status in (("block", 403), ("unblock", 200), ("deactivate", 403)):
        await control.post(f"/{act}", user=alice["id"])
        assert (await play.send(alice["id"])).status == status
    kinds = [next(iter(set(update) - {"update_id"})) for update in (await play.call("getUpdates")).result]
    assert kinds == [
        *("message", "callback_query", "callback_query"),
        *["message"] * 3,
        *["my_chat_member"] * 3,
    ]


async def test_the_control_port_makes_trouble(play: Play) -> None:
    control = Control(play)
    alice = (await control.post("/users", first_name="Alice", started=True))["id"]
    await control.post("/fault", fault="HangUp", method="sendMessage", times=2)
    for _ in range(2):
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await play.send(alice)
    await control.post("/fault", fault="Slow", seconds=0, times=0)
    assert (await play.send(alice)).status == 200
    await control.post("/risk", share=1.0, method="getMe")
    assert await control.delete("/fault") == {"HangUp": 2, "Slow": 1}
    assert (await control.post("/flood", on=True, escalating=True))["on"] is True
    await control.post("/pause", seconds=30)
    play.wait(1)
    assert (await play.send(alice)).body["parameters"] == {"retry_after": 60}
    flood = await control.get("/flood")
    assert (flood["refused"], len(flood["violations"]), flood["during_any_pause"]) == (1, 1, 1)
    await control.post("/connections", refuse=True)
    with pytest.raises(aiohttp.ClientConnectionError):
        await play.send(alice)
    await control.post("/connections", refuse=False)
    assert (await play.call("getMe")).status == 200


@pytest.mark.parametrize(
    ("path", "words", "error"),
    [
        ("/fault", {"fault": "Meteor"}, "fault: one of"),
        ("/say", {"user": 5, "text": "x"}, "there is no 5"),
        ("/press", {"user": 5}, "chat: a number is needed"),
        ("/groups", {"members": "{"}, "Bad Request: can't parse members JSON object"),
    ],
)
async def test_the_control_port_says_what_is_wrong(play: Play, path: str, words: dict[str, object], error: str) -> None:
    told = await Control(play).post(path, status=400, **words)
    assert told["error"].startswith(error)
