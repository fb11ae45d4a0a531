"""``/api/v1``: what a shop's own programs ask for. So far, the links that tie customers to their chats."""

import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from importlib.metadata import version
from typing import Any

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from monitor.clock import Clock
from monitor.core.secret import Secret
from monitor.reception.issuing import UnknownOrderError, issue
from monitor.store.engine import Store

ROOT = "/api/v1"
SCHEME = "Bearer "
PROBLEM = "application/problem+json"
UNSTORED = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


class LinkRequest(BaseModel):
    """Whose link is wanted."""

    model_config = ConfigDict(extra="forbid", strict=True)

    order: str = Field(min_length=1, max_length=200, description="The order's number, as it was imported.")


class IssuedLink(BaseModel):
    """A link that can be used once. Whoever holds it may claim the order: give it to nobody but its customer."""

    order: str
    customer: str
    link: str
    expires_at: datetime


class Problem(BaseModel):
    """Why something was not done (RFC 9457)."""

    title: str
    status: int
    detail: str


@dataclass(frozen=True, slots=True)
class Api:
    """Answers whoever shows ``token``. ``bot`` gives the bot's user name; None where Telegram does not tell."""

    store: Store
    clock: Clock
    token: Secret
    lifetime: timedelta
    bot: Callable[[], Awaitable[str | None]]

    def routes(self) -> list[web.RouteDef]:
        """Give the routes. The description is open to everybody: it is the same for every shop."""
        return [web.post(f"{ROOT}/links", self.link), web.get(f"{ROOT}/openapi.json", self.describe)]

    async def describe(self, _request: web.Request) -> web.Response:
        """Give the description of all this (OpenAPI 3.1)."""
        return web.json_response(description())

    async def link(self, request: web.Request) -> web.Response:
        """Make a link for whoever bought an order: ``coverwatch customers link`` for programs."""
        if not self._known(request.headers.get("Authorization", "")):
            refusal = _problem(HTTPStatus.UNAUTHORIZED, "send the token of web.api as: Authorization: Bearer TOKEN")
            refusal.headers["WWW-Authenticate"] = "Bearer"
            return refusal
        try:
            wanted = LinkRequest.model_validate_json(await request.read())
        except web.HTTPRequestEntityTooLarge as fault:
            return _problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, str(fault.text))
        except ValidationError as fault:
            return _problem(HTTPStatus.BAD_REQUEST, "; ".join(_say(each) for each in fault.errors()))
        name = await self.bot()
        if name is None:
            detail = "Telegram does not tell the bot's name; try again, or write it as notifier.username"
            return _problem(HTTPStatus.SERVICE_UNAVAILABLE, detail)
        try:
            made = await issue(self.store, wanted.order, self.clock.now(), self.lifetime)
        except UnknownOrderError as fault:
            return _problem(HTTPStatus.NOT_FOUND, str(fault))
        answer = IssuedLink(order=made.order, customer=made.customer, link=made.link(name), expires_at=made.expires_at)
        return web.json_response(text=answer.model_dump_json(), status=HTTPStatus.CREATED, headers=UNSTORED)

    def _known(self, header: str) -> bool:
        shown = header.removeprefix(SCHEME) if header.startswith(SCHEME) else ""
        return hmac.compare_digest(shown.encode(errors="replace"), self.token.reveal().encode())


def _say(fault: ErrorDetails) -> str:
    place = ".".join(str(step) for step in fault["loc"])
    return f"{place}: {fault['msg']}" if place else fault["msg"]


def _problem(status: HTTPStatus, detail: str) -> web.Response:
    problem = Problem(title=status.phrase, status=status, detail=detail)
    return web.Response(text=problem.model_dump_json(), status=status, content_type=PROBLEM, headers=UNSTORED)


REFUSALS = {
    HTTPStatus.BAD_REQUEST: "The body is not what is asked for.",
    HTTPStatus.UNAUTHORIZED: "The token is missing or wrong.",
    HTTPStatus.NOT_FOUND: "There is no such order.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is too long.",
    HTTPStatus.SERVICE_UNAVAILABLE: "Telegram does not tell the bot's name.",
}


def description() -> dict[str, Any]:
    """Describe the interface in OpenAPI 3.1."""
    schemas = {each.__name__: each.model_json_schema() for each in (LinkRequest, IssuedLink, Problem)}
    made = {"description": "The link.", "content": _content("IssuedLink", "application/json")}
    refused = {
        str(status.value): {"description": why, "content": _content("Problem", PROBLEM)}
        for status, why in REFUSALS.items()
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "Coverwatch", "version": version("coverwatch")},
        "paths": {
            f"{ROOT}/links": {
                "post": {
                    "operationId": "issueLink",
                    "summary": "Make the link with which whoever bought an order is told on Telegram.",
                    "security": [{"token": []}],
                    "requestBody": {"required": True, "content": _content("LinkRequest", "application/json")},
                    "responses": {str(HTTPStatus.CREATED.value): made, **refused},
                }
            }
        },
        "components": {
            "schemas": schemas,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _content(schema: str, kind: str) -> dict[str, Any]:
    return {kind: {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
