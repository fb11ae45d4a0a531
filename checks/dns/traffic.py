"""What is in the air: streams in, datagrams out, datagrams in, replies out."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby, repeat
from operator import itemgetter
from typing import Any, Final

from checks.dns import rare
from checks.dns.datagrams import Post
from checks.dns.hearing import hear
from checks.dns.ports import Ports
from checks.dns.resolver import Flight, Port, Resolver, Salvo, Shot
from checks.dns.stream import Stream, ZoneState
from checks.dns.timers import TICK, Timers
from checks.dns.wire import ASKING, Unread
from monitor.core.dnsxl import ErrorCode, Reply, Unanswered

_TURN: Final = 512
"""Questions sent, given up or sent again before the event loop gets its turn: a few milliseconds of work."""
_MOST_DUE: Final = 512
"""Deadlines looked at in one tick; nearly all are of salvos answered long ago."""
_REVIEW_EVERY: Final = 0.1
_SILENCE: Final = 0.05
"""Seconds without any answer, after which repeats no longer wait for one."""
_FIRST_PAUSE: Final = 0.1
"""Seconds before a resolver that has just said no is asked again, when there is no other; then twice as long."""
_MOST_OVER_TCP: Final = 8
_SERVFAIL: Final = 2


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one question and of ports. Times in seconds."""

    timeout: float
    tries: int
    deadline: float
    sockets: int
    questions_per_port: int
    give_up_after: float


