"""A name server for DNS lists, over UDP and TCP on one loopback port."""

import asyncio
import random
import socket
import struct
from collections import Counter
from collections.abc import Iterator
from ipaddress import ip_network
from types import TracebackType
from typing import Self, cast

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rdtypes.ANY.TXT
import dns.rrset

from monitor.demo.listing import (
    LISTED,
    Behaviour,
    Dead,
    Delayed,
    Lossy,
    Normal,
    Parked,
    Rcode,
    RefusesUs,
    Rewriting,
    Told,
    White,
    World,
    Zone,
)
from monitor.demo.loopback import LOOPBACK, Conversations

__all__ = [
    "Behaviour",
    "Dead",
    "Delayed",
    "Lossy",
    "Normal",
    "Parked",
    "Rcode",
    "RefusesUs",
    "Rewriting",
    "White",
    "World",
    "ZoneServer",
]

TTL = 60
PLAIN_UDP = 512
"""Bytes in the largest answer over UDP to a question without EDNS (RFC 1035 section 4.2.1)."""
LARGEST = 65535
RECEIVE_BUFFER = 4 << 20
"""Bytes: the kernel counts about 768 for each small question, and a burst must not be lost by the double itself."""


class ZoneServer:
    """Serves DNS lists; what they list and how they behave may change while it runs.

    ``seed`` decides which questions a lossy zone loses. ``questions`` counts what each zone was asked, lost ones too.
    """

    def __init__(self, *zones: str, seed: int = 0) -> None:
        self._zones: dict[dns.name.Name, Zone] = {}
        self._chance = random.Random(seed)  # noqa: S311 - a play needs the same chance every time, not a secret one
        self._udp: asyncio.DatagramTransport | None = None
        self._tcp = Conversations(self._converse)
        self.port = 0
        self.questions: Counter[str] = Counter()
        for zone in zones:
            self.serve(zone)

    async def __aenter__(self) -> Self:
        self._udp = await self._bind()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._udp is not None:
            self._udp.close()
        await self._tcp.close()

    @property
    def address(self) -> tuple[str, int]:
        """Host and port, for UDP and TCP alike."""
        return LOOPBACK, self.port

    def serve(self, zone: str, behaviour: Behaviour | None = None) -> None:
        """Serve this zone, empty at first."""
        apex = dns.name.from_text(zone)
        self._zones[apex] = Zone(apex, behaviour or Normal())

    def behave(self, zone: str, behaviour: Behaviour) -> None:
        """Let the zone behave like this from now on; its entries stay."""
        self._known(zone).behaviour = behaviour

    def list(self, zone: str, what: str, code: str = LISTED, reason: str = "Listed") -> None:
        """Enter an address or a network; one that is entered already gets the code in addition, and the new reason."""
        self._known(zone).enter(ip_network(what), code, reason)

    def delist(self, zone: str, what: str) -> None:
        """Take an address or network out again, exactly as it was entered; one that is not entered stays so."""
        self._known(zone).remove(ip_network(what))

    def answer(self, wire: bytes, *, limit: int | None = None) -> tuple[bytes, float] | None:
        """Answer one question: the message, and the seconds to wait before it is sent; None for silence.

        ``limit``: the most bytes that fit; None for what the question itself allows over UDP.
        """
        try:
            question = dns.message.from_wire(wire)
        except (dns.exception.DNSException, ValueError):
            return _malformed(wire)
        if question.flags & dns.flags.QR:
            # Answering an answer would make two servers talk for ever.
            return None
        reply = dns.message.make_response(question)
        told = self._fill(reply)
        if told is None:
            return None
        room = limit or max(PLAIN_UDP, question.payload)
        return reply.to_wire(max_size=room, prefer_truncation=True), told.after

    def _known(self, zone: str) -> Zone:
        found = self._zones.get(dns.name.from_text(zone))
        if found is None:
            raise ValueError(f"zone {zone} is not served here: serve() it first")
        return found

    def _fill(self, reply: dns.message.Message) -> Told | None:
        if reply.opcode() != dns.opcode.QUERY:
            reply.set_rcode(dns.rcode.NOTIMP)
            return Told()
        if len(reply.question) != 1:
            reply.set_rcode(dns.rcode.FORMERR)
            return Told()
        asked = reply.question[0]
        zone = next((self._zones[name] for name in _upwards(asked.name) if name in self._zones), None)
        if zone is None:
            reply.set_rcode(dns.rcode.REFUSED)
            return Told()
        self.questions[zone.apex.to_text(omit_final_dot=True)] += 1
        told = zone.tell(asked.name, self._chance)
        if told is not None:
            _write(reply, zone, asked, told)
        return told

    async def _bind(self) -> asyncio.DatagramTransport:
        loop = asyncio.get_running_loop()
        for _ in range(20):
            self.port = await self._tcp.open()
            try:
                udp, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(self), local_addr=self.address)
            except OSError:
                # Free for TCP, taken for UDP: another port, then.
                await self._tcp.close()
                continue
            udp.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
            return udp
        raise OSError("no port is free for UDP and TCP at once: close some programs and try again")

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            (length,) = struct.unpack("!H", await reader.readexactly(2))
            told = self.answer(await reader.readexactly(length), limit=LARGEST)
            if told is not None:
                wire, seconds = told
                await asyncio.sleep(seconds)
                writer.write(struct.pack("!H", len(wire)) + wire)
                await writer.drain()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, zones: ZoneServer) -> None:
        self._zones = zones
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # The loop's own datagram transport is no DatagramTransport by class, only by what it does.
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        told = self._zones.answer(data)
        if told is None:
            return
        wire, seconds = told
        if seconds:
            asyncio.get_running_loop().call_later(seconds, self._send, wire, addr)
        else:
            self._send(wire, addr)

    def _send(self, wire: bytes, addr: tuple[str, int]) -> None:
        if self._transport and not self._transport.is_closing():
            self._transport.sendto(wire, addr)


