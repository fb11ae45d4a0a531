"""Makes the links that customers are given."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from monitor.reception.entries import digest_of
from monitor.store import links
from monitor.store.engine import Store

BYTES = 16
"""128 bits: nobody tries that many."""


class UnknownOrderError(LookupError):
    """There is no such order."""


@dataclass(frozen=True, slots=True)
class Issued:
    """A one-time token for whoever bought an order, and until when it can be used. It is kept nowhere else."""

    order: str
    customer: str
    token: str = field(repr=False)
    expires_at: datetime

    def link(self, bot: str) -> str:
        """Give the link that opens the chat with the bot of this user name, token in hand."""
        return f"https://t.me/{bot}?start={self.token}"


async def issue(
    store: Store, order: str, now: datetime, lifetime: timedelta, chance: Callable[[int], str] = secrets.token_urlsafe
) -> Issued:
    """Make a one-time token for whoever bought an order.

    :raises UnknownOrderError: there is no such order.
    """
    token, expires_at = chance(BYTES), now + lifetime
    async with store.write() as connection:
        customer = await links.customer_of_order(connection, order)
        if customer is None:
            raise UnknownOrderError(f"there is no order {order}")
        await links.issue(connection, digest_of(token), customer, order, now, expires_at)
    return Issued(order, customer, token, expires_at)
