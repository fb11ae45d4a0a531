"""Telegram's HTML: a small subset with its own rules, and its own words when they are broken.

Source: Bot API, "Formatting options"; the error texts are those of tdlib.
"""

import re
from dataclasses import dataclass, field, replace

from monitor.demo.botapi.marked import Entity, Marked, octets, units
from monitor.demo.botapi.refusal import unparsed

TAGS = {
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "u": "underline",
    "ins": "underline",
    "s": "strikethrough",
    "strike": "strikethrough",
    "del": "strikethrough",
    "tg-spoiler": "spoiler",
    "span": "spoiler",
    "a": "text_link",
    "code": "code",
    "pre": "pre",
    "blockquote": "blockquote",
    "tg-emoji": "custom_emoji",
}
NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}
REFERENCE = re.compile(r"&(?:(lt|gt|amp|quot)|#[xX]([0-9a-fA-F]{1,8})|#([0-9]{1,8}));?")
LAST_CODE_POINT = 0x10FFFF
SURROGATES = range(0xD800, 0xE000)
NAME = re.compile(r"[^\s>]*")
ATTRIBUTE = re.compile(
    r"""(?P<name>[^\s=>]*)(?:\s*=\s*(?:"(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<bare>[\w.-]*)))?"""
)


def parse_html(source: str) -> Marked:
    """Parse a text in HTML mode; a broken one is refused with Telegram's reason."""
    return _Parser(source).parse()


@dataclass(slots=True)
class _Open:
    """A tag that waits for its end; ``begin`` is where its text begins."""

    tag: str
    begin: int
    attributes: dict[str, str]


@dataclass(slots=True)
class _Parser:
    source: str
    at: int = 0
    text: str = ""
    stack: list[_Open] = field(default_factory=list)
    entities: list[Entity] = field(default_factory=list)

    def parse(self) -> Marked:
        while self.at < len(self.source):
            if self.source.startswith("</", self.at):
                self._close()
            elif self.source.startswith("<", self.at):
                self._open()
            else:
                begin, end = self.at, self.source.find("<", self.at)
                self.at = end if end >= 0 else len(self.source)
                self.text += decode(self.source[begin : self.at])
        if self.stack:
            raise unparsed(f'Can\'t find end tag corresponding to start tag "{self.stack[-1].tag}"')
        # A language belongs to a block; on a stretch of code within a line it means nothing.
        entities = (replace(entity, more={}) if entity.kind == "code" else entity for entity in self.entities)
        return Marked(self.text, tuple(sorted(entities, key=lambda entity: (entity.offset, -entity.length))))

    def _here(self) -> str:
        return f"at byte offset {octets(self.source[: self.at])}"

    def _open(self) -> None:
        found = NAME.match(self.source, self.at + 1)
        tag = found.group().lower() if found else ""
        if self.source.find(">", self.at) < 0:
            raise unparsed(f"Unclosed start tag {self._here()}")
        if tag not in TAGS:
            raise unparsed(f'Unsupported start tag "{tag}" {self._here()}')
        attributes, end = self._attributes(tag, self.at + 1 + len(tag))
        if tag == "span" and attributes.get("class") != "tg-spoiler":
            raise unparsed(f'Tag "span" must have class "tg-spoiler" {self._here()}')
        self.stack.append(_Open(tag, units(self.text), attributes))
        self.at = end

    def _attributes(self, tag: str, at: int) -> tuple[dict[str, str], int]:
        attributes: dict[str, str] = {}
        while True:
            while self.source[at : at + 1].isspace():
                at += 1
            found = ATTRIBUTE.match(self.source, at)
            if self.source.startswith(">", at):
                return attributes, at + 1
            if found is None or found.end() == at:
                raise unparsed(f"Unclosed start tag {self._here()}")
            if not found["name"]:
                raise unparsed(f'Empty attribute name in the tag "{tag}" {self._here()}')
            at = found.end()
            following = self.source[at : at + 1]
            if found["bare"] == "" and following in {"'", '"'}:
                # A quotation that never ends swallows the end of the tag.
                raise unparsed(f"Unclosed start tag {self._here()}")
            if found["bare"] is not None and not following.isspace() and following != ">":
                raise unparsed(
                    f"Unexpected end of name token at byte offset {octets(self.source[: found.start('bare')])}"
                )
            attributes[found["name"].lower()] = decode(found["double"] or found["single"] or found["bare"] or "")

    def _close(self) -> None:
        if not self.stack:
            raise unparsed(f"Unexpected end tag {self._here()}")
        end = self.source.find(">", self.at)
        if end < 0:
            raise unparsed(f"Unclosed end tag {self._here()}")
        tag, opened = self.source[self.at + 2 : end].strip().lower(), self.stack.pop()
        # "</>" closes whatever is open.
        if tag not in {"", opened.tag}:
            raise unparsed(f'Unmatched end tag {self._here()}, expected "</{opened.tag}>", found "</{tag}>"')
        self.at = end + 1
        entity = self._entity(opened)
        if entity is not None and entity.length:
            self.entities.append(entity)

    def _entity(self, opened: _Open) -> Entity | None:
        kind, given = TAGS[opened.tag], opened.attributes
        more: dict[str, object] = {}
        if kind == "text_link":
            url = _address(given.get("href") or _from(self.text, opened.begin))
            if url is None:
                return None
            more = {"url": url}
        elif kind == "custom_emoji":
            more = {"custom_emoji_id": given.get("emoji-id", "")}
        elif kind == "code" and given.get("class", "").startswith("language-"):
            more = {"language": given["class"].removeprefix("language-")}
        elif kind == "blockquote" and "expandable" in given:
            kind = "expandable_blockquote"
        entity = Entity(kind, opened.begin, units(self.text) - opened.begin, more)
        return self._block(entity) if kind == "pre" else entity

    def _block(self, block: Entity) -> Entity:
        """Make one block of a ``pre`` and the ``code`` with a language that fills it."""
        inner = self.entities[-1] if self.entities else None
        if inner and (inner.kind, inner.offset, inner.length) == ("code", block.offset, block.length) and inner.more:
            self.entities.pop()
            return replace(block, more=inner.more)
        return block


def decode(text: str) -> str:
    """Replace the four named references and the numeric ones; all others are literal text here."""
    return REFERENCE.sub(_decoded, text)


def _decoded(found: re.Match[str]) -> str:
    name, hexadecimal, decimal = found.groups()
    if name:
        return NAMED[name]
    code = int(hexadecimal, 16) if hexadecimal else int(decimal)
    if code in SURROGATES:
        reason = "Text contains invalid Unicode characters after decoding HTML entities"
        raise unparsed(f"{reason}, check for unmatched surrogate code units")
    return chr(code) if 0 < code <= LAST_CODE_POINT else found.group()


def _from(text: str, begin: int) -> str:
    """Give the text from an offset in code units on."""
    return text.encode("utf-16-le", "surrogatepass")[2 * begin :].decode("utf-16-le", "surrogatepass")


def _address(url: str) -> str | None:
    """Give a link's address in full; None for what is none, which leaves plain text."""
    if re.match(r"(?i)(https?|tg|ton|tonsite)://\S|mailto:|tel:|tg:", url):
        return url
    return f"http://{url}/" if re.fullmatch(r"[\w-]+(\.[\w-]+)+", url) else None
