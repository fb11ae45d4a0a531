"""The menus of commands: offered when the bot starts, to everybody his own, and only where Telegram does not yet."""

import asyncio
from pathlib import Path

import pytest

from monitor.core.notice import TryLater
from monitor.demo.botapi.commands import offered
from monitor.demo.botapi.faults import INTERNAL_ERROR, UNAUTHORIZED, Fault, Reset, Slow, refuse_once
from monitor.letters import Shop
from monitor.reception.menus import CUSTOMERS, OPERATORS, Menus, customers_menus, operators_menu
from monitor.reception.operators import KNOWN
from monitor.store import chats, outbox
from notifiers.wording import LANGUAGES
from tests.contract.bots import telegram_spec
from tests.flow.counter import ALL, Counter, counter
from tests.store.shop import HOUR

MENUS = len(LANGUAGES) + 2
"""One for each language, one for those who speak another, and the operators'."""


async def start(desk: Counter) -> None:
    """Begin a life of the bot's, as far as its menus go."""
    life = desk.life or await desk.begin()
    shop: Shop = life.reception._office.shop
    await Menus(desk.store, life.bot, shop, desk.clock).run()


def asked(desk: Counter, method: str) -> int:
    return sum(each.method == method for each in desk.api.journal.exchanges)


async def test_each_is_offered_what_is_his_in_the_language_of_his_app(database: str) -> None:
    async with counter(database, operators=[("anna", ALL)]) as desk:
        await start(desk)

        def menu(chat: int) -> dict[str, str]:
            return {str(each["command"]): str(each["description"]) for each in offered(desk.api, desk.api.chats[chat])}

        russian, chinese, german = (desk.api.customer(name, language=name) for name in ("ru", "zh", "de"))
        assert tuple(menu(desk.group.id)) == OPERATORS
        assert menu(desk.group.id)["cases"] == "What is open"
        assert tuple(menu(german.id)) == CUSTOMERS
        assert menu(german.id)["stop"] == "No more messages"
        assert menu(russian.id)["stop"] == "Больше не писать"
        assert menu(chinese.id)["stop"] == "停止接收消息"


async def test_what_telegram_offers_already_is_not_set_again(sqlite_url: str) -> None:
    async with counter(sqlite_url) as desk:
        await start(desk)
        assert (asked(desk, "getMyCommands"), asked(desk, "setMyCommands")) == (MENUS, MENUS)
        await desk.die()
        await start(desk)
        assert (asked(desk, "getMyCommands"), asked(desk, "setMyCommands")) == (2 * MENUS, MENUS)
        # Somebody changed one by hand.
        [key] = [key for key in desk.api.commands if '"zh"' in key]
        desk.api.commands[key] = desk.api.commands[key][:1]
        await start(desk)
        assert asked(desk, "setMyCommands") == MENUS + 1
        assert len(desk.api.commands[key]) == len(CUSTOMERS)


@pytest.mark.parametrize("method", ["getMyCommands", "setMyCommands"])
@pytest.mark.parametrize(
    "fault",
    [
        Reset(),
        Reset(processed=True),
        INTERNAL_ERROR,
        UNAUTHORIZED,
        refuse_once(429, "Too Many Requests: retry after 60", 60),
    ],
    ids=["reset before", "reset after", "500", "401", "429"],
)
async def test_whatever_goes_wrong_they_are_offered_in_the_end(sqlite_url: str, method: str, fault: Fault) -> None:
    async with counter(sqlite_url) as desk:
        desk.api.faults.add(fault, method, times=2)
        await start(desk)
        assert len(desk.api.commands) == MENUS


async def test_a_refusal_costs_one_menu_and_not_the_others(sqlite_url: str, caplog: pytest.LogCaptureFixture) -> None:
    async with counter(sqlite_url) as desk:
        desk.api.faults.add(refuse_once(400, "Bad Request: chat not found"), "getMyCommands", times=1)
        await start(desk)
        assert len(desk.api.commands) == MENUS - 1
        assert "menu_refused" in caplog.text
        assert str(desk.group.id) not in caplog.text


async def test_telegram_may_be_away_all_day_and_nothing_is_asked_without_end(sqlite_url: str) -> None:
    async with counter(sqlite_url) as desk:
        desk.api.faults.add(Reset(), "getMyCommands", times=None)
        await start(desk)
        assert asked(desk, "getMyCommands") == 60 * MENUS
        assert desk.api.commands == {}


async def test_a_silence_from_before_the_restart_holds_for_them_too(sqlite_url: str) -> None:
    async with counter(sqlite_url) as desk:
        began = desk.clock.now()
        async with desk.store.write() as connection:
            await outbox.pause(connection, "telegram", began + HOUR)
        await start(desk)
        assert {each.at >= began + HOUR for each in desk.api.journal.exchanges} == {True}
        assert len(desk.api.commands) == MENUS


async def test_a_silence_that_begins_between_asking_and_setting_is_kept(sqlite_url: str) -> None:
    async with counter(sqlite_url) as desk:
        life = await desk.begin()
        desk.api.faults.add(Slow(0.2), "getMyCommands")
        offering = asyncio.create_task(life.bot.offer(customers_menus()[0]))
        async with asyncio.timeout(10):
            while not asked(desk, "getMyCommands"):  # noqa: ASYNC110 - seen
                await asyncio.sleep(0.01)
        life.bot.pause(60)
        assert isinstance(await offering, TryLater)
        assert asked(desk, "setMyCommands") == 0


async def test_a_group_that_became_a_supergroup_is_offered_them_there(sqlite_url: str) -> None:
    async with counter(sqlite_url, operators=[("anna", ALL)]) as desk:
        moved = desk.api.migrate(desk.group)
        await start(desk)
        assert tuple(each["command"] for each in offered(desk.api, moved)) == OPERATORS
        async with desk.store.write() as connection:
            await chats.move(connection, desk.group.id, moved.id)
        await start(desk)
        assert len(desk.api.commands) == MENUS


async def test_what_is_offered_is_understood(sqlite_url: str) -> None:
    async with counter(sqlite_url, operators=[("anna", ALL)]) as desk:
        alice = desk.api.customer("Alice")
        await desk.sell("INV-1", user=alice)
        [fallback] = await desk.says(alice, "/dance")
        for name in CUSTOMERS:
            [told] = await desk.says(alice, f"/{name}")
            assert (told == fallback) is (name == "help")
    assert set(OPERATORS) <= KNOWN


def test_every_menu_is_one_that_telegram_takes(shared: Path) -> None:
    spec = telegram_spec(shared)
    for menu in (*customers_menus(), *(operators_menu(language, -5) for language in LANGUAGES)):
        params = {"commands": [each.to_dict() for each in menu.entries], "scope": menu.scope.to_dict()}
        spoken = {} if menu.language is None else {"language_code": menu.language}
        assert spec.request("setMyCommands", {**params, **spoken}) == []
        assert all(name.isascii() and name.islower() and len(name) <= 32 for name, _ in menu.commands)
        assert all(1 <= len(words) <= 256 for _, words in menu.commands)
        assert len(menu.commands) <= 100
