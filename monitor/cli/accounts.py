"""``coverwatch accounts`` and ``coverwatch providers``."""

import asyncio
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from monitor.cli.shell import print_json, print_table, reading, shown, with_config, with_json

if TYPE_CHECKING:
    from config import Config
    from monitor.core.account import AccountSeen
    from monitor.core.assess import Measure
    from monitor.core.fleet import Promised

ACCOUNTS = {
    "unit": "UNIT", "provider": "PROVIDER", "state": "STATE", "words": "ITS OWN WORDS", "servers": "SERVERS",
    "wrong": "WRONG", "not_measured": "NOT MEASURED",
}  # fmt: skip
BANNED, UNCLEAR = 2, 3


@click.group()
def accounts() -> None:
    """Look at VPS accounts, now."""


@accounts.command()
@click.argument("units", nargs=-1, metavar="[UNIT]...")
@with_config
@with_json
def check(units: tuple[str, ...], config_path: Path, as_json: bool) -> None:  # noqa: FBT001 - click passes flags by name
    """Ask the providers about UNITs, or about every account on the shelf or in coverage.

    Each is held against what its tier promises, too. It exits with 0 if all are in order, 2 if one is banned, stands
    elsewhere or lacks something, 3 if one cannot be judged, 1 if it could not be asked at all. Nothing is remembered,
    and no case is opened.
    """
    from config import load  # noqa: PLC0415 - keeps ``--help`` cheap
    from monitor.store import views  # noqa: PLC0415 - keeps ``--help`` cheap

    config = load(config_path, secrets=False)
    rows = reading(config_path, lambda connection: views.accounts(connection, list(units) or None))
    # A VPN unit has a secret, too, and no account.
    keys = {tier.name for tier in config.settings.catalogue().values() if tier.provider is None}
    found = [row for row in rows if row["tier"] not in keys]
    missing = sorted(set(units) - {row["unit"] for row in found})
    if missing:
        raise click.ClickException(f"{', '.join(missing)}: no such unit, or it has no account")
    rows = asyncio.run(_look(config, found))
    if as_json:
        print_json({"accounts": rows})
    else:
        print_table(
            [
                {
                    **row,
                    "servers": len(row["servers"]) if row["servers"] is not None else "-",
                    "wrong": "; ".join(f"{d}: {e['why']}" for d, e in row["defects"].items() if e["look"] == "bad"),
                    "not_measured": ", ".join(row["not_measured"]),
                }
                for row in rows
            ],
            ACCOUNTS,
            "There is no account to look at.",
        )
    judged = {row["look"] for row in rows}
    sys.exit(BANNED if "bad" in judged else UNCLEAR if "unclear" in judged else 0)


