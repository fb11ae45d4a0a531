"""Reading the parameters of a request: query, form, multipart or JSON; numbers and flags may arrive as strings."""

import json
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from monitor.demo.botapi.refusal import bad

TRUE_WORDS = frozenset({"true", "yes", "1"})


class Params:
    """The parameters of one request, each read the way its method wants it."""

    def __init__(self, raw: Mapping[str, object]) -> None:
        self.raw = dict(raw)

    def text(self, name: str) -> str:
        """Give a string; empty when absent."""
        value = self.raw.get(name)
        return "" if value is None else str(value)

    def integer(self, name: str) -> int | None:
        """Give an integer; None when absent or no number."""
        try:
            return int(self.text(name))
        except ValueError:
            return None

    def flag(self, name: str) -> bool:
        """Give a boolean; absent means no."""
        return self.text(name).lower() in TRUE_WORDS

    def structure(self, name: str, kind: str) -> Any:  # noqa: ANN401 - whatever JSON the client sent
        """Give an object or array, sent as JSON or as a string of it; None when absent. ``kind`` is for the refusal."""
        value = self.raw.get(name)
        if not isinstance(value, str):
            return value
        if not value:
            return None
        try:
            return json.loads(value)
        except ValueError:
            raise bad(f"can't parse {kind} JSON object") from None


async def read_params(request: web.Request) -> Params:
    """Read the parameters of a request, whichever way they travel; a file is remembered by its name only."""
    raw: dict[str, object] = dict(request.query)
    kind = request.content_type
    if not request.can_read_body:
        return Params(raw)
    try:
        if kind == "application/json":
            body = await request.json()
            if not isinstance(body, dict):
                raise bad("expected a JSON object as the request body")
            raw |= body
        elif kind in {"application/x-www-form-urlencoded", "multipart/form-data"}:
            form = await request.post()
            raw |= {name: value if isinstance(value, str) else "<file>" for name, value in form.items()}
    except UnicodeDecodeError:
        raise bad("strings must be encoded in UTF-8") from None
    except ValueError:
        raise bad("can't parse request body as JSON object") from None
    return Params(raw)
