"""The providers as the contract sees them: one set of handles on the worlds that speak the eight dialects."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from pydantic import TypeAdapter

from checks.http import GuardedSession, Reach
from checks.providers import PROVIDERS, Provider, ProviderOptions, open_provider
from monitor.clock import Clock, SystemClock
from monitor.core.secret import Secret
from monitor.demo.cockbox import CockboxApi
from monitor.demo.contabo import ContaboApi
from monitor.demo.digitalocean import DigitalOceanApi, Trouble
from monitor.demo.hetzner import HetznerCloudApi, HetznerRobotApi
from monitor.demo.linode import LinodeApi
from monitor.demo.njalla import NjallaApi
from monitor.demo.office import Office
from monitor.demo.vultr import VultrApi

LOOPBACK = ["127.0.0.0/8"]


class DigitalOceanOffice:
    """DigitalOcean's world, with the handles that the others have."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.api = DigitalOceanApi(clock)
        self.requests = 0

    async def __aenter__(self) -> Self:
        await self.api.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.api.__aexit__(kind, error, trace)

    @property
    def base_url(self) -> str:
        return self.api.base_url

    def open(self, name: str, machines: int) -> str:
        return self.api.account(name, droplets=machines).token

    def warn(self, name: str) -> None:
        self.api.warn(name)

    def lock(self, name: str) -> None:
        self.api.lock(name)

    def revoke(self, name: str) -> None:
        self.api.revoke(name)

    def misconfigure(self, name: str) -> None:
        self.api.narrow(name, "account:read")

    def behave(self, name: str, trouble: Trouble) -> None:
        self.api.behave(name, trouble)

    def mark(self, name: str, status: str) -> None:
        for droplet in self.api.accounts[name].droplets:
            droplet.status = status

    def asked(self, name: str) -> int:
        return self.api.accounts[name].requests


class OtherOffice:
    """One of the other worlds, with the same handles."""

    def __init__(self, office: Office) -> None:
        self.api = office

    async def __aenter__(self) -> Self:
        await self.api.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.api.__aexit__(kind, error, trace)

    @property
    def base_url(self) -> str:
        return self.api.base_url

    def open(self, name: str, machines: int) -> str:
        return self.api.tenant(name, machines).secret

    def warn(self, name: str) -> None:
        self.api.warn(name)

    def lock(self, name: str) -> None:
        self.api.lock(name)

    def revoke(self, name: str) -> None:
        self.api.revoke(name)

    def misconfigure(self, name: str) -> None:
        self.api.misconfigure(name)

    def behave(self, name: str, trouble: Trouble) -> None:
        self.api.behave(name, trouble)

    def mark(self, name: str, status: str) -> None:
        for machine in self.api.tenants[name].machines:
            machine.status = status

    def asked(self, name: str) -> int:
        return self.api.tenants[name].requests


World = DigitalOceanOffice | OtherOffice

OFFICES: Mapping[str, type[Office]] = {
    "cockbox": CockboxApi,
    "contabo": ContaboApi,
    "hetzner": HetznerCloudApi,
    "hetzner_robot": HetznerRobotApi,
    "linode": LinodeApi,
    "njalla": NjallaApi,
    "vultr": VultrApi,
}
DIALECTS = sorted(PROVIDERS)


def world(dialect: str, clock: Clock | None = None) -> World:
    """Make the world that speaks a dialect."""
    return DigitalOceanOffice(clock) if dialect == "digitalocean" else OtherOffice(OFFICES[dialect](clock))


def options(dialect: str, url: str, **more: Any) -> Reach:
    """Write the settings of a provider that lives at this URL on loopback."""
    table = {"kind": dialect, "api": url, "allow": LOOPBACK, "timeout": 5.0, "per_second": 1000.0, **more}
    if dialect == "contabo":
        table |= {"auth": url}
    read: Reach = TypeAdapter[Any](ProviderOptions).validate_python(table)
    return read


@dataclass(frozen=True, slots=True)
class Opened:
    """A provider, its session and the secret of one account."""

    provider: Provider
    session: GuardedSession
    secret: Secret


@asynccontextmanager
async def opened(dialect: str, url: str, secret: str, clock: Clock | None = None, **more: Any) -> AsyncIterator[Opened]:
    """Open a provider at this URL."""
    provider, session = open_provider(options(dialect, url, **more), clock or SystemClock())
    async with session:
        yield Opened(provider, session, Secret(secret))
