"""Walks a customer through a report: which delivery, what is wrong, which payment; then the policy speaks."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from monitor.core.case import Case, State
from monitor.core.coverage import Defect, Standing
from monitor.core.report import Report, file_report, reportable
from monitor.letters import LONGEST_LABEL, Keyboard
from monitor.reception import pictures
from monitor.reception.office import Caller, Office
from monitor.store import cases, drafts, fleet, holdings
from monitor.store.drafts import Draft
from monitor.store.engine import Transaction
from monitor.store.holdings import Held
from notifiers import Button
from notifiers.markup import shorten
from notifiers.telegram.keyboard import Action, Press, write
from notifiers.telegram.updates import Pressed, Said
from notifiers.wording import word
from notifiers.wording.sayings import Saying

LIFETIME = timedelta(hours=1)
"""How long a report may take to be made."""
MOST_ITEMS = 20
LONGEST_HASH = 128
AGAIN = frozenset({State.WITHDRAWN, State.CLOSED})
"""States of a case after which the same defect of the same delivery may be reported anew."""


async def begin(office: Office, caller: Caller, order: str) -> None:
    """Begin a report on an order."""
    if not order:
        await office.voice.say(caller.chat, Saying.REPORT_USAGE, caller.language)
        return
    async with office.store.write() as connection:
        held = await holdings.of(connection, caller.names, 1000)
        mine = [each for each in held if each.order.casefold() == order.casefold()][:MOST_ITEMS]
        content = {"items": [each.delivery for each in mine], "at": caller.at.isoformat(), "defect": None}
        number = await drafts.begin(connection, caller.chat, content, office.clock.now() + LIFETIME) if mine else 0
    if not mine:
        await office.voice.say(caller.chat, Saying.REPORT_UNKNOWN, caller.language)
    elif len(mine) == 1:
        await _ask_kind(office, caller, number, mine[0])
    else:
        buttons = _item_buttons(caller, number, mine)
        facts = {"order": mine[0].order, "unit": "…"}
        await office.voice.say(caller.chat, Saying.REPORT_KIND, caller.language, facts, buttons)


def _item_buttons(caller: Caller, number: int, held: Sequence[Held]) -> Keyboard:
    items = ((Button(each.unit, write(Press(Action.REPORT, number, at, "item"))),) for at, each in enumerate(held))
    return (*items, _cancel(caller, number))


def _cancel(caller: Caller, number: int) -> tuple[Button, ...]:
    return (Button(word(caller.language, "buttons", "cancel"), write(Press(Action.REPORT, number, 0, "cancel"))),)


async def _ask_kind(office: Office, caller: Caller, number: int, held: Held) -> None:
    async with office.store.read() as connection:
        found = await fleet.deliveries_by_number(connection, [held.delivery], office.law.tiers)
    kinds = reportable(found[held.delivery], office.law.policy) if held.delivery in found else []
    buttons = tuple(
        (
            Button(
                shorten(word(caller.language, "defects", each), LONGEST_LABEL),
                write(Press(Action.REPORT, number, 0, each.value)),
            ),
        )
        for each in kinds
    )
    facts = {"order": held.order, "unit": held.unit}
    keyboard = (*buttons, _cancel(caller, number))
    await office.voice.say(caller.chat, Saying.REPORT_KIND, caller.language, facts, keyboard)


async def press(office: Office, caller: Caller, pressed: Pressed, wish: Press) -> None:
    """Take the next step of a report: the one whose button was pressed."""
    async with office.store.read() as connection:
        found = await drafts.get(connection, caller.chat, office.clock.now())
        held = await holdings.of(connection, caller.names, 1000)
    mine = {each.delivery: each for each in held}
    if found is None or found.number != wish.case or not all(each in mine for each in found.content["items"]):
        await office.voice.answer(pressed.query, caller.language, "gone")
        return
    items = [mine[each] for each in found.content["items"]]
    await office.voice.answer(pressed.query, caller.language)
    match wish.detail:
        case "cancel":
            async with office.store.write() as connection:
                await drafts.drop(connection, caller.chat)
            await office.voice.say(caller.chat, Saying.REPORT_DROPPED, caller.language)
        case "item" if wish.version < len(items):
            chosen = items[wish.version]
            await _change(office, found, items=[chosen.delivery])
            await _ask_kind(office, caller, found.number, chosen)
        case "skip" if found.content["defect"] is not None:
            await _file(office, caller, found, None)
        case detail if detail in set(Defect) and len(items) == 1:
            await _change(office, found, defect=detail)
            await _ask_hash(office, caller, found.number, items[0], str(detail))
        case _:
            return


async def _change(office: Office, found: Draft, **what: object) -> None:
    async with office.store.write() as connection:
        await drafts.change(connection, found.number, {**found.content, **what})


async def _ask_hash(office: Office, caller: Caller, number: int, held: Held, defect: str) -> None:
    skip = Button(word(caller.language, "buttons", "skip"), write(Press(Action.REPORT, number, 0, "skip")))
    facts = {"order": held.order, "defect": defect}
    keyboard = ((skip,), _cancel(caller, number))
    await office.voice.say(caller.chat, Saying.REPORT_HASH, caller.language, facts, keyboard)


async def take_words(office: Office, caller: Caller, said: Said) -> bool:
    """Take what somebody wrote as the transaction hash that he was asked for; False where he was asked for nothing."""
    async with office.store.read() as connection:
        found = await drafts.get(connection, caller.chat, office.clock.now())
    if found is None or found.content["defect"] is None or not said.text:
        return False
    await _file(office, caller, found, " ".join(said.text.split())[:LONGEST_HASH])
    return True


async def _file(office: Office, caller: Caller, found: Draft, transaction: str | None) -> None:
    law = office.law
    content: dict[str, Any] = dict(found.content)
    [number], defect = content["items"], Defect(content["defect"])
    known: Case | None = None
    looked_for: str | None = None
    async with office.store.deciding() as connection:
        await drafts.drop(connection, caller.chat)
        delivery = (await fleet.deliveries_by_number(connection, [number], law.tiers)).get(number)
        mine = delivery is not None and delivery.customer in caller.names
        if delivery is not None and mine and defect in reportable(delivery, law.policy):
            known = (await cases.newest(connection, [number], [defect])).get((number, defect))
            at = max(datetime.fromisoformat(content["at"]), delivery.delivered_at)
            if known is None or known.state in AGAIN:
                opened = await _open(connection, office, Report(delivery, defect, at, transaction), known)
                if opened is not None:
                    looked_for = delivery.unit.name
                    await pictures.attach(connection, office, caller.chat, opened)
                known = None
    office.ring()
    if looked_for is not None:
        office.look(looked_for)
    if delivery is None or not mine:
        await office.voice.say(caller.chat, Saying.REPORT_UNKNOWN, caller.language)
    elif known is not None:
        facts = {"case": str(known.number), "order": delivery.order, "state": known.state.value}
        await office.voice.say(caller.chat, Saying.REPORT_KNOWN, caller.language, facts)


async def _open(connection: Transaction, office: Office, report: Report, before: Case | None) -> int | None:
    policy, now, unit = office.law.policy, office.clock.now(), report.delivery.unit.name
    seen = (await fleet.standings(connection, report.defect, [unit])).get(unit, Standing())
    period = 0 if before is None else before.period + 1
    decision = file_report(report, await holdings.next_case(connection), period, seen, policy, now)
    await cases.commit(connection, decision, policy, now)
    return decision.opened[0].case.number if decision.opened else None
