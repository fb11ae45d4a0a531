"""Who carries our words: the registry of notifiers, and the shape that each of them has."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime, tzinfo
from types import TracebackType
from typing import Annotated, Any, Generic, NamedTuple, Protocol, Self, TypeAlias, TypeVar

from pydantic import BaseModel, Field

from monitor.clock import Clock
from monitor.core.notice import Notice, Outcome
from monitor.core.secret import Secret
from notifiers import console, email, telegram, webhook
from notifiers.message import Button, Message, Unreachable
from notifiers.wording import WordingError, render

__all__ = [
    "NOTIFIERS",
    "Button",
    "Carrier",
    "Message",
    "Notifier",
    "NotifierOptions",
    "Unreachable",
    "WordingError",
    "compose",
    "open_notifier",
]


class Notifier(Protocol):
    """One way to reach people. Entered before use; never raises for the world's faults."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    @property
    def not_before(self) -> datetime | None:
        """The wall time until which the carrier wants silence, to be kept over a restart; None: one may speak."""

    def pause(self, seconds: float) -> None:
        """Fall silent towards everybody: what ``not_before`` said before a restart."""

    def turn(self, recipient: str, *, urgent: bool = False) -> AbstractAsyncContextManager[None]:
        """Wait for the recipient's turn; one ``send`` or ``edit`` belongs into it."""

    def parts(self, message: Message) -> Sequence[Message]:
        """Give the message in as many as the carrier needs; each wants a turn of its own, in this order."""

    async def send(self, message: Message) -> Outcome:
        """Send one message; a receipt names it for ``edit``."""

    async def edit(self, receipt: str, message: Message) -> Outcome:
        """Show the new state of a message that was sent before, where the carrier can."""


Secrets = Callable[[str], Secret]
"""Reads a secret file by its name."""

Chosen = TypeVar("Chosen", bound=BaseModel)


class Carrier(NamedTuple, Generic[Chosen]):
    """A kind of notifier: its options, and how one is made of them. Making sends nothing."""

    options: type[Chosen]
    make: Callable[[Chosen, Secrets, Clock], Notifier]


def _open_email(options: email.Options, secrets: Secrets, clock: Clock) -> Notifier:
    return email.Email(options, secrets(options.password) if options.password else None, clock)


NOTIFIERS: Mapping[str, Carrier[Any]] = {
    "telegram": Carrier(
        telegram.Options, lambda options, secrets, clock: telegram.open_telegram(options, secrets(options.token), clock)
    ),
    "console": Carrier(console.Options, lambda _options, _secrets, _clock: console.Console()),
    "email": Carrier(email.Options, _open_email),
    "webhook": Carrier(
        webhook.Options, lambda options, secrets, clock: webhook.Webhook(options, secrets(options.key), clock)
    ),
}

AnyOptions: TypeAlias = telegram.Options | console.Options | email.Options | webhook.Options
NotifierOptions = Annotated[AnyOptions, Field(discriminator="kind")]
"""The table of one notifier in the settings."""


def open_notifier(options: AnyOptions, secrets: Secrets, clock: Clock) -> Notifier:
    """Make the notifier that ``options`` describe."""
    return NOTIFIERS[options.kind].make(options, secrets, clock)


def compose(notice: Notice, recipient: str, language: str, zone: tzinfo) -> Message:
    """Put a notice into a recipient's words, now: what was stored are facts.

    :raises WordingError: a fact is missing or malformed.
    """
    wording = render(notice.kind, language, notice.params, zone)
    return Message(recipient, wording.html, wording.plain, key=notice.key, facts=notice.params)
