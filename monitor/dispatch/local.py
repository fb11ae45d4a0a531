"""Runs the shards of a sweep in this process, a few at a time."""

import asyncio
from collections.abc import Callable

from monitor.core.plan import Check, Shard, Slot
from monitor.sweep import Sweeper

AT_ONCE = 4


async def run_sweep(sweeper: Sweeper, check: Check, due: Slot, ring: Callable[[], None]) -> int | None:
    """Run one sweep whole; give how many units it looked at, or None where the slot was taken."""
    planned = await sweeper.plan(check, due)
    if planned is None:
        return None
    number, sweep = planned
    if sweep.shards:
        await sweeper.examine(check)
    room = asyncio.Semaphore(AT_ONCE)

    async def run(shard: Shard) -> None:
        async with room:
            await sweeper.run_shard(number, sweep, shard)
            ring()

    async with asyncio.TaskGroup() as group:
        for shard in sweep.shards:
            group.create_task(run(shard))
    await sweeper.finish(number, check)
    ring()
    return sum(len(shard.targets) for shard in sweep.shards)
