"""Ten thousand deliveries fail at once: cases, reservations and notices, beside a bare executemany of the same rows.

    python -m tests.bench.failing [DELIVERIES]

On SQLite, with full durability. Every range was seen bad once before. The look that confirms it comes from memory, for
it is the deciding and the writing that is measured: plan, judge, decide, commit, shard by shard, as the daemon does it.
Half of them find a spare. Then the same rows go into an empty database of the same kind, table by table, in one
transaction.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select

from checks import Seen, Trusted
from checks.dns.engine import collect_seldom
from monitor.clock import DrivenClock
from monitor.core.coverage import Defect, Standing
from monitor.core.dnsxl import Weight
from monitor.core.listing import RangeSeen, Source
from monitor.core.observation import Listed
from monitor.core.plan import Check, Watched
from monitor.core.rotation import Turn
from monitor.store import fleet
from monitor.store.engine import Store, connect
from monitor.store.tables import cases, event, notice, reservation, ruling
from tests.flow.driven import HOUR, LIFTED, MINUTE, NOON, node, sell, shelve, vpn

LISTED = Defect.RANGE_LISTED
JUDGES = {f"list-{n}": Source(f"list-{n}", f"operator-{n}", Weight.ALERT) for n in range(40)}
WRITTEN = (cases, ruling, event, reservation, notice)


class Memory:
    """Looks at ranges without asking anybody: whatever is delivered is listed by two of forty lists."""

    async def examine(self, at: datetime, heard_at: Mapping[str, datetime]) -> Mapping[str, Trusted]:  # noqa: ARG002
        """Prove nothing."""
        return {}

    def allow(self, spent: Mapping[str, int]) -> None:
        """Ask nobody."""

    def take_count(self) -> Mapping[str, int]:
        """Count nothing."""
        return {}

    async def look(self, targets: Sequence[Watched], at: datetime, turn: Turn) -> Mapping[str, Seen]:  # noqa: ARG002
        """Say that what is delivered is listed, and what is on the shelf is not."""
        return {target.unit.name: self._seen(target, at) for target in targets}

    @staticmethod
    def _seen(target: Watched, at: datetime) -> RangeSeen:
        probed = tuple(address for network in target.unit.ranges for address in network)
        main = target.unit.address or probed[0]
        said = {"list-1": Listed((0x7F000002,), "spam"), "list-2": Listed((0x7F000004,), "bot")}
        return RangeSeen(at, main, probed, JUDGES, len(JUDGES), {main: said} if target.delivery else {})


async def open_shop(store: Store, count: int) -> None:
    """Sell so many ranges, three to a customer, from a hundred suppliers; half as many spares are on the shelf."""
    units = [vpn(n, f"supplier-{n % 100}") for n in range(count)]
    await sell(store, {f"customer-{n}": units[n : n + 3] for n in range(0, count, 3)}, NOON - HOUR)
    await shelve(store, [vpn(count + n, "bolt") for n in range(count // 2)], NOON, seen=LISTED)


async def fail(folder: Path, count: int) -> tuple[float, dict[Any, list[dict[str, Any]]]]:
    """Let all of them fail; give the seconds, and the rows that were written."""
    store = await connect(f"sqlite:///{folder}/line.sqlite")
    await open_shop(store, count)
    then = NOON - 20 * MINUTE
    seen = Standing(last_ok=then - MINUTE, first_bad=then, counted_at=then, rounds=1, looked_at=then)
    async with store.write() as connection:
        await fleet.remember(connection, LISTED, [(f"range-{n}", seen, "suspect", "") for n in range(count)])
    shop = node(store, {Check.BLOCKLIST: Memory()}, DrivenClock(NOON), LIFTED)
    begun, busy = time.perf_counter(), time.process_time()
    await shop.sweep(Check.BLOCKLIST, 15 * MINUTE)
    took, busy = time.perf_counter() - begun, time.process_time() - busy
    print(f"{busy:8.2f} s  of a processor, whatever else the machine did meanwhile")
    async with store.read() as connection:
        rows = {table: [dict(row) for row in (await connection.execute(select(table))).mappings()] for table in WRITTEN}
    await store.close()
    return took, rows


async def write(folder: Path, count: int, rows: Mapping[Any, list[dict[str, Any]]]) -> float:
    """Write the same rows with nothing decided; give the seconds."""
    store = await connect(f"sqlite:///{folder}/bare.sqlite")
    await open_shop(store, count)
    begun = time.perf_counter()
    async with store.write() as connection:
        for table, mine in rows.items():
            await connection.execute(insert(table), mine)
    took = time.perf_counter() - begun
    await store.close()
    return took


async def main(count: int) -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as name:
        whole, rows = await fail(Path(name), count)
        bare = await write(Path(name), count, rows)
    print(f"{count:,} deliveries fail at once: " + ", ".join(f"{len(mine):,} {t.name}" for t, mine in rows.items()))
    print(f"{whole:8.2f} s  looked at, judged, decided and written; {count / whole:,.0f} a second (wanted: under 60 s)")
    print(f"{bare:8.2f} s  a bare executemany of the same {sum(map(len, rows.values())):,} rows")
    print(f"{whole / bare:8.1f}    times as long")


if __name__ == "__main__":
    # As the daemon does.
    collect_seldom()
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000))
