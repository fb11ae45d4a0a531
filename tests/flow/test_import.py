"""``coverwatch import`` over a real database: what becomes of good rows, repeats, changes and contradictions."""

import asyncio
import io
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, insert, select, update

from monitor.intake import Kind
from monitor.intake.cells import Terms
from monitor.intake.importing import Intake, Tally
from monitor.intake.lines import Lines
from monitor.intake.tables import Format, table
from monitor.store.engine import connect
from monitor.store.tables import cases, customer, delivery, reservation, standing, unit
from tests.flow.importer import Shop

CUSTOMERS = """\
customer,language,telegram_chat,email
alice,en,700000001,alice@example.org
bogdan,ru,,
chen,,,
"""
DELIVERIES = """\
order,item,customer,unit,tier,supplier,delivered_at,range,address,access,tx
INV-1,1,alice,vpn-1,vpn-eu,northwind,2026-05-25T12:00:00Z,1.2.3.0/28 1.2.3.32/28,1.2.3.5,,0x5e1f
INV-1,2,alice,vps-1,do-basic,eastgate,2026-05-25T20:00:00+08:00,,,do-1,
"""
STOCK = """\
unit,tier,supplier,range,address,access,cost
vpn-7,vpn-eu,harbour,1.2.3.128/28,,,4.50
vps-7,do-basic,eastgate,,,do-7,
"""
NOON = datetime(2026, 5, 25, 12, tzinfo=UTC)


@pytest.fixture
def shop(tmp_path: Path, database: str) -> Shop:
    return Shop.opened(tmp_path, database)


def known(shop: Shop, *columns: Any) -> Sequence[tuple[Any, ...]]:
    return shop.reads(select(*columns).order_by(columns[0]))


def count(shop: Shop, table: Any) -> int:
    return int(shop.reads(select(func.count()).select_from(table))[0][0])


def promise(shop: Shop, spare: str) -> None:
    """Promise a spare to case 1, about the delivery of a unit named ``broken``."""
    later = NOON + timedelta(days=2)
    shop.writes(
        insert(customer).values(name="zoe", language="en", imported_at=NOON),
        insert(unit).values(name="broken", tier="vpn-eu", supplier="northwind", ranges="1.2.4.0/28", cost="0",
                            place="delivered", imported_at=NOON),
        insert(delivery).values(number=1, order_number="INV-0", item=1, turn=0, customer="zoe", unit="broken",
                                delivered_at=NOON, imported_at=NOON),
        insert(cases).values(number=1, delivery=1, defect="range_listed", period=0, state="promised", opened_at=NOON,
                             clause="range", reason="listed", verify_due=later, replace_due=later, tier="vpn-eu",
                             supplier="northwind", customer="zoe", spare=spare,
                             supplier_fault=False),
        insert(reservation).values(number=1, unit=spare, case_number=1, reserved_at=NOON),
    )  # fmt: skip


def test_customers_come_in_and_speak_the_shop_s_language_unless_they_name_one(shop: Shop) -> None:
    ended = shop.imports("customers", CUSTOMERS)
    assert (ended.status, ended.out, ended.err) == (0, "customers: 3 new, 0 changed, 0 unchanged, 0 rejected\n", "")
    assert known(shop, customer.c.name, customer.c.language, customer.c.chat, customer.c.email) == [
        ("alice", "en", 700000001, "alice@example.org"),
        ("bogdan", "ru", None, None),
        ("chen", "zh", None, None),
    ]


def test_deliveries_come_in_with_their_units(shop: Shop) -> None:
    shop.imports("customers", CUSTOMERS)
    ended = shop.imports("deliveries", DELIVERIES)
    assert (ended.status, ended.out, ended.err) == (0, "deliveries: 2 new, 0 changed, 0 unchanged, 0 rejected\n", "")
    assert known(
        shop, delivery.c.unit, delivery.c.order_number, delivery.c.item, delivery.c.turn, delivery.c.customer,
        delivery.c.delivered_at, delivery.c.tx_hash,
    ) == [
        ("vpn-1", "INV-1", 1, 0, "alice", NOON, "0x5e1f"),
        ("vps-1", "INV-1", 2, 0, "alice", NOON, None),
    ]  # fmt: skip
    assert known(
        shop, unit.c.name, unit.c.tier, unit.c.supplier, unit.c.ranges, unit.c.address, unit.c.access, unit.c.place
    ) == [
        ("vpn-1", "vpn-eu", "northwind", "1.2.3.0/28 1.2.3.32/28", "1.2.3.5", None, "delivered"),
        ("vps-1", "do-basic", "eastgate", "", None, "do-1", "delivered"),
    ]


