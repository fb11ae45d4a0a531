"""Takes the pictures that customers send to show what is wrong: few, small, and only where they belong."""

from datetime import timedelta

from monitor.core.case import Case, Move, State
from monitor.core.hand import by_hand
from monitor.core.notice import Kind, Notice
from monitor.reception.office import Caller, Office
from monitor.store import cases, drafts, fleet, holdings, outbox, pictures
from monitor.store.engine import Transaction
from notifiers.telegram.updates import Picture, Said
from notifiers.wording.sayings import Saying

LARGEST = 5 << 20
MOST, PER = 5, timedelta(days=1)
BEGINNINGS = ((b"\xff\xd8\xff", "image/jpeg"), (b"\x89PNG\r\n\x1a\n", "image/png"))


def media_of(content: bytes) -> str | None:
    """Tell from its first bytes what kind of picture it is; None: none that is kept."""
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    return next((media for beginning, media in BEGINNINGS if content.startswith(beginning)), None)


async def take(office: Office, caller: Caller, said: Said, sent: Picture) -> None:
    """Keep a picture with the report that is being made, or with the case that is being looked at."""
    now = office.clock.now()
    async with office.store.read() as connection:
        draft = await drafts.get(connection, caller.chat, now)
        number = None if draft is not None else await holdings.looked_at(connection, caller.names)
        many = await pictures.count(connection, caller.chat, now - PER) >= MOST
    if draft is None and number is None:
        await office.voice.say(caller.chat, Saying.NO_PICTURE, caller.language)
        return
    content = None if many or (sent.size or 0) > LARGEST else await office.voice.bot.fetch(sent.file, LARGEST)
    media = None if content is None else media_of(content)
    if content is None or media is None:
        await office.voice.say(caller.chat, Saying.PICTURE_REFUSED, caller.language)
        return
    async with office.store.deciding() as connection:
        digest = await pictures.keep(connection, caller.chat, number, media, content, now)
        case = None if number is None else await cases.by_number(connection, number)
        if case is not None:
            await _note(connection, office, case, said, digest)
    office.ring()
    await office.voice.say(caller.chat, Saying.PICTURE_KEPT, caller.language)


async def _note(connection: Transaction, office: Office, case: Case, said: Said, digest: str) -> None:
    """Write into the trail that this picture came, and tell the operators."""
    now = office.clock.now()
    move = Move.ANSWER if await holdings.asked(connection, [case.customer]) == case.number else Move.NOTE
    await write_down(connection, office, case, move, f"a picture was sent: SHA-256 {digest}")
    facts = {"customer": f"{case.customer}, /case_{case.number}", "text": f"[picture] {said.text}".rstrip()}
    await outbox.put(connection, Notice(f"said:{said.update}", Kind.OPERATOR_SAID, None, case.number, now, facts))


async def write_down(connection: Transaction, office: Office, case: Case, move: Move, why: str) -> None:
    """Write what a customer did into the trail of his case."""
    found = await fleet.deliveries_by_number(connection, [case.delivery], office.law.tiers)
    for delivery in found.values():
        handled = by_hand(case, delivery, move, case.customer, why, office.clock.now())
        await cases.move(connection, handled, office.clock.now())


async def attach(connection: Transaction, office: Office, chat: int, number: int) -> None:
    """Give a new case the pictures that came while its report was made."""
    digests = await pictures.attach(connection, chat, number)
    case = await cases.by_number(connection, number)
    if digests and case is not None and case.state is State.SUSPECTED:
        why = f"{len(digests)} pictures came with the report: SHA-256 {', '.join(digests)}"
        await write_down(connection, office, case, Move.NOTE, why)
