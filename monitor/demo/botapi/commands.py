"""The menus of commands that Telegram offers while somebody types: kept by scope and language, with their limits."""

import json
import re

from monitor.demo.botapi.params import Params
from monitor.demo.botapi.refusal import bad, upgraded
from monitor.demo.botapi.stage import Stage
from monitor.demo.botapi.world import Chat, Json, Kind

MOST_COMMANDS = 100
COMMAND = re.compile(r"[a-z0-9_]{1,32}")
LONGEST_DESCRIPTION = 256
LANGUAGE = re.compile(r"(?:[a-z]{2})?")
EVERYWHERE = frozenset({"default", "all_private_chats", "all_group_chats", "all_chat_administrators"})
IN_ONE_CHAT = frozenset({"chat", "chat_administrators", "chat_member"})


def set_my_commands(stage: Stage, params: Params) -> object:
    """Set the list of commands for a scope and language; an empty list takes it away."""
    given = params.structure("commands", "list of bot commands")
    if not isinstance(given, list):
        raise bad("expected an Array of BotCommand")
    if len(given) > MOST_COMMANDS:
        raise bad("BOT_COMMANDS_TOO_MUCH")
    commands = [_command(each) for each in given]
    where = _where(stage, params)
    if commands:
        stage.commands[where] = commands
    else:
        stage.commands.pop(where, None)
    return True


def get_my_commands(stage: Stage, params: Params) -> object:
    """Give the list that was set for exactly this scope and language."""
    return stage.commands.get(_where(stage, params), [])


def offered(stage: Stage, chat: Chat) -> list[Json]:
    """Give the commands that an app offers in a chat: the narrowest scope first, and in it the user's language."""
    scopes: list[Json] = [{"type": "chat", "chat_id": chat.id}]
    scopes += [{"type": "all_private_chats" if chat.kind is Kind.PRIVATE else "all_group_chats"}, {"type": "default"}]
    language = (chat.user.language if chat.user else None) or ""
    keys = [_key(scope, spoken) for scope in scopes for spoken in dict.fromkeys((language[:2], ""))]
    return next((stage.commands[key] for key in keys if key in stage.commands), [])


def _command(given: object) -> Json:
    if not isinstance(given, dict):
        raise bad("BOT_COMMAND_INVALID")
    name, words = str(given.get("command", "")).removeprefix("/"), str(given.get("description", ""))
    if not COMMAND.fullmatch(name):
        raise bad("BOT_COMMAND_INVALID")
    if not 1 <= len(words) <= LONGEST_DESCRIPTION:
        raise bad("BOT_COMMAND_DESCRIPTION_INVALID")
    return {"command": name, "description": words}


def _where(stage: Stage, params: Params) -> str:
    scope = params.structure("scope", "BotCommandScope") or {"type": "default"}
    if not isinstance(scope, dict) or scope.get("type") not in EVERYWHERE | IN_ONE_CHAT:
        raise bad("can't parse BotCommandScope: unsupported type specified")
    if scope["type"] in IN_ONE_CHAT:
        chat = stage.chats.get(Params(scope).integer("chat_id") or 0)
        if chat is None:
            raise bad("chat not found")
        if chat.migrated_to is not None:
            raise upgraded(chat.migrated_to)
        scope = {**scope, "chat_id": chat.id}
    if not LANGUAGE.fullmatch(params.text("language_code")):
        raise bad("invalid language code specified")
    return _key(scope, params.text("language_code"))


def _key(scope: Json, language: str) -> str:
    return json.dumps([scope, language], sort_keys=True)