async def _look(config: "Config", found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    from checks.providers import open_provider  # noqa: PLC0415 - keeps ``--help`` cheap
    from config.places import regions  # noqa: PLC0415
    from monitor.app import keeper  # noqa: PLC0415 - keeps ``--help`` cheap
    from monitor.clock import SystemClock  # noqa: PLC0415 - keeps ``--help`` cheap
    from monitor.core.account import AccountSeen, Misconfigured  # noqa: PLC0415
    from monitor.core.assess import Measure  # noqa: PLC0415
    from monitor.core.fleet import Promised  # noqa: PLC0415
    from monitor.store.engine import connect  # noqa: PLC0415

    clock = SystemClock()
    tiers = config.settings.catalogue()
    async with AsyncExitStack() as stack:
        store = await connect(config.store_url)
        stack.push_async_callback(store.close)
        secrets = keeper(config, store)
        providers = {}
        for name, options in config.settings.providers.items():
            providers[name], session = open_provider(options, clock)
            stack.push_async_callback(session.close)

        async def ask(row: dict[str, Any]) -> AccountSeen:
            tier = tiers.get(row["tier"])
            provider = tier.provider if tier is not None and tier.provider is not None else "unknown"
            if provider not in providers:
                return AccountSeen(clock.now(), provider, Misconfigured(f"its tier {row['tier']!r} names no provider"))
            try:
                secret = await secrets.read(row["access"])
            except LookupError as fault:
                return AccountSeen(clock.now(), provider, Misconfigured(str(fault)))
            return await providers[provider].look(secret, clock.now())

        async with asyncio.TaskGroup() as group:
            asked = [(row["unit"], group.create_task(ask(row))) for row in found]
    measure = Measure(config.policy, regions=regions())
    promised = {row["unit"]: tiers[row["tier"]].promised if row["tier"] in tiers else Promised() for row in found}
    return [_told(unit, task.result(), promised[unit], measure) for unit, task in asked]


def _looks(seen: "AccountSeen", promised: "Promised", measure: "Measure") -> dict[str, dict[str, str]]:
    """Judge one look alone, for each defect that it can tell of."""
    from monitor.core.assess import NEVER, read  # noqa: PLC0415 - keeps ``--help`` cheap
    from monitor.core.coverage import Bad, Excluded, Unclear  # noqa: PLC0415
    from monitor.core.plan import Check  # noqa: PLC0415

    found: dict[str, dict[str, str]] = {}
    for defect in Check.ACCOUNT.defects:
        look, _ = read(seen, defect, promised, NEVER, measure)
        why = ""
        if isinstance(look, Unclear):
            why = look.why
        elif isinstance(look, Bad | Excluded):
            why = "; ".join(each.said for each in look.witnesses)
        found[defect.value] = {"look": "not_measured" if look is None else type(look).__name__.lower(), "why": why}
    return found


def _told(unit: str, seen: "AccountSeen", promised: "Promised", measure: "Measure") -> dict[str, Any]:
    from monitor.core.handover import not_measured  # noqa: PLC0415 - keeps ``--help`` cheap

    looks = _looks(seen, promised, measure)
    every = {each["look"] for each in looks.values()}
    look = next((word for word in ("bad", "unclear") if word in every), "good")
    servers = None
    if seen.inventory is not None:
        servers = [
            {
                "name": server.name,
                "state": server.state.value,
                "region": server.region,
                "vcpus": server.vcpus,
                "ram_mib": server.ram_mib,
                "disk_gib": server.disk_gib,
                "traffic_gib": server.traffic_gib,
                "addresses": [str(address) for address in server.addresses],
            }
            for server in seen.inventory.servers
        ]
    return {
        "unit": unit,
        "provider": seen.provider,
        "state": type(seen.state).__name__.lower(),
        "words": getattr(seen.state, "words", getattr(seen.state, "why", "")),
        "look": look,
        "defects": looks,
        "not_measured": not_measured(seen, promised),
        "complete": None if seen.inventory is None else seen.inventory.complete,
        "servers": servers,
    }


@click.group()
def providers() -> None:
    """Look at the providers of the configuration, and at the kinds there are."""


@providers.command("list")
@with_config
@with_json
def list_(config_path: Path, as_json: bool) -> None:  # noqa: FBT001 - click passes flags by name
    """List the providers of the configuration."""
    from checks.providers import PROVIDERS as KINDS  # noqa: PLC0415 - keeps ``--help`` cheap
    from config import load  # noqa: PLC0415 - keeps ``--help`` cheap

    config = load(config_path, secrets=False)
    tiers = config.settings.catalogue()
    rows = [
        {
            "name": name,
            "kind": options.kind,
            "tiers": ", ".join(sorted(tier.name for tier in tiers.values() if tier.provider == name)),
        }
        for name, options in config.settings.providers.items()
    ]
    if as_json:
        print_json({"providers": rows, "kinds": sorted(KINDS)})
        return
    print_table(rows, {"name": "NAME", "kind": "KIND", "tiers": "TIERS"}, "No provider; add a table [providers.NAME].")
    click.echo(f"kinds there are: {', '.join(sorted(KINDS))}", err=True)


@providers.command("test")
@click.argument("name")
@click.option("--access", required=True, help="The name of the secret file to ask with.")
@with_config
@with_json
def test(name: str, access: str, config_path: Path, as_json: bool) -> None:  # noqa: FBT001 - click passes flags by name
    """Ask provider NAME once with one secret, and show what it says."""
    from config import load  # noqa: PLC0415 - keeps ``--help`` cheap

    config = load(config_path, secrets=False)
    if name not in config.settings.providers:
        raise click.ClickException(f"there is no table [providers.{name}]; see: coverwatch providers list")
    tier = next((t.name for t in config.settings.catalogue().values() if t.provider == name), None)
    if tier is None:
        raise click.ClickException(f"no tier names the provider {name!r}, so nothing of it can be sold")
    row = asyncio.run(_look(config, [{"unit": access, "tier": tier, "access": access}]))[0]
    if as_json:
        print_json(row)
    else:
        for key, value in row.items():
            click.echo(f"{key:<10} {len(value) if isinstance(value, list) else shown(value)}")
    sys.exit({"good": 0, "bad": BANNED}.get(row["look"], UNCLEAR))
