"""E-mail against a mail server on loopback: who is refused, what is repeated, what nobody can know."""

import email
import email.policy
from datetime import timedelta

import pytest
from pydantic import ValidationError

from monitor.clock import DrivenClock
from monitor.core.notice import Ambiguous, Delivered, Outcome, Rejected, TryLater, Undeliverable
from monitor.core.secret import Secret
from notifiers import Message, open_notifier
from notifiers.email import Email, Options
from tests.peers.smtp import MailServer, mail_server
from tests.peers.stepped import START, SteppedClock

TEXT = "The replacement is ready\n\nНе нужно ничего делать.\n.\n您无需做任何事。"  # noqa: RUF001 - Russian
LETTER = Message("anna@example.org", "<b>The replacement is ready</b>", TEXT, key="case:42:replacement_ready")


def options(port: int, **more: object) -> Options:
    table = {"host": "127.0.0.1", "port": port, "security": "none", "sender": "Shop <shop@shop.example>", **more}
    return Options.model_validate(table)


def notifier(server: MailServer, **more: object) -> Email:
    return Email(options(server.port, **more), None, DrivenClock(START))


async def test_a_letter_arrives_as_it_was_written() -> None:
    async with mail_server() as server, notifier(server) as mail, mail.turn(LETTER.recipient):
        outcome = await mail.send(LETTER)
    (raw,) = server.letters
    letter = email.message_from_bytes(raw.replace("\r\n..", "\r\n.").encode(), policy=email.policy.default)
    assert (letter["From"], letter["To"]) == ("Shop <shop@shop.example>", "anna@example.org")
    assert (letter["Subject"], letter["Auto-Submitted"]) == ("The replacement is ready", "auto-generated")
    assert letter["Date"].datetime == START
    assert raw.isascii()
    assert letter.get_content().replace("\r\n", "\n").rstrip("\n") == TEXT
    assert outcome == Delivered(letter["Message-ID"])
    assert server.seen[:3] == ["EHLO shop.example", "MAIL FROM:<shop@shop.example>", "RCPT TO:<anna@example.org>"]


async def test_a_repeat_bears_the_same_number_and_a_new_state_answers_the_old_one() -> None:
    async with mail_server() as server, notifier(server) as mail:
        first, again = await mail.send(LETTER), await mail.send(LETTER)
        assert isinstance(first, Delivered)
        assert first == again
        changed = await mail.edit(first.receipt, Message(LETTER.recipient, "Done", "Done", key=LETTER.key))
    assert changed != first
    assert f"In-Reply-To: {first.receipt}" in server.letters[2]


@pytest.mark.parametrize(
    ("replies", "outcome"),
    [
        ({"RCPT": "550 no such user anna@example.org"}, Undeliverable("refused")),
        ({"RCPT": "450 greylisted"}, TryLater(timedelta(minutes=10), "SMTP 450 to the recipient")),
        ({"MAIL": "550 not you"}, TryLater(timedelta(minutes=1), "SMTPSenderRefused 550")),
        ({"EHLO": "421 closing", "HELO": "421 closing"}, TryLater(timedelta(minutes=1), "SMTPHeloError 421")),
        ({"MAIL": ""}, TryLater(timedelta(minutes=1), "SMTPServerDisconnected")),
        ({"DATA": "554 spam"}, Rejected("SMTP 554")),
        ({"END": "554 spam from anna@example.org"}, Rejected("SMTP 554")),
        ({"END": "452 disk full"}, TryLater(timedelta(minutes=10), "SMTP 452 to the letter")),
        ({"END": ""}, Ambiguous("SMTPServerDisconnected")),
    ],
    ids=str,
)
async def test_what_the_server_says_is_what_became_of_it(replies: dict[str, str], outcome: Outcome) -> None:
    async with mail_server(**replies) as server, notifier(server) as mail:
        assert await mail.send(LETTER) == outcome


async def test_a_server_that_is_not_there_got_nothing() -> None:
    async with mail_server() as server:
        mail = notifier(server)
    assert await mail.send(LETTER) == TryLater(timedelta(minutes=1), "SMTPConnectError")


async def test_without_encryption_where_it_was_asked_for_nothing_is_said() -> None:
    async with mail_server() as server, notifier(server, security="starttls") as mail:
        assert isinstance(await mail.send(LETTER), TryLater)
    assert not any(line.startswith(("MAIL", "AUTH")) for line in server.seen)


async def test_the_password_is_shown_to_the_server_only() -> None:
    asked: list[str] = []

    def secret(name: str) -> Secret:
        asked.append(name)
        return Secret("made-up-CANARY")

    async with mail_server("AUTH PLAIN", AUTH="535 no") as server:
        table = options(server.port, user="shop", password="mail_password")
        async with open_notifier(table, secret, DrivenClock(START)) as mail:
            outcome = await mail.send(LETTER)
    assert outcome == TryLater(timedelta(minutes=1), "SMTPAuthenticationError 535")
    assert asked == ["mail_password"]
    assert "CANARY" not in repr(table)


@pytest.mark.parametrize(
    "recipient",
    ["", "anna", "anna@", "@example.org", "a b@example.org", "a@b@c", "anna@example.org\r\nDATA", "анна@пример.рф"],
)
async def test_what_is_no_address_is_never_said_to_a_server(recipient: str) -> None:
    async with mail_server() as server, notifier(server) as mail:
        assert await mail.send(Message(recipient, "x", "x")) == Undeliverable("refused")
    assert server.seen == []


async def test_no_header_can_be_added_by_a_title() -> None:
    async with mail_server() as server, notifier(server) as mail:
        await mail.send(Message("anna@example.org", "", "Hello\rBcc: eve@example.org\x00\u202e" + "x" * 300))
    assert not any(line.startswith("Bcc:") for line in server.letters[0].splitlines())


async def test_the_server_is_left_alone_for_as_long_as_was_asked() -> None:
    clock = SteppedClock()
    mail = Email(options(25), None, clock)
    mail.pause(100)
    mail.pause(10)
    assert mail.not_before == START + timedelta(seconds=100)

    async def wait() -> float:
        async with mail.turn("anna@example.org", urgent=True):
            return clock.monotonic()

    assert await clock.run(wait()) >= 100
    assert mail.not_before is None


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"security": "none", "host": "mail.example.org"}, "only for a mail server on this machine"),
        ({"user": "shop"}, "user and password belong together"),
        ({"user": "shop", "password": "s3cret:CANARY"}, "the name of a secret file"),
        ({"sender": "not an address"}, "is not an address"),
        ({"sender": "Shop\n<shop@shop.example>"}, "is not an address"),
        ({"host": ""}, "at least 1 character"),
        ({"port": 0}, "greater than or equal to 1"),
    ],
)
def test_a_wrong_setting_is_named(table: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words) as caught:
        Options.model_validate({"host": "mail.example.org", "sender": "shop@shop.example", **table})
    assert "CANARY" not in str(caught.value)


def test_a_letter_is_not_split() -> None:
    assert Email(options(25), None, DrivenClock(START)).parts(LETTER) == (LETTER,)
