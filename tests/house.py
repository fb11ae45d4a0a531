"""The walls of the house, each as a test: names, layers, time, size, and what may not be written down."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from prometheus_client.metrics import MetricWrapperBase

from monitor.telemetry import Metrics

CHECKOUT = Path(__file__).parents[1]
PACKAGES = ("monitor", "checks", "notifiers", "config")
MODULES = sorted(module for package in PACKAGES for module in (CHECKOUT / package).rglob("*.py"))


def test_the_four_names_belong_to_us_alone() -> None:
    # A stranger's distribution named `config` would be imported for ours, or ours for its.
    owners = packages_distributions()
    assert {owner for name in PACKAGES for owner in owners.get(name, [])} <= {"coverwatch"}


def test_the_top_level_holds_the_given_and_what_every_project_has() -> None:
    given = {*PACKAGES, "tests", "monitor.service", "pyproject.toml", "README.md"}
    usual = {"LICENSE", "CHANGELOG.md", "Makefile", "requirements.lock", ".gitignore", ".ci", "docs"}
    assert {path.parts[0] for path in files()} - given - usual == set()


@pytest.mark.parametrize(
    ("lock", "groups"),
    [
        pytest.param("requirements.lock", ["postgres"], id="what runs"),
        pytest.param("tests/requirements.lock", ["postgres", "dev"], id="what tests"),
    ],
)
def test_the_lock_has_what_the_project_asks_for(lock: str, groups: list[str]) -> None:
    asked = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())
    choices = asked["project"]["optional-dependencies"] | asked["dependency-groups"]
    wanted = [*asked["project"]["dependencies"], *(line for group in groups for line in choices[group])]
    locked = dict(re.findall(r"^([\w.-]+)==([\w.]+)", (CHECKOUT / lock).read_text(), re.MULTILINE))
    needs = map(Requirement, wanted)
    assert [need for need in needs if not need.specifier.contains(locked.get(need.name, "0"))] == []


def test_a_module_is_named_for_what_it_is_about() -> None:
    empty_names = {"utils", "helpers", "common", "models", "base", "manager"}
    paths = [module.relative_to(CHECKOUT) for module in MODULES]
    assert [path for path in paths if empty_names & {*path.parent.parts, path.stem}] == []


def test_a_module_says_what_it_is() -> None:
    trees = {module: ast.parse(module.read_text()) for module in MODULES}
    assert [here(module) for module, tree in trees.items() if tree.body and not ast.get_docstring(tree)] == []


def test_a_module_is_small() -> None:
    assert [here(module) for module in MODULES if len(module.read_text().splitlines()) > 400] == []


def test_every_import_keeps_to_the_layers() -> None:
    contracts = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache", "--no-logo"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert contracts.returncode == 0, contracts.stdout + contracts.stderr


@pytest.mark.parametrize(
    ("package", "unwanted"),
    [
        pytest.param("monitor", r".+", id="importing a part starts nothing"),
        pytest.param("monitor.cli", r"aiohttp|alembic|apscheduler|dns|numpy|sqlalchemy|telegram", id="--help is quick"),
    ],
)
def test_an_import_costs_no_more_than_it_must(package: str, unwanted: str) -> None:
    program = f"import sys; before = {{*sys.modules}}; import {package}; print(*({{*sys.modules}} - before))"
    imported = subprocess.run([sys.executable, "-c", program], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    roots = {module.split(".")[0] for module in imported.stdout.split()} - {"monitor"}
    assert {root for root in roots if re.fullmatch(f"({unwanted})", root)} == set()


def test_time_and_chance_are_passed_in() -> None:
    shell = ("monitor/clock.py", "monitor/app.py", "monitor/cli/", "monitor/demo/")
    of_the_moment = re.compile(
        r"datetime\.(datetime|date)\.(now|utcnow|today)"
        r"|time\.(time|monotonic|perf_counter)(_ns)?"
        r"|uuid\.uuid[14]"
        # The system's own chance is what nobody may guess; what must repeat is drawn from a seeded one, passed in.
        r"|random\.(?!SystemRandom)\w+"
    )
    below = [module for module in MODULES if not here(module).startswith(shell)]
    found = [
        f"{here(module)}:{line}: {name}" for module in below for line, name in calls(ast.parse(module.read_text()))
    ]
    assert [call for call in found if of_the_moment.fullmatch(call.split()[-1])] == []


@pytest.mark.parametrize("folder", ["checks/providers", "checks/statuspages", "checks/endpoints"])
def test_each_plug_in_has_its_line_in_the_registry(folder: str) -> None:
    registry = CHECKOUT / folder / "__init__.py"
    plug_ins = {module.stem for module in registry.parent.glob("*.py")} - {"__init__"}
    lines = registry.read_text().splitlines() if registry.exists() else []
    assert {name for name in plug_ins if not any(f'"{name}":' in line for line in lines)} == set()


def test_no_label_of_a_metric_tells_of_one_customer() -> None:
    # One /24 against fifty lists would be 12,800 series; and figures are read by more people than cases are.
    private = {"address", "ip", "range", "unit", "order", "customer", "chat", "case"}
    metrics = [metric for metric in vars(Metrics()).values() if isinstance(metric, MetricWrapperBase)]
    assert metrics
    assert {label for metric in metrics for label in metric._labelnames} & private == set()


@pytest.mark.parametrize(
    "unwanted",
    [
        pytest.param(r"(?<![\w.])/(?:work|root|farm)/|/t[m]p/", id="a path of somebody's machine"),
        pytest.param(r"pypi[.]org|pythonhosted[.]|debian[.]org|npmjs[.]", id="an address of a package registry"),
        pytest.param(r"index-[u]rl|find-[l]inks", id="an option that names a registry"),
        pytest.param(r"\b(?:TO[D]O:|FIX[M]E|XX[X]|Not[I]mplementedError)\b", id="work left undone"),
        pytest.param(
            r"type: [i]gnore(?!\[)|no[q]a(?!: [A-Z])|pragma: no [c]over", id="a rule set aside without a name"
        ),
    ],
)
def test_nothing_written_down_holds(unwanted: str) -> None:
    found = re.compile(unwanted)
    lines = ((path, n, line) for path in files() for n, line in enumerate(text(path).splitlines(), 1))
    assert [f"{path}:{n}: {line.strip()}" for path, n, line in lines if found.search(line)] == []


def here(path: Path) -> str:
    """Give a path from the top of the checkout."""
    return path.relative_to(CHECKOUT).as_posix()


def files() -> list[Path]:
    """Give every file of the project, from the top of the checkout; without git, whatever lies there unhidden."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    if shutil.which("git") and (CHECKOUT / ".git").exists():
        listed = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout
        return [Path(name) for name in listed.split("\0") if name and (CHECKOUT / name).is_file()]
    made = {"__pycache__", "build", "dist", "htmlcov", "var", "monitor.toml"}
    lying = (path.relative_to(CHECKOUT) for path in CHECKOUT.rglob("*") if path.is_file())
    return [path for path in lying if not made & {*path.parts} and not path.parts[0].startswith(".")]


def text(path: Path) -> str:
    """Give the text of a file, or nothing where it is a picture."""
    return (CHECKOUT / path).read_text(errors="ignore")


def calls(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield line and full dotted name of every call of an imported thing."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.asname or alias.name: alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            first, *rest = ast.unparse(node.func).split(".")
            if first in names:
                yield node.lineno, ".".join([names[first], *rest])
