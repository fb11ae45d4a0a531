"""Reads the coverage policy: data in policy.toml, values in the core."""

import hashlib
import tomllib
from collections.abc import Mapping
from datetime import time, timedelta
from importlib import resources
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from config.faults import ConfigError, faults_of
from config.types import Duration
from monitor.core.coverage import (
    Alarm,
    Begins,
    Benefit,
    BrakeLimits,
    Burning,
    Confirm,
    Defect,
    Listing,
    Policy,
    Rule,
    Stocking,
)
from monitor.core.fleet import Niche
from monitor.core.sla import Calendar, Target
from monitor.core.words import parse_duration

Span = Annotated[timedelta, BeforeValidator(parse_duration)]
"""A duration that may be zero."""


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _DefectTable(_Table):
    niches: list[Niche] = Field(min_length=1)
    begins: Begins = Begins.WITHIN
    window: Span
    replace_within: Duration
    later: Benefit | None = None


class _ConfirmTable(_Table):
    rounds: int = Field(ge=1, le=100)
    spacing: Span


class _ListingTable(_Table):
    alerts: int = Field(ge=1)
    warns: int = Field(ge=1)
    share: float = Field(gt=0, le=1)
    quorum: float = Field(ge=0, le=1)


class _ClockTable(_Table):
    within: Duration
    warn_after: Duration


class _HoursTable(_ClockTable):
    opens: time
    closes: time
    zone: str

    @model_validator(mode="after")
    def _sane(self) -> "_HoursTable":
        if self.opens >= self.closes:
            raise ValueError("opens must lie before closes")
        try:
            ZoneInfo(self.zone)
        except (KeyError, ValueError, OSError):
            raise ValueError(f"zone: {self.zone!r} is not a time zone; write one such as Asia/Singapore") from None
        return self


class _ClocksTable(_Table):
    response: _HoursTable
    verification: _ClockTable
    replacement_warning: float = Field(gt=0, lt=1)
    delay_told: float = Field(default=0.9, gt=0, lt=1)
    delay: Duration = Field(default="24h", validate_default=True)


class _StockTable(_Table):
    fresh_within: Duration
    sold_within: Duration = Field(default="30d", validate_default=True)
    least: float = Field(default=0.05, ge=0, le=1)
    most: float = Field(default=0.10, ge=0, le=1)
    reserved_for: Duration = Field(default="14d", validate_default=True)

    @model_validator(mode="after")
    def _sane(self) -> "_StockTable":
        if self.least > self.most:
            raise ValueError("least must not lie above most")
        return self


class _BrakeTable(_Table):
    per_hour: int = Field(ge=0)
    per_day: int = Field(ge=0)
    supplier_per_hour: int = Field(ge=0)
    provider_per_hour: int = Field(ge=0)
    tier_share_per_hour: float = Field(gt=0, le=1)


class _BurningTable(_Table):
    members: int = Field(default=3, ge=2)
    share: float = Field(default=0.20, gt=0, le=1)
    within: Duration = Field(default="24h", validate_default=True)
    gather: Span = Field(default="30m", validate_default=True)


class _ProviderTable(_Table):
    accounts: int = Field(default=3, ge=2)


class _ListTable(_Table):
    jump: float = Field(default=0.10, gt=0, le=1)
    suppliers: int = Field(default=3, ge=2)
    share: float = Field(default=0.5, gt=0, le=1)
    ranges: int = Field(default=10, ge=1)


class _IncidentsTable(_Table):
    burning: _BurningTable = _BurningTable()
    provider: _ProviderTable = _ProviderTable()
    list: _ListTable = _ListTable()


class _PolicyFile(_Table):
    version: str = Field(min_length=1, max_length=64)
    straddle: Benefit
    tos_words: list[str]
    defects: dict[Defect, _DefectTable]
    confirm: dict[Defect, _ConfirmTable]
    listing: _ListingTable
    clocks: _ClocksTable
    stock: _StockTable
    brake: _BrakeTable
    incidents: _IncidentsTable = _IncidentsTable()


def load_policy(path: Path | None = None) -> Policy:
    """Read a policy file, or the one that comes with coverwatch; :class:`ConfigError` names every fault."""
    source = resources.files("config") / "catalogue" / "policy.toml" if path is None else path
    try:
        words = source.read_bytes()
        table = tomllib.loads(words.decode())
    except OSError as fault:
        raise ConfigError([f"{source}: cannot be read: {fault.strerror}"]) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as fault:
        raise ConfigError([f"{source}: is not TOML: {fault}"]) from None
    try:
        read = _PolicyFile.model_validate(table)
    except ValidationError as fault:
        raise ConfigError(faults_of(fault, prefix=f"{source}: ")) from None
    return _policy(read, hashlib.sha256(words).hexdigest())


def _policy(read: _PolicyFile, digest: str) -> Policy:
    hours = read.clocks.response
    calendar = Calendar(hours.opens, hours.closes, ZoneInfo(hours.zone))
    rules: Mapping[Defect, Rule] = {
        defect: Rule(defect, frozenset(row.niches), row.begins, row.window, row.replace_within, row.later)
        for defect, row in read.defects.items()
    }
    return Policy(
        version=read.version,
        digest=digest,
        rules=rules,
        confirm={defect: Confirm(row.rounds, row.spacing) for defect, row in read.confirm.items()},
        verify=Target(read.clocks.verification.within, read.clocks.verification.warn_after),
        replace_warning=read.clocks.replacement_warning,
        response=Target(hours.within, hours.warn_after, calendar),
        listing=Listing(**read.listing.model_dump()),
        straddle=read.straddle,
        tos_words=tuple(read.tos_words),
        fresh_within=read.stock.fresh_within,
        brake=BrakeLimits(**read.brake.model_dump()),
        burning=Burning(**read.incidents.burning.model_dump()),
        alarm=Alarm(**read.incidents.list.model_dump()),
        failing=read.incidents.provider.accounts,
        stocking=Stocking(**read.stock.model_dump(exclude={"fresh_within"})),
        delay_told=read.clocks.delay_told,
        delay=read.clocks.delay,
    )
