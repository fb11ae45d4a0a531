"""Two network namespaces with a cable between them: one for a customer who knocks, one for who is knocked at."""

import asyncio
import ctypes
import os
import subprocess
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

Found = TypeVar("Found")

CLONE_NEWNET = 0x40000000
HERE, THERE, NOBODY = "198.18.0.1", "198.18.0.2", "198.18.0.3"
"""The two ends of the cable, and an address beside them that nobody has."""


@dataclass(frozen=True, slots=True)
class Cable:
    """The names of both namespaces. Servers are started ``inside`` the far one."""

    near: str
    far: str

    def inside(self, *command: str | Path) -> list[str]:
        """Write a command so that it runs in the far namespace."""
        return ["ip", "netns", "exec", self.far, *map(str, command)]

    def knock(self, work: Callable[[], Coroutine[Any, Any, Found]]) -> Found:
        """Run something asynchronous in the near namespace, on a thread of its own: a namespace is one of a thread."""
        found: list[Found] = []

        def run() -> None:
            with (Path("/run/netns") / self.near).open() as door:
                if ctypes.CDLL(None, use_errno=True).setns(door.fileno(), CLONE_NEWNET) != 0:
                    raise OSError(ctypes.get_errno(), "setns")
            found.append(asyncio.run(work()))

        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        assert found, "nothing came of it; see the traceback of the thread"
        return found[0]

    def cut(self) -> None:
        """Pull the cable out at the far end: the host is gone, and nobody says so."""
        ip("-n", self.far, "link", "set", "cable", "down")


def ip(*words: str) -> None:
    """Configure the network, by the program of this name."""
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False, timeout=20)
    assert done.returncode == 0, f"ip {' '.join(words)}: {done.stderr}"


@contextmanager
def cable() -> Iterator[Cable]:
    """Make both namespaces, and take them away at the end, with all that is in them. Needs root."""
    near, far = f"cw-{os.getpid()}-near", f"cw-{os.getpid()}-far"
    with ExitStack() as stack:
        for name in (near, far):
            ip("netns", "add", name)
            stack.callback(ip, "netns", "delete", name)
        ip("-n", near, "link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns", far)
        for name, address in ((near, HERE), (far, THERE)):
            ip("-n", name, "address", "add", f"{address}/29", "dev", "cable")
            ip("-n", name, "link", "set", "cable", "up")
            ip("-n", name, "link", "set", "lo", "up")
        yield Cable(near, far)
