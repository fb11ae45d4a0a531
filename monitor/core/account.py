"""What a provider may say about an account: one closed set for all providers."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import assert_never

from monitor.core import endpoint
from monitor.core.coverage import Bad, Excluded, Exclusion, Good, Look, Unclear, Witness
from monitor.core.endpoint import Knock
from monitor.core.fleet import Address
from monitor.core.observation import Silent


@dataclass(frozen=True, slots=True)
class Active:
    """The provider says that the account is in order."""


@dataclass(frozen=True, slots=True)
class Warned:
    """The account works; the provider has something against it."""

    words: str


@dataclass(frozen=True, slots=True)
class Suspended:
    """The provider says, in its own words, that the account is locked or suspended."""

    words: str


@dataclass(frozen=True, slots=True)
class Closed:
    """The provider says that the account is no more."""

    words: str


@dataclass(frozen=True, slots=True)
class Denied:
    """Our credentials were refused: token rotated or account gone, nobody can tell; never a ban by itself."""

    words: str


@dataclass(frozen=True, slots=True)
class Misconfigured:
    """Access fails for a reason on our side: an allow-list, a missing scope, a missing secret file."""

    words: str


AccountState = Active | Warned | Suspended | Closed | Denied | Misconfigured | Silent


class ServerState(StrEnum):
    """What a server is doing; a word we do not know is UNKNOWN: never an error and never fine."""

    RUNNING = "running"
    OFF = "off"
    CHANGING = "changing"
    SUSPENDED = "suspended"
    UNKNOWN = "unknown"


WORKING = frozenset({ServerState.RUNNING, ServerState.OFF, ServerState.CHANGING})
"""States of a server that the customer still has."""


@dataclass(frozen=True, slots=True)
class Server:
    """One server. Sizes in MiB and GiB, None where the provider does not say; ``raw`` keeps the provider's numbers."""

    id: str
    name: str
    state: ServerState
    region: str | None = None
    vcpus: int | None = None
    ram_mib: int | None = None
    disk_gib: int | None = None
    traffic_gib: int | None = None
    addresses: tuple[Address, ...] = ()
    raw: dict[str, str | int | float | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Inventory:
    """The servers seen; only a ``complete`` listing proves that a server is missing."""

    servers: tuple[Server, ...]
    complete: bool


@dataclass(frozen=True, slots=True)
class Doors:
    """What was heard at servers: at the account's ``own``, by address, and at those of ``others`` that work.

    ``identity`` is the fingerprint that the own ones showed once; a machine with another one is not theirs.
    """

    own: tuple[tuple[str, Knock], ...]
    others: tuple[Knock, ...] = ()
    identity: str | None = None


@dataclass(frozen=True, slots=True)
class AccountSeen:
    """One look at an account; at its doors is knocked where it lets us in no more, and to learn who answers there."""

    at: datetime
    provider: str
    state: AccountState
    inventory: Inventory | None = None
    doors: Doors | None = None


def look_at_account(seen: AccountSeen, tos_words: tuple[str, ...], *, heard_elsewhere: bool = False) -> Look:
    """Say whether an account is banned: by the provider's own word, or by a refused login and servers that are gone.

    A refused login alone never is. ``heard_elsewhere``: the provider's other accounts were reached.
    """
    match seen.state:
        case Suspended(words) | Closed(words):
            said = f"{type(seen.state).__name__.lower()}: {words}" if words else type(seen.state).__name__.lower()
            return Bad((Witness(seen.provider, said, "account"),), _cause(words, tos_words))
        case Active() | Warned():
            return _look_at_servers(seen.provider, seen.inventory)
        case Denied(words):
            return _look_at_doors(seen, words, heard_elsewhere=heard_elsewhere)
        case Misconfigured(words):
            return Unclear(f"our access is misconfigured: {words}")
        case Silent(why):
            return Unclear(f"the provider was not heard: {why}")
        case _:
            assert_never(seen.state)


def _look_at_doors(seen: AccountSeen, words: str, *, heard_elsewhere: bool) -> Look:
    """Say what a refused login amounts to in the light of the servers behind it."""
    denied = f"access denied ({words})"
    if seen.doors is None or not seen.doors.own:
        return Unclear(f"{denied}: a rotated token and a ban look alike")
    doors = seen.doors
    said = tuple(Witness(address, life, f"server {address}") for address, k in doors.own if (life := _opened_by(k)))
    if said and endpoint.reassigned(doors.identity, (knock for _, knock in doors.own)) is not None:
        return Unclear(f"{denied}, and another machine than before answers at {said[0].who}")
    if said:
        return Excluded((Witness(seen.provider, denied, "account"), *said), Exclusion.CUSTOMER_CREDENTIALS)
    doubt = _why_silence_says_nothing(doors, heard_elsewhere=heard_elsewhere)
    if doubt is not None:
        return Unclear(f"{denied}; {doubt}")
    gone = (Witness(address, "silent", f"server {address}") for address, _ in doors.own)
    return Bad((Witness(seen.provider, denied, "account"), *gone))


def _why_silence_says_nothing(doors: Doors, *, heard_elsewhere: bool) -> str | None:
    if not all(isinstance(knock, Silent) for _, knock in doors.own):
        return "its servers neither answer nor are silent"
    if not heard_elsewhere:
        return "its servers are silent, and so are the provider's other accounts"
    if doors.others and not any(map(endpoint.life_of, doors.others)):
        return "its servers are silent, but so are those of accounts that work: is it our line?"
    if not doors.others and doors.identity is None:
        return "its servers are silent, but whether we reach any at all is not known: is it our line?"
    return None


def _opened_by(knock: Knock) -> str:
    # Whoever refuses a connection may be anybody who got the address since.
    return "" if isinstance(knock, endpoint.Closed) else endpoint.life_of(knock)


def _look_at_servers(provider: str, inventory: Inventory | None) -> Look:
    """Say whether an account that is in order itself has lost all its servers."""
    servers = inventory.servers if inventory else ()
    if not servers or any(server.state in WORKING for server in servers):
        return Good()
    if inventory and inventory.complete and all(server.state is ServerState.SUSPENDED for server in servers):
        return Bad(tuple(Witness(provider, "suspended", f"server {server.name}") for server in servers))
    # Those that the listing left out, or whose state is a word unknown to us, may be the ones that work.
    return Unclear(f"none of the {len(servers)} servers seen works, and not all are known to be suspended")


def _cause(words: str, tos_words: Iterable[str]) -> Exclusion | None:
    """Find an abuse named in the provider's words, each by the beginning of a word: "determining" is no mining."""
    said = words.casefold()
    named = any(re.search(rf"(?<!\w){re.escape(word.casefold())}", said) for word in tos_words)
    return Exclusion.CUSTOMER_TOS if named else None
