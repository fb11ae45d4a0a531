"""Every notice in every language, with everything that could be put into it."""

import re
import tomllib
from datetime import datetime
from importlib import resources
from itertools import product
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import meta

from monitor.core.case import State
from monitor.core.coverage import Defect, Exclusion
from monitor.core.hand import Question
from monitor.core.notice import Kind, Params
from monitor.demo.botapi.html import parse_html
from notifiers.markup import LONGEST, harmless, length, plain, shorten, units
from notifiers.message import Message, Unreachable
from notifiers.telegram.split import parts
from notifiers.wording import FACTS as NOTICE_FACTS
from notifiers.wording import ITEMS as NOTICE_ITEMS
from notifiers.wording import LANGUAGES, WordingError, _environment, choose, render, word
from notifiers.wording.sayings import LISTED, SAID, Saying

ALL: tuple[Kind | Saying, ...] = (*Kind, *Saying)
FACTS: dict[Kind | Saying, frozenset[str]] = dict([*NOTICE_FACTS.items(), *SAID.items()])
ITEMS: dict[Kind | Saying, frozenset[str]] = dict([*NOTICE_ITEMS.items(), *LISTED.items()])

SHOP = ZoneInfo("Asia/Shanghai")
AT = "2026-05-24T09:05:00+00:00"
SPECIAL: dict[str, str | int] = {
    "defect": "range_listed",
    "clause": "exclusions.after_window",
    "scope": "supplier",
    "clock": "verification",
    "why": "blocked",
    "state": "verifying",
    "verdict": "linked",
    "waiting": 3,
    "spares": 2,
    "wanted": 8,
    "cases": 5,
    "units": 21,
    "minutes": 1600,
    "held": 2,
    "verify": 1,
    "soon": 2,
    "low": 5,
    "burning": 21,
    "untold": 11,
    "doubtful": 0,
    "hour": 1,
    "day": 21,
    "question": "picture",
}
INSTANTS = {"since", "replace_due", "new_due", "answer_due", "due", "until", "at"}
WORDS = {"defect", "clause", "scope", "clock", "why", "state", "verdict", "question"}
COUNTS = {
    "waiting",
    "spares",
    "wanted",
    "cases",
    "units",
    "minutes",
    "held",
    "hour",
    "day",
    "verify",
    "soon",
    "low",
    "burning",
    "untold",
    "doubtful",
}

HOSTILE = [
    "<b>",
    "</b></code>",
    "]]>",
    "&lt;&amp;&nbsp;",
    "{{ 7 * 7 }}{% raw %}",
    "\u202eINV-1\u202c\u200f",
    "\u2068INV-1\u2069",
    "line\nbreak\r\n\ttab\x00\x1b[31m",
    "👨‍👩‍👧‍👦🇨🇳👍🏽" * 50,
    "x" * 10_000,
    "é" * 10_000,
    "e\u0301" * 5_000,
    "<" * 10_000,
    "&" * 10_000,
    "订单" * 5_000,
    "שלום عليكم",
    "half \ud83d sign",
    "",
    "'\"`",
]


def facts(kind: Kind | Saying, text: str = "INV-1001", count: int = 3, items: int = 0) -> Params:
    """Give a notice everything it must carry."""

    def value(name: str) -> str | int:
        if name in INSTANTS:
            return AT
        if name in COUNTS:
            return count
        return SPECIAL[name] if name in WORDS else text

    params: dict[str, Any] = {name: value(name) for name in FACTS[kind]}
    if items:
        params["items"] = [{name: str(value(name)) for name in ITEMS[kind]} for _ in range(items)]
    return params


EVERY = [pytest.param(kind, language, id=f"{kind}-{language}") for kind, language in product(ALL, LANGUAGES)]
EVERY_LIST = [
    pytest.param(kind, language, id=f"{kind}-{language}") for kind, language in product(sorted(ITEMS), LANGUAGES)
]


