"""Starts lives of the real daemon, one after the other, each forked from this process: nothing is imported anew.

``python -m tests.chaos.forge`` reads one order a line, ``{"config": ..., "fault": ..., "log": ...}``, and answers with
the process id, and, when that life is over, with its exit status. The intervals of a life are short, and nothing else
about it is different.
"""

import asyncio
import ctypes
import json
import os
import signal
import sys
import traceback
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from config import load
from monitor import app, courier, settling
from monitor.core.notice import Kind
from monitor.store.engine import migrate
from monitor.telemetry import set_up_logging
from notifiers.telegram import pacer, sender
from notifiers.wording import LANGUAGES, WordingError, render

SLOT = timedelta(milliseconds=300)
PR_SET_PDEATHSIG = 1


def shorten() -> None:
    """Let pass in a moment what takes minutes in a shop."""
    courier.LEASE = timedelta(seconds=3)
    courier.REPEAT_AFTER = timedelta(milliseconds=50)
    courier.IDLE = 0.1
    settling.FIRST_WAIT = 0.1
    sender.Limits = partial(pacer.Limits, chat_gap=0.01)  # type: ignore[attr-defined,assignment] # the same class, with another default


def warm() -> None:
    """Do once what every life would do anew: read the words of all notices, and open a database."""
    for language in LANGUAGES:
        for kind in Kind:
            with suppress(WordingError):
                render(kind, language, {}, UTC)
    with TemporaryDirectory() as folder:
        asyncio.run(migrate(f"sqlite:///{folder}/warm.sqlite"))


def live(config: Path, fault: str, log: Path) -> int:
    """Live as ``coverwatch run`` does, and give the exit status."""
    with log.open("a") as output:
        for number in (1, 2):
            os.dup2(output.fileno(), number)
    os.environ["COVERWATCH_FAULT"] = fault
    found = load(config)
    rhythm = found.settings.rhythm.model_copy(update={"blocklists": SLOT, "accounts": SLOT})
    set_up_logging()
    try:
        asyncio.run(app.serve(replace(found, settings=found.settings.model_copy(update={"rhythm": rhythm}))))
    except BaseException:  # noqa: BLE001 - whatever ended the child is its status
        traceback.print_exc()
        return 1
    return 0


def die_with_parent() -> None:
    """End when whoever started us ends, however that happens (prctl(2))."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def main() -> None:
    """Take orders until there are no more."""
    die_with_parent()
    shorten()
    warm()
    print("ready", flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            die_with_parent()
            os._exit(live(Path(order["config"]), order["fault"], Path(order["log"])))
        print(child, flush=True)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
