"""One cell and what it says: names, instants, networks, prices. What cannot be read is a ValueError with its remedy."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from difflib import get_close_matches
from ipaddress import ip_address, ip_network

from monitor.core.fleet import Address, Network, Niche, Tier
from monitor.core.words import PORTS, parse_instant
from monitor.intake.internet import WIDEST, overlapping, too_wide, what_else, what_is

SHOWN = 60
LONGEST_CELL = 4096
LONGEST_NAME = 128
LONGEST_INSTANT = 40
LONGEST_EMAIL = 254
LAST_ITEM = 1_000_000
CHAT_BITS = 52
"""Telegram's chat ids fit into so many bits."""
AHEAD = timedelta(days=1)
"""How far the shop's clock may run before ours."""
FIRST_DAY = datetime(2000, 1, 1, tzinfo=UTC)

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
TAKEN_AWAY = "-"
"""What a customer's cell says to have a fact forgotten; an empty one says nothing."""

_KNOWN_TOKEN = re.compile(
    r"(do[opr]_v1_|gh[pousr]_|github_pat_|sk[-_]|xox[a-z]-|eyJ|AKIA)[A-Za-z0-9_-]{8}|\d{6,}:[\w-]{30}"
)
_UNBROKEN = re.compile(r"[A-Za-z0-9]{20,}")
_SWITCH = re.compile(r"(?<=[A-Za-z])(?=[0-9])|(?<=[0-9])(?=[A-Za-z])")


@dataclass(frozen=True, slots=True)
class Terms:
    """What cells are held against: the shop's tiers, the language of those who named none, and the moment."""

    tiers: Mapping[str, Tier]
    language: str
    now: datetime
    protocols: Collection[str] = ()


def looks_like_token(words: str) -> bool:
    """Tell whether somebody may have written a secret itself: a known prefix, or a long run of mixed characters."""
    if _KNOWN_TOKEN.search(words):
        return True
    # A date at the end of a name is one switch between letters and digits; a key has many.
    return any(len(run) >= 32 or len(_SWITCH.findall(run)) >= 4 for run in _UNBROKEN.findall(words))  # noqa: PLR2004


def shown(words: str) -> str:
    """Show a cell in a message: cut, control characters escaped, and nothing that may be a secret."""
    if looks_like_token(words):
        return "(what stands here is not shown, it may be a secret)"
    return repr(words[:SHOWN]) + ("…" if len(words) > SHOWN else "")


def meant(words: str, known: Collection[str]) -> str:
    """Give the end of a message about an unknown word: what was meant, or what there is."""
    found = get_close_matches(words[:LONGEST_NAME].casefold(), list(known), n=1)
    return f"did you mean {found[0]!r}?" if found else f"there are: {', '.join(sorted(known)) or 'none'}"


def name(words: str, _terms: Terms) -> str:
    """Read a name: of a customer, an order, a unit, a supplier."""
    if len(words) > LONGEST_NAME:
        raise ValueError(f"{shown(words)} is {len(words)} characters long; a name has at most {LONGEST_NAME}")
    return words


def language(words: str, _terms: Terms) -> str:
    """Read a BCP 47 tag."""
    if not re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,4}", words):
        raise ValueError(f"{shown(words)} is not a language; write en, ru, zh, pt-BR ...")
    return words


def chat(words: str, _terms: Terms) -> int | None:
    """Read a Telegram chat id; a group's is negative."""
    if words == TAKEN_AWAY:
        return None
    if not re.fullmatch(r"-?[0-9]{1,16}", words) or not 0 < abs(int(words)) < 1 << CHAT_BITS:
        raise ValueError(f"{shown(words)} is not a chat; write the number that Telegram gives it, not a @name")
    return int(words)


def email(words: str, _terms: Terms) -> str | None:
    """Read an e-mail address, as far as one can without writing to it."""
    if words == TAKEN_AWAY:
        return None
    if len(words) > LONGEST_EMAIL or not re.fullmatch(r"[^\s@]+@[^\s@.]+(\.[^\s@.]+)*", words):
        raise ValueError(f"{shown(words)} is not an e-mail address; write one such as ann@example.org")
    return words


def item(words: str, _terms: Terms) -> int:
    """Read the number of an item within its order."""
    if not re.fullmatch(r"[0-9]{1,7}", words) or not 1 <= int(words) <= LAST_ITEM:
        raise ValueError(f"{shown(words)} is not an item; write its number within the order: 1, 2, 3 ...")
    return int(words)