@pytest.mark.parametrize(("kind", "language"), EVERY)
def test_every_template_needs_only_what_its_notice_carries(kind: Kind | Saying, language: str) -> None:
    environment = _environment(language)
    assert environment.loader is not None
    source = environment.loader.get_source(environment, f"{kind}.html")[0]
    used = meta.find_undeclared_variables(environment.parse(source)) - {"words", "items"}
    assert used <= FACTS[kind]
    assert ("items" in meta.find_undeclared_variables(environment.parse(source))) == (kind in ITEMS)


@pytest.mark.parametrize("kind", ALL)
def test_all_languages_use_the_same_facts(kind: Kind | Saying) -> None:
    def used(language: str) -> frozenset[str]:
        environment = _environment(language)
        assert environment.loader is not None
        source = environment.loader.get_source(environment, f"{kind}.html")[0]
        items = re.findall(r"item\.(\w+)", source)
        return frozenset(meta.find_undeclared_variables(environment.parse(source))) | {f"item.{each}" for each in items}

    assert len({used(language) for language in LANGUAGES}) == 1
    assert {each.removeprefix("item.") for each in used("en") if each.startswith("item.")} == ITEMS.get(kind, set())


@pytest.mark.parametrize(("kind", "language"), EVERY)
@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text[:12]))
def test_whatever_is_put_in_it_is_valid_short_and_carries_nothing_hidden(
    kind: Kind | Saying, language: str, text: str
) -> None:
    wording = render(kind, language, facts(kind, text), SHOP)
    shown = parse_html(wording.html).trimmed()
    assert shown.text == wording.plain.strip()
    assert length(wording.html) <= LONGEST
    assert len(wording.html.encode()) <= 32_768
    assert not re.search(r"[\u2066-\u2069\u202a-\u202e\u200e\u200f\x00-\x09\x0b-\x1f]", wording.html)
    assert {entity.kind for entity in shown.entities} <= {"bold", "code"}
    assert "49" not in wording.plain


@pytest.mark.parametrize(("kind", "language"), EVERY_LIST)
@pytest.mark.parametrize("count", [1, 2, 5, 21, 400])
def test_a_list_of_any_length_arrives_whole_in_valid_parts(kind: Kind | Saying, language: str, count: int) -> None:
    text = "INV<1>👨‍👩‍👧 & Söhne"
    wording = render(kind, language, facts(kind, text, items=count), SHOP)
    pieces = parts(Message("1", wording.html, wording.plain))
    shown = [parse_html(piece.text).trimmed() for piece in pieces]
    assert all(0 < units(each.text) <= LONGEST for each in shown)
    assert sum(each.text.count("• ") for each in shown) == count
    joined = "".join(each.text for each in shown)
    assert re.sub(r"\s", "", joined) == re.sub(r"\s", "", wording.plain)


@pytest.mark.parametrize(
    ("language", "forms"),
    [
        ("en", {1: "1 spare left", 3: "3 spares left", 1000: "1,000 spares left", 0: "0 spares left"}),
        ("ru", {1: "1 единица", 3: "3 единицы", 5: "5 единиц", 21: "21 единица", 0: "0 единиц"}),
        ("zh", {1: "1 个备件", 3: "3 个备件"}),
    ],
)
def test_a_count_takes_the_form_that_its_language_wants(language: str, forms: dict[int, str]) -> None:
    for count, words in forms.items():
        assert (
            words in render(Kind.OPERATOR_STOCK_LOW, language, facts(Kind.OPERATOR_STOCK_LOW, count=count), SHOP).plain
        )


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("count", [0, 1, 2, 5, 11, 21, 1_000_000])
def test_every_plural_class_renders(language: str, count: int) -> None:
    for kind in ALL:
        render(kind, language, facts(kind, count=count), SHOP)


