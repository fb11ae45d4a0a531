"""Cards: the one message of each case or incident in the operators' chat, which is edited as that moves."""

from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from sqlalchemy import ColumnElement, Row, delete, func, or_, select, update

from monitor.core.case import OPEN, State
from monitor.core.incident import ProviderTroubled
from monitor.store.conversation import card
from monitor.store.engine import Transaction, insert_once
from monitor.store.incidents import incident_of
from monitor.store.judgement import incident, member
from monitor.store.tables import cases, delivery, event

BEGUN = 0
"""How many moves of an incident the message shows that tells of its beginning: it was written with it."""


@dataclass(frozen=True, slots=True)
class OfCase:
    """The card of a case."""

    number: int


@dataclass(frozen=True, slots=True)
class OfIncident:
    """The card of an incident."""

    number: int


Subject = OfCase | OfIncident


@dataclass(frozen=True, slots=True)
class Facts:
    """What a card tells of a case. ``version`` counts its moves; ``who`` made the last of them."""

    case: int
    version: int
    customer: str
    order: str
    unit: str
    tier: str
    defect: str
    state: State
    reason: str
    replace_due: datetime
    spare: str | None
    who: str
    move: str
    at: datetime

    @property
    def over(self) -> bool:
        """Whether nothing more is to come."""
        return self.state not in OPEN


@dataclass(frozen=True, slots=True)
class Ended:
    """How an incident ended."""

    at: datetime
    who: str
    why: str


@dataclass(frozen=True, slots=True)
class IncidentFacts:
    """What a card tells of an incident. ``version`` counts its moves; ``units`` and ``cases`` are those attached."""

    number: int
    version: int
    scope: str
    name: str
    reason: str
    opened_at: datetime
    opened_by: str
    units: int
    cases: int
    ended: Ended | None

    @property
    def over(self) -> bool:
        """Whether nothing more is to come."""
        return self.ended is not None


async def facts(connection: Transaction, number: int) -> Facts | None:
    """Read what a card tells of a case; None where there is none."""
    last = (
        select(event.c.case_number, func.max(event.c.sequence).label("version"))
        .where(event.c.case_number == number)
        .group_by(event.c.case_number)
        .subquery()
    )
    query = (
        select(cases, delivery.c.order_number, delivery.c.unit, last.c.version, event.c.who, event.c.move, event.c.at)
        .select_from(
            cases.join(delivery, delivery.c.number == cases.c.delivery)
            .join(last, last.c.case_number == cases.c.number)
            .join(event, (event.c.case_number == cases.c.number) & (event.c.sequence == last.c.version))
        )
        .where(cases.c.number == number)
    )
    row = (await connection.execute(query)).one_or_none()
    if row is None:
        return None
    return Facts(
        case=row.number,
        version=row.version,
        customer=row.customer,
        order=row.order_number,
        unit=row.unit,
        tier=row.tier,
        defect=row.defect,
        state=State(row.state),
        reason=row.reason,
        replace_due=row.replace_due,
        spare=row.spare,
        who=row.who,
        move=row.move,
        at=row.at,
    )


async def incident_facts(connection: Transaction, number: int) -> IncidentFacts | None:
    """Read what a card tells of an incident; None where there is none."""
    row = (await connection.execute(select(incident).where(incident.c.number == number))).one_or_none()
    if row is None:
        return None
    counted = select(func.count(), func.count(member.c.case_number.distinct())).where(member.c.incident == number)
    units, attached = (await connection.execute(counted)).one()
    known = incident_of(row)
    return IncidentFacts(
        number=row.number,
        version=row.moves,
        scope=row.kind,
        # A status page's trouble has a number of the page's own, which says nothing to anybody here.
        name=known.provider if isinstance(known, ProviderTroubled) else row.name,
        reason=row.why,
        opened_at=row.opened_at,
        opened_by=row.opened_by,
        units=units,
        cases=attached,
        ended=None if row.closed_at is None else Ended(row.closed_at, row.closed_by, row.closed_why),
    )


async def told_of(connection: Transaction, subject: Subject) -> Facts | IncidentFacts | None:
    """Read what a card tells; None where there is no such case or incident."""
    match subject:
        case OfCase(number):
            return await facts(connection, number)
        case OfIncident(number):
            return await incident_facts(connection, number)
        case _:
            assert_never(subject)


@dataclass(frozen=True, slots=True)
class Card:
    """One card, and how many moves of its subject it shows."""

    subject: Subject
    chat: int
    receipt: str
    shown: int


async def put(
    connection: Transaction, subject: Subject, chat: int, receipt: str, shown: int, now: datetime
) -> Card | None:
    """Make a message the card of a case or an incident; give the one it replaces."""
    before = await get(connection, subject)
    values = {"chat": chat, "receipt": receipt, "shown": shown, "not_before": now}
    about = {"incident" if isinstance(subject, OfIncident) else "case_number": subject.number}
    await connection.execute(insert_once(connection.dialect, card, **about, **values))
    await connection.execute(update(card).where(_of(subject)).values(**values))
    return before if before is not None and before.receipt != receipt else None


async def get(connection: Transaction, subject: Subject) -> Card | None:
    """Read the card of a case or an incident."""
    row = (await connection.execute(select(card).where(_of(subject)))).one_or_none()
    return None if row is None else _card(row)


async def outdated(connection: Transaction, now: datetime, limit: int) -> list[Card]:
    """Read the cards whose cases or incidents have moved since."""
    events = select(func.count()).where(event.c.case_number == card.c.case_number).scalar_subquery()
    moves = select(incident.c.moves).where(incident.c.number == card.c.incident).scalar_subquery()
    query = (
        select(card)
        .where(or_(card.c.shown < events, card.c.shown < moves), card.c.not_before <= now)
        .order_by(card.c.not_before, card.c.number)
        .limit(limit)
    )
    return [_card(row) for row in await connection.execute(query)]


async def drawn(connection: Transaction, found: Card, shown: int) -> None:
    """Write down how many moves a card shows now."""
    await connection.execute(update(card).where(_same(found)).values(shown=shown))


async def postpone(connection: Transaction, found: Card, not_before: datetime) -> None:
    """Draw a card later."""
    await connection.execute(update(card).where(_of(found.subject)).values(not_before=not_before))


async def drop(connection: Transaction, found: Card) -> None:
    """Forget a card that is no more."""
    await connection.execute(delete(card).where(_same(found)))


def _card(row: Row[tuple[object, ...]]) -> Card:
    subject = OfIncident(row.incident) if row.case_number is None else OfCase(row.case_number)
    return Card(subject, row.chat, row.receipt, row.shown)


def _of(subject: Subject) -> ColumnElement[bool]:
    return (card.c.incident if isinstance(subject, OfIncident) else card.c.case_number) == subject.number


def _same(found: Card) -> ColumnElement[bool]:
    return _of(found.subject) & (card.c.receipt == found.receipt)