def test_stock_comes_in_onto_the_shelf(shop: Shop) -> None:
    ended = shop.imports("stock", STOCK)
    assert (ended.status, ended.out, ended.err) == (0, "stock: 2 new, 0 changed, 0 unchanged, 0 rejected\n", "")
    assert known(shop, unit.c.name, unit.c.ranges, unit.c.access, unit.c.cost, unit.c.place) == [
        ("vpn-7", "1.2.3.128/28", None, "4.50", "shelf"),
        ("vps-7", "", "do-7", "0", "shelf"),
    ]


def test_the_same_files_again_change_nothing(shop: Shop) -> None:
    files = {"customers": CUSTOMERS, "deliveries": DELIVERIES, "stock": STOCK}
    for kind, words in files.items():
        shop.imports(kind, words)
    before = [shop.reads(select(table).order_by(*table.primary_key)) for table in (customer, unit, delivery)]
    summaries = [shop.imports(kind, words).out for kind, words in files.items()]
    assert summaries == [
        "customers: 0 new, 0 changed, 3 unchanged, 0 rejected\n",
        "deliveries: 0 new, 0 changed, 2 unchanged, 0 rejected\n",
        "stock: 0 new, 0 changed, 2 unchanged, 0 rejected\n",
    ]
    assert [shop.reads(select(table).order_by(*table.primary_key)) for table in (customer, unit, delivery)] == before


def test_new_facts_of_a_customer_replace_old_ones_and_an_empty_cell_says_nothing(shop: Shop) -> None:
    shop.imports("customers", CUSTOMERS)
    ended = shop.imports("customers", "customer,language,telegram_chat\nalice,,700000009\nbogdan,,\nchen,en,\n")
    assert ended.out == "customers: 0 new, 2 changed, 1 unchanged, 0 rejected\n"
    assert known(shop, customer.c.name, customer.c.language, customer.c.chat, customer.c.email) == [
        ("alice", "en", 700000009, "alice@example.org"),
        ("bogdan", "ru", None, None),
        ("chen", "en", None, None),
    ]


def test_a_dash_takes_a_chat_and_an_address_away(shop: Shop) -> None:
    shop.imports("customers", CUSTOMERS)
    assert shop.imports("customers", "customer,telegram_chat,email\nalice,-,-\n").status == 0
    assert known(shop, customer.c.name, customer.c.chat, customer.c.email)[0] == ("alice", None, None)


def test_two_customers_may_share_a_chat(shop: Shop) -> None:
    ended = shop.imports("customers", "customer,telegram_chat\nalice,700000001\nalices-firm,700000001\n")
    assert (ended.status, count(shop, customer)) == (0, 2)


def test_rows_may_come_as_lines_of_json(shop: Shop) -> None:
    shop.imports("customers", '{"customer": "alice", "telegram_chat": 700000001}\n', name="rows.jsonl")
    ended = shop.imports(
        "deliveries",
        '{"order": 1001, "customer": "alice", "unit": "vpn-1", "tier": "vpn-eu", "supplier": "northwind",'
        ' "delivered_at": "2026-05-25T12:00:00Z", "range": ["1.2.3.0/28", "2606:4700::/48"], "tx": null}\n',
        name="rows.jsonl",
    )
    assert (ended.status, ended.out) == (0, "deliveries: 1 new, 0 changed, 0 unchanged, 0 rejected\n")
    assert known(shop, unit.c.name, unit.c.ranges) == [("vpn-1", "1.2.3.0/28 2606:4700::/48")]
    assert known(shop, delivery.c.order_number) == [("1001",)]


@pytest.mark.parametrize(
    "words", [CUSTOMERS, '\n {"customer": "alice"}\n{"customer": "bogdan"}\n'], ids=["csv", "json"]
)
def test_rows_may_come_on_standard_input_and_tell_their_format_by_their_first_character(shop: Shop, words: str) -> None:
    ended = shop.runs("customers", "-", stdin=words.encode())
    assert (ended.status, ended.err) == (0, "")
    assert count(shop, customer) in {2, 3}


