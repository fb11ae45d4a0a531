"""Brings in what the shop knows: files in, one transaction out, and every fault with its place and remedy."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum


class Kind(StrEnum):
    """What a file holds, one to a row."""

    CUSTOMERS = "customers"
    DELIVERIES = "deliveries"
    STOCK = "stock"


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong and what to do, with its place as far as it is known; lines count from 1."""

    words: str
    column: str | None = None
    line: int | None = None

    def at(self, line: int) -> "Fault":
        """Give the same fault with its line."""
        return replace(self, line=line)

    def told(self, name: str) -> str:
        """Say it in one line: ``FILE:LINE: column: what is wrong; remedy``."""
        place = name if self.line is None else f"{name}:{self.line}"
        return ": ".join(part for part in (place, self.column, self.words) if part)


class IntakeError(Exception):
    """A file that cannot be used at all, with every reason."""

    def __init__(self, *faults: Fault) -> None:
        self.faults: tuple[Fault, ...] = faults
        super().__init__("; ".join(fault.words for fault in faults))


def listed(names: Iterable[str]) -> str:
    """Write names one after another, for a message."""
    return ", ".join(names) or "none"
