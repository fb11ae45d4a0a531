"""What one look at a unit comes to: every defect it can tell of, what is remembered, asked, and kept."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest

from monitor.core.account import (
    AccountSeen,
    AccountState,
    Active,
    Denied,
    Doors,
    Inventory,
    Misconfigured,
    Server,
    ServerState,
    Suspended,
)
from monitor.core.assess import Assessed, Measure, Seen, assess, told
from monitor.core.coverage import (
    Defect,
    Exclusion,
    Excused,
    Finding,
    Sound,
    Standing,
    Suspect,
    Undecided,
    Verdict,
    Witness,
)
from monitor.core.dnsxl import Weight
from monitor.core.doubt import Doubts, doubts
from monitor.core.endpoint import AcceptsKey, Alive, Closed, KeySeen, Knock, RefusesKey
from monitor.core.fleet import Delivery, Niche, Promised
from monitor.core.handover import Baseline, baseline_after
from monitor.core.incident import ListAlarmed, ProviderFailing, ProviderTroubled, Reach
from monitor.core.listing import RangeSeen, Source
from monitor.core.notice import Kind, Notice
from monitor.core.observation import Listed, Silent
from monitor.core.plan import Check, Watched
from monitor.core.questions import asked
from monitor.core.region import Place, Regions
from monitor.core.status import Severity, Trouble
from tests.core.shop import POLICY, VPN, VPS, T, delivery, unit

AT = T + timedelta(hours=1)
REGIONS = Regions(
    {
        "frankfurt": Place(("Frankfurt",), {"digitalocean": frozenset({"fra1"})}),
        "singapore": Place(("Singapore",), {"digitalocean": frozenset({"sgp1"})}),
    }
)
PROMISED = Promised("Frankfurt", ram_mib=1024)
MEASURE = Measure(POLICY, regions=REGIONS)
BANNED, REGION, FEATURE, KEY = (
    Defect.ACCOUNT_BANNED,
    Defect.WRONG_REGION,
    Defect.MISSING_FEATURE,
    Defect.KEY_BANNED,
)
HERS = replace(delivery(tier=VPS, ranges=()), unit=unit("hers", tier=VPS, access="hers"))


def server(region: str | None = "fra1", ram: int | None = 1024, address: str = "198.51.100.7") -> Server:
    addresses = (ip_address(address),)
    return Server("1", "web", ServerState.RUNNING, region, ram_mib=ram, addresses=addresses, raw={"vHostNumber": 12})


def saw(*servers: Server, state: AccountState | None = None, complete: bool = True, at: datetime = AT) -> AccountSeen:
    return AccountSeen(at, "digitalocean", state or Active(), Inventory(servers, complete))


def refused(*own: tuple[str, Knock], others: Sequence[Knock] = (), identity: str | None = None) -> AccountSeen:
    return AccountSeen(AT, "digitalocean", Denied("401"), None, Doors(own, tuple(others), identity))


def watched(handed: Delivery | None = HERS, baseline: Baseline | None = None) -> Watched:
    return Watched(HERS.unit, Niche.VPS, "digitalocean", handed, promised=PROMISED, baseline=baseline)


def judged(seen: Seen, target: Watched | None = None, measure: Measure = MEASURE, **standings: Standing) -> Assessed:
    remembered = {("hers", Defect(name)): standing for name, standing in standings.items()}
    check = Check.ENDPOINT if isinstance(seen, KeySeen) else Check.ACCOUNT
    return assess(check, [target or watched()], {"hers": seen}, remembered, measure)


def words(result: Assessed) -> dict[Defect, str]:
    return {defect: word for defect, changes in result.changes.items() for _, _, word, _ in changes}


def why(result: Assessed, defect: Defect = BANNED) -> str:
    return result.changes[defect][0][3]


def found(result: Assessed) -> list[tuple[Defect, Exclusion | None]]:
    return [(each.finding.defect, each.finding.cause) for each in result.found]


def test_who_was_not_looked_at_is_not_judged() -> None:
    assert assess(Check.ACCOUNT, [watched()], {}, {}, MEASURE) == Assessed()
    # And keeps nobody who comes after him from being judged.
    his = replace(watched(), unit=replace(HERS.unit, name="his"))
    assert words(assess(Check.ACCOUNT, [his, watched()], {"hers": saw(server())}, {}, MEASURE))[BANNED] == "sound"


def test_all_in_order_is_sound_in_every_way_and_kept_as_the_baseline() -> None:
    result = judged(saw(server()))
    assert words(result) == {BANNED: "sound", REGION: "sound", FEATURE: "sound"}
    assert result.sound == [(1, BANNED), (1, REGION), (1, FEATURE)]
    assert result.baselines["hers"].servers == (server(),)
    assert result.tally[REGION] == {"sound": 1}


def test_what_fails_in_two_ways_is_found_once() -> None:
    result = judged(saw(server("sgp1", 512)))
    assert words(result) == {BANNED: "sound", REGION: "failed", FEATURE: "failed"}
    assert found(result) == [(REGION, None)]
    assert [each.delivery for each in result.found] == [HERS]


def test_a_rule_that_the_policy_does_not_have_is_not_applied() -> None:
    rules = {defect: rule for defect, rule in POLICY.rules.items() if defect is not REGION}
    result = judged(saw(server("sgp1")), measure=Measure(replace(POLICY, rules=rules), regions=REGIONS))
    assert words(result) == {BANNED: "sound", FEATURE: "sound"}


def test_what_the_policy_does_not_say_how_to_confirm_is_believed_at_once() -> None:
    confirm = {BANNED: POLICY.confirm[BANNED]}
    result = judged(saw(server("sgp1")), measure=Measure(replace(POLICY, confirm=confirm), regions=REGIONS))
    assert found(result) == [(REGION, None)]


@pytest.mark.parametrize(
    ("seen", "place"),
    [
        pytest.param(saw(server()), "good", id="a spare in order"),
        pytest.param(saw(server("sgp1")), "sick", id="a spare in the wrong place"),
        pytest.param(saw(), "neither", id="a spare of which nothing can be said"),
    ],
)
def test_a_spare_is_good_or_sick_or_neither(seen: AccountSeen, place: str) -> None:
    result = judged(seen, watched(None))
    assert (result.good, result.sick, result.found, result.baselines) == (
        {"hers"} if place == "good" else set(),
        ["hers"] if place == "sick" else [],
        [],
        {},
    )


CLEAN = Baseline(T + timedelta(minutes=5), "digitalocean", (server(),))
EMPTY = replace(CLEAN, servers=())
HERE = (ip_address("198.51.100.7"),)
WRONG = replace(CLEAN, servers=(server("sgp1"),))


@pytest.mark.parametrize(
    ("baseline", "before", "last_ok"),
    [
        pytest.param(CLEAN, Standing(), CLEAN.at, id="clean when handed over"),
        pytest.param(EMPTY, Standing(), CLEAN.at, id="nothing was there when handed over"),
        pytest.param(WRONG, Standing(), None, id="wrong when handed over"),
        pytest.param(
            CLEAN, Standing(last_ok=AT - timedelta(minutes=5)), AT - timedelta(minutes=5), id="fine later too"
        ),
        pytest.param(CLEAN, Standing(last_ok=T - timedelta(hours=1)), CLEAN.at, id="fine on the shelf as well"),
        pytest.param(CLEAN, Standing(first_bad=T), None, id="seen bad before"),
        pytest.param(None, Standing(), None, id="never seen whole"),
    ],
)
def test_what_was_handed_over_counts_as_the_last_good_look(
    baseline: Baseline | None, before: Standing, last_ok: datetime | None
) -> None:
    result = judged(saw(server("sgp1")), watched(baseline=baseline), wrong_region=before)
    assert [each.finding.last_ok for each in result.found] == [last_ok]


def test_what_the_provider_does_not_tell_is_not_measured_and_says_so() -> None:
    result = judged(saw(server(None, None)))
    assert words(result) == {BANNED: "sound", REGION: "not_measured", FEATURE: "sound"}
    assert why(result, REGION) == "not measured, digitalocean does not tell it: region Frankfurt"
    assert why(result, FEATURE) == "not measured, digitalocean does not tell it: RAM 1024"


def test_all_that_is_not_measured_is_named_and_only_where_it_matters() -> None:
    result = judged(saw(server(None, None)), replace(watched(), promised=Promised(vcpus=2, ram_mib=1024)))
    assert why(result, FEATURE) == "not measured, digitalocean does not tell it: vCPU 2, RAM 1024"
    assert why(result, BANNED) == ""


def test_what_was_not_promised_is_neither_judged_nor_named() -> None:
    result = judged(saw(server()), replace(watched(), promised=Promised()))
    assert words(result) == {BANNED: "sound"}


HEARD = Doubts(reached={"digitalocean": Reach(1, 9, AT)})
ALONE = Doubts()
ALL_FAIL = Doubts(reached={"digitalocean": Reach(9, 0, AT)})
TWO_FAIL = Doubts(reached={"digitalocean": Reach(2, 0, AT)})
PART = Doubts(reached={"digitalocean": Reach(2, 0, AT)}, before={"digitalocean": Reach(0, 90, AT)})
PART_OF_NONE = Doubts(reached={"digitalocean": Reach(2, 0, AT)}, before={"digitalocean": Reach(90, 0, AT)})
DEAD = refused(("198.51.100.7", Silent("no answer")), others=[Alive("greets")])


@pytest.mark.parametrize(
    ("seen", "doubt", "word", "said"),
    [
        pytest.param(DEAD, HEARD, "suspect", "seen bad 1 of 2 times", id="dead, and others answer"),
        pytest.param(DEAD, ALONE, "suspect", "seen bad 1 of 2 times", id="dead, and there are no others"),
        pytest.param(DEAD, PART, "suspect", "seen bad 1 of 2 times", id="dead, and others come later"),
        pytest.param(DEAD, PART_OF_NONE, "undecided", "so are the provider's other accounts", id="nobody answers"),
        pytest.param(DEAD, TWO_FAIL, "undecided", "so are the provider's other accounts", id="dead, as the other"),
        pytest.param(
            refused(("198.51.100.7", Silent(""))), HEARD, "undecided", "not known: is it our line?",
            id="nobody else was there to be reached",
        ),
        pytest.param(
            refused(("198.51.100.7", Silent("")), identity="SHA256:a"), HEARD, "suspect", "seen bad",
            id="it answered us before",
        ),
        pytest.param(
            refused(("198.51.100.7", Silent("")), others=[Silent("")]), HEARD, "undecided", "is it our line?",
            id="we reach nobody",
        ),
        pytest.param(
            refused(("198.51.100.7", Silent("")), others=[Silent(""), Closed("refused")]), HEARD, "suspect", "seen bad",
            id="we reach somebody",
        ),
        pytest.param(
            refused(("198.51.100.7", Closed("refused"))), HEARD, "undecided", "neither answer nor are silent", id="shut"
        ),
        pytest.param(
            refused(("198.51.100.7", Alive("greets"))), HEARD, "undecided", "customer_credentials: seen 1 of 2",
            id="alive",
        ),
        pytest.param(
            refused(("198.51.100.7", Alive("greets", "SHA256:b")), identity="SHA256:a"), HEARD, "undecided",
            "another machine than before", id="somebody else lives there",
        ),
        pytest.param(refused(), HEARD, "undecided", "look alike", id="nobody knows where its servers are"),
    ],
)  # fmt: skip
def test_a_refused_login_in_the_light_of_its_servers(seen: AccountSeen, doubt: Doubts, word: str, said: str) -> None:
    result = judged(seen, measure=Measure(POLICY, doubt, REGIONS))
    assert words(result)[BANNED] == word
    assert said in why(result)
    assert result.found == []


def test_a_server_that_answers_again_and_again_excuses_us() -> None:
    seen = refused(("198.51.100.7", Alive("greets")))
    first = judged(seen).changes[BANNED][0][1]
    assert (first.last_ok, first.first_bad, first.rounds) == (AT, None, 1)
    later = replace(seen, at=AT + timedelta(minutes=5))
    result = judged(later, account_banned=first)
    assert found(result) == [(BANNED, Exclusion.CUSTOMER_CREDENTIALS)]
    assert result.sound == [(1, BANNED)]
    assert why(result).startswith("customer_credentials: digitalocean: access denied")
    # A spare has no customer: for it that is our own affair.
    spare = judged(later, watched(None), account_banned=first)
    assert (spare.found, spare.good, [each.about for each in spare.questions]) == (
        [],
        set(),
        [f"denied:{AT.isoformat()}"],
    )


def test_what_looked_dead_and_lives_begins_anew() -> None:
    seen = refused(("198.51.100.7", Alive("greets")))
    result = judged(seen, account_banned=Standing(first_bad=T, counted_at=T, rounds=1))
    assert result.changes[BANNED][0][1] == Standing(last_ok=AT, counted_at=AT, rounds=1, looked_at=AT)


@pytest.mark.parametrize(
    ("baseline", "kept"),
    [
        pytest.param(None, Baseline(AT, "digitalocean", (server(),), HERE), id="the first whole look"),
        pytest.param(CLEAN, replace(CLEAN, addresses=HERE), id="where its servers stand is kept up"),
        pytest.param(replace(CLEAN, addresses=HERE), None, id="nothing is new"),
    ],
)
def test_what_was_handed_over_is_kept_where_something_is_new(baseline: Baseline | None, kept: Baseline | None) -> None:
    result = judged(saw(server()), watched(baseline=baseline))
    assert result.baselines == ({} if kept is None else {"hers": kept})


@pytest.mark.parametrize(
    ("seen", "doubt", "about"),
    [
        pytest.param(refused(), HEARD, ["denied:"], id="a refused login"),
        pytest.param(refused(), TWO_FAIL, ["denied:"], id="two of two"),
        pytest.param(refused(), ALL_FAIL, [], id="all at once are an incident, and no question"),
        pytest.param(DEAD, HEARD, [], id="a ban in the making"),
        pytest.param(saw(server("xyz9")), HEARD, ["region"], id="a region that nobody knows"),
        pytest.param(
            AccountSeen(AT, "vultr", Misconfigured("Unauthorized IP")),
            HEARD,
            ["ours:Unauthorized IP:"],
            id="our own access",
        ),
        pytest.param(saw(), HEARD, [], id="an empty account"),
        pytest.param(AccountSeen(AT, "digitalocean", Active()), HEARD, [], id="an account without a listing"),
        pytest.param(saw(server(), state=Suspended("locked")), HEARD, [], id="a locked one"),
        pytest.param(
            saw(replace(server(), state=ServerState.UNKNOWN)), HEARD, [], id="servers in a state that we do not know"
        ),
    ],
)
def test_what_an_operator_is_asked(seen: AccountSeen, doubt: Doubts, about: list[str]) -> None:
    assert [each.about for each in judged(seen, measure=Measure(POLICY, doubt, REGIONS)).questions] == about


@pytest.mark.parametrize(
    ("seen", "handed", "asked_why"),
    [
        pytest.param(
            refused(), HERS, ["access denied (401): a rotated token and a ban look alike"], id="in the look's own words"
        ),
        pytest.param(
            saw(server("xyz9")), HERS, ["the table of regions does not know 'Frankfurt' or 'xyz9'"], id="of a region"
        ),
        pytest.param(
            refused(("198.51.100.7", Alive("greets"))),
            None,
            ["access is denied, and its servers answer"],
            id="of a spare that lives",
        ),
        pytest.param(refused(("198.51.100.7", Alive("greets"))), HERS, [], id="of a customer's that lives: nothing"),
        pytest.param(DEAD, None, [], id="of a spare that dies: nothing"),
    ],
)
def test_a_question_says_why_it_is_asked(seen: AccountSeen, handed: Delivery | None, asked_why: list[str]) -> None:
    result = judged(seen, watched(handed), Measure(POLICY, HEARD, REGIONS))
    assert [each.why for each in result.questions] == asked_why


def test_units_behind_one_account_are_one_question_and_the_same_until_all_was_well() -> None:
    hers, spare = watched(), replace(watched(None), unit=replace(HERS.unit, name="spare"))
    seen = {"hers": refused(), "spare": refused()}
    result = assess(Check.ACCOUNT, [hers, spare], seen, {}, MEASURE)
    assert asked(result.questions, AT) == [
        Notice(
            "question:digitalocean:hers:denied:",
            Kind.OPERATOR_QUESTION,
            None,
            None,
            AT,
            {
                "name": "digitalocean",
                "reason": "access denied (401): a rotated token and a ban look alike",
                "items": [
                    {"unit": "hers", "order": "INV-1", "customer": "alice"},
                    {"unit": "spare", "order": "", "customer": ""},
                ],
            },
        )
    ]
    again = assess(Check.ACCOUNT, [hers], seen, {("hers", BANNED): Standing(last_ok=T)}, MEASURE)
    assert asked(again.questions, AT)[0].key == f"question:digitalocean:hers:denied:{T.isoformat()}"


def test_a_fault_of_our_own_access_is_one_question_for_all_accounts_and_another_one_every_day() -> None:
    hers, his = watched(), replace(watched(), unit=replace(HERS.unit, name="his", access="his"))
    ours = AccountSeen(AT, "digitalocean", Misconfigured("Unauthorized IP"))
    known = {(name, BANNED): Standing(last_ok=T) for name in ("hers", "his")}
    result = assess(Check.ACCOUNT, [hers, his], {"hers": ours, "his": ours}, known, MEASURE)
    assert [notice.key for notice in asked(result.questions, AT)] == [
        f"question:digitalocean::ours:Unauthorized IP:{T.date().isoformat()}"
    ]


def test_a_question_about_no_provider_is_still_one() -> None:
    [notice] = asked(judged(refused(), replace(watched(), provider=None)).questions, AT)
    assert notice.params["name"] == ""


def trouble(*regions: str, hosts: Sequence[str] = ()) -> Measure:
    said = Trouble("7", Severity.OUTAGE, "Power failure", frozenset(regions) or None, frozenset(hosts))
    return Measure(POLICY, doubts([ProviderTroubled("digitalocean", T, said)]), REGIONS)


AT_VULTR = Measure(POLICY, doubts([ProviderTroubled("vultr", T, Trouble("1", Severity.OUTAGE, ""))]))
LOCKED = saw(server(), state=Suspended("locked"))


@pytest.mark.parametrize(
    ("seen", "target", "measure", "waits"),
    [
        pytest.param(LOCKED, watched(), trouble("fra1"), True, id="its region"),
        pytest.param(LOCKED, watched(), trouble("sgp1"), False, id="another region"),
        pytest.param(LOCKED, watched(), trouble(), True, id="everywhere"),
        pytest.param(LOCKED, watched(), trouble(hosts=["12"]), True, id="its machine"),
        pytest.param(LOCKED, watched(), trouble(hosts=["13"]), False, id="another machine"),
        pytest.param(refused(), watched(baseline=CLEAN), trouble("fra1"), True, id="where it stood when handed over"),
        pytest.param(refused(), watched(baseline=WRONG), trouble("fra1"), False, id="it stood elsewhere"),
        pytest.param(refused(), watched(), trouble("fra1"), True, id="where it was ordered"),
        pytest.param(refused(), watched(), trouble("sgp1"), False, id="it was ordered elsewhere"),
        pytest.param(
            refused(), replace(watched(), promised=Promised()), trouble("sgp1"), True, id="nobody knows where it is"
        ),
        pytest.param(
            saw(replace(server(None), raw={})), watched(), trouble("sgp1"), True, id="the provider names no region"
        ),
        pytest.param(LOCKED, watched(), AT_VULTR, False, id="another provider"),
        pytest.param(
            LOCKED, replace(watched(), provider="reseller"),
            Measure(POLICY, doubts([ProviderFailing("reseller", T, "")])), True, id="the one of its tier fails",
        ),
        pytest.param(
            LOCKED, watched(), Measure(POLICY, doubts([ProviderFailing("digitalocean", T, "")])), True, id="all fail"
        ),
    ],
)  # fmt: skip
def test_judgement_waits_for_what_touches_it(seen: AccountSeen, target: Watched, measure: Measure, waits: bool) -> None:
    result = judged(seen, target, measure)
    frozen = "until that is over" in why(result)
    assert frozen is waits
    if waits:
        assert (set(words(result).values()), result.questions, result.sound) == (
            {"undecided"} | ({"not_measured"} & {*words(result).values()}),
            [],
            [],
        )


def test_a_page_that_tells_of_nothing_stands_in_the_proof() -> None:
    doubt = doubts([], pages={"digitalocean"})
    result = judged(saw(server("sgp1")), measure=Measure(POLICY, doubt, REGIONS))
    assert result.found[0].finding.heard == "digitalocean answered; its status page tells of no trouble there"
    silent = judged(saw(server("sgp1")), measure=Measure(POLICY, doubts([], pages={"vultr"}), REGIONS))
    assert silent.found[0].finding.heard == "digitalocean answered"


MAIN = ip_address("203.0.113.0")
ZONES = {name: Source(name, name, Weight.ALERT) for name in ("zone", "other")}
LISTED = RangeSeen(AT, MAIN, (MAIN,), ZONES, 2, {MAIN: {"zone": Listed((0x7F000002,), "spam")}})


@pytest.mark.parametrize(
    ("alarmed", "word", "said"),
    [
        pytest.param([], "suspect", "seen bad 1 of 2 times", id="believed"),
        pytest.param(["other"], "suspect", "seen bad 1 of 2 times", id="another list is not believed"),
        pytest.param(
            ["zone"], "undecided", "zone (suspended: it lists the world) could tip the balance", id="not believed"
        ),
    ],
)
def test_a_list_that_lists_the_world_is_not_believed(alarmed: list[str], word: str, said: str) -> None:
    doubt = doubts([ListAlarmed(name, T, ("acme", "bolt")) for name in alarmed])
    assert doubt.lists == {*alarmed}
    handed = delivery(tier=VPN)
    target = Watched(handed.unit, Niche.VPN, None, handed)
    result = assess(Check.BLOCKLIST, [target], {handed.unit.name: LISTED}, {}, Measure(POLICY, doubt))
    [(_, _, *judgement)] = result.changes[Defect.RANGE_LISTED]
    assert judgement == [word, said]


@pytest.mark.parametrize(
    ("knock", "word", "said"),
    [
        pytest.param(AcceptsKey(), "sound", "", id="taken"),
        pytest.param(Silent("gone"), "undecided", "the endpoint is silent, and so is its host: gone", id="silent"),
        pytest.param(
            Alive("answers a reset"), "not_measured", "door answers a reset, and says nothing of the key",
            id="one that answers any key",
        ),
    ],
)  # fmt: skip
def test_a_key(knock: Knock, word: str, said: str) -> None:
    target = replace(watched(), niche=Niche.VPN, unit=replace(HERS.unit, protocol="wireguard"))
    result = judged(KeySeen(AT, "door", knock), target)
    assert result.changes[KEY] == [("hers", result.changes[KEY][0][1], word, said)]


@pytest.mark.parametrize(
    ("before", "word", "said"),
    [
        pytest.param(Standing(last_ok=T), "suspect", "seen bad 1 of 3 times", id="it worked once"),
        pytest.param(
            Standing(), "undecided", "the key was never seen to work, and no other was at this endpoint: alert 46",
            id="it never did",
        ),
    ],
)  # fmt: skip
def test_a_refused_key_is_banned_only_where_it_worked(before: Standing, word: str, said: str) -> None:
    target = replace(watched(), niche=Niche.VPN, unit=replace(HERS.unit, protocol="openvpn"))
    result = judged(KeySeen(AT, "door", RefusesKey("alert 46")), target, key_banned=before)
    assert (words(result)[KEY], why(result, KEY)) == (word, said)


NOW = datetime(2026, 6, 2, tzinfo=UTC)


def greets(identity: str | None) -> Doors:
    return Doors((("198.51.100.7", Alive("greets", identity)), ("198.51.100.8", Silent(""))))


def test_a_baseline_is_kept_as_it_was_seen_first_and_its_addresses_as_they_were_seen_last() -> None:
    first = baseline_after(None, saw(server()))
    assert first == Baseline(AT, "digitalocean", (server(),), (ip_address("198.51.100.7"),))
    moved = baseline_after(first, saw(server("sgp1", address="198.51.100.9"), at=NOW))
    assert moved == replace(first, addresses=(ip_address("198.51.100.9"),))
    # Whoever deleted his servers, or switched them off, is not silenced where they were.
    assert baseline_after(first, saw(at=NOW)) == replace(first, addresses=())
    off = replace(server(), state=ServerState.OFF)
    assert baseline_after(first, saw(off, at=NOW)) == replace(first, addresses=())
    assert baseline_after(first, refused()) == first
    assert baseline_after(None, saw(server(), complete=False)) is None
    assert baseline_after(None, AccountSeen(AT, "digitalocean", Active())) is None


def test_a_machine_that_shows_who_it_is_is_known_from_then_on() -> None:
    seen = replace(saw(server()), doors=greets("SHA256:a"))
    known = baseline_after(None, seen)
    assert known is not None
    assert known.identity == "SHA256:a"
    assert baseline_after(known, replace(seen, doors=greets("SHA256:b"))) == known
    shy = baseline_after(None, replace(seen, doors=greets(None)))
    assert shy is not None
    assert shy.identity is None


SEEN_BY = tuple(Witness(who, "listed", "1.2.3.4") for who in ("a", "b", "c", "d"))
PROOF = "a: listed (1.2.3.4); b: listed (1.2.3.4); c: listed (1.2.3.4)"


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        pytest.param(Sound(), ("sound", ""), id="sound"),
        pytest.param(Suspect(1, 2), ("suspect", "seen bad 1 of 2 times"), id="suspect"),
        pytest.param(Undecided("time-out"), ("undecided", "time-out"), id="undecided"),
        pytest.param(
            Finding(BANNED, None, T, AT, 2, SEEN_BY, ""), ("failed", PROOF), id="failed: with three of its witnesses"
        ),
        pytest.param(
            Excused(Finding(BANNED, None, T, AT, 2, SEEN_BY[:1], "", Exclusion.CUSTOMER_TOS)),
            ("excused", "customer_tos: a: listed (1.2.3.4)"),
            id="excused: with the exclusion",
        ),
    ],
)
def test_a_verdict_is_told_with_its_proof(verdict: Verdict, words: tuple[str, str]) -> None:
    assert told(verdict) == words
