"""Disjoint stretches of addresses with a value each, and which of many lists name an address: many at once.

Addresses are keys of an array: ``uint32`` for IPv4; for IPv6 their 16 bytes, whose order is that of the numbers.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

Keys: TypeAlias = npt.NDArray[Any]
Values: TypeAlias = npt.NDArray[np.int32]

KINDS: Mapping[int, np.dtype[Any]] = {4: np.dtype(np.uint32), 6: np.dtype("S16")}
FULL = (1 << 64) - 1

EXCLUDED = -1
"""The value of a stretch that is expressly not named; also that of one which nothing names."""
UNTOUCHED = -2


def keys_of(addresses: Sequence[IPv4Address] | Sequence[IPv6Address], version: Literal[4, 6]) -> Keys:
    """Give the keys of addresses of one family, in their order."""
    if version == 4:  # noqa: PLR2004 - IPv4
        return np.fromiter(map(int, addresses), np.uint32, len(addresses))
    return np.frombuffer(b"".join(address.packed for address in addresses), "S16")


def spread(ranges: Sequence[IPv4Network]) -> Keys:
    """Give the keys of every address of IPv4 ranges, range by range."""
    first = np.fromiter((int(each.network_address) for each in ranges), np.int64, len(ranges))
    count = np.fromiter((each.num_addresses for each in ranges), np.int64, len(ranges))
    return _runs(first, count).astype(np.uint32)


def _runs(first: npt.NDArray[np.int64], count: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Give ``count`` numbers from each ``first`` on: counted through, and moved at every new beginning."""
    moved: npt.NDArray[np.int64] = np.repeat(first - (np.cumsum(count) - count), count)
    moved += np.arange(len(moved))
    return moved


def ends(first: Keys, length: int) -> Keys:
    """Give the last address of each network that begins at ``first`` and has a prefix of ``length`` bits."""
    if first.dtype == KINDS[4]:
        return np.asarray(first | np.uint32(0xFFFFFFFF >> length))
    words, host = _words(first), (1 << (128 - length)) - 1
    words |= np.array([host >> 64, host & FULL], np.uint64)
    return _from_words(words)


def distinct(keys: Keys) -> Keys:
    """Sort keys and give each once. Unlike numpy's own way, which hashes them, this one lets other threads run."""
    order = np.sort(keys)
    once: Keys = order[_news(order)]
    return once


def _news(keys: Keys) -> npt.NDArray[np.bool_]:
    """Tell of sorted keys which differ from the one before."""
    news = np.ones(len(keys), np.bool_)
    np.not_equal(keys[1:], keys[:-1], out=news[1:])
    return news


def _after(last: Keys) -> Keys:
    """Give what follows each address; nothing follows the very last."""
    if last.dtype == KINDS[4]:
        after: Keys = last[last != np.uint32(0xFFFFFFFF)] + np.uint32(1)
        return after
    words = _words(last)
    words = words[(words != FULL).any(axis=1)]
    low = words[:, 1] + np.uint64(1)
    return _from_words(np.stack([words[:, 0] + (low == 0), low], axis=1))


def _words(keys: Keys) -> npt.NDArray[np.uint64]:
    return np.ascontiguousarray(keys).view(">u8").reshape(-1, 2).astype(np.uint64)


def _from_words(words: npt.NDArray[np.uint64]) -> Keys:
    return words.astype(">u8").view("S16").ravel()


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """Networks of one length with a value each; none twice."""

    first: Keys
    last: Keys
    values: Values


def layers(first: Keys, length: int, values: Values, most: int) -> list[Layer]:
    """Make layers of networks that begin at ``first``: what is named again goes into the next one, ``most`` at most."""
    order = np.argsort(first, kind="stable")
    first, values = first[order], values[order]
    begin = np.flatnonzero(_news(first))
    count = np.diff(begin, append=len(first))
    turn = _runs(np.zeros(len(begin), np.int64), count)
    turns = [turn == number for number in range(min(most, int(count.max(initial=0))))]
    return [Layer(first[mine], ends(first[mine], length), values[mine]) for mine in turns]


@dataclass(frozen=True, slots=True, eq=False)
class Stretches:
    """Stretch ``i`` runs from ``bounds[i]`` to the next bound; ``sets[values[i]]`` holds there: nothing if negative."""

    bounds: Keys
    values: Values
    sets: tuple[tuple[int, ...], ...]

    @property
    def toggles(self) -> Keys:
        """Give where something begins to be named, ceases to be, begins again ..."""
        return self.bounds[np.diff(self.values >= 0, prepend=False)]

    def at(self, keys: Keys) -> Values:
        """Give the value at each key."""
        return self.values[np.searchsorted(self.bounds, keys, "right") - 1]