def test_the_format_can_be_said(shop: Shop) -> None:
    assert shop.imports("customers", '{"customer": "alice"}\n', "--format", "jsonl", name="rows.csv").status == 0


def test_a_unit_on_the_shelf_is_delivered_and_keeps_what_it_cost(shop: Shop) -> None:
    shop.imports("customers", CUSTOMERS)
    shop.imports("stock", STOCK)
    words = (
        "order,customer,unit,tier,supplier,delivered_at,range,address\n"
        "INV-9,alice,vpn-7,vpn-eu,harbour,2026-05-25T12:00:00Z,1.2.3.128/28,1.2.3.130\n"
    )
    assert shop.imports("deliveries", words).out == "deliveries: 1 new, 0 changed, 0 unchanged, 0 rejected\n"
    assert known(shop, unit.c.name, unit.c.place, unit.c.cost, unit.c.address)[0] == (
        "vpn-7", "delivered", "4.50", "1.2.3.130",
    )  # fmt: skip


def test_a_unit_that_left_the_shelf_sick_can_have_been_delivered_all_the_same(shop: Shop) -> None:
    shop.imports("customers", CUSTOMERS)
    shop.imports("stock", STOCK)
    shop.writes(update(unit).where(unit.c.name == "vpn-7").values(place="sick"))
    words = (
        "order,customer,unit,tier,supplier,delivered_at,range\n"
        "INV-9,alice,vpn-7,vpn-eu,harbour,2026-05-25T12:00:00Z,1.2.3.128/28\n"
    )
    assert shop.imports("deliveries", words).status == 0
    assert known(shop, unit.c.name, unit.c.place)[0] == ("vpn-7", "delivered")


def test_a_repeated_delivery_may_add_what_was_missing(shop: Shop) -> None:
    shop.imports("customers", CUSTOMERS)
    header = "order,customer,unit,tier,supplier,delivered_at,range,address,tx\n"
    bare = "INV-9,alice,vpn-9,vpn-eu,harbour,2026-05-25T12:00:00Z,1.2.3.128/28,"
    shop.imports("deliveries", header + bare + ",\n")
    summaries = [shop.imports("deliveries", header + bare + rest).out for rest in ("1.2.3.129,\n", ",0xab\n", ",\n")]
    assert [words.partition(": ")[2] for words in summaries] == [
        "0 new, 1 changed, 0 unchanged, 0 rejected\n",
        "0 new, 1 changed, 0 unchanged, 0 rejected\n",
        "0 new, 0 changed, 1 unchanged, 0 rejected\n",
    ]
    assert known(shop, unit.c.address, unit.c.place) == [("1.2.3.129", "delivered")]
    assert known(shop, delivery.c.tx_hash) == [("0xab",)]


def test_the_networks_of_a_range_may_change_their_order(shop: Shop) -> None:
    shop.imports("customers", CUSTOMERS)
    shop.imports("deliveries", DELIVERIES)
    turned = DELIVERIES.replace("1.2.3.0/28 1.2.3.32/28", "1.2.3.32/28 1.2.3.0/28")
    assert shop.imports("deliveries", turned).out == "deliveries: 0 new, 0 changed, 2 unchanged, 0 rejected\n"


def test_a_changed_spare_has_not_been_looked_at(shop: Shop) -> None:
    shop.imports("stock", STOCK)
    seen = {"defect": "range_listed", "last_ok": NOON, "rounds": 0, "verdict": "sound", "why": ""}
    shop.writes(*(insert(standing).values(unit=name, **seen) for name in ("vpn-7", "vps-7")))
    ended = shop.imports("stock", STOCK.replace("1.2.3.128/28", "1.2.3.160/28").replace("do-7,", "do-7,7.25"))
    assert ended.out == "stock: 0 new, 2 changed, 0 unchanged, 0 rejected\n"
    assert known(shop, unit.c.name, unit.c.ranges, unit.c.cost) == [
        ("vpn-7", "1.2.3.160/28", "4.50"),
        ("vps-7", "", "7.25"),
    ]
    # Another price makes no other thing of it.
    assert known(shop, standing.c.unit) == [("vps-7",)]


