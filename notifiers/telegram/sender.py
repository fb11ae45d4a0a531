"""Tells through Telegram: one bot, its pace, and an outcome for everything that can happen."""

import logging
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self

from telegram import Bot, LinkPreviewOptions
from telegram.constants import ParseMode
from telegram.error import NetworkError

from monitor.clock import Clock
from monitor.core.notice import Ambiguous, Delivered, Outcome, TryLater
from monitor.core.secret import Secret
from monitor.telemetry import logger
from notifiers.message import Message
from notifiers.telegram import answers, keyboard
from notifiers.telegram.answers import Repair
from notifiers.telegram.menu import Menu
from notifiers.telegram.options import Options
from notifiers.telegram.pacer import Limits, Pacer
from notifiers.telegram.poller import Patience, Poller, Take
from notifiers.telegram.request import BOT_URL, FILE_URL, WITHHELD, MaybeSentError, NotSentError, RefusedError, Wire
from notifiers.telegram.split import parts
from notifiers.telegram.updates import ALLOWED

log = logger("notifiers.telegram")

SOON = timedelta(seconds=5)
ANSWER_UNREAD = (AttributeError, KeyError, TypeError, ValueError)
"""What the library raises when a good answer has another shape than it expects."""

NO_PREVIEW = LinkPreviewOptions(is_disabled=True)
STRIKES = 3
"""Refusals of the token itself, one after the other, before everybody falls silent: a single one may be a slip."""


