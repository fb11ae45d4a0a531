"""Puts notices and cases into messages: the words, what stands on the buttons, and many messages in one."""

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import timedelta, tzinfo
from typing import assert_never

from monitor.core.case import TABLE, Move, State
from monitor.core.coverage import Exclusion
from monitor.core.fleet import Customer
from monitor.core.hand import Question
from monitor.core.notice import Kind, Notice, Params
from monitor.store.cards import Card, Facts, IncidentFacts, OfCase, OfIncident
from monitor.store.outbox import Channel
from notifiers import Button, Message, compose
from notifiers.markup import shorten
from notifiers.telegram.keyboard import Action, Press, write
from notifiers.wording import render, word
from notifiers.wording.sayings import Saying

Keyboard = tuple[tuple[Button, ...], ...]

MOST_TAKEN_OVER = 20
"""Buttons under one message; who has more to take over finds them in the notices after it."""
LONGEST_LABEL = 60

ON_CARDS: Sequence[tuple[tuple[Action, Move], ...]] = (
    ((Action.APPROVE, Move.APPROVE), (Action.REJECT, Move.REJECT)),
    ((Action.RELEASE, Move.RELEASE), (Action.HOLD, Move.HOLD), (Action.CREDIT, Move.CREDIT)),
    ((Action.OTHER_SPARE, Move.UNPROMISE), (Action.ASK, Move.ASK)),
)
"""The buttons of a card, in rows, with the moves that they ask for."""

MOVES = {action: move for row in ON_CARDS for action, move in row}


@dataclass(frozen=True, slots=True)
class Shop:
    """Who writes: its clocks and language, and where people are found through the carrier at hand."""

    zone: tzinfo
    language: str
    carrier: str
    operators: str | None
    """Where operators are told; None: nowhere."""
    recipient: Callable[[Customer], str | None]
    """Where a customer is told; None: he cannot be reached this way."""
    thread: int | None = None
    """The topic of the operators' group."""
    channel: Channel = Channel.FIRST
    second: Callable[[Customer | None], bool] = lambda _: False
    """Whether a second channel reaches a customer; None: the operators."""

    @property
    def chats(self) -> bool:
        """Whether people can press buttons and be answered."""
        return self.carrier == "telegram"


def say(
    shop: Shop, saying: Saying, recipient: str, language: str, facts: Params | None = None, buttons: Keyboard = ()
) -> Message:
    """Put an answer into a message."""
    wording = render(saying, language, facts or {}, shop.zone)
    return Message(recipient, wording.html, wording.plain, key=f"saying:{saying}", buttons=buttons)


def letter(
    shop: Shop, notice: Notice, recipient: str, language: str, case: Facts | None, sealed: AbstractSet[str]
) -> Message:
    """Put a notice into a message. ``case``: how its case stands; ``sealed``: the spares that can be taken over here.

    :raises WordingError: a fact is missing or malformed.
    """
    message = compose(notice, recipient, language, shop.zone)
    if not shop.chats:
        return message
    return replace(message, buttons=_buttons(notice, language, case, sealed))


def _buttons(notice: Notice, language: str, case: Facts | None, sealed: AbstractSet[str]) -> Keyboard:
    if notice.kind is Kind.REPLACEMENT_READY:
        return _take_over(notice, language, sealed)
    if notice.kind is Kind.OPERATOR_RELINK and isinstance(number := notice.params.get("link"), int):
        return ((_link(language, "relink", "yes", number), _link(language, "refuse", "no", number)),)
    if notice.customer is None and case is not None and notice.kind is not Kind.OPERATOR_SAID:
        return card_buttons(case, language)
    return ()


def _take_over(notice: Notice, language: str, sealed: AbstractSet[str]) -> Keyboard:
    items = notice.params.get("items")
    each = items if isinstance(items, list) and items else [notice.params]
    label = word(language, "buttons", "take_over")
    rows = []
    for item in each[:MOST_TAKEN_OVER]:
        spare, case = str(item.get("spare", "")), str(item.get("case", ""))
        if spare in sealed and case.isdecimal():
            shown = label if len(each) == 1 else shorten(f"{label}: {spare}", LONGEST_LABEL)
            rows.append((Button(shown, write(Press(Action.REVEAL, int(case), 0))),))
    return tuple(rows)


