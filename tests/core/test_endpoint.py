"""When silence means that a key was banned, and when it means nothing."""

from datetime import UTC, datetime

import pytest

from monitor.core.coverage import Bad, Good, Look, Unclear, Witness
from monitor.core.endpoint import (
    AcceptsKey,
    Alive,
    Closed,
    KeySeen,
    Knock,
    Misfit,
    RefusesKey,
    Sign,
    life_of,
    look_at_key,
    reassigned,
)
from monitor.core.observation import Silent

AT = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SILENT = Silent("no answer within 5 s")
SSH = Sign("ssh", Alive("OpenSSH_9.6"), same_endpoint=False)
OTHER = Sign("another key", AcceptsKey(), same_endpoint=True)
REFUSED = RefusesKey("TLS alert: unknown certificate")


def look(knock: Knock, *signs: Sign, worked_before: bool = False) -> Look:
    return look_at_key(KeySeen(AT, "203.0.113.7:51820", knock, signs), worked_before=worked_before)


@pytest.mark.parametrize(
    ("knock", "signs", "worked", "verdict"),
    [
        pytest.param(AcceptsKey(), (), False, Good, id="taken"),
        pytest.param(SILENT, (), True, Unclear, id="silence of a host that gives no sign"),
        pytest.param(SILENT, (SSH,), False, Unclear, id="silence of a live host, and no key was ever seen to work"),
        pytest.param(SILENT, (SSH,), True, Bad, id="silence of a live host to a key that worked before"),
        pytest.param(SILENT, (OTHER,), False, Bad, id="silence to this key, and another one is taken"),
        pytest.param(SILENT, (Sign("ssh", SILENT, same_endpoint=False),), True, Unclear, id="two silences"),
        pytest.param(
            SILENT,
            (Sign("ssh", Closed("connection refused"), same_endpoint=False),),
            True,
            Bad,
            id="a refusal is a sign",
        ),
        pytest.param(
            SILENT, (Sign("key", AcceptsKey(), same_endpoint=False),), False, Unclear, id="a key taken elsewhere"
        ),
        pytest.param(REFUSED, (), False, Unclear, id="refused, and no key was ever seen to work"),
        pytest.param(REFUSED, (), True, Bad, id="refused, and it worked before"),
        pytest.param(REFUSED, (OTHER,), False, Bad, id="refused, and another one is taken"),
        pytest.param(Closed("port unreachable"), (OTHER,), True, Unclear, id="nobody listens"),
        pytest.param(Alive("reset answered"), (OTHER,), True, Unclear, id="life without a word on the key"),
        pytest.param(Misfit("no key"), (OTHER,), True, Unclear, id="not a key"),
    ],
)
def test_a_key_is_banned_where_the_endpoint_lives_and_keys_are_taken(
    knock: Knock,
    signs: tuple[Sign, ...],
    worked: bool,
    verdict: type[Look],
) -> None:
    assert isinstance(look(knock, *signs, worked_before=worked), verdict)


def test_a_ban_names_its_witnesses() -> None:
    there = "203.0.113.7:51820"
    assert look(SILENT, SSH, OTHER) == Bad(
        (
            Witness(there, "silent", "key"),
            Witness("ssh", "OpenSSH_9.6", there),
            Witness("another key", "takes another key", there),
        )
    )
    refused = Sign("third key", RefusesKey(""), same_endpoint=True)
    assert look(REFUSED, OTHER) == Bad((Witness(there, "TLS alert: unknown certificate", "key"),))
    assert isinstance(look(SILENT, refused, worked_before=True), Bad)


@pytest.mark.parametrize(
    ("knock", "signs", "why"),
    [
        pytest.param(
            SILENT, (), "the endpoint is silent, and so is its host: no answer within 5 s", id="a host without a sign"
        ),
        pytest.param(
            SILENT,
            (SSH,),
            "the key was never seen to work, and no other was at this endpoint: no answer within 5 s",
            id="silence to a key of which nothing is known",
        ),
        pytest.param(
            REFUSED,
            (),
            "the key was never seen to work, and no other was at this endpoint: TLS alert: unknown certificate",
            id="a refusal of a key of which nothing is known",
        ),
        pytest.param(Misfit("no key"), (OTHER,), "nothing was said about the key: no key", id="not a key"),
        pytest.param(Closed("shut"), (OTHER,), "nothing was said about the key: shut", id="nobody listens"),
        pytest.param(Alive("reset"), (OTHER,), "nothing was said about the key: reset", id="life"),
    ],
)
def test_what_is_not_known_of_a_key_says_why(knock: Knock, signs: tuple[Sign, ...], why: str) -> None:
    assert look(knock, *signs) == Unclear(why)


@pytest.mark.parametrize(
    ("knock", "life"),
    [
        pytest.param(AcceptsKey(), "takes another key", id="takes a key"),
        pytest.param(RefusesKey("alert 46"), "alert 46", id="refuses one in words"),
        pytest.param(RefusesKey(""), "answers", id="refuses one without a word"),
        pytest.param(Alive("OpenSSH_9.6"), "OpenSSH_9.6", id="greets"),
        pytest.param(Alive(""), "answers", id="answers without a word"),
        pytest.param(Closed("connection refused"), "connection refused", id="refuses to connect"),
        pytest.param(Misfit("no key"), "", id="could not be asked"),
        pytest.param(SILENT, "", id="silence"),
    ],
)
def test_life_is_proved_by_any_answer_and_by_nothing_of_ours(knock: Knock, life: str) -> None:
    assert life_of(knock) == life


@pytest.mark.parametrize(
    ("before", "knocks", "new"),
    [
        pytest.param(None, [Alive("", "SHA256:b")], None, id="never seen before"),
        pytest.param("SHA256:a", [Alive("", "SHA256:a")], None, id="the same"),
        pytest.param("SHA256:a", [Alive("", "SHA256:b")], "SHA256:b", id="another"),
        pytest.param("SHA256:a", [SILENT, Alive("no key")], None, id="not heard"),
        pytest.param("SHA256:a", [Alive("", "SHA256:b"), Alive("", "SHA256:a")], None, id="one of two is the same"),
        pytest.param(
            "SHA256:a", [Alive(""), Alive("", "SHA256:b"), Alive("", "SHA256:c")], "SHA256:b", id="two others"
        ),
    ],
)
def test_another_host_key_means_another_host(before: str | None, knocks: list[Knock], new: str | None) -> None:
    assert reassigned(before, knocks) == new
