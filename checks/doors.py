"""Knocks at servers for a second sign: whether anybody opens at all, and with which identity."""

import asyncio
from collections.abc import Iterable

from pydantic import Field

from checks.endpoints import ssh, tcp
from checks.knock import Manner, Target
from monitor.clock import Clock
from monitor.core.endpoint import Alive, Closed, Knock, Misfit
from monitor.core.observation import Silent

SSH = 22
AT_ONCE = 64
"""Servers that are knocked at together."""


class WitnessOptions(Manner):
    """Which ports of a server are knocked at, and how patiently."""

    timeout: float = Field(default=3.0, gt=0, le=60)
    ports: tuple[int, ...] = Field(default=(SSH, 443), min_length=1, max_length=8)
    ssh: tuple[int, ...] = (SSH,)
    """The ports, of these, at which SSH is spoken: its host key tells one machine from another."""


class Doors:
    """Knocks at several ports of a server at once and takes the best sign."""

    def __init__(self, options: WitnessOptions, clock: Clock) -> None:
        manner = {"timeout": options.timeout, "allow": options.allow}
        shell = ssh.Ssh(ssh.Options(kind="ssh", **manner), clock)
        plain = tcp.Tcp(tcp.Options(kind="tcp", **manner), clock)
        self._ports = [(port, shell if port in options.ssh else plain) for port in options.ports]
        self._room = asyncio.Semaphore(AT_ONCE)

    async def knock(self, host: str) -> Knock:
        """Say whether anybody opens there."""
        async with self._room, asyncio.TaskGroup() as group:
            tasks = [group.create_task(door.knock(Target(host, port), None)) for port, door in self._ports]
        return best(task.result() for task in tasks)

    async def knock_at(self, hosts: Iterable[str]) -> tuple[tuple[str, Knock], ...]:
        """Knock at several servers."""
        names = list(dict.fromkeys(hosts))
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self.knock(name)) for name in names]
        return tuple((name, task.result()) for name, task in zip(names, tasks, strict=True))


def best(knocks: Iterable[Knock]) -> Knock:
    """Choose the sign that says most: an open door with an identity, an open door, a closed one, silence."""
    return max(knocks, key=_weight)


def _weight(knock: Knock) -> int:
    match knock:
        case Alive():
            return 4 if knock.identity is not None else 3
        case Closed():
            return 2
        case Silent():
            return 1
        case Misfit():
            return 0
        case _:
            return 3