class Telegram:
    """One bot. Ask for a ``turn`` first, then ``send`` or ``edit`` within it; a receipt is the message's number."""

    def __init__(self, options: Options, token: Secret, clock: Clock) -> None:
        # At DEBUG the library logs every parameter: chat ids and what customers are told.
        logging.getLogger("telegram").setLevel(logging.WARNING)
        self.pacer = Pacer(clock, Limits(per_second=options.per_second))
        self.options = options
        self._clock = clock
        # Two pools: a long poll that hangs must not keep a message from its connection.
        self._wires = Wire(options.api, token, deadline=options.deadline), Wire(options.api, token, deadline=60)
        self.bot = Bot(WITHHELD, BOT_URL, FILE_URL, request=self._wires[0], get_updates_request=self._wires[1])
        self._strikes = 0
        self._name: str | None = None

    async def __aenter__(self) -> Self:
        for wire in self._wires:
            await wire.initialize()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.pacer.close()
        for wire in self._wires:
            await wire.shutdown()

    @property
    def not_before(self) -> datetime | None:
        """The wall time until which Telegram wants to hear nothing; None: one may speak."""
        return self.pacer.not_before

    def pause(self, seconds: float) -> None:
        """Fall silent towards everybody, as after a restart in the middle of a silence."""
        self.pacer.pause(seconds)

    def turn(self, recipient: str, *, urgent: bool = False) -> AbstractAsyncContextManager[None]:
        """Wait until the recipient may be sent one message."""
        return self.pacer.turn(recipient, urgent=urgent)

    def poller(self, take: Take, patience: Patience | None = None) -> Poller:
        """Make what receives for this bot; ``run`` it while the notifier is entered."""
        return Poller(self._wires[1], take, self._clock, patience)

    async def deliver_updates(self, url: str, secret: Secret) -> bool:
        """Have Telegram bring updates to ``url`` under ``secret`` (A-Z a-z 0-9 _ -); with "" they are polled again."""
        try:
            await self._wires[0].call(
                "setWebhook",
                self.options.deadline,
                url=url,
                secret_token=secret.reveal() if url else None,
                allowed_updates=ALLOWED,
            )
        except (NetworkError, RefusedError) as error:
            log.warning("telegram_webhook_not_set", why=error.message)
            return False
        return True

    def parts(self, message: Message) -> Sequence[Message]:
        """Give the message in as many messages as Telegram needs; each wants a turn of its own."""
        return parts(message)

    async def send(self, message: Message) -> Outcome:
        """Send one message."""
        result = await self._attempt(message, None)
        if isinstance(result, RefusedError) and (means := answers.repair(result)) is not None:
            log.warning("telegram_message_repaired", key=message.key, repair=means.name.lower(), why=result.description)
            # Nothing was sent, so a second request may follow, at the pace of any second message.
            await self._clock.sleep(1.0)
            result = await self._attempt(message, means)
        match result:
            case MaybeSentError():
                return Ambiguous(result.message)
            case NotSentError():
                return TryLater(SOON, result.message)
            case RefusedError():
                return self._refused(result, message.recipient)
            case str():
                return self._accepted(result)

    async def edit(self, receipt: str, message: Message) -> Outcome:
        """Change message ``receipt``. A repeat is harmless, so nothing is ambiguous here."""
        chat, number, markup = _chat(message.recipient), int(receipt), keyboard.markup(message.buttons)
        try:
            await self.bot.edit_message_text(
                chat_id=chat,
                message_id=number,
                text=message.text,
                parse_mode=ParseMode.HTML,
                link_preview_options=NO_PREVIEW,
                reply_markup=markup,
            )
        except RefusedError as refusal:
            if answers.not_modified(refusal):
                return self._accepted(receipt)
            return self._refused(refusal, message.recipient)
        except NetworkError as error:
            return TryLater(SOON, error.message)
        except ANSWER_UNREAD:
            return self._accepted(receipt)
        return self._accepted(receipt)

    async def delete(self, recipient: str, receipt: str) -> Outcome:
        """Take a message back. A repeat is harmless; a message that is gone already is no fault."""
        try:
            await self.bot.delete_message(_chat(recipient), int(receipt))
        except RefusedError as refusal:
            if "message to delete not found" in refusal.description.lower():
                return self._accepted(receipt)
            return self._refused(refusal, recipient)
        except NetworkError as error:
            return TryLater(SOON, error.message)
        return self._accepted(receipt)

    async def answer(self, press: str, text: str = "", *, alert: bool = False) -> Outcome:
        """Answer a pressed button at once, with at most 200 characters. It needs no turn, but keeps a silence."""
        if self.pacer.silent:
            return TryLater(SOON, "flood", everyone=True)
        try:
            await self.bot.answer_callback_query(press, text[:200] or None, show_alert=alert)
        except RefusedError as refusal:
            # "query is too old": the action itself stands.
            return self._refused(refusal, press)
        except NetworkError as error:
            return TryLater(SOON, error.message)
        return Delivered(press)

    async def fetch(self, file: str, most: int) -> bytes | None:
        """Give the content of a file that somebody sent, if Telegram has it and it has at most ``most`` bytes."""
        try:
            found = await self.bot.get_file(file)
            if not found.file_path or (found.file_size or 0) > most:
                return None
            content = await self.bot.request.retrieve(found.file_path)
        except (NetworkError, RefusedError, *ANSWER_UNREAD):
            return None
        return content if len(content) <= most else None

    async def offer(self, menu: Menu) -> Outcome:
        """Have Telegram offer a menu, unless it does so already. It needs no turn, but keeps a silence."""
        if self.pacer.silent:
            return TryLater(SOON, "flood", everyone=True)
        try:
            there = await self.bot.get_my_commands(menu.scope, menu.language)
            if list(there) != menu.entries:
                # A message may have met a silence while we asked.
                if self.pacer.silent:
                    return TryLater(SOON, "flood", everyone=True)
                await self.bot.set_my_commands(menu.entries, menu.scope, menu.language)
        except RefusedError as refusal:
            wanted = answers.silence(refusal)
            if wanted is not None:
                self._fall_silent(wanted, "flood")
            return answers.outcome(refusal, str(menu.chat or ""))
        except NetworkError as error:
            return TryLater(SOON, error.message)
        except ANSWER_UNREAD:
            return TryLater(SOON, "an answer of another shape")
        return Delivered("")

    async def name(self) -> str | None:
        """Give the bot's user name, as in ``t.me/<name>``; None when Telegram does not say."""
        if self._name is None:
            try:
                self._name = self.options.username or (await self.bot.get_me()).username
            except (NetworkError, RefusedError, *ANSWER_UNREAD):
                return None
        return self._name

    async def _attempt(
        self, message: Message, means: Repair | None
    ) -> str | RefusedError | MaybeSentError | NotSentError:
        plainly = means is Repair.WITHOUT_MARKUP
        chat, markup = _chat(message.recipient), keyboard.markup(message.buttons)
        try:
            sent = await self.bot.send_message(
                chat_id=chat,
                text=message.plain if plainly else message.text,
                parse_mode=None if plainly else ParseMode.HTML,
                link_preview_options=NO_PREVIEW,
                disable_notification=message.silent or None,
                protect_content=message.protect or None,
                message_thread_id=None if means is Repair.WITHOUT_THREAD else message.thread,
                reply_markup=markup,
            )
        except (RefusedError, MaybeSentError, NotSentError) as failure:
            return failure
        except ANSWER_UNREAD:
            return MaybeSentError("an answer of another shape")
        return str(sent.message_id)

    def _accepted(self, receipt: str) -> Delivered:
        self._strikes = 0
        return Delivered(receipt)

    def _refused(self, refusal: RefusedError, recipient: str) -> Outcome:
        result = answers.outcome(refusal, recipient)
        wanted = answers.silence(refusal)
        if wanted is not None:
            self._fall_silent(wanted, "flood")
        self._strikes = self._strikes + 1 if refusal.code in {401, 404} and isinstance(result, TryLater) else 0
        if self._strikes >= STRIKES and isinstance(result, TryLater):
            self._fall_silent(result.after.total_seconds(), result.why)
            return replace(result, everyone=True)
        return result

    def _fall_silent(self, seconds: float, why: str) -> None:
        if not self.pacer.silent:
            log.warning("telegram_silent", seconds=seconds, why=why)
        self.pacer.pause(seconds)


def _chat(recipient: str) -> int | str:
    return recipient if recipient.startswith("@") else int(recipient)
