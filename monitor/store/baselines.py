"""What was handed over: the first complete look at each account after its delivery, kept as it was."""

from collections.abc import Collection, Iterable, Mapping
from ipaddress import ip_address
from typing import Any

from sqlalchemy import JSON, Column, ForeignKey, Row, String, Table, delete, insert, select

from monitor.core.account import Server, ServerState
from monitor.core.handover import Baseline
from monitor.store.engine import Transaction
from monitor.store.tables import Instant, metadata, unit

NAMES = 5000
"""Names in one query."""

baseline = Table(
    "baseline",
    metadata,
    Column("unit", ForeignKey(unit.c.name), primary_key=True),
    Column("at", Instant, nullable=False),
    Column("provider", String, nullable=False),
    Column("servers", JSON, nullable=False),
    Column("addresses", JSON, nullable=False),
    Column("identity", String),
)


async def of_units(connection: Transaction, names: Iterable[str]) -> dict[str, Baseline]:
    """Read what was handed over of these units."""
    wanted = list(names)
    found: dict[str, Baseline] = {}
    for start in range(0, len(wanted), NAMES):
        query = select(baseline).where(baseline.c.unit.in_(wanted[start : start + NAMES]))
        found |= {row.unit: _baseline_of(row) for row in await connection.execute(query)}
    return found


async def keep(connection: Transaction, known: Mapping[str, Baseline]) -> None:
    """Write what is newly known of what was handed over; what was seen first is part of it and stays."""
    if not known:
        return
    await forget(connection, known)
    rows = [
        {
            "unit": name,
            "at": each.at,
            "provider": each.provider,
            "servers": [server_facts(server) for server in each.servers],
            "addresses": [str(address) for address in each.addresses],
            "identity": each.identity,
        }
        for name, each in known.items()
    ]
    await connection.execute(insert(baseline), rows)


async def forget(connection: Transaction, names: Collection[str]) -> None:
    """Forget what was seen of these units."""
    if names:
        await connection.execute(delete(baseline).where(baseline.c.unit.in_(list(names))))


def _baseline_of(row: Row[Any]) -> Baseline:
    return Baseline(
        row.at,
        row.provider,
        tuple(server_of(facts) for facts in row.servers),
        tuple(ip_address(each) for each in row.addresses),
        row.identity,
    )


def server_facts(server: Server) -> dict[str, Any]:
    """Write a server as JSON facts, the provider's own numbers too."""
    return {
        "id": server.id,
        "name": server.name,
        "state": server.state.value,
        "region": server.region,
        "vcpus": server.vcpus,
        "ram_mib": server.ram_mib,
        "disk_gib": server.disk_gib,
        "traffic_gib": server.traffic_gib,
        "addresses": [str(address) for address in server.addresses],
        "raw": dict(server.raw),
    }


def server_of(facts: Mapping[str, Any]) -> Server:
    """Read a server from its JSON facts."""
    return Server(
        id=facts["id"],
        name=facts["name"],
        state=ServerState(facts["state"]),
        region=facts["region"],
        vcpus=facts["vcpus"],
        ram_mib=facts["ram_mib"],
        disk_gib=facts["disk_gib"],
        traffic_gib=facts["traffic_gib"],
        addresses=tuple(ip_address(each) for each in facts["addresses"]),
        raw=facts["raw"],
    )
