"""The one message of an incident in the operators' chat: edited as it grows and when it ends, and never sent anew."""

from dataclasses import replace

import pytest

from monitor.core.coverage import Burning
from monitor.core.incident import ListAlarmed, ProviderFailing, ProviderTroubled
from monitor.core.notice import Kind, Notice
from monitor.core.status import Severity, Trouble
from monitor.demo.botapi.faults import Fault, Instead, refuse_once
from monitor.demo.botapi.journal import Deed
from monitor.demo.botapi.world import User
from monitor.duty import close_incident, freeze_supplier, thaw_supplier
from monitor.store import cards, incidents
from monitor.store.cards import OfIncident
from monitor.survey import Surveyor
from monitor.telemetry import logger
from tests.flow.counter import ALL, Counter, counter
from tests.store.shop import HOUR, MINUTE, POLICY, broken, rule, sold

FIRES = replace(POLICY, burning=Burning(members=3))
NORTH = "supplier northwind"
FROZEN = "None of its spares is promised while this lasts."


async def fall(desk: Counter, *orders: str) -> None:
    """Let the ranges of these orders be listed, in the eyes of a policy that knows incidents."""
    await rule(desk.store, *map(broken, await sold(desk.store, *orders)), now=desk.clock.now(), policy=FIRES)


async def open_shop(desk: Counter, orders: int) -> None:
    """Sell one unit of one supplier to each of so many customers, who are linked."""
    for number in range(1, orders + 1):
        await desk.sell(f"INV-{number}", name=f"customer-{number}", user=desk.api.customer(f"Customer {number}"))


async def burn(desk: Counter, orders: int = 5) -> None:
    """Sell to so many customers, and let the units of three fall together."""
    await open_shop(desk, orders)
    await fall(desk, "INV-1", "INV-2", "INV-3")
    await desk.settle()


def shown(desk: Counter) -> str:
    """Give what the only message in the operators' chat shows now."""
    [text] = desk.seen(desk.group.id)
    return text


def deeds(desk: Counter) -> list[str]:
    """Tell what the operators' chat saw happen."""
    return [entry.deed.value for entry in desk.api.journal.entries if entry.chat == desk.group.id]


async def card(desk: Counter, number: int = 1) -> cards.Card | None:
    async with desk.store.read() as connection:
        return await cards.get(connection, OfIncident(number))


async def test_an_incident_is_told_once_and_its_message_grows_with_it(database: str) -> None:
    async with counter(database, operators=[("anna", ALL)]) as desk:
        await burn(desk)
        assert shown(desk).startswith(f"Incident: {NORTH}\n\n3 of 5 units in coverage fell at about the same time.")
        assert deeds(desk) == ["sent"]
        desk.wait(MINUTE)
        await fall(desk, "INV-4")
        await desk.settle()
        assert shown(desk).startswith(f"Incident 1: {NORTH}")
        assert "4 units and 4 cases so far." in shown(desk)
        assert FROZEN in shown(desk)
        assert deeds(desk) == ["sent", Deed.EDITED]


async def test_what_shows_an_incident_as_it_is_is_left_alone(database: str) -> None:
    async with counter(database) as desk:
        await burn(desk)
        desk.wait(HOUR)
        await desk.settle()
        # The same cases once more: nobody joins.
        await fall(desk, "INV-1", "INV-2")
        await desk.settle()
        assert deeds(desk) == ["sent"]


async def test_many_that_fall_between_two_looks_are_one_edit(sqlite_url: str) -> None:
    async with counter(sqlite_url) as desk:
        await burn(desk, 9)
        for number in range(4, 10):
            await fall(desk, f"INV-{number}")
        await desk.settle()
        assert "9 units and 9 cases so far." in shown(desk)
        assert deeds(desk) == ["sent", Deed.EDITED]


async def test_the_message_says_when_and_how_it_ended_and_then_rests(database: str) -> None:
    async with counter(database) as desk:
        await burn(desk)
        desk.wait(25 * HOUR + 40 * MINUTE)
        await close_incident(desk.store, 1, "operator <olga>", "they & we talked", desk.clock.now())
        await desk.settle()
        assert shown(desk) == (
            f"Incident 1 is over: {NORTH}\n\n"
            "3 units and 3 cases in all.\n"
            "Its spares are free again.\n\n"
            "From 25 May 2026, 12:00 (UTC) to 26 May 2026, 13:40 (UTC): 1 day 1 hr.\n"
            "It began with: 3 of 5 units in coverage fell at about the same time.\n"
            "Closed by operator <olga>: they & we talked"
        )
        assert deeds(desk) == ["sent", Deed.EDITED]
        assert await card(desk) is None