@pytest.mark.parametrize(
    ("language", "minutes", "words"),
    [
        ("en", 0, "< 1 min"),
        ("en", 59, "59 min"),
        ("en", 60, "1 hr"),
        ("en", 1439, "23 hr 59 min"),
        ("en", 1440 + 59, "1 day"),
        ("en", 3 * 1440 + 61, "3 days 1 hr"),
        ("ru", 1505, "1 дн. 1 ч"),
        ("zh", 95, "1小时 35分钟"),
    ],
)
def test_a_span_is_told_in_its_two_largest_units(language: str, minutes: int, words: str) -> None:
    told = {**facts(Saying.INCIDENT_OVER), "minutes": minutes}
    assert re.search(rf"[^0-9]{re.escape(words)}[.。]\n", render(Saying.INCIDENT_OVER, language, told, SHOP).plain)


def test_an_order_number_is_never_dressed_up() -> None:
    wording = render(Kind.REPORT_RECEIVED, "en", {"order": 1234567, "answer_due": AT}, SHOP)
    assert "order 1234567" in wording.plain


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "24 May 2026, 17:05 (UTC+8)"),
        ("zh", "2026年5月24日 17:05 (UTC+8)"),
        ("ru", "24 мая 2026 г., 17:05 (UTC+8)"),  # noqa: RUF001 - Russian
    ],
)
def test_an_instant_is_told_on_the_shops_clock_which_is_named(language: str, words: str) -> None:
    assert words in render(Kind.REPORT_RECEIVED, language, {"order": "1", "answer_due": AT}, SHOP).plain


@pytest.mark.parametrize(
    ("zone", "words"),
    [("UTC", "09:05 (UTC)"), ("Asia/Kolkata", "14:35 (UTC+5:30)"), ("America/St_Johns", "06:35 (UTC−2:30)")],  # noqa: RUF001 - the minus of print
)
def test_offsets_of_all_sorts_are_named(zone: str, words: str) -> None:
    assert words in render(Kind.REPORT_RECEIVED, "en", {"order": "1", "answer_due": AT}, ZoneInfo(zone)).plain


@pytest.mark.parametrize(
    ("tag", "language"),
    [
        ("en", "en"),
        ("zh", "zh"),
        ("zh-Hans-CN", "zh"),
        ("zh_TW", "zh"),
        ("ZH-cn", "zh"),
        ("ru-RU", "ru"),
        ("RU", "ru"),
        ("de", "en"),
        ("", "en"),
        ("x" * 1000, "en"),
        ("../ru", "en"),
        ("\x00", "en"),
    ],
)
def test_the_nearest_language_is_chosen_and_english_when_none_is_near(tag: str, language: str) -> None:
    assert choose(tag) == language
    assert render(Kind.REPORT_RECEIVED, tag, facts(Kind.REPORT_RECEIVED), SHOP).language == language


def _words(language: str) -> dict[str, Any]:
    return tomllib.loads(resources.files("notifiers.wording").joinpath(language, "words.toml").read_text("utf-8"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_word_of_the_policy_has_its_words(language: str) -> None:
    words = _words(language)
    assert words["defects"].keys() == {each.value for each in Defect}
    assert words["exclusions"].keys() == {each.value for each in Exclusion}
    assert words["reasons"].keys() == {each.value for each in Unreachable}
    assert words["asks"].keys() == words["questions"].keys() == {each.value for each in Question}
    assert words["states"].keys() == {each.value for each in State}
    assert {name: table.keys() for name, table in words.items() if isinstance(table, dict)} == {
        name: table.keys() for name, table in _words("en").items() if isinstance(table, dict)
    }
    for defect in Defect:
        render(Kind.CASE_OPENED, language, {**facts(Kind.CASE_OPENED), "defect": defect.value}, SHOP)
    for exclusion in Exclusion:
        render(Kind.REPORT_REJECTED, language, {"order": "1", "clause": f"exclusions.{exclusion}"}, SHOP)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        pytest.param({"order": "1"}, "answer_due", id="a missing fact"),
        pytest.param({"order": "1", "answer_due": "2026-05-24T09:05:00"}, "has no offset", id="a naive instant"),
        pytest.param({"order": "1", "answer_due": "soon"}, "soon", id="no instant"),
        pytest.param({"order": "1", "answer_due": 7}, "'7'", id="an instant of another type"),
    ],
)
def test_a_notice_that_cannot_be_put_into_words_says_why(params: Params, words: str) -> None:
    with pytest.raises(WordingError, match=rf"report_received in 'ru': .*{words}"):
        render(Kind.REPORT_RECEIVED, "ru", params, SHOP)


