"""Ten thousand accounts in eight dialects, beside a plain aiohttp loop that asks the same: figures, no verdict."""

import asyncio
import base64
import json
import resource
import statistics
import subprocess
import sys
import time
import tomllib
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from checks.providers import Provider, open_provider
from monitor.clock import SystemClock
from monitor.core.account import Active
from monitor.core.secret import Secret
from tests.peers import crooked
from tests.peers.dialects import opened, options

ACCOUNTS = 10_000
PER_SECOND = 60.0
"""The budget of each provider."""
ROUNDS = 3
SEATS = 16
REQUESTS = {"contabo": 2, "cockbox": 2, "digitalocean": 3, "linode": 2}
"""By account, where it is not one."""

BEARER = {
    "digitalocean": (
        "/v2/account",
        "/v2/droplets?type=droplets&per_page=100&page=1",
        "/v2/droplets?type=gpus&per_page=100&page=1",
    ),
    "hetzner": ("/v1/servers?page=1&per_page=50",),
    "linode": ("/v4/account/notifications", "/v4/linode/instances?page=1&page_size=200"),
    "vultr": ("/v2/instances?per_page=200&cursor=",),
}

Places = Mapping[str, tuple[str, list[str]]]


@pytest.fixture
def places() -> Iterator[Places]:
    command = [sys.executable, "-m", "tests.peers.many_accounts", str(ACCOUNTS)]
    here = Path(__file__).parents[2]
    with subprocess.Popen(command, cwd=here, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield json.loads(server.stdout.readline())
        server.communicate()


async def guarded(places: Places, per_second: float) -> int:
    """Look at all accounts as sweeps do: a shard's worth at a time, judged and let go. Give the number of servers."""
    at, clock = datetime.now(UTC), SystemClock()
    servers = 0
    strange: Counter[str] = Counter()

    async def look(provider: Provider, secrets: Iterator[str]) -> None:
        nonlocal servers
        for secret in secrets:
            seen = await provider.look(Secret(secret), at)
            if isinstance(seen.state, Active) and seen.inventory is not None:
                servers += len(seen.inventory.servers)
            else:
                strange[repr(seen.state)[:80]] += 1

    async with AsyncExitStack() as stack:
        looks = []
        for dialect, (url, secrets) in places.items():
            reach = options(dialect, url, per_second=per_second, in_flight=SEATS, timeout=30.0)
            provider, session = open_provider(reach, clock)
            await stack.enter_async_context(session)
            waiting = iter(secrets)
            looks += [look(provider, waiting) for _ in range(2 * SEATS)]
        await asyncio.gather(*looks)
    assert not strange
    return servers


def questions(dialect: str, url: str, secret: str) -> list[tuple[str, str, dict[str, Any]]]:
    """Write down the same questions without any of the guards."""
    bearer = {"headers": {"authorization": f"Bearer {secret}"}}
    if dialect in BEARER:
        return [("GET", url + path, bearer) for path in BEARER[dialect]]
    match dialect:
        case "hetzner_robot":
            login = tomllib.loads(secret)
            basic = base64.b64encode(f"{login['user']}:{login['password']}".encode()).decode()
            return [("GET", f"{url}/server", {"headers": {"authorization": f"Basic {basic}"}})]
        case "njalla":
            ask = {"headers": {"authorization": f"Njalla {secret}"}, "json": {"method": "list-servers", "params": {}}}
            return [("POST", f"{url}/", ask)]
        case "cockbox":
            login = tomllib.loads(secret)
            services = [each.strip() for each in login["services"].split(",")]
            return [("GET", f"{url}/service/{each}", {"headers": {"x-api-key": login["key"]}}) for each in services]
        case _:
            login = tomllib.loads(secret) | {"grant_type": "password"}
            return [("POST", f"{url}/auth/realms/contabo/protocol/openid-connect/token", {"data": login})]


async def plain(places: Places) -> None:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=SEATS * len(places))) as client:

        async def ask(seats: asyncio.Semaphore, method: str, url: str, more: dict[str, Any]) -> Any:
            async with seats, client.request(method, url, **more) as response:
                return await response.json()

        async def look(seats: asyncio.Semaphore, dialect: str, url: str, secret: str) -> None:
            answer: Any = None
            for question in questions(dialect, url, secret):
                answer = await ask(seats, *question)
            if dialect == "contabo":
                headers = {"authorization": f"Bearer {answer['access_token']}", "x-request-id": str(uuid.uuid4())}
                await ask(seats, "GET", f"{url}/v1/compute/instances?page=1&size=100", {"headers": headers})

        looks = []
        for dialect, (url, secrets) in places.items():
            seats = asyncio.Semaphore(SEATS)
            looks += [look(seats, dialect, url, secret) for secret in secrets]
        await asyncio.gather(*looks)


@pytest.mark.bench
@pytest.mark.timeout(900)
async def test_ten_thousand_accounts(places: Places, capsys: pytest.CaptureFixture[str]) -> None:
    cpu: dict[str, list[float]] = {"plain": [], "guarded": []}
    for _ in range(ROUNDS):
        begun = time.process_time()
        await plain(places)
        cpu["plain"].append(time.process_time() - begun)
        begun = time.process_time()
        assert await guarded(places, per_second=1e6) == 2 * ACCOUNTS
        cpu["guarded"].append(time.process_time() - begun)
    begun = time.monotonic()
    await guarded(places, per_second=PER_SECOND)
    lasted = time.monotonic() - begun
    least = max(len(secrets) * REQUESTS.get(dialect, 1) for dialect, (_, secrets) in places.items()) / PER_SECOND
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    ours, theirs = statistics.median(cpu["guarded"]), statistics.median(cpu["plain"])
    with capsys.disabled():
        print(f"\n{ACCOUNTS} accounts: {ours:.1f} CPU s, a plain loop {theirs:.1f} s, ratio {ours / theirs:.2f}")
        print(
            f"within budgets of {PER_SECOND:g}/s: {lasted:.1f} s, least possible {least:.1f} s ({lasted / least:.3f})"
        )
        print(f"most memory of the process: {memory:.0f} MiB")


@pytest.mark.bench
async def test_the_loop_stays_awake_while_servers_misbehave(capsys: pytest.CaptureFixture[str]) -> None:
    large = b'{"instances": [' + b'{"id": "x", "main_ip": "203.0.113.7"},' * 25_000 + b'{"id": "y"}]}'
    cases = {
        "a gzip bomb": crooked.gzip_bomb,
        "an endless body": crooked.endless,
        "JSON 50,000 deep": crooked.deep_json,
        "a mebibyte of servers": crooked.whole(large.ljust(1 << 20)),
    }
    for what, misbehaviour in cases.items():
        async with crooked.misbehaving(misbehaviour) as url, opened("vultr", url, "fake", timeout=2.0) as here:
            lags = [0.0]
            watch = asyncio.create_task(_watch(lags))
            await here.provider.look(here.secret, datetime.now(UTC))
            watch.cancel()
        with capsys.disabled():
            print(f"\n{what}: the loop was away for at most {1000 * max(lags):.0f} ms", end="")


async def _watch(lags: list[float]) -> None:
    while True:
        before = time.monotonic()
        await asyncio.sleep(0.001)
        lags.append(time.monotonic() - before - 0.001)
