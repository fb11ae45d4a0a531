"""Tells by e-mail: the second way to a customer whom no chat reaches."""

import hashlib
import re
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime, parseaddr
from types import TracebackType
from typing import Annotated, Literal, Self

import aiosmtplib
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from monitor.clock import Clock
from monitor.core.notice import Ambiguous, Delivered, Outcome, Rejected, TryLater, Undeliverable
from monitor.core.secret import Secret
from notifiers.address import HERE, file_name
from notifiers.gate import Gate
from notifiers.markup import harmless, shorten
from notifiers.message import Message, Unreachable

ADDRESS = re.compile(r"""[^\s<>@,;:"\\()\[\]]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,250}[A-Za-z0-9])?""", re.ASCII)
LONGEST_SUBJECT = 150
SOON = timedelta(minutes=1)
LATER = timedelta(minutes=10)
"""A greylisting server wants to see the same message again, and not at once."""
PERMANENT = 500


def mailbox(written: str) -> str:
    """Check an address.

    :raises ValueError: it is none.
    """
    if not ADDRESS.fullmatch(parseaddr(written)[1]) or "\n" in written or "\r" in written:
        raise ValueError(f"{written!r} is not an address such as Shop <shop@example.org>")
    return written


class Options(BaseModel):
    """One mail server to hand messages to. ``password`` is the name of the secret file that holds it."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    kind: Literal["email"] = "email"
    host: Annotated[str, Field(min_length=1, pattern=r"^[A-Za-z0-9.:-]+$")]
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    """None: 465 for tls, 587 for starttls, 25 for none."""
    security: Literal["tls", "starttls", "none"] = "tls"
    sender: Annotated[str, AfterValidator(mailbox)]
    user: str | None = None
    password: Annotated[str, AfterValidator(file_name)] | None = None
    deadline: Annotated[float, Field(ge=5, le=300)] = 60.0
    """Seconds for each answer of the server."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.security == "none" and self.host not in HERE:
            raise ValueError("security: none is only for a mail server on this machine; write tls or starttls")
        if (self.user is None) != (self.password is None):
            raise ValueError("user and password belong together: give both or neither")
        return self


class Email:
    """Hands each message to one server, over a connection of its own. The receipt is the Message-ID."""

    def __init__(self, options: Options, password: Secret | None, clock: Clock) -> None:
        self._options = options
        self._password = password
        self._clock = clock
        self._gate = Gate(clock, at_once=2)
        self._name, self._address = parseaddr(options.sender)
        self._domain = self._address.rpartition("@")[2]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    @property
    def not_before(self) -> datetime | None:
        """The wall time until which the server is left alone."""
        return self._gate.not_before

    def pause(self, seconds: float) -> None:
        """Leave the server alone."""
        self._gate.pause(seconds)

    def turn(self, recipient: str, *, urgent: bool = False) -> AbstractAsyncContextManager[None]:
        """Wait for one of the few connections."""
        return self._gate.turn(recipient, urgent=urgent)

    def parts(self, message: Message) -> Sequence[Message]:
        """Give the message whole: a letter may be long."""
        return (message,)

    async def send(self, message: Message) -> Outcome:
        """Send one letter."""
        return await self._hand_over(message, None)

    async def edit(self, receipt: str, message: Message) -> Outcome:
        """Send the new state as an answer to letter ``receipt``: what is in a letter box stays there."""
        return await self._hand_over(message, receipt)

    async def _hand_over(self, message: Message, answers: str | None) -> Outcome:
        if not ADDRESS.fullmatch(message.recipient):
            return Undeliverable(Unreachable.REFUSED.value)
        letter = self._write(message, answers)
        server = aiosmtplib.SMTP(
            hostname=self._options.host,
            port=self._options.port,
            use_tls=self._options.security == "tls",
            start_tls=self._options.security == "starttls",
            username=self._options.user,
            password=self._password.reveal() if self._password else None,
            # The default asks the DNS for our own name, which may take long and tells the world where we are.
            local_hostname=self._domain,
            timeout=self._options.deadline,
        )
        try:
            refusal = await self._knock(server, message.recipient)
            return refusal or await _give(server, letter)
        finally:
            server.close()

    async def _knock(self, server: aiosmtplib.SMTP, recipient: str) -> Outcome | None:
        """Say who writes to whom; None: the server will take the letter. No line of it has left this machine yet."""
        try:
            await server.connect()
            await server.mail(self._address)
            await server.rcpt(recipient)
        except aiosmtplib.SMTPRecipientRefused as refusal:
            if refusal.code >= PERMANENT:
                return Undeliverable(Unreachable.REFUSED.value)
            return TryLater(LATER, f"SMTP {refusal.code} to the recipient")
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            # The connection, the login, our own address: nothing that is this letter's fault.
            return TryLater(SOON, _name(error))
        return None

    def _write(self, message: Message, answers: str | None) -> EmailMessage:
        letter = EmailMessage(policy=SMTP_POLICY)
        letter["From"] = Address(self._name, addr_spec=self._address)
        letter["To"] = message.recipient
        letter["Subject"] = shorten(harmless(message.title), LONGEST_SUBJECT)
        letter["Date"] = format_datetime(self._clock.now())
        # The same letter bears the same id: a repeat shows as one where the reader's program knows how to.
        content = f"{message.key}\n{message.recipient}\n{message.plain}".encode()
        letter["Message-ID"] = f"<{hashlib.sha256(content).hexdigest()[:32]}@{self._domain}>"
        if answers is not None:
            letter["In-Reply-To"] = answers
            letter["References"] = answers
        # Out-of-office programs do not answer this.
        letter["Auto-Submitted"] = "auto-generated"
        # Seven bits: not every server on the way passes on eight.
        letter.set_content(harmless(message.plain, lines=True), cte="quoted-printable")
        return letter


async def _give(server: aiosmtplib.SMTP, letter: EmailMessage) -> Outcome:
    try:
        await server.data(letter.as_bytes())
    except aiosmtplib.SMTPDataError as refusal:
        if refusal.code >= PERMANENT:
            return Rejected(f"SMTP {refusal.code}")
        return TryLater(LATER, f"SMTP {refusal.code} to the letter")
    except (aiosmtplib.SMTPException, OSError) as error:
        return Ambiguous(_name(error))
    return Delivered(str(letter["Message-ID"]))


def _name(error: Exception) -> str:
    """Name a failure without the server's words, which may repeat an address."""
    code = f" {error.code}" if isinstance(error, aiosmtplib.SMTPResponseException) else ""
    return f"{type(error).__name__}{code}"
