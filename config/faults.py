"""Faults of a configuration, in the operator's terms: the place, what is wrong, and the remedy."""

from collections.abc import Iterable
from difflib import get_close_matches

from pydantic import ValidationError
from pydantic_core import ErrorDetails

EX_CONFIG = 78
"""Exit status for a configuration that cannot be used (sysexits.h)."""


TAGGED = {"notifier": 1, "providers": 2}
"""Tables with a kind, and where pydantic slips that kind into the place of a fault: nobody wrote it there."""


class ConfigError(Exception):
    """A configuration with all its faults, one line each."""

    def __init__(self, faults: Iterable[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(self.faults))


def faults_of(error: ValidationError, *, prefix: str = "", known: Iterable[str] = ()) -> list[str]:
    """Turn every fault that pydantic found into one line: ``tiers.eu.rank: ...``.

    What is wrong between tables names its places itself, on a line for each.
    """
    names = list(known)
    return [
        f"{prefix}{place}{line}"
        for detail in error.errors()
        for place in [_place(detail)]
        for line in _words(detail, names).split("\n")
    ]


def _place(detail: ErrorDetails) -> str:
    if not detail["loc"]:
        return "" if detail["type"] == "value_error" else "(file): "
    place, tag = "", TAGGED.get(str(detail["loc"][0]))
    for position, part in enumerate(detail["loc"]):
        if isinstance(part, int):
            place += f"[{part}]"
        elif position != tag and not part.startswith(("function-", "tagged-union")):
            place += f".{part}" if place else part
    return f"{place}: "


def _words(detail: ErrorDetails, known: list[str]) -> str:  # noqa: PLR0911 - a table of kinds of faults
    found = detail.get("input")
    match detail["type"]:
        case "extra_forbidden":
            near = get_close_matches(str(detail["loc"][-1]), known, n=1)
            return "unknown key" + (f"; did you mean {near[0]!r}?" if near else "; remove it")
        case "missing":
            return "is missing"
        case "union_tag_not_found":
            return "is missing its kind; write kind = ..."
        case "union_tag_invalid":
            ctx = detail.get("ctx", {})
            return f"kind {ctx.get('tag')!r} is not known; write {ctx.get('expected_tags')}"
        case "string_pattern_mismatch":
            return f"{found!r} is not written as such a name is"
        case "value_error" | "assertion_error":
            return detail["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
        case "enum" | "literal_error":
            expected = str(detail.get("ctx", {}).get("expected", ""))
            return f"{found!r} is not known; write {expected}"
        case _:
            shown = "" if isinstance(found, dict | list) or found is None else f" (found {found!r})"
            return f"{detail['msg'][:1].lower()}{detail['msg'][1:]}{shown}"
