"""What everybody at the reception has at hand, and who stands in front of them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from monitor.clock import Clock
from monitor.core.fleet import Customer
from monitor.core.staff import Operator, Permission, Staff
from monitor.letters import Shop
from monitor.reception.voice import Voice
from monitor.store import chats
from monitor.store.boxes import Seal
from monitor.store.engine import Store, Transaction
from monitor.store.inbox import Waiting
from monitor.sweep import Law
from notifiers.wording import choose


@dataclass(frozen=True, slots=True)
class Terms:
    """How access data is handed over. Without a ``seal``, operators hand over themselves."""

    seal: Seal | None = None
    shown_for: timedelta = timedelta(minutes=30)
    again_within: timedelta = timedelta(hours=24)


@dataclass(slots=True)
class Office:
    """One reception's tools.

    ``ring`` wakes the courier: there may be something to deliver. ``look`` has a unit looked at now.
    """

    store: Store
    voice: Voice
    staff: Staff
    law: Law
    clock: Clock
    ring: Callable[[], None]
    terms: Terms
    look: Callable[[str], None]

    @property
    def shop(self) -> Shop:
        """Whose reception it is."""
        return self.voice.shop

    async def operators_chat(self, connection: Transaction) -> int | None:
        """Tell where the operators are now."""
        return None if self.shop.operators is None else await chats.current(connection, int(self.shop.operators))

    def operator(self, user: int, permission: Permission) -> Operator | None:
        """Find an operator who may do something; None for anybody else."""
        found = self.staff.find(user)
        return found if found is not None and permission in found.may else None


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who writes to us in private, at ``at``; linked to these customers, if to any.

    ``number`` is that of what he says now, among all that was ever heard.
    """

    chat: int
    language: str
    customers: tuple[Customer, ...]
    at: datetime
    number: int

    @property
    def names(self) -> list[str]:
        """Name the customers."""
        return [each.name for each in self.customers]


async def meet(office: Office, chat: int, spoken: str | None, waiting: Waiting) -> Caller:
    """See who writes, and choose a language: what was chosen, else the customer's, else that of the app he uses."""
    async with office.store.read() as connection:
        people = await chats.customers(connection, chat)
        known = (await chats.read(connection, [chat])).get(chat)
    chosen = known.language if known is not None else None
    language = people[0].language if people else chosen or spoken or office.shop.language
    return Caller(chat, choose(language), tuple(people), waiting.received_at, waiting.number)
