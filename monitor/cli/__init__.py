"""The command ``coverwatch``: one file per group of commands, loaded only when it is asked for."""

import importlib
import sys
from importlib.metadata import version

import click

COMMANDS = {
    "run": "monitor.cli.run:run",
    "demo": "monitor.cli.demo:demo",
    "config": "monitor.cli.config:config",
    "policy": "monitor.cli.policy:policy",
    "status": "monitor.cli.status:status",
    "plan": "monitor.cli.plan:plan",
    "accounts": "monitor.cli.accounts:accounts",
    "providers": "monitor.cli.accounts:providers",
    "check": "monitor.cli.check:check",
    "lists": "monitor.cli.lists:lists",
    "import": "monitor.cli.intake:import_",
    "deliveries": "monitor.cli.deliveries:deliveries",
    "cases": "monitor.cli.cases:cases",
    "stock": "monitor.cli.stock:stock",
    "brake": "monitor.cli.brake:brake",
    "incidents": "monitor.cli.incidents:incidents",
    "suppliers": "monitor.cli.suppliers:suppliers",
    "report": "monitor.cli.report:report",
    "secrets": "monitor.cli.secrets:secrets",
    "customers": "monitor.cli.customers:customers",
    "notices": "monitor.cli.notices:notices",
}


class Lazy(click.Group):
    """A group that imports a command only when it is needed: ``--help`` must not pay for telegram and sqlalchemy."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - the shape is click's
        """Name the commands."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:  # noqa: ARG002
        """Load one command."""
        if name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[name].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands with their short help, which stands here so that listing them loads none."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, SHORT[name]) for name in self.list_commands(ctx)])


SHORT = {
    "run": "Run the daemon.",
    "demo": "Run the daemon in a world in a box, and tell the story.",
    "config": "Check a configuration.",
    "policy": "Ask the coverage policy what it says of a failure.",
    "accounts": "Look at VPS accounts, now.",
    "providers": "Look at the providers of the configuration.",
    "status": "Show what is wrong at the providers now.",
    "plan": "Show what will be asked of whom, and when.",
    "check": "Ask the lists about addresses and ranges, now.",
    "lists": "Look at the DNS lists that coverwatch knows, and test them.",
    "import": "Bring in customers, deliveries and stock.",
    "deliveries": "Look at what was delivered, and how it stands.",
    "cases": "Look at what is owed, and why.",
    "stock": "Look at the spares, and what to order.",
    "brake": "Look at the brake on automatic replacements, and release it.",
    "incidents": "Look at failures with one origin.",
    "suppliers": "Look at suppliers and what they owe you; freeze their spares.",
    "report": "Show replacement rates, and how long things take.",
    "secrets": "Seal the secrets of accounts and keys in the database.",
    "customers": "Look at customers, and link them to their chats.",
    "notices": "Look at what people are told, and at what they could not be told.",
}


@click.group(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(version("coverwatch"), prog_name="coverwatch")
def cli() -> None:
    """Watch what was delivered, decide who is owed a replacement, tell the customer first.

    \b
    Begin with:  coverwatch demo
    Then:        coverwatch config check --config monitor.toml
                 coverwatch import customers customers.csv
                 coverwatch run --config monitor.toml
    """  # noqa: D301 - click keeps the lines after a backspace as they are


def main() -> None:
    """Run the command line; what went wrong is said in plain words on standard error."""
    from monitor.cli.shell import faults_to_words  # noqa: PLC0415 - keeps ``--help`` cheap

    with faults_to_words():
        cli(prog_name="coverwatch")
    sys.exit(0)
