"""DigitalOcean's API as the double plays it: every answer conforms to the description, every bad day looks real."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import aiohttp
import pytest

from monitor.clock import DrivenClock
from monitor.demo.digitalocean import Broken, DigitalOceanApi, EdgePage, Limited, Slow, Well
from monitor.demo.droplets import Droplet
from tests.contract.specs import OpenApiSpec

NOON = datetime(2026, 9, 1, 12, 0, tzinfo=UTC)


@dataclass
class Answer:
    status: int
    body: dict[str, object]
    headers: dict[str, str] = field(default_factory=dict)

    def account(self, name: str) -> object:
        account = self.body["account"]
        assert isinstance(account, dict)
        return account.get(name)

    def items(self, key: str) -> list[dict[str, object]]:
        items = self.body[key]
        assert isinstance(items, list)
        return items

    def pages(self) -> dict[str, str]:
        links = self.body["links"]
        assert isinstance(links, dict)
        return dict(links.get("pages", {}))


Get = Callable[..., Awaitable[Answer]]


@pytest.fixture
def spec(shared: Path) -> OpenApiSpec:
    return OpenApiSpec.read(shared / "specs" / "digitalocean.readonly.json")


@pytest.fixture
async def api() -> AsyncIterator[DigitalOceanApi]:
    async with DigitalOceanApi(DrivenClock(NOON)) as api:
        yield api


@pytest.fixture
async def get(api: DigitalOceanApi, spec: OpenApiSpec) -> AsyncIterator[Get]:
    async with aiohttp.ClientSession() as session:

        async def get(path: str, name: str = "shop-1", *, token: str | None = None, conforms: bool = True) -> Answer:
            key = token or (api.accounts[name].token if name in api.accounts else "dop_v1_fake_nobody")
            async with session.get(api.base_url + path, headers={"Authorization": f"Bearer {key}"}) as response:
                answer = Answer(
                    response.status, await response.json(), {k.lower(): v for k, v in response.headers.items()}
                )
            split = urlsplit(path)
            if conforms and split.path in spec.paths:
                faults = spec.query(split.path, dict(parse_qsl(split.query)))
                assert faults + spec.answer(split.path, answer.status, answer.body) == []
            return answer

        yield get


@pytest.mark.parametrize(
    "path",
    [
        "/v2/account",
        "/v2/droplets",
        "/v2/droplets?page=2&per_page=2",
        "/v2/droplets?type=gpus",
        "/v2/regions",
        "/v2/sizes",
        "/v2/customers/my/balance",
    ],
)
async def test_every_answer_conforms(api: DigitalOceanApi, get: Get, path: str) -> None:
    account = api.account("shop-1", droplets=5)
    account.gpus.append(Droplet(900, "gpu", "198.18.3.132", region="tor1", size="gpu-h100x1-80gb"))
    for change in (api.unlock, api.warn, api.lock):
        change("shop-1")
        assert (await get(path)).status == 200
    api.revoke("shop-1")
    assert (await get(path)).status == 401
    api.restore("shop-1")
    for trouble in (Broken(500), Broken(503), Limited(), Limited(retry_after=30)):
        api.behave("shop-1", trouble)
        assert (await get(path)).status in {429, 500, 503}
    api.behave("shop-1", Well())
    assert (await get(path)).status == 200


async def test_an_account_in_good_standing_says_so_with_a_blank(api: DigitalOceanApi, get: Get) -> None:
    api.account("shop-1")
    answer = await get("/v2/account")
    assert (answer.account("status"), answer.account("status_message")) == ("active", " ")


async def test_a_locked_account_answers_200_and_its_servers_are_off(api: DigitalOceanApi, get: Get) -> None:
    api.account("shop-1", droplets=3)
    api.lock("shop-1", "lock on the account")
    answer = await get("/v2/account")
    assert (answer.status, answer.account("status"), answer.account("status_message")) == (
        200,
        "locked",
        "lock on the account",
    )
    assert [droplet["status"] for droplet in (await get("/v2/droplets")).items("droplets")] == ["off"] * 3
    assert (await get("/v2/customers/my/balance")).status == 200
    api.unlock("shop-1")
    assert (await get("/v2/account")).account("status") == "active"
    assert (await get("/v2/droplets")).items("droplets")[0]["status"] == "active"


async def test_a_warned_account_keeps_its_servers(api: DigitalOceanApi, get: Get) -> None:
    api.account("shop-1")
    api.warn("shop-1", "Please open a ticket.")
    assert (await get("/v2/account")).account("status") == "warning"
    assert (await get("/v2/droplets")).items("droplets")[0]["status"] == "active"


async def test_a_revoked_token_and_a_token_of_nobody_get_the_same_answer(api: DigitalOceanApi, get: Get) -> None:
    api.account("shop-1")
    api.revoke("shop-1")
    revoked, stranger = await get("/v2/account"), await get("/v2/account", token="dop_v1_fake_stranger")
    assert (revoked.status, revoked.body) == (stranger.status, stranger.body)
    assert revoked.body["id"] == "unauthorized"
    assert revoked.body["message"] == "Unable to authenticate you."


async def test_one_account_is_not_another(api: DigitalOceanApi, get: Get) -> None:
    api.account("shop-1")
    api.account("shop-2", token="dop_v1_fake_own_token", droplets=2)
    api.lock("shop-1")
    assert (await get("/v2/account", "shop-2")).account("status") == "active"
    first, second = [(await get("/v2/droplets", name)).items("droplets") for name in ("shop-1", "shop-2")]
    assert {str(one["networks"]) for one in first}.isdisjoint({str(one["networks"]) for one in second})


async def test_a_missing_scope_is_forbidden(api: DigitalOceanApi, get: Get) -> None:
    api.account("shop-1")
    api.narrow("shop-1", "account:read")
    answer = await get("/v2/account")
    assert (answer.status, answer.body["id"]) == (403, "forbidden")
    assert (await get("/v2/droplets")).status == 200


async def test_a_narrow_token_gets_missing_keys_instead_of_an_error(api: DigitalOceanApi, get: Get) -> None:
    api.account("shop-1")
    api.narrow("shop-1", "droplet:read")
    answer = await get("/v2/account", conforms=False)
    assert answer.status == 200
    assert answer.account("droplet_limit") is None
    assert (await get("/v2/droplets")).status == 403


async def test_the_burst_limit_says_how_long_and_the_hourly_one_does_not(api: DigitalOceanApi, get: Get) -> None:
    api.account("shop-1")
    api.behave("shop-1", Limited(retry_after=17))
    burst = await get("/v2/account")
    assert (burst.status, burst.body["id"], burst.headers["retry-after"]) == (429, "too_many_requests", "17")
    api.behave("shop-1", Limited())
    hourly = await get("/v2/account")
    assert "retry-after" not in hourly.headers
    assert hourly.headers["ratelimit-remaining"] == "0"
    assert int(hourly.headers["ratelimit-reset"]) == NOON.timestamp() + 3600


async def test_each_answer_counts_down_the_hour(api: DigitalOceanApi, get: Get) -> None:
    api.account("shop-1")
    left = [int((await get("/v2/account")).headers["ratelimit-remaining"]) for _ in range(3)]
    assert left == [4999, 4998, 4997]


async def test_a_listing_comes_in_pages_with_links(api: DigitalOceanApi, get: Get) -> None:
    api.account("shop-1", droplets=5)
    seen: list[object] = []
    links: list[set[str]] = []
    path = "/v2/droplets?per_page=2"
    while path and len(links) < 5:
        answer = await get(path)
        seen += [droplet["id"] for droplet in answer.items("droplets")]
        pages = answer.pages()
        links.append(set(pages))
        path = pages.get("next", "").removeprefix(api.base_url)
        assert answer.body["meta"] == {"total": 5}
    assert seen == [droplet.id for droplet in api.accounts["shop-1"].droplets]
    assert links == [{"next", "last"}, {"first", "prev", "next", "last"}, {"first", "prev"}]


async def test_a_single_page_has_no_links(api: DigitalOceanApi, get: Get) -> None:
    api.account("shop-1", droplets=5)
    assert (await get("/v2/droplets?per_page=200&page=1")).body["links"] == {}
    assert (await get("/v2/droplets?page=7")).items("droplets") == []


async def test_one_page_of_three_fails_and_the_account_does_not(api: DigitalOceanApi, get: Get) -> None:
    api.account("shop-1", droplets=5)
    api.behave("shop-1", Broken(503, page=2))
    statuses = [(await get(f"/v2/droplets?per_page=2&page={page}")).status for page in (1, 2, 3)]
    assert statuses == [200, 503, 200]
    assert (await get("/v2/account")).status == 200


async def test_gpu_servers_are_listed_apart(api: DigitalOceanApi, get: Get) -> None:
    account = api.account("shop-1", droplets=1)
    account.gpus.append(Droplet(900, "gpu", "198.18.3.132", region="tor1", size="gpu-h100x1-80gb"))
    assert [droplet["name"] for droplet in (await get("/v2/droplets")).items("droplets")] == ["shop-1-0"]
    assert [droplet["name"] for droplet in (await get("/v2/droplets?type=gpus")).items("droplets")] == ["gpu"]
    api.lock("shop-1")
    assert [droplet["status"] for droplet in (await get("/v2/droplets?type=gpus")).items("droplets")] == ["off"]


async def test_a_server_may_be_smaller_than_its_plan_or_elsewhere(api: DigitalOceanApi, get: Get) -> None:
    droplet = api.account("shop-1", droplets=1).droplets[0]
    droplet.memory, droplet.region = 512, "sgp1"
    told = (await get("/v2/droplets")).items("droplets")[0]
    assert told["memory"] == 512
    region = told["region"]
    assert isinstance(region, dict)
    assert region["slug"] == "sgp1"


async def test_the_edge_answers_with_a_page_for_people(api: DigitalOceanApi) -> None:
    api.account("shop-1")
    api.behave("shop-1", EdgePage(502))
    headers = {"Authorization": f"Bearer {api.accounts['shop-1'].token}"}
    async with aiohttp.ClientSession(headers=headers) as session, session.get(f"{api.base_url}/v2/account") as response:
        assert (response.status, response.content_type) == (502, "text/html")
        assert (await response.text()).startswith("<!DOCTYPE html>")


async def test_a_slow_answer_is_late_and_right(api: DigitalOceanApi, get: Get) -> None:
    api.account("slow-1")
    api.account("shop-1")
    api.behave("slow-1", Slow(0.2))
    order: list[str] = []

    async def note(name: str) -> None:
        order.append(str((await get("/v2/account", name)).account("name")))

    await asyncio.gather(note("slow-1"), note("shop-1"))
    assert order == ["shop-1", "slow-1"]


async def test_an_outage_meets_every_account_until_it_is_over(api: DigitalOceanApi, get: Get) -> None:
    for name in ("shop-1", "shop-2"):
        api.account(name)
    api.trouble = Broken(503)
    assert [(await get("/v2/account", name)).status for name in ("shop-1", "shop-2")] == [503, 503]
    api.trouble = Well()
    assert [(await get("/v2/account", name)).status for name in ("shop-1", "shop-2")] == [200, 200]


async def test_the_api_may_refuse_connections_and_come_back_on_its_port(api: DigitalOceanApi, get: Get) -> None:
    api.account("shop-1")
    before = api.base_url
    await api.refuse()
    with pytest.raises(aiohttp.ClientConnectionError):
        await get("/v2/account")
    await api.listen()
    assert api.base_url == before
    assert (await get("/v2/account")).status == 200


async def test_an_unknown_address_is_not_found(api: DigitalOceanApi, get: Get) -> None:
    api.account("shop-1")
    answer = await get("/v2/kubernetes/clusters")
    assert (answer.status, answer.body["id"]) == (404, "not_found")


async def test_the_server_of_a_denied_account_still_answers_until_it_is_gone(api: DigitalOceanApi, get: Get) -> None:
    api.account("shop-1")
    api.revoke("shop-1")
    port = await api.plug_in("shop-1")
    assert (await get("/v2/account")).status == 401
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    assert (await reader.readline()).startswith(b"SSH-2.0-")
    await api.unplug("shop-1")
    assert await reader.read() == b""
    writer.close()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)
