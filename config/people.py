"""The tables of monitor.toml about people: who decides, how customers are linked, and how secrets are handed over."""

from collections import Counter
from datetime import timedelta
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from config.types import Duration, Name, SecretName
from monitor.core.staff import Operator, Permission, Staff
from notifiers import NotifierOptions, email, webhook

EVERYTHING: list[Permission] = list(Permission)
LONGEST_SHOWN = timedelta(hours=47)
"""Telegram lets a bot take its messages back for two days."""


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class OperatorTable(_Table):
    """One operator. ``user`` is his Telegram user id; a group has none."""

    user: int = Field(ge=1, lt=2**53)
    role: Name = "operator"


class OperatorsTable(_Table):
    """Who decides, by name, and what each role may do."""

    daily: bool = False
    """Whether operators get one message a day, when the shop opens, with what is open, due and short."""
    people: dict[Name, OperatorTable] = Field(default_factory=dict)
    roles: dict[Name, list[Permission]] = Field(default_factory=lambda: {"operator": EVERYTHING})

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        faults = [
            f"people.{name}.role: {each.role!r} is none of {', '.join(sorted(self.roles))}"
            for name, each in self.people.items()
            if each.role not in self.roles
        ]
        twice = Counter(each.user for each in self.people.values())
        faults += [
            f"people.{name}.user: {each.user} is somebody else's too"
            for name, each in self.people.items()
            if twice[each.user] > 1
        ]
        if faults:
            raise ValueError("\n".join(faults))
        return self

    def staff(self) -> Staff:
        """Give the operators."""
        return Staff(Operator(name, each.user, frozenset(self.roles[each.role])) for name, each in self.people.items())


class SecondTable(_Table):
    """How people are told whom Telegram does not reach. ``operators``: where they are, while their group is away."""

    via: NotifierOptions
    operators: str | None = None

    @model_validator(mode="after")
    def _reaches(self) -> Self:
        if not isinstance(self.via, email.Options | webhook.Options):
            raise ValueError("via.kind: the second channel is email or webhook")  # noqa: TRY004 - pydantic's rule
        if self.operators is not None and isinstance(self.via, email.Options):
            email.mailbox(self.operators)
        return self


class LinksTable(_Table):
    """How customers are linked to their chats."""

    lifetime: Duration = Field(default="7d", validate_default=True)


class PicturesTable(_Table):
    """How long what customers showed is kept after their case is closed."""

    kept_for: Duration = Field(default="90d", validate_default=True)


class HandoverTable(_Table):
    """How replacements are handed over. ``key`` is the secret file that the secrets in the database are sealed with."""

    key: SecretName | None = None
    shown_for: Duration = Field(default="30m", validate_default=True)
    again_within: Duration = Field(default="24h", validate_default=True)

    @model_validator(mode="after")
    def _retractable(self) -> Self:
        if self.shown_for > LONGEST_SHOWN:
            raise ValueError("shown_for: Telegram takes messages back for two days only; write at most 47h")
        return self
