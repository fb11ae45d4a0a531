"""``coverwatch customers``."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from monitor.cli.shell import print_json, print_table, reading, shown, with_config, with_json

COLUMNS = {"name": "CUSTOMER", "language": "LANGUAGE", "linked": "LINKED"}


@click.group()
def customers() -> None:
    """Look at customers, and link them to their chats."""


@customers.command("list")
@with_config
@with_json
def list_(config_path: Path, as_json: bool) -> None:  # noqa: FBT001 - click passes flags by name
    """List customers, and who of them is linked to a chat."""
    from monitor.store import views  # noqa: PLC0415 - keeps ``--help`` cheap

    rows = reading(config_path, views.list_customers)
    if as_json:
        print_json(rows)
    else:
        words = {True: "yes", False: "no"}
        rows = [{**row, "linked": words[bool(row["linked"])]} for row in rows]
        print_table(rows, COLUMNS, "No customers yet; bring them in with: coverwatch import customers FILE")


@customers.command()
@click.argument("order")
@with_config
@with_json
def link(order: str, config_path: Path, as_json: bool) -> None:  # noqa: FBT001 - click passes flags by name
    """Make the link with which whoever bought ORDER is told on Telegram.

    It can be used once, and only for a while. Whoever holds it may claim the order: give it to nobody else.
    """
    made = _issue(order, config_path)
    if as_json:
        print_json(made)
    else:
        click.echo(made["link"])
        click.echo(f"for {made['customer']}, once, until {shown(made['expires_at'])}", err=True)


def _issue(order: str, config_path: Path) -> dict[str, Any]:
    import asyncio  # noqa: PLC0415 - keeps ``--help`` cheap

    from config import load  # noqa: PLC0415
    from monitor.clock import SystemClock  # noqa: PLC0415
    from monitor.reception.issuing import Issued, UnknownOrderError, issue  # noqa: PLC0415
    from monitor.store.engine import connect  # noqa: PLC0415

    config = load(config_path, secrets=False)
    name = asyncio.run(_bot_name(config))

    async def run() -> Issued:
        store = await connect(config.store_url)
        try:
            return await issue(store, order, SystemClock().now(), lifetime)
        finally:
            await store.close()

    lifetime: timedelta = config.settings.links.lifetime
    try:
        made = asyncio.run(run())
    except UnknownOrderError as fault:
        raise click.ClickException(f"{fault}; see: coverwatch deliveries list") from None
    return {
        "order": made.order,
        "customer": made.customer,
        "link": made.link(name),
        "expires_at": made.expires_at.isoformat(),
    }


async def _bot_name(config: Any) -> str:  # noqa: ANN401 - its type would load what ``--help`` need not
    options = config.settings.notifier
    if options.kind != "telegram":
        raise click.ClickException('links need a bot; write [notifier] kind = "telegram"')
    if options.username is not None:
        return str(options.username)
    from monitor.clock import SystemClock  # noqa: PLC0415
    from notifiers.telegram.sender import Telegram  # noqa: PLC0415

    async with Telegram(options, config.secret(options.token), SystemClock()) as bot:
        name = await bot.name()
    if name is None:
        raise click.ClickException("Telegram does not tell the bot's name; write it as notifier.username")
    return name
