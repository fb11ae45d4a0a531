"""What the watchdog is fed with: every loop's own progress, and nothing else."""

import json
import os
import signal
import socket
from pathlib import Path

from monitor.telemetry import Progress
from tests.flow.program import running

CONFIG = """
[web]
listen = "127.0.0.1:0"

[notifier]
kind = "console"
"""


def test_a_loop_that_gets_nowhere_is_stuck_after_its_limit_and_not_before() -> None:
    progress = Progress({"courier": 300.0, "rhythm:account": 600.0}, began=1000.0)
    progress.made("courier", 1500.0)
    assert progress.stuck(1600.0) == []
    assert progress.stuck(1600.5) == ["rhythm:account"]
    assert progress.stuck(1801.0) == ["courier", "rhythm:account"]


def test_a_loop_that_hangs_at_its_very_first_step_is_stuck_too() -> None:
    assert Progress({"courier": 300.0}, began=0.0).stuck(301.0) == ["courier"]


def test_the_progress_of_one_loop_does_not_excuse_another() -> None:
    progress = Progress({"rhythm:account": 600.0, "rhythm:blocklist": 600.0}, began=0.0)
    for second in range(0, 1000, 10):
        progress.made("rhythm:blocklist", float(second))
    assert progress.stuck(1000.0) == ["rhythm:account"]


def test_systemd_hears_ready_then_the_watchdog_and_at_the_end_stopping(tmp_path: Path) -> None:
    (tmp_path / "monitor.toml").write_text(CONFIG)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(240.0)
        environment = {**os.environ, "NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "300000"}
        with running("run", "--config", tmp_path / "monitor.toml", env=environment) as daemon:
            line = daemon.until('"ready"')
            assert systemd.recv(4096).decode().splitlines() == [
                "READY=1",
                f"STATUS=watching; console at {json.loads(line)['console']}",
            ]
            assert systemd.recv(4096) == b"WATCHDOG=1"
            assert daemon.stop(signal.SIGTERM) == 0
        heard = [systemd.recv(4096)]
        while heard[-1] != b"STOPPING=1":
            heard.append(systemd.recv(4096))
    assert set(heard[:-1]) <= {b"WATCHDOG=1"}
