"""A shop in memory: it keeps what decisions say, as the store does, and objects to what may never be."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from monitor.core.burning import FALLS
from monitor.core.case import GENESIS, OPEN, Case, Event, Move, State, broken_at, digest
from monitor.core.clocks import Which, read
from monitor.core.coverage import Defect, Policy
from monitor.core.decide import BRAKE, POLICY, Decision, Found, Known, Opening, Recorded, Ruled, decide
from monitor.core.fleet import Delivery, Spare, Unit
from monitor.core.hand import Handled
from monitor.core.incident import Fallen, block_of, frozen_by
from monitor.core.ruling import Claim, Outcome, Ruling, rule_on
from monitor.core.stock import DAY, HOUR, Approval, burns
from tests.core.shop import TIERS, T

WITHDRAWABLE = frozenset({State.VERIFYING, State.HELD, State.APPROVED})


@dataclass(slots=True)
class Ledger:
    """Everything that is on record."""

    policy: Policy
    now: datetime = T
    deliveries: dict[int, Delivery] = field(default_factory=dict)
    units: dict[str, Unit] = field(default_factory=dict)
    """What is, or was, on the shelf."""
    sick: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)
    cases: dict[int, Case] = field(default_factory=dict)
    trails: dict[int, list[tuple[Event, str]]] = field(default_factory=dict)
    rulings: list[tuple[Claim, Ruling, datetime]] = field(default_factory=list)
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    held: dict[str, tuple[int, datetime]] = field(default_factory=dict)
    """By spare: the case that it is reserved for, and since when."""
    incidents: list[Recorded] = field(default_factory=list)
    engaged: dict[tuple[str, str], int] = field(default_factory=dict)
    engagements: int = 0
    elapsed: dict[tuple[int, Which], timedelta] = field(default_factory=dict)

    def decide(self, found: Sequence[Found] = (), sound: Iterable[int] = ()) -> Decision:
        """Decide on findings and on what is sound again, and write it down."""
        decision = decide(self._known(found, set(sound)))
        self.commit(decision)
        return decision

    def commit(self, decision: Decision) -> None:
        """Write a decision down."""
        self.incidents = [*self.incidents, *decision.begun]
        for joined in decision.joined:
            self.incidents = [
                replace(each, members=frozenset({*each.members, joined.delivery}))
                if each.number == joined.incident
                else each
                for each in self.incidents
            ]
        for each in decision.ruled:
            self._ruled(each)
        for opening in decision.opened:
            self._ruled(opening)
            assert opening.case.number not in self.cases
            self.cases[opening.case.number] = opening.case
            self.outcomes[opening.case.number] = opening.ruling.outcome
        self.cases |= {case.number: case for case in decision.moved}
        self.cases |= {number: replace(self.cases[number], supplier_fault=True) for number in decision.blamed}
        self._append(decision.events)
        for number in decision.freed:
            self._release(number)
        for promise in decision.promises:
            self._reserve(promise.case, promise.unit)
        for engagement in decision.engaged:
            self.engaged[engagement.reached.limit.value, engagement.reached.of] = engagement.number
            self.engagements = engagement.number
        self._check({*(event.case for event in decision.events)})

    def move(self, handled: Handled) -> None:
        """Write down what a person decided."""
        self.cases[handled.case.number] = handled.case
        self._append([handled.event])
        if handled.gives_back:
            self._release(handled.case.number)
        self._check({handled.case.number})

    def hand_over(self, handled: Handled, before: Delivery) -> None:
        """Write down that a spare was handed over: it is a delivery of its own, with a window of its own."""
        spare = handled.case.spare
        assert spare is not None
        self.gone.add(spare)
        self._release(handled.case.number)
        number = len(self.deliveries) + 1
        unit, tier = self.units[spare], TIERS[self.units[spare].tier]
        new = replace(before, number=number, turn=before.turn + 1, unit=unit, tier=tier)
        self.deliveries[number] = replace(new, delivered_at=self.now, imported_at=self.now)
        self.move(handled)

    def written(self) -> tuple[dict[int, Case], dict[str, tuple[int, datetime]], dict[int, int]]:
        """Give what is on record of cases, reservations and trails, to be compared."""
        return dict(self.cases), dict(self.held), {number: len(trail) for number, trail in self.trails.items()}

    def newest(self, delivery: int, defect: Defect) -> Case | None:
        """Give the newest case of a delivery for a defect."""
        mine = [each for each in self.cases.values() if (each.delivery, each.defect) == (delivery, defect)]
        return max(mine, key=lambda each: each.period, default=None)

    def held_by_brake(self) -> list[Case]:
        """Give the cases that the brake holds."""
        held = [case for case in self.cases.values() if case.state is State.HELD]
        last = {
            case.number: [event for event, _ in self.trails[case.number] if event.move is Move.HOLD][-1].who
            for case in held
        }
        return [case for case in held if last[case.number] == BRAKE]

    def watch_clocks(self) -> None:
        """See that no clock of an open case has lost time since it was last read, whatever paused it."""
        for case in self.cases.values():
            if case.state not in OPEN:
                continue
            for reading in read(case, [event for event, _ in self.trails[case.number]], self.policy, self.now):
                key, elapsed = (case.number, reading.which), reading.standing.elapsed
                # A replacement's clock stops at the promise, and goes on where that is taken back: never below.
                assert elapsed >= self.elapsed.get(key, timedelta())
                self.elapsed[key] = elapsed

    def replay(self) -> None:
        """See that everything that was ever ruled on comes out the same again."""
        for claim, ruling, at in self.rulings:
            assert rule_on(claim, self.policy, at) == ruling

    def _known(self, found: Sequence[Found], sound: set[int]) -> Known:
        cases = self.cases.values()
        newest: dict[tuple[int, Defect], Case] = {}
        for case in sorted(cases, key=lambda each: each.period):
            newest[case.delivery, case.defect] = case
        shelf = [
            Spare(unit, self.now)
            for name, unit in self.units.items()
            if name not in self.sick and name not in self.held and name not in self.gone
        ]
        promised = [case for case in cases if case.state is State.PROMISED]
        covered = [each for each in self.deliveries.values() if self.now - each.delivered_at <= DAY]
        members = {number for each in self.incidents for number in each.members}
        fallen = [
            case
            for case in cases
            if case.state in OPEN
            and case.defect in FALLS
            and case.delivery not in members
            and self.now - case.opened_at < DAY
        ]
        return Known(
            now=self.now,
            policy=self.policy,
            tiers=TIERS,
            found=found,
            healed=[case for case in newest.values() if case.delivery in sound and case.state in WITHDRAWABLE],
            past=newest,
            waiting=[case for case in cases if case.state is State.APPROVED],
            spoiled=[case for case in promised if case.spare in self.sick],
            lapsed=[
                case
                for case in promised
                if case.spare not in self.sick
                and self.now - self.held[case.spare or ""][1] >= self.policy.stocking.reserved_for
            ],
            deliveries=self.deliveries,
            shelf=shelf,
            incidents=self.incidents,
            fallen=[Fallen(self.deliveries[case.delivery], case.opened_at) for case in fallen],
            cases_of={case.delivery: case.number for case in fallen},
            in_coverage=Counter(each.unit.supplier for each in covered),
            blocks=Counter(block_of(network) for each in covered for network in each.unit.ranges),
            approvals=self._approvals(),
            stood=Counter(spare.unit.tier for spare in shelf)
            + Counter(self.units[name].tier for name, (_, at) in self.held.items() if self.now - at < HOUR),
            engaged=self.engaged,
            next_case=max(self.cases, default=0) + 1,
            next_incident=max((each.number for each in self.incidents), default=0) + 1,
            next_engagement=self.engagements + 1,
        )

    def _approvals(self) -> list[Approval]:
        return [
            Approval(
                event.at,
                self.cases[event.case].supplier,
                TIERS[self.cases[event.case].tier].provider,
                None if (spare := self.cases[event.case].spare) is None else self.units[spare].tier,
            )
            for trail in self.trails.values()
            for event, _ in trail
            if event.move is Move.APPROVE and event.who == POLICY and self.now - event.at < DAY
        ]

    def _ruled(self, made: Opening | Ruled) -> None:
        self.rulings.append((made.claim, made.ruling, self.now))

    def _append(self, events: Iterable[Event]) -> None:
        for event in events:
            trail = self.trails.setdefault(event.case, [])
            placed = replace(event, sequence=len(trail) + 1)
            trail.append((placed, digest(placed, trail[-1][1] if trail else GENESIS)))

    def _release(self, number: int) -> None:
        for name in [name for name, (case, _) in self.held.items() if case == number]:
            del self.held[name]

    def _reserve(self, number: int, name: str) -> None:
        unit = self.units[name]
        assert name not in self.held
        assert name not in self.gone
        assert name not in self.sick
        assert number not in {case for case, _ in self.held.values()}
        assert not burns(Spare(unit), frozen_by(each.incident for each in self.incidents))
        hands = {event.who for event, _ in self.trails[number] if event.move in {Move.APPROVE, Move.RELEASE}}
        assert self.outcomes[number] is Outcome.COVERED or hands - {POLICY, BRAKE}
        self.held[name] = number, self.now

    def _check(self, touched: set[int]) -> None:
        for number in touched:
            trail, case = self.trails[number], self.cases[number]
            assert broken_at(trail) is None
            assert trail[-1][0].state is case.state
            assert (case.spare is not None) is (case.state in {State.PROMISED, State.HANDED_OVER, State.CLOSED})
            if case.state is State.PROMISED:
                assert self.held[case.spare or ""][0] == number
        still = Counter((case.delivery, case.defect) for case in self.cases.values() if case.state in OPEN)
        assert not [twice for twice, count in still.items() if count > 1]
        assert {case for case, _ in self.held.values()} == {
            case.number for case in self.cases.values() if case.state is State.PROMISED
        }
