"""What must be done whether anything is probed or not: serve those who wait, watch clocks and stock, end incidents."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from monitor.clock import Clock
from monitor.core.clocks import AWAITED, TOLD_OF, Reading, Which, read
from monitor.core.coverage import Policy
from monitor.core.decision import POLICY
from monitor.core.notice import Kind, Notice
from monitor.daily import tell_of_the_day
from monitor.store import brake, cases, incidents, levels, outbox, pictures, readings
from monitor.store.engine import Store
from monitor.store.readings import Watch
from monitor.sweep import Law, Sweeper
from monitor.telemetry import logger


class Upkeep:
    """Looks after the shop between sweeps. Whatever it does twice, or on two nodes, has its effect once."""

    def __init__(
        self,
        store: Store,
        sweeper: Sweeper,
        clock: Clock,
        *,
        dry_run: bool,
        pictures_for: timedelta,
        daily: bool = False,
    ) -> None:
        """``pictures_for``: how long after its case was closed a picture is kept."""
        self._store = store
        self._sweeper = sweeper
        self._clock = clock
        self._dry_run = dry_run
        self._daily = daily
        self._pictures_for = pictures_for
        self._wanted: dict[str, None] = {}
        self._log = logger("upkeep")

    def want(self, unit: str) -> None:
        """Have a unit looked at in the next turn: its customer says that it fails."""
        self._wanted[unit] = None

    async def tend(self) -> bool:
        """Do what is due; tell whether anything changed."""
        law = self._sweeper.law
        wanted = bool(self._wanted)
        while self._wanted:
            # Taken off first: a look that fails must not keep the shop from being looked after; its turn comes anyway.
            await self._sweeper.look_at(self._wanted.popitem()[0])
        served = bool(await self._sweeper.serve())
        ended = await self._end_incidents(law)
        released = await self._let_go_of_the_brake()
        late = await self._watch_clocks(law.policy)
        low = await self._watch_stock(law)
        await self._forget_pictures()
        told = self._daily and await tell_of_the_day(self._store, law, self._clock.now(), withheld=self._dry_run)
        return wanted or served or ended or released or late or low or told

    async def _end_incidents(self, law: Law) -> bool:
        """Close the incidents of suppliers and ranges from which nothing fell for a while; spares are free again."""
        now = self._clock.now()
        async with self._store.read() as connection:
            over = await incidents.burnt_out(connection, law.tiers, law.policy, now)
        if not over:
            return False
        async with self._store.deciding() as connection:
            for each in await incidents.burnt_out(connection, law.tiers, law.policy, now):
                await incidents.close(connection, each.number, POLICY, "nothing more fell", now)
                self._log.info("incident_over", incident=each.number)
        return True

    async def _forget_pictures(self) -> None:
        """Delete the pictures of cases that were closed long ago; what they were stays in the evidence."""
        now = self._clock.now()
        before = now - self._pictures_for
        async with self._store.read() as connection:
            if not await pictures.due(connection, before):
                return
        async with self._store.write() as connection:
            self._log.info("pictures_deleted", count=await pictures.forget(connection, before, now))

    async def _let_go_of_the_brake(self) -> bool:
        """Release a brake that holds nothing any more."""
        async with self._store.read() as connection:
            if not await brake.engaged(connection) or await cases.held_by_brake(connection):
                return False
        async with self._store.deciding() as connection:
            if await cases.held_by_brake(connection):
                return False
            return await brake.release(connection, POLICY, self._clock.now()) > 0

    async def _watch_clocks(self, policy: Policy) -> bool:
        """Read the clocks that may stand otherwise, and tell each change once."""
        now = self._clock.now()
        async with self._store.read() as connection:
            if not await readings.due(connection, now):
                return False
        async with self._store.deciding() as connection:
            watched = {each.case.number: each for each in await readings.due(connection, now)}
            found = {number: (each, read(each.case, each.trail, policy, now)) for number, each in watched.items()}
            await readings.keep(connection, found, now)
            notices = [
                _operators(watch, reading, now)
                for watch, every in found.values()
                for reading in every
                if reading.standing.condition in TOLD_OF and _is_news(watch, reading)
            ]
            notices += _customers([each for each in found.values() if _is_late(*each)], policy, now)
            await outbox.put_all(connection, notices, withheld=self._dry_run)
        return bool(notices)

    async def _watch_stock(self, law: Law) -> bool:
        """Tell the operators of each tier whose stock has become low."""
        now = self._clock.now()
        async with self._store.read() as connection:
            found = await levels.levels(connection, law.tiers, law.policy, now)
            if not await levels.changed(connection, found):
                return False
        async with self._store.deciding() as connection:
            changed = await levels.changed(connection, await levels.levels(connection, law.tiers, law.policy, now))
            await levels.keep(connection, changed, now)
            low = [each for each in changed if each.low]
            notices = [
                Notice(
                    f"stock:{each.tier}:low:{now.isoformat()}",
                    Kind.OPERATOR_STOCK_LOW,
                    None,
                    None,
                    now,
                    {"tier": each.tier, "spares": each.spares, "wanted": each.order},
                )
                for each in low
            ]
            await outbox.put_all(connection, notices, withheld=self._dry_run)
        return bool(low)


def _is_news(watch: Watch, reading: Reading) -> bool:
    before = watch.before.get(reading.which)
    return before is None or before.condition is not reading.standing.condition


def _is_late(watch: Watch, every: list[Reading]) -> bool:
    """Tell whether the customer is to hear, for the first time, that his replacement will be late."""
    before = watch.before.get(Which.REPLACEMENT)
    delayed = any(each.delayed for each in every) and not (before is not None and before.delayed)
    return delayed and watch.case.state in AWAITED


def _operators(watch: Watch, reading: Reading, now: datetime) -> Notice:
    condition = reading.standing.condition
    key = f"case:{watch.case.number}:clock:{reading.which}:{condition}"
    facts = {
        "order": watch.order,
        "case": str(watch.case.number),
        "clock": reading.which.value,
        "due": reading.standing.due.isoformat(),
        "condition": condition.value,
    }
    return Notice(key, Kind.OPERATOR_CLOCK, None, watch.case.number, now, facts)


def _customers(late: list[tuple[Watch, list[Reading]]], policy: Policy, now: datetime) -> list[Notice]:
    """Tell each customer once of what will be late: of one incident, all his items in one message."""
    grouped: dict[tuple[int | None, str], list[tuple[Watch, datetime]]] = {}
    for watch, every in late:
        due = next(each.standing.due for each in every if each.which is Which.REPLACEMENT)
        alone = watch.incident if watch.incident is not None else -watch.case.number
        grouped.setdefault((alone, watch.case.customer), []).append((watch, max(due, now) + policy.delay))
    return [_delayed(number, customer, mine, now) for (number, customer), mine in grouped.items()]


def _delayed(incident: int | None, customer: str, late: list[tuple[Watch, datetime]], now: datetime) -> Notice:
    first = late[0][0]
    facts: dict[str, str | int | list[dict[str, str]]] = {
        **_facts(first),
        "new_due": max(due for _, due in late).isoformat(),
    }
    if len(late) == 1:
        key = f"case:{first.case.number}:{Kind.CASE_DELAYED}"
        return Notice(key, Kind.CASE_DELAYED, customer, first.case.number, now, facts)
    facts["items"] = [{"order": w.order, "unit": w.unit, "case": str(w.case.number)} for w, _ in late]
    key = f"incident:{incident}:{customer}:{Kind.CASE_DELAYED}:{first.case.number}"
    return Notice(key, Kind.CASE_DELAYED, customer, None, now, facts)


def _facts(watch: Watch) -> Mapping[str, str]:
    case = watch.case
    return {
        "order": watch.order,
        "unit": watch.unit,
        "tier": case.tier,
        "defect": case.defect.value,
        "case": str(case.number),
        "replace_due": case.replace_due.isoformat(),
    }
