"""Asks providers about accounts: one question per credential, whatever the number of units behind it.

Where one lets us in no more, the servers behind it are knocked at, as are some of others that work: what they say
tells a ban from a rotated token, and a dead line of ours from both.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from checks import Seen, Trusted
from checks.doors import Doors as Knocker
from monitor.core.account import AccountSeen, Denied, Doors, Misconfigured, ServerState
from monitor.core.endpoint import Knock
from monitor.core.fleet import Address
from monitor.core.handover import is_open
from monitor.core.plan import Watched
from monitor.core.rotation import Turn
from monitor.core.secret import Secret

OWN, OTHERS = 3, 3
"""Servers that are knocked at: of an account that lets us in no more, and of others."""
SUSPECTS = 50
"""Accounts of one provider whose servers are knocked at in one look: if more fail at once, it is none of theirs."""
SHY = timedelta(hours=1)
"""After this time a machine that does not say who it is is asked no more."""
GREETED = 20
"""Units in one look whose machine is asked who it is, to be known again."""

Place = tuple[str, str]
"""An account: its provider and the name of its secret."""


class Provider(Protocol):
    """Looks at the accounts of one provider."""

    async def look(self, secret: Secret, at: datetime) -> AccountSeen:
        """Say how the account behind a secret stands."""


class AccountProbe:
    """Looks at VPS accounts. ``secrets`` reads a secret by its name; a LookupError says why it cannot."""

    def __init__(
        self,
        providers: Mapping[str, Provider],
        secrets: Callable[[str], Awaitable[Secret]],
        knocker: Knocker | None = None,
    ) -> None:
        self._providers = providers
        self._secrets = secrets
        self._knocker = knocker

    async def examine(self, at: datetime, heard_at: Mapping[str, datetime]) -> Mapping[str, Trusted]:  # noqa: ARG002 - the shape of every probe
        """Examine nothing: a provider's answer that is none is silence anyway."""
        return {}

    def allow(self, spent: Mapping[str, int]) -> None:
        """Allow everything: providers tell their own limits in their answers."""

    def take_count(self) -> Mapping[str, int]:
        """Count nothing."""
        return {}

    async def look(self, targets: Sequence[Watched], at: datetime, turn: Turn) -> Mapping[str, Seen]:
        """Look at every account once."""
        accounts: dict[Place, list[Watched]] = defaultdict(list)
        for target in targets:
            if target.provider is not None and target.unit.access is not None:
                accounts[target.provider, target.unit.access].append(target)
        async with asyncio.TaskGroup() as group:
            asked = {key: group.create_task(self._ask(*key, at)) for key in accounts}
        seen = {unit.unit.name: asked[key].result() for key, units in accounts.items() for unit in units}
        if self._knocker is None:
            return seen
        answers = {key: task.result() for key, task in asked.items()}
        suspects = list(_suspects(accounts, answers))
        strangers = [] if suspects else list(_strangers(targets, seen, at))
        if len(strangers) > GREETED:
            # Some never say who they are: each gets its turn.
            first = turn.number * GREETED % len(strangers)
            strangers = (strangers[first:] + strangers[:first])[:GREETED]
        return {**seen, **await self._knock(self._knocker, suspects, strangers, seen)}

    async def _knock(
        self,
        knocker: Knocker,
        suspects: Sequence[Watched],
        strangers: Sequence[Watched],
        seen: Mapping[str, AccountSeen],
    ) -> Mapping[str, AccountSeen]:
        """Knock at the servers of suspects, at some others beside them, and at those that nobody knows yet."""
        hosts = {each.unit.name: _addresses(each, seen[each.unit.name])[:OWN] for each in (*suspects, *strangers)}
        beside = _running(seen.values())[:OTHERS] if suspects else []
        heard = dict(await knocker.knock_at([*(host for each in hosts.values() for host in each), *beside]))
        others: tuple[Knock, ...] = tuple(heard[host] for host in beside)
        return {
            each.unit.name: replace(
                seen[each.unit.name],
                doors=Doors(
                    tuple((host, heard[host]) for host in hosts[each.unit.name]),
                    others,
                    each.baseline.identity if each.baseline is not None else None,
                ),
            )
            for each in (*suspects, *strangers)
        }

    async def _ask(self, provider: str, access: str, at: datetime) -> AccountSeen:
        asker = self._providers.get(provider)
        if asker is None:
            return AccountSeen(at, provider, Misconfigured(f"[providers.{provider}] is missing"))
        try:
            secret = await self._secrets(access)
        except LookupError as fault:
            return AccountSeen(at, provider, Misconfigured(str(fault)))
        return await asker.look(secret, at)


def _suspects(accounts: Mapping[Place, Sequence[Watched]], answers: Mapping[Place, AccountSeen]) -> Iterable[Watched]:
    """Give the units behind accounts that let us in no more, a few accounts of each provider."""
    counted: Counter[str] = Counter()
    for key, units in accounts.items():
        if isinstance(answers[key].state, Denied) and counted[key[0]] < SUSPECTS:
            counted[key[0]] += 1
            yield from units


def _strangers(targets: Iterable[Watched], seen: Mapping[str, AccountSeen], at: datetime) -> Iterable[Watched]:
    """Give the units delivered of late that work and whose machine has not told who it is."""
    for each in targets:
        look, kept = seen.get(each.unit.name), each.baseline
        known = kept is not None and (kept.identity is not None or at - kept.at > SHY)
        if look is not None and each.delivery is not None and not known and _running([look]):
            yield each


def _running(looks: Iterable[AccountSeen]) -> list[str]:
    """Give one address of each account that works and has a server that runs."""
    found: list[str] = []
    for look in looks:
        servers = look.inventory.servers if is_open(look) and look.inventory is not None else ()
        running = (each.addresses[0] for each in servers if each.state is ServerState.RUNNING and each.addresses)
        found += [str(address) for address in [next(running, None)] if address is not None]
    return list(dict.fromkeys(found))


def _addresses(target: Watched, look: AccountSeen) -> list[str]:
    """Give where a unit's servers are: as listed now, else as last known, and if never seen, the unit's own address."""
    found: tuple[Address, ...] = () if target.unit.address is None else (target.unit.address,)
    if look.inventory is not None:
        found = tuple(address for server in look.inventory.servers for address in server.addresses)
    elif target.baseline is not None:
        found = target.baseline.addresses
    return [str(address) for address in found]
