"""What is not to be believed or judged just now, and how well each provider was reached."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from monitor.core.account import AccountSeen
from monitor.core.coverage import Policy
from monitor.core.fleet import Promised
from monitor.core.handover import Baseline
from monitor.core.incident import Incident, ListAlarmed, ProviderFailing, ProviderTroubled, Reach
from monitor.core.region import Regions
from monitor.core.status import touches

UNASKED = Reach(0, 0, datetime.max.replace(tzinfo=UTC))
NOBODY: Mapping[str, Reach] = {}


@dataclass(frozen=True, slots=True)
class Doubts:
    """Lists that list the world, providers that fail, troubles that status pages tell of, and who was reached."""

    lists: Collection[str] = frozenset()
    providers: Collection[str] = frozenset()
    troubles: Collection[ProviderTroubled] = ()
    reached: Mapping[str, Reach] = field(default_factory=dict)
    """How many accounts of each provider were reached so far in this sweep."""
    before: Mapping[str, Reach] = field(default_factory=dict)
    """And in the last whole one."""
    pages: Collection[str] = frozenset()
    """Providers whose status page was heard lately."""

    def heard_elsewhere(self, provider: str) -> bool:
        """Tell whether a provider answers others than the one who asks; where it has no others, nobody is missed."""
        now, then = self.reached.get(provider, UNASKED), self.before.get(provider, UNASKED)
        if now.answering:
            return True
        if now.failing >= then.failing + then.answering:
            return now.failing <= 1
        # Those that answered a moment ago were not asked again yet.
        return then.answering > 0

    def all_fail(self, provider: str, policy: Policy) -> bool:
        """Tell whether so many accounts of a provider fail, and none answers, that it is no matter of one account."""
        now = self.reached.get(provider, UNASKED)
        return not now.answering and now.failing >= policy.failing


NO_DOUBTS = Doubts()


def doubts(
    incidents: Iterable[Incident],
    reached: Mapping[str, Reach] = NOBODY,
    before: Mapping[str, Reach] = NOBODY,
    pages: Collection[str] = frozenset(),
) -> Doubts:
    """Say what must not be believed, or judged, while these incidents last."""
    lasting = [*incidents]
    return Doubts(
        frozenset(each.name for each in lasting if isinstance(each, ListAlarmed)),
        frozenset(each.provider for each in lasting if isinstance(each, ProviderFailing)),
        tuple(each for each in lasting if isinstance(each, ProviderTroubled)),
        reached,
        before,
        pages,
    )


def frozen_by_provider(
    provider: str | None,
    seen: AccountSeen,
    promised: Promised,
    baseline: Baseline | None,
    doubt: Doubts,
    table: Regions,
) -> str | None:
    """Say why judgement on an account must wait for its provider; None: it need not."""
    if seen.provider in doubt.providers or provider in doubt.providers:
        return "nobody reaches its provider: nothing is judged until that is over"
    troubles = [each for each in doubt.troubles if each.provider == seen.provider]
    if not troubles:
        return None
    places = _places(seen, promised, baseline, table)
    for each in troubles:
        if any(touches(each.trouble, region, host) for region, host in places):
            return f"its provider's status page says: {each.trouble.words}; nothing is judged until that is over"
    return None


def _places(
    seen: AccountSeen, promised: Promised, baseline: Baseline | None, table: Regions
) -> list[tuple[str | None, str | None]]:
    """Give where an account's servers stand: region and machine of the provider, None where that is not known."""
    servers = seen.inventory.servers if seen.inventory is not None else ()
    if not servers and baseline is not None:
        servers = baseline.servers
    if servers:
        return [(server.region, _host(server.raw.get("vHostNumber"))) for server in servers]
    ordered = table.codes(promised.region, seen.provider) if promised.region is not None else ()
    return [(code, None) for code in sorted(ordered)] or [(None, None)]


def _host(number: object) -> str | None:
    return None if number is None else str(number)
