"""Telegram without its wires: who is there, what they do, and what the bot may know of it."""

import itertools
import random
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from monitor.clock import Clock, SystemClock
from monitor.demo.botapi.faults import Script
from monitor.demo.botapi.journal import Deed, Journal
from monitor.demo.botapi.keyboard import buttons_of
from monitor.demo.botapi.marked import Entity, Marked
from monitor.demo.botapi.updates import Updates
from monitor.demo.botapi.webhook import Webhook
from monitor.demo.botapi.world import Chat, Json, Kind, Message, Role, Standing, User
from monitor.demo.flood import Flood

BOT_ID = 7_000_000_001
FIRST_USER = 5_000_000_001
"""Ids of people no longer fit into 32 bits."""
FIRST_GROUP = -4_000_000_001
FIRST_SUPERGROUP = -1_002_000_000_001
QUERY_LIFE = timedelta(seconds=15)


@dataclass(slots=True)
class Query:
    """A button that was pressed and waits for its answer."""

    id: str
    user: User
    asked: datetime
    answered: bool = False


class Stage:
    """One bot's Telegram. ``user_…`` is what people do; each act reaches the bot as an update, if it may know of it.

    ``flood`` is the gate on messages, ``faults`` the script of what goes wrong, ``journal`` what came of it all.
    ``first_pause``: seconds before a webhook is tried again; ``conflict_pause``: from one 409 to the next.
    """

    def __init__(
        self,
        *,
        username: str = "coverwatch_demo_bot",
        clock: Clock | None = None,
        seed: int = 0,
        first_pause: float = 1.0,
        conflict_pause: float = 3.0,
    ) -> None:
        self.clock = clock or SystemClock()
        self.me = User(BOT_ID, "Coverwatch", username, is_bot=True)
        self.users: dict[int, User] = {}
        self.chats: dict[int, Chat] = {}
        self.queries: dict[str, Query] = {}
        self.commands: dict[str, list[Json]] = {}
        self.files: dict[str, bytes] = {}
        self.journal = Journal()
        self.flood = Flood()
        self.faults = Script(seed)
        self.updates = Updates(self.clock, seed, conflict_pause)
        self.webhook = Webhook(self.updates, self.clock, first_pause)
        self._chance = random.Random(seed)  # noqa: S311 - a play needs the same chance every time, not a secret one
        self._user_ids = itertools.count(FIRST_USER)
        self._group_ids = itertools.count(FIRST_GROUP, -1)
        self._supergroup_ids = itertools.count(FIRST_SUPERGROUP, -1)
        # Private chats and groups share one count of messages; each supergroup has its own.
        self._message_ids = itertools.count(1)

    def user(self, first_name: str, *, language: str | None = "en", username: str | None = None) -> User:
        """Let a person exist, who has never met the bot."""
        user = User(next(self._user_ids), first_name, username, language)
        self.users[user.id] = user
        self.chats[user.id] = Chat(user.id, Kind.PRIVATE, user=user)
        return user

    def customer(self, first_name: str, *, language: str | None = "en") -> User:
        """Let a person exist who pressed Start long ago; the bot is not told again."""
        user = self.user(first_name, language=language)
        user.standing = Standing.STARTED
        return user

    def group(self, title: str, members: Iterable[User] = ()) -> Chat:
        """Found a group, with the bot as a plain member."""
        return self._found(Chat(next(self._group_ids), Kind.GROUP, title), members)

    def supergroup(self, title: str, members: Iterable[User] = (), *, forum: bool = False) -> Chat:
        """Found a supergroup, with topics if it is a forum, and with the bot as an administrator."""
        chat = self._found(Chat(next(self._supergroup_ids), Kind.SUPERGROUP, title, forum=forum), members)
        chat.members[self.me.id] = Role.ADMINISTRATOR
        return chat

    def topic(self, chat: Chat, name: str) -> int:
        """Open a topic in a forum and give its thread id."""
        created: Json = {"forum_topic_created": {"name": name, "icon_color": 7322096}}
        message = self.add(chat, self.me, Marked(""), service=created)
        message.thread = message.id
        chat.topics[message.id] = name
        return message.id

    def close_topic(self, chat: Chat, thread: int) -> None:
        """Delete a topic: whoever writes there finds no thread."""
        del chat.topics[thread]

    def migrate(self, chat: Chat) -> Chat:
        """Upgrade a group: it lives on as a supergroup under another id, and both say so."""
        heir = self.supergroup(
            chat.title or "", (self.users[member] for member in chat.members if member in self.users)
        )
        chat.migrated_to = heir.id
        for where, service in ((chat, {"migrate_to_chat_id": heir.id}), (heir, {"migrate_from_chat_id": chat.id})):
            self._tell(self.add(where, self.me, Marked(""), service=dict(service)))
        return heir

    def kick_bot(self, chat: Chat, by: User) -> None:
        """Remove the bot from a group."""
        self._membership(chat, by, chat.members[self.me.id], Role.KICKED)

    def readmit_bot(self, chat: Chat, by: User, role: Role = Role.MEMBER) -> None:
        """Take the bot back into a group."""
        self._membership(chat, by, chat.members[self.me.id], role)

    def user_says(self, user: User, text: str, chat: Chat | None = None, thread: int | None = None) -> Message:
        """Let a person write: to the bot (who thereby starts it), or in a group, where the bot hears commands only."""
        where = chat or self.chats[user.id]
        if user.standing in {Standing.BLOCKED, Standing.DEACTIVATED}:
            raise ValueError(f"{user.first_name} has {user.standing} the bot: let them unblock it first")
        if where.kind is Kind.PRIVATE:
            user.standing = Standing.STARTED
        message = self.add(where, user, _typed(text), thread=thread)
        heard = chat is None or text.startswith("/") or where.members.get(self.me.id) is Role.ADMINISTRATOR
        if heard:
            self._tell(message)
        return message

    def user_sends_picture(self, user: User, content: bytes, caption: str = "") -> Message:
        """Let a person send the bot a picture."""
        name = f"picture-{len(self.files) + 1}"
        self.files[name] = content
        size: Json = {
            "file_id": name,
            "file_unique_id": f"u-{name}",
            "width": 90,
            "height": 60,
            "file_size": len(content),
        }
        service: Json = {"photo": [size], **({"caption": caption} if caption else {})}
        user.standing = Standing.STARTED
        message = self.add(self.chats[user.id], user, Marked(""), service=service)
        self._tell(message)
        return message

    def user_edits(self, user: User, message: Message, text: str) -> None:
        """Let a person change what they wrote."""
        if message.sender is not user:
            raise ValueError(f"message {message.id} was not written by {user.first_name}")
        message.marked, message.edited = _typed(text), self.now()
        self._tell(message, "edited_message")

    def user_presses(self, user: User, chat: int, message_id: int, button: str) -> str:
        """Let a person press the button with this label or data, under a message; give the id of the query."""
        buttons = buttons_of(self._visible(user, chat, message_id).keyboard)
        for found in buttons:
            if button in {found.get("text"), found.get("callback_data")} and "callback_data" in found:
                return self.user_forges(user, chat, message_id, str(found["callback_data"]))
        raise ValueError(f"message {message_id} has no button {button!r} to press, only {buttons}")

    def user_forges(self, user: User, chat: int, message_id: int, data: str, *, inaccessible: bool = False) -> str:
        """Let a person press a button that was never there, as a changed client can.

        ``inaccessible``: the message is too old to be shown.
        """
        message = self._visible(user, chat, message_id)
        query = Query(str(self._chance.getrandbits(62)), user, self.clock.now())
        self.queries[query.id] = query
        # The date of a message that cannot be shown any more is 0.
        lost: Json = {"chat": message.chat.as_json(), "message_id": message.id, "date": 0}
        content: Json = {
            "id": query.id,
            "from": user.as_json(),
            "chat_instance": str(abs(chat) * 1009),
            "data": data,
            "message": lost if inaccessible else message.as_json(),
        }
        self.updates.push("callback_query", content)
        return query.id

    def user_blocks(self, user: User) -> None:
        """Let a person block the bot."""
        self._stand(user, Standing.BLOCKED, Role.MEMBER, Role.KICKED)

    def user_unblocks(self, user: User) -> None:
        """Let a person unblock the bot."""
        self._stand(user, Standing.STARTED, Role.KICKED, Role.MEMBER)

    def user_leaves_telegram(self, user: User) -> None:
        """Deactivate an account: nobody is told."""
        user.standing = Standing.DEACTIVATED

    def add(
        self, chat: Chat, sender: User, marked: Marked, *, thread: int | None = None, service: Json | None = None
    ) -> Message:
        """Put a message into a chat."""
        ids = self._message_ids
        number = len(chat.messages) + 1 if chat.kind is Kind.SUPERGROUP else next(ids)
        message = Message(number, chat, self.now(), sender, marked, thread=thread, service=service or {})
        chat.messages[number] = message
        return message

    def now(self) -> int:
        """Give the time as Telegram does, in whole seconds since 1970."""
        return int(self.clock.now().timestamp())

    def record(self, deed: Deed, message: Message, *, silent: bool = False) -> None:
        """Enter into the journal what the bot did."""
        self.journal.enter(self.clock.now(), deed, message, silent=silent)

    def _found(self, chat: Chat, members: Iterable[User]) -> Chat:
        self.chats[chat.id] = chat
        chat.members[self.me.id] = Role.MEMBER
        for member in members:
            chat.members[member.id] = Role.MEMBER
            if member.standing is Standing.NEVER_MET:
                member.standing = Standing.SEEN
        return chat

    def _visible(self, user: User, chat_id: int, message_id: int) -> Message:
        chat = self.chats[chat_id]
        message = chat.messages.get(message_id)
        if message is None or message.deleted or user.id not in chat.members.keys() | {chat_id}:
            raise ValueError(f"{user.first_name} sees no message {message_id} in chat {chat_id}")
        return message

    def _tell(self, message: Message, kind: str = "message") -> None:
        self.updates.push(kind, message.as_json())

    def _stand(self, user: User, standing: Standing, old: Role, new: Role) -> None:
        user.standing = standing
        self._announce(self.chats[user.id], user, old, new)

    def _membership(self, chat: Chat, by: User, old: Role, new: Role) -> None:
        chat.members[self.me.id] = new
        self._announce(chat, by, old, new)

    def _announce(self, chat: Chat, by: User, old: Role, new: Role) -> None:
        content: Json = {
            "chat": chat.as_json(),
            "from": by.as_json(),
            "date": self.now(),
            "old_chat_member": self.me.as_member(old),
            "new_chat_member": self.me.as_member(new),
        }
        self.updates.push("my_chat_member", content)


def _typed(text: str) -> Marked:
    """Give a text as people type it: a command at its beginning is marked as one."""
    command = text.split(maxsplit=1)[0] if text.startswith("/") else ""
    return Marked(text, (Entity("bot_command", 0, len(command)),) if command else ())