def instant(words: str, terms: Terms) -> datetime:
    """Read when something was delivered: with its zone, and not to come."""
    if len(words) > LONGEST_INSTANT or looks_like_token(words):
        raise ValueError(f"{shown(words)} is not an instant; write 2026-05-25T12:00:00Z")
    at = parse_instant(words)
    if at < FIRST_DAY:
        # 1970 is what an empty date becomes in many an export.
        raise ValueError(f"{shown(words)} is before {FIRST_DAY.year}; mend the year")
    if at > terms.now + AHEAD:
        raise ValueError(f"{shown(words)} is still to come; mend the date, or this machine's clock")
    return at


def tx(words: str, _terms: Terms) -> str:
    """Read the hash of a transaction, of whichever chain."""
    if not re.fullmatch(r"[!-~]{1,128}", words):
        raise ValueError(f"{shown(words)} is not a transaction hash; write it without blanks")
    return words


def tier(words: str, terms: Terms) -> str:
    """Read the name of one of the shop's tiers."""
    if words not in terms.tiers:
        raise ValueError(f"{shown(words)} is no tier of the configuration; {meant(words, terms.tiers)}")
    return words


def niche(words: str, _terms: Terms) -> Niche:
    """Read a niche."""
    try:
        return Niche(words.casefold())
    except ValueError:
        raise ValueError(f"{shown(words)} is no niche; {meant(words, [each.value for each in Niche])}") from None


def ranges(words: str, _terms: Terms) -> tuple[Network, ...]:
    """Read one network or more, separated by blanks."""
    found = tuple(_network(word) for word in words.split())
    twice = overlapping(found) if len(found) > 1 else None
    if twice is not None:
        raise ValueError(f"{twice[0]} and {twice[1]} overlap; write each address once")
    return found


def _network(words: str) -> Network:
    try:
        found = ip_network(words)
    except ValueError:
        raise ValueError(_not_a_network(words)) from None
    if "%" in words:
        raise ValueError(f"{shown(words)} names an interface; write the network without it")
    _refuse(found, what_else(found))
    if too_wide(found):
        raise ValueError(
            f"{found} is wider than /{WIDEST[found.version]}; "
            "that is more than a sample can speak for, so write the networks that were really handed over"
        )
    return found


def _not_a_network(words: str) -> str:
    try:
        meant_one = ip_network(words, strict=False)
    except ValueError:
        hint = " (a prefix of IPv4 is at most /32)" if re.fullmatch(r"[0-9.]+/[0-9]+", words) else ""
        return f"{shown(words)} is not a network{hint}; write one such as 1.2.3.0/28"
    host = ip_address(words.partition("/")[0])
    return f"{shown(words)} has host bits set; write {meant_one}, or {host}/{host.max_prefixlen} for the one address"


def address(words: str, _terms: Terms) -> Address:
    """Read the address that the customer uses."""
    try:
        found = ip_address(words)
    except ValueError:
        raise ValueError(f"{shown(words)} is not an address; write one such as 1.2.3.4") from None
    if "%" in words:
        raise ValueError(f"{shown(words)} names an interface; write the address without it")
    _refuse(found, what_is(found))
    return found


def _refuse(found: Network | Address, what: str | None) -> None:
    if what is not None:
        raise ValueError(f"{found} is not public ({what}); write what the internet sees")


def access(words: str, _terms: Terms) -> str:
    """Read the name of a secret file. Never shown: people write the secret itself here."""
    if looks_like_token(words):
        raise ValueError(
            "looks like the secret itself (not shown); put it into a file of secrets.directory, "
            "and write that file's name here"
        )
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", words):
        raise ValueError("is not the name of a secret file: letters, digits, dots and dashes, no folders")
    return words


def protocol(words: str, terms: Terms) -> str:
    """Read how an endpoint is spoken to: the name of a table of the configuration."""
    if words not in terms.protocols:
        raise ValueError(f"{shown(words)} is no table of [endpoints]; {meant(words, terms.protocols)}")
    return words


def endpoint(words: str, _terms: Terms) -> str:
    """Read where an endpoint is."""
    host, _, port = words.rpartition(":")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    try:
        fits = (ip_address(bare).version == 6) == (bare != host)  # noqa: PLR2004 - IPv6 stands in brackets
    except ValueError:
        fits = re.fullmatch(r"(?=.{1,253}$)[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*", host) is not None
    if looks_like_token(words) or not fits or not re.fullmatch(r"[0-9]{1,5}", port) or not 0 < int(port) <= PORTS:
        raise ValueError(f"{shown(words)} is no endpoint; write host:port, such as 1.2.3.4:51820 or [2001:db8::1]:1194")
    return words


def cost(words: str, _terms: Terms) -> Decimal:
    """Read what a unit cost."""
    if not re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,8})?", words):
        raise ValueError(f"{shown(words)} is not a price; write digits with a point, such as 4.50")
    return Decimal(words)
