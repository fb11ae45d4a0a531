"""``coverwatch demo``."""

import asyncio
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import click

from monitor.cli.shell import print_json

STYLES = {"shop": "cyan", "world": "bold red", "daemon": "bold yellow", "chat": "bold green"}
SPEAKERS = {"shop": "the shop", "world": "the world", "daemon": "coverwatch", "chat": "a chat"}


class Seconds(click.ParamType[float]):
    """A duration such as 45s."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read it."""
        from monitor.core.words import parse_duration  # noqa: PLC0415 - keeps ``--help`` cheap

        if isinstance(value, float):
            return value
        try:
            return parse_duration(value).total_seconds()
        except ValueError as fault:
            self.fail(str(fault), param, ctx)


@click.command()
@click.option("--for", "lasts", type=Seconds(), metavar="DURATION", help="End after this time, such as 45s.")
@click.option("--seed", type=click.IntRange(0, 2**32), default=1, show_default=True, help="Which misfortunes.")
@click.option("--json", "as_json", is_flag=True, help="End with one JSON document; 45s long unless --for says more.")
def demo(lasts: float | None, seed: int, as_json: bool) -> None:  # noqa: FBT001 - click passes flags by name
    """Run the real daemon in a world in a box, and tell the story as it happens.

    DNS lists, a provider and Telegram run on loopback; nothing leaves this machine, and nothing is kept.
    Without --for it goes on until Ctrl-C.
    """
    from monitor.demo.play import DemoError  # noqa: PLC0415 - keeps ``--help`` cheap

    if as_json and lasts is None:
        lasts = 45.0
    try:
        document = asyncio.run(_play(lasts, seed, quiet=as_json))
    except DemoError as fault:
        raise click.ClickException(str(fault)) from None
    if document is None:
        return
    if as_json:
        print_json(document)
    else:
        _sum_up(document)


async def _play(lasts: float | None, seed: int, *, quiet: bool) -> dict[str, Any] | None:
    from rich.console import Console  # noqa: PLC0415 - keeps ``--help`` cheap
    from rich.text import Text  # noqa: PLC0415

    from monitor.clock import SystemClock  # noqa: PLC0415
    from monitor.demo.play import Play, stop_on_signals  # noqa: PLC0415
    from monitor.demo.script import write  # noqa: PLC0415
    from monitor.demo.world import DemoWorld  # noqa: PLC0415

    console = Console(stderr=quiet, highlight=False, soft_wrap=not sys.stdout.isatty())
    began = time.monotonic()

    def tell(who: str, words: str) -> None:
        if quiet:
            return
        at = int(time.monotonic() - began)
        line = Text(f"{at // 60:02}:{at % 60:02}  ", style="dim")
        line.append(f"{SPEAKERS[who]:<10}  ", style=STYLES[who])
        line.append(words)
        console.print(line)

    def ready(address: str) -> None:
        if not quiet:
            ending = f"for {lasts:g} s" if lasts is not None else "until Ctrl-C"
            console.print(f"\nThe daemon runs {ending}. Its console: [link={address}]{address}[/link]")
            chats = f"{world.bot.control_url}/"
            console.print(f"What customers and operators see on Telegram: [link={chats}]{chats}[/link]\n")

    with tempfile.TemporaryDirectory(prefix="coverwatch-demo-") as folder:
        async with DemoWorld(write(seed), seed) as world:
            play = Play(world, Path(folder), SystemClock(), tell)
            return await stop_on_signals(play.run(lasts, ready))


def _sum_up(document: dict[str, Any]) -> None:
    click.echo()
    for case in document["cases"]:
        spare = f"spare {case['spare']}" if case["spare"] else "no spare yet"
        click.echo(
            f"{case['order']}: {case['defect']} of {case['unit']}, {case['state']}, {spare}; {case['customer']} knows"
        )
    counts = document["counts"]
    click.echo(
        f"{counts['deliveries']} deliveries, {counts['cases']} cases, {counts['promised']} spares promised, "
        f"{counts['messages']} messages, {len(document['untouched'])} orders untouched."
    )