@pytest.mark.parametrize(
    ("new", "told"),
    [
        pytest.param(
            "INV-1,1,bogdan,vpn-1,vpn-eu,northwind,2026-05-25T12:00:00Z,1.2.3.0/28 1.2.3.32/28",
            "rows.csv:2: customer: 'bogdan' here, but order 'INV-1' item 1 was imported with 'alice'; "
            "what was imported stays, so mend this row\n",
            id="another customer",
        ),
        pytest.param(
            "INV-1,1,alice,vpn-2,vpn-eu,northwind,2026-05-25T12:00:00Z,1.2.3.64/28",
            "rows.csv:2: unit: 'vpn-2' here, but order 'INV-1' item 1 was imported with 'vpn-1'; "
            "what was imported stays, so mend this row\n",
            id="another unit",
        ),
        pytest.param(
            "INV-1,1,alice,vpn-1,vpn-eu-plus,northwind,2026-05-25T13:00:00Z,1.2.3.0/28",
            "rows.csv:2: delivered_at: '2026-05-25T13:00:00+00:00' here, but order 'INV-1' item 1 was imported with "
            "'2026-05-25T12:00:00+00:00'; what was imported stays, so mend this row\n"
            "rows.csv:2: tier: 'vpn-eu-plus' here, but order 'INV-1' item 1 was imported with 'vpn-eu'; "
            "what was imported stays, so mend this row\n"
            "rows.csv:2: range: '1.2.3.0/28' here, but order 'INV-1' item 1 was imported with "
            "'1.2.3.0/28 1.2.3.32/28'; what was imported stays, so mend this row\n",
            id="another time, tier and range",
        ),
        pytest.param(
            "INV-2,1,alice,vpn-1,vpn-eu,northwind,2026-05-25T12:00:00Z,1.2.3.0/28 1.2.3.32/28",
            "rows.csv:2: unit: 'vpn-1' was delivered already, under order 'INV-1' item 1; "
            "a unit is delivered once, so mend its name\n",
            id="a unit delivered twice",
        ),
        pytest.param(
            "INV-2,1,dora,vpn-2,vpn-eu,northwind,2026-05-25T12:00:00Z,1.2.3.64/28",
            "rows.csv:2: customer: 'dora' is nobody we know; import customers first\n",
            id="a customer nobody knows",
        ),
    ],
)
def test_a_delivery_that_contradicts_what_is_known_is_refused(shop: Shop, new: str, told: str) -> None:
    shop.imports("customers", CUSTOMERS)
    shop.imports("deliveries", DELIVERIES)
    ended = shop.imports("deliveries", f"order,item,customer,unit,tier,supplier,delivered_at,range\n{new}\n")
    assert (ended.status, ended.out) == (
        1, "deliveries: 0 new, 0 changed, 0 unchanged, 1 rejected; nothing was written\n",
    )  # fmt: skip
    assert ended.err == told + "coverwatch: mend these rows, or take the good ones alone with --keep-good\n"
    assert count(shop, delivery) == 2


def test_a_unit_is_delivered_as_it_lay_in_stock(shop: Shop) -> None:
    shop.imports("customers", CUSTOMERS)
    shop.imports("stock", STOCK)
    words = (
        "order,customer,unit,tier,supplier,delivered_at,range\n"
        "INV-9,alice,vpn-7,vpn-eu,northwind,2026-05-25T12:00:00Z,1.2.3.160/28\n"
    )
    ended = shop.imports("deliveries", words)
    assert ended.err.splitlines()[:2] == [
        (
            "rows.csv:2: supplier: 'northwind' here, but the unit is in stock with 'harbour'; "
            "what was imported stays, so mend this row"
        ),
        (
            "rows.csv:2: range: '1.2.3.160/28' here, but the unit is in stock with '1.2.3.128/28'; "
            "what was imported stays, so mend this row"
        ),
    ]
    assert known(shop, unit.c.name, unit.c.place)[0] == ("vpn-7", "shelf")


def test_an_access_that_differs_is_not_shown(shop: Shop) -> None:
    shop.imports("customers", CUSTOMERS)
    shop.imports("deliveries", DELIVERIES)
    ended = shop.imports("deliveries", DELIVERIES.replace("do-1", "do-2"))
    assert ended.status == 1
    assert ended.err.startswith("rows.csv:3: access: is another one here, but order 'INV-1' item 2 was imported with")
    assert "do-2" not in ended.err
    assert "do-1" not in ended.err


