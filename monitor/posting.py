"""What is told in one message: a notice, or a crowd of them to operators, with all that is needed to write it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from monitor.core.notice import Kind, Notice
from monitor.letters import Shop, digest, letter
from monitor.store import boxes, cards, chats, notices, outbox
from monitor.store.cards import BEGUN, Facts, OfCase, OfIncident, Subject
from monitor.store.engine import Transaction
from monitor.store.outbox import Leased
from notifiers import Message

CROWD = 5
"""So many notices to operators at once become one message: a group takes twenty a minute."""
LARGEST_CROWD = 50


@dataclass(frozen=True, slots=True)
class Job:
    """One message to be sent, and what is known of where it goes."""

    leased: Sequence[Leased]
    recipient: str | None
    closed: str | None = None
    """Why nothing is sent there; None: it is open."""
    muted: bool = False
    chats: bool = False
    """Whether it goes where a message can be shown in another state."""
    cases: Mapping[int, Facts] = field(default_factory=dict)
    sealed: frozenset[str] = frozenset()
    """The spares among them that can be taken over in the chat."""

    @property
    def to_operators(self) -> bool:
        """Whether operators are told."""
        return self.leased[0].customer is None and self.leased[0].notice.chat is None

    @property
    def card_of(self) -> tuple[Subject, int] | None:
        """What this message becomes the card of, and how many moves of that it shows."""
        told = self.leased[0].notice
        # A customer's own words stay as they are; and so does what tells of many things.
        if not self.chats or not self.to_operators or len(self.leased) > 1 or told.kind is Kind.OPERATOR_SAID:
            return None
        if isinstance(number := told.params.get("incident"), int):
            return OfIncident(number), BEGUN
        case = None if told.case is None else self.cases.get(told.case)
        return None if case is None else (OfCase(case.case), case.version)

    def write(self, shop: Shop, recipient: str) -> Message:
        """Put it into words.

        :raises WordingError: a fact is missing or malformed.
        """
        letters: list[tuple[Notice, Message]] = []
        for each in self.leased:
            language = each.customer.language if each.customer is not None else shop.language
            case = None if each.notice.case is None else self.cases.get(each.notice.case)
            letters.append((each.notice, letter(shop, each.notice, recipient, language, case, self.sealed)))
        if not self.to_operators:
            return letters[0][1]
        message = letters[0][1] if len(letters) == 1 else digest(shop, letters, recipient)
        return replace(message, thread=shop.thread, silent=self.muted)


async def take(connection: Transaction, shop: Shop, now: datetime, lease: timedelta, room: int) -> list[Job]:
    """Take up to ``room`` messages' worth of due notices."""
    taken: list[list[Leased]] = []
    if shop.chats and await notices.waiting_for_operators(connection, now) >= CROWD:
        taken.append(await notices.gather(connection, now, lease, LARGEST_CROWD))
    taken += [[each] for each in await outbox.lease(connection, now, lease, room - len(taken), shop.channel)]
    return [await _look_up(connection, shop, leased, now) for leased in taken if leased]


async def _look_up(connection: Transaction, shop: Shop, leased: Sequence[Leased], now: datetime) -> Job:
    job = Job(leased, _recipient(shop, leased[0]))
    if not shop.chats or job.recipient is None:
        return job
    chat = int(job.recipient)
    if job.to_operators:
        chat = await chats.current(connection, chat)
    known = (await chats.read(connection, [chat])).get(chat)
    stories = {
        each.notice.case: await cards.facts(connection, each.notice.case)
        for each in leased
        if each.notice.case is not None and job.to_operators
    }
    spares = {spare for each in leased for spare in _spares(each.notice)}
    return replace(
        job,
        recipient=str(chat),
        chats=True,
        closed=None if known is None or job.to_operators else known.unreachable,
        muted=known is not None and known.muted_until is not None and now < known.muted_until,
        cases={number: story for number, story in stories.items() if story is not None},
        sealed=frozenset(await boxes.filled(connection, spares)) if spares else frozenset(),
    )


def _recipient(shop: Shop, leased: Leased) -> str | None:
    if leased.notice.chat is not None:
        return str(leased.notice.chat)
    return shop.operators if leased.customer is None else shop.recipient(leased.customer)


def _spares(notice: Notice) -> list[str]:
    items = notice.params.get("items")
    each = items if isinstance(items, list) and items else [notice.params]
    return [str(item["spare"]) for item in each if "spare" in item]
