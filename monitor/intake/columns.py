"""What each kind of file may hold, column by column, and a row made of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from monitor.core.fleet import Address, Network, Niche
from monitor.intake import Fault, Kind, cells
from monitor.intake.cells import CONTROL, LONGEST_CELL, Terms, shown

Facts = Mapping[str, Any]
"""What a row says, by the names of the fields it fills; an empty cell says nothing, and is not in it."""


@dataclass(frozen=True, slots=True)
class CustomerRow:
    """A customer, as a file tells."""

    name: str
    facts: Facts


@dataclass(frozen=True, slots=True)
class UnitRow:
    """A unit, as a file tells."""

    name: str
    facts: Facts


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """A delivery, as a file tells."""

    order: str
    item: int
    customer: str
    delivered_at: datetime
    tx: str | None
    unit: UnitRow


Row = CustomerRow | UnitRow | DeliveryRow


@dataclass(frozen=True, slots=True)
class Column:
    """How a cell is read, which field it fills, and whether a row can do without."""

    read: Callable[[str, Terms], object]
    fills: str
    needed: bool = False


UNIT: Mapping[str, Column] = {
    "unit": Column(cells.name, "name", needed=True),
    "tier": Column(cells.tier, "tier", needed=True),
    "supplier": Column(cells.name, "supplier", needed=True),
    "range": Column(cells.ranges, "ranges"),
    "address": Column(cells.address, "address"),
    "access": Column(cells.access, "access"),
    "protocol": Column(cells.protocol, "protocol"),
    "endpoint": Column(cells.endpoint, "endpoint"),
    "niche": Column(cells.niche, "niche"),
}

COLUMNS: Mapping[Kind, Mapping[str, Column]] = {
    Kind.CUSTOMERS: {
        "customer": Column(cells.name, "name", needed=True),
        "language": Column(cells.language, "language"),
        "telegram_chat": Column(cells.chat, "chat"),
        "email": Column(cells.email, "email"),
    },
    Kind.DELIVERIES: {
        "order": Column(cells.name, "order", needed=True),
        "item": Column(cells.item, "item"),
        "customer": Column(cells.name, "customer", needed=True),
        "delivered_at": Column(cells.instant, "delivered_at", needed=True),
        "tx": Column(cells.tx, "tx"),
        **UNIT,
    },
    Kind.STOCK: {**UNIT, "cost": Column(cells.cost, "cost")},
}

COLUMN_OF = {column.fills: name for name, column in COLUMNS[Kind.STOCK].items()}
"""The column that fills a field of a unit."""


def needed(kind: Kind) -> frozenset[str]:
    """Give the columns that a file must have."""
    return frozenset(name for name, column in COLUMNS[kind].items() if column.needed)


def read_row(kind: Kind, written: Mapping[str, str], terms: Terms) -> Row | list[Fault]:
    """Read the cells of a row, or give everything that is wrong with them."""
    facts: dict[str, Any] = {}
    faults: list[Fault] = []
    for name, column in COLUMNS[kind].items():
        words = written.get(name, "")
        try:
            if words:
                _refuse_what_is_no_text(words)
                facts[column.fills] = column.read(words, terms)
            elif column.needed:
                faults.append(Fault("is empty; every row needs it", name))
        except ValueError as fault:
            faults.append(Fault(str(fault), name))
    if kind is not Kind.CUSTOMERS and not faults:
        faults = _against_the_tier(facts, terms)
    return faults or _row(kind, facts)


def out_of_range(ranges: Sequence[Network], address: Address | None) -> Fault | None:
    """Say so if a unit's address lies in none of its networks; a unit without networks may have any."""
    if address is None or not ranges or any(address in network for network in ranges):
        return None
    return Fault(f"{address} lies in none of its networks; write one of theirs, or leave it empty", "address")


def _refuse_what_is_no_text(words: str) -> None:
    if len(words) > LONGEST_CELL:
        raise ValueError(f"{shown(words)} is {len(words)} characters long; a cell has at most {LONGEST_CELL}")
    strange = CONTROL.search(words)
    if strange:
        raise ValueError(f"holds the control character {strange[0]!r}; remove it")


def _against_the_tier(facts: dict[str, Any], terms: Terms) -> list[Fault]:
    of_tier = terms.tiers[facts["tier"]]
    niche = facts.pop("niche", of_tier.niche)
    faults: list[Fault] = []
    if niche is not of_tier.niche:
        faults.append(
            Fault(f"{niche.value!r} is not what {of_tier.name!r} is: {of_tier.niche.value}; mend either", "niche")
        )
    elif niche is Niche.VPN and "ranges" not in facts:
        faults.append(Fault(f"is empty; {of_tier.name!r} is a vpn tier, so write the networks that were sold", "range"))
    elif niche is Niche.VPS and "access" not in facts:
        words = f"is empty; {of_tier.name!r} is a vps tier, so name the secret file of the account"
        faults.append(Fault(words, "access"))
    faults += _about_the_endpoint(facts, of_tier.niche)
    outside = out_of_range(facts.get("ranges", ()), facts.get("address"))
    return [*faults, outside] if outside else faults


def _about_the_endpoint(facts: Facts, niche: Niche) -> list[Fault]:
    """Say what is amiss with how a key is to be tried: it takes a protocol, and the key itself."""
    if niche is not Niche.VPN:
        return [
            Fault(f"is for vpn tiers; a {niche.value} tier has no endpoint, so leave it empty", name)
            for name in ("protocol", "endpoint")
            if name in facts
        ]
    if "endpoint" in facts and "protocol" not in facts:
        return [Fault("is empty; an endpoint needs the name of its table of [endpoints]", "protocol")]
    if "protocol" in facts and "access" not in facts:
        return [
            Fault("is empty; name the secret file with the customer's configuration, so that it can be tried", "access")
        ]
    return []


def _row(kind: Kind, facts: dict[str, Any]) -> Row:
    match kind:
        case Kind.CUSTOMERS:
            return CustomerRow(facts.pop("name"), facts)
        case Kind.STOCK:
            return UnitRow(facts.pop("name"), facts)
        case Kind.DELIVERIES:
            order, customer, at = facts.pop("order"), facts.pop("customer"), facts.pop("delivered_at")
            item, tx = facts.pop("item", 1), facts.pop("tx", None)
            return DeliveryRow(order, item, customer, at, tx, UnitRow(facts.pop("name"), facts))