class Traffic:
    """Sends the questions of streams and brings back exactly one reply for each."""

    def __init__(
        self,
        resolvers: tuple[Resolver, ...],
        limits: Limits,
        post: Post,
        now: Callable[[], float],
        randbytes: Callable[[int], bytes],
    ) -> None:
        self._resolvers = resolvers
        self._limits = limits
        self._post = post
        self._now = now
        self._randbytes = randbytes
        self._streams: set[Stream[Any]] = set()
        self._ready: deque[Stream[Any]] = deque()
        self._resting: list[Stream[Any]] = []
        self._again: deque[Flight] = deque()
        self._timers: Timers[Flight | Salvo] = Timers()
        self._ports = Ports(limits.sockets, limits.questions_per_port, limits.timeout, self._on_readable)
        self._over_tcp: set[asyncio.Task[None]] = set()
        self._tcp_room = asyncio.Semaphore(_MOST_OVER_TCP)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ticking: asyncio.Handle | None = None
        self._pumping: asyncio.Handle | None = None
        self._heard_at = 0.0
        self._review_at = 0.0

    def open(self) -> None:
        """Belong to the running event loop from here on."""
        self._loop = asyncio.get_running_loop()

    async def close(self) -> None:
        """Fail whoever still waits, and close every port."""
        for stream in tuple(self._streams):
            stream.fail(RuntimeError("the engine was closed while questions were open"))
        self._fall_quiet()
        await asyncio.gather(*self._over_tcp, return_exceptions=True)
        self._loop = None

    async def carry(self, stream: Stream[Any]) -> None:
        """Bring a stream to its end."""
        if self._loop is None:
            raise RuntimeError("the engine is not open: use it in an `async with`")
        zone = stream.zone
        if not zone.streams:
            zone.give_chance()
        zone.streams += 1
        self._streams.add(stream)
        self._ready.append(stream)
        self._pump()
        self._ticking = self._ticking or self._loop.call_later(TICK, self._tick)
        try:
            await stream.ended
        finally:
            stream.abandon()
            zone.streams -= 1
            self._streams.discard(stream)

    # --- out ---------------------------------------------------------------------------------------------------------

    def _pump(self, *, repeat: bool = True) -> None:
        """Send what there is room for, the streams in turn."""
        now = self._now()
        turn = _TURN - (self._repeat(now) if repeat else 0)
        crowded: list[Stream[Any]] = []
        while turn > 0 and self._ready:
            stream = self._ready.popleft()
            if stream.drained:
                continue
            if stream.zone.dark or not stream.zone.quota_left:
                turn -= _refuse(stream, turn, "stopped answering" if stream.zone.dark else "quota")
                self._ready.append(stream)
                continue
            space, resolver = max(((each.room(now), each) for each in stream.resolvers), key=itemgetter(0))
            if space <= 0:
                crowded.append(stream)
                if stream.resolvers is self._resolvers:
                    break
                continue
            room = min(space, stream.zone.room(now), self._post.batch, turn)
            if room > 0:
                turn -= self._advance(stream, resolver, room, now)
                self._ready.append(stream)
            else:
                self._resting.append(stream)
        self._ready.extendleft(reversed(crowded))
        if turn <= 0 and self._pumping is None and self._loop is not None:
            self._pumping = self._loop.call_soon(self._pump_on)

    def _pump_on(self) -> None:
        self._pumping = None
        self._pump()

    def _advance(self, stream: Stream[Any], resolver: Resolver, room: int, now: float) -> int:
        """Send the next questions of a stream. What doesn't get out is left to the timers."""
        addresses = stream.take(room)
        limits = self._limits
        patience = limits.timeout if limits.tries == 1 else resolver.round_trip.patience(1)
        due = now + min(patience, limits.deadline)
        bucket = self._timers.bucket(due)
        stream.zone.spend(len(addresses), now)
        resolver.pace.spend(len(addresses), now)
        resolver.counters.asked += len(addresses)
        sent = 0
        while sent < len(addresses):
            port = self._ports.port(resolver)
            part = addresses[sent : sent + (min(port.left, self._post.batch) if port else len(addresses))]
            sent += len(part)
            if port is None:
                lost = Unanswered("unreachable")
                bucket += [Flight(stream, each, now, last=resolver, failure=lost, due=due) for each in part]
                continue
            # All at once, and no call for a single question: this is done for every question there is.
            salvo = Salvo(port, port.draw_keys(len(part), self._randbytes), stream.write(part, stream.zone.ends))
            bucket.append(salvo)
            self._shoot(salvo, zip(repeat(stream), part, salvo.questions, repeat(now), repeat(None), strict=False), now)
        return len(addresses)

    def _repeat(self, now: float) -> int:
        """Send questions again, to another resolver if there is one."""
        groups: dict[tuple[Resolver, int], list[Flight]] = {}
        count = 0
        while self._again and count < _TURN:
            count += 1
            flight = self._again.popleft()
            stream = flight.stream
            if flight.landed or stream.ended.done():
                continue
            if not stream.zone.quota_left:
                self._land(flight, flight.failure or Unanswered("quota"), flight.last)
                continue
            others = [resolver for resolver in stream.resolvers if resolver is not flight.last]
            resolver = min(others or stream.resolvers, key=lambda resolver: resolver.load)
            resolver.counters.repeated += 1
            stream.zone.counters.repeated += 1
            stream.zone.spend(1, now)
            groups.setdefault((resolver, flight.tries), []).append(flight)
        for (resolver, _), flights in groups.items():
            self._send(resolver, flights, now)
        return count

    def _send(self, resolver: Resolver, flights: Sequence[Flight], now: float) -> None:
        """Send questions that have been tried equally often. What doesn't get out is left to the timers."""
        if not flights:
            return
        tries = flights[0].tries + 1
        limits = self._limits
        patience = limits.timeout if tries >= limits.tries else resolver.round_trip.patience(tries)
        due = min(now + patience, flights[0].asked_at + limits.deadline)
        bucket = self._timers.bucket(due)
        resolver.pace.spend(len(flights), now)
        resolver.counters.asked += len(flights)
        for flight in flights:
            flight.tries = tries
            flight.last = resolver
        while flights:
            port = self._ports.port(resolver)
            if port is None:
                for flight in flights:
                    flight.failure = Unanswered("unreachable")
                    flight.due = due
                bucket += flights
                return
            count = min(port.left, self._post.batch)
            bucket.append(self._send_by(port, flights[:count], now))
            flights = flights[count:]

    def _send_by(self, port: Port, flights: Sequence[Flight], now: float) -> Salvo:
        keys = port.draw_keys(len(flights), self._randbytes)
        shots: list[Shot] = []
        for flight, key in zip(flights, keys, strict=True):
            stream = flight.stream
            (flight.question,) = stream.write((flight.address,), stream.zone.ends)
            flight.port, flight.key = port, key
            shots.append((stream, flight.address, flight.question, now, flight))
        salvo = Salvo(port, keys, [flight.question for flight in flights])
        self._shoot(salvo, shots, now)
        return salvo

    def _shoot(self, salvo: Salvo, shots: Iterable[Shot], now: float) -> None:
        port = salvo.port
        port.pending.update(zip(salvo.keys, shots, strict=True))
        port.left -= len(salvo.keys)
        port.resolver.in_flight += len(salvo.keys)
        packets = [*map(b"".join, zip(salvo.keys, repeat(ASKING), salvo.questions, strict=False))]
        try:
            self._post.send(port.sock, packets)
        except OSError:
            self._lose(port, now)
        else:
            self._ports.inspect(port, now)

    # --- in ----------------------------------------------------------------------------------------------------------

    def _on_readable(self, port: Port) -> None:
        """Take one batch. The event loop calls again if there is more."""
        now = self._now()
        try:
            lengths = self._post.receive(port.sock)
        except OSError:
            self._lose(port, now)
        else:
            heard = hear(port, self._post.arena, lengths, now)
            name = port.resolver.name
            # Answers come nearly in the order of the questions: those of one stream lie together.
            for stream, answers in groupby(heard.answers, itemgetter(0)):
                stream.answer([*answers], name)
            for flight, failure in heard.failures:
                self._miss(flight, failure, now)
            for flight in heard.truncated:
                self._ask_over_tcp(flight, port.resolver)
            if heard.answers:
                self._heard_at = now
            self._ports.inspect(port, now)
        self._pump()

    def _lose(self, port: Port, now: float) -> None:
        """Give up a port that the other host, or the network, refuses."""
        flights = [port.follow(key, shot) for key, shot in [*port.pending.items()]]
        self._ports.close(port)
        port.pending.clear()
        for flight in flights:
            flight.port = None
            self._miss(flight, Unanswered("unreachable"), now)

    def _miss(self, flight: Flight, failure: Reply, now: float) -> None:
        """Go on after a try that ended without an answer: with another resolver, after a pause, or not at all."""
        flight.failure = failure
        # Who says anything but "try again" means it: then others are asked, but nobody twice.
        stubborn = isinstance(failure, ErrorCode) and failure.rcode != _SERVFAIL
        untried = len(flight.stream.resolvers) > flight.tries
        if self._is_spent(flight, now) or (stubborn and not untried):
            self._land(flight, failure, flight.last)
        elif untried:
            self._again.append(flight)
        else:
            flight.due = now + min(self._limits.timeout, _FIRST_PAUSE * 2.0 ** (flight.tries - 1))
            self._timers.bucket(flight.due).append(flight)

    def _is_spent(self, flight: Flight, now: float) -> bool:
        return flight.tries >= self._limits.tries or now >= flight.asked_at + self._limits.deadline

    def _land(self, flight: Flight, reply: Reply, by: Resolver | None) -> None:
        if flight.landed:
            return
        if flight.port is not None:
            flight.port.remove(flight)
        flight.landed = True
        flight.stream.land(flight, reply, by.name if by else "")

    # --- TCP ---------------------------------------------------------------------------------------------------------

    def _ask_over_tcp(self, flight: Flight, resolver: Resolver) -> None:
        flight.due = flight.asked_at + self._limits.deadline
        self._timers.bucket(flight.due).append(flight)
        if self._loop is not None:
            task = self._loop.create_task(self._talk(flight, resolver))
            self._over_tcp.add(task)
            task.add_done_callback(self._over_tcp.discard)

    async def _talk(self, flight: Flight, resolver: Resolver) -> None:
        async with self._tcp_room:
            left = flight.due - self._now()
            if flight.landed or left <= 0:
                return
            reply = await rare.ask_over_tcp(flight.question, resolver.address, left)
        match reply:
            case None | Unread():
                self._miss(flight, Unanswered("truncated"), self._now())
            case ErrorCode():
                self._miss(flight, reply, self._now())
            case _:
                self._land(flight, reply, resolver)
        self._pump()

    # --- time --------------------------------------------------------------------------------------------------------

    def _tick(self) -> None:
        """Do what time asks for: repeats, reviews, ports to close, streams that waited for their budget."""
        self._ticking = None
        if not self._streams or self._loop is None:
            self._fall_quiet()
            return
        now = self._now()
        for item in self._timers.due(now, _MOST_DUE):
            match item:
                case Salvo():
                    for flight in item.open():
                        self._on_due(flight, now)
                case Flight():
                    if not item.landed and item.due <= now:
                        self._on_due(item, now)
        self._ports.close_lingering(now)
        if now >= self._review_at:
            self._review_at = now + _REVIEW_EVERY
            self._review(now)
        self._ready.extend(self._resting)
        self._resting.clear()
        # An answer means that the resolver took a question out of its queue, and repeats go in right behind it. Sent
        # without one, they would meet a full queue, and the same ones would be lost again and again.
        self._pump(repeat=now - self._heard_at > _SILENCE)
        self._ticking = self._loop.call_later(TICK, self._tick)

    def _on_due(self, flight: Flight, now: float) -> None:
        """Notice that a try has come to nothing in its time, or that a pause is over."""
        port = flight.port
        if port is not None:
            port.resolver.counters.lost += 1
            flight.stream.zone.counters.lost += 1
            folded, flight.folded = flight.folded, None
            if folded is not None and not port.attacked and port.resolver.folded_only():
                self._land(flight, folded, port.resolver)
                return
            port.give_up(flight)
        if self._is_spent(flight, now):
            self._land(flight, flight.failure or Unanswered("timeout"), flight.last)
        else:
            self._again.append(flight)

    def _review(self, now: float) -> None:
        zones = {stream.zone for stream in self._streams}
        for zone in zones:
            zone.watch(now, self._limits.give_up_after)
        places: list[Resolver | ZoneState] = [*self._resolvers, *zones]
        for place in places:
            counters = place.counters
            place.window.review(counters.answered, max(0, counters.lost - counters.late) + counters.failed)

    def _fall_quiet(self) -> None:
        """Nobody asks: keep no port open and no timer running."""
        self._ports.close_all(self._resolvers)
        self._timers.clear()
        for queue in (self._again, self._ready, self._resting):
            queue.clear()
        for task in self._over_tcp:
            task.cancel()
        for handle in (self._ticking, self._pumping):
            if handle is not None:
                handle.cancel()
        self._ticking = self._pumping = None


def _refuse(stream: Stream[Any], turn: int, why: str) -> int:
    addresses = stream.take(turn)
    for address in addresses:
        stream.refuse(address, Unanswered(why), "")
    return len(addresses)
