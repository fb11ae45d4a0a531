"""The table of regions that comes with coverwatch: which code of which provider means which place."""

from functools import cache
from importlib import resources

from checks.providers import PROVIDERS
from checks.regions import read_regions
from monitor.core.region import Regions


@cache
def regions() -> Regions:
    """Read the table."""
    file = resources.files("config") / "catalogue" / "regions.toml"
    return read_regions(file.read_text(encoding="utf-8"), PROVIDERS)