def _link(language: str, name: str, detail: str, number: int) -> Button:
    return Button(word(language, "buttons", name), write(Press(Action.RELINK, number, 0, detail)))


def digest(shop: Shop, letters: Sequence[tuple[Notice, Message]], recipient: str) -> Message:
    """Put many messages to operators into one, a line each."""
    items = [
        {
            "title": message.title,
            "case": "" if notice.case is None else str(notice.case),
            "incident": str(notice.params.get("incident", "")),
        }
        for notice, message in letters
    ]
    return replace(say(shop, Saying.DIGEST, recipient, shop.language, {"items": items}), key=letters[0][0].key)


def drawn(shop: Shop, facts: Facts | IncidentFacts, recipient: str) -> Message:
    """Draw the card of whatever these facts are about."""
    return incident_card(shop, facts, recipient) if isinstance(facts, IncidentFacts) else card(shop, facts, recipient)


def replaced(shop: Shop, old: Card) -> Message:
    """Say on a card that it is one no more."""
    match old.subject:
        case OfCase(number):
            return say(shop, Saying.CARD_REPLACED, str(old.chat), shop.language, {"case": str(number)})
        case OfIncident(number):
            return say(shop, Saying.INCIDENT_REPLACED, str(old.chat), shop.language, {"number": str(number)})
        case _:
            assert_never(old.subject)


def incident_card(shop: Shop, facts: IncidentFacts, recipient: str) -> Message:
    """Draw the card of an incident: how far it goes while it lasts, and then how it ended."""
    said: dict[str, str | int] = {
        "number": str(facts.number),
        "scope": facts.scope,
        "name": facts.name,
        "reason": facts.reason,
        "since": facts.opened_at.isoformat(),
        "units": facts.units,
        "cases": facts.cases,
    }
    if facts.ended is None:
        saying, more = Saying.INCIDENT_CARD, {"who": facts.opened_by}
    else:
        saying, more = Saying.INCIDENT_OVER, {"until": facts.ended.at.isoformat(), "who": facts.ended.who}
        said |= {"ended": facts.ended.why, "minutes": (facts.ended.at - facts.opened_at) // timedelta(minutes=1)}
    return replace(say(shop, saying, recipient, shop.language, {**said, **more}), thread=shop.thread)


def card(shop: Shop, facts: Facts, recipient: str, *, choice: Action | None = None) -> Message:
    """Draw the card of a case. With a ``choice`` it asks why the case is rejected, or what the customer is asked."""
    said: Params = {
        "case": str(facts.case),
        "order": facts.order,
        "unit": facts.unit,
        "tier": facts.tier,
        "defect": facts.defect,
        "state": facts.state,
        "reason": facts.reason,
        "replace_due": facts.replace_due.isoformat(),
        "spare": facts.spare or "",
        "who": facts.who,
        "move": facts.move,
        "at": facts.at.isoformat(),
    }
    keyboard = card_buttons(facts, shop.language) if choice is None else choice_buttons(facts, choice, shop.language)
    return replace(say(shop, Saying.CARD, recipient, shop.language, said, keyboard), thread=shop.thread)


def card_buttons(facts: Facts, language: str) -> Keyboard:
    """Give what may be pressed while a case is where it is."""
    rows = [
        tuple(
            Button(word(language, "buttons", action), write(Press(action, facts.case, facts.version)))
            for action, move in row
            if may(facts.state, move)
        )
        for row in ON_CARDS
    ]
    return tuple(row for row in rows if row)


def may(state: State, move: Move) -> bool:
    """Tell whether one tap may ask for a move; what was reported is verified and approved in one."""
    return (state, move) in TABLE or (state is State.SUSPECTED and move is Move.APPROVE)


def choice_buttons(facts: Facts, choice: Action, language: str) -> Keyboard:
    """Give the clauses that a rejection may rest on, or the questions that a customer may be asked."""
    if choice is Action.REJECT:
        choices = [(clause.value, clause.replace("_", " ")) for clause in Exclusion]
    else:
        choices = [(each.value, word(language, "asks", each.value)) for each in Question]
    rows = [
        (Button(label, write(Press(choice, facts.case, facts.version, detail))),) for detail, label in choices
    ]  # fmt: skip
    back = Button(word(language, "buttons", "back"), write(Press(Action.SHOW, facts.case, facts.version)))
    return (*rows, (back,))
