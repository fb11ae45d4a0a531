"""``coverwatch policy explain``: what the policy says of one failure, to whoever asks by the command line."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.flow.program import Ended, coverwatch

DELIVERED = datetime(2026, 5, 25, 12, tzinfo=UTC)
SHIPPED = Path(__file__).parents[2] / "config" / "catalogue" / "policy.toml"
DAY, WEEK, HOUR, SECOND = timedelta(days=1), timedelta(days=7), timedelta(hours=1), timedelta(seconds=1)

WITHIN = [
    ("vps", "account_banned", DAY), ("vpn", "range_listed", DAY), ("vpn", "key_banned", DAY),
    ("streaming", "sessions_active", DAY), ("ai", "limit_below_promise", DAY), ("ai", "limit_reduced", WEEK),
    ("vps", "supplier_fault", DAY), ("vpn", "supplier_fault", DAY), ("sms", "supplier_fault", DAY),
    ("streaming", "supplier_fault", DAY), ("ai", "supplier_fault", DAY),
]  # fmt: skip


def iso(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def explain(niche: str, defect: str | None, *more: str) -> Ended:
    named = [] if defect is None else ["--defect", defect]
    return coverwatch("policy", "explain", "--niche", niche, *named, "--delivered-at", iso(DELIVERED), *more)


@pytest.mark.parametrize(("niche", "defect", "window"), WITHIN)
def test_around_the_end_of_a_window(niche: str, defect: str, window: timedelta) -> None:
    end = DELIVERED + window

    def ask(first_bad: datetime, last_ok: datetime | None) -> str:
        seen = [] if last_ok is None else ["--last-ok", iso(last_ok)]
        told = explain(niche, defect, "--first-bad", iso(first_bad), "--now", iso(end + DAY), "--json", *seen).document
        assert told["deadline"] == iso(end)
        return str(told["decision"])

    after = "operator" if defect == "supplier_fault" else "not_covered"
    assert [ask(end + late * SECOND, None) for late in (-1, 0, 1)] == ["covered"] * 3
    assert [ask(end + late * SECOND, end - HOUR) for late in (-1, 0, 1)] == ["covered"] * 3
    assert [ask(end + 2 * SECOND, end + late * SECOND) for late in (-1, 0, 1)] == ["covered", after, after]


def test_a_document_has_all_that_follows() -> None:
    told = explain(
        "ai", "limit_reduced", "--reported-at", iso(DELIVERED + DAY), "--now", iso(DELIVERED + DAY), "--json"
    )
    document = told.document
    assert told.status == 0
    assert document["reason"].startswith("Broken at 2026-05-26 12:00:00Z, 24 h 0 min 0 s after delivery")
    wanted = {
        "decision": "covered",
        "clause": "defects.limit_reduced",
        "deadline": "2026-06-01T12:00:00Z",
        "verify_due": "2026-05-27T00:00:00Z",
        "replace_due": "2026-06-02T12:00:00Z",
        "remedy": "replacement",
    }
    assert {name: document[name] for name in wanted} == wanted


@pytest.mark.parametrize(
    ("niche", "defect", "more", "says"),
    [
        pytest.param("vps", "key_banned", [], "vps has no defect key_banned", id="a defect of another niche"),
        pytest.param("moon", "key_banned", [], "'moon' is not known; write vps, vpn", id="no such niche"),
        pytest.param("vps", "moon", [], "'moon' is not known; write account_banned", id="no such defect"),
        pytest.param("vps", "account_banned", ["--cause", "moon"], "'moon' is not known; write after", id="no cause"),
        pytest.param("vps", None, [], "--defect is missing", id="no defect named"),
        pytest.param("vps", "account_banned", ["--last-ok", "noon"], "'noon' is not an instant", id="no instant"),
        pytest.param("vps", "account_banned", ["--now", "2026-05-26T12:00:00"], "has no time zone", id="a naive one"),
        pytest.param(
            "vps",
            "account_banned",
            ["--last-ok", "2026-05-26T12:00:01Z", "--first-bad", "2026-05-26T12:00:00Z"],
            "first_bad lies before last_ok",
            id="broken before it was last fine",
        ),
        pytest.param(
            "sms", "number_taken", ["--reported-at", "2026-05-25T11:59:59Z"], "before delivered_at", id="told too early"
        ),
        pytest.param(
            "vps", "account_banned", ["--now", "2026-05-25T11:59:59Z"], "nothing was delivered yet", id="not yet sold"
        ),
        pytest.param(
            "vps",
            "account_banned",
            ["--last-ok", "2026-05-25T14:00:00Z", "--now", "2026-05-25T13:00:00Z"],
            "--now lies before --last-ok",
            id="fine in the future",
        ),
        pytest.param("vps", "account_banned", ["--policy", "/nowhere"], "/nowhere: cannot be read", id="no policy"),
    ],
)
def test_what_contradicts_itself_or_the_policy_is_refused_in_words(
    niche: str, defect: str | None, more: list[str], says: str
) -> None:
    ended = explain(niche, defect, *more)
    assert (ended.status, ended.out) == (2, "")
    assert says in ended.err
    assert "Traceback" not in ended.err


@pytest.mark.parametrize("cause", ["wrong_order", "change_of_mind", "price_change"])
def test_a_wish_that_names_no_defect_is_none(cause: str) -> None:
    told = explain("ai", None, "--cause", cause, "--json").document
    assert (told["decision"], told["clause"], told["remedy"]) == ("not_covered", f"exclusions.{cause}", "none")


def test_another_policy_is_asked_by_its_file(tmp_path: Path) -> None:
    asking = tmp_path / "policy.toml"
    asking.write_text(SHIPPED.read_text().replace('straddle = "customer"', 'straddle = "operator"', 1))
    late = ["--first-bad", iso(DELIVERED + DAY + SECOND), "--policy", str(asking)]
    assert explain("vps", "account_banned", *late, "--json").document["decision"] == "operator"
    assert explain("vps", "account_banned", *late).out.startswith("operator, by defects.account_banned")
