"""Secrets of accounts, sealed in the database: asked with, and never shown again."""

import asyncio
from pathlib import Path

import pytest

from config import load
from monitor.app import keeper
from monitor.core.secret import Secret
from monitor.demo.digitalocean import DigitalOceanApi
from monitor.store import safe
from monitor.store.boxes import Seal, new_key
from monitor.store.engine import connect
from tests.flow.driven import NOON
from tests.flow.program import Ended, coverwatch

CONFIG = """
[store]
url = "{database}"

[secrets]
key = "store_key"

[tiers.do-basic]
niche = "vps"
rank = 10
provider = "digitalocean"

[providers.digitalocean]
kind = "digitalocean"
api = "{api}"
allow = ["127.0.0.0/8"]

[notifier]
kind = "console"
"""


def a_shop(folder: Path, database: str, api: str = "https://api.digitalocean.com") -> Path:
    file = folder / "monitor.toml"
    file.write_text(CONFIG.format(database=database, api=api))
    (folder / "secrets").mkdir()
    (folder / "secrets" / "store_key").write_text(new_key())
    return file


def anywhere(folder: Path, token: str) -> bool:
    """Tell whether a database in this folder holds a token as it is."""
    return any(token.encode() in each.read_bytes() for each in folder.glob("coverwatch.sqlite*"))


async def ran(file: Path, *words: str | Path) -> Ended:
    return await asyncio.to_thread(coverwatch, *words, "--config", file)


async def test_an_account_is_asked_with_a_sealed_secret_that_nobody_is_shown(tmp_path: Path, sqlite_url: str) -> None:
    async with DigitalOceanApi() as api:
        token = api.account("hers").token
        file, rows = a_shop(tmp_path, sqlite_url, api.base_url), tmp_path / "accounts.csv"
        rows.write_text(f"name,secret\nhers,{token}\n")
        assert (await ran(file, "secrets", "seal", rows)).out == "1 sealed\n"
        listed = await ran(file, "secrets", "list", "--json")
        assert [row["name"] for row in listed.document] == ["hers"]

        asked = await ran(file, "providers", "test", "digitalocean", "--access", "hers", "--json")
        assert (asked.status, asked.document["state"]) == (0, "active")
        assert not anywhere(tmp_path, token)
        assert token not in listed.out + asked.out + asked.err

        assert (await ran(file, "secrets", "forget", "hers")).status == 0
        assert (await ran(file, "secrets", "forget", "hers")).status == 1
        gone = await ran(file, "providers", "test", "digitalocean", "--access", "hers", "--json")
        assert "none of that name is sealed" in gone.document["words"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param("name\nhers\n", "the columns name and secret are needed", id="no column"),
        pytest.param("name,secret\nhers,\n", "must both be given", id="no secret"),
        pytest.param("name,secret\n../hers,dop_v1_fake\n", "letters, digits, dots and dashes only", id="a folder"),
    ],
)
async def test_what_is_wrong_is_said_without_the_secret(tmp_path: Path, sqlite_url: str, text: str, told: str) -> None:
    file, rows = a_shop(tmp_path, sqlite_url), tmp_path / "accounts.csv"
    rows.write_text(text)
    ended = await ran(file, "secrets", "seal", rows)
    assert (ended.status, told in ended.err, "fake" in ended.err) == (1, True, False)


async def test_a_file_goes_before_and_another_key_or_name_opens_nothing(tmp_path: Path, sqlite_url: str) -> None:
    config = load(a_shop(tmp_path, sqlite_url))
    store = await connect(config.store_url)
    try:
        seal = Seal(config.secret("store_key"))
        async with store.write() as connection:
            await safe.put(connection, seal, {"hers": Secret("sealed"), "his": Secret("his")}, NOON)
        secrets = keeper(config, store)
        assert await secrets.read("hers") == Secret("sealed")
        (tmp_path / "secrets" / "hers").write_text("from the file")
        assert await secrets.read("hers") == Secret("from the file")

        (tmp_path / "secrets" / "store_key").write_text(new_key())
        with pytest.raises(LookupError, match="which is not at hand"):
            await keeper(config, store).read("his")
    finally:
        await store.close()
