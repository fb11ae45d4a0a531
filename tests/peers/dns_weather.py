"""Bad weather between a client and a DNS server: loses questions and delays replies. Runs as a process of its own.

``python -m tests.peers.dns_weather HOST PORT LOSS DELAY SEED`` prints the port it listens on and relays until it is
ended. LOSS is a share of the questions, DELAY is in seconds.
"""

import random
import select
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

AT_ONCE = 64
BUFFER = 4 << 20


@contextmanager
def weather(server: tuple[str, int], loss: float, delay: float, seed: int) -> Iterator[tuple[str, int]]:
    """Run a relay in front of a server; give its address."""
    command = [sys.executable, "-m", "tests.peers.dns_weather", server[0], *map(str, (server[1], loss, delay, seed))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield "127.0.0.1", int(process.stdout.readline())
        finally:
            process.kill()


@dataclass
class Relay:
    """Passes questions on under ids of its own, so that one socket to the server is enough for all clients."""

    server: tuple[str, int]
    loss: float
    delay: float
    chance: random.Random
    key: int = 0
    askers: dict[int, tuple[bytes, tuple[str, int]]] = field(default_factory=dict)
    held: deque[tuple[float, bytes, tuple[str, int]]] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self.front = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.back = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        for sock in (self.front, self.back):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
            sock.settimeout(0)
        self.front.bind(("127.0.0.1", 0))
        self.back.connect(self.server)

    def run(self) -> None:
        """Relay for good."""
        print(self.front.getsockname()[1], flush=True)
        while True:
            wait = max(0.0, self.held[0][0] - time.monotonic()) if self.held else 1.0
            readable, _, _ = select.select([self.front, self.back], [], [], wait)
            with suppress(BlockingIOError, ConnectionRefusedError):
                for _ in range(AT_ONCE if self.front in readable else 0):
                    self.pass_on(*self.front.recvfrom(512))
            with suppress(BlockingIOError, ConnectionRefusedError):
                for _ in range(AT_ONCE if self.back in readable else 0):
                    self.hold(self.back.recv(512))
            now = time.monotonic()
            while self.held and self.held[0][0] <= now:
                _, answer, asker = self.held.popleft()
                self.front.sendto(answer, asker)

    def pass_on(self, question: bytes, asker: tuple[str, int]) -> None:
        if self.chance.random() >= self.loss:
            self.key = (self.key + 1) & 0xFFFF
            self.askers[self.key] = question[:2], asker
            self.back.send(self.key.to_bytes(2) + question[2:])

    def hold(self, answer: bytes) -> None:
        id_, asker = self.askers[int.from_bytes(answer[:2])]
        self.held.append((time.monotonic() + self.delay, id_ + answer[2:], asker))


if __name__ == "__main__":
    host, port, loss, delay, seed = sys.argv[1:]
    Relay((host, int(port)), float(loss), float(delay), random.Random(int(seed))).run()
