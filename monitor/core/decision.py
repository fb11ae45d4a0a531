"""What a decision rests on and what it comes to: everything known, and everything that is to be written."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from monitor.core.case import OPEN, Case, Event
from monitor.core.coverage import Defect, Finding, Policy
from monitor.core.fleet import Delivery, Network, Spare, Tier
from monitor.core.incident import Fallen, Incident
from monitor.core.notice import Notice
from monitor.core.ruling import Claim, Ruling
from monitor.core.stock import NOTHING_FROZEN, Approval, Frozen, Reached

POLICY = "policy"
"""Who signs what nobody decided by hand."""
BRAKE = "brake"
"""Who signs what the brake holds."""


@dataclass(frozen=True, slots=True)
class Found:
    """A delivery and the failure that is believed of it."""

    delivery: Delivery
    finding: Finding


def replaced_once(found: Iterable[Found], past: Mapping[tuple[int, Defect], Case]) -> list[Found]:
    """Leave out whoever has an open case for another of these defects: that one brings him another unit already."""
    open_ = {number: defect for (number, defect), case in past.items() if case.state in OPEN}
    return [each for each in found if open_.get(each.delivery.number, each.finding.defect) is each.finding.defect]


@dataclass(frozen=True, slots=True)
class Recorded:
    """An incident on record that is not over. ``members`` are deliveries; ``by`` says who opened it."""

    number: int
    incident: Incident
    opened_at: datetime
    by: str = POLICY
    members: Collection[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Known:
    """Everything a decision rests on, read in the transaction that will write it down."""

    now: datetime
    policy: Policy
    tiers: Mapping[str, Tier]
    found: Sequence[Found] = ()
    healed: Sequence[Case] = ()
    """Cases without a spare whose failure has cleared."""
    past: Mapping[tuple[int, Defect], Case] = field(default_factory=dict)
    """The newest case of each delivery and defect, open or not."""
    waiting: Sequence[Case] = ()
    """Approved cases that have no spare yet."""
    spoiled: Sequence[Case] = ()
    """Promised cases whose spare fell ill before it was handed over."""
    lapsed: Sequence[Case] = ()
    """Promised cases whose spare nobody took over in time."""
    deliveries: Mapping[int, Delivery] = field(default_factory=dict)
    """The deliveries of all these cases; a case without one, its tier gone, is left alone."""
    shelf: Sequence[Spare] = ()
    frozen: Frozen = NOTHING_FROZEN
    incidents: Sequence[Recorded] = ()
    fallen: Sequence[Fallen] = ()
    """What fell lately and may be the beginning of an incident."""
    cases_of: Mapping[int, int] = field(default_factory=dict)
    """The open case of each fallen delivery."""
    in_coverage: Mapping[str, int] = field(default_factory=dict)
    """How many units of each supplier are in coverage."""
    blocks: Mapping[Network, int] = field(default_factory=dict)
    """How many units in coverage lie in each block."""
    quiet: Mapping[str, datetime] = field(default_factory=dict)
    """By incident, when it was last closed: what fell before does not begin it again."""
    holdings: Mapping[str, Sequence[Delivery]] = field(default_factory=dict)
    """What each customer at hand has in coverage."""
    queued: Mapping[str, Notice] = field(default_factory=dict)
    """Notices to customers that nobody has sent yet, by key."""
    approvals: Sequence[Approval] = ()
    """What was approved by itself within a day."""
    stood: Mapping[str, int] = field(default_factory=dict)
    """How many spares each tier had an hour ago, those promised since included."""
    engaged: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """Where the brake is on: limit and whom it is about, and the number of the engagement."""
    next_case: int = 1
    next_incident: int = 1
    next_engagement: int = 1
    dry_run: bool = False
    """Promise nothing; write down what would be promised."""


@dataclass(frozen=True, slots=True)
class Opening:
    """A new case with the ruling and the finding that it rests on."""

    case: Case
    ruling: Ruling
    claim: Claim
    finding: Finding


@dataclass(frozen=True, slots=True)
class Ruled:
    """A ruling that opens no case, kept so that it can be explained."""

    delivery: int
    ruling: Ruling
    claim: Claim
    finding: Finding


@dataclass(frozen=True, slots=True)
class Promise:
    """A spare reserved for a case."""

    case: int
    unit: str


@dataclass(frozen=True, slots=True)
class Joined:
    """A delivery that belongs to an incident, with its case."""

    incident: int
    delivery: int
    case: int | None


@dataclass(frozen=True, slots=True)
class Engagement:
    """The brake goes on: a limit left no room."""

    number: int
    reached: Reached


@dataclass(frozen=True, slots=True)
class Amendment:
    """A queued notice that takes in more; where it is on its way already, ``instead`` is told."""

    notice: Notice
    instead: Notice


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to be written, in one transaction."""

    opened: tuple[Opening, ...] = ()
    ruled: tuple[Ruled, ...] = ()
    moved: tuple[Case, ...] = ()
    """Cases that stood already, as they are now."""
    blamed: tuple[int, ...] = ()
    """Cases of before that turn out to be the supplier's fault."""
    freed: tuple[int, ...] = ()
    """Cases whose reserved spare is theirs no more."""
    promises: tuple[Promise, ...] = ()
    begun: tuple[Recorded, ...] = ()
    joined: tuple[Joined, ...] = ()
    engaged: tuple[Engagement, ...] = ()
    events: tuple[Event, ...] = ()
    unsaid: tuple[str, ...] = ()
    """Keys of queued notices that something overtook."""
    amended: tuple[Amendment, ...] = ()
    notices: tuple[Notice, ...] = ()

    def __bool__(self) -> bool:
        """Tell whether there is anything to write."""
        return bool(self.opened or self.ruled or self.moved or self.begun or self.joined)
