"""``coverwatch config``."""

from pathlib import Path

import click

from monitor.cli.shell import print_json, with_config, with_json


@click.group()
def config() -> None:
    """Check a configuration."""


@config.command()
@with_config
@with_json
@click.option("--without-secrets", is_flag=True, help="Do not look at secret files.")
def check(config_path: Path, as_json: bool, without_secrets: bool) -> None:  # noqa: FBT001 - click passes flags by name
    """Read the configuration with all that it names, and say every fault at once.

    It exits with 0 if the daemon would start with it, else with 78 and one line for each fault.
    """
    from config import EX_CONFIG, ConfigError, load  # noqa: PLC0415 - keeps ``--help`` cheap

    try:
        found = load(config_path, secrets=not without_secrets)
    except ConfigError as fault:
        if as_json:
            print_json({"ok": False, "faults": list(fault.faults)})
            raise SystemExit(EX_CONFIG) from None
        raise
    settings = found.settings
    if as_json:
        print_json({"ok": True, "faults": [], "policy": found.policy.version})
        return
    click.echo(
        f"{config_path} is good: {len(settings.tiers)} tiers, {len(settings.providers)} providers, "
        f"{len(settings.lists.entries) + len(settings.lists.own)} lists, notices by {settings.notifier.kind}, "
        f"policy {found.policy.version}."
    )
