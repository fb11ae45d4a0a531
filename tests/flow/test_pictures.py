"""Pictures: kept with the report they belong to, few and small, and nothing else is."""

from hashlib import sha256

import pytest
from sqlalchemy import select, update

from monitor.cli.cases import tell
from monitor.clock import DrivenClock
from monitor.store import pictures, views
from monitor.store.conversation import picture
from monitor.store.tables import cases
from monitor.store.views import Row
from monitor.upkeep import Upkeep
from monitor.web.console import draw_case
from tests.flow.counter import ALL, Counter, counter
from tests.flow.driven import DAY, MINUTE, node

JPEG = b"\xff\xd8\xff\xe0" + b"made up" * 10
PNG = b"\x89PNG\r\n\x1a\n" + b"made up"
KEPT, REFUSED = "We have kept the picture", "We could not keep this picture"


async def kept(desk: Counter, case: int = 1) -> list[tuple[str, bytes]]:
    async with desk.store.read() as connection:
        return await pictures.of_case(connection, case)


async def test_a_picture_sent_while_a_report_is_made_belongs_to_its_case(database: str) -> None:
    async with counter(database) as desk:
        anna = desk.api.customer("Anna")
        await desk.sell("INV-1", user=anna)
        await desk.says(anna, "/report INV-1")
        await desk.presses(anna, desk.buttons(anna.id)[0])
        desk.api.user_sends_picture(anna, JPEG)
        await desk.settle()
        assert desk.seen(anna.id)[-1].startswith(KEPT)
        await desk.says(anna, "0xabc")
        assert await kept(desk) == [("image/jpeg", JPEG)]
        assert (await desk.trail())[-1] == ("note", "alice")


async def test_a_picture_answers_the_question_for_one(sqlite_url: str) -> None:
    async with counter(sqlite_url, operators=[("boris", ALL)]) as desk:
        anna = desk.api.customer("Anna")
        boris = next(desk.api.users[each] for each in desk.group.members if each in desk.api.users)
        await desk.sell("INV-1", user=anna)
        await desk.fails("INV-1")
        await desk.settle()
        await desk.presses(boris, "Ask the customer …", desk.group.id)
        await desk.presses(boris, "A picture", desk.group.id)
        desk.api.user_sends_picture(anna, PNG, "here <it> is")
        await desk.settle()
        assert await kept(desk) == [("image/png", PNG)]
        assert (await desk.trail())[-1] == ("answer", "alice")
        assert "[picture] here <it> is" in desk.sent(desk.group.id)[-1].text


@pytest.mark.parametrize(
    "content",
    [b"GIF89a", b"%PDF-1.7", b"<svg onload=alert(1)>", JPEG + b"\0" * (5 << 20), b""],
    ids=["a GIF", "a PDF", "an SVG", "too large", "nothing"],
)
async def test_what_is_no_picture_or_too_large_is_not_kept(sqlite_url: str, content: bytes) -> None:
    async with counter(sqlite_url) as desk:
        anna = desk.api.customer("Anna")
        await desk.sell("INV-1", user=anna)
        await desk.says(anna, "/report INV-1")
        desk.api.user_sends_picture(anna, content)
        await desk.settle()
        assert desk.seen(anna.id)[-1].startswith(REFUSED)


async def test_five_a_day_are_enough_and_without_a_report_none_is_taken(sqlite_url: str) -> None:
    async with counter(sqlite_url) as desk:
        anna = desk.api.customer("Anna")
        await desk.sell("INV-1", user=anna)
        desk.api.user_sends_picture(anna, JPEG)
        await desk.settle()
        assert desk.seen(anna.id)[-1].startswith("A picture belongs to a report")
        await desk.says(anna, "/report INV-1")
        for _ in range(6):
            desk.api.user_sends_picture(anna, JPEG)
            await desk.settle()
        assert desk.seen(anna.id)[-1].startswith(REFUSED)
        assert sum(each.startswith(KEPT) for each in desk.seen(anna.id)) == 5


