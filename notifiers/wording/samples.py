"""Facts such as a shop has, to show what a notice looks like before anybody is sent one."""

from monitor.core.notice import Kind, Params
from notifiers.wording import FACTS

SAMPLE: Params = {
    "order": "INV-1042",
    "unit": "203.0.113.16/28",
    "tier": "vpn-eu",
    "defect": "range_listed",
    "case": "12",
    "replace_due": "2026-06-03T09:05:00+00:00",
    "since": "2026-06-01T08:20:00+00:00",
    "seen_by": "zen.example.org, bl.example.net",
    "spare": "198.51.100.64/28",
    "spare_tier": "vpn-eu",
    "new_due": "2026-06-04T09:05:00+00:00",
    "answer_due": "2026-06-01T10:05:00+00:00",
    "clause": "exclusions.after_window",
    "reason": "Last fine on 1 June, 08:05; broken on 1 June, 08:20; the window ended on 2 June, 06:00.",
    "waiting": 7,
    "spares": 2,
    "wanted": 8,
    "scope": "supplier",
    "name": "northwind",
    "cases": 9,
    "zone": "bl.example.net",
    "clock": "replacement",
    "due": "2026-06-03T09:05:00+00:00",
    "condition": "at_risk",
    "customer": "alice",
    "why": "blocked",
    "notice": "case_opened",
    "question": "picture",
    "verify": 3,
    "held": 1,
    "soon": 2,
    "low": 1,
    "burning": 0,
    "untold": 2,
    "doubtful": 1,
    "text": "I never asked for another chat!",
}


def sample(kind: Kind) -> Params:
    """Give a notice facts to tell."""
    return {name: SAMPLE[name] for name in FACTS[kind]}
