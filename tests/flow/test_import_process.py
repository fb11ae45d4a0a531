"""The import as a process of its own: interrupted, on a full disk, on a terminal, and with very many rows."""

import os
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import func, select

from monitor.store.tables import customer, delivery, unit
from tests.conftest import CHECKOUT
from tests.flow.importer import Shop

PROGRAM = (sys.executable, "-c", "import monitor.cli; monitor.cli.main()", "import")
MANY = 100_000
ROOM = 200 * 1024
"""KiB of memory that an import may take."""
MEASURED = """
import atexit, monitor.cli
atexit.register(lambda: print(*(line.strip() for line in open("/proc/self/status") if line.startswith("VmHWM"))))
monitor.cli.main()
"""


@pytest.fixture
def shop(tmp_path: Path, migrated_sqlite: Path) -> Shop:
    (tmp_path / "shop.sqlite").write_bytes((migrated_sqlite / "coverwatch.sqlite").read_bytes())
    return Shop.opened(tmp_path, f"sqlite:///{tmp_path}/shop.sqlite")


def count(shop: Shop, table: object) -> int:
    return int(shop.reads(select(func.count()).select_from(table))[0][0])  # type: ignore[arg-type]  # any table will do


def many_customers(shop: Shop, number: int) -> Path:
    return shop.file("customer\n" + "".join(f"customer-{each}\n" for each in range(number)))


def many_deliveries(shop: Shop, number: int) -> Path:
    header = "order,customer,unit,tier,supplier,delivered_at,range,address\n"
    with (shop.folder / "deliveries.csv").open("w") as file:
        file.write(header)
        for each in range(number):
            network = f"{5 + (each >> 16)}.{each >> 8 & 255}.{each & 255}"
            file.write(
                f"INV-{each},customer-{each % 1000},vpn-{each},vpn-eu,supplier-{each % 7},2026-05-25T12:00:00Z,"
                f"{network}.0/28,{network}.5\n"
            )
    return shop.folder / "deliveries.csv"


def started(shop: Shop, *words: str, stdin: int | None = None) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*PROGRAM, *words, "--config", str(shop.folder / "monitor.toml")],
        stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=CHECKOUT,
    )  # fmt: skip


def eventually(holds: Callable[[], bool]) -> None:
    for _ in range(6000):
        if holds():
            return
        time.sleep(0.01)
    pytest.fail("it never happened")


def is_locked(shop: Shop) -> bool:
    connection = sqlite3.connect(shop.folder / "shop.sqlite", timeout=0)
    try:
        connection.execute("begin immediate")
    except sqlite3.OperationalError:
        return True
    else:
        connection.rollback()
        return False
    finally:
        connection.close()


def test_ctrl_c_in_the_middle_leaves_nothing_written(shop: Shop) -> None:
    file = many_customers(shop, 200_000)
    with started(shop, "customers", str(file)) as importing:
        eventually(lambda: is_locked(shop) or importing.poll() is not None)
        importing.send_signal(signal.SIGINT)
        out, err = importing.communicate()
    assert (importing.returncode, out, err) == (130, "", "coverwatch: interrupted; nothing was written\n")
    assert count(shop, customer) == 0


def test_ctrl_c_ends_the_wait_for_a_pipe(shop: Shop) -> None:
    with started(shop, "customers", "-", stdin=subprocess.PIPE) as importing:
        assert importing.stdin is not None
        importing.stdin.write("customer\n" + "alice\n" * 100_000)
        # More than a pipe holds: that this returns means that somebody reads.
        importing.stdin.flush()
        assert not is_locked(shop), "a slow pipe must not keep the daemon waiting"
        importing.send_signal(signal.SIGINT)
        out, err = importing.communicate()
    assert (importing.returncode, out, err) == (130, "", "coverwatch: interrupted; nothing was written\n")


def test_a_full_disk_is_told_and_nothing_is_half_written(shop: Shop) -> None:
    file = many_customers(shop, 20_000)
    room = (shop.folder / "shop.sqlite").stat().st_size + 64 * 1024
    limited = subprocess.run(
        [*PROGRAM, "customers", str(file), "--config", str(shop.folder / "monitor.toml")],
        capture_output=True, text=True, cwd=CHECKOUT, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (room, room)),
    )  # fmt: skip
    assert (limited.returncode, limited.stdout) == (1, "")
    assert limited.stderr.startswith("coverwatch: the database failed: ")
    assert limited.stderr.endswith("; nothing was half written\n")
    assert count(shop, customer) == 0


def test_a_terminal_shows_how_far_the_file_has_been_read(shop: Shop) -> None:
    ours, theirs = os.openpty()
    file = many_customers(shop, 2000)
    with subprocess.Popen(
        [*PROGRAM, "customers", str(file), "--config", str(shop.folder / "monitor.toml")],
        stdout=subprocess.PIPE, stderr=theirs, text=True, cwd=CHECKOUT, env={**os.environ, "TERM": "xterm"},
    ) as importing:  # fmt: skip
        os.close(theirs)
        seen = b""
        try:
            while part := os.read(ours, 4096):
                seen += part
        except OSError:
            pass  # The other end of a terminal is closed.
        finally:
            os.close(ours)
        out, _ = importing.communicate()
    assert out == "customers: 2000 new, 0 changed, 0 unchanged, 0 rejected\n"
    assert b"Importing customers" in seen


@pytest.mark.timeout(300)
def test_a_hundred_thousand_deliveries_come_in_with_bounded_memory(shop: Shop) -> None:
    assert shop.runs("customers", str(many_customers(shop, 1000))).status == 0
    # The high-water mark of the process itself: what getrusage tells begins with that of the process that started it.
    measured = subprocess.run(
        [sys.executable, "-c", MEASURED, "import", "deliveries", str(many_deliveries(shop, MANY)),
         "--config", str(shop.folder / "monitor.toml")],
        capture_output=True, text=True, cwd=CHECKOUT, check=False,
    )  # fmt: skip
    assert measured.returncode == 0, measured.stderr
    summary, high_water = measured.stdout.splitlines()
    assert summary == f"deliveries: {MANY} new, 0 changed, 0 unchanged, 0 rejected"
    assert (count(shop, delivery), count(shop, unit)) == (MANY, MANY)
    assert int(high_water.split()[1]) < ROOM
