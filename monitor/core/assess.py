"""What looks amount to: verdicts, what is to be remembered, who failed, who is sound, which spares are sick."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import assert_never

from monitor.core.account import AccountSeen, Denied, Misconfigured, look_at_account
from monitor.core.coverage import (
    Bad,
    Begins,
    Confirm,
    Defect,
    Excluded,
    Excused,
    Finding,
    Good,
    Look,
    Policy,
    Rule,
    Sound,
    Standing,
    Suspect,
    Unclear,
    Undecided,
    Verdict,
    judge,
)
from monitor.core.decision import Found
from monitor.core.doubt import NO_DOUBTS, Doubts, frozen_by_provider
from monitor.core.endpoint import Alive, KeySeen, look_at_key
from monitor.core.fleet import Promised
from monitor.core.handover import Baseline, baseline_after, look_at_features, look_at_region, not_measured
from monitor.core.incident import disbelieve
from monitor.core.listing import RangeSeen, look_at_range
from monitor.core.plan import Check, Watched, rules_of
from monitor.core.region import Regions

Seen = RangeSeen | AccountSeen | KeySeen
Change = tuple[str, Standing, str, str]
"""What is to be remembered of a unit: its name, its standing, the verdict as a word, and why."""
Memory = Mapping[tuple[str, Defect], Standing]
"""What is remembered, by unit and defect."""

OURS = "ours:"
"""What questions about our own access begin with."""
NEVER = Standing()
NO_REGIONS = Regions({})
AT_ONCE = Confirm(rounds=1, spacing=timedelta())
"""How a failure is confirmed of which the policy says nothing: what was handed over is as it is."""


@dataclass(frozen=True, slots=True)
class Measure:
    """What looks are held against: the policy, what is doubted just now, and which code means which place."""

    policy: Policy
    doubt: Doubts = NO_DOUBTS
    regions: Regions = NO_REGIONS


@dataclass(frozen=True, slots=True)
class Question:
    """What only a person can find out about a unit; ``about`` tells one question on it from another."""

    target: Watched
    about: str
    why: str


@dataclass(frozen=True, slots=True)
class Assessed:
    """What came of the looks; ``good`` names the spares that were in order at this look."""

    changes: dict[Defect, list[Change]] = field(default_factory=dict)
    found: list[Found] = field(default_factory=list)
    sound: list[tuple[int, Defect]] = field(default_factory=list)
    """Deliveries that are in order, and in which way."""
    sick: list[str] = field(default_factory=list)
    good: set[str] = field(default_factory=set)
    baselines: dict[str, Baseline] = field(default_factory=dict)
    """What is newly known of what was handed over, by unit."""
    questions: list[Question] = field(default_factory=list)

    @property
    def tally(self) -> dict[Defect, Counter[str]]:
        """Count the verdicts."""
        return {defect: Counter(word for _, _, word, _ in each) for defect, each in self.changes.items()}


def assess(
    check: Check, targets: Iterable[Watched], seen: Mapping[str, Seen], remembered: Memory, measure: Measure
) -> Assessed:
    """Judge what was seen of units, by name, by every rule that such a look can tell about."""
    result = Assessed()
    for target in targets:
        what = seen.get(target.unit.name)
        if what is None:
            continue
        if isinstance(what, RangeSeen):
            what = disbelieve(what, measure.doubt.lists, "suspended: it lists the world")
        rules = [rule for rule in rules_of(check, measure.policy) if target.niche in rule.niches]
        _conclude(target, what, [*_judge_all(target, what, rules, remembered, measure, result)], result)
    return result


def _judge_all(
    target: Watched, what: Seen, rules: Iterable[Rule], remembered: Memory, measure: Measure, result: Assessed
) -> Iterator[tuple[Defect, Look, Verdict]]:
    """Judge one look rule by rule, and note what is to be remembered and what is to be asked."""
    name, waits = target.unit.name, _waits(target, what, measure)
    for rule in rules:
        before = remembered.get((name, rule.defect), NEVER)
        look, heard = read(what, rule.defect, target.promised, before, measure)
        if look is None:
            if missing := _unmeasured(what, target.promised, rule.defect):
                result.changes.setdefault(rule.defect, []).append((name, before, "not_measured", missing))
            continue
        if waits is not None:
            # While its provider fails nothing opens, and nothing clears.
            look = Unclear(waits)
        elif about := _asks(target, what, rule.defect, look, before, measure):
            why = look.why if isinstance(look, Unclear) else "access is denied, and its servers answer"
            result.questions.append(Question(target, about, why))
        if isinstance(look, Bad):
            before = _since_hand_over(rule, target, before, measure)
        judged = judge(rule.defect, before, look, what.at, measure.policy.confirm.get(rule.defect, AT_ONCE), heard)
        word, why = told(judged.verdict)
        why = why or _unmeasured(what, target.promised, rule.defect)
        result.changes.setdefault(rule.defect, []).append((name, judged.standing, word, why))
        yield rule.defect, look, judged.verdict


def _conclude(target: Watched, what: Seen, judged: list[tuple[Defect, Look, Verdict]], result: Assessed) -> None:
    """Say what follows for the unit as a whole."""
    name, delivery = target.unit.name, target.delivery
    failed = [verdict for _, _, verdict in judged if isinstance(verdict, Finding)]
    if delivery is None:
        if failed:
            result.sick.append(name)
        elif judged and all(isinstance(look, Good) for _, look, _ in judged):
            result.good.add(name)
        return
    excused = [verdict.finding for _, _, verdict in judged if isinstance(verdict, Excused)]
    # What fails in two ways is replaced once: for the gravest.
    result.found.extend(Found(delivery, finding) for finding in (*failed[:1], *excused))
    result.sound.extend((delivery.number, defect) for defect, _, v in judged if isinstance(v, Sound | Excused))
    if isinstance(what, AccountSeen):
        known = baseline_after(target.baseline, what)
        if known is not None and known != target.baseline:
            result.baselines[name] = known


def _waits(target: Watched, what: Seen, measure: Measure) -> str | None:
    if not isinstance(what, AccountSeen):
        return None
    return frozen_by_provider(target.provider, what, target.promised, target.baseline, measure.doubt, measure.regions)


def _asks(target: Watched, what: Seen, defect: Defect, look: Look, before: Standing, measure: Measure) -> str | None:
    """Say what an operator is to be asked about; None: nothing. The same is asked once, until all was well again."""
    if not isinstance(what, AccountSeen):
        return None
    if defect is Defect.WRONG_REGION and isinstance(look, Unclear):
        servers = what.inventory.servers if what.inventory is not None else ()
        return "region" if servers else None
    since = before.last_ok
    if defect is Defect.ACCOUNT_BANNED and isinstance(what.state, Misconfigured):
        # Our own mistake is the same one for many accounts: it is asked about once a day, by its words.
        return f"{OURS}{what.state.words}:{since.date().isoformat() if since else ''}"
    if defect is not Defect.ACCOUNT_BANNED or not isinstance(what.state, Denied):
        return None
    unresolved = isinstance(look, Unclear) or (isinstance(look, Excluded) and target.delivery is None)
    if not unresolved or measure.doubt.all_fail(what.provider, measure.policy):
        return None
    return f"denied:{since.isoformat() if since else ''}"


def _since_hand_over(rule: Rule, target: Watched, before: Standing, measure: Measure) -> Standing:
    """Take what was handed over for the last good look, where it shows no such defect: the customer made it later."""
    baseline = target.baseline
    if rule.begins is not Begins.AT_HAND_OVER or baseline is None or before.first_bad is not None:
        return before
    if before.last_ok is not None and before.last_ok >= baseline.at:
        return before
    then, _ = read(baseline.seen, rule.defect, target.promised, NEVER, measure)
    return before if isinstance(then, Bad) else replace(before, last_ok=baseline.at)


def _unmeasured(what: Seen, promised: Promised, defect: Defect) -> str:
    """Name what the plan says and the provider does not tell."""
    if isinstance(what, KeySeen) and isinstance(what.knock, Alive):
        return f"{what.endpoint} {what.knock.words}, and says nothing of the key"
    if not isinstance(what, AccountSeen) or defect not in {Defect.WRONG_REGION, Defect.MISSING_FEATURE}:
        return ""
    of_region = defect is Defect.WRONG_REGION
    names = [name for name in not_measured(what, promised) if name.startswith("region ") is of_region]
    return f"not measured, {what.provider} does not tell it: {', '.join(names)}" if names else ""


def read(seen: Seen, defect: Defect, promised: Promised, before: Standing, measure: Measure) -> tuple[Look | None, str]:
    """Read an observation for one defect: what it amounts to (None: it tells nothing of it), and how much was heard."""
    match seen:
        case RangeSeen():
            return look_at_range(seen, measure.policy.listing), seen.heard
        case KeySeen() if isinstance(seen.knock, Alive):
            # An endpoint that answers whatever the key may be says nothing of it.
            return None, ""
        case KeySeen():
            return look_at_key(seen, worked_before=before.last_ok is not None), f"{seen.endpoint} was knocked at"
        case AccountSeen():
            said = "; its status page tells of no trouble there" if seen.provider in measure.doubt.pages else ""
            return _read_account(seen, defect, promised, measure), f"{seen.provider} answered{said}"
        case _:
            assert_never(seen)


def _read_account(seen: AccountSeen, defect: Defect, promised: Promised, measure: Measure) -> Look | None:
    if defect is Defect.WRONG_REGION:
        return look_at_region(seen, promised, measure.regions)
    if defect is Defect.MISSING_FEATURE:
        return look_at_features(seen, promised)
    elsewhere = measure.doubt.heard_elsewhere(seen.provider)
    return look_at_account(seen, measure.policy.tos_words, heard_elsewhere=elsewhere)


def told(verdict: Verdict) -> tuple[str, str]:
    """Give a verdict as a word and its reason."""
    match verdict:
        case Sound():
            return "sound", ""
        case Suspect(rounds, needed):
            return "suspect", f"seen bad {rounds} of {needed} times"
        case Undecided(why):
            return "undecided", why
        case Finding():
            return "failed", _proof(verdict)
        case Excused(finding):
            return "excused", f"{finding.cause}: {_proof(finding)}"
        case _:
            assert_never(verdict)


def _proof(finding: Finding) -> str:
    return "; ".join(f"{w.who}: {w.said} ({w.subject})" for w in finding.witnesses[:3])
