"""``coverwatch incidents``."""

import getpass
from pathlib import Path

import click

from monitor.cli.casework import working
from monitor.cli.shell import print_json, print_table, reading, shown, with_config, with_json

COLUMNS = {
    "number": "INCIDENT",
    "kind": "KIND",
    "name": "NAME",
    "opened_at": "BEGAN",
    "members": "MEMBERS",
    "cases": "CASES",
    "closed_at": "OVER",
    "why": "WHY",
}
MEMBERS = {
    "order": "ORDER",
    "customer": "CUSTOMER",
    "unit": "UNIT",
    "joined_at": "JOINED",
    "case": "CASE",
    "state": "STATE",
    "spare": "SPARE",
}


@click.group()
def incidents() -> None:
    """Look at failures with one origin: suppliers, ranges, providers, lists."""


@incidents.command("list")
@with_config
@with_json
@click.option("--open", "lasting", is_flag=True, help="Only those that last.")
@click.option("--limit", type=click.IntRange(1, 100_000), default=100, show_default=True, help="At most this many.")
def list_(config_path: Path, as_json: bool, lasting: bool, limit: int) -> None:  # noqa: FBT001 - by name
    """List incidents, the newest first."""
    from monitor.store import reports  # noqa: PLC0415 - keeps ``--help`` cheap

    rows = reading(config_path, lambda c: reports.list_incidents(c, lasting=lasting, limit=limit))
    if as_json:
        print_json(rows)
    else:
        print_table(rows, COLUMNS, "No incidents.")


@incidents.command()
@click.argument("number", type=click.IntRange(1))
@with_config
@with_json
def show(number: int, config_path: Path, as_json: bool) -> None:  # noqa: FBT001 - click passes flags by name
    """Show incident NUMBER: when and why it began, who belongs to it, and what it freezes."""
    from monitor.store import reports  # noqa: PLC0415 - keeps ``--help`` cheap

    story = reading(config_path, lambda c: reports.incident_story(c, number))
    if story is None:
        raise click.ClickException(f"there is no incident {number}; see: coverwatch incidents list")
    if as_json:
        print_json(story)
        return
    click.echo(f"Incident {number}: {story['kind']} {story['name']}")
    click.echo(f"  began {shown(story['opened_at'])}, opened by {story['opened_by']}: {story['why']}")
    if story["closed_at"]:
        click.echo(f"  over {shown(story['closed_at'])}, closed by {story['closed_by']}: {story['closed_why']}")
    else:
        click.echo(f"  {FREEZES[story['kind']].format(name=story['name'])}")
    if story["deliveries"]:
        click.echo()
        print_table(story["deliveries"], MEMBERS, "")


FREEZES = {
    "supplier": "no spare of {name} is promised while it lasts",
    "range": "no spare within {name} is promised while it lasts",
    "provider": "no account at {name} is judged while it lasts: nothing is opened, nothing is cleared",
    "list": "{name} is not believed while it lasts",
}


@incidents.command()
@click.argument("number", type=click.IntRange(1))
@with_config
@click.option("--why", required=True, help="The reason, for the record.")
@click.option("--by", "who", help="In whose name; without it, the user of this shell.")
def close(number: int, config_path: Path, why: str, who: str | None) -> None:
    """Close incident NUMBER: what it froze is free; what a suspended list says now counts as usual."""
    from monitor.clock import SystemClock  # noqa: PLC0415 - keeps ``--help`` cheap
    from monitor.duty import NothingToDoError, close_incident  # noqa: PLC0415

    name, now = who or f"operator {getpass.getuser()}", SystemClock().now()
    try:
        working(config_path, lambda store, _: close_incident(store, number, name, why, now))
    except NothingToDoError as fault:
        raise click.ClickException(str(fault)) from None
    click.echo(f"incident {number} is over")
