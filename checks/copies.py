"""The last good copy of each downloaded list on disk, and beside it what is known of it; both are whole or absent."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pydantic
from pydantic import AwareDatetime, BaseModel, ConfigDict


class Note(BaseModel):
    """What is known of a list: where it came from, when it was asked for and heard, how to ask whether it changed."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    url: str
    asked_at: AwareDatetime | None = None
    next_at: AwareDatetime | None = None
    """When it may be asked for again."""
    heard_at: AwareDatetime | None = None
    """When its server last said that this is the list as it stands."""
    changed_at: AwareDatetime | None = None
    """How old the list is by what its server says; else since when we have seen it so."""
    etag: str = ""
    modified: str = ""
    digest: str = ""
    """SHA-256 of the copy."""

    @property
    def conditions(self) -> Mapping[str, str]:
        """The headers that ask for the list only if it is another one by now (RFC 9110, 13.1)."""
        pairs = (("if-none-match", self.etag), ("if-modified-since", self.modified))
        return {name: value for name, value in pairs if value}

    def is_due(self, at: datetime) -> bool:
        """Tell whether the list may be asked for. A clock that was set back does not silence it."""
        return self.next_at is None or self.asked_at is None or at >= self.next_at or at < self.asked_at


@dataclass(frozen=True, slots=True)
class Kept:
    """A copy as it was found on disk."""

    note: Note
    body: bytes | None


class Copies:
    """A folder of copies, two files each: ``NAME.list`` as it was downloaded, and ``NAME.json``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def open(self) -> None:
        """Make the folder; OSError where it cannot be written."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._write("probe", b"")
        (self._folder / "probe").unlink()

    def load(self, name: str, url: str) -> Kept:
        """Give what is there of a list; one from another address, and one that its note does not fit, are not."""
        try:
            note = Note.model_validate_json((self._folder / f"{name}.json").read_bytes())
        except (OSError, pydantic.ValidationError):
            note = Note(url=url)
        if note.url != url:
            return Kept(Note(url=url), None)
        try:
            body = (self._folder / f"{name}.list").read_bytes()
        except OSError:
            body = None
        if body is None or digest(body) != note.digest:
            return Kept(Note(url=url, asked_at=note.asked_at, next_at=note.next_at), None)
        return Kept(note, body)

    def keep(self, name: str, body: bytes) -> None:
        """Keep a copy. Its note follows: a power cut in between leaves a copy that is fetched anew."""
        self._write(f"{name}.list", body)

    def note(self, name: str, note: Note) -> None:
        """Keep what is known of a copy."""
        self._write(f"{name}.json", note.model_dump_json(indent=1).encode())

    def _write(self, name: str, content: bytes) -> None:
        """Write a file whole: under another name first, and down on the disk before it takes its place."""
        place = self._folder / name
        draft = place.with_name(f".{name}.new")
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        with open(os.open(draft, flags, 0o600), "wb") as file:  # noqa: PTH123 - a descriptor is opened
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(place)
        folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def digest(body: bytes) -> str:
    """Give the SHA-256 of a copy."""
    return hashlib.sha256(body).hexdigest()
