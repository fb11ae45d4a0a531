"""What customers may ask: how their orders stand, another language, silence, help; and whatever else, of a person."""

from datetime import datetime, timedelta

from monitor.core.case import OPEN, Move
from monitor.core.hand import by_hand
from monitor.core.notice import Kind, Notice
from monitor.letters import Keyboard
from monitor.reception import linking, pictures, reporting
from monitor.reception.office import Caller, Office, meet
from monitor.store import cases, chats, fleet, holdings, inbox, outbox
from monitor.store.holdings import Held
from monitor.store.inbox import Waiting
from notifiers import Button, Unreachable
from notifiers.markup import harmless, shorten
from notifiers.telegram.keyboard import Action, Press, write
from notifiers.telegram.updates import Command, Pressed, Said, command
from notifiers.wording import LANGUAGES, choose
from notifiers.wording.sayings import Saying

MOST_SHOWN = 50
WORDS, PER = 20, timedelta(minutes=15)
"""So many messages in so long are answered; who writes more is heard again later."""
LONGEST_ANSWER = 300
"""UTF-16 units of an answer that the trail keeps; operators read all of it."""
NATIVE = {"en": "English", "ru": "Русский", "zh": "中文"}


async def hear(office: Office, said: Said, token: str | None, waiting: Waiting) -> None:
    """Answer what somebody wrote in private."""
    caller = await meet(office, said.chat, said.language, waiting)
    asked = command(said.text)
    async with office.store.write() as connection:
        spoken = await inbox.count(connection, caller.chat, waiting.kind, caller.at - PER, caller.number)
        # Who writes can be written to.
        await linking.welcome_back(connection, office, caller.chat)
    if spoken > WORDS:
        if spoken == WORDS + 1:
            await office.voice.say(caller.chat, Saying.TOO_MANY, caller.language)
        return
    if asked is None:
        await _hear_words(office, caller, said)
    else:
        await _obey(office, caller, asked, token)


async def _obey(office: Office, caller: Caller, asked: Command, token: str | None) -> None:
    match asked.name:
        case "start":
            await linking.start(office, caller, token)
        case "language":
            await _ask_language(office, caller, asked.argument)
        case "help":
            await office.voice.say(caller.chat, Saying.HELP, caller.language)
        case _ if not caller.customers:
            await office.voice.say(caller.chat, Saying.NOT_LINKED, caller.language)
        case "status":
            await _tell_status(office, caller)
        case "stop":
            await _stop(office, caller)
        case "report":
            await reporting.begin(office, caller, asked.argument)
        case _:
            await office.voice.say(caller.chat, Saying.HELP, caller.language)


async def _hear_words(office: Office, caller: Caller, said: Said) -> None:
    if not caller.customers:
        await office.voice.say(caller.chat, Saying.NOT_LINKED, caller.language)
    elif said.picture is not None:
        await pictures.take(office, caller, said, said.picture)
    elif await reporting.take_words(office, caller, said):
        return
    elif not said.text:
        await office.voice.say(caller.chat, Saying.NO_PICTURE, caller.language)
    else:
        await _pass_on(office, caller, said)
        office.ring()
        await office.voice.say(caller.chat, Saying.PASSED_ON, caller.language)


async def _pass_on(office: Office, caller: Caller, said: Said) -> None:
    """Let operators read what a customer wrote; if they had asked him about a case, it is the answer."""
    facts, now = {"customer": ", ".join(caller.names), "text": said.text}, office.clock.now()
    async with office.store.deciding() as connection:
        asked = await holdings.asked(connection, caller.names)
        case = None if asked is None else await cases.by_number(connection, asked)
        if case is not None:
            found = await fleet.deliveries_by_number(connection, [case.delivery], office.law.tiers)
            facts["customer"] += f", /case_{case.number}"
            for delivery in found.values():
                why = f"the customer answered: {shorten(harmless(said.text), LONGEST_ANSWER)}"
                await cases.move(connection, by_hand(case, delivery, Move.ANSWER, case.customer, why, now), now)
        await outbox.put(connection, Notice(f"said:{said.update}", Kind.OPERATOR_SAID, None, asked, now, facts))


async def _tell_status(office: Office, caller: Caller) -> None:
    async with office.store.read() as connection:
        held = await holdings.of(connection, caller.names, MOST_SHOWN)
    items = [_status(office, each) for each in held]
    await office.voice.say(caller.chat, Saying.STATUS, caller.language, {"items": items})


def _status(office: Office, held: Held) -> dict[str, str]:
    until = covered_until(office, held)
    about = held.case is not None and (held.state in OPEN or until is not None)
    return {
        "order": held.order,
        "unit": held.unit,
        "until": until.isoformat() if until is not None and until > office.clock.now() else "",
        "case": str(held.case) if about else "",
        "state": held.state or "" if about else "",
    }


def covered_until(office: Office, held: Held) -> datetime | None:
    """Tell when the last window of what somebody holds ends; None where its tier is not sold any more."""
    tier = office.law.tiers.get(held.tier)
    if tier is None:
        return None
    windows = [rule.window for rule in office.law.policy.rules.values() if tier.niche in rule.niches]
    return held.delivered_at + max(windows, default=timedelta())


async def _stop(office: Office, caller: Caller) -> None:
    await office.voice.say(caller.chat, Saying.STOPPED, caller.language)
    async with office.store.write() as connection:
        await chats.close(connection, caller.chat, Unreachable.STOPPED.value, office.clock.now())


async def _ask_language(office: Office, caller: Caller, wanted: str) -> None:
    if wanted.lower() in LANGUAGES:
        await _speak(office, caller.chat, wanted.lower())
        return
    buttons: Keyboard = tuple(
        (Button(NATIVE[each], write(Press(Action.LANGUAGE, 1, 0, each))),) for each in LANGUAGES
    )  # fmt: skip
    await office.voice.say(caller.chat, Saying.LANGUAGE, caller.language, buttons=buttons)


async def set_language(office: Office, caller: Caller, pressed: Pressed, press: Press) -> None:
    """Speak another language from now on: that of the button."""
    if press.detail not in LANGUAGES:
        await office.voice.answer(pressed.query, caller.language, "gone")
        return
    await office.voice.answer(pressed.query, caller.language)
    await _speak(office, caller.chat, choose(press.detail))


async def _speak(office: Office, chat: int, language: str) -> None:
    async with office.store.write() as connection:
        await chats.choose_language(connection, chat, language)
    await office.voice.say(chat, Saying.LANGUAGE_SET, language)
