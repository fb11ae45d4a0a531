"""What the providers' dialects have in common: presenting a token, answers that say nothing, listings in pages."""

import asyncio
import tomllib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import TypeVar

from checks.foreign import Foreign
from checks.http import Reply
from monitor.core.account import Inventory, Misconfigured, Server
from monitor.core.observation import Silent
from monitor.core.secret import Secret

BUSY, BROKEN = HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.INTERNAL_SERVER_ERROR
MOST_PAGES = 500
MOST_SERVERS = 20_000
"""Of one listing; beyond either it is called incomplete, for a stranger's paging may have no end."""
LONG = 64 * 1024
"""Bytes of an answer from which on it is read beside the event loop."""

Read = TypeVar("Read")


def token(secret: Secret) -> str | Misconfigured:
    """Give the token as a header can carry it."""
    text = secret.reveal().strip()
    if not text:
        return Misconfigured("the secret is empty; put the provider's token into its file")
    if not (text.isascii() and text.isprintable() and " " not in text):
        return Misconfigured("the secret is no token: it holds blanks or unprintable characters")
    return text


def fields(secret: Secret, *names: str) -> dict[str, str] | Misconfigured:
    """Give the fields of a secret of more than one part: lines of TOML such as ``user = "..."``."""
    wanted = f'lines such as {names[0]} = "...", for {", ".join(names)}'
    try:
        found = tomllib.loads(secret.reveal())
    except (ValueError, RecursionError):
        # The parser's own words would quote the secret.
        return Misconfigured(f"the secret cannot be read; its file must hold {wanted}")
    if set(found) != set(names) or not all(isinstance(value, str) and value.isprintable() for value in found.values()):
        return Misconfigured(f"the secret does not hold what it should: {wanted}")
    return found


def heard(reply: Reply | Silent) -> Reply | Silent:
    """Let through what the provider's own software said as JSON; all else is silence about the account."""
    if isinstance(reply, Silent):
        return reply
    if reply.status == BUSY:
        return Silent("the provider's rate limit is reached")
    if reply.json is None:
        # The edge in front of an API answers with pages of its own, with any status.
        return Silent(f"no JSON but {reply.page}")
    if reply.status >= BROKEN:
        return Silent(f"HTTP {reply.status}")
    return reply


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a listing. ``next`` is what to ask for then, None at the end; ``whole``: all of it could be read.

    ``total`` is how many servers all pages together hold, where the provider counts them.
    """

    servers: Sequence[Server]
    next: str | None
    whole: bool = True
    total: int | None = None


def page_of(
    items: Foreign, read: Callable[[Foreign], Server | None], following: str | None, total: int | None = None
) -> Page:
    """Read the elements of one page; an element without an identity makes the listing incomplete."""
    servers = [read(item) for item in items]
    found = [server for server in servers if server is not None]
    return Page(found, following, len(found) == len(servers) and not items.is_too_long, total)


async def read_aside(reply: Reply | Silent, read: Callable[[Reply | Silent], Read]) -> Read:
    """Read an answer; a long one beside the event loop, for it may be full of very many very small servers."""
    if isinstance(reply, Silent) or len(reply.body) <= LONG:
        return read(reply)
    return await asyncio.to_thread(read, reply)


async def walk(turn: Callable[[str], Awaitable[Page | None]], first: str = "1") -> Inventory:
    """Turn pages until there are no more. One that fails (None), or is met twice, leaves the listing incomplete."""
    servers: dict[str, Server] = {}
    complete = True
    seen: set[str] = set()
    following: str | None = first
    while following is not None:
        if following in seen or len(seen) >= MOST_PAGES or len(servers) >= MOST_SERVERS:
            return Inventory(tuple(servers.values()), complete=False)
        seen.add(following)
        page = await turn(following)
        if page is None:
            return Inventory(tuple(servers.values()), complete=False)
        complete = complete and page.whole
        # A server that slips from one page to the next while we read stands in the listing once.
        servers |= {server.id: server for server in page.servers}
        following = page.next
        if following is None and page.total is not None and page.total > len(servers):
            # It counts more than it showed: what is missing here may be there.
            complete = False
    return Inventory(tuple(servers.values()), complete)


def together(*parts: Inventory) -> Inventory:
    """Join the listings of different kinds of servers; complete only if each is."""
    servers = {server.id: server for part in parts for server in part.servers}
    return Inventory(tuple(servers.values()), all(part.complete for part in parts))
