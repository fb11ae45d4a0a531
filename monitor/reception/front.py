"""The front desk: takes in what was heard, stores it, and sees that everything is acted on, once and in order."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from datetime import timedelta
from typing import Any, assert_never

from monitor.clock import Clock
from monitor.core.staff import Staff
from monitor.letters import Shop
from monitor.reception import customers, handover, linking, operators, reporting
from monitor.reception.entries import entry, read
from monitor.reception.office import Office, Terms, meet
from monitor.reception.voice import Bot, LaterError, Voice
from monitor.store import chats, inbox
from monitor.store.engine import Store, StoreError
from monitor.store.inbox import Arrived, Waiting
from monitor.sweep import Law
from monitor.telemetry import Metrics, Progress, logger
from notifiers import Unreachable
from notifiers.telegram.keyboard import Action, Press
from notifiers.telegram.keyboard import read as read_button
from notifiers.telegram.updates import (
    Admitted,
    Blocked,
    Heard,
    Ignored,
    Migrated,
    Pressed,
    Removed,
    Said,
    Unblocked,
)

LEASE = timedelta(minutes=2)
AT_ONCE = 8
IDLE = 5.0
TRIES = 3
"""So often something is tried that fails for reasons of ours."""
AGAIN = timedelta(seconds=5)
STALE = timedelta(minutes=15)
"""An answer that could not be given for so long is of no use to anybody any more."""
STORE_AGAIN = 1.0
PRIVATE = frozenset({Action.REVEAL, Action.LINK, Action.LANGUAGE, Action.REPORT})
"""Buttons of customers; the others are operators'."""


