"""What a provider's word about an account amounts to."""

from datetime import UTC, datetime

import pytest

from monitor.core import endpoint
from monitor.core.account import (
    AccountSeen,
    AccountState,
    Active,
    Closed,
    Denied,
    Doors,
    Inventory,
    Misconfigured,
    Server,
    ServerState,
    Suspended,
    Warned,
    look_at_account,
)
from monitor.core.coverage import Bad, Excluded, Exclusion, Good, Look, Unclear, Witness
from monitor.core.endpoint import Alive, Misfit
from monitor.core.observation import Silent
from tests.core.shop import POLICY

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
RUNNING, OFF, CHANGING, SUSPENDED, UNKNOWN = ServerState


def look(state: AccountState, servers: list[ServerState] | None = None, *, complete: bool = True) -> Look:
    listed = tuple(Server(str(number), f"web-{number}", each) for number, each in enumerate(servers or (), 1))
    inventory = None if servers is None else Inventory(listed, complete)
    return look_at_account(AccountSeen(NOW, "digitalocean", state, inventory), POLICY.tos_words)


def test_an_account_in_order_is_good() -> None:
    assert look(Active()) == Good()


def test_a_warning_is_not_a_ban() -> None:
    assert look(Warned("please confirm your address")) == Good()


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (Suspended("your account is locked"), "suspended: your account is locked"),
        (Closed("no such account"), "closed: no such account"),
        (Suspended(""), "suspended"),
    ],
)
def test_the_providers_own_word_is_a_ban_and_its_proof(state: AccountState, said: str) -> None:
    assert look(state) == Bad((Witness("digitalocean", said, "account"),))


@pytest.mark.parametrize(
    ("state", "why"),
    [
        pytest.param(
            Denied("Unable to authenticate you"),
            "access denied (Unable to authenticate you): a rotated token and a ban look alike",
            id="access denied alone is never a ban",
        ),
        pytest.param(
            Misconfigured("add this address to the access control"),
            "our access is misconfigured: add this address to the access control",
            id="our own mistake is not a ban",
        ),
        pytest.param(Silent("timeout"), "the provider was not heard: timeout", id="silence is not a ban"),
    ],
)
def test_what_says_nothing_about_the_account_is_unclear(state: AccountState, why: str) -> None:
    assert look(state) == Unclear(why)


def test_access_denied_stays_unclear_whatever_the_servers_seem_to_do() -> None:
    assert isinstance(look(Denied("401"), [SUSPENDED]), Unclear)


@pytest.mark.parametrize("state", [Active(), Warned("")])
def test_an_account_all_of_whose_servers_are_suspended_is_banned(state: AccountState) -> None:
    witnesses = (
        Witness("digitalocean", "suspended", "server web-1"),
        Witness("digitalocean", "suspended", "server web-2"),
    )
    assert look(state, [SUSPENDED, SUSPENDED]) == Bad(witnesses)


@pytest.mark.parametrize(
    ("servers", "complete"),
    [
        pytest.param([], True, id="an account without servers has lost none"),
        pytest.param([], False, id="a listing that failed is no evidence"),
        pytest.param([RUNNING], True, id="running"),
        pytest.param([OFF], True, id="off, which is the customer's choice"),
        pytest.param([CHANGING], True, id="just being built"),
        pytest.param([SUSPENDED, RUNNING], True, id="one of two is not all"),
        pytest.param([SUSPENDED, UNKNOWN, OFF], False, id="one that works is enough, however much is unknown"),
    ],
)
def test_an_account_with_a_server_that_works_is_good(servers: list[ServerState], *, complete: bool) -> None:
    assert look(Active(), servers, complete=complete) == Good()


@pytest.mark.parametrize(
    ("servers", "complete"),
    [
        pytest.param([SUSPENDED, SUSPENDED], False, id="a partial listing proves nothing of the rest"),
        pytest.param([UNKNOWN], True, id="an unknown state is not fine"),
        pytest.param([SUSPENDED, UNKNOWN], True, id="an unknown state is not suspended"),
    ],
)
def test_servers_that_may_or_may_not_work_decide_nothing(servers: list[ServerState], *, complete: bool) -> None:
    why = f"none of the {len(servers)} servers seen works, and not all are known to be suspended"
    assert look(Active(), servers, complete=complete) == Unclear(why)


@pytest.mark.parametrize(
    "words",
    [
        "Locked for sending spam",
        "SPAMMING from your droplets",
        "phishing site hosted",
        "an abuse complaint was not answered",
        "DMCA: copyright",
        "port scan detected",
    ],
)
def test_an_abuse_that_the_provider_names_is_the_customers(words: str) -> None:
    found = look(Suspended(words))

    assert isinstance(found, Bad)
    assert found.cause is Exclusion.CUSTOMER_TOS


