"""DNS messages as bytes (RFC 1035): questions built from templates, replies read without trust.

Only what can make an address listed or clear is read: header, question and answer section. The sections behind them
are walked only where their mere presence changes what was said (a referral, an OPT record). Whatever is unusual but
not wrong is ``Unread.ODD``: dnspython then reads it (see :mod:`checks.dns.rare`).
"""

import string
import struct
from collections.abc import Callable, Iterator, Sequence
from enum import Enum
from itertools import chain, islice
from typing import Final, SupportsInt

from monitor.core.dnsxl import Addresses, ErrorCode, NoSuchName, Reply

HEADER: Final = struct.Struct("!HHHHHH")
HEADER_SIZE: Final = HEADER.size
ASKING: Final = HEADER.pack(0, 0x0100, 1, 0, 0, 0)[2:]
"""What follows the id in every question: recursion desired, one question."""
LONGEST_ZONE: Final = 255 - 64
"""Bytes: a name has at most 255 (RFC 1035 section 2.3.4), and the nibbles of an IPv6 address take 64 of them."""

A: Final = 1
NS: Final = 2
CNAME: Final = 5
SOA: Final = 6
IN: Final = 1
_META_TYPES: Final = frozenset({41, 250})
"""OPT carries the upper bits of the response code, TSIG a signature: neither was asked for."""

_NOERROR: Final = 0
_NXDOMAIN: Final = 3
_BARE_ERRORS: Final = frozenset({1, 2, 4, 5})
"""FORMERR, SERVFAIL, NOTIMP, REFUSED: some servers send these as a header alone."""

_COUNTS: Final = struct.Struct("!BBHHHH")
_RECORD: Final = struct.Struct("!HHIH")
_ADDRESS: Final = struct.Struct("!HHHIHI")
_OF_THE_NAME_ASKED: Final = (0xC000 | HEADER_SIZE, A, IN, 4)
"""What nearly every listing is: one address, whose owner is a pointer to the question."""
_WORD: Final = struct.Struct("!H")
_REPLY_BIT: Final = 0x80
_OPCODE_BITS: Final = 0x78
_AUTHORITATIVE: Final = 0x04
_TRUNCATED: Final = 0x02
_POINTER: Final = 0xC0
_LONGEST_LABEL: Final = 63
_LONGEST_NAME: Final = 255
_LONGEST_CHAIN: Final = 15
_MOST_POINTERS: Final = 16
_BATCH: Final = 64

NOT_THERE: Final = NoSuchName()

ABSENT: Final = frozenset(
    HEADER.pack(0, flags, 1, 0, authorities, 0)[2:]
    for flags in (0x8183, 0x8583, 0x8403, 0x8503, 0x81A3)
    for authorities in (0, 1)
)
"""What follows the id in nearly every reply there is: no such name, with or without the zone's SOA."""


class Unread(Enum):
    """Why a datagram gave no reply."""

    FOREIGN = "it does not answer this question"
    FOLDED = "it repeats the question in another letter case"
    TRUNCATED = "it did not fit"
    ODD = "it holds more than the fast path reads"
    LAME = "it points elsewhere and answers nothing"
    MALFORMED = "it breaks the format"


# --- questions -------------------------------------------------------------------------------------------------------

_OCTETS: Final = tuple(bytes((len(str(octet)),)) + str(octet).encode() for octet in range(256))
_LETTERS: Final = frozenset(string.ascii_letters.encode())
_CASE_BIT: Final = 0x20
_NIBBLE_LENGTHS: Final = b"\1" * 32


Write = Callable[[Sequence[SupportsInt], Iterator[bytes]], list[bytes]]
"""Writes the questions about addresses, each with the next of the ends."""


def octets(addresses: Sequence[SupportsInt], ends: Iterator[bytes]) -> list[bytes]:
    """Ask about IPv4 addresses: four reversed labels each."""
    # Nothing here is done address by address: the low octet, which is asked first, comes first in these bytes.
    octet = map(_OCTETS.__getitem__, struct.pack(f"<{len(addresses)}I", *map(int, addresses)))
    return [*map(b"".join, zip(octet, octet, octet, octet, ends, strict=False))]


def nibbles(addresses: Sequence[SupportsInt], ends: Iterator[bytes]) -> list[bytes]:
    """Ask about IPv6 addresses: thirty-two reversed labels each."""
    return [_nibbles(int(address)) + end for address, end in zip(addresses, ends, strict=False)]


