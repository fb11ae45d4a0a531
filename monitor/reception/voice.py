"""Speaks to one person at once, ahead of the bulk: an answer, a change of a message, an alert over a button."""

import asyncio
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from monitor.clock import Clock
from monitor.core.notice import Delivered, Moved, Outcome, Params, TryLater, Undeliverable
from monitor.letters import Keyboard, Shop, say
from monitor.store import chats, outbox
from monitor.store.engine import Store
from monitor.telemetry import logger
from notifiers import Message, Unreachable
from notifiers.wording import word
from notifiers.wording.sayings import Saying

TURN = 30.0
"""Seconds that an answer waits for its turn; then it is tried again later."""
SOON = timedelta(seconds=5)

log = logger("reception")


class Bot(Protocol):
    """What the reception needs of a notifier that people can talk to."""

    @property
    def not_before(self) -> datetime | None:
        """The wall time until which the carrier wants silence."""

    def turn(self, recipient: str, *, urgent: bool = False) -> AbstractAsyncContextManager[None]:
        """Wait for the recipient's turn."""

    async def send(self, message: Message) -> Outcome:
        """Send one message."""

    async def edit(self, receipt: str, message: Message) -> Outcome:
        """Show the new state of a message."""

    async def delete(self, recipient: str, receipt: str) -> Outcome:
        """Take a message back."""

    async def answer(self, press: str, text: str = "", *, alert: bool = False) -> Outcome:
        """Answer a pressed button."""

    async def fetch(self, file: str, most: int) -> bytes | None:
        """Give the content of a file that somebody sent."""

    async def name(self) -> str | None:
        """Give the bot's user name."""


class LaterError(Exception):
    """Surely not said; to be tried again ``after`` so long."""

    def __init__(self, after: timedelta, why: str) -> None:
        super().__init__(why)
        self.after = after


@dataclass(frozen=True, slots=True)
class Voice:
    """Speaks for a shop through one bot."""

    store: Store
    bot: Bot
    shop: Shop
    clock: Clock

    async def say(
        self, chat: int, saying: Saying, language: str, facts: Params | None = None, buttons: Keyboard = ()
    ) -> str | None:
        """Say one thing in a chat; give the number of the message, None where it cannot be said there.

        :raises LaterError: not now.
        """
        return await self.send(say(self.shop, saying, str(chat), language, facts, buttons))

    async def send(self, message: Message) -> str | None:
        """Send one message; give its number, None where that is not known or it cannot be sent.

        :raises LaterError: not now.
        """
        outcome = await self.attempt(message)
        if isinstance(outcome, Moved):
            async with self.store.write() as connection:
                await chats.move(connection, int(message.recipient), int(outcome.to))
            raise LaterError(timedelta(), "the chat moved")
        return outcome.receipt if isinstance(outcome, Delivered) else None

    async def attempt(self, message: Message) -> Outcome:
        """Send one message and give what became of it.

        :raises LaterError: not now.
        """
        async with AsyncExitStack() as turn:
            await self._turn(turn, message.recipient)
            outcome = await self.bot.send(message)
        return await self._heed(outcome, message)

    async def edit(self, chat: int, receipt: int, message: Message) -> bool:
        """Show a message in another state; False where it cannot be changed any more.

        :raises LaterError: not now.
        """
        async with AsyncExitStack() as turn:
            await self._turn(turn, str(chat))
            outcome = await self.bot.edit(str(receipt), message)
        return isinstance(await self._heed(outcome, message), Delivered)

    async def answer(self, query: str, language: str, name: str = "", *, alert: bool = True, **facts: str) -> None:
        """Answer a pressed button. Whether that arrives or not, what was done stands."""
        text = word(language, "answers", name, **facts) if name else ""
        outcome = await self.bot.answer(query, text, alert=alert and bool(name))
        if not isinstance(outcome, Delivered):
            log.info("button_not_answered", why=getattr(outcome, "why", type(outcome).__name__))

    async def _turn(self, stack: AsyncExitStack, recipient: str) -> None:
        try:
            async with asyncio.timeout(TURN):
                await stack.enter_async_context(self.bot.turn(recipient, urgent=True))
        except TimeoutError:
            until, now = self.bot.not_before, self.clock.now()
            raise LaterError(SOON if until is None else max(SOON, until - now), "no turn came") from None

    async def _heed(self, outcome: Outcome, message: Message) -> Outcome:
        match outcome:
            case TryLater(after, why, everyone):
                if everyone:
                    async with self.store.write() as connection:
                        await outbox.pause(connection, self.shop.carrier, self.clock.now() + after)
                raise LaterError(max(after, SOON), why)
            case Undeliverable(why) if why in {Unreachable.BLOCKED, Unreachable.DEACTIVATED}:
                async with self.store.write() as connection:
                    await chats.close(connection, int(message.recipient), why, self.clock.now())
            case Delivered() | Moved():
                pass
            case _:
                log.warning("answer_not_given", key=message.key, what=type(outcome).__name__.lower(), why=outcome.why)
        return outcome
