"""Reads the table of regions: which code of which provider means which place."""

import tomllib
from collections.abc import Collection

from monitor.core.region import Place, Regions


def read_regions(text: str, providers: Collection[str]) -> Regions:
    """Read the table; ValueError names every fault with its place."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as fault:
        raise ValueError(f"regions: {fault}") from fault
    faults = [fault for key, place in table.items() for fault in _faults(key, place, table.keys(), providers)]
    if faults:
        raise ValueError("; ".join(faults))
    return Regions(
        {
            key: Place(
                names=tuple(place["names"]),
                codes={
                    name: frozenset(code.casefold() for code in place[name]) for name in place.keys() & set(providers)
                },
                holds=tuple(place.get("holds", ())),
            )
            for key, place in table.items()
        }
    )


def _faults(key: str, place: object, keys: Collection[str], providers: Collection[str]) -> list[str]:
    if not isinstance(place, dict):
        return [f"regions.{key}: is no table"]
    unreadable = [
        f"regions.{key}.{name}: must be a list of texts"
        for name, value in place.items()
        if not isinstance(value, list) or not all(isinstance(each, str) and each for each in value)
    ]
    if unreadable:
        return unreadable
    faults = [f"regions.{key}.{name}: no such provider" for name in place if name not in {"names", "holds", *providers}]
    faults += [f"regions.{key}.holds: no place {inner!r}" for inner in place.get("holds", ()) if inner not in keys]
    return faults if place.get("names") else [*faults, f"regions.{key}.names: at least one name is needed"]
