"""One contract for every provider: whatever happens in its dialect, the same closed outcomes come out."""

import asyncio
import gc
import itertools
import time
import tracemalloc
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from aiohttp import web

from monitor.clock import DrivenClock
from monitor.core.account import (
    AccountSeen,
    Active,
    Denied,
    Misconfigured,
    ServerState,
    Suspended,
    Warned,
    look_at_account,
)
from monitor.core.coverage import Bad, Good, Unclear
from monitor.core.observation import Silent
from monitor.demo.digitalocean import Broken, EdgePage, Limited, Well
from tests.peers import crooked
from tests.peers.dialects import DIALECTS, OtherOffice, World, opened, world

AT = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
every_dialect = pytest.mark.parametrize("dialect", DIALECTS)


async def look(dialect: str, there: World, secret: str) -> AccountSeen:
    async with opened(dialect, there.base_url, secret) as here:
        return await here.provider.look(here.secret, AT)


@every_dialect
async def test_an_account_in_order_is_active_and_its_listing_complete(dialect: str) -> None:
    async with world(dialect) as there:
        seen = await look(dialect, there, there.open("anna", 2))
    assert (seen.at, seen.provider, seen.state) == (AT, dialect, Active())
    assert seen.inventory is not None
    assert seen.inventory.complete
    assert [server.name for server in seen.inventory.servers] == ["anna-0", "anna-1"] or dialect == "cockbox"
    assert len({server.id for server in seen.inventory.servers}) == 2
    assert all(str(server.addresses[0]).startswith("198.18.0.") for server in seen.inventory.servers)
    assert look_at_account(seen, ()) == Good()


SIZED = {
    "contabo": ("EU", 2, 4096, 80, None),
    "digitalocean": ("fra1", 1, 1024, 25, 1000),
    "hetzner": ("fsn1", 2, 4096, 80, 20480),
    "hetzner_robot": ("fsn1", None, None, None, None),
    "linode": ("de-fra-2", 2, 4096, 80, 4000),
    "njalla": (None, None, None, None, None),
    "cockbox": (None, None, None, None, None),
    "vultr": ("fra", 2, 4096, 80, 4000),
}


@every_dialect
async def test_sizes_come_in_mib_and_gib_and_what_is_not_said_is_none(dialect: str) -> None:
    async with world(dialect) as there:
        seen = await look(dialect, there, there.open("anna", 1))
    assert seen.inventory is not None
    server = seen.inventory.servers[0]
    assert (server.region, server.vcpus, server.ram_mib, server.disk_gib, server.traffic_gib) == SIZED[dialect]
    assert server.raw


@every_dialect
async def test_an_empty_account_is_an_account(dialect: str) -> None:
    async with world(dialect) as there:
        seen = await look(dialect, there, there.open("anna", 0))
    if dialect == "cockbox":
        # Without a service there is no question that could be asked.
        assert isinstance(seen.state, Misconfigured)
    else:
        assert seen.state == Active()
        assert seen.inventory is not None
        assert (seen.inventory.servers, seen.inventory.complete) == ((), True)


WARNS = ["cockbox", "contabo", "digitalocean", "hetzner", "linode", "njalla"]


@pytest.mark.parametrize("dialect", WARNS)
async def test_a_warning_is_told_apart_and_is_no_ban(dialect: str) -> None:
    # Where the warning is an end that is near, it is near to the look.
    async with world(dialect, DrivenClock(AT)) as there:
        secret = there.open("anna", 2)
        there.warn("anna")
        seen = await look(dialect, there, secret)
    assert isinstance(seen.state, Warned)
    assert seen.state.words
    assert not isinstance(look_at_account(seen, ()), Bad)


@pytest.mark.parametrize("dialect", ["contabo", "digitalocean", "hetzner", "linode"])
async def test_a_lock_in_the_body_is_a_ban(dialect: str) -> None:
    async with world(dialect) as there:
        secret = there.open("anna", 1)
        there.lock("anna")
        seen = await look(dialect, there, secret)
    assert isinstance(seen.state, Suspended)
    assert isinstance(look_at_account(seen, ()), Bad)


