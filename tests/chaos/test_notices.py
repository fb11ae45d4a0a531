"""Thousands of notices while everything fails: nobody misses one, and nobody hears one again but for a lost answer."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

import pytest
from sqlalchemy import select

from monitor.clock import Clock, SystemClock
from monitor.core.fleet import Customer
from monitor.core.notice import Kind, Notice
from monitor.core.secret import Secret
from monitor.courier import Courier
from monitor.demo.botapi import BotApi
from monitor.demo.botapi.faults import EVERY_WAY, HalfAnswer, HangUp, Instead, Reset, Slow, refuse_once
from monitor.demo.botapi.world import User
from monitor.letters import Shop
from monitor.store import intake, outbox
from monitor.store.engine import Store, connect
from monitor.store.tables import notice
from monitor.telemetry import Metrics, Progress
from notifiers.telegram.options import Options
from notifiers.telegram.sender import Telegram
from tests.flow.counter import ALL, counter
from tests.flow.counter import Counter as Desk

TOKEN = "7000000001:CANARY-not-a-real-token"
LOSING = tuple(type(each).__name__ for each in EVERY_WAY if isinstance(each, HangUp | HalfAnswer | Instead | Reset))
"""Faults after which nobody knows whether the message arrived."""


@pytest.fixture
def sqlite_url(tmp_path: Path, migrated_sqlite: Path) -> str:
    """Give the URL of a SQLite database with the schema of today and no rows."""
    (tmp_path / "coverwatch.sqlite").write_bytes((migrated_sqlite / "coverwatch.sqlite").read_bytes())
    return f"sqlite+aiosqlite:///{tmp_path}/coverwatch.sqlite"


UNIT = "203.0.113.0/28"


class FastClock(SystemClock):
    """The real clocks, so many times faster, which can be set forward as well."""

    def __init__(self, factor: float) -> None:
        self._factor = factor
        self._began, self._at = super().now(), super().monotonic()
        self._ahead = 0.0

    def now(self) -> datetime:
        """Give the fast wall time."""
        return self._began + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        """Give the fast seconds since the beginning."""
        return (super().monotonic() - self._at) * self._factor + self._ahead

    async def sleep(self, seconds: float) -> None:
        """Wait, that much shorter."""
        await asyncio.sleep(seconds / self._factor)

    def set_forward(self, seconds: float) -> None:
        """Let time pass at once."""
        self._ahead += seconds


def story(case: int, customer: str, kind: Kind, now: datetime) -> Notice:
    """Make one notice of a case."""
    facts = {
        "order": f"INV-{case}", "unit": UNIT, "tier": "vpn-eu", "defect": "range_listed", "case": str(case),
        "since": now.isoformat(), "replace_due": now.isoformat(), "seen_by": "lists", "spare": "s", "spare_tier": "t",
    }  # fmt: skip
    return Notice(f"case:{case}:{kind}", kind, customer, None, now, facts)


async def fill(store: Store, api: BotApi, count: int, now: datetime) -> dict[int, str]:
    """Give every customer a chat, and something to be told; every tenth is told two things, in this order."""
    people = {f"customer-{n}": api.customer(f"C{n}").id for n in range(count)}
    async with store.write() as connection:
        await intake.add_customers(connection, [Customer(name, "en", chat) for name, chat in people.items()], now)
        for n, name in enumerate(people):
            await outbox.put(connection, story(n, name, Kind.CASE_OPENED, now))
        for n, name in enumerate(people):
            if n % 10 == 0:
                await outbox.put(connection, story(n, name, Kind.REPLACEMENT_READY, now))
    return {chat: name for name, chat in people.items()}


@asynccontextmanager
async def courier(store: Store, api: BotApi, clock: Clock, metrics: Metrics) -> AsyncIterator[asyncio.Task[None]]:
    """Let one life of the courier run; it ends as by SIGKILL: at whatever it was about, with nothing put in order."""
    options = Options.model_construct(api=api.base_url.removesuffix("/bot"), deadline=10.0, per_second=25.0)
    shop = Shop(UTC, "en", "telegram", None, lambda one: str(one.chat))
    async with Telegram(options, Secret(TOKEN), clock) as bot:
        life = Courier(store, bot, shop, clock, metrics, Progress({}, 0.0))
        task = asyncio.create_task(life.run(alone=True, stopping=lambda: False))
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def open_notices(store: Store) -> Counter[str]:
    async with store.read() as connection:
        return Counter(await outbox.counts(connection))


def lost(api: BotApi) -> Counter[int]:
    """Count by chat the answers that were lost on the way, and the requests whose answer nobody waited for."""
    return Counter(
        int(str(each.params["chat_id"]))
        for each in api.journal.exchanges
        if each.method == "sendMessage" and each.fault in LOSING
    )


async def run(database: str, count: int, kills: int, factor: float) -> None:
    clock = FastClock(factor)
    async with BotApi(token=TOKEN, clock=clock, seed=7) as api:
        store = await connect(database)
        metrics = Metrics()
        try:
            people = await fill(store, api, count, clock.now())
            api.faults.sometimes(0.02, method="sendMessage")
            api.faults.add(refuse_once(429, "Too Many Requests: retry after 20", 20), "sendMessage", skip=count // 3)
            killed: Counter[int] = Counter()
            for life in range(kills):
                before = len(api.journal.entries)
                async with courier(store, api, clock, metrics):
                    await until_more(api, before + count // (kills + 5))
                    if life == kills // 2:
                        await outage(api, clock)
                async with store.read() as connection:
                    # What was on its way when the process died may have arrived or not.
                    doubtful = await connection.execute(select(notice.c.customer).where(notice.c.state == "sending"))
                    chats = {name: chat for chat, name in people.items()}
                    killed.update(chats[name] for name in doubtful.scalars())
            async with courier(store, api, clock, metrics):
                await finish(store, clock)
            check(api, people, lost(api) + killed)
            assert api.flood.violations == []
            assert await open_notices(store) == Counter(sent=len(people) + len(range(0, count, 10)))
        finally:
            await store.close()


async def until_more(api: BotApi, wanted: int) -> None:
    async with asyncio.timeout(120):
        while len(api.journal.entries) < wanted:  # noqa: ASYNC110 - what is awaited happens on the other side
            await asyncio.sleep(0.005)


async def outage(api: BotApi, clock: FastClock) -> None:
    """Telegram is down for an hour. It begins with lost answers, so that every one of them is in the journal."""
    api.faults.add(HangUp(processed=True), "sendMessage", times=None)
    await asyncio.sleep(0.3)
    await api.refuse()
    for _ in range(60):
        clock.set_forward(60)
        await asyncio.sleep(0.05)
    api.faults.clear()
    api.faults.sometimes(0.02, method="sendMessage")
    await api.listen()


async def finish(store: Store, clock: FastClock) -> None:
    """Wait until everything is settled; repeats and postponed ones have their time."""
    quiet = Counter(sent=0)
    async with asyncio.timeout(300):
        while True:
            states = await open_notices(store)
            if set(states) == {"sent"}:
                return
            if states == quiet and not states["sending"]:
                clock.set_forward(60)
            quiet = states
            await asyncio.sleep(0.1)


def check(api: BotApi, people: dict[int, str], excuses: Counter[int]) -> None:
    """Nobody misses anything, in order; and each copy too many has its lost answer."""
    copies: Counter[tuple[int, str]] = Counter()
    orders: dict[int, list[str]] = {chat: [] for chat in people}
    for entry in api.journal.sent():
        title = "ready" if entry.text.startswith("The replacement") else "opened"
        copies[entry.chat, title] += 1
        if title not in orders[entry.chat]:
            orders[entry.chat].append(title)
    wanted = {chat: ["opened", "ready"] if n % 10 == 0 else ["opened"] for n, chat in enumerate(people)}
    repeated = {chat: number - 1 for (chat, _), number in copies.items() if number > 1}
    assert {chat: extra for chat, extra in repeated.items() if extra > excuses[chat]} == {}
    assert {chat: told for chat, told in orders.items() if told != wanted[chat]} == {}
    total, answers = sum(copies.values()), sum(excuses.values())
    print(f"{len(people)} people, {total} messages, {len(repeated)} told twice, {answers} answers lost")


async def test_a_thousand_notices_through_faults_kills_floods_and_an_outage(tmp_path: Path) -> None:
    await run(f"sqlite:///{tmp_path}/coverwatch.sqlite", count=1000, kills=5, factor=20)


@pytest.mark.wide
@pytest.mark.timeout(600)
async def test_ten_thousand_notices_through_twenty_kills(tmp_path: Path) -> None:
    await run(f"sqlite:///{tmp_path}/coverwatch.sqlite", count=10_000, kills=20, factor=20)


@pytest.mark.wide
async def test_the_rate_is_kept_while_there_is_work_and_never_passed(tmp_path: Path) -> None:
    """On the real clock, over a network of 50 ms: ten seconds of it."""
    clock = SystemClock()
    async with BotApi(token=TOKEN, clock=clock, seed=7) as api:
        store = await connect(f"sqlite:///{tmp_path}/coverwatch.sqlite")
        try:
            await fill(store, api, 600, clock.now())
            api.faults.add(Slow(0.05), "sendMessage", times=None)
            async with courier(store, api, clock, Metrics()):
                await until_more(api, 275)
            times = [entry.at for entry in api.journal.sent()][25:]
            rate = (len(times) - 1) / (times[-1] - times[0]).total_seconds()
            print(f"{rate:.2f} messages a second, of 25 allowed")
            assert rate >= 0.96 * 25
            assert in_any_second(times) <= 26
            assert api.flood.refused == 0
        finally:
            await store.close()


@pytest.mark.wide
async def test_an_operators_button_is_answered_within_a_second_while_five_thousand_notices_wait(
    sqlite_url: str,
) -> None:
    """On the real clock, over a network of 50 ms."""
    async with counter(sqlite_url, operators=[("anna", ALL)], clock=SystemClock()) as desk:
        await desk.sell(*(f"INV-{n}" for n in range(11)), user=desk.api.customer("Alice"))
        for n in range(11):
            await desk.fails(f"INV-{n}")
        await fill(desk.store, desk.api, 5000, desk.clock.now())
        anna = desk.api.users[next(iter(set(desk.group.members) & set(desk.api.users)))]
        desk.api.faults.add(Slow(0.05), times=None)
        life = await desk.begin()
        poller = life.bot.poller(life.reception.take)
        loops = [
            asyncio.create_task(life.courier.run(alone=True, stopping=lambda: False)),
            asyncio.create_task(life.reception.run(alone=True, stopping=lambda: False)),
            asyncio.create_task(poller.run()),
        ]
        try:
            await until_more(desk.api, 50)
            waits = [await press_and_wait(desk, anna, number) for number in range(1, 12)]
        finally:
            for each in loops:
                each.cancel()
            await asyncio.gather(*loops, return_exceptions=True)
        waiting = (await open_notices(desk.store))["queued"]
    print(f"answered within {median(waits):.2f} s (median), {max(waits):.2f} s (longest), {waiting} notices waiting")
    assert waiting >= 4000
    assert median(waits) < 1.0


async def press_and_wait(desk: Desk, anna: User, case: int) -> float:
    """Press a button that was drawn for a case, and give the seconds until its answer is there."""
    message = desk.sent(desk.group.id)[0].message_id
    began, before = time.monotonic(), len(desk.api.journal.shown)
    desk.api.user_forges(anna, desk.group.id, message, f"v1:hold:{case}:2")
    async with asyncio.timeout(30):
        while len(desk.api.journal.shown) == before:  # noqa: ASYNC110 - what is awaited happens on the other side
            await asyncio.sleep(0.005)
    return time.monotonic() - began


def in_any_second(times: Sequence[datetime]) -> int:
    second = timedelta(seconds=1)
    return max(sum(begin <= at < begin + second for at in times) for begin in times)
