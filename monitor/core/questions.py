"""What operators are asked about units that nobody can judge: each question once, with all that it concerns."""

from collections.abc import Iterable
from datetime import datetime

from monitor.core.assess import OURS, Question
from monitor.core.notice import Kind, Notice

SHOWN = 20
"""Units that a question names."""


def asked(questions: Iterable[Question], now: datetime) -> list[Notice]:
    """Put what concerns one account into one question; its key is the same until all was well again."""
    grouped: dict[tuple[str, str], list[Question]] = {}
    for each in questions:
        # A fault of our own is one question, however many accounts it keeps us from.
        account = "" if each.about.startswith(OURS) else each.target.unit.access
        door = f"{each.target.provider}:{account}"
        grouped.setdefault((door, each.about), []).append(each)
    return [_notice(f"question:{door}:{about}", mine, now) for (door, about), mine in grouped.items()]


def _notice(key: str, questions: list[Question], now: datetime) -> Notice:
    items = [
        {
            "unit": each.target.unit.name,
            "order": each.target.delivery.order if each.target.delivery else "",
            "customer": each.target.delivery.customer if each.target.delivery else "",
        }
        for each in questions[:SHOWN]
    ]
    first = questions[0]
    facts: dict[str, str | int | list[dict[str, str]]] = {
        "name": first.target.provider or "",
        "reason": first.why,
        "items": items,
    }
    return Notice(key, Kind.OPERATOR_QUESTION, None, None, now, facts)
