"""Atom feeds of status posts: Contabo, Hetzner and others. Past and present stand together, and none says which it is.

A post counts as present while it is young and its words do not say that it is over. A post about one machine of the
provider touches only that machine's servers.
"""

import html
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Literal
from xml.etree import ElementTree as ET

from pydantic import PositiveFloat

from checks.foreign import clip
from checks.http import GuardedSession, Reach, WebAddress
from monitor.core.observation import Silent
from monitor.core.region import Regions
from monitor.core.status import PageSeen, Severity, Trouble

NAMESPACE = "{http://www.w3.org/2005/Atom}"
OVER = re.compile(r"\b(resolved|completed|fixed|solved|restored|finished|cancell?ed|closed|back to normal)\b")
AHEAD = re.compile(r"\b(scheduled|planned|upcoming|announced?)\b")
MAINTENANCE = re.compile(r"\b(maintenance|upgrade|update)\b")
NOTICE = re.compile(r"\b(limited availability|price|newsletter|new product|sold out)\b")
HOST = re.compile(r"\bhost ?system\s+(\d+)\b")
TAGS = re.compile(r"<[^>]*>")


class Options(Reach):
    """Where the feed is, whose it is, and how long a post counts (``hours``) where nobody says that it is over."""

    kind: Literal["atom"]
    provider: str
    url: WebAddress
    hours: PositiveFloat = 24.0


class Atom:
    """Reads the young posts of a feed."""

    def __init__(self, options: Options, session: GuardedSession, regions: Regions) -> None:
        self._options = options
        self._session = session
        self._regions = regions

    async def look(self, at: datetime) -> PageSeen:
        """Say what the provider says is wrong just now; the world's faults are silence."""
        options = self._options
        reply = await self._session.ask(options.url, conditional=True)
        if isinstance(reply, Silent):
            return PageSeen(at, options.provider, reply)
        if reply.status != HTTPStatus.OK:
            return PageSeen(at, options.provider, Silent(f"no feed but {reply.page}"))
        try:
            oldest = at - timedelta(hours=options.hours)
            troubles = tuple(read_feed(reply.body, options.provider, self._regions, oldest))
        except ValueError as fault:
            return PageSeen(at, options.provider, Silent(f"no feed but {reply.page}: {clip(str(fault))}"))
        return PageSeen(at, options.provider, troubles)


def read_feed(body: bytes, provider: str, regions: Regions, oldest: datetime) -> Iterator[Trouble]:
    """Read the posts that were updated since ``oldest`` and are not over; ValueError: this is no feed."""
    for entry in _entries(body):
        title = _plain(entry, "title")
        text = f"{title} {_plain(entry, 'summary') or _plain(entry, 'content')}"
        updated = _instant(_plain(entry, "updated") or _plain(entry, "published"))
        said = text.casefold()
        begun = not (AHEAD.search(said) and MAINTENANCE.search(said))
        if updated is None or updated < oldest or OVER.search(said) or not begun:
            continue
        yield Trouble(
            id=_plain(entry, "id") or title,
            severity=_severity(said),
            words=title,
            regions=regions.named_in(text, provider) or None,
            hosts=frozenset(HOST.findall(said)),
            since=updated,
        )


def _entries(body: bytes) -> list[ET.Element]:
    # Without a document type there are no entities, and without them nothing that could blow up.
    # (Text of two bytes a letter could hide them from this look.)
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body or b"\0" in body:
        raise ValueError("it declares a document type")
    try:
        root = ET.fromstring(body)  # noqa: S314 - no entities, and no more than a mebibyte
    except (ET.ParseError, LookupError, ValueError) as fault:
        raise ValueError(str(fault)) from fault
    if root.tag != f"{NAMESPACE}feed":
        raise ValueError(f"its root is {clip(root.tag)}")
    return root.findall(f"{NAMESPACE}entry")


def _plain(entry: ET.Element, name: str) -> str:
    found = entry.find(NAMESPACE + name)
    if found is None:
        return ""
    return clip(TAGS.sub(" ", html.unescape("".join(found.itertext()))))


def _instant(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _severity(said: str) -> Severity:
    if NOTICE.search(said):
        return Severity.NOTICE
    return Severity.MAINTENANCE if MAINTENANCE.search(said) else Severity.OUTAGE
