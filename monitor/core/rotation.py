"""Which addresses of a range are asked about in which round: the customer's own always, the rest in turn."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv4Network
from itertools import accumulate, chain
from math import ceil, gcd

from monitor.core.fleet import Address, Unit


@dataclass(frozen=True, slots=True)
class Turn:
    """A round among those in which every address comes up once. ``number`` counts rounds, the same on every node.

    ``rounds`` is how many it takes to ask about a range whole; ``sample`` how many addresses of one range a round may
    take at most. A range that is too large for both takes longer.
    """

    number: int
    rounds: int = 1
    sample: int = 256
    seconds: float = 0.0
    """How long a round is; 0 where nobody counts them."""

    def since(self, begun: datetime | None) -> int:
        """Count the rounds since an instant, this one included; a whole turn of them where that is not known."""
        if begun is None or not self.seconds:
            return self.rounds
        return max(1, self.number - int(begun.timestamp() // self.seconds) + 1)


@dataclass(frozen=True, slots=True)
class Load:
    """What one round costs, in addresses, and how many rounds it takes to come round."""

    addresses: int
    rounds: int
    wanted: int
    """The rounds that were asked for; fewer than ``rounds`` where the budgets do not allow it."""


def share_out(sizes: Sequence[int], rounds: int, allowed: int | None) -> Load:
    """Find how few rounds, not fewer than ``rounds``, keep one round within ``allowed`` addresses (None: no limit).

    ``sizes`` are the IPv4 addresses of each range. The customer's own address of each is asked in every round, even
    where that alone is more than is allowed.
    """

    def cost(turns: int) -> int:
        return sum(1 + ceil((size - 1) / turns) for size in sizes)

    low = wanted = max(rounds, 1)
    if allowed is not None and cost(low) > allowed:
        high = max([wanted, *sizes])
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if cost(middle) <= allowed else (middle + 1, high)
    return Load(cost(low), low, wanted)


def rounds_within(full_round: timedelta | None, every: timedelta) -> int:
    """Give in how many rounds a range is to be asked whole; without a wish, in one."""
    return 1 if full_round is None else max(1, int(full_round / every))


def addresses_of(unit: Unit, turn: Turn, listed: Sequence[Address] = ()) -> list[Address]:
    """Choose the addresses to ask about in one round: the customer's own first, then those last seen ``listed``.

    Then the next part of a fixed shuffle of each range. Of an IPv6 range, which nobody can walk, only the customer's
    own address and the first of the range are asked.
    """
    main = unit.main_address
    if main is None:
        return []
    walked = [network for network in unit.ranges if isinstance(network, IPv4Network)]
    first: dict[Address, None] = dict.fromkeys((main, *listed))
    rest = dict.fromkeys(_numbers(walked, turn))
    for known in first:
        if isinstance(known, IPv4Address):
            rest.pop(int(known), None)
    unwalked = [network.network_address for network in unit.ranges if not isinstance(network, IPv4Network)]
    return [*first, *map(IPv4Address, rest), *(each for each in dict.fromkeys(unwalked) if each not in first)]


def standing_for(unit: Unit, turn: Turn, rounds_watched: int) -> int:
    """Give how many addresses the last rounds together stand for: all of them once a whole turn was watched."""
    total = sum(network.num_addresses for network in unit.ranges if isinstance(network, IPv4Network))
    return max(1, min(total, _part(total, turn) * max(rounds_watched, 1)))


def _part(total: int, turn: Turn) -> int:
    """Give how many addresses of a range one round takes, beside the customer's own."""
    if turn.rounds == 1 and total <= turn.sample:
        return total
    return max(1, min(turn.sample - 1, ceil(total / turn.rounds)))


def _numbers(walked: Sequence[IPv4Network], turn: Turn) -> Iterable[int]:
    """Give the addresses of one round as numbers, for there may be very many."""
    ends = list(accumulate(network.num_addresses for network in walked))
    total = ends[-1] if ends else 0
    part = _part(total, turn)
    if part >= total:
        return chain.from_iterable(
            range(int(network.network_address), int(network.broadcast_address) + 1) for network in walked
        )
    # What a number is more than its place in the ring of all of them.
    shifts = [int(network.broadcast_address) + 1 - end for network, end in zip(walked, ends, strict=True)]
    step = _stride(total)
    places = (which * step % total for which in range(turn.number * part, (turn.number + 1) * part))
    return (place + shifts[bisect_right(ends, place)] for place in places)


def _stride(total: int) -> int:
    """Give a step that visits every index of a ring once, far from its neighbours: near the golden section, coprime.

    The ring has two places at least.
    """
    step = int(total * 0.6180339887)
    while gcd(step, total) != 1:
        step += 1
    return step
