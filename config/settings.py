"""The shape of monitor.toml."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from checks.blocklist import DnsOptions
from checks.doors import WitnessOptions
from checks.endpoints import EndpointOptions, openvpn, wireguard
from checks.providers import PROVIDERS, ProviderOptions
from checks.statuspages import StatusPageOptions
from config.feeds import FeedsTable
from config.lists import ListsTable
from config.people import HandoverTable, LinksTable, OperatorsTable, PicturesTable, SecondTable
from config.types import Duration, Endpoint, Name, SecretName
from monitor.core.fleet import Niche, Promised, Tier
from notifiers import NotifierOptions


class Table(BaseModel):
    """A table of monitor.toml: unknown keys are faults."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"{value!r} is not a time zone; write one such as Asia/Singapore") from None
    return value


class ShopTable(Table):
    """Who sells, and on which clocks."""

    name: str = "The shop"
    time_zone: Annotated[str, AfterValidator(_zone)] = "UTC"
    language: str = "en"


def _database(value: str) -> str:
    kind, _, rest = value.partition(":///" if value.startswith("sqlite") else "://")
    if kind.partition("+")[0] not in {"sqlite", "postgresql", "postgres"} or not rest or rest == ":memory:":
        raise ValueError("is not a database; write sqlite:///file or postgresql://host/name")
    return value


class StoreTable(Table):
    """Where everything is kept."""

    url: Annotated[str, AfterValidator(_database)] = "sqlite:///coverwatch.sqlite"


class SecretsTable(Table):
    """Where secret files are, if systemd hands over none, and which of them seals those that the database keeps."""

    directory: Path = Path("secrets")
    key: SecretName | None = None


class WebTable(Table):
    """Where health, metrics and the console listen, and the secret file with the token of the API: none, no API."""

    listen: Endpoint = ("127.0.0.1", 8553)
    api: SecretName | None = None


class RhythmTable(Table):
    """How often what is looked at."""

    blocklists: Duration = Field(default="15m", validate_default=True)
    accounts: Duration = Field(default="5m", validate_default=True)
    endpoints: Duration = Field(default="30m", validate_default=True)
    shard_size: int = Field(default=200, ge=1, le=10_000)


class PolicyTable(Table):
    """Which coverage policy holds; without a file, the one that comes with coverwatch."""

    file: Path | None = None


class TierTable(Table):
    """Units of one tier are exchangeable; a higher rank of the same niche is at least as good."""

    niche: Niche
    rank: int = Field(ge=0, le=1_000_000)
    provider: Name | None = None
    plan: str | None = None
    region: str | None = None
    vcpus: int | None = Field(default=None, ge=1)
    ram_mib: int | None = Field(default=None, ge=1)
    disk_gib: int | None = Field(default=None, ge=1)
    traffic_gib: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _sane(self) -> Self:
        if self.niche is Niche.VPS and self.provider is None:
            raise ValueError("a vps tier needs its provider, a name of [providers]")
        if self.niche is not Niche.VPS and self.provider is not None:
            raise ValueError(f"a {self.niche} tier has no provider; remove it")
        return self

    def tier(self, name: str) -> Tier:
        """Give the tier that the table describes."""
        promised = Promised(self.region, self.vcpus, self.ram_mib, self.disk_gib, self.traffic_gib)
        return Tier(name, self.niche, self.rank, self.provider, self.plan, promised)


class SupplierTable(Table):
    """A supplier and its own warranty to us."""

    warranty: Duration | None = None


def _two_kinds() -> dict[str, EndpointOptions]:
    return {
        "wireguard": wireguard.Options(kind="wireguard"),
        "openvpn": openvpn.Options(kind="openvpn"),
    }


class Settings(BaseSettings):
    """monitor.toml, with COVERWATCH_ variables laid over it (COVERWATCH_STORE__URL for store.url)."""

    model_config = SettingsConfigDict(
        extra="forbid", frozen=True, env_prefix="COVERWATCH_", env_nested_delimiter="__", env_ignore_empty=True
    )

    shop: ShopTable = ShopTable()
    store: StoreTable = StoreTable()
    secrets: SecretsTable = SecretsTable()
    web: WebTable = WebTable()
    rhythm: RhythmTable = RhythmTable()
    policy: PolicyTable = PolicyTable()
    dns: DnsOptions = DnsOptions()
    lists: ListsTable = ListsTable()
    feeds: FeedsTable = FeedsTable()
    tiers: dict[Name, TierTable] = Field(default_factory=dict)
    suppliers: dict[Name, SupplierTable] = Field(default_factory=dict)
    providers: dict[Name, ProviderOptions] = Field(default_factory=dict)
    status_pages: dict[Name, StatusPageOptions] = Field(default_factory=dict)
    witness: WitnessOptions = WitnessOptions()
    endpoints: dict[Name, EndpointOptions] = Field(default_factory=_two_kinds)
    notifier: NotifierOptions
    second: SecondTable | None = None
    operators: OperatorsTable = OperatorsTable()
    links: LinksTable = LinksTable()
    handover: HandoverTable = HandoverTable()
    pictures: PicturesTable = PicturesTable()
    dry_run: bool = False

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the shape is pydantic's
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the environment win over the file."""
        return env_settings, init_settings

    @model_validator(mode="after")
    def _tables_agree(self) -> Self:
        faults = [*self._strange_providers(), *self._strange_pages(), *self._sources_named_twice()]
        if self.web.api is not None and self.notifier.kind != "telegram":
            faults.append('web.api: it makes links to a bot; write notifier.kind = "telegram", or remove it')
        if faults:
            raise ValueError("\n".join(faults))
        return self

    def _strange_providers(self) -> Iterator[str]:
        for name, tier in self.tiers.items():
            if tier.provider is not None and tier.provider not in self.providers:
                yield f"tiers.{name}.provider: {tier.provider!r} is no table of [providers]"

    def _strange_pages(self) -> Iterator[str]:
        for name, options in self.status_pages.items():
            if options.provider not in PROVIDERS:
                one = ", ".join(PROVIDERS)
                yield f"status_pages.{name}.provider: {options.provider!r} is none; write one of {one}"

    def _sources_named_twice(self) -> Iterator[str]:
        zones = {entry.name for entry in self.lists.entries.values()} | {own.zone for own in self.lists.own}
        twice = sorted(zones & set(self.feeds.names))
        if twice:
            yield f"feeds: {', '.join(twice)} is asked over DNS as well; keep it there or under feeds"

    def catalogue(self) -> dict[str, Tier]:
        """Give the tiers, by name."""
        return {name: table.tier(name) for name, table in self.tiers.items()}
