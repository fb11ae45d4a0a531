"""A customer's report: a case until somebody has looked, or a rejection that names its clause."""

from dataclasses import replace

import pytest

from monitor.core.case import Case, Event, Move, State
from monitor.core.coverage import Defect, Finding, Standing, Witness
from monitor.core.decision import Decision, Opening, Ruled
from monitor.core.fleet import Niche, Tier
from monitor.core.notice import Kind, Notice
from monitor.core.report import Report, answer_due, file_report, reportable
from monitor.core.ruling import Claim, rule_on
from tests.core.shop import POLICY, SMS, VPS, T, after, delivery, maybe_after

KEY = Defect.KEY_BANNED
NOW = after("3h5m")
MINE = delivery(4)


def filed(*, at: str = "3h", transaction: str | None = None, recorded: str | None = None, seen: Standing) -> Decision:
    told = Report(replace(MINE, tx_hash=recorded), KEY, after(at), transaction)
    return file_report(told, 9, 2, seen, POLICY, max(NOW, after(at)))


@pytest.mark.parametrize(
    ("transaction", "recorded", "words"),
    [
        pytest.param(None, None, "reported by the customer, without a transaction hash", id="none"),
        pytest.param(None, "0xfeed", "reported by the customer, without a transaction hash", id="none, though we know"),
        pytest.param("0xfeed", None, "reported by the customer, transaction 0xfeed", id="one that we cannot compare"),
        pytest.param("0xfeed", "0xfeed", "reported by the customer, transaction 0xfeed, as recorded", id="the right"),
        pytest.param("0xbad", "0xfeed", "reported by the customer, transaction 0xbad, recorded is 0xfeed", id="wrong"),
    ],
)
def test_a_report_is_a_case_to_be_looked_at_with_what_the_customer_brought(
    transaction: str | None, recorded: str | None, words: str
) -> None:
    claim = Claim(Niche.VPN, KEY, T, None, None, after("3h"))
    ruling = rule_on(claim, POLICY, NOW)
    opened = Case(
        number=9,
        delivery=4,
        defect=KEY,
        period=2,
        state=State.SUSPECTED,
        opened_at=NOW,
        clause="defects.key_banned",
        reason=ruling.reason,
        verify_due=after("15h"),
        replace_due=after("51h"),
        tier="vpn-de",
        supplier="acme",
        customer="alice",
    )
    facts = {
        "order": "INV-4",
        "unit": "unit-4",
        "tier": "vpn-de",
        "defect": "key_banned",
        "case": "9",
        "replace_due": after("51h").isoformat(),
        "reason": f"R{words[1:]}. {ruling.reason}",
    }
    received = {"order": "INV-4", "answer_due": after("14h").isoformat()}
    finding = Finding(
        KEY, None, after("3h"), after("3h"), 0, (Witness("alice", words, "unit-4"),), "reported by the customer"
    )

    assert filed(transaction=transaction, recorded=recorded, seen=Standing()) == Decision(
        opened=(Opening(opened, ruling, claim, finding),),
        events=(Event(9, 0, after("3h"), "alice", Move.REPORT, State.SUSPECTED, words),),
        notices=(
            Notice("case:9:received", Kind.REPORT_RECEIVED, "alice", 9, NOW, received),
            Notice("case:9:operator_verify", Kind.OPERATOR_VERIFY, None, 9, NOW, facts),
        ),
    )


@pytest.mark.parametrize(
    ("standing", "last_ok", "first_bad", "covered"),
    [
        pytest.param((None, None), None, None, True, id="we never looked"),
        pytest.param(("2h", None), "2h", None, True, id="we saw it fine before"),
        pytest.param(("30h", None), "26h", None, False, id="we saw it fine after the report"),
        pytest.param(("2h", "3h"), "2h", "3h", True, id="we saw it broken before"),
        pytest.param(("2h", "26h"), "2h", "26h", True, id="we saw it broken just then"),
        pytest.param(("2h", "27h"), "2h", None, True, id="we saw it broken only after"),
        pytest.param(("25h", "26h"), "25h", "26h", False, id="we saw it break too late"),
    ],
)
def test_what_our_own_looks_know_is_part_of_the_claim(
    standing: tuple[str | None, str | None], last_ok: str | None, first_bad: str | None, *, covered: bool
) -> None:
    seen = Standing(last_ok=maybe_after(standing[0]), first_bad=maybe_after(standing[1]))
    found = filed(at="26h", seen=seen)
    made = found.opened[0] if covered else found.ruled[0]

    assert (len(found.opened), len(found.ruled)) == ((1, 0) if covered else (0, 1))
    assert (made.claim.last_ok, made.claim.first_bad) == (maybe_after(last_ok), maybe_after(first_bad))
    assert made.claim.reported_at == after("26h")
    assert (made.finding.last_ok, made.finding.first_bad) == (made.claim.last_ok, made.claim.first_bad or after("26h"))
    assert made.finding.confirmed_at == after("26h")


def test_a_report_too_late_is_answered_with_its_clause_and_kept() -> None:
    found = filed(at="30h", seen=Standing(last_ok=after("25h")))

    [ruled] = found.ruled
    assert isinstance(ruled, Ruled)
    assert (ruled.delivery, ruled.ruling.clause) == (4, "exclusions.after_window")
    facts = {"order": "INV-4", "clause": "exclusions.after_window"}
    key = "report:4:key_banned:exclusions.after_window"
    assert found == Decision(
        ruled=(ruled,), notices=(Notice(key, Kind.REPORT_REJECTED, "alice", None, after("30h"), facts),)
    )


@pytest.mark.parametrize(
    ("tier", "defects"),
    [
        (MINE.tier, [Defect.RANGE_LISTED, Defect.KEY_BANNED]),
        (VPS, [Defect.ACCOUNT_BANNED, Defect.WRONG_REGION, Defect.MISSING_FEATURE]),
        (SMS, [Defect.NUMBER_TAKEN]),
        (Tier("netflix", Niche.STREAMING, 1), [Defect.SESSIONS_ACTIVE]),
        (Tier("gpt", Niche.AI, 1), [Defect.LIMIT_BELOW_PROMISE, Defect.LIMIT_REDUCED]),
    ],
)
def test_of_each_niche_its_defects_can_be_reported_but_not_whose_fault_it_was(
    tier: Tier, defects: list[Defect]
) -> None:
    assert reportable(delivery(tier=tier), POLICY) == defects


def test_an_answer_is_due_within_business_hours() -> None:
    # 22:30 and midnight in Singapore, where the shop is open from nine to eleven at night.
    assert answer_due(after("2h30m"), POLICY) == after("13h30m")
    assert answer_due(after("4h"), POLICY) == after("14h")
