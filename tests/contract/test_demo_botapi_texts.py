"""The Bot API double's rules for texts and keyboards, which refuse what Telegram refuses, in its words."""

from collections.abc import AsyncIterator
from contextlib import suppress
from html import escape
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from telegram.helpers import escape_markdown

from monitor.demo.botapi.html import parse_html
from monitor.demo.botapi.markdown import parse_markdown
from monitor.demo.botapi.marked import units
from monitor.demo.botapi.refusal import RefusalError
from tests.contract.bots import Play, playing, telegram_spec

LONE_SURROGATE = (
    "Text contains invalid Unicode characters after decoding HTML entities, check for unmatched surrogate code units"
)


@pytest.fixture
async def play(shared: Path) -> AsyncIterator[Play]:
    async with playing(telegram_spec(shared)) as play:
        yield play


@pytest.mark.parametrize(
    ("text", "mode", "refusal"),
    [
        pytest.param("", "", "message text is empty", id="nothing"),
        pytest.param(" \n ", "", "message text is empty", id="blanks"),
        pytest.param("<b></b>", "HTML", "message text is empty", id="nothing but tags"),
        pytest.param("x" * 4097, "", "message is too long", id="4097 characters"),
        pytest.param("<b>" + "x" * 4097 + "</b>", "HTML", "message is too long", id="4097 characters in a tag"),
        pytest.param("&lt;" * 8193, "HTML", "text is too long", id="over 32768 bytes before parsing"),
        pytest.param("hi", "Latex", "unsupported parse_mode", id="an unknown mode"),
    ],
)
async def test_a_text_that_does_not_fit_is_refused(play: Play, text: str, mode: str, refusal: str) -> None:
    alice = play.bot.customer("Alice")
    assert (await play.send(alice.id, text, parse_mode=mode)).refusal == (400, f"Bad Request: {refusal}")


async def test_length_is_counted_after_the_markup_is_parsed(play: Play) -> None:
    alice = play.bot.customer("Alice")
    assert (await play.send(alice.id, "&lt;" * 4096, parse_mode="HTML")).result["text"] == "<" * 4096
    assert (await play.send(alice.id, "x" * 4096)).status == 200


@pytest.mark.parametrize(
    ("html", "text", "entities"),
    [
        ("<b>Case 42</b> &amp; <i>more</i>", "Case 42 & more", [("bold", 0, 7), ("italic", 10, 4)]),
        ("<b>a <i>b</i></b>", "a b", [("bold", 0, 3), ("italic", 2, 1)]),
        ("🔑 <code>k&lt;1</code>", "🔑 k<1", [("code", 3, 3)]),
        ("<tg-spoiler>x</tg-spoiler>", "x", [("spoiler", 0, 1)]),
        ('<span class="tg-spoiler">x</span>', "x", [("spoiler", 0, 1)]),
        ("<blockquote expandable>x</blockquote>", "x", [("expandable_blockquote", 0, 1)]),
        ("&nbsp;&apos;&#65;&#x42;", "&nbsp;&apos;AB", []),
        ("  <b> padded </b>  ", "padded", [("bold", 0, 6)]),
        ("<u>a</u><ins>b</ins><s>c</s><del>d</del>", "abcd", [("underline", 0, 1), ("underline", 1, 1)]),
    ],
)
async def test_html_becomes_text_and_entities(
    play: Play, html: str, text: str, entities: list[tuple[str, int, int]]
) -> None:
    alice = play.bot.customer("Alice")
    message = (await play.send(alice.id, html, parse_mode="HTML")).result
    told = [(entity["type"], entity["offset"], entity["length"]) for entity in message.get("entities", [])]
    assert (message["text"], told[: len(entities)]) == (text, entities)


async def test_links_languages_and_emoji_keep_what_they_carry(play: Play) -> None:
    alice = play.bot.customer("Alice")
    html = (
        '<a href="https://example.org/?a=1&amp;b=2">l</a><a href=example.org>m</a>'
        '<pre><code class="language-sh">ls</code></pre><tg-emoji emoji-id="5">e</tg-emoji>'
        '<code class="language-x">c</code>'
    )
    entities = (await play.send(alice.id, html, parse_mode="HTML")).result["entities"]
    assert [entity.get("url") for entity in entities[:2]] == ["https://example.org/?a=1&b=2", "http://example.org/"]
    assert (entities[2]["type"], entities[2]["language"], entities[3]["custom_emoji_id"]) == ("pre", "sh", "5")
    assert entities[4] == {"type": "code", "offset": 5, "length": 1}


