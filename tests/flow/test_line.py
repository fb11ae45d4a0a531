"""The straight line, end to end: from a listing or a ban in the world to a message in the right chat, or to none."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text, update
from structlog.testing import capture_logs

from monitor.core.notice import Kind
from monitor.demo.botapi.faults import HangUp, refuse_once
from monitor.demo.digitalocean import Broken, Limited, Slow, Well
from monitor.demo.listing import Dead, Normal, RefusesUs, World
from monitor.demo.script import PROXY, SHIELD, SPAM, WORLD
from monitor.store.tables import delivery
from tests.flow.life import DAY, HOUR, Shop, shop, spare_account, spare_range, vpn, vps

DROP_THE_OTHERS = """
select pg_terminate_backend(pid) from pg_stat_activity
where pid <> pg_backend_pid() and datname = current_database()
"""
OPENED, READY, WITHDRAWN = Kind.CASE_OPENED, Kind.REPLACEMENT_READY, Kind.CASE_WITHDRAWN


@pytest.fixture
def sqlite(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/coverwatch.sqlite"


async def test_a_listed_range_and_a_locked_account_become_cases_spares_and_one_message_each(
    tmp_path: Path, database: str
) -> None:
    listed, locked = vpn("INV-1", "alice"), vps("INV-2", "bogdan")
    sound = [vpn("INV-3", "chen"), vps("INV-4", "dora")]
    spares = [spare_range("spare-vpn"), spare_account("spare-vps")]
    async with shop(tmp_path, database, listed, locked, *sound, *spares) as house, house.living():
        await house.after_sweeps(2)
        house.world.zones.list(SPAM, str(listed.address))
        house.world.digitalocean.lock(locked.access)
        await house.until(lambda seen: [seen.told(name) for name in ("alice", "bogdan")] == [[OPENED, READY]] * 2)
        seen = await house.after_sweeps()
    assert seen.case_states() == {"INV-1": "promised", "INV-2": "promised"}
    assert {case["order"]: (case["defect"], case["spare"], case["clause"]) for case in seen.cases} == {
        "INV-1": ("range_listed", "spare-vpn", "defects.range_listed"),
        "INV-2": ("account_banned", "spare-vps", "defects.account_banned"),
    }
    assert sorted(unit for _, unit in seen.reserved) == ["spare-vpn", "spare-vps"]
    opened, ready = house.messages("alice")
    assert "INV-1" in opened
    assert SPAM in opened
    assert "spare-vpn" in ready
    assert [len(house.messages(name)) for name in ("bogdan", "chen", "dora")] == [2, 0, 0]
    assert "INV-2" in house.messages("bogdan")[0]


@pytest.mark.parametrize(
    "behaviour",
    [
        pytest.param(Dead(), id="dies"),
        pytest.param(World(), id="lists the world"),
        pytest.param(RefusesUs(), id="refuses us"),
    ],
)
async def test_a_list_that_misbehaves_opens_nothing_and_is_muted_once_and_heard_again_once(
    tmp_path: Path, sqlite: str, behaviour: Dead | World | RefusesUs
) -> None:
    with capture_logs() as log:
        async with shop(tmp_path, sqlite, vpn("INV-1"), spare_range("spare")) as house, house.living():
            await house.until(lambda seen: seen.believed(WORLD))
            house.world.zones.behave(WORLD, behaviour)
            await house.until(lambda seen: seen.believed(WORLD) is False)
            await house.after_sweeps()
            house.world.zones.behave(WORLD, Normal())
            await house.until(lambda seen: seen.believed(WORLD))
            seen = await house.after_sweeps()
    assert seen.cases == []
    assert seen.place("spare") == "shelf"
    assert seen.told(None) == [Kind.OPERATOR_LIST_SUSPENDED]
    assert len(house.operators_read()) == 1
    assert WORLD in house.operators_read()[0]
    assert house.messages("alice") == []
    edges = [(record["event"], record["zone"]) for record in log if record["event"].startswith("zone_")]
    assert edges == [("zone_muted", WORLD), ("zone_heard_again", WORLD)]


async def test_silence_is_not_health(tmp_path: Path, sqlite: str) -> None:
    """Every list falls silent: what was seen before stands, nothing is called sound, and nothing is opened."""
    async with shop(tmp_path, sqlite, vpn("INV-1"), vps("INV-2"), spare_range("spare")) as house, house.living():
        before = await house.until(lambda seen: [each["verdict"] for each in seen.deliveries] == ["sound", "sound"])
        for zone in (SPAM, SHIELD, PROXY, WORLD):
            house.world.zones.behave(zone, Dead())
        house.world.digitalocean.trouble = Broken()
        seen = await house.until(lambda seen: [each["verdict"] for each in seen.deliveries] == ["undecided"] * 2)
        seen = await house.after_sweeps()
    assert seen.cases == []
    assert [each["verdict"] for each in seen.deliveries] == ["undecided", "undecided"]
    # What was last seen fine is not forgotten, and silence adds nothing to it.
    assert all(each["last_ok"] >= was["last_ok"] for each, was in zip(seen.deliveries, before.deliveries, strict=True))
    assert all(each["looked_at"] > each["last_ok"] for each in seen.deliveries)
    assert house.messages("alice") == house.messages("bogdan") == []


async def test_one_warning_alone_opens_nothing_and_a_second_independent_one_does(tmp_path: Path, sqlite: str) -> None:
    sold = vpn("INV-1")
    async with shop(tmp_path, sqlite, sold, spare_range("spare")) as house, house.living():
        house.world.zones.list(PROXY, str(sold.address))
        seen = await house.after_sweeps()
        assert seen.cases == []
        house.world.zones.list(SPAM, str(sold.address))
        await house.until(lambda seen: seen.told("alice") == [OPENED, READY])


async def test_an_account_that_only_denies_us_opens_nothing(tmp_path: Path, sqlite: str) -> None:
    sold = vps("INV-1", "bogdan")
    async with shop(tmp_path, sqlite, sold, spare_account("spare")) as house, house.living():
        await house.until(lambda seen: seen.deliveries[0]["verdict"] == "sound")
        house.world.digitalocean.revoke(sold.access)
        await house.until(lambda seen: seen.deliveries[0]["verdict"] == "undecided")
        seen = await house.after_sweeps()
    assert seen.cases == []
    assert house.messages("bogdan") == []


async def test_a_provider_that_limits_us_is_no_ban(tmp_path: Path, sqlite: str) -> None:
    async with shop(tmp_path, sqlite, vps("INV-1"), spare_account("spare")) as house, house.living():
        await house.until(lambda seen: seen.deliveries[0]["verdict"] == "sound")
        house.world.digitalocean.trouble = Limited(retry_after=1)
        seen = await house.after_sweeps()
    assert seen.cases == []


async def test_a_delivery_whose_window_was_over_before_it_failed_gets_no_case(tmp_path: Path, sqlite: str) -> None:
    sold = vpn("INV-1", ago=DAY - HOUR)
    async with shop(tmp_path, sqlite, sold, spare_range("spare")) as house, house.living():
        await house.until(lambda seen: seen.deliveries[0]["verdict"] == "sound")
        house.clock.set_forward(2 * HOUR)
        # The one look that settles it: still fine after the window.
        await house.after_sweeps()
        house.world.zones.list(SPAM, str(sold.address))
        seen = await house.after_sweeps()
    assert seen.cases == []
    assert house.messages("alice") == []


async def test_when_we_were_blind_at_the_end_of_a_window_the_customer_has_the_benefit(
    tmp_path: Path, database: str
) -> None:
    sold = vpn("INV-1", ago=DAY - HOUR)
    async with shop(tmp_path, database, sold, spare_range("spare")) as house:
        async with house.living():
            await house.until(lambda seen: seen.deliveries[0]["verdict"] == "sound")
        # The daemon is down when the window ends, and the range is listed at some time in between.
        house.clock.set_forward(3 * HOUR)
        house.world.zones.list(SPAM, str(sold.address))
        async with house.living():
            seen = await house.until(lambda seen: seen.told("alice") == [OPENED, READY])
    [case] = seen.cases
    assert case["state"] == "promised"
    assert "the window ended in between" in case["reason"]


async def test_a_delivery_that_was_entered_after_its_window_is_not_looked_at(tmp_path: Path, sqlite: str) -> None:
    sold = vpn("INV-1", ago=DAY - HOUR)
    async with shop(tmp_path, sqlite, sold, vpn("INV-2")) as house:
        house.clock.set_forward(3 * HOUR)
        house.world.zones.list(SPAM, str(sold.address))
        # Nobody knew of it while its window ran.
        entered = update(delivery).where(delivery.c.order_number == "INV-1").values(imported_at=house.clock.now())
        async with house.store.write() as connection:
            await connection.execute(entered)
        async with house.living():
            seen = await house.after_sweeps()
    assert seen.cases == []
    assert next(each for each in seen.deliveries if each["order"] == "INV-1")["verdict"] is None


async def test_with_an_empty_shelf_a_case_waits_and_is_served_when_stock_arrives(tmp_path: Path, database: str) -> None:
    sold = vpn("INV-1")
    async with shop(tmp_path, database, sold) as house, house.living():
        house.world.zones.list(SPAM, str(sold.address))
        seen = await house.until(
            lambda seen: seen.told("alice") == [OPENED] and Kind.OPERATOR_NO_SPARE in seen.told(None)
        )
        assert seen.case_states() == {"INV-1": "approved"}
        await house.after_sweeps(2)
        await house.import_stock(spare_range("late-spare"))
        seen = await house.until(lambda seen: seen.told("alice") == [OPENED, READY])
    assert seen.case_states() == {"INV-1": "promised"}
    assert [unit for _, unit in seen.reserved] == ["late-spare"]
    assert seen.told(None).count(Kind.OPERATOR_NO_SPARE) == 1


async def test_a_failure_that_clears_before_a_spare_is_promised_is_withdrawn_and_told(
    tmp_path: Path, sqlite: str
) -> None:
    sold = vpn("INV-1")
    async with shop(tmp_path, sqlite, sold) as house, house.living():
        house.world.zones.list(SPAM, str(sold.address))
        await house.until(lambda seen: seen.told("alice") == [OPENED])
        house.world.zones.delist(SPAM, str(sold.address))
        await house.until(lambda seen: seen.told("alice") == [OPENED, WITHDRAWN])
        seen = await house.after_sweeps()
    assert seen.case_states() == {"INV-1": "withdrawn"}
    assert seen.reserved == []
    assert len(house.messages("alice")) == 2


async def test_a_spare_that_is_listed_leaves_the_shelf_and_the_next_one_is_promised(
    tmp_path: Path, sqlite: str
) -> None:
    sold, cheap, dear = vpn("INV-1"), spare_range("cheap", "1.00"), spare_range("dear", "9.00")
    async with shop(tmp_path, sqlite, sold, cheap, dear) as house, house.living():
        assert cheap.range is not None
        house.world.zones.list(SPAM, str(cheap.range[0]))
        await house.until(lambda seen: seen.place("cheap") == "sick")
        house.world.zones.list(SPAM, str(sold.address))
        seen = await house.until(lambda seen: seen.told("alice") == [OPENED, READY])
    assert [unit for _, unit in seen.reserved] == ["dear"]


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
async def test_two_nodes_on_one_database_sweep_each_slot_once_and_tell_each_notice_once(
    tmp_path: Path, database: str
) -> None:
    sold = [vpn(f"INV-{n}", name) for n, name in enumerate(("alice", "chen", "dora", "elena"))]
    spares = [spare_range(f"spare-{n}") for n in range(4)]
    async with (
        shop(tmp_path, database, *sold, *spares) as house,
        house.living() as first,
        house.living() as second,
    ):
        await house.after_sweeps(2)
        for each in sold:
            house.world.zones.list(SPAM, str(each.address))
        await house.until(
            lambda seen: all(seen.told(each.customer) == [OPENED, READY] for each in sold),
        )
        seen = await house.after_sweeps()
        swept = [_swept(app.metrics.page().decode()) for app in (first, second)]
    assert [case["state"] for case in seen.cases] == ["promised"] * 4
    assert len({unit for _, unit in seen.reserved}) == 4
    assert [len(house.messages(each.customer)) for each in sold] == [2] * 4
    # Every sweep was one node's, and together they made all of them.
    assert sum(swept) == pytest.approx(sum(seen.sweeps.values()), abs=4)


def _swept(page: str) -> float:
    lines = [line for line in page.splitlines() if line.startswith("coverwatch_sweeps_total{")]
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines)


async def test_while_telegram_is_down_notices_wait_and_come_afterwards(
    tmp_path: Path, sqlite: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monitor.settling.FIRST_WAIT", 0.5)
    sold = vpn("INV-1")
    async with shop(tmp_path, sqlite, sold, spare_range("spare")) as house, house.living():
        await house.world.bot.refuse()
        house.world.zones.list(SPAM, str(sold.address))
        seen = await house.until(lambda seen: seen.case_states() == {"INV-1": "promised"})
        seen = await house.after_sweeps()
        assert {state for _, _, state in seen.notices} <= {"queued", "sending"}
        assert house.messages("alice") == []
        await house.world.bot.listen()
        await house.until(lambda seen: seen.told("alice") == [OPENED, READY])
    assert len(house.messages("alice")) == 2


async def test_a_customer_who_blocked_us_becomes_an_operators_task(tmp_path: Path, sqlite: str) -> None:
    sold = vpn("INV-1")
    async with shop(tmp_path, sqlite, sold, spare_range("spare")) as house, house.living():
        house.world.bot.user_blocks(house.world.bot.users[house.chats["alice"]])
        house.world.zones.list(SPAM, str(sold.address))
        seen = await house.until(lambda seen: seen.told(None).count(Kind.OPERATOR_UNREACHABLE) == 2)
    assert [(kind, state) for who, kind, state in seen.notices if who == "alice"] == [
        (OPENED, "unreachable"),
        (READY, "unreachable"),
    ]
    assert house.messages("alice") == []
    # Among what else they are told: the last spare is gone.
    assert [text for text in house.operators_read() if "alice" in text]
    # What is owed stays owed.
    assert seen.case_states() == {"INV-1": "promised"}


async def test_a_pause_that_telegram_asks_for_is_kept_over_a_restart(tmp_path: Path, sqlite: str) -> None:
    sold = vpn("INV-1")
    async with shop(tmp_path, sqlite, sold, spare_range("spare")) as house:
        house.world.bot.faults.add(refuse_once(429, "Too Many Requests: retry after 3600", 3600), "sendMessage")
        house.world.zones.list(SPAM, str(sold.address))
        async with house.living():
            await house.until(lambda seen: seen.case_states() == {"INV-1": "promised"})
            await house.until(lambda seen: ("alice", OPENED, "queued") in seen.notices and _asked(house) == 1)
        async with house.living():
            await house.after_sweeps()
            assert _asked(house) == 1
        house.clock.set_forward(2 * HOUR)
        async with house.living():
            await house.until(lambda seen: seen.told("alice") == [OPENED, READY])


def _asked(house: Shop) -> int:
    return sum(exchange.method == "sendMessage" for exchange in house.world.bot.journal.exchanges)


async def test_an_operators_group_that_moved_is_followed(tmp_path: Path, sqlite: str) -> None:
    sold = vpn("INV-1")
    async with shop(tmp_path, sqlite, sold) as house, house.living():
        heir = house.world.bot.migrate(house.world.bot.chats[house.world.operators])
        house.world.zones.list(SPAM, str(sold.address))
        seen = await house.until(lambda seen: Kind.OPERATOR_NO_SPARE in seen.told(None) and seen.told("alice"))
    assert [entry.text for entry in house.world.bot.journal.sent(heir.id)]
    assert seen.told("alice") == [OPENED]


async def test_a_message_whose_answer_was_lost_is_repeated_once_and_counted(
    tmp_path: Path, sqlite: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monitor.courier.REPEAT_AFTER", timedelta(seconds=1))
    sold = vpn("INV-1")
    async with shop(tmp_path, sqlite, sold, spare_range("spare")) as house, house.living() as app:
        house.world.bot.faults.add(HangUp(processed=True), "sendMessage", times=1)
        house.world.zones.list(SPAM, str(sold.address))
        await house.until(lambda seen: sorted(seen.told("alice")) == [OPENED, READY])
        page = app.metrics.page().decode()
    assert len([text for text in house.messages("alice") if "spare" not in text]) == 2
    assert "coverwatch_outbox_ambiguous_total 1.0" in page


async def test_in_a_dry_run_everything_is_decided_and_nothing_is_sent_or_given_away(
    tmp_path: Path, sqlite: str
) -> None:
    sold = vpn("INV-1")

    def rehearse(text: str) -> str:
        return f"dry_run = true\n{text}"

    async with shop(tmp_path, sqlite, sold, spare_range("spare"), customize=rehearse) as house, house.living():
        house.world.zones.list(SPAM, str(sold.address))
        await house.until(lambda seen: seen.case_states() == {"INV-1": "approved"})
        seen = await house.after_sweeps()
    assert seen.reserved == []
    assert {state for _, _, state in seen.notices} == {"withheld"}
    assert house.world.bot.journal.exchanges == []


async def test_the_daemon_ends_in_good_order_with_a_sweep_under_way(tmp_path: Path, sqlite: str) -> None:
    async with shop(tmp_path, sqlite, vps("INV-1")) as house:
        house.world.digitalocean.trouble = Slow(15)
        async with asyncio.timeout(12), house.living():
            await asyncio.sleep(1)


async def test_a_sweep_that_was_cut_short_is_taken_up_again_in_the_same_slot(tmp_path: Path, sqlite: str) -> None:
    sold = vps("INV-1")
    async with shop(tmp_path, sqlite, sold) as house:
        rhythm = house.config.settings.rhythm.model_copy(update={"accounts": timedelta(days=30)})
        seldom = replace(house.config, settings=house.config.settings.model_copy(update={"rhythm": rhythm}))
        house.world.digitalocean.trouble = Slow(15)
        async with house.living(seldom):
            await asyncio.sleep(0.5)
        house.world.digitalocean.trouble = Well()
        async with house.living(seldom):
            seen = await house.until(lambda seen: seen.deliveries[0]["verdict"] == "sound")
    assert seen.sweeps["account"] <= 1


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
async def test_when_the_database_drops_every_connection_the_daemon_goes_on(
    tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monitor.courier.LEASE", timedelta(seconds=2))
    monkeypatch.setattr("monitor.courier.REPEAT_AFTER", timedelta(seconds=1))
    monkeypatch.setattr("monitor.courier.IDLE", 0.5)
    drop = text(DROP_THE_OTHERS)
    sold = [vpn(f"INV-{n}", name) for n, name in enumerate(("alice", "chen", "dora"))]
    spares = [spare_range(f"spare-{n}") for n in range(3)]
    async with shop(tmp_path, database, *sold, *spares) as house, house.living():
        await house.after_sweeps(1)
        for each in sold:
            house.world.zones.list(SPAM, str(each.address))
        for _ in range(8):
            async with house.store.write() as connection:
                await connection.execute(drop)
            await asyncio.sleep(0.3)
        await house.until(lambda seen: all(sorted(seen.told(each.customer)) == [OPENED, READY] for each in sold))
        seen = await house.after_sweeps()
    assert [case["state"] for case in seen.cases] == ["promised"] * 3
    assert len({unit for _, unit in seen.reserved}) == len(seen.reserved) == 3
    # What was on its way when a connection went may come twice, and nothing more often.
    assert all(2 <= len(house.messages(each.customer)) <= 4 for each in sold)
