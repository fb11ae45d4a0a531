"""Tells Telegram, when the bot starts, which commands to offer: customers' by language, operators' in their chat."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from monitor.clock import Clock
from monitor.core.notice import Delivered, Moved, Outcome, TryLater
from monitor.letters import Shop
from monitor.store import chats, outbox
from monitor.store.engine import Store, StoreError
from monitor.telemetry import logger
from notifiers.telegram.menu import Menu
from notifiers.wording import FALLBACK, LANGUAGES, word

CUSTOMERS = ("status", "report", "language", "stop", "help")
OPERATORS = ("cases", "stock", "incidents", "brake", "mute", "help")
"""What can be asked for without naming anything: a tap on a menu sends the bare command."""
AGAIN = timedelta(minutes=1)
TRIES = 60
"""So often a menu is tried in one life, as long as Telegram cannot be reached."""

log = logger("reception")


class Offering(Protocol):
    """What this needs of a bot."""

    @property
    def not_before(self) -> datetime | None:
        """The wall time until which the carrier wants silence."""

    async def offer(self, menu: Menu) -> Outcome:
        """Have a menu offered."""


def customers_menus() -> Sequence[Menu]:
    """Give customers' commands, in each language, and for apps in another one."""
    spoken: list[tuple[str | None, str]] = [(None, FALLBACK), *((language, language) for language in LANGUAGES)]
    return [
        Menu(tuple((name, word(words, "commands", name)) for name in CUSTOMERS), language=language)
        for language, words in spoken
    ]


def operators_menu(language: str, chat: int) -> Menu:
    """Give operators' commands, in the language of the shop, for their chat."""
    return Menu(tuple((name, word(language, "operator_commands", name)) for name in OPERATORS), chat)


class Menus:
    """Has every menu offered once in a life; nothing that goes wrong with that keeps the bot from its work."""

    def __init__(self, store: Store, bot: Offering, shop: Shop, clock: Clock) -> None:
        self._store = store
        self._bot = bot
        self._shop = shop
        self._clock = clock

    async def run(self) -> None:
        """Have the menus offered, one after the other."""
        try:
            async with self._store.read() as connection:
                # A silence that Telegram asked for before we were restarted holds for this too.
                until = await outbox.paused_until(connection, self._shop.carrier)
                operators = self._shop.operators
                here = None if operators is None else await chats.current(connection, int(operators))
        except StoreError as fault:
            log.warning("menus_not_offered", why=str(fault))
            return
        if until is not None:
            await self._clock.sleep(max(0.0, (until - self._clock.now()).total_seconds()))
        mine = [] if here is None else [operators_menu(self._shop.language, here)]
        for menu in (*mine, *customers_menus()):
            await self._offer(menu)

    async def _offer(self, menu: Menu) -> None:
        what = {"who": "customers" if menu.chat is None else "operators", "language": menu.language}
        for tried in range(TRIES):
            match await self._bot.offer(menu):
                case Delivered():
                    return
                case TryLater(after, why):
                    if not tried:
                        log.warning("menu_postponed", **what, why=why)
                    until, now = self._bot.not_before, self._clock.now()
                    quiet = timedelta() if until is None else until - now
                    await self._clock.sleep(max(after, AGAIN, quiet).total_seconds())
                case Moved(to):
                    menu = replace(menu, chat=int(to))
                case refused:
                    log.warning("menu_refused", **what, why=refused.why)
                    return
        log.warning("menu_given_up", **what, tries=TRIES)