@pytest.mark.parametrize(
    ("html", "reason"),
    [
        ("a < b", "Unclosed start tag at byte offset 2"),
        ("🏟 <p>x</p>", 'Unsupported start tag "p" at byte offset 5'),
        ("<br>", 'Unsupported start tag "br" at byte offset 0'),
        ("<b>x", 'Can\'t find end tag corresponding to start tag "b"'),
        ("x</b>", "Unexpected end tag at byte offset 1"),
        ("<b>x</i>", 'Unmatched end tag at byte offset 4, expected "</b>", found "</i>"'),
        ("<b>x</b", "Unclosed end tag at byte offset 4"),
        ("<i =a>x</i>", 'Empty attribute name in the tag "i" at byte offset 0'),
        ('<a href="x>y</a>', "Unclosed start tag at byte offset 0"),
        ("<a href=x,y>z</a>", "Unexpected end of name token at byte offset 8"),
        ("<span>x</span>", 'Tag "span" must have class "tg-spoiler" at byte offset 0'),
        ("&#57311;", LONE_SURROGATE),
    ],
)
async def test_broken_html_is_refused_with_the_place(play: Play, html: str, reason: str) -> None:
    alice = play.bot.customer("Alice")
    reply = await play.send(alice.id, html, parse_mode="HTML")
    assert reply.refusal == (400, f"Bad Request: can't parse entities: {reason}")


@pytest.mark.parametrize(
    ("source", "text", "entities"),
    [
        (r"*Case* _42_ __u__ ~s~ ||x||", "Case 42 u s x", ["bold", "italic", "underline", "strikethrough", "spoiler"]),
        (r"1\.5 \(x\)\_\[y\]\!", "1.5 (x)_[y]!", []),
        ("_a __b___", "a b", ["italic", "underline"]),
        ("`a.b` ```sh\nls -l```", "a.b ls -l", ["code", "pre"]),
        (r"[t](https://example.org/\))", "t", ["text_link"]),
        (r"[example\.org]", "example.org", ["text_link"]),
        (">q\n>r\ns", "q\nr\ns", ["blockquote"]),
        (">q\n>r", "q\nr", ["blockquote"]),
        ("****", "", None),
    ],
)
async def test_markdown_becomes_text_and_entities(
    play: Play, source: str, text: str, entities: list[str] | None
) -> None:
    alice = play.bot.customer("Alice")
    reply = await play.send(alice.id, source, parse_mode="MarkdownV2")
    if entities is None:
        assert reply.refusal == (400, "Bad Request: message text is empty")
    else:
        assert (reply.result["text"], [entity["type"] for entity in reply.result.get("entities", [])]) == (
            text,
            entities,
        )


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("INV-1", "Character '-' is reserved and must be escaped with the preceding '\\'"),
        ("x>2", "Character '>' is reserved and must be escaped with the preceding '\\'"),
        ("🏟 🏟_abacaba", "Can't find end of Italic entity at byte offset 9"),
        ("🏟 🏟__🏟 _🏟___", "Can't find end of Italic entity at byte offset 23"),
        ("a`b", "Can't find end of Code entity at byte offset 1"),
        ("```sh b", "Can't find end of PreCode entity at byte offset 0"),
        ("```", "Can't find end of Pre entity at byte offset 0"),
        ("[t](x", "Can't find end of a URL at byte offset 4"),
    ],
)
async def test_broken_markdown_is_refused_with_the_place(play: Play, source: str, reason: str) -> None:
    alice = play.bot.customer("Alice")
    reply = await play.send(alice.id, source, parse_mode="MarkdownV2")
    assert reply.refusal == (400, f"Bad Request: can't parse entities: {reason}")


@settings(deadline=None)
@given(st.text())
@example("<b>&amp;</b> 'x' \"y\" &lt")
def test_what_is_escaped_comes_out_as_it_was(text: str) -> None:
    assert parse_html(escape(text)).text == text
    assert parse_html(f"<b>{escape(text)}</b>").text == text
    assert parse_markdown(escape_markdown(text.replace("\\", ""), version=2)).text == text.replace("\\", "")


@settings(deadline=None)
@given(
    st.text(alphabet="<>/ab=\"' &;#x1🏟\n_*~`[]()|\\!.-prespancode", max_size=60), st.sampled_from(["html", "markdown"])
)
def test_whatever_is_sent_is_parsed_or_refused(source: str, mode: str) -> None:
    with suppress(RefusalError):
        marked = (parse_html if mode == "html" else parse_markdown)(source).trimmed()
        assert all(0 <= one.offset < one.offset + one.length <= units(marked.text) for one in marked.entities)
        assert [one.offset for one in marked.entities] == sorted(one.offset for one in marked.entities)


