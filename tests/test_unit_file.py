"""monitor.service, as systemd itself reads it."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

UNIT = Path(__file__).parents[1] / "monitor.service"
PROGRAM = "/opt/coverwatch/.venv/bin/coverwatch"

pytestmark = pytest.mark.wide


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """Give the unit with the program at a place where there is one: systemd looks for it."""
    program = tmp_path / "coverwatch"
    shutil.copy("/bin/true", program)
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace(PROGRAM, str(program)))
    return unit


def test_systemd_finds_no_fault(unit: Path, real_part: Callable[[str], str]) -> None:
    found = systemd_analyze(real_part, "verify", "--man=no", "--recursive-errors=no", unit)
    assert (found.returncode, found.stderr) == (0, "")


def test_systemd_finds_a_planted_fault(unit: Path, real_part: Callable[[str], str]) -> None:
    unit.write_text(unit.read_text().replace("ProtectSystem=strict", "ProtectSytem=strict"))
    found = systemd_analyze(real_part, "verify", "--man=no", "--recursive-errors=no", unit)
    assert "'ProtectSytem'" in found.stderr


def test_what_is_left_exposed_is_little_more_than_the_network(unit: Path, real_part: Callable[[str], str]) -> None:
    # Ten times the score: 12 is 1.2 of 10. What remains is that it may speak to the Internet, which is its work.
    judged = systemd_analyze(real_part, "security", "--offline=true", "--threshold=12", "--no-pager", unit)
    assert judged.returncode == 0, judged.stdout


def systemd_analyze(real_part: Callable[[str], str], *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run systemd-analyze to its end."""
    command = [real_part("systemd-analyze"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)
