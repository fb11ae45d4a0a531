"""A DNS server that says what the test tells it to say, on UDP and TCP of one loopback port.

It builds its messages by hand, byte by byte: it must be able to say what no library would write.
"""

import asyncio
import struct
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Self

A, CNAME, SOA, NS, TXT = 1, 5, 6, 2, 16
TO_QUESTION = b"\xc0\x0c"


@dataclass(frozen=True, slots=True)
class Asked:
    """One question as it arrived: all its bytes, and the port it came from."""

    wire: bytes
    port: int

    @property
    def id(self) -> int:
        return int.from_bytes(self.wire[:2])

    @property
    def question(self) -> bytes:
        return self.wire[12:]

    @property
    def name(self) -> str:
        labels, at = [], 12
        while size := self.wire[at]:
            labels.append(self.wire[at + 1 : at + 1 + size].decode())
            at += 1 + size
        return ".".join(labels)


def record(kind: int, data: bytes, owner: bytes = TO_QUESTION, class_: int = 1) -> bytes:
    return owner + struct.pack("!HHIH", kind, class_, 300, len(data)) + data


def a(code: str, owner: bytes = TO_QUESTION) -> bytes:
    return record(A, bytes(int(octet) for octet in code.split(".")), owner)


def name(text: str) -> bytes:
    return b"".join(bytes([len(label)]) + label.encode() for label in text.split(".")) + b"\0"


def reply(
    asked: Asked,
    answers: Iterable[bytes] = (),
    *,
    rcode: int = 0,
    flags: int = 0x8580,
    id: int | None = None,  # noqa: A002 - the protocol's word
    question: bytes | None = None,
    authority: Iterable[bytes] = (),
    additional: Iterable[bytes] = (),
) -> bytes:
    sections = [list(answers), list(authority), list(additional)]
    header = struct.pack(
        "!HHHHHH", asked.id if id is None else id, flags | rcode, 1, *(len(section) for section in sections)
    )
    body = asked.question if question is None else question
    return header + body + b"".join(part for section in sections for part in section)


def listed(asked: Asked) -> bytes:
    return reply(asked, [a("127.0.0.2")])


def nxdomain(asked: Asked) -> bytes:
    return reply(asked, rcode=3)


Script = Callable[["ScriptedServer", Asked], Iterable[bytes] | Awaitable[Iterable[bytes]]]


@dataclass
class ScriptedServer(asyncio.DatagramProtocol):
    """Answers each question with the datagrams that ``script`` gives; ``over_tcp`` does the same on TCP."""

    script: Script
    over_tcp: Callable[[Asked], bytes] | None = None
    asked: list[Asked] = field(default_factory=list)
    host: str = "127.0.0.1"
    port: int = 0
    transport: asyncio.DatagramTransport | None = None
    listener: asyncio.Server | None = None
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def __aenter__(self) -> Self:
        loop, wanted = asyncio.get_running_loop(), self.port
        while self.transport is None:
            self.transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=(self.host, wanted))
            self.port = self.transport.get_extra_info("sockname")[1]
            if self.over_tcp:
                try:
                    self.listener = await asyncio.start_server(self._serve_tcp, self.host, self.port)
                except OSError:
                    # Free for UDP, taken for TCP: another port, then, if any will do.
                    self.transport.close()
                    if wanted:
                        raise
                    self.transport = None
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self.tasks:
            task.cancel()
        assert self.transport is not None
        self.transport.close()
        if self.listener:
            self.listener.close()

    @property
    def address(self) -> tuple[str, int]:
        return self.host, self.port

    @property
    def name(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        asked = Asked(data, addr[1])
        self.asked.append(asked)
        said = self.script(self, asked)
        if isinstance(said, Awaitable):
            task = asyncio.create_task(self._say_later(said, addr))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)
        else:
            self._say(said, addr)

    async def _say_later(self, said: Awaitable[Iterable[bytes]], addr: tuple[str, int]) -> None:
        self._say(await said, addr)

    def _say(self, datagrams: Iterable[bytes], addr: tuple[str, int]) -> None:
        assert self.transport is not None
        for datagram in datagrams:
            self.transport.sendto(datagram, addr)

    async def _serve_tcp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        size = int.from_bytes(await reader.readexactly(2))
        assert self.over_tcp is not None
        answer = self.over_tcp(Asked(await reader.readexactly(size), 0))
        writer.write(len(answer).to_bytes(2) + answer)
        await writer.drain()
        writer.close()
