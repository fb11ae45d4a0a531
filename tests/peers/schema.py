"""Answers made from an OpenAPI description: with as little as it demands, all that it knows, every null it allows."""

import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Schema = Mapping[str, Any]

SAMPLES = {
    "date-time": "2026-11-23T12:00:00Z",
    "date": "2026-11-23",
    "uuid": "00000000-0000-4000-8000-000000000001",
    "uri": "https://provider.example/",
    "email": "anna@shop.example",
    "ipv4": "203.0.113.7",
    "ipv6": "2001:db8::7",
}
DEEPEST = 12


@dataclass(frozen=True)
class Description:
    """An OpenAPI description."""

    document: Schema

    @classmethod
    def read(cls, path: Path) -> "Description":
        return cls(json.loads(path.read_text()))

    def follow(self, schema: Schema) -> Schema:
        while "$ref" in schema:
            found: Any = self.document
            for step in schema["$ref"].removeprefix("#/").split("/"):
                found = found[step.replace("~1", "/").replace("~0", "~")]
            schema = found
        return schema

    def answer(self, path: str, status: str = "200") -> Schema:
        """Give the schema of what a path answers."""
        response = self.follow(self.document["paths"][path]["get"]["responses"][status])
        content = response["content"]
        found: Schema = (content.get("application/json") or next(iter(content.values())))["schema"]
        return found

    def parameters(self, path: str) -> set[str]:
        """Give the names of what a path may be asked with."""
        there = self.document["paths"][path]
        listed = [*there.get("parameters", []), *there["get"].get("parameters", [])]
        return {self.follow(each)["name"].casefold() for each in listed}


@dataclass(frozen=True)
class Taste:
    """How an answer is made: the chance (0 to 1) of each optional key, and of each null that is allowed."""

    optional: float
    null: float


@dataclass
class Maker:
    """Makes answers."""

    description: Description
    taste: Taste
    chance: random.Random

    def make(self, schema: Schema, depth: int = 0) -> Any:
        schema = self.description.follow(schema)
        if schema.get("nullable") and self.chance.random() < self.taste.null:
            return None
        parts = [*schema.get("allOf", ()), *(self.chance.choice(schema[key]) for key in CHOICES if key in schema)]
        if parts:
            own = {name: value for name, value in schema.items() if name not in {"allOf", *CHOICES}}
            return _merge([self.make(part, depth) for part in ([*parts, own] if "properties" in own else parts)])
        return self.chance.choice(schema["enum"]) if "enum" in schema else self._plain(schema, depth)

    def _plain(self, schema: Schema, depth: int) -> Any:
        match schema.get("type", "object"):
            case "object":
                return {
                    name: self.make(each, depth + 1)
                    for name, each in schema.get("properties", {}).items()
                    if name in schema.get("required", ()) or (depth < DEEPEST and self._likes())
                }
            case "array":
                number = schema.get("minItems", 1 if depth < DEEPEST and self._likes() else 0)
                return [self.make(schema.get("items", {}), depth + 1) for _ in range(min(number, 3))]
            case "string" if schema.get("format") in SAMPLES:
                return SAMPLES[schema["format"]]
            case kind:
                return self.chance.choice(PLAIN[kind])

    def _likes(self) -> bool:
        return self.chance.random() < self.taste.optional


CHOICES = ("oneOf", "anyOf")
PLAIN: dict[str, list[Any]] = {
    "integer": [0, 1, 2**31, 81920],
    "number": [0, 0.5, 4096.0, -3.25],
    "boolean": [True, False],
    "string": ["", "word", "203.0.113.7", "two\nlines"],
}


def _merge(parts: list[Any]) -> Any:
    objects = [part for part in parts if isinstance(part, dict)]
    return {name: value for part in objects for name, value in part.items()} if objects else parts[0]


def answers(description: Description, schema: Schema, mixed: int = 200) -> Iterator[Any]:
    """Make answers: bare, full, full of nulls, and so many in between."""
    chance = random.Random(20261123)
    for taste in (Taste(0, 0), Taste(1, 0), Taste(1, 1), Taste(0, 1)):
        for _ in range(10):
            yield Maker(description, taste, chance).make(schema)
    for _ in range(mixed):
        yield Maker(description, Taste(chance.random(), chance.random()), chance).make(schema)


def faults(description: Description, schema: Schema, value: Any, at: str = "$") -> Iterator[str]:
    """Name where a value does not keep to a schema: kinds, required keys, and words of a closed list."""
    schema = description.follow(schema)
    if value is None and (schema.get("nullable") or None in schema.get("enum", ())):
        return
    for part in schema.get("allOf", ()):
        yield from faults(description, part, value, at)
    for key in CHOICES:
        if key in schema and not any(not list(faults(description, each, value, at)) for each in schema[key]):
            yield f"{at}: none of {key}"
    if value not in schema.get("enum", (value,)):
        yield f"{at}: {value!r} is none of its words"
    if _is_a(schema.get("type"), value):
        yield from _faults_inside(description, schema, value, at)
    else:
        yield f"{at}: {value!r} is no {schema['type']}"


def _faults_inside(description: Description, schema: Schema, value: Any, at: str) -> Iterator[str]:
    if isinstance(value, dict):
        yield from (f"{at}.{name}: missing" for name in schema.get("required", ()) if name not in value)
        known = schema.get("properties", {})
        for name in known.keys() & value.keys():
            yield from faults(description, known[name], value[name], f"{at}.{name}")
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from faults(description, schema.get("items", {}), each, f"{at}[{number}]")


KINDS: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
}


def _is_a(kind: str | None, value: Any) -> bool:
    if kind is None:
        return True
    return isinstance(value, KINDS[kind]) and (kind == "boolean" or not isinstance(value, bool))