async def test_a_supplier_that_an_operator_thaws_is_shown_so(sqlite_url: str) -> None:
    async with counter(sqlite_url) as desk:
        await burn(desk)
        await thaw_supplier(desk.store, "northwind", "operator olga", "a rumour", desk.clock.now())
        await desk.settle()
        assert shown(desk).startswith(f"Incident 1 is over: {NORTH}")
        assert shown(desk).endswith("Closed by operator olga: a rumour")


async def test_a_freeze_by_hand_is_told_to_nobody_and_shown_to_whoever_asks(sqlite_url: str) -> None:
    async with counter(sqlite_url, operators=[("anna", ALL)]) as desk:
        anna = operator(desk)
        await freeze_supplier(desk.store, "northwind", "operator olga", "rumours", desk.clock.now())
        await desk.settle()
        assert desk.seen(desk.group.id) == []
        [listed] = await desk.says(anna, "/incidents", desk.group)
        assert "• /incident_1 supplier northwind, since" in listed
        [told] = await desk.says(anna, "/incident_1", desk.group)
        assert told.startswith(f"Incident 1: {NORTH}\n\nrumours\n0 units and 0 cases so far.\n{FROZEN}")
        assert told.endswith("opened by operator olga.")
        await thaw_supplier(desk.store, "northwind", "operator olga", "nothing in it", desk.clock.now())
        await desk.settle()
        assert desk.seen(desk.group.id)[-1].startswith("Incident 1 is over")
        assert len(desk.sent(desk.group.id)) == 2


def operator(desk: Counter) -> User:
    return next(desk.api.users[member] for member in desk.group.members if member in desk.api.users)


async def test_what_is_asked_for_becomes_the_card_and_the_old_message_says_so(sqlite_url: str) -> None:
    async with counter(sqlite_url, operators=[("anna", ALL)]) as desk:
        await burn(desk)
        await desk.says(operator(desk), "/incident 1", desk.group)
        assert desk.seen(desk.group.id)[0] == "Incident 1: the newest message about it stands below."
        await fall(desk, "INV-4")
        await desk.settle()
        assert "4 units and 4 cases so far." in desk.seen(desk.group.id)[-1]
        for wanted in ("99", "", "x", "1" * 40, "<b>"):
            [told] = await desk.says(operator(desk), f"/incident {wanted}", desk.group)
            assert told == f"There is no incident {wanted}".rstrip() + "." if wanted else "There is no incident ."


async def test_an_incident_that_a_digest_told_of_can_be_asked_for(sqlite_url: str) -> None:
    async with counter(sqlite_url, operators=[("anna", ALL)]) as desk:
        await desk.put(*(suspended(desk, f"list-{number}") for number in range(5)))
        await burn(desk)
        [told] = desk.seen(desk.group.id)
        assert told.startswith("6 messages at once")
        assert f"• Incident: {NORTH} /incident_1" in told
        assert await card(desk) is None
        await desk.says(operator(desk), "/incident_1", desk.group)
        await fall(desk, "INV-4")
        await desk.settle()
        assert "4 units and 4 cases so far." in desk.seen(desk.group.id)[-1]


def suspended(desk: Counter, name: str) -> Notice:
    """Tell of a list whose own tests failed: that is no incident."""
    facts = {"zone": name, "reason": "its test entries are gone"}
    return Notice(f"list:{name}", Kind.OPERATOR_LIST_SUSPENDED, None, None, desk.clock.now(), facts)


async def test_an_incident_that_was_over_before_it_was_told_is_shown_as_over(sqlite_url: str) -> None:
    async with counter(sqlite_url) as desk:
        await open_shop(desk, 3)
        await fall(desk, "INV-1", "INV-2", "INV-3")
        await close_incident(desk.store, 1, "operator olga", "a mistake", desk.clock.now())
        await desk.settle()
        assert shown(desk).startswith(f"Incident 1 is over: {NORTH}")
        assert len(desk.sent(desk.group.id)) == 1


