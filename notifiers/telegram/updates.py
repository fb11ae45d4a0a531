"""What comes back: an Update as Telegram sends it, made into one of a few values. Anybody may have written in it.

Source: Bot API, "Update". What is missing or of another kind makes an update ``Ignored``; none makes an error.
"""

import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from monitor.core.secret import Secret

ALLOWED: Final = ("message", "callback_query", "my_chat_member")
"""The kinds we ask for. Edited messages are none of them: what was said counts as it was said."""

LONGEST_TEXT = 4096
LARGEST_ID = 2**53
COMMAND = re.compile(r"/([a-zA-Z0-9_]{1,32})(?:@([a-zA-Z0-9_]{1,64}))?(?:\s+(.*))?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that somebody sent; ``file`` is what ``Telegram.fetch`` takes."""

    file: str
    size: int | None


@dataclass(frozen=True, slots=True)
class Said:
    """Somebody wrote to us, at ``at`` by Telegram's clock. ``language``: of their app, not necessarily their own."""

    update: int
    chat: int
    user: int
    private: bool
    message: int
    at: datetime
    text: str
    language: str | None = None
    thread: int | None = None
    picture: Picture | None = None


@dataclass(frozen=True, slots=True)
class Pressed:
    """Somebody pressed a button: proof that message ``message`` of chat ``chat`` has arrived."""

    update: int
    query: str
    user: int
    chat: int
    message: int
    data: str
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Blocked:
    """A person does not want to hear from us any more."""

    update: int
    chat: int


@dataclass(frozen=True, slots=True)
class Unblocked:
    """A person may be written to again."""

    update: int
    chat: int


@dataclass(frozen=True, slots=True)
class Removed:
    """We have lost our place, or our voice, in a group; ``by`` did it."""

    update: int
    chat: int
    by: int


@dataclass(frozen=True, slots=True)
class Admitted:
    """We have a place in a group; ``by`` gave it."""

    update: int
    chat: int
    by: int


@dataclass(frozen=True, slots=True)
class Migrated:
    """A group lives on under another id. It is told twice, from both sides."""

    update: int
    chat: int
    to: int


@dataclass(frozen=True, slots=True)
class Ignored:
    """Nothing for us, but it has to be confirmed all the same."""

    update: int
    why: str


Heard = Said | Pressed | Blocked | Unblocked | Removed | Admitted | Migrated | Ignored


@dataclass(frozen=True, slots=True)
class Command:
    """A text that begins with a command. ``bot``: the one it is meant for, where that is said."""

    name: str
    argument: str
    bot: str | None = None


def command(text: str) -> Command | None:
    """Read ``/start payload`` or ``/status@our_bot``; None: an ordinary text."""
    found = COMMAND.fullmatch(text.strip())
    return Command(found[1].lower(), (found[3] or "").strip(), found[2]) if found else None


def authentic(header: str | None, secret: Secret) -> bool:
    """Tell whether a webhook's ``X-Telegram-Bot-Api-Secret-Token`` is the one we gave Telegram."""
    return hmac.compare_digest((header or "").encode("utf-8", "replace"), secret.reveal().encode())


def read_webhook(body: bytes) -> Heard | None:
    """Read the body of a webhook; None: no update at all."""
    try:
        return normalise(json.loads(body))
    except (ValueError, RecursionError):
        return None


def normalise(raw: object) -> Heard | None:
    """Make an update one of the few values we know; None: it has no number, so it is no update at all."""
    update = _Node(raw)
    number = update.id("update_id")
    if number is None:
        return None
    for kind, read in (("message", _message), ("callback_query", _press), ("my_chat_member", _membership)):
        if kind in update:
            return read(number, update.node(kind)) or Ignored(number, f"a {kind} without the usual parts")
    return Ignored(number, "a kind we did not ask for")


class _Node:
    """An object of a stranger's document; whatever is not as it should be is simply absent."""

    def __init__(self, raw: object) -> None:
        self._raw: Mapping[object, object] = raw if isinstance(raw, dict) else {}

    def __contains__(self, name: str) -> bool:
        return name in self._raw

    def node(self, name: str) -> "_Node":
        return _Node(self._raw.get(name))

    def last(self, name: str) -> "_Node":
        found = self._raw.get(name)
        return _Node(found[-1] if isinstance(found, list) and found else None)

    def id(self, name: str) -> int | None:
        found = self._raw.get(name)
        return found if type(found) is int and abs(found) < LARGEST_ID else None

    def text(self, name: str) -> str:
        found = self._raw.get(name)
        # Half a character, as JSON lets through, could not be stored.
        return found.encode("utf-8", "replace").decode()[:LONGEST_TEXT] if isinstance(found, str) else ""

    def flag(self, name: str) -> bool:
        return self._raw.get(name) is True


def _message(number: int, message: _Node) -> Heard | None:
    chat, user = message.node("chat"), message.node("from")
    where, to, since = chat.id("id"), message.id("migrate_to_chat_id"), message.id("migrate_from_chat_id")
    if where is not None and to is not None:
        return Migrated(number, where, to)
    if where is not None and since is not None:
        return Migrated(number, since, where)
    who, name, at = user.id("id"), message.id("message_id"), _instant(message.id("date"))
    if where is None or who is None or name is None or at is None:
        return None
    if user.flag("is_bot"):
        return Ignored(number, "written by a bot")
    text, picture = message.text("text") or message.text("caption"), _picture(message)
    if not text and picture is None:
        return Ignored(number, "neither words nor a picture")
    return Said(
        update=number,
        chat=where,
        user=who,
        private=chat.text("type") == "private",
        message=name,
        at=at,
        text=text,
        language=user.text("language_code") or None,
        thread=message.id("message_thread_id") if message.flag("is_topic_message") else None,
        picture=picture,
    )


def _picture(message: _Node) -> Picture | None:
    # Photos come in several sizes, the largest last.
    found = message.last("photo")
    if not found.text("file_id") and message.node("document").text("mime_type").startswith("image/"):
        found = message.node("document")
    return Picture(found.text("file_id"), found.id("file_size")) if found.text("file_id") else None


def _press(number: int, press: _Node) -> Heard | None:
    user, message = press.node("from"), press.node("message")
    query, who = press.text("id"), user.id("id")
    # An old message is "inaccessible": no text, date 0, but still its number and chat.
    where, name = message.node("chat").id("id"), message.id("message_id")
    if not query or who is None or where is None or name is None:
        return None
    return Pressed(number, query, who, where, name, press.text("data"), user.text("language_code") or None)


def _membership(number: int, change: _Node) -> Heard | None:
    chat, by, member = change.node("chat"), change.node("from").id("id"), change.node("new_chat_member")
    where, status = chat.id("id"), member.text("status")
    if where is None or by is None or not status:
        return None
    silenced = status == "restricted" and not member.flag("can_send_messages")
    gone = status in {"kicked", "left"} or silenced
    if chat.text("type") == "private":
        return Blocked(number, where) if gone else Unblocked(number, where)
    return Removed(number, where, by) if gone else Admitted(number, where, by)


def _instant(seconds: int | None) -> datetime | None:
    try:
        return None if seconds is None or seconds <= 0 else datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError):
        return None
