"""``coverwatch brake``."""

import getpass
from pathlib import Path

import click

from monitor.cli.casework import working
from monitor.cli.shell import print_json, print_table, shown, with_config, with_json

COLUMNS = {
    "number": "CASE",
    "customer": "CUSTOMER",
    "tier": "TIER",
    "defect": "DEFECT",
    "opened_at": "OPENED",
    "replace_due": "REPLACE BY",
}


@click.group()
def brake() -> None:
    """Look at the brake on automatic replacements, and release it."""


@brake.command()
@with_config
@with_json
def status(config_path: Path, as_json: bool) -> None:  # noqa: FBT001 - click passes flags by name
    """Say whether the brake is on, which cases it holds, and how much it still allows."""
    from monitor.clock import SystemClock  # noqa: PLC0415 - keeps ``--help`` cheap
    from monitor.duty import brake_status  # noqa: PLC0415

    document = working(config_path, lambda store, law: brake_status(store, law, SystemClock().now()))
    if as_json:
        print_json(document)
        return
    for each in document["engaged"]:
        click.echo(f"The brake is on since {shown(each['engaged_at'])}: {each['reason']}.")
    if not document["engaged"]:
        click.echo("The brake is off.")
    approved, limits = document["approved"], document["limits"]
    click.echo(f"Approved by themselves: {approved['hour']} of {limits['per_hour']} in an hour, ", nl=False)
    click.echo(f"{approved['day']} of {limits['per_day']} in a day.")
    if document["held"]:
        print_table(document["held"], COLUMNS, "")
        click.echo("Release them with: coverwatch brake release")


@brake.command()
@with_config
@with_json
@click.option("--why", default="the brake was released", show_default=True, help="The reason, for the trail.")
@click.option("--by", "who", help="In whose name; without it, the user of this shell.")
def release(config_path: Path, as_json: bool, why: str, who: str | None) -> None:  # noqa: FBT001 - by name
    """Release the brake and every case that it holds: they get the next spares."""
    from monitor.clock import SystemClock  # noqa: PLC0415 - keeps ``--help`` cheap
    from monitor.duty import release_brake  # noqa: PLC0415

    name, now = who or f"operator {getpass.getuser()}", SystemClock().now()
    done = working(config_path, lambda store, law: release_brake(store, law, name, why, now))
    numbers = [case.number for case in done.cases]
    if as_json:
        print_json({"released": numbers, "engagements": done.engagements, "by": name})
    elif not numbers and not done.engagements:
        click.echo("The brake is off, and holds nothing.", err=True)
    else:
        click.echo(f"released {len(numbers)} cases" + (f": {', '.join(map(str, numbers))}" if numbers else ""))
