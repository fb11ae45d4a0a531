"""What a shop would write before it starts: configuration, policy, secrets, and the files to import."""

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib import resources
from pathlib import Path

from monitor.demo.goods import GOODS
from monitor.demo.script import ZONES, Script

CONFIG = """\
[shop]
name = "The demo shop"
time_zone = "Asia/Singapore"

[store]
url = "sqlite:///coverwatch.sqlite"

[secrets]
directory = "secrets"

[web]
listen = "127.0.0.1:0"

[rhythm]
blocklists = "1s"
accounts = "2s"
endpoints = "2s"

[policy]
file = "policy.toml"

[dns]
resolvers = ["{resolver}"]
timeout = "1s"
tries = 2
deadline = "2s"

[witness]
ports = [{door}]
timeout = 2
allow = ["127.0.0.0/8"]

[endpoints.wireguard]
kind = "wireguard"
timeout = 4
allow = ["127.0.0.0/8"]

[status_pages.hetzner]
kind = "hetzner"
url = "{page}"
allow = ["127.0.0.0/8"]

[notifier]
kind = "telegram"
token = "telegram_token"
api = "{botapi}"
operators = {operators}

"""

LIST = """\
[[lists.own]]
zone = "{zone}"
operator = "{operator}"
weight = "{weight}"
"""

PROVIDER = """\
[providers.{name}]
kind = "{name}"
api = "{url}"
allow = ["127.0.0.0/8"]
"""


@dataclass(frozen=True, slots=True)
class Places:
    """Where the other side of every wire is. ``door`` is the port at which servers that run are open."""

    resolver: str
    botapi: str
    operators: int
    providers: Mapping[str, str]
    door: int
    page: str


def write_config(folder: Path, places: Places) -> Path:
    """Write monitor.toml, which it gives, and the policy that it names."""
    # Two looks ten minutes apart are right for a shop, and too long for a demo.
    policy = (resources.files("config") / "catalogue" / "policy.toml").read_text()
    (folder / "policy.toml").write_text(re.sub(r'^spacing = "\d+m"', 'spacing = "2s"', policy, flags=re.MULTILINE))
    tables = [LIST.format(zone=zone, operator=zone.partition(".")[0], weight=word) for zone, word in ZONES.items()]
    tables += [goods.table(name) for name, goods in GOODS.items()]
    for name, url in places.providers.items():
        # Contabo's login is a house of its own.
        login = f'auth = "{url}"\n' if name == "contabo" else ""
        tables.append(PROVIDER.format(name=name, url=url) + login)
    config = folder / "monitor.toml"
    head = CONFIG.format(
        resolver=places.resolver, botapi=places.botapi, operators=places.operators, door=places.door, page=places.page
    )
    config.write_text(head + "\n".join(tables))
    return config


def write_secrets(folder: Path, secrets: Mapping[str, str]) -> None:
    """Write secret files, for our own eyes only."""
    directory = folder / "secrets"
    directory.mkdir(mode=0o700)
    for name, words in secrets.items():
        file = directory / name
        file.touch(mode=0o600)
        file.write_text(words)


def write_tables(folder: Path, script: Script, chats: Mapping[str, int], now: datetime) -> None:
    """Write the three files to import."""
    _table(
        folder / "customers.csv",
        ("customer", "language", "telegram_chat"),
        [(name, tongue, chats[name]) for name, _, tongue in script.customers],
    )
    _table(
        folder / "deliveries.csv",
        ("order", "customer", "unit", "tier", "supplier", "delivered_at", "range", "address", "access", "protocol"),
        [
            (
                each.order, each.customer, each.unit, each.tier, each.supplier, (now - each.ago).isoformat(),
                each.range or "", each.address or "", each.access, GOODS[each.tier].protocol,
            )
            for each in script.sold
        ],
    )  # fmt: skip
    _table(
        folder / "stock.csv",
        ("unit", "tier", "supplier", "range", "access", "protocol", "cost"),
        [
            (each.unit, each.tier, each.supplier, each.range or "", each.access, GOODS[each.tier].protocol, each.cost)
            for each in script.shelf
        ],
    )


def _table(file: Path, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    with file.open("w", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerow(header)
        writer.writerows(rows)
