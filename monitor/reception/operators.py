"""What operators do in their chat: look, decide with one tap, and ask for silence; by user id, never by membership."""

from collections import defaultdict
from dataclasses import replace
from datetime import timedelta
from typing import assert_never

from monitor.core.case import OPEN, IllegalMoveError, Move, State
from monitor.core.coverage import Exclusion
from monitor.core.hand import Question
from monitor.core.notice import Kind, Params
from monitor.core.staff import FOR_MOVE, Operator, Permission
from monitor.core.words import parse_duration
from monitor.desk import NoOtherSpareError, NoSuchCaseError, Order, StaleError, carry_out
from monitor.duty import brake_status, release_brake
from monitor.letters import MOVES, card, drawn, replaced, say
from monitor.reception import linking
from monitor.reception.office import Office
from monitor.store import cards, cases, chats, notices, reports, views
from monitor.store.cards import Facts, OfCase, OfIncident, Subject
from notifiers import Message
from notifiers.telegram.keyboard import Action, Press
from notifiers.telegram.updates import Command, Pressed, Said, command
from notifiers.wording import word
from notifiers.wording.sayings import Saying

LONGEST_MUTE = timedelta(hours=24)
MOST_LISTED = 50
WITH_BUTTONS = [kind for kind in Kind if kind.startswith("operator_")]
PEOPLE_EXCEPT = frozenset({"policy", "brake"})
"""Who signs what nobody decided by hand."""
CHOICES = frozenset({Action.REJECT, Action.ASK})
"""Buttons that first ask for one thing more."""
NEEDED = {"mute": Permission.MUTE, "brake release": Permission.RELEASE}
"""Commands that need more than to be allowed to look."""
KNOWN = frozenset({"cases", "case", "stock", "incidents", "incident", "brake", "mute", "help", "start"})


async def hear(office: Office, said: Said) -> None:
    """Answer a command in the operators' chat; what people say to each other there is not ours."""
    asked = command(said.text)
    if asked is None:
        return
    name, _, number = asked.name.partition("_")
    if name not in KNOWN or (asked.bot is not None and not await _is_us(office, asked.bot)):
        return
    asked = Command(name, number or asked.argument)
    wanted = f"{name} {asked.argument.partition(' ')[0]}" if name == "brake" else name
    operator = office.operator(said.user, NEEDED.get(wanted, Permission.LOOK))
    if operator is None:
        await _reply(office, said, Saying.NOT_ALLOWED)
        return
    match asked.name:
        case "cases":
            await _list_cases(office, said)
        case "case" | "incident":
            await _show(office, said, asked)
        case "stock":
            await _list_stock(office, said)
        case "incidents":
            await _list_incidents(office, said)
        case "brake":
            await _brake(office, said, operator, asked.argument)
        case "mute":
            await _mute(office, said, operator, asked.argument)
        case _:
            await _reply(office, said, Saying.OPERATOR_HELP)


async def _is_us(office: Office, bot: str) -> bool:
    """Tell whether a command is meant for us; where Telegram does not say who we are, we do not guess."""
    name = await office.voice.bot.name()
    return name is not None and name.casefold() == bot.casefold()


async def _reply(office: Office, said: Said, saying: Saying, facts: Params | None = None) -> None:
    message = say(office.shop, saying, str(said.chat), office.shop.language, facts)
    await office.voice.send(replace(message, thread=said.thread))


async def _list_cases(office: Office, said: Said) -> None:
    async with office.store.read() as connection:
        found = await views.list_cases(connection, states=sorted(OPEN), limit=MOST_LISTED)
    items = [
        {
            "case": str(each["number"]),
            "state": str(each["state"]),
            "order": str(each["order"]),
            "defect": str(each["defect"]),
            "due": str(each["replace_due"]),
        }
        for each in found
    ]
    await _reply(office, said, Saying.CASE_LIST, {"items": items})


async def _show(office: Office, said: Said, asked: Command) -> None:
    """Answer with the card of a case or an incident: from now on, that is the one."""
    wanted = asked.argument
    number = int(wanted) if wanted.isascii() and wanted.isdecimal() and len(wanted) <= len(str(10**11)) else 0
    subject = OfIncident(number) if asked.name == "incident" else OfCase(number)
    async with office.store.read() as connection:
        facts = await cards.told_of(connection, subject)
    if facts is None:
        await _reply(office, said, *_missing(subject, wanted))
        return
    message = replace(drawn(office.shop, facts, str(said.chat)), thread=said.thread)
    receipt = await office.voice.send(message)
    if receipt is None:
        return
    async with office.store.write() as connection:
        old = await cards.put(connection, subject, said.chat, receipt, facts.version, office.clock.now())
    if old is not None:
        await office.voice.edit(old.chat, int(old.receipt), replaced(office.shop, old))


def _missing(subject: Subject, wanted: str) -> tuple[Saying, Params]:
    match subject:
        case OfCase():
            return Saying.NO_CASE, {"case": wanted}
        case OfIncident():
            return Saying.NO_INCIDENT, {"number": wanted}
        case _:
            assert_never(subject)


async def _list_stock(office: Office, said: Said) -> None:
    async with office.store.read() as connection:
        figures = await views.figures(connection)
    tiers: dict[str, dict[str, str]] = defaultdict(lambda: {"available": "0", "reserved": "0", "sick": "0"})
    for (tier, condition), count in sorted(figures.spares.items()):
        tiers[tier][condition] = str(count)
    items = [{"tier": tier, **counts} for tier, counts in tiers.items()]
    await _reply(office, said, Saying.STOCK_LIST, {"items": items})


