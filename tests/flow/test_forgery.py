"""Forgery: guessed tokens, foreign buttons, strangers among the operators, replays, edits: nothing moves."""

import base64
import itertools
import random
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import text

from monitor.core.staff import Permission
from monitor.demo.botapi.world import User
from monitor.reception.entries import digest_of
from notifiers.telegram.keyboard import Action
from tests.flow.counter import ALL, Counter, counter
from tests.store.shop import MINUTE, shelve

GUESSES = 1_000_000
WATCHED = ("customer", "link", "cases", "event", "reservation", "delivery", "unit", "reveal", "card", "draft")
"""What no forger may change, row by row. Of chats, only what they themselves chose is kept elsewhere."""


async def state(desk: Counter) -> dict[str, list[Any]]:
    async with desk.store.read() as connection:
        return {name: list(await connection.execute(text(f"select * from {name} order by 1"))) for name in WATCHED}  # noqa: S608


def guesses(seed: int) -> Iterator[str]:
    chance = random.Random(seed)
    while True:
        yield base64.urlsafe_b64encode(chance.randbytes(16)).decode().rstrip("=")


async def shop_with_cases(desk: Counter) -> User:
    """Sell three orders to Alice, let them fail, and promise her a spare for the first; give her."""
    alice = desk.api.customer("Alice")
    await shelve(desk.store, "spare-1")
    await desk.sell("INV-1", "INV-2", "INV-3", user=alice)
    for order in ("INV-1", "INV-2"):
        await desk.fails(order)
    await desk.settle()
    return alice


