"""Tries the keys that were sold at the endpoints they are for, and looks for other signs where one stays silent."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from checks import Seen, Trusted
from checks.doors import Doors
from checks.endpoints import Endpoint
from checks.knock import Target
from monitor.core.endpoint import KeySeen, Knock, Misfit, RefusesKey, Sign
from monitor.core.observation import Silent
from monitor.core.plan import Watched
from monitor.core.rotation import Turn
from monitor.core.secret import Secret

AT_ONCE = 64
"""Keys that are tried together."""


@dataclass(frozen=True, slots=True)
class _Tried:
    """What became of one key, and where; ``target`` None: nobody knows where its endpoint is."""

    name: str
    target: Target | None
    knock: Knock


class KeyProbe:
    """Looks at VPN keys. ``secrets`` reads a secret by its name; a LookupError says why it cannot."""

    def __init__(
        self, endpoints: Mapping[str, Endpoint], secrets: Callable[[str], Awaitable[Secret]], doors: Doors
    ) -> None:
        self._endpoints = endpoints
        self._secrets = secrets
        self._doors = doors
        self._room = asyncio.Semaphore(AT_ONCE)

    async def examine(self, at: datetime, heard_at: Mapping[str, datetime]) -> Mapping[str, Trusted]:  # noqa: ARG002 - the shape of every probe
        """Examine nothing: an endpoint speaks for itself alone."""
        return {}

    def allow(self, spent: Mapping[str, int]) -> None:
        """Allow everything: each endpoint is knocked at once in a round."""

    def take_count(self) -> Mapping[str, int]:
        """Count nothing."""
        return {}

    async def look(self, targets: Sequence[Watched], at: datetime, turn: Turn) -> Mapping[str, Seen]:  # noqa: ARG002 - the shape of every one of its kind
        """Try every key once; where one is not taken, ask the other keys of its endpoint, and its host."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._try(each)) for each in targets]
        tried = [task.result() for task in tasks]
        at_endpoint: dict[Target | None, list[_Tried]] = defaultdict(list)
        for each in tried:
            at_endpoint[each.target].append(each)
        quiet = {each.target.host for each in tried if each.target is not None and isinstance(each.knock, Silent)}
        hosts = dict(await self._doors.knock_at(sorted(quiet)))
        return {
            each.name: KeySeen(
                at, str(each.target or "its endpoint"), each.knock, tuple(_signs(each, at_endpoint, hosts))
            )
            for each in tried
        }

    async def _try(self, target: Watched) -> _Tried:
        unit = target.unit
        endpoint = self._endpoints.get(unit.protocol or "")
        if endpoint is None:
            return _Tried(unit.name, None, Misfit(f"[endpoints.{unit.protocol}] is missing"))
        try:
            secret = await self._secrets(unit.access or "")
        except LookupError as fault:
            return _Tried(unit.name, None, Misfit(str(fault)))
        where = place(unit.endpoint) or endpoint.where(secret)
        async with self._room:
            return _Tried(unit.name, where, await endpoint.knock(where, secret))


def place(words: str | None) -> Target | None:
    """Read ``host:port`` or ``[IPv6]:port``; None: nothing is said."""
    host, _, port = (words or "").rpartition(":")
    return Target(host.strip("[]"), int(port)) if host and port.isdigit() else None


def _signs(
    mine: _Tried, at_endpoint: Mapping[Target | None, Sequence[_Tried]], hosts: Mapping[str, Knock]
) -> Sequence[Sign]:
    """Give what else was learned at the same endpoint and host, where the key was not taken."""
    if mine.target is None or not isinstance(mine.knock, Silent | RefusesKey):
        return ()
    others = [each for each in at_endpoint[mine.target] if each is not mine]
    signs = [Sign("another key", each.knock, same_endpoint=True) for each in others]
    if mine.target.host in hosts:
        signs.append(Sign(mine.target.host, hosts[mine.target.host], same_endpoint=False))
    return signs
