"""Plays a script against the real daemon: a process of its own, on a temporary SQLite file, with ordinary settings."""

import asyncio
import contextlib
import ctypes
import json
import re
import shutil
import signal
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from monitor.clock import Clock
from monitor.demo.botapi.journal import Deed as Told
from monitor.demo.script import Act
from monitor.demo.world import DemoWorld
from monitor.store import reports, views
from monitor.store.engine import Store, connect

Tell = Callable[[str, str], None]
"""Tells one line of the story: who speaks (``world``, ``daemon``, ``chat``), and what."""

STARTING = 60.0
STOPPING = 10.0
LOOK = 0.3


class DemoError(Exception):
    """The demo could not be played; the message says why."""


@dataclass(slots=True)
class Daemon:
    """The real daemon as a child process."""

    config: Path
    process: asyncio.subprocess.Process | None = None
    console: str = ""
    log: list[str] = field(default_factory=list)

    async def start(self) -> None:
        """Start it, and wait until it says that it is ready."""
        self.process = await asyncio.create_subprocess_exec(
            program(),
            "run",
            "--config",
            str(self.config),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            # Ctrl-C is for us: we stop the daemon in good order.
            start_new_session=True,
            preexec_fn=_end_with_parent,
        )
        try:
            async with asyncio.timeout(STARTING):
                while not self.console:
                    await self._read_line()
        except TimeoutError:
            raise DemoError(f"the daemon was not ready within {STARTING:.0f} s") from None

    async def watch(self) -> None:
        """Read its log until it ends."""
        while True:
            await self._read_line()

    async def stop(self) -> int:
        """Stop it with SIGTERM; kill it where it takes too long. Give its exit status."""
        if self.process is None:
            return 0
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                async with asyncio.timeout(STOPPING):
                    while await self._stderr():
                        pass
                    await self.process.wait()
            except TimeoutError:
                self.process.kill()
                await self.process.wait()
        return self.process.returncode or 0

    async def _stderr(self) -> bytes:
        if self.process is None or self.process.stderr is None:
            return b""
        return await self.process.stderr.readline()

    async def _read_line(self) -> None:
        line = (await self._stderr()).decode(errors="replace").strip()
        if not line:
            raise DemoError("the daemon ended: " + " / ".join(self.log[-5:] or ["it said nothing"]))
        self.log.append(line)
        del self.log[:-1000]
        if not self.console:
            with contextlib.suppress(ValueError):
                record = json.loads(line)
                if record.get("event") == "ready":
                    self.console = record["console"]