@pytest.mark.wide
async def test_a_million_guessed_tokens_open_nothing(sqlite_url: str) -> None:
    async with counter(sqlite_url) as desk:
        await desk.sell(*(f"INV-{n}" for n in range(100)))
        tokens = [await desk.link(f"INV-{n}") for n in range(100)]
        before = await state(desk)
        async with desk.store.write() as connection:
            await connection.execute(text("create temp table guess (digest text)"))
            tried = guesses(seed=1)
            for _ in range(GUESSES // 50_000):
                rows = [{"digest": digest_of(next(tried))} for _ in range(50_000)]
                await connection.execute(text("insert into guess values (:digest)"), rows)
            opened = text("select count(*) from guess join link using (digest)")
            assert (await connection.execute(text("select count(*) from guess"))).scalar_one() == GUESSES
            assert (await connection.execute(opened)).scalar_one() == 0
            # What is asked is the right question: a true token is found by it.
            await connection.execute(text("insert into guess values (:digest)"), {"digest": digest_of(tokens[0])})
            assert (await connection.execute(opened)).scalar_one() == 1
        assert await state(desk) == before


async def test_whoever_guesses_over_the_wire_learns_nothing_and_is_soon_told_to_wait(sqlite_url: str) -> None:
    async with counter(sqlite_url) as desk:
        await desk.sell("INV-1")
        token, tried = await desk.link("INV-1"), guesses(seed=2)
        before = await state(desk)
        for name in ("Eve", "Mallory"):
            eve = desk.api.user(name)
            answers = [(await desk.says(eve, f"/start {next(tried)}"))[0].splitlines()[0] for _ in range(5)]
            assert len(set(answers)) == 1
            [waits] = await desk.says(eve, f"/start {token}")
            assert waits.splitlines()[0] not in answers
        assert await state(desk) == before


@pytest.mark.wide
async def test_every_button_of_ours_pressed_by_whom_it_does_not_concern_moves_nothing(sqlite_url: str) -> None:
    async with counter(sqlite_url, operators=[("anna", ALL)]) as desk:
        await shop_with_cases(desk)
        eve = desk.api.customer("Eve")
        desk.group.members[eve.id] = desk.group.members[desk.api.me.id]
        await desk.says(eve, "/help")
        own, posted = desk.sent(eve.id)[-1].message_id, desk.sent(desk.group.id)[0].message_id
        before = await state(desk)
        details = ("", ".yes", ".no", ".customer_tos", ".hash", ".en", ".item", ".cancel", ".skip", ".range_listed")
        wishes = [
            f"v1:{action}{detail}:{case}:{version}"
            for action, detail, case, version in itertools.product(Action, details, (1, 2), (2, 3))
            if action is not Action.LANGUAGE
        ]
        for wish in wishes:
            desk.api.user_forges(eve, eve.id, own, wish)
            desk.api.user_forges(eve, desk.group.id, posted, wish)
        await desk.settle(rounds=2000)
        assert await state(desk) == before
        assert not any("CANARY" in each for each in desk.seen(eve.id))
        # Each of them was answered: nobody looks at a clock that turns for ever.
        assert len(desk.api.journal.shown) >= 2 * len(wishes)


NOISE = (
    "",
    "v1",
    "v2:approve:1:2",
    "v1:approve:1:2 ",
    "v1:approve:0:2",
    "v1:approve:1:-2",
    "v1:approve:1:2:3",
    "approve",
    "v1:APPROVE:1:2",
    "v1:approve:1e0:2",
    "v1:approve:\u0661:2",
    "v1:__class__:1:2",
    "\x00",
    "'; drop table cases",
)


@pytest.mark.parametrize("data", NOISE)
async def test_data_that_no_button_of_ours_carries_is_answered_and_moves_nothing(sqlite_url: str, data: str) -> None:
    async with counter(sqlite_url, operators=[("anna", ALL)]) as desk:
        await shop_with_cases(desk)
        anna = desk.api.users[next(iter(set(desk.group.members) & set(desk.api.users)))]
        before = await state(desk)
        await desk.forges(anna, data, desk.sent(desk.group.id)[0].message_id, desk.group.id)
        assert await state(desk) == before


async def test_a_button_that_is_replayed_moves_a_case_once_whoever_presses_it_again(sqlite_url: str) -> None:
    async with counter(sqlite_url, operators=[("anna", ALL), ("boris", ALL)]) as desk:
        await shop_with_cases(desk)
        people = [desk.api.users[each] for each in desk.group.members if each in desk.api.users]
        posted = desk.sent(desk.group.id)[0].message_id
        version = len(await desk.trail(2))
        await desk.forges(people[0], f"v1:hold:2:{version}", posted, desk.group.id)
        held = await state(desk)
        for person in (*people, *people):
            assert await desk.forges(person, f"v1:hold:2:{version}", posted, desk.group.id) == [
                "Already handled by operator anna."
            ]
            desk.wait(MINUTE)
        after = await state(desk)
        assert {name: rows for name, rows in after.items() if rows != held[name] and name != "card"} == {}


async def test_an_update_that_comes_again_or_was_edited_moves_nothing(sqlite_url: str) -> None:
    async with counter(sqlite_url, operators=[("anna", ALL)]) as desk:
        alice = await shop_with_cases(desk)
        written = desk.api.user_says(alice, "/status")
        await desk.settle()
        before = await state(desk)
        desk.api.user_edits(alice, written, "/stop")
        anna = desk.api.users[next(iter(set(desk.group.members) & set(desk.api.users)))]
        asked = desk.api.user_says(anna, "/cases", desk.group)
        desk.api.user_edits(anna, asked, "/mute 24h")
        await desk.settle()
        assert await state(desk) == before
        async with desk.store.read() as connection:
            silent = await connection.execute(text("select count(*) from chat where muted_until is not null"))
            closed = await connection.execute(text("select count(*) from chat where unreachable is not null"))
            assert (silent.scalar_one(), closed.scalar_one()) == (0, 0)


async def test_an_operator_without_a_permission_moves_nothing_with_any_button_in_any_chat(sqlite_url: str) -> None:
    async with counter(sqlite_url, operators=[("lena", frozenset({Permission.LOOK}))]) as desk:
        await shop_with_cases(desk)
        lena = desk.api.users[next(iter(set(desk.group.members) & set(desk.api.users)))]
        await desk.says(lena, "/help")
        posted, own = desk.sent(desk.group.id)[0].message_id, desk.sent(lena.id)[-1].message_id
        before = await state(desk)
        for action in set(Action) - {Action.LANGUAGE, Action.SHOW}:
            for detail in ("", ".customer_tos", ".yes"):
                desk.api.user_forges(lena, desk.group.id, posted, f"v1:{action}{detail}:2:2")
                desk.api.user_forges(lena, lena.id, own, f"v1:{action}{detail}:2:2")
        await desk.settle(rounds=500)
        assert await state(desk) == before