def test_a_unit_promised_to_a_case_is_neither_sold_nor_changed(shop: Shop) -> None:
    shop.imports("customers", CUSTOMERS)
    shop.imports("stock", STOCK)
    promise(shop, "vpn-7")
    sold = shop.imports(
        "deliveries",
        "order,customer,unit,tier,supplier,delivered_at,range\n"
        "INV-9,alice,vpn-7,vpn-eu,harbour,2026-05-25T12:00:00Z,1.2.3.128/28\n",
    )
    assert sold.err.startswith("rows.csv:2: unit: 'vpn-7' is promised to case 1; deliver another unit\n")
    changed = shop.imports("stock", STOCK.replace("1.2.3.128/28", "1.2.3.160/28"))
    assert changed.err.startswith(
        "rows.csv:2: unit: 'vpn-7' is promised to case 1 as it is; give a changed unit a name of its own\n"
    )
    assert shop.imports("stock", STOCK).out == "stock: 0 new, 0 changed, 2 unchanged, 0 rejected\n"


def test_what_left_the_shelf_sick_does_not_come_back_under_its_old_name(shop: Shop) -> None:
    shop.imports("stock", STOCK)
    shop.writes(update(unit).where(unit.c.name == "vpn-7").values(place="sick"))
    assert shop.imports("stock", STOCK).out == "stock: 0 new, 0 changed, 2 unchanged, 0 rejected\n"
    assert known(shop, unit.c.name, unit.c.place)[0] == ("vpn-7", "sick")
    ended = shop.imports("stock", STOCK.replace("1.2.3.128/28", "1.2.3.160/28"))
    assert ended.err.startswith("rows.csv:2: unit: 'vpn-7' left the shelf because it looked bad; give a changed unit")


def test_what_was_delivered_is_no_stock(shop: Shop) -> None:
    shop.imports("customers", CUSTOMERS)
    shop.imports("deliveries", DELIVERIES)
    ended = shop.imports("stock", "unit,tier,supplier,range\nvpn-1,vpn-eu,northwind,1.2.3.0/28\n")
    assert ended.status == 1
    assert ended.err.startswith("rows.csv:2: unit: 'vpn-1' was delivered already, under order 'INV-1' item 1;")


def test_a_spare_moved_to_another_range_may_not_keep_an_address_of_the_old_one(shop: Shop) -> None:
    header = "unit,tier,supplier,range,address\n"
    shop.imports("stock", header + "vpn-7,vpn-eu,harbour,1.2.3.128/28,1.2.3.129\n")
    ended = shop.imports("stock", header + "vpn-7,vpn-eu,harbour,1.2.3.160/28,\n")
    assert ended.err.startswith("rows.csv:2: address: 1.2.3.129 lies in none of its networks;")


@pytest.mark.parametrize(
    ("kind", "words", "told"),
    [
        pytest.param(
            "customers", "customer\nalice\nbogdan\nalice\n",
            "rows.csv:4: customer: 'alice' stands on line 2 already; keep one of the two\n", id="a customer",
        ),
        pytest.param(
            "stock",
            "unit,tier,supplier,range\nv,vpn-eu,harbour,1.2.3.0/28\nv,vpn-eu,harbour,1.2.3.0/28\n",
            "rows.csv:3: unit: 'v' stands on line 2 already; keep one of the two\n", id="a spare",
        ),
        pytest.param(
            "deliveries",
            "order,customer,unit,tier,supplier,delivered_at,range\n"
            "A,alice,v,vpn-eu,harbour,2026-05-25T12:00:00Z,1.2.3.0/28\n"
            "A,alice,w,vpn-eu,harbour,2026-05-25T12:00:00Z,1.2.3.0/28\n"
            "B,alice,v,vpn-eu,harbour,2026-05-25T12:00:00Z,1.2.3.0/28\n",
            "rows.csv:3: order: 'A' item 1 stands on line 2 already; keep one of the two\n"
            "rows.csv:4: unit: 'v' stands on line 2 already; keep one of the two\n", id="an order and a unit",
        ),
    ],
)  # fmt: skip
def test_what_comes_twice_in_one_file_is_found(shop: Shop, kind: str, words: str, told: str) -> None:
    if kind == "deliveries":
        shop.imports("customers", CUSTOMERS)
    ended = shop.imports(kind, words)
    assert ended.status == 1
    assert ended.err.startswith(told)


