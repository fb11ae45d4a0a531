"""The control port: what a test or the demo asks of the double from another process. JSON in, JSON out.

``GET /journal /shown /requests /chats /flood``; ``POST /users /groups /say /press /forge /block /unblock /deactivate
/kick /migrate /fault /risk /flood /pause /connections``; ``DELETE /fault``. A fault of the caller is 400 ``{"error"}``.
For people, ``GET /`` and ``GET /chat/<id>`` draw the chats as pages.
"""

from collections.abc import Awaitable, Callable
from dataclasses import asdict

from aiohttp import web

from monitor.demo.botapi.commands import offered
from monitor.demo.botapi.faults import fault_from
from monitor.demo.botapi.journal import as_json
from monitor.demo.botapi.pages import draw_chat, draw_list
from monitor.demo.botapi.params import Params, read_params
from monitor.demo.botapi.refusal import RefusalError
from monitor.demo.botapi.stage import Stage
from monitor.demo.botapi.world import Chat, Json, User
from monitor.demo.loopback import Listener

Act = Callable[[Stage, Params], object]


def journal(bot: Stage, asked: Params) -> object:
    """Give what chats saw; ``chat`` narrows it down to one."""
    chat = asked.integer("chat")
    return [as_json(entry) for entry in bot.journal.entries if chat in {None, entry.chat}]


def shown(bot: Stage, _: Params) -> object:
    """Give what users were shown after pressing buttons."""
    return [as_json(record) for record in bot.journal.shown]


def requests(bot: Stage, _: Params) -> object:
    """Give every request with its answer."""
    return [as_json(record) for record in bot.journal.exchanges]


def chats(bot: Stage, _: Params) -> object:
    """Give the chats as their members see them now."""
    return [
        {**chat.as_json(), "messages": [message.as_json() for message in chat.showing()]} for chat in bot.chats.values()
    ]


def flood(bot: Stage, _: Params) -> object:
    """Give the gate's counters."""
    gate = bot.flood
    violations = [asdict(violation) for violation in gate.violations]
    counts = {"accepted": gate.accepted, "refused": gate.refused, "during_any_pause": gate.during_any_pause}
    return {"on": gate.on, "escalating": gate.escalating, **counts, "violations": violations}


def set_flood(bot: Stage, asked: Params) -> object:
    """Switch the gate ``on`` or off, and ``escalating`` or not."""
    bot.flood.on = asked.flag("on") if "on" in asked.raw else bot.flood.on
    bot.flood.escalating = asked.flag("escalating") if "escalating" in asked.raw else bot.flood.escalating
    return flood(bot, asked)


def pause(bot: Stage, asked: Params) -> object:
    """Demand a pause of ``seconds``, in one ``chat`` or in all."""
    bot.flood.pause(_number(asked, "seconds"), bot.clock.monotonic(), asked.integer("chat"))
    return flood(bot, asked)


def add_user(bot: Stage, asked: Params) -> object:
    """Let a person exist: ``first_name``, ``language``; ``started`` if they pressed Start long ago."""
    make = bot.customer if asked.flag("started") else bot.user
    return make(asked.text("first_name") or "Somebody", language=asked.text("language") or "en").as_json()


def add_group(bot: Stage, asked: Params) -> object:
    """Found a group: ``title``, ``members`` (ids); ``supergroup`` and ``forum`` as wished."""
    members = [bot.users[number] for number in asked.structure("members", "members") or ()]
    title = asked.text("title") or "Group"
    if asked.flag("supergroup") or asked.flag("forum"):
        return bot.supergroup(title, members, forum=asked.flag("forum")).as_json()
    return bot.group(title, members).as_json()


def say(bot: Stage, asked: Params) -> object:
    """Let ``user`` write ``text``, to the bot or in a ``chat``."""
    chat = bot.chats[_number(asked, "chat")] if "chat" in asked.raw else None
    return bot.user_says(_user(bot, asked), asked.text("text"), chat, asked.integer("thread")).as_json()


def press(bot: Stage, asked: Params) -> object:
    """Let ``user`` press ``button`` under ``message_id`` of ``chat``."""
    chat, message = _number(asked, "chat"), _number(asked, "message_id")
    return {"callback_query_id": bot.user_presses(_user(bot, asked), chat, message, asked.text("button"))}


def forge(bot: Stage, asked: Params) -> object:
    """Let ``user`` press a button with ``data`` that was never there."""
    chat, message = _number(asked, "chat"), _number(asked, "message_id")
    return {"callback_query_id": bot.user_forges(_user(bot, asked), chat, message, asked.text("data"))}


def block(bot: Stage, asked: Params) -> object:
    """Let ``user`` block the bot."""
    return _standing(bot, asked, bot.user_blocks)


