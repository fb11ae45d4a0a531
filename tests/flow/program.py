"""The command ``coverwatch`` as a user meets it: in this process where that is enough, else as a program of its own."""

import contextlib
import io
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from monitor.cli import main

PROGRAM = Path(sys.executable).with_name("coverwatch")
PATIENCE = 240.0
"""Seconds that a program gets to start on a machine with other things to do."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended."""

    status: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """Give what ``--json`` printed."""
        return json.loads(self.out)


def coverwatch(*words: str | Path) -> Ended:
    """Run a command in this process."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        patch.setattr(sys, "argv", ["coverwatch", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            main()
    code = end.value.code
    return Ended(code if isinstance(code, int) else 0, out.getvalue(), err.getvalue())


def program(*words: str | Path, **options: Any) -> Ended:
    """Run a command as a program of its own, to its end."""
    done = subprocess.run([PROGRAM, *words], capture_output=True, text=True, timeout=PATIENCE, check=False, **options)
    return Ended(done.returncode, done.stdout, done.stderr)


@dataclass(slots=True)
class Running:
    """A program that runs; ``lines`` is what it has said on standard error (and output, where they are one)."""

    process: subprocess.Popen[bytes]
    lines: list[str] = field(default_factory=list)
    _rest: bytes = b""

    def until(self, words: str) -> str:
        """Read until a line holds these words, and give it."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            for line in self._read(deadline - time.monotonic()):
                if words in line:
                    return line
        raise AssertionError(f"{words!r} never came: {self.lines}")

    def stop(self, number: signal.Signals) -> int:
        """Send a signal to its whole group, as a terminal does, and give the exit status."""
        os.killpg(self.process.pid, number)
        status = self.process.wait(PATIENCE)
        while self._read(0.0):
            pass
        return status

    def _read(self, seconds: float) -> list[str]:
        stream = self.process.stderr or self.process.stdout
        assert stream is not None
        ready, _, _ = select.select([stream], [], [], max(0.0, seconds))
        chunk = os.read(stream.fileno(), 65536) if ready else b""
        if ready and not chunk and self.process.wait(PATIENCE) is not None and not self._rest:
            return []
        *whole, self._rest = (self._rest + chunk).split(b"\n")
        lines = [line.decode() for line in whole]
        self.lines += lines
        return lines


@contextmanager
def running(*words: str | Path, one_stream: bool = False, **options: Any) -> Iterator[Running]:
    """Run a program until the block is left; it is killed where it still runs then."""
    streams: dict[str, Any] = (
        {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        if one_stream
        else {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    )
    with subprocess.Popen([PROGRAM, *words], start_new_session=True, **streams, **options) as process:
        try:
            yield Running(process)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
