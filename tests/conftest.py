"""What every test may ask for: shared material, real parts from outside, and a fresh database of either kind."""

import asyncio
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from monitor.telemetry import set_up_logging
from tests import postgres

CHECKOUT = Path(__file__).parents[1]

# A shell that runs the tests in the background has them ignore Ctrl-C, and with them every program that they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

CANARY = re.compile(r"\d{6,}:CANARY|\b50000000\d\d\b|-400000000\d\b|-100200000000\d\b")
"""The tokens and chats of the Bot API double: whatever a test sets going, nothing that is said may name them."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a test that passed while a secret of the double's stood in what was logged or printed meanwhile."""
    report = yield
    told = [(name, found[0]) for name, text in report.sections if (found := CANARY.search(text))]
    if report.when == "teardown" and report.passed and told:
        where, what = told[0]
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid}: {what} stands in the {where.lower()}: tokens and chats belong into no log"
    return report


@pytest.fixture(autouse=True)
def _as_the_daemon_logs() -> None:
    """Log as the daemon does: what no log may name is looked for in the real thing."""
    set_up_logging()


def require(condition: object, why: str) -> None:
    """Skip the test for this reason; under CI, which installs every part, fail for it."""
    if condition:
        return
    if os.environ.get("CI", "false") not in {"", "0", "false"}:
        pytest.fail(f"missing under CI: {why}", pytrace=False)
    pytest.skip(why)


@pytest.fixture(scope="session")
def shared() -> Path:
    """Give the folder of real lists, ranges and API descriptions that lies beside the checkout."""
    folder = CHECKOUT.parent / "shared"
    require(folder.is_dir(), f"no shared material at {folder}")
    return folder


@pytest.fixture(scope="session")
def real_part() -> Callable[[str], str]:
    """Find a program from outside Python by its name."""

    def find(program: str) -> str:
        # Servers live in sbin, which is not on everybody's PATH.
        path = shutil.which(program, path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"]))
        require(path, f"{program} is not installed")
        return str(path)

    return find


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel of this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    built = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    return next(folder.glob("*.whl"))


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Give the URL of a database of this test's own, with the schema of today and no rows."""
    if request.param == "sqlite":
        shutil.copytree(request.getfixturevalue("migrated_sqlite"), tmp_path, dirs_exist_ok=True)
        yield _sqlite(tmp_path)
    else:
        template = request.getfixturevalue("migrated_postgres")
        with request.getfixturevalue("postgres_server").database(template) as url:
            yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Give the URL of a database without a schema, for tests of the way to one."""
    if request.param == "sqlite":
        yield _sqlite(tmp_path)
    else:
        with request.getfixturevalue("postgres_server").database() as url:
            yield url


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.Server]:
    """Run one PostgreSQL server for all tests."""
    with ExitStack() as stack:
        try:
            yield stack.enter_context(postgres.running())
        except postgres.NotToBeHad as reason:
            require(None, str(reason))


@pytest.fixture(scope="session")
def migrated_postgres(postgres_server: postgres.Server) -> Iterator[str]:
    """Name the PostgreSQL database that others are copied from."""
    with postgres.migrated(postgres_server) as name:
        yield name


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder of the SQLite database that others are copied from."""
    from monitor.store.engine import migrate  # noqa: PLC0415 - the tests of the core need no store

    folder = tmp_path_factory.mktemp("migrated")
    asyncio.run(migrate(_sqlite(folder)))
    return folder


def _sqlite(folder: Path) -> str:
    return f"sqlite+aiosqlite:///{folder}/coverwatch.sqlite"
