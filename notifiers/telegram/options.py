"""What an operator may choose about Telegram."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from notifiers.address import file_name, guarded


class Options(BaseModel):
    """One bot. ``token`` is the name of the secret file that holds the bot's token, never the token itself."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    kind: Literal["telegram"] = "telegram"
    token: Annotated[str, AfterValidator(file_name)] = "telegram_token"  # noqa: S105 - a file's name
    api: Annotated[str, AfterValidator(guarded)] = "https://api.telegram.org"
    username: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{3,31}$")] | None = None
    """The bot's own name, without @; None: Telegram is asked for it."""
    operators: int | None = None
    """The operators' chat; None: operators are not told through Telegram."""
    operators_topic: Annotated[int, Field(gt=1)] | None = None
    """A topic of the operators' group; None: the general one, which has no number."""
    webhook: Annotated[str, AfterValidator(guarded)] | None = None
    """Where Telegram brings what people say, on the path that our own server listens at; None: we ask for it."""
    webhook_secret: Annotated[str, AfterValidator(file_name)] = "telegram_webhook_secret"  # noqa: S105 - a file's name
    """The name of the secret file with the words that Telegram proves itself by: A-Z a-z 0-9 _ -, at most 256."""
    deadline: Annotated[float, Field(ge=5, le=60)] = 25.0
    """Seconds a message's answer is waited for: a short wait makes uncertain what a longer one would have told."""
    per_second: Annotated[float, Field(ge=1, le=30)] = 25.0
    """Messages a second, over all chats; Telegram allows about 30."""
