"""The walkers over API descriptions find what is wrong: a double that accepts everything is no witness."""

from pathlib import Path
from typing import Any

import pytest

from tests.contract.bots import telegram_spec
from tests.contract.specs import OpenApiSpec, TelegramSpec

CHAT = {"id": 5_000_000_001, "type": "private"}
MESSAGE = {"message_id": 7, "date": 1_788_264_000, "chat": CHAT, "text": "hello"}
ACCOUNT = {
    "droplet_limit": 25,
    "floating_ip_limit": 3,
    "email": "a@shop.example",
    "uuid": "u",
    "email_verified": True,
    "status": "active",
    "status_message": " ",
}


@pytest.fixture(scope="module")
def telegram(shared: Path) -> TelegramSpec:
    return telegram_spec(shared)


@pytest.fixture(scope="module")
def digitalocean(shared: Path) -> OpenApiSpec:
    return OpenApiSpec.read(shared / "specs" / "digitalocean.readonly.json")


@pytest.mark.parametrize(
    ("method", "result", "faults"),
    [
        pytest.param("sendMessage", MESSAGE, [], id="a right message"),
        pytest.param(
            "getMe",
            {"id": 1, "first_name": "B"},
            ["getMe.is_bot: required in User, and missing"],
            id="a field is missing",
        ),
        pytest.param("editMessageText", None, ["editMessageText: None is no Message"], id="null in place of a message"),
        pytest.param("answerCallbackQuery", None, ["answerCallbackQuery: None is no Boolean"], id="null for true"),
        pytest.param(
            "sendMessage", MESSAGE | {"date": True}, ["sendMessage.date: True is no Integer"], id="true is no 1"
        ),
        pytest.param(
            "sendMessage", MESSAGE | {"txt": "x"}, ["sendMessage.txt: no such field in Message"], id="an unknown field"
        ),
        pytest.param(
            "sendMessage",
            MESSAGE | {"chat": CHAT | {"type": "cave"}},
            ["sendMessage.chat.type: 'cave' is none of ['private', 'group', 'supergroup', 'channel']"],
            id="a word that is not among the choices",
        ),
        pytest.param(
            "sendMessage",
            MESSAGE | {"entities": [{"type": "bold", "offset": 0}]},
            ["sendMessage.entities[0].length: required in MessageEntity, and missing"],
            id="deep inside an array",
        ),
        pytest.param(
            "getChatMember",
            {"status": "kicked", "user": {"id": 1, "is_bot": False, "first_name": "A"}},
            ["getChatMember.until_date: required in ChatMemberBanned, and missing"],
            id="the nearest of several types is named",
        ),
        pytest.param("getUpdates", {}, ["getUpdates: {} is no array"], id="no array"),
    ],
)
def test_a_wrong_result_is_found(telegram: TelegramSpec, method: str, result: object, faults: list[str]) -> None:
    assert telegram.answer(method, 200, {"ok": True, "result": result}) == faults


@pytest.mark.parametrize(
    ("params", "faults"),
    [
        pytest.param({"chat_id": "5", "text": "x", "disable_notification": "True"}, [], id="as strings"),
        pytest.param({"chat_id": 5, "text": "x", "disable_notification": True}, [], id="as JSON"),
        pytest.param({"chat_id": 5}, ["sendMessage.text: required, and missing"], id="required"),
        pytest.param({"chat_id": 5, "text": "x", "silent": 1}, ["sendMessage.silent: no such parameter"], id="unknown"),
        pytest.param({"chat_id": 5, "text": ""}, ["sendMessage.text: 0 characters, not 1 to 4096"], id="length"),
        pytest.param(
            {"chat_id": 5, "text": "&lt;" * 2000, "parse_mode": "HTML"}, [], id="length before parsing is free"
        ),
        pytest.param(
            {"chat_id": 5, "text": "x", "message_thread_id": "soon"},
            ["sendMessage.message_thread_id: 'soon' is no Integer"],
            id="no number",
        ),
        pytest.param(
            {"chat_id": 5, "text": "x", "reply_markup": '{"inline_keyboard":[[{"text":"a","callback_data":""}]]}'},
            ["sendMessage.reply_markup.inline_keyboard[0][0].callback_data: 0 bytes, not 1 to 64"],
            id="structures inside strings are read",
        ),
    ],
)
def test_a_wrong_request_is_found(telegram: TelegramSpec, params: dict[str, object], faults: list[str]) -> None:
    assert telegram.request("sendMessage", params) == faults


def test_an_unknown_method_and_a_crooked_refusal_are_found(telegram: TelegramSpec) -> None:
    assert telegram.request("sendPigeon", {}) == ["sendPigeon: no such method"]
    limited: dict[str, object] = {"ok": False, "error_code": 429, "description": "Too Many Requests: retry after 3"}
    assert telegram.answer("getMe", 429, limited | {"parameters": {"retry_after": 3}}) == []
    assert len(telegram.answer("getMe", 429, limited | {"parameters": {"retry_after": "3"}})) == 1
    assert len(telegram.answer("getMe", 400, limited)) == 1
    assert len(telegram.answer("getMe", 500, {"message": "oops"})) == 2


@pytest.mark.parametrize(
    ("change", "faults"),
    [
        ({}, []),
        ({"status": "banned"}, ["/v2/account.account.status: 'banned' is none of ['active', 'warning', 'locked']"]),
        ({"email_verified": "yes"}, ["/v2/account.account.email_verified: 'yes' is no boolean"]),
        ({"droplet_limit": True}, ["/v2/account.account.droplet_limit: True is no integer"]),
        ({"team": None}, ["/v2/account.account.team: None is no object"]),
    ],
)
def test_a_wrong_account_is_found(digitalocean: OpenApiSpec, change: dict[str, Any], faults: list[str]) -> None:
    assert digitalocean.answer("/v2/account", 200, {"account": ACCOUNT | change}) == faults


def test_a_wrong_listing_and_query_are_found(digitalocean: OpenApiSpec) -> None:
    assert digitalocean.answer("/v2/droplets", 200, {"droplets": [], "links": {}, "meta": {"total": 0}}) == []
    assert digitalocean.answer("/v2/droplets", 200, {"droplets": [], "links": {}}) == [
        "/v2/droplets.meta: required, and missing"
    ]
    assert digitalocean.answer("/v2/droplets", 401, {"id": "unauthorized"}) == [
        "/v2/droplets.message: required, and missing"
    ]
    assert digitalocean.query("/v2/droplets", {"per_page": "200", "type": "gpus"}) == []
    assert digitalocean.query("/v2/droplets", {"per_page": "201"}) == ["/v2/droplets?per_page: 201 is out of bounds"]
    assert digitalocean.query("/v2/droplets", {"size": "1"}) == ["/v2/droplets?size: no such parameter"]
