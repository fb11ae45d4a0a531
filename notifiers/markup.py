"""Telegram's HTML as text: what is seen of it, how long that is, and what must not get into it.

Source: the Bot API's "HTML style"; a message has 1 to 4,096 characters after its tags and entities have been read.
"""

import html
import re
import unicodedata

LONGEST = 4096
"""Visible characters of one message, counted as UTF-16 units: never fewer than Telegram counts."""

ELLIPSIS = "…"
TAG = re.compile(r"<[^<>]*>")
JOINERS = frozenset("\u200c\u200d")
"""Invisible, but a part of scripts and of emoji."""
HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def plain(marked: str) -> str:
    """Give what a reader sees."""
    return html.unescape(TAG.sub("", marked))


def units(text: str) -> int:
    """Count UTF-16 units."""
    return len(text) + sum(char > "\uffff" for char in text)


def length(marked: str) -> int:
    """Count the visible characters."""
    return units(plain(marked))


def harmless(text: str, *, lines: bool = False) -> str:
    """Take out what is not seen but acts: control characters, turners of direction, half characters.

    A number that is copied from a chat must be the number. All space becomes single; with ``lines``, line feeds stay.
    """
    kept = "".join(
        char for char in text if char in JOINERS or char.isspace() or unicodedata.category(char) not in HIDDEN
    )
    if lines:
        return "\n".join(" ".join(line.split()) for line in kept.split("\n"))
    return " ".join(kept.split())


def shorten(text: str, most: int) -> str:
    """Cut a text, before it is escaped, to ``most`` UTF-16 units with the ellipsis."""
    if units(text) <= most:
        return text
    used, kept = units(ELLIPSIS), 0
    for char in text:
        used += units(char)
        if used > most:
            break
        kept += 1
    return text[: whole(text, kept)].rstrip() + ELLIPSIS


def whole(text: str, end: int) -> int:
    """Move ``end`` back until no sign that belongs together is cut: letters with marks, emoji made of several."""
    at = end
    while 0 < at < len(text) and (_leans(text[at]) or text[at - 1] == "\u200d"):
        at -= 1
    return at or end


def _leans(char: str) -> bool:
    return char in JOINERS or unicodedata.category(char) in {"Mn", "Me", "Mc", "Sk"}
