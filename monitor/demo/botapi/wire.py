"""How an answer travels back: whole, or in one of the ways in which it does not arrive."""

import asyncio
import json
import socket
import struct
from contextlib import suppress

from aiohttp import web

from monitor.demo.botapi.faults import Drip, Fault, HalfAnswer, HangUp, Instead, Reset, Slow
from monitor.demo.botapi.world import Json

LINGER = struct.pack("ii", 1, 0)
"""SO_LINGER on, zero seconds: closing sends RST in place of FIN."""


def is_processed(fault: Fault | None) -> bool:
    """Tell whether a request that meets this fault is processed all the same."""
    return fault.processed if isinstance(fault, Reset | HangUp | Instead) else True


async def deliver(request: web.Request, answer: tuple[int, Json] | None, fault: Fault | None) -> web.StreamResponse:
    """Send the answer, or what the fault makes of it."""
    status, body = answer or (500, {"ok": False, "error_code": 500, "description": "Internal Server Error"})
    text = json.dumps(body).encode()
    match fault:
        case Reset():
            _break(request, reset=True)
            return web.Response()
        case HangUp():
            _break(request, reset=False)
            return web.Response()
        case HalfAnswer():
            return await _in_parts(request, status, text, [text[: len(text) // 2]], 0)
        case Drip(pause, size):
            pieces = [text[begin : begin + size] for begin in range(0, len(text), size)]
            return await _in_parts(request, status, text, pieces, pause)
        case Instead(status=other, body=words, content_type=kind, retry_after=wait):
            headers = {} if wait is None else {"Retry-After": str(wait)}
            return web.Response(status=other, text=words, content_type=kind, headers=headers)
        case Slow(seconds, processed=True):
            await asyncio.sleep(seconds)
        case _:
            pass
    return web.Response(status=status, body=text, content_type="application/json", headers=_retry_after(body))


def _retry_after(body: Json) -> dict[str, str]:
    parameters = body.get("parameters")
    wait = parameters.get("retry_after") if isinstance(parameters, dict) else None
    return {} if wait is None else {"Retry-After": str(wait)}


async def _in_parts(
    request: web.Request, status: int, text: bytes, pieces: list[bytes], pause: float
) -> web.StreamResponse:
    """Promise the whole text, send these pieces, and close if they were not all of it."""
    response = web.StreamResponse(status=status)
    response.content_type, response.content_length = "application/json", len(text)
    # A client that has lost patience is gone; it gets nothing more.
    with suppress(ConnectionError):
        await response.prepare(request)
        for piece in pieces:
            await response.write(piece)
            await asyncio.sleep(pause)
    if sum(map(len, pieces)) < len(text):
        _break(request, reset=False)
    return response


def _break(request: web.Request, *, reset: bool) -> None:
    transport = request.transport
    if transport is None:
        return
    if reset:
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER)
        transport.abort()
    else:
        transport.close()
