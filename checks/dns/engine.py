"""Asks very many DNS questions at once, and believes only answers to them.

A stream of questions is one zone's: each waits for its own zone's budget, and none holds up another. What is in the
air is bounded for each resolver and each zone; an answer makes room, and room is filled from the streams in turn.
"""

import gc
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from random import Random, SystemRandom
from typing import Final, Literal, Self, SupportsInt, TypeVar

from checks.dns import rare
from checks.dns.datagrams import Post, open_post
from checks.dns.pace import Pace, RoundTrip, Window
from checks.dns.resolver import Resolver
from checks.dns.stream import Budget, Counters, OnReply, Stream, Tally, ZoneState
from checks.dns.traffic import Limits, Traffic
from checks.dns.wire import Write, bare, nibbles, octets
from monitor.core.dnsxl import Reply, query_name

Target = TypeVar("Target", bound=SupportsInt)

_RESOLVER_BEARS: Final = 0.2
"""Share of lost or failed tries that is still taken for weather. A zone is asked less only when half of them are."""
_ZONE_BEARS: Final = 0.5
_MOST_QUESTIONS_PER_PORT: Final = 1 << 14


_COLLECT_AFTER: Final = 50_000


def collect_seldom() -> None:
    """Let this process look for cycles in memory less often: for the start of a program that asks very many questions.

    Each open question is an object that refers to others; by default a good part of the time would go there.
    """
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER, 10, 10)


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """Bounds of an engine. Times in seconds."""

    in_flight: int = 64
    """Open questions for each resolver, at most. Common servers lose datagrams above about a hundred."""
    timeout: float = 1.0
    """How long a try may take at most, and the last one does; before that, a few times what answers usually take."""
    patience: float = 0.05
    """How long a try is given at least, before the question goes out again."""
    tries: int = 4
    deadline: float = 5.0
    """How long a question may take with all its tries."""
    give_up_after: float = 10.0
    """How long a zone may leave every question unanswered before the rest of a stream is not asked."""
    rate: float | None = None
    """Datagrams a second to each resolver."""
    sockets: int = 4
    """Ports in use at a time for each resolver."""
    questions_per_port: int = 256
    batch: int = 128
    """Datagrams moved by one system call, where the platform can."""

    def __post_init__(self) -> None:
        wrong = [name for name in self.__slots__ if (value := getattr(self, name)) is not None and value <= 0]
        if wrong:
            raise ValueError(f"{', '.join(wrong)}: must be above 0")
        if self.questions_per_port > _MOST_QUESTIONS_PER_PORT:
            raise ValueError(f"questions_per_port: at most {_MOST_QUESTIONS_PER_PORT}, a quarter of the ids there are")