def bare(addresses: Sequence[SupportsInt], ends: Iterator[bytes]) -> list[bytes]:
    """Ask about the name in the ends itself, once for each address."""
    return [*islice(ends, len(addresses))]


def _nibbles(address: int) -> bytes:
    labels = bytearray(64)
    labels[0::2] = _NIBBLE_LENGTHS
    labels[1::2] = (b"%032x" % address)[::-1]
    return bytes(labels)


def pack_name(name: str) -> bytes:
    """Write a name as labels with the root at the end. ValueError names what is wrong with it."""
    packed = bytearray()
    for label in name.removesuffix(".").split("."):
        if not 0 < len(label) <= _LONGEST_LABEL or not label.isascii():
            raise ValueError(f"{name!r} is not a domain name: its labels have 1 to 63 ASCII characters")
        packed += bytes((len(label),)) + label.encode()
    packed += b"\0"
    if len(packed) > LONGEST_ZONE:
        raise ValueError(f"{name!r} is too long: a zone has at most {LONGEST_ZONE} bytes")
    return bytes(packed)


def ends_of_questions(zone: bytes, randbytes: Callable[[int], bytes]) -> Iterator[bytes]:
    """Give, without end, what follows the labels of an address in a question: zone, type A, class IN.

    The letters of the zone are in a case drawn anew each time, which a forger must guess as well (dns0x20).
    """
    return chain.from_iterable(_batches_of_ends(zone + b"\0\1\0\1", randbytes))


def _batches_of_ends(end: bytes, randbytes: Callable[[int], bytes]) -> Iterator[tuple[bytes, ...]]:
    cut = struct.Struct(f"{len(end)}s" * _BATCH)
    mask = int.from_bytes(bytes(_CASE_BIT if byte in _LETTERS else 0 for byte in end) * _BATCH)
    plain = int.from_bytes(end * _BATCH)
    while True:
        noise = int.from_bytes(randbytes(cut.size + 1))
        for _ in range(8):
            # One long number flips the case of a whole batch, and a shift brings the next unused bit of the noise to
            # where the case is.
            yield cut.unpack((plain ^ noise & mask).to_bytes(cut.size))
            noise >>= 1


# --- replies ---------------------------------------------------------------------------------------------------------


def read_reply(  # noqa: PLR0911 - each way out is a different fate of a datagram
    packet: bytes | bytearray, start: int, end: int, question: bytes
) -> Reply | Unread:
    """Read the datagram in ``packet[start:end]`` as a reply to ``question`` (name, type and class as they were sent).

    Whatever the bytes are, this returns. The id is for the caller to compare.
    """
    behind = start + HEADER_SIZE + len(question)
    if end < behind:
        return _read_bare_error(packet, start, end)
    if not packet.startswith(question, start + HEADER_SIZE):
        asked = packet[start + HEADER_SIZE : behind]
        return Unread.FOLDED if asked.lower() == question.lower() else Unread.FOREIGN
    flags, more_flags, questions, answers, authorities, additionals = _COUNTS.unpack_from(packet, start + 2)
    if questions != 1 or flags & (_REPLY_BIT | _OPCODE_BITS) != _REPLY_BIT:
        return Unread.FOREIGN
    if flags & _TRUNCATED:
        return Unread.TRUNCATED
    rcode = more_flags & 15
    if rcode != _NOERROR and not answers and not additionals:
        return NOT_THERE if rcode == _NXDOMAIN else ErrorCode(rcode)
    if rcode == _NOERROR and answers == 1 and not additionals and end >= behind + _ADDRESS.size:
        pointer, kind, class_, _, size, address = _ADDRESS.unpack_from(packet, behind)
        if (pointer, kind, class_, size) == _OF_THE_NAME_ASKED:
            return Addresses((address,))
    # From here on in a copy, so that reading past the end is an error and not the datagram before this one.
    message = bytes(packet[start:end])
    try:
        return _read_sections(message, HEADER_SIZE + len(question), (answers, authorities, additionals))
    except _REFUSED_BYTES:
        return Unread.MALFORMED


class _BadName(Exception):  # noqa: N818 - never leaves this module
    """The bytes are no name."""


_REFUSED_BYTES: Final = (_BadName, IndexError, struct.error)


