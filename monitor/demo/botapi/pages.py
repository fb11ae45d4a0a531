"""Chats as people see them, drawn as pages from what was taken in: bubbles, buttons, spoilers, edits."""

import html
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, tzinfo

from monitor.demo.botapi.keyboard import rows_of
from monitor.demo.botapi.marked import Entity, Marked
from monitor.demo.botapi.world import Chat, Json, Message, User

TAGS = {
    "bold": ("<b>", "</b>"),
    "italic": ("<i>", "</i>"),
    "underline": ("<u>", "</u>"),
    "strikethrough": ("<s>", "</s>"),
    "code": ("<code>", "</code>"),
    "pre": ("<pre>", "</pre>"),
    "spoiler": ('<span class="spoiler" tabindex="0">', "</span>"),
    "blockquote": ("<blockquote>", "</blockquote>"),
    "bot_command": ('<span class="command">', "</span>"),
}
NOT_SHOWN = ("", "")

STYLE = """
:root { color-scheme: light dark; --wall: #d7e3d4; --us: #fff; --them: #e7fdd3; --ink: #111; --faint: #5b6b73;
  --button: rgb(70 110 90 / .82); --link: #1c73b8; --mono: #8a3b12; }
@media (prefers-color-scheme: dark) { :root { --wall: #0e1621; --us: #182533; --them: #2b5278; --ink: #f1f4f6;
  --faint: #8ba0b2; --button: rgb(43 66 89 / .9); --link: #6ab3f3; --mono: #e8a57d; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--wall); color: var(--ink); font: 16px/1.4 system-ui, "Noto Sans", sans-serif; }
header { position: sticky; top: 0; background: var(--us); padding: .7rem 1rem; box-shadow: 0 1px 3px rgb(0 0 0 / .15); }
header h1 { font-size: 1.05rem; margin: 0; } header p { margin: 0; color: var(--faint); font-size: .85rem; }
main { max-width: 44rem; margin: 0 auto; padding: 1rem; display: flex; flex-direction: column; gap: .45rem; }
.day { align-self: center; background: var(--button); color: #fff; border-radius: 1rem; padding: .1rem .7rem;
  font-size: .8rem; margin: .5rem 0; }
article { max-width: 85%; align-self: flex-start; }
article.them { align-self: flex-end; }
.bubble { background: var(--us); border-radius: .9rem .9rem .9rem .25rem; padding: .45rem .75rem;
  box-shadow: 0 1px 1px rgb(0 0 0 / .12); overflow-wrap: anywhere; }
.them .bubble { background: var(--them); border-radius: .9rem .9rem .25rem .9rem; }
.who { color: var(--link); font-weight: 600; font-size: .88rem; }
.text { white-space: pre-wrap; }
.at { color: var(--faint); font-size: .75rem; text-align: right; }
code, pre { color: var(--mono); font: .93em ui-monospace, "DejaVu Sans Mono", monospace; }
.command { color: var(--link); }
.spoiler { background: var(--faint); color: transparent; border-radius: .25rem; }
.spoiler:focus { background: none; color: inherit; }
.row { display: flex; gap: .25rem; margin-top: .25rem; }
.row span { flex: 1; background: var(--button); color: #fff; border-radius: .5rem; padding: .35rem .5rem;
  text-align: center; font-size: .9rem; }
.menu { font-size: .9rem; margin-top: .3rem; } .menu summary { color: var(--link); cursor: pointer; }
.menu ul { gap: .1rem; padding: .3rem 0; }
.service { align-self: center; color: var(--faint); font-size: .85rem; }
ul { list-style: none; padding: 0; margin: 0; display: grid; gap: .4rem; }
li a { display: block; background: var(--us); border-radius: .7rem; padding: .6rem .9rem; color: inherit;
  text-decoration: none; }
li p { margin: 0; color: var(--faint); overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
"""