class Engine:
    """Many questions to a few resolvers. Use as an asynchronous context manager.

    ``resolvers`` are pairs of IP address and port. ``random`` draws ids and letter case: in production the system's.
    """

    def __init__(
        self,
        resolvers: Sequence[tuple[str, int]],
        options: EngineOptions | None = None,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        random: Random | None = None,
        post: Post | None = None,
    ) -> None:
        if not resolvers:
            raise ValueError("resolvers: name at least one as (IP address, port)")
        self._options = options = options or EngineOptions()
        self._resolvers = tuple(
            Resolver(
                address,
                Window(options.in_flight, _RESOLVER_BEARS),
                Pace(options.rate),
                RoundTrip(options.timeout, min(options.timeout, options.patience)),
            )
            for address in dict.fromkeys(resolvers)
        )
        self._now = monotonic
        self._randbytes = (random or SystemRandom()).randbytes
        self._zones: dict[str, ZoneState] = {}
        limits = Limits(
            timeout=options.timeout,
            tries=options.tries,
            deadline=options.deadline,
            sockets=options.sockets,
            questions_per_port=options.questions_per_port,
            give_up_after=options.give_up_after,
        )
        self._traffic = Traffic(self._resolvers, limits, post or open_post(options.batch), monotonic, self._randbytes)

    async def __aenter__(self) -> Self:
        self._traffic.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._traffic.close()

    async def ask(
        self,
        zone: str,
        addresses: Iterable[Target],
        on_reply: OnReply[Target],
        *,
        version: Literal[4, 6] = 4,
        via: Sequence[str] = (),
    ) -> Tally:
        """Ask one zone about many addresses; ``on_reply`` gets exactly one reply for each, in the order they come.

        ``addresses`` is read only as fast as questions can go, so it may be endless, and may stop when it likes.
        ``via`` names the resolvers (``host:port``) that may be asked; all, if empty. What ``addresses`` or
        ``on_reply`` raise ends the stream and is raised here. ValueError: the zone is no name, a resolver is unknown.
        """
        return await self._run(zone, addresses, octets if version == 4 else nibbles, on_reply, via)  # noqa: PLR2004

    async def query(self, address: IPv4Address | IPv6Address, zone: str, *, via: Sequence[str] = ()) -> Reply:
        """Ask one zone about one address."""
        replies: list[Reply] = []
        write = octets if address.version == 4 else nibbles  # noqa: PLR2004
        await self._run(zone, (address,), write, lambda _, reply, __: replies.append(reply), via)
        return replies[0]

    async def lookup(self, name: str, *, via: Sequence[str] = ()) -> Reply:
        """Ask for the addresses of any name: a canary's, or one that must not exist. It counts as a zone of its own."""
        replies: list[Reply] = []
        await self._run(name, (0,), bare, lambda _, reply, __: replies.append(reply), via)
        return replies[0]

    async def text(self, address: IPv4Address | IPv6Address, zone: str, *, via: Sequence[str] = ()) -> str | None:
        """Ask a zone for its reason in words; None if it gives none, or its quota is used up."""
        state = self._zone(zone)
        for resolver in sorted(self._allowed(via), key=lambda resolver: resolver.load):
            if not state.quota_left:
                return None
            state.spend(1, self._now())
            resolver.pace.spend(1, self._now())
            text = await rare.ask_for_text(query_name(address, zone), resolver.address, self._options.timeout)
            if text is not None:
                return text
        return None

    def grant(self, zone: str, budget: Budget) -> None:
        """Set what a zone may be asked from now on; a quota counts down until the next grant."""
        self._zone(zone).grant(budget)

    @property
    def resolvers(self) -> dict[str, Counters]:
        """Counters by resolver (``host:port``)."""
        return {resolver.name: resolver.counters for resolver in self._resolvers}

    @property
    def zones(self) -> dict[str, Counters]:
        """Counters by zone."""
        return {name: zone.counters for name, zone in self._zones.items()}

    def _zone(self, name: str) -> ZoneState:
        state = self._zones.get(name)
        if state is None:
            ceiling = self._options.in_flight * len(self._resolvers)
            state = self._zones[name] = ZoneState(name, Window(ceiling, _ZONE_BEARS), self._randbytes)
        return state

    def _allowed(self, via: Sequence[str]) -> tuple[Resolver, ...]:
        if unknown := set(via) - {resolver.name for resolver in self._resolvers}:
            raise ValueError(f"via: {', '.join(sorted(unknown))} is none of the engine's resolvers")
        allowed = tuple(resolver for resolver in self._resolvers if resolver.name in via)
        # All of them are the same as no choice, and known to be.
        return allowed if 0 < len(allowed) < len(self._resolvers) else self._resolvers

    async def _run(
        self,
        zone: str,
        addresses: Iterable[Target],
        write: Write,
        on_reply: OnReply[Target],
        via: Sequence[str],
    ) -> Tally:
        stream = Stream(self._zone(zone), iter(addresses), write, on_reply, self._allowed(via))
        await self._traffic.carry(stream)
        return Tally(stream.answered, stream.unanswered)
