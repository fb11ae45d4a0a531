"""Tells everybody on one text stream: for installations without a bot."""

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from types import TracebackType
from typing import Literal, Self, TextIO

from pydantic import BaseModel, ConfigDict

from monitor.core.notice import Delivered, Outcome, TryLater
from notifiers.markup import harmless
from notifiers.message import Message


class Options(BaseModel):
    """Nothing to choose."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["console"] = "console"


class Console:
    """Writes each message as one block. The recipient is the customer's name; the receipt is the message's number."""

    not_before: datetime | None = None

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._lock = asyncio.Lock()
        self._written = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    @asynccontextmanager
    async def turn(self, recipient: str, *, urgent: bool = False) -> AsyncIterator[None]:
        """Wait for nothing: a stream has no limits."""
        del recipient, urgent
        yield

    def pause(self, seconds: float) -> None:
        """Ignore: a stream never asks for silence."""

    def parts(self, message: Message) -> Sequence[Message]:
        """Give the message whole: a stream takes any length."""
        return (message,)

    async def send(self, message: Message) -> Outcome:
        """Write one message."""
        return await self._write("to", message)

    async def edit(self, receipt: str, message: Message) -> Outcome:
        """Write the new state of message ``receipt``: what is on paper cannot be changed."""
        return await self._write(f"#{receipt} to", message)

    async def _write(self, head: str, message: Message) -> Outcome:
        body = "\n".join(f"| {line}".rstrip() for line in harmless(message.plain, lines=True).split("\n"))
        block = f"+ {head} {harmless(message.recipient)}\n{body}\n"
        # A terminal that was stopped blocks whoever writes to it: not the whole daemon.
        async with self._lock:
            try:
                await asyncio.to_thread(self._put, block)
            except (OSError, ValueError) as error:
                # Half a block on paper is worth another whole one; ValueError: the stream is closed.
                return TryLater(timedelta(minutes=1), f"console: {type(error).__name__}")
            self._written += 1
            return Delivered(str(self._written))

    def _put(self, block: str) -> None:
        self._stream.write(block)
        self._stream.flush()
