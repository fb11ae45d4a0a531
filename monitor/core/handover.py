"""What was handed over against what was promised: the region, and the size of the servers."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from monitor.core.account import AccountSeen, Active, Inventory, Server, ServerState, Warned
from monitor.core.coverage import Bad, Good, Look, Unclear, Witness
from monitor.core.endpoint import Alive
from monitor.core.fleet import Address, Promised
from monitor.core.region import Elsewhere, Regions, Same

RAM_SHARE = 0.93
"""A promise in GB may be kept in units of 1000 or of 1024, and the machine keeps some of it for itself."""
PARTIAL = "the listing is not complete: the right server may be on a page that failed"
DISK_SHARE = 0.90
"""Disks are sold by 1000, counted by 1024, and formatted."""
TRAFFIC_SHARE = 0.90


@dataclass(frozen=True, slots=True)
class Baseline:
    """What was handed over: the first complete look at an account after its delivery.

    ``addresses`` are those of the servers that were not switched off when it was last seen whole: whoever falls silent
    there was silenced. ``identity`` is the fingerprint that one of them showed first.
    """

    at: datetime
    provider: str
    servers: tuple[Server, ...]
    addresses: tuple[Address, ...] = ()
    identity: str | None = None

    @property
    def seen(self) -> AccountSeen:
        """The look itself, to be judged again."""
        return AccountSeen(self.at, self.provider, Active(), Inventory(self.servers, complete=True))


def baseline_after(before: Baseline | None, seen: AccountSeen) -> Baseline | None:
    """Give what is known of an account after one more look; servers are as they were at the first complete one."""
    whole = is_open(seen) and seen.inventory is not None and seen.inventory.complete
    after = before
    if whole and seen.inventory is not None:
        on = (server for server in seen.inventory.servers if server.state is not ServerState.OFF)
        addresses = tuple(address for server in on for address in server.addresses)
        first = before or Baseline(seen.at, seen.provider, seen.inventory.servers)
        after = replace(first, addresses=addresses)
    if after is not None and after.identity is None and seen.doors is not None and is_open(seen):
        shown = (knock.identity for _, knock in seen.doors.own if isinstance(knock, Alive))
        after = replace(after, identity=next(filter(None, shown), None))
    return after


def look_at_region(seen: AccountSeen, promised: Promised, regions: Regions) -> Look | None:
    """Say whether the servers stand where they were ordered; None where no region was promised or none can be told."""
    if promised.region is None or not is_open(seen):
        return None
    servers = _servers(seen)
    if not servers:
        return Unclear("no server is there to look at")
    told = [(server, server.region) for server in servers if server.region is not None]
    if not told:
        # Some providers name no region: then the plan's own words speak, and nothing was measured.
        return None
    situations = [(server, regions.compare(promised.region, seen.provider, region)) for server, region in told]
    if any(isinstance(situation, Same) for _, situation in situations):
        return Good()
    elsewhere = [(server, where) for server, where in situations if isinstance(where, Elsewhere)]
    whole = seen.inventory is not None and seen.inventory.complete
    if len(elsewhere) < len(situations) or not whole:
        unknown = f"the table of regions does not know {promised.region!r} or {told[0][1]!r}"
        return Unclear(unknown if whole else PARTIAL)
    return Bad(
        tuple(
            Witness(
                seen.provider, f"in {server.region} ({', '.join(where.names)}), ordered {promised.region}", server.name
            )
            for server, where in elsewhere
        )
    )


def look_at_features(seen: AccountSeen, promised: Promised) -> Look | None:
    """Say whether a server has what was promised; None where nothing that a provider measures was promised."""
    if promised == Promised(region=promised.region) or not is_open(seen):
        return None
    servers = _servers(seen)
    if not servers:
        return Unclear("no server is there to look at")
    lacks = [(server.name, list(_missing(server, promised))) for server in servers]
    if any(not missing for _, missing in lacks):
        return Good()
    if seen.inventory is None or not seen.inventory.complete:
        return Unclear(PARTIAL)
    return Bad(tuple(Witness(seen.provider, words, name) for name, missing in lacks for words in missing))


def not_measured(seen: AccountSeen, promised: Promised) -> list[str]:
    """Name what was promised and is told of no server: there the plan's own words must do."""
    servers = _servers(seen)
    if not is_open(seen) or not servers:
        return []
    rows = (
        ("region", promised.region, [server.region for server in servers]),
        ("vCPU", promised.vcpus, [server.vcpus for server in servers]),
        ("RAM", promised.ram_mib, [server.ram_mib for server in servers]),
        ("disk", promised.disk_gib, [server.disk_gib for server in servers]),
        ("traffic", promised.traffic_gib, [server.traffic_gib for server in servers]),
    )
    return [
        f"{name} {wanted}" for name, wanted, told in rows if wanted is not None and all(each is None for each in told)
    ]


def is_open(seen: AccountSeen) -> bool:
    """Tell whether an account let us in and is in order."""
    return isinstance(seen.state, Active | Warned)


def _servers(seen: AccountSeen) -> Sequence[Server]:
    return seen.inventory.servers if seen.inventory is not None else ()


def _missing(server: Server, promised: Promised) -> Iterable[str]:
    rows = (
        ("vCPU", server.vcpus, promised.vcpus, 1.0, ""),
        ("RAM", server.ram_mib, promised.ram_mib, RAM_SHARE, " MiB"),
        ("disk", server.disk_gib, promised.disk_gib, DISK_SHARE, " GiB"),
        ("traffic", server.traffic_gib, promised.traffic_gib, TRAFFIC_SHARE, " GiB a month"),
    )
    for name, has, wanted, share, unit in rows:
        # What the provider does not tell was not measured, and is not held against it.
        if has is not None and wanted is not None and has < wanted * share:
            yield f"{name} {has}{unit}, promised {wanted}{unit}"
