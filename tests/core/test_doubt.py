"""Whose silence is believed, how many must fail at once, and what keeps judgement waiting."""

from datetime import UTC, datetime

import pytest

from monitor.core.account import AccountSeen, Active
from monitor.core.doubt import Doubts, frozen_by_provider
from monitor.core.fleet import Promised
from monitor.core.incident import Reach
from monitor.core.region import Regions
from tests.core.shop import POLICY

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)


def reach(failing: int, answering: int) -> dict[str, Reach]:
    return {"vultr": Reach(failing, answering, AT)}


@pytest.mark.parametrize(
    ("now", "before", "heard"),
    [
        pytest.param({}, {}, True, id="nobody was asked, and nobody is missed"),
        pytest.param(reach(1, 0), {}, True, id="the only one fails"),
        pytest.param(reach(2, 0), {}, False, id="both fail"),
        pytest.param(reach(2, 1), {}, True, id="one of three answers"),
        pytest.param(reach(1, 0), reach(1, 1), True, id="the other answered before and was not asked yet"),
        pytest.param(reach(1, 0), reach(2, 0), False, id="the other did not answer before either"),
        pytest.param(reach(2, 0), reach(1, 1), False, id="both were asked again, and both fail"),
        pytest.param(reach(3, 0), reach(1, 1), False, id="there are more of them now, and all fail"),
        pytest.param({"linode": Reach(0, 9, AT)}, reach(2, 0), False, id="what another provider answers says nothing"),
    ],
)
def test_a_provider_is_heard_where_it_answers_others(
    now: dict[str, Reach], before: dict[str, Reach], *, heard: bool
) -> None:
    assert Doubts(reached=now, before=before).heard_elsewhere("vultr") is heard


@pytest.mark.parametrize(
    ("now", "all_fail"),
    [
        pytest.param({}, False, id="nobody was asked"),
        pytest.param(reach(2, 0), False, id="two are two accounts"),
        pytest.param(reach(3, 0), True, id="three that fail are one provider"),
        pytest.param(reach(9, 1), False, id="one answers"),
    ],
)
def test_many_that_fail_at_once_are_no_matter_of_one_account(now: dict[str, Reach], *, all_fail: bool) -> None:
    assert POLICY.failing == 3
    assert Doubts(reached=now).all_fail("vultr", POLICY) is all_fail


@pytest.mark.parametrize(
    ("failing", "waits"),
    [
        pytest.param({"vultr"}, True, id="the one that was asked"),
        pytest.param({"reseller"}, True, id="the one that the tier names"),
        pytest.param({"linode"}, False, id="another"),
    ],
)
def test_judgement_waits_while_nobody_reaches_the_provider(failing: set[str], *, waits: bool) -> None:
    seen = AccountSeen(AT, "vultr", Active())
    why = frozen_by_provider("reseller", seen, Promised(), None, Doubts(providers=failing), Regions({}))

    assert why == ("nobody reaches its provider: nothing is judged until that is over" if waits else None)
