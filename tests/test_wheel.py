"""The wheel: what it carries, and that it runs where nothing of the checkout is in reach."""

import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

CHECKOUT = Path(__file__).parents[1]


def test_the_wheel_carries_four_packages_with_all_they_read(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        carried = {Path(name) for name in archive.namelist()}
    packages = {path for path in carried if not path.parts[0].endswith(".dist-info")}
    ours = {path.relative_to(CHECKOUT) for name in ("monitor", "checks", "notifiers", "config") for path in tree(name)}
    assert packages == ours
    assert {path.name for path in carried - packages} >= {"METADATA", "RECORD", "entry_points.txt", "LICENSE"}


@pytest.mark.wide
@pytest.mark.timeout(300)
def test_the_wheel_runs_from_anywhere_with_what_the_lock_names(wheel: Path, tmp_path: Path) -> None:
    # Here the tests' own packages are out of reach, so an import of one of them would show.
    home, elsewhere = tmp_path / "venv", tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "config.py").write_text("raise SystemExit('a stranger was imported')\n")
    do(sys.executable, "-m", "venv", home)
    pip = (home / "bin" / "python", "-m", "pip", "install", "-qq", "--disable-pip-version-check")
    do(*pip, "--require-hashes", "--only-binary", ":all:", "--requirement", CHECKOUT / "requirements.lock")
    do(*pip, "--no-deps", wheel)

    assert do(home / "bin" / "python", "-c", OURS, cwd=elsewhere) == "checks config monitor notifiers\n"
    command = home / "bin" / "coverwatch"
    assert do(command, "--version", cwd=elsewhere).startswith("coverwatch")
    (elsewhere / "monitor.toml").write_text('[notifier]\nkind = "console"\n')
    do(command, "config", "check", "--config", "monitor.toml", cwd=elsewhere)


OURS = """
from importlib.metadata import packages_distributions
print(*sorted(name for name, owners in packages_distributions().items() if owners == ["coverwatch"]))
"""


def tree(package: str) -> list[Path]:
    """Give every file of a package in the checkout."""
    return [path for path in (CHECKOUT / package).rglob("*") if path.is_file() and path.suffix != ".pyc"]


def do(*command: str | Path, cwd: Path | None = None) -> str:
    """Run a command to its good end and give what it printed."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
