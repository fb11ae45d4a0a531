"""monitor.service under a real systemd: what it promises in a bad night."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.real import container
from tests.real.container import Machine

# The first run on a machine builds a Debian, which takes a minute or two.
pytestmark = [pytest.mark.wide, pytest.mark.timeout(400)]

SETTINGS = """
[store]
url = "sqlite:////var/lib/coverwatch/coverwatch.sqlite"

[notifier]
kind = "console"
"""
WRONG = SETTINGS + 'tokn = "telegram"\n'


def test_started_means_ready_and_tells_how_it_stands(machine: Machine) -> None:
    assert machine.show("ActiveState", "NRestarts") == ("active", "0")
    assert machine.show("StatusText") != ("",)


def test_the_daemon_holds_no_power_and_its_state_is_its_own(machine: Machine) -> None:
    (daemon,) = machine.show("MainPID")
    status = dict(line.split(":\t", 1) for line in machine.do("cat", f"/proc/{daemon}/status").splitlines())
    assert (status["CapEff"], status["NoNewPrivs"], status["Seccomp"]) == ("0" * 16, "1", "2")
    user = int(status["Uid"].split()[0])
    assert 61184 <= user <= 65519  # systemd makes users up from this range
    state = machine.root / "var/lib/private/coverwatch"
    assert (state.stat().st_uid, state.stat().st_mode & 0o777) == (user, 0o700)
    assert (state / "coverwatch.sqlite").stat().st_uid == user


def test_a_killed_daemon_is_back_each_time(machine: Machine) -> None:
    for kills in ("1", "2", "3"):
        machine.do("systemctl", "kill", "--kill-whom=main", "--signal=KILL", "monitor")
        machine.until((kills, "active"), "NRestarts", "ActiveState")


def test_a_daemon_that_stands_still_is_replaced(machine: Machine) -> None:
    machine.write("/etc/systemd/system/monitor.service.d/sooner.conf", "[Service]\nWatchdogSec=5s\n")
    machine.do("systemctl", "daemon-reload")
    machine.do("systemctl", "restart", "monitor")
    machine.do("systemctl", "kill", "--kill-whom=main", "--signal=STOP", "monitor")
    machine.until(("1", "active"), "NRestarts", "ActiveState")
    assert "Watchdog timeout" in machine.journal()


def test_wrong_settings_stop_it_once_and_for_good(machine: Machine) -> None:
    machine.write("/etc/coverwatch/monitor.toml", WRONG)
    machine.do("systemctl", "restart", "monitor", check=False)
    machine.until(("failed", "78", "0"), "ActiveState", "ExecMainStatus", "NRestarts")
    assert "tokn: unknown key" in machine.journal()


def test_without_its_folder_of_credentials_it_does_not_start_over_and_over(machine: Machine) -> None:
    machine.do("mv", "/etc/coverwatch/credentials", "/etc/coverwatch/elsewhere")
    machine.do("systemctl", "restart", "monitor", check=False)
    machine.until(("failed", "243", "0"), "ActiveState", "ExecMainStatus", "NRestarts")
    machine.do("mv", "/etc/coverwatch/elsewhere", "/etc/coverwatch/credentials")


def test_a_reload_with_wrong_settings_changes_nothing(machine: Machine) -> None:
    (before,) = machine.show("MainPID")
    machine.write("/etc/coverwatch/monitor.toml", WRONG)
    machine.do("systemctl", "reload", "monitor", check=False)
    assert "tokn: unknown key" in machine.journal()
    assert machine.show("ActiveState", "MainPID") == ("active", before)
    machine.write("/etc/coverwatch/monitor.toml", SETTINGS)
    machine.do("systemctl", "reload", "monitor")
    # A daemon that did not know SIGHUP would be dead in a moment.
    machine.do("sleep", "1")
    assert machine.show("ActiveState", "MainPID") == ("active", before)


def test_a_stopped_daemon_ends_well(machine: Machine) -> None:
    machine.do("systemctl", "stop", "monitor")
    assert machine.show("ActiveState", "Result", "ExecMainStatus") == ("inactive", "success", "0")


@pytest.fixture
def machine(booted: Machine) -> Machine:
    """Give the container with the daemon freshly started on good settings."""
    booted.do("systemctl", "stop", "monitor")
    booted.do("rm", "-rf", "/etc/systemd/system/monitor.service.d")
    booted.do("systemctl", "daemon-reload")
    booted.do("systemctl", "reset-failed")
    booted.write("/etc/coverwatch/monitor.toml", SETTINGS)
    booted.do("systemctl", "start", "monitor")
    return booted


@pytest.fixture(scope="module")
def booted(wheel: Path, real_part: Callable[[str], str]) -> Iterator[Machine]:
    """Boot one container for all tests of this file."""
    with ExitStack() as stack:
        try:
            machine = stack.enter_context(container.booted(wheel, real_part))
        except container.NotToBeHad as reason:
            pytest.skip(str(reason))
        machine.do("install", "-d", "-m", "0700", "/etc/coverwatch/credentials")
        yield machine
