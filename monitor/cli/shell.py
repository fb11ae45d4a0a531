"""What all commands share: the configuration option, the loop, output as table or JSON, faults in plain words."""

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

EX_CONFIG = 78


def with_config(command: F) -> F:
    """Add ``--config FILE``."""
    return click.option(
        "--config",
        "config_path",
        type=click.Path(dir_okay=False, path_type=Path),
        default=Path("monitor.toml"),
        envvar="COVERWATCH_CONFIG",
        show_default=True,
        show_envvar=True,
        help="The configuration file.",
    )(command)


def with_json(command: F) -> F:
    """Add ``--json``."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")(command)


@contextlib.contextmanager
def faults_to_words() -> Iterator[None]:
    """Turn the faults that an operator can mend into lines on standard error and an exit status."""
    try:
        yield
    except Exception as fault:
        found = words_of(fault)
        if found is None:
            raise
        lines, status = found
        for line in lines:
            click.echo(f"coverwatch: {line}", err=True)
        sys.exit(status)


def words_of(fault: BaseException) -> tuple[Sequence[str], int] | None:
    """Give the lines and the exit status of a fault that an operator can mend; None for one of ours."""
    from config import ConfigError  # noqa: PLC0415 - keeps ``--help`` cheap
    from monitor.store.engine import StoreError  # noqa: PLC0415

    if isinstance(fault, BaseExceptionGroup):
        known = [words_of(each) for each in fault.exceptions]
        return known[0] if known and all(known) else None
    if isinstance(fault, ConfigError):
        return fault.faults, EX_CONFIG
    if isinstance(fault, StoreError):
        return [str(fault)], 1
    if isinstance(fault, BrokenPipeError):
        # Whoever read our output has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return [], 0
    return None


def reading(config_path: Path, query: Callable[[Any], Awaitable[T]]) -> T:
    """Run one query in a reading transaction of the configured database."""
    from config import load  # noqa: PLC0415 - keeps ``--help`` cheap
    from monitor.store.engine import connect  # noqa: PLC0415

    config = load(config_path, secrets=False)

    async def run() -> T:
        store = await connect(config.store_url)
        try:
            async with store.read() as connection:
                return await query(connection)
        finally:
            await store.close()

    return asyncio.run(run())


def print_json(document: object) -> None:
    """Print one JSON document."""
    click.echo(json.dumps(document, ensure_ascii=False, indent=2, default=str))


def print_table(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str], empty: str) -> None:
    """Print rows as a table: ``columns`` maps keys to headings."""
    if not rows:
        click.echo(empty, err=True)
        return
    from rich.console import Console  # noqa: PLC0415 - keeps ``--help`` cheap
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    console = Console(highlight=False)
    if not console.is_terminal:
        # A pipe is read by programs: one row a line, whatever its width.
        click.echo("\t".join(columns.values()))
        for row in rows:
            click.echo("\t".join(shown(row.get(key)).replace("\t", " ") for key in columns))
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in columns.values():
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*(Text(shown(row.get(key))) for key in columns))
    console.print(table)


def shown(value: object) -> str:
    """Show a value in a table: instants to the second, nothing as a dash."""
    if value is None or value == "":
        return "-"
    words = str(value)
    return words[:19].replace("T", " ") + "Z" if len(words) > 19 and words[10:11] == "T" else words  # noqa: PLR2004
