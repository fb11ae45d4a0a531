"""Walkers over public API descriptions: they give the faults of a request or an answer, none if it conforms."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Any

from monitor.demo.botapi.journal import Exchange

LENGTH = re.compile(r"(\d+)-(\d+) (characters|bytes)")
CONSTANT = re.compile(r'(?:always "|[Tt]ype, must be |must be )(\w+)"?$')
CHOICE = re.compile(r'(?:can be|[Mm]ust be one of)(?: either)?( ".*)')
WORD = re.compile(r'"(\w+)"')
TRUTH = frozenset({"true", "false"})


class TelegramSpec:
    """The Bot API as its description has it: every method, type and field, and some limits out of the prose."""

    def __init__(self, path: Path) -> None:
        described = json.loads(path.read_text())
        self._methods: dict[str, Any] = described["methods"]
        self._types: dict[str, Any] = described["types"]

    def exchange(self, exchange: Exchange) -> list[str]:
        """Check one request and its answer, as the double recorded them."""
        faults = self.request(exchange.method, exchange.params)
        if exchange.answer is not None and exchange.status is not None:
            faults += self.answer(exchange.method, exchange.status, exchange.answer)
        return faults

    def request(self, method: str, params: Mapping[str, object]) -> list[str]:
        """Check the parameters of a request as they travel: all of them may be strings, of JSON where need be."""
        described = self._methods.get(method)
        if described is None:
            return [f"{method}: no such method"]
        fields = {field["name"]: field for field in described.get("fields", [])}
        faults = [f"{method}.{name}: no such parameter" for name in params if name not in fields]
        for name, field in fields.items():
            if name in params:
                parsed = "parse_mode" in params and "pars" in field["description"]
                faults += self._sent(params[name], field, f"{method}.{name}", limits=not parsed)
            elif field["required"]:
                faults.append(f"{method}.{name}: required, and missing")
        return faults

    def answer(self, method: str, status: int, body: Mapping[str, object]) -> list[str]:
        """Check a whole answer: its envelope, and the result or the parameters of the refusal."""
        if body.get("ok") is True and status == 200:
            return self.value(body.get("result"), self._methods[method]["returns"], method)
        faults = [] if body.get("ok") is False else [f"{method}: ok must be false in an answer of status {status}"]
        if body.get("error_code") != status or not isinstance(body.get("description"), str):
            faults.append(f"{method}: a refusal has error_code {status} and a description")
        if "parameters" in body:
            faults += self.value(body["parameters"], ["ResponseParameters"], f"{method}.parameters")
        return faults

    def value(self, value: object, types: list[str], where: str) -> list[str]:
        """Check a value against several types: it must be one of them; else the faults of the nearest are given."""
        tried = [list(self._of(value, name, where)) for name in types]
        return min(tried, key=len)

    def _of(self, value: object, name: str, where: str) -> Iterator[str]:
        if name.startswith("Array of "):
            if not isinstance(value, list):
                yield f"{where}: {value!r} is no array"
                return
            for place, item in enumerate(value):
                yield from self.value(item, [name.removeprefix("Array of ")], f"{where}[{place}]")
        elif name in SCALARS:
            if not SCALARS[name](value):
                yield f"{where}: {value!r} is no {name}"
        elif subtypes := self._types[name].get("subtypes"):
            likely = [subtype for subtype in subtypes if self._says_it_is(value, subtype)]
            yield from self.value(value, likely or subtypes, where)
        else:
            yield from self._object(value, name, where)

    def _object(self, value: object, name: str, where: str) -> Iterator[str]:
        if not isinstance(value, dict):
            yield f"{where}: {value!r} is no {name}"
            return
        fields = {field["name"]: field for field in self._types[name].get("fields", [])}
        yield from (f"{where}.{key}: no such field in {name}" for key in value if key not in fields)
        for key, field in fields.items():
            if key in value:
                yield from self.value(value[key], field["types"], f"{where}.{key}")
                yield from _prose(value[key], field, f"{where}.{key}")
            elif field["required"]:
                yield f"{where}.{key}: required in {name}, and missing"

    def _says_it_is(self, value: object, name: str) -> bool:
        """Tell whether an object names this type itself, by a field that has one value only in it."""
        only = {field["name"]: CONSTANT.search(field["description"]) for field in self._types[name].get("fields", [])}
        return isinstance(value, dict) and any(found and value.get(key) == found[1] for key, found in only.items())

    def _sent(self, value: object, field: Mapping[str, Any], where: str, *, limits: bool) -> list[str]:
        types: list[str] = field["types"]
        if isinstance(value, str) and "String" not in types:
            if types == ["InputFile"]:
                return []
            if types == ["Boolean"] and value.lower() in TRUTH:
                return []
            try:
                value = json.loads(value)
            except ValueError:
                return [f"{where}: {value!r} is no {' or '.join(types)}"]
        return self.value(value, types, where) + (list(_prose(value, field, where)) if limits else [])


SCALARS = {
    "Integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "Float": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "Boolean": lambda value: isinstance(value, bool),
    "String": lambda value: isinstance(value, str),
}


def _prose(value: object, field: Mapping[str, Any], where: str) -> Iterator[str]:
    """Check a string against what the description says in words: its length, its only value, its choice of values."""
    words: str = field["description"]
    if not isinstance(value, str) or "String" not in field["types"]:
        return
    if found := LENGTH.search(words):
        least, most, unit = int(found[1]), int(found[2]), found[3]
        length = len(value.encode()) if unit == "bytes" else len(value)
        if not least <= length <= most:
            yield f"{where}: {length} {unit}, not {least} to {most}"
    if (found := CONSTANT.search(words)) and field["name"] in {"type", "status", "source"} and value != found[1]:
        yield f"{where}: {value!r} is not {found[1]!r}"
    if (found := CHOICE.search(words)) and (choice := WORD.findall(found[1])) and value not in choice:
        yield f"{where}: {value!r} is none of {choice}"


@dataclass(frozen=True)
class OpenApiSpec:
    """A provider's API by its OpenAPI description, references resolved."""

    paths: dict[str, Any]

    @classmethod
    def read(cls, path: Path) -> "OpenApiSpec":
        """Read a description from its file."""
        return cls(json.loads(path.read_text())["paths"])

    def answer(self, path: str, status: int, body: object) -> list[str]:
        """Check the JSON body of an answer to GET."""
        responses = self.paths[path]["get"]["responses"]
        described = responses.get(str(status), responses.get("default"))
        if described is None:
            return [f"{path}: answers no {status}"]
        return list(_against(body, described["content"]["application/json"]["schema"], path))

    def query(self, path: str, query: Mapping[str, str]) -> list[str]:
        """Check the query of a request: every parameter known, and within its bounds."""
        known = {parameter["name"]: parameter["schema"] for parameter in self.paths[path]["get"].get("parameters", [])}
        faults = [f"{path}?{name}: no such parameter" for name in query if name not in known]
        for name in query.keys() & known.keys():
            value: object = int(query[name]) if known[name]["type"] == "integer" else query[name]
            faults += _against(value, known[name], f"{path}?{name}")
        return faults