def _end_with_parent() -> None:
    """Ask Linux to stop this process when the demo is killed: nobody else would (prctl(2), PR_SET_PDEATHSIG)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def program() -> str:
    """Give the path of the command beside this interpreter, else the one on PATH."""
    beside = Path(sys.executable).with_name("coverwatch")
    found = str(beside) if beside.exists() else shutil.which("coverwatch")
    if found is None:
        raise DemoError("the command coverwatch is not installed; run: pip install .")
    return found


@dataclass(slots=True)
class Play:
    """One performance: a world, a folder for its files, and somebody who listens."""

    world: DemoWorld
    folder: Path
    clock: Clock
    tell: Tell
    store: Store | None = None
    _seen_events: int = 0
    _seen_chats: int = 0
    _muted: set[str] = field(default_factory=set)
    _sick: set[str] = field(default_factory=set)
    _incidents: set[tuple[int, bool]] = field(default_factory=set)

    async def run(self, lasts: float | None, ready: Callable[[str], None]) -> dict[str, Any]:
        """Play for so many seconds (None: until cancelled), and give the story as one document."""
        config = self.world.write_files(self.folder, self.clock.now())
        for act in self.world.script.acts:
            if act.at < 0:
                self._do(act)
        for kind in ("customers", "deliveries", "stock"):
            await self._import(kind, config)
        daemon = Daemon(config)
        self.store = await connect(f"sqlite:///{self.folder / 'coverwatch.sqlite'}")
        try:
            try:
                await daemon.start()
                ready(daemon.console)
                await self._perform(daemon, lasts)
            finally:
                # Ctrl-C ends a performance too, and it is told to its end.
                status = await asyncio.shield(daemon.stop())
            await self._look()
            document = await self._document()
        finally:
            await asyncio.shield(self.store.close())
        if status != 0:
            raise DemoError(f"the daemon ended with status {status}: " + " / ".join(daemon.log[-5:]))
        return document

    async def _perform(self, daemon: Daemon, lasts: float | None) -> None:
        log = asyncio.create_task(daemon.watch())
        acts = asyncio.create_task(self._act())
        looks = asyncio.create_task(self._follow())
        try:
            async with asyncio.timeout(lasts):
                done, _ = await asyncio.wait((log, looks), return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
        except (TimeoutError, asyncio.CancelledError):
            pass
        finally:
            for task in (log, acts, looks):
                task.cancel()
            await asyncio.gather(log, acts, looks, return_exceptions=True)

    async def _import(self, kind: str, config: Path) -> None:
        file = self.folder / f"{kind}.csv"
        process = await asyncio.create_subprocess_exec(
            program(), "import", kind, str(file), "--config", str(config),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        try:
            said, _ = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        words = said.decode().strip()
        if process.returncode != 0:
            raise DemoError(f"import of {kind} failed: {words}")
        self.tell("shop", words)

    async def _act(self) -> None:
        began = self.clock.monotonic()
        for act in self.world.script.acts:
            if act.at >= 0:
                await asyncio.sleep(max(0.0, began + act.at - self.clock.monotonic()))
                self._do(act)

    def _do(self, act: Act) -> None:
        self.world.do(act)
        self.tell("world", act.words)

    async def _follow(self) -> None:
        while True:
            await self._look()
            await asyncio.sleep(LOOK)

    async def _look(self) -> None:
        """Tell what is new: muted lists, sick spares, moves of cases, messages in chats."""
        store = self.store
        if store is None:
            return
        async with store.read() as connection:
            sources = await views.list_sources(connection)
            stock = await views.list_stock(connection, tier=None, name=None, limit=1000)
            incidents = await reports.list_incidents(connection, lasting=False, limit=1000)
            events = await views.events_after(connection, self._seen_events)
        for source in sources:
            if not source["believed"] and source["name"] not in self._muted:
                self._muted.add(source["name"])
                self.tell("daemon", f"{source['name']} is muted: {source['why']}")
        for spare in stock:
            if spare["place"] == "sick" and spare["unit"] not in self._sick:
                self._sick.add(spare["unit"])
                self.tell("daemon", f"{spare['unit']} leaves the shelf: {spare['why']}")
        for each in reversed(incidents):
            self._tell_incident(each)
        for event in events:
            self._seen_events += 1
            self.tell("daemon", f"case {event['case_number']} ({event['order']}): {event['move']} - {event['why']}")
        entries = self.world.bot.journal.entries
        for entry in entries[self._seen_chats :]:
            self.tell("chat", f"{self._whose(entry.chat)}: {_one_line(entry.text)}")
        self._seen_chats = len(entries)

    def _tell_incident(self, row: dict[str, Any]) -> None:
        over = row["closed_at"] is not None
        if row["kind"] == "list" or (row["number"], over) in self._incidents:
            return
        self._incidents.add((row["number"], over))
        ending = "is over; judgement goes on" if over else f"begins, and judgement waits: {row['why']}"
        self.tell("daemon", f"the incident of {row['kind']} {row['name']} {ending}")

    def _whose(self, chat: int) -> str:
        return self.world.customers.get(chat, "operators")

    async def _document(self) -> dict[str, Any]:
        if self.store is None:
            raise DemoError("the performance never began")
        async with self.store.read() as connection:
            cases = await views.list_cases(connection, states=None, limit=10_000)
            deliveries = await views.list_deliveries(connection, order=None, tiers=None, limit=10_000)
            sources = await views.list_sources(connection)
            incidents = await reports.list_incidents(connection, lasting=False, limit=10_000)
            kinds = await views.notice_kinds(connection)
            figures = await views.figures(connection)
        keys = ("order", "customer", "defect", "state", "clause", "unit", "spare")
        struck = {case["order"] for case in cases}
        return {
            "cases": [{key: case[key] for key in keys} for case in cases],
            "chats": [self._chat(chat, kinds) for chat in self.world.customers if self._messages(chat)],
            "operators": [message.text for message in self._messages(self.world.operators)],
            "untouched": [each["order"] for each in deliveries if each["order"] not in struck],
            "incidents": [
                {"kind": "list", "name": source["name"], "why": source["why"], "over": False}
                for source in sources
                if not source["believed"]
            ]
            + [
                {"kind": each["kind"], "name": each["name"], "why": each["why"], "over": each["closed_at"] is not None}
                for each in reversed(incidents)
                if each["kind"] != "list"
            ],
            "counts": {
                "deliveries": len(deliveries),
                "cases": len(cases),
                "promised": sum(case["spare"] is not None for case in cases),
                "messages": len(self.world.bot.journal.entries),
                "questions": sum(self.world.zones.questions.values()),
                "notices": dict(figures.notices),
            },
        }

    def _messages(self, chat: int) -> list[Any]:
        return [entry for entry in self.world.bot.journal.entries if entry.chat == chat and entry.deed is Told.SENT]

    def _chat(self, chat: int, kinds: dict[tuple[str | None, str], str]) -> dict[str, Any]:
        customer = self.world.customers[chat]
        return {
            "chat": chat,
            "customer": customer,
            "messages": [
                {"kind": kinds.get((customer, str(entry.message_id)), "unknown"), "text": entry.text}
                for entry in self._messages(chat)
            ],
        }


def _one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


async def stop_on_signals(work: Awaitable[dict[str, Any]]) -> dict[str, Any] | None:
    """Turn Ctrl-C and SIGTERM into an orderly end of the performance; None where it had not begun yet."""
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    stopped = False

    def stop() -> None:
        # Once: an impatient second Ctrl-C must not leave the daemon behind.
        nonlocal stopped
        if not stopped:
            stopped = task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    try:
        return await task
    except asyncio.CancelledError:
        return None
