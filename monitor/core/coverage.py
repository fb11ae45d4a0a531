"""The coverage policy as data, and how a series of looks becomes a finding.

Source: the shop's published refund and replacement policy; the numbers live in ``config/catalogue/policy.toml``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import assert_never

from monitor.core.fleet import Niche
from monitor.core.sla import Target


class Defect(StrEnum):
    """The ten ways in which a unit can fail its promise."""

    ACCOUNT_BANNED = "account_banned"
    WRONG_REGION = "wrong_region"
    MISSING_FEATURE = "missing_feature"
    RANGE_LISTED = "range_listed"
    KEY_BANNED = "key_banned"
    NUMBER_TAKEN = "number_taken"
    SESSIONS_ACTIVE = "sessions_active"
    LIMIT_BELOW_PROMISE = "limit_below_promise"
    LIMIT_REDUCED = "limit_reduced"
    SUPPLIER_FAULT = "supplier_fault"


class Exclusion(StrEnum):
    """Why a failure is not ours to replace."""

    AFTER_WINDOW = "after_window"
    CUSTOMER_CREDENTIALS = "customer_credentials"
    CUSTOMER_TOS = "customer_tos"
    POLICY_LATER = "policy_later"
    WRONG_ORDER = "wrong_order"
    CHANGE_OF_MIND = "change_of_mind"
    PRICE_CHANGE = "price_change"
    PROFILE_ADDED = "profile_added"
    REPORTED_LATE = "reported_late"


class Begins(StrEnum):
    """Which instant must lie inside the window."""

    WITHIN = "within"
    """The failure itself."""
    AT_HAND_OVER = "at_hand_over"
    """The failure was there at the first complete look after delivery."""
    REPORTED = "reported"
    """The customer's report."""


class Benefit(StrEnum):
    """Who gets the benefit of a doubt."""

    CUSTOMER = "customer"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the policy: a defect, where it can occur, when it must have begun, how soon it is replaced."""

    defect: Defect
    niches: frozenset[Niche]
    begins: Begins
    window: timedelta
    replace_within: timedelta
    later: Benefit | None = None
    """Who decides about a failure after the window; None: nobody, it is not covered."""


@dataclass(frozen=True, slots=True)
class Confirm:
    """How often, and how far apart, a failure must be seen before it is believed."""

    rounds: int
    spacing: timedelta


@dataclass(frozen=True, slots=True)
class Listing:
    """When an address, and when a range, is blacklisted."""

    alerts: int = 1
    """Independent operators of weight alert that suffice alone."""
    warns: int = 2
    """Independent operators of weight warn or alert that suffice together."""
    share: float = 0.10
    """Share of the probed addresses of a range that makes the whole range listed."""
    quorum: float = 0.5
    """Share of the lists that must have been heard before anything is called sound."""


@dataclass(frozen=True, slots=True)
class BrakeLimits:
    """How many replacements may be approved by themselves before an operator is asked."""

    per_hour: int = 20
    per_day: int = 100
    supplier_per_hour: int = 20
    provider_per_hour: int = 20
    tier_share_per_hour: float = 0.30


@dataclass(frozen=True, slots=True)
class Burning:
    """When failures with one origin are one incident: so many, and that share of its units in coverage, so quickly."""

    members: int = 3
    share: float = 0.20
    within: timedelta = timedelta(hours=24)
    gather: timedelta = timedelta(minutes=30)
    """How long a customer's message waits for his other units of the same origin to fall, too."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """When a list lists the world: its share of listed addresses rises by ``jump`` at many suppliers at once."""

    jump: float = 0.10
    suppliers: int = 3
    """At so many suppliers, or at all where there are fewer; one alone proves nothing."""
    share: float = 0.5
    """And at this share of the suppliers that were looked at."""
    ranges: int = 10
    """Of fewer ranges nothing is concluded."""


@dataclass(frozen=True, slots=True)
class Stocking:
    """How many spares a tier needs, as shares of what was sold of it lately, and how long one is set aside."""

    sold_within: timedelta = timedelta(days=30)
    least: float = 0.05
    """Below it, operators are alarmed."""
    most: float = 0.10
    """What an order fills up to."""
    reserved_for: timedelta = timedelta(days=14)
    """How long a promised spare waits to be taken over."""


@dataclass(frozen=True, slots=True)
class Policy:
    """The whole policy. ``digest`` is the SHA-256 of the file it was read from, in hexadecimal."""

    version: str
    digest: str
    rules: Mapping[Defect, Rule]
    confirm: Mapping[Defect, Confirm]
    verify: Target
    replace_warning: float
    response: Target
    listing: Listing = Listing()
    straddle: Benefit = Benefit.CUSTOMER
    tos_words: tuple[str, ...] = ()
    fresh_within: timedelta = timedelta(hours=1)
    """How long ago a spare must have been seen sound, to be promised."""
    brake: BrakeLimits = BrakeLimits()
    burning: Burning = Burning()
    alarm: Alarm = Alarm()
    failing: int = 3
    """So many accounts of a provider, at least, and all of them at once, are its own failure."""
    stocking: Stocking = Stocking()
    delay_told: float = 0.9
    """The share of the time for a replacement after which the customer hears that it will be late."""
    delay: timedelta = timedelta(hours=24)
    """How much later it will be then."""


