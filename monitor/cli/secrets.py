"""``coverwatch secrets``."""

import asyncio
import csv
import re
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from monitor.cli.shell import print_json, print_table, reading, with_config, with_json

if TYPE_CHECKING:
    from config import Config
    from monitor.store.boxes import Seal

LONGEST = 65_536
"""Characters of one secret: as many as a secret file may hold."""


@click.group()
def secrets() -> None:
    """Seal the secrets of accounts and keys in the database, instead of a file each."""


@secrets.command()
@click.argument("file", type=click.File("r", encoding="utf-8-sig"))
@with_config
def seal(file: TextIO, config_path: Path) -> None:
    """Seal secrets from FILE (- for standard input): CSV with the columns name and secret.

    An import's column access gives such a name. What is sealed is never shown again, and replaces what was sealed under
    its name before; a file of the same name in secrets.directory goes before it. All or nothing is taken.
    """
    from config import load  # noqa: PLC0415 - keeps ``--help`` cheap

    config = load(config_path, secrets=False)
    sealing = seal_of(config)
    if sealing is None:
        raise click.ClickException("secrets.key: names no secret file; make one with: coverwatch stock key")
    rows = _read(file)
    asyncio.run(_seal(config, sealing, rows))
    click.echo(f"{len(rows)} sealed")


@secrets.command("list")
@with_config
@with_json
def list_(config_path: Path, as_json: bool) -> None:  # noqa: FBT001 - click passes flags by name
    """List the names of what is sealed."""
    from monitor.store import safe  # noqa: PLC0415 - keeps ``--help`` cheap

    rows = [{"name": name, "sealed_at": at.isoformat()} for name, at in reading(config_path, safe.names).items()]
    if as_json:
        print_json(rows)
    else:
        print_table(rows, {"name": "NAME", "sealed_at": "SEALED"}, "Nothing is sealed.")


@secrets.command()
@click.argument("name")
@with_config
def forget(name: str, config_path: Path) -> None:
    """Destroy what is sealed under NAME."""
    from config import load  # noqa: PLC0415 - keeps ``--help`` cheap
    from monitor.store import safe  # noqa: PLC0415
    from monitor.store.engine import connect  # noqa: PLC0415

    config = load(config_path, secrets=False)

    async def destroy() -> bool:
        store = await connect(config.store_url)
        try:
            async with store.write() as connection:
                return await safe.forget(connection, name)
        finally:
            await store.close()

    if not asyncio.run(destroy()):
        raise click.ClickException(f"nothing is sealed under {name}; see: coverwatch secrets list")
    click.echo(f"{name} is gone")


def seal_of(config: "Config") -> "Seal | None":
    """Make the seal of the configuration; None where it names no key."""
    from config import ConfigError  # noqa: PLC0415 - keeps ``--help`` cheap
    from monitor.store.boxes import Seal, SealError  # noqa: PLC0415

    name = config.settings.secrets.key
    try:
        return None if name is None else Seal(config.secret(name))
    except SealError as fault:
        raise ConfigError([f"secrets.key: {fault}"]) from None


def _read(file: TextIO) -> dict[str, str]:
    rows: dict[str, str] = {}
    reader = csv.DictReader(file)
    if not {"name", "secret"} <= set(reader.fieldnames or ()):
        raise click.ClickException(f"{file.name}:1: the columns name and secret are needed")
    for row in reader:
        name, secret = (row["name"] or "").strip(), (row["secret"] or "").strip()
        place = f"{file.name}:{reader.line_num}"
        # What is wrong is said without the secret, or what may be one in the wrong column.
        if not name or not secret:
            raise click.ClickException(f"{place}: name and secret must both be given; nothing was sealed")
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", name):
            raise click.ClickException(f"{place}: name: letters, digits, dots and dashes only; nothing was sealed")
        if len(secret) > LONGEST:
            raise click.ClickException(f"{place}: secret: more than {LONGEST} characters; nothing was sealed")
        rows[name] = secret
    return rows


async def _seal(config: "Config", sealing: "Seal", rows: dict[str, str]) -> None:
    from monitor.clock import SystemClock  # noqa: PLC0415 - keeps ``--help`` cheap
    from monitor.core.secret import Secret  # noqa: PLC0415
    from monitor.store import safe  # noqa: PLC0415
    from monitor.store.engine import connect  # noqa: PLC0415

    store = await connect(config.store_url)
    try:
        async with store.write() as connection:
            found = {name: Secret(value) for name, value in rows.items()}
            await safe.put(connection, sealing, found, SystemClock().now())
    finally:
        await store.close()
