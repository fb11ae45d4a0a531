"""What an import reads and writes, on both databases."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from ipaddress import ip_address, ip_network

import pytest
from sqlalchemy import func, insert, select, update
from sqlalchemy.exc import IntegrityError

from monitor.core.fleet import Customer, Unit
from monitor.store import intake
from monitor.store.engine import Store, connect
from monitor.store.fleet import customers_by_name
from monitor.store.intake import Handed, Kept
from monitor.store.tables import cases, delivery, reservation, standing

NOON = datetime(2026, 5, 25, 12, tzinfo=UTC)
RANGE = Unit(
    "vpn-1", "vpn-eu", "northwind", (ip_network("1.2.3.0/28"), ip_network("2600::/48")), ip_address("1.2.3.4"), None,
    Decimal("4.50"),
)  # fmt: skip
ACCOUNT = Unit("vps-1", "do-basic", "eastgate", access="do-1")
HANDED = Handed("INV-1", 1, "alice", "vpn-1", NOON, "0xab")


@pytest.fixture
async def store(database: str) -> AsyncIterator[Store]:
    opened = await connect(database)
    yield opened
    await opened.close()


async def test_units_are_read_as_they_were_written(store: Store) -> None:
    async with store.write() as connection:
        await intake.add_units(connection, [RANGE], "delivered", NOON)
        await intake.add_units(connection, [ACCOUNT], "shelf", NOON)
    async with store.read() as connection:
        assert await intake.kept_units(connection, ["vpn-1", "vps-1", "nobody"]) == {
            "vpn-1": Kept(RANGE, "delivered"),
            "vps-1": Kept(ACCOUNT, "shelf"),
        }


async def test_units_change_and_move(store: Store) -> None:
    changed = Unit("vps-1", "do-big", "harbour", (ip_network("1.2.3.0/28"),), ip_address("1.2.3.1"), "do-2", Decimal(7))
    async with store.write() as connection:
        await intake.add_units(connection, [RANGE, ACCOUNT], "shelf", NOON)
        await intake.change_units(connection, [(changed, "delivered")])
        assert await intake.kept_units(connection, ["vpn-1", "vps-1"]) == {
            "vpn-1": Kept(RANGE, "shelf"),
            "vps-1": Kept(changed, "delivered"),
        }


async def test_customers_are_written_and_changed(store: Store) -> None:
    bogdan = Customer("bogdan", "ru")
    async with store.write() as connection:
        await intake.add_customers(connection, [Customer("alice", "en", 1 << 51, "a@example.org"), bogdan], NOON)
        await intake.change_customers(connection, [Customer("alice", "zh", -7)])
        assert await customers_by_name(connection, ["alice", "bogdan"]) == {
            "alice": Customer("alice", "zh", -7),
            "bogdan": bogdan,
        }


async def test_deliveries_are_found_by_order_and_by_unit(store: Store) -> None:
    second = Handed("INV-1", 2, "alice", "vps-1", NOON + timedelta(microseconds=1))
    async with store.write() as connection:
        await intake.add_customers(connection, [Customer("alice")], NOON)
        await intake.add_units(connection, [RANGE, ACCOUNT], "delivered", NOON)
        await intake.add_deliveries(connection, [HANDED, second], NOON)
        await intake.add_transactions(connection, [Handed("INV-1", 2, "alice", "vps-1", NOON, "0xcd")])
    second = Handed(second.order, second.item, second.customer, second.unit, second.delivered_at, "0xcd")
    async with store.read() as connection:
        assert await intake.first_deliveries(connection, ["INV-1", "INV-2"]) == {
            ("INV-1", 1): HANDED,
            ("INV-1", 2): second,
        }
        assert await intake.deliveries_of_units(connection, ["vps-1", "vps-2"]) == {"vps-1": second}


async def test_a_replacement_is_no_first_delivery_but_holds_its_unit(store: Store) -> None:
    async with store.write() as connection:
        await intake.add_customers(connection, [Customer("alice")], NOON)
        await intake.add_units(connection, [RANGE], "delivered", NOON)
        await intake.add_deliveries(connection, [HANDED], NOON)
        await connection.execute(update(delivery).values(turn=1))
        assert await intake.first_deliveries(connection, ["INV-1"]) == {}
        assert await intake.deliveries_of_units(connection, ["vpn-1"]) == {"vpn-1": HANDED}


async def test_a_promise_is_seen_until_it_is_taken_back(store: Store) -> None:
    later = NOON + timedelta(days=2)
    async with store.write() as connection:
        await intake.add_customers(connection, [Customer("alice")], NOON)
        await intake.add_units(connection, [RANGE], "delivered", NOON)
        await intake.add_units(connection, [ACCOUNT], "shelf", NOON)
        await intake.add_deliveries(connection, [HANDED], NOON)
        number = (await connection.execute(select(delivery.c.number))).scalar_one()
        await connection.execute(
            insert(cases).values(
                number=7, delivery=number, defect="range_listed", period=0, state="promised", opened_at=NOON,
                clause="c", reason="r", verify_due=later, replace_due=later, tier="vpn-eu", supplier="northwind",
                supplier_fault=False,
                customer="alice",
            )
        )  # fmt: skip
        # An old promise of the same unit was taken back; that is not the one that counts.
        await connection.execute(
            insert(reservation).values(unit="vps-1", case_number=7, reserved_at=NOON, released_at=NOON)
        )
        assert (await intake.kept_units(connection, ["vps-1"]))["vps-1"].promised_to is None
        await connection.execute(insert(reservation).values(unit="vps-1", case_number=7, reserved_at=NOON))
        assert (await intake.kept_units(connection, ["vps-1"]))["vps-1"].promised_to == 7


async def test_what_was_seen_of_a_unit_can_be_forgotten(store: Store) -> None:
    seen = {"defect": "range_listed", "rounds": 0, "verdict": "sound", "why": ""}
    async with store.write() as connection:
        await intake.add_units(connection, [RANGE, ACCOUNT], "shelf", NOON)
        await connection.execute(insert(standing), [{"unit": name, **seen} for name in ("vpn-1", "vps-1")])
        await intake.forget_standings(connection, ["vpn-1"])
        assert (await connection.execute(select(standing.c.unit))).scalars().all() == ["vps-1"]


async def test_nothing_to_write_is_written_in_no_statement(store: Store) -> None:
    async with store.read() as connection:
        await intake.add_customers(connection, [], NOON)
        await intake.change_customers(connection, [])
        await intake.add_units(connection, [], "shelf", NOON)
        await intake.change_units(connection, [])
        await intake.forget_standings(connection, [])
        await intake.add_deliveries(connection, [], NOON)
        await intake.add_transactions(connection, [])


async def test_five_hundred_names_fit_into_a_query(store: Store) -> None:
    units = [Unit(f"vps-{number}", "do-basic", "eastgate", access="do") for number in range(500)]
    async with store.write() as connection:
        await intake.add_units(connection, units, "shelf", NOON)
        assert len(await intake.kept_units(connection, [unit.name for unit in units])) == 500


@pytest.mark.parametrize(
    "again",
    [
        pytest.param(Handed("INV-1", 1, "alice", "vps-1", NOON), id="an order and item"),
        pytest.param(Handed("INV-2", 1, "alice", "vpn-1", NOON), id="a unit"),
    ],
)
async def test_the_schema_itself_refuses_a_second_delivery_of(store: Store, again: Handed) -> None:
    async with store.write() as connection:
        await intake.add_customers(connection, [Customer("alice")], NOON)
        await intake.add_units(connection, [RANGE, ACCOUNT], "delivered", NOON)
        await intake.add_deliveries(connection, [HANDED], NOON)
    with pytest.raises(IntegrityError):
        async with store.write() as connection:
            await intake.add_deliveries(connection, [again], NOON)
    async with store.read() as connection:
        assert (await connection.execute(select(func.count()).select_from(delivery))).scalar_one() == 1
