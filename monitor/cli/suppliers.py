"""``coverwatch suppliers``."""

import getpass
from datetime import timedelta
from pathlib import Path

import click

from monitor.cli.casework import working
from monitor.cli.shell import print_json, print_table, shown, with_config, with_json

COLUMNS = {
    "supplier": "SUPPLIER",
    "in_coverage": "IN COVERAGE",
    "spares": "SPARES",
    "delivered": "DELIVERED",
    "cases": "CASES",
    "replaced": "REPLACED",
    "warranty": "WARRANTY",
    "frozen_since": "FROZEN SINCE",
}
CLAIMS = {
    "case": "CASE",
    "order": "ORDER",
    "unit": "UNIT",
    "tx_hash": "TRANSACTION",
    "defect": "DEFECT",
    "began": "FELL",
    "warranty_until": "WARRANTY UNTIL",
    "claim": "CLAIM",
}


@click.group()
def suppliers() -> None:
    """Look at suppliers, what they owe you, and freeze their spares."""


@suppliers.command("list")
@with_config
@with_json
def list_(config_path: Path, as_json: bool) -> None:  # noqa: FBT001 - click passes flags by name
    """List suppliers: what is in coverage and on the shelf, and what failed in the last 30 days."""
    from monitor.clock import SystemClock  # noqa: PLC0415 - keeps ``--help`` cheap
    from monitor.duty import list_suppliers  # noqa: PLC0415

    warranties, now = _warranties(config_path), SystemClock().now()
    rows = working(config_path, lambda store, law: list_suppliers(store, law, warranties, now))
    if as_json:
        print_json(rows)
    else:
        print_table(rows, COLUMNS, "No suppliers yet; they come with: coverwatch import deliveries FILE")


def _warranties(config_path: Path) -> dict[str, timedelta]:
    """Give each supplier's own warranty, from the settings."""
    from config import load  # noqa: PLC0415 - keeps ``--help`` cheap

    tables = load(config_path, secrets=False).settings.suppliers
    return {name: table.warranty for name, table in tables.items() if table.warranty is not None}


@suppliers.command()
@click.argument("name")
@with_config
@with_json
def show(name: str, config_path: Path, as_json: bool) -> None:  # noqa: FBT001 - click passes flags by name
    """Show one supplier with the list of claims: what fell, and whether its own warranty covers it."""
    from monitor.clock import SystemClock  # noqa: PLC0415 - keeps ``--help`` cheap
    from monitor.duty import supplier_story  # noqa: PLC0415

    warranties, now = _warranties(config_path), SystemClock().now()
    story = working(config_path, lambda store, law: supplier_story(store, law, name, warranties, now))
    if story is None:
        raise click.ClickException(f"there is no supplier {name}; see: coverwatch suppliers list")
    if as_json:
        print_json(story)
        return
    click.echo(f"{name}: {story['in_coverage']} units in coverage, {story['spares']} spares")
    click.echo(f"  last 30 days: {story['delivered']} delivered, {story['cases']} cases, {story['replaced']} replaced")
    click.echo(f"  warranty {story['warranty'] or 'unknown: write it into [suppliers.' + name + ']'}")
    if story["incident"]:
        since, who = shown(story["frozen_since"]), story["frozen_by"]
        click.echo(f"  frozen since {since} by {who}, incident {story['incident']}")
    click.echo()
    print_table(story["claims"], CLAIMS, "Nothing to claim.")


@suppliers.command()
@click.argument("name")
@with_config
@click.option("--why", required=True, help="The reason, for the record.")
@click.option("--by", "who", help="In whose name; without it, the user of this shell.")
def freeze(name: str, config_path: Path, why: str, who: str | None) -> None:
    """Promise no spare of supplier NAME until it is thawed."""
    _act("freeze_supplier", name, config_path, why, who)
    click.echo(f"{name} is frozen: none of its spares is promised")


@suppliers.command()
@click.argument("name")
@with_config
@click.option("--why", default="thawed by hand", show_default=True, help="The reason, for the record.")
@click.option("--by", "who", help="In whose name; without it, the user of this shell.")
def thaw(name: str, config_path: Path, why: str, who: str | None) -> None:
    """Let spares of supplier NAME be promised again, and close its incident."""
    _act("thaw_supplier", name, config_path, why, who)
    click.echo(f"{name} is thawed")


def _act(what: str, name: str, config_path: Path, why: str, who: str | None) -> None:
    from monitor import duty  # noqa: PLC0415 - keeps ``--help`` cheap
    from monitor.clock import SystemClock  # noqa: PLC0415

    person, now = who or f"operator {getpass.getuser()}", SystemClock().now()
    action = duty.freeze_supplier if what == "freeze_supplier" else duty.thaw_supplier
    try:
        working(config_path, lambda store, _: action(store, name, person, why, now))
    except duty.NothingToDoError as fault:
        raise click.ClickException(str(fault)) from None
