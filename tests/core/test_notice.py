"""What is told, and until when it is worth telling."""

from datetime import UTC, datetime, timedelta

import pytest

from monitor.core.notice import LIFETIME, Kind, Notice

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("kind", "lifetime"),
    [
        (Kind.CASE_OPENED, timedelta(days=7)),
        (Kind.REPLACEMENT_READY, timedelta(days=14)),
        (Kind.CASE_DELAYED, timedelta(days=2)),
        (Kind.CASE_WITHDRAWN, timedelta(days=7)),
        (Kind.REPORT_RECEIVED, timedelta(days=1)),
        (Kind.REPORT_REJECTED, timedelta(days=7)),
        (Kind.CREDIT_OFFERED, timedelta(days=14)),
        (Kind.LINK_DONE, timedelta(days=2)),
        (Kind.LINK_MOVED, timedelta(days=14)),
        (Kind.LINK_REFUSED, timedelta(days=2)),
        (Kind.OPERATOR_VERIFY, timedelta(days=1)),
        (Kind.OPERATOR_CLOCK, timedelta(days=1)),
    ],
)
def test_a_notice_expires(kind: Kind, lifetime: timedelta) -> None:
    assert Notice("case:1:x", kind, "alice", 1, NOW).expires_at == NOW + lifetime


def test_every_notice_to_a_customer_says_how_long_it_is_worth_sending() -> None:
    assert set(LIFETIME) == {kind for kind in Kind if not kind.startswith("operator_")}
