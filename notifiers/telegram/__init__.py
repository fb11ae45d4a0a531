"""Telegram: sending, pacing, receiving."""

from typing import TYPE_CHECKING

from monitor.clock import Clock
from monitor.core.secret import Secret
from notifiers.telegram.options import Options

if TYPE_CHECKING:
    from notifiers.telegram.sender import Telegram

__all__ = ["Options", "open_telegram"]


def open_telegram(options: Options, token: Secret, clock: Clock) -> "Telegram":
    """Make the notifier of one bot; nothing is sent before it is entered."""
    # The Bot API library takes a second to load, which whoever only reads settings should not wait for.
    from notifiers.telegram.sender import Telegram  # noqa: PLC0415 - the library is heavy

    return Telegram(options, token, clock)
