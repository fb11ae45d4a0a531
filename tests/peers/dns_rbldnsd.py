"""The real rbldnsd, serving zones that the test writes."""

import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

PROBE = b"\0\1\1\0\0\1\0\0\0\0\0\0%b\0\0\6\0\1"


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


@contextmanager
def rbldnsd(program: str, zones: Mapping[str, tuple[str, str]]) -> Iterator[tuple[str, int]]:
    """Serve zones, given as name: (kind of data set, its lines); give the address."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        folder.chmod(0o755)  # root's rbldnsd gives up its rights before it reads the zones
        specs = []
        for zone, (kind, lines) in zones.items():
            (folder / zone).write_text(
                f"$SOA 3600 ns.{zone} hostmaster.{zone} 1 3600 600 86400 300\n$NS 3600 ns.{zone}\n{lines}"
            )
            specs.append(f"{zone}:{kind}:{zone}")
        port = free_port()
        user = ["-u", "nobody"] if os.geteuid() == 0 else []
        command = [program, "-n", *user, "-c", "0", "-t", "300", "-b", f"127.0.0.1/{port}", "-w", place, *specs]
        with (folder / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as server:
            try:
                _wait((folder / "log"), ("127.0.0.1", port), next(iter(zones)), server)
                yield "127.0.0.1", port
            finally:
                server.kill()


def _wait(log: Path, address: tuple[str, int], zone: str, server: subprocess.Popen[bytes]) -> None:
    labels = b"".join(bytes([len(label)]) + label.encode() for label in zone.split("."))
    for _ in range(200):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(0.5)
            sock.connect(address)
            try:
                sock.send(PROBE % labels)
                sock.recv(512)
            except OSError:
                time.sleep(0.05)
            else:
                return
        if server.poll() is not None:
            break
    raise RuntimeError(f"rbldnsd did not start: {log.read_text()}")
