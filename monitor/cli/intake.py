"""``coverwatch import``."""

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar

import click

from monitor.cli.shell import print_json, with_config, with_json

if TYPE_CHECKING:
    from monitor.intake import Fault, Kind
    from monitor.intake.importing import Tally
    from monitor.intake.rejects import Rejects

F = TypeVar("F", bound=Callable[..., Any])

INTERRUPTED = 130
TOLD = 50
"""Faults that people are told; the first ones mostly explain the others."""
TOLD_TO_PROGRAMS = 1000


@click.group("import")
def import_() -> None:
    """Bring in customers, deliveries and stock, from CSV or JSON lines.

    All or nothing: one bad row, and nothing is written. The same file again changes nothing.
    Customers come first, then deliveries, which name them. See what a file looks like with --example.
    """


def _options(command: F) -> F:
    for option in reversed(
        (
            click.argument("file", type=click.Path(path_type=Path, allow_dash=True, readable=False), required=False),
            with_config,
            click.option("--format", "form", type=click.Choice(["csv", "jsonl"]), help="Else told by name or content."),
            click.option("--keep-good", is_flag=True, help="Take the good rows, write the others to FILE.rejected."),
            click.option(
                "--rejected", type=click.Path(path_type=Path, readable=False), help="Write them there instead."
            ),
            click.option("--dry-run", is_flag=True, help="Check everything, write nothing."),
            with_json,
            click.option("--example", is_flag=True, help="Print a small file that can be imported, and end."),
        )
    ):
        command = option(command)
    return command


@import_.command()
@_options
def customers(**options: Any) -> None:  # noqa: ANN401 - the options above
    """Bring in customers from FILE; - is standard input.

    \b
    customer       the name or number that deliveries call them by
    language       optional: en, ru, zh ...; else that of the shop
    telegram_chat  optional: the number of the chat with the bot
    email          optional

    New facts replace old ones. An empty cell says nothing; a - takes a chat or an address away.
    Exit status: 0 all rows were good, 1 some were not or nothing could be done.
    """  # noqa: D301 - click keeps lines as they are after a \b
    from monitor.intake import Kind  # noqa: PLC0415 - keeps ``--help`` cheap

    _bring_in(Kind.CUSTOMERS, **options)


@import_.command()
@_options
def deliveries(**options: Any) -> None:  # noqa: ANN401 - the options above
    """Bring in deliveries from FILE; - is standard input.

    \b
    order         the number of the order, such as INV-1001
    item          optional: which item of the order, else 1
    customer      who ordered; import customers first
    unit          the name of the one thing that was handed over
    tier          a name of [tiers] in the configuration
    niche         optional, only to be checked: vps, vpn, sms, streaming, ai
    supplier      who the shop had it from
    delivered_at  when, with its zone: 2026-05-25T12:00:00Z
    range         vpn: the networks that were sold, separated by blanks
    address       optional: the one that the customer uses
    access        vps: the name of the secret file of the account, never the secret
    tx            optional: the hash of the payment

    What was imported stays: other facts for the same order and item are a fault, empty cells say nothing.
    Exit status: 0 all rows were good, 1 some were not or nothing could be done.
    """  # noqa: D301 - click keeps lines as they are after a \b
    from monitor.intake import Kind  # noqa: PLC0415 - keeps ``--help`` cheap

    _bring_in(Kind.DELIVERIES, **options)


@import_.command()
@_options
def stock(**options: Any) -> None:  # noqa: ANN401 - the options above
    """Bring in spares from FILE; - is standard input.

    \b
    unit      the name of the one thing on the shelf
    tier      a name of [tiers] in the configuration
    niche     optional, only to be checked: vps, vpn, sms, streaming, ai
    supplier  who the shop has it from
    range     vpn: its networks, separated by blanks
    address   optional: the one that a customer would use
    access    vps: the name of the secret file of the account, never the secret
    cost      optional: what it cost, such as 4.50

    New facts replace old ones while a unit lies on the shelf. An empty cell says nothing.
    Exit status: 0 all rows were good, 1 some were not or nothing could be done.
    """  # noqa: D301 - click keeps the lines after a backspace as they are
    from monitor.intake import Kind  # noqa: PLC0415 - keeps ``--help`` cheap

    _bring_in(Kind.STOCK, **options)


def _bring_in(
    kind: "Kind",
    *,
    file: Path | None,
    config_path: Path,
    form: str | None,
    keep_good: bool,
    rejected: Path | None,
    dry_run: bool,
    as_json: bool,
    example: bool,
) -> None:
    from monitor.intake import IntakeError  # noqa: PLC0415 - keeps ``--help`` cheap
    from monitor.intake.importing import Tally  # noqa: PLC0415 - keeps ``--help`` cheap
    from monitor.intake.rejects import Rejects  # noqa: PLC0415 - keeps ``--help`` cheap
    from monitor.intake.samples import sample  # noqa: PLC0415
    from monitor.intake.tables import Format  # noqa: PLC0415

    if example:
        click.echo(sample(kind, Format(form or Format.CSV)), nl=False)
        return
    if file is None:
        raise click.UsageError(
            f"name a file, or - for standard input; see one with: coverwatch import {kind} --example"
        )
    rejects = Rejects(_place_of_rejects(file, rejected)) if keep_good else None
    if rejected is not None and rejects is None:
        raise click.UsageError("--rejected goes with --keep-good")
    name = "stdin" if str(file) == "-" else click.format_filename(file)
    tally = Tally(TOLD_TO_PROGRAMS if as_json else TOLD)
    try:
        ignored = _run(kind, file, config_path, form, tally, rejects, dry_run=dry_run)
    except KeyboardInterrupt:
        click.echo("coverwatch: interrupted; nothing was written", err=True)
        raise SystemExit(INTERRUPTED) from None
    except IntakeError as unusable:
        tally.faults += unusable.faults
        ignored = []
    _tell(kind, name, tally, ignored, rejects, dry_run=dry_run, as_json=as_json)