async def test_entities_may_be_given_instead_of_markup(play: Play) -> None:
    alice = play.bot.customer("Alice")
    entities = [
        {"type": "bold", "offset": 0, "length": 4},
        {"type": "text_link", "offset": 5, "length": 9, "url": "tg://x"},
    ]
    assert (await play.send(alice.id, "Case 42", entities=entities)).result["entities"] == [
        {"type": "bold", "offset": 0, "length": 4},
        {"type": "text_link", "offset": 5, "length": 2, "url": "tg://x"},
    ]
    assert (await play.send(alice.id, "x", entities=[{"type": "bold"}])).status == 400
    assert (await play.send(alice.id, "x", entities=["bold"])).status == 400


async def test_a_reply_needs_the_message_it_answers(play: Play) -> None:
    alice = play.bot.customer("Alice")
    first = (await play.send(alice.id)).result["message_id"]
    assert (await play.send(alice.id, reply_parameters={"message_id": first})).status == 200
    assert (await play.send(alice.id, reply_parameters={"message_id": 999})).refusal == (
        400,
        "Bad Request: message to be replied not found",
    )
    lenient = {"message_id": 999, "allow_sending_without_reply": True}
    assert (await play.send(alice.id, reply_parameters=lenient)).status == 200


# Keyboards.


def keyboard(**button: object) -> dict[str, object]:
    """Give a keyboard of one button."""
    return {"inline_keyboard": [[button]]}


@pytest.mark.parametrize(
    ("markup", "refusal"),
    [
        (keyboard(text="a", callback_data="ж" * 33), "BUTTON_DATA_INVALID"),
        (keyboard(text="a"), "can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard"),
        (keyboard(text="a", callback_data=""), "can't parse inline keyboard button: Text buttons are unallowed in the"),
        (keyboard(callback_data="x"), "can't parse inline keyboard button: Can't find field \"text\""),
        (
            keyboard(text=5, callback_data="x"),
            'can\'t parse inline keyboard button: Field "text" must be of type String',
        ),
        (keyboard(text="", callback_data="x"), "REPLY_MARKUP_INVALID"),
        (
            keyboard(text="a", url="ftp://example.org"),
            "inline keyboard button URL 'ftp://example.org' is invalid: Unsupp",
        ),
        (keyboard(text="a", url="//"), "inline keyboard button URL '//' is invalid: Wrong HTTP URL"),
        (keyboard(text="a", callback_data="x", style="loud"), "can't parse inline keyboard button: Button style is"),
        ({"inline_keyboard": [[5]]}, "inline keyboard button must be an Object"),
        ({"inline_keyboard": 5}, 'field "inline_keyboard" of the InlineKeyboardMarkup must be an Array of Arrays'),
        ({"nothing": 1}, "object expected as reply markup"),
        ([], "object expected as reply markup"),
        ("{", "can't parse reply keyboard markup JSON object"),
        ({"inline_keyboard": [[{"text": "a", "callback_data": "x"}]] * 101}, "REPLY_MARKUP_TOO_LONG"),
    ],
)
async def test_a_wrong_keyboard_is_refused(play: Play, markup: object, refusal: str) -> None:
    alice = play.bot.customer("Alice")
    status, description = (await play.send(alice.id, reply_markup=markup)).refusal
    assert (status, description.startswith(f"Bad Request: {refusal}")) == (400, True), description


async def test_callback_data_of_64_bytes_is_taken_and_an_app_only_in_private(play: Play) -> None:
    alice, group = play.bot.customer("Alice"), play.bot.group("Operators")
    assert (await play.send(alice.id, reply_markup=keyboard(text="a", callback_data="ж" * 32))).status == 200
    app = keyboard(text="a", web_app={"url": "https://example.org/"})
    assert (await play.send(alice.id, reply_markup=app)).status == 200
    assert (await play.send(group.id, reply_markup=app)).refusal == (400, "Bad Request: BUTTON_TYPE_INVALID")


@pytest.mark.parametrize("markup", [{"keyboard": [["Yes"]]}, {"remove_keyboard": True}, {"force_reply": True}])
async def test_other_keyboards_leave_no_trace_on_the_message(play: Play, markup: object) -> None:
    alice = play.bot.customer("Alice")
    assert "reply_markup" not in (await play.send(alice.id, reply_markup=markup)).result