JSON_TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
}
FORMATS = {"date-time": datetime.fromisoformat, "ipv4": IPv4Address, "ipv6": IPv6Address}


def _against(value: object, schema: Mapping[str, Any], where: str) -> Iterator[str]:
    if value is None and _nullable(schema):
        return
    for part in schema.get("allOf", []):
        yield from _against(value, part, where)
    for choice in ("anyOf", "oneOf"):
        tried = [list(_against(value, part, where)) for part in schema.get(choice, [])]
        yield from min(tried, key=len, default=[])
    wanted = schema.get("type")
    if wanted and (not isinstance(value, JSON_TYPES[wanted]) or (isinstance(value, bool) and wanted != "boolean")):
        yield f"{where}: {value!r} is no {wanted}"
        return
    # YAML reads an unquoted "off" as false, and so some descriptions offer false where they mean "off".
    choices = ["off" if choice is False else choice for choice in schema.get("enum", [])]
    if choices and value not in choices:
        yield f"{where}: {value!r} is none of {choices}"
    yield from _inside(value, schema, where)


def _inside(value: object, schema: Mapping[str, Any], where: str) -> Iterator[str]:
    match value:
        case dict():
            missing = [name for name in schema.get("required", []) if name not in value]
            yield from (f"{where}.{name}: required, and missing" for name in missing)
            for name in value.keys() & schema.get("properties", {}).keys():
                yield from _against(value[name], schema["properties"][name], f"{where}.{name}")
        case list():
            for place, item in enumerate(value):
                yield from _against(item, schema.get("items", {}), f"{where}[{place}]")
        case str():
            yield from _formatted(value, schema.get("format"), where)
        case bool() | None:
            pass
        case int() | float():
            yield from _measured(value, schema, where)


def _nullable(schema: Mapping[str, Any]) -> bool:
    parts = schema.get("allOf", [])
    return bool(schema.get("nullable")) or any(_nullable(part) for part in parts)


def _formatted(value: str, form: str | None, where: str) -> Iterator[str]:
    try:
        FORMATS.get(form or "", str)(value)
    except ValueError:
        yield f"{where}: {value!r} is no {form}"


def _measured(value: float, schema: Mapping[str, Any], where: str) -> Iterator[str]:
    if not schema.get("minimum", value) <= value <= schema.get("maximum", value):
        yield f"{where}: {value} is out of bounds"
    if value % schema.get("multipleOf", 1) and "multipleOf" in schema:
        yield f"{where}: {value} is no multiple of {schema['multipleOf']}"
