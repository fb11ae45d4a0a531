"""What an endpoint may say to somebody who knocks, and when its silence means that a key was banned."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from monitor.core.coverage import Bad, Good, Look, Unclear, Witness
from monitor.core.observation import Silent


@dataclass(frozen=True, slots=True)
class AcceptsKey:
    """It proved that it lives and that it takes the key."""


@dataclass(frozen=True, slots=True)
class RefusesKey:
    """It lives, and says in so many words that it does not take the key."""

    words: str


@dataclass(frozen=True, slots=True)
class Alive:
    """It lives; this says nothing about any key.

    ``identity`` is the fingerprint of its host key or certificate, ``until`` the end of the certificate's life.
    """

    words: str
    identity: str | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Closed:
    """Its host lives and says that nobody listens there."""

    words: str


@dataclass(frozen=True, slots=True)
class Misfit:
    """We could not ask: the key, or the address, is not one that can be tried."""

    words: str


Knock = AcceptsKey | RefusesKey | Alive | Closed | Misfit | Silent


@dataclass(frozen=True, slots=True)
class Sign:
    """What somebody else learned at the same host: another key at the same endpoint, or another service."""

    who: str
    knock: Knock
    same_endpoint: bool


@dataclass(frozen=True, slots=True)
class KeySeen:
    """One look at a key: what the endpoint said to it, and the other signs of the same round."""

    at: datetime
    endpoint: str
    knock: Knock
    signs: tuple[Sign, ...] = ()


def look_at_key(seen: KeySeen, *, worked_before: bool) -> Look:
    """Say whether a key is banned. It takes three things: a refusal, an endpoint that lives, and a key that was taken.

    A WireGuard endpoint says nothing to a key that it does not know, exactly as a dead one: so silence is a refusal
    only where another sign shows life, and where this key worked before, or another one works at this endpoint now.
    """
    match seen.knock:
        case AcceptsKey():
            return Good()
        case RefusesKey(words):
            return _refused(seen, words, [Witness(seen.endpoint, words, "key")], worked_before=worked_before)
        case Silent(why):
            signs = [Witness(sign.who, said, seen.endpoint) for sign in seen.signs if (said := life_of(sign.knock))]
            if not signs:
                return Unclear(f"the endpoint is silent, and so is its host: {why}")
            return _refused(seen, why, [Witness(seen.endpoint, "silent", "key"), *signs], worked_before=worked_before)
        case Alive(words) | Closed(words) | Misfit(words):
            return Unclear(f"nothing was said about the key: {words}")
        case _:
            assert_never(seen.knock)


def _refused(seen: KeySeen, words: str, witnesses: list[Witness], *, worked_before: bool) -> Look:
    others = [sign.who for sign in seen.signs if sign.same_endpoint and isinstance(sign.knock, AcceptsKey)]
    if not others and not worked_before:
        return Unclear(f"the key was never seen to work, and no other was at this endpoint: {words}")
    return Bad(tuple(witnesses))


def life_of(knock: Knock) -> str:
    """Say by what an answer proves that there is life; empty: it proves none."""
    match knock:
        case AcceptsKey():
            return "takes another key"
        case RefusesKey(words) | Alive(words) | Closed(words):
            return words or "answers"
        case Misfit() | Silent():
            return ""
        case _:
            assert_never(knock)


def reassigned(before: str | None, knocks: Iterable[Knock]) -> str | None:
    """Give the identity of a host that had another one before: it was reinstalled, or the address reassigned."""
    found = [knock.identity for knock in knocks if isinstance(knock, Alive) and knock.identity is not None]
    if before is None or not found or before in found:
        return None
    return found[0]
