"""The Bot API over HTTP: finds the bot, reads the request, meets the fault, asks the gate, and answers."""

import asyncio
import inspect
import re
from types import TracebackType
from typing import Self

from aiohttp import web

from monitor.clock import Clock
from monitor.demo.botapi.control import control_app
from monitor.demo.botapi.faults import DuplicateUpdate, Fault, RandomUpdateId, Slow, UpdateGap
from monitor.demo.botapi.methods import METHODS, PACED
from monitor.demo.botapi.params import Params, read_params
from monitor.demo.botapi.refusal import RefusalError, no_such_method, no_such_page, too_many, unauthorized
from monitor.demo.botapi.stage import Stage
from monitor.demo.botapi.wire import deliver, is_processed
from monitor.demo.botapi.world import Json
from monitor.demo.loopback import Listener

TOKEN = re.compile(r"[0-9]+:[A-Za-z0-9_-]+")
BY_NAME = {name.lower(): name for name in METHODS}
"""Telegram does not mind the case of a method's name."""
LARGEST_REQUEST = 50 << 20


class BotApi(Stage):
    """Serves one bot on a loopback port, and a control port for who drives it from another process.

    ``token``: the only one that is right; None for every well-formed one. Clients take ``base_url``, which the token
    follows directly.
    """

    def __init__(
        self,
        *,
        token: str | None = None,
        username: str = "coverwatch_demo_bot",
        clock: Clock | None = None,
        seed: int = 0,
        first_pause: float = 1.0,
        conflict_pause: float = 3.0,
    ) -> None:
        super().__init__(
            username=username, clock=clock, seed=seed, first_pause=first_pause, conflict_pause=conflict_pause
        )
        self._token = token
        app = web.Application(client_max_size=LARGEST_REQUEST)
        app.router.add_route("*", "/bot{token}/{method}", self._handle)
        app.router.add_get("/file/bot{token}/photos/{name}.jpg", self._give)
        app.router.add_route("*", "/{any:.*}", self._lost)
        self._listener = Listener(app)
        self._control = Listener(control_app(self, self._listener))

    async def __aenter__(self) -> Self:
        await self._listener.__aenter__()
        await self._control.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.webhook.close()
        await self._control.__aexit__(kind, error, trace)
        await self._listener.__aexit__(kind, error, trace)

    @property
    def base_url(self) -> str:
        """What stands directly before the token."""
        return f"{self._listener.url}/bot"

    @property
    def control_url(self) -> str:
        """Where the control port is."""
        return self._control.url

    async def refuse(self) -> None:
        """Refuse connections, and drop those that are open, until :meth:`listen`."""
        await self._listener.refuse()

    async def listen(self) -> None:
        """Accept connections again."""
        await self._listener.listen()

    async def _give(self, request: web.Request) -> web.StreamResponse:
        content = self.files.get(request.match_info["name"])
        if content is None or self._token not in {None, request.match_info["token"]}:
            return await self._lost(request)
        return web.Response(body=content)

    async def _lost(self, _: web.Request) -> web.StreamResponse:
        return web.json_response(no_such_page().as_json(), status=404)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        token = request.match_info["token"]
        if not TOKEN.fullmatch(token):
            return await self._lost(request)
        arrived = self.clock.now()
        given = request.match_info["method"]
        method = BY_NAME.get(given.lower(), given)
        try:
            params = await read_params(request)
        except RefusalError as refusal:
            return web.json_response(refusal.as_json(), status=refusal.code)
        fault = self.faults.take(method, params.integer("chat_id"))
        await self._before(fault)
        answer = await self._process(token, method, params) if is_processed(fault) else None
        self.journal.exchange(arrived, method, params.raw, answer, type(fault).__name__ if fault else None)
        return await deliver(request, answer, fault)

    async def _before(self, fault: Fault | None) -> None:
        """Let happen what a fault does before the request is looked at."""
        match fault:
            case Slow(seconds, processed=False):
                await asyncio.sleep(seconds)
            case DuplicateUpdate():
                self.updates.repeat()
            case UpdateGap(count):
                self.updates.skip(count)
            case RandomUpdateId():
                self.updates.jump()
            case _:
                pass

    async def _process(self, token: str, method: str, params: Params) -> tuple[int, Json]:
        try:
            if self._token not in {None, token}:
                raise unauthorized()
            perform = METHODS.get(method)
            if perform is None:
                raise no_such_method()
            self._pass_gate(method, params)
            result = perform(self, params)
            if inspect.isawaitable(result):
                result = await result
        except RefusalError as refusal:
            return refusal.code, refusal.as_json()
        return 200, {"ok": True, "result": result}

    def _pass_gate(self, method: str, params: Params) -> None:
        chat = params.integer("chat_id")
        if method in PACED and chat is not None:
            wait = self.flood.admit(chat, self.clock.monotonic())
            if wait is not None:
                raise too_many(wait)
