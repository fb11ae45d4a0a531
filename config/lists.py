"""The DNS lists: the catalogue that comes with coverwatch, and those of one's own."""

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from difflib import get_close_matches
from functools import cache
from importlib import resources
from ipaddress import IPv4Address, IPv4Network, IPv6Address
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from config.types import Duration, SecretName
from monitor.core.dnsxl import Mode, TestPoints, Weight, Zone
from monitor.core.secret import Secret

LABEL = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
LONGEST_NAME = 190
"""Room is left for an IPv6 address in front (RFC 1035 allows 253)."""


def _zone_name(value: object) -> str:
    name = str(value).strip().rstrip(".").lower()
    if not re.fullmatch(rf"({LABEL}\.)*{LABEL}", name) or len(name) > LONGEST_NAME:
        raise ValueError(f"{value!r} is not the name of a zone; write one such as bl.example.net")
    dead = grave(name)
    if dead is not None:
        raise ValueError(f"{name} must not be asked: {dead}; remove it")
    return name


ZoneName = Annotated[str, BeforeValidator(_zone_name)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Test(_Table):
    listed: str = "127.0.0.2"
    clean: str = "127.0.0.1"
    listed6: str = "::ffff:7f00:2"
    clean6: str = "::ffff:7f00:1"
    control: bool = True

    def read(self) -> TestPoints:
        return TestPoints(
            listed=IPv4Address(self.listed) if self.listed else None,
            clean=IPv4Address(self.clean) if self.clean else None,
            listed6=IPv6Address(self.listed6) if self.listed6 else None,
            clean6=IPv6Address(self.clean6) if self.clean6 else None,
            control=self.control,
        )


class BudgetTable(_Table):
    """What a list may be asked: questions a second, and a day."""

    rate: float = Field(gt=0)
    day: int = Field(ge=1)


class Entry(_Table):
    """One list of the catalogue."""

    zone: str
    operator: str
    group: str
    kind: str
    families: tuple[Literal[4, 6], ...]
    weight: Weight
    on: bool
    access: Literal["open", "non-commercial", "key", "registration", "account"]
    mode: Mode = Mode.EXACT
    listed: dict[str, str] = Field(default_factory=dict)
    info: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    refused: dict[str, str] = Field(default_factory=dict)
    white: bool = False
    test: _Test = _Test()
    delist: str | None = None
    terms: str = ""
    budget: BudgetTable
    checked: str

    @property
    def name(self) -> str:
        """The zone without the place of its key: what is told and logged."""
        return self.zone.removeprefix("{key}.")

    def read(self, key: Secret | None = None) -> Zone:
        """Give the zone that the entry describes; ``key`` goes in front of the name that is asked."""
        return Zone(
            name=self.name,
            operator=self.operator,
            group=self.group,
            weight=self.weight,
            families=frozenset(self.families),
            mode=self.mode,
            listed={_code(code): meaning for code, meaning in self.listed.items()},
            refused={code: meaning for words, meaning in self.refused.items() for code in _codes(words)},
            ignored=frozenset(_code(code) for code in self.ignored),
            info=frozenset(_code(code) for code in self.info),
            white=self.white,
            test=self.test.read(),
            delist=self.delist,
            key=key,
        )


class _Dead(_Table):
    zones: tuple[str, ...]
    why: str
    since: str = ""


class _File(_Table):
    schema_: Literal[1] = Field(alias="schema")
    zones: dict[str, Entry]
    dead: dict[str, _Dead]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The lists that coverwatch knows, by id, and the names that must not be asked, with the reason."""

    entries: Mapping[str, Entry]
    dead: Mapping[str, str]


@cache
def catalogue() -> Catalogue:
    """Read the catalogue that comes with coverwatch."""
    words = (resources.files("config") / "catalogue" / "blocklists.toml").read_text()
    read = _File.model_validate(tomllib.loads(words))
    dead = {
        zone: f"{row.why} since {row.since}" if row.since else row.why
        for row in read.dead.values()
        for zone in row.zones
    }
    return Catalogue(read.zones, dead)


def grave(zone: str) -> str | None:
    """Say why a zone, or one above it, must not be asked; None if it may."""
    dead = catalogue().dead
    labels = zone.split(".")
    return next((dead[name] for i in range(len(labels)) if (name := ".".join(labels[i:])) in dead), None)


def _code(words: str) -> int:
    return int(words) if words.isdigit() else int(IPv4Address(words))


def _codes(words: str) -> list[int]:
    """Read a code, or a block of them such as 127.0.10.0/24."""
    return [int(code) for code in IPv4Network(words)]


class OwnZone(_Table):
    """A DNS list beside those of the catalogue, read by the conventions of RFC 5782."""

    zone: ZoneName
    operator: str = ""
    """Who runs it; lists of one operator count once. Without it the zone stands for itself."""
    weight: Weight = Weight.ALERT
    families: tuple[Literal[4, 6], ...] = (4,)
    budget: BudgetTable | None = None

    def read(self) -> Zone:
        """Give the zone that the table describes."""
        operator = self.operator or self.zone
        return Zone(self.zone, operator, operator, self.weight, frozenset(self.families))


class ListsTable(_Table):
    """Which lists are heard, and how much of a large range is asked about in one round."""

    use: Literal["default"] | tuple[str, ...] = ()
    """Ids of the catalogue; "default" are those that it has on, and those for which there is a key."""
    keys: dict[str, SecretName] = Field(default_factory=dict)
    """By id, the secret file that holds the key of a list."""
    own: tuple[OwnZone, ...] = ()
    sample: int = Field(default=256, ge=1, le=65_536)
    full_round: Duration | None = None
    """Within what time every address of a range is asked about; without it, in every round, as far as budgets go."""
    patience: Duration = timedelta(hours=1)
    """How long the silence of a muted list is waited for; after that the others judge without it."""

    @field_validator("use")
    @classmethod
    def _known(cls, ids: str | tuple[str, ...]) -> str | tuple[str, ...]:
        known = catalogue().entries
        for each in () if isinstance(ids, str) else ids:
            if each not in known:
                near = get_close_matches(each, known, n=1)
                remedy = f"did you mean {near[0]!r}?" if near else "see: coverwatch lists show"
                raise ValueError(f"{each!r} is not in the catalogue; {remedy}")
        return ids

    @model_validator(mode="after")
    def _sane(self) -> Self:
        names = [entry.name for entry in self.entries.values()] + [zone.zone for zone in self.own]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"{', '.join(twice)} is named twice; keep one")
        keyed = {each for each, entry in catalogue().entries.items() if entry.access == "key"}
        strange = sorted(self.keys.keys() - keyed)
        if strange:
            raise ValueError(
                f"keys names {', '.join(strange)}, and only {', '.join(sorted(keyed))} take a key; remove it"
            )
        for each, entry in self.entries.items():
            if entry.access == "key" and each not in self.keys:
                raise ValueError(f"{each} needs a key; write keys = {{ {each} = 'NAME OF A SECRET FILE' }}")
        return self

    @property
    def entries(self) -> dict[str, Entry]:
        """The lists of the catalogue that are heard, by id."""
        known = catalogue().entries
        if self.use == "default":
            return {each: entry for each, entry in known.items() if entry.on or each in self.keys}
        return {each: known[each] for each in self.use}

    def read(self, secret: Callable[[str], Secret]) -> list[Zone]:
        """Give every zone that is heard; ``secret`` reads a secret file."""
        zones = [
            entry.read(secret(self.keys[each]) if each in self.keys else None) for each, entry in self.entries.items()
        ]
        return zones + [zone.read() for zone in self.own]

    def unkeyed(self) -> list[Zone]:
        """Give every zone that is heard, without keys: to name them, not to ask them."""
        return [entry.read() for entry in self.entries.values()] + [zone.read() for zone in self.own]

    def budgets(self) -> dict[str, BudgetTable]:
        """Give what each zone may be asked, by the zone's name; one without a budget is not limited."""
        known = {entry.name: entry.budget for entry in self.entries.values()}
        return known | {zone.zone: zone.budget for zone in self.own if zone.budget is not None}


def zones_named(names: Iterable[str], families: tuple[Literal[4, 6], ...]) -> list[Zone]:
    """Give zones by id or name of the catalogue, else as RFC 5782 zones of weight alert that keep these families.

    ValueError names a bad one.
    """
    known = catalogue().entries
    by_name = {entry.name: entry for entry in known.values()}
    zones: dict[str, Zone] = {}
    for name in names:
        entry = known.get(name) or by_name.get(name.rstrip(".").lower())
        if entry is not None and entry.access == "key":
            raise ValueError(f"{name} needs a key; name it in the configuration (lists.use and lists.keys)")
        zone = entry.read() if entry is not None else OwnZone(zone=_zone_name(name), families=families).read()
        zones[zone.name] = zone
    return list(zones.values())