def _place_of_rejects(file: Path, rejected: Path | None) -> Path:
    if rejected is None:
        if str(file) == "-":
            raise click.UsageError("--keep-good from standard input needs a place for bad rows: --rejected PATH")
        return file.with_name(file.name + ".rejected")
    if rejected.exists() and file.exists() and rejected.samefile(file):
        raise click.UsageError("--rejected would overwrite the file that is imported")
    return rejected


def _run(
    kind: "Kind",
    file: Path,
    config_path: Path,
    form: str | None,
    tally: "Tally",
    rejects: "Rejects | None",
    *,
    dry_run: bool,
) -> list[str]:
    """Bring in the file, and give the columns that were passed over."""
    from config import load  # noqa: PLC0415 - keeps ``--help`` cheap
    from monitor.clock import SystemClock  # noqa: PLC0415
    from monitor.intake.cells import Terms  # noqa: PLC0415
    from monitor.intake.columns import COLUMNS, needed  # noqa: PLC0415
    from monitor.intake.importing import Intake  # noqa: PLC0415
    from monitor.intake.lines import Lines, opened  # noqa: PLC0415
    from monitor.intake.tables import Format, format_of, table  # noqa: PLC0415
    from monitor.store.engine import connect  # noqa: PLC0415

    config = load(config_path)
    settings = config.settings
    terms = Terms(settings.catalogue(), settings.shop.language, SystemClock().now(), settings.endpoints.keys())
    with opened(file) as opening:
        lines = Lines(opening)
        rows = table(Format(form) if form else format_of(file, opening), lines, list(COLUMNS[kind]), needed(kind))

        async def run() -> None:
            store = await connect(config.store_url)
            try:
                with _progress(kind, opening) as progress:
                    await Intake(kind, terms, tally, rejects).run(
                        store,
                        rows,
                        dry_run=dry_run,
                        progress=lambda: progress(lines.read_bytes),
                        too_late=_deaf,
                    )
            finally:
                await store.close()

        before = signal.getsignal(signal.SIGINT)
        try:
            asyncio.run(run())
        finally:
            signal.signal(signal.SIGINT, before)
    return rows.ignored


def _deaf() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextlib.contextmanager
def _progress(kind: "Kind", file: IO[bytes]) -> Iterator[Callable[[int], None]]:
    """Show on a terminal how far the file has been read."""
    from rich.console import Console  # noqa: PLC0415 - keeps ``--help`` cheap
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as shown:
        start = file.tell()
        size = file.seek(0, 2)
        file.seek(start)
        task = shown.add_task(f"Importing {kind}", total=size)
        yield lambda done: shown.update(task, completed=done)


def _tell(
    kind: "Kind",
    name: str,
    tally: "Tally",
    ignored: Sequence[str],
    rejects: "Rejects | None",
    *,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Say how it went, and end with 1 if anything was wrong."""
    if ignored:
        click.echo(f"coverwatch: {name}: these columns are not used: {', '.join(ignored)}", err=True)
    if not (tally.faults or tally.new or tally.changed or tally.unchanged):
        click.echo(f"coverwatch: {name} holds no rows", err=True)
    if as_json:
        print_json(
            {
                "kind": kind.value,
                "new": tally.new,
                "changed": tally.changed,
                "unchanged": tally.unchanged,
                "rejected": tally.rejected,
                "errors": [
                    {"line": fault.line, "column": fault.column, "error": fault.words} for fault in tally.faults
                ],
                "more_errors": tally.untold,
                "dry_run": dry_run,
                "written": tally.written,
            }
        )
    else:
        _tell_faults(name, tally.faults, tally.untold)
        ending = "" if tally.written else "; nothing was written"
        click.echo(
            f"{kind}: {tally.new} new, {tally.changed} changed, {tally.unchanged} unchanged, "
            f"{tally.rejected} rejected{'; dry run' if dry_run else ''}{ending}"
        )
        if tally.rejected and tally.written and rejects is not None:
            place = click.format_filename(rejects.path)
            click.echo(f"coverwatch: bad rows are in {place}; mend them there and import that file", err=True)
        elif tally.rejected and rejects is None:
            click.echo("coverwatch: mend these rows, or take the good ones alone with --keep-good", err=True)
    if tally.faults:
        raise SystemExit(1)


def _tell_faults(name: str, faults: "Sequence[Fault]", untold: int) -> None:
    for fault in faults:
        click.echo(fault.told(name), err=True)
    if untold:
        click.echo(f"and {untold} more", err=True)
