"""The slow and thorough way, through dnspython: odd replies, TCP, and the reason a list gives in words."""

from ipaddress import IPv4Address
from typing import Final

import dns.asyncquery
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
from dns.rdtypes.ANY.TXT import TXT

from checks.dns.wire import NOT_THERE, Unread
from monitor.core.dnsxl import Addresses, ErrorCode, Reply

_LONGEST_REASON: Final = 300
"""Characters. A list's words are shown to people, so they are kept to a line or two."""


def read_message(message: bytes) -> Reply | Unread:
    """Read a whole reply strictly, in every section. Its id and question are for the caller to compare."""
    try:
        return _read(dns.message.from_wire(message))
    except Exception:  # noqa: BLE001 - the bytes may be hostile; whatever a parser says of them, they are no answer
        return Unread.MALFORMED


async def ask_over_tcp(question: bytes, resolver: tuple[str, int], timeout: float) -> Reply | Unread | None:
    """Ask over TCP for the A records of the name in ``question``; None if nothing came within ``timeout`` seconds."""
    name, _ = dns.name.from_wire(question, 0)
    host, port = resolver
    try:
        return _read(await dns.asyncquery.tcp(dns.message.make_query(name, dns.rdatatype.A), host, timeout, port))
    except (dns.exception.Timeout, OSError, EOFError):
        return None
    except (dns.exception.DNSException, ValueError):
        return Unread.MALFORMED


async def ask_for_text(name: str, resolver: tuple[str, int], timeout: float) -> str | None:
    """Ask for the first TXT record of a name, as one printable line; None if there is none or nothing came back."""
    question = dns.message.make_query(name, dns.rdatatype.TXT)
    host, port = resolver
    try:
        message, _ = await dns.asyncquery.udp_with_fallback(
            question, host, timeout, port, ignore_unexpected=True, ignore_errors=True
        )
        found = _chain(message).answer
    except (dns.exception.DNSException, OSError, EOFError, ValueError):
        return None
    for record in found or ():
        if isinstance(record, TXT):
            line = b"".join(record.strings).decode(errors="replace")
            return "".join(char if char.isprintable() else " " for char in line).strip()[:_LONGEST_REASON] or None
    return None


def _read(message: dns.message.Message) -> Reply | Unread:
    rcode = message.rcode()
    if message.flags & dns.flags.TC:
        return Unread.TRUNCATED
    if rcode not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        return ErrorCode(int(rcode))
    chain = _chain(message)
    if chain.answer is not None:
        return Addresses(tuple(int(IPv4Address(record.address)) for record in chain.answer))
    authority = {rrset.rdtype for rrset in message.authority}
    knows = dns.rdatatype.SOA in authority or (
        not chain.cnames and (bool(message.flags & dns.flags.AA) or dns.rdatatype.NS not in authority)
    )
    return NOT_THERE if rcode == dns.rcode.NXDOMAIN or knows else Unread.LAME


def _chain(message: dns.message.Message) -> dns.message.ChainingResult:
    if not isinstance(message, dns.message.QueryMessage):
        raise dns.message.NotQueryResponse
    return message.resolve_chaining()
