"""Who works in the shop, and what each of them may do: by user id, for nobody is an operator by being in a group."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from monitor.core.case import Move


class Permission(StrEnum):
    """What an operator may be allowed."""

    LOOK = "look"
    APPROVE = "approve"
    REJECT = "reject"
    HOLD = "hold"
    RELEASE = "release"
    CREDIT = "credit"
    OTHER_SPARE = "other_spare"
    ASK = "ask"
    RELINK = "relink"
    """Give a customer's orders to another chat while something is owed."""
    MUTE = "mute"


FOR_MOVE: Mapping[Move, Permission] = {
    Move.APPROVE: Permission.APPROVE,
    Move.REJECT: Permission.REJECT,
    Move.HOLD: Permission.HOLD,
    Move.RELEASE: Permission.RELEASE,
    Move.CREDIT: Permission.CREDIT,
    Move.UNPROMISE: Permission.OTHER_SPARE,
    Move.ASK: Permission.ASK,
}


@dataclass(frozen=True, slots=True)
class Operator:
    """One person: ``user`` is a Telegram user id, ``name`` is what the trail says."""

    name: str
    user: int
    may: frozenset[Permission]

    @property
    def signature(self) -> str:
        """How the trail names him."""
        return f"operator {self.name}"


class Staff:
    """All operators."""

    __slots__ = ("_by_user",)

    def __init__(self, operators: Iterable[Operator] = ()) -> None:
        self._by_user = {each.user: each for each in operators}

    def find(self, user: int) -> Operator | None:
        """Find who bears a user id; None: not an operator, whatever group he is in."""
        return self._by_user.get(user)
