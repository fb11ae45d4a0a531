"""Opens an engine in front of scripted servers."""

import random
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from ipaddress import IPv4Address

from checks.dns.datagrams import Post
from checks.dns.engine import Engine, EngineOptions
from monitor.core.dnsxl import Addresses
from tests.peers.dns_scripted import Asked, Script, ScriptedServer

ADDRESS = IPv4Address("192.0.2.1")
LISTED = Addresses((0x7F000002,))
QUICK = EngineOptions(timeout=0.2, tries=3, deadline=2)
"""For servers that do not answer."""
CALM = EngineOptions(timeout=20, patience=20, deadline=60)
"""For servers that answer everything: however slow the machine, nothing is asked twice."""


@asynccontextmanager
async def asking(
    *scripts: Script, options: EngineOptions = CALM, post: Post | None = None
) -> AsyncIterator[tuple[Engine, list[ScriptedServer]]]:
    """Give an engine, and the servers that are its resolvers."""
    async with AsyncExitStack() as stack:
        servers = [await stack.enter_async_context(ScriptedServer(script)) for script in scripts]
        chance = random.Random(1)
        addresses = [server.address for server in servers]
        engine = await stack.enter_async_context(Engine(addresses, options, random=chance, post=post))
        yield engine, servers


def saying(answer: Callable[[Asked], Iterable[bytes]]) -> Script:
    """Script a server that answers without looking at anything but the question."""
    return lambda _, asked: answer(asked)
