"""A second process that decides: ``python -m tests.store.rival URL ORDER...``; it says ready, and waits for a line."""

import asyncio
import sys

from monitor.store.engine import connect
from tests.store.shop import broken, rule, sold


async def main(url: str, *orders: str) -> None:
    """Rule on each of these orders, one after the other."""
    store = await connect(url)
    handed = await sold(store, *orders)
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    for each in handed:
        await rule(store, broken(each))
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
