"""Hands replacements over: in the private chat they belong to, recorded each time, and taken back after a while."""

import html
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from monitor.core.case import Case, Move, State
from monitor.core.hand import by_hand
from monitor.core.notice import Ambiguous, Delivered, Kind, TryLater
from monitor.core.secret import Secret
from monitor.letters import say
from monitor.reception.office import Caller, Office
from monitor.reception.voice import LaterError
from monitor.store import boxes, cases, fleet, handing, notices
from monitor.store.boxes import SealError, Shown
from monitor.store.engine import Transaction
from monitor.telemetry import logger
from notifiers.markup import plain
from notifiers.telegram.keyboard import Press
from notifiers.telegram.updates import Pressed
from notifiers.wording.sayings import Saying

MOST_SHOWN = 5
"""So often the same access data is shown; after that a person is asked."""
RETRY = timedelta(minutes=1)
AT_ONCE = 8
REVEALABLE = frozenset({State.PROMISED, State.HANDED_OVER, State.CLOSED})
JANITOR = "policy"

log = logger("reception")


@dataclass(frozen=True, slots=True)
class Handed:
    """Access data that may be shown now: for which case and spare, and under which record."""

    case: Case
    order: str
    spare: str
    secret: Secret
    record: int
    until: datetime


async def reveal(office: Office, caller: Caller, pressed: Pressed, press: Press) -> None:
    """Show the access data of a replacement to whom it is owed; the first time it is handed over by that."""
    if pressed.chat != pressed.user:
        # A group sees everything.
        await office.voice.answer(pressed.query, caller.language, "not_yours")
        return
    async with office.store.deciding() as connection:
        found = await _hand_over(connection, office, caller, pressed, press)
    if isinstance(found, str):
        await office.voice.answer(pressed.query, caller.language, found)
        return
    office.ring()
    await office.voice.answer(pressed.query, caller.language)
    await _show(office, caller, found)


async def _hand_over(
    connection: Transaction, office: Office, caller: Caller, pressed: Pressed, press: Press
) -> Handed | str:
    """Write the hand-over down; or name the answer to who may not have it, or not now."""
    case, now, terms = await cases.by_number(connection, press.case), office.clock.now(), office.terms
    if case is None or case.customer not in caller.names:
        return "not_yours"
    await notices.prove(connection, case.customer, case.number, [Kind.REPLACEMENT_READY], str(pressed.message), now)
    if case.spare is None or case.state not in REVEALABLE:
        return "gone"
    delivery = (await fleet.deliveries_by_number(connection, [case.delivery], office.law.tiers)).get(case.delivery)
    sealed = await boxes.get(connection, case.spare)
    first = case.state is State.PROMISED
    sick = first and not await handing.is_on_shelf(connection, case.spare)
    if terms.seal is None or sealed is None or delivery is None or sick:
        return "ask_us"
    since, times = await handing.handed_over(connection, case.number)
    if times >= MOST_SHOWN or (since is not None and now - since > terms.again_within):
        return "ask_us"
    try:
        secret = terms.seal.open(case.spare, sealed)
    except SealError as fault:
        log.error("box_not_opened", case=case.number, why=str(fault))  # noqa: TRY400 - ours to mend, nothing to trace
        return "ask_us"
    why = f"{case.spare} taken over in the private chat" if first else f"{case.spare} shown again"
    done = by_hand(case, delivery, Move.HAND_OVER if first else Move.NOTE, case.customer, why, now)
    await cases.move(connection, done, now)
    if first:
        await handing.deliver(connection, case, delivery, now)
    until = now + terms.shown_for
    record = await boxes.show(connection, case.number, caller.chat, now, until)
    return Handed(done.case, delivery.order, case.spare, secret, record, until)


async def _show(office: Office, caller: Caller, handed: Handed) -> None:
    facts = {"order": handed.order, "spare": handed.spare, "until": handed.until.isoformat()}
    message = say(office.shop, Saying.HANDED_OVER, str(caller.chat), caller.language, facts)
    text = f"{message.text}\n\n<tg-spoiler>{html.escape(handed.secret.reveal())}</tg-spoiler>"
    message = replace(message, text=text, plain=plain(text), protect=True)
    now = office.clock.now()
    try:
        outcome = await office.voice.attempt(message)
    except LaterError:
        # Nothing was shown: what was recorded is that it was to be.
        await _record(office, handed.record, None, gone=now)
        raise
    if isinstance(outcome, Delivered):
        await _record(office, handed.record, outcome.receipt)
        log.info("handed_over", case=handed.case.number)
    elif not isinstance(outcome, Ambiguous):
        await _record(office, handed.record, None, gone=now)
    else:
        log.warning("hand_over_in_doubt", case=handed.case.number, why=outcome.why)


async def _record(office: Office, number: int, receipt: str | None, *, gone: datetime | None = None) -> None:
    async with office.store.write() as connection:
        await boxes.shown(connection, number, receipt, gone=gone)


async def take_back(office: Office) -> int:
    """Delete the access data that has stood in chats long enough, and close what is done; give how many there were."""
    if office.voice.bot.not_before is not None:
        return 0
    async with office.store.read() as connection:
        due = await boxes.to_delete(connection, office.clock.now(), AT_ONCE)
    for each in due:
        await _delete(office, each)
    return len(due)


async def _delete(office: Office, shown: Shown) -> None:
    now, outcome = office.clock.now(), None
    if shown.receipt is not None:
        outcome = await office.voice.bot.delete(str(shown.chat), shown.receipt)
    async with office.store.deciding() as connection:
        if isinstance(outcome, TryLater):
            await boxes.keep_longer(connection, shown.number, now + max(RETRY, outcome.after))
            return
        await boxes.shown(connection, shown.number, shown.receipt, gone=now)
        gone = isinstance(outcome, Delivered)
        await _close(connection, office, shown.case, "" if gone else "it may still stand in the chat: ", now)
    if not gone:
        log.warning("reveal_not_deleted", case=shown.case)


async def _close(connection: Transaction, office: Office, number: int, doubt: str, now: datetime) -> None:
    """Close a case whose access data stands nowhere any more."""
    case = await cases.by_number(connection, number)
    if case is None or case.state is not State.HANDED_OVER or await boxes.standing(connection, number):
        return
    delivery = (await fleet.deliveries_by_number(connection, [case.delivery], office.law.tiers)).get(case.delivery)
    if delivery is None:
        return
    why = f"{doubt}the replacement was taken over, and the message with its access data deleted"
    await cases.move(connection, by_hand(case, delivery, Move.CLOSE, JANITOR, why, now), now)
