"""A small shop, so that a test shows only what matters to it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from ipaddress import ip_network

from config.policy import load_policy
from monitor.core.case import Case, State
from monitor.core.coverage import Benefit, Defect, Exclusion, Finding, Witness
from monitor.core.fleet import Delivery, Niche, Spare, Tier, Unit
from monitor.core.words import parse_duration

POLICY = load_policy()
ASKING = replace(POLICY, straddle=Benefit.OPERATOR)
"""The same policy, but an operator is asked about a straddle."""

T = datetime(2026, 6, 1, 12, tzinfo=UTC)
"""When things are delivered."""

SECOND = timedelta(seconds=1)

VPN = Tier("vpn-de", Niche.VPN, rank=10)
VPN_PLUS = Tier("vpn-de-plus", Niche.VPN, rank=20)
VPN_BASIC = Tier("vpn-basic", Niche.VPN, rank=5)
VPS = Tier("do-2gb", Niche.VPS, rank=10, provider="digitalocean")
SMS = Tier("sms-us", Niche.SMS, rank=10)
TIERS = {tier.name: tier for tier in (VPN, VPN_PLUS, VPN_BASIC, VPS, SMS)}


def after(words: str) -> datetime:
    """Give an instant some time after delivery, or before it: ``"24h"``, ``"-10m"``."""
    return T - parse_duration(words[1:]) if words.startswith("-") else T + parse_duration(words)


def maybe_after(words: str | None) -> datetime | None:
    """Give an instant some time after delivery, or none."""
    return None if words is None else after(words)


def unit(
    name: str = "range-1",
    *,
    tier: Tier = VPN,
    supplier: str = "acme",
    ranges: Sequence[str] = (),
    access: str | None = None,
    cost: str = "1",
) -> Unit:
    """Give a unit of a tier."""
    return Unit(name, tier.name, supplier, tuple(map(ip_network, ranges)), None, access, Decimal(cost))


def delivery(
    number: int = 1,
    *,
    tier: Tier = VPN,
    supplier: str = "acme",
    ranges: Sequence[str] = ("203.0.113.0/28",),
    customer: str = "alice",
    at: datetime = T,
    imported_at: datetime = T,
) -> Delivery:
    """Give a delivery of a unit of its own."""
    item = unit(f"unit-{number}", tier=tier, supplier=supplier, ranges=ranges)
    return Delivery(number, f"INV-{number}", 0, 0, customer, item, tier, at, imported_at)


def spare(
    name: str,
    *,
    tier: Tier = VPN,
    supplier: str = "bolt",
    cost: str = "1",
    ranges: Sequence[str] = ("198.51.100.0/28",),
    sound_at: datetime | None = T,
) -> Spare:
    """Give a spare that was seen sound."""
    return Spare(unit(name, tier=tier, supplier=supplier, ranges=ranges, cost=cost), sound_at)


def finding(
    first_bad: datetime,
    *,
    defect: Defect = Defect.RANGE_LISTED,
    last_ok: datetime | None = None,
    cause: Exclusion | None = None,
    who: Sequence[str] = ("zen.example",),
) -> Finding:
    """Give a finding, confirmed ten minutes after it was first seen."""
    witnesses = tuple(Witness(name, "listed", "203.0.113.0") for name in who)
    return Finding(
        defect, last_ok, first_bad, first_bad + timedelta(minutes=10), 2, witnesses, "3 of 3 lists answered", cause
    )


def case(
    number: int = 1,
    state: State = State.APPROVED,
    *,
    delivery: int = 1,
    defect: Defect = Defect.RANGE_LISTED,
    period: int = 0,
    opened_at: datetime = T,
    tier: Tier = VPN,
) -> Case:
    """Give a case that stands already."""
    return Case(
        number=number,
        delivery=delivery,
        defect=defect,
        period=period,
        state=state,
        opened_at=opened_at,
        clause=f"defects.{defect}",
        reason="It was listed.",
        verify_due=opened_at + timedelta(hours=12),
        replace_due=opened_at + timedelta(hours=48),
        tier=tier.name,
        supplier="acme",
        customer="alice",
    )