@pytest.mark.parametrize("dialect", ["contabo", "hetzner", "njalla", "vultr"])
async def test_an_account_all_of_whose_servers_are_suspended_is_banned(dialect: str) -> None:
    async with world(dialect) as there:
        secret = there.open("anna", 2)
        assert isinstance(there, OtherOffice)
        there.api.suspend("anna")
        seen = await look(dialect, there, secret)
    assert seen.inventory is not None
    assert {server.state for server in seen.inventory.servers} == {ServerState.SUSPENDED}
    assert isinstance(look_at_account(seen, ()), Bad)


@every_dialect
async def test_a_key_that_is_refused_is_access_denied_and_never_a_ban(dialect: str) -> None:
    async with world(dialect) as there:
        secret = there.open("anna", 1)
        there.revoke("anna")
        seen = await look(dialect, there, secret)
    assert isinstance(seen.state, Denied)
    assert isinstance(look_at_account(seen, ()), Unclear)


@pytest.mark.parametrize("dialect", ["contabo", "digitalocean", "hetzner", "linode", "njalla", "vultr"])
async def test_a_refusal_for_our_own_fault_is_ours(dialect: str) -> None:
    async with world(dialect) as there:
        secret = there.open("anna", 1)
        there.misconfigure("anna")
        seen = await look(dialect, there, secret)
    assert isinstance(seen.state, Misconfigured)
    assert isinstance(look_at_account(seen, ()), Unclear)


@every_dialect
@pytest.mark.parametrize("secret", ["", "two words", 'key = "unfinished', "fake\r\nX-Injected: 1", "[[["])
async def test_a_secret_that_cannot_be_one_is_never_sent(dialect: str, secret: str) -> None:
    async with (
        world(dialect) as there,
        crooked.proxy(there.base_url, lambda _: None) as (url, asked),
        opened(dialect, url, secret) as here,
    ):
        seen = await here.provider.look(here.secret, AT)
    bearer = dialect in {"digitalocean", "hetzner", "linode", "njalla", "vultr"}
    if bearer and secret == "[[[":
        assert isinstance(seen.state, Denied)
    else:
        assert isinstance(seen.state, Misconfigured)
        assert asked == []
        # The parser of such files likes to quote them.
        assert "unfinished" not in seen.state.words


@every_dialect
@pytest.mark.parametrize("after", [pytest.param(3600, id="with Retry-After"), pytest.param(None, id="without")])
async def test_a_limit_is_silence_and_is_kept_to(dialect: str, after: int | None) -> None:
    async with world(dialect) as there:
        secret = there.open("anna", 1)
        there.behave("anna", Limited(after))
        async with opened(dialect, there.base_url, secret) as here:
            first = await here.provider.look(here.secret, AT)
            there.behave("anna", Well())
            second = await here.provider.look(here.secret, AT)
    assert isinstance(first.state, Silent)
    assert isinstance(second.state, Silent)
    assert "renews in" in second.state.why
    assert isinstance(look_at_account(second, ()), Unclear)


@every_dialect
@pytest.mark.parametrize("status", [200, 401, 403, 502, 503])
async def test_a_page_of_the_edge_is_silence_whatever_its_status(dialect: str, status: int) -> None:
    async with world(dialect) as there:
        secret = there.open("anna", 1)
        there.behave("anna", EdgePage(status))
        seen = await look(dialect, there, secret)
    assert isinstance(seen.state, Silent)


@every_dialect
async def test_an_error_of_the_provider_is_silence(dialect: str) -> None:
    async with world(dialect) as there:
        secret = there.open("anna", 1)
        there.behave("anna", Broken(500))
        seen = await look(dialect, there, secret)
    assert isinstance(seen.state, Silent)


@pytest.mark.parametrize("dialect", ["cockbox", "contabo", "digitalocean", "hetzner", "linode", "vultr"])
async def test_a_listing_whose_second_page_fails_proves_nothing_missing(dialect: str) -> None:
    machines = 201 if dialect == "digitalocean" else 3
    async with world(dialect) as there:
        secret = there.open("anna", machines)
        if isinstance(there, OtherOffice):
            there.api.largest_page = 1
        whole = await look(dialect, there, secret)
        there.behave("anna", Broken(500, page=2))
        part = await look(dialect, there, secret)
    assert whole.inventory is not None
    assert (len(whole.inventory.servers), whole.inventory.complete) == (machines, True)
    assert part.inventory is not None
    assert 0 < len(part.inventory.servers) < machines
    assert not part.inventory.complete


