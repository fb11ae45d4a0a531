"""Cards: what moves makes them stale, whichever database keeps them, and no card is two things'."""

from dataclasses import replace
from datetime import timedelta

import pytest
from alembic import command
from sqlalchemy import Connection, insert
from sqlalchemy.exc import IntegrityError

from monitor.core.coverage import Burning
from monitor.core.decision import Joined, Recorded
from monitor.core.incident import ProviderTroubled, SupplierBurning
from monitor.core.status import Severity, Trouble
from monitor.store import cards, incidents
from monitor.store.cards import Card, Ended, OfCase, OfIncident
from monitor.store.conversation import card
from monitor.store.engine import Store, connect, migrations
from tests.store.shop import HOUR, NOW, POLICY, broken, rule, sell

FIRES = replace(POLICY, burning=Burning(members=3))
ORDERS = [f"INV-{number}" for number in range(1, 6)]
CHAT = -1_000_000_001


async def burn(store: Store) -> None:
    """Let three of five units of one supplier fall together."""
    handed = await sell(store, *ORDERS)
    await rule(store, *map(broken, handed[:3]), policy=FIRES)


async def stale(store: Store) -> list[tuple[object, int]]:
    async with store.read() as connection:
        return [(each.subject, each.shown) for each in await cards.outdated(connection, NOW, 10)]


async def test_an_incident_has_moved_when_somebody_joins_it_and_when_it_ends(store: Store) -> None:
    await burn(store)
    async with store.write() as connection:
        begun = await cards.incident_facts(connection, 1)
        await cards.put(connection, OfIncident(1), CHAT, "7", cards.BEGUN, NOW)
    assert begun is not None
    assert (begun.version, begun.units, begun.cases, begun.over) == (cards.BEGUN, 3, 3, False)
    assert await stale(store) == []

    async with store.write() as connection:
        await incidents.join(connection, [Joined(1, 4, None)], NOW)
    assert await stale(store) == [(OfIncident(1), 0)]
    async with store.write() as connection:
        # He was there; then he gets a case; then that is said once more.
        await incidents.join(connection, [Joined(1, 4, None)], NOW)
        grown = await cards.incident_facts(connection, 1)
        await incidents.join(connection, [Joined(1, 4, 1)], NOW)
        await incidents.join(connection, [Joined(1, 4, 1)], NOW)
        again = await cards.incident_facts(connection, 1)
    assert grown is not None
    assert again is not None
    assert [(each.version, each.units, each.cases) for each in (grown, again)] == [(1, 4, 3), (2, 4, 3)]

    async with store.write() as connection:
        assert await incidents.close(connection, 1, "operator olga", "enough", NOW + HOUR)
        assert not await incidents.close(connection, 1, "operator hugo", "again", NOW + HOUR)
        over = await cards.incident_facts(connection, 1)
    assert over is not None
    assert (over.version, over.ended) == (3, Ended(NOW + HOUR, "operator olga", "enough"))


async def test_a_status_page_that_says_what_it_said_is_no_move(store: Store) -> None:
    trouble = Trouble("a-17", Severity.OUTAGE, "no power")
    found = ProviderTroubled("vultr", NOW, trouble)
    async with store.write() as connection:
        await incidents.record(connection, [Recorded(1, found, NOW)])
        said = []
        for words in ("no power", "no power", "power is back", "power is back"):
            await incidents.renew(connection, 1, replace(found, trouble=replace(trouble, words=words)))
            told = await cards.incident_facts(connection, 1)
            assert told is not None
            said.append((told.name, told.version))
    assert said == [("vultr", 0), ("vultr", 0), ("vultr", 1), ("vultr", 1)]


async def test_cases_and_incidents_of_one_number_have_cards_of_their_own(store: Store) -> None:
    await burn(store)
    async with store.write() as connection:
        case = await cards.facts(connection, 1)
        assert case is not None
        assert await cards.put(connection, OfCase(1), CHAT, "7", case.version - 1, NOW) is None
        assert await cards.put(connection, OfIncident(1), CHAT, "8", cards.BEGUN, NOW) is None
        # The newest message is the card; the one before is given back, once.
        assert await cards.put(connection, OfIncident(1), CHAT, "9", cards.BEGUN, NOW) == Card(
            OfIncident(1), CHAT, "8", cards.BEGUN
        )
        assert await cards.put(connection, OfIncident(1), CHAT, "9", cards.BEGUN, NOW) is None
    assert await stale(store) == [(OfCase(1), case.version - 1)]
    async with store.write() as connection:
        await cards.drop(connection, Card(OfIncident(1), CHAT, "8", 0))
        assert await cards.get(connection, OfIncident(1)) is not None
        await cards.drop(connection, Card(OfIncident(1), CHAT, "9", 0))
        assert await cards.get(connection, OfIncident(1)) is None
        assert await cards.get(connection, OfCase(1)) is not None
        await cards.postpone(connection, Card(OfCase(1), CHAT, "7", 0), NOW + timedelta(seconds=1))
    assert await stale(store) == []
    async with store.read() as connection:
        assert await cards.told_of(connection, OfCase(99)) is None
        assert await cards.told_of(connection, OfIncident(99)) is None


@pytest.mark.parametrize("about", [{}, {"case_number": 1, "incident": 1}], ids=["of nothing", "of two things"])
async def test_a_card_is_of_one_thing(store: Store, about: dict[str, int]) -> None:
    await burn(store)
    row = {"chat": CHAT, "receipt": "7", "shown": 0, "not_before": NOW}
    with pytest.raises(IntegrityError, match=r"(?i)check"):
        async with store.write() as connection:
            await connection.execute(insert(card).values(**row, **about))


def to(revision: str, connection: Connection) -> None:
    command.downgrade(migrations(connection), revision)
    command.upgrade(migrations(connection), "head")


async def test_the_cards_of_cases_outlive_the_migration(empty_database: str) -> None:
    store = await connect(empty_database)
    handed = await sell(store, "INV-1")
    await rule(store, broken(handed[0]))
    async with store.write() as connection:
        await cards.put(connection, OfCase(1), CHAT, "7", 2, NOW)
        await incidents.record(connection, [Recorded(1, SupplierBurning("northwind", (), 0), NOW, "operator")])
        await cards.put(connection, OfIncident(1), CHAT, "8", 0, NOW)
    async with store.write() as connection:
        await connection.run_sync(lambda sync: to("0006", sync))
    async with store.read() as connection:
        assert await cards.get(connection, OfCase(1)) == Card(OfCase(1), CHAT, "7", 2)
        # What came with the migration goes with it.
        assert await cards.get(connection, OfIncident(1)) is None
        assert (await connection.execute(card.select())).one().not_before == NOW
    await store.close()
