"""``coverwatch deliveries``."""

from pathlib import Path

import click

from monitor.cli.shell import print_json, print_table, reading, with_config, with_json

COLUMNS = {
    "order": "ORDER",
    "item": "ITEM",
    "customer": "CUSTOMER",
    "unit": "UNIT",
    "tier": "TIER",
    "delivered_at": "DELIVERED",
    "looked_at": "LAST LOOK",
    "verdict": "VERDICT",
    "case": "CASE",
}


@click.group()
def deliveries() -> None:
    """Look at what was delivered, and how it stands."""


@deliveries.command("list")
@with_config
@with_json
@click.option("--limit", type=click.IntRange(1, 1_000_000), default=1000, show_default=True, help="At most this many.")
def list_(config_path: Path, as_json: bool, limit: int) -> None:  # noqa: FBT001 - click passes flags by name
    """List deliveries."""
    from monitor.store import views  # noqa: PLC0415 - keeps ``--help`` cheap

    rows = reading(config_path, lambda c: views.list_deliveries(c, order=None, tiers=None, limit=limit))
    if as_json:
        print_json(rows)
    else:
        print_table(rows, COLUMNS, "No deliveries yet; bring them in with: coverwatch import deliveries FILE")


@deliveries.command()
@click.argument("order")
@with_config
@with_json
def show(order: str, config_path: Path, as_json: bool) -> None:  # noqa: FBT001 - click passes flags by name
    """Show every delivery of an ORDER: how it stands, its cases, and the rulings that opened none."""
    from monitor.store import views  # noqa: PLC0415 - keeps ``--help`` cheap

    found = reading(config_path, lambda c: views.delivery_story(c, order))
    if not found:
        raise click.ClickException(f"there is no order {order}; see: coverwatch deliveries list")
    if as_json:
        print_json(found)
        return
    for row in found:
        _print(row)


def _print(row: dict[str, object]) -> None:
    from monitor.cli.shell import shown  # noqa: PLC0415

    turn = f", replacement {row['turn']}" if row["turn"] else ""
    click.echo(f"{row['order']}, item {row['item']}{turn}: {row['unit']} ({row['tier']}, from {row['supplier']})")
    click.echo(f"  delivered {shown(row['delivered_at'])} to {row['customer']}")
    if row["ranges"]:
        click.echo(f"  range {row['ranges']}, customer's address {shown(row['address'])}")
    if not row["standings"]:
        click.echo("  not looked at yet")
    for look in row["standings"]:  # type: ignore[attr-defined]  # rows are JSON-shaped
        click.echo(f"  {look['defect']}: {look['verdict']}" + (f"; {look['why']}" if look["why"] else ""))
        seen = f"last fine {shown(look['last_ok'])}, broken {shown(look['first_bad'])}"
        click.echo(f"    last look {shown(look['looked_at'])}, {seen}")
    if isinstance(handed := row["handed_over"], dict):
        click.echo(f"  handed over, as seen {shown(handed['at'])} at {handed['provider']}:")
        for server in handed["servers"]:
            size = f"{server['vcpus']} vCPU, {server['ram_mib']} MiB, {server['disk_gib']} GiB"
            click.echo(f"    {server['name']} in {shown(server['region'])}: {size}")
    for case in row["cases"]:  # type: ignore[attr-defined]  # rows are JSON-shaped
        click.echo(f"  case {case['number']}: {case['defect']}, {case['state']}; {case['reason']}")
    for ruling in row["rulings"]:  # type: ignore[attr-defined]  # rows are JSON-shaped
        click.echo(f"  no case for {ruling['defect']}: {ruling['clause']}; {ruling['reason']}")
