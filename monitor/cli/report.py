"""``coverwatch report``."""

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from monitor.cli.casework import working
from monitor.cli.shell import print_json, with_config, with_json

if TYPE_CHECKING:
    from monitor.core.figures import Rate, Report, Spread

WIDTH = 30
"""Characters of a bar that is full."""


@click.command()
@with_config
@with_json
@click.option("--since", default="30d", show_default=True, metavar="DURATION", help="How far to look back.")
def report(config_path: Path, as_json: bool, since: str) -> None:  # noqa: FBT001 - click passes flags by name
    """Show the figures: replacement rates, and the time to detect, to verify and to replace."""
    from monitor.clock import SystemClock  # noqa: PLC0415 - keeps ``--help`` cheap
    from monitor.core.words import parse_duration  # noqa: PLC0415
    from monitor.duty import figures_since  # noqa: PLC0415

    try:
        span = parse_duration(since)
    except ValueError as fault:
        raise click.BadParameter(str(fault), param_hint="--since") from None
    now = SystemClock().now()
    found = working(config_path, lambda store, law: figures_since(store, law, now - span))
    if as_json:
        print_json({"since": (now - span).isoformat(), "until": now.isoformat(), **_document(found)})
    else:
        _print(found, since)


def _document(found: "Report") -> dict[str, Any]:
    return {
        "replacement_rate": _rate(found.whole),
        "by_tier": {name: _rate(rate) for name, rate in found.tiers.items()},
        "by_supplier": {name: _rate(rate) for name, rate in found.suppliers.items()},
        "by_provider": {name: _rate(rate) for name, rate in found.providers.items()},
        "seconds_to_detect": _spread(found.detect),
        "seconds_to_verify": _spread(found.verify),
        "seconds_to_replace": _spread(found.replace),
        "replaced_within_a_day": found.within_a_day,
    }


def _rate(rate: "Rate") -> dict[str, Any]:
    return {
        "delivered": rate.delivered,
        "cases": rate.cases,
        "replaced": rate.replaced,
        "share": round(rate.share, 6),
    }


def _spread(found: "Spread | None") -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "count": found.count,
        "median": found.median.total_seconds(),
        "most": found.most.total_seconds(),
        "longest": found.longest.total_seconds(),
    }


def _print(found: "Report", since: str) -> None:
    from monitor.core.figures import TARGET  # noqa: PLC0415 - keeps ``--help`` cheap

    whole = found.whole
    click.echo(f"The last {since}: {whole.delivered} delivered, {whole.cases} cases, {whole.replaced} replaced.")
    click.echo(f"Replacement rate {whole.share:.1%}; it should stay below {TARGET:.0%}.")
    for title, rates in (("tier", found.tiers), ("supplier", found.suppliers), ("provider", found.providers)):
        if rates:
            click.echo(f"\nBy {title}")
            _chart(
                {
                    name: (rate.share, f"{rate.share:.1%} ({rate.replaced} of {rate.delivered})", rate.share >= TARGET)
                    for name, rate in rates.items()
                }
            )
    times = {"detect": found.detect, "verify": found.verify, "replace": found.replace}
    click.echo("\nTime to")
    for name, took in times.items():
        if took is None:
            click.echo(f"  {name:<9} nothing yet")
        else:
            words = f"half within {_span(took.median)}, nine of ten within {_span(took.most)}"
            click.echo(f"  {name:<9} {words}, longest {_span(took.longest)}")
    if found.within_a_day is not None:
        click.echo(f"\n{found.within_a_day:.0%} of the replacements took at most a day.")


def _chart(bars: dict[str, tuple[float, str, bool]]) -> None:
    """Draw one bar a line, the fullest as long as the chart is wide; what is too much stands out."""
    from rich.console import Console  # noqa: PLC0415 - keeps ``--help`` cheap
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    console = Console(highlight=False)
    if not console.is_terminal:
        for name, (_, words, _) in bars.items():
            click.echo(f"{name}\t{words}")
        return
    most = max(share for share, _, _ in bars.values()) or 1.0
    table = Table(box=None, show_header=False, pad_edge=False)
    for name, (share, words, high) in bars.items():
        bar = "█" * round(WIDTH * share / most)
        table.add_row(Text(f"  {name}"), Text(bar.ljust(WIDTH, "·"), style="red" if high else "green"), Text(words))
    console.print(table)


def _span(took: timedelta) -> str:
    """Write a duration in its two largest units."""
    seconds = int(took.total_seconds())
    units = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
    parts: list[str] = []
    for name, size in units:
        count, seconds = divmod(seconds, size)
        if count or (name == "s" and not parts):
            parts.append(f"{count} {name}")
    return " ".join(parts[:2])
