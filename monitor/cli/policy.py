"""``coverwatch policy``."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

import click

from monitor.cli.shell import print_json, with_json

WITHOUT_DEFECT = frozenset({"wrong_order", "change_of_mind", "price_change"})
"""Causes that name no defect."""


@click.group()
def policy() -> None:
    """Ask the coverage policy."""


@policy.command()
@click.option("--niche", required=True, help="vps, vpn, sms, streaming or ai.")
@click.option("--defect", help="What failed, such as account_banned; not needed where --cause names no defect.")
@click.option(
    "--delivered-at", required=True, metavar="T", help="An instant with its zone, such as 2026-05-25T12:00:00Z."
)
@click.option("--last-ok", metavar="T", help="When it was last seen fine.")
@click.option("--first-bad", metavar="T", help="When it was first seen broken.")
@click.option("--reported-at", metavar="T", help="When the customer said so.")
@click.option("--cause", help="An exclusion that somebody asserts, such as customer_tos.")
@click.option("--now", metavar="T", help="When the case would be opened; without it, now.")
@click.option(
    "--policy", "policy_file", type=click.Path(path_type=Path), help="A policy file; without it, the shipped one."
)
@with_json
def explain(policy_file: Path | None, as_json: bool, **words: str | None) -> None:  # noqa: FBT001 - by name
    """Say what the policy says of one failure, and why.

    It exits with 0 whatever the answer, and with 2 if the question contradicts itself or the policy.
    """
    from config import ConfigError, load_policy  # noqa: PLC0415 - keeps ``--help`` cheap
    from monitor.core.ruling import ImpossibleClaimError, rule_on  # noqa: PLC0415

    try:
        found = load_policy(policy_file)
    except ConfigError as fault:
        _fail(*fault.faults)
    try:
        claim, now = _claim(words)
        ruling = rule_on(claim, found, now)
    except ImpossibleClaimError as fault:
        _fail(str(fault))
    document = {
        "decision": ruling.outcome.value,
        "clause": ruling.clause,
        "reason": ruling.reason,
        "deadline": _iso(ruling.deadline),
        "replace_due": _iso(ruling.replace_due),
        "verify_due": _iso(ruling.verify_due),
        "remedy": ruling.remedy.value,
        "compared": {
            "delivered_at": _iso(claim.delivered_at),
            "last_ok": _iso(claim.last_ok),
            "first_bad": _iso(claim.first_bad),
            "reported_at": _iso(claim.reported_at),
        },
        "policy": {"version": found.version, "digest": found.digest},
    }
    if as_json:
        print_json(document)
    else:
        _print(document)


def _claim(words: dict[str, str | None]) -> Any:  # noqa: ANN401 - the core is imported late
    from monitor.core.coverage import Defect, Exclusion  # noqa: PLC0415 - keeps ``--help`` cheap
    from monitor.core.fleet import Niche  # noqa: PLC0415
    from monitor.core.ruling import Claim, ImpossibleClaimError  # noqa: PLC0415

    niche = _word(Niche, "niche", words["niche"])
    cause = _word(Exclusion, "cause", words["cause"])
    if words["defect"] is None and (cause is None or cause.value not in WITHOUT_DEFECT):
        raise ImpossibleClaimError("--defect is missing; only a change of mind, price or order names none")
    defect = _word(Defect, "defect", words["defect"]) or Defect.SUPPLIER_FAULT
    delivered_at = _instant("delivered-at", words["delivered_at"])
    if niche is None or delivered_at is None:
        raise ImpossibleClaimError("--niche and --delivered-at are needed")
    said = _instant("now", words["now"])
    now = said or datetime.now(UTC)
    last_ok, first_bad = _instant("last-ok", words["last_ok"]), _instant("first-bad", words["first_bad"])
    reported_at = _instant("reported-at", words["reported_at"])
    if said is not None and said < delivered_at:
        raise ImpossibleClaimError("--now lies before --delivered-at: nothing was delivered yet")
    if last_ok is not None and first_bad is None and reported_at is None and now < last_ok:
        raise ImpossibleClaimError("--now lies before --last-ok: without --first-bad it is broken now")
    claim = Claim(
        niche=niche,
        defect=defect,
        delivered_at=delivered_at,
        last_ok=last_ok,
        first_bad=first_bad,
        reported_at=reported_at,
        cause=cause,
    )
    return claim, now


def _word(kind: Any, option: str, word: str | None) -> Any:  # noqa: ANN401 - any enumeration of words
    from monitor.core.ruling import ImpossibleClaimError  # noqa: PLC0415 - keeps ``--help`` cheap

    if word is None:
        return None
    try:
        return kind(word)
    except ValueError:
        raise ImpossibleClaimError(f"--{option}: {word!r} is not known; write {', '.join(kind)}") from None


def _instant(option: str, words: str | None) -> datetime | None:
    from monitor.core.ruling import ImpossibleClaimError  # noqa: PLC0415 - keeps ``--help`` cheap
    from monitor.core.words import parse_instant  # noqa: PLC0415

    if words is None:
        return None
    try:
        return parse_instant(words).astimezone(UTC)
    except (ValueError, OverflowError) as fault:
        raise ImpossibleClaimError(f"--{option}: {fault}") from None


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat().replace("+00:00", "Z")


def _fail(*faults: str) -> NoReturn:
    for fault in faults:
        click.echo(f"coverwatch: {fault}", err=True)
    sys.exit(2)


def _print(document: dict[str, Any]) -> None:
    click.echo(f"{document['decision'].replace('_', ' ')}, by {document['clause']}")
    click.echo(f"  {document['reason']}")
    click.echo(f"  the window ends  {document['deadline']}")
    if document["replace_due"]:
        click.echo(f"  verify by        {document['verify_due']}")
        click.echo(f"  replace by       {document['replace_due']}")
    click.echo(f"  remedy           {document['remedy'].replace('_', ' ')}")
    click.echo(f"  policy           {document['policy']['version']} ({document['policy']['digest'][:12]})")
