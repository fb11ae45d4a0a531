"""One import, start to end: rows are read, checked, held against what is known, and written in one transaction."""

import asyncio
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeVar

from monitor.intake import Fault, Kind
from monitor.intake.cells import Terms, shown
from monitor.intake.columns import CustomerRow, DeliveryRow, Row, UnitRow, read_row
from monitor.intake.ledgers import Ledger, Outcome, ledger
from monitor.intake.rejects import Rejects
from monitor.intake.tables import Record, Table
from monitor.store.engine import Store, Transaction

PAGE = 500
"""Rows that are looked up and written together; no query names more things."""

T = TypeVar("T")


@dataclass(slots=True)
class Tally:
    """How an import went. Of the faults only the first ``told`` are kept; ``untold`` counts the others."""

    told: int
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    rejected: int = 0
    faults: list[Fault] = field(default_factory=list)
    untold: int = 0
    written: bool = False

    def took(self, outcome: Outcome) -> None:
        """Count a row that was taken."""
        match outcome:
            case Outcome.NEW:
                self.new += 1
            case Outcome.CHANGED:
                self.changed += 1
            case Outcome.UNCHANGED:
                self.unchanged += 1

    def rejects(self, record: Record, faults: Sequence[Fault]) -> None:
        """Count a row that was rejected."""
        self.rejected += 1
        room = max(self.told - len(self.faults), 0)
        self.faults += [fault.at(record.line) for fault in faults[:room]]
        self.untold += len(faults[room:])


class Intake:
    """Brings one file into the store: all of it, or its good rows, or nothing."""

    def __init__(self, kind: Kind, terms: Terms, tally: Tally, rejects: Rejects | None) -> None:
        """With ``rejects`` the good rows are taken and the others go there; without, one bad row spoils all."""
        self._kind = kind
        self._terms = terms
        self._tally = tally
        self._rejects = rejects
        self._ledger: Ledger[Row] = ledger(kind, terms)
        self._lines: dict[Hashable, int] = {}

    async def run(
        self, store: Store, table: Table, *, dry_run: bool, progress: Callable[[], None], too_late: Callable[[], None]
    ) -> None:
        """Bring in a table. ``too_late`` is called when nothing can stop the commit any more."""
        try:
            # A dry run takes no lock: the daemon does not notice it.
            async with store.read() if dry_run else store.deciding() as connection:
                for page in _pages(table, PAGE):
                    await self._page(connection, table, page, writing=not dry_run)
                    progress()
                if dry_run or self._spoilt:
                    await connection.rollback()
                    return
                if self._rejects is not None:
                    self._rejects.settle()
                too_late()
                # A cancellation that is on its way arrives here, and not in the middle of the commit.
                await asyncio.sleep(0)
            self._tally.written = True
            if self._rejects is not None:
                self._rejects.keep()
        finally:
            if self._rejects is not None:
                self._rejects.drop()

    @property
    def _spoilt(self) -> bool:
        return self._rejects is None and self._tally.rejected > 0

    async def _page(self, connection: Transaction, table: Table, page: Sequence[Record], *, writing: bool) -> None:
        read = [(record, self._read(record)) for record in page]
        rows = [row for _, row in read if not isinstance(row, list)]
        await self._ledger.turn(connection, rows)
        for record, row in read:
            outcome = row if isinstance(row, list) else self._ledger.enter(row)
            if isinstance(outcome, Outcome):
                self._tally.took(outcome)
                continue
            self._tally.rejects(record, outcome)
            if self._rejects is not None and writing:
                why = "; ".join(fault.told("") for fault in outcome)
                self._rejects.add(table.head, table.rejected(record, why))
        if writing and not self._spoilt:
            await self._ledger.write(connection, self._terms.now)

    def _read(self, record: Record) -> Row | list[Fault]:
        """Read a row; give the faults of its cells, or of its coming twice in the file."""
        row = read_row(self._kind, record.cells, self._terms) if not record.faults else list(record.faults)
        if isinstance(row, list):
            return row
        things = list(_things(row))
        twice = [
            Fault(f"{words} stands on line {self._lines[thing]} already; keep one of the two", column)
            for column, thing, words in things
            if thing in self._lines
        ]
        if twice:
            return twice
        for _, thing, _ in things:
            self._lines[thing] = record.line
        return row


def _things(row: Row) -> Iterator[tuple[str, Hashable, str]]:
    """Give what one row alone may be about: column, key, and words for it."""
    match row:
        case CustomerRow():
            yield "customer", row.name, shown(row.name)
        case UnitRow():
            yield "unit", row.name, shown(row.name)
        case DeliveryRow():
            yield "order", (row.order, row.item), f"{shown(row.order)} item {row.item}"
            yield "unit", row.unit.name, shown(row.unit.name)


def _pages(rows: Iterable[T], size: int) -> Iterator[Sequence[T]]:
    rest = iter(rows)
    while page := list(islice(rest, size)):
        yield page
