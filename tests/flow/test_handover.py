"""Handing over: access data is shown to whom it is owed, in private, on request; recorded, and taken back."""

import logging
from datetime import timedelta

import pytest
import structlog
from sqlalchemy import select, text

from monitor.core.secret import Secret
from monitor.demo.botapi.faults import HangUp, refuse_once
from monitor.demo.botapi.journal import Deed
from monitor.demo.botapi.world import User
from monitor.store import boxes, views
from monitor.store.boxes import Seal, SealError, new_key
from monitor.store.tables import delivery, unit
from tests.flow.counter import KEY, Counter, counter
from tests.store.shop import HOUR, MINUTE, shelve

TAKE = "Take it over"
SECRET = "[Interface]\nPrivateKey = CANARY-<made>&up\nAddress = 10.0.0.2/32"


async def promised(desk: Counter, name: str = "alice", order: str = "INV-1") -> User:
    """Let a spare be promised to somebody, with something sealed for it."""
    anna = desk.api.customer("Anna")
    await shelve(desk.store, "spare-1")
    async with desk.store.write() as connection:
        sealed = Seal(Secret(KEY)).close("spare-1", Secret(SECRET))
        await boxes.put(connection, "spare-1", sealed, desk.clock.now())
    await desk.sell(order, name=name, user=anna)
    await desk.fails(order)
    await desk.settle()
    return anna


async def test_the_customer_takes_his_replacement_over_in_private(database: str) -> None:
    async with counter(database) as desk:
        anna = await promised(desk)
        assert await desk.presses(anna, TAKE) == [""]
        shown = desk.sent(anna.id)[-1]
        assert shown.text.startswith("Yours now: spare-1\n\nFor order INV-1. Its coverage begins now.")
        assert shown.text.endswith(SECRET)
        assert shown.protected
        assert {each["type"] for each in shown.entities} == {"bold", "code", "spoiler"}
        assert (await desk.case()).state == "handed_over"
        assert (await desk.trail())[-1] == ("hand_over", "alice")


async def test_the_replacement_is_a_delivery_of_its_own_with_a_window_from_its_hand_over(database: str) -> None:
    async with counter(database) as desk:
        anna = await promised(desk)
        desk.wait(3 * HOUR)
        await desk.presses(anna, TAKE)
        async with desk.store.read() as connection:
            rows = (await connection.execute(select(delivery).order_by(delivery.c.turn))).all()
            place = (await connection.execute(select(unit.c.place).where(unit.c.name == "spare-1"))).scalar_one()
            stock = await views.list_stock(connection, tier=None, name=None, limit=10)
        first, second = rows
        assert (second.order_number, second.item, second.turn) == (first.order_number, first.item, 1)
        assert (second.unit, second.customer, place, stock) == ("spare-1", "alice", "delivered", [])
        assert second.delivered_at > first.delivered_at + 3 * HOUR
        [told] = await desk.says(anna, "/status")
        assert "spare-1, order INV-1\nCovered until 26 May 2026, 15:00 (UTC)" in told
        assert "unit-INV-1" not in told


async def test_it_is_deleted_after_a_while_and_the_case_closed(sqlite_url: str) -> None:
    async with counter(sqlite_url) as desk:
        anna = await promised(desk)
        await desk.presses(anna, TAKE)
        desk.wait(29 * MINUTE)
        await desk.settle()
        assert any("CANARY" in each for each in desk.seen(anna.id))
        desk.wait(2 * MINUTE)
        await desk.settle()
        assert not any("CANARY" in each for each in desk.seen(anna.id))
        assert desk.api.journal.entries[-1].deed is Deed.DELETED
        assert (await desk.case()).state == "closed"
        assert [move for move, _ in await desk.trail()][-2:] == ["hand_over", "close"]


async def test_he_may_see_it_again_for_a_day_a_few_times_and_each_time_is_recorded(sqlite_url: str) -> None:
    async with counter(sqlite_url) as desk:
        anna = await promised(desk)
        for _ in range(5):
            assert await desk.presses(anna, TAKE) == [""]
            desk.wait(HOUR)
            await desk.settle()
        assert await desk.presses(anna, TAKE) == ["Please write here: a person hands it over to you."]
        assert [move for move, _ in await desk.trail()].count("hand_over") == 1
        assert [move for move, who in await desk.trail() if who == "alice"] == ["hand_over", *["note"] * 4]
        assert sum("CANARY" in each.text for each in desk.sent(anna.id)) == 5
        async with desk.store.read() as connection:
            assert len((await connection.execute(select(delivery))).all()) == 2


