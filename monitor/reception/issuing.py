"""Makes the links that customers are given."""

import secrets
from collections.abc import Callable
from datetime import datetime, timedelta

from monitor.reception.entries import digest_of
from monitor.store import links
from monitor.store.engine import Store

BYTES = 16
"""128 bits: nobody tries that many."""


class UnknownOrderError(LookupError):
    """There is no such order."""


async def issue(
    store: Store, order: str, now: datetime, lifetime: timedelta, chance: Callable[[int], str] = secrets.token_urlsafe
) -> tuple[str, str, datetime]:
    """Make a one-time token for whoever bought an order; give it, his name, and until when it can be used.

    :raises UnknownOrderError: there is no such order.
    """
    token, expires_at = chance(BYTES), now + lifetime
    async with store.write() as connection:
        customer = await links.customer_of_order(connection, order)
        if customer is None:
            raise UnknownOrderError(f"there is no order {order}")
        await links.issue(connection, digest_of(token), customer, order, now, expires_at)
    return token, customer, expires_at
