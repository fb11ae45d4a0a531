"""A canary search: the bot's token, the providers' keys and the chats of people are in no log, metric or page."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from monitor.core.notice import Kind
from monitor.demo.botapi.faults import HTML_PAGE, INTERNAL_ERROR, refuse_once
from monitor.demo.digitalocean import EdgePage, Well
from monitor.demo.listing import Dead
from monitor.demo.script import SPAM, WORLD
from monitor.demo.world import TOKEN
from tests.flow.life import shop, spare_account, spare_range, vpn, vps
from tests.flow.program import PROGRAM

CHECKOUT = Path(__file__).parents[2]
OPENED, READY = Kind.CASE_OPENED, Kind.REPLACEMENT_READY


@asynccontextmanager
async def daemon(config: Path, said: list[str]) -> AsyncIterator[str]:
    """Run the daemon as a program that says as much as it can; give the address of its console."""
    process = await asyncio.create_subprocess_exec(
        PROGRAM, "run", "--verbose", "--config", config,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        async for line in process.stdout:
            said.append(line.decode())
            if '"ready"' in said[-1]:
                break
        rest = asyncio.create_task(_read(process.stdout, said))
        yield json.loads(said[-1])["console"]
        process.terminate()
        await rest
        assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _read(stream: asyncio.StreamReader, said: list[str]) -> None:
    said.extend([line.decode() async for line in stream])


async def test_no_secret_and_no_chat_is_in_any_log_line_metric_or_page(tmp_path: Path) -> None:
    listed, locked = vpn("INV-1", "alice"), vps("INV-2", "bogdan")
    blocked, url = vpn("INV-3", "chen"), f"sqlite:///{tmp_path}/coverwatch.sqlite"
    said: list[str] = []
    pages: list[str] = []
    things = (listed, locked, blocked, spare_range("spare-1"), spare_range("spare-2"), spare_account("spare-3"))
    async with shop(tmp_path, url, *things) as house, daemon(house.config.path, said) as console:
        world = house.world
        # Everything that can make somebody talk: refusals, broken answers, lost connections, people who left.
        refusals = (refuse_once(400, "Bad Request: can't parse entities"), refuse_once(401, "Unauthorized"))
        for fault in (HTML_PAGE, INTERNAL_ERROR, *refusals):
            world.bot.faults.add(fault, "sendMessage", chat=world.operators)
        world.bot.user_blocks(world.bot.users[house.chats["chen"]])
        world.digitalocean.trouble = EdgePage()
        world.zones.behave(WORLD, Dead())
        await house.after_sweeps(1)
        world.digitalocean.trouble = Well()
        for sold in (listed, blocked):
            world.zones.list(SPAM, str(sold.address))
        world.digitalocean.lock(locked.access)
        await house.until(lambda seen: seen.told("alice") == seen.told("bogdan") == [OPENED, READY])
        seen = await house.until(lambda seen: ("chen", OPENED, "unreachable") in seen.notices)
        async with aiohttp.ClientSession() as session:
            for path in ("metrics", "", *(f"cases/{case['number']}" for case in seen.cases), "-/ready"):
                async with session.get(console + path) as answer:
                    assert answer.status == 200
                    pages.append(await answer.text())
        keys = [account.token for account in world.digitalocean.accounts.values()]
        chats = [str(chat) for chat in (*house.chats.values(), world.operators)]
    everything = "".join(said) + "".join(pages)
    assert '"notice_sent"' in everything
    assert "coverwatch_notices_told_total" in everything
    for canary in (TOKEN, TOKEN.partition(":")[2], *keys, *chats):
        assert canary not in everything


FAILING = """
from monitor.telemetry import logger, set_up_logging
set_up_logging()
token = "not-a-real-secret"
try:
    len(token) / 0
except ArithmeticError:
    logger("part").exception("it_failed", url="https://api.example.org/bot1000001:" + "A" * 35 + "/getMe")
"""


@pytest.mark.parametrize("on_terminal", [True, False])
def test_a_traceback_shows_no_variables_and_no_url_shows_a_token(*, on_terminal: bool) -> None:
    ours, theirs = os.openpty()
    with os.fdopen(ours, "rb", buffering=0) as terminal:
        failed = subprocess.run(
            [sys.executable, "-c", FAILING],
            stderr=theirs if on_terminal else subprocess.PIPE, cwd=CHECKOUT, check=True,
        )  # fmt: skip
        os.close(theirs)
        said = (terminal.read(10_000) if on_terminal else failed.stderr).decode()
    assert "it_failed" in said
    assert "ZeroDivisionError" in said
    assert "not-a-real-secret" not in said
    assert "A" * 35 not in said