def test_what_comes_twice_is_found_over_many_pages(shop: Shop) -> None:
    rows = "".join(f"c-{number}\n" for number in range(1200))
    ended = shop.imports("customers", f"customer\n{rows}c-3\n")
    assert ended.err.startswith("rows.csv:1202: customer: 'c-3' stands on line 5 already;")
    assert count(shop, customer) == 0


def test_one_bad_row_at_the_end_and_nothing_is_written(shop: Shop) -> None:
    rows = "".join(f"c-{number},\n" for number in range(1200))
    ended = shop.imports("customers", f"customer,telegram_chat\n{rows}last,@last\n")
    assert (ended.status, ended.out) == (
        1, "customers: 1200 new, 0 changed, 0 unchanged, 1 rejected; nothing was written\n",
    )  # fmt: skip
    assert count(shop, customer) == 0


def test_a_dry_run_checks_everything_and_writes_nothing(shop: Shop) -> None:
    assert shop.imports("customers", CUSTOMERS, "--dry-run").out == (
        "customers: 3 new, 0 changed, 0 unchanged, 0 rejected; dry run; nothing was written\n"
    )
    assert count(shop, customer) == 0
    ended = shop.imports("deliveries", DELIVERIES, "--dry-run")
    assert ended.status == 1
    assert ended.err.startswith("rows.csv:2: customer: 'alice' is nobody we know; import customers first\n")


def test_the_good_rows_can_be_kept_and_the_others_mended_in_a_file_of_their_own(shop: Shop) -> None:
    words = 'Customer;Telegram chat;E-mail note\nalice;700000001;"regular; pays"\nbogdan;@bogdan;"new; ""big"""\n'
    ended = shop.imports("customers", words, "--keep-good")
    assert (ended.status, ended.out) == (1, "customers: 1 new, 0 changed, 0 unchanged, 1 rejected\n")
    assert ended.err == (
        "coverwatch: rows.csv: these columns are not used: 'e_mail_note'\n"
        "rows.csv:3: telegram_chat: '@bogdan' is not a chat; write the number that Telegram gives it, not a @name\n"
        "coverwatch: bad rows are in rows.csv.rejected; mend them there and import that file\n"
    )
    rejected = shop.folder / "rows.csv.rejected"
    assert rejected.read_text() == (
        "Customer;Telegram chat;E-mail note;error\n"
        'bogdan;@bogdan;"new; ""big""";'
        "\"telegram_chat: '@bogdan' is not a chat; write the number that Telegram gives it, not a @name\"\n"
    )
    assert rejected.stat().st_mode & 0o777 == 0o600
    rejected.write_text(rejected.read_text().replace(";@bogdan;", ";700000002;"))
    assert shop.runs("customers", str(rejected)).status == 0
    assert known(shop, customer.c.name, customer.c.chat) == [("alice", 700000001), ("bogdan", 700000002)]


def test_a_row_rejected_again_has_the_newest_reason_only(shop: Shop) -> None:
    words = 'customer,error,telegram_chat\nalice,"old, reason",@alice\nx,y\nbogdan,,1\n'
    assert shop.imports("customers", words, "--keep-good").status == 1
    assert (shop.folder / "rows.csv.rejected").read_text() == (
        "customer,error,telegram_chat\n"
        '"alice","telegram_chat: \'@alice\' is not a chat; write the number that Telegram gives it, not a @name",'
        '"@alice"\n'
        "x,y\n"
    )


def test_rejected_lines_of_json_stay_lines_of_json(shop: Shop) -> None:
    words = '{"customer": "alice", "telegram_chat": 1.50}\n{}\n{"customer": "bogdan"\n{"customer": "chen"}\n'
    ended = shop.imports(
        "customers", words, "--keep-good", "--rejected", str(shop.folder / "bad.jsonl"), name="a.jsonl"
    )
    assert ended.out == "customers: 1 new, 0 changed, 0 unchanged, 3 rejected\n"
    assert (shop.folder / "bad.jsonl").read_text().splitlines() == [
        (
            '{"customer": "alice", "telegram_chat": 1.50, "error": "telegram_chat: \'1.50\' is not a chat; '
            'write the number that Telegram gives it, not a @name"}'
        ),
        '{"error": "customer: is empty; every row needs it"}',
        (
            '{"line": "{\\"customer\\": \\"bogdan\\"", "error": "is not JSON at character 23: '
            "Expecting ',' delimiter; write one object on each line\"}"
        ),
    ]


