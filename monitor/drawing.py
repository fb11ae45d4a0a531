"""Draws the cards in the operators' chat: one for each case or incident, kept up to date as that moves."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta

from monitor.clock import Clock
from monitor.core.notice import Delivered, Outcome, TryLater
from monitor.letters import Shop, drawn, replaced
from monitor.store import cards, chats
from monitor.store.cards import Card, Subject
from monitor.store.engine import Store, Transaction
from notifiers import Message, Notifier

LATER = timedelta(seconds=15)
TURN = 30.0
"""Seconds that a card waits for its turn in the group."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """Draws with one notifier."""

    store: Store
    notifier: Notifier
    shop: Shop
    clock: Clock

    async def stale(self, limit: int) -> list[Card]:
        """Find the cards of what has moved since they were drawn."""
        async with self.store.read() as connection:
            return await cards.outdated(connection, self.clock.now(), limit)

    async def draw(self, stale: Card) -> Outcome | None:
        """Show a case or an incident as it is; None where there is no such thing."""
        async with self.store.read() as connection:
            facts = await cards.told_of(connection, stale.subject)
            chat = await chats.current(connection, stale.chat)
        if facts is None:
            return None
        outcome = await self._edit(stale.receipt, drawn(self.shop, facts, str(chat)))
        async with self.store.write() as connection:
            match outcome:
                case Delivered() if not facts.over:
                    await cards.drawn(connection, stale, facts.version)
                case TryLater(after):
                    await cards.postpone(connection, stale, self.clock.now() + max(after, LATER))
                case _:
                    # It shows how it ended, or the message is no more.
                    await cards.drop(connection, stale)
        return outcome

    async def keep(
        self, connection: Transaction, shown: tuple[Subject, int], recipient: str, receipt: str, now: datetime
    ) -> Card | None:
        """Remember the message that is a card from now on, and how many moves it shows; give the one that was."""
        subject, moves = shown
        return await cards.put(connection, subject, int(recipient), receipt, moves, now)

    async def retire(self, old: Card) -> None:
        """Take the buttons from a card that another one has replaced. Left there, they would only be out of date."""
        await self._edit(old.receipt, replaced(self.shop, old))

    async def _edit(self, receipt: str, message: Message) -> Outcome:
        async with AsyncExitStack() as turn:
            try:
                async with asyncio.timeout(TURN):
                    await turn.enter_async_context(self.notifier.turn(message.recipient))
            except TimeoutError:
                return TryLater(LATER, "no turn came")
            return await self.notifier.edit(receipt, message)
