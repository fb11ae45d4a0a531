"""The second channel: whoever Telegram does not reach is told by e-mail or webhook, once, and nobody else is."""

import email
import email.policy
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC
from email.message import EmailMessage
from pathlib import Path

import pytest
from sqlalchemy import update

from config import ConfigError, load
from monitor.core.fleet import Customer
from monitor.core.secret import Secret
from monitor.courier import Courier
from monitor.letters import Shop
from monitor.reach import second_shop, shop_of
from monitor.store.outbox import Channel
from monitor.store.tables import customer
from monitor.telemetry import Progress
from notifiers import Notifier
from notifiers.email import Email
from notifiers.email import Options as MailOptions
from notifiers.webhook import Options as HookOptions
from notifiers.webhook import Webhook
from tests.contract.test_notifiers_webhook import receiver
from tests.flow.counter import Counter, counter
from tests.peers.smtp import MailServer, mail_server
from tests.store.shop import HOUR, MINUTE

OPERATORS = "ops@shop.example"


def by_mail(one: Customer | None) -> str | None:
    return OPERATORS if one is None else one.email


@asynccontextmanager
async def second(
    desk: Counter, way: Notifier, reach: Callable[[Customer | None], str | None]
) -> AsyncIterator[Courier]:
    """Open the courier of the second channel beside the counter's own."""
    shop = Shop(UTC, "en", "second:email", reach(None), reach, channel=Channel.SECOND)
    async with way:
        yield Courier(desk.store, way, shop, desk.clock, desk.metrics, Progress({}, 0.0))


def mail_to(server: MailServer, desk: Counter) -> Email:
    table = {"host": "127.0.0.1", "port": server.port, "security": "none", "sender": "Shop <shop@shop.example>"}
    return Email(MailOptions.model_validate(table), None, desk.clock)


def letters(server: MailServer) -> list[EmailMessage]:
    return [email.message_from_bytes(raw.encode(), policy=email.policy.default) for raw in server.letters]


async def address(desk: Counter, name: str, mail: str | None) -> None:
    async with desk.store.write() as connection:
        await connection.execute(update(customer).where(customer.c.name == name).values(email=mail))


@pytest.mark.parametrize("lost", ["never linked", "blocked the bot"])
async def test_a_customer_whom_telegram_does_not_reach_gets_a_letter_and_operators_know(
    database: str, lost: str
) -> None:
    async with counter(database) as desk, mail_server() as server:
        desk.second = lambda one: by_mail(one) is not None
        anna = desk.api.customer("Anna")
        await desk.sell("INV-1", user=None if lost == "never linked" else anna)
        await address(desk, "alice", "alice@example.org")
        if lost != "never linked":
            desk.api.user_blocks(anna)
        await desk.fails("INV-1")
        await desk.settle()
        async with second(desk, mail_to(server, desk), by_mail) as courier:
            while await courier.deliver():
                pass
            assert await courier.deliver() == 0
        [letter] = letters(server)
        assert (letter["To"], letter["Subject"]) == ("alice@example.org", "We found a fault in your order INV-1")
        states = await desk.states()
        assert (states["case:1:case_opened"], states["case:1:case_opened:second"]) == ("unreachable", "sent")
        # The task is a person's all the same.
        assert any("cannot be reached" in each or "alice" in each for each in desk.seen(desk.group.id))


async def test_who_is_reached_gets_no_letter_and_who_has_no_address_neither(sqlite_url: str) -> None:
    async with counter(sqlite_url) as desk, mail_server() as server:
        desk.second = lambda one: by_mail(one) is not None
        await desk.sell("INV-1", user=desk.api.customer("Anna"))
        await address(desk, "alice", "alice@example.org")
        await desk.sell("INV-2", name="bogdan")
        for order in ("INV-1", "INV-2"):
            await desk.fails(order)
        await desk.settle()
        async with second(desk, mail_to(server, desk), by_mail) as courier:
            assert await courier.deliver() == 0
        assert server.letters == []


