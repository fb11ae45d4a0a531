"""The Bot API double: its people and chats, its methods and its rules, with Telegram's own words for every refusal."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from monitor.demo.botapi.journal import Deed
from monitor.demo.botapi.methods import METHODS
from monitor.demo.botapi.world import Role, Standing
from tests.contract.bots import TOKEN, Play, playing, telegram_spec
from tests.contract.specs import TelegramSpec

BUTTONS = {
    "inline_keyboard": [
        [{"text": "Approve", "callback_data": "v1:approve:7"}, {"text": "Docs", "url": "https://example.org/"}],
        [{"text": "Reject", "callback_data": "v1:reject:7"}],
    ]
}


@pytest.fixture(scope="module")
def spec(shared: Path) -> TelegramSpec:
    return telegram_spec(shared)


@pytest.fixture
async def play(spec: TelegramSpec) -> AsyncIterator[Play]:
    async with playing(spec) as play:
        yield play


# What travels, and how.


@pytest.mark.parametrize("way", ["form", "multipart", "json", "query", "query and form"])
async def test_parameters_may_travel_in_every_way(play: Play, way: str) -> None:
    alice = play.bot.customer("Alice")
    url = f"{play.bot.base_url}{TOKEN}/sendMessage"
    params = {"chat_id": str(alice.id), "text": "hello", "reply_markup": json.dumps(BUTTONS), "protect_content": "true"}
    multipart = aiohttp.MultipartWriter("form-data")
    for name, value in params.items():
        multipart.append(value).set_content_disposition("form-data", name=name)
    native = {"chat_id": alice.id, "text": "hello", "reply_markup": BUTTONS, "protect_content": True}
    session = play.client.session
    request = {
        "form": lambda: session.post(url, data=params),
        "multipart": lambda: session.post(url, data=multipart),
        "json": lambda: session.post(url, json=native),
        "query": lambda: session.get(url, params=params),
        "query and form": lambda: session.post(url, params={"chat_id": str(alice.id)}, data=params),
    }[way]()
    message = (await play.client.read(request)).result
    assert (message["chat"]["id"], message["text"], message["reply_markup"]) == (alice.id, "hello", BUTTONS)
    assert message["has_protected_content"] is True


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param("botnonsense/getMe", (404, "Not Found"), id="a token that is none"),
        pytest.param("elsewhere", (404, "Not Found"), id="no bot's address"),
        pytest.param(f"bot{TOKEN}/sendRichMessage", (404, "Not Found: method not found"), id="a method not played"),
        pytest.param("bot7654321:fake-other-token/getMe", (401, "Unauthorized"), id="another bot's token"),
    ],
)
async def test_a_wrong_address_is_refused(spec: TelegramSpec, path: str, expected: tuple[int, str]) -> None:
    async with playing(spec, token=TOKEN) as play:
        request = play.client.session.get(f"{play.bot.base_url.removesuffix('bot')}{path}")
        assert (await play.client.read(request)).refusal == expected


async def test_the_case_of_a_method_does_not_matter(play: Play) -> None:
    assert (await play.call("GETME")).result["is_bot"] is True
    assert play.bot.journal.exchanges[0].method == "getMe"


@pytest.mark.parametrize(
    ("body", "kind"), [("{", "application/json"), ("[1]", "application/json"), ("\xff", "application/json")]
)
async def test_a_body_that_cannot_be_read_is_refused(play: Play, body: str, kind: str) -> None:
    request = play.client.session.post(
        f"{play.bot.base_url}{TOKEN}/sendMessage", data=body.encode("latin-1"), headers={"Content-Type": kind}
    )
    assert (await play.client.read(request)).status == 400


# Every method.


async def test_every_method_answers_as_described(play: Play, spec: TelegramSpec) -> None:
    bot = play.bot
    alice = bot.customer("Alice")
    ops = bot.supergroup("Operators", [alice], forum=True)
    topic = (await play.call("createForumTopic", chat_id=ops.id, name="Cases")).result
    sent = (
        await play.send(ops.id, "<b>hi</b>", parse_mode="HTML", message_thread_id=topic["message_thread_id"])
    ).result
    where = {"chat_id": ops.id, "message_id": sent["message_id"]}
    bot.user_says(alice, "/start link-token")
    bot.user_sends_picture(alice, b"picture", "what I see")
    bot.user_blocks(alice)
    bot.user_unblocks(alice)
    buttons = (await play.send(alice.id, reply_markup=BUTTONS)).result
    query = bot.user_presses(alice, alice.id, buttons["message_id"], "Approve")
    group = bot.group("Old", [alice])
    bot.migrate(group)
    results = [
        await play.call("getMe"),
        await play.call("getUpdates", timeout=0),
        await play.call("getFile", file_id="picture-1"),
        await play.call("getWebhookInfo"),
        await play.call("editMessageText", **where, text="changed"),
        await play.call("editMessageReplyMarkup", **where, reply_markup=BUTTONS),
        await play.call("pinChatMessage", **where),
        await play.call("answerCallbackQuery", callback_query_id=query, text="done", show_alert=True),
        await play.call("setMyCommands", commands=[{"command": "status", "description": "My orders"}]),
        await play.call("getMyCommands"),
        await play.call("sendChatAction", chat_id=alice.id, action="typing"),
        await play.call("getChat", chat_id=ops.id),
        await play.call("getChat", chat_id=alice.id),
        await play.call("getChatMember", chat_id=ops.id, user_id=bot.me.id),
        await play.call("getChatMember", chat_id=ops.id, user_id=alice.id),
        await play.call("deleteMessage", **where),
        await play.call("leaveChat", chat_id=ops.id),
        await play.call("setWebhook", url="http://127.0.0.1:9/hook", secret_token="fake-secret"),
        await play.call("getWebhookInfo"),
        await play.call("deleteWebhook", drop_pending_updates=True),
    ]
    assert all(reply.status == 200 for reply in results)
    assert {exchange.method for exchange in bot.journal.exchanges} == set(METHODS)
    assert [fault for exchange in bot.journal.exchanges for fault in spec.exchange(exchange)] == []
    assert "fake-secret" not in repr(bot.journal)


async def test_what_the_bot_learns_conforms_to_the_description(play: Play, spec: TelegramSpec) -> None:
    bot = play.bot
    alice, bob = bot.user("Alice", language="ru", username="alice"), bot.user("Bob", language=None)
    forum = bot.supergroup("Operators", [alice, bob], forum=True)
    thread = bot.topic(forum, "Cases")
    asked = (await play.send(forum.id, reply_markup=BUTTONS)).result
    written = bot.user_says(alice, "/start abc")
    bot.user_edits(alice, written, "/start abd")
    bot.user_says(bob, "in the topic", forum, thread)
    bot.user_presses(bob, forum.id, asked["message_id"], "v1:reject:7")
    bot.user_forges(bob, forum.id, asked["message_id"], "v1:steal:7", inaccessible=True)
    bot.user_blocks(alice)
    bot.user_unblocks(alice)
    bot.kick_bot(forum, alice)
    bot.readmit_bot(forum, alice, Role.ADMINISTRATOR)
    bot.migrate(bot.group("Old", [bob]))
    updates = (await play.call("getUpdates")).result
    kinds = [next(iter(update.keys() - {"update_id"})) for update in updates]
    assert kinds == [
        *("message", "edited_message", "message", "callback_query", "callback_query"),
        *["my_chat_member"] * 4,
        *["message"] * 2,
    ]
    ids = [update["update_id"] for update in updates]
    assert ids == list(range(ids[0], ids[0] + len(ids)))
    assert updates[0]["message"]["entities"] == [{"type": "bot_command", "offset": 0, "length": 6}]
    assert spec.value(updates, ["Array of Update"], "updates") == []


# Who can be written to.


@pytest.mark.parametrize(
    ("standing", "refusal"),
    [
        (Standing.NEVER_MET, (400, "Bad Request: chat not found")),
        (Standing.SEEN, (403, "Forbidden: bot can't initiate conversation with a user")),
        (Standing.BLOCKED, (403, "Forbidden: bot was blocked by the user")),
        (Standing.DEACTIVATED, (403, "Forbidden: user is deactivated")),
    ],
)
async def test_who_has_not_started_the_bot_cannot_be_written_to(
    play: Play, standing: Standing, refusal: tuple[int, str]
) -> None:
    alice = play.bot.user("Alice")
    alice.standing = standing
    assert (await play.send(alice.id)).refusal == refusal
    assert (await play.call("sendChatAction", chat_id=alice.id, action="typing")).refusal == refusal
    assert play.bot.journal.sent() == []


async def test_start_opens_the_door_and_blocking_closes_it(play: Play) -> None:
    bot = play.bot
    alice = bot.user("Alice")
    bot.user_says(alice, "/start secret-link")
    assert (await play.send(alice.id)).status == 200
    bot.user_blocks(alice)
    assert (await play.send(alice.id)).status == 403
    with pytest.raises(ValueError, match="unblock"):
        bot.user_says(alice, "hello?")
    bot.user_unblocks(alice)
    assert (await play.send(alice.id)).status == 200
    bot.user_leaves_telegram(alice)
    assert (await play.send(alice.id)).status == 403
    changes = [
        update["my_chat_member"] for update in (await play.call("getUpdates")).result if "my_chat_member" in update
    ]
    assert [(change["old_chat_member"]["status"], change["new_chat_member"]["status"]) for change in changes] == [
        ("member", "kicked"),
        ("kicked", "member"),
    ]


async def test_members_of_a_group_are_known_and_strangers_are_not(play: Play) -> None:
    alice, bob = play.bot.user("Alice"), play.bot.user("Bob")
    group = play.bot.group("Operators", [alice])
    assert (await play.send(alice.id)).refusal == (403, "Forbidden: bot can't initiate conversation with a user")
    assert (await play.send(bob.id)).refusal == (400, "Bad Request: chat not found")
    assert (await play.call("getChatMember", chat_id=group.id, user_id=alice.id)).result["status"] == "member"
    assert (await play.call("getChatMember", chat_id=group.id, user_id=bob.id)).result["status"] == "left"
    assert (await play.call("getChatMember", chat_id=group.id, user_id=9)).refusal == (
        400,
        "Bad Request: user not found",
    )
    assert (await play.call("getChatMember", chat_id=group.id, user_id="x")).refusal == (
        400,
        "Bad Request: invalid user_id specified",
    )


async def test_a_group_that_lost_the_bot_says_how(play: Play) -> None:
    bot = play.bot
    alice = bot.customer("Alice")
    group, ops, gone = bot.group("Old", [alice]), bot.supergroup("Operators", [alice]), bot.group("Gone", [alice])
    bot.kick_bot(group, alice)
    assert (await play.send(group.id)).refusal == (403, "Forbidden: bot was kicked from the group chat")
    await play.call("leaveChat", chat_id=ops.id)
    assert (await play.send(ops.id)).refusal == (403, "Forbidden: bot is not a member of the supergroup chat")
    gone.deleted = True
    assert (await play.send(gone.id)).refusal == (403, "Forbidden: the group chat was deleted")
    bot.readmit_bot(group, alice)
    assert (await play.send(group.id)).status == 200
    assert (await play.call("leaveChat", chat_id=alice.id)).refusal == (
        400,
        "Bad Request: chat member status can't be changed in private chats",
    )


async def test_an_upgraded_group_names_its_heir(play: Play) -> None:
    alice = play.bot.user("Alice")
    group = play.bot.group("Operators", [alice])
    heir = play.bot.migrate(group)
    reply = await play.send(group.id)
    assert reply.refusal == (400, "Bad Request: group chat was upgraded to a supergroup chat")
    assert reply.body["parameters"] == {"migrate_to_chat_id": heir.id}
    assert play.bot.journal.sent() == []
    assert (await play.send(heir.id)).status == 200
    assert alice.id in heir.members
    messages = [update["message"] for update in (await play.call("getUpdates")).result]
    assert messages[0]["migrate_to_chat_id"] == heir.id
    assert messages[1]["migrate_from_chat_id"] == group.id


async def test_ids_do_not_fit_into_32_bits(play: Play) -> None:
    assert play.bot.user("Alice").id > 2**32
    assert play.bot.supergroup("Operators").id < -(2**32)


# Topics.


async def test_a_topic_is_written_to_by_its_thread(play: Play) -> None:
    forum = play.bot.supergroup("Operators", forum=True)
    thread = (await play.call("createForumTopic", chat_id=forum.id, name="Cases")).result["message_thread_id"]
    message = (await play.send(forum.id, message_thread_id=thread)).result
    assert (message["message_thread_id"], message["is_topic_message"]) == (thread, True)
    assert "message_thread_id" not in (await play.send(forum.id)).result
    play.bot.close_topic(forum, thread)
    assert (await play.send(forum.id, message_thread_id=thread)).refusal == (
        400,
        "Bad Request: message thread not found",
    )


@pytest.mark.parametrize("thread", [1, 999])
async def test_the_general_topic_and_unknown_ones_have_no_thread(play: Play, thread: int) -> None:
    forum = play.bot.supergroup("Operators", forum=True)
    assert (await play.send(forum.id, message_thread_id=thread)).refusal == (
        400,
        "Bad Request: message thread not found",
    )


async def test_topics_need_a_forum_an_administrator_and_a_name(play: Play) -> None:
    bot, owner = play.bot, play.bot.user("Owner")
    plain, forum = bot.supergroup("Plain"), bot.supergroup("Forum", [owner], forum=True)
    assert (await play.call("createForumTopic", chat_id=plain.id, name="x")).refusal == (
        400,
        "Bad Request: the chat is not a forum",
    )
    assert (await play.call("createForumTopic", chat_id=forum.id, name="x" * 129)).status == 400
    bot.readmit_bot(forum, owner, Role.MEMBER)
    assert (await play.call("createForumTopic", chat_id=forum.id, name="x")).refusal == (
        400,
        "Bad Request: not enough rights to create a topic",
    )


# Editing and deleting.


async def test_an_edit_changes_text_and_keyboard_and_is_kept_in_the_journal(play: Play) -> None:
    alice = play.bot.customer("Alice")
    number = (await play.send(alice.id, "Case opened", reply_markup=BUTTONS)).result["message_id"]
    play.wait(60)
    edited = (await play.call("editMessageText", chat_id=alice.id, message_id=number, text="Case closed")).result
    assert (edited["text"], edited["edit_date"] - edited["date"], "reply_markup" in edited) == (
        "Case closed",
        60,
        False,
    )
    assert [(entry.deed, entry.text) for entry in play.bot.journal.entries] == [
        (Deed.SENT, "Case opened"),
        (Deed.EDITED, "Case closed"),
    ]
    assert [message.marked.text for message in play.bot.chats[alice.id].showing()] == ["Case closed"]


async def test_an_edit_that_changes_nothing_is_refused(play: Play) -> None:
    alice = play.bot.customer("Alice")
    number = (await play.send(alice.id, "<b>hi</b>", parse_mode="HTML", reply_markup=BUTTONS)).result["message_id"]
    same = {"chat_id": alice.id, "message_id": number, "reply_markup": BUTTONS}
    status, description = (await play.call("editMessageText", **same, text="<b>hi</b> ", parse_mode="HTML")).refusal
    assert (status, description.split(":")[1]) == (400, " message is not modified")
    assert (await play.call("editMessageReplyMarkup", **same)).status == 400
    assert (await play.call("editMessageText", **same, text="hi")).status == 200
    assert (await play.call("editMessageReplyMarkup", chat_id=alice.id, message_id=number)).status == 200


async def test_only_its_own_messages_can_the_bot_edit(play: Play) -> None:
    alice = play.bot.customer("Alice")
    theirs = play.bot.user_says(alice, "hello").id
    edit = {"chat_id": alice.id, "text": "x"}
    assert (await play.call("editMessageText", **edit, message_id=theirs)).refusal == (
        400,
        "Bad Request: message can't be edited",
    )
    assert (await play.call("editMessageText", **edit, message_id=999)).refusal == (
        400,
        "Bad Request: message to edit not found",
    )
    assert (await play.call("editMessageText", **edit)).refusal == (
        400,
        "Bad Request: message identifier is not specified",
    )


async def test_a_deleted_message_is_gone_for_everyone(play: Play) -> None:
    alice = play.bot.customer("Alice")
    number = (await play.send(alice.id, reply_markup=BUTTONS)).result["message_id"]
    where = {"chat_id": alice.id, "message_id": number}
    assert (await play.call("deleteMessage", **where)).result is True
    assert (await play.call("deleteMessage", **where)).refusal == (400, "Bad Request: message to delete not found")
    assert (await play.call("editMessageText", **where, text="x")).status == 400
    assert play.bot.chats[alice.id].showing() == []
    with pytest.raises(ValueError, match="sees no message"):
        play.bot.user_presses(alice, alice.id, number, "Approve")


async def test_deleting_and_pinning_take_rights_and_time(play: Play) -> None:
    bot, alice = play.bot, play.bot.customer("Alice")
    group, ops = bot.group("Old", [alice]), bot.supergroup("Operators", [alice])
    theirs, seen = bot.user_says(alice, "hi", group), bot.user_says(alice, "hi", ops)
    where = {"chat_id": group.id, "message_id": theirs.id}
    assert (await play.call("deleteMessage", **where)).refusal == (400, "Bad Request: message can't be deleted")
    assert (await play.call("pinChatMessage", **where)).refusal == (
        400,
        "Bad Request: not enough rights to manage pinned messages in the chat",
    )
    assert (await play.call("pinChatMessage", chat_id=ops.id, message_id=seen.id)).result is True
    assert (await play.call("deleteMessage", chat_id=ops.id, message_id=seen.id)).result is True
    assert (await play.call("pinChatMessage", chat_id=ops.id, message_id=9)).refusal == (
        400,
        "Bad Request: message to pin not found",
    )
    own = (await play.send(alice.id)).result["message_id"]
    play.wait(48 * 3600 + 1)
    assert (await play.call("deleteMessage", chat_id=alice.id, message_id=own)).refusal == (
        400,
        "Bad Request: message can't be deleted for everyone",
    )


# Buttons.


async def test_a_press_is_answered_once_and_soon(play: Play) -> None:
    bot, alice = play.bot, play.bot.customer("Alice")
    number = (await play.send(alice.id, reply_markup=BUTTONS)).result["message_id"]
    query = bot.user_presses(alice, alice.id, number, "Approve")
    (update,) = (await play.call("getUpdates")).result
    pressed = update["callback_query"]
    assert (pressed["id"], pressed["data"], pressed["from"]["id"]) == (query, "v1:approve:7", alice.id)
    assert pressed["message"]["message_id"] == number
    answer = {"callback_query_id": query, "text": "Already handled", "show_alert": True}
    assert (await play.call("answerCallbackQuery", **answer)).result is True
    assert [(shown.user, shown.text, shown.alert) for shown in bot.journal.shown] == [
        (alice.id, "Already handled", True)
    ]
    late = bot.user_presses(alice, alice.id, number, "Approve")
    long = {"callback_query_id": late, "text": "x" * 201}
    assert (await play.call("answerCallbackQuery", **long)).refusal == (400, "Bad Request: MESSAGE_TOO_LONG")
    play.wait(16)
    for number in (query, late, "77"):
        assert (await play.call("answerCallbackQuery", callback_query_id=number)).refusal == (
            400,
            "Bad Request: query is too old and response timeout expired or query ID is invalid",
        )


async def test_a_button_that_is_not_there_cannot_be_pressed_but_forged(play: Play) -> None:
    bot, alice, mallory = play.bot, play.bot.customer("Alice"), play.bot.customer("Mallory")
    ops = bot.supergroup("Operators", [alice])
    number = (await play.send(ops.id, reply_markup=BUTTONS)).result["message_id"]
    with pytest.raises(ValueError, match="no button 'Docs'"):
        bot.user_presses(alice, ops.id, number, "Docs")
    with pytest.raises(ValueError, match="Mallory sees no message"):
        bot.user_presses(mallory, ops.id, number, "Approve")
    bot.user_forges(alice, ops.id, number, "v1:approve:8", inaccessible=True)
    (update,) = (await play.call("getUpdates")).result
    assert update["callback_query"]["data"] == "v1:approve:8"
    assert update["callback_query"]["message"]["date"] == 0


# Groups, commands.


async def test_a_plain_member_hears_commands_only_and_an_administrator_everything(play: Play) -> None:
    bot, alice = play.bot, play.bot.user("Alice")
    group, ops = bot.group("Old", [alice]), bot.supergroup("Operators", [alice])
    bot.user_says(alice, "chatter", group)
    bot.user_says(alice, "/cases", group)
    bot.user_says(alice, "chatter", ops)
    texts = [update["message"]["text"] for update in (await play.call("getUpdates")).result]
    assert texts == ["/cases", "chatter"]
    with pytest.raises(ValueError, match="not written by"):
        bot.user_edits(bot.user("Bob"), bot.user_says(alice, "mine"), "yours")


@pytest.mark.parametrize(
    ("commands", "refusal"),
    [
        ([{"command": "Cases", "description": "x"}], "BOT_COMMAND_INVALID"),
        ([{"command": "x" * 33, "description": "x"}], "BOT_COMMAND_INVALID"),
        ([{"command": "cases", "description": ""}], "BOT_COMMAND_DESCRIPTION_INVALID"),
        ([{"command": "cases", "description": "x"}] * 101, "BOT_COMMANDS_TOO_MUCH"),
        ({"command": "cases"}, "expected an Array of BotCommand"),
    ],
)
async def test_commands_have_their_form(play: Play, commands: object, refusal: str) -> None:
    assert (await play.call("setMyCommands", commands=commands)).refusal == (400, f"Bad Request: {refusal}")


async def test_commands_are_kept_by_scope_and_language(play: Play) -> None:
    commands, here = [{"command": "cases", "description": "Open cases"}], {"type": "chat", "chat_id": 0}
    here["chat_id"] = play.bot.group("Operators").id
    await play.call("setMyCommands", commands=commands)
    await play.call("setMyCommands", commands=commands * 2, scope=here, language_code="ru")
    assert (await play.call("getMyCommands")).result == commands
    assert (await play.call("getMyCommands", scope=here, language_code="ru")).result == commands * 2
    # Neither the language nor the scope is guessed.
    assert (await play.call("getMyCommands", scope=here)).result == []
    assert (await play.call("getMyCommands", language_code="ru")).result == []
    await play.call("setMyCommands", commands=[])
    assert (await play.call("getMyCommands")).result == []


@pytest.mark.parametrize(
    ("params", "refusal"),
    [
        ({"scope": {"type": "chat", "chat_id": -5}}, "chat not found"),
        ({"scope": {"type": "cave"}}, "can't parse BotCommandScope: unsupported type specified"),
        ({"language_code": "english"}, "invalid language code specified"),
    ],
)
async def test_commands_are_of_a_scope_and_a_language_that_are_there(
    play: Play, params: dict[str, object], refusal: str
) -> None:
    commands = [{"command": "cases", "description": "Open cases"}]
    for method, more in (("setMyCommands", {"commands": commands}), ("getMyCommands", {})):
        assert (await play.call(method, **more, **params)).refusal == (400, f"Bad Request: {refusal}")


async def test_an_action_has_its_name(play: Play) -> None:
    assert (await play.call("sendChatAction", chat_id=play.bot.customer("A").id, action="dance")).refusal == (
        400,
        "Bad Request: wrong parameter action in request",
    )


async def test_messages_are_counted_together_except_in_supergroups(play: Play) -> None:
    alice, bob = play.bot.customer("Alice"), play.bot.customer("Bob")
    ops = play.bot.supergroup("Operators")
    chats = [alice.id, bob.id, ops.id, ops.id, alice.id]
    numbers = [(await play.send(chat)).result["message_id"] for chat in chats]
    assert numbers == [1, 2, 1, 2, 3]


async def test_the_journal_holds_what_each_chat_saw(play: Play) -> None:
    alice, bob = play.bot.customer("Alice"), play.bot.customer("Bob")
    await play.send(alice.id, "<b>yours</b>", parse_mode="HTML", disable_notification=True, reply_markup=BUTTONS)
    play.wait(5)
    await asyncio.gather(*(play.send(bob.id, f"n{number}") for number in range(5)))
    (entry,) = play.bot.journal.sent(alice.id)
    assert (entry.text, entry.silent, entry.reply_markup) == ("yours", True, BUTTONS)
    assert entry.entities == [{"type": "bold", "offset": 0, "length": 5}]
    assert sorted(entry.text for entry in play.bot.journal.sent(bob.id)) == ["n0", "n1", "n2", "n3", "n4"]
    assert len(play.bot.journal.sent()) == 6
    assert (play.bot.journal.sent(bob.id)[0].at - entry.at).total_seconds() == 5
