"""Updates delivered to the bot's own server: with its secret, in order, again and again until it says 2xx."""

import asyncio
import re
from datetime import datetime
from urllib.parse import urlsplit

import aiohttp

from monitor.clock import Clock
from monitor.demo.botapi.refusal import bad
from monitor.demo.botapi.updates import WEBHOOK_SET, Update, Updates
from monitor.demo.botapi.world import Json

SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105 - the name of a header
SECRET = re.compile(r"[A-Za-z0-9_-]{1,256}")
LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})
SUCCESS = 2
LONGEST_PAUSE = 60.0
LONGEST_RETRY_AFTER = 3600.0
PATIENCE = aiohttp.ClientTimeout(total=10)


class Webhook:
    """Where updates go when the bot does not come for them. ``first_pause``: seconds before the first repeat."""

    def __init__(self, updates: Updates, clock: Clock, first_pause: float = 1.0) -> None:
        self.url = ""
        self._secret = ""
        self._connections = 40
        self._updates = updates
        self._clock = clock
        self._first_pause = first_pause
        self._failed: tuple[datetime, str] | None = None
        self._courier: asyncio.Task[None] | None = None

    def set(self, url: str, *, secret: str = "", connections: int | None = None) -> None:
        """Deliver to this address from now on; an empty one ends delivery. Only loopback is ever called."""
        if url and urlsplit(url).hostname not in LOOPBACK_HOSTS:
            unknown, plain = (
                "Failed to resolve host: Name or service not known",
                "An HTTPS URL must be provided for webhook",
            )
            raise bad(f"bad webhook: {unknown if url.startswith('https://') else plain}")
        if secret and not SECRET.fullmatch(secret):
            raise bad("secret token contains unallowed characters")
        if self._courier:
            self._courier.cancel()
            self._courier = None
        self.url, self._secret, self._connections, self._failed = url, secret, connections or 40, None
        self._updates.webhook_active = bool(url)
        if url:
            self._updates.interrupt(WEBHOOK_SET)
            self._courier = asyncio.create_task(self._deliver(), name="webhook")

    async def close(self) -> None:
        """Stop delivering."""
        if self._courier:
            self._courier.cancel()
            await asyncio.gather(self._courier, return_exceptions=True)

    def as_json(self) -> Json:
        """Render it as a WebhookInfo."""
        info: Json = {
            "url": self.url,
            "has_custom_certificate": False,
            "pending_update_count": len(self._updates.pending),
        }
        if self.url:
            info |= {"max_connections": self._connections, "ip_address": "127.0.0.1"}
        if self._failed:
            info |= {"last_error_date": int(self._failed[0].timestamp()), "last_error_message": self._failed[1]}
        if self._updates.allowed is not None:
            info["allowed_updates"] = sorted(self._updates.allowed)
        return info

    async def _deliver(self) -> None:
        headers = {SECRET_HEADER: self._secret} if self._secret else {}
        pause = self._first_pause
        async with aiohttp.ClientSession(timeout=PATIENCE, headers=headers) as session:
            while True:
                update = await self._updates.first()
                copies = 2 if self._updates.take_twice() else 1
                waits = [await self._post(session, update) for _ in range(copies)]
                if waits[-1] is None:
                    self._updates.done(update)
                    pause = self._first_pause
                else:
                    await asyncio.sleep(max(pause, waits[-1]))
                    pause = min(2 * pause, LONGEST_PAUSE)

    async def _post(self, session: aiohttp.ClientSession, update: Update) -> float | None:
        """Deliver once; None when it was taken, else the seconds the other side asks to wait."""
        try:
            async with session.post(self.url, json=update.as_json(), allow_redirects=False) as response:
                if response.status // 100 == SUCCESS:
                    return None
                self._fail(f"Wrong response from the webhook: {response.status} {response.reason}")
                asked = response.headers.get("Retry-After", "")
                return min(float(asked), LONGEST_RETRY_AFTER) if asked.isdecimal() else 0.0
        except (aiohttp.ClientError, TimeoutError) as error:
            self._fail("Read timeout expired" if isinstance(error, TimeoutError) else "Connection refused")
            return 0.0

    def _fail(self, reason: str) -> None:
        self._failed = self._clock.now(), reason
