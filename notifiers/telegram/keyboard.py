"""What a button carries: ``v1:<action>:<case>:<version>``, at most 64 bytes, read strictly.

Anybody can send any data; a button is a wish, and the desk decides whether it is granted.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from telegram import InlineKeyboardButton, InlineKeyboardMarkup

from notifiers.message import Button

LONGEST = 64
"""Bytes, not characters; Telegram refuses the whole message when one button carries more."""

SHAPE = re.compile(r"v1:([a-z_]{1,16})(?:\.([a-z_]{1,24}))?:([1-9][0-9]{0,11}):(0|[1-9][0-9]{0,5})", re.ASCII)


class Action(StrEnum):
    """What can be asked for by pressing."""

    APPROVE = "approve"
    REJECT = "reject"
    OTHER_SPARE = "other_spare"
    HOLD = "hold"
    ASK = "ask"
    CREDIT = "credit"
    RELEASE = "release"
    SHOW = "show"
    REVEAL = "reveal"
    LINK = "link"
    RELINK = "relink"
    LANGUAGE = "language"
    REPORT = "report"


@dataclass(frozen=True, slots=True)
class Press:
    """A wish about a case, as of one version of it. ``detail``: a word that narrows it, such as a reason.

    For wishes about a link or a report, ``case`` is the number of that.
    """

    action: Action
    case: int
    version: int
    detail: str | None = None


def write(press: Press) -> str:
    """Write a wish as a button's data.

    :raises ValueError: it cannot be written so that ``read`` would give it back.
    """
    action = press.action if press.detail is None else f"{press.action}.{press.detail}"
    data = f"v1:{action}:{press.case}:{press.version}"
    if read(data) != press:
        raise ValueError(f"no button can carry {data!r}")
    return data


def read(data: str | None) -> Press | None:
    """Read a button's data; None: it is none of ours."""
    match = SHAPE.fullmatch(data or "")
    if match is None or len(match[0]) > LONGEST or match[1] not in {each.value for each in Action}:
        return None
    return Press(Action(match[1]), int(match[3]), int(match[4]), match[2])


def markup(buttons: tuple[tuple[Button, ...], ...]) -> InlineKeyboardMarkup | None:
    """Lay out buttons in rows; None when there are none.

    :raises ValueError: a button's data is empty or longer than 64 bytes.
    """
    for button in (each for row in buttons for each in row):
        if not 1 <= len(button.data.encode()) <= LONGEST:
            raise ValueError(f"button {button.label!r}: the data must have 1 to {LONGEST} bytes")
    rows = [[InlineKeyboardButton(each.label, callback_data=each.data) for each in row] for row in buttons]
    return InlineKeyboardMarkup(rows) if rows else None
