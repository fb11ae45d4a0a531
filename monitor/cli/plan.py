"""``coverwatch plan``."""

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from monitor.cli.shell import print_json, print_table, reading, with_config, with_json

if TYPE_CHECKING:
    from config import Settings
    from monitor.outlook import Outlook
    from monitor.store.engine import Transaction

COLUMNS = {"list": "LIST", "round": "THIS ROUND", "day": "A DAY", "budget": "BUDGET", "today": "TODAY", "over": "OVER"}

PROVIDERS_ASKED = {
    "provider": "PROVIDER", "accounts": "ACCOUNTS", "questions": "THIS ROUND", "day": "A DAY", "per_second": "A SECOND",
    "takes": "TAKES AT LEAST",
}  # fmt: skip


@click.command()
@with_config
@with_json
def plan(config_path: Path, as_json: bool) -> None:  # noqa: FBT001 - click passes flags by name
    """Show what will be asked of whom, when, and what the budgets do not allow."""
    from config import load  # noqa: PLC0415 - keeps ``--help`` cheap
    from monitor.app import rhythm_of, sharing  # noqa: PLC0415 - keeps ``--help`` cheap
    from monitor.clock import SystemClock  # noqa: PLC0415 - keeps ``--help`` cheap
    from monitor.outlook import look_ahead  # noqa: PLC0415 - keeps ``--help`` cheap
    from monitor.sweep import Law  # noqa: PLC0415 - keeps ``--help`` cheap

    config = load(config_path, secrets=False)
    settings = config.settings
    law = Law(config.policy, settings.catalogue())
    every = rhythm_of(settings)
    budgets = {name: table.day for name, table in settings.lists.budgets().items()}
    shares = sharing(settings)
    now = SystemClock().now()

    async def ahead(connection: "Transaction") -> "list[Outlook]":
        return [
            await look_ahead(
                connection, check, each, law, now, sharing=shares, zones=settings.lists.unkeyed(), budgets=budgets
            )
            for check, each in every.items()
        ]

    found = [_told(outlook, settings) for outlook in reading(config_path, ahead)]
    if as_json:
        print_json({"now": now.isoformat(), "checks": found})
        return
    for each in found:
        _print(each)


def _told(outlook: "Outlook", settings: "Settings") -> dict[str, Any]:
    from monitor.core.plan import Check  # noqa: PLC0415 - keeps ``--help`` cheap

    found = _of_lists(outlook)
    if outlook.check is Check.ACCOUNT:
        found["providers"] = [_of_provider(name, count, outlook, settings) for name, count in outlook.doors.items()]
        found["questions"] = sum(row["questions"] for row in found["providers"])
    elif outlook.check is Check.ENDPOINT:
        found["protocols"] = [{"protocol": name, "endpoints": count} for name, count in outlook.doors.items()]
    return found


def _of_provider(name: str, accounts: int, outlook: "Outlook", settings: "Settings") -> dict[str, Any]:
    """Tell what a provider is asked in a round, and how long its budget makes that last at least."""
    from checks.providers import PROVIDERS  # noqa: PLC0415 - keeps ``--help`` cheap

    options = settings.providers[name]
    questions = accounts * PROVIDERS[options.kind].asks
    least = timedelta(seconds=questions / options.per_second)
    return {
        "provider": name,
        "accounts": accounts,
        "questions": questions,
        "day": int(questions * (timedelta(days=1) / outlook.every)),
        "per_second": options.per_second,
        "takes": _span(least),
        "over": least > outlook.every,
    }


def _of_lists(outlook: "Outlook") -> dict[str, Any]:
    return {
        "check": outlook.check.value,
        "every": _span(outlook.every),
        "next": outlook.next.due_at.isoformat(),
        "deliveries": outlook.deliveries,
        "spares": outlook.spares,
        "questions": outlook.questions,
        "full_round": _span(outlook.full_round),
        "full_round_wanted": _span(outlook.wanted * outlook.every),
        "lists": [
            {"list": a.name, "round": a.round, "day": a.day, "budget": a.budget, "today": a.today, "over": a.over}
            for a in outlook.asked
        ],
    }


def _print(each: dict[str, Any]) -> None:
    click.echo(
        f"{each['check']}: every {each['every']}, next at {each['next'][:19].replace('T', ' ')} UTC; "
        f"{each['deliveries']} deliveries and {each['spares']} spares, {each['questions']} questions"
    )
    for row in each.get("providers", ()):
        if row["over"]:
            click.echo(f"  {row['provider']}: its {row['per_second']:g} questions a second take longer than a round")
    if each.get("providers"):
        print_table(each["providers"], PROVIDERS_ASKED, "")
    if each.get("protocols"):
        print_table(each["protocols"], {"protocol": "PROTOCOL", "endpoints": "ENDPOINTS"}, "")
    if each["check"] != "blocklist":
        return
    click.echo(f"  every address is asked about within {each['full_round']}")
    if each["full_round"] != each["full_round_wanted"]:
        click.echo(f"  {each['full_round_wanted']} was wanted: the budgets do not allow it")
    over = [row for row in each["lists"] if row["over"]]
    for row in over:
        click.echo(f"  {row['list']}: {row['over']} questions a day beyond its budget will not be asked")
    if each["lists"]:
        print_table(each["lists"], COLUMNS, "")


def _span(span: timedelta) -> str:
    seconds = int(span.total_seconds())
    parts = [(seconds // 86400, "d"), (seconds % 86400 // 3600, "h"), (seconds % 3600 // 60, "m"), (seconds % 60, "s")]
    return "".join(f"{count}{unit}" for count, unit in parts if count) or "0s"
