"""What a batch of datagrams means: which answer a question of ours, which ended a try, and which are nobody's."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from checks.dns import rare
from checks.dns.datagrams import ROOM
from checks.dns.resolver import Flight, Port
from checks.dns.stream import USABLE, Answer
from checks.dns.wire import ABSENT, HEADER_SIZE, NOT_THERE, Unread, read_reply
from monitor.core.dnsxl import REFUSED_RCODE, ErrorCode, Reply, Unanswered

_REFUSED: Final = ErrorCode(REFUSED_RCODE)
_HEADS: Final = struct.Struct(f"2s{HEADER_SIZE - 2}s{ROOM - HEADER_SIZE}x")
"""Of each datagram in an arena, its id and the rest of its header."""


@dataclass(slots=True)
class Heard:
    """Questions that are no longer in the air, and why."""

    answers: list[Answer] = field(default_factory=list)
    failures: list[tuple[Flight, Reply]] = field(default_factory=list)
    truncated: list[Flight] = field(default_factory=list)


def hear(port: Port, arena: bytearray, lengths: Sequence[int], now: float) -> Heard:
    """Read what a port received. Whatever answers no open question exactly is counted and otherwise ignored."""
    heard = Heard()
    pending, answers = port.pending, heard.answers
    exact, last, last_sent_at = 0, b"", now
    start = 0
    heads = _HEADS.iter_unpack(memoryview(arena)[: len(lengths) * ROOM])
    for length, (key, head) in zip(lengths, heads, strict=True):
        shot = pending.get(key)
        if shot is None:
            _hear_stray(heard, port, key, bytes(arena[start : start + length]), now)
        else:
            stream, address, question, sent_at, flight = shot
            reply: Reply | Unread
            # Nearly all replies there are; reading them would give the same.
            if (
                head in ABSENT
                and arena.startswith(question, start + HEADER_SIZE)
                and length >= HEADER_SIZE + len(question)
            ):
                reply = NOT_THERE
            else:
                reply = read_reply(arena, start, start + length, question)
            if reply is NOT_THERE or isinstance(reply, USABLE):
                del pending[key]
                if flight is not None:
                    flight.port = None
                    flight.landed = True
                answers.append((stream, address, reply))
                exact += 1
                last, last_sent_at = question, sent_at
            else:
                message = bytes(arena[start : start + length])
                _hear_unusual(heard, port, port.follow(key, shot), reply, message, now - sent_at)
        start += ROOM
    port.resolver.counters.answered += len(answers)
    if exact:
        port.resolver.in_flight -= exact
        port.resolver.heard(last, now - last_sent_at)
    return heard


def _hear_stray(heard: Heard, port: Port, key: bytes, message: bytes, now: float) -> None:
    """Take the answer to a try that was given up. Any other stray has an id that was drawn for nobody."""
    late = port.overdue.get(key)
    reply = read_reply(message, 0, len(message), late.question) if late else Unread.FOREIGN
    if late and reply is Unread.FOLDED and port.resolver.folds:
        reply = _read_folded(message, len(late.question))
    if late is None or isinstance(reply, Unread):
        port.strays += 1
        port.resolver.counters.forged += 1
        return
    del port.overdue[key]
    flight = late.flight
    port.resolver.round_trip.sample(now - late.sent_at)
    for counters in (port.resolver.counters, flight.stream.zone.counters):
        counters.late += 1
    if not flight.landed and isinstance(reply, USABLE):
        flight.landed = True
        if flight.port is not None:
            flight.port.give_up(flight)
        heard.answers.append((flight.stream, flight.address, reply))


def _hear_unusual(heard: Heard, port: Port, flight: Flight, reply: Reply | Unread, message: bytes, took: float) -> None:
    """Sort what has the id of a question but no plain answer to it."""
    both = (port.resolver.counters, flight.stream.zone.counters)
    reply = _look_closer(port, flight, reply, message)
    match reply:
        case Unread.FOREIGN | Unread.FOLDED:
            port.strays += 1
            for counters in both:
                counters.forged += 1
            return
        case Unread.MALFORMED | Unread.ODD:
            # Somebody else's garbage must not end our question: the answer may still come.
            flight.failure = flight.failure or Unanswered("garbage")
            for counters in both:
                counters.malformed += 1
            return
        case Unread.TRUNCATED:
            heard.truncated.append(flight)
            for counters in both:
                counters.truncated += 1
        case Unread.LAME | ErrorCode():
            failure = Unanswered("referral") if isinstance(reply, Unread) else reply
            heard.failures.append((flight, failure))
            for counters in both:
                counters.failed += 1
                counters.refused += failure == _REFUSED
        case _:
            port.resolver.round_trip.sample(took)
            flight.landed = True
            heard.answers.append((flight.stream, flight.address, reply))
    port.remove(flight)


def _look_closer(port: Port, flight: Flight, reply: Reply | Unread, message: bytes) -> Reply | Unread:
    if reply is Unread.FOLDED:
        folded = _read_folded(message, len(flight.question))
        if port.resolver.folds:
            reply = folded
        elif not isinstance(folded, Unread):
            # Kept in case nobody else answers; until then it is as good as forged.
            port.folded += flight.folded is None
            flight.folded = folded
    return rare.read_message(message) if reply is Unread.ODD else reply


def _read_folded(message: bytes, size: int) -> Reply | Unread:
    """Read a reply by the question that it repeats itself, whose letters are known to be the right ones."""
    return read_reply(message, 0, len(message), message[HEADER_SIZE : HEADER_SIZE + size])
