"""``coverwatch check``."""

import asyncio
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from random import SystemRandom
from typing import TYPE_CHECKING, Any, NoReturn

import click

from monitor.cli.shell import print_json, shown, with_json

if TYPE_CHECKING:
    from monitor.core.dnsxl import Zone
    from monitor.core.fleet import Address, Network
    from monitor.prompt import Heard

COLUMNS = {
    "address": "ADDRESS",
    "zone": "LIST",
    "answer": "ANSWER",
    "codes": "CODES",
    "reason": "REASON",
    "delist": "DELIST",
}
STATUS = {"sound": 0, "listed": 2, "undecided": 3}
STEP = 100
LARGEST = 65_536
"""Addresses that one call may ask about."""


class Check(click.Command):
    """A command whose usage errors exit with 1: 2 means listed."""

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:  # noqa: ANN401 - the shape is click's
        """Read the words of the command line."""
        try:
            return super().make_context(*args, **kwargs)
        except click.UsageError as fault:
            fault.show()
            sys.exit(1)


@click.command(cls=Check)
@click.argument("targets", metavar="ADDRESS|RANGE...", nargs=-1, required=True)
@click.option("--zones", metavar="A,B", help="Ask these lists: ids of the catalogue, or any names of zones.")
@click.option("--resolver", "resolvers", metavar="HOST:PORT", multiple=True, help="Ask this resolver; may be repeated.")
@click.option(
    "--config",
    "config_path",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("monitor.toml"),
    envvar="COVERWATCH_CONFIG",
    show_default=True,
    help="Where lists and resolvers come from, if they are not named; without this file, the catalogue's own choice.",
)
@with_json
def check(
    targets: tuple[str, ...],
    zones: str | None,
    resolvers: tuple[str, ...],
    config_path: Path,
    as_json: bool,  # noqa: FBT001 - by name
) -> None:
    """Ask the lists about addresses and ranges, now.

    Every address of a range is asked about. It exits with 0 if all is sound, 2 if any address is listed, 3 if that
    cannot be decided because a list that matters was not heard, and 1 if it could not be asked at all.
    """
    from config import ConfigError  # noqa: PLC0415 - keeps ``--help`` cheap

    networks = [_network(target) for target in targets]
    asked = _asked_of(networks)
    addresses = list(dict.fromkeys(address for each in asked.values() for address in each))
    try:
        chosen, servers = choose(zones, resolvers, config_path)
    except (ConfigError, ValueError) as fault:
        _fail(str(fault))
    if not chosen:
        _fail("no list is named; write --zones, or lists.use in the configuration")
    families = frozenset(address.version for address in addresses)
    chosen = [zone for zone in chosen if zone.families & families] or chosen
    heard = asyncio.run(_ask(chosen, servers, addresses, strangers(chosen) if zones is not None else frozenset()))
    document = _document(heard, asked)
    if as_json:
        print_json(document)
    else:
        _print(heard, document)
    sys.exit(STATUS[document["verdict"]])


def _fail(words: str) -> NoReturn:
    click.echo(f"coverwatch: {words}", err=True)
    sys.exit(1)


def _network(words: str) -> "Network":
    from ipaddress import ip_network  # noqa: PLC0415 - keeps ``--help`` cheap

    try:
        return ip_network(words)
    except ValueError as fault:
        _fail(f"{words!r} is neither an address nor a range: {fault}")


def _asked_of(networks: "Sequence[Network]") -> "dict[Network, Sequence[Address]]":
    """Give for each range the addresses that are asked about."""
    from monitor.prompt import addresses_of  # noqa: PLC0415 - keeps ``--help`` cheap

    found: dict[Network, Sequence[Address]] = {}
    left = LARGEST
    for net in dict.fromkeys(networks):
        try:
            found[net] = addresses_of(net, LARGEST)
        except ValueError as fault:
            _fail(str(fault))
        left -= len(found[net])
        if left < 0:
            _fail(f"the ranges have more than {LARGEST} addresses together; ask about some of them at a time")
    return found


def choose(
    zones: str | None, resolvers: tuple[str, ...], config_path: Path
) -> "tuple[list[Zone], list[tuple[str, int]]]":
    """Choose lists and resolvers: those named, else the configuration's, else the catalogue's and the system's."""
    from config import load  # noqa: PLC0415 - keeps ``--help`` cheap
    from config.lists import ListsTable, zones_named  # noqa: PLC0415
    from monitor.app import system_resolvers  # noqa: PLC0415
    from monitor.core.words import parse_endpoint  # noqa: PLC0415

    config = load(config_path, secrets=False) if config_path.exists() else None
    if zones is not None:
        chosen = zones_named([name for part in zones.split(",") if (name := part.strip())], (4, 6))
    elif config is not None:
        chosen = config.settings.lists.read(config.secret)
    else:
        chosen = ListsTable(use="default").read(_no_key)
    named = [parse_endpoint(words) for words in resolvers]
    configured = list(config.settings.dns.resolvers) if config is not None else []
    return chosen, named or configured or system_resolvers()


