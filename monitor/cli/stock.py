"""``coverwatch stock``."""

from pathlib import Path

import click

from monitor.cli import sealing
from monitor.cli.shell import print_json, print_table, reading, shown, with_config, with_json

COLUMNS = {
    "unit": "UNIT",
    "tier": "TIER",
    "supplier": "SUPPLIER",
    "ranges": "RANGE",
    "cost": "COST",
    "place": "PLACE",
    "verdict": "VERDICT",
    "promised_to": "PROMISED TO CASE",
}


@click.group()
def stock() -> None:
    """Look at the spares."""


stock.add_command(sealing.key)
stock.add_command(sealing.seal)


@stock.command("list")
@with_config
@with_json
@click.option("--tier", help="Only this tier.")
@click.option("--limit", type=click.IntRange(1, 1_000_000), default=1000, show_default=True, help="At most this many.")
def list_(config_path: Path, as_json: bool, tier: str | None, limit: int) -> None:  # noqa: FBT001 - by name
    """List spares: on the shelf, promised, or found sick."""
    from monitor.store import views  # noqa: PLC0415 - keeps ``--help`` cheap

    rows = reading(config_path, lambda c: views.list_stock(c, tier=tier, name=None, limit=limit))
    if as_json:
        print_json(rows)
    else:
        print_table(rows, COLUMNS, "The shelf is empty; bring spares in with: coverwatch import stock FILE")


@stock.command()
@click.argument("unit")
@with_config
@with_json
def show(unit: str, config_path: Path, as_json: bool) -> None:  # noqa: FBT001 - click passes flags by name
    """Show one UNIT of the stock."""
    from monitor.store import views  # noqa: PLC0415 - keeps ``--help`` cheap

    found = reading(config_path, lambda c: views.list_stock(c, tier=None, name=unit, limit=1))
    if not found:
        raise click.ClickException(f"there is no spare {unit}; see: coverwatch stock list")
    if as_json:
        print_json(found[0])
        return
    for key, value in found[0].items():
        click.echo(f"{key.replace('_', ' '):<12} {shown(value)}")


@stock.command()
@with_config
@with_json
def status(config_path: Path, as_json: bool) -> None:  # noqa: FBT001 - click passes flags by name
    """Compare the spares of each tier with what was sold of it in the last 30 days, and say what to order."""
    from dataclasses import asdict  # noqa: PLC0415 - keeps ``--help`` cheap

    from monitor.cli.casework import working  # noqa: PLC0415
    from monitor.clock import SystemClock  # noqa: PLC0415
    from monitor.duty import stock_levels  # noqa: PLC0415

    now = SystemClock().now()
    rows = [asdict(each) for each in working(config_path, lambda store, law: stock_levels(store, law, now))]
    if as_json:
        print_json(rows)
        return
    for row in rows:
        row["wanted"] = f"{row['least']} to {row['most']}"
        row["state"] = "low" if row["low"] else "enough"
    print_table(rows, LEVELS, "No tiers; write them into [tiers.*] of monitor.toml.")


LEVELS = {
    "tier": "TIER",
    "sold": "SOLD",
    "spares": "SPARES",
    "wanted": "WANTED",
    "state": "STATE",
    "order": "TO ORDER",
}