# How long they are kept.


async def reported(desk: Counter, order: str, *contents: bytes) -> None:
    """Let a customer report an order, and send these pictures with it."""
    customer = desk.api.customer(f"Customer of {order}")
    await desk.sell(order, name=f"customer-{order.lower()}", user=customer)
    await desk.says(customer, f"/report {order}")
    await desk.presses(customer, desk.buttons(customer.id)[0])
    for content in contents:
        desk.api.user_sends_picture(customer, content)
        await desk.settle()
    await desk.says(customer, "0xabc")


async def told(desk: Counter, case: int) -> Row:
    async with desk.store.read() as connection:
        story = await views.case_story(connection, case)
    assert story is not None
    return story


async def test_pictures_go_some_time_after_their_case_and_what_they_were_stays_proven(database: str) -> None:
    async with counter(database, operators=[("boris", ALL)]) as desk:
        assert isinstance(desk.clock, DrivenClock)
        boris = next(desk.api.users[each] for each in desk.group.members if each in desk.api.users)
        await reported(desk, "INV-1", JPEG, PNG)
        await reported(desk, "INV-2", JPEG)
        # A report that was begun and left.
        mallory = desk.api.customer("Mallory")
        await desk.sell("INV-3", name="mallory", user=mallory)
        await desk.says(mallory, "/report INV-3")
        desk.api.user_sends_picture(mallory, PNG)
        await desk.settle()
        desk.wait(DAY)
        await desk.says(boris, "/case 1", desk.group)
        await desk.presses(boris, "Reject …", desk.group.id)
        await desk.presses(boris, "customer tos", desk.group.id)
        before, closed_at = await told(desk, 1), desk.clock.now()
        upkeep = node(desk.store, {}, desk.clock).upkeep

        desk.wait(90 * DAY - MINUTE)
        await upkeep.tend()
        assert await kept(desk) == [("image/jpeg", JPEG), ("image/png", PNG)]
        desk.wait(MINUTE)
        await upkeep.tend()
        assert await kept(desk) == []
        # That case is open still: whoever looks at it wants to see.
        assert await kept(desk, 2) == [("image/jpeg", JPEG)]
        async with desk.store.read() as connection:
            left = (await connection.execute(select(picture.c.case_number).order_by(picture.c.number))).scalars().all()
        assert left == [1, 1, 2]

        after = await told(desk, 1)
        facts = [(each["media"], each["size"], each["digest"], each["deleted_at"]) for each in after["pictures"]]
        gone = (closed_at + 90 * DAY).isoformat()
        digests = [sha256(each).hexdigest() for each in (JPEG, PNG)]
        assert facts == [("image/jpeg", len(JPEG), digests[0], gone), ("image/png", len(PNG), digests[1], gone)]
        assert (after["trail_holds"], after["events"]) == (True, before["events"])
        assert f"2 pictures came with the report: SHA-256 {', '.join(digests)}" in {e["why"] for e in after["events"]}
        page = draw_case(after)
        assert all(digest in page for digest in digests)
        assert f"deleted on {gone[:19].replace('T', ' ')}" in page
        assert f"SHA-256 {digests[1]}; deleted 2026-" in "\n".join(tell(after))
        # Once more, there is nothing to do.
        await upkeep.tend()
        assert (await told(desk, 1))["pictures"] == after["pictures"]


async def test_the_settings_say_how_long(sqlite_url: str) -> None:
    async with counter(sqlite_url) as desk:
        assert isinstance(desk.clock, DrivenClock)
        await reported(desk, "INV-1", JPEG)
        async with desk.store.write() as connection:
            await connection.execute(update(cases).values(state="rejected", closed_at=desk.clock.now()))
        here = node(desk.store, {}, desk.clock)
        upkeep = Upkeep(desk.store, here.sweeper, desk.clock, dry_run=True, pictures_for=DAY)
        desk.wait(DAY)
        await upkeep.tend()
        assert await kept(desk) == []
