"""What an operator does with a case: ``coverwatch cases approve|reject|hold|release|credit|note`` and its proofs."""

import asyncio
import getpass
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from monitor.cli.shell import print_json, reading, with_config, with_json

if TYPE_CHECKING:
    from monitor.core.ruling import Ruling
    from monitor.store.archive import Judged
    from monitor.store.engine import Store
    from monitor.sweep import Law

T = TypeVar("T")
DIFFERENT = 3
CLAUSES = (
    "after_window", "customer_credentials", "customer_tos", "policy_later", "wrong_order", "change_of_mind",
    "price_change", "profile_added", "reported_late",
)  # fmt: skip


def working(config_path: Path, work: "Callable[[Store, Law], Awaitable[T]]", policy_file: Path | None = None) -> T:
    """Open the configured database, do one thing with it under the policy in force, and close it."""
    from config import load, load_policy  # noqa: PLC0415 - keeps ``--help`` cheap
    from monitor.store.engine import connect  # noqa: PLC0415
    from monitor.sweep import Law  # noqa: PLC0415 - keeps ``--help`` cheap

    config = load(config_path, secrets=False)
    policy = config.policy if policy_file is None else load_policy(policy_file)
    law = Law(policy, config.settings.catalogue())

    async def run() -> T:
        store = await connect(config.store_url)
        try:
            return await work(store, law)
        finally:
            await store.close()

    return asyncio.run(run())


def _move(number: int, move: str, who: str | None, why: str, config_path: Path, clause: str | None = None) -> None:
    from monitor.clock import SystemClock  # noqa: PLC0415 - keeps ``--help`` cheap
    from monitor.core.case import IllegalMoveError, Move  # noqa: PLC0415
    from monitor.core.coverage import Exclusion  # noqa: PLC0415
    from monitor.desk import NoSuchCaseError, Order, carry_out  # noqa: PLC0415

    kind: Move = Move(move)
    rests_on: Exclusion | None = None if clause is None else Exclusion(clause)
    order = Order(number, kind, who or f"operator {getpass.getuser()}", why, rests_on)
    try:
        case = working(config_path, lambda store, law: carry_out(store, law, order, SystemClock().now()))
    except (IllegalMoveError, NoSuchCaseError) as fault:
        raise click.ClickException(f"{fault}; nothing was changed") from None
    click.echo(f"case {case.number} is {case.state}" + (f", spare {case.spare}" if case.spare else ""))


def _command(name: str, words: str, *, needs_why: bool) -> click.Command:
    @click.command(name, help=words)
    @click.argument("number", type=click.IntRange(1))
    @click.option("--why", required=needs_why, default="" if not needs_why else None, help="The reason, for the trail.")
    @click.option("--by", "who", help="In whose name; without it, the user of this shell.")
    @with_config
    def command(number: int, why: str, who: str | None, config_path: Path) -> None:
        _move(number, name, who, why or f"{name} by hand", config_path)

    return command


approve = _command("approve", "Approve case NUMBER: it gets the next spare, and the customer is told.", needs_why=False)
hold = _command("hold", "Hold case NUMBER: nothing is given away until it is released.", needs_why=True)
release = _command("release", "Release case NUMBER: it gets the next spare.", needs_why=False)
credit = _command("credit", "Offer store credit for case NUMBER instead of a spare.", needs_why=True)
verify = _command(
    "verify", "Begin to verify case NUMBER, which a customer reported: his clock of an answer stops.", needs_why=False
)
ask = _command(
    "ask",
    "Write down that the customer was asked: the clocks of case NUMBER stand still until he answers.",
    needs_why=True,
)
answer = _command("answer", "Write down what the customer answered: the clocks of case NUMBER go on.", needs_why=True)
note = _command("note", "Write a note into the trail of case NUMBER.", needs_why=True)


@click.command()
@click.argument("number", type=click.IntRange(1))
@click.option("--clause", type=click.Choice(CLAUSES), required=True, help="The exclusion that it rests on.")
@click.option("--why", required=True, help="The reason, for the trail.")
@click.option("--by", "who", help="In whose name; without it, the user of this shell.")
@with_config
def reject(number: int, clause: str, why: str, who: str | None, config_path: Path) -> None:
    """Reject case NUMBER under a clause, which the customer is told in plain words."""
    _move(number, "reject", who, why, config_path, clause)


