"""Reads monitor.toml: ``load(path)`` gives settings, or one error with every fault in the operator's terms."""

import os
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ValidationError

from config.credentials import credentials
from config.faults import EX_CONFIG, ConfigError, faults_of
from config.policy import load_policy
from config.settings import Settings
from monitor.core.coverage import Policy
from monitor.core.secret import Secret

__all__ = ["EX_CONFIG", "Config", "ConfigError", "Settings", "load", "load_policy"]

LONGEST_SECRET = 65_536


@dataclass(frozen=True, slots=True)
class Config:
    """Settings, the policy they name, and the folder that relative paths start from."""

    path: Path
    settings: Settings
    policy: Policy

    @property
    def store_url(self) -> str:
        """Give the database URL; a relative SQLite path starts at the file's folder."""
        url = self.settings.store.url
        scheme, found, path = url.partition(":///")
        if found and scheme.startswith("sqlite") and path and not path.startswith("/"):
            return f"{scheme}:///{self.path.parent.absolute() / path}"
        return url

    def secret_file(self, name: str) -> Path:
        """Give where a secret is kept: systemd's credentials first, then ``secrets.directory``."""
        folder = os.environ.get("CREDENTIALS_DIRECTORY")
        if folder:
            for candidate in (Path(folder) / name, *sorted(Path(folder).glob(f"*_{name}"))):
                if candidate.is_file():
                    return candidate
        return self.path.parent / self.settings.secrets.directory / name

    def secret(self, name: str) -> Secret:
        """Read a secret file; :class:`ConfigError` where there is none."""
        file = self.secret_file(name)
        try:
            with file.open("rb") as opened:
                value = opened.read(LONGEST_SECRET + 1)
        except OSError as fault:
            raise ConfigError([f"secret {name!r}: {file} cannot be read: {fault.strerror}"]) from None
        words = value.decode(errors="replace").strip()
        if not words or len(value) > LONGEST_SECRET or "\x00" in words:
            raise ConfigError([f"secret {name!r}: {file} holds no usable value; write the secret alone on one line"])
        return Secret(words)


def load(path: Path, *, secrets: bool = True) -> Config:
    """Read a configuration file with the policy and the secrets it names; every fault at once in a ConfigError.

    Without ``secrets`` their files are not looked at: whoever only reads the database needs none.
    """
    try:
        table = tomllib.loads(path.read_bytes().decode())
    except OSError as fault:
        raise ConfigError([f"{path}: cannot be read: {fault.strerror}"]) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as fault:
        raise ConfigError([f"{path}: is not TOML: {fault}"]) from None
    faults: list[str] = []
    settings: Settings | None = None
    try:
        settings = Settings(**table)
    except ValidationError as fault:
        faults += faults_of(fault, known=_names(Settings))
    policy: Policy | None = None
    named = table.get("policy")
    file = named.get("file") if isinstance(named, dict) else None
    try:
        policy = load_policy(path.parent / file if isinstance(file, str) else None)
    except ConfigError as fault:
        faults += fault.faults
    if settings is None or policy is None:
        raise ConfigError(faults)
    config = Config(path, settings, policy)
    for each in credentials(settings) if secrets else ():
        try:
            wrong = each.fault(config.secret(each.name))
        except ConfigError as fault:
            faults += fault.faults
        else:
            faults += [f"{each.place}: {wrong}"] if wrong else []
    if faults:
        raise ConfigError(faults)
    return config


def _names(model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield name
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _names(field.annotation)
