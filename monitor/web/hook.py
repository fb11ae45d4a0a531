"""Where Telegram brings what people say: proven by its secret, stored, and only then taken off its hands."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlsplit

from aiohttp import web

from monitor.core.secret import Secret
from notifiers.telegram.updates import Heard, authentic, read_webhook

HEADER = "X-Telegram-Bot-Api-Secret-Token"


@dataclass(frozen=True, slots=True)
class Hook:
    """One address of ours. ``take`` returns when what was heard is stored; that may take ``patience`` seconds."""

    url: str
    secret: Secret
    take: Callable[[Sequence[Heard]], Awaitable[None]]
    patience: float = 20.0

    def routes(self) -> list[web.RouteDef]:
        """Give the route: the path of the public address."""
        return [web.post(urlsplit(self.url).path or "/", self.hear)]

    async def hear(self, request: web.Request) -> web.Response:
        """Take one update. What is none of ours is answered well too, or it would come again for a day."""
        if not authentic(request.headers.get(HEADER), self.secret):
            return web.Response(status=HTTPStatus.FORBIDDEN)
        try:
            heard = read_webhook(await request.read())
        except web.HTTPRequestEntityTooLarge:
            heard = None
        if heard is None:
            return web.Response()
        try:
            async with asyncio.timeout(self.patience):
                await self.take([heard])
        except TimeoutError:
            return web.Response(status=HTTPStatus.SERVICE_UNAVAILABLE)
        return web.Response()
