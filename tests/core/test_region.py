"""Frankfurt has many names, and Singapore is none of them."""

import pytest

from monitor.core.region import Elsewhere, Place, Regions, Same, Situation, Unknown

FRANKFURT = frozenset({"eu-central", "de-fra-2"})
TABLE = Regions(
    {
        "frankfurt": Place(
            ("Frankfurt",), {"vultr": frozenset({"fra"}), "linode": frozenset({"eu-central", "de-fra-2"})}
        ),
        "singapore": Place(("Singapore",), {"vultr": frozenset({"sgp"})}),
        "germany": Place(("Germany", "DE"), holds=("frankfurt", "hamburg")),
        "hamburg": Place(("Hamburg",), {"vultr": frozenset({"ham"})}),
        "usa": Place(("USA",), {"vultr": frozenset({"ewr"})}),
        "oslo": Place(("Oslo",), {"vultr": frozenset({"osl"})}),
        "europe": Place(("Europe",), holds=("germany", "europe")),
    }
)


@pytest.mark.parametrize(
    ("ordered", "provider", "seen", "situation"),
    [
        pytest.param("Frankfurt", "vultr", "fra", Same(), id="by name"),
        pytest.param("FRANKFURT", "linode", "DE-fra-2", Same(), id="case does not matter"),
        pytest.param("eu-central", "linode", "de-fra-2", Same(), id="by another code of the same place"),
        pytest.param("xyz1", "vultr", "xyz1", Same(), id="word by word, known or not"),
        pytest.param("Europe", "vultr", "fra", Same(), id="within a place within a place"),
        pytest.param("Frankfurt", "vultr", "sgp", Elsewhere(("Singapore",)), id="wrong region"),
        pytest.param("de", "vultr", "sgp", Elsewhere(("Singapore",)), id="outside the country"),
        pytest.param(
            "Atlantis",
            "vultr",
            "fra",
            Unknown("the table of regions does not know the place 'atlantis'"),
            id="place",
        ),
        pytest.param(
            "Frankfurt",
            "vultr",
            "xyz1",
            Unknown("the table of regions does not know vultr's 'xyz1'"),
            id="code",
        ),
        pytest.param(
            "eu-central",
            "vultr",
            "fra",
            Unknown("the table of regions does not know the place 'eu-central'"),
            id="a code of another provider names nothing",
        ),
    ],
)
def test_a_region_is_compared_with_what_was_ordered(
    ordered: str, provider: str, seen: str, situation: Situation
) -> None:
    assert TABLE.compare(ordered, provider, seen) == situation


@pytest.mark.parametrize(
    ("text", "provider", "codes"),
    [
        pytest.param("EU-Central (Frankfurt)  NodeBalancers", "linode", {"eu-central"}, id="a code before a name"),
        pytest.param("Network trouble in Frankfurt", "linode", {"eu-central", "de-fra-2"}, id="a name"),
        pytest.param("Packet loss in Germany", "vultr", {"fra", "ham"}, id="the name of a country"),
        pytest.param("de-fra-2-edge", "linode", set(), id="a part of a word is no word"),
        pytest.param("infrastructure", "vultr", set(), id="nor here"),
        pytest.param("Everything is down", "vultr", set(), id="no place"),
        pytest.param("A fault in de", "vultr", set(), id="a short name is a word like others"),
        pytest.param("Frankfurt, Germany", "vultr", {"fra"}, id="the narrower of two places"),
        pytest.param("Packets from the USA are lost", "vultr", set(), id="three letters are a short name"),
        pytest.param("Power is out in Oslo", "vultr", {"osl"}, id="four are a name"),
    ],
)
def test_a_text_is_searched_for_places_by_whole_words(text: str, provider: str, codes: set[str]) -> None:
    assert TABLE.named_in(text, provider) == codes


def test_a_place_has_the_codes_of_all_that_lies_within_it() -> None:
    table = Regions(
        {
            "germany": Place(("Germany",), {}, ("frankfurt",)),
            "frankfurt": Place(("Frankfurt",), {"digitalocean": frozenset({"fra1"})}),
        }
    )
    assert table.codes("germany", "digitalocean") == {"fra1"}
    own = Regions(
        {**table.places, "germany": Place(("Germany",), {"digitalocean": frozenset({"de1"})}, ("frankfurt",))}
    )
    assert own.codes("germany", "digitalocean") == {"de1", "fra1"}
    assert table.codes("FRA1", "digitalocean") == {"fra1"}
    assert table.codes("Atlantis", "digitalocean") == frozenset()
