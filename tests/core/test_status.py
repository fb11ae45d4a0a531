"""Which trouble of a provider touches which server."""

from datetime import UTC, datetime

import pytest

from monitor.core.observation import Silent
from monitor.core.status import PageSeen, Severity, Trouble, touching

AT = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
EVERYWHERE = Trouble("1", Severity.OUTAGE, "API down")
FRANKFURT = Trouble("2", Severity.DEGRADED, "Network", frozenset({"fra1"}))
HOST = Trouble("3", Severity.OUTAGE, "Host system 12345", hosts=frozenset({"12345"}))
SOLD_OUT = Trouble("4", Severity.NOTICE, "Limited availability of plans")


def page(*troubles: Trouble, provider: str = "digitalocean") -> PageSeen:
    return PageSeen(AT, provider, troubles)


@pytest.mark.parametrize(
    ("pages", "region", "host", "trouble"),
    [
        pytest.param([page()], "fra1", None, None, id="all is well"),
        pytest.param([page(EVERYWHERE)], "sgp1", None, EVERYWHERE, id="everywhere"),
        pytest.param([page(FRANKFURT)], "FRA1", None, FRANKFURT, id="here"),
        pytest.param([page(FRANKFURT)], "sgp1", None, None, id="elsewhere"),
        pytest.param([page(FRANKFURT)], None, None, FRANKFURT, id="a server of unknown place may stand there"),
        pytest.param([page(HOST)], "fra1", "12345", HOST, id="this very machine"),
        pytest.param([page(HOST)], "fra1", "54321", None, id="another machine"),
        pytest.param([page(SOLD_OUT)], "fra1", None, None, id="a notice breaks nothing"),
        pytest.param([page(EVERYWHERE, provider="vultr")], "fra1", None, None, id="another provider"),
        pytest.param([PageSeen(AT, "digitalocean", Silent("time-out"))], "fra1", None, None, id="silence"),
        pytest.param(
            [page(EVERYWHERE, provider="vultr"), PageSeen(AT, "digitalocean", Silent("time-out")), page(FRANKFURT)],
            "fra1",
            None,
            FRANKFURT,
            id="another page says it",
        ),
        pytest.param([page(SOLD_OUT, HOST), page(FRANKFURT)], "fra1", None, FRANKFURT, id="the first that touches"),
    ],
)
def test_judgement_waits_for_trouble_that_touches_a_server(
    pages: list[PageSeen], region: str | None, host: str | None, trouble: Trouble | None
) -> None:
    assert touching(pages, "digitalocean", region, host) == trouble
