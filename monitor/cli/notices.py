"""``coverwatch notices``."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import click

from monitor.cli.shell import print_json, print_table, reading, shown, with_config, with_json

STATES = ("queued", "sending", "sent", "unknown", "rejected", "unreachable", "expired", "withheld")
COLUMNS = {
    "number": "NOTICE",
    "kind": "KIND",
    "customer": "CUSTOMER",
    "case": "CASE",
    "state": "STATE",
    "attempt": "TRIES",
    "created_at": "WRITTEN",
    "settled_at": "SETTLED",
    "why": "WHY",
}


@click.group()
def notices() -> None:
    """Look at what people are told, and at what they could not be told."""


@notices.command("list")
@with_config
@with_json
@click.option("--state", "states", type=click.Choice(STATES), multiple=True, help="Only in this state.")
@click.option("--limit", type=click.IntRange(1, 1_000_000), default=1000, show_default=True, help="At most this many.")
def list_(config_path: Path, as_json: bool, states: tuple[str, ...], limit: int) -> None:  # noqa: FBT001 - by name
    """List notices, the newest first. ``sent`` means that the carrier took it, not that anybody read it."""
    from monitor.store import notices as outgoing  # noqa: PLC0415 - keeps ``--help`` cheap

    rows = reading(config_path, lambda c: outgoing.listed(c, states=list(states) or None, limit=limit))
    if as_json:
        print_json(rows)
    else:
        print_table(rows, COLUMNS, "No such notices.")


@notices.command()
@click.argument("number", type=click.IntRange(1))
@with_config
@with_json
def show(number: int, config_path: Path, as_json: bool) -> None:  # noqa: FBT001 - click passes flags by name
    """Show notice NUMBER with the facts that it tells."""
    from monitor.store import notices as outgoing  # noqa: PLC0415 - keeps ``--help`` cheap

    found = reading(config_path, lambda c: outgoing.one(c, number))
    if found is None:
        raise click.ClickException(f"there is no notice {number}; see: coverwatch notices list")
    if as_json:
        print_json(found)
        return
    for key, value in {**found, **found.pop("params")}.items():
        click.echo(f"{key.replace('_', ' '):<12} {shown(value)}")


@notices.command()
@click.argument("number", type=click.IntRange(1))
@with_config
def retry(number: int, config_path: Path) -> None:
    """Send notice NUMBER again, whatever became of it; one that was perhaps delivered may then arrive twice."""
    from monitor.clock import SystemClock  # noqa: PLC0415 - keeps ``--help`` cheap
    from monitor.store import notices as outgoing  # noqa: PLC0415

    if not _write(config_path, lambda c: outgoing.retry(c, number, SystemClock().now())):
        raise click.ClickException(f"notice {number} cannot be sent again: there is none, it waits, or it was sent")
    click.echo(f"notice {number} is queued")


@notices.command()
@click.argument("number", type=click.IntRange(1))
@click.option("--why", required=True, help="The reason.")
@with_config
def bury(number: int, why: str, config_path: Path) -> None:
    """Give notice NUMBER up: nobody is told."""
    from monitor.clock import SystemClock  # noqa: PLC0415 - keeps ``--help`` cheap
    from monitor.store import notices as outgoing  # noqa: PLC0415

    words = f"buried by hand: {why}"
    if not _write(config_path, lambda c: outgoing.bury(c, number, SystemClock().now(), words)):
        raise click.ClickException(f"notice {number} cannot be buried: there is none, it is on its way, or it is over")
    click.echo(f"notice {number} is buried")


@notices.command()
@click.argument("kind", required=False)
@click.option("--language", default="en", show_default=True, help="Such as zh or ru.")
@click.option("--zone", default="Asia/Singapore", show_default=True, help="The clocks that times are told on.")
@click.option("--page", is_flag=True, help="All of them in every language, as one HTML page.")
def preview(kind: str | None, language: str, zone: str, page: bool) -> None:  # noqa: FBT001 - by name
    """Show what a notice of KIND looks like, with made-up facts; without KIND, list the kinds."""
    from zoneinfo import ZoneInfo  # noqa: PLC0415 - keeps ``--help`` cheap

    from monitor.core.notice import Kind  # noqa: PLC0415
    from notifiers.wording import render  # noqa: PLC0415
    from notifiers.wording.samples import sample  # noqa: PLC0415

    try:
        wall = ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        raise click.BadParameter(f"{zone!r} is no time zone; write one such as Asia/Singapore") from None
    if page:
        from monitor.web.gallery import draw  # noqa: PLC0415

        click.echo(draw(wall))
    elif kind is None:
        click.echo("\n".join(Kind))
    elif kind not in set(Kind):
        raise click.UsageError(f"there is no kind {kind!r}; see: coverwatch notices preview")
    else:
        click.echo(render(Kind(kind), language, sample(Kind(kind)), wall).plain)


def _write(config_path: Path, change: Callable[[Any], Awaitable[bool]]) -> bool:
    from config import load  # noqa: PLC0415 - keeps ``--help`` cheap
    from monitor.store.engine import connect  # noqa: PLC0415

    config = load(config_path, secrets=False)

    async def run() -> bool:
        store = await connect(config.store_url)
        try:
            async with store.write() as connection:
                return await change(connection)
        finally:
            await store.close()

    return asyncio.run(run())
