"""Who wants to know what: a stream of addresses to one zone, and what is kept count of on the way."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, Generic, SupportsInt, TypeVar

from checks.dns.pace import Pace, Window
from checks.dns.wire import Write, ends_of_questions, pack_name
from monitor.core.dnsxl import Addresses, NoSuchName, Reply

if TYPE_CHECKING:
    from checks.dns.resolver import Flight, Resolver

Target = TypeVar("Target", bound=SupportsInt)
"""An address, as an object of ``ipaddress`` or as a plain number; a reply comes with what was given."""

_TELLING_FAILURES: Final = 4
"""Questions given up in a row, below which it may be chance."""

USABLE: Final = (NoSuchName, Addresses)

OnReply = Callable[[Target, Reply, str], None]
"""Called with the address, the reply, and the resolver (``host:port``) that gave it or was asked last."""


@dataclass(slots=True)
class Counters:
    """What became of the datagrams to one resolver, or about one zone. Numbers only grow."""

    asked: int = 0
    """Datagrams sent."""
    repeated: int = 0
    """Of these, repeats of a question."""
    answered: int = 0
    """Questions that got a usable reply."""
    lost: int = 0
    """Tries that no reply came to in time."""
    late: int = 0
    """Of these, tries that a reply came to after all."""
    failed: int = 0
    """Replies with an error code: SERVFAIL, REFUSED ..."""
    refused: int = 0
    """Of these, REFUSED."""
    truncated: int = 0
    """Replies that were asked for again over TCP."""
    forged: int = 0
    """Datagrams that answered no question of ours: wrong id, wrong question, wrong letter case."""
    malformed: int = 0
    """Datagrams that broke the format."""
    unanswered: int = 0
    """Questions given up, or ended by an error code."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What a zone may be asked: questions per second, and how many until the next grant. None: no limit."""

    rate: float | None = None
    quota: int | None = None


class ZoneState:
    """One zone: the constant part of its questions, its budget, its window and its counters."""

    __slots__ = (
        "_failing_since",
        "_seen",
        "counters",
        "dark",
        "ends",
        "name",
        "open",
        "pace",
        "quota",
        "streams",
        "window",
    )

    def __init__(self, name: str, window: Window, randbytes: Callable[[int], bytes]) -> None:
        self.name = name
        self.ends = ends_of_questions(pack_name(name), randbytes)
        self.window = window
        self.open = 0
        """How many of its questions are open."""
        self.streams = 0
        """How many streams ask it."""
        self.counters = Counters()
        self.grant(Budget())
        self.give_chance()

    def grant(self, budget: Budget) -> None:
        """Replace the budget."""
        self.pace = Pace(budget.rate)
        self.quota = budget.quota

    @property
    def quota_left(self) -> bool:
        """Whether the zone may still be asked before the next grant."""
        return self.quota is None or self.quota > 0

    def give_chance(self) -> None:
        """Take the zone for a living one until it proves dead."""
        self.dark = False
        self._failing_since: float | None = None
        self._seen = (self.counters.answered, self.counters.unanswered)

    def watch(self, now: float, give_up_after: float) -> None:
        """Call the zone dark when, for so many seconds, questions were given up and not one was answered."""
        answered, unanswered = self._seen
        if self.counters.answered != answered:
            self.give_chance()
        elif self.counters.unanswered >= unanswered + _TELLING_FAILURES:
            if self._failing_since is None:
                self._failing_since = now
            self.dark = now - self._failing_since >= give_up_after

    def room(self, now: float) -> int:
        """Say how many new questions may go now."""
        room = min(self.pace.room(now), self.window.limit - self.open)
        return room if self.quota is None else min(room, self.quota)

    def spend(self, questions: int, now: float) -> None:
        """Count questions as asked."""
        self.counters.asked += questions
        self.pace.spend(questions, now)
        if self.quota is not None:
            self.quota -= questions


@dataclass(frozen=True, slots=True)
class Tally:
    """How a stream ended: every question was answered, or it was not (given up, refused, an error code)."""

    answered: int
    unanswered: int

    @property
    def asked(self) -> int:
        """All questions of the stream."""
        return self.answered + self.unanswered


@dataclass(slots=True, eq=False)
class Stream(Generic[Target]):
    """Addresses still to be asked about, and those that are open: taken, but not landed."""

    zone: ZoneState
    addresses: Iterator[Target]
    write: Write
    on_reply: OnReply[Target]
    resolvers: tuple["Resolver", ...]
    ended: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future(), init=False)
    drained: bool = field(default=False, init=False)
    open: int = field(default=0, init=False)
    answered: int = field(default=0, init=False)
    unanswered: int = field(default=0, init=False)

    def take(self, count: int) -> list[Target]:
        """Give the next addresses, fewer if there are no more."""
        try:
            taken = list(islice(self.addresses, count))
        except Exception as fault:  # noqa: BLE001 - it is the caller's, and goes to the caller
            self.fail(fault)
            return []
        self._count(len(taken))
        if len(taken) < count:
            self.drained = True
            self._end_if_done()
        return taken

    def answer(self, answers: "Sequence[Answer]", who: str) -> None:
        """Deliver usable replies about open addresses. What the caller raises goes back to the caller."""
        if self.ended.done():
            return
        self._count(-len(answers))
        self.answered += len(answers)
        self.zone.counters.answered += len(answers)
        on_reply = self.on_reply
        try:
            for _, address, reply in answers:
                on_reply(address, reply, who)
        except Exception as fault:  # noqa: BLE001 - it is the caller's, and goes to the caller
            self.fail(fault)
        if not self.open:
            self._end_if_done()

    def land(self, flight: "Flight", reply: Reply, who: str) -> None:
        """Deliver any reply about an open address."""
        if isinstance(reply, USABLE):
            self.answer([(self, flight.address, reply)], who)
        else:
            self.refuse(flight.address, reply, who)

    def refuse(self, address: Target, reply: Reply, who: str) -> None:
        """Give up an address, with the reason."""
        if self.ended.done():
            return
        self._count(-1)
        self.unanswered += 1
        self.zone.counters.unanswered += 1
        try:
            self.on_reply(address, reply, who)
        except Exception as fault:  # noqa: BLE001 - it is the caller's, and goes to the caller
            self.fail(fault)
        if not self.open:
            self._end_if_done()

    def fail(self, fault: Exception) -> None:
        """End at once."""
        self.drained = True
        if not self.ended.done():
            self.ended.set_exception(fault)

    def abandon(self) -> None:
        """Forget what is open: whoever asked has gone."""
        self.drained = True
        self.ended.cancel()
        self._count(-self.open)

    def _count(self, more: int) -> None:
        self.open += more
        self.zone.open += more

    def _end_if_done(self) -> None:
        if self.drained and not self.open and not self.ended.done():
            self.ended.set_result(None)


Answer = tuple[Stream[Any], Any, Reply]
"""A stream, an address that was open in it, and the usable reply about it."""
