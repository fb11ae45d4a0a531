"""The types of monitor.toml: durations, networks, endpoints, and secrets that are files and never values."""

import re
from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, StringConstraints

from monitor.core.fleet import Network
from monitor.core.words import parse_duration, parse_endpoint, parse_network


def _secret_name(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", value):
        raise ValueError(f"{value!r} is not the name of a secret file: letters, digits, dots and dashes, no folders")
    return value


def _positive(value: timedelta) -> timedelta:
    if value <= timedelta():
        raise ValueError("must be longer than nothing")
    return value


Duration = Annotated[timedelta, BeforeValidator(parse_duration), AfterValidator(_positive)]
Range = Annotated[Network, BeforeValidator(parse_network)]
Endpoint = Annotated[tuple[str, int], BeforeValidator(parse_endpoint)]
SecretName = Annotated[str, AfterValidator(_secret_name)]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]*$", max_length=64)]
