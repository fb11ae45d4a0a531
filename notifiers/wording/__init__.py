"""The words, apart from the code: one template for each kind of notice and language, in Telegram's HTML."""

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from functools import cache, partial
from importlib import resources
from typing import Any, Final

from babel import Locale, negotiate_locale
from babel.dates import format_datetime
from babel.numbers import format_decimal
from babel.units import format_unit
from jinja2 import FunctionLoader, StrictUndefined, TemplateError, pass_context
from jinja2.runtime import Context
from jinja2.sandbox import SandboxedEnvironment

from monitor.core.notice import Kind, Params
from notifiers.markup import harmless, plain, shorten
from notifiers.wording.sayings import Saying

LANGUAGES: Final = ("en", "ru", "zh")
FALLBACK: Final = "en"

LONG = 120
"""UTF-16 units that one fact may take."""
LONGER: Mapping[str, int] = {"reason": 600, "seen_by": 300, "ended": 600, "text": 1500, "title": 200}

CASE = frozenset({"order", "unit", "tier", "defect", "case", "replace_due"})
"""The facts of every notice about a case."""

FACTS: Mapping[Kind, frozenset[str]] = {
    Kind.CASE_OPENED: CASE | {"since", "seen_by"},
    Kind.REPLACEMENT_READY: CASE | {"spare", "spare_tier"},
    Kind.CASE_DELAYED: CASE | {"new_due"},
    Kind.CASE_WITHDRAWN: CASE,
    Kind.REPORT_RECEIVED: frozenset({"order", "answer_due"}),
    Kind.REPORT_REJECTED: frozenset({"order", "clause"}),
    Kind.CREDIT_OFFERED: CASE,
    Kind.CASE_QUESTION: frozenset({"order", "unit", "case", "question"}),
    Kind.LINK_DONE: frozenset({"order"}),
    Kind.LINK_MOVED: frozenset({"order"}),
    Kind.LINK_REFUSED: frozenset(),
    Kind.OPERATOR_VERIFY: CASE | {"reason"},
    Kind.OPERATOR_NO_SPARE: CASE,
    Kind.OPERATOR_BRAKE: frozenset({"reason", "waiting"}),
    Kind.OPERATOR_STOCK_LOW: frozenset({"tier", "spares", "wanted"}),
    Kind.OPERATOR_INCIDENT: frozenset({"scope", "name", "reason", "cases"}),
    Kind.OPERATOR_LIST_SUSPENDED: frozenset({"zone", "reason"}),
    Kind.OPERATOR_CLOCK: frozenset({"order", "case", "clock", "due", "condition"}),
    Kind.OPERATOR_UNREACHABLE: frozenset({"customer", "why", "notice"}),
    Kind.OPERATOR_RELINK: frozenset({"customer", "order", "cases"}),
    Kind.OPERATOR_DAILY: frozenset({"cases", "verify", "held", "soon", "low", "burning", "untold", "doubtful"}),
    Kind.OPERATOR_SAID: frozenset({"customer", "text"}),
    Kind.OPERATOR_QUESTION: frozenset({"name", "reason"}),
}
"""What a notice must carry. Instants are ISO 8601 with an offset, counts are integers, the rest is text."""

ITEMS: Mapping[Kind, frozenset[str]] = {
    Kind.CASE_OPENED: frozenset({"order", "unit", "defect", "case"}),
    Kind.REPLACEMENT_READY: frozenset({"order", "unit", "spare", "case"}),
    Kind.CASE_DELAYED: frozenset({"order", "unit", "case"}),
    Kind.CASE_WITHDRAWN: frozenset({"order", "unit", "case"}),
    Kind.OPERATOR_INCIDENT: frozenset({"order", "unit", "customer"}),
    Kind.OPERATOR_QUESTION: frozenset({"order", "unit", "customer"}),
}
"""What each member of ``items`` carries, in the notices that may speak of several deliveries at once."""


class WordingError(Exception):
    """A notice cannot be put into words: a fact is missing, or is not what it should be. The message names both."""


@dataclass(frozen=True, slots=True)
class Wording:
    """A notice in words. ``html`` has Telegram's tags only; ``plain`` says the same without any."""

    html: str
    plain: str
    language: str


