"""A menu: the commands that Telegram offers while somebody types."""

from dataclasses import dataclass

from telegram import BotCommand, BotCommandScope, BotCommandScopeAllPrivateChats, BotCommandScopeChat


@dataclass(frozen=True, slots=True)
class Menu:
    """Commands by name, each with a line of words, in one chat, or in all private ones.

    ``language`` is that of the apps that show it (ISO 639-1); None: of those for which there is no other.
    """

    commands: tuple[tuple[str, str], ...]
    chat: int | None = None
    language: str | None = None

    @property
    def scope(self) -> BotCommandScope:
        """Where it is offered, in the library's terms."""
        return BotCommandScopeAllPrivateChats() if self.chat is None else BotCommandScopeChat(self.chat)

    @property
    def entries(self) -> list[BotCommand]:
        """What is offered, in the library's terms."""
        return [BotCommand(name, words) for name, words in self.commands]
