"""A notice: a fact somebody is told, and what became of telling it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum


class Kind(StrEnum):
    """What is told. ``operator_*`` go to operators, the others to one customer."""

    CASE_OPENED = "case_opened"
    REPLACEMENT_READY = "replacement_ready"
    CASE_DELAYED = "case_delayed"
    CASE_WITHDRAWN = "case_withdrawn"
    REPORT_RECEIVED = "report_received"
    REPORT_REJECTED = "report_rejected"
    CREDIT_OFFERED = "credit_offered"
    CASE_QUESTION = "case_question"
    LINK_DONE = "link_done"
    LINK_MOVED = "link_moved"
    LINK_REFUSED = "link_refused"
    OPERATOR_VERIFY = "operator_verify"
    OPERATOR_NO_SPARE = "operator_no_spare"
    OPERATOR_BRAKE = "operator_brake"
    OPERATOR_STOCK_LOW = "operator_stock_low"
    OPERATOR_INCIDENT = "operator_incident"
    OPERATOR_LIST_SUSPENDED = "operator_list_suspended"
    OPERATOR_CLOCK = "operator_clock"
    OPERATOR_UNREACHABLE = "operator_unreachable"
    OPERATOR_RELINK = "operator_relink"
    OPERATOR_SAID = "operator_said"
    OPERATOR_DAILY = "operator_daily"
    OPERATOR_QUESTION = "operator_question"


LIFETIME: Mapping[Kind, timedelta] = {
    Kind.CASE_OPENED: timedelta(days=7),
    Kind.REPLACEMENT_READY: timedelta(days=14),
    Kind.CASE_DELAYED: timedelta(days=2),
    Kind.CASE_WITHDRAWN: timedelta(days=7),
    Kind.REPORT_RECEIVED: timedelta(days=1),
    Kind.REPORT_REJECTED: timedelta(days=7),
    Kind.CREDIT_OFFERED: timedelta(days=14),
    Kind.CASE_QUESTION: timedelta(days=3),
    Kind.LINK_DONE: timedelta(days=2),
    Kind.LINK_MOVED: timedelta(days=14),
    Kind.LINK_REFUSED: timedelta(days=2),
}
"""How long a notice is worth sending; operators' notices not named here live for a day."""

OPERATOR_LIFETIME = timedelta(days=1)

REPEATED = tuple(kind for kind in Kind if not kind.startswith("operator_"))
"""Notices whose loss is worse than their repeat: what customers are told."""

REPEATS = 3
"""How often a notice is sent again, each time because an answer was lost: with one alone, two losses are silence."""

Params = Mapping[str, str | int | list[dict[str, str]]]


@dataclass(frozen=True, slots=True)
class Notice:
    """One message to one recipient, as facts. ``key`` is unique for ever; ``customer`` None: the operators."""

    key: str
    kind: Kind
    customer: str | None
    case: int | None
    created_at: datetime
    params: Params = field(default_factory=dict)
    wait_until: datetime | None = None
    """Before this instant more may come that belongs into it."""
    chat: int | None = None
    """A Telegram chat that is told instead of the customer's own: the one he had before, or wants to have."""

    @property
    def expires_at(self) -> datetime:
        """After this instant it is better not told than told late."""
        return self.created_at + LIFETIME.get(self.kind, OPERATOR_LIFETIME)


@dataclass(frozen=True, slots=True)
class Delivered:
    """Accepted by the carrier, under its own number. Nobody knows whether it was read."""

    receipt: str


@dataclass(frozen=True, slots=True)
class TryLater:
    """Surely not sent; try again not before ``after``. ``everyone``: the carrier asks for silence towards all."""

    after: timedelta
    why: str
    everyone: bool = False


@dataclass(frozen=True, slots=True)
class Moved:
    """Surely not sent: the recipient lives elsewhere now."""

    to: str


@dataclass(frozen=True, slots=True)
class Undeliverable:
    """Surely not sent, and it will not be: the recipient cannot be reached this way."""

    why: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """Surely not sent: the message itself is at fault."""

    why: str


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """Perhaps sent: the answer was lost."""

    why: str


Outcome = Delivered | TryLater | Moved | Undeliverable | Rejected | Ambiguous
