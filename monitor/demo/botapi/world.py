"""Telegram's people, chats and messages, and how the Bot API renders them."""

from dataclasses import dataclass, field
from enum import StrEnum

from monitor.demo.botapi.marked import Marked

Json = dict[str, object]


class Standing(StrEnum):
    """How a person stands with the bot; only who pressed Start can be written to."""

    NEVER_MET = "never met"
    SEEN = "seen in a group"
    STARTED = "started"
    BLOCKED = "blocked"
    DEACTIVATED = "deactivated"


class Kind(StrEnum):
    """What sort of chat."""

    PRIVATE = "private"
    GROUP = "group"
    SUPERGROUP = "supergroup"


class Role(StrEnum):
    """What a user, or the bot, is in a group."""

    CREATOR = "creator"
    ADMINISTRATOR = "administrator"
    MEMBER = "member"
    LEFT = "left"
    KICKED = "kicked"


RIGHTS = [
    "can_be_edited",
    "can_manage_chat",
    "can_delete_messages",
    "can_manage_video_chats",
    "can_restrict_members",
    "can_promote_members",
    "can_change_info",
    "can_invite_users",
    "can_post_stories",
    "can_edit_stories",
    "can_delete_stories",
    "can_pin_messages",
    "can_manage_topics",
]


@dataclass(eq=False, slots=True)
class User:
    """A person, or the bot itself."""

    id: int
    first_name: str
    username: str | None = None
    language: str | None = None
    standing: Standing = Standing.NEVER_MET
    is_bot: bool = False

    def as_json(self) -> Json:
        """Render it as a User."""
        return _given(
            id=self.id,
            is_bot=self.is_bot,
            first_name=self.first_name,
            username=self.username,
            language_code=self.language,
        )

    def as_member(self, role: Role) -> Json:
        """Render it as a ChatMember of this role."""
        told: Json = {"status": role.value, "user": self.as_json()}
        match role:
            case Role.CREATOR:
                told["is_anonymous"] = False
            case Role.ADMINISTRATOR:
                told |= {**dict.fromkeys(RIGHTS, True), "is_anonymous": False}
            case Role.KICKED:
                told["until_date"] = 0
            case Role.MEMBER | Role.LEFT:
                pass
        return told


@dataclass(eq=False, slots=True)
class Message:
    """One message as it stands now. ``service``: what happened, for those that nobody wrote."""

    id: int
    chat: "Chat"
    date: int
    sender: User
    marked: Marked
    keyboard: Json | None = None
    thread: int | None = None
    protected: bool = False
    edited: int | None = None
    deleted: bool = False
    service: Json = field(default_factory=dict)

    def as_json(self) -> Json:
        """Render it as a Message."""
        return {
            **_given(
                message_id=self.id,
                message_thread_id=self.thread,
                is_topic_message=True if self.thread else None,
                date=self.date,
                edit_date=self.edited,
                chat=self.chat.as_json(),
                has_protected_content=True if self.protected else None,
                text=self.marked.text or None,
                entities=[entity.as_json() for entity in self.marked.entities] or None,
                reply_markup=self.keyboard,
            ),
            "from": self.sender.as_json(),
            **self.service,
        }


@dataclass(eq=False, slots=True)
class Chat:
    """One chat with its history. A private chat bears the id of its user."""

    id: int
    kind: Kind
    title: str | None = None
    user: User | None = None
    forum: bool = False
    members: dict[int, Role] = field(default_factory=dict)
    topics: dict[int, str] = field(default_factory=dict)
    messages: dict[int, Message] = field(default_factory=dict)
    migrated_to: int | None = None
    deleted: bool = False

    def as_json(self) -> Json:
        """Render it as a Chat."""
        return _given(
            id=self.id,
            type=self.kind.value,
            title=self.title,
            first_name=self.user.first_name if self.user else None,
            username=self.user.username if self.user else None,
            is_forum=True if self.forum else None,
        )

    def in_full(self) -> Json:
        """Render it as a ChatFullInfo."""
        gifts = ["unlimited_gifts", "limited_gifts", "unique_gifts", "premium_subscription", "gifts_from_channels"]
        return {
            **self.as_json(),
            "accent_color_id": 0,
            "max_reaction_count": 11,
            "accepted_gift_types": dict.fromkeys(gifts, False),
        }

    def showing(self) -> list[Message]:
        """Give what a member sees now: edited texts, without what was deleted."""
        return [message for message in self.messages.values() if not message.deleted]


def _given(**fields: object) -> Json:
    """Leave out what is absent: the Bot API never sends null."""
    return {name: value for name, value in fields.items() if value is not None}
