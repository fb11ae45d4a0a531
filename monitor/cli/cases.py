"""``coverwatch cases``."""

from pathlib import Path
from typing import Any

import click

from monitor.cli import casework
from monitor.cli.shell import print_json, print_table, reading, shown, with_config, with_json

COLUMNS = {
    "number": "CASE",
    "order": "ORDER",
    "customer": "CUSTOMER",
    "defect": "DEFECT",
    "state": "STATE",
    "unit": "UNIT",
    "spare": "SPARE",
    "opened_at": "OPENED",
    "replace_due": "REPLACE BY",
}


@click.group()
def cases() -> None:
    """Look at what is owed, and why; decide what a person must."""


for command in casework.ALL:
    cases.add_command(command)


@cases.command("list")
@with_config
@with_json
@click.option("--open", "only_open", is_flag=True, help="Only cases in which something is still owed.")
@click.option("--limit", type=click.IntRange(1, 1_000_000), default=1000, show_default=True, help="At most this many.")
def list_(config_path: Path, as_json: bool, only_open: bool, limit: int) -> None:  # noqa: FBT001 - by name
    """List cases."""
    from monitor.core.case import OPEN  # noqa: PLC0415 - keeps ``--help`` cheap
    from monitor.store import views  # noqa: PLC0415

    states = sorted(OPEN) if only_open else None
    rows = reading(config_path, lambda c: views.list_cases(c, states=states, limit=limit))
    if as_json:
        print_json(rows)
    else:
        print_table(rows, COLUMNS, "No cases: nothing is owed.")


@cases.command()
@click.argument("number", type=click.IntRange(1))
@with_config
@with_json
def show(number: int, config_path: Path, as_json: bool) -> None:  # noqa: FBT001 - click passes flags by name
    """Tell the story of case NUMBER: what was seen when, by whom, which clause, which spare, which notices."""
    from monitor.store import views  # noqa: PLC0415 - keeps ``--help`` cheap

    story = reading(config_path, lambda c: views.case_story(c, number))
    if story is None:
        raise click.ClickException(f"there is no case {number}; see: coverwatch cases list")
    if as_json:
        print_json(story)
    else:
        for line in tell(story):
            click.echo(line)


def tell(story: dict[str, Any]) -> list[str]:
    """Put the story of a case into lines."""
    lines = [
        f"Case {story['number']}: {story['defect']} of {story['order']}, {story['state']}",
        f"  customer {story['customer']}, unit {story['unit']} ({story['tier']}, from {story['supplier']})",
        f"  clause {story['clause']}: {story['reason']}",
        f"  verify by {shown(story['verify_due'])}, replace by {shown(story['replace_due'])}",
        f"  spare {story['spare'] or 'none yet'}",
    ]
    for ruling in story["rulings"]:
        finding = ruling["finding"]
        lines += ["", "What was seen"]
        lines += [
            "; ".join([f"  {who}: {said} ({about})", *vouched]) for who, said, about, *vouched in finding["witnesses"]
        ]
        last_ok = shown(finding["last_ok"]) if finding["last_ok"] else "never looked at before"
        lines += [
            f"  last fine {last_ok}, first broken {shown(finding['first_bad'])}",
            f"  believed {shown(finding['confirmed_at'])} after {finding['rounds']} looks; {finding['heard']}",
            f"  judged by policy {ruling['policy_version']} ({ruling['policy_digest'][:12]})",
        ]
    lines += ["", "What happened"]
    lines += [
        f"  {shown(each['at'])}  {each['move']:<9} -> {each['state']:<9} by {each['who']}: {each['why']}"
        for each in story["events"]
    ]
    if story["pictures"]:
        lines += ["", "Pictures"]
        lines += [
            f"  {shown(each['received_at'])}  {each['media']}, {each['size']} bytes, SHA-256 {each['digest']}"
            + (f"; deleted {shown(each['deleted_at'])}" if each["deleted_at"] else "")
            for each in story["pictures"]
        ]
    lines += ["", "Who was told"]
    lines += [
        f"  {each['kind']} to {each['customer'] or 'operators'}: {each['state']}"
        + (f" {shown(each['settled_at'])}" if each["settled_at"] else "")
        + (f"; {each['why']}" if each["why"] else "")
        for each in story["notices"]
    ] or ["  nobody yet"]
    return lines
