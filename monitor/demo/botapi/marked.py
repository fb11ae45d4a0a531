"""A text as people see it, with its entities: what both markup languages are parsed into."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace


def units(text: str) -> int:
    """Count UTF-16 code units, in which Telegram measures entities."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def octets(text: str) -> int:
    """Count bytes of UTF-8, in which Telegram's refusals name a place."""
    return len(text.encode("utf-8", "surrogatepass"))


@dataclass(frozen=True, slots=True)
class Entity:
    """A stretch of text with a meaning; offset and length in UTF-16 code units. ``more``: its url, language ..."""

    kind: str
    offset: int
    length: int
    more: Mapping[str, object] = field(default_factory=dict)

    def as_json(self) -> dict[str, object]:
        """Render it as a MessageEntity."""
        return {"type": self.kind, "offset": self.offset, "length": self.length, **self.more}


@dataclass(frozen=True, slots=True)
class Marked:
    """A text without markup, and its entities in order: by where they begin, the outer before the inner."""

    text: str
    entities: tuple[Entity, ...] = ()

    def trimmed(self) -> "Marked":
        """Give it as a chat shows it: without blanks around it, the entities moved and cut to fit."""
        text = self.text.strip()
        before = units(self.text) - units(self.text.lstrip())
        return Marked(text, tuple(_fit(self.entities, before, units(text))))


def _fit(entities: Iterable[Entity], before: int, room: int) -> Iterator[Entity]:
    for entity in sorted(entities, key=lambda entity: (entity.offset, -entity.length)):
        begin = max(entity.offset - before, 0)
        end = min(entity.offset - before + entity.length, room)
        if begin < end:
            yield replace(entity, offset=begin, length=end - begin)
