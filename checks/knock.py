"""Knocking at somebody's door: where it is, who may be knocked at, and one conversation by datagrams."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address

from pydantic import BaseModel, ConfigDict, PositiveFloat, PositiveInt

from checks.egress import forbidden
from checks.foreign import clip
from monitor.core.endpoint import Closed, Knock, Misfit
from monitor.core.fleet import Address
from monitor.core.observation import Silent

WAITING = 64
"""Datagrams that may wait to be read; a flood beyond it is dropped."""


class Manner(BaseModel):
    """How patiently to knock. Times in seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    timeout: PositiveFloat = 5.0
    """For all tries together."""
    tries: PositiveInt = 3
    """How often a datagram is sent, for any may get lost."""
    allow: tuple[IPv4Network | IPv6Network, ...] = ()
    """Networks that may be knocked at although they are not public."""


@dataclass(frozen=True, slots=True)
class Target:
    """A door: a host, by name or address, and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


async def find(target: Target, manner: Manner) -> Address | Misfit | Silent:
    """Find the address behind a target, once; what is connected to is this address and no later answer."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(manner.timeout):
            found = await loop.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except TimeoutError:
        return Silent(f"no address for {clip(target.host)} within {manner.timeout:g} s")
    except (OSError, UnicodeError) as error:
        return Silent(f"no address for {clip(target.host)}: {clip(str(error))}")
    address = ip_address(str(found[0][4][0]).partition("%")[0])
    why = forbidden(address, manner.allow)
    return address if why is None else Misfit(f"{address} is refused: {why}")


async def converse(
    address: Address, port: int, manner: Manner, say: Callable[[], bytes], read: Callable[[bytes], Knock | None]
) -> Knock:
    """Send a datagram, again and again, until an answer can be read or the time is over.

    ``say`` makes each datagram anew; ``read`` gives None for what is no answer to it. The socket is connected: the
    kernel drops what others send, and tells when nobody listens there.
    """
    loop = asyncio.get_running_loop()
    try:
        transport, listener = await loop.create_datagram_endpoint(_Listener, remote_addr=(str(address), port))
    except OSError as error:
        return Silent(clip(error.strerror or str(error)))
    try:
        for _ in range(manner.tries):
            transport.sendto(say())
            try:
                async with asyncio.timeout(manner.timeout / manner.tries):
                    return await _first(listener.heard, read)
            except TimeoutError:
                continue
    finally:
        transport.close()
    return Silent(f"no answer within {manner.timeout:g} s")


async def _first(heard: "asyncio.Queue[bytes | OSError]", read: Callable[[bytes], Knock | None]) -> Knock:
    while True:
        word = await heard.get()
        if isinstance(word, ConnectionRefusedError):
            return Closed("port unreachable")
        if isinstance(word, bytes) and (knock := read(word)) is not None:
            return knock


async def converse_by_stream(
    address: Address, port: int, manner: Manner, say: Callable[[], bytes], read: Callable[[bytes], Knock | None]
) -> Knock:
    """Hold the same conversation over TCP, where each packet bears its length in two bytes before it."""
    try:
        async with asyncio.timeout(manner.timeout), connected(address, port) as (reader, writer):
            packet = say()
            writer.write(len(packet).to_bytes(2) + packet)
            while True:
                size = int.from_bytes(await reader.readexactly(2))
                if (knock := read(await reader.readexactly(size))) is not None:
                    return knock
    except TimeoutError:
        return Silent(f"no answer within {manner.timeout:g} s")
    except ConnectionRefusedError:
        return Closed("connection refused")
    except asyncio.IncompleteReadError:
        return Silent("it hangs up")
    except OSError as error:
        return Silent(clip(error.strerror or str(error)))


@asynccontextmanager
async def connected(address: Address, port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Connect, and leave without ceremony."""
    reader, writer = await asyncio.open_connection(str(address), port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


class _Listener(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.heard: asyncio.Queue[bytes | OSError] = asyncio.Queue(WAITING)

    def datagram_received(self, data: bytes, _: object) -> None:
        if not self.heard.full():
            self.heard.put_nowait(data)

    def error_received(self, exc: Exception) -> None:
        if isinstance(exc, OSError) and not self.heard.full():
            self.heard.put_nowait(exc)
