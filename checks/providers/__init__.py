"""PROVIDERS: the registry of providers, and what each of them has to offer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Generic, Protocol, TypeVar

from pydantic import Field

from checks.http import GuardedSession, Reach
from checks.providers import cockbox, contabo, digitalocean, hetzner, hetzner_robot, linode, njalla, vultr
from monitor.clock import Clock
from monitor.core.account import AccountSeen
from monitor.core.secret import Secret

OptionsT = TypeVar("OptionsT", bound=Reach)


class Provider(Protocol):
    """Looks at the accounts of one provider."""

    async def look(self, secret: Secret, at: datetime) -> AccountSeen:
        """Say how the account behind a secret stands, and what it holds; the world's faults are answers."""


@dataclass(frozen=True, slots=True)
class Entry(Generic[OptionsT]):
    """A provider in the registry: its options, and what is made of them and a session.

    ``asks``: how many questions one look at an account takes, as long as its servers fit on one page.
    """

    options: type[OptionsT]
    make: Callable[[OptionsT, GuardedSession], Provider]
    asks: int = 1


PROVIDERS: Mapping[str, Entry[Any]] = {
    "cockbox": Entry(cockbox.Options, cockbox.Cockbox),
    "contabo": Entry(contabo.Options, contabo.Contabo, asks=2),
    "digitalocean": Entry(digitalocean.Options, digitalocean.DigitalOcean, asks=3),
    "hetzner": Entry(hetzner.Options, hetzner.Hetzner),
    "hetzner_robot": Entry(hetzner_robot.Options, hetzner_robot.HetznerRobot),
    "linode": Entry(linode.Options, linode.Linode, asks=2),
    "njalla": Entry(njalla.Options, njalla.Njalla),
    "vultr": Entry(vultr.Options, vultr.Vultr),
}

ProviderOptions = Annotated[
    cockbox.Options
    | contabo.Options
    | digitalocean.Options
    | hetzner.Options
    | hetzner_robot.Options
    | linode.Options
    | njalla.Options
    | vultr.Options,
    Field(discriminator="kind"),
]
"""What a provider's table of the settings may hold: its ``kind`` tells which."""


def open_provider(options: Reach, clock: Clock) -> tuple[Provider, GuardedSession]:
    """Make a provider and the session that it alone uses; the caller closes the session."""
    kind: str = getattr(options, "kind", "")
    session = GuardedSession(options, clock)
    return PROVIDERS[kind].make(options, session), session
