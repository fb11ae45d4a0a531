"""Fresh looks at the spares that are about to be promised: what was sound an hour ago may have fallen since."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from checks import Probe, Seen
from monitor.core.assess import Measure, Memory, assess
from monitor.core.fleet import Niche, Spare, Tier, Unit
from monitor.core.plan import Check, Watched, is_probed
from monitor.core.rotation import Turn

WHOLE = Turn(0)
"""A look of its own, at as many addresses as one round may take."""


class Recheck:
    """What was seen of spares just now, before one decision."""

    def __init__(
        self,
        probes: Mapping[Check, Probe],
        tiers: Mapping[str, Tier],
        resting: Collection[str],
        beside: "Collection[Recheck]",
    ) -> None:
        """``resting`` names spares that failed a look lately and are left alone for now.

        ``beside`` are the looks for other decisions that are being made meanwhile: what they take in hand is theirs.
        """
        self._probes = probes
        self._tiers = tiers
        self.looks: dict[Check, tuple[list[Watched], dict[str, Seen]]] = {}
        self._resting = resting
        self._beside = beside
        self.mine: set[str] = set()
        self.theirs = {name for each in beside for name in each.mine}
        self._tried: dict[str, datetime | None] = {}

    @property
    def failed(self) -> list[str]:
        """The spares that were not in order at this look."""
        return [name for name, at in self._tried.items() if at is None]

    def take_in_hand(self, spares: Iterable[Spare]) -> None:
        """Tell the others that these are looked at here; at once when they were chosen, before anything is awaited."""
        self.mine |= {spare.unit.name for spare in spares}
        for each in self._beside:
            # For good: what they have read may be older than what becomes of these.
            each.theirs |= self.mine - each.mine

    def note(self, check: Check, targets: Iterable[Watched], seen: Mapping[str, Seen], measure: Measure) -> None:
        """Count a look at spares that was made anyway, where this is all that can be asked about them."""
        lying = [each for each in targets if each.delivery is None and each.unit.name in seen]
        whole = [each for each in lying if self._checks(each.unit, each.niche) == [check]]
        self._try(check, whole, seen, measure)

    async def look(self, spares: Collection[Spare], at: datetime, measure: Measure) -> None:
        """Look at these spares with every probe that can say anything about them."""
        lying = [self._watched(spare) for spare in spares]
        for check, probe in self._probes.items():
            targets = [each for each in lying if is_probed(check, each.unit, each.niche)]
            if targets:
                seen = dict(await probe.look(targets, at, WHOLE))
                asked, answers = self.looks.setdefault(check, ([], {}))
                asked.extend(targets)
                answers.update(seen)
                self._try(check, targets, seen, measure)

    def shelf(self, shelf: Iterable[Spare], now: datetime, *, sure: bool) -> list[Spare]:
        """Give what may be promised: what was just seen sound and, unless one must be ``sure``, what was not tried."""
        fit: list[Spare] = []
        for spare in shelf:
            name = spare.unit.name
            if spare.unit.tier not in self._tiers:
                continue
            if name in self._tried:
                at = self._tried[name]
                fit += [] if at is None else [Spare(spare.unit, at)]
            elif not self._checks(spare.unit, self._tiers[spare.unit.tier].niche):
                # Nothing that this node has can look at it: what is remembered must do.
                fit.append(spare)
            elif not sure and name not in self._resting and name not in self.theirs:
                fit.append(Spare(spare.unit, now))
        return fit

    def untried(self, spares: Iterable[Spare]) -> list[Spare]:
        """Give those, of these, that can be looked at and were not."""
        return [
            spare
            for spare in spares
            if spare.unit.name not in self._tried and self._checks(spare.unit, self._tiers[spare.unit.tier].niche)
        ]

    def _try(self, check: Check, targets: Collection[Watched], seen: Mapping[str, Seen], measure: Measure) -> None:
        nothing: Memory = {}
        good = assess(check, targets, seen, nothing, measure).good
        for target in targets:
            name = target.unit.name
            earlier = self._tried.get(name, seen[name].at if name in seen else None)
            # It must be in order in every way that can be asked.
            self._tried[name] = earlier if name in good else None

    def _checks(self, unit: Unit, niche: Niche) -> list[Check]:
        return [check for check in self._probes if is_probed(check, unit, niche)]

    def _watched(self, spare: Spare) -> Watched:
        tier = self._tiers[spare.unit.tier]
        return Watched(spare.unit, tier.niche, tier.provider, None, promised=tier.promised)