async def test_a_day_later_a_person_is_asked(sqlite_url: str) -> None:
    async with counter(sqlite_url) as desk:
        anna = await promised(desk)
        await desk.presses(anna, TAKE)
        desk.wait(timedelta(hours=25))
        await desk.settle()
        assert await desk.presses(anna, TAKE) == ["Please write here: a person hands it over to you."]


# Who may not.


async def test_nobody_else_gets_it_in_his_own_chat_or_in_a_group(sqlite_url: str) -> None:
    async with counter(sqlite_url) as desk:
        anna = await promised(desk)
        eve = desk.api.customer("Eve")
        await desk.sell("INV-2", name="eve", user=eve)
        await desk.says(eve, "/help")
        message = desk.sent(eve.id)[-1].message_id
        for data in ("v1:reveal:1:0", "v1:reveal:1:5", "v1:reveal:2:0"):
            assert await desk.forges(eve, data, message) == ["This is not for you."]
        group = desk.api.group("Friends", [anna, eve])
        posted = desk.api.add(group, desk.api.me, desk.api.chats[anna.id].showing()[-1].marked)
        assert await desk.forges(anna, "v1:reveal:1:0", posted.id, group.id) == ["This is not for you."]
        assert (await desk.case()).state == "promised"
        assert not any("CANARY" in each.text for each in desk.api.journal.entries)


async def test_who_was_linked_before_gets_nothing_after_another_chat_was_linked(sqlite_url: str) -> None:
    async with counter(sqlite_url) as desk:
        anna = await promised(desk)
        new = desk.api.customer("New")
        await desk.sell("INV-9", user=new)
        assert await desk.presses(anna, TAKE) == ["This is not for you."]


async def test_a_spare_that_fell_ill_is_not_handed_over(sqlite_url: str) -> None:
    async with counter(sqlite_url) as desk:
        anna = await promised(desk)
        async with desk.store.write() as connection:
            await connection.execute(text("update unit set place = 'sick' where name = 'spare-1'"))
        assert await desk.presses(anna, TAKE) == ["Please write here: a person hands it over to you."]
        assert (await desk.case()).state == "promised"


async def test_without_anything_sealed_there_is_no_button(sqlite_url: str) -> None:
    async with counter(sqlite_url) as desk:
        anna = desk.api.customer("Anna")
        await shelve(desk.store, "spare-1")
        await desk.sell("INV-1", user=anna)
        await desk.fails("INV-1")
        await desk.settle()
        assert "is ready" in desk.seen(anna.id)[-1]
        assert desk.buttons(anna.id) == []
        message = desk.sent(anna.id)[-1].message_id
        answer = ["Please write here: a person hands it over to you."]
        assert await desk.forges(anna, "v1:reveal:1:0", message) == answer


# When things go wrong.


async def test_when_telegram_asks_for_silence_it_is_shown_afterwards_and_handed_over_once(sqlite_url: str) -> None:
    async with counter(sqlite_url) as desk:
        anna = await promised(desk)
        desk.api.faults.add(refuse_once(429, "Too Many Requests: retry after 60", 60), "sendMessage")
        await desk.presses(anna, TAKE)
        assert not any("CANARY" in each.text for each in desk.sent(anna.id))
        assert (await desk.case()).state == "handed_over"
        desk.wait(2 * MINUTE)
        await desk.settle()
        assert sum("CANARY" in each.text for each in desk.sent(anna.id)) == 1
        assert [move for move, _ in await desk.trail()].count("hand_over") == 1


async def test_when_the_answer_is_lost_it_is_not_sent_twice_and_the_doubt_is_recorded(sqlite_url: str) -> None:
    async with counter(sqlite_url) as desk:
        anna = await promised(desk)
        desk.api.faults.add(HangUp(processed=True), "sendMessage")
        await desk.presses(anna, TAKE)
        desk.wait(HOUR)
        await desk.settle()
        assert sum("CANARY" in each.text for each in desk.sent(anna.id)) == 1
        async with desk.store.read() as connection:
            events = (await connection.execute(text("select why from event order by sequence desc"))).scalars().all()
        assert events[0].startswith("it may still stand in the chat: ")


