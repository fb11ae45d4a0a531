"""A mail server on loopback that says what it is told to say, and keeps what it was given."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field


@dataclass
class MailServer:
    """``replies``: other answers than the usual ones, by verb; "" hangs up. ``offers``: lines of the answer to EHLO."""

    replies: dict[str, str] = field(default_factory=dict)
    offers: list[str] = field(default_factory=list)
    port: int = 0
    seen: list[str] = field(default_factory=list)
    letters: list[str] = field(default_factory=list)
    calls: set[asyncio.Task[None]] = field(default_factory=set)

    def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take a call."""
        self.calls.add(asyncio.ensure_future(self.serve(reader, writer)))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Talk to one client until one of the two hangs up."""

        def say(line: str) -> None:
            writer.write(line.encode() + b"\r\n")

        say("220 ready")
        while line := (await reader.readline()).decode().rstrip("\r\n"):
            self.seen.append(line)
            verb = line.partition(" ")[0].upper()
            reply = self.replies.get(verb)
            if reply is None and verb == "EHLO":
                lines = ["here", *self.offers]
                reply = "\r\n".join(f"250{' ' if each == lines[-1] else '-'}{each}" for each in lines)
            if reply is None and verb == "DATA":
                say("354 go on")
                letter = (await reader.readuntil(b"\r\n.\r\n")).decode()
                self.letters.append(letter.removesuffix(".\r\n"))
                reply = self.replies.get("END")
            if reply == "":
                break
            say(reply or "250 ok")
            if verb == "QUIT":
                break
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


@asynccontextmanager
async def mail_server(*offers: str, **replies: str) -> AsyncIterator[MailServer]:
    """Run a mail server on a free port."""
    server = MailServer(replies, list(offers))
    listener = await asyncio.start_server(server.take, "127.0.0.1", 0)
    server.port = listener.sockets[0].getsockname()[1]
    async with listener:
        yield server
        await asyncio.gather(*server.calls)
