"""What is peculiar to one dialect each: the traps that a common contract cannot name."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web

from checks.foreign import Foreign, Json
from checks.http import Reply
from checks.providers import digitalocean, hetzner, linode, njalla, vultr
from monitor.clock import DrivenClock
from monitor.core.account import Active, Denied, Misconfigured, ServerState, Suspended, Warned
from monitor.core.observation import Silent
from monitor.core.secret import Secret
from monitor.demo.contabo import ContaboApi
from monitor.demo.digitalocean import DigitalOceanApi, Limited, Well
from monitor.demo.droplets import Droplet
from monitor.demo.hetzner import HetznerCloudApi, HetznerRobotApi
from monitor.demo.linode import LinodeApi
from tests.peers import crooked
from tests.peers.dialects import opened, world

AT = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def said(status: int, body: Json, **headers: str) -> Reply:
    return Reply(status, {name.replace("_", "-"): value for name, value in headers.items()}, b"", Foreign(body))


def account(status: str, message: str = " ") -> Json:
    return {"account": {"status": status, "status_message": message}}


@pytest.mark.parametrize(
    ("reply", "state"),
    [
        pytest.param(said(200, account("active")), Active(), id="a blank message is none"),
        pytest.param(said(200, account("locked")), Suspended("locked"), id="a locked account answers 200"),
        pytest.param(
            said(200, account("warning", "Please open a ticket")), Warned("Please open a ticket"), id="warned"
        ),
        pytest.param(
            said(200, account("active", "Your team has been locked")),
            Suspended("Your team has been locked"),
            id="a team's lock does not move the status",
        ),
        pytest.param(
            said(200, account("entangled")), Silent("an account status unknown to us: entangled"), id="unknown status"
        ),
        pytest.param(
            said(403, {"id": "forbidden", "message": "There is currently a lock on the account"}),
            Suspended("There is currently a lock on the account"),
            id="a 403 that speaks of a lock",
        ),
    ],
)
def test_digitalocean_is_read_from_the_body_first(reply: Reply, state: object) -> None:
    assert digitalocean.read_account(reply) == state


async def test_digitalocean_lists_gpu_droplets_in_a_second_listing() -> None:
    async with DigitalOceanApi() as api:
        there = api.account("anna", droplets=1)
        there.gpus.append(Droplet(900, "anna-gpu", "198.18.9.9", size="gpu-h100x1-80gb"))
        async with opened("digitalocean", api.base_url, there.token) as here:
            seen = await here.provider.look(here.secret, AT)
    assert seen.inventory is not None
    assert [server.name for server in seen.inventory.servers] == ["anna-0", "anna-gpu"]


async def test_digitalocean_lists_what_it_may_when_the_account_is_out_of_scope() -> None:
    async with DigitalOceanApi() as api:
        token = api.account("anna", droplets=1).token
        api.narrow("anna", "account:read")
        async with opened("digitalocean", api.base_url, token) as here:
            seen = await here.provider.look(here.secret, AT)
    assert isinstance(seen.state, Misconfigured)
    assert seen.inventory is not None
    assert len(seen.inventory.servers) == 1


def refused(status: int, words: str) -> Reply:
    return said(status, {"error": words, "status": status})


def test_vultr_tells_a_missing_address_in_its_access_list_from_a_refused_key() -> None:
    assert isinstance(vultr.read_state(refused(401, "Unauthorized IP address: 203.0.113.7")), Misconfigured)
    assert vultr.read_state(refused(401, "Invalid API token.")) == Denied("Invalid API token.")


@pytest.mark.parametrize(
    ("status", "power", "state"),
    [
        ("active", "running", ServerState.RUNNING),
        ("active", "stopped", ServerState.OFF),
        ("active", "entangled", ServerState.UNKNOWN),
        ("suspended", "running", ServerState.SUSPENDED),
        ("resizing", "running", ServerState.CHANGING),
    ],
)
def test_vultr_has_two_words_for_the_state_of_a_server(status: str, power: str, state: ServerState) -> None:
    server = vultr.read_instance(Foreign({"id": "1", "status": status, "power_status": power}))
    assert server is not None
    assert server.state is state


def test_vultr_has_two_ways_to_write_ipv6_and_none_for_a_pending_ipv4() -> None:
    old: Json = {"id": "1", "main_ip": "0.0.0.0", "v6_networks": [{"main_ip": "2001:db8::1"}]}
    new: Json = {"id": "1", "main_ip": "203.0.113.7", "v6_main_ip": "2001:db8::1"}
    read = [vultr.read_instance(Foreign(each)) for each in (old, new)]
    assert [[str(address) for address in server.addresses] for server in read if server] == [
        ["2001:db8::1"],
        ["203.0.113.7", "2001:db8::1"],
    ]


def test_linode_tells_a_missing_scope_from_a_dead_token_by_its_headers() -> None:
    errors: Json = {"errors": [{"reason": "Your OAuth token is not authorized to use this endpoint."}]}
    narrow = said(401, errors, x_oauth_scopes="domains:read_only", x_accepted_oauth_scopes="account:read_only")
    dead = said(401, {"errors": [{"reason": "Invalid Token"}]}, x_oauth_scopes="unknown")
    assert isinstance(linode.read_notifications(narrow), Misconfigured)
    assert linode.read_notifications(dead) == Denied("Invalid Token")


@pytest.mark.parametrize(
    ("kind", "severity", "state"),
    [
        ("ticket_abuse", "minor", Warned("ticket_abuse: words")),
        ("payment_due", "major", Warned("payment_due: words")),
        ("maintenance", "critical", Active()),
        ("entangled", "minor", Active()),
        ("entangled", "critical", Warned("entangled: words")),
    ],
)
def test_linode_warns_by_notifications(kind: str, severity: str, state: object) -> None:
    notification: Json = {"type": kind, "severity": severity, "message": "words"}
    assert linode.read_notifications(said(200, {"data": [notification]})) == state


async def test_linode_suspends_an_account_in_the_status_of_its_servers_and_keeps_private_addresses_private() -> None:
    async with LinodeApi() as api:
        secret = api.tenant("anna", 1).secret
        api.lock("anna")
        async with opened("linode", api.base_url, secret) as here:
            seen = await here.provider.look(here.secret, AT)
    assert seen.state == Suspended("billing_suspension")
    assert seen.inventory is not None
    assert [str(each) for each in seen.inventory.servers[0].addresses] == ["198.18.0.1", "2001:db8::1"]


async def test_linode_withholds_a_suspended_server_with_words_where_it_knows_no_such_status() -> None:
    def withhold(response: web.Response) -> None:
        if b"g6-standard" in (response.body if isinstance(response.body, bytes) else b""):
            response.set_status(400)
            response.body = b'{"errors": [{"reason": "This Linode has been suspended"}]}'

    async with (
        LinodeApi() as api,
        crooked.proxy(api.base_url, withhold) as (url, _),
        opened("linode", url, api.tenant("anna", 1).secret) as here,
    ):
        seen = await here.provider.look(here.secret, AT)
    assert seen.state == Suspended("This Linode has been suspended")


def test_hetzner_reads_the_place_and_the_disk_that_the_server_really_has() -> None:
    place: Json = {"name": "fsn1"}
    kind: Json = {"memory": 4.0, "disk": 160, "cores": 2}
    now: Json = {"id": 1, "location": place, "server_type": kind, "primary_disk_size": 40, "included_traffic": None}
    before: Json = {"id": 1, "datacenter": {"location": place}, "server_type": kind}
    newer, older = hetzner.read_server(Foreign(now)), hetzner.read_server(Foreign(before))
    assert newer is not None
    assert older is not None
    assert (newer.region, newer.ram_mib, newer.disk_gib, newer.traffic_gib) == ("fsn1", 4096, 40, None)
    assert (older.region, older.disk_gib) == ("fsn1", 160)


async def test_hetzner_warns_of_a_blocked_address_and_calls_a_server_without_another_suspended() -> None:
    async with HetznerCloudApi() as api:
        secret = api.tenant("anna", 2).secret
        api.warn("anna")
        async with opened("hetzner", api.base_url, secret) as here:
            seen = await here.provider.look(here.secret, AT)
    assert seen.state == Warned("blocked by the anti-abuse department: 198.18.0.1")
    assert seen.inventory is not None
    assert [server.state for server in seen.inventory.servers] == [ServerState.SUSPENDED, ServerState.RUNNING]


def test_njalla_errors_come_with_200_and_with_the_code_0() -> None:
    assert njalla.read_state(said(200, {"error": {"code": 403, "message": "Invalid token."}})) == Denied(
        "Invalid token."
    )
    assert njalla.read_state(said(200, {"error": {"code": 0, "message": "odd"}})) == Silent("error 0: odd")
    assert njalla.read_state(said(200, {"error": {}, "result": {"servers": []}})) == Silent("error None: HTTP 200")
    # Where an error is null, there is none.
    assert njalla.read_state(said(200, {"error": None, "result": {"servers": []}})) == Active()


@pytest.mark.parametrize(
    ("words", "state"),
    [("Invalid token", Denied), ("Unauthorized", Denied), ("Permission denied", Misconfigured), ("Try later", Silent)],
)
def test_njallas_words_tell_a_refusal_where_the_code_is_0(words: str, state: type) -> None:
    assert isinstance(njalla.read_state(said(200, {"error": {"code": 0, "message": words}})), state)


async def test_robot_never_tries_a_refused_password_again_but_tries_a_new_one() -> None:
    async with HetznerRobotApi() as api:
        good = api.tenant("anna", 1).secret
        bad = good.replace("fake-anna", "fake-old")
        async with opened("hetzner_robot", api.base_url, bad) as here:
            looks = [await here.provider.look(Secret(bad), AT) for _ in range(3)]
            changed = await here.provider.look(Secret(good), AT)
        assert api.refused == ["fake-old"]
    assert all(isinstance(seen.state, Denied) for seen in looks)
    assert changed.state == Active()


@pytest.mark.parametrize("dialect", ["hetzner_robot", "contabo"])
async def test_a_login_that_is_turned_away_with_a_page_is_not_tried_again_either(dialect: str) -> None:
    def page_for_people(response: web.Response) -> None:
        response.set_status(401)
        response.body = b"<h1>401 Unauthorized</h1>"

    clock = DrivenClock(AT)
    async with (
        world(dialect, clock) as there,
        crooked.proxy(there.base_url, page_for_people) as (url, asked),
        opened(dialect, url, there.open("anna", 1), clock) as here,
    ):
        looks = [await here.provider.look(here.secret, AT) for _ in range(4)]
        assert len(asked) == 1
        clock.advance(timedelta(minutes=10))
        await here.provider.look(here.secret, AT)
        assert len(asked) == 2
    assert all(isinstance(seen.state, Silent) for seen in looks)


async def test_two_failed_logins_hold_untried_robot_passwords_back_and_no_proven_one() -> None:
    clock = DrivenClock(AT)
    async with HetznerRobotApi(clock) as api:
        proven, untried = api.tenant("anna", 1).secret, api.tenant("bert", 1).secret
        bad = [proven.replace("fake-anna", f"fake-old-{number}") for number in range(3)]
        async with opened("hetzner_robot", api.base_url, "", clock) as here:

            async def state(secret: str) -> object:
                return (await here.provider.look(Secret(secret), clock.now())).state

            assert await state(proven) == Active()
            assert [type(await state(secret)) for secret in bad] == [Denied, Denied, Silent]
            assert isinstance(await state(untried), Silent)
            assert await state(proven) == Active()
            clock.advance(timedelta(minutes=10))
            assert await state(untried) == Active()
        assert len(api.refused) == 2


async def test_robots_limit_is_a_403_and_holds_for_all_of_us() -> None:
    async with HetznerRobotApi() as api:
        secrets = [api.tenant(name, 1).secret for name in ("anna", "bert")]
        api.trouble = Limited()
        async with opened("hetzner_robot", api.base_url, secrets[0]) as here:
            first = await here.provider.look(Secret(secrets[0]), AT)
            api.trouble = Well()
            other = await here.provider.look(Secret(secrets[1]), AT)
        assert api.tenants["bert"].requests == 0
    assert first.state == Silent("the provider's rate limit is reached")
    assert isinstance(other.state, Silent)


async def test_contabo_tokens_are_shared_and_renewed_once_when_their_time_is_over() -> None:
    clock = DrivenClock(AT)
    async with ContaboApi(clock) as api:
        secret = api.tenant("anna", 1).secret
        async with opened("contabo", api.base_url, secret, clock) as here:
            looks = [here.provider.look(here.secret, AT) for _ in range(8)]
            assert {type(seen.state) for seen in await asyncio.gather(*looks)} == {Active}
            assert api.logins == 1
            clock.advance(timedelta(minutes=5))
            looks = [here.provider.look(here.secret, AT) for _ in range(8)]
            assert {type(seen.state) for seen in await asyncio.gather(*looks)} == {Active}
            assert api.logins == 2


async def test_a_contabo_token_that_dies_before_its_time_is_renewed_once_for_all() -> None:
    async with ContaboApi() as api:
        secret = api.tenant("anna", 1).secret
        async with opened("contabo", api.base_url, secret) as here:
            await here.provider.look(here.secret, AT)
            api.expire()
            looks = [here.provider.look(here.secret, AT) for _ in range(8)]
            assert {type(seen.state) for seen in await asyncio.gather(*looks)} == {Active}
        assert api.logins == 2


async def test_contabo_never_logs_in_again_with_a_refused_password() -> None:
    async with ContaboApi() as api:
        secret = api.tenant("anna", 1).secret
        api.revoke("anna")
        async with opened("contabo", api.base_url, secret) as here:
            looks = [await here.provider.look(here.secret, AT) for _ in range(5)]
        assert api.logins == 1
    assert all(isinstance(seen.state, Denied) for seen in looks)


async def test_contabo_bears_a_request_id_of_its_own_with_each_question() -> None:
    async with (
        ContaboApi() as api,
        crooked.proxy(api.base_url, lambda _: None) as (url, asked),
        opened("contabo", url, api.tenant("anna", 1).secret) as here,
    ):
        for _ in range(3):
            await here.provider.look(here.secret, AT)
    ids = [request.headers["x-request-id"] for request in asked if request.method == "GET"]
    assert len(set(ids)) == 3


async def test_contabo_tells_of_an_instance_that_was_cancelled() -> None:
    def cancel(response: web.Response) -> None:
        assert isinstance(response.body, bytes)
        response.body = response.body.replace(b'"cancelDate": null', b'"cancelDate": "2026-12-01"')

    async with (
        ContaboApi() as api,
        crooked.proxy(api.base_url, cancel) as (url, _),
        opened("contabo", url, api.tenant("anna", 1).secret) as here,
    ):
        seen = await here.provider.look(here.secret, AT)
    assert seen.state == Warned("anna-0: cancelled for 2026-12-01")


async def test_contabo_out_of_credit_is_suspended() -> None:
    def unpaid(response: web.Response) -> None:
        if b"access_token" not in (response.body if isinstance(response.body, bytes) else b""):
            response.set_status(402)

    async with (
        ContaboApi() as api,
        crooked.proxy(api.base_url, unpaid) as (url, _),
        opened("contabo", url, api.tenant("anna", 1).secret) as here,
    ):
        seen = await here.provider.look(here.secret, AT)
    assert seen.state == Suspended("payment required")