SECOND_PAGE = {"contabo": 2, "digitalocean": 2, "hetzner": 1, "linode": 2, "vultr": 1}
"""Which answer, counted from 0, bears the second page."""


def page_for_people(response: web.Response) -> None:
    response.body = b"<!DOCTYPE html><html><body>Checking your browser</body></html>"
    response.content_type = "text/html"


def refusal(response: web.Response) -> None:
    response.set_status(403)
    response.body = b'{"message": "forbidden", "error": {"code": "forbidden", "message": "forbidden"}}'


def busy(response: web.Response) -> None:
    response.set_status(429)


def half(response: web.Response) -> None:
    assert isinstance(response.body, bytes)
    response.body = response.body[:-20]


@pytest.mark.parametrize("dialect", SECOND_PAGE)
@pytest.mark.parametrize("spoil", [page_for_people, refusal, busy, half])
async def test_whatever_stands_for_the_second_page_proves_nothing_missing(
    dialect: str, spoil: Callable[[web.Response], None]
) -> None:
    answered = itertools.count()

    def spoil_second(response: web.Response) -> None:
        if next(answered) == SECOND_PAGE[dialect]:
            spoil(response)

    machines = 201 if dialect == "digitalocean" else 3
    async with world(dialect) as there, crooked.proxy(there.base_url, spoil_second) as (url, _):
        secret = there.open("anna", machines)
        if isinstance(there, OtherOffice):
            there.api.largest_page = 1
        async with opened(dialect, url, secret) as here:
            seen = await here.provider.look(here.secret, AT)
    assert seen.state == Active()
    assert seen.inventory is not None
    assert len(seen.inventory.servers) == (100 if dialect == "digitalocean" else 1)
    assert not seen.inventory.complete


COUNTED = {
    "contabo": b'{"access_token": "fake", "_pagination": {"page": 1, "totalPages": 1, "totalElements": 9}, "data": []}',
    "digitalocean": b'{"account": {"status": "active"}, "droplets": [], "links": {}, "meta": {"total": 9}}',
    "hetzner": b'{"meta": {"pagination": {"next_page": null, "total_entries": 9}}, "servers": []}',
    "linode": b'{"page": 1, "pages": 1, "results": 9, "data": []}',
    "vultr": b'{"instances": [], "meta": {"total": 9, "links": {"next": ""}}}',
}


@pytest.mark.parametrize("dialect", COUNTED)
async def test_a_listing_that_counts_more_servers_than_it_shows_proves_nothing_missing(dialect: str) -> None:
    secret = world(dialect).open("anna", 1)
    async with crooked.misbehaving(crooked.whole(COUNTED[dialect])) as url, opened(dialect, url, secret) as here:
        seen = await here.provider.look(here.secret, AT)
    assert seen.state == Active()
    assert seen.inventory is not None
    assert not seen.inventory.complete


@every_dialect
async def test_a_word_unknown_to_us_is_unknown_and_neither_an_error_nor_fine(dialect: str) -> None:
    async with world(dialect) as there:
        secret = there.open("anna", 1)
        there.mark("anna", "entangled")
        seen = await look(dialect, there, secret)
    assert seen.inventory is not None
    if dialect == "cockbox":
        # It has no word for the state of a service.
        assert [server.state for server in seen.inventory.servers] == [ServerState.RUNNING]
    else:
        assert [server.state for server in seen.inventory.servers] == [ServerState.UNKNOWN]
        assert isinstance(look_at_account(seen, ()), Unclear)


@every_dialect
async def test_a_wrong_content_type_hides_nothing(dialect: str) -> None:
    def mislabel(response: web.Response) -> None:
        response.content_type = "image/png"

    async with (
        world(dialect) as there,
        crooked.proxy(there.base_url, mislabel) as (url, _),
        opened(dialect, url, there.open("anna", 1)) as here,
    ):
        seen = await here.provider.look(here.secret, AT)
    assert seen.state == Active()


