"""Who hears what of an incident: operators once, and each customer once, with all that concerns him."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import assert_never

from monitor.core.burning import may_follow
from monitor.core.decision import Amendment, Joined, Known, Recorded
from monitor.core.fleet import Delivery
from monitor.core.incident import (
    Incident,
    ListAlarmed,
    ProviderFailing,
    ProviderTroubled,
    RangeBurning,
    SupplierBurning,
    key,
)
from monitor.core.notice import Kind, Notice

SHOWN = 20
"""Members that an operator's message names; all of them stand on record."""

Item = dict[str, str]


@dataclass(frozen=True, slots=True)
class Part:
    """What one customer hears about one of his deliveries; instants are ISO 8601."""

    incident: Recorded
    customer: str
    delivery: int
    item: Item
    facts: Mapping[str, str]


def opened(incident: Recorded, members: Sequence[Joined], deliveries: Mapping[int, Delivery]) -> Notice:
    """Tell the operators of an incident that begins with these members."""
    scope, _, about = key(incident.incident).partition(":")
    about = incident.incident.provider if isinstance(incident.incident, ProviderTroubled) else about
    named = [deliveries[member.delivery] for member in members[:SHOWN]]
    facts: dict[str, str | int | list[Item]] = {
        "scope": scope,
        "name": about,
        "reason": reason(incident.incident),
        "incident": incident.number,
        "cases": sum(member.case is not None for member in members),
        "items": [{"order": each.order, "unit": each.unit.name, "customer": each.customer} for each in named],
    }
    name = f"incident:{incident.number}:opened"
    return Notice(name, Kind.OPERATOR_INCIDENT, None, None, incident.opened_at, facts)


def reason(incident: Incident) -> str:
    """Say in one sentence why it is an incident."""
    match incident:
        case SupplierBurning() | RangeBurning():
            return f"{len(incident.members)} of {incident.covered} units in coverage fell at about the same time."
        case ProviderFailing():
            return f"{incident.why}; nothing is judged there until they can be reached again."
        case ProviderTroubled():
            return f"Its status page says: {incident.trouble.words}. What that touches is not judged until it is over."
        case ListAlarmed():
            names = ", ".join(incident.suppliers[:5])
            return f"It suddenly lists addresses of unrelated suppliers: {names}."
        case _:
            assert_never(incident)


def gather(known: Known, kind: Kind, parts: Iterable[Part]) -> tuple[list[Notice], list[Amendment]]:
    """Put what each customer hears of one incident into one message, or into the one that still waits to be sent."""
    grouped: dict[tuple[int, str], list[Part]] = {}
    for part in parts:
        grouped.setdefault((part.incident.number, part.customer), []).append(part)
    notices: list[Notice] = []
    amendments: list[Amendment] = []
    for (number, customer), mine in grouped.items():
        prefix = f"incident:{number}:{customer}:{kind}:"
        # The first case makes the key unique: whoever falls after the message was sent is told by another.
        alone = _notice(known, kind, f"{prefix}{mine[0].item['case']}", mine)
        waiting = next((each for name, each in known.queued.items() if name.startswith(prefix)), None)
        if waiting is None:
            notices.append(alone)
        else:
            amendments.append(Amendment(_with(known, waiting, alone, mine), alone))
    return notices, amendments


def _notice(known: Known, kind: Kind, name: str, parts: Sequence[Part]) -> Notice:
    first = parts[0]
    facts: dict[str, str | int | list[dict[str, str]]] = {**first.facts, "items": [part.item for part in parts]}
    facts["replace_due"] = max(part.facts["replace_due"] for part in parts)
    if kind is Kind.CASE_OPENED:
        facts["since"] = min(part.facts["since"] for part in parts)
        facts["seen_by"] = ", ".join(dict.fromkeys(part.facts["seen_by"] for part in parts))
    until = may_follow(known, first.incident, first.customer, [part.delivery for part in parts])
    wait = until if kind is Kind.CASE_OPENED else None
    return Notice(name, kind, first.customer, None, known.now, facts, wait)


def _with(known: Known, waiting: Notice, new: Notice, parts: Sequence[Part]) -> Notice:
    """Add what is new to a message that still waits."""
    items = [*_items(waiting), *_items(new)]
    facts = {**waiting.params, "items": items}
    facts["replace_due"] = max(str(each.params["replace_due"]) for each in (waiting, new))
    if new.kind is not Kind.CASE_OPENED:
        return replace(waiting, params=facts)
    facts["since"] = min(str(each.params["since"]) for each in (waiting, new))
    told = [part.delivery for part in parts]
    return replace(waiting, params=facts, wait_until=may_follow(known, parts[0].incident, parts[0].customer, told))


def _items(notice: Notice) -> list[Item]:
    found = notice.params["items"]
    return found if isinstance(found, list) else []
