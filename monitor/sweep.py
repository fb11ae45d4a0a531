"""One sweep, start to end: examine the sources, probe, judge, decide, commit."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from checks import Probe, Seen, Trusted
from monitor.clock import Clock
from monitor.core.assess import NO_REGIONS, Assessed, Measure, assess
from monitor.core.coverage import Policy
from monitor.core.decide import Decision, Known, decide
from monitor.core.decision import replaced_once
from monitor.core.doubt import doubts
from monitor.core.fleet import Tier
from monitor.core.incident import ListAlarmed
from monitor.core.plan import Check, Shard, Sharing, Slot, Sweep, Watched, is_probed, longest_window, plan_sweep
from monitor.core.questions import asked
from monitor.core.region import Regions
from monitor.core.telling import reason
from monitor.faults import FAULTS
from monitor.recheck import WHOLE, Recheck
from monitor.store import baselines, cases, fleet, incidents, outbox, sweeps
from monitor.store.engine import Store, Transaction
from monitor.store.surveys import NO_SURVEY, Survey
from monitor.survey import Surveyor, alarms, pages_heard, reaches_now, survey
from monitor.telemetry import Metrics, logger

LOOK_BACK = timedelta(days=30)
"""How long after its window a delivery is still owed the one look that settles it, if we were blind at the end."""

REST = timedelta(minutes=5)
"""How long a spare that could not be promised is left alone, so that nobody is asked about it with every shard."""


@dataclass(frozen=True, slots=True)
class Law:
    """What holds while this process runs: the policy, the tiers, and which code means which place."""

    policy: Policy
    tiers: Mapping[str, Tier]
    regions: Regions = NO_REGIONS


@dataclass(frozen=True, slots=True)
class Work:
    """What was seen of one shard of a sweep; ``sweep`` 0: outside any."""

    check: Check
    targets: Sequence[Watched] = ()
    seen: Mapping[str, Seen] = field(default_factory=dict)
    survey: Survey = NO_SURVEY
    sweep: int = 0
    shard: int = 0
    whole: bool = True
    """Whether the shards of that sweep hold everything: only then it says what is usual."""


NO_WORK = Work(Check.BLOCKLIST)


@dataclass(frozen=True, slots=True)
class Weighed:
    """What follows from a shard, before it is written."""

    known: Known
    decision: Decision
    assessed: Assessed
    alarmed: list[ListAlarmed]
    measure: Measure


class Sweeper:
    """Plans sweeps and runs their shards."""

    def __init__(
        self,
        store: Store,
        probes: Mapping[Check, Probe],
        law: Law,
        clock: Clock,
        metrics: Metrics,
        node: str,
        *,
        shard_size: int,
        sharing: Sharing,
        dry_run: bool,
    ) -> None:
        self._store = store
        self._probes = probes
        self._law = law
        self._clock = clock
        self._metrics = metrics
        self._node = node
        self._shard_size = shard_size
        self._sharing = sharing
        self._dry_run = dry_run
        self._resting: dict[str, datetime] = {}
        self._trying: set[Recheck] = set()
        self._surveyor = Surveyor(logger("sweep"), withheld=dry_run)

    def obey(self, law: Law) -> None:
        """Judge by this law from the next sweep on."""
        self._law = law

    @property
    def law(self) -> Law:
        """What is judged by."""
        return self._law

    @property
    def kinds(self) -> list[Check]:
        """Name the kinds of sweeps that this node can run."""
        return list(self._probes)

    async def plan(self, check: Check, due: Slot) -> tuple[int, Sweep] | None:
        """Claim a slot and plan its sweep; None where somebody else has it."""
        now = self._clock.now()
        kind = f"{check}.closing" if due.closing else check.value
        async with self._store.write() as connection:
            alone = self._store.on_sqlite
            number = await sweeps.claim(connection, kind, due.due_at, now, self._node, alone=alone)
            if number is None:
                return None
            oldest = now - longest_window(check, self._law.policy) - LOOK_BACK
            watched = await fleet.watched(connection, check, self._law.tiers, oldest)
            sweep = plan_sweep(check, due, watched, self._law.policy, now, self._shard_size, self._sharing)
            await sweeps.planned(connection, number, len(sweep.shards))
            done = await sweeps.filed(connection, number)
        FAULTS.reach("sweep.claimed")
        return number, replace(sweep, shards=tuple(shard for shard in sweep.shards if shard.index not in done))

    async def examine(self, check: Check) -> None:
        """Let the sources prove themselves, and tell the change of each once."""
        now = self._clock.now()
        async with self._store.read() as connection:
            before = await sweeps.beliefs(connection)
            spent = await sweeps.spent(connection, now.date())
        self._probes[check].allow(spent)
        heard_at = {name: belief.heard_at for name, belief in before.items() if belief.heard_at is not None}
        found = await self._probes[check].examine(now, heard_at)
        if not found:
            return
        async with self._store.write() as connection:
            before = await sweeps.beliefs(connection)
            lasting = [each.incident for each in await incidents.on_record(connection)]
            alarmed = {
                each.name: Trusted(believed=False, why=reason(each))
                for each in lasting
                if isinstance(each, ListAlarmed)
            }
            for name, trusted in {**found, **{n: t for n, t in alarmed.items() if n in found}}.items():
                self._metrics.list_believed.labels(name).set(trusted.believed)
                await self._surveyor.believe(connection, name, before.get(name), trusted, now)

    async def run_shard(self, number: int, sweep: Sweep, shard: Shard) -> Decision:
        """Probe one shard and write down, in one transaction, all that follows from it."""
        at = self._clock.now()
        seen = await self._probes[sweep.check].look(shard.targets, at, sweep.turn)
        FAULTS.reach("shard.probed")
        work = _work(sweep.check, shard.targets, seen, number, shard.index, whole=not sweep.slot.closing)
        async with self._tried_spares(work) as (fresh, _), self._store.deciding() as connection:
            decision = await self._commit(connection, work, fresh)
            FAULTS.reach("shard.written")
        FAULTS.reach("shard.committed")
        return decision

    async def look_at(self, unit: str) -> None:
        """Look at one delivered unit now, in every way that can tell about it: somebody asked."""
        for check, probe in self._probes.items():
            now = self._clock.now()
            async with self._store.read() as connection:
                watched = await fleet.watched(connection, check, self._law.tiers, now - LOOK_BACK, only=unit)
            targets = [
                each for each in watched if each.delivery is not None and is_probed(check, each.unit, each.niche)
            ]
            if not targets:
                continue
            work = _work(check, targets, await probe.look(targets, now, WHOLE), whole=False)
            async with self._tried_spares(work) as (fresh, _), self._store.deciding() as connection:
                await self._commit(connection, work, fresh)

    async def serve(self) -> Decision:
        """Promise spares to those who wait, and take back those that fell ill or that nobody took over."""
        async with self._tried_spares(NO_WORK) as (fresh, outlook):
            if not outlook:
                return Decision()
            async with self._store.deciding() as connection:
                return await self._commit(connection, NO_WORK, fresh)

    async def finish(self, number: int, check: Check) -> None:
        """Record that every shard of a sweep is filed, and what it cost."""
        async with self._store.deciding() as connection:
            await self._surveyor.close_sweep(connection, number, self._law.policy, self._clock.now())
            await sweeps.spend(connection, self._clock.now().date(), self._probes[check].take_count())
            await sweeps.finish(connection, number, self._clock.now())
            await sweeps.forget(connection, self._clock.now() - sweeps.KEEP)

    @asynccontextmanager
    async def _tried_spares(self, work: Work) -> AsyncIterator[tuple[Recheck, Decision]]:
        """Have spares in hand that may be promised: shards at once do not all look at the same, for one to get them.

        Give what was seen of them, and what would be decided if the others are sound.
        """
        now = self._clock.now()
        self._resting = {name: at for name, at in self._resting.items() if now - at < REST}
        fresh = Recheck(self._probes, self._law.tiers, self._resting, self._trying)
        self._trying.add(fresh)
        try:
            yield fresh, await self._try_spares(work, fresh, now)
        finally:
            self._trying.discard(fresh)

    async def _try_spares(self, work: Work, fresh: Recheck, now: datetime) -> Decision:
        """Look at the spares that would be promised, and at those that come next where one of them fails."""
        while True:
            async with self._store.read() as connection:
                weighed = await self._weigh(connection, work, fresh, sure=False)
                chosen = {promise.unit for promise in weighed.decision.promises}
                untried = fresh.untried(spare for spare in weighed.known.shelf if spare.unit.name in chosen)
                fresh.take_in_hand(untried)
            if not untried:
                break
            await fresh.look(untried, now, weighed.measure)
            if not any(spare.unit.name in fresh.failed for spare in untried):
                # All that would be promised is in order: weighed again, it would come to the same.
                break
        self._resting = {**dict.fromkeys(fresh.failed, now), **self._resting}
        return weighed.decision

    async def _weigh(self, connection: Transaction, work: Work, fresh: Recheck, *, sure: bool) -> Weighed:
        """Judge what was seen, and decide; nothing is written. ``sure``: only spares that were tried are promised."""
        now, law = self._clock.now(), self._law
        lasting = await incidents.on_record(connection)
        alarmed = await alarms(connection, work.sweep, work.survey, law.policy, now)
        reached, before = await reaches_now(connection, work.sweep, work.check, work.survey)
        pages = await pages_heard(connection, reached, now)
        doubt = doubts([*(each.incident for each in lasting), *alarmed], reached, before, pages)
        measure = Measure(law.policy, doubt, law.regions)
        defects = work.check.defects
        remembered = await fleet.memory(connection, defects, [t.unit.name for t in work.targets])
        found = assess(work.check, work.targets, work.seen, remembered, measure)
        fresh.note(work.check, work.targets, work.seen, measure)
        known = await cases.known(
            connection,
            now,
            law.policy,
            law.tiers,
            defects,
            {*(each.delivery.number for each in found.found), *(number for number, _ in found.sound)},
            found.sound,
            failing=[each.delivery for each in found.found],
            sick=found.sick,
        )
        shelf = fresh.shelf(known.shelf, now, sure=sure)
        known = replace(known, found=replaced_once(found.found, known.past), shelf=shelf, dry_run=self._dry_run)
        return Weighed(known, decide(known), found, alarmed, measure)

    async def _commit(self, connection: Transaction, work: Work, fresh: Recheck) -> Decision:
        law = self._law
        # What a dry run would promise is not worth a question to anybody.
        weighed = await self._weigh(connection, work, fresh, sure=not self._dry_run)
        # The instant that was ruled at: ruled again at any other, due times would differ.
        now = weighed.known.now
        found, decision = weighed.assessed, weighed.decision
        facts = work.survey.facts() if work.whole else None
        if work.sweep and not await sweeps.file_report(connection, work.sweep, work.shard, now, _summary(found), facts):
            return Decision()
        await self._surveyor.begin(connection, work.sweep, weighed.alarmed, now)
        for defect, changes in found.changes.items():
            await fleet.remember(connection, defect, changes)
        await fleet.keep_listed(connection, work.seen)
        await baselines.keep(connection, found.baselines)
        await fleet.take_off_shelf(connection, found.sick)
        await self._remember_spares(connection, fresh, weighed.measure)
        await outbox.put_all(connection, asked(found.questions, now), withheld=self._dry_run)
        await cases.commit(connection, decision, law.policy, now, withheld=self._dry_run)
        for defect, counted in found.tally.items():
            for word, count in counted.items():
                self._metrics.verdicts.labels(defect, word).inc(count)
        for opening in decision.opened:
            self._metrics.decisions.labels(opening.ruling.outcome, opening.ruling.clause).inc()
        return decision

    async def _remember_spares(self, connection: Transaction, fresh: Recheck, measure: Measure) -> None:
        """Write down what was seen of the spares that were tried; one that failed leaves the shelf."""
        for check, (targets, seen) in fresh.looks.items():
            remembered = await fleet.memory(connection, check.defects, [each.unit.name for each in targets])
            found = assess(check, targets, seen, remembered, measure)
            for defect, changes in found.changes.items():
                await fleet.remember(connection, defect, changes)
            await fleet.take_off_shelf(connection, found.sick)


def _work(
    check: Check,
    targets: Sequence[Watched],
    seen: Mapping[str, Seen],
    sweep: int = 0,
    shard: int = 0,
    *,
    whole: bool,
) -> Work:
    said = survey({target.unit.name: target for target in targets}, seen)
    return Work(check, targets, seen, said, sweep, shard, whole=whole)


def _summary(found: Assessed) -> dict[str, int]:
    return {f"{defect}:{word}": count for defect, each in found.tally.items() for word, count in each.items()}
