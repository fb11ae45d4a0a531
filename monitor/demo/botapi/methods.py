"""The methods of the Bot API that a shop's bot needs, with their rules; each answers with its result or a refusal."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

from monitor.demo.botapi.commands import get_my_commands, set_my_commands
from monitor.demo.botapi.html import parse_html
from monitor.demo.botapi.journal import Deed, Shown
from monitor.demo.botapi.keyboard import check_for, read_keyboard
from monitor.demo.botapi.markdown import parse_markdown
from monitor.demo.botapi.marked import Entity, Marked, octets
from monitor.demo.botapi.params import Params
from monitor.demo.botapi.refusal import RefusalError, bad, forbidden, upgraded
from monitor.demo.botapi.stage import QUERY_LIFE, Stage
from monitor.demo.botapi.world import Chat, Kind, Message, Role, Standing

LONGEST_TEXT = 4096
"""Characters, after the markup is parsed."""
LONGEST_SOURCE = 32768
"""Bytes, before the markup is parsed."""
LONGEST_NOTE = 200
DELETABLE = timedelta(hours=48)
LONGEST_TOPIC = 128
FIRST_COLOUR = 7322096
ACTIONS = frozenset(
    [
        "typing",
        "upload_photo",
        "record_video",
        "upload_video",
        "record_voice",
        "upload_voice",
        "upload_document",
        "choose_sticker",
        "find_location",
        "record_video_note",
        "upload_video_note",
    ]
)
SAME = (
    "message is not modified: specified new message content and reply markup are exactly the same as a current content "
    "and reply markup of the message"
)
TOO_OLD = "query is too old and response timeout expired or query ID is invalid"


def get_me(stage: Stage, _: Params) -> object:
    """Tell who the bot is."""
    abilities = {"can_join_groups": True, "can_read_all_group_messages": False, "supports_inline_queries": False}
    return {**stage.me.as_json(), **abilities}


def get_file(stage: Stage, params: Params) -> object:
    """Tell where a file that somebody sent can be fetched."""
    name = params.text("file_id")
    if name not in stage.files:
        raise bad("wrong file_id or the file is temporarily unavailable")
    size = len(stage.files[name])
    return {"file_id": name, "file_unique_id": f"u-{name}", "file_size": size, "file_path": f"photos/{name}.jpg"}


async def get_updates(stage: Stage, params: Params) -> object:
    """Hand out updates, waiting for one if asked to."""
    stage.updates.allow(_kinds(params))
    return await stage.updates.poll(params.integer("offset"), params.integer("limit"), params.integer("timeout"))


def set_webhook(stage: Stage, params: Params) -> object:
    """Have updates delivered."""
    stage.updates.allow(_kinds(params))
    stage.webhook.set(
        params.text("url"), secret=params.text("secret_token"), connections=params.integer("max_connections")
    )
    return _drop(stage, params)


def delete_webhook(stage: Stage, params: Params) -> object:
    """Have updates fetched again."""
    stage.webhook.set("")
    return _drop(stage, params)


def get_webhook_info(stage: Stage, _: Params) -> object:
    """Tell how delivery goes."""
    return stage.webhook.as_json()


def send_message(stage: Stage, params: Params) -> object:
    """Send a text."""
    marked = read_text(params)
    keyboard = read_keyboard(params)
    chat = open_chat(stage, params)
    thread = _thread(chat, params)
    check_for(chat, keyboard)
    _check_reply(chat, params)
    message = stage.add(chat, stage.me, marked, thread=thread)
    message.keyboard, message.protected = keyboard, params.flag("protect_content")
    stage.record(Deed.SENT, message, silent=params.flag("disable_notification"))
    return message.as_json()


def edit_message_text(stage: Stage, params: Params) -> object:
    """Change a text of the bot; a keyboard that is not given again is gone."""
    marked = read_text(params)
    return _edit(stage, params, marked)


def edit_message_reply_markup(stage: Stage, params: Params) -> object:
    """Change a keyboard of the bot."""
    return _edit(stage, params, None)


def delete_message(stage: Stage, params: Params) -> object:
    """Delete a message: the bot's own for two days, others' in a private chat or as an administrator."""
    chat = open_chat(stage, params)
    message = _message(chat, params, "message to delete not found")
    helper = chat.members.get(stage.me.id) in {Role.ADMINISTRATOR, Role.CREATOR}
    if message.sender is not stage.me and chat.kind is not Kind.PRIVATE and not helper:
        raise bad("message can't be deleted")
    if stage.now() - message.date > DELETABLE.total_seconds() and not helper:
        raise bad("message can't be deleted for everyone")
    message.deleted = True
    stage.record(Deed.DELETED, message)
    return True


def answer_callback_query(stage: Stage, params: Params) -> object:
    """Answer a button: once, and soon."""
    query, now = stage.queries.get(params.text("callback_query_id")), stage.clock.now()
    if query is None or query.answered or now - query.asked > QUERY_LIFE:
        raise bad(TOO_OLD)
    if len(params.text("text")) > LONGEST_NOTE:
        raise bad("MESSAGE_TOO_LONG")
    query.answered = True
    stage.journal.shown.append(Shown(now, query.user.id, params.text("text"), params.flag("show_alert")))
    return True


def send_chat_action(stage: Stage, params: Params) -> object:
    """Show that the bot is busy: a silent way to learn whether a chat can be reached."""
    chat = open_chat(stage, params)
    _thread(chat, params)
    if params.text("action") not in ACTIONS:
        raise bad("wrong parameter action in request")
    return True


def get_chat(stage: Stage, params: Params) -> object:
    """Tell about a chat; being blocked does not prevent it."""
    return _chat(stage, params).in_full()


def get_chat_member(stage: Stage, params: Params) -> object:
    """Tell what somebody is in a chat."""
    chat, user_id = _chat(stage, params), params.integer("user_id")
    if user_id is None:
        raise bad("invalid user_id specified")
    user = stage.me if user_id == stage.me.id else stage.users.get(user_id)
    if user is None:
        raise bad("user not found")
    here = chat.user is user or (chat.kind is Kind.PRIVATE and user is stage.me)
    return user.as_member(Role.MEMBER if here else chat.members.get(user_id, Role.LEFT))


def create_forum_topic(stage: Stage, params: Params) -> object:
    """Open a topic, as an administrator of a forum."""
    chat, name = open_chat(stage, params), params.text("name")
    if not chat.forum:
        raise bad("the chat is not a forum")
    _need_administrator(stage, chat, "not enough rights to create a topic")
    if not 1 <= len(name) <= LONGEST_TOPIC:
        raise bad("TOPIC_TITLE_EMPTY" if not name else "TOPIC_TITLE_TOO_LONG")
    colour = params.integer("icon_color") or FIRST_COLOUR
    return {"message_thread_id": stage.topic(chat, name), "name": name, "icon_color": colour}


def leave_chat(stage: Stage, params: Params) -> object:
    """Leave a group."""
    chat = open_chat(stage, params)
    if chat.kind is Kind.PRIVATE:
        raise bad("chat member status can't be changed in private chats")
    chat.members[stage.me.id] = Role.LEFT
    return True


def pin_chat_message(stage: Stage, params: Params) -> object:
    """Pin a message."""
    chat = open_chat(stage, params)
    message = _message(chat, params, "message to pin not found")
    if chat.kind is not Kind.PRIVATE:
        _need_administrator(stage, chat, "not enough rights to manage pinned messages in the chat")
    stage.record(Deed.PINNED, message, silent=params.flag("disable_notification"))
    return True


Method = Callable[[Stage, Params], object | Awaitable[object]]

METHODS: dict[str, Method] = {
    "getMe": get_me,
    "getUpdates": get_updates,
    "getFile": get_file,
    "setWebhook": set_webhook,
    "deleteWebhook": delete_webhook,
    "getWebhookInfo": get_webhook_info,
    "sendMessage": send_message,
    "editMessageText": edit_message_text,
    "editMessageReplyMarkup": edit_message_reply_markup,
    "deleteMessage": delete_message,
    "answerCallbackQuery": answer_callback_query,
    "setMyCommands": set_my_commands,
    "getMyCommands": get_my_commands,
    "sendChatAction": send_chat_action,
    "getChat": get_chat,
    "getChatMember": get_chat_member,
    "createForumTopic": create_forum_topic,
    "leaveChat": leave_chat,
    "pinChatMessage": pin_chat_message,
}
PACED = frozenset({"sendMessage", "editMessageText", "editMessageReplyMarkup"})
"""Methods that count towards the limits on messages."""


def read_text(params: Params) -> Marked:
    """Read ``text`` with its markup, as a chat would show it."""
    source, mode = params.text("text"), params.text("parse_mode").lower()
    if octets(source) > LONGEST_SOURCE:
        raise bad("text is too long")
    if mode not in {"", "html", "markdownv2"}:
        raise bad("unsupported parse_mode")
    entities = params.structure("entities", "message entities") or []
    if mode:
        marked = parse_html(source) if mode == "html" else parse_markdown(source)
    else:
        marked = Marked(source, tuple(_entity(entity) for entity in entities))
    marked = marked.trimmed()
    if not marked.text:
        raise bad("message text is empty")
    if len(marked.text) > LONGEST_TEXT:
        raise bad("message is too long")
    return marked


def open_chat(stage: Stage, params: Params) -> Chat:
    """Give the chat to act in; a refusal says why the bot may not."""
    chat = _chat(stage, params)
    if chat.user is not None:
        refusal = _person_refuses(chat.user.standing)
    else:
        refusal = _group_refuses(chat, chat.members.get(stage.me.id, Role.LEFT))
    if refusal is not None:
        raise refusal
    return chat


def _person_refuses(standing: Standing) -> RefusalError | None:
    return {
        Standing.NEVER_MET: bad("chat not found"),
        Standing.SEEN: forbidden("bot can't initiate conversation with a user"),
        Standing.STARTED: None,
        Standing.BLOCKED: forbidden("bot was blocked by the user"),
        Standing.DEACTIVATED: forbidden("user is deactivated"),
    }[standing]


def _group_refuses(chat: Chat, role: Role) -> RefusalError | None:
    if chat.migrated_to is not None:
        return upgraded(chat.migrated_to)
    if chat.deleted:
        return forbidden("the group chat was deleted")
    if role is Role.KICKED:
        return forbidden(f"bot was kicked from the {chat.kind} chat")
    return forbidden(f"bot is not a member of the {chat.kind} chat") if role is Role.LEFT else None


def _chat(stage: Stage, params: Params) -> Chat:
    if not params.text("chat_id"):
        raise bad("chat_id is empty")
    chat = stage.chats.get(params.integer("chat_id") or 0)
    if chat is None or (chat.user and chat.user.standing is Standing.NEVER_MET):
        raise bad("chat not found")
    return chat


def _thread(chat: Chat, params: Params) -> int | None:
    thread = params.integer("message_thread_id")
    # The general topic has the id 1, and writing to 1 fails all the same.
    if thread and thread not in chat.topics:
        raise bad("message thread not found")
    return thread or None


def _check_reply(chat: Chat, params: Params) -> None:
    reply = params.structure("reply_parameters", "reply parameters")
    if isinstance(reply, dict) and not reply.get("allow_sending_without_reply"):
        answered = chat.messages.get(Params(reply).integer("message_id") or 0)
        if answered is None or answered.deleted:
            raise bad("message to be replied not found")


def _message(chat: Chat, params: Params, missing: str) -> Message:
    number = params.integer("message_id")
    if number is None:
        raise bad("message identifier is not specified")
    message = chat.messages.get(number)
    if message is None or message.deleted:
        raise bad(missing)
    return message


def _edit(stage: Stage, params: Params, marked: Marked | None) -> object:
    keyboard = read_keyboard(params)
    chat = open_chat(stage, params)
    message = _message(chat, params, "message to edit not found")
    if message.sender is not stage.me or message.service:
        raise bad("message can't be edited")
    check_for(chat, keyboard)
    if (marked or message.marked, keyboard) == (message.marked, message.keyboard):
        raise bad(SAME)
    message.marked, message.keyboard, message.edited = marked or message.marked, keyboard, stage.now()
    stage.record(Deed.EDITED, message)
    return message.as_json()


def _entity(given: object) -> Entity:
    if not isinstance(given, dict):
        raise bad("can't parse MessageEntity: expected an Object")
    read = Params(given)
    offset, length = read.integer("offset"), read.integer("length")
    if offset is None or length is None:
        raise bad('can\'t parse MessageEntity: field "offset" or "length" is missing')
    more = {name: value for name, value in given.items() if name not in {"type", "offset", "length"}}
    return Entity(read.text("type"), offset, length, more)


def _kinds(params: Params) -> list[str] | None:
    kinds = params.structure("allowed_updates", "allowed updates")
    return [str(kind) for kind in kinds] if isinstance(kinds, list) else None


def _drop(stage: Stage, params: Params) -> bool:
    if params.flag("drop_pending_updates"):
        stage.updates.pending.clear()
    return True


def _need_administrator(stage: Stage, chat: Chat, refusal: str) -> None:
    if chat.members.get(stage.me.id) not in {Role.ADMINISTRATOR, Role.CREATOR}:
        raise bad(refusal)
