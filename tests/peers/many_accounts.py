"""The eight provider worlds with many accounts, as a process of its own: prints where they are, ends with its input."""

import asyncio
import json
import sys
from contextlib import AsyncExitStack

from monitor.demo.digitalocean import Slow
from tests.peers.dialects import DIALECTS, world

LATENCY = 0.02
"""Seconds for each answer."""


async def serve(accounts: int) -> None:
    """Serve so many accounts of two servers each, spread over all dialects."""
    places: dict[str, tuple[str, list[str]]] = {}
    async with AsyncExitStack() as stack:
        for number, dialect in enumerate(DIALECTS):
            there = world(dialect)
            await stack.enter_async_context(there)
            share = range(number, accounts, len(DIALECTS))
            secrets = [there.open(f"account-{each}", 2) for each in share]
            there.api.trouble = Slow(LATENCY)
            places[dialect] = (there.base_url, secrets)
        print(json.dumps(places), flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
