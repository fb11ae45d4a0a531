"""Writes down what became of a notice, and what follows from that: a wait, a closed chat, an operator's task."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import assert_never

from monitor.core.notice import (
    Ambiguous,
    Delivered,
    Kind,
    Moved,
    Notice,
    Outcome,
    Rejected,
    TryLater,
    Undeliverable,
)
from monitor.letters import Shop
from monitor.posting import Job
from monitor.store import chats, outbox
from monitor.store.engine import Transaction
from monitor.store.outbox import Channel, Leased, State
from monitor.telemetry import logger
from notifiers import Unreachable

FIRST_WAIT = 15.0
LONGEST_WAIT = 3600.0
PARKED = timedelta(hours=6)
"""How long a notice waits when a chat is not found, which may be Telegram's own fault."""
WITHIN_TELEGRAM = frozenset({Kind.LINK_DONE, Kind.LINK_MOVED, Kind.LINK_REFUSED})
"""What is about a chat, and of no use elsewhere."""
LOCKED_OUT = timedelta(minutes=5)
"""How long operators' notices wait while their group does not let us speak."""


async def settle(
    connection: Transaction, shop: Shop, job: Job, leased: Leased, outcome: Outcome, now: datetime, *, silent: bool
) -> None:
    """Write down what became of one notice of a message. ``silent``: the carrier is left alone for a while anyway."""
    log = logger("courier").bind(notice=leased.key, attempt=leased.attempt)
    match outcome:
        case Delivered(receipt):
            await outbox.settle(connection, leased.number, State.SENT, now, receipt=receipt)
            log.info("notice_sent")
        case TryLater(after, why, everyone):
            wait = after if everyone or silent else max(after, _wait(leased.attempt))
            await outbox.postpone(connection, leased.number, now + wait, why)
            log.warning("notice_postponed", seconds=wait.total_seconds(), why=why)
        case Moved(to):
            if job.recipient is not None and shop.chats:
                await chats.move(connection, int(job.recipient), int(to))
            wait = timedelta() if leased.attempt == 1 else _wait(leased.attempt)
            await outbox.postpone(connection, leased.number, now + wait, "the chat moved")
            log.warning("chat_moved")
        case Undeliverable(why):
            await _not_reached(connection, shop, job, leased, why, now)
        case Rejected(why):
            await outbox.settle(connection, leased.number, State.REJECTED, now, why)
            log.error("notice_rejected", why=why)
        case Ambiguous(why):
            await outbox.settle(connection, leased.number, State.UNKNOWN, now, why)
            log.warning("notice_in_doubt", why=why)
        case _:
            assert_never(outcome)


async def _not_reached(connection: Transaction, shop: Shop, job: Job, leased: Leased, why: str, now: datetime) -> None:
    log = logger("courier").bind(notice=leased.key, attempt=leased.attempt)
    if job.to_operators and job.recipient is not None:
        await _tell_otherwise(connection, shop, leased, now)
        # All operators hear nothing: that must show, and nothing may be lost until somebody lets us in again.
        await outbox.postpone(connection, leased.number, now + LOCKED_OUT, why)
        log.error("operators_out_of_reach", why=why)
        return
    closed = job.closed is not None
    if not closed and shop.chats and job.recipient is not None:
        chat = int(job.recipient)
        if why == Unreachable.CHAT_NOT_FOUND:
            closed = await chats.strike(connection, chat, why, now)
        else:
            await chats.close(connection, chat, why, now)
            closed = True
    if why == Unreachable.CHAT_NOT_FOUND and not closed:
        await outbox.postpone(connection, leased.number, now + PARKED, why)
        log.warning("notice_parked", why=why)
    else:
        await outbox.settle(connection, leased.number, State.UNREACHABLE, now, why)
        await _tell_otherwise(connection, shop, leased, now)
        log.warning("recipient_unreachable", why=why)
    await _report_unreachable(connection, leased, why, now)


async def _tell_otherwise(connection: Transaction, shop: Shop, leased: Leased, now: datetime) -> None:
    """Let the second channel tell it, if it reaches whom it is for. What is for one chat only is for nobody else."""
    said = leased.notice
    if said.chat is None and said.kind not in WITHIN_TELEGRAM and shop.second(leased.customer):
        again = replace(said, key=f"{said.key}:second", created_at=now)
        await outbox.put(connection, again, channel=Channel.SECOND)


async def _report_unreachable(connection: Transaction, leased: Leased, why: str, now: datetime) -> None:
    """Make a customer who cannot be told an operator's task."""
    if leased.customer is None:
        return
    facts = {"customer": leased.customer.name, "why": why, "notice": leased.kind.value}
    key = f"notice:{leased.number}:unreachable"
    notice = Notice(key, Kind.OPERATOR_UNREACHABLE, None, leased.notice.case, now, facts)
    await outbox.put(connection, notice)


def _wait(attempt: int) -> timedelta:
    """Wait longer from attempt to attempt: 15 s, 30 s, 1 min ... up to an hour."""
    return timedelta(seconds=min(FIRST_WAIT * 2 ** max(attempt - 1, 0), LONGEST_WAIT))
