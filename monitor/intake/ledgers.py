"""Holds rows against what is known already: what is new, what changes, what is a repeat, and what contradicts.

An empty cell says nothing: what is missing is filled in, and what is known stays.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol, TypeVar

from monitor.core.fleet import Customer, Unit
from monitor.intake import Fault, Kind
from monitor.intake.cells import Terms, shown
from monitor.intake.columns import COLUMN_OF, CustomerRow, DeliveryRow, Facts, UnitRow, out_of_range
from monitor.store import intake
from monitor.store.engine import Transaction
from monitor.store.fleet import customers_by_name
from monitor.store.intake import Handed, Kept

LOOKED_AT = frozenset({"tier", "ranges", "address", "access", "protocol", "endpoint"})
"""What probes go by: a unit with another one of these is another thing, and nobody has looked at it yet."""


class Outcome(StrEnum):
    """What became of a row that was taken."""

    NEW = "new"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


RowT_contra = TypeVar("RowT_contra", contravariant=True)


class Ledger(Protocol[RowT_contra]):
    """What one file is entered into, page by page."""

    async def turn(self, connection: Transaction, rows: Sequence[RowT_contra]) -> None:
        """Begin a page: read what is known about these rows, no two of which are about the same thing."""

    def enter(self, row: RowT_contra) -> Outcome | list[Fault]:
        """Enter one of them, or say why it cannot be."""

    async def write(self, connection: Transaction, at: datetime) -> None:
        """Write the page."""


def ledger(kind: Kind, terms: Terms) -> Ledger[Any]:
    """Open the ledger for a kind of file."""
    match kind:
        case Kind.CUSTOMERS:
            return Customers(terms.language)
        case Kind.DELIVERIES:
            return Deliveries()
        case Kind.STOCK:
            return Stock()


class Customers:
    """The customers: new facts replace old ones."""

    def __init__(self, language: str) -> None:
        self._language = language
        self._known: dict[str, Customer] = {}
        self._new: list[Customer] = []
        self._changed: list[Customer] = []

    async def turn(self, connection: Transaction, rows: Sequence[CustomerRow]) -> None:
        """Read the customers that are known by these names."""
        self._known = await customers_by_name(connection, [row.name for row in rows])
        self._new, self._changed = [], []

    def enter(self, row: CustomerRow) -> Outcome | list[Fault]:
        """Enter a customer."""
        known = self._known.get(row.name)
        if known is None:
            self._new.append(Customer(row.name, **{"language": self._language, **row.facts}))
            return Outcome.NEW
        now = replace(known, **row.facts)
        if now == known:
            return Outcome.UNCHANGED
        self._changed.append(now)
        return Outcome.CHANGED

    async def write(self, connection: Transaction, at: datetime) -> None:
        """Write the page."""
        await intake.add_customers(connection, self._new, at)
        await intake.change_customers(connection, self._changed)


class Stock:
    """The shelf: new facts replace old ones while a unit lies there and nobody has been promised it."""

    def __init__(self) -> None:
        self._known: dict[str, Kept] = {}
        self._delivered: dict[str, Handed] = {}
        self._new: list[Unit] = []
        self._changed: list[Unit] = []
        self._unseen: list[str] = []

    async def turn(self, connection: Transaction, rows: Sequence[UnitRow]) -> None:
        """Read the units that are known by these names, and under which orders they went out."""
        self._known = await intake.kept_units(connection, [row.name for row in rows])
        self._delivered = await intake.deliveries_of_units(connection, self._known.keys()) if self._known else {}
        self._new, self._changed, self._unseen = [], [], []

    def enter(self, row: UnitRow) -> Outcome | list[Fault]:
        """Enter a spare."""
        kept = self._known.get(row.name)
        if kept is None:
            self._new.append(Unit(row.name, **row.facts))
            return Outcome.NEW
        if row.name in self._delivered:
            return [_gone(row.name, self._delivered[row.name])]
        changed = {field for field, value in row.facts.items() if not _same(getattr(kept.unit, field), value)}
        if not changed:
            return Outcome.UNCHANGED
        now = replace(kept.unit, **row.facts)
        fault = _fixed(kept) or out_of_range(now.ranges, now.address)
        if fault is not None:
            return [fault]
        self._changed.append(now)
        if changed & LOOKED_AT:
            self._unseen.append(now.name)
        return Outcome.CHANGED

    async def write(self, connection: Transaction, at: datetime) -> None:
        """Write the page."""
        await intake.add_units(connection, self._new, "shelf", at)
        await intake.change_units(connection, [(unit, "shelf") for unit in self._changed])
        await intake.forget_standings(connection, self._unseen)


class Deliveries:
    """What was handed over: a fact stands once it is written, and a repeat may only add what was missing."""

    def __init__(self) -> None:
        self._customers: set[str] = set()
        self._units: dict[str, Kept] = {}
        self._first: dict[tuple[str, int], Handed] = {}
        self._delivered: dict[str, Handed] = {}
        self._new: list[Handed] = []
        self._new_units: list[Unit] = []
        self._changed_units: list[Unit] = []
        self._transactions: list[Handed] = []

    async def turn(self, connection: Transaction, rows: Sequence[DeliveryRow]) -> None:
        """Read the customers, units and orders that these rows name."""
        # Customers return from page to page, and none goes away meanwhile.
        if strangers := {row.customer for row in rows} - self._customers:
            self._customers |= (await customers_by_name(connection, strangers)).keys()
        self._units = await intake.kept_units(connection, [row.unit.name for row in rows])
        self._first = await intake.first_deliveries(connection, {row.order for row in rows})
        self._delivered = {each.unit: each for each in self._first.values()}
        others = [name for name in self._units if name not in self._delivered]
        if others:
            self._delivered |= await intake.deliveries_of_units(connection, others)
        self._new, self._new_units, self._changed_units, self._transactions = [], [], [], []

    def enter(self, row: DeliveryRow) -> Outcome | list[Fault]:
        """Enter a delivery."""
        known = self._first.get((row.order, row.item))
        return self._deliver(row) if known is None else self._repeat(row, known)

    async def write(self, connection: Transaction, at: datetime) -> None:
        """Write the page."""
        await intake.add_units(connection, self._new_units, "delivered", at)
        await intake.change_units(connection, [(unit, "delivered") for unit in self._changed_units])
        await intake.add_deliveries(connection, self._new, at)
        await intake.add_transactions(connection, self._transactions)

    def _deliver(self, row: DeliveryRow) -> Outcome | list[Fault]:
        unit, facts = row.unit.name, row.unit.facts
        faults: list[Fault] = []
        if row.customer not in self._customers:
            faults.append(Fault(f"{shown(row.customer)} is nobody we know; import customers first", "customer"))
        kept = self._units.get(unit)
        if unit in self._delivered:
            faults.append(_gone(unit, self._delivered[unit]))
        elif kept is not None:
            faults += _promised(kept)
            faults += _contradictions(kept.unit, facts, "the unit is in stock with")
        if faults:
            return faults
        if kept is None:
            self._new_units.append(Unit(unit, **facts))
        else:
            now = replace(kept.unit, **facts)
            outside = out_of_range(now.ranges, now.address)
            if outside is not None:
                return [outside]
            self._changed_units.append(now)
        self._new.append(Handed(row.order, row.item, row.customer, unit, row.delivered_at, row.tx))
        return Outcome.NEW

    def _repeat(self, row: DeliveryRow, known: Handed) -> Outcome | list[Fault]:
        here = f"order {shown(known.order)} item {known.item} was imported with"
        faults = [
            _contradiction(column, old, new, here)
            for column, old, new in (
                ("customer", known.customer, row.customer),
                ("unit", known.unit, row.unit.name),
                ("delivered_at", known.delivered_at, row.delivered_at),
                ("tx", known.tx_hash, row.tx),
            )
            if old is not None and new is not None and old != new
        ]
        if known.unit != row.unit.name:
            return faults
        unit = self._units[known.unit].unit
        faults += _contradictions(unit, row.unit.facts, here)
        now = replace(unit, **row.unit.facts)
        outside = out_of_range(now.ranges, now.address)
        if not faults and outside is not None:
            faults.append(outside)
        if faults:
            return faults
        outcome = Outcome.UNCHANGED
        if any(not _same(getattr(unit, field), value) for field, value in row.unit.facts.items()):
            self._changed_units.append(now)
            outcome = Outcome.CHANGED
        if row.tx is not None and known.tx_hash is None:
            self._transactions.append(replace(known, tx_hash=row.tx))
            outcome = Outcome.CHANGED
        return outcome


def _gone(unit: str, handed: Handed) -> Fault:
    under = f"under order {shown(handed.order)} item {handed.item}"
    return Fault(f"{shown(unit)} was delivered already, {under}; a unit is delivered once, so mend its name", "unit")


def _promised(kept: Kept) -> Iterator[Fault]:
    if kept.promised_to is not None:
        words = f"{shown(kept.unit.name)} is promised to case {kept.promised_to}; deliver another unit"
        yield Fault(words, "unit")


def _fixed(kept: Kept) -> Fault | None:
    """Say why the facts of a spare cannot change any more."""
    name = shown(kept.unit.name)
    if kept.promised_to is not None:
        words = f"{name} is promised to case {kept.promised_to} as it is; give a changed unit a name of its own"
        return Fault(words, "unit")
    if kept.place == "sick":
        return Fault(f"{name} left the shelf because it looked bad; give a changed unit a name of its own", "unit")
    return None


def _same(old: object, new: object) -> bool:
    # Networks in another order are the same range.
    return {*old} == {*new} if isinstance(old, tuple) and isinstance(new, tuple) else old == new


def _contradictions(unit: Unit, facts: Facts, here: str) -> Iterator[Fault]:
    for field, new in facts.items():
        old = getattr(unit, field)
        if old is not None and old != () and not _same(old, new):
            yield _contradiction(COLUMN_OF[field], old, new, here)


def _contradiction(column: str, old: object, new: object, here: str) -> Fault:
    remedy = "what was imported stays, so mend this row"
    if column in {"access", "tx"}:
        # One of them may be a secret in the wrong place.
        return Fault(f"is another one here, but {here} one of its own; {remedy}", column)
    return Fault(f"{shown(_words(new))} here, but {here} {shown(_words(old))}; {remedy}", column)


def _words(value: object) -> str:
    if isinstance(value, tuple):
        return " ".join(str(each) for each in value)
    return value.isoformat() if isinstance(value, datetime) else str(value)
