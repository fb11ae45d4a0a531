"""kill -9 between any two steps from a finding to a message: one case, one spare, and nobody is left untold.

Each round has a fresh database, a life of the daemon that is killed at a named point, and further lives until all is
quiet. The range is listed and the account locked from the first moment; the world outlives the daemon.
"""

import asyncio
import itertools
import json
import os
import re
import shutil
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import make_url, select

from monitor.core.case import digest
from monitor.core.notice import Kind
from monitor.demo.script import SPAM
from monitor.store import cases
from monitor.store.engine import Store, connect
from monitor.store.tables import cases as case_table
from monitor.store.tables import event, notice, reservation, ruling
from tests import postgres
from tests.flow.life import Shop, shop, spare_account, spare_range, vpn, vps

CHECKOUT = Path(__file__).parents[2]
PASSAGES = {
    "sweep.claimed": 4,
    "shard.probed": 4,
    "shard.written": 4,
    "shard.committed": 4,
    "case.opened": 2,
    "case.trail": 4,
    "case.reserved": 2,
    "case.notice": 4,
    "notice.leased": 3,
    "notice.sent": 4,
    "notice.settled": 4,
}
"""How often each point is passed before all is quiet: two kinds of sweeps, two rounds; two cases, two notices each."""
FAULTS = [f"{point}:{n}" for n in range(1, 5) for point, passages in PASSAGES.items() if n <= passages]
LANES = 3
PATIENCE = 60.0
KILLED = -signal.SIGKILL

ORDERS = {"alice": "spare-vpn", "bogdan": "spare-vps"}
"""Who bought, and what replaces it."""


@dataclass(slots=True)
class Lane:
    """A world of its own with a forge of lives; one round after the other."""

    house: Shop
    template: str
    forge: asyncio.subprocess.Process
    server: postgres.Server | None
    folder: Path
    numbers: Iterator[int] = field(default_factory=itertools.count)

    async def play(self, fault: str) -> int | None:
        """Play one round; give how many messages came twice, or None where the point was not reached."""
        number = next(self.numbers)
        with self._database(number) as url:
            file = self.folder / f"monitor-{number}.toml"
            file.write_text(self.house.config.path.read_text().replace(self.template, url))
            store = await connect(url)
            before = {name: len(self.house.messages(name)) for name in ORDERS}
            try:
                async with asyncio.timeout(PATIENCE):
                    died = await self._live(file, store, fault)
                    doubtful = await in_doubt(store)
                    if died:
                        assert await self._live(file, store, "") is False
                told = self._told(before)
                await check(store)
            finally:
                await store.close()
        assert told.keys() == {(name, kind) for name in ORDERS for kind in (Kind.CASE_OPENED, Kind.REPLACEMENT_READY)}
        twice = {each for each, times in told.items() if times > 1}
        assert twice <= doubtful, "nothing is told twice but what was half sent when the process died"
        assert max(told.values()) <= 2
        if died and fault.startswith("notice.sent") and all(name is not None for name, _ in doubtful):
            assert twice, "what was sent and not noted is told again: nobody can know"
        return len(twice) if died else None

    async def _live(self, file: Path, store: Store, fault: str) -> bool:
        """Let the daemon live until it is killed or all is quiet; tell whether it was killed."""
        assert self.forge.stdin is not None
        assert self.forge.stdout is not None
        log = file.with_suffix(f".{next(self.numbers)}.log")
        order = {"config": str(file), "fault": fault, "log": str(log)}
        self.forge.stdin.write(f"{json.dumps(order)}\n".encode())
        pid = int(await self.forge.stdout.readline())
        ended = asyncio.create_task(self.forge.stdout.readline())
        try:
            while not ended.done():
                if is_ready(log) and await is_quiet(store):
                    # It may have died at its point meanwhile.
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGTERM)
                    break
                await asyncio.wait({ended}, timeout=0.03)
            status = int(await ended)
        except TimeoutError:
            os.kill(pid, signal.SIGKILL)
            raise
        assert status in {0, KILLED}, log.read_text()
        return status == KILLED

    def _told(self, before: dict[str, int]) -> Counter[tuple[str, str]]:
        """Count what the chats took in since then, by customer and kind."""
        return Counter(
            (name, Kind.REPLACEMENT_READY if spare in text else Kind.CASE_OPENED)
            for name, spare in ORDERS.items()
            for text in self.house.messages(name)[before[name] :]
        )

    @contextmanager
    def _database(self, number: int) -> Iterator[str]:
        """Copy the database in which nothing has happened yet."""
        if self.server is None:
            file = self.folder / f"round-{number}.sqlite"
            shutil.copy(self.folder / "template.sqlite", file)
            yield self.template.replace("template.sqlite", file.name)
        else:
            with self.server.database(make_url(self.template).database or "") as url:
                yield url


def is_ready(log: Path) -> bool:
    return log.exists() and '"event": "ready"' in log.read_text()


