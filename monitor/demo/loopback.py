"""Servers on loopback ports of their own: plain TCP, and web applications that may stop listening and come back."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

from aiohttp import web

LOOPBACK = "127.0.0.1"
PATIENCE = 0.1
"""Seconds that requests still under way are given when the server stops: slow answers are part of the play."""


Converse = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Conversations:
    """A TCP server on 127.0.0.1 whose open conversations end when it closes."""

    def __init__(self, converse: Converse) -> None:
        self._converse = converse
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()

    async def open(self) -> int:
        """Listen on a free port and give it."""
        self._server = await asyncio.start_server(self._talk, LOOPBACK, 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def close(self) -> None:
        """Stop listening and hang up on everyone."""
        if self._server is not None:
            self._server.close()
            for talk in self._open:
                talk.cancel()
            await asyncio.gather(*self._open, return_exceptions=True)
            await self._server.wait_closed()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talk = asyncio.current_task()
        if talk is not None:
            self._open.add(talk)
            talk.add_done_callback(self._open.discard)
        try:
            # Whoever hangs up in the middle of a sentence has nothing more to say.
            with suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
                await self._converse(reader, writer)
        finally:
            writer.close()


class Listener:
    """One aiohttp application on 127.0.0.1, on a free port that it keeps until it closes."""

    def __init__(self, app: web.Application) -> None:
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=PATIENCE)
        self._site: web.TCPSite | None = None
        self._place: socket.socket | None = None
        self.port = 0

    async def __aenter__(self) -> Self:
        # Bound, but deaf: while nobody listens the port stays ours, and whoever calls is refused all the same.
        self._place = socket.socket()
        self._place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._place.bind((LOOPBACK, 0))
        self.port = self._place.getsockname()[1]
        await self._runner.setup()
        await self.listen()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()
        if self._place is not None:
            self._place.close()

    @property
    def url(self) -> str:
        """Where it listens, without a slash at the end."""
        return f"http://{LOOPBACK}:{self.port}"

    async def listen(self) -> None:
        """Accept connections (again)."""
        if self._site is None:
            self._site = web.TCPSite(self._runner, LOOPBACK, self.port, reuse_address=True)
            await self._site.start()

    async def refuse(self) -> None:
        """Stop listening and drop who is connected: whoever calls now is refused by the kernel."""
        if self._site is not None:
            await self._site.stop()
            self._site = None
            server = self._runner.server
            for connection in server.connections if server else ():
                connection.force_close()
