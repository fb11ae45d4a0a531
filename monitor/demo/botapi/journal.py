"""What the double took in: every message it accepted, as the chat saw it, and every request with its answer.

Tests assert on what customers saw, not on what the sender believes it sent. No token comes this far.
"""

from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum

from monitor.demo.botapi.world import Json, Message

HIDDEN = {"secret_token": "***"}
"""Parameters that are secrets themselves."""


class Deed(StrEnum):
    """What the bot did to a message."""

    SENT = "sent"
    EDITED = "edited"
    DELETED = "deleted"
    PINNED = "pinned"


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that a chat saw happen, at the moment it was accepted."""

    at: datetime
    deed: Deed
    chat: int
    message_id: int
    text: str
    entities: list[Json]
    reply_markup: Json | None
    thread: int | None
    silent: bool
    protected: bool


@dataclass(frozen=True, slots=True)
class Shown:
    """What a user was shown after pressing a button."""

    at: datetime
    user: int
    text: str
    alert: bool


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and what was answered; ``answer`` is None when nothing was processed or said."""

    at: datetime
    method: str
    params: Json
    status: int | None
    answer: Json | None
    fault: str | None


@dataclass(slots=True)
class Journal:
    """Everything, in the order of arrival."""

    entries: list[Entry] = field(default_factory=list)
    shown: list[Shown] = field(default_factory=list)
    exchanges: list[Exchange] = field(default_factory=list)

    def enter(self, at: datetime, deed: Deed, message: Message, *, silent: bool = False) -> None:
        """Enter what happened to a message."""
        entities = [entity.as_json() for entity in message.marked.entities]
        self.entries.append(
            Entry(
                at=at,
                deed=deed,
                chat=message.chat.id,
                message_id=message.id,
                text=message.marked.text,
                entities=entities,
                reply_markup=message.keyboard,
                thread=message.thread,
                silent=silent,
                protected=message.protected,
            )
        )

    def sent(self, chat: int | None = None) -> list[Entry]:
        """Give every message that was accepted, to one chat or to all."""
        return [entry for entry in self.entries if entry.deed is Deed.SENT and chat in {None, entry.chat}]

    def exchange(
        self, at: datetime, method: str, params: Json, answer: tuple[int, Json] | None, fault: str | None
    ) -> None:
        """Enter a request, without the secrets among its parameters."""
        shown = {name: HIDDEN.get(name, value) for name, value in params.items()}
        status, body = answer or (None, None)
        self.exchanges.append(Exchange(at, method, shown, status, body, fault))


def as_json(record: Entry | Shown | Exchange) -> Json:
    """Render a record for the control port."""
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in asdict(record).items()}
