"""One downloaded list: asked for no oftener than its operator allows, read with suspicion, kept while it is good."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TypeVar, assert_never

from checks import Trusted
from checks.copies import Copies, Note, digest
from checks.formats import Format, Roll, Said, Unreadable, read
from checks.http import GuardedSession, Reply
from monitor.core.dnsxl import Weight
from monitor.core.fleet import Address
from monitor.core.observation import Listed, Silent

T = TypeVar("T")

RETRY = timedelta(minutes=5)
"""The pause after a server did not answer at all; it doubles from time to time, up to the list's own interval."""
DOUBLINGS = 10
TOO_MUCH = 0.25
"""The share of the Internet above which a list that votes is not believed."""
SHRUNK = 0.5
"""The share of its entries that a list has to keep from one reading to the next."""


@dataclass(frozen=True, slots=True)
class Feed:
    """A list to download. Lists of one ``group`` count once; ``contains`` names the groups that it copies from."""

    name: str
    url: str
    format: Format
    group: str
    weight: Weight
    families: frozenset[int]
    about: str
    """What its entries are, for people."""
    interval: timedelta
    """The shortest time between two downloads that its operator allows."""
    max_age: timedelta
    """How long it is believed after its server was last heard."""
    changes_within: timedelta
    """How long it may stay the same before it counts as abandoned."""
    contains: frozenset[str] = frozenset()
    can_be_empty: bool = False
    bogons: bool = False
    """It names what nobody may use as well; those entries are not heard."""


