"""Telegram's MarkdownV2, as far as it has tempted programs to use it for data; custom emoji are not spoken here.

Source: Bot API, "Formatting options"; the error texts are those of tdlib.
"""

import re
from dataclasses import dataclass, field

from monitor.demo.botapi.marked import Entity, Marked, octets, units
from monitor.demo.botapi.refusal import unparsed

RESERVED = frozenset("_*[]()~`>#+-=|{}.!")
MARKS = {"||": "spoiler", "__": "underline", "_": "italic", "*": "bold", "~": "strikethrough"}
SPOKEN = {
    "bold": "Bold",
    "italic": "Italic",
    "underline": "Underline",
    "strikethrough": "Strikethrough",
    "spoiler": "Spoiler",
    "text_link": "TextUrl",
}
LANGUAGE = re.compile(r"([^\s`]*)(?=\s)(?:\n\r?|\r\n?)?")
QUOTED = re.compile(r"(?m)^>")


def parse_markdown(source: str) -> Marked:
    """Parse a text in MarkdownV2 mode; a broken one is refused with Telegram's reason."""
    return _Parser(source).parse()


@dataclass(slots=True)
class _Parser:
    source: str
    at: int = 0
    text: str = ""
    stack: list[tuple[str, int, int]] = field(default_factory=list)
    """What is open: its kind, where its text begins, and where it was opened in the source."""
    entities: list[Entity] = field(default_factory=list)
    quote: int | None = None

    def parse(self) -> Marked:
        while self.at < len(self.source):
            self._step()
        self._end_quote()
        if self.stack:
            kind, _, opened = self.stack[-1]
            raise unparsed(f"Can't find end of {SPOKEN[kind]} entity at byte offset {octets(self.source[:opened])}")
        return Marked(self.text, tuple(sorted(self.entities, key=lambda entity: (entity.offset, -entity.length))))

    def _step(self) -> None:
        char, mark = self.source[self.at], self._mark()
        if char == "\\" and self.at + 1 < len(self.source):
            self.text += self.source[self.at + 1]
            self.at += 2
        elif char == ">" and QUOTED.match(self.source, self.at):
            self.quote = units(self.text) if self.quote is None else self.quote
            self.at += 1
        elif char == "`":
            self._code("```" if self.source.startswith("```", self.at) else "`")
        elif mark:
            self._toggle(MARKS[mark], len(mark))
        elif char == "[":
            self.stack.append(("text_link", units(self.text), self.at))
            self.at += 1
        elif char == "]" and self.stack and self.stack[-1][0] == "text_link":
            self._link()
        elif char in RESERVED:
            raise unparsed(f"Character '{char}' is reserved and must be escaped with the preceding '\\'")
        else:
            self.text += char
            self.at += 1
            if char == "\n" and not self.source.startswith(">", self.at):
                self._end_quote()

    def _mark(self) -> str | None:
        # "___" ends an underline before an italic around it, and an italic ends at a single "_" only.
        return next((mark for mark in MARKS if self.source.startswith(mark, self.at)), None)

    def _toggle(self, kind: str, width: int) -> None:
        if self.stack and self.stack[-1][0] == kind:
            _, begin, _ = self.stack.pop()
            self._add(kind, begin)
        else:
            self.stack.append((kind, units(self.text), self.at))
        self.at += width

    def _code(self, mark: str) -> None:
        opened, begin = self.at, units(self.text)
        self.at += len(mark)
        language = LANGUAGE.match(self.source, self.at) if mark == "```" else None
        if language:
            self.at = language.end()
        while not self.source.startswith(mark, self.at):
            if self.at >= len(self.source):
                kind = "Code" if mark == "`" else "PreCode" if language and language[1] else "Pre"
                raise unparsed(f"Can't find end of {kind} entity at byte offset {octets(self.source[:opened])}")
            self.at += self.source.startswith("\\", self.at) and self.at + 1 < len(self.source)
            self.text += self.source[self.at]
            self.at += 1
        self.at += len(mark)
        more: dict[str, object] = {"language": language[1]} if language and language[1] else {}
        self._add("code" if mark == "`" else "pre", begin, more)

    def _link(self) -> None:
        _, begin, _ = self.stack.pop()
        self.at += 1
        url = self.text.encode("utf-16-le")[2 * begin :].decode("utf-16-le")
        if self.source.startswith("(", self.at):
            url = self._url()
        if "." in url or ":" in url:
            self._add("text_link", begin, {"url": url})

    def _url(self) -> str:
        self.at += 1
        opened, url = self.at, ""
        while not self.source.startswith(")", self.at):
            self.at += self.source.startswith("\\", self.at)
            if self.at >= len(self.source):
                raise unparsed(f"Can't find end of a URL at byte offset {octets(self.source[:opened])}")
            url += self.source[self.at]
            self.at += 1
        self.at += 1
        return url

    def _end_quote(self) -> None:
        if self.quote is not None:
            begin, self.quote = self.quote, None
            self._add("blockquote", begin)

    def _add(self, kind: str, begin: int, more: dict[str, object] | None = None) -> None:
        if length := units(self.text) - begin:
            self.entities.append(Entity(kind, begin, length, more or {}))
