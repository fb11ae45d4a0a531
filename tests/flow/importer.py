"""A small shop, and ``coverwatch import`` run over it in this process."""

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner
from sqlalchemy import Executable, Select

from monitor.cli import cli
from monitor.cli.shell import faults_to_words
from monitor.store.engine import connect

CONFIG = """
[store]
url = "{url}"

[shop]
language = "zh"

[tiers.vpn-eu]
niche = "vpn"
rank = 10

[tiers.vpn-eu-plus]
niche = "vpn"
rank = 20

[tiers.do-basic]
niche = "vps"
rank = 10
provider = "digitalocean"

[tiers.sms-uk]
niche = "sms"
rank = 10

[providers.digitalocean]
kind = "digitalocean"

[notifier]
kind = "console"
"""


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    status: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """Give what ``--json`` printed."""
        found: dict[str, Any] = json.loads(self.out)
        return found


@dataclass(frozen=True)
class Shop:
    """A folder with a configuration, and a database."""

    folder: Path
    url: str

    @classmethod
    def opened(cls, folder: Path, url: str) -> "Shop":
        """Write the configuration."""
        (folder / "monitor.toml").write_text(CONFIG.format(url=url))
        return cls(folder, url)

    def file(self, words: str | bytes, name: str = "rows.csv") -> Path:
        """Write a file to import."""
        path = self.folder / name
        path.write_bytes(words if isinstance(words, bytes) else words.encode())
        return path

    def imports(self, kind: str, words: str | bytes, *options: str, name: str = "rows.csv") -> Ended:
        """Import what a file says."""
        return self.runs(kind, str(self.file(words, name)), *options)

    def runs(self, *words: str, stdin: bytes = b"") -> Ended:
        """Run ``coverwatch import`` with these words."""
        status: Any = 0
        config = ["--config", str(self.folder / "monitor.toml")]
        with CliRunner().isolation(input=stdin) as streams:
            try:
                with faults_to_words():
                    cli(["import", *words, *config], prog_name="coverwatch")
            except SystemExit as end:
                status = end.code or 0
        out, err = (stream.getvalue().decode() for stream in streams[:2])
        return Ended(int(status), out, err.replace(f"{self.folder}/", ""))

    def reads(self, query: Select[Any]) -> list[tuple[Any, ...]]:
        """Read rows from the database."""

        async def read() -> list[tuple[Any, ...]]:
            store = await connect(self.url)
            try:
                async with store.read() as connection:
                    return [tuple(row) for row in await connection.execute(query)]
            finally:
                await store.close()

        return asyncio.run(read())

    def writes(self, *statements: Executable) -> None:
        """Change the database behind the back of the import."""

        async def write() -> None:
            store = await connect(self.url)
            try:
                async with store.write() as connection:
                    for statement in statements:
                        await connection.execute(statement)
            finally:
                await store.close()

        asyncio.run(write())
