"""What is carried: a message in its final words, and why it can find nobody."""

from dataclasses import dataclass, field
from enum import StrEnum

from monitor.core.notice import Params


class Unreachable(StrEnum):
    """Why a recipient cannot be reached this way: the words of ``Undeliverable.why``."""

    NOT_LINKED = "not_linked"
    """Has never begun a chat with us."""
    BLOCKED = "blocked"
    """Has blocked us; until the chat is unblocked or begun anew."""
    DEACTIVATED = "deactivated"
    """The account is gone for good."""
    CHAT_NOT_FOUND = "chat_not_found"
    """May be the carrier's own fault: to be believed only after several times over days."""
    KICKED = "kicked"
    """We have no place, or no voice, in that group: everybody in it hears nothing."""
    REFUSED = "refused"
    """The address does not exist, or accepts nothing."""
    STOPPED = "stopped"
    """Has asked us to be silent."""


@dataclass(frozen=True, slots=True)
class Button:
    """Something to press; ``data`` comes back when it is pressed (1 to 64 bytes)."""

    label: str
    data: str


@dataclass(frozen=True, slots=True)
class Message:
    """One message to one recipient. Carriers take from it what they can show.

    ``recipient`` is a chat id for Telegram, an address for e-mail, a name elsewhere. ``text`` is Telegram's HTML,
    ``plain`` the same without it. ``key`` is the notice's own: it tells a repeat from something new.
    """

    recipient: str
    text: str
    plain: str
    key: str = ""
    facts: Params = field(default_factory=dict)
    silent: bool = False
    protect: bool = False
    """Neither to be forwarded nor saved."""
    thread: int | None = None
    """A topic of a group; None: the general one."""
    buttons: tuple[tuple[Button, ...], ...] = ()

    @property
    def title(self) -> str:
        """The first line."""
        return self.plain.partition("\n")[0]
