"""When an address is bad and a range is listed: coverage.md section 5."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.coverage import Bad, Good, Listing, Unclear, Witness
from monitor.core.dnsxl import Weight
from monitor.core.fleet import Address
from monitor.core.listing import Balance, RangeSeen, Source, gather, look_at_range, weigh
from monitor.core.observation import Answer, Clear, Listed, Refused, Silent
from tests.core.shop import POLICY

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
RULE = POLICY.listing

HOSTS: list[Address] = list(ip_network("203.0.113.0/28"))
MAIN, SECOND = HOSTS[:2]

HIT = Listed((0x7F000002,), "spam", vouched="it held its test")
NOTED = Listed((0x7F00000A,), "dialup", informative=True)
QUIET = Silent("timeout")
SHUT = Refused("REFUSED")

ALERT = Source("alert-1", "operator-a", Weight.ALERT)
ALERT_TOO = Source("alert-2", "operator-b", Weight.ALERT)
WARN = Source("warn-1", "operator-c", Weight.WARN)
WARN_TOO = Source("warn-2", "operator-d", Weight.WARN)
COPY = Source("warn-copy", "operator-c", Weight.WARN)
INFO = Source("info-1", "operator-e", Weight.INFO)
PANEL = {source.name: source for source in (ALERT, ALERT_TOO, WARN, WARN_TOO, COPY, INFO)}


def heard_of(who: str, about: str) -> Witness:
    return Witness(who, "spam", about, "it held its test", "127.0.0.2")


def seen(
    *answers: tuple[Address, Source, Answer],
    probed: Sequence[Address] = (MAIN,),
    panel: Mapping[str, Source] = PANEL,
    configured: int | None = None,
) -> RangeSeen:
    total = len(panel) if configured is None else configured
    return gather(NOW, probed, panel, total, [(address, source.name, answer) for address, source, answer in answers])


@pytest.mark.parametrize(
    ("answers", "balance"),
    [
        pytest.param([], Balance.CLEAR, id="clear on every list"),
        pytest.param([(ALERT, HIT)], Balance.BAD, id="one alert operator suffices"),
        pytest.param([(WARN, HIT)], Balance.CLEAR, id="one warn operator does not"),
        pytest.param([(WARN, HIT), (WARN_TOO, HIT)], Balance.BAD, id="two independent warn operators do"),
        pytest.param([(WARN, HIT), (COPY, HIT)], Balance.CLEAR, id="lists that copy one another count once"),
        pytest.param([(INFO, HIT)], Balance.CLEAR, id="info never counts"),
        pytest.param([(WARN, HIT), (INFO, HIT)], Balance.CLEAR, id="info is no second witness"),
        pytest.param([(ALERT, NOTED)], Balance.CLEAR, id="a code that is no defect never counts"),
        pytest.param([(ALERT, QUIET)], Balance.OPEN, id="a silent alert list could tip it"),
        pytest.param([(ALERT, SHUT)], Balance.OPEN, id="a refusing alert list could tip it"),
        pytest.param([(WARN, QUIET)], Balance.CLEAR, id="one silent warn list could not"),
        pytest.param([(WARN, QUIET), (WARN_TOO, QUIET)], Balance.OPEN, id="two silent warn operators could"),
        pytest.param([(WARN, QUIET), (COPY, QUIET)], Balance.CLEAR, id="a silent list and its copy could not"),
        pytest.param([(WARN, HIT), (WARN_TOO, QUIET)], Balance.OPEN, id="the second witness is missing"),
        pytest.param([(WARN, HIT), (COPY, QUIET)], Balance.CLEAR, id="a missing copy changes nothing"),
        pytest.param([(INFO, QUIET)], Balance.CLEAR, id="a silent info list is nothing"),
        pytest.param([(WARN, HIT), (INFO, QUIET)], Balance.CLEAR, id="nor is it beside a witness"),
        pytest.param([(ALERT, HIT), (ALERT_TOO, QUIET)], Balance.BAD, id="silence does not undo a listing"),
    ],
)
def test_an_address_is_weighed(answers: list[tuple[Source, Answer]], balance: Balance) -> None:
    assert weigh(seen(*[(MAIN, source, answer) for source, answer in answers]), MAIN, RULE) is balance


def test_the_thresholds_are_data() -> None:
    strict = replace(RULE, alerts=2, warns=3)
    alert, warn, warn_too = (MAIN, ALERT, HIT), (MAIN, WARN, HIT), (MAIN, WARN_TOO, HIT)

    assert weigh(seen(alert), MAIN, strict) is Balance.CLEAR
    assert weigh(seen(alert, (MAIN, ALERT_TOO, HIT)), MAIN, strict) is Balance.BAD
    assert weigh(seen(alert, warn), MAIN, strict) is Balance.CLEAR
    assert weigh(seen(alert, warn, warn_too), MAIN, strict) is Balance.BAD


def test_a_list_that_is_not_on_the_panel_is_not_heard() -> None:
    stranger = Source("muted", "operator-z", Weight.ALERT)
    look = seen((MAIN, stranger, HIT), (MAIN, stranger, QUIET))

    assert (look.listed, look.unheard) == ({}, {})
    assert look_at_range(look, RULE) == Good()


def test_a_clear_address_need_not_be_named() -> None:
    assert seen((MAIN, ALERT, Clear())) == seen()


def test_a_look_tells_how_much_was_heard_of_the_main_address() -> None:
    look = seen((MAIN, ALERT, QUIET), (MAIN, WARN, SHUT), (SECOND, INFO, QUIET), probed=[MAIN, SECOND], configured=8)

    assert look.heard == "4 of 8 lists answered"
    assert look.unheard[MAIN] == {"alert-1": "timeout", "warn-1": "REFUSED"}


def test_a_range_is_listed_when_the_customers_own_address_is() -> None:
    assert look_at_range(seen((MAIN, ALERT, HIT), probed=HOSTS), RULE) == Bad((heard_of("alert-1", "203.0.113.0"),))


@pytest.mark.parametrize(
    ("bad", "probed", "listed"),
    [
        pytest.param(1, 10, True, id="one of ten is a tenth"),
        pytest.param(1, 11, False, id="one of eleven is less"),
        pytest.param(1, 16, False, id="one of sixteen is less"),
        pytest.param(2, 16, True, id="two of sixteen are more"),
        pytest.param(3, 30, True, id="three of thirty are a tenth, whatever floats say"),
    ],
)
def test_a_range_is_listed_when_a_tenth_of_it_is(bad: int, probed: int, *, listed: bool) -> None:
    hosts: list[Address] = list(ip_network("203.0.113.0/27"))
    look = seen(*[(host, ALERT, HIT) for host in hosts[1 : 1 + bad]], probed=hosts[:probed])

    assert isinstance(look_at_range(look, RULE), Bad if listed else Good)


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        pytest.param([(MAIN, ALERT, QUIET)], "alert-1 (timeout) could tip the balance", id="at the main address"),
        pytest.param(
            [(HOSTS[1], ALERT, QUIET), (HOSTS[2], ALERT_TOO, SHUT)],
            "alert-1 (timeout), alert-2 (REFUSED) could tip the balance",
            id="at a tenth of the range",
        ),
        pytest.param(
            [(HOSTS[1], ALERT, HIT), (HOSTS[2], ALERT_TOO, QUIET)],
            "alert-2 (timeout) could tip the balance",
            id="together with what is listed",
        ),
    ],
)
def test_silence_that_could_tip_the_balance_decides_nothing(
    answers: list[tuple[Address, Source, Answer]], why: str
) -> None:
    assert look_at_range(seen(*answers, probed=HOSTS), RULE) == Unclear(why)


def test_silence_that_could_not_tip_the_balance_is_passed_over() -> None:
    look = seen((HOSTS[1], ALERT, QUIET), (HOSTS[2], WARN, QUIET), (MAIN, INFO, QUIET), probed=HOSTS)

    assert look_at_range(look, RULE) == Good()


def test_addresses_of_which_different_lists_are_silent_are_weighed_each_for_itself() -> None:
    one = seen((MAIN, ALERT, QUIET), (SECOND, INFO, SHUT), probed=[MAIN, SECOND])
    other = seen((SECOND, ALERT, QUIET), (MAIN, INFO, SHUT), probed=[MAIN, SECOND])

    assert look_at_range(one, RULE) == Unclear("alert-1 (timeout) could tip the balance")
    assert look_at_range(other, RULE) == Unclear("alert-1 (timeout) could tip the balance")


def test_a_look_stands_for_the_rounds_before_it() -> None:
    assert gather(NOW, HOSTS[:4], PANEL, 6, []).counted == 4
    assert gather(NOW, HOSTS[:4], PANEL, 6, [], stands_for=16).counted == 16


def test_many_silent_lists_are_named_by_five() -> None:
    panel = {f"list-{n}": Source(f"list-{n}", f"operator-{n}", Weight.ALERT) for n in range(7)}
    six = seen(*[(MAIN, panel[f"list-{n}"], QUIET) for n in range(6)], panel=panel)
    five = seen(*[(MAIN, panel[f"list-{n}"], QUIET) for n in range(5)], panel=panel)

    named = ", ".join(f"list-{n} (timeout)" for n in range(5))
    assert look_at_range(six, RULE) == Unclear(f"{named} and others could tip the balance")
    assert look_at_range(five, RULE) == Unclear(f"{named} could tip the balance")


def test_a_look_at_nothing_says_nothing() -> None:
    assert look_at_range(RangeSeen(NOW, MAIN, (), PANEL, 6), RULE) == Unclear("no address was probed")


@pytest.mark.parametrize(
    ("panel", "configured", "look"),
    [
        pytest.param([ALERT, WARN], 4, Good(), id="half of the lists are enough"),
        pytest.param([ALERT, WARN], 5, Unclear("only 2 of 5 lists are believed"), id="less than half are not"),
        pytest.param([], 3, Unclear("only 0 of 3 lists are believed"), id="no list at all"),
        pytest.param([], 0, Unclear("only 0 of 0 lists are believed"), id="none configured"),
        pytest.param([INFO], 1, Unclear("only 1 of 1 lists are believed"), id="lists that cannot vote are no panel"),
    ],
)
def test_nothing_is_sound_without_a_quorum(panel: list[Source], configured: int, look: Good | Unclear) -> None:
    believed = {source.name: source for source in panel}

    assert look_at_range(seen(panel=believed, configured=configured), RULE) == look


def test_a_listing_needs_no_quorum() -> None:
    look = seen((MAIN, ALERT, HIT), panel={"alert-1": ALERT}, configured=40)

    assert look_at_range(look, RULE) == Bad((heard_of("alert-1", "203.0.113.0"),))


def test_the_witnesses_are_those_that_count_with_the_main_address_first() -> None:
    look = seen(
        (HOSTS[3], ALERT, Listed((2, 0x7F000004))),
        (HOSTS[2], WARN_TOO, HIT),
        (HOSTS[2], WARN, HIT),
        (HOSTS[2], INFO, HIT),
        (HOSTS[2], ALERT_TOO, NOTED),
        (HOSTS[9], WARN, HIT),
        (HOSTS[5], ALERT, HIT),
        probed=[HOSTS[5], *HOSTS[:5], *HOSTS[6:]],
    )

    found = look_at_range(look, RULE)

    assert found == Bad(
        (
            heard_of("alert-1", "203.0.113.5"),
            heard_of("warn-1", "203.0.113.2"),
            heard_of("warn-2", "203.0.113.2"),
            Witness("alert-1", "listed", "203.0.113.3", raw="0.0.0.2, 127.0.0.4"),
        )
    )


def test_ten_addresses_are_proof_enough() -> None:
    found = look_at_range(seen(*[(host, ALERT, HIT) for host in HOSTS], probed=HOSTS), RULE)

    assert isinstance(found, Bad)
    assert [witness.subject for witness in found.witnesses] == [str(host) for host in HOSTS[:10]]


def test_addresses_of_both_families_are_put_in_order() -> None:
    six = ip_address("2001:db8::1")
    look = gather(NOW, [MAIN, six], PANEL, 6, [(six, "alert-1", HIT), (MAIN, "alert-1", HIT)])

    found = look_at_range(look, RULE)

    assert isinstance(found, Bad)
    assert [witness.subject for witness in found.witnesses] == ["203.0.113.0", "2001:db8::1"]


WORSE = [Balance.CLEAR, Balance.OPEN, Balance.BAD]
sources = st.sampled_from(list(PANEL.values()))
answers = st.sampled_from([HIT, NOTED, QUIET, SHUT, Clear()])
said = st.dictionaries(sources, answers)
rules = st.builds(Listing, alerts=st.integers(1, 3), warns=st.integers(1, 4))


def badness(heard: Mapping[Source, Answer], rule: Listing) -> int:
    return WORSE.index(weigh(seen(*[(MAIN, source, answer) for source, answer in heard.items()]), MAIN, rule))


@given(said, sources, rules)
def test_one_more_listing_never_makes_an_address_better(
    heard: dict[Source, Answer], source: Source, rule: Listing
) -> None:
    assert badness({**heard, source: HIT}, rule) >= badness(heard, rule)


@given(said, sources, rules)
def test_hearing_a_silent_list_clear_never_makes_an_address_worse(
    heard: dict[Source, Answer], source: Source, rule: Listing
) -> None:
    assert badness({**heard, source: Clear()}, rule) <= badness({**heard, source: QUIET}, rule)


@given(said, rules)
def test_an_open_balance_can_be_tipped_by_what_is_silent(heard: dict[Source, Answer], rule: Listing) -> None:
    unheard = [source for source, answer in heard.items() if isinstance(answer, Silent | Refused)]
    worst: dict[Source, Answer] = {**heard, **dict.fromkeys(unheard, HIT)}
    could = badness(worst, rule) == WORSE.index(Balance.BAD)

    assert (badness(heard, rule) >= WORSE.index(Balance.OPEN)) == could


@given(
    st.lists(st.tuples(st.sampled_from(HOSTS), sources, answers), unique_by=lambda each: each[:2]),
    st.permutations([0, 1, 2]),
)
def test_the_order_in_which_answers_arrive_does_not_matter(
    heard: list[tuple[Address, Source, Answer]], turn: Iterable[int]
) -> None:
    turned = [each for start in turn for each in heard[start::3]]

    assert look_at_range(seen(*turned, probed=HOSTS), RULE) == look_at_range(seen(*heard, probed=HOSTS), RULE)


def test_who_is_not_on_the_panel_is_passed_over_and_the_others_are_heard() -> None:
    look = gather(NOW, [MAIN], {"alert-1": ALERT}, 2, [(MAIN, "stranger", HIT), (MAIN, "alert-1", HIT)])

    assert (look.at, look.listed, look.stands_for) == (NOW, {MAIN: {"alert-1": HIT}}, 0)


def test_silence_about_just_the_share_that_makes_a_range_listed_decides_nothing() -> None:
    hosts = HOSTS[:10]
    quiet = seen((hosts[5], ALERT, QUIET), probed=hosts)

    assert look_at_range(quiet, RULE) == Unclear("alert-1 (timeout) could tip the balance")