@dataclass(frozen=True, slots=True)
class Witness:
    """Who said what about what: one line of proof. ``subject`` is an address or an account."""

    who: str
    said: str
    subject: str
    vouched: str = ""
    """Why it was believed, where that is not plain: by which way it was heard, and what test it has passed."""
    raw: str = ""
    """The answer as it came, where it is more than words: the codes of a list."""


@dataclass(frozen=True, slots=True)
class Good:
    """Looked at, and in order."""


@dataclass(frozen=True, slots=True)
class Bad:
    """Looked at, and failed. ``cause``: an exclusion that the witnesses themselves name."""

    witnesses: tuple[Witness, ...]
    cause: Exclusion | None = None


@dataclass(frozen=True, slots=True)
class Excluded:
    """Looked at, and in order itself; what fails is, by these witnesses, not ours to replace."""

    witnesses: tuple[Witness, ...]
    cause: Exclusion


@dataclass(frozen=True, slots=True)
class Unclear:
    """Looked at, and nothing can be said: silence could tip the balance."""

    why: str


Look = Good | Bad | Excluded | Unclear


@dataclass(frozen=True, slots=True)
class Standing:
    """What is remembered of a unit and a defect between looks, over restarts too."""

    last_ok: datetime | None = None
    first_bad: datetime | None = None
    counted_at: datetime | None = None
    rounds: int = 0
    looked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Sound:
    """In order at the last look."""


@dataclass(frozen=True, slots=True)
class Suspect:
    """Seen bad, not yet often enough."""

    rounds: int
    needed: int


@dataclass(frozen=True, slots=True)
class Undecided:
    """Nobody may act on this."""

    why: str


@dataclass(frozen=True, slots=True)
class Finding:
    """A failure we believe: fine at ``last_ok`` (None: never seen fine), broken at ``first_bad``; with witnesses."""

    defect: Defect
    last_ok: datetime | None
    first_bad: datetime
    confirmed_at: datetime
    rounds: int
    witnesses: tuple[Witness, ...]
    heard: str
    """How much was heard: "38 of 40 lists answered"."""
    cause: Exclusion | None = None


@dataclass(frozen=True, slots=True)
class Excused:
    """In order itself, again and again; what fails is not ours to replace: the finding names the exclusion."""

    finding: Finding


Verdict = Sound | Suspect | Undecided | Finding | Excused


@dataclass(frozen=True, slots=True)
class Judged:
    """A verdict, and what is to be remembered."""

    standing: Standing
    verdict: Verdict


def judge(defect: Defect, standing: Standing, look: Look, at: datetime, confirm: Confirm, heard: str = "") -> Judged:
    """Add one look to what is remembered. Silence changes nothing; bad looks count only ``spacing`` apart."""
    if standing.looked_at is not None and at < standing.looked_at:
        # A look that arrives late (two nodes, one slow) may not undo what was seen after it.
        return Judged(standing, Undecided("overtaken by a later look"))
    match look:
        case Unclear(why):
            return Judged(replace(standing, looked_at=at), Undecided(why))
        case Good():
            return Judged(Standing(last_ok=at, looked_at=at), Sound())
        case Excluded():
            return _exclude(defect, standing, look, at, confirm)
        case Bad():
            seen = _count(standing, at, confirm)
            if seen.rounds < confirm.rounds or seen.first_bad is None:
                return Judged(seen, Suspect(seen.rounds, confirm.rounds))
            return Judged(
                seen,
                Finding(
                    defect=defect,
                    last_ok=seen.last_ok,
                    first_bad=seen.first_bad,
                    confirmed_at=at,
                    rounds=seen.rounds,
                    witnesses=look.witnesses,
                    heard=heard,
                    cause=look.cause,
                ),
            )
        case _:
            assert_never(look)


def _exclude(defect: Defect, standing: Standing, look: Excluded, at: datetime, confirm: Confirm) -> Judged:
    """Believe an exclusion when it was seen as often as a failure must be; the unit was fine all the while."""
    counted = replace(standing, first_bad=standing.counted_at) if standing.first_bad is None else Standing()
    seen = _count(counted, at, confirm)
    now = Standing(last_ok=at, counted_at=seen.counted_at, rounds=seen.rounds, looked_at=at)
    if seen.rounds < confirm.rounds:
        return Judged(now, Undecided(f"{look.cause}: seen {seen.rounds} of {confirm.rounds} times"))
    finding = Finding(defect, None, at, at, seen.rounds, look.witnesses, "", look.cause)
    return Judged(now, Excused(finding))


def _count(standing: Standing, at: datetime, confirm: Confirm) -> Standing:
    if standing.first_bad is None or standing.counted_at is None:
        return replace(standing, first_bad=at, counted_at=at, rounds=1, looked_at=at)
    if at == standing.counted_at or at - standing.counted_at < confirm.spacing:
        # The same look told twice is one look, even where the policy asks for no spacing.
        return replace(standing, looked_at=at)
    return replace(standing, counted_at=at, rounds=standing.rounds + 1, looked_at=at)
