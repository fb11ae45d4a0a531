"""Reply markup: what Telegram accepts as a keyboard under a message."""

import re

from monitor.demo.botapi.params import Params
from monitor.demo.botapi.refusal import RefusalError, bad
from monitor.demo.botapi.world import Chat, Json, Kind

MOST_BUTTONS = 100
MOST_DATA = 64
"""Bytes of ``callback_data``, in UTF-8."""
ACTIONS = (
    "url",
    "callback_data",
    "web_app",
    "login_url",
    "switch_inline_query",
    "switch_inline_query_current_chat",
    "switch_inline_query_chosen_chat",
    "copy_text",
)
MAY_BE_EMPTY = frozenset({"switch_inline_query", "switch_inline_query_current_chat"})
SCHEMES = frozenset({"http", "https", "tg", "ton", "tonsite"})
STYLES = frozenset({"danger", "success", "primary"})
OTHER_MARKUP = frozenset({"keyboard", "remove_keyboard", "force_reply"})


def read_keyboard(params: Params) -> Json | None:
    """Read ``reply_markup``; None for none, and for the kinds that leave no trace on the message itself."""
    markup = params.structure("reply_markup", "reply keyboard markup")
    if markup is None:
        return None
    if not isinstance(markup, dict) or not markup.keys() & {"inline_keyboard", *OTHER_MARKUP}:
        raise bad("object expected as reply markup")
    if "inline_keyboard" not in markup:
        return None
    rows = markup["inline_keyboard"]
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise bad('field "inline_keyboard" of the InlineKeyboardMarkup must be an Array of Arrays')
    for row in rows:
        for button in row:
            _check_button(button)
    kept = [row for row in rows if row]
    return {"inline_keyboard": kept} if kept else None


def check_for(chat: Chat, keyboard: Json | None) -> None:
    """Refuse what only shows once the chat is known: sizes, and buttons that this sort of chat does not have."""
    buttons = buttons_of(keyboard)
    if len(buttons) > MOST_BUTTONS:
        raise bad("REPLY_MARKUP_TOO_LONG")
    for button in buttons:
        if len(str(button.get("callback_data", "")).encode()) > MOST_DATA:
            raise bad("BUTTON_DATA_INVALID")
        if "web_app" in button and chat.kind is not Kind.PRIVATE:
            raise bad("BUTTON_TYPE_INVALID")


def rows_of(keyboard: Json | None) -> list[list[Json]]:
    """Give the rows of buttons."""
    rows = keyboard["inline_keyboard"] if keyboard else []
    return rows if isinstance(rows, list) else []


def buttons_of(keyboard: Json | None) -> list[Json]:
    """Give the buttons, row by row."""
    return [button for row in rows_of(keyboard) for button in row]


def _check_button(button: object) -> None:
    if not isinstance(button, dict):
        raise bad("inline keyboard button must be an Object")
    if "text" not in button:
        raise _unparsed('Can\'t find field "text"')
    if not isinstance(button["text"], str):
        raise _unparsed('Field "text" must be of type String')
    if not any(button.get(action) or (action in button and action in MAY_BE_EMPTY) for action in ACTIONS):
        raise _unparsed("Text buttons are unallowed in the inline keyboard")
    if not button["text"]:
        raise bad("REPLY_MARKUP_INVALID")
    if button.get("style", "primary") not in STYLES:
        raise _unparsed("Button style is invalid")
    _check_url(str(button.get("url", "https://example.org")))


def _check_url(url: str) -> None:
    scheme, mark, rest = url.partition("://")
    if mark and scheme.lower() not in SCHEMES:
        raise bad(f"inline keyboard button URL '{url}' is invalid: Unsupported URL protocol")
    if not re.match(r"[\w-]+(\.[\w-]+)*", rest if mark else url):
        raise bad(f"inline keyboard button URL '{url}' is invalid: Wrong HTTP URL")


def _unparsed(reason: str) -> RefusalError:
    return bad(f"can't parse inline keyboard button: {reason}")
