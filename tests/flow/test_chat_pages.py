"""The customer's chat and the operators' cards as pages: what the double took in, as people would see it."""

from html.parser import HTMLParser

import aiohttp
import pytest
from sqlalchemy import update

from monitor.core.coverage import Defect, Standing
from monitor.core.secret import Secret
from monitor.demo.botapi.html import parse_html
from monitor.demo.botapi.pages import mark_up
from monitor.demo.botapi.world import User
from monitor.store import boxes, fleet
from monitor.store.boxes import Seal
from monitor.store.tables import customer
from tests.flow.counter import ALL, KEY, Counter, counter
from tests.store.shop import MINUTE, shelve

VOID = {"meta", "br"}


class Outline(HTMLParser):
    """Reads a page, and wants every element closed where it was opened."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.words = ""
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        self.seen.add(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data


async def page(desk: Counter, path: str) -> str:
    async with aiohttp.ClientSession() as session, session.get(f"{desk.api.control_url}{path}") as answer:
        assert (answer.status, answer.content_type) == (200, "text/html")
        return await answer.text()


async def story(desk: Counter, first: str = "Alice", language: str = "en") -> User:
    """Tell a whole story: linked, failed, a question, a spare, taken over; and a second order that nothing replaces."""
    alice = desk.api.user(first, language=language)
    anna = next(desk.api.users[member] for member in desk.group.members if member in desk.api.users)
    await desk.sell("INV-1042", "INV-1043")
    async with desk.store.write() as connection:
        await connection.execute(update(customer).values(language=language))
    await desk.says(alice, f"/start {await desk.link('INV-1042')}")
    await desk.presses(alice, desk.buttons(alice.id)[0])
    desk.wait(MINUTE)
    await desk.fails("INV-1042")
    await desk.settle()
    await desk.presses(anna, "Ask the customer …", desk.group.id)
    await desk.presses(anna, "What exactly happens", desk.group.id)
    desk.wait(7 * MINUTE)
    await desk.says(alice, "Half of the sites I open say that my address is on a <blocklist>.")
    await shelve(desk.store, "198.51.100.64/28")
    async with desk.store.write() as connection:
        secret = Secret("[Interface]\nPrivateKey = made-up\nAddress = 10.0.0.2/32")
        sealed = Seal(Secret(KEY)).close("198.51.100.64/28", secret)
        await boxes.put(connection, "198.51.100.64/28", sealed, desk.clock.now())
        # The daemon looked at it a moment ago: an operator's move promises nothing that was not.
        sound = Standing(last_ok=desk.clock.now(), looked_at=desk.clock.now())
        await fleet.remember(connection, Defect.RANGE_LISTED, [("198.51.100.64/28", sound, "sound", "")])
    desk.wait(MINUTE)
    await desk.says(anna, "/case 1", desk.group)
    await desk.presses(anna, "Hold", desk.group.id)
    await desk.presses(anna, "Release", desk.group.id)
    await desk.presses(alice, {"en": "Take it over", "zh": "领取替换", "ru": "Получить замену"}[language])
    await desk.fails("INV-1043")
    await desk.settle()
    return alice


async def test_both_sides_of_a_case_can_be_looked_at(sqlite_url: str) -> None:
    async with counter(sqlite_url, operators=[("anna", ALL)]) as desk:
        alice = await story(desk)
        customer = Outline(await page(desk, f"/chat/{alice.id}"))
        operators = Outline(await page(desk, f"/chat/{desk.group.id}"))
        everybody = Outline(await page(desk, "/"))
    assert "The replacement for your order INV-1042 is ready" in customer.words or "INV-1042" in customer.words
    assert "is on a <blocklist>" in customer.words
    assert "cannot be forwarded" in customer.words
    assert {"b", "code", "article"} <= customer.seen
    assert "blocklist>" not in customer.seen
    assert "Other spare" in operators.words or "Reject …" in operators.words
    assert "edited" in operators.words
    assert "Alice" in everybody.words
    assert "Operators" in everybody.words


async def test_a_chat_that_is_not_there_has_no_page(sqlite_url: str) -> None:
    async with (
        counter(sqlite_url) as desk,
        aiohttp.ClientSession() as session,
        session.get(f"{desk.api.control_url}/chat/1") as answer,
    ):
        assert answer.status == 404


@pytest.mark.parametrize(
    ("sent", "drawn"),
    [
        pytest.param("<b>a<i>b</i></b>c", "<b>a<i>b</i></b>c", id="one within the other"),
        pytest.param("<b><i>a</i></b>", "<i><b>a</b></i>", id="both over the same"),
        pytest.param("😀<b>😀</b>😀", "😀<b>😀</b>😀", id="places are counted in UTF-16"),
        pytest.param("&lt;b&gt; &amp; <code>&lt;</code>", "&lt;b&gt; &amp; <code>&lt;</code>", id="data is no markup"),
        pytest.param(
            '<a href="https://e.org/?a=1&amp;b=2">x</a>',
            '<a href="https://e.org/?a=1&amp;b=2" rel="noreferrer">x</a>',
            id="a link",
        ),
        pytest.param("plain", "plain", id="nothing"),
    ],
)  # fmt: skip
def test_a_text_is_drawn_as_it_was_marked(sent: str, drawn: str) -> None:
    assert mark_up(parse_html(sent)) == drawn