def test_a_bad_row_is_kept_byte_by_byte(shop: Shop) -> None:
    words = b"\xef\xbb\xbfcustomer,email\r\nJ\xf6rg,x\r\nalice,\r\n"
    ended = shop.imports("customers", words, "--keep-good")
    assert ended.err.startswith("rows.csv:2: byte 2 of the line is not UTF-8; save the file as UTF-8\n")
    assert (shop.folder / "rows.csv.rejected").read_bytes() == (
        b'\xef\xbb\xbfcustomer,email,error\nJ\xf6rg,x,"byte 2 of the line is not UTF-8; save the file as UTF-8"\n'
    )


def test_no_file_of_rejected_rows_appears_when_there_are_none_or_nothing_is_done(shop: Shop) -> None:
    shop.imports("customers", CUSTOMERS, "--keep-good")
    shop.imports("customers", "customer,telegram_chat\nalice,@alice\n", "--keep-good", "--dry-run")
    assert sorted(path.name for path in shop.folder.iterdir() if "rejected" in path.name) == []


def test_rejected_rows_that_cannot_be_written_stop_the_import(shop: Shop) -> None:
    ended = shop.imports(
        "customers", "customer,email\nalice,\nbogdan,x\n", "--keep-good", "--rejected", "nowhere/bad.csv"
    )
    assert ended.status == 1
    assert ended.err.splitlines()[1:] == [
        "rows.csv: rejected rows cannot be written to nowhere/bad.csv: No such file or directory"
    ]
    assert count(shop, customer) == 0


def test_programs_get_one_document(shop: Shop) -> None:
    good = shop.imports("customers", CUSTOMERS, "--json")
    assert (good.status, good.err) == (0, "")
    assert good.document == {
        "kind": "customers", "new": 3, "changed": 0, "unchanged": 0, "rejected": 0, "errors": [], "more_errors": 0,
        "dry_run": False, "written": True,
    }  # fmt: skip
    bad = shop.imports("customers", "customer,email\nalice,x y\nbogdan,\n", "--json", "--dry-run")
    assert (bad.status, bad.err) == (1, "")
    assert bad.document == {
        "kind": "customers", "new": 0, "changed": 0, "unchanged": 1, "rejected": 1,
        "errors": [
            {"line": 2, "column": "email", "error": "'x y' is not an e-mail address; write one such as ann@example.org"}
        ],
        "more_errors": 0, "dry_run": True, "written": False,
    }  # fmt: skip


def test_of_many_faults_the_first_fifty_are_told(shop: Shop) -> None:
    rows = "".join(f"c-{number},@c\n" for number in range(1234))
    ended = shop.imports("customers", f"customer,telegram_chat\n{rows}")
    lines = ended.err.splitlines()
    assert [line.split(":")[1] for line in lines[:50]] == [str(number) for number in range(2, 52)]
    assert lines[50:] == [
        "and 1184 more",
        "coverwatch: mend these rows, or take the good ones alone with --keep-good",
    ]
    assert ended.out == "customers: 0 new, 0 changed, 0 unchanged, 1234 rejected; nothing was written\n"


async def test_whoever_is_interrupted_before_the_commit_has_written_nothing(database: str) -> None:
    store = await connect(database)
    rows = table(Format.CSV, Lines(io.BytesIO(CUSTOMERS.encode())), ["customer"], [])
    tally = Tally(told=10)

    def interrupted() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()

    importing = asyncio.create_task(
        Intake(Kind.CUSTOMERS, Terms({}, "en", NOON), tally, None).run(
            store, rows, dry_run=False, progress=lambda: None, too_late=interrupted
        )
    )
    with pytest.raises(asyncio.CancelledError):
        await importing
    async with store.read() as connection:
        assert (await connection.execute(select(customer.c.name))).all() == []
    await store.close()
    assert not tally.written
