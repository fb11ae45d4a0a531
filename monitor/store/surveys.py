"""What whole sweeps say of their sources: how much of the shop each list lists, and whom of a provider one reaches."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, delete, insert, select, update

from monitor.core.coverage import Defect
from monitor.core.incident import Population, Populations, Reach, all_reaches, together
from monitor.store.engine import Transaction
from monitor.store.judgement import population
from monitor.store.tables import report, standing, sweep

REMEMBERED = timedelta(hours=24)
"""How long what is usual stands before it is counted anew: a list that creeps is measured against the day before."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What one shard, or a whole sweep, says of the sources."""

    lists: Populations = field(default_factory=dict)
    providers: Mapping[str, Reach] = field(default_factory=dict)

    def facts(self) -> dict[str, Any]:
        """Write it as JSON facts."""
        return {
            "lists": {
                name: {supplier: [each.heard, each.listed, each.ranges] for supplier, each in counted.items()}
                for name, counted in self.lists.items()
            },
            "providers": {
                name: [each.failing, each.answering, each.since.isoformat()] for name, each in self.providers.items()
            },
        }


NO_SURVEY = Survey()


def _lists_of(facts: Mapping[str, Any]) -> Populations:
    return {
        name: {supplier: Population(*numbers) for supplier, numbers in counted.items()}
        for name, counted in facts["lists"].items()
    }


def _providers_of(facts: Mapping[str, Any]) -> dict[str, Reach]:
    return {
        name: Reach(failing, answering, datetime.fromisoformat(since))
        for name, (failing, answering, since) in facts["providers"].items()
    }


def summed(surveys: Iterable[Survey]) -> Survey:
    """Add surveys up."""
    every = list(surveys)
    return Survey(together(each.lists for each in every), all_reaches(each.providers for each in every))


async def of_sweep(connection: Transaction, number: int) -> Survey:
    """Add up what the shards of a sweep have said so far."""
    rows = await connection.execute(select(report.c.survey).where(report.c.sweep == number))
    said = [facts for facts in rows.scalars() if facts is not None]
    # One after the other: the populations of all shards at once are many.
    return Survey(together(map(_lists_of, said)), all_reaches(map(_providers_of, said)))


async def of_last_sweep(connection: Transaction, kind: str) -> Survey:
    """Add up what the last whole sweep of a kind has said."""
    query = (
        select(sweep.c.number)
        .where(sweep.c.kind == kind, sweep.c.finished_at.is_not(None))
        .order_by(sweep.c.due_at.desc())
        .limit(1)
    )
    number = (await connection.execute(query)).scalar_one_or_none()
    return NO_SURVEY if number is None else await of_sweep(connection, number)


async def usual(connection: Transaction) -> Populations:
    """Read what each list usually says of each supplier."""
    found: dict[str, dict[str, Population]] = {}
    for row in await connection.execute(select(population)):
        found.setdefault(row.source, {})[row.supplier] = Population(row.heard, row.listed, row.ranges)
    return found


async def make_usual(connection: Transaction, counted: Populations, now: datetime, *, at_once: bool = False) -> None:
    """Take what was counted for the usual, where nothing was known or what is known is old, or ``at_once``."""
    names = list(counted)
    query = select(population.c.source, population.c.supplier, population.c.counted_at)
    there = {
        (row.source, row.supplier): row.counted_at
        for row in await connection.execute(query.where(population.c.source.in_(names)))
    }
    rows = [
        {
            "source": name,
            "supplier": supplier,
            "heard": each.heard,
            "listed": each.listed,
            "ranges": each.ranges,
            "counted_at": now,
        }
        for name, suppliers in counted.items()
        for supplier, each in suppliers.items()
        if each.heard
    ]
    new = [row for row in rows if (row["source"], row["supplier"]) not in there]
    old = [
        {f"of_{name}": value for name, value in row.items()}
        for row in rows
        if (at := there.get((str(row["source"]), str(row["supplier"])))) is not None
        and (at_once or now - at >= REMEMBERED)
    ]
    if new:
        await connection.execute(insert(population), new)
    if old:
        mine = (population.c.source == bindparam("of_source")) & (population.c.supplier == bindparam("of_supplier"))
        facts = ("heard", "listed", "ranges", "counted_at")
        changed = update(population).where(mine).values({name: bindparam(f"of_{name}") for name in facts})
        await connection.execute(changed, old)


async def forget_usual(connection: Transaction, name: str) -> None:
    """Forget what a list usually says."""
    await connection.execute(delete(population).where(population.c.source == name))


async def unsuspect(connection: Transaction, number: int) -> None:
    """Forget the suspicions that this sweep was the first to have: a list that lists the world had a voice in them."""
    began = select(sweep.c.claimed_at).where(sweep.c.number == number).scalar_subquery()
    young = (standing.c.defect == Defect.RANGE_LISTED) & (standing.c.verdict == "suspect") & (standing.c.rounds == 1)
    forgotten = {"first_bad": None, "counted_at": None, "rounds": 0, "verdict": "undecided"}
    why = "what a list said that lists the world was forgotten"
    await connection.execute(update(standing).where(young, standing.c.first_bad >= began).values(**forgotten, why=why))