async def test_operators_are_told_by_mail_while_their_group_is_away_and_in_it_when_it_is_back(sqlite_url: str) -> None:
    async with counter(sqlite_url, operators=[("anna", frozenset())]) as desk, mail_server() as server:
        desk.second = lambda one: by_mail(one) is not None
        anna = next(desk.api.users[each] for each in desk.group.members if each in desk.api.users)
        desk.api.kick_bot(desk.group, anna)
        await desk.sell("INV-1", user=desk.api.customer("Alice"))
        await desk.fails("INV-1")
        await desk.settle()
        desk.wait(6 * MINUTE)
        await desk.settle()
        async with second(desk, mail_to(server, desk), by_mail) as courier:
            while await courier.deliver():
                pass
        assert [(each["To"], each["Subject"]) for each in letters(server)] == [(OPERATORS, "No spare for case 1")]
        desk.api.readmit_bot(desk.group, anna)
        desk.wait(6 * MINUTE)
        await desk.settle()
        assert desk.seen(desk.group.id)[-1].startswith("No spare for case 1")


async def test_a_mail_server_that_is_away_holds_up_nobody_on_telegram_and_is_tried_again(sqlite_url: str) -> None:
    async with counter(sqlite_url) as desk, mail_server() as server:
        desk.second = lambda one: by_mail(one) is not None
        server.replies["MAIL"] = "451 later"
        bogdan = desk.api.customer("Bogdan")
        await desk.sell("INV-1")
        await address(desk, "alice", "alice@example.org")
        await desk.sell("INV-2", name="bogdan", user=bogdan)
        await desk.fails("INV-1")
        await desk.settle()
        async with second(desk, mail_to(server, desk), by_mail) as courier:
            await courier.deliver()
            await desk.fails("INV-2")
            await desk.settle()
            assert len(desk.sent(bogdan.id)) == 1
            del server.replies["MAIL"]
            desk.wait(HOUR)
            while await courier.deliver():
                pass
        assert len(server.letters) == 1


async def test_a_webhook_is_told_who_was_not_reached_and_can_check_who_says_so(sqlite_url: str) -> None:
    async with counter(sqlite_url) as desk, receiver() as hook:
        desk.second = lambda _: True
        await desk.sell("INV-1")
        await desk.fails("INV-1")
        await desk.settle()
        way = Webhook(HookOptions(url=hook.url, key="hook_key"), Secret("made-up-signing-CANARY"), desk.clock)
        async with second(desk, way, lambda one: "operators" if one is None else one.name) as courier:
            while await courier.deliver():
                pass
        [(headers, body)] = hook.got
        told = json.loads(body)
        assert (told["recipient"], told["facts"]["order"]) == ("alice", "INV-1")
        assert headers["X-Coverwatch-Signature"].startswith("sha256=")
        assert headers["Idempotency-Key"]


CONFIG = """
[notifier]
kind = "telegram"
token = "telegram_token"
operators = -100
[second]
operators = "ops@shop.example"
[second.via]
kind = "email"
host = "mail.shop.example"
sender = "shop@shop.example"
user = "shop"
password = "smtp_password"
"""


def test_the_settings_say_whom_it_reaches_and_a_missing_password_is_named(tmp_path: Path) -> None:
    file = tmp_path / "monitor.toml"
    file.write_text(CONFIG)
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "telegram_token").write_text("7000000001:made-up")
    with pytest.raises(ConfigError, match="smtp_password"):
        load(file)
    settings = load(file, secrets=False).settings
    assert settings.second is not None
    first, other = shop_of(settings), second_shop(settings, settings.second)
    reached, not_reached = Customer("a", "en", None, "a@example.org"), Customer("b", "en", None, None)
    assert [first.second(each) for each in (reached, not_reached, None)] == [True, False, True]
    assert [other.recipient(each) for each in (reached, not_reached)] == ["a@example.org", None]
    assert (other.operators, other.channel) == (OPERATORS, Channel.SECOND)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        pytest.param('kind = "email"', 'kind = "telegram"\ntoken = "t"', "second", id="Telegram twice"),
        pytest.param('operators = "ops@shop.example"', 'operators = "nobody"', "is not an address", id="no address"),
    ],
)
def test_a_second_channel_that_would_reach_nobody_is_refused(tmp_path: Path, old: str, new: str, says: str) -> None:
    file = tmp_path / "monitor.toml"
    file.write_text(CONFIG.replace(old, new, 1))
    with pytest.raises(ConfigError) as refused:
        load(file, secrets=False)
    assert any(says in fault for fault in refused.value.faults)
