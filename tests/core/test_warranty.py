"""A supplier's own warranty: a second clock on the same defect."""

from datetime import timedelta

import pytest

from monitor.core.warranty import Claimable, claimable
from tests.core.shop import T, after


@pytest.mark.parametrize(
    ("began", "covered"),
    [
        pytest.param("-1s", True, id="broken before we sold it"),
        pytest.param("71h59m59s", True, id="a second early"),
        pytest.param("72h", True, id="on the second"),
        pytest.param("72h1s", False, id="a second late"),
    ],
)
def test_what_fails_within_the_warranty_may_be_claimed(began: str, *, covered: bool) -> None:
    assert claimable(T, after(began), timedelta(hours=72)) == Claimable(after("72h"), covered)


def test_a_supplier_without_a_warranty_owes_nothing() -> None:
    assert claimable(T, T, None) == Claimable(None, covered=False)
