"""The table of regions that comes with coverwatch, and what is said of one that cannot be read."""

from importlib.resources import files

import pytest

from checks.providers import PROVIDERS
from checks.regions import read_regions
from monitor.core.region import Elsewhere, Regions, Same


@pytest.fixture
def table() -> Regions:
    return read_regions(files("config").joinpath("catalogue/regions.toml").read_text(), PROVIDERS)


@pytest.mark.parametrize(
    ("provider", "code"),
    [
        ("digitalocean", "fra1"),
        ("vultr", "fra"),
        ("linode", "eu-central"),
        ("linode", "de-fra-2"),
        ("hetzner", "fsn1"),
        ("hetzner_robot", "fsn1"),
        ("contabo", "EU"),
    ],
)
def test_frankfurt_is_known_wherever_it_is_sold(table: Regions, provider: str, code: str) -> None:
    for ordered in ("Frankfurt", "Germany", "Europe"):
        assert table.compare(ordered, provider, code) == Same()
    assert isinstance(table.compare("Singapore", provider, code), Elsewhere)


def test_each_code_of_a_provider_leads_to_a_place_of_its_own(table: Regions) -> None:
    for provider in PROVIDERS:
        for place in table.places.values():
            for code in place.codes.get(provider, ()):
                assert table.compare(place.names[0], provider, code) == Same()


def test_no_name_means_two_places(table: Regions) -> None:
    names = [name.casefold() for place in table.places.values() for name in place.names]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[x]\nnames = [", "regions: "),
        ("x = 1", "regions.x: is no table"),
        ("[x]\nvultr = ['fra']", "regions.x.names: at least one name is needed"),
        ("[x]\nnames = ['X']\nvultr = 'fra'", "regions.x.vultr: must be a list of texts"),
        ("[x]\nnames = ['X']\nvultur = ['fra']", "regions.x.vultur: no such provider"),
        ("[x]\nnames = ['X']\nholds = ['y']", "regions.x.holds: no place 'y'"),
    ],
)
def test_a_fault_in_the_table_is_named_with_its_place(text: str, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        read_regions(text, PROVIDERS)
