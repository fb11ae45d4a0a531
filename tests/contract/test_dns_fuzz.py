"""Hostile bytes: the reader never raises, and whatever it accepts dnspython reads the same."""

import os
import random
import struct
from collections.abc import Iterator

import dns.message
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checks.dns import rare
from checks.dns.wire import Unread, read_reply
from monitor.core.dnsxl import Addresses, ErrorCode, NoSuchName, Reply

CI = os.environ.get("CI", "false") not in {"", "0", "false"}
INPUTS = 500_000 if CI else 2_000
SHARES = 5 if CI else 1

QUESTION = b"\x012\x010\x010\x03127\x02bL\x04TesT\0\0\1\0\1"
HEADER = 12
# Labels, pointers to all kinds of places, and what only looks like either.
NAMES = [b"\xc0\x0c"] * 6 + [
    b"\xc0\x16",
    b"\xc0\x13",
    b"\xc0\x1f",
    b"\xc0\x2f",
    b"\xff\xff",
    b"\0",
    b"\x03www\xc0\x16",
    b"\x02bl\x04test\0",
    b"\x0512345\xc0",
    b"\x41x",
    b"\x3f" + b"x" * 63 + b"\0",
    QUESTION[:-4],
    QUESTION[:-4].swapcase(),
]
KINDS = [1] * 6 + [5] * 4 + [2, 6, 16, 28, 39, 41, 46, 250, 255, 65_535]
FLAGS = [0x8580, 0x8180, 0x8180, 0x8583, 0x8183, 0x8582, 0x8185, 0x8780, 0x0100, 0x8400, 0xA980, 0x8003]


def compose(chance: random.Random) -> bytes:
    """Make a reply that is nearly right: records, aliases, pointers, counts that may be wrong."""
    counts, body = [], b""
    for most in (4, 2, 2):
        records = chance.choice([0, 0, 1, chance.randint(0, most)])
        for _ in range(records):
            kind = chance.choice(KINDS)
            if kind == 1:
                data = bytes([127, 0, 0, chance.randint(1, 12)]) if chance.random() < 0.95 else chance.randbytes(3)
            elif kind in (2, 5):
                data = chance.choice(NAMES)
            elif kind == 6:
                data = chance.choice(NAMES) + chance.choice(NAMES) + bytes(20)
            else:
                data = chance.randbytes(chance.randint(0, 24))
            size = len(data) if chance.random() < 0.97 else chance.randint(0, 40)
            class_ = 1 if chance.random() < 0.95 else chance.choice([3, 255, 254])
            body += chance.choice(NAMES) + struct.pack("!HHIH", kind, class_, chance.getrandbits(32), size) + data
        counts.append(records if chance.random() < 0.97 else chance.randint(0, 9))
    asked = 1 if chance.random() < 0.98 else chance.randint(0, 2)
    question = QUESTION if chance.random() < 0.95 else chance.choice([b"", QUESTION.lower(), QUESTION[:-1] + b"\3"])
    return struct.pack("!HHHHHH", 7, chance.choice(FLAGS), asked, *counts) + question + body


def mutate(chance: random.Random, packet: bytes) -> bytes:
    """Break a packet a little: bytes flipped, cut, doubled, swapped."""
    damaged = bytearray(packet)
    for _ in range(chance.choice([0, 0, 0, 1, 1, 2, 5])):
        if not damaged:
            break
        place = chance.randrange(len(damaged))
        match chance.randrange(5):
            case 0:
                damaged[place] = chance.getrandbits(8)
            case 1:
                damaged[place] ^= 1 << chance.randrange(8)
            case 2:
                del damaged[place:]
            case 3:
                damaged[place:place] = damaged[place : place + chance.randint(1, 16)]
            case _:
                damaged[place:place] = chance.choice(NAMES)
    return bytes(damaged)


def check(packet: bytes) -> Reply | Unread:
    """Read a packet, alone and between others, and hold the outcome against dnspython's."""
    said = read_reply(packet, 0, len(packet), QUESTION)
    among_others = bytearray(b"\xc0\x0c" * 50 + packet + b"\0\1\0\1" * 50)
    assert read_reply(among_others, 100, 100 + len(packet), QUESTION) == said
    match said:
        case Addresses() | NoSuchName() | ErrorCode():
            strictly = rare.read_message(packet)
            # dnspython also reads the sections behind the answers; what it rejects there says nothing about the answer.
            assert said == (read_to_the_answers(packet) if strictly is Unread.MALFORMED else strictly)
        case Unread.MALFORMED:
            assert rare.read_message(packet) is Unread.MALFORMED, "only what is wrong may be dropped"
        case _:
            pass
    return said


def read_to_the_answers(packet: bytes) -> Reply:
    cut = packet[:8] + bytes(4) + packet[HEADER:]
    message = dns.message.from_wire(cut, ignore_trailing=True)
    assert isinstance(message, dns.message.QueryMessage)
    if message.rcode() not in (0, 3):
        return ErrorCode(int(message.rcode()))
    answer = message.resolve_chaining().answer
    return Addresses(tuple(int.from_bytes(one.to_digestable()) for one in answer)) if answer else NoSuchName()


def inputs(share: int) -> Iterator[bytes]:
    chance = random.Random(share)
    for _ in range(INPUTS // SHARES):
        yield mutate(chance, compose(chance))


@pytest.mark.timeout(900)
@pytest.mark.parametrize("share", range(SHARES))
def test_nearly_right_replies_are_read_as_dnspython_reads_them(share: int) -> None:
    fates: dict[str, int] = {}
    for packet in inputs(share):
        said = check(packet)
        fate = said.name if isinstance(said, Unread) else type(said).__name__
        fates[fate] = fates.get(fate, 0) + 1
    # The inputs are worth something only if every fate is among them.
    assert set(fates) >= {"Addresses", "NoSuchName", "ErrorCode", *(fate.name for fate in Unread)}, fates


@settings(max_examples=5_000 if CI else 300, deadline=None)
@given(st.binary(max_size=600))
def test_any_bytes_are_read_without_raising(packet: bytes) -> None:
    check(packet)


@settings(max_examples=5_000 if CI else 300, deadline=None)
@given(st.binary(min_size=10, max_size=10), st.binary(max_size=200))
def test_any_bytes_around_the_right_question_are_read_without_raising(head: bytes, tail: bytes) -> None:
    check(b"\0\7" + head + QUESTION + tail)


@settings(max_examples=2_000 if CI else 200, deadline=None)
@given(st.binary(max_size=600))
def test_dnspythons_own_way_never_raises_either(packet: bytes) -> None:
    said = rare.read_message(packet)
    assert isinstance(said, Addresses | NoSuchName | ErrorCode | Unread)