async def _list_incidents(office: Office, said: Said) -> None:
    async with office.store.read() as connection:
        found = await reports.list_incidents(connection, lasting=True, limit=MOST_LISTED)
    items = [
        {
            "number": str(each["number"]),
            "scope": str(each["kind"]),
            "name": str(each["name"]),
            "since": str(each["opened_at"]),
            "reason": str(each["why"]),
        }
        for each in found
    ]
    await _reply(office, said, Saying.INCIDENT_LIST, {"items": items})


async def _brake(office: Office, said: Said, operator: Operator, wanted: str) -> None:
    verb, _, why = wanted.partition(" ")
    now = office.clock.now()
    if verb == "release":
        done = await release_brake(office.store, office.law, operator.signature, why.strip() or "by command", now)
        await _reply(office, said, Saying.BRAKE_RELEASED, {"cases": len(done.cases)})
        office.ring()
        return
    status = await brake_status(office.store, office.law, now)
    items = [{"reason": str(each["reason"]), "since": str(each["engaged_at"])} for each in status["engaged"]]
    counts = {"held": len(status["held"]), "hour": status["approved"]["hour"], "day": status["approved"]["day"]}
    await _reply(office, said, Saying.BRAKE_STATUS, {**counts, "items": items})


async def _mute(office: Office, said: Said, operator: Operator, wanted: str) -> None:
    try:
        span = timedelta() if wanted.lower() == "off" else parse_duration(wanted)
    except ValueError:
        span = timedelta(-1)
    if not timedelta() <= span <= LONGEST_MUTE:
        await _reply(office, said, Saying.MUTE_USAGE)
        return
    until = office.clock.now() + span
    async with office.store.write() as connection:
        await chats.mute(connection, said.chat, until, operator.signature)
    await _reply(office, said, Saying.MUTED, {"until": until.isoformat()})


async def press(office: Office, pressed: Pressed, wish: Press) -> None:
    """Do what a button asks for, if whoever pressed it may; he is answered either way."""
    async with office.store.write() as connection:
        here = await office.operators_chat(connection)
        if pressed.chat == here:
            now = office.clock.now()
            await notices.prove(connection, None, wish.case, WITH_BUTTONS, str(pressed.message), now)
    permission = _permission(wish)
    operator = None if permission is None or pressed.chat != here else office.operator(pressed.user, permission)
    if operator is None:
        await office.voice.answer(pressed.query, office.shop.language, "not_allowed")
    elif wish.action is Action.RELINK:
        await linking.settle_relink(office, operator, pressed, wish)
    else:
        await _handle(office, operator, pressed, wish)


def _permission(wish: Press) -> Permission | None:
    if wish.action is Action.RELINK:
        return Permission.RELINK
    if wish.action is Action.SHOW:
        return Permission.LOOK
    move = MOVES.get(wish.action)
    return None if move is None else FOR_MOVE.get(move)


async def _handle(office: Office, operator: Operator, pressed: Pressed, wish: Press) -> None:
    language = office.shop.language
    async with office.store.read() as connection:
        facts = await cards.facts(connection, wish.case)
    if facts is None:
        await office.voice.answer(pressed.query, language, "gone")
    elif wish.action is Action.SHOW:
        await office.voice.answer(pressed.query, language)
        await _redraw(office, pressed, card(office.shop, facts, str(pressed.chat)))
    elif facts.version != wish.version:
        await _say_stale(office, pressed, facts, wish.version)
    elif wish.action in CHOICES and wish.detail is None:
        await office.voice.answer(pressed.query, language)
        await _redraw(office, pressed, card(office.shop, facts, str(pressed.chat), choice=wish.action))
    else:
        await _move(office, operator, pressed, wish, facts)


async def _redraw(office: Office, pressed: Pressed, message: Message) -> None:
    await office.voice.edit(pressed.chat, pressed.message, message)


async def _say_stale(office: Office, pressed: Pressed, facts: Facts, seen: int) -> None:
    """Say who was faster: the first person who did something since, else whoever did."""
    async with office.store.read() as connection:
        trail = [event for event, _ in await cases.events_of(connection, facts.case)][seen:]
    who = next((event.who for event in trail if event.who not in PEOPLE_EXCEPT), facts.who)
    await office.voice.answer(pressed.query, office.shop.language, "stale", who=who)
    office.ring()


async def _move(office: Office, operator: Operator, pressed: Pressed, wish: Press, facts: Facts) -> None:
    language, move = office.shop.language, MOVES[wish.action]
    clause = next((each for each in Exclusion if each.value == wish.detail), None)
    question = next((each for each in Question if each.value == wish.detail), None)
    if (move is Move.REJECT) != (clause is not None) or (move is Move.ASK) != (question is not None):
        await office.voice.answer(pressed.query, language, "gone")
        return
    steps = [Move.VERIFY, move] if facts.state is State.SUSPECTED and move is Move.APPROVE else [move]
    try:
        for seen, step in enumerate(steps, wish.version):
            why = f"{step} by button" if wish.detail is None else f"{step} by button: {wish.detail}"
            order = Order(wish.case, step, operator.signature, why, clause, seen, question)
            await carry_out(office.store, office.law, order, office.clock.now())
    except StaleError:
        await _say_stale(office, pressed, facts, wish.version)
    except IllegalMoveError as fault:
        state = word(language, "states", str(fault.state))
        await office.voice.answer(pressed.query, language, "impossible", state=state)
    except NoSuchCaseError:
        await office.voice.answer(pressed.query, language, "gone")
    except NoOtherSpareError:
        await office.voice.answer(pressed.query, language, "no_other")
    else:
        await office.voice.answer(pressed.query, language, "done", alert=False)
    office.ring()
