"""What Telegram's refusals mean. Texts are matched in small letters and in part, for nothing promises their exact form.

Source: tdlib/telegram-bot-api ``Client.cpp`` and public reports of the texts that come from below it.
"""

import re
from datetime import timedelta
from enum import Enum, auto
from http import HTTPStatus

from monitor.core.notice import Moved, Outcome, Rejected, TryLater, Undeliverable
from notifiers.message import Unreachable
from notifiers.telegram.request import RefusedError

UNREACHABLE: tuple[tuple[str, Unreachable], ...] = (
    ("can't initiate conversation", Unreachable.NOT_LINKED),
    ("bot was blocked by the user", Unreachable.BLOCKED),
    ("user is deactivated", Unreachable.DEACTIVATED),
    ("bot was kicked", Unreachable.KICKED),
    ("bot is not a member", Unreachable.KICKED),
    ("group chat was deleted", Unreachable.KICKED),
    ("group chat was deactivated", Unreachable.KICKED),
    ("not enough rights to send", Unreachable.KICKED),
    ("have no rights to send", Unreachable.KICKED),
    ("chat_write_forbidden", Unreachable.KICKED),
    ("chat not found", Unreachable.CHAT_NOT_FOUND),
)

FLOOD = 30.0
"""Seconds of silence when Telegram asks for it without saying how long."""

MARGIN = 0.5
"""Seconds added to every wish for silence: clocks differ, and its last moment counts as well."""

SICK = timedelta(minutes=1)
"""How long to wait when something that is not about this message is wrong."""


class Repair(Enum):
    """What would make a refused message acceptable."""

    WITHOUT_MARKUP = auto()
    WITHOUT_THREAD = auto()


REPAIRS = (
    ("can't parse entities", Repair.WITHOUT_MARKUP),
    # A topic that was deleted, or number 1: the general one has to go unnamed.
    ("message thread not found", Repair.WITHOUT_THREAD),
    ("topic_deleted", Repair.WITHOUT_THREAD),
)


def repair(refusal: RefusedError) -> Repair | None:
    """Tell how the message could be made acceptable."""
    said = refusal.description.lower()
    return next((means for words, means in REPAIRS if words in said), None)


def not_modified(refusal: RefusedError) -> bool:
    """Tell whether an edit had been applied before."""
    return "message is not modified" in refusal.description.lower()


def silence(refusal: RefusedError) -> float | None:
    """Give the seconds for which Telegram wants to hear nothing from anybody here."""
    if refusal.code != HTTPStatus.TOO_MANY_REQUESTS and refusal.retry_after is None:
        return None
    named = re.search(r"retry after (\d{1,6})", refusal.description.lower())
    return (refusal.retry_after or (float(named[1]) if named else FLOOD)) + MARGIN


def outcome(refusal: RefusedError, recipient: str) -> Outcome:
    """Turn a refusal into what became of the message."""
    said = refusal.description.lower()
    if refusal.migrate_to is not None:
        return Moved(str(refusal.migrate_to))
    wanted = silence(refusal)
    if wanted is not None:
        return TryLater(timedelta(seconds=wanted), "flood", everyone=True)
    why = next((means for words, means in UNREACHABLE if words in said), None)
    if why is None and refusal.code == HTTPStatus.FORBIDDEN and said:
        # Unknown words, but the bot may not speak there until somebody on the other side changes that.
        why = Unreachable.KICKED if recipient.startswith("-") else Unreachable.BLOCKED
    if why is not None:
        return Undeliverable(why.value)
    if refusal.code == HTTPStatus.BAD_REQUEST and said:
        return Rejected(refusal.description)
    # A token that is not accepted, a proxy's page, a status nobody knows: nothing was done, and it is not this message.
    return TryLater(SICK, f"HTTP {refusal.code} {refusal.description}".rstrip())
