"""``coverwatch stock key`` and ``coverwatch stock seal``: access data of spares, sealed before it is stored."""

import asyncio
import csv
from pathlib import Path
from typing import TextIO

import click

from monitor.cli.shell import with_config

LONGEST = 3000
"""Characters of access data: with the words around it, it must fit into one message, which can be deleted whole."""


@click.command()
def key() -> None:
    """Draw a key that access data is sealed with; write it into the secret file that handover.key names.

    To change it, write the new one above the old one: what was sealed before still opens.
    """
    from monitor.store.boxes import new_key  # noqa: PLC0415 - keeps ``--help`` cheap

    click.echo(new_key())


@click.command()
@click.argument("file", type=click.File("r", encoding="utf-8-sig"))
@with_config
def seal(file: TextIO, config_path: Path) -> None:
    """Seal the access data of spares from FILE (- for standard input): CSV with the columns unit and secret.

    It is stored encrypted, shown to nobody but the customer who takes the spare over, and replaces what was sealed
    before. All or nothing is taken.
    """
    from config import load  # noqa: PLC0415 - keeps ``--help`` cheap

    config = load(config_path, secrets=False)
    if config.settings.handover.key is None:
        raise click.ClickException("handover.key: names no secret file; make one with: coverwatch stock key")
    rows = _read(file)
    missing = asyncio.run(_seal(config_path, rows))
    if missing:
        raise click.ClickException(f"there is no unit {missing[0]}; nothing was sealed")
    click.echo(f"{len(rows)} sealed")


def _read(file: TextIO) -> dict[str, str]:
    rows: dict[str, str] = {}
    reader = csv.DictReader(file)
    if not {"unit", "secret"} <= set(reader.fieldnames or ()):
        raise click.ClickException(f"{file.name}:1: the columns unit and secret are needed")
    for row in reader:
        unit, secret = (row["unit"] or "").strip(), (row["secret"] or "").strip()
        place = f"{file.name}:{reader.line_num}"
        # What is wrong is said without the secret.
        if not unit or not secret:
            raise click.ClickException(f"{place}: unit and secret must both be given; nothing was sealed")
        if len(secret) > LONGEST:
            raise click.ClickException(f"{place}: secret: more than {LONGEST} characters; nothing was sealed")
        rows[unit] = secret
    return rows


async def _seal(config_path: Path, rows: dict[str, str]) -> list[str]:
    from config import ConfigError, load  # noqa: PLC0415 - keeps ``--help`` cheap
    from monitor.clock import SystemClock  # noqa: PLC0415
    from monitor.core.secret import Secret  # noqa: PLC0415
    from monitor.store import boxes  # noqa: PLC0415
    from monitor.store.boxes import Seal, SealError  # noqa: PLC0415
    from monitor.store.engine import connect  # noqa: PLC0415

    config = load(config_path, secrets=False)
    try:
        sealing = Seal(config.secret(config.settings.handover.key or ""))
    except SealError as fault:
        raise ConfigError([f"handover.key: {fault}"]) from None
    store = await connect(config.store_url)
    try:
        async with store.write() as connection:
            missing = sorted(rows.keys() - await boxes.units(connection, rows))
            for unit, secret in () if missing else rows.items():
                await boxes.put(connection, unit, sealing.close(unit, Secret(secret)), SystemClock().now())
        return missing
    finally:
        await store.close()
