"""What was handed over against what was promised."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest

from monitor.core.account import (
    AccountSeen,
    AccountState,
    Active,
    Denied,
    Doors,
    Inventory,
    Server,
    ServerState,
    Suspended,
    Warned,
)
from monitor.core.coverage import Bad, Good, Look, Unclear, Witness
from monitor.core.endpoint import Alive, Closed, Knock
from monitor.core.fleet import Promised
from monitor.core.handover import PARTIAL, Baseline, baseline_after, look_at_features, look_at_region, not_measured
from monitor.core.region import Place, Regions

AT = datetime(2026, 6, 1, tzinfo=UTC)
REGIONS = Regions(
    {
        "frankfurt": Place(("Frankfurt",), {"digitalocean": frozenset({"fra1"})}),
        "singapore": Place(("Singapore",), {"digitalocean": frozenset({"sgp1"})}),
    }
)
PROMISED = Promised("Frankfurt", vcpus=2, ram_mib=2048, disk_gib=50, traffic_gib=2000)


def saw(*servers: Server, complete: bool = True) -> AccountSeen:
    return AccountSeen(AT, "digitalocean", Active(), Inventory(servers, complete))


def server(
    region: str | None = "fra1",
    vcpus: int | None = 2,
    ram: int | None = 2048,
    disk: int | None = 50,
    traffic: int | None = 2000,
) -> Server:
    return Server("1", "web", ServerState.RUNNING, region, vcpus, ram, disk, traffic)


def kind(look: Look | None) -> type[Look] | None:
    return None if look is None else type(look)


@pytest.mark.parametrize(
    ("seen", "look"),
    [
        pytest.param(saw(server("fra1")), Good, id="as ordered"),
        pytest.param(saw(server("sgp1")), Bad, id="Frankfurt ordered and Singapore delivered"),
        pytest.param(saw(server("sgp1"), server("fra1")), Good, id="one of them is there"),
        pytest.param(saw(server("xyz9")), Unclear, id="a region that the table does not know proves nothing"),
        pytest.param(saw(server("sgp1"), server("xyz9")), Unclear, id="one elsewhere and one unknown"),
        pytest.param(saw(server(None)), None, id="a provider that names no region is not measured"),
        pytest.param(saw(), Unclear, id="no server"),
        pytest.param(AccountSeen(AT, "digitalocean", Active()), Unclear, id="no listing"),
        pytest.param(AccountSeen(AT, "digitalocean", Suspended("spam")), None, id="a locked account is another matter"),
        pytest.param(AccountSeen(AT, "digitalocean", Denied("401")), None, id="no access is another matter"),
    ],
)
def test_the_region_at_hand_over(seen: AccountSeen, look: type[Look] | None) -> None:
    assert kind(look_at_region(seen, PROMISED, REGIONS)) is look


def test_no_region_was_promised() -> None:
    assert look_at_region(saw(server("sgp1")), Promised(), REGIONS) is None


def test_the_witness_names_both_places() -> None:
    look = look_at_region(saw(server("sgp1")), PROMISED, REGIONS)

    assert look == Bad((Witness("digitalocean", "in sgp1 (Singapore), ordered Frankfurt", "web"),))


def test_every_server_that_stands_elsewhere_is_a_witness_and_all_names_of_the_place_are_given() -> None:
    table = Regions(
        {
            **REGIONS.places,
            "asia": Place(("Asia",), {"digitalocean": frozenset({"sgp1"})}),
        }
    )
    here = Server("1", "web", ServerState.RUNNING, "sgp1")
    look = look_at_region(saw(here, replace(here, name="db")), PROMISED, table)

    said = "in sgp1 (Asia, Singapore), ordered Frankfurt"
    assert look == Bad((Witness("digitalocean", said, "web"), Witness("digitalocean", said, "db")))


@pytest.mark.parametrize(
    ("seen", "look"),
    [
        pytest.param(saw(), Unclear("no server is there to look at"), id="no server"),
        pytest.param(
            saw(server("xyz9")), Unclear("the table of regions does not know 'Frankfurt' or 'xyz9'"), id="unknown"
        ),
        pytest.param(
            saw(server(None), server("xyz9"), server("sgp1")),
            Unclear("the table of regions does not know 'Frankfurt' or 'xyz9'"),
            id="the first that names a region is told",
        ),
        pytest.param(saw(server("sgp1"), complete=False), Unclear(PARTIAL), id="the right one may be on another page"),
        pytest.param(saw(server("xyz9"), complete=False), Unclear(PARTIAL), id="unknown, and not all were listed"),
        pytest.param(saw(server("fra1"), complete=False), Good(), id="the right one was listed"),
        pytest.param(saw(server(None), server("fra1")), Good(), id="one that names its region suffices"),
        pytest.param(
            AccountSeen(AT, "digitalocean", Warned("verify"), Inventory((server("fra1"),), complete=True)),
            Good(),
            id="an account that is warned is open",
        ),
        pytest.param(
            AccountSeen(AT, "digitalocean", Suspended("spam"), Inventory((server("sgp1"),), complete=True)),
            None,
            id="a locked one is not, whatever it lists",
        ),
    ],
)
def test_what_can_be_said_of_the_region(seen: AccountSeen, look: Look | None) -> None:
    assert look_at_region(seen, PROMISED, REGIONS) == look


def test_codes_of_another_provider_say_nothing_of_this_one() -> None:
    elsewhere = AccountSeen(AT, "vultr", Active(), Inventory((server("sgp1"),), complete=True))

    assert kind(look_at_region(elsewhere, PROMISED, REGIONS)) is Unclear


@pytest.mark.parametrize(
    ("seen", "look"),
    [
        pytest.param(saw(server()), Good, id="all that was promised"),
        pytest.param(saw(server(ram=1905, disk=45, traffic=1800)), Good, id="GB against GiB"),
        pytest.param(saw(server(ram=1904)), Bad, id="less RAM than the units explain"),
        pytest.param(saw(server(disk=44)), Bad, id="less disk than the units explain"),
        pytest.param(saw(server(traffic=1799)), Bad, id="less traffic than the units explain"),
        pytest.param(saw(server(vcpus=3, ram=4096, disk=80, traffic=4000)), Good, id="more than was promised"),
        pytest.param(saw(server(vcpus=1)), Bad, id="one vCPU of two"),
        pytest.param(saw(server(ram=1024)), Bad, id="half the RAM"),
        pytest.param(saw(server(disk=25)), Bad, id="half the disk"),
        pytest.param(saw(server(traffic=1000)), Bad, id="half the traffic"),
        pytest.param(saw(server(vcpus=None, ram=None)), Good, id="what is not told is not held against it"),
        pytest.param(saw(server(vcpus=1), server()), Good, id="one server has it all"),
        pytest.param(saw(server(vcpus=1), complete=False), Unclear, id="a partial listing proves nothing missing"),
        pytest.param(saw(server(), complete=False), Good, id="a partial listing with the right one"),
        pytest.param(saw(), Unclear, id="no server"),
        pytest.param(AccountSeen(AT, "digitalocean", Denied("401")), None, id="no access is another matter"),
        pytest.param(
            AccountSeen(AT, "digitalocean", Suspended("spam"), Inventory((server(vcpus=1),), complete=True)),
            None,
            id="a locked account is another matter",
        ),
    ],
)
def test_the_features_at_hand_over(seen: AccountSeen, look: type[Look] | None) -> None:
    assert kind(look_at_features(seen, PROMISED)) is look


def test_nothing_that_can_be_measured_was_promised() -> None:
    assert look_at_features(saw(server(vcpus=1)), Promised("Frankfurt")) is None


def test_a_look_that_proves_nothing_missing_says_why() -> None:
    assert look_at_features(saw(), PROMISED) == Unclear("no server is there to look at")
    assert look_at_features(saw(server(vcpus=1), complete=False), PROMISED) == Unclear(PARTIAL)


def test_the_witnesses_name_what_is_missing_and_what_was_promised() -> None:
    small = server(vcpus=1, ram=1024, disk=25, traffic=1000)
    look = look_at_features(saw(small, replace(server(ram=512), name="db")), PROMISED)

    assert look == Bad(
        (
            Witness("digitalocean", "vCPU 1, promised 2", "web"),
            Witness("digitalocean", "RAM 1024 MiB, promised 2048 MiB", "web"),
            Witness("digitalocean", "disk 25 GiB, promised 50 GiB", "web"),
            Witness("digitalocean", "traffic 1000 GiB a month, promised 2000 GiB a month", "web"),
            Witness("digitalocean", "RAM 512 MiB, promised 2048 MiB", "db"),
        )
    )


SILENT_SERVER = server(None, None, None, None, None)
ALL = ["region Frankfurt", "vCPU 2", "RAM 2048", "disk 50", "traffic 2000"]


@pytest.mark.parametrize(
    ("seen", "promised", "named"),
    [
        pytest.param(saw(server()), PROMISED, [], id="all is told"),
        pytest.param(saw(SILENT_SERVER), PROMISED, ALL, id="nothing is told"),
        pytest.param(saw(SILENT_SERVER), Promised(), [], id="nothing was promised"),
        pytest.param(saw(SILENT_SERVER), Promised(disk_gib=50), ["disk 50"], id="only the disk was promised"),
        pytest.param(saw(server(disk=None)), PROMISED, ["disk 50"], id="only the disk is not told"),
        pytest.param(saw(SILENT_SERVER, server()), PROMISED, [], id="one of two servers tells"),
        pytest.param(saw(), PROMISED, [], id="no server"),
        pytest.param(AccountSeen(AT, "digitalocean", Active()), PROMISED, [], id="no listing"),
        pytest.param(
            AccountSeen(AT, "digitalocean", Suspended("spam"), Inventory((SILENT_SERVER,), complete=True)),
            PROMISED,
            [],
            id="a locked account is another matter",
        ),
    ],
)
def test_what_no_server_tells_is_named(seen: AccountSeen, promised: Promised, named: list[str]) -> None:
    assert not_measured(seen, promised) == named


HERE, THERE = ip_address("198.51.100.7"), ip_address("198.51.100.8")
RUNS = replace(server(), addresses=(HERE,))
SLEEPS = replace(server(), name="db", state=ServerState.OFF, addresses=(THERE,))
WAKES = replace(SLEEPS, state=ServerState.RUNNING)
KNOWN = Baseline(AT, "digitalocean", (RUNS, SLEEPS), (HERE,), "SHA256:a")
NAMELESS = replace(KNOWN, identity=None)


def later(
    *servers: Server, state: AccountState | None = None, complete: bool = True, knocks: tuple[Knock, ...] = ()
) -> AccountSeen:
    doors = Doors(tuple((str(HERE), knock) for knock in knocks)) if knocks else None
    at = AT + timedelta(days=1)
    return AccountSeen(at, "digitalocean", state or Active(), Inventory(servers, complete), doors)


@pytest.mark.parametrize(
    ("before", "seen", "after"),
    [
        pytest.param(
            None, saw(RUNS, SLEEPS), replace(KNOWN, identity=None), id="the first whole look, without what is off"
        ),
        pytest.param(None, saw(RUNS, complete=False), None, id="a partial one is none"),
        pytest.param(None, AccountSeen(AT, "digitalocean", Active()), None, id="nor one without a listing"),
        pytest.param(None, later(RUNS, state=Denied("401"), knocks=(Alive("", "SHA256:a"),)), None, id="no access"),
        pytest.param(None, later(complete=False, knocks=(Alive("", "SHA256:a"),)), None, id="a door alone is no look"),
        pytest.param(
            KNOWN,
            later(WAKES),
            replace(KNOWN, addresses=(THERE,)),
            id="a later one moves the addresses, and nothing else",
        ),
        pytest.param(KNOWN, later(WAKES, complete=False), KNOWN, id="a later partial one moves nothing"),
        pytest.param(KNOWN, later(WAKES, state=Suspended("spam")), KNOWN, id="a locked account moves nothing"),
        pytest.param(
            KNOWN, later(RUNS, knocks=(Alive("", "SHA256:b"),)), KNOWN, id="an identity once known is not overwritten"
        ),
        pytest.param(
            NAMELESS,
            later(RUNS, knocks=(Closed("shut"), Alive(""), Alive("", "SHA256:a"), Alive("", "SHA256:b"))),
            KNOWN,
            id="the first identity shown is kept",
        ),
        pytest.param(NAMELESS, later(RUNS, knocks=(Closed("shut"), Alive(""))), NAMELESS, id="none was shown"),
        pytest.param(
            NAMELESS,
            later(RUNS, state=Denied("401"), knocks=(Alive("", "SHA256:b"),)),
            NAMELESS,
            id="who answers where we are let in no more may be anybody",
        ),
    ],
)
def test_what_was_handed_over_is_kept_as_it_was_first_seen_whole(
    before: Baseline | None, seen: AccountSeen, after: Baseline | None
) -> None:
    assert baseline_after(before, seen) == after


def test_what_was_handed_over_is_judged_again_as_a_whole_look() -> None:
    assert KNOWN.seen == saw(RUNS, SLEEPS)
