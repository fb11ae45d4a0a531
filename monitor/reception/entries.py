"""What was heard, as it is stored: JSON facts, in which nobody finds a token that opens anything."""

import hashlib
from dataclasses import asdict
from datetime import datetime
from typing import Any

from monitor.store.inbox import PRESSED, Arrived, Waiting
from notifiers.telegram.updates import (
    Admitted,
    Blocked,
    Heard,
    Ignored,
    Migrated,
    Picture,
    Pressed,
    Removed,
    Said,
    Unblocked,
    command,
)

KINDS: dict[type[Heard], str] = {
    Said: "said",
    Pressed: PRESSED,
    Blocked: "blocked",
    Unblocked: "unblocked",
    Removed: "removed",
    Admitted: "admitted",
    Migrated: "migrated",
    Ignored: "ignored",
}
STARTED = "started"
"""The kind of a /start that carries something: those are counted."""
BY_KIND = {kind: made for made, kind in KINDS.items()}


def digest_of(token: str) -> str:
    """Give what is kept of a token: its SHA-256, hexadecimal. 128 drawn bits need no salt."""
    return hashlib.sha256(token.encode()).hexdigest()


def entry(heard: Heard) -> Arrived:
    """Make what was heard ready to be stored."""
    kind, content = KINDS[type(heard)], asdict(heard)
    if isinstance(heard, Said):
        content["at"] = heard.at.isoformat()
        said = command(heard.text)
        if said is not None and said.name == "start" and said.argument:
            # Whatever follows is hashed, so that a digest read out of the database opens nothing either.
            kind, content["text"], content["token"] = STARTED, "/start", digest_of(said.argument)
    return Arrived(f"update:{heard.update}", kind, getattr(heard, "chat", None), content)


def read(waiting: Waiting) -> tuple[Heard, str | None]:
    """Read what was stored, with the digest of the token that came with it."""
    content: dict[str, Any] = dict(waiting.content)
    token: str | None = content.pop("token", None)
    if waiting.kind in {KINDS[Said], STARTED}:
        picture = content.pop("picture")
        content["at"] = datetime.fromisoformat(content["at"])
        return Said(**content, picture=None if picture is None else Picture(**picture)), token
    return BY_KIND[waiting.kind](**content), None