class Download:
    """A feed, its last good copy, and how it fares. ``desk`` is held while a list is read: one at a time."""

    def __init__(self, feed: Feed, copies: Copies, session: GuardedSession, desk: asyncio.Lock) -> None:
        self.source = feed
        self.roll: Roll | None = None
        self.fault = ""
        """Why the last attempt brought nothing; empty if it did."""
        self._copies = copies
        self._session = session
        self._desk = desk
        self._note = Note(url=feed.url)
        self._misses = 0

    async def load(self) -> None:
        """Take up the copy on disk."""
        kept = await asyncio.to_thread(self._copies.load, self.source.name, self.source.url)
        self._note = kept.note
        if kept.body is not None:
            try:
                self.roll = await self._read(kept.body, None)
            except Unreadable as fault:
                self.fault = f"its copy on disk cannot be used: {fault}"

    async def renew(self, at: datetime) -> bool:
        """Ask for the list if it is due; tell whether another one came."""
        if not self._note.is_due(at):
            return False
        # Without a copy to fall back on, "not modified" would be of no use.
        asked = self._note.conditions if self.roll is not None else {}
        before, reply = self.roll, await self._session.ask(self.source.url, headers=asked)
        self.fault, note = "", self._note
        try:
            note = await self._hear(reply, at)
        except Unreadable as fault:
            self.fault = str(fault)
        self._note = note.model_copy(update={"asked_at": at, "next_at": at + self._pause(reply)})
        await self._save(self._copies.note, self._note)
        return self.roll is not before

    def trusted(self, at: datetime) -> Trusted:
        """Say whether the list may be believed at this instant, and why."""
        heard, changed = self._note.heard_at, self._note.changed_at
        if self.roll is None or heard is None or changed is None:
            return Trusted(believed=False, why=self.fault or "it has not been downloaded yet")
        because = f"; {self.fault}" if self.fault else ""
        if at - heard > self.source.max_age:
            return Trusted(believed=False, why=f"it was last heard on {heard:%Y-%m-%d %H:%M}Z{because}")
        if at - changed > self.source.changes_within:
            return Trusted(believed=False, why=f"it has not changed since {changed:%Y-%m-%d}")
        return Trusted(believed=True, why=f"its copy is fresh{because}")

    def answer(self, said: tuple[Said, ...], _address: Address) -> Listed:
        """Say what being named in these words means."""
        words = "; ".join(each.words for each in said if each.words)
        told = f"{self.source.about}: {words}" if words else self.source.about
        heard = self._note.heard_at
        return Listed((), told, vouched=f"in the copy of {heard:%Y-%m-%d %H:%M}Z" if heard else "")

    async def _hear(self, reply: Reply | Silent, at: datetime) -> Note:
        """Take what came; :class:`Unreadable` if it is of no use."""
        match reply:
            case Silent(why):
                raise Unreadable(why)
            case Reply(status=HTTPStatus.NOT_MODIFIED) if self.roll is not None:
                return self._heard_again(reply, at)
            case Reply(status=HTTPStatus.OK, body=body):
                mark = await asyncio.to_thread(digest, body)
                if self.roll is not None and mark == self._note.digest:
                    return self._heard_again(reply, at)
                self.roll = await self._read(body, self.roll if self.trusted(at).believed else None)
                await self._save(self._copies.keep, body)
                return self._heard_news(reply, mark, at)
            case Reply():
                raise Unreadable(reply.page)
            case _:
                assert_never(reply)

    def _heard_again(self, reply: Reply, at: datetime) -> Note:
        """Note that the list stands as it did."""
        before, headers = self._note, reply.headers
        changed = max(before.changed_at or at, _dated(headers, at) or before.changed_at or at)
        validators = {
            "etag": headers.get("etag", before.etag),
            "modified": headers.get("last-modified", before.modified),
        }
        return before.model_copy(update={"heard_at": at, "changed_at": changed, **validators})

    def _heard_news(self, reply: Reply, mark: str, at: datetime) -> Note:
        """Note that another list came. Whatever its server says, it has changed since we heard it last."""
        dated = _dated(reply.headers, at) or at
        return Note(
            url=self.source.url,
            heard_at=at,
            changed_at=max(dated, self._note.heard_at or dated),
            etag=reply.headers.get("etag", ""),
            modified=reply.headers.get("last-modified", ""),
            digest=mark,
        )

    async def _read(self, body: bytes, before: Roll | None) -> Roll:
        feed = self.source
        async with self._desk:
            roll = await asyncio.to_thread(read, feed.format, body, feed.families)
        why = objection(roll, before, votes=feed.weight is not Weight.INFO, can_be_empty=feed.can_be_empty)
        if why is not None:
            raise Unreadable(why)
        return roll

    def _pause(self, reply: Reply | Silent) -> timedelta:
        if isinstance(reply, Reply):
            self._misses = 0
            return self.source.interval
        self._misses = min(self._misses + 1, DOUBLINGS)
        return min(self.source.interval, RETRY * (1 << self._misses - 1))

    async def _save(self, keep: Callable[[str, T], None], what: T) -> None:
        """Write to disk. Where that fails the list still serves, until we are started anew."""
        try:
            await asyncio.to_thread(keep, self.source.name, what)
        except OSError as fault:
            self.fault = f"its copy cannot be kept: {fault.strerror}"


def objection(roll: Roll, before: Roll | None, *, votes: bool, can_be_empty: bool = False) -> str | None:
    """Say why a list that could be read must not be used; ``before`` is the one that is believed now, if any."""
    if roll.entries == 0 and not can_be_empty:
        return "it names nothing"
    if votes and (share := max(roll.share.values(), default=0.0)) > TOO_MUCH:
        return f"it names {share:.0%} of the Internet"
    if before is not None and roll.entries < SHRUNK * before.entries and not can_be_empty:
        return f"it shrank from {before.entries} to {roll.entries} entries; the copy before is kept"
    return None


def _dated(headers: Mapping[str, str], at: datetime) -> datetime | None:
    """Read how old the server says that the list is; a date that lies ahead says nothing."""
    try:
        found = parsedate_to_datetime(headers.get("last-modified", ""))
    except (ValueError, TypeError, OverflowError):
        return None
    dated = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    return dated if dated <= at else None
