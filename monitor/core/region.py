"""Whether a region that a provider names is the place that was ordered."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Place:
    """A place, the names it is ordered by, and each provider's codes for it; ``holds`` names places within it."""

    names: tuple[str, ...]
    codes: Mapping[str, frozenset[str]] = field(default_factory=dict)
    holds: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Same:
    """The region is the place that was ordered."""


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """The region is another place: these, by their first names."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unknown:
    """The table knows one of the two not: nothing may be concluded."""

    why: str


Situation = Same | Elsewhere | Unknown


@dataclass(frozen=True, slots=True)
class Regions:
    """The table of places, by key."""

    places: Mapping[str, Place]

    def compare(self, ordered: str, provider: str, seen: str) -> Situation:
        """Compare what was ordered (a place's name, or the provider's own code) with the provider's code."""
        ordered, seen = ordered.casefold(), seen.casefold()
        if ordered == seen:
            return Same()
        wanted = {key for key, place in self.places.items() if _goes_by(place, ordered, provider)}
        if not wanted:
            return Unknown(f"the table of regions does not know the place {ordered!r}")
        here = {key for key, place in self.places.items() if seen in place.codes.get(provider, ())}
        if not here:
            return Unknown(f"the table of regions does not know {provider}'s {seen!r}")
        if here & self._within(wanted):
            return Same()
        return Elsewhere(tuple(sorted(self.places[key].names[0] for key in here)))

    def codes(self, ordered: str, provider: str) -> frozenset[str]:
        """Give a provider's codes for what was ordered, by a place's name or by such a code."""
        ordered = ordered.casefold()
        wanted = {key for key, place in self.places.items() if _goes_by(place, ordered, provider)}
        return frozenset(code for key in self._within(wanted) for code in self.places[key].codes.get(provider, ()))

    def named_in(self, text: str, provider: str) -> frozenset[str]:
        """Give the provider's codes that a text speaks of, as narrowly as it does: by code, by place, by area.

        Only whole words count, for "since" is not Singapore's ``sin``, and no short names: "in" is not India.
        """
        text = text.casefold()
        codes = {code for place in self.places.values() for code in place.codes.get(provider, ()) if _holds(text, code)}
        if codes:
            return frozenset(codes)
        named = {key for key, place in self.places.items() if any(_holds(text, name) for name in _long(place.names))}
        narrow = {key for key in named if provider in self.places[key].codes}
        places = [self.places[key] for key in self._within(narrow or named)]
        return frozenset(code for place in places for code in place.codes.get(provider, ()))

    def _within(self, keys: set[str]) -> set[str]:
        """Add the places within places, and those within them."""
        found: set[str] = set()
        while keys:
            found |= keys
            keys = {inner for key in keys for inner in self.places[key].holds} - found
        return found


def _long(names: tuple[str, ...]) -> list[str]:
    return [name.casefold() for name in names if len(name) > 3]  # noqa: PLR2004 - "USA" and shorter


def _holds(text: str, word: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text) is not None


def _goes_by(place: Place, ordered: str, provider: str) -> bool:
    return ordered in place.codes.get(provider, ()) or ordered in {name.casefold() for name in place.names}
