"""Web servers that misbehave below the level of any dialect, and a proxy that spoils good answers on their way."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import aiohttp
from aiohttp import web

from monitor.demo.loopback import Listener

Misbehaviour = Callable[[asyncio.StreamWriter], Awaitable[None]]

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def whole(body: bytes, head: bytes = OK) -> Misbehaviour:
    """Answer with this body, whatever is asked."""

    async def say(writer: asyncio.StreamWriter) -> None:
        writer.write(head + f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)
        await writer.drain()

    return say


async def slow_loris(writer: asyncio.StreamWriter) -> None:
    """Give one byte after the other, for ever: each read succeeds, and the whole never comes."""
    writer.write(OK + b"Content-Length: 100000\r\n\r\n")
    while True:
        writer.write(b"[")
        await writer.drain()
        await asyncio.sleep(0.02)


async def endless(writer: asyncio.StreamWriter) -> None:
    """Give chunk after chunk, as fast as they are taken."""
    writer.write(OK + b"Transfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"10000\r\n" + b" " * 65536 + b"\r\n")
        await writer.drain()


async def mute(_: asyncio.StreamWriter) -> None:
    """Take the question and say nothing."""
    await asyncio.Event().wait()


async def garbage(writer: asyncio.StreamWriter) -> None:
    """Speak no HTTP."""
    writer.write(bytes(range(256)) * 4)
    await writer.drain()


async def hang_up(writer: asyncio.StreamWriter) -> None:
    """Promise much and leave in the middle."""
    writer.write(OK + b'Content-Length: 100000\r\n\r\n{"half":')
    await writer.drain()


def html(status: str) -> Misbehaviour:
    """Answer with a page for people, with any status."""
    page = b"<!DOCTYPE html><html><body><h1>Checking your browser</h1></body></html>"
    return whole(page, f"HTTP/1.1 {status}\r\nContent-Type: text/html\r\n".encode())


def redirect(to: str) -> Misbehaviour:
    """Send the asker elsewhere."""
    return whole(b"", f"HTTP/1.1 302 Found\r\nLocation: {to}\r\n".encode())


gzip_bomb = whole(gzip.compress(b" " * (64 << 20)), OK + b"Content-Encoding: gzip\r\n")
"""64 MiB of blanks in 64 KiB."""
broken_gzip = whole(b"\x1f\x8b\x08no", OK + b"Content-Encoding: gzip\r\n")
brotli = whole(b"\x0b\x02\x80{}\x03", OK + b"Content-Encoding: br\r\n")
deep_json = whole(b'{"a":' * 50_000 + b"1" + b"}" * 50_000)
nan = whole(b'{"account": NaN, "instances": NaN, "servers": NaN, "data": NaN, "result": NaN, "message": NaN}')
long_number = whole(b'{"access_token": "x", "data": ' + b"9" * 10_000 + b"}")
not_utf8 = whole(b'{"account": "\xff\xfe"}')
nothing = whole(b"")
null = whole(b"null")
wrong_shapes = whole(b'{"account": [], "instances": {}, "servers": 7, "data": "x", "result": null, "message": [1]}')


@asynccontextmanager
async def misbehaving(misbehaviour: Misbehaviour) -> AsyncIterator[str]:
    """Run a server on loopback that answers every request in this way; give its URL."""
    talks: set[asyncio.Task[None]] = set()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        talks.add(task)
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await reader.readuntil(b"\r\n\r\n")
            await misbehaviour(writer)
        writer.close()
        talks.discard(task)

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in tuple(talks):
            task.cancel()
        await asyncio.gather(*talks, return_exceptions=True)


@asynccontextmanager
async def proxy(upstream: str, spoil: Callable[[web.Response], None]) -> AsyncIterator[tuple[str, list[web.Request]]]:
    """Stand before a server and spoil its answers; give our URL, and what was asked, in order."""
    asked: list[web.Request] = []

    async def forward(request: web.Request) -> web.Response:
        asked.append(request)
        url, body = upstream + request.path_qs, await request.read()
        kept = {name: value for name, value in request.headers.items() if name != "Accept-Encoding"}
        async with client.request(request.method, url, headers=kept, data=body) as answer:
            passed = {k: v for k, v in answer.headers.items() if k not in {"Content-Length", "Date", "Server"}}
            response = web.Response(status=answer.status, body=await answer.read(), headers=passed)
        spoil(response)
        return response

    app = web.Application()
    app.router.add_route("*", "/{any:.*}", forward)
    async with aiohttp.ClientSession() as client, Listener(app) as listener:
        yield listener.url, asked
