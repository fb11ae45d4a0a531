"""A secret does not show itself."""

import traceback

import pytest

from monitor.core.secret import Secret

TOKEN = "dop_v1_not-a-real-token"


def test_no_way_of_printing_shows_the_value() -> None:
    secret = Secret(TOKEN)

    assert [str(secret), repr(secret), f"{secret}", f"{secret!r:>11}", "%s" % secret] == ["Secret(***)"] * 5  # noqa: UP031 - one of the ways


def test_no_traceback_shows_the_value() -> None:
    with pytest.raises(ValueError, match="Secret") as caught:
        int(str(Secret(TOKEN)))

    assert TOKEN not in "".join(traceback.format_exception(caught.value))


def test_the_value_comes_out_where_it_is_asked_for() -> None:
    assert Secret(TOKEN).reveal() == TOKEN


def test_secrets_are_compared_by_value() -> None:
    assert Secret(TOKEN) == Secret(TOKEN)
    assert len({Secret(TOKEN), Secret(TOKEN), Secret("another")}) == 2
    assert hash(Secret(TOKEN)) == hash(Secret(TOKEN)) != hash(Secret("another"))
    assert Secret(TOKEN) != Secret("another")
    assert Secret(TOKEN) != TOKEN