def paint(version: int, groups: Iterable[Sequence[Layer]], values: int) -> Stretches:
    """Lay groups of layers over one another: each hides what lies below it, as more specific networks do.

    The layers of one group are added together, except that an exclusion wins. ``values``: how many there are, from 0.
    """
    order = [list(group) for group in groups]
    edges = [np.zeros(1, KINDS[version])]
    edges += [edge for group in order for layer in group for edge in (layer.first, _after(layer.last))]
    bounds = distinct(np.concatenate(edges))
    blend = _Blend(values)
    held = np.full(len(bounds), EXCLUDED, np.int32)
    for group in order:
        fresh = np.full(len(bounds), UNTOUCHED, np.int32)
        for layer in group:
            begin = np.searchsorted(bounds, layer.first)
            count = np.searchsorted(bounds, layer.last, "right") - begin
            place = _runs(begin, count)
            fresh[place] = blend(fresh[place], np.repeat(layer.values, count))
        held = np.where(fresh == UNTOUCHED, held, fresh)
    return Stretches(bounds, held, tuple(blend.sets))


class _Blend:
    """Adds values together; every sum that occurs becomes a value of its own."""

    def __init__(self, values: int) -> None:
        self.sets: list[tuple[int, ...]] = [(value,) for value in range(values)]
        self._known: dict[tuple[int, ...], int] = {each: number for number, each in enumerate(self.sets)}

    def __call__(self, below: Values, above: Values) -> Values:
        both = np.where(below == UNTOUCHED, above, below)
        both[above == EXCLUDED] = EXCLUDED
        mixed = (below >= 0) & (above >= 0) & (below != above)
        if mixed.any():
            pairs, which = np.unique(np.stack([below[mixed], above[mixed]]), axis=1, return_inverse=True)
            sums = [self._sum(int(one), int(other)) for one, other in pairs.T]
            both[mixed] = np.array(sums, np.int32)[which.ravel()]
        return both

    def _sum(self, one: int, other: int) -> int:
        both = tuple(dict.fromkeys(self.sets[one] + self.sets[other]))
        if both not in self._known:
            self._known[both] = len(self.sets)
            self.sets.append(both)
        return self._known[both]


class Cover:
    """Many lists at once: the whole family cut where any list begins or ends, each piece labelled with the lists."""

    def __init__(self, version: int, lists: Mapping[str, Stretches]) -> None:
        self._names = tuple(lists)
        toggles = [stretches.toggles for stretches in lists.values()]
        self._bounds = distinct(np.concatenate([np.zeros(1, KINDS[version]), *toggles]))
        # One bit for each list, eight lists to a byte.
        self._labels = np.zeros((len(self._bounds), (len(toggles) + 7) // 8), np.uint8)
        for number, turns in enumerate(toggles):
            # After an odd number of turns the list is in force.
            inside = (np.searchsorted(turns, self._bounds, "right") & 1).astype(np.uint8)
            self._labels[:, number // 8] |= inside << (number % 8)
        self._named: npt.NDArray[np.bool_] = np.any(self._labels, axis=1)
        self._named_before = np.concatenate([np.zeros(1, np.int64), np.cumsum(self._named)])

    def touched(self, ranges: Sequence[IPv4Network]) -> list[IPv4Network]:
        """Give the ranges in which any list names anything."""
        first = np.fromiter((int(each.network_address) for each in ranges), np.uint32, len(ranges))
        last = np.fromiter((int(each.broadcast_address) for each in ranges), np.uint32, len(ranges))
        begin = np.searchsorted(self._bounds, first, "right") - 1
        end = np.searchsorted(self._bounds, last, "right")
        touched = np.flatnonzero(self._named_before[end] > self._named_before[begin])
        return [ranges[place] for place in touched.tolist()]

    def find(self, keys: Keys) -> dict[str, npt.NDArray[np.intp]]:
        """Give, by list, the places in ``keys`` that it names, in order; a list that names none is left out."""
        piece = np.searchsorted(self._bounds, keys, "right") - 1
        places = np.flatnonzero(self._named[piece])
        labels = self._labels[piece[places]]
        by_list = {
            name: places[(labels[:, number // 8] >> (number % 8) & 1).astype(np.bool_)]
            for number, name in enumerate(self._names)
        }
        return {name: found for name, found in by_list.items() if len(found)}
