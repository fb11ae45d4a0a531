"""A decision while it is being written: each move with its event, and each notice with its facts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from monitor.core import telling
from monitor.core.burning import FALLS, home
from monitor.core.case import Case, Event, Move, State, follow
from monitor.core.coverage import Finding
from monitor.core.decision import (
    BRAKE,
    POLICY,
    Decision,
    Engagement,
    Joined,
    Known,
    Opening,
    Promise,
    Recorded,
    Ruled,
)
from monitor.core.fleet import Delivery, Spare
from monitor.core.incident import SupplierBurning
from monitor.core.notice import Kind, Notice
from monitor.core.ruling import Claim, Outcome, Ruling
from monitor.core.stock import Limit, Reached
from monitor.core.telling import Part

Facts = Mapping[str, str]

LIMITS = {
    Limit.PER_HOUR: "{allowed} replacements approved by themselves within an hour",
    Limit.PER_DAY: "{allowed} replacements approved by themselves within a day",
    Limit.SUPPLIER_PER_HOUR: "{allowed} replacements for units of {of} approved by themselves within an hour",
    Limit.PROVIDER_PER_HOUR: "{allowed} replacements for accounts at {of} approved by themselves within an hour",
    Limit.TIER_SHARE_PER_HOUR: "{allowed} spares of {of} given away by themselves within an hour",
}


@dataclass(slots=True)
class New:
    """A case that is about to be opened."""

    number: int
    period: int
    delivery: Delivery
    finding: Finding
    claim: Claim
    ruling: Ruling
    verify_due: datetime
    replace_due: datetime

    @property
    def covered(self) -> bool:
        """Tell whether it is ours to replace, without asking anybody."""
        return self.ruling.outcome is Outcome.COVERED


@dataclass(slots=True)
class Draft:
    """What is decided so far. ``incidents`` are those on record and those that begin now."""

    known: Known
    incidents: Sequence[Recorded] = ()
    opened: list[Opening] = field(default_factory=list)
    moved: dict[int, Case] = field(default_factory=dict)
    blamed: list[int] = field(default_factory=list)
    freed: list[int] = field(default_factory=list)
    promises: list[Promise] = field(default_factory=list)
    joined: list[Joined] = field(default_factory=list)
    engaged: dict[tuple[str, str], Engagement] = field(default_factory=dict)
    held: int = 0
    events: list[Event] = field(default_factory=list)
    unsaid: list[str] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    _opened: list[Part] = field(default_factory=list)
    _ready: list[Part] = field(default_factory=list)
    _without: set[str] = field(default_factory=set)

    def withdraw(self, case: Case) -> None:
        """Close a case whose failure cleared before a spare was promised."""
        state = self._move(case.number, case.state, Move.WITHDRAW, "the failure cleared before a spare was promised")
        withdrawn = replace(case, state=state, closed_at=self.known.now)
        self.moved[case.number] = withdrawn
        if case.state is not State.VERIFYING:
            # Of a case that an operator was to verify first, the customer has heard nothing.
            self._tell(Kind.CASE_WITHDRAWN, withdrawn, self._facts_of(case))

    def unpromise(self, case: Case) -> Case:
        """Take back a spare that fell ill before it was handed over: the case waits again."""
        why = f"spare {case.spare} fell ill before it was handed over"
        state = self._move(case.number, case.state, Move.UNPROMISE, why)
        return self._free(case, state)

    def lapse(self, case: Case) -> None:
        """Free a spare that nobody took over in time; an operator decides what becomes of the case."""
        why = f"spare {case.spare} was not taken over in time"
        state = self._move(case.number, case.state, Move.UNPROMISE, why)
        state = self._move(case.number, state, Move.HOLD, f"{why}: an operator decides")
        freed = self._free(case, state)
        facts = {**self._facts_of(case), "reason": f"The {why}, and is free again."}
        self._tell(Kind.OPERATOR_VERIFY, freed, facts, f":{case.spare}")

    def promise(self, case: Case, spare: Spare) -> None:
        """Promise a spare to a case that waited."""
        if self.known.dry_run:
            return
        state = self._reserve(case.number, case.state, spare)
        promised = replace(case, state=state, spare=spare.unit.name)
        self.moved[case.number] = promised
        incident = next((each for each in self.incidents if case.delivery in each.members), None)
        self._tell_ready(promised, self.known.deliveries[case.delivery], spare, incident)

    def delay(self, case: Case) -> None:
        """Tell whoever heard of a spare that nothing takes its place yet; ``case`` is as it was with that spare."""
        if _ready_key(case) in self.unsaid:
            return
        due = max(case.replace_due, self.known.now) + self.known.policy.delay
        self._tell(Kind.CASE_DELAYED, case, {**self._facts_of(case), "new_due": due.isoformat()})

    def open(self, new: New, spare: Spare | None, reached: Reached | None) -> None:
        """Open a case: promised where there is a spare, held where the brake has ``reached`` a limit."""
        delivery, finding, ruling = new.delivery, new.finding, new.ruling
        seen_by = ", ".join(dict.fromkeys(witness.who for witness in finding.witnesses))
        state = self._move(new.number, None, Move.OPEN, ruling.reason)
        if reached is not None:
            state = self._hold(new.number, state, reached)
        elif new.covered:
            state = self._move(new.number, state, Move.APPROVE, f"{ruling.clause}: verified by {seen_by}")
        if spare is not None and self.known.dry_run:
            state = self._move(new.number, state, Move.NOTE, f"a dry run: spare {spare.unit.name} would be promised")
        elif spare is not None:
            state = self._reserve(new.number, state, spare)
        incident = home(self.incidents, delivery) if finding.defect in FALLS else None
        case = Case(
            number=new.number,
            delivery=delivery.number,
            defect=finding.defect,
            period=new.period,
            state=state,
            opened_at=self.known.now,
            clause=ruling.clause,
            reason=ruling.reason,
            verify_due=new.verify_due,
            replace_due=new.replace_due,
            tier=delivery.tier.name,
            supplier=delivery.unit.supplier,
            customer=delivery.customer,
            spare=spare.unit.name if spare is not None and state is State.PROMISED else None,
            supplier_fault=new.claim.was_broken_when_delivered or (incident is not None and _blames(incident)),
        )
        self.opened.append(Opening(case, ruling, new.claim, finding))
        if incident is not None:
            self.joined.append(Joined(incident.number, delivery.number, case.number))
        facts = {**_facts(case, delivery), "since": finding.first_bad.isoformat(), "seen_by": seen_by}
        if not new.covered:
            self._tell(Kind.OPERATOR_VERIFY, case, {**_facts(case, delivery), "reason": ruling.reason})
        elif incident is not None:
            self._opened.append(_part(incident, case, facts, "defect"))
        else:
            self._tell(Kind.CASE_OPENED, case, facts)
        if state is State.PROMISED and spare is not None:
            self._tell_ready(case, delivery, spare, incident)
        elif state is State.APPROVED and spare is None and incident is None and case.tier not in self._without:
            # Once for each tier: a hundred that wait for the same stock are one task.
            self._without.add(case.tier)
            self._tell(Kind.OPERATOR_NO_SPARE, case, _facts(case, delivery))

    def begin(self, incident: Recorded) -> None:
        """Bring in what fell before the incident was seen: it belongs to it, and is told with the rest where it can."""
        for fallen in (each for each in self.known.fallen if each.delivery.number in incident.members):
            number = self.known.cases_of.get(fallen.delivery.number)
            self.joined.append(Joined(incident.number, fallen.delivery.number, number))
            if number is None:
                continue
            if _blames(incident):
                self.blamed.append(number)
            waiting = self.known.queued.get(f"case:{number}:{Kind.CASE_OPENED}")
            # Where it is of two that begin, it is told with the first.
            if waiting is not None and waiting.key not in self.unsaid:
                self.unsaid.append(waiting.key)
                facts = {name: str(value) for name, value in waiting.params.items()}
                item = {name: facts[name] for name in ("order", "unit", "defect", "case")}
                self._opened.append(Part(incident, fallen.delivery.customer, fallen.delivery.number, item, facts))

    def done(self, ruled: Sequence[Ruled], begun: Sequence[Recorded]) -> Decision:
        """Put the last words in, and give the decision."""
        news, more_news = telling.gather(self.known, Kind.CASE_OPENED, self._opened)
        ready, more_ready = telling.gather(self.known, Kind.REPLACEMENT_READY, self._ready)
        # First the bad news, then what we do about it.
        self.notices = [*news, *self.notices, *ready]
        self._tell_operators(begun)
        return Decision(
            opened=tuple(self.opened),
            ruled=tuple(ruled),
            moved=tuple(self.moved.values()),
            blamed=tuple(self.blamed),
            freed=tuple(self.freed),
            promises=tuple(self.promises),
            begun=tuple(begun),
            joined=tuple(self.joined),
            engaged=tuple(self.engaged.values()),
            events=tuple(self.events),
            unsaid=tuple(self.unsaid),
            amended=(*more_news, *more_ready),
            notices=tuple(self.notices),
        )

    def _tell_operators(self, begun: Sequence[Recorded]) -> None:
        for incident in begun:
            joined = [each for each in self.joined if each.incident == incident.number]
            self.notices.append(telling.opened(incident, joined, self._deliveries()))
        for engagement in self.engaged.values():
            reason = f"The brake is at its limit: {words(engagement.reached)}."
            facts: dict[str, str | int | list[dict[str, str]]] = {"reason": reason, "waiting": self.held}
            key = f"brake:{engagement.number}:engaged"
            self.notices.append(Notice(key, Kind.OPERATOR_BRAKE, None, None, self.known.now, facts))

    def _deliveries(self) -> Mapping[int, Delivery]:
        found = {each.delivery.number: each.delivery for each in self.known.fallen}
        return {**found, **{each.delivery.number: each.delivery for each in self.known.found}}

    def _free(self, case: Case, state: State) -> Case:
        freed = replace(case, state=state, spare=None)
        self.moved[case.number] = freed
        self.freed.append(case.number)
        if _ready_key(case) in self.known.queued:
            self.unsaid.append(_ready_key(case))
        return freed

    def _hold(self, number: int, state: State, reached: Reached) -> State:
        where = (reached.limit.value, reached.of)
        if where not in self.known.engaged and where not in self.engaged:
            self.engaged[where] = Engagement(self.known.next_engagement + len(self.engaged), reached)
        self.held += 1
        return self._move(number, state, Move.HOLD, f"{words(reached)}: an operator releases it", BRAKE)

    def _move(self, number: int, state: State | None, move: Move, why: str, who: str = POLICY) -> State:
        follows = follow(state, move)
        # The store numbers the events of a case: only it knows how many there are.
        self.events.append(Event(number, 0, self.known.now, who, move, follows, why))
        return follows

    def _reserve(self, number: int, state: State, spare: Spare) -> State:
        self.promises.append(Promise(number, spare.unit.name))
        return self._move(number, state, Move.PROMISE, f"spare {spare.unit.name} reserved")

    def _tell_ready(self, case: Case, delivery: Delivery, spare: Spare, incident: Recorded | None) -> None:
        facts = {**_facts(case, delivery), "spare": spare.unit.name, "spare_tier": spare.unit.tier}
        if incident is not None:
            self._ready.append(_part(incident, case, facts, "spare"))
        else:
            self._tell(Kind.REPLACEMENT_READY, case, facts, f":{spare.unit.name}")

    def _facts_of(self, case: Case) -> Facts:
        return _facts(case, self.known.deliveries[case.delivery])

    def _tell(self, kind: Kind, case: Case, facts: Facts, turn: str = "") -> None:
        customer = None if kind.startswith("operator_") else case.customer
        key = f"case:{case.number}:{kind}{turn}"
        self.notices.append(Notice(key, kind, customer, case.number, self.known.now, facts))


def words(reached: Reached) -> str:
    """Say which limit leaves no room."""
    return LIMITS[reached.limit].format(allowed=reached.allowed, of=reached.of)


def _ready_key(case: Case) -> str:
    # The spare is part of the key: a case may be promised a second one after the first fell ill.
    return f"case:{case.number}:{Kind.REPLACEMENT_READY}:{case.spare}"


def _blames(incident: Recorded) -> bool:
    return isinstance(incident.incident, SupplierBurning)


def _part(incident: Recorded, case: Case, facts: Facts, what: str) -> Part:
    item = {name: facts[name] for name in ("order", "unit", what, "case")}
    return Part(incident, case.customer, case.delivery, item, facts)


def _facts(case: Case, delivery: Delivery) -> Facts:
    return {
        "order": delivery.order,
        "unit": delivery.unit.name,
        "tier": delivery.tier.name,
        "defect": case.defect.value,
        "case": str(case.number),
        "replace_due": case.replace_due.isoformat(),
    }