# What has no units of ours.


@pytest.mark.parametrize(
    ("found", "begins", "lasts", "over"),
    [
        pytest.param(
            lambda now: ListAlarmed("bl.example.net", now, ("acme", "bolt")),
            "Blocklist suspended: bl.example.net",
            None,
            "It counts again as soon as its own tests hold.",
            id="a list",
        ),
        pytest.param(
            lambda now: ProviderFailing("vultr", now, "all 9 accounts fail at once"),
            "Incident: provider vultr",
            None,
            "What it touched is judged again.",
            id="a provider",
        ),
        pytest.param(
            lambda now: ProviderTroubled("vultr", now, Trouble("a-17", Severity.OUTAGE, "no <power>", None)),
            "Incident: provider vultr",
            "Its status page says: power is back, disks are not.",
            "What it touched is judged again.",
            id="a status page",
        ),
    ],
)
async def test_the_incidents_of_lists_and_providers_have_their_cards_too(
    sqlite_url: str, found: object, begins: str, lasts: str | None, over: str
) -> None:
    assert callable(found)
    async with counter(sqlite_url) as desk:
        now = desk.clock.now()
        incident = found(now)
        async with desk.store.deciding() as connection:
            await Surveyor(logger("test"), withheld=False).begin(connection, 0, [incident], now)
        await desk.settle()
        assert shown(desk).startswith(begins)
        if lasts is not None:
            told = replace(incident, trouble=replace(incident.trouble, words="power is back, disks are not"))
            for _ in range(3):
                async with desk.store.deciding() as connection:
                    await incidents.renew(connection, 1, told)
                await desk.settle()
            assert lasts in shown(desk)
            assert "units" not in shown(desk)
            assert deeds(desk) == ["sent", Deed.EDITED]
        desk.wait(90 * MINUTE)
        await close_incident(desk.store, 1, "operator olga", "seen", desk.clock.now())
        await desk.settle()
        assert over in shown(desk)
        assert ": 1 hr 30 min.\n" in shown(desk)
        assert len(desk.sent(desk.group.id)) == 1


# What Telegram may say to an edit.

NOT_MODIFIED = refuse_once(400, "Bad Request: message is not modified: specified new message content ...")
NOT_FOUND = refuse_once(400, "Bad Request: message to edit not found")
FLOOD = refuse_once(429, "Too Many Requests: retry after 30", 30)


@pytest.mark.parametrize(
    ("refusal", "kept"),
    [pytest.param(NOT_MODIFIED, True, id="not modified"), pytest.param(NOT_FOUND, False, id="not found")],
)
async def test_an_edit_that_is_refused_is_not_tried_for_ever(sqlite_url: str, refusal: Instead, kept: bool) -> None:
    async with counter(sqlite_url) as desk:
        await burn(desk)
        desk.api.faults.add(refusal, "editMessageText", times=None)
        await fall(desk, "INV-4")
        await desk.settle()
        desk.wait(HOUR)
        await desk.settle()
        tried = [each for each in desk.api.journal.exchanges if each.method == "editMessageText"]
        assert len(tried) == 1
        left = await card(desk)
        assert (left is not None and left.shown == 1) is kept
        assert len(desk.sent(desk.group.id)) == 1


@pytest.mark.parametrize("fault", [FLOOD, Instead(502, "<html>", "text/html")], ids=["a flood", "a proxy's page"])
async def test_an_edit_that_did_not_come_through_comes_later(sqlite_url: str, fault: Fault) -> None:
    async with counter(sqlite_url) as desk:
        await burn(desk)
        desk.api.faults.add(fault, "editMessageText")
        await fall(desk, "INV-4")
        await desk.settle()
        assert deeds(desk) == ["sent"]
        desk.wait(MINUTE)
        await desk.settle()
        assert deeds(desk) == ["sent", Deed.EDITED]
        assert "4 units and 4 cases so far." in shown(desk)


async def test_a_card_outlives_the_process_that_sent_it(sqlite_url: str) -> None:
    async with counter(sqlite_url) as desk:
        await burn(desk)
        await desk.die()
        await fall(desk, "INV-4")
        await desk.settle()
        assert "4 units and 4 cases so far." in shown(desk)
        assert deeds(desk) == ["sent", Deed.EDITED]
