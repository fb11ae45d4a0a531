"""``coverwatch lists``."""

import asyncio
import sys
from pathlib import Path
from random import SystemRandom
from typing import TYPE_CHECKING, Any

import click

from monitor.cli.shell import print_json, print_table, with_json

if TYPE_CHECKING:
    from config.feeds import FeedEntry
    from monitor.core.dnsxl import Zone

SHOW = {
    "id": "ID",
    "zone": "ZONE",
    "operator": "OPERATOR",
    "kind": "KIND",
    "families": "IP",
    "weight": "WEIGHT",
    "on": "ON",
    "access": "ACCESS",
    "checked": "LAST SEEN ALIVE",
}
TEST = {"zone": "ZONE", "family": "IP", "resolver": "RESOLVER", "holds": "HOLDS", "why": "WHY"}
UNHEARD = 3


@click.group()
def lists() -> None:
    """Look at the lists that coverwatch knows, and test those that are asked over DNS."""


@lists.command()
@click.argument("ids", nargs=-1, metavar="[ID]...")
@with_json
def show(ids: tuple[str, ...], as_json: bool) -> None:  # noqa: FBT001 - click passes flags by name
    """Show the catalogue, or the lists named: who runs them, how they are read, what they allow."""
    from config.feeds import feed_catalogue  # noqa: PLC0415 - keeps ``--help`` cheap
    from config.lists import catalogue  # noqa: PLC0415

    known, known_feeds = catalogue(), feed_catalogue()
    unknown = [each for each in ids if each not in known.entries and each not in known_feeds.entries]
    if unknown:
        raise click.ClickException(f"{', '.join(unknown)}: not in the catalogue; see: coverwatch lists show")
    zones = [
        {"id": each, **entry.model_dump(mode="json")} for each, entry in known.entries.items() if not ids or each in ids
    ]
    feeds = [
        {"id": each, **entry.model_dump(mode="json"), **_spans(entry)}
        for each, entry in known_feeds.entries.items()
        if not ids or each in ids
    ]
    if as_json:
        dead = [] if ids else [{"zone": zone, "why": why} for zone, why in known.dead.items()]
        dead_feeds = [] if ids else [{"feed": feed, "why": why} for feed, why in known_feeds.refused.items()]
        print_json({"zones": zones, "feeds": feeds, "dead": dead, "dead_feeds": dead_feeds})
    elif ids:
        for row in zones + feeds:
            _tell(row)
    else:
        rows = zones + [{**row, "kind": "feed", "zone": row["url"].split("/")[2]} for row in feeds]
        print_table([{**row, **_short(row)} for row in rows], SHOW, "")
        refused = len(known.dead) + len(known_feeds.refused)
        click.echo(
            f"{len(zones)} lists to ask and {len(feeds)} to download; {refused} more are dead or dangerous and refused",
            err=True,
        )


def _short(row: dict[str, Any]) -> dict[str, str]:
    allowed = {"no": "non-commercial", "unclear": "unclear", "allowed": "open"}
    access = row["access"] if "access" in row else allowed[row["commercial"]]
    return {"families": "+".join(map(str, row["families"])), "on": "yes" if row["on"] else "", "access": access}


def _spans(entry: "FeedEntry") -> dict[str, str]:
    """Give the durations of an entry as they are written in the configuration."""
    spans = {"interval": entry.interval, "max_age": entry.max_age, "changes_within": entry.changes_within}
    units = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
    return {
        name: next(
            f"{span.total_seconds() / each:.0f}{unit}" for unit, each in units.items() if span.seconds % each == 0
        )
        for name, span in spans.items()
    }


def _tell(row: dict[str, Any]) -> None:
    click.echo(row.pop("id"))
    for key, value in row.items():
        if isinstance(value, dict):
            value = ", ".join(f"{code} {meaning}" if meaning else code for code, meaning in value.items())  # noqa: PLW2901
        elif isinstance(value, list):
            value = ", ".join(map(str, value))  # noqa: PLW2901
        if value not in {"", None}:
            click.echo(f"  {key:<14} {value}")


@lists.command()
@click.argument("zones", nargs=-1, metavar="[ZONE]...")
@click.option("--resolver", "resolvers", metavar="HOST:PORT", multiple=True, help="Ask this resolver; may be repeated.")
@click.option(
    "--config",
    "config_path",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("monitor.toml"),
    envvar="COVERWATCH_CONFIG",
    show_default=True,
    help="Where lists and resolvers come from, if they are not named.",
)
@with_json
def test(zones: tuple[str, ...], resolvers: tuple[str, ...], config_path: Path, as_json: bool) -> None:  # noqa: FBT001
    """Let lists prove themselves: their test entries (RFC 5782), a control address, and the resolver's canary.

    It exits with 0 if every list may be heard, 3 if one may not, 1 if nothing could be asked.
    """
    from config import ConfigError  # noqa: PLC0415 - keeps ``--help`` cheap
    from monitor.cli.check import choose, strangers  # noqa: PLC0415

    try:
        chosen, servers = choose(",".join(zones) or None, resolvers, config_path)
    except (ConfigError, ValueError) as fault:
        raise click.ClickException(str(fault)) from None
    if not chosen:
        raise click.ClickException("no list is named; write ZONE, or lists.use in the configuration")
    rows = asyncio.run(_examine(chosen, servers, strangers(chosen) if zones else frozenset()))
    if as_json:
        print_json({"zones": rows})
    else:
        print_table([{**row, "holds": "yes" if row["holds"] else "no"} for row in rows], TEST, "")
    sys.exit(0 if all(row["holds"] for row in rows) else UNHEARD)


async def _examine(
    zones: "list[Zone]", servers: list[tuple[str, int]], strange: frozenset[str]
) -> list[dict[str, Any]]:
    from checks.dns.engine import Engine  # noqa: PLC0415 - keeps ``--help`` cheap
    from checks.dns.trust import Examiner  # noqa: PLC0415
    from monitor.prompt import kept  # noqa: PLC0415

    async with Engine(servers) as engine:
        trust = await Examiner(zones, engine, SystemRandom()).examine()
        return [
            {
                "zone": zone.name,
                "family": version,
                "resolver": ", ".join(trust.heard[zone.name, version]) or "none",
                "holds": bool(trust.heard[zone.name, version]),
                "why": trust.why.get((zone.name, version), "its test entries hold"),
            }
            for zone in kept(zones, strange, trust)
            for version in sorted(zone.families)
        ]