HOSTILE = {
    "one byte after the other": crooked.slow_loris,
    "a body without end": crooked.endless,
    "silence": crooked.mute,
    "no HTTP": crooked.garbage,
    "half an answer": crooked.hang_up,
    "64 MiB in 64 KiB": crooked.gzip_bomb,
    "a broken archive": crooked.broken_gzip,
    "an archive that was not asked for": crooked.brotli,
    "JSON 50,000 deep": crooked.deep_json,
    "NaN": crooked.nan,
    "a number of 10,000 digits": crooked.long_number,
    "no UTF-8": crooked.not_utf8,
    "nothing": crooked.nothing,
    "null": crooked.null,
    "wrong shapes": crooked.wrong_shapes,
    "a redirect to the metadata": crooked.redirect("http://169.254.169.254/latest/meta-data/"),
    "a redirect to a neighbour": crooked.redirect("http://127.0.0.1:1/"),
    "a redirect in circles": crooked.redirect("/again"),
    "a redirect to nowhere": crooked.redirect("http://[::"),
    "HTML, 200": crooked.html("200 OK"),
    "HTML, 401": crooked.html("401 Unauthorized"),
}


@asynccontextmanager
async def watched_loop() -> AsyncIterator[list[float]]:
    """Note for how long the loop does not come round: in seconds of work, so that a busy machine changes nothing."""
    lags = [0.0]

    async def watch() -> None:
        while True:
            before = time.process_time()
            await asyncio.sleep(0.002)
            lags.append(time.process_time() - before)

    # What a whole test run has on its heap is not the daemon's to look through.
    gc.collect()
    gc.freeze()
    task = asyncio.create_task(watch())
    try:
        yield lags
    finally:
        gc.unfreeze()
        task.cancel()


@every_dialect
@pytest.mark.parametrize("misbehaviour", HOSTILE.values(), ids=HOSTILE)
async def test_a_hostile_server_is_silence_within_the_deadline_in_little_memory_and_time(
    dialect: str, misbehaviour: crooked.Misbehaviour
) -> None:
    secret = world(dialect).open("anna", 1)
    tracemalloc.start()
    try:
        async with (
            crooked.misbehaving(misbehaviour) as url,
            opened(dialect, url, secret, timeout=0.3) as here,
            watched_loop() as lags,
            asyncio.timeout(5.0),
        ):
            seen = await here.provider.look(here.secret, AT)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert isinstance(seen.state, Silent), seen.state
    assert seen.state.why
    assert peak < 8 << 20
    assert max(lags) < 0.2
    assert isinstance(look_at_account(seen, ()), Unclear)


TINY = b'{"id":1},{"instanceId":1},{"server":{"server_number":1}},' * 18_000
CROWDED = {
    "contabo": b'{"access_token": "fake", "_pagination": {"page": 1, "totalPages": 1}, "data": [%s{}]}',
    "digitalocean": b'{"account": {"status": "active"}, "droplets": [%s{}]}',
    "hetzner": b'{"meta": {"pagination": {"next_page": null}}, "servers": [%s{}]}',
    "hetzner_robot": b"[%s{}]",
    "linode": b'{"page": 1, "pages": 1, "data": [%s{}]}',
    "njalla": b'{"result": {"servers": [%s{}]}}',
    "vultr": b'{"instances": [%s{}]}',
}


@pytest.mark.parametrize("dialect", CROWDED)
async def test_a_page_with_more_servers_than_there_can_be_is_not_believed_whole(dialect: str) -> None:
    body = CROWDED[dialect].replace(b"%s", TINY)
    secret = world(dialect).open("anna", 1)
    async with (
        crooked.misbehaving(crooked.whole(body)) as url,
        opened(dialect, url, secret) as here,
        watched_loop() as lags,
    ):
        seen = await here.provider.look(here.secret, AT)
    assert max(lags) < 0.2
    assert seen.inventory is not None
    assert len(seen.inventory.servers) <= 2000
    assert not seen.inventory.complete


@every_dialect
async def test_what_is_secret_in_an_answer_does_not_come_out_of_the_parser(dialect: str) -> None:
    async with world(dialect) as there:
        secret = there.open("anna", 1)
        seen = await look(dialect, there, secret)
    for word in ("fake-default-password", "fake-console-token", "fake-wallet", "AAAAfake", "fake-token", secret):
        assert word not in repr(seen)


@every_dialect
async def test_a_provider_out_of_reach_is_silence(dialect: str) -> None:
    async with world(dialect) as there:
        secret = there.open("anna", 1)
        await there.api.refuse()
        seen = await look(dialect, there, secret)
    assert isinstance(seen.state, Silent)
