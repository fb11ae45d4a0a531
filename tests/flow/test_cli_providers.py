"""What an operator sees of providers at the prompt: their troubles now, their accounts, and what they will be asked."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from monitor.demo.digitalocean import DigitalOceanApi
from monitor.store.engine import connect
from tests.flow.driven import HOUR, NOON, sell, shelve, vpn, vps
from tests.flow.program import Ended, coverwatch
from tests.peers.publisher import Publisher

CONFIG = """
[store]
url = "{database}"

[tiers.do-basic]
niche = "vps"
rank = 10
provider = "digitalocean"
region = "Frankfurt"
ram_mib = 1024

[tiers.vpn-eu]
niche = "vpn"
rank = 10

[providers.digitalocean]
kind = "digitalocean"
api = "{api}"
per_second = 10
allow = ["127.0.0.0/8"]

[status_pages.main]
kind = "vultr"
provider = "digitalocean"
url = "{page}"
allow = ["127.0.0.0/8"]

[notifier]
kind = "console"
"""


@asynccontextmanager
async def a_shop(folder: Path, database: str) -> AsyncIterator[tuple[Path, DigitalOceanApi, Publisher]]:
    """Sell two accounts and a range; one account lies on the shelf."""
    async with DigitalOceanApi() as api, Publisher() as publisher:
        file = folder / "monitor.toml"
        page = publisher.url("status.json")
        file.write_text(CONFIG.format(database=database, api=api.base_url, page=page))
        (folder / "secrets").mkdir()
        for name in ("hers", "his", "spare"):
            (folder / "secrets" / name).write_text(api.account(name).token)
        publisher.publish("status.json", json.dumps({"service_alerts": [], "regions": {}}).encode())
        store = await connect(database)
        await sell(store, {"alice": [vps("hers")], "bob": [vps("his"), vpn(1)]}, NOON - HOUR)
        await shelve(store, [vps("spare")], NOON)
        await store.close()
        yield file, api, publisher


async def ran(file: Path, *words: str) -> Ended:
    return await asyncio.to_thread(coverwatch, *words, "--config", file)


async def test_accounts_are_held_against_what_their_tiers_promise(tmp_path: Path, sqlite_url: str) -> None:
    async with a_shop(tmp_path, sqlite_url) as (file, api, _):
        assert (await ran(file, "accounts", "check")).status == 0
        api.accounts["hers"].droplets[0].region = "sgp1"
        api.lock("his", "Your account is locked.")

        ended = await ran(file, "accounts", "check", "--json")
        assert ended.status == 2
        found = {row["unit"]: row for row in ended.document["accounts"]}
        assert list(found) == ["hers", "his", "spare"]
        assert found["hers"]["defects"]["wrong_region"] == {
            "look": "bad",
            "why": "in sgp1 (Singapore), ordered Frankfurt",
        }
        assert [name for name, each in found["his"]["defects"].items() if each["look"] == "bad"] == ["account_banned"]
        assert found["spare"]["look"] == "good"
        assert "wrong_region: in sgp1" in (await ran(file, "accounts", "check", "hers")).out


async def test_the_status_of_providers_is_what_their_pages_say_now(tmp_path: Path, sqlite_url: str) -> None:
    async with a_shop(tmp_path, sqlite_url) as (file, _, publisher):
        assert (await ran(file, "status")).status == 0
        alert = {"id": "7", "subject": "Power failure", "status": "ongoing"}
        said = {"service_alerts": [], "regions": {"fra1": {"alerts": [alert]}}}
        publisher.publish("status.json", json.dumps(said).encode())
        ended = await ran(file, "status", "--json")
        assert ended.status == 2
        [page] = ended.document["pages"]
        assert [(each["words"], each["regions"]) for each in page["troubles"]] == [("Power failure", ["fra1"])]
        assert "Power failure" in (await ran(file, "status")).out
        assert (await ran(file, "status", "--recorded")).status == 0

        publisher.publish("status.json", b"", status=503)
        ended = await ran(file, "status")
        assert (ended.status, "was not heard" in ended.err) == (3, True)


async def test_the_plan_shows_what_each_provider_is_asked(tmp_path: Path, sqlite_url: str) -> None:
    async with a_shop(tmp_path, sqlite_url) as (file, _, _):
        planned = (await ran(file, "plan", "--json")).document
        [accounts] = [each for each in planned["checks"] if each["check"] == "account"]
        # Those delivered long ago are looked at no more: what is left is the spare, with three questions.
        assert [(row["provider"], row["accounts"], row["questions"]) for row in accounts["providers"]] == [
            ("digitalocean", 1, 3)
        ]
        assert "A SECOND" in (await ran(file, "plan")).out