@pytest.mark.parametrize(
    "words",
    [
        pytest.param("", id="a ban without words"),
        pytest.param("fraudulent signup", id="how it was made is the supplier's affair"),
        pytest.param("we are determining the owner", id="determining is no mining"),
        pytest.param("an examiner will look at it", id="an examiner is no miner"),
    ],
)
def test_a_ban_without_a_sign_of_abuse_is_presumed_to_be_ours(words: str) -> None:
    found = look(Suspended(words))

    assert isinstance(found, Bad)
    assert found.cause is None


FIRST, OTHER = "198.51.100.7", "198.51.100.8"
GONE = Silent("no answer")
SHUT = endpoint.Closed("connection refused")
DENIED = Witness("digitalocean", "access denied (401)", "account")
GREETS = Alive("OpenSSH_9.6", "SHA256:a")


def knocked(doors: Doors, *, heard_elsewhere: bool = True) -> Look:
    seen = AccountSeen(NOW, "digitalocean", Denied("401"), None, doors)
    return look_at_account(seen, POLICY.tos_words, heard_elsewhere=heard_elsewhere)


@pytest.mark.parametrize(
    "doors",
    [
        pytest.param(Doors(((FIRST, GONE), (OTHER, GONE)), (GREETS,)), id="while we reach those of others"),
        pytest.param(Doors(((FIRST, GONE), (OTHER, GONE)), (GONE, SHUT)), id="while we reach one of others"),
        pytest.param(Doors(((FIRST, GONE), (OTHER, GONE)), (), "SHA256:a"), id="after we reached them before"),
    ],
)
def test_a_refused_login_and_servers_that_fell_silent_are_a_ban(doors: Doors) -> None:
    assert knocked(doors) == Bad(
        (DENIED, Witness(FIRST, "silent", f"server {FIRST}"), Witness(OTHER, "silent", f"server {OTHER}"))
    )


@pytest.mark.parametrize(
    "doors",
    [
        pytest.param(Doors(((FIRST, GREETS), (OTHER, GONE))), id="of which nothing was known"),
        pytest.param(Doors(((FIRST, GREETS), (OTHER, GONE)), (), "SHA256:a"), id="that is the one of before"),
        pytest.param(Doors(((FIRST, GREETS), (OTHER, SHUT)), (GONE,)), id="whatever we hear of others"),
    ],
)
def test_a_refused_login_and_a_server_that_lives_are_the_customers_doing(doors: Doors) -> None:
    assert knocked(doors) == Excluded(
        (DENIED, Witness(FIRST, "OpenSSH_9.6", f"server {FIRST}")), Exclusion.CUSTOMER_CREDENTIALS
    )


@pytest.mark.parametrize(
    ("doors", "heard_elsewhere", "why"),
    [
        pytest.param(Doors(()), True, ": a rotated token and a ban look alike", id="no server is known"),
        pytest.param(
            Doors(((FIRST, GONE), (OTHER, Alive("greets", "SHA256:b"))), (), "SHA256:a"),
            True,
            f", and another machine than before answers at {OTHER}",
            id="somebody else lives there",
        ),
        pytest.param(
            Doors(((FIRST, GONE), (OTHER, SHUT)), (GREETS,)),
            True,
            "; its servers neither answer nor are silent",
            id="whoever refuses a connection may be anybody",
        ),
        pytest.param(
            Doors(((FIRST, Misfit("no address")),), (GREETS,)),
            True,
            "; its servers neither answer nor are silent",
            id="a door that could not be tried",
        ),
        pytest.param(
            Doors(((FIRST, GONE),), (GREETS,)),
            False,
            "; its servers are silent, and so are the provider's other accounts",
            id="the provider refuses everybody",
        ),
        pytest.param(
            Doors(((FIRST, GONE),), (GONE, Misfit(""))),
            True,
            "; its servers are silent, but so are those of accounts that work: is it our line?",
            id="we reach nobody",
        ),
        pytest.param(
            Doors(((FIRST, GONE),), (GONE,), "SHA256:a"),
            True,
            "; its servers are silent, but so are those of accounts that work: is it our line?",
            id="we reach nobody any more",
        ),
        pytest.param(
            Doors(((FIRST, GONE),)),
            True,
            "; its servers are silent, but whether we reach any at all is not known: is it our line?",
            id="nobody else was there to be reached",
        ),
    ],
)
def test_a_refused_login_is_unclear_where_the_servers_say_nothing(
    doors: Doors, why: str, *, heard_elsewhere: bool
) -> None:
    assert knocked(doors, heard_elsewhere=heard_elsewhere) == Unclear(f"access denied (401){why}")


def test_other_accounts_were_not_heard_where_nobody_says_so() -> None:
    seen = AccountSeen(NOW, "digitalocean", Denied("401"), None, Doors(((FIRST, GONE),), (GREETS,)))

    assert isinstance(look_at_account(seen, POLICY.tos_words), Unclear)
