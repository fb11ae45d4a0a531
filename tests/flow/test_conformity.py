"""A whole daemon talks to Telegram: everything that it asks, and everything that it is told, is as the Bot API says."""

import asyncio
from datetime import timedelta
from pathlib import Path

from config import load
from monitor.app import App, open_app, run
from monitor.clock import SystemClock
from monitor.core.notice import Kind, Notice
from monitor.demo.botapi import BotApi
from monitor.demo.botapi.world import Chat, User
from monitor.reception.issuing import issue
from monitor.store import outbox
from notifiers.wording import LANGUAGES
from tests.contract.specs import TelegramSpec
from tests.flow.counter import TOKEN
from tests.store.shop import sell

CONFIG = """
web = {{ listen = "127.0.0.1:0" }}
[notifier]
kind = "telegram"
api = "{api}"
operators = {operators}
[operators.people]
anna = {{ user = {anna} }}
[tiers.vpn-eu]
niche = "vpn"
rank = 10
"""


async def talk(app: App, api: BotApi, alice: User, anna: User, group: Chat) -> None:
    """Let everybody say everything."""
    now = app.clock.now()
    await sell(app.store, "INV-1", customer="alice")
    token = (await issue(app.store, "INV-1", now, timedelta(hours=1))).token

    async def heard(chat: int, words: str) -> None:
        async with asyncio.timeout(60):
            while not any(words in each.marked.text for each in api.chats[chat].showing()):  # noqa: ASYNC110 - seen
                await asyncio.sleep(0.02)

    api.user_says(alice, f"/start {token}")
    await heard(alice.id, "order")
    api.user_presses(alice, alice.id, api.chats[alice.id].showing()[-1].id, "Yes, it is mine")
    await heard(alice.id, "You are linked")
    for words, answer in (("/help", "/report"), ("/language", "language"), ("/report INV-1", "What is wrong")):
        api.user_says(alice, words)
        await heard(alice.id, answer)
    for words, answer in (("/cases", "open case"), ("/stock", "shelf"), ("/incidents", "last"), ("/brake", "brake")):
        api.user_says(anna, words, group)
        await heard(group.id, answer)
    facts = {"zone": "bl.example.net", "reason": "because"}
    async with app.store.write() as connection:
        await outbox.put(connection, Notice("list:1", Kind.OPERATOR_LIST_SUSPENDED, None, None, now, facts))
    app.courier.ring()
    await heard(group.id, "bl.example.net")
    async with asyncio.timeout(60):
        while len(api.commands) < len(LANGUAGES) + 2:  # noqa: ASYNC110 - seen
            await asyncio.sleep(0.02)


async def test_a_daemon_and_telegram_keep_to_the_published_interface(
    tmp_path: Path, migrated_sqlite: Path, shared: Path
) -> None:
    (tmp_path / "coverwatch.sqlite").write_bytes((migrated_sqlite / "coverwatch.sqlite").read_bytes())
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "telegram_token").write_text(TOKEN)
    async with BotApi(token=TOKEN, clock=SystemClock()) as api:
        alice, anna = api.user("Alice"), api.customer("Anna")
        group, stop = api.group("Operators", [anna]), asyncio.Event()
        address = api.base_url.removesuffix("/bot")
        file = tmp_path / "monitor.toml"
        file.write_text(CONFIG.format(api=address, operators=group.id, anna=anna.id))
        async with open_app(load(file), SystemClock()) as app:
            running = asyncio.create_task(run(app, stop))
            try:
                await talk(app, api, alice, anna, group)
            finally:
                stop.set()
                await running
        asked = api.journal.exchanges
    spec = TelegramSpec(shared / "specs" / "telegram-bot-api-10.1.json")
    methods = {each.method for each in asked}
    assert methods >= {
        "getUpdates", "sendMessage", "editMessageText", "answerCallbackQuery", "getMyCommands", "setMyCommands",
    }  # fmt: skip
    assert [fault for each in asked for fault in spec.request(each.method, each.params)] == []
    answers = [each for each in asked if each.answer is not None and each.status is not None]
    assert [f for each in answers for f in spec.answer(each.method, each.status or 0, each.answer or {})] == []