@click.command()
@click.argument("number", type=click.IntRange(1), required=False)
@click.option("--all", "everything", is_flag=True, help="Everything that was ever ruled on.")
@click.option("--policy", "policy_file", type=click.Path(path_type=Path), help="Rule by this policy instead.")
@with_config
@with_json
def replay(
    number: int | None, everything: bool, policy_file: Path | None, config_path: Path, as_json: bool  # noqa: FBT001
) -> None:  # fmt: skip
    """Rule again on case NUMBER from what was stored, or on --all.

    It exits with 0 if everything comes out the same, and with 3 if something does not: then the difference is shown,
    and what it would have cost.
    """
    from monitor import desk  # noqa: PLC0415 - keeps ``--help`` cheap

    if (number is None) is not everything:
        raise click.UsageError("name one case, or write --all")
    found = working(config_path, lambda store, law: desk.replay(store, law, number), policy_file)
    if number is not None and not found:
        raise click.ClickException(f"there is no ruling on case {number}; see: coverwatch cases list")
    rows: list[dict[str, Any]] = [
        {
            "case": each.then.case,
            "delivery": each.then.delivery,
            "same": each.same,
            "then": _ruled(each.then),
            "now": _ruled(each.now),
            "policy": each.then.policy_version,
        }
        for each in found
    ]
    then, now = ({"replacements": each.replacements, "cost": str(each.cost)} for each in desk.bills(found))
    if as_json:
        print_json({"same": all(row["same"] for row in rows), "rulings": rows, "bill": {"then": then, "now": now}})
    else:
        for row in rows:
            _tell(row)
        if then != now:
            was = f"{then['replacements']} units that cost {then['cost']}"
            click.echo(f"replaced without asking: then {was}; now {now['replacements']} that cost {now['cost']}")
        same = sum(row["same"] for row in rows)
        click.echo(f"{same} of {len(rows)} rulings come out the same", err=True)
    sys.exit(0 if all(row["same"] for row in rows) else DIFFERENT)


def _tell(row: dict[str, Any]) -> None:
    name = f"case {row['case']}" if row["case"] is not None else f"delivery {row['delivery']}, no case"
    if row["same"]:
        click.echo(f"{name}: {row['then']['decision']}, {row['then']['clause']}, as before")
        return
    for when in ("then", "now"):
        ruled = row[when]
        due = f" (replace by {ruled['replace_due']})" if ruled["replace_due"] else ""
        click.echo(f"{name}, {when}: {ruled['decision']}, {ruled['clause']}: {ruled['reason']}{due}")


def _ruled(ruling: "Judged | Ruling | str") -> dict[str, Any]:
    """Put a ruling into words; where the policy has no answer, its reason is all there is."""
    if isinstance(ruling, str):
        return {"decision": "none", "clause": "none", "reason": ruling, "verify_due": None, "replace_due": None}
    return {
        "decision": str(ruling.outcome),
        "clause": ruling.clause,
        "reason": ruling.reason,
        "verify_due": ruling.verify_due.isoformat() if ruling.verify_due else None,
        "replace_due": ruling.replace_due.isoformat() if ruling.replace_due else None,
    }


@click.command("verify-trail")
@with_config
@with_json
def verify_trail(config_path: Path, as_json: bool) -> None:  # noqa: FBT001 - click passes flags by name
    """Prove that no event of any case was changed, added or taken away, and that each case is where its trail ends.

    It exits with 0 if every trail holds, and with 3 if one does not.
    """
    from dataclasses import asdict  # noqa: PLC0415 - keeps ``--help`` cheap

    from monitor.store import archive  # noqa: PLC0415

    broken = reading(config_path, archive.broken_trails)
    if as_json:
        print_json({"holds": not broken, "broken": [asdict(each) for each in broken]})
    else:
        for each in broken:
            click.echo(f"case {each.case}: event {each.event}: {each.why}")
        click.echo("every trail holds" if not broken else f"{len(broken)} trails are broken", err=True)
    sys.exit(DIFFERENT if broken else 0)


@click.command()
@click.argument("number", type=click.IntRange(1))
@click.option("--format", "kind", type=click.Choice(("json", "html")), default="json", show_default=True)
@with_config
def export(number: int, kind: str, config_path: Path) -> None:
    """Write the evidence of case NUMBER to standard output, for a supplier or a dispute. It holds no secret."""
    from monitor.store import views  # noqa: PLC0415 - keeps ``--help`` cheap

    story = reading(config_path, lambda connection: views.case_story(connection, number))
    if story is None:
        raise click.ClickException(f"there is no case {number}; see: coverwatch cases list")
    if kind == "json":
        print_json(story)
        return
    from monitor.web.console import draw_case  # noqa: PLC0415

    click.echo(draw_case(story))


@click.command()
@click.argument("number", type=click.IntRange(1))
@click.option("--into", "folder", type=click.Path(path_type=Path, file_okay=False), default=".", show_default=True)
@with_config
def pictures(number: int, folder: Path, config_path: Path) -> None:
    """Write the pictures that the customer of case NUMBER sent into a folder."""
    from monitor.store.pictures import of_case  # noqa: PLC0415 - keeps ``--help`` cheap

    found = reading(config_path, lambda connection: of_case(connection, number))
    folder.mkdir(parents=True, exist_ok=True)
    for place, (media, content) in enumerate(found, 1):
        file = folder / f"case-{number}-{place}.{media.removeprefix('image/')}"
        file.write_bytes(content)
        click.echo(str(file))
    if not found:
        click.echo(f"case {number} has no pictures now; coverwatch cases show {number} tells of those it had", err=True)


ALL = (verify, approve, reject, hold, release, credit, ask, answer, note, replay, verify_trail, export, pictures)
