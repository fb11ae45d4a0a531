"""Tables as people write them, CSV or JSON lines: each row with its place, its cells by name, and its own words."""

import csv
import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import IO, Any, Protocol

from monitor.intake import Fault, IntakeError, listed
from monitor.intake.cells import shown
from monitor.intake.lines import BOM, LONGEST, Line, Lines

ERROR = "error"
"""The column that tells why a row was rejected; when the row comes back, it is passed over."""

DELIMITERS = (",", ";", "\t")
ROWS_OF_A_CELL = 100
"""Lines over which one quoted cell may run."""
NEAR = 0.7
"""How alike an unknown and a missing column must be for a slip of the pen."""
COMPARED = 64
"""Characters of an unknown name that are compared."""
NOTED = 20
"""Unknown names that are told."""


class Format(StrEnum):
    """How a table is written."""

    CSV = "csv"
    JSONL = "jsonl"


SUFFIXES = {
    ".csv": Format.CSV, ".tsv": Format.CSV, ".jsonl": Format.JSONL, ".ndjson": Format.JSONL, ".json": Format.JSONL,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Record:
    """One row: ``line`` is where it begins, ``raw`` what stood there, ``cells`` the trimmed texts by column."""

    line: int
    raw: str
    cells: Mapping[str, str] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()


class Table(Protocol):
    """A table that is being read."""

    ignored: list[str]
    """Columns that nobody asked for."""

    def __iter__(self) -> Iterator[Record]: ...

    @property
    def head(self) -> str:
        """Give what a file of rejected rows begins with."""

    def rejected(self, record: Record, why: str) -> str:
        """Write a row as it came, with the reason for its rejection, as one line or more."""


def format_of(path: Path, file: IO[bytes]) -> Format:
    """Tell the format by the file's name, else by its first character."""
    known = SUFFIXES.get(path.suffix.casefold())
    if known is not None:
        return known
    start = file.tell()
    first = file.read(4096).removeprefix(BOM).lstrip()[:1]
    file.seek(start)
    return Format.JSONL if first in {b"{", b"["} else Format.CSV


def table(form: Format, file: Lines, known: Sequence[str], needed: Collection[str]) -> Table:
    """Begin to read a table; :class:`IntakeError` where its head will not do. ``known`` and ``needed`` are columns."""
    return CsvTable(file, known, needed) if form is Format.CSV else JsonTable(file, known)


def heading(words: str) -> str:
    """Give the name of a column, however it was spelt: ``Delivered at`` is ``delivered_at``."""
    return re.sub(r"[\s_-]+", "_", words.strip().casefold())


def near(name: str, known: Collection[str]) -> str | None:
    """Give the known name that was probably meant."""
    found = get_close_matches(name[:COMPARED], list(known), n=1, cutoff=NEAR)
    return found[0] if found else None


class CsvTable:
    """Comma, semicolon or tab separated rows under a header (RFC 4180)."""

    def __init__(self, lines: Lines, known: Sequence[str], needed: Collection[str]) -> None:
        self.ignored: list[str] = []
        self._lines = lines
        first = next((line for line in lines if line.text.strip()), None)
        if first is None:
            raise IntakeError(Fault(f"is empty; its first line names the columns: {', '.join(known)}"))
        if first.fault:
            raise IntakeError(Fault(first.fault, line=first.number))
        if "\r" in first.text.rstrip("\r\n"):
            raise IntakeError(Fault("line ends are CR alone; save the file with LF or CRLF line ends", line=1))
        self._header = first.text.rstrip("\r\n")
        self._delimiter, names = self._sniff(first, known)
        self._width = len(names)
        self._error_at = names.index(ERROR) if ERROR in names else None
        faults = list(self._faults(names, known, needed))
        if faults:
            raise IntakeError(*(fault.at(first.number) for fault in faults))
        self._picks = [(at, name) for at, name in enumerate(names) if name in known]

    def __iter__(self) -> Iterator[Record]:
        for line in self._lines:
            if line.fault:
                yield Record(line.number, line.text, faults=(Fault(line.fault),))
            elif line.text.strip():
                yield from self._record(line)

    @property
    def head(self) -> str:
        """Give the header, with a column for the reason; with a byte order mark where there was one."""
        mark = BOM.decode() if self._lines.begins_with_bom else ""
        return mark + self._header + ("" if self._error_at is not None else self._delimiter + ERROR) + "\n"

    def rejected(self, record: Record, why: str) -> str:
        """Write a row as it came, with the reason in the last cell, or in the one that a former import gave it."""
        raw = record.raw.rstrip("\r\n")
        why = '"' + why.replace('"', '""') + '"'
        if self._error_at is None:
            return f"{raw}{self._delimiter}{why}\n"
        try:
            cells = self._parse([record.raw])
        except csv.Error:
            return f"{raw}\n"
        if len(cells) != self._width:
            return f"{raw}\n"
        quoted = ['"' + cell.replace('"', '""') + '"' for cell in cells]
        quoted[self._error_at] = why
        return self._delimiter.join(quoted) + "\n"

    def _sniff(self, first: Line, known: Sequence[str]) -> tuple[str, list[str]]:
        tried: list[tuple[int, int, str, list[str]]] = []
        for delimiter in DELIMITERS:
            self._delimiter = delimiter
            try:
                names = [heading(cell) for cell in self._parse([first.text])]
            except csv.Error:
                continue
            tried.append((len({*names} & {*known}), len(names), delimiter, names))
        if not tried:
            raise IntakeError(Fault(f"is no header; name the columns: {', '.join(known)}", line=first.number))
        # max() keeps the first of equals: the comma.
        _, _, delimiter, names = max(tried, key=lambda each: each[:2])
        return delimiter, names

    def _faults(self, names: Sequence[str], known: Sequence[str], needed: Collection[str]) -> Iterator[Fault]:
        there = [shown(name) if name not in known else name for name in names if name]
        absent = [name for name in known if name not in names]
        slips: set[str] = set()
        for name in dict.fromkeys(names):
            if name in known or name in {"", ERROR}:
                if name and names.count(name) > 1:
                    yield Fault("this column is there twice; remove one", name)
                continue
            meant = near(name, absent)
            if meant is not None:
                slips.add(meant)
                yield Fault(f"{shown(name)} is no column; did you mean {meant!r}?")
            elif len(self.ignored) < NOTED:
                self.ignored.append(shown(name))
        for name in absent:
            if name in needed and name not in slips:
                yield Fault(f"this column is missing; there are: {listed(there)}", name)

    def _record(self, line: Line) -> Iterator[Record]:
        taken = [line.text]
        try:
            cells = self._cells(line, taken)
        except csv.Error:
            yield Record(line.number, line.text, faults=(Fault(_broken(line.text)),))
            return
        raw = "".join(taken)
        if len(cells) != self._width:
            words = (
                f"has {len(cells)} cells where the header has {self._width}; is a {_NAMES[self._delimiter]} unquoted?"
            )
            yield Record(line.number, raw, faults=(Fault(words),))
        elif any(cell.strip() for cell in cells):
            yield Record(line.number, raw, {name: cells[at].strip() for at, name in self._picks})

    def _cells(self, line: Line, taken: list[str]) -> list[str]:
        """Split a row into its cells; ``taken`` gets the further lines over which a quoted cell runs."""
        try:
            return self._parse(taken)
        except csv.Error:
            if line.text.count('"') % 2 == 0:
                raise
        further: list[Line] = []
        size = len(line.text)
        for following in self._lines:
            further.append(following)
            size += len(following.text)
            if following.fault or size > LONGEST or len(further) > ROWS_OF_A_CELL:
                break
            if '"' not in following.text:
                continue
            try:
                cells = self._parse([line.text, *(each.text for each in further)])
            except csv.Error:
                continue
            taken.extend(each.text for each in further)
            return cells
        # Nobody closed the quotation mark: only the line that opened it is bad.
        self._lines.give_back(further)
        raise csv.Error

    def _parse(self, lines: Sequence[str]) -> list[str]:
        return next(csv.reader(lines, delimiter=self._delimiter, skipinitialspace=True, strict=True), [])


_NAMES = {",": "comma", ";": "semicolon", "\t": "tab"}


def _broken(text: str) -> str:
    if text.count('"') % 2:
        return "a quotation mark is opened and not closed; close it, or write one that belongs to the text twice"
    if "\r" in text.rstrip("\r\n"):
        return "a carriage return stands in the middle; save the file with LF or CRLF line ends"
    return "text follows a closing quotation mark; write a quotation mark that belongs to the text twice"


class JsonTable:
    """One JSON object on each line."""

    def __init__(self, lines: Lines, known: Sequence[str]) -> None:
        self.ignored: list[str] = []
        self._lines = lines
        self._known = {*known, ERROR}
        first = next((line for line in lines if line.text.strip()), None)
        if first is None:
            raise IntakeError(Fault(f"is empty; each line is an object with the keys {', '.join(known)}"))
        if first.text.lstrip().startswith("["):
            raise IntakeError(Fault("is one JSON array; write one object on each line", line=first.number))
        lines.give_back([first])

    @property
    def head(self) -> str:
        """Give nothing: lines of JSON have no header."""
        return ""

    def __iter__(self) -> Iterator[Record]:
        for line in self._lines:
            if line.fault:
                yield Record(line.number, line.text, faults=(Fault(line.fault),))
            elif line.text.strip():
                yield self._record(line)

    def rejected(self, record: Record, why: str) -> str:
        """Write an object as it came, with the reason under ``error``; what is no object goes under ``line``."""
        raw = record.raw.strip()
        if not _is_object(raw):
            return json.dumps({"line": raw, ERROR: why}) + "\n"
        body = raw.removesuffix("}").rstrip()
        comma = "" if body == "{" else ", "
        return f"{body}{comma}{json.dumps(ERROR)}: {json.dumps(why, ensure_ascii=False)}}}\n"

    def _record(self, line: Line) -> Record:
        found = _loads(line.text)
        if isinstance(found, Fault):
            return Record(line.number, line.text, faults=(found,))
        cells: dict[str, str] = {}
        faults: list[Fault] = []
        for key, value in found:
            name = heading(key)
            if name in cells and name != ERROR:
                faults.append(Fault("this key is there twice; remove one", name))
            elif name not in self._known:
                faults += self._unknown(name, {heading(other) for other, _ in found})
            else:
                try:
                    cells[name] = _text(name, value)
                except ValueError as fault:
                    faults.append(Fault(str(fault), name))
        return Record(line.number, line.text, cells, tuple(faults))

    def _unknown(self, name: str, there: Collection[str]) -> Iterator[Fault]:
        meant = near(name, self._known - {*there} - {ERROR})
        if meant is not None:
            yield Fault(f"{shown(name)} is no key; did you mean {meant!r}?")
        elif shown(name) not in self.ignored and len(self.ignored) < NOTED:
            self.ignored.append(shown(name))


class _Pairs(list[tuple[str, Any]]):
    """The members of an object, in order, repeated ones too."""


def _loads(text: str) -> _Pairs | Fault:
    try:
        # Numbers stay as they were written: 1.10 is a price, and 007 would be a name.
        found = json.loads(text, object_pairs_hook=_Pairs, parse_int=str, parse_float=str, parse_constant=_refuse)
    except json.JSONDecodeError as fault:
        return Fault(f"is not JSON at character {fault.pos + 1}: {fault.msg}; write one object on each line")
    except (ValueError, RecursionError):
        return Fault("is not JSON that a row is made of; write one object on each line")
    return found if isinstance(found, _Pairs) else Fault("is no object; write one as {...} on each line")


def _refuse(constant: str) -> str:
    raise ValueError(constant)


def _is_object(raw: str) -> bool:
    return not isinstance(_loads(raw), Fault)


def _text(name: str, value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value.strip()
    if name == "range" and isinstance(value, list) and all(isinstance(each, str) for each in value):
        return " ".join(value).strip()
    raise ValueError("is neither text nor a number" + ("; write an array of networks" if name == "range" else ""))
