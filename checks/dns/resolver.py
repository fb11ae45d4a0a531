"""Whom we ask: a resolver, the ports that questions leave by, and the questions in the air."""

import socket
import struct
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any, Final

from checks.dns.pace import Pace, RoundTrip, Window
from checks.dns.stream import Counters, Stream
from monitor.core.dnsxl import Reply

_RECEIVE_BUFFER: Final = 1 << 20
_FOLDS_AFTER: Final = 2
"""Tries in a row that were answered in another letter case only, before the resolver is taken to fold case."""
_TELLING_CAPITALS: Final = 8
"""Capitals in a question that nobody repeats by chance."""


@dataclass(slots=True, eq=False)
class Flight:
    """A question with a history, kept for those few whose first try did not end in a plain answer.

    ``port`` and ``key`` name the try that is in the air, if any; ``due`` counts only while none is.
    """

    stream: Stream[Any]
    address: Any
    asked_at: float
    question: bytes = b""
    tries: int = 1
    last: "Resolver | None" = None
    port: "Port | None" = None
    key: bytes = b""
    due: float = 0.0
    landed: bool = False
    failure: Reply | None = None
    folded: Reply | None = None


Shot = tuple[Stream[Any], Any, bytes, float, Flight | None]
"""One try: stream, address, question as it was asked, when it was sent, and the flight that it belongs to, if any.

A bare tuple, for every question is one, and nearly all are never looked at again.
"""


@dataclass(frozen=True, slots=True)
class Overdue:
    """A try that was given up: of which flight, as it was asked, and when."""

    flight: Flight
    question: bytes
    sent_at: float


@dataclass(frozen=True, slots=True)
class Salvo:
    """Tries that left by one port at one time, and are due at one time. The question tells a key from its next use."""

    port: "Port"
    keys: Sequence[bytes]
    questions: Sequence[bytes]

    def open(self) -> Iterator[Flight]:
        """Give those that are still in the air."""
        pending = self.port.pending
        if pending.keys().isdisjoint(self.keys):
            return
        for key, question in zip(self.keys, self.questions, strict=True):
            shot = pending.get(key)
            if shot is not None and shot[2] is question:
                yield self.port.follow(key, shot)


@dataclass(slots=True, eq=False)
class Port:
    """A connected socket: the kernel drops what comes from any other address. It carries ``left`` more questions."""

    resolver: "Resolver"
    sock: socket.socket
    left: int
    pending: dict[bytes, Shot] = field(default_factory=dict)
    """Tries in the air by id. Those of a port that was closed wait here for their time."""
    overdue: dict[bytes, Overdue] = field(default_factory=dict)
    """Tries that were given up, whose answers are still welcome."""
    strays: int = 0
    folded: int = 0
    """Of these, the first answer to a try that repeats its question in another letter case."""

    @property
    def attacked(self) -> bool:
        """Whether more came than one folded answer to each try: who must guess cannot be so sparing."""
        return self.strays > self.folded

    @property
    def closed(self) -> bool:
        """Whether nothing can come in any more."""
        return self.sock.fileno() < 0

    def draw_keys(self, count: int, randbytes: Callable[[int], bytes]) -> list[bytes]:
        """Draw ids that no open question of this port has."""
        drawn: dict[bytes, None] = {}
        while missing := count - len(drawn):
            drawn.update(dict.fromkeys(struct.unpack("2s" * missing, randbytes(2 * missing))))
            for taken in (self.pending, self.overdue):
                for key in drawn.keys() & taken.keys():
                    del drawn[key]
        return list(drawn)

    def follow(self, key: bytes, shot: Shot) -> Flight:
        """Give the history of an open question, and begin it if there is none yet."""
        stream, address, question, sent_at, flight = shot
        if flight is None:
            flight = Flight(stream, address, sent_at, question, 1, self.resolver, self, key)
            self.pending[key] = (stream, address, question, sent_at, flight)
        return flight

    def give_up(self, flight: Flight) -> None:
        """Let a question go out again, and keep an ear open for the answer to this try."""
        shot = self.remove(flight)
        if shot is not None:
            _, _, question, sent_at, _ = shot
            self.overdue[flight.key] = Overdue(flight, question, sent_at)

    def remove(self, flight: Flight) -> Shot | None:
        """Forget a try, and give it if it was in the air."""
        flight.port = None
        shot = self.pending.pop(flight.key, None)
        if shot is not None and not self.closed:
            self.resolver.in_flight -= 1
        return shot

    def close(self) -> None:
        """Close the socket; what was in the air is left to the timers."""
        if not self.closed:
            self.resolver.in_flight -= len(self.pending)
            self.overdue.clear()
            self.sock.close()


class Resolver:
    """One server: its ports, its window and rate, how fast it answers, and whether it repeats letter case."""

    __slots__ = (
        "_folded_in_a_row",
        "address",
        "counters",
        "folds",
        "in_flight",
        "name",
        "pace",
        "ports",
        "round_trip",
        "window",
    )

    def __init__(self, address: tuple[str, int], window: Window, pace: Pace, round_trip: RoundTrip) -> None:
        host, port = address
        try:
            self.name = f"[{host}]:{port}" if ip_address(host).version == 6 else f"{host}:{port}"  # noqa: PLR2004
        except ValueError:
            raise ValueError(f"resolver {host!r}: give its IP address, not a name") from None
        self.address = address
        self.window = window
        self.pace = pace
        self.round_trip = round_trip
        self.counters = Counters()
        self.in_flight = 0
        self.ports: deque[Port] = deque()
        self.folds = False
        self._folded_in_a_row = 0

    def room(self, now: float) -> int:
        """Say how many questions may go now."""
        return min(self.window.limit - self.in_flight, self.pace.room(now))

    @property
    def load(self) -> float:
        """The share of the window in use."""
        return self.in_flight / self.window.limit

    def open_port(self, questions: int) -> Port:
        """Open a port that will carry so many questions. OSError if there is no way there."""
        family = socket.AF_INET6 if self.name.startswith("[") else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_DGRAM)
        try:
            sock.settimeout(0)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
            sock.connect(self.address)
        except OSError:
            sock.close()
            raise
        port = Port(self, sock, questions)
        self.ports.append(port)
        return port

    def drop(self, port: Port) -> bool:
        """Take a port out of use; False if it was not in use."""
        if port not in self.ports:
            return False
        self.ports.remove(port)
        return True

    def heard(self, question: bytes, took: float) -> None:
        """Learn from an answer that repeated the question exactly, after so many seconds."""
        self.round_trip.sample(took)
        self._folded_in_a_row = 0
        if self.folds and sum(byte in _CAPITALS for byte in question) >= _TELLING_CAPITALS:
            self.folds = False

    def folded_only(self) -> bool:
        """Learn from a try that was answered in another letter case only until its time was up; say if that is usual.

        One such answer to each try, and nothing else, is a resolver that folds.
        """
        self._folded_in_a_row += 1
        if self._folded_in_a_row >= _FOLDS_AFTER:
            self.folds = True
        return self.folds


_CAPITALS: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ")
