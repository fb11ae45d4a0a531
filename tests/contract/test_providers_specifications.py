"""Our questions keep to the providers' own descriptions, our doubles' answers do, and any answer they allow is read."""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import web

from checks.foreign import Foreign
from checks.http import Reply
from checks.providers import contabo, digitalocean, hetzner, hetzner_robot, linode
from monitor.core.account import Inventory, Server
from tests.peers import crooked
from tests.peers.dialects import opened, world
from tests.peers.schema import Description, answers, faults

AT = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)

FILES = {
    "contabo": "contabo.readonly.json",
    "digitalocean": "digitalocean.readonly.json",
    "hetzner": "hetzner-cloud.readonly.json",
    "hetzner_robot": "hetzner-robot.readonly.json",
    "linode": "linode.readonly.json",
}
ROOTS = {"hetzner": "/v1", "linode": "/v4"}
"""What stands before the described paths in the URL."""

KNOWN = {
    "contabo": {"cancelDate: None is no string"},
    # Gone from real answers since July 2026.
    "hetzner": {"datacenter: missing"},
    "linode": {"entity: None is no object", "when: None is no string", "until: None is no string"},
}
"""Where real answers are known to disagree with the description; our doubles follow the real ones."""

READERS: dict[tuple[str, str], list[Callable[[Reply], object]]] = {
    ("contabo", "/v1/compute/instances"): [contabo.read_state, contabo.read_instances],
    ("digitalocean", "/v2/account"): [digitalocean.read_account],
    ("digitalocean", "/v2/droplets"): [lambda reply: digitalocean.read_droplets(reply, 1)],
    ("hetzner", "/servers"): [hetzner.read_state, hetzner.read_servers],
    ("hetzner_robot", "/server"): [hetzner_robot.read_state, hetzner_robot.read_servers],
    ("linode", "/{apiVersion}/account/notifications"): [linode.read_notifications],
    ("linode", "/{apiVersion}/linode/instances"): [linode.read_instances],
}


def description(shared: Path, dialect: str) -> Description:
    return Description.read(shared / "specs" / FILES[dialect])


@pytest.mark.wide
@pytest.mark.parametrize(("dialect", "path"), READERS)
def test_any_answer_that_a_description_allows_is_read(shared: Path, dialect: str, path: str) -> None:
    described = description(shared, dialect)
    read = kept = 0
    for body in answers(described, described.answer(path)):
        reply = Reply(200, {}, b"", Foreign(body))
        for reader in READERS[dialect, path]:
            found = reader(reply)
            read += 1
            servers: Sequence[object] = getattr(found, "servers", ())
            kept += len(servers)
            assert all(isinstance(server, Server) for server in servers)
    assert read >= 240
    assert kept > 0 or path.endswith(("account", "notifications"))


@pytest.mark.wide
@pytest.mark.parametrize("dialect", FILES)
async def test_questions_and_the_doubles_answers_keep_to_the_description(shared: Path, dialect: str) -> None:
    described = description(shared, dialect)
    said: list[web.Response] = []
    async with (
        world(dialect) as there,
        crooked.proxy(there.base_url, said.append) as (url, asked),
        opened(dialect, url, there.open("anna", 3)) as here,
    ):
        seen = await here.provider.look(here.secret, AT)
    assert isinstance(seen.inventory, Inventory)
    checked = 0
    for request, response in zip(asked, said, strict=True):
        path = ("/{apiVersion}" if dialect == "linode" else "") + request.path.removeprefix(ROOTS.get(dialect, ""))
        if path == contabo.LOGIN:
            continue
        assert request.method == "GET"
        assert set(request.query) - described.parameters(path) == set()
        body = json.loads(response.body if isinstance(response.body, bytes) else b"")
        found = {fault.rpartition("].")[2] for fault in faults(described, described.answer(path), body)}
        assert found - KNOWN.get(dialect, set()) == set()
        checked += 1
    assert checked
