"""Once a day, when the shop opens: one message to operators with what is open, what is due, and what is short."""

from datetime import datetime, timedelta

from monitor.core.case import OPEN, State
from monitor.core.notice import Kind, Notice
from monitor.store import incidents, levels, outbox, views
from monitor.store.engine import Store
from monitor.sweep import Law

SOON = timedelta(hours=24)
MOST = 100_000


async def tell_of_the_day(store: Store, law: Law, now: datetime, *, withheld: bool) -> bool:
    """Write the message of this day, if the shop is open and it was not written yet; tell whether it was now."""
    calendar = law.policy.response.calendar
    if calendar is None:
        return False
    day = now.astimezone(calendar.zone).date()
    opens, closes = calendar.hours(day)
    key = f"daily:{day.isoformat()}"
    if not opens <= now < closes:
        return False
    async with store.read() as connection:
        if await outbox.is_written(connection, key):
            return False
        figures = await views.figures(connection)
        open_now = await views.list_cases(connection, states=sorted(OPEN), limit=MOST)
        low = [each for each in await levels.levels(connection, law.tiers, law.policy, now) if each.low]
        burning = await incidents.on_record(connection)
    facts = {
        "cases": len(open_now),
        "verify": sum(each["state"] in {State.SUSPECTED, State.VERIFYING} for each in open_now),
        "held": sum(each["state"] == State.HELD for each in open_now),
        "soon": sum(datetime.fromisoformat(each["replace_due"]) <= now + SOON for each in open_now),
        "low": len(low),
        "burning": len(burning),
        "untold": figures.notices.get("unreachable", 0) + figures.notices.get("rejected", 0),
        "doubtful": figures.notices.get("unknown", 0),
    }
    async with store.write() as connection:
        return await outbox.put(connection, Notice(key, Kind.OPERATOR_DAILY, None, None, now, facts), withheld=withheld)
