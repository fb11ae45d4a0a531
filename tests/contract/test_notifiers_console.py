"""The console notifier: every message as one block, whatever is in it."""

import io

import pytest

from monitor.clock import DrivenClock
from monitor.core.notice import Delivered, TryLater
from monitor.core.secret import Secret
from notifiers import NOTIFIERS, Message, console, open_notifier
from notifiers.console import Console
from tests.peers.stepped import START


async def test_each_message_is_one_block_and_the_receipt_its_number() -> None:
    stream = io.StringIO()
    async with Console(stream) as notifier:
        async with notifier.turn("anna", urgent=True):
            first = await notifier.send(Message("anna", "<b>Hello</b>\n\nGood bye", "Hello\n\nGood bye"))
        second = await notifier.edit("1", Message("anna", "New", "New"))
    assert stream.getvalue() == "+ to anna\n| Hello\n|\n| Good bye\n+ #1 to anna\n| New\n"
    assert (first, second) == (Delivered("1"), Delivered("2"))


async def test_nothing_in_a_message_steers_the_terminal_or_forges_a_block() -> None:
    stream = io.StringIO()
    await Console(stream).send(Message("an\nna\x1b[2J", "", "a\x1b[31m\x07b\n+ to eve\u202e\r\n| x"))
    assert stream.getvalue() == "+ to an na[2J\n| a[31mb\n| + to eve\n| | x\n"


async def test_a_stream_that_fails_is_tried_again_later() -> None:
    class Full(io.StringIO):
        def write(self, text: str, /) -> int:
            raise OSError(28, f"no space for {text!r}")

    closed = io.StringIO()
    closed.close()
    message = Message("anna", "", "Hello")
    for stream, why in ((Full(), "console: OSError"), (closed, "console: ValueError")):
        outcome = await Console(stream).send(message)
        assert isinstance(outcome, TryLater)
        assert outcome.why == why


async def test_a_stream_has_no_pace_and_takes_any_length() -> None:
    notifier = Console(io.StringIO())
    notifier.pause(60)
    assert notifier.not_before is None
    long = Message("anna", "x" * 10_000, "x" * 10_000)
    assert notifier.parts(long) == (long,)


async def test_the_registry_makes_it_from_its_options(capsys: pytest.CaptureFixture[str]) -> None:
    assert NOTIFIERS["console"].options is console.Options

    def no_secret(name: str) -> Secret:
        raise AssertionError(name)

    async with open_notifier(console.Options(), no_secret, DrivenClock(START)) as notifier:
        assert await notifier.send(Message("anna", "Hello", "Hello")) == Delivered("1")
    assert capsys.readouterr().out == "+ to anna\n| Hello\n"
