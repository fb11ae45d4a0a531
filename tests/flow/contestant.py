"""One of several processes that run the shards of one sweep: ``python -m tests.flow.contestant URL PORT SWEEP N OF``.

It says ready, and waits for a line.
"""

import asyncio
import sys
from dataclasses import dataclass
from datetime import timedelta

from monitor.clock import DrivenClock
from monitor.core.plan import Check, Sweep, plan_sweep, slot
from monitor.store import fleet
from monitor.store.engine import Store, connect
from tests.flow.driven import DAY, LIFTED, NOON, TIERS, lists, node

ZONE = "bl.test"
EVERY = timedelta(minutes=15)
SHARD = 5


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Lists that another process serves."""

    port: int

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        return "127.0.0.1", self.port


async def plan(store: Store) -> Sweep:
    """Plan the sweep that all of them run; each plans the same."""
    async with store.read() as connection:
        watched = await fleet.watched(connection, Check.BLOCKLIST, TIERS, NOON - DAY)
    return plan_sweep(Check.BLOCKLIST, slot(NOON, EVERY), watched, LIFTED, NOON, SHARD)


async def main(url: str, port: int, number: int, part: int, parts: int) -> None:
    """Run every shard that falls to this process."""
    store = await connect(url)
    async with lists(Elsewhere(port), ZONE) as probes:
        mine = node(store, probes, DrivenClock(NOON), LIFTED)
        sweep = await plan(store)
        await mine.sweeper.examine(Check.BLOCKLIST)
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        for shard in sweep.shards[part::parts]:
            await mine.sweeper.run_shard(number, sweep, shard)
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], *(int(word) for word in sys.argv[2:])))