class Reception:
    """One reception of one node; many may share one inbox."""

    def __init__(
        self,
        store: Store,
        bot: Bot,
        shop: Shop,
        staff: Staff,
        law: Law,
        terms: Terms,
        clock: Clock,
        metrics: Metrics,
        progress: Progress,
        ring: Callable[[], None],
        look: Callable[[str], None],
    ) -> None:
        self._store = store
        self._clock = clock
        self._metrics = metrics
        self._progress = progress
        self._office = Office(store, Voice(store, bot, shop, clock), staff, law, clock, ring, terms, look)
        self._bell = asyncio.Event()
        self._under_way: set[asyncio.Task[None]] = set()
        self._log = logger("reception")

    def obey(self, law: Law) -> None:
        """Decide by this law from now on."""
        self._office.law = law

    async def take(self, heard: Sequence[Heard]) -> None:
        """Store what was heard; only when this returns, Telegram may forget it."""
        failing = False
        arrived = [entry(each) for each in heard]
        while not await self._keep(arrived):
            # To give up would end the poller, and to return would lose what people said.
            if not failing:
                self._log.error("inbox_failed")
            failing = True
            await self._clock.sleep(STORE_AGAIN)
        if failing:
            self._log.info("inbox_works_again")
        for each in arrived:
            self._metrics.heard.labels(each.kind).inc()
        self._bell.set()

    async def _keep(self, arrived: Sequence[Arrived]) -> bool:
        try:
            async with self._store.write() as connection:
                await inbox.store(connection, arrived, self._clock.now())
        except StoreError:
            return False
        return True

    async def run(self, *, alone: bool, stopping: Callable[[], bool]) -> None:
        """Act on what is stored until told to stop. ``alone``: what is half done was left by an earlier life."""
        if alone:
            async with self._store.write() as connection:
                await inbox.release(connection)
        failing = False
        try:
            while not stopping():
                self._bell.clear()
                try:
                    wait = await self._step()
                except Exception:  # noqa: BLE001 - a loop that goes on: what was taken is taken again
                    if not failing:
                        self._log.exception("reception_failed")
                    failing, wait = True, IDLE
                else:
                    self._progress.made("reception", self._clock.monotonic())
                    if failing:
                        self._log.info("reception_works_again")
                    failing = False
                await self._rest(wait)
            if self._under_way:
                await asyncio.wait(self._under_way)
        finally:
            for task in self._under_way:
                task.cancel()
            await asyncio.gather(*self._under_way, return_exceptions=True)

    def ring(self) -> None:
        """Say that there may be something to do, or nothing more."""
        self._bell.set()

    async def work(self) -> int:
        """Act on what can be acted on now; give how much that was."""
        async with self._store.write() as connection:
            taken = await inbox.lease(connection, self._clock.now(), LEASE, AT_ONCE)
        await asyncio.gather(*map(self._act, taken))
        return len(taken) + await handover.take_back(self._office)

    async def _step(self) -> float:
        room = AT_ONCE - len(self._under_way)
        now = self._clock.now()
        if room:
            async with self._store.write() as connection:
                taken = await inbox.lease(connection, now, LEASE, room)
            for each in taken:
                self._begin(self._act(each))
        await handover.take_back(self._office)
        if self._under_way:
            return IDLE
        async with self._store.read() as connection:
            due = await inbox.next_due(connection)
        return IDLE if due is None else min(IDLE, max(0.05, (due - now).total_seconds()))

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self._bell.set()
        if not task.cancelled() and (fault := task.exception()) is not None:
            # Its lease runs out, and then it is tried again.
            self._log.error("update_left", why=type(fault).__name__)

    async def _rest(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._bell.wait()
        except TimeoutError:
            return

    async def _act(self, waiting: Waiting) -> None:
        """Act on one thing that was heard, and write down that it is done."""
        why, later = "", None
        try:
            await self._hear(waiting)
        except LaterError as postponed:
            later = postponed.after
            if self._clock.now() - waiting.received_at + later > STALE:
                why, later = f"too late to be answered: {postponed}", None
        except StoreError:
            why, later = "the database failed", AGAIN
        except Exception:  # noqa: BLE001 - whatever one update does to us, the next one is heard
            self._log.exception("update_failed", kind=waiting.kind, attempt=waiting.attempt)
            why, later = "it failed", AGAIN if waiting.attempt < TRIES else None
            if later is None:
                await self._apologize(waiting)
        now = self._clock.now()
        async with self._store.write() as connection:
            if later is None:
                await inbox.done(connection, waiting.number, now, why)
            else:
                await inbox.postpone(connection, waiting.number, now + later, why)

    async def _apologize(self, waiting: Waiting) -> None:
        heard, _ = read(waiting)
        if isinstance(heard, Pressed):
            await self._office.voice.answer(heard.query, self._office.shop.language, "failed")

    async def _hear(self, waiting: Waiting) -> None:
        office = self._office
        heard, token = read(waiting)
        match heard:
            case Said(private=True):
                await customers.hear(office, heard, token, waiting)
            case Said():
                if await self._is_operators(heard.chat):
                    await operators.hear(office, heard)
            case Pressed():
                await self._hear_press(heard, waiting)
            case Blocked() | Unblocked() | Removed() | Admitted() | Migrated():
                await self._hear_of_chat(heard)
            case Ignored():
                return
            case _:
                assert_never(heard)

    async def _hear_of_chat(self, heard: Blocked | Unblocked | Removed | Admitted | Migrated) -> None:
        """Note how a chat stands with us from now on."""
        async with self._store.write() as connection:
            ours = heard.chat == await self._office.operators_chat(connection)
            match heard:
                case Blocked(chat=chat):
                    await chats.close(connection, chat, Unreachable.BLOCKED.value, self._clock.now())
                case Unblocked(chat=chat):
                    await linking.welcome_back(connection, self._office, chat)
                case Migrated(chat=chat, to=to):
                    await chats.move(connection, chat, to)
                case Removed() if ours:
                    self._log.error("operators_chat_lost")
                case Admitted() if ours:
                    self._log.info("operators_chat_open")
                    self._office.ring()
                case Removed() | Admitted():
                    return
                case _:
                    assert_never(heard)

    async def _is_operators(self, chat: int) -> bool:
        async with self._store.read() as connection:
            return chat == await self._office.operators_chat(connection)

    async def _hear_press(self, pressed: Pressed, waiting: Waiting) -> None:
        wish, office = read_button(pressed.data), self._office
        if wish is None:
            await office.voice.answer(pressed.query, pressed.language or office.shop.language, "gone")
        elif wish.action in PRIVATE:
            await self._hear_customer(pressed, wish, waiting)
        else:
            await operators.press(office, pressed, wish)

    async def _hear_customer(self, pressed: Pressed, wish: Press, waiting: Waiting) -> None:
        office = self._office
        caller = await meet(office, pressed.chat, pressed.language, waiting)
        if pressed.chat != pressed.user:
            await office.voice.answer(pressed.query, caller.language, "not_yours")
        elif wish.action is Action.REVEAL:
            await handover.reveal(office, caller, pressed, wish)
        elif wish.action is Action.LINK:
            await linking.confirm(office, caller, pressed, wish)
        elif wish.action is Action.LANGUAGE:
            await customers.set_language(office, caller, pressed, wish)
        else:
            await reporting.press(office, caller, pressed, wish)
