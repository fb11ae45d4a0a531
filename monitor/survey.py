"""Looks at the sources as a whole: a list that lists the world, a provider that nobody reaches."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from checks import Seen, Trusted
from monitor.core.account import AccountSeen
from monitor.core.coverage import Policy
from monitor.core.decision import POLICY, Recorded
from monitor.core.incident import (
    ListAlarmed,
    ProviderFailing,
    ProviderTroubled,
    Reach,
    failing_providers,
    key,
    list_incidents,
    populations,
    reaches,
)
from monitor.core.listing import RangeSeen
from monitor.core.notice import Kind, Notice
from monitor.core.plan import Check, Watched
from monitor.core.telling import opened, reason
from monitor.store import incidents, outbox, surveys, sweeps
from monitor.store.engine import Transaction
from monitor.store.surveys import Survey
from monitor.store.sweeps import Belief
from monitor.telemetry import Log

LATELY = timedelta(minutes=10)
"""How long what a status page did not tell of counts as heard."""


def survey(targets: Mapping[str, Watched], seen: Mapping[str, Seen]) -> Survey:
    """Count what a shard's looks say of the sources; ``targets`` are by the unit's name."""
    ranges = [(targets[name].unit.supplier, look) for name, look in seen.items() if isinstance(look, RangeSeen)]
    # One account may stand behind many units.
    accounts = {
        f"{targets[name].provider}:{targets[name].unit.access}": look
        for name, look in seen.items()
        if isinstance(look, AccountSeen)
    }
    return Survey(populations(ranges), reaches(accounts))


async def alarms(
    connection: Transaction, number: int, mine: Survey, policy: Policy, now: datetime
) -> list[ListAlarmed]:
    """Find the lists that list the world by what a shard says; where that is little, with the shards before it."""
    if not mine.lists:
        return []
    heard = max(sum(each.ranges for each in counted.values()) for counted in mine.lists.values())
    said = mine if heard >= policy.alarm.ranges else surveys.summed([await surveys.of_sweep(connection, number), mine])
    return list_incidents(await surveys.usual(connection), said.lists, policy.alarm, now)


async def reaches_now(
    connection: Transaction, number: int, check: Check, mine: Survey
) -> tuple[Mapping[str, Reach], Mapping[str, Reach]]:
    """Tell how well each provider is reached so far in this sweep, and was in the last whole one."""
    if not mine.providers:
        return {}, {}
    so_far = surveys.summed([await surveys.of_sweep(connection, number), mine])
    return so_far.providers, (await surveys.of_last_sweep(connection, check)).providers


async def pages_heard(connection: Transaction, providers: Collection[str], now: datetime) -> set[str]:
    """Name those of these providers whose status page was heard a moment ago."""
    if not providers:
        return set()
    beliefs = await sweeps.beliefs(connection)
    return {
        provider
        for provider in providers
        for name, each in beliefs.items()
        if name.startswith(page_of(provider, "")) and each.heard_at is not None and now - each.heard_at < LATELY
    }


def page_of(provider: str, page: str) -> str:
    """Name a status page among the sources."""
    return f"status page {provider}/{page}"


class Surveyor:
    """Writes down what is thought of the sources, and tells each change once."""

    def __init__(self, log: Log, *, withheld: bool) -> None:
        self._log = log
        self._withheld = withheld

    async def begin(
        self,
        connection: Transaction,
        number: int,
        found: Sequence[ListAlarmed | ProviderFailing | ProviderTroubled],
        now: datetime,
    ) -> None:
        """Open the incidents, of these, that are not on record: their sources are not believed, or judged, from now.

        ``number`` is that of the sweep that found them.
        """
        known = {key(each.incident) for each in await incidents.on_record(connection)} if found else set()
        first = await incidents.next_number(connection)
        new = [each for each in found if key(each) not in known]
        begun = [Recorded(at, incident, now) for at, incident in enumerate(new, first)]
        await incidents.record(connection, begun)
        beliefs = await sweeps.beliefs(connection) if begun else {}
        for record in begun:
            match record.incident:
                case ListAlarmed(name):
                    found_out = Trusted(believed=False, why=reason(record.incident))
                    await self.believe(connection, name, beliefs.get(name), found_out, now, record.number)
                    # The shards before this one were judged while it was still believed.
                    await surveys.unsuspect(connection, number)
                case ProviderFailing(provider, _, why):
                    self._log.warning("provider_failing", provider=provider, why=why)
                    await outbox.put(connection, opened(record, (), {}), withheld=self._withheld)
                case ProviderTroubled(provider, _, trouble):
                    self._log.warning("provider_troubled", provider=provider, why=trouble.words)
                    await outbox.put(connection, opened(record, (), {}), withheld=self._withheld)

    async def close_sweep(self, connection: Transaction, number: int, policy: Policy, now: datetime) -> None:
        """Sum a whole sweep up: which incidents begin and which are over, and what is usual."""
        whole = await surveys.of_sweep(connection, number)
        alarmed = list_incidents(await surveys.usual(connection), whole.lists, policy.alarm, now)
        names = {each.name for each in alarmed}
        suspended = set(names)
        for each in await incidents.on_record(connection):
            match each.incident:
                case ListAlarmed(name):
                    suspended.add(name)
                    if name not in names and _heard_enough(whole, name, policy):
                        await incidents.close(connection, each.number, POLICY, "it lists no more than usual", now)
                case ProviderFailing(provider) if provider in whole.providers and whole.providers[provider].answering:
                    await incidents.close(connection, each.number, POLICY, "its accounts can be reached again", now)
                    self._log.info("provider_reached_again", provider=provider)
                case _:
                    pass
        usual = {name: counted for name, counted in whole.lists.items() if name not in suspended}
        await surveys.make_usual(connection, usual, now)
        await self.begin(connection, number, [*alarmed, *failing_providers(whole.providers, policy.failing)], now)

    async def believe(
        self,
        connection: Transaction,
        name: str,
        before: Belief | None,
        found: Trusted,
        now: datetime,
        incident: int | None = None,
    ) -> None:
        """Write down what is thought of a list, and tell the change; where that is an ``incident``, with its number."""
        heard_at = now if found.believed else before.heard_at if before else None
        if before is not None and before.believed is found.believed:
            # No change of standing, so nobody is told; what is on record stays true all the same.
            now_so = replace(before, why=found.why, heard_at=heard_at)
            if now_so != before:
                await sweeps.believe(connection, name, now_so)
            return
        await sweeps.believe(connection, name, Belief(found.believed, found.why, now, heard_at))
        if found.believed and before is None:
            return
        if found.believed:
            self._log.info("zone_heard_again", zone=name)
            return
        self._log.warning("zone_muted", zone=name, why=found.why)
        told = Notice(
            f"list:{name}:muted:{now.isoformat()}",
            Kind.OPERATOR_LIST_SUSPENDED,
            None,
            None,
            now,
            {"zone": name, "reason": found.why} | ({} if incident is None else {"incident": incident}),
        )
        await outbox.put(connection, told, withheld=self._withheld)


def _heard_enough(whole: Survey, name: str, policy: Policy) -> bool:
    return sum(each.ranges for each in whole.lists.get(name, {}).values()) >= policy.alarm.ranges
