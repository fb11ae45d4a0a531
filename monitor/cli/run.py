"""``coverwatch run``."""

import asyncio
from pathlib import Path

import click

from monitor.cli.shell import with_config


@click.command()
@with_config
@click.option("--verbose", is_flag=True, help="Log more.")
def run(config_path: Path, verbose: bool) -> None:  # noqa: FBT001 - click passes flags by name
    """Run the daemon until SIGTERM or Ctrl-C.

    It exits with 78 where the configuration cannot be used: then nothing was started.
    """
    from checks.dns.engine import collect_seldom  # noqa: PLC0415
    from config import load  # noqa: PLC0415 - keeps ``--help`` cheap
    from monitor.app import serve  # noqa: PLC0415
    from monitor.telemetry import set_up_logging  # noqa: PLC0415

    config = load(config_path)
    set_up_logging(verbose=verbose)
    collect_seldom()
    asyncio.run(serve(config))
