"""How many claims are ruled on, and how many findings decided, in a second of one core.

    python -m tests.bench.decide [FINDINGS]

A sweep finds again whatever is still broken, so most findings have their case already: that is the realistic day. Those
that open cases cost the most, for each is a case, its events and its notices; they are shown by themselves, too.
"""

import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from ipaddress import ip_network

from config.policy import load_policy
from monitor.core.case import Case, State
from monitor.core.coverage import BrakeLimits, Defect, Exclusion, Finding, Policy, Witness
from monitor.core.decide import Decision, Found, Known, decide
from monitor.core.fleet import Delivery, Niche, Spare, Tier, Unit
from monitor.core.incident import block_of
from monitor.core.ruling import Claim, rule_on

POLICY = load_policy()
UNBRAKED = replace(POLICY, brake=BrakeLimits(10**9, 10**9, 10**9, 10**9, 1.0))
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
TIERS = {f"vpn-{n}": Tier(f"vpn-{n}", Niche.VPN, rank=n) for n in range(20)}
TURNS = 5


def delivery(number: int, delivered_at: datetime) -> Delivery:
    """Give one of many deliveries: twenty tiers, five hundred suppliers, three units a customer."""
    range_ = ip_network(f"10.{number >> 12 & 255}.{number >> 4 & 255}.{number % 16 * 16}/28")
    tier = TIERS[f"vpn-{number % 20}"]
    unit = Unit(f"unit-{number}", tier.name, f"supplier-{number % 500}", (range_,), None, None, Decimal(3))
    return Delivery(number, f"INV-{number}", 0, 0, f"customer-{number // 3}", unit, tier, delivered_at, delivered_at)


def found(number: int, *, age: timedelta, bad_for: timedelta, cause: Exclusion | None = None) -> Found:
    """Give a finding: delivered ``age`` ago, broken for ``bad_for``, seen fine a quarter of an hour before."""
    handed, first_bad = delivery(number, NOW - age), NOW - bad_for
    witnesses = (Witness("zen.example", "spam", "10.0.0.1"), Witness("pbl.example", "listed", "10.0.0.1"))
    return Found(
        handed,
        Finding(
            defect=Defect.RANGE_LISTED,
            last_ok=first_bad - HOUR / 4,
            first_bad=first_bad,
            confirmed_at=NOW,
            rounds=2,
            witnesses=witnesses,
            heard="38 of 40 lists answered",
            cause=cause,
        ),
    )


def covered(number: int) -> Found:
    """Give a failure within its window, no two at the same time."""
    return found(
        number, age=5 * HOUR + timedelta(seconds=number % 7200), bad_for=HOUR + timedelta(seconds=number % 997)
    )


def excluded(number: int) -> Found:
    """Give a failure after its window, or by the customer's own doing."""
    if number % 20:
        return found(number, age=30 * HOUR + timedelta(seconds=number % 7200), bad_for=HOUR)
    return found(number, age=5 * HOUR, bad_for=HOUR, cause=Exclusion.CUSTOMER_TOS)


def case_of(each: Found, number: int) -> Case:
    """Give the case that a finding opened in an earlier sweep."""
    handed = each.delivery
    return Case(
        number=number,
        delivery=handed.number,
        defect=Defect.RANGE_LISTED,
        period=0,
        state=State.VERIFYING,
        opened_at=NOW - HOUR,
        clause="defects.range_listed",
        reason="It was listed.",
        verify_due=NOW + 11 * HOUR,
        replace_due=NOW + 47 * HOUR,
        tier=handed.tier.name,
        supplier=handed.unit.supplier,
        customer=handed.customer,
    )


def spares(number: int) -> list[Spare]:
    """Give fresh spares of all tiers."""
    return [
        Spare(
            Unit(
                f"spare-{n}",
                f"vpn-{n % 20}",
                "supplier-0",
                (ip_network(f"172.16.{n & 255}.0/28"),),
                cost=Decimal(n % 9),
            ),
            NOW,
        )
        for n in range(number)
    ]


def known(found: list[Found], past: list[Case] = [], shelf: list[Spare] = [], policy: Policy = POLICY) -> Known:  # noqa: B006 - never changed
    """Give all that a decision rests on; so many units are in coverage that nothing burns."""
    return Known(
        now=NOW,
        policy=policy,
        tiers=TIERS,
        found=found,
        past={(case.delivery, case.defect): case for case in past},
        shelf=shelf,
        in_coverage={f"supplier-{n}": 1_000_000 for n in range(500)},
        blocks={block_of(network): 1_000_000 for each in found for network in each.delivery.unit.ranges},
        next_case=1_000_000,
    )


def worlds(size: int) -> Iterator[tuple[str, Known]]:
    """Give the moments that are measured, each of so many findings."""
    opening = [covered(number) for number in range(size)]
    mixed = [excluded(number) if number % 10 == 0 else covered(number) for number in range(size)]
    past = [case_of(each, number) for number, each in enumerate(mixed) if number % 10 > 1]
    yield (
        "a realistic day: 80 % have their case, 10 % open, 10 % are not covered",
        known(mixed, past, spares(size // 20)),
    )
    yield "all have their case", known(opening, [case_of(each, number) for number, each in enumerate(opening)])
    yield "all are not covered", known([excluded(number) for number in range(size)])
    yield "all open, nothing in stock", known(opening)
    yield "all open, half get a spare, no brake", known(opening, shelf=spares(size // 2), policy=UNBRAKED)


def pace(work: Callable[[], object], size: int) -> float:
    """Give how many a second of one core manages: the median of some turns."""

    def seconds() -> float:
        begun = time.process_time()
        work()
        return time.process_time() - begun

    return size / statistics.median(seconds() for _ in range(TURNS))


def claims(findings: list[Found]) -> list[Claim]:
    """Give the claims of findings."""
    return [
        Claim(
            niche=Niche.VPN,
            defect=each.finding.defect,
            delivered_at=each.delivery.delivered_at,
            last_ok=each.finding.last_ok,
            first_bad=each.finding.first_bad,
            cause=each.finding.cause,
        )
        for each in findings
    ]


def told(decision: Decision) -> str:
    """Tell what a decision comes to."""
    return f"{len(decision.opened)} opened, {len(decision.promises)} promised, {len(decision.notices)} notices"


def main(size: int) -> None:
    """Print the figures."""
    some = [covered(number) for number in range(size)]
    print(f"{size:,} findings; per second of one core, median of {TURNS}\n")
    # What the machine gives today: a decision that opens a case makes this, and a dozen things like it.
    print(f"{pace(lambda: [case_of(each, 1) for each in some], size):>12,.0f}  a bare Case, as a yardstick")
    for name, make in (("covered", covered), ("not covered", excluded)):
        asked = claims([make(number) for number in range(size)])
        print(f"{pace(lambda: [rule_on(claim, POLICY, NOW) for claim in asked], size):>12,.0f}  rule_on   {name}")  # noqa: B023 - run before the loop turns
    for name, world in worlds(size):
        print(f"{pace(lambda: decide(world), size):>12,.0f}  decide    {name} ({told(decide(world))})")  # noqa: B023 - run before the loop turns


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000)
