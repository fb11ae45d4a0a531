"""Ties chats to customers: by a token that nobody guesses, asked back once, and never over somebody's head."""

from collections.abc import Mapping
from datetime import timedelta

from monitor.core.notice import Kind, Notice, Params
from monitor.core.staff import Operator
from monitor.letters import Keyboard, say
from monitor.reception.entries import STARTED
from monitor.reception.office import Caller, Office
from monitor.store import chats, inbox, links, notices, outbox
from monitor.store.engine import Transaction
from monitor.store.links import Link, State
from notifiers import Button, Message
from notifiers.telegram.keyboard import Action, Press, write
from notifiers.telegram.updates import Pressed
from notifiers.wording import render, word
from notifiers.wording.sayings import Saying

TRIES, PER = 5, timedelta(minutes=15)
ENDING = 4
"""So many characters of an order's number are shown, and never more than half of it."""

SETTLED: Mapping[State, Saying | Kind] = {State.LINKED: Kind.LINK_DONE, State.WAITING: Saying.LINK_WAITING}
"""What is said about a link that has been confirmed before."""


async def start(office: Office, caller: Caller, token: str | None) -> None:
    """Answer /start, with the digest of the token that came with it."""
    if token is None:
        await _start_plainly(office, caller)
        return
    async with office.store.write() as connection:
        tries = await inbox.count(connection, caller.chat, STARTED, caller.at - PER, caller.number)
        found = None if tries > TRIES else await links.present(connection, token, caller.chat, office.clock.now())
    if tries > TRIES:
        await office.voice.say(caller.chat, Saying.TOO_MANY, caller.language)
    elif found is None:
        # The same words for wrong, used and expired: whoever guesses learns nothing.
        await office.voice.say(caller.chat, Saying.LINK_FAILED, caller.language)
    else:
        ending = found.order[-min(ENDING, len(found.order) // 2) :]
        buttons = _yes_or_no(found.number, caller.language)
        await office.voice.say(caller.chat, Saying.LINK_CONFIRM, caller.language, {"ending": ending}, buttons)


async def _start_plainly(office: Office, caller: Caller) -> None:
    async with office.store.write() as connection:
        await welcome_back(connection, office, caller.chat, even_if_stopped=True)
    saying = Saying.RESUMED if caller.customers else Saying.WELCOME
    await office.voice.say(caller.chat, saying, caller.language)


async def welcome_back(connection: Transaction, office: Office, chat: int, *, even_if_stopped: bool = False) -> None:
    """Note that a chat can be written to, and tell there what could not be told before."""
    known = (await chats.read(connection, [chat])).get(chat)
    if known is None or (known.unreachable == "stopped" and not even_if_stopped):
        return
    if await chats.open_again(connection, chat) and await notices.revive(connection, chat, office.clock.now()):
        office.ring()


def _yes_or_no(number: int, language: str) -> Keyboard:
    return (
        tuple(
            Button(word(language, "buttons", answer), write(Press(Action.LINK, number, 0, answer)))
            for answer in ("yes", "no")
        ),
    )


async def confirm(office: Office, caller: Caller, pressed: Pressed, press: Press) -> None:
    """Link a chat once its owner has said that the order is his."""
    async with office.store.deciding() as connection:
        found = await links.find(connection, press.case)
        if found is None or found.chat != caller.chat:
            said: Saying | Kind | None = None
        elif press.detail != "yes":
            said = Saying.NOT_LINKED
        else:
            said = await _link(connection, office, found)
    await office.voice.answer(pressed.query, caller.language, "" if said is not None else "gone")
    if said is None:
        return
    office.ring()
    facts = {"order": found.order} if found is not None else {}
    wording = render(said, caller.language, facts, office.shop.zone)
    message = Message(str(caller.chat), wording.html, wording.plain, key=f"link:{press.case}")
    if not await office.voice.edit(caller.chat, pressed.message, message):
        await office.voice.send(message)


async def _link(connection: Transaction, office: Office, found: Link) -> Saying | Kind:
    """Link what may be linked at once; the rest waits for an operator. A repeat of it says the same."""
    now = office.clock.now()
    if found.state is not State.ISSUED or found.expires_at <= now:
        return SETTLED.get(found.state, Saying.LINK_FAILED)
    before = await links.chat_of(connection, found.customer)
    moves = before is not None and before != found.chat
    owed = await links.owed(connection, [found.customer]) if moves else 0
    if moves:
        # Whoever has the chat now hears of it, and can object.
        await _tell(connection, office, found, Kind.LINK_MOVED, before)
    if owed:
        if not await links.settle(connection, found, State.ISSUED, State.WAITING, now):
            return Saying.LINK_FAILED
        facts: Params = {
            "customer": found.customer,
            "order": found.order,
            "cases": owed,
            "link": found.number,
        }
        key = f"link:{found.number}:relink"
        await outbox.put(connection, Notice(key, Kind.OPERATOR_RELINK, None, None, now, facts))
        return Saying.LINK_WAITING
    if not await links.settle(connection, found, State.ISSUED, State.LINKED, now):
        return Saying.LINK_FAILED
    await _tie(connection, office, found)
    return Kind.LINK_DONE


async def settle_relink(office: Office, operator: Operator, pressed: Pressed, press: Press) -> None:
    """Let an operator decide who is told from now on."""
    after = State.LINKED if press.detail == "yes" else State.REFUSED
    now, language = office.clock.now(), office.shop.language
    async with office.store.deciding() as connection:
        found = await links.find(connection, press.case)
        if found is None or found.state is State.ISSUED:
            await office.voice.answer(pressed.query, language, "gone")
            return
        mine = await links.settle(connection, found, State.WAITING, after, now, operator.signature)
        if mine:
            if after is State.LINKED:
                await _tie(connection, office, found)
            told = Kind.LINK_DONE if after is State.LINKED else Kind.LINK_REFUSED
            await _tell(connection, office, found, told, found.chat)
        who = await links.settled_by(connection, found.number) or found.customer
        settled = after if mine else found.state
    if mine:
        await office.voice.answer(pressed.query, language, "done", alert=False)
    else:
        await office.voice.answer(pressed.query, language, "stale", who=who)
    office.ring()
    facts = {"customer": found.customer, "order": found.order, "who": who, "verdict": settled.value}
    message = say(office.shop, Saying.RELINKED, str(pressed.chat), language, facts)
    await office.voice.edit(pressed.chat, pressed.message, message)


async def _tie(connection: Transaction, office: Office, found: Link) -> None:
    if found.chat is not None:
        await links.tie(connection, found.customer, found.chat)
        await chats.open_again(connection, found.chat)
        await notices.revive(connection, found.chat, office.clock.now())


async def _tell(connection: Transaction, office: Office, found: Link, kind: Kind, chat: int | None) -> None:
    facts = {} if kind is Kind.LINK_REFUSED else {"order": found.order}
    key = f"link:{found.number}:{kind}"
    await outbox.put(connection, Notice(key, kind, found.customer, None, office.clock.now(), facts, chat=chat))
