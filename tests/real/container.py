"""A small Debian with a real systemd, booted in a container, with the wheel and the unit installed as on a server."""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
LOCK = CHECKOUT / "requirements.lock"
VENV = "/opt/coverwatch/.venv"
RELEASES = {(3, 11): "bookworm", (3, 13): "trixie"}
"""Which Debian has the Python that runs the tests: wheels fetched by the one must fit the other."""


class NotToBeHad(Exception):  # noqa: N818 - it reads as what it says
    """No container on this machine; the text says why."""


@dataclass(frozen=True, slots=True)
class Machine:
    """A booted container: its files, its process 1, and the unit in it."""

    root: Path
    init: int

    def do(self, *command: str, check: bool = True) -> str:
        """Run a command in the container and give what it printed."""
        inside = ["nsenter", "--all", "--target", str(self.init), "--", *command]
        done = subprocess.run(inside, capture_output=True, text=True, check=False, timeout=100)
        if check and done.returncode:
            raise AssertionError(f"{' '.join(command)}: {done.stdout}{done.stderr}\n{self.journal()}")
        return done.stdout

    def show(self, *properties: str) -> tuple[str, ...]:
        """Give properties of the unit."""
        asked = [argument for name in properties for argument in ("--property", name)]
        lines = self.do("systemctl", "show", "monitor", *asked).splitlines()
        values = dict(line.split("=", 1) for line in lines)
        return tuple(values[name] for name in properties)

    def until(self, values: tuple[str, ...], *properties: str) -> None:
        """Wait until properties of the unit have these values."""
        for _ in range(300):
            if self.show(*properties) == values:
                return
            time.sleep(0.2)
        raise AssertionError(f"{properties} are {self.show(*properties)}, not {values}\n{self.journal()}")

    def journal(self) -> str:
        """Give the end of the unit's journal."""
        return self.do("journalctl", "--unit", "monitor", "--no-pager", "--lines", "40", check=False)

    def write(self, path: str, text: str) -> None:
        """Write a file in the container, with the folders it needs."""
        file = self.root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def prepared(program: Callable[[str], str]) -> Path:
    """Give a Debian with systemd and what the lock names: made once for each lock, then kept in the user's cache."""
    if os.geteuid() != 0:
        raise NotToBeHad("only root can boot a container")
    if sys.version_info[:2] not in RELEASES:
        raise NotToBeHad("no Debian has this Python")
    release = RELEASES[sys.version_info[:2]]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "coverwatch-tests"
    ready = cache / f"{release}-{hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]}"
    if ready.exists():
        return ready
    for outdated in cache.glob(f"{release}-*"):
        shutil.rmtree(outdated)
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="unfinished-", dir=cache) as folder:
        root, wheels = Path(folder) / "root", Path(folder) / "root" / "wheels"
        parts = "--include=systemd-sysv,dbus,python3-venv"
        _run(program("mmdebstrap"), "--quiet", "--variant=minbase", parts, release, root)
        download = ("download", "-qq", "--disable-pip-version-check", "--require-hashes", "--only-binary", ":all:")
        _run(sys.executable, "-m", "pip", *download, "--dest", wheels, "--requirement", LOCK)
        _run("chroot", root, "python3", "-m", "venv", VENV)
        _install(root, *sorted(wheels.glob("*.whl")))
        shutil.rmtree(wheels)
        return root.rename(ready)


@contextmanager
def booted(wheel: Path, program: Callable[[str], str]) -> Iterator[Machine]:
    """Boot a copy of the prepared Debian with this wheel and the unit in it."""
    nspawn = program("systemd-nspawn")
    debian = prepared(program)
    with tempfile.TemporaryDirectory(prefix="run-", dir=debian.parent) as folder:
        root, console = Path(folder) / "root", Path(folder) / "console"
        _run("cp", "--archive", "--reflink=auto", debian, root)
        _install(root, Path(shutil.copy(wheel, root)))
        shutil.copy(CHECKOUT / "monitor.service", root / "etc/systemd/system")
        command = [nspawn, "--quiet", f"--directory={root}", "--private-network", "--register=no", "--keep-unit"]
        tried = subprocess.run([*command, "--pipe", "true"], stdin=subprocess.DEVNULL, capture_output=True, check=False)
        if tried.returncode:
            raise NotToBeHad(f"containers do not run here: {tried.stderr.decode().strip()}")
        with (
            console.open("wb") as output,
            # In a session of its own: the terminal's Ctrl-C is the test run's affair.
            subprocess.Popen(
                [*command, "--boot", "--console=read-only"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            ) as container,
        ):
            try:
                yield Machine(root, _awake(container, console))
            finally:
                # nspawn passes this on as an order to power off.
                container.terminate()
                container.wait(timeout=60)


def _awake(container: "subprocess.Popen[bytes]", console: Path) -> int:
    """Wait until the container's systemd is up, and give its process id."""
    children = Path(f"/proc/{container.pid}/task/{container.pid}/children")
    for _ in range(300):
        if container.poll() is not None:
            break
        for init in map(int, children.read_text().split()):
            state = Machine(Path(), init).do("systemctl", "is-system-running", check=False)
            if state.strip() in {"running", "degraded"}:
                return init
        time.sleep(0.2)
    raise AssertionError(f"the container did not come up:\n{console.read_text()}")


def _install(root: Path, *wheels: Path) -> None:
    inside = (f"/{wheel.relative_to(root)}" for wheel in wheels)
    _run("chroot", root, f"{VENV}/bin/python", "-m", "pip", "install", "-qq", "--no-index", "--no-deps", *inside)


def _run(*command: str | Path) -> None:
    """Run a command on this machine to its good end."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        raise AssertionError(f"{' '.join(map(str, command[:4]))} ...: {done.stdout}{done.stderr}")
