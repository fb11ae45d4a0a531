"""What burns in the light of one decision: which incidents begin with it, and to which one a delivery belongs."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import assert_never

from monitor.core.coverage import Defect
from monitor.core.decision import Known, Recorded
from monitor.core.fleet import Delivery
from monitor.core.incident import (
    Fallen,
    Incident,
    ListAlarmed,
    ProviderFailing,
    ProviderTroubled,
    RangeBurning,
    SupplierBurning,
    familiar_block_of,
    frozen_by,
    key,
    range_incidents,
    supplier_incidents,
)
from monitor.core.stock import Frozen

FALLS = frozenset({Defect.ACCOUNT_BANNED, Defect.RANGE_LISTED, Defect.KEY_BANNED})
"""Defects that units of one origin suffer together: somebody outside turned against them."""


def begin(known: Known, fell: Iterable[Fallen]) -> tuple[Recorded, ...]:
    """Find the incidents that begin, counting what fell before and what falls now."""
    rule = known.policy.burning
    recent = [*known.fallen, *fell]
    on_record = {key(each.incident) for each in known.incidents}

    def since_quiet(each: Fallen, origins: Iterable[str]) -> bool:
        closed = [known.quiet[origin] for origin in origins if origin in known.quiet]
        return not closed or each.at > max(closed)

    suppliers = supplier_incidents(
        (each for each in recent if since_quiet(each, [f"supplier:{each.delivery.unit.supplier}"])),
        known.in_coverage,
        rule,
        known.now,
    )
    ranges = range_incidents(
        (each for each in recent if since_quiet(each, [f"range:{block}" for block in _blocks(each.delivery)])),
        known.blocks,
        rule,
        known.now,
    )
    # A range all of whose fallen units are one burning supplier's is that supplier's affair.
    burning = {each.supplier for each in suppliers} | {
        each.incident.supplier for each in known.incidents if isinstance(each.incident, SupplierBurning)
    }
    found: list[SupplierBurning | RangeBurning] = [
        *suppliers,
        *(each for each in ranges if not {member.delivery.unit.supplier for member in each.members} <= burning),
    ]
    new = [incident for incident in found if key(incident) not in on_record]
    return tuple(
        Recorded(number, incident, known.now, members=frozenset(each.delivery.number for each in incident.members))
        for number, incident in enumerate(new, known.next_incident)
    )


def home(incidents: Sequence[Recorded], delivery: Delivery) -> Recorded | None:
    """Give the incident that a fallen delivery belongs to: its supplier's, else its range's; None: it fell alone."""
    suppliers = [each for each in incidents if isinstance(each.incident, SupplierBurning)]
    ranges = [each for each in incidents if isinstance(each.incident, RangeBurning)]
    return next((each for each in (*suppliers, *ranges) if is_of(each.incident, delivery)), None)


def blames(incidents: Iterable[Recorded], delivery: Delivery) -> bool:
    """Tell whether the supplier of a delivery burns."""
    return any(
        each.incident.supplier == delivery.unit.supplier
        for each in incidents
        if isinstance(each.incident, SupplierBurning)
    )


def is_of(incident: Incident, delivery: Delivery) -> bool:
    """Tell whether a delivery has the origin that burns."""
    match incident:
        case SupplierBurning(supplier):
            return delivery.unit.supplier == supplier
        case RangeBurning(block):
            return block in _blocks(delivery)
        case ProviderFailing() | ProviderTroubled() | ListAlarmed():
            return False
        case _:
            assert_never(incident)


def frozen(known: Known, begun: Sequence[Recorded]) -> Frozen:
    """Say which spares may not be promised now."""
    burning = frozen_by(each.incident for each in (*known.incidents, *begun))
    return Frozen(
        frozenset({*known.frozen.suppliers, *burning.suppliers}),
        frozenset({*known.frozen.ranges, *burning.ranges}),
    )


def may_follow(known: Known, incident: Recorded, customer: str, told: Iterable[int]) -> datetime | None:
    """Say until when more of what a customer holds may fall in the same incident; None: no longer, or nothing is left.

    ``told`` are the deliveries that he hears of already.
    """
    until = incident.opened_at + known.policy.burning.gather
    if known.now >= until:
        return None
    down = {*told, *incident.members}
    left = (each for each in known.holdings.get(customer, ()) if each.number not in down)
    return until if any(is_of(incident.incident, each) for each in left) else None


def _blocks(delivery: Delivery) -> set[object]:
    return {familiar_block_of(network) for network in delivery.unit.ranges}
