"""How much stock a tier needs: five to ten spares for a hundred sold."""

import pytest

from monitor.core.level import Level, level
from tests.core.shop import POLICY


@pytest.mark.parametrize(
    ("sold", "spares", "least", "most", "order", "low"),
    [
        pytest.param(0, 0, 0, 0, 0, False, id="nothing sold, nothing needed"),
        pytest.param(100, 0, 5, 10, 10, True, id="an empty shelf"),
        pytest.param(100, 4, 5, 10, 6, True, id="one too few"),
        pytest.param(100, 5, 5, 10, 5, False, id="just enough, and the order fills up"),
        pytest.param(100, 10, 5, 10, 0, False, id="full"),
        pytest.param(100, 11, 5, 10, 0, False, id="more than full is not sent back"),
        pytest.param(1, 0, 1, 1, 1, True, id="a part of a spare is a whole one"),
        pytest.param(20, 1, 1, 2, 1, False, id="a twentieth of twenty is one, whatever floats say"),
        pytest.param(21, 1, 2, 3, 2, True, id="of one more it is two"),
        pytest.param(60, 3, 3, 6, 3, False, id="sixty tenths are six, and no more"),
    ],
)
def test_the_stock_of_a_tier_is_compared_with_what_was_sold(
    sold: int, spares: int, least: int, most: int, order: int, *, low: bool
) -> None:
    assert level("vpn-de", sold, spares, POLICY.stocking) == Level("vpn-de", sold, spares, least, most, order, low)
