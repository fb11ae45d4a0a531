"""What will be asked of whom, and when: the plan of the next round, told before it is carried out."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from monitor.core.dnsxl import Zone
from monitor.core.plan import Check, Sharing, Slot, door_of, is_due, is_probed, load_of, longest_window, slot
from monitor.store import fleet, sweeps
from monitor.store.engine import Transaction
from monitor.sweep import LOOK_BACK, Law

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Asked:
    """What one list is asked: in a round, in a day, of its budget (None: no limit), and today already."""

    name: str
    round: int
    day: int
    budget: int | None
    today: int

    @property
    def over(self) -> int:
        """Questions a day that the budget does not allow."""
        return 0 if self.budget is None else max(0, self.day - self.budget)


@dataclass(frozen=True, slots=True)
class Outlook:
    """The next rounds of one kind of check."""

    check: Check
    every: timedelta
    next: Slot
    deliveries: int
    spares: int
    questions: int
    rounds: int
    wanted: int
    """Rounds in which every address was to be asked about; fewer than ``rounds`` where budgets do not allow it."""
    asked: Sequence[Asked] = ()
    doors: Mapping[str, int] = field(default_factory=dict)
    """How many accounts are asked about at each provider, or endpoints knocked at in each protocol."""

    @property
    def full_round(self) -> timedelta:
        """How long it takes until every address was asked about once."""
        return self.rounds * self.every


async def look_ahead(
    connection: Transaction,
    check: Check,
    every: timedelta,
    law: Law,
    now: datetime,
    *,
    sharing: Sharing,
    zones: Sequence[Zone] = (),
    budgets: Mapping[str, int] | None = None,
) -> Outlook:
    """Plan the next round of a check. ``budgets`` are the questions a day that each list allows, by its name."""
    oldest = now - longest_window(check, law.policy) - LOOK_BACK
    watched = await fleet.watched(connection, check, law.tiers, oldest)
    due = [each for each in watched if is_probed(check, each.unit, each.niche) and is_due(check, each, law.policy, now)]
    coming = slot(now + every, every)
    delivered = sum(each.delivery is not None for each in due)
    if check is not Check.BLOCKLIST:
        doors = Counter(name for name, *_ in {door_of(check, each) for each in due} if name is not None)
        questions = doors.total() if check is Check.ACCOUNT else len(due)
        return Outlook(check, every, coming, delivered, len(due) - delivered, questions, 1, 1, doors=doors)
    load = load_of((each.unit for each in due), sharing)
    spent = await sweeps.spent(connection, now.date())
    rounds_a_day = DAY / every
    asked = [
        Asked(
            name=zone.name,
            round=load.addresses,
            day=int(load.addresses * rounds_a_day),
            budget=(budgets or {}).get(zone.name),
            today=spent.get(zone.name, 0),
        )
        for zone in zones
    ]
    questions = load.addresses * len(zones)
    return Outlook(
        check, every, coming, delivered, len(due) - delivered, questions, load.rounds, load.wanted, asked
    )  # fmt: skip
