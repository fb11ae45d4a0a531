"""The file that rejected rows are written to: it appears under its name when all is done, or not at all."""

import contextlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from monitor.intake import Fault, IntakeError


class Rejects:
    """Collects rejected rows beside the place where they belong."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._part = path.with_name(path.name + ".part")
        self._file: TextIO | None = None

    def add(self, head: str, row: str) -> None:
        """Write a row, the first one under the head."""
        with _in_words(self.path):
            if self._file is None:
                # A row may hold what nobody else should read.
                descriptor = os.open(
                    self._part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
                )
                self._file = open(descriptor, "w", encoding="utf-8", errors="surrogateescape", newline="")  # noqa: PTH123, SIM115
                self._file.write(head)
            self._file.write(row)

    def settle(self) -> None:
        """Bring all to the disk: after this, only ``keep`` is left to do."""
        if self._file is not None:
            with _in_words(self.path):
                self._file.flush()
                os.fsync(self._file.fileno())

    def keep(self) -> None:
        """Give the file its name; one that had it before is replaced."""
        if self._file is not None:
            self._file.close()
            with _in_words(self.path):
                self._part.replace(self.path)
            self._file = None

    def drop(self) -> None:
        """Remove what was not kept."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()
            self._part.unlink(missing_ok=True)
            self._file = None


@contextmanager
def _in_words(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as fault:
        raise IntakeError(Fault(f"rejected rows cannot be written to {path}: {fault.strerror or fault}")) from None
