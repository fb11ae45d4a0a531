"""What the Bot API says when it says no: code, description, parameters, in Telegram's own words.

Source: the texts of tdlib/telegram-bot-api, and public reports for those that come from further below.
"""


class RefusalError(Exception):
    """One refusal, as the client will read it. ``parameters`` are ``retry_after`` or ``migrate_to_chat_id``."""

    def __init__(self, code: int, description: str, **parameters: int) -> None:
        super().__init__(description)
        self.code = code
        self.description = description
        self.parameters = parameters

    def as_json(self) -> dict[str, object]:
        """Render it as the body of the answer."""
        body: dict[str, object] = {"ok": False, "error_code": self.code, "description": self.description}
        return {**body, "parameters": self.parameters} if self.parameters else body


def bad(description: str) -> RefusalError:
    """400: the request itself is at fault."""
    return RefusalError(400, f"Bad Request: {description}")


def unparsed(description: str) -> RefusalError:
    """400: the markup of a text is broken."""
    return bad(f"can't parse entities: {description}")


def forbidden(description: str) -> RefusalError:
    """403: the other end does not want the bot, or not any more."""
    return RefusalError(403, f"Forbidden: {description}")


def conflict(description: str) -> RefusalError:
    """409: somebody else receives this bot's updates."""
    return RefusalError(409, f"Conflict: {description}")


def too_many(seconds: int) -> RefusalError:
    """429: wait so long."""
    return RefusalError(429, f"Too Many Requests: retry after {seconds}", retry_after=seconds)


def upgraded(chat_id: int) -> RefusalError:
    """400: the group lives on as a supergroup under this id."""
    return RefusalError(400, "Bad Request: group chat was upgraded to a supergroup chat", migrate_to_chat_id=chat_id)


def unauthorized() -> RefusalError:
    """401: no bot has this token."""
    return RefusalError(401, "Unauthorized")


def no_such_page() -> RefusalError:
    """404: not even the shape of a bot's address."""
    return RefusalError(404, "Not Found")


def no_such_method() -> RefusalError:
    """404: the bot is right, the method is not."""
    return RefusalError(404, "Not Found: method not found")