async def test_a_press_proves_that_a_doubtful_notice_arrived_so_that_it_is_not_repeated(sqlite_url: str) -> None:
    async with counter(sqlite_url) as desk:
        anna = desk.api.customer("Anna")
        desk.api.faults.add(HangUp(processed=True), "sendMessage", chat=anna.id, skip=1)
        await shelve(desk.store, "spare-1")
        async with desk.store.write() as connection:
            sealed = Seal(Secret(KEY)).close("spare-1", Secret(SECRET))
            await boxes.put(connection, "spare-1", sealed, desk.clock.now())
        await desk.sell("INV-1", user=anna)
        await desk.fails("INV-1")
        await desk.settle()
        assert (await desk.states())["case:1:replacement_ready:spare-1"] == "unknown"
        await desk.presses(anna, TAKE)
        assert (await desk.states())["case:1:replacement_ready:spare-1"] == "sent"
        desk.wait(HOUR)
        await desk.settle()
        assert sum(each.text.startswith("The replacement") for each in desk.sent(anna.id)) == 1


async def test_a_process_that_dies_after_the_hand_over_was_written_shows_it_in_its_next_life(sqlite_url: str) -> None:
    async with counter(sqlite_url) as desk:
        anna = await promised(desk)
        desk.api.user_presses(anna, anna.id, desk.sent(anna.id)[-1].message_id, TAKE)
        await desk.hear()
        await desk.api.refuse()
        life = desk.life
        assert life is not None
        await life.reception.work()
        await desk.die()
        await desk.api.listen()
        desk.wait(3 * MINUTE)
        await desk.settle()
        assert sum("CANARY" in each.text for each in desk.sent(anna.id)) == 1


async def test_the_secret_is_in_no_log_no_export_and_nowhere_in_the_database(
    sqlite_url: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    # As in the daemon: at DEBUG the driver tells every parameter of every query.
    caplog.set_level(logging.WARNING, logger="aiosqlite")
    with structlog.testing.capture_logs() as events:
        async with counter(sqlite_url) as desk:
            anna = await promised(desk)
            desk.api.faults.add(HangUp(processed=True), "sendMessage")
            await desk.presses(anna, TAKE)
            await desk.presses(anna, TAKE)
            desk.wait(HOUR)
            await desk.settle()
            async with desk.store.read() as connection:
                story = await views.case_story(connection, 1)
                tables = (
                    await connection.execute(text("select name from sqlite_master where type = 'table'"))
                ).scalars()
                rows = [(await connection.execute(text(f"select * from {name}"))).all() for name in tables]  # noqa: S608
            page = desk.metrics.page().decode()
    out, err = capfd.readouterr()
    for place in (caplog.text, repr(events), out, err, repr(story), repr(rows), page):
        assert "CANARY" not in place
        assert str(anna.id) not in place or place == repr(rows)


# The seal.


def test_what_is_sealed_opens_with_the_old_key_while_it_stands_below_the_new_one() -> None:
    old, new = new_key(), new_key()
    sealed = Seal(Secret(old)).close("spare-1", Secret("made-up"))
    both = Seal(Secret(f"{new}\n{old}\n"))
    assert both.open("spare-1", sealed) == Secret("made-up")
    again = both.close("spare-1", Secret("made-up"))
    assert Seal(Secret(new)).open("spare-1", again) == Secret("made-up")
    with pytest.raises(SealError, match="which is not at hand"):
        Seal(Secret(new)).open("spare-1", sealed)


def test_what_is_sealed_does_not_open_for_another_unit_nor_when_a_bit_of_it_is_changed() -> None:
    seal = Seal(Secret(KEY))
    sealed = seal.close("spare-1", Secret("made-up"))
    assert b"made-up" not in sealed
    assert seal.close("spare-1", Secret("made-up")) != sealed
    for name, box in (("spare-2", sealed), ("spare-1", sealed[:-1] + bytes([sealed[-1] ^ 1])), ("spare-1", b"")):
        with pytest.raises(SealError):
            seal.open(name, box)


@pytest.mark.parametrize("key", ["", "abc", "zz" * 32, "0f" * 31, f"{'0f' * 32} short"])
def test_a_key_that_is_none_is_refused_without_being_shown(key: str) -> None:
    with pytest.raises(SealError, match="must be 64 hexadecimal digits") as refused:
        Seal(Secret(key))
    assert key == "" or key not in str(refused.value)
