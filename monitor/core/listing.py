"""When an address is bad and a range is listed: weights, independent operators, and what silence could still tip."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from ipaddress import IPv4Address
from typing import assert_never

from monitor.core.coverage import Bad, Good, Listing, Look, Unclear, Witness
from monitor.core.dnsxl import Weight
from monitor.core.fleet import Address
from monitor.core.observation import Answer, Clear, Listed, Refused, Silent


@dataclass(frozen=True, slots=True)
class Source:
    """A list as a judge: its weight and its independent operator. Lists of one ``group`` count once."""

    name: str
    group: str
    weight: Weight

    @property
    def votes(self) -> bool:
        """Tell whether the list can make an address bad."""
        return self.weight is not Weight.INFO


@dataclass(frozen=True, slots=True)
class RangeSeen:
    """One look at a range. An address of ``probed`` in neither mapping was clear on every list of the panel.

    ``panel`` holds the lists that were to be heard, ``configured`` how many there would be if all were believed.
    """

    at: datetime
    main: Address
    probed: tuple[Address, ...]
    panel: Mapping[str, Source]
    configured: int
    listed: Mapping[Address, Mapping[str, Listed]] = field(default_factory=dict)
    unheard: Mapping[Address, Mapping[str, str]] = field(default_factory=dict)
    stands_for: int = 0
    """How many addresses the rounds so far have asked about, if more than ``probed``: what was listed is asked anew."""

    @property
    def counted(self) -> int:
        """The addresses of which the listed ones are a share."""
        return max(self.stands_for, len(self.probed))

    @property
    def heard(self) -> str:
        """How many lists answered about the main address, in words."""
        answered = len(self.panel) - len(self.unheard.get(self.main, {}))
        return f"{answered} of {self.configured} lists answered"


class Balance(Enum):
    """What the answers about one address amount to."""

    BAD = "bad"
    OPEN = "open"
    CLEAR = "clear"


def gather(
    at: datetime,
    probed: Sequence[Address],
    panel: Mapping[str, Source],
    configured: int,
    answers: Iterable[tuple[Address, str, Answer]],
    stands_for: int = 0,
) -> RangeSeen:
    """Sort the answers of one round into a look; the first probed address is the one the customer uses.

    ``answers`` are (address, list, answer); a list that clears an address need not be named, and one that is not on
    the panel is not heard.
    """
    listed: dict[Address, dict[str, Listed]] = {}
    unheard: dict[Address, dict[str, str]] = {}
    for address, source, answer in answers:
        if source not in panel:
            continue
        match answer:
            case Listed():
                listed.setdefault(address, {})[source] = answer
            case Refused(why) | Silent(why):
                unheard.setdefault(address, {})[source] = why
            case Clear():
                pass
            case _:
                assert_never(answer)
    return RangeSeen(at, probed[0], tuple(probed), panel, configured, listed, unheard, stands_for)


def weigh(seen: RangeSeen, address: Address, rule: Listing) -> Balance:
    """Weigh what was said about one address; info lists and informative codes never count."""
    against = {seen.panel[name] for name in _against(seen, address)}
    if _reaches(against, rule):
        return Balance.BAD
    missing = {seen.panel[name] for name in seen.unheard.get(address, {}) if seen.panel[name].votes}
    return Balance.OPEN if missing and _reaches(against | missing, rule) else Balance.CLEAR


def look_at_range(seen: RangeSeen, rule: Listing) -> Look:
    """Say whether a range is listed: its main address is bad, or at least ``share`` of the probed ones are.

    It is sound only where enough lists are believed, and what the silent ones might say could not tip the balance.
    """
    if not seen.probed:
        return Unclear("no address was probed")
    balance = {address: weigh(seen, address, rule) for address in seen.listed}
    # Silence is mostly the same for a whole range, and there may be very many addresses in it.
    alike: dict[tuple[str, ...], Balance] = {}
    for address in seen.unheard.keys() - seen.listed.keys():
        silent = tuple(seen.unheard[address])
        if silent not in alike:
            alike[silent] = weigh(seen, address, rule)
        balance[address] = alike[silent]
    bad = [address for address, found in balance.items() if found is Balance.BAD]
    maybe = [address for address, found in balance.items() if found is Balance.OPEN]
    share = len(bad) / seen.counted
    if balance.get(seen.main) is Balance.BAD or share >= rule.share:
        return Bad(tuple(_witnesses(seen, bad)))
    # The silent ones of this round stand for as many in the rounds before.
    if maybe and (seen.main in maybe or share + len(maybe) / len(seen.probed) >= rule.share):
        return Unclear(f"{_silent(seen, maybe)} could tip the balance")
    if len(seen.panel) < rule.quorum * seen.configured or not any(source.votes for source in seen.panel.values()):
        return Unclear(f"only {len(seen.panel)} of {seen.configured} lists are believed")
    return Good()


def _against(seen: RangeSeen, address: Address) -> dict[str, Listed]:
    """Give what counts against an address, by list."""
    said = seen.listed.get(address, {})
    return {name: answer for name, answer in said.items() if not answer.informative and seen.panel[name].votes}


def _reaches(sources: set[Source], rule: Listing) -> bool:
    alerts = {source.group for source in sources if source.weight is Weight.ALERT}
    return len(alerts) >= rule.alerts or len({source.group for source in sources}) >= rule.warns


def _witnesses(seen: RangeSeen, bad: list[Address]) -> Iterable[Witness]:
    """Name the lists and their words; the main address first, then in order, ten addresses at most."""
    for address in _in_order(seen, bad)[:10]:
        for name, answer in sorted(_against(seen, address).items()):
            raw = ", ".join(str(IPv4Address(code)) for code in answer.codes)
            yield Witness(name, answer.reason or "listed", str(address), answer.vouched, raw)


def _in_order(seen: RangeSeen, addresses: list[Address]) -> list[Address]:
    return sorted(addresses, key=lambda each: (each != seen.main, each.version, int(each)))


def _silent(seen: RangeSeen, maybe: list[Address]) -> str:
    """Name the lists that said nothing, each with the first of its reasons."""
    reasons: dict[str, str] = {}
    for address in _in_order(seen, maybe):
        for name, why in seen.unheard[address].items():
            reasons.setdefault(name, why)
    named = [f"{name} ({reasons[name]})" for name in sorted(reasons)]
    return ", ".join(named[:5]) + (" and others" if len(named) > 5 else "")  # noqa: PLR2004 - a line to read