def _read_bare_error(packet: bytes | bytearray, start: int, end: int) -> Reply | Unread:
    if end - start != HEADER_SIZE:
        return Unread.FOREIGN
    flags, more_flags, *counts = _COUNTS.unpack_from(packet, start + 2)
    if any(counts) or flags & (_REPLY_BIT | _OPCODE_BITS | _TRUNCATED) != _REPLY_BIT:
        return Unread.FOREIGN
    rcode = more_flags & 15
    return ErrorCode(rcode) if rcode in _BARE_ERRORS else Unread.FOREIGN


def _read_sections(message: bytes, at: int, counts: tuple[int, int, int]) -> Reply | Unread:
    answers, authorities, additionals = counts
    found: dict[bytes, list[int]] = {}
    aliases: dict[bytes, bytes] = {}
    for _ in range(answers):
        owner, at = _read_name(message, at)
        kind, class_, _, size = _RECORD.unpack_from(message, at)
        at += _RECORD.size
        if class_ != IN or kind not in (A, CNAME) or (kind == CNAME and owner in aliases):
            return Unread.ODD
        if kind == A:
            if size != 4 or at + size > len(message):  # noqa: PLR2004 - an IPv4 address
                return Unread.MALFORMED
            found.setdefault(owner, []).append(int.from_bytes(message[at : at + size]))
        else:
            aliases[owner], behind = _read_name(message, at)
            if behind != at + size:
                return Unread.MALFORMED
        at += size
    codes = _follow(message, found, aliases)
    # An answer needs no more reading; silence does: a referral looks like one.
    authority, at = _types(message, at, 0 if codes and not additionals else authorities)
    additional, at = _types(message, at, additionals)
    if _META_TYPES & (authority | additional):
        return Unread.ODD
    return _conclude(message, codes, has_alias=bool(aliases), authority=authority)


def _conclude(message: bytes, codes: tuple[int, ...] | None, *, has_alias: bool, authority: set[int]) -> Reply | Unread:
    rcode = message[3] & 15
    if rcode not in (_NOERROR, _NXDOMAIN):
        return ErrorCode(rcode)
    if codes is None or (codes and rcode == _NXDOMAIN):
        return Unread.MALFORMED
    if rcode == _NXDOMAIN:
        return NOT_THERE
    if codes:
        return Addresses(codes)
    # "No such record" comes with the zone's SOA or from the zone's own server. An alias that ends nowhere and a list
    # of other name servers come from one who does not know (RFC 2308 section 2.2).
    knows = SOA in authority or (not has_alias and (bool(message[2] & _AUTHORITATIVE) or NS not in authority))
    return NOT_THERE if knows else Unread.LAME


def _follow(message: bytes, found: dict[bytes, list[int]], aliases: dict[bytes, bytes]) -> tuple[int, ...] | None:
    """Give the addresses at the end of the chain of aliases, none if it ends nowhere, None if it does not end."""
    name, _ = _read_name(message, HEADER_SIZE)
    for _ in range(_LONGEST_CHAIN + 1):
        if name in found:
            return tuple(dict.fromkeys(found[name]))
        if name not in aliases:
            return ()
        name = aliases[name]
    return None


def _types(message: bytes, at: int, records: int) -> tuple[set[int], int]:
    types = set()
    for _ in range(records):
        _, at = _read_name(message, at)
        kind, _, _, size = _RECORD.unpack_from(message, at)
        at += _RECORD.size + size
        types.add(kind)
    if at > len(message):
        raise _BadName
    return types, at


def _read_name(message: bytes, at: int) -> tuple[bytes, int]:
    """Give the name at an offset in lower case, as labels without compression, and the offset behind it."""
    labels = []
    size = 1
    behind = 0
    limit = len(message)
    segment = at
    pointers = 0
    while length := message[at]:
        if length <= _LONGEST_LABEL:
            size += 1 + length
            stop = at + 1 + length
            # Every label is followed by at least the root, so it cannot end the segment.
            if stop >= limit or size > _LONGEST_NAME:
                raise _BadName
            labels.append(message[at:stop])
            at = stop
        elif length >= _POINTER:
            target = _WORD.unpack_from(message, at)[0] & 0x3FFF
            pointers += 1
            if at + 2 > limit or target >= segment or pointers > _MOST_POINTERS:
                raise _BadName
            behind = behind or at + 2
            # What a pointer leads to must lie wholly before what led to it: so no loop is possible.
            limit = segment
            at = segment = target
        else:
            raise _BadName
        if at >= limit:
            raise _BadName
    return b"".join(labels).lower(), behind or at + 1
