"""What can go wrong between a bot and Telegram, as values; and the script that says when."""

import json
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields

from pydantic import TypeAdapter


@dataclass(frozen=True, slots=True)
class Slow:
    """The answer comes so many seconds late: after the message was accepted, or before it is even looked at."""

    seconds: float
    processed: bool = True


@dataclass(frozen=True, slots=True)
class Reset:
    """The connection is reset (RST), before or after the request was processed."""

    processed: bool = False


@dataclass(frozen=True, slots=True)
class HangUp:
    """The connection is closed without a word (FIN), before or after the request was processed."""

    processed: bool = False


@dataclass(frozen=True, slots=True)
class HalfAnswer:
    """Processed; the connection breaks in the middle of the answer."""


@dataclass(frozen=True, slots=True)
class Drip:
    """Processed; the answer comes in pieces of ``size`` bytes, ``pause`` seconds apart."""

    pause: float = 0.05
    size: int = 8


@dataclass(frozen=True, slots=True)
class Instead:
    """Another answer than the right one; processed nevertheless, or not."""

    status: int
    body: str
    content_type: str = "application/json"
    retry_after: int | None = None
    processed: bool = False


@dataclass(frozen=True, slots=True)
class DuplicateUpdate:
    """Each update of this answer comes twice."""


@dataclass(frozen=True, slots=True)
class UpdateGap:
    """The numbers of updates leap by so many."""

    count: int = 1


@dataclass(frozen=True, slots=True)
class RandomUpdateId:
    """The numbers of updates go on from anywhere, perhaps lower than before."""


Fault = Slow | Reset | HangUp | HalfAnswer | Drip | Instead | DuplicateUpdate | UpdateGap | RandomUpdateId

INTERNAL_ERROR = Instead(500, '{"ok":false,"error_code":500,"description":"Internal Server Error: restart"}')
INTERNAL_ERROR_SENT = Instead(INTERNAL_ERROR.status, INTERNAL_ERROR.body, processed=True)
BAD_GATEWAY = Instead(502, "<html><body><h1>502 Bad Gateway</h1></body></html>", "text/html")
BAD_GATEWAY_SENT = Instead(BAD_GATEWAY.status, BAD_GATEWAY.body, "text/html", processed=True)
HTML_PAGE = Instead(200, "<html><body>Sign in to the network</body></html>", "text/html")
UNAUTHORIZED = Instead(401, '{"ok":false,"error_code":401,"description":"Unauthorized"}')
NOT_OK = Instead(200, '{"ok":false}')

EVERY_WAY: tuple[Fault, ...] = (
    Slow(0.2),
    Reset(),
    Reset(processed=True),
    HangUp(),
    HangUp(processed=True),
    HalfAnswer(),
    Drip(),
    INTERNAL_ERROR,
    INTERNAL_ERROR_SENT,
    BAD_GATEWAY,
    BAD_GATEWAY_SENT,
    HTML_PAGE,
    NOT_OK,
)
"""One of each that may befall a send; a 401 is left out, since it stops some pollers for good."""

KINDS: dict[str, type[Fault]] = {
    kind.__name__: kind
    for kind in (Slow, Reset, HangUp, HalfAnswer, Drip, Instead, DuplicateUpdate, UpdateGap, RandomUpdateId)
}


def refuse_once(code: int, description: str, retry_after: int | None = None) -> Instead:
    """Give the fault that refuses one request in Telegram's form, for example a "chat not found" that is not true."""
    body: dict[str, object] = {"ok": False, "error_code": code, "description": description}
    if retry_after is not None:
        body["parameters"] = {"retry_after": retry_after}
    return Instead(code, json.dumps(body), retry_after=retry_after)


def fault_from(words: dict[str, object]) -> Fault:
    """Read a fault from JSON such as ``{"fault": "Reset", "processed": true}``; ValueError says what is wrong."""
    kind = KINDS.get(str(words.get("fault")))
    if kind is None:
        raise ValueError(f"fault: one of {', '.join(KINDS)}")
    settings = {name: value for name, value in words.items() if name != "fault"}
    known = [field.name for field in fields(kind)]
    if strange := ", ".join(settings.keys() - set(known)):
        raise ValueError(f"{kind.__name__} has no {strange}, only {', '.join(known) or 'its name'}")
    fault: Fault = TypeAdapter(kind).validate_python(settings)
    return fault


@dataclass(slots=True)
class _Line:
    fault: Fault
    method: str | None
    chat: int | None
    skip: int
    left: int | None


@dataclass(frozen=True, slots=True)
class _Risk:
    share: float
    faults: Sequence[Fault]
    method: str | None


class Script:
    """Which request meets which fault. ``met`` counts them by name; ``seed`` decides what is left to chance."""

    def __init__(self, seed: int = 0) -> None:
        self.met: Counter[str] = Counter()
        self._lines: list[_Line] = []
        self._risks: list[_Risk] = []
        self._chance = random.Random(seed)  # noqa: S311 - a play needs the same chance every time, not a secret one

    def add(
        self, fault: Fault, method: str | None = None, *, chat: int | None = None, skip: int = 0, times: int | None = 1
    ) -> None:
        """Let the next ``times`` requests (None: all) meet the fault, after ``skip`` others of that method and chat."""
        self._lines.append(_Line(fault, method, chat, skip, times))

    def sometimes(self, share: float, faults: Sequence[Fault] = EVERY_WAY, method: str | None = None) -> None:
        """Let this share (0 to 1) of requests meet one of the faults."""
        self._risks.append(_Risk(share, faults, method))

    def clear(self) -> None:
        """Forget everything that has not happened yet."""
        self._lines.clear()
        self._risks.clear()

    def take(self, method: str, chat: int | None) -> Fault | None:
        """Give the fault that this request meets."""
        fault = self._written(method, chat) or self._chanced(method)
        if fault is not None:
            self.met[type(fault).__name__] += 1
        return fault

    def _written(self, method: str, chat: int | None) -> Fault | None:
        for line in self._lines:
            if line.left == 0 or line.method not in {None, method} or line.chat not in {None, chat}:
                continue
            if line.skip:
                line.skip -= 1
                continue
            if line.left is not None:
                line.left -= 1
            return line.fault
        return None

    def _chanced(self, method: str) -> Fault | None:
        for risk in self._risks:
            if risk.method in {None, method} and self._chance.random() < risk.share:
                return self._chance.choice(risk.faults)
        return None
