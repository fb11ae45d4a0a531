"""Lists to download and mirrors of zones: the catalogue that comes with coverwatch, and those of one's own."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from difflib import get_close_matches
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator
from yarl import URL

from checks.downloads import Feed
from checks.formats import Format
from checks.mirrors import Mirror
from checks.rbldnsd import FAMILY, DataFormat
from config.lists import ZoneName, catalogue
from config.types import Duration, Name, Range
from monitor.core.dnsxl import Weight, Zone


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FeedEntry(_Table):
    """One list of the catalogue."""

    url: str
    operator: str
    group: str
    contains: tuple[str, ...] = ()
    kind: str
    format: Format
    families: tuple[Literal[4, 6], ...] = Field(min_length=1)
    weight: Weight
    on: bool
    interval: Duration
    max_age: Duration
    changes_within: Duration
    can_be_empty: bool = False
    bogons: bool = False
    licence: str
    commercial: Literal["allowed", "unclear", "no"]
    note: str = ""

    def read(self, name: str) -> Feed:
        """Give the feed that the entry describes."""
        return Feed(
            name=name,
            url=self.url,
            format=self.format,
            group=self.group,
            weight=self.weight,
            families=frozenset(self.families),
            about=self.kind,
            interval=self.interval,
            max_age=self.max_age,
            changes_within=self.changes_within,
            contains=frozenset(self.contains),
            can_be_empty=self.can_be_empty,
            bogons=self.bogons,
        )


class _Refused(_Table):
    url: str
    why: str
    operator: str = ""


class _File(_Table):
    schema_: Literal[1] = Field(alias="schema")
    feeds: dict[str, FeedEntry]
    unusable: dict[str, _Refused]
    dead: dict[str, _Refused]


@dataclass(frozen=True, slots=True)
class FeedCatalogue:
    """The lists that coverwatch knows, by id, and those that are refused: by id, and by address, with the reason."""

    entries: Mapping[str, FeedEntry]
    refused: Mapping[str, str]
    addresses: Mapping[str, str]


@cache
def feed_catalogue() -> FeedCatalogue:
    """Read the catalogue that comes with coverwatch."""
    words = (resources.files("config") / "catalogue" / "feeds.toml").read_text()
    read = _File.model_validate(tomllib.loads(words))
    refused = read.unusable | read.dead
    return FeedCatalogue(
        read.feeds,
        {name: row.why for name, row in refused.items()},
        {row.url: row.why for row in refused.values()},
    )


def _feed_address(value: str) -> str:
    url = URL(value)
    if url.scheme not in {"http", "https"} or not url.host or url.user or url.password or url.fragment:
        raise ValueError(f"{value!r} is not the address of a list; write https://host/path, without user or password")
    for address, why in feed_catalogue().addresses.items():
        if value.startswith(address):
            raise ValueError(f"{value} must not be asked for: {why}; remove it")
    return value


FeedAddress = Annotated[str, AfterValidator(_feed_address)]


class OwnFeed(_Table):
    """A list beside those of the catalogue."""

    name: Name
    url: FeedAddress
    format: Format = Format.PLAIN
    operator: str = ""
    """Who makes it; lists of one operator count once. Without it the list stands for itself."""
    weight: Weight = Weight.WARN
    families: tuple[Literal[4, 6], ...] = Field(default=(4,), min_length=1)
    interval: Duration = timedelta(hours=1)
    max_age: Duration = timedelta(days=2)
    changes_within: Duration = timedelta(days=30)
    can_be_empty: bool = False

    def read(self) -> Feed:
        """Give the feed that the table describes."""
        return Feed(
            name=self.name,
            url=self.url,
            format=self.format,
            group=self.operator or self.name,
            weight=self.weight,
            families=frozenset(self.families),
            about="listed",
            interval=self.interval,
            max_age=self.max_age,
            changes_within=self.changes_within,
            can_be_empty=self.can_be_empty,
        )


class MirrorTable(_Table):
    """A data file of rbldnsd on this machine; what the catalogue knows of its zone holds here too."""

    zone: ZoneName
    file: Path
    format: DataFormat
    weight: Weight | None = None
    operator: str = ""
    max_age: Duration = timedelta(days=1)

    @property
    def name(self) -> str:
        """The name of the source. A zone may have a file for each family, and both are sources."""
        return self.zone if FAMILY[self.format] == 4 else f"{self.zone}/6"  # noqa: PLR2004 - the number is the subject

    def read(self, folder: Path) -> Mirror:
        """Give the mirror that the table describes; a relative path starts at ``folder``."""
        known = next((each for each in catalogue().entries.values() if each.name == self.zone), None)
        if known is None:
            zone = Zone(self.zone, self.zone, self.zone, Weight.ALERT, frozenset({FAMILY[self.format]}))
        else:
            zone = known.read()
        if self.operator:
            zone = replace(zone, operator=self.operator, group=self.operator)
        if self.weight is not None:
            zone = replace(zone, weight=self.weight)
        return Mirror(self.name, zone, folder / self.file, self.format, self.max_age)


class FeedsTable(_Table):
    """Which lists are downloaded, which zones are mirrored here, and where good copies are kept."""

    use: Literal["default"] | tuple[str, ...] = ()
    """Ids of the catalogue; "default" are those that it has on."""
    directory: Path = Path("feeds")
    """Where the last good copies are kept; a relative path starts at the folder of the configuration."""
    timeout: Duration = timedelta(seconds=30)
    """The longest wait for a whole list."""
    allow: tuple[Range, ...] = ()
    """Networks that lists may be fetched from although they are not public; only there is plain HTTP spoken."""
    own: tuple[OwnFeed, ...] = ()
    mirrors: tuple[MirrorTable, ...] = ()

    @field_validator("use")
    @classmethod
    def _known(cls, ids: str | tuple[str, ...]) -> str | tuple[str, ...]:
        known = feed_catalogue()
        for each in () if isinstance(ids, str) else ids:
            if each in known.refused:
                raise ValueError(f"{each!r} is of no use: {known.refused[each]}; remove it")
            if each not in known.entries:
                near = get_close_matches(each, known.entries, n=1)
                remedy = f"did you mean {near[0]!r}?" if near else "see: coverwatch lists show"
                raise ValueError(f"{each!r} is not in the catalogue of feeds; {remedy}")
        return ids

    @model_validator(mode="after")
    def _named_once(self) -> Self:
        twice = sorted({name for name in self.names if self.names.count(name) > 1})
        if twice:
            raise ValueError(f"{', '.join(twice)} is named twice; keep one, or name yours otherwise")
        return self

    @property
    def entries(self) -> dict[str, FeedEntry]:
        """The lists of the catalogue that are downloaded, by id."""
        known = feed_catalogue().entries
        if self.use == "default":
            return {each: entry for each, entry in known.items() if entry.on}
        return {each: known[each] for each in self.use}

    @property
    def names(self) -> list[str]:
        """The names of all sources."""
        chosen = self.entries if self.use == "default" else self.use
        return [*chosen, *(feed.name for feed in self.own), *(mirror.name for mirror in self.mirrors)]

    def read(self, folder: Path) -> list[Feed | Mirror]:
        """Give every source; relative paths start at ``folder``."""
        feeds = [entry.read(name) for name, entry in self.entries.items()] + [feed.read() for feed in self.own]
        return [*feeds, *(mirror.read(folder) for mirror in self.mirrors)]
