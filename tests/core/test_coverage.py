"""How looks become a finding, and the policy that comes with coverwatch."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.coverage import (
    Alarm,
    Bad,
    BrakeLimits,
    Burning,
    Confirm,
    Defect,
    Excluded,
    Exclusion,
    Excused,
    Finding,
    Good,
    Judged,
    Listing,
    Look,
    Policy,
    Sound,
    Standing,
    Stocking,
    Suspect,
    Unclear,
    Undecided,
    Verdict,
    Witness,
    judge,
)
from tests.core.shop import POLICY, SECOND, T, after, maybe_after

TWICE = Confirm(rounds=2, spacing=timedelta(minutes=10))
PROOF = (Witness("zen.example", "spam", "203.0.113.0"),)
BAD = Bad(PROOF)
EXCLUDED = Excluded(PROOF, Exclusion.CUSTOMER_CREDENTIALS)
UNCLEAR = Unclear("zen.example could tip the balance")

Story = Sequence[tuple[datetime, Look]]


def tell(story: Story, confirm: Confirm = TWICE, standing: Standing | None = None) -> Judged:
    judged = Judged(standing or Standing(), Undecided("never looked at"))
    for at, look in story:
        judged = judge(Defect.RANGE_LISTED, judged.standing, look, at, confirm, "3 of 3 lists answered")
    return judged


def failed(first_bad: str, confirmed_at: str, rounds: int, last_ok: str | None = None) -> Finding:
    return Finding(
        defect=Defect.RANGE_LISTED,
        last_ok=None if last_ok is None else after(last_ok),
        first_bad=after(first_bad),
        confirmed_at=after(confirmed_at),
        rounds=rounds,
        witnesses=PROOF,
        heard="3 of 3 lists answered",
    )


@pytest.mark.parametrize(
    ("story", "verdict"),
    [
        pytest.param([("0s", Good())], Sound(), id="one good look is enough to be sound"),
        pytest.param([("0s", UNCLEAR)], Undecided("zen.example could tip the balance"), id="silence is not health"),
        pytest.param([("0s", BAD)], Suspect(1, 2), id="once is not yet believed"),
        pytest.param([("0s", BAD), ("10m", BAD)], failed("0s", "10m", 2), id="twice, ten minutes apart, is"),
        pytest.param([("0s", BAD), ("9m", BAD)], Suspect(1, 2), id="too soon after the first does not count"),
        pytest.param(
            [("0s", BAD), ("9m", BAD), ("10m", BAD)], failed("0s", "10m", 2), id="nor does it delay the count"
        ),
        pytest.param([("0s", BAD), ("0s", BAD)], Suspect(1, 2), id="the same look told twice is one"),
        pytest.param([("0s", BAD), ("10m", Good()), ("20m", BAD)], Suspect(1, 2), id="a good look starts anew"),
        pytest.param(
            [("0s", BAD), ("10m", UNCLEAR), ("20m", BAD)], failed("0s", "20m", 2), id="silence between changes nothing"
        ),
        pytest.param(
            [("0s", BAD), ("10m", UNCLEAR)],
            Undecided("zen.example could tip the balance"),
            id="silence confirms nothing",
        ),
        pytest.param(
            [("0s", Good()), ("1h", BAD), ("2h", BAD)], failed("1h", "2h", 2, last_ok="0s"), id="it was fine before"
        ),
        pytest.param([("0s", BAD), ("1h", BAD), ("2h", BAD)], failed("0s", "2h", 3), id="it goes on"),
        pytest.param([("0s", BAD), ("1h", BAD), ("2h", Good())], Sound(), id="it heals"),
        pytest.param(
            [("1h", Good()), ("0s", BAD)],
            Undecided("overtaken by a later look"),
            id="a look that comes late is not heard",
        ),
    ],
)
def test_looks_become_a_verdict(story: list[tuple[str, Look]], verdict: Verdict) -> None:
    assert tell([(after(at), look) for at, look in story]).verdict == verdict


def test_once_is_enough_where_the_policy_says_so() -> None:
    assert tell([(T, BAD)], Confirm(1, timedelta())).verdict == failed("0s", "0s", 1)


def test_without_spacing_the_same_look_still_counts_once() -> None:
    unspaced = Confirm(2, timedelta())

    assert tell([(T, BAD), (T, BAD)], unspaced).verdict == Suspect(1, 2)
    assert tell([(T, BAD), (T + SECOND, BAD)], unspaced).verdict == failed("0s", "1s", 2)


def test_a_finding_names_the_cause_that_its_witnesses_named_last() -> None:
    verdict = tell([(T, BAD), (after("10m"), Bad(PROOF, Exclusion.CUSTOMER_TOS))]).verdict

    assert isinstance(verdict, Finding)
    assert verdict.cause is Exclusion.CUSTOMER_TOS


def test_what_is_remembered_is_all_there_is() -> None:
    judged = tell([(T, Good()), (after("1h"), BAD), (after("1h5m"), BAD), (after("1h6m"), UNCLEAR)])

    assert judged.standing == Standing(
        last_ok=T, first_bad=after("1h"), counted_at=after("1h"), rounds=1, looked_at=after("1h6m")
    )


def test_a_late_look_leaves_everything_as_it_was() -> None:
    before = tell([(T, Good()), (after("1h"), BAD)]).standing

    for look in (Good(), BAD, UNCLEAR):
        assert tell([(after("59m"), look)], standing=before).standing == before


def excused(at: str, rounds: int) -> Excused:
    cause = Exclusion.CUSTOMER_CREDENTIALS
    return Excused(Finding(Defect.RANGE_LISTED, None, after(at), after(at), rounds, PROOF, "", cause))


def seen_once(at: str) -> Undecided:
    return Undecided(f"customer_credentials: seen {at} times")


@pytest.mark.parametrize(
    ("story", "verdict", "remembered"),
    [
        pytest.param([("0s", EXCLUDED)], seen_once("1 of 2"), ("0s", None, "0s", 1), id="once is not yet believed"),
        pytest.param(
            [("0s", EXCLUDED), ("10m", EXCLUDED)], excused("10m", 2), ("10m", None, "10m", 2), id="twice, apart, is"
        ),
        pytest.param(
            [("0s", EXCLUDED), ("9m", EXCLUDED)],
            seen_once("1 of 2"),
            ("9m", None, "0s", 1),
            id="too soon after the first does not count",
        ),
        pytest.param(
            [("0s", EXCLUDED), ("10m", EXCLUDED), ("20m", EXCLUDED)],
            excused("20m", 3),
            ("20m", None, "20m", 3),
            id="it goes on",
        ),
        pytest.param(
            [("0s", BAD), ("10m", EXCLUDED)],
            seen_once("1 of 2"),
            ("10m", None, "10m", 1),
            id="what looked bad and is in order itself begins anew",
        ),
        pytest.param(
            [("0s", EXCLUDED), ("5m", Good()), ("10m", EXCLUDED)],
            seen_once("1 of 2"),
            ("10m", None, "10m", 1),
            id="a good look starts anew",
        ),
        pytest.param(
            [("0s", EXCLUDED), ("5m", UNCLEAR), ("10m", EXCLUDED)],
            excused("10m", 2),
            ("10m", None, "10m", 2),
            id="silence between changes nothing",
        ),
        pytest.param(
            [("0s", EXCLUDED), ("10m", BAD)],
            Suspect(1, 2),
            ("0s", "10m", "10m", 1),
            id="it was fine until it looked bad",
        ),
    ],
)
def test_an_exclusion_is_believed_as_a_failure_is_and_the_unit_was_fine_all_the_while(
    story: list[tuple[str, Look]], verdict: Verdict, remembered: tuple[str, str | None, str, int]
) -> None:
    judged = tell([(after(at), look) for at, look in story])

    last_ok, first_bad, counted_at, rounds = remembered
    assert judged.verdict == verdict
    assert judged.standing == Standing(
        last_ok=after(last_ok),
        first_bad=maybe_after(first_bad),
        counted_at=after(counted_at),
        rounds=rounds,
        looked_at=after(story[-1][0]),
    )


looks = st.sampled_from([Good(), BAD, UNCLEAR])
minutes = st.integers(0, 240).map(lambda each: T + timedelta(minutes=each))
stories = st.lists(st.tuples(minutes, looks), max_size=30)
in_order = stories.map(lambda story: sorted(story, key=lambda each: each[0]))
confirms = st.builds(Confirm, st.integers(1, 4), st.integers(0, 30).map(lambda each: timedelta(minutes=each)))


@given(stories, minutes, confirms)
def test_silence_never_changes_when_it_was_fine_or_broke(story: Story, at: datetime, confirm: Confirm) -> None:
    before = tell(story, confirm).standing
    now = tell([(at, UNCLEAR)], confirm, before).standing

    assert (now.last_ok, now.first_bad, now.counted_at, now.rounds) == (
        before.last_ok,
        before.first_bad,
        before.counted_at,
        before.rounds,
    )


@given(in_order, confirms)
def test_leaving_out_the_silence_leaves_the_finding(story: Story, confirm: Confirm) -> None:
    heard = [(at, look) for at, look in story if not isinstance(look, Unclear)]
    with_silence, without = tell(story, confirm).standing, tell(heard, confirm).standing

    assert (with_silence.last_ok, with_silence.first_bad, with_silence.rounds) == (
        without.last_ok,
        without.first_bad,
        without.rounds,
    )


@given(in_order, confirms)
def test_bad_rounds_count_only_so_far_apart(story: Story, confirm: Confirm) -> None:
    counted: list[datetime] = []
    standing = Standing()
    for at, look in story:
        now = tell([(at, look)], confirm, standing).standing
        if now.rounds == 0:
            counted = []
        elif now.rounds > standing.rounds:
            counted.append(at)
        standing = now

    assert len(counted) == standing.rounds
    assert all(later - earlier >= confirm.spacing and later > earlier for earlier, later in pairwise(counted))


@given(in_order, confirms)
def test_what_is_believed_was_seen_as_often_as_the_policy_asks(story: Story, confirm: Confirm) -> None:
    verdict = tell(story, confirm).verdict

    if isinstance(verdict, Finding):
        assert verdict.rounds >= confirm.rounds
        assert verdict.confirmed_at - verdict.first_bad >= confirm.spacing * (confirm.rounds - 1)
        assert verdict.last_ok is None or verdict.last_ok <= verdict.first_bad


@given(stories, confirms)
def test_a_look_overtaken_by_a_later_one_might_as_well_not_have_come(story: Story, confirm: Confirm) -> None:
    timely: list[tuple[datetime, Look]] = []
    for at, look in story:
        if not timely or at >= timely[-1][0]:
            timely.append((at, look))

    assert tell(story, confirm).standing == tell(timely, confirm).standing


@given(in_order, confirms, st.integers(0, 30))
def test_a_restart_between_two_looks_changes_nothing(story: Story, confirm: Confirm, cut: int) -> None:
    remembered = tell(story[:cut], confirm).standing

    assert tell(story[cut:], confirm, remembered).standing == tell(story, confirm).standing


def test_the_shipped_policy_names_all_ten_defects() -> None:
    assert set(POLICY.rules) == set(Defect)


def test_the_shipped_policy_confirms_as_it_is_published() -> None:
    assert POLICY.confirm[Defect.RANGE_LISTED] == Confirm(2, timedelta(minutes=10))


def test_the_shipped_policy_holds_the_published_limits() -> None:
    assert POLICY.listing == Listing(alerts=1, warns=2, share=0.10, quorum=0.5)
    assert POLICY.brake == BrakeLimits(20, 100, 20, 20, 0.30)
    assert (POLICY.burning.members, POLICY.burning.share, POLICY.burning.within) == (3, 0.20, timedelta(hours=24))


def test_a_policy_that_leaves_a_number_out_means_the_published_one() -> None:
    bare = Policy("", "", {}, {}, POLICY.verify, POLICY.replace_warning, POLICY.response)

    assert bare.listing == POLICY.listing == Listing(alerts=1, warns=2, share=0.10, quorum=0.5)
    assert bare.brake == POLICY.brake == BrakeLimits(20, 100, 20, 20, 0.30)
    assert bare.burning == POLICY.burning == Burning(3, 0.20, timedelta(hours=24), timedelta(minutes=30))
    assert bare.alarm == POLICY.alarm == Alarm(jump=0.10, suppliers=3, share=0.5, ranges=10)
    assert bare.stocking == POLICY.stocking == Stocking(timedelta(days=30), 0.05, 0.10, timedelta(days=14))
    assert (bare.fresh_within, bare.failing) == (POLICY.fresh_within, POLICY.failing) == (timedelta(hours=1), 3)
    assert (bare.delay_told, bare.delay) == (POLICY.delay_told, POLICY.delay) == (0.9, timedelta(hours=24))


def test_the_shipped_policy_runs_the_published_clocks() -> None:
    assert (POLICY.verify.within, POLICY.verify.warn_after) == (timedelta(hours=12), timedelta(hours=10))
    assert (POLICY.response.within, POLICY.response.warn_after) == (timedelta(hours=1), timedelta(minutes=45))
    assert POLICY.replace_warning == 0.75


def test_every_look_is_remembered_counted_or_not() -> None:
    soon, later = after("1m"), after("10m")

    assert tell([(T, BAD)]).standing == Standing(first_bad=T, counted_at=T, rounds=1, looked_at=T)
    assert tell([(T, BAD), (soon, BAD)]).standing == Standing(first_bad=T, counted_at=T, rounds=1, looked_at=soon)
    assert tell([(T, BAD), (soon, BAD), (later, BAD)]).standing == Standing(
        first_bad=T, counted_at=later, rounds=2, looked_at=later
    )
