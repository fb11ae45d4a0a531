"""One message to each customer of an incident, with the worst of all that concerns him."""

from dataclasses import replace
from datetime import datetime
from ipaddress import ip_network

import pytest

from monitor.core.decision import Amendment, Known, Recorded
from monitor.core.fleet import Delivery
from monitor.core.incident import (
    Incident,
    ListAlarmed,
    ProviderFailing,
    ProviderTroubled,
    RangeBurning,
    SupplierBurning,
)
from monitor.core.notice import Kind, Notice
from monitor.core.status import Severity, Trouble
from monitor.core.telling import Part, gather, opened
from tests.core.shop import POLICY, TIERS, VPS, T, after, delivery

NOW = after("3h")
BEGAN = after("2h50m")
BURNING = Recorded(7, SupplierBurning("acme", (), 5), BEGAN, members=frozenset({1, 2}))
UNTIL = BEGAN + POLICY.burning.gather
"""How long a message waits for more of the same."""


def account(number: int) -> Delivery:
    return delivery(number, tier=VPS, ranges=())


KNOWN = Known(now=NOW, policy=POLICY, tiers=TIERS, holdings={"alice": [account(number) for number in (1, 2, 3)]})
"""The third of what alice holds may still fall."""


def item(case: int) -> dict[str, str]:
    return {"order": f"INV-{case}", "case": str(case)}


def part(case: int, due: str, since: str = "", seen_by: str = "") -> Part:
    facts = {"replace_due": due, "tier": f"tier-{case}"}
    if since:
        facts |= {"since": since, "seen_by": seen_by}
    return Part(BURNING, "alice", case - 40, item(case), facts)


def test_a_message_tells_the_latest_due_time_the_first_sign_and_all_who_saw_it() -> None:
    parts = [part(41, "d2", "s2", "digitalocean"), part(42, "d3", "s3", "vultr"), part(43, "d1", "s1", "digitalocean")]

    assert gather(KNOWN, Kind.CASE_OPENED, parts[:2]) == (
        [
            Notice(
                "incident:7:alice:case_opened:41",
                Kind.CASE_OPENED,
                "alice",
                None,
                NOW,
                {
                    "replace_due": "d3",
                    "tier": "tier-41",
                    "since": "s2",
                    "seen_by": "digitalocean, vultr",
                    "items": [item(41), item(42)],
                },
                UNTIL,
            )
        ],
        [],
    )
    [whole], _ = gather(KNOWN, Kind.CASE_OPENED, parts)
    assert (whole.params["since"], whole.params["seen_by"]) == ("s1", "digitalocean, vultr")
    # All that she holds has fallen: nothing more can come.
    assert whole.wait_until is None


def test_a_replacement_waits_for_nothing() -> None:
    assert gather(KNOWN, Kind.REPLACEMENT_READY, [part(41, "d1"), part(42, "d2")]) == (
        [
            Notice(
                "incident:7:alice:replacement_ready:41",
                Kind.REPLACEMENT_READY,
                "alice",
                None,
                NOW,
                {"replace_due": "d2", "tier": "tier-41", "items": [item(41), item(42)]},
            )
        ],
        [],
    )


@pytest.mark.parametrize(
    ("known", "wait"),
    [
        pytest.param(KNOWN, UNTIL, id="another of hers may still fall"),
        pytest.param(replace(KNOWN, now=UNTIL), None, id="it has been waited long enough"),
        pytest.param(replace(KNOWN, holdings={"bob": [account(3)]}), None, id="what others hold does not matter"),
    ],
)
def test_a_message_that_still_waits_takes_in_what_is_new(known: Known, wait: datetime | None) -> None:
    waiting = Notice(
        "incident:7:alice:case_opened:41",
        Kind.CASE_OPENED,
        "alice",
        None,
        BEGAN,
        {"replace_due": "d1", "since": "s2", "seen_by": "digitalocean", "items": [item(41)]},
        BEGAN,
    )
    known = replace(known, queued={"case:40:case_opened": waiting, waiting.key: waiting})

    notices, [amendment] = gather(known, Kind.CASE_OPENED, [part(42, "d2", "s1", "vultr")])

    assert notices == []
    assert amendment == Amendment(
        replace(
            waiting,
            params={
                "replace_due": "d2",
                "since": "s1",
                "seen_by": "digitalocean",
                "items": [item(41), item(42)],
            },
            wait_until=wait,
        ),
        Notice(
            "incident:7:alice:case_opened:42",
            Kind.CASE_OPENED,
            "alice",
            None,
            known.now,
            {"replace_due": "d2", "tier": "tier-42", "since": "s1", "seen_by": "vultr", "items": [item(42)]},
            wait,
        ),
    )


TROUBLE = Trouble("42", Severity.OUTAGE, "Power failure in fra1")


@pytest.mark.parametrize(
    ("incident", "scope", "name", "reason"),
    [
        pytest.param(
            RangeBurning(ip_network("2001:db8::/48"), (), 4),
            "range",
            "2001:db8::/48",
            "0 of 4 units in coverage fell at about the same time.",
            id="a network of IPv6 keeps its colons",
        ),
        pytest.param(
            ProviderTroubled("vultr", T, TROUBLE),
            "provider",
            "vultr",
            "Its status page says: Power failure in fra1. What that touches is not judged until it is over.",
            id="a trouble is told by its provider",
        ),
        pytest.param(
            ProviderFailing("vultr", T, "all 3 accounts fail"),
            "provider",
            "vultr",
            "all 3 accounts fail; nothing is judged there until they can be reached again.",
            id="a provider",
        ),
        pytest.param(
            ListAlarmed("bogus", T, ("acme", "bolt")),
            "list",
            "bogus",
            "It suddenly lists addresses of unrelated suppliers: acme, bolt.",
            id="a list",
        ),
    ],
)
def test_operators_hear_what_an_incident_is_about(incident: Incident, scope: str, name: str, reason: str) -> None:
    assert opened(Recorded(7, incident, BEGAN), [], {}) == Notice(
        "incident:7:opened",
        Kind.OPERATOR_INCIDENT,
        None,
        None,
        BEGAN,
        {"incident": 7, "scope": scope, "name": name, "reason": reason, "cases": 0, "items": []},
    )
