"""Opens ports, replaces them, and closes them: no port is used long enough to be found out."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from checks.dns.resolver import Port, Resolver

_MOST_RETIRED: Final = 128
"""Ports kept open for late answers."""
_MOST_STRAYS: Final = 256
"""Datagrams that nobody asked for, after which a port is known to a forger."""


class Ports:
    """The ports of all resolvers: ``sockets`` in use for each, and those that only listen a little longer."""

    def __init__(self, sockets: int, questions: int, linger: float, on_readable: Callable[[Port], None]) -> None:
        self._sockets = sockets
        self._questions = questions
        self._linger = linger
        self._on_readable = on_readable
        self._retired: deque[tuple[float, Port]] = deque()

    def port(self, resolver: Resolver) -> Port | None:
        """Give a port for the next questions, in turn; None if there is no way to the resolver."""
        ports = resolver.ports
        if len(ports) < self._sockets:
            try:
                port = resolver.open_port(self._questions)
            except OSError:
                return ports[0] if ports else None
            asyncio.get_running_loop().add_reader(port.sock.fileno(), self._on_readable, port)
            return port
        ports.rotate()
        return ports[0]

    def inspect(self, port: Port, now: float) -> None:
        """Replace a port that has carried its questions or is under attack; close it when it waits for nothing."""
        if port.left <= 0 or port.strays > _MOST_STRAYS:
            if port.resolver.drop(port):
                self._retired.append((now + self._linger, port))
                if len(self._retired) > _MOST_RETIRED:
                    self.close(self._retired.popleft()[1])
            if not port.pending and not port.overdue:
                self.close(port)

    def close(self, port: Port) -> None:
        """Close a port for good. What was in the air is left to the timers."""
        port.resolver.drop(port)
        if not port.closed:
            asyncio.get_running_loop().remove_reader(port.sock.fileno())
            port.close()

    def close_lingering(self, now: float) -> None:
        """Close retired ports whose time is over."""
        while self._retired and self._retired[0][0] <= now:
            self.close(self._retired.popleft()[1])

    def close_all(self, resolvers: tuple[Resolver, ...]) -> None:
        """Close every port."""
        self.close_lingering(float("inf"))
        for resolver in resolvers:
            while resolver.ports:
                self.close(resolver.ports[0])