async def is_quiet(store: Store) -> bool:
    """Tell whether two spares are promised and everything is told; what operators were half told is not repeated."""
    async with store.read() as connection:
        states = (await connection.execute(select(case_table.c.state))).scalars().all()
        told = (await connection.execute(select(notice.c.customer, notice.c.state))).all()
    customers = [state for customer, state in told if customer is not None]
    settled = {state for _, state in told} <= {"sent", "unknown"}
    return list(states) == ["promised"] * 2 and customers == ["sent"] * 4 and settled


async def in_doubt(store: Store) -> set[tuple[str, str]]:
    """Name what was half sent when the process died."""
    async with store.read() as connection:
        rows = await connection.execute(select(notice.c.customer, notice.c.kind).where(notice.c.state == "sending"))
        return {(row.customer, row.kind) for row in rows}


async def check(store: Store) -> None:
    """Check that everything is there exactly once, and that the trails verify."""
    async with store.read() as connection:
        found = (await connection.execute(select(case_table))).all()
        assert {case.customer: case.spare for case in found} == ORDERS
        assert len(found) == 2
        held = (await connection.execute(select(reservation))).all()
        assert sorted(each.unit for each in held) == sorted(ORDERS.values())
        assert all(each.released_at is None for each in held)
        assert len((await connection.execute(select(ruling))).all()) == 2
        told = (await connection.execute(select(notice).where(notice.c.customer.is_not(None)))).all()
        assert len(told) == 4
        assert len((await connection.execute(select(event))).all()) == 6
        for case in found:
            previous = cases.GENESIS
            for made, mark in await cases.events_of(connection, case.number):
                assert digest(made, previous) == mark
                previous = mark


@asynccontextmanager
async def lane(folder: Path, server: postgres.Server | None) -> AsyncIterator[Lane]:
    """Build a world, the database that every round starts from, and a forge."""
    things = (vpn("INV-1", "alice"), vps("INV-2", "bogdan"), spare_range("spare-vpn"), spare_account("spare-vps"))
    with server.database() if server else _file(folder) as template:
        async with shop(folder, template, *things, customize=_with_one_list) as house:
            await house.store.close()
            # How fast Telegram may be spoken to is another test's affair.
            house.world.bot.flood.on = False
            house.world.zones.list(SPAM, str(things[0].address))
            house.world.digitalocean.lock(things[1].access)
            forge = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tests.chaos.forge",
                cwd=CHECKOUT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            )  # fmt: skip
            try:
                assert forge.stdout is not None
                assert await forge.stdout.readline() == b"ready\n"
                yield Lane(house, template, forge, server, folder)
            finally:
                if forge.returncode is None:
                    forge.kill()
                await forge.wait()


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _with_one_list(text: str) -> str:
    """Keep one list: more of them would only take more time."""
    return re.sub(r'\[\[lists\.own\]\]\nzone = "(?!spam)[^\[]*', "", text)


@contextmanager
def _file(folder: Path) -> Iterator[str]:
    yield f"sqlite:///{folder}/template.sqlite"


async def play(folder: Path, server: postgres.Server | None, faults: Sequence[str], lanes: int) -> dict[str, int]:
    """Play a round for each fault, and give, for each that was reached, how many messages came twice."""
    left = iter(faults)
    ended: dict[str, int] = Counter()

    async def follow(number: int) -> None:
        async with lane(_made(folder / f"lane-{number}"), server) as here:
            for fault in left:
                repeats = await here.play(fault)
                if repeats is not None:
                    ended[f"{fault}#{len(ended)}"] = repeats

    async with asyncio.TaskGroup() as group:
        for number in range(lanes):
            group.create_task(follow(number))
    return ended


@pytest.fixture(params=["sqlite", "postgresql"])
def server(request: pytest.FixtureRequest) -> postgres.Server | None:
    """Give the server that makes the databases of all rounds; none, where they are files."""
    if request.param == "sqlite":
        return None
    found: postgres.Server = request.getfixturevalue("postgres_server")
    return found


def test_every_point_that_the_code_names_is_killed_at() -> None:
    named = {
        point
        for file in (CHECKOUT / "monitor").rglob("*.py")
        for point in re.findall(r'FAULTS\.reach\("([^"]+)"\)', file.read_text())
    }
    assert named == PASSAGES.keys()


async def test_killed_once_at_every_point_nothing_is_lost_and_nothing_doubled(
    tmp_path: Path, server: postgres.Server | None
) -> None:
    # The points in turn on one store and on the other: all of them on both is for the wide tests.
    half = list(PASSAGES)[server is None :: 2]
    ended = await play(tmp_path, server, [f"{point}:1" for point in half], lanes=1)
    assert len(ended) == len(half)


@pytest.mark.wide
@pytest.mark.timeout(900)
async def test_in_a_hundred_rounds_nothing_is_lost_and_nothing_doubled(
    tmp_path: Path, server: postgres.Server | None
) -> None:
    ended = await play(tmp_path, server, list(itertools.islice(itertools.cycle(FAULTS), 100)), LANES)
    print(f"{len(ended)} of 100 lives ended at their point; {sum(ended.values())} messages came twice")
    assert len(ended) > 80
