"""One request to the Bot API over aiohttp, and exactly how much is known when it fails.

python-telegram-bot has one class for "refused before anything was sent" and "accepted, but the answer was lost"; only
the first may be repeated. Here every failure is one of three: ``NotSentError``, ``MaybeSentError`` or ``RefusedError``.
"""

import json
from types import SimpleNamespace
from typing import Any, Final

import aiohttp
from telegram.error import NetworkError, TelegramError
from telegram.request import BaseRequest, RequestData

from monitor.core.secret import Secret

WITHHELD: Final = "withheld"
"""Stands for the token in everything that python-telegram-bot sees: what it does not know it cannot log."""

BOT_URL: Final = "bot"
FILE_URL: Final = "file/bot"

LONGEST_ANSWER = 24 * 2**20
"""Bytes. Files may have 20 MB, and the answer of one long poll holds at most 100 updates."""

WORDS = 200
"""Characters of a refusal that are kept."""


class NotSentError(NetworkError):
    """Nothing has left this machine: it may be tried again."""

    __slots__ = ()


class MaybeSentError(NetworkError):
    """The request was on its way, and no clear answer came back."""

    __slots__ = ()


class RefusedError(TelegramError):
    """The answer is no: nothing was done. ``description`` holds the Bot API's own words."""

    __slots__ = ("code", "description", "migrate_to", "retry_after")

    def __init__(self, code: int, description: str, *, retry_after: float | None, migrate_to: int | None) -> None:
        super().__init__(f"{code}: {description}")
        self.code = code
        self.description = description
        self.retry_after = retry_after
        self.migrate_to = migrate_to


class Wire(BaseRequest):
    """A pool of connections to one Bot API. ``deadline``: seconds for a whole call, from the first byte to the last."""

    def __init__(self, api: str, token: Secret, *, deadline: float, connect: float = 10.0) -> None:
        self._api = api.rstrip("/")
        self._token = token
        self._deadline = deadline
        self._connect = connect
        self._session: aiohttp.ClientSession | None = None

    @property
    def read_timeout(self) -> float:
        """The deadline of a call that names none."""
        return self._deadline

    async def initialize(self) -> None:
        """Open the pool; nothing is sent."""
        if self._session is not None:
            return
        trace = aiohttp.TraceConfig()
        trace.on_connection_create_end.append(_connected)
        trace.on_connection_reuseconn.append(_connected)
        self._session = aiohttp.ClientSession(
            # An idle connection that the other side is just closing makes an ambiguous failure of the next request.
            connector=aiohttp.TCPConnector(limit=32, keepalive_timeout=10),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": "coverwatch"},
            trace_configs=[trace],
        )

    async def shutdown(self) -> None:
        """Close the pool."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def do_request(
        self,
        url: str,
        method: str,
        request_data: RequestData | None = None,
        read_timeout: object = None,
        write_timeout: object = None,
        connect_timeout: object = None,
        pool_timeout: object = None,
    ) -> tuple[int, bytes]:
        """Make one request.

        :raises NotSentError: nothing was sent.
        :raises MaybeSentError: no clear answer came.
        :raises RefusedError: the answer is no.
        """
        del write_timeout, connect_timeout, pool_timeout
        deadline = float(read_timeout) if isinstance(read_timeout, int | float) else self._deadline
        answer = await self._ask(url, method, request_data.json_parameters if request_data else None, deadline)
        # Raised out here, where no foreign exception, with a URL in its text, is its context.
        if isinstance(answer, TelegramError):
            raise answer
        return answer

    async def call(self, method: str, deadline: float, **params: object) -> object:
        """Call a method of the Bot API and give its result as it came; raises what ``do_request`` raises."""
        given = {name: value for name, value in params.items() if value is not None}
        data = {name: value if isinstance(value, str) else json.dumps(value) for name, value in given.items()}
        answer = await self._ask(f"{BOT_URL}{WITHHELD}/{method}", "POST", data, deadline)
        if isinstance(answer, TelegramError):
            raise answer
        return self.parse_json_payload(answer[1])["result"]

    async def _ask(
        self, url: str, method: str, data: dict[str, str] | None, deadline: float
    ) -> tuple[int, bytes] | TelegramError:
        if self._session is None:
            return NotSentError("the notifier is not started")
        seen = SimpleNamespace(connected=False)
        try:
            async with self._session.request(
                method,
                f"{self._api}/{url.replace(WITHHELD, self._token.reveal(), 1)}",
                data=data,
                timeout=aiohttp.ClientTimeout(total=deadline, sock_connect=self._connect),
                allow_redirects=False,
                trace_request_ctx=seen,
            ) as response:
                body = await _body(response)
                if body is None:
                    return MaybeSentError(f"HTTP {response.status} with an answer beyond {LONGEST_ANSWER} bytes")
                # Whoever answers may repeat the address that was asked.
                body = body.replace(self._token.reveal().encode(), b"***")
                return _read(response.status, response.headers.get("Retry-After"), body)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            kind = type(error).__name__
            return MaybeSentError(f"no answer ({kind})") if seen.connected else NotSentError(f"no connection ({kind})")

    @staticmethod
    def parse_json_payload(payload: bytes) -> dict[str, Any]:
        """Read a successful answer.

        :raises MaybeSentError: it is none; the words of it are kept out of the log.
        """
        answer = _object(payload)
        if answer.get("ok") is not True or "result" not in answer:
            raise MaybeSentError("an answer without a result")
        return answer


async def _connected(session: aiohttp.ClientSession, context: SimpleNamespace, params: object) -> None:
    del session, params
    context.trace_request_ctx.connected = True


async def _body(response: aiohttp.ClientResponse) -> bytes | None:
    body = bytearray()
    async for chunk in response.content.iter_chunked(2**16):
        body += chunk
        if len(body) > LONGEST_ANSWER:
            return None
    return bytes(body)


def _read(status: int, retry_after: str | None, body: bytes) -> tuple[int, bytes] | TelegramError:
    """Sort an answer by its status: Telegram's own rule, which ``error_code`` only repeats."""
    if status in range(200, 300):
        return status, body
    answer = _object(body)
    description = str(answer.get("description") or "")[:WORDS]
    if status in range(500, 600):
        # A proxy's, or "Internal Server Error: restart": the request may have been done before.
        return MaybeSentError(f"HTTP {status} {description}".rstrip())
    parameters = answer.get("parameters")
    wish = parameters if isinstance(parameters, dict) else {}
    return RefusedError(
        status,
        description,
        retry_after=_seconds(wish.get("retry_after")) or _seconds(retry_after),
        migrate_to=_whole(wish.get("migrate_to_chat_id")),
    )


def _object(body: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return answer if isinstance(answer, dict) else {}


def _seconds(value: object) -> float | None:
    whole = _whole(value)
    return None if whole is None or whole <= 0 else float(whole)


def _whole(value: object) -> int | None:
    try:
        return int(value) if isinstance(value, int | str) and not isinstance(value, bool) else None
    except ValueError:
        return None