def strangers(zones: "Sequence[Zone]") -> frozenset[str]:
    """Name the zones whose families nobody has told: those that stand in no catalogue."""
    from config.lists import catalogue  # noqa: PLC0415 - keeps ``--help`` cheap

    known = {entry.name for entry in catalogue().entries.values()}
    return frozenset(zone.name for zone in zones if zone.name not in known)


def _no_key(name: str) -> NoReturn:
    raise ValueError(f"there is no configuration, so the key {name} is not to be had")


async def _ask(
    zones: "list[Zone]", servers: list[tuple[str, int]], addresses: "list[Address]", strange: frozenset[str]
) -> "Heard":
    from checks.dns.engine import Engine  # noqa: PLC0415 - keeps ``--help`` cheap
    from checks.dns.trust import Examiner  # noqa: PLC0415
    from monitor.prompt import ask  # noqa: PLC0415

    total = sum(address.version in zone.families for zone in zones for address in addresses)
    with _progress(total) as step:
        async with Engine(servers) as engine:
            return await ask(engine, Examiner(zones, engine, SystemRandom()), zones, addresses, step, strange)


class _progress:  # noqa: N801 - read as a word: with _progress(total)
    """A bar with rate and time left on a terminal; nothing elsewhere."""

    def __init__(self, total: int) -> None:
        from rich.console import Console  # noqa: PLC0415 - keeps ``--help`` cheap
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

        console = Console(stderr=True)
        self._bar = Progress(
            TextColumn("asking"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(), console=console, transient=True, disable=not console.is_terminal,
        )  # fmt: skip
        self._task = self._bar.add_task("asking", total=total, rate="")
        self._waiting = 0

    def __enter__(self) -> Callable[[int], None]:
        self._bar.start()
        return self._step

    def _step(self, count: int) -> None:
        # The bar is for people: it need not hear of every single answer.
        self._waiting += count
        if self._waiting >= STEP:
            speed = self._bar.tasks[0].speed
            self._bar.update(self._task, advance=self._waiting, rate=f"{speed:.0f}/s" if speed else "")
            self._waiting = 0

    def __exit__(self, *_: object) -> None:
        self._bar.stop()


def _document(heard: "Heard", asked: "Mapping[Network, Sequence[Address]]") -> dict[str, Any]:
    from config import load_policy  # noqa: PLC0415 - keeps ``--help`` cheap
    from monitor.core.observation import Clear, Listed  # noqa: PLC0415
    from monitor.prompt import judge_address, judge_range, worst, written  # noqa: PLC0415 - keeps ``--help`` cheap

    rule = load_policy().listing
    addresses: list[dict[str, Any]] = []
    single = []
    for address in heard.addresses:
        answers = []
        for zone in heard.zones:
            answer = heard.answer(address, zone)
            if answer is None:
                continue
            told: dict[str, Any] = {"zone": zone.name, "answer": type(answer).__name__.lower(), "codes": []}
            match answer:
                case Listed():
                    told |= {"codes": [written(code) for code in sorted(answer.codes)], "reason": answer.reason}
                case Clear():
                    told["reason"] = None
                case _:
                    told["reason"] = answer.why
            answers.append(told)
        verdict = judge_address(heard, address, rule)
        single.append(verdict)
        addresses.append({"address": str(address), "verdict": verdict.value, "answers": answers})
    verdicts = {network: judge_range(heard, mine, rule) for network, mine in asked.items()}
    return {
        # A range may be sound by the policy's share although one of its addresses is not: who asks wants to know.
        "verdict": worst([*verdicts.values(), *single]).value,
        "ranges": [{"range": str(net), "verdict": verdict.value} for net, verdict in verdicts.items()],
        "addresses": addresses,
        "sources": {"asked": len(heard.asked), "answered": heard.answered},
    }


def _print(heard: "Heard", document: dict[str, Any]) -> None:
    from monitor.cli.shell import print_table  # noqa: PLC0415

    delist = {zone.name: zone.delist for zone in heard.zones}
    rows = [
        {
            "address": each["address"],
            "zone": answer["zone"],
            "answer": answer["answer"],
            "codes": " ".join(answer["codes"]),
            "reason": shown(answer["reason"])[:120],
            "delist": (delist[answer["zone"]] or "").replace("{ip}", each["address"])
            if answer["answer"] == "listed"
            else "",
        }
        for each in document["addresses"]
        for answer in each["answers"]
        if answer["answer"] != "clear"
    ]
    if rows:
        print_table(rows, COLUMNS, "")
    for each in document["ranges"]:
        click.echo(f"{each['range']}: {each['verdict']}")
    bad = sum(each["verdict"] == "listed" for each in document["addresses"])
    if bad:
        click.echo(f"{bad} of {len(document['addresses'])} addresses are listed")
    sources = document["sources"]
    click.echo(f"{document['verdict']}; {sources['answered']} of {sources['asked']} lists answered", err=True)
