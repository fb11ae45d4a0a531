"""A long message in several: cut where a reader would cut, never inside a tag, an entity or an emoji."""

import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from notifiers.markup import LONGEST, length, plain, units, whole
from notifiers.message import Message

SIGN = re.compile(r"<[^<>]*>|&(?:[a-z]+|#[0-9]+|#x[0-9a-f]+);|.", re.IGNORECASE | re.DOTALL)


def parts(message: Message) -> Sequence[Message]:
    """Give the message in as many parts as Telegram needs; buttons stand under the last."""
    if length(message.text) <= LONGEST:
        return (message,)
    pieces = split(message.text, LONGEST)
    return tuple(
        replace(
            message,
            text=piece,
            plain=plain(piece),
            key=message.key if number == 1 else f"{message.key}:part{number}",
            buttons=message.buttons if number == len(pieces) else (),
        )
        for number, piece in enumerate(pieces, 1)
    )


def split(marked: str, most: int) -> list[str]:
    """Cut Telegram's HTML into pieces of at most ``most`` visible UTF-16 units; what a cut closes is opened again."""
    signs = SIGN.findall(marked)
    pieces: list[str] = []
    opened: list[str] = []
    start = 0
    while start < len(signs):
        end = _end(signs, start, most)
        text = "".join(opened) + "".join(signs[start:end]).rstrip()
        opened = _open(opened, signs[start:end])
        piece = text + "".join(f"</{_name(tag)}>" for tag in reversed(opened))
        if plain(piece).strip():
            pieces.append(piece)
        start = end
        while start < len(signs) and signs[start].isspace():
            start += 1
    return pieces


def _end(signs: Sequence[str], start: int, most: int) -> int:
    """Find where the piece that begins at ``start`` ends: after a line, else a word, else wherever it is full."""
    used = 0
    line = word = None
    for at in range(start, len(signs)):
        sign = signs[at]
        used += _width(sign)
        if used > most:
            # A cut within a line is better than a nearly empty message.
            return line or (at if sign.isspace() else word) or _full(signs, start, at)
        if used > most // 2:
            line = at + 1 if sign == "\n" else line
            word = at + 1 if sign == " " else word
    return len(signs)


def _full(signs: Sequence[str], start: int, at: int) -> int:
    text = "".join(sign if len(sign) == 1 else "x" for sign in signs[start : at + 1])
    return start + max(1, whole(text, at - start))


def _width(sign: str) -> int:
    return 0 if _is_tag(sign) else units(html.unescape(sign))


def _is_tag(sign: str) -> bool:
    return sign.startswith("<") and sign.endswith(">")


def _name(tag: str) -> str:
    return tag.strip("</>").split()[0]


def _open(opened: Sequence[str], signs: Sequence[str]) -> list[str]:
    """Tell which tags are still open after ``signs``."""
    still = list(opened)
    for tag in _tags(signs):
        if tag.startswith("</"):
            still.pop()
        else:
            still.append(tag)
    return still


def _tags(signs: Sequence[str]) -> Iterator[str]:
    return (sign for sign in signs if _is_tag(sign))
