"""Files that cannot be used, and commands that make no sense: a clear word, a status, and nothing half written."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, text

from monitor.store.tables import customer, unit
from tests.conftest import CHECKOUT
from tests.flow.importer import Shop

TOKEN = "dop_v1_" + "0123456789abcdef" * 4
NOTHING = "customers: 0 new, 0 changed, 0 unchanged, 0 rejected; nothing was written\n"


@pytest.fixture
def shop(tmp_path: Path, database: str) -> Shop:
    return Shop.opened(tmp_path, database)


@pytest.fixture
def small_shop(tmp_path: Path, migrated_sqlite: Path) -> Shop:
    """Give a shop on SQLite alone, for what the database has no part in."""
    (tmp_path / "shop.sqlite").write_bytes((migrated_sqlite / "coverwatch.sqlite").read_bytes())
    return Shop.opened(tmp_path, f"sqlite:///{tmp_path}/shop.sqlite")


def customers(shop: Shop) -> int:
    return int(shop.reads(select(func.count()).select_from(customer))[0][0])


def test_a_file_that_is_not_there_is_named(small_shop: Shop) -> None:
    ended = small_shop.runs("customers", str(small_shop.folder / "nowhere.csv"))
    assert (ended.status, ended.out, ended.err) == (
        1, NOTHING, "nowhere.csv: cannot be read: No such file or directory\n",
    )  # fmt: skip


def test_a_folder_is_no_file(small_shop: Shop) -> None:
    (small_shop.folder / "inbox").mkdir()
    ended = small_shop.runs("customers", str(small_shop.folder / "inbox"))
    assert (ended.status, ended.err) == (1, "inbox: cannot be read: Is a directory\n")


def test_a_file_that_may_not_be_read_is_told(small_shop: Shop) -> None:
    # The one kind of file that even root may only write.
    ended = small_shop.runs("customers", "/proc/sys/vm/compact_memory")
    assert (ended.status, ended.err) == (1, "/proc/sys/vm/compact_memory: cannot be read: Permission denied\n")


def test_a_file_that_fails_while_it_is_read_is_told(small_shop: Shop) -> None:
    # Nobody can read the first page of a process.
    ended = small_shop.runs("customers", "/proc/self/mem", "--format", "csv")
    assert (ended.status, ended.err) == (1, "/proc/self/mem:1: cannot be read: Input/output error\n")


def test_an_empty_file_says_what_it_should_hold(small_shop: Shop) -> None:
    ended = small_shop.imports("customers", "")
    assert (ended.status, ended.err) == (
        1, "rows.csv: is empty; its first line names the columns: customer, language, telegram_chat, email\n",
    )  # fmt: skip


def test_a_file_without_rows_is_no_fault(small_shop: Shop) -> None:
    ended = small_shop.imports("customers", "customer,language\n")
    assert (ended.status, ended.out, ended.err) == (
        0, "customers: 0 new, 0 changed, 0 unchanged, 0 rejected\n", "coverwatch: rows.csv holds no rows\n",
    )  # fmt: skip


def test_a_missing_column_is_told_with_those_that_are_there(small_shop: Shop) -> None:
    ended = small_shop.imports("stock", "unit;tier\r\nvpn-1;vpn-eu\r\n", "--keep-good")
    assert (ended.status, ended.err) == (
        1, "rows.csv:1: supplier: this column is missing; there are: unit, tier\n",
    )  # fmt: skip


def test_programs_are_told_of_an_unusable_file_in_their_document(small_shop: Shop) -> None:
    ended = small_shop.imports("stock", "unit,tier\nvpn-1,vpn-eu\n", "--json")
    assert (ended.status, ended.err) == (1, "")
    assert ended.document["errors"] == [
        {"line": 1, "column": "supplier", "error": "this column is missing; there are: unit, tier"}
    ]
    assert ended.document["written"] is False


def test_a_database_of_a_newer_version_is_left_alone(shop: Shop) -> None:
    shop.writes(text("update alembic_version set version_num = '9999'"))
    ended = shop.imports("customers", "customer\nalice\n")
    assert (ended.status, ended.out) == (1, "")
    assert ended.err == (
        "coverwatch: the database was written by a newer coverwatch (schema 9999); "
        "install that version again, or restore the backup made before it\n"
    )


def test_a_configuration_that_cannot_be_used_ends_with_78(small_shop: Shop) -> None:
    (small_shop.folder / "monitor.toml").write_text("nonsense = 1\n")
    ended = small_shop.imports("customers", "customer\nalice\n")
    assert (ended.status, ended.out) == (78, "")
    assert "nonsense" in ended.err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        pytest.param([], "name a file, or - for standard input; see one with: coverwatch import stock --example",
                     id="no file"),
        pytest.param(["-", "--keep-good"], "needs a place for bad rows: --rejected PATH", id="bad rows of a pipe"),
        pytest.param(["a.csv", "--rejected", "b.csv"], "--rejected goes with --keep-good", id="rejected alone"),
        pytest.param(["a.csv", "--format", "xlsx"], "'xlsx' is not one of 'csv', 'jsonl'", id="an unknown format"),
    ],
)  # fmt: skip
def test_a_command_that_makes_no_sense_ends_with_2(small_shop: Shop, words: list[str], told: str) -> None:
    ended = small_shop.runs("stock", *words)
    assert (ended.status, ended.out) == (2, "")
    assert told in ended.err


def test_rejected_rows_do_not_replace_the_file_they_come_from(small_shop: Shop) -> None:
    file = small_shop.file("customer,email\nalice,x\n")
    ended = small_shop.runs("customers", str(file), "--keep-good", "--rejected", str(file))
    assert ended.status == 2
    assert file.read_text() == "customer,email\nalice,x\n"


def test_a_link_is_not_followed_where_rejected_rows_are_written(small_shop: Shop) -> None:
    aim = small_shop.folder / "aim"
    (small_shop.folder / "rows.csv.rejected.part").symlink_to(aim)
    ended = small_shop.imports("customers", "customer,email\nalice,x\n", "--keep-good")
    assert (ended.status, aim.exists()) == (1, False)


@pytest.mark.parametrize("options", [[], ["--json"], ["--dry-run"]])
def test_a_secret_in_a_file_is_not_repeated(small_shop: Shop, options: list[str]) -> None:
    rows = f"vps-1,do-basic,harbour,{TOKEN}\n{TOKEN},do-basic,harbour,do-1,{TOKEN}\nvps-3,{TOKEN},harbour,do-3\n"
    ended = small_shop.imports("stock", f"unit,tier,supplier,access\n{rows}", *options)
    assert ended.status == 1
    assert TOKEN[:20] not in ended.out + ended.err


def test_no_shop_of_the_configuration_is_needed_to_see_an_example(small_shop: Shop) -> None:
    (small_shop.folder / "monitor.toml").unlink()
    assert small_shop.runs("stock", "--example").status == 0


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_the_examples_can_be_imported(shop: Shop, form: str) -> None:
    for kind in ("customers", "deliveries", "stock"):
        example = shop.runs(kind, "--example", "--format", form).out
        ended = shop.imports(kind, example, name=f"rows.{form}")
        assert (ended.status, ended.out) == (0, f"{kind}: 3 new, 0 changed, 0 unchanged, 0 rejected\n")
    assert shop.reads(select(func.count()).select_from(unit)) == [(6,)]


@pytest.mark.parametrize("kind", ["customers", "deliveries", "stock"])
def test_the_samples_of_the_manual_are_the_examples(small_shop: Shop, kind: str) -> None:
    assert (CHECKOUT / "docs" / "samples" / f"{kind}.csv").read_text() == small_shop.runs(kind, "--example").out


WORDS = st.sampled_from(
    ["customer", "language", "email", "alice", "bogdan", "en", ",", ",", ";", '"', "\n", "\n", "\r\n", "\x00", "{", "}",
     ":", '"customer"', "-", "a@b", "\ufeff", "\u202e", "ß", TOKEN]
)  # fmt: skip


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    body=st.lists(WORDS, max_size=30).map(lambda words: "".join(words).encode()) | st.binary(max_size=100),
    head=st.sampled_from([b"", b"customer,language\n", b"customer;email\r\n", b'{"customer": "a"}\n']),
    options=st.sets(st.sampled_from(["--keep-good", "--dry-run", "--json"])),
)
def test_whatever_a_file_holds_the_command_ends_in_words(
    small_shop: Shop, body: bytes, head: bytes, options: set[str]
) -> None:
    before = customers(small_shop)
    ended = small_shop.imports("customers", head + body, *sorted(options), name="rows")
    assert ended.status in {0, 1}
    assert TOKEN not in ended.out + ended.err
    if ended.status == 1 and "--keep-good" not in options:
        assert customers(small_shop) == before
