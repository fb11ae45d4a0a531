"""The message of the day: one, when the shop is open, with what is open, due and short."""

from datetime import timedelta

from monitor.daily import tell_of_the_day
from monitor.sweep import Law
from tests.flow.counter import Counter, counter
from tests.store.shop import HOUR, NOW, POLICY, TIERS


async def tell(desk: Counter) -> bool:
    return await tell_of_the_day(desk.store, Law(POLICY, TIERS), desk.clock.now(), withheld=False)


async def test_the_day_is_told_once_and_the_next_one_again(database: str) -> None:
    async with counter(database) as desk:
        await desk.sell("INV-1", "INV-2", user=desk.api.customer("Alice"))
        await desk.fails("INV-1")
        await desk.settle()
        assert [await tell(desk) for _ in range(3)] == [True, False, False]
        await desk.settle()
        assert desk.seen(desk.group.id)[-1] == (
            "The day begins with 1 open case\n\n• to verify: 0\n• held: 0\n• due within a day: 0\n"
            "• tiers that are short: 1\n• incidents that last: 0\n"
            "• notices that reached nobody: 0; in doubt: 0\n\n/cases /stock /incidents"
        )
        desk.wait(timedelta(days=1))
        assert await tell(desk) is True


async def test_nobody_is_told_while_the_shop_is_closed(sqlite_url: str) -> None:
    """It is open from 09:00 to 23:00 at UTC+8; the story begins at noon UTC."""
    async with counter(sqlite_url) as desk:
        assert desk.clock.now() == NOW
        desk.wait(3 * HOUR)
        assert await tell(desk) is False
        desk.wait(9 * HOUR)
        assert await tell(desk) is False
        desk.wait(HOUR)
        assert await tell(desk) is True