def _upwards(name: dns.name.Name) -> Iterator[dns.name.Name]:
    """Give the name and the names above it: a question belongs to the nearest zone that is served."""
    while name != dns.name.root:
        yield name
        name = name.parent()


def _write(reply: dns.message.Message, zone: Zone, asked: dns.rrset.RRset, told: Told) -> None:
    """Write what is told into the reply, in the asker's own spelling of the name."""
    reply.flags |= dns.flags.AA
    reply.set_rcode(dns.rcode.Rcode(told.rcode))
    server, keeper = f"ns.{zone.apex}", f"hostmaster.{zone.apex}"
    soa = dns.rrset.from_text(zone.apex, TTL, "IN", "SOA", f"{server} {keeper} 1 3600 600 86400 {TTL}")
    at_apex = asked.name == zone.apex and told.rcode == dns.rcode.NOERROR
    match asked.rdtype:
        case dns.rdatatype.A if told.codes:
            reply.answer.append(dns.rrset.from_text(asked.name, TTL, "IN", "A", *told.codes))
        case dns.rdatatype.TXT if told.reason:
            reply.answer.append(dns.rrset.from_rdata(asked.name, TTL, _txt(told.reason)))
        case dns.rdatatype.SOA if at_apex:
            reply.answer.append(soa)
        case dns.rdatatype.NS if at_apex:
            reply.answer.append(dns.rrset.from_text(asked.name, TTL, "IN", "NS", server))
        case _ if told.rcode in {dns.rcode.NOERROR, dns.rcode.NXDOMAIN}:
            reply.authority.append(soa)


def _txt(reason: str) -> dns.rdata.Rdata:
    octets = reason.encode()
    # A TXT record is made of strings of at most 255 octets (RFC 1035 section 3.3.14).
    strings = [octets[start : start + 255] for start in range(0, len(octets), 255)]
    return dns.rdtypes.ANY.TXT.TXT(dns.rdataclass.IN, dns.rdatatype.TXT, strings)


def _malformed(wire: bytes) -> tuple[bytes, float] | None:
    """Answer FORMERR to what has at least the header of a question, and nothing to the rest."""
    header, is_answer = 12, 0x80
    if len(wire) < header or wire[2] & is_answer:
        return None
    reply = dns.message.Message(id=int.from_bytes(wire[:2], "big"))
    reply.flags |= dns.flags.QR
    reply.set_rcode(dns.rcode.FORMERR)
    return reply.to_wire(), 0.0
