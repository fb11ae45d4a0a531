"""Sides of the wire that the Bot API double does not play: one that never says a word, and one that has a file."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from monitor.demo.loopback import Listener


@asynccontextmanager
async def deaf_peer() -> AsyncIterator[int]:
    """Listen on a loopback port, take every connection, answer none; give the port."""
    over = asyncio.Event()

    async def listen_on(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await over.wait()
        writer.close()

    server = await asyncio.start_server(listen_on, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
        over.set()


@asynccontextmanager
async def file_peer(token: str, content: bytes, *, told: int | None) -> AsyncIterator[str]:
    """Serve getFile for one file, and the file, to whoever has the token; ``told``: the size that getFile names."""

    async def get_file(_: web.Request) -> web.Response:
        file = {"file_id": "F", "file_unique_id": "U", "file_path": "photos/file 1.jpg"}
        return web.json_response({"ok": True, "result": file if told is None else {**file, "file_size": told}})

    async def give(_: web.Request) -> web.Response:
        return web.Response(body=content)

    app = web.Application()
    app.router.add_post(f"/bot{token}/getFile", get_file)
    app.router.add_get(f"/file/bot{token}/photos/file 1.jpg", give)
    async with Listener(app) as listener:
        yield listener.url