def render(kind: Kind | Saying, language: str, params: Params, zone: tzinfo) -> Wording:
    """Put a notice or an answer into words; instants are told on the wall clocks of ``zone``, which is named.

    :raises WordingError: a fact is missing or malformed.
    """
    chosen = choose(language)
    facts = {"items": [], **{name: _tidy(name, value) for name, value in params.items()}}
    try:
        text = _environment(chosen).get_template(f"{kind}.html").render(facts, wall=zone)
    except (TemplateError, ValueError, TypeError) as error:
        raise WordingError(f"{kind} in {chosen!r}: {error}") from error
    html = re.sub(r"\n{3,}", "\n\n", text.strip())
    return Wording(html, plain(html), chosen)


def word(language: str, table: str, name: str, **facts: str) -> str:
    """Give a short text without markup, such as what stands on a button.

    :raises WordingError: there is none.
    """
    try:
        text = str(_words(choose(language))[table][name])
    except KeyError:
        raise WordingError(f"no words for {table}.{name}") from None
    return text.format(**{fact: shorten(harmless(value), LONG) for fact, value in facts.items()})


def choose(language: str) -> str:
    """Give the language we have that comes nearest to a BCP 47 tag such as ``zh-Hans-CN``."""
    first = re.match(r"[A-Za-z]{2,8}", language)
    return negotiate_locale([first[0].lower()], LANGUAGES) or FALLBACK if first else FALLBACK


def _tidy(name: str, value: object) -> object:
    """Make a fact harmless and not too long; whoever gave it to us may have been anybody."""
    if isinstance(value, list):
        return [{key: _tidy(key, each) for key, each in member.items()} for member in value]
    return shorten(harmless(value), LONGER.get(name, LONG)) if isinstance(value, str) else value


@cache
def _environment(language: str) -> SandboxedEnvironment:
    words = _words(language)
    # Shop staff may edit the words: a template is text, and gets at nothing but its facts.
    environment = SandboxedEnvironment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=FunctionLoader(partial(_source, language)),
        cache_size=-1,
    )
    environment.filters.update(_filters(language, words))
    environment.globals["words"] = words
    return environment


def _filters(language: str, words: Mapping[str, Any]) -> Mapping[str, Callable[..., str]]:
    locale = Locale.parse(language)

    @pass_context
    def when(context: Context, value: str) -> str:
        """Write an instant, with the offset of the wall clock it is read from."""
        # str() makes a missing fact name itself.
        at = datetime.fromisoformat(str(value))
        if at.utcoffset() is None:
            raise ValueError(f"{value!r} has no offset")
        local = at.astimezone(context["wall"])
        return f"{format_datetime(local, words['when'], locale=locale)} ({_offset(local)})"

    def plural(number: int, **forms: str) -> str:
        """Choose the form that the language uses for a number; ``#`` in it stands for the number."""
        count = int(number)
        form = forms.get(locale.plural_form(count), forms["other"])
        return form.replace("#", format_decimal(count, locale=locale))

    def span(minutes: int) -> str:
        """Say how long something took, in its two largest units."""
        count = int(minutes)
        if not count:
            return f"< {format_unit(1, 'duration-minute', 'short', locale=locale)}"
        days, hours, rest = count // 1440, count // 60 % 24, count % 60
        parts = [(days, "duration-day"), (hours, "duration-hour"), (rest, "duration-minute")]
        first = next(place for place, (number, _) in enumerate(parts) if number)
        return " ".join(
            format_unit(number, unit, "short", locale=locale) for number, unit in parts[first : first + 2] if number
        )

    def clause(value: str) -> str:
        """Say a clause of the policy such as ``exclusions.after_window`` in plain words."""
        table, _, name = str(value).partition(".")
        try:
            return str(words[table][name])
        except KeyError:
            raise ValueError(f"no words for the clause {value!r}") from None

    return {"when": when, "plural": plural, "span": span, "clause": clause}


def _offset(at: datetime) -> str:
    minutes = (at.utcoffset() or timedelta()) // timedelta(minutes=1)
    if not minutes:
        return "UTC"
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{'+' if minutes > 0 else '−'}{hours}" + (f":{rest:02}" if rest else "")  # noqa: RUF001 - the typographer's minus


@cache
def _words(language: str) -> dict[str, Any]:
    return tomllib.loads(_source(language, "words.toml") or "")


def _source(language: str, name: str) -> str | None:
    file = resources.files(__name__).joinpath(language, name)
    return file.read_text(encoding="utf-8") if file.is_file() else None
