"""A customer reports: step by step, and either somebody looks at it by a stated time, or a clause says why not."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from monitor.demo.botapi.world import User
from monitor.store.tables import ruling
from tests.flow.counter import ALL, Counter, counter
from tests.store.shop import HOUR, rule, shelve, sold

LISTED = "the IP range has been put on a blocklist"
KEY = "the VPN server no longer accepts the key"
SKIP = "I do not have it"


async def asked(desk: Counter, *orders: str) -> User:
    anna = desk.api.customer("Anna")
    await desk.sell(*orders, user=anna)
    return anna


async def test_a_report_walks_through_order_defect_and_payment_and_becomes_a_case_with_a_clock(database: str) -> None:
    async with counter(database, operators=[("boris", ALL)]) as desk:
        anna = await asked(desk, "INV-1")
        [question] = await desk.says(anna, "/report inv-1")
        assert question == "What is wrong with unit-INV-1, order INV-1?"
        assert desk.buttons(anna.id) == [LISTED, KEY, "Cancel"]
        await desk.presses(anna, KEY)
        assert desk.seen(anna.id)[-1].startswith(f"Order INV-1: {KEY}")
        [received] = await desk.says(anna, "0xfeed")
        # 12:00 UTC is 20:00 in Singapore, within business hours.
        assert "answer by 25 May 2026, 13:00 (UTC)" in received
        case = await desk.case()
        assert (case.state, case.defect, case.clause) == ("suspected", "key_banned", "defects.key_banned")
        assert await desk.trail() == [("report", "alice")]
        card = desk.seen(desk.group.id)[-1]
        assert card.startswith("Case 1 needs your decision")
        assert "transaction 0xfeed" in card
        assert desk.buttons(desk.group.id) == ["Approve", "Reject …", "Ask the customer …"]
        assert desk.looked_at == ["unit-INV-1"]


async def test_what_a_customer_reported_is_not_unsaid_by_a_look_of_ours(database: str) -> None:
    async with counter(database) as desk:
        anna = await asked(desk, "INV-1")
        await desk.says(anna, "/report INV-1")
        await desk.presses(anna, LISTED)
        await desk.presses(anna, SKIP)
        await rule(desk.store, healed=await sold(desk.store, "INV-1"), now=desk.clock.now())
        assert (await desk.case()).state == "suspected"


async def test_an_operator_approves_a_report_with_one_tap(database: str) -> None:
    async with counter(database, operators=[("boris", ALL)]) as desk:
        anna = await asked(desk, "INV-1")
        await shelve(desk.store, "spare-1")
        await desk.says(anna, "/report INV-1")
        await desk.presses(anna, KEY)
        await desk.presses(anna, SKIP)
        boris = desk.api.users[next(iter(set(desk.group.members) & set(desk.api.users)))]
        assert await desk.presses(boris, "Approve", desk.group.id) == ["Done."]
        assert [move for move, _ in await desk.trail()] == ["report", "verify", "approve", "promise"]
        assert "is ready" in desk.seen(anna.id)[-1]


async def test_a_report_after_the_window_is_answered_with_its_clause(sqlite_url: str) -> None:
    async with counter(sqlite_url) as desk:
        anna = await asked(desk, "INV-1")
        desk.wait(timedelta(hours=30))
        await desk.says(anna, "/report INV-1")
        await desk.presses(anna, KEY)
        await desk.presses(anna, SKIP)
        assert "straddles" not in desk.seen(anna.id)[-1]
        async with desk.store.read() as connection:
            [made] = (await connection.execute(select(ruling))).all()
        # Nobody had looked before the window ended, so the customer has the benefit of the doubt.
        assert made.outcome == "covered"


async def test_a_report_too_late_for_its_rule_is_rejected_in_plain_words(sqlite_url: str) -> None:
    from dataclasses import replace  # noqa: PLC0415 - only here

    from monitor.core.fleet import Niche, Tier  # noqa: PLC0415
    from monitor.sweep import Law  # noqa: PLC0415
    from tests.store.shop import POLICY, TIERS  # noqa: PLC0415

    async with counter(sqlite_url) as desk:
        anna = await asked(desk, "INV-1")
        # The same unit, sold as a number: what must be reported within an hour.
        number = replace(TIERS["vpn-eu"], niche=Niche.SMS)
        life = await desk.begin()
        life.reception.obey(Law(POLICY, {"vpn-eu": number}))
        assert isinstance(number, Tier)
        desk.wait(2 * HOUR)
        await desk.says(anna, "/report INV-1")
        await desk.presses(anna, "the number is already registered at the service")
        await desk.presses(anna, SKIP)
        assert "the report came after the coverage had ended" in desk.seen(anna.id)[-1]
        assert await desk.number_of_cases() == 0


async def test_the_time_of_the_report_is_when_it_was_begun(sqlite_url: str) -> None:
    async with counter(sqlite_url) as desk:
        anna = await asked(desk, "INV-1")
        await desk.says(anna, "/report INV-1")
        begun = desk.clock.now()
        desk.wait(timedelta(minutes=50))
        await desk.presses(anna, KEY)
        await desk.presses(anna, SKIP)
        async with desk.store.read() as connection:
            [made] = (await connection.execute(select(ruling.c.claim))).scalars()
        assert abs(timedelta(0) if made["reported_at"] == begun.isoformat() else timedelta(1)) < timedelta(1)


async def test_what_we_know_already_need_not_be_reported(sqlite_url: str) -> None:
    async with counter(sqlite_url) as desk:
        anna = await asked(desk, "INV-1")
        await desk.fails("INV-1")
        await desk.says(anna, "/report INV-1")
        await desk.presses(anna, LISTED)
        await desk.presses(anna, SKIP)
        assert desk.seen(anna.id)[-1].startswith("We know of it already\n\nCase 1 for order INV-1")
        assert await desk.number_of_cases() == 1


async def test_an_order_of_several_things_asks_which(sqlite_url: str) -> None:
    async with counter(sqlite_url) as desk:
        anna = await asked(desk, "INV-1")
        from datetime import UTC, datetime  # noqa: PLC0415 - only here

        from monitor.store import intake  # noqa: PLC0415
        from tests.store.shop import vpn  # noqa: PLC0415

        async with desk.store.write() as connection:
            await intake.add_units(connection, [vpn("second")], "delivered", desk.clock.now())
            at = datetime(2026, 5, 25, 11, tzinfo=UTC)
            await intake.add_deliveries(connection, [intake.Handed("INV-1", 2, "alice", "second", at)], at)
        await desk.says(anna, "/report INV-1")
        assert set(desk.buttons(anna.id)) == {"unit-INV-1", "second", "Cancel"}
        await desk.presses(anna, "second")
        assert desk.seen(anna.id)[-1] == "What is wrong with second, order INV-1?"
        await desk.presses(anna, KEY)
        await desk.presses(anna, SKIP)
        assert (await desk.case()).delivery == 2


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ("/report", "Which order is it about?"),
        ("/report INV-2", "There is no such order of yours."),
        ("/report ' or 1=1", "There is no such order of yours."),
        ("/report " + "x" * 4000, "There is no such order of yours."),
    ],
)
async def test_somebody_elses_order_and_none_are_the_same(sqlite_url: str, words: str, answer: str) -> None:
    async with counter(sqlite_url) as desk:
        anna = await asked(desk, "INV-1")
        await desk.sell("INV-2", name="bogdan")
        assert (await desk.says(anna, words))[0].startswith(answer)


async def test_buttons_of_a_report_that_is_over_do_nothing(sqlite_url: str) -> None:
    async with counter(sqlite_url) as desk:
        anna = await asked(desk, "INV-1")
        await desk.says(anna, "/report INV-1")
        question = desk.sent(anna.id)[-1].message_id
        await desk.presses(anna, "Cancel")
        assert desk.seen(anna.id)[-1].startswith("Your report was not sent.")
        for data in ("v1:report.key_banned:1:0", "v1:report.skip:1:0", "v1:report.item:1:0"):
            assert await desk.forges(anna, data, question) == ["This button is out of date."]
        await desk.says(anna, "/report INV-1")
        for data in ("v1:report.number_taken:1:0", "v1:report.moon:1:0", "v1:report.item:1:7", "v1:report.skip:1:0"):
            await desk.forges(anna, data, question)
        desk.wait(timedelta(hours=2))
        assert await desk.forges(anna, "v1:report.key_banned:1:0", question) == ["This button is out of date."]
        assert await desk.number_of_cases() == 0


async def test_a_second_report_of_the_same_does_not_open_a_second_case(sqlite_url: str) -> None:
    async with counter(sqlite_url) as desk:
        anna = await asked(desk, "INV-1")
        for _ in range(2):
            await desk.says(anna, "/report INV-1")
            await desk.presses(anna, KEY)
            await desk.presses(anna, SKIP)
        assert await desk.number_of_cases() == 1
        assert desk.seen(anna.id)[-1].startswith("We know of it already")
