"""Long messages in parts, and what a button carries."""

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.coverage import Exclusion
from monitor.demo.botapi.html import parse_html
from notifiers.markup import units
from notifiers.message import Button, Message
from notifiers.telegram.keyboard import LONGEST, Action, Press, markup, read, write
from notifiers.telegram.split import parts, split

FAMILY = "👨‍👩‍👧‍👦"

PLAIN = st.text(alphabet="ab <>&\n\"'é🎉", min_size=1, max_size=40).map(html.escape)
MARKED = st.recursive(
    PLAIN,
    lambda inner: st.tuples(
        st.sampled_from(["b", "i", "code", "tg-spoiler", 'a href="https://example.org/?a=1&amp;b=2"']),
        st.lists(inner, min_size=1, max_size=4),
    ).map(lambda made: f"<{made[0]}>{''.join(made[1])}</{made[0].split()[0]}>"),
    max_leaves=20,
)


@given(MARKED, st.integers(5, 60))
def test_every_part_is_valid_short_and_nothing_is_lost(marked: str, most: int) -> None:
    whole = parse_html(marked)
    pieces = [parse_html(piece) for piece in split(marked, most)]
    assert all(0 < units(piece.text.strip()) <= most for piece in pieces)
    assert re.sub(r"\s", "", "".join(piece.text for piece in pieces)) == re.sub(r"\s", "", whole.text)
    kinds = {kind for piece in pieces for kind in (entity.kind for entity in piece.entities)}
    assert kinds <= {entity.kind for entity in whole.entities}


@pytest.mark.parametrize(
    ("marked", "most", "pieces"),
    [
        pytest.param("one\ntwo three", 8, ["one\ntwo", "three"], id="a short first line is not worth a part"),
        pytest.param("<b>one two</b> three", 7, ["<b>one two</b>", "three"], id="between words"),
        pytest.param("<b>one\ntwo\nthree</b>", 8, ["<b>one\ntwo</b>", "<b>three</b>"], id="between lines"),
        pytest.param("<b>x &lt; <i>y&amp;z</i></b>", 5, ["<b>x &lt;</b>", "<b><i>y&amp;z</i></b>"], id="tags reopened"),
        pytest.param("abcdefgh", 3, ["abc", "def", "gh"], id="no place to cut at"),
        pytest.param("&lt;&lt;&lt;", 2, ["&lt;&lt;", "&lt;"], id="never inside an entity"),
        pytest.param(f"ab{FAMILY}", 12, ["ab", FAMILY], id="never inside an emoji"),
        pytest.param("   \n ", 2, [], id="nothing to say"),
    ],
)
def test_where_a_text_is_cut(marked: str, most: int, pieces: list[str]) -> None:
    assert split(marked, most) == pieces


def test_a_message_that_fits_stays_as_it_is_and_parts_are_told_apart() -> None:
    short = Message("1", "<b>x</b>", "x", key="case:1:case_opened", buttons=((Button("Go", "v1:ask:1:1"),),))
    assert parts(short) == (short,)
    long = Message("1", "x " * 5000, "x " * 5000, key="case:1:case_opened", buttons=short.buttons)
    first, second, third = parts(long)
    assert [each.key for each in (first, second, third)] == [
        "case:1:case_opened",
        "case:1:case_opened:part2",
        "case:1:case_opened:part3",
    ]
    assert (first.buttons, second.buttons, third.buttons) == ((), (), short.buttons)
    assert first.plain == first.text


# Buttons.

PRESSES = st.builds(
    Press,
    st.sampled_from(Action),
    st.integers(1, 10**12 - 1),
    st.integers(0, 10**6 - 1),
    st.none() | st.sampled_from([each.value for each in Exclusion]),
)


@given(PRESSES)
def test_what_is_written_on_a_button_is_read_again_and_fits(press: Press) -> None:
    data = write(press)
    assert read(data) == press
    assert len(data.encode()) <= LONGEST


@given(st.text())
def test_no_foreign_data_is_a_wish_unless_it_is_written_exactly_so(data: str) -> None:
    press = read(data)
    assert press is None or write(press) == data


@pytest.mark.parametrize(
    "data",
    [
        None,
        "",
        "v1",
        "v0:approve:1:1",
        "v2:approve:1:1",
        "v1:destroy:1:1",
        "v1:APPROVE:1:1",
        "v1:approve:0:1",
        "v1:approve:01:1",
        "v1:approve:-1:1",
        "v1:approve:1:01",
        "v1:approve:1:1 ",
        " v1:approve:1:1",
        "v1:approve:1:1\n",
        "v1:approve:\u0661:1",
        "v1:approve:1",
        "v1:approve:1:1:1",
        "v1:approve.:1:1",
        "v1:approve:9999999999999:1",
        "v1:approve:1:1000000",
        "v1:reject." + "x" * 60 + ":1:1",
    ],
)
def test_forged_data_is_no_wish(data: str | None) -> None:
    assert read(data) is None


def test_a_wish_that_would_not_come_back_cannot_be_written() -> None:
    for press in (Press(Action.ASK, 0, 1), Press(Action.ASK, 1, -1), Press(Action.REJECT, 1, 1, "A:B")):
        with pytest.raises(ValueError, match="no button can carry"):
            write(press)


def test_no_buttons_are_no_keyboard() -> None:
    assert markup(()) is None