def draw_chat(chat: Chat, menu: Iterable[Json] = (), zone: tzinfo = UTC) -> str:
    """Draw one chat as its members see it now, with the commands that they are offered."""
    kind = "private chat with the bot" if chat.user else f"{len(chat.members)} members"
    body = "".join(_drawn(chat.showing(), chat, zone))
    items = "".join(
        f'<li><span class="command">/{html.escape(str(each["command"]))}</span> '
        f"{html.escape(str(each['description']))}</li>"
        for each in menu
    )
    offered = f'<details class="menu"><summary>Menu</summary><ul>{items}</ul></details>' if items else ""
    head = f"<header><h1>{html.escape(_title(chat))}</h1><p>{kind}</p>{offered}</header>"
    return _page(_title(chat), f"{head}<main>{body}</main>")


def draw_list(chats: Iterable[Chat]) -> str:
    """Draw the list of the chats in which something was said."""
    items = "".join(
        f'<li><a href="chat/{chat.id}"><b>{html.escape(_title(chat))}</b>'
        f"<p>{html.escape(chat.showing()[-1].marked.text[:120])}</p></a></li>"
        for chat in chats
        if chat.showing()
    )
    words = "<header><h1>Chats</h1><p>As people see them on Telegram</p></header>"
    return _page("Chats", f"{words}<main><ul>{items or '<li>Nobody has said anything yet.</li>'}</ul></main>")


def mark_up(marked: Marked) -> str:
    """Write a text with its entities in HTML."""
    points: dict[int, tuple[list[str], list[str]]] = {}
    for entity in marked.entities:
        opening, closing = _tags(entity)
        points.setdefault(entity.offset, ([], []))[1].append(opening)
        points.setdefault(entity.offset + entity.length, ([], []))[0].insert(0, closing)
    raw = marked.text.encode("utf-16-le", "surrogatepass")
    pieces: list[str] = []
    last = 0
    for at in [*sorted(points), len(raw) // 2]:
        pieces.append(html.escape(raw[2 * last : 2 * at].decode("utf-16-le", "replace")))
        closings, openings = points.pop(at, ([], []))
        pieces += closings + openings
        last = at
    return "".join(pieces)


def _tags(entity: Entity) -> tuple[str, str]:
    if entity.kind == "text_link":
        return f'<a href="{html.escape(str(entity.more.get("url", "")))}" rel="noreferrer">', "</a>"
    return TAGS.get(entity.kind, NOT_SHOWN)


def _drawn(messages: Iterable[Message], chat: Chat, zone: tzinfo) -> Iterator[str]:
    day = None
    for message in messages:
        at = datetime.fromtimestamp(message.date, zone)
        if at.date() != day:
            day = at.date()
            yield f'<div class="day">{at:%A, %d %B %Y}</div>'
        yield _service(message) if message.service else _bubble(message, chat, at)


def _service(message: Message) -> str:
    return f'<div class="service">{html.escape(", ".join(message.service).replace("_", " "))}</div>'


def _bubble(message: Message, chat: Chat, at: datetime) -> str:
    ours = message.sender.is_bot
    who = "" if chat.user else f'<div class="who">{html.escape(_name(message.sender))}</div>'
    notes = [f"{at:%H:%M}"]
    if message.edited is not None:
        notes.insert(0, "edited")
    if message.protected:
        notes.insert(0, "cannot be forwarded")
    words = f'<div class="text">{mark_up(message.marked)}</div><div class="at">{" · ".join(notes)}</div>'
    rows = "".join(map(_row, rows_of(message.keyboard)))
    side = "us" if ours else "them"
    return f'<article class="{side}"><div class="bubble">{who}{words}</div>{rows}</article>'


def _row(buttons: Iterable[Json]) -> str:
    labels = (html.escape(str(each.get("text", ""))) for each in buttons)
    return f'<div class="row">{"".join(f"<span>{label}</span>" for label in labels)}</div>'


def _title(chat: Chat) -> str:
    return chat.title or (_name(chat.user) if chat.user else "Chat")


def _name(user: User) -> str:
    return user.first_name if user.username is None or user.is_bot else f"{user.first_name} @{user.username}"


def _page(title: str, body: str) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(title)}</title><style>{STYLE}</style></head><body>{body}</body></html>"
    )
