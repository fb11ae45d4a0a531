"""What a probe saw: closed answers, with who said it and when."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Listed:
    """The list names the address, in these codes (as integers). ``informative``: only codes that are no defect."""

    codes: tuple[int, ...]
    reason: str | None = None
    informative: bool = False
    vouched: str = field(default="", compare=False)
    """Why it is believed: through which resolver it came, or from which copy, and what test the list has passed."""


@dataclass(frozen=True, slots=True)
class Clear:
    """The list was heard and does not name the address."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The list does not serve us: this says nothing about the address."""

    why: str


@dataclass(frozen=True, slots=True)
class Silent:
    """Nothing that can be believed came back: this says nothing about the address."""

    why: str


Answer = Listed | Clear | Refused | Silent
