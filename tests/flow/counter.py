"""The counter of a shop: customers and operators on one side, the Bot API's protocol in between, the store behind it.

Time is driven. Nothing is swept here: what fails is said by the test, and decided by the real core.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, timedelta
from typing import Any

from sqlalchemy import select, update

from monitor.clock import Clock, DrivenClock
from monitor.core.fleet import Customer
from monitor.core.notice import Notice
from monitor.core.secret import Secret
from monitor.core.staff import Operator, Permission, Staff
from monitor.courier import Courier
from monitor.demo.botapi import BotApi
from monitor.demo.botapi.journal import Entry
from monitor.demo.botapi.keyboard import buttons_of
from monitor.demo.botapi.world import Chat, User
from monitor.letters import Shop
from monitor.reception import Reception
from monitor.reception.issuing import issue
from monitor.reception.office import Terms
from monitor.store import cases, outbox
from monitor.store.boxes import Seal
from monitor.store.engine import Store, connect
from monitor.store.tables import cases as case_table
from monitor.store.tables import customer, notice
from monitor.sweep import Law
from monitor.telemetry import Metrics, Progress
from notifiers.telegram.options import Options
from notifiers.telegram.sender import Telegram
from notifiers.telegram.updates import ALLOWED, normalise
from tests.store.shop import HOUR, NOW, POLICY, TIERS, broken, rule, sell

TOKEN = "7000000001:CANARY-not-a-real-token"
KEY = "0f" * 32


@dataclass
class Life:
    """What lives until the process dies: the notifier, the courier and the reception."""

    bot: Telegram
    courier: Courier
    reception: Reception
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)


@dataclass
class Counter:
    """One shop's counter."""

    database: str
    store: Store
    api: BotApi
    clock: Clock
    staff: Staff
    group: Chat
    metrics: Metrics
    life: Life | None = None
    offset: int | None = None
    looked_at: list[str] = field(default_factory=list)
    """Units that were to be looked at at once."""
    second: Callable[[Customer | None], bool] = lambda _: False
    """Whom the second channel reaches."""

    async def begin(self) -> Life:
        """Begin a life of the daemon's."""
        options = Options.model_construct(api=self.api.base_url.removesuffix("/bot"), deadline=10.0)
        bot = Telegram(options, Secret(TOKEN), self.clock)
        progress = Progress({}, 0.0)
        shop = Shop(UTC, "en", "telegram", str(self.group.id), _chat, second=self.second)
        courier = Courier(self.store, bot, shop, self.clock, self.metrics, progress)
        law, terms = Law(POLICY, TIERS), Terms(Seal(Secret(KEY)))
        reception = Reception(
            self.store, bot, shop, self.staff, law, terms, self.clock, self.metrics, progress, courier.ring,
            self.looked_at.append,
        )  # fmt: skip
        self.life = Life(bot, courier, reception)
        await self.life.stack.enter_async_context(bot)
        return self.life

    async def die(self) -> None:
        """End it, as if killed: whatever was in memory is gone."""
        if self.life is not None:
            await self.life.stack.aclose()
        self.life = None

    async def hear(self) -> int:
        """Fetch what people said, over the wire, store it, and only then let Telegram forget it."""
        life = self.life or await self.begin()
        raw: Any = await life.bot._wires[1].call(
            "getUpdates", 10, offset=self.offset, timeout=0, allowed_updates=ALLOWED
        )
        heard = [each for each in map(normalise, raw) if each is not None]
        if heard:
            await life.reception.take(heard)
        self.offset = heard[-1].update + 1 if heard else None
        return len(heard)

    async def settle(self, rounds: int = 50) -> None:
        """Let everything happen that can happen now."""
        life = self.life or await self.begin()
        for _ in range(rounds):
            done = await self.hear() + await life.reception.work()
            done += await life.courier.deliver() + await life.courier.redraw()
            if not done:
                return
        raise AssertionError("it does not come to rest")

    def wait(self, span: timedelta) -> None:
        """Let time pass."""
        assert isinstance(self.clock, DrivenClock)
        self.clock.advance(span)

    async def says(self, user: User, text: str, chat: Chat | None = None) -> list[str]:
        """Let somebody write; give what is said to him, or in that chat, because of it."""
        before = len(self.api.journal.entries)
        self.api.user_says(user, text, chat)
        await self.settle()
        where = chat.id if chat is not None else user.id
        return [entry.text for entry in self.api.journal.entries[before:] if entry.chat == where]

    async def presses(self, user: User, button: str, chat: int | None = None) -> list[str]:
        """Let somebody press a button under the newest message that has it; give what that shows him."""
        where, before = chat or user.id, len(self.api.journal.shown)
        message = next(
            each
            for each in reversed(self.api.chats[where].showing())
            if button in {found.get("text") for found in buttons_of(each.keyboard)}
        )
        self.api.user_presses(user, where, message.id, button)
        await self.settle()
        return [shown.text for shown in self.api.journal.shown[before:] if shown.user == user.id]

    async def forges(self, user: User, data: str, message: int, chat: int | None = None) -> list[str]:
        """Let somebody press a button that was never there."""
        before = len(self.api.journal.shown)
        self.api.user_forges(user, chat or user.id, message, data)
        await self.settle()
        return [shown.text for shown in self.api.journal.shown[before:] if shown.user == user.id]

    def seen(self, chat: int) -> list[str]:
        """Give what a chat shows now, of what the bot wrote."""
        return [each.marked.text for each in self.api.chats[chat].showing() if each.sender is self.api.me]

    def buttons(self, chat: int) -> list[str]:
        """Give the buttons under the newest message of a chat."""
        newest = self.api.chats[chat].showing()[-1]
        return [str(each["text"]) for each in buttons_of(newest.keyboard)]

    def sent(self, chat: int) -> list[Entry]:
        """Give every message that a chat was sent."""
        return self.api.journal.sent(chat)

    async def link(self, order: str, lifetime: timedelta = 24 * HOUR) -> str:
        """Make a link as an operator does; give its token."""
        return (await issue(self.store, order, self.clock.now(), lifetime)).token

    async def chat_of(self, name: str) -> int | None:
        """Tell which chat a customer is linked to."""
        async with self.store.read() as connection:
            query = select(customer.c.chat).where(customer.c.name == name)
            chat: int | None = (await connection.execute(query)).scalar_one()
        return chat

    async def sell(self, *orders: str, name: str = "alice", user: User | None = None) -> None:
        """Sell a range under each order, to somebody who is linked to ``user``, or to nobody."""
        await sell(self.store, *orders, customer=name)
        async with self.store.write() as connection:
            chat = user.id if user is not None else None
            await connection.execute(update(customer).where(customer.c.name == name).values(chat=chat))

    async def fails(self, order: str) -> None:
        """Let the range of an order be listed, and the core decide."""
        from tests.store.shop import sold  # noqa: PLC0415 - a name that would be taken for ours

        [handed] = await sold(self.store, order)
        await rule(self.store, broken(handed), now=self.clock.now())

    async def case(self, number: int = 1) -> Any:
        """Read a case."""
        async with self.store.read() as connection:
            return await cases.by_number(connection, number)

    async def trail(self, number: int = 1) -> list[tuple[str, str]]:
        """Read who did what to a case."""
        async with self.store.read() as connection:
            return [(event.move.value, event.who) for event, _ in await cases.events_of(connection, number)]

    async def states(self) -> dict[str, str]:
        """Read the states of all notices, by key."""
        async with self.store.read() as connection:
            return {row.key: row.state for row in await connection.execute(select(notice.c.key, notice.c.state))}

    async def put(self, *notices: Notice) -> None:
        """Write notices down."""
        async with self.store.write() as connection:
            for each in notices:
                await outbox.put(connection, each)

    async def number_of_cases(self) -> int:
        """Count the cases."""
        async with self.store.read() as connection:
            return len((await connection.execute(select(case_table.c.number))).all())


def _chat(one: Customer) -> str | None:
    return str(one.chat) if one.chat else None


ALL = frozenset(Permission)


@asynccontextmanager
async def counter(
    database: str, *, operators: Sequence[tuple[str, frozenset[Permission]]] = (), clock: Clock | None = None
) -> AsyncIterator[Counter]:
    """Open a counter, with operators who are members of their group in this order; after the bot come the others."""
    clock = clock or DrivenClock(NOW)
    async with BotApi(token=TOKEN, clock=clock, seed=1) as api:
        people = [api.customer(name.capitalize()) for name, _ in operators]
        staff = Staff(
            Operator(name, user.id, may) for (name, may), user in zip(operators, people, strict=True)
        )  # fmt: skip
        store = await connect(database)
        made = Counter(database, store, api, clock, staff, api.group("Operators", people), Metrics())
        try:
            yield made
        finally:
            await made.die()
            await store.close()