@pytest.mark.parametrize("kind", ALL)
def test_a_missing_fact_is_named(kind: Kind | Saying) -> None:
    environment = _environment("en")
    assert environment.loader is not None
    source = environment.loader.get_source(environment, f"{kind}.html")[0]
    for name in meta.find_undeclared_variables(environment.parse(source)) - {"words", "items"}:
        params = {key: value for key, value in facts(kind).items() if key != name}
        with pytest.raises(WordingError, match=rf"'{name}' is undefined"):
            render(kind, "en", params, SHOP)


def test_a_short_text_is_made_of_harmless_facts() -> None:
    assert word("en", "answers", "stale", who="boris\n\u202e{x}") == "Already handled by boris {x}."
    assert len(word("zh", "answers", "stale", who="x" * 10_000)) <= 200
    with pytest.raises(WordingError, match=r"no words for answers\.moon"):
        word("en", "answers", "moon")


def test_a_notice_and_an_answer_never_share_a_template() -> None:
    assert {each.value for each in Kind} & {each.value for each in Saying} == set()
    files = {file.name.removesuffix(".html") for file in resources.files("notifiers.wording").joinpath("en").iterdir()}
    assert files - {"words.toml"} == {each.value for each in ALL}


def test_a_clause_without_words_is_named() -> None:
    with pytest.raises(WordingError, match=r"no words for the clause 'exclusions\.moon'"):
        render(Kind.REPORT_REJECTED, "en", {"order": "1", "clause": "exclusions.moon"}, SHOP)


def test_a_customers_notice_reads_like_a_letter() -> None:
    params = {
        "order": "INV-1042",
        "unit": "203.0.113.0/28",
        "tier": "vpn-28-de",
        "defect": "range_listed",
        "case": "7",
        "replace_due": "2026-05-26T09:05:00+00:00",
        "since": AT,
        "seen_by": "zen.example, dnsbl.example",
    }
    assert render(Kind.CASE_OPENED, "en", params, SHOP).plain == (
        "We found a fault in your order INV-1042\n"
        "\n"
        "What happened to 203.0.113.0/28: the IP range has been put on a blocklist.\n"
        "Noticed on 24 May 2026, 17:05 (UTC+8) by zen.example, dnsbl.example.\n"
        "\n"
        "What we do: you get a replacement, on 26 May 2026, 17:05 (UTC+8) at the latest. "
        "We write again as soon as it is ready.\n"
        "\n"
        "You need not report it, prove it or pay anything.\n"
        "Case 7"
    )


# Markup.


@given(st.text(), st.integers(1, 50))
def test_a_shortened_text_fits_and_is_a_beginning(text: str, most: int) -> None:
    short = shorten(text, most)
    assert units(short) <= most
    assert short == text or text.startswith(short.removesuffix("…"))


@given(st.text())
def test_what_is_harmless_stays_as_it_is(text: str) -> None:
    assert harmless(harmless(text)) == harmless(text)
    assert "\n" not in harmless(text)
    harmless(text).encode()


def test_what_belongs_together_is_not_cut() -> None:
    assert shorten("ab👨‍👩‍👧cd", 8) == "ab…"
    assert shorten("abe\u0301cd", 4) == "ab…"
    assert shorten("ab👍🏽cd", 6) == "ab…"


def test_plain_text_is_what_a_reader_sees() -> None:
    assert plain("<b>1 &lt; 2</b> &amp; &#39;x&#39;") == "1 < 2 & 'x'"
    assert length("<b>&lt;🎉</b>") == 3
    assert datetime.fromisoformat(AT).utcoffset() is not None
