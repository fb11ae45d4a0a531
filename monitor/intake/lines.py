"""The lines of a file: numbered, decoded, and none of them longer than is sane."""

import os
import shutil
import stat
import sys
import tempfile
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self

from monitor.intake import Fault, IntakeError

LONGEST = 65_536
"""Bytes that a line may have."""

BOM = b"\xef\xbb\xbf"
STRANGERS = {
    b"\xff\xfe": "is UTF-16; save it as UTF-8 (in a spreadsheet: CSV UTF-8)",
    b"\xfe\xff": "is UTF-16; save it as UTF-8 (in a spreadsheet: CSV UTF-8)",
    b"PK\x03\x04": "is a spreadsheet or an archive; save the sheet as CSV UTF-8",
    b"\x1f\x8b": "is compressed; unpack it first",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One line with its end; where ``fault`` is set, ``text`` is only good for showing what was there."""

    number: int
    text: str
    fault: str | None = None


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """Open a file for reading, standard input for ``-``; what cannot be rewound is copied to a temporary file first.

    A slow pipe must not be read while a transaction is open: the daemon would wait for it.
    """
    with ExitStack() as stack:
        try:
            file = sys.stdin.buffer if str(path) == "-" else stack.enter_context(path.open("rb"))
            if not _rewinds(file):
                copy = stack.enter_context(tempfile.TemporaryFile())
                shutil.copyfileobj(file, copy)
                copy.seek(0)
                file = copy
        except OSError as fault:
            raise IntakeError(Fault(f"cannot be read: {fault.strerror or fault}")) from None
        yield file


def _rewinds(file: IO[bytes]) -> bool:
    try:
        return stat.S_ISREG(os.fstat(file.fileno()).st_mode)
    except OSError:
        return False


class Lines:
    """Reads a file line by line; lines that were read too far can be given back."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._number = 0
        self._ahead: deque[Line] = deque()
        self.begins_with_bom = False
        self.read_bytes = 0

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Line:
        """Give the next line; :class:`IntakeError` where the file is none of ours or cannot be read on."""
        if self._ahead:
            return self._ahead.popleft()
        self._number += 1
        raw = self._read(LONGEST + 1)
        if not raw:
            raise StopIteration
        if self._number == 1:
            raw = self._begin(raw)
        if len(raw) > LONGEST and not raw.endswith(b"\n"):
            while (more := self._read(LONGEST)) and not more.endswith(b"\n"):
                pass
            words = (
                f"the line is longer than {LONGEST // 1024} KiB; is there a line end missing, or a picture in a cell?"
            )
            return Line(self._number, raw[:LONGEST].decode(errors="surrogateescape"), words)
        try:
            return Line(self._number, raw.decode())
        except UnicodeDecodeError as fault:
            words = f"byte {fault.start + 1} of the line is not UTF-8; save the file as UTF-8"
            return Line(self._number, raw.decode(errors="surrogateescape"), words)

    def give_back(self, lines: Iterable[Line]) -> None:
        """Take back lines, in their order, to be given again."""
        self._ahead.extendleft(reversed(list(lines)))

    def _read(self, size: int) -> bytes:
        try:
            raw = self._file.readline(size)
        except OSError as fault:
            raise IntakeError(Fault(f"cannot be read: {fault.strerror or fault}", line=self._number)) from None
        self.read_bytes += len(raw)
        return raw

    def _begin(self, raw: bytes) -> bytes:
        for mark, words in STRANGERS.items():
            if raw.startswith(mark):
                raise IntakeError(Fault(words))
        if b"\x00" in raw:
            raise IntakeError(Fault("holds NUL bytes; is it UTF-16? Save it as UTF-8", line=1))
        self.begins_with_bom = raw.startswith(BOM)
        return raw.removeprefix(BOM)
