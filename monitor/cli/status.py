"""``coverwatch status``."""

import asyncio
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from monitor.cli.shell import print_json, print_table, reading, shown, with_config, with_json

if TYPE_CHECKING:
    from config import Config

INCIDENTS = {"number": "INCIDENT", "name": "NAME", "opened_at": "BEGAN", "why": "WHY"}
TROUBLES = {"provider": "PROVIDER", "severity": "SEVERITY", "regions": "REGIONS", "words": "ITS OWN WORDS"}
TROUBLED, UNHEARD = 2, 3


@click.command()
@with_config
@with_json
@click.option("--recorded", is_flag=True, help="Read only what the daemon has on record; ask no status page.")
def status(config_path: Path, as_json: bool, recorded: bool) -> None:  # noqa: FBT001 - click passes flags by name
    """Show what is wrong at the providers now: the incidents on record, and what their status pages say.

    It exits with 0 if nothing is, 2 if anything is, 3 if a status page could not be read.
    """
    from config import load  # noqa: PLC0415 - keeps ``--help`` cheap
    from monitor.store import reports  # noqa: PLC0415 - keeps ``--help`` cheap

    config = load(config_path, secrets=False)
    rows = reading(config_path, lambda c: reports.list_incidents(c, lasting=True, limit=1000))
    lasting = [row for row in rows if row["kind"] == "provider"]
    pages = [] if recorded else asyncio.run(_ask(config))
    troubles = [{**each, "provider": page["provider"]} for page in pages for each in page["troubles"]]
    silent = [page for page in pages if page["silent"] is not None]
    if as_json:
        print_json({"incidents": lasting, "pages": pages})
    else:
        print_table(lasting, INCIDENTS, "No incident of a provider is on record.")
        told = [{**each, "regions": ", ".join(each["regions"] or ["everywhere"])} for each in troubles]
        if pages:
            print_table(told, TROUBLES, "The status pages tell of no trouble.")
        for page in silent:
            click.echo(f"{page['page']}: its status page was not heard: {shown(page['silent'])}", err=True)
    sys.exit(TROUBLED if lasting or troubles else UNHEARD if silent else 0)


async def _ask(config: "Config") -> list[dict[str, Any]]:
    from checks.statuspages import open_page  # noqa: PLC0415 - keeps ``--help`` cheap
    from config.places import regions  # noqa: PLC0415
    from monitor.clock import SystemClock  # noqa: PLC0415
    from monitor.pages import page_facts  # noqa: PLC0415

    clock = SystemClock()
    async with AsyncExitStack() as stack:
        opened = {}
        for name, options in config.settings.status_pages.items():
            opened[name], session = open_page(options, clock, regions())
            stack.push_async_callback(session.close)
        async with asyncio.TaskGroup() as group:
            asked = {name: group.create_task(page.look(clock.now())) for name, page in opened.items()}
    return [page_facts(name, task.result()) for name, task in asked.items()]