def unblock(bot: Stage, asked: Params) -> object:
    """Let ``user`` unblock the bot."""
    return _standing(bot, asked, bot.user_unblocks)


def deactivate(bot: Stage, asked: Params) -> object:
    """Let ``user`` leave Telegram."""
    return _standing(bot, asked, bot.user_leaves_telegram)


def kick(bot: Stage, asked: Params) -> object:
    """Let ``user`` remove the bot from ``chat``."""
    bot.kick_bot(_chat(bot, asked), _user(bot, asked))
    return {}


def migrate(bot: Stage, asked: Params) -> object:
    """Upgrade ``chat`` to a supergroup."""
    return bot.migrate(_chat(bot, asked)).as_json()


def add_fault(bot: Stage, asked: Params) -> object:
    """Add a line to the script: ``fault`` with its settings; ``method``, ``chat``, ``skip``, ``times`` (0: always)."""
    when = {"method", "chat", "skip", "times"}
    fault = fault_from({name: value for name, value in asked.raw.items() if name not in when})
    times = asked.integer("times")
    bot.faults.add(
        fault,
        asked.text("method") or None,
        chat=asked.integer("chat"),
        skip=asked.integer("skip") or 0,
        times=1 if times is None else times or None,
    )
    return {}


def add_risk(bot: Stage, asked: Params) -> object:
    """Let a ``share`` of requests (of one ``method``) meet any of the faults."""
    bot.faults.sometimes(float(asked.text("share")), method=asked.text("method") or None)
    return {}


def clear_faults(bot: Stage, _: Params) -> object:
    """Forget the script; tell what was met."""
    bot.faults.clear()
    return dict(bot.faults.met)


ACTS: dict[tuple[str, str], Act] = {
    ("GET", "/journal"): journal,
    ("GET", "/shown"): shown,
    ("GET", "/requests"): requests,
    ("GET", "/chats"): chats,
    ("GET", "/flood"): flood,
    ("POST", "/flood"): set_flood,
    ("POST", "/pause"): pause,
    ("POST", "/users"): add_user,
    ("POST", "/groups"): add_group,
    ("POST", "/say"): say,
    ("POST", "/press"): press,
    ("POST", "/forge"): forge,
    ("POST", "/block"): block,
    ("POST", "/unblock"): unblock,
    ("POST", "/deactivate"): deactivate,
    ("POST", "/kick"): kick,
    ("POST", "/migrate"): migrate,
    ("POST", "/fault"): add_fault,
    ("DELETE", "/fault"): clear_faults,
    ("POST", "/risk"): add_risk,
}


def control_app(bot: Stage, door: Listener) -> web.Application:
    """Give the application of the control port; ``door`` is where the bot's program knocks."""

    async def connections(request: web.Request) -> web.StreamResponse:
        """Refuse connections, or accept them again: ``refuse``."""
        await (door.refuse() if (await read_params(request)).flag("refuse") else door.listen())
        return web.json_response({})

    async def chat_list(_: web.Request) -> web.StreamResponse:
        """Show who has said something, for people."""
        return web.Response(text=draw_list(bot.chats.values()), content_type="text/html")

    async def one_chat(request: web.Request) -> web.StreamResponse:
        """Show one chat as its members see it, for people."""
        chat = bot.chats.get(int(request.match_info["chat"]))
        if chat is None:
            raise web.HTTPNotFound(text="there is no such chat")
        return web.Response(text=draw_chat(chat, offered(bot, chat)), content_type="text/html")

    app = web.Application()
    app.router.add_get("/", chat_list)
    app.router.add_get(r"/chat/{chat:-?\d{1,17}}", one_chat)
    app.router.add_post("/connections", connections)
    for (verb, path), act in ACTS.items():
        app.router.add_route(verb, path, _route(bot, act))
    return app


def _route(bot: Stage, act: Act) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            return web.json_response(act(bot, await read_params(request)))
        except KeyError as missing:
            return web.json_response({"error": f"there is no {missing}"}, status=400)
        except (RefusalError, ValueError) as fault:
            return web.json_response({"error": str(fault)}, status=400)

    return handle


def _standing(bot: Stage, asked: Params, act: Callable[[User], None]) -> Json:
    user = _user(bot, asked)
    act(user)
    return user.as_json()


def _user(bot: Stage, asked: Params) -> User:
    return bot.users[_number(asked, "user")]


def _chat(bot: Stage, asked: Params) -> Chat:
    return bot.chats[_number(asked, "chat")]


def _number(asked: Params, name: str) -> int:
    number = asked.integer(name)
    if number is None:
        raise ValueError(f"{name}: a number is needed")
    return number
