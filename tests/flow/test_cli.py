"""What a user of the command line sees: tables, documents, exit statuses, and plain words where something is wrong."""

import asyncio
import json
import re
import resource
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text, update

from monitor.cli import COMMANDS
from monitor.store.engine import connect
from monitor.store.tables import reservation
from tests.flow.program import PROGRAM, Running, coverwatch, program, running
from tests.store.shop import HOUR, broken, rule, sell, shelve

TOKEN = "1000001:fake-fake-fake-fake-fake-fake-fake"

CONFIG = """
[shop]
name = "The <small> shop"

[store]
url = "sqlite:///data/coverwatch.sqlite"

[web]
listen = "127.0.0.1:0"

[tiers.vpn-eu]
niche = "vpn"
rank = 10

[notifier]
kind = "console"
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Give a configuration that is good, for a shop without any deliveries."""
    file = tmp_path / "monitor.toml"
    file.write_text(CONFIG)
    return file


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the configuration of a shop where one order has a case, one is sound, and one failed too late."""
    file = tmp_path_factory.mktemp("story") / "monitor.toml"
    file.write_text(CONFIG)

    async def write() -> None:
        store = await connect(f"sqlite:///{file.parent}/data/coverwatch.sqlite")
        sick, _ = await sell(store, "INV-1", "INV-2")
        [late] = await sell(store, "INV-3", ago=48 * HOUR)
        await shelve(store, "spare-1", "spare-2")
        await rule(store, broken(sick), broken(late))
        async with store.write() as connection:
            # The story is of long ago, and the daemon looks at it today: the spare is still set aside.
            await connection.execute(update(reservation).values(expires_at=None))
        await store.close()

    asyncio.run(write())
    return file


def failed(status: int, err: str) -> list[str]:
    """Check that a command failed in plain words, and give them line by line."""
    assert status != 0
    assert "Traceback" not in err
    return err.splitlines()


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str) -> None:
    helped = coverwatch(name, "--help")
    assert helped.status == 0
    assert "Usage: coverwatch" in helped.out


def test_the_version_and_the_commands_are_told() -> None:
    assert coverwatch("--version").out.startswith("coverwatch, version ")
    helped = coverwatch("--help")
    assert helped.status == 0
    assert all(name in helped.out for name in COMMANDS)


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(["nonsense"], id="no such command"),
        pytest.param(["cases", "show"], id="a missing argument"),
        pytest.param(["cases", "show", "first"], id="a word for a number"),
        pytest.param(["cases", "list", "--limit", "0"], id="a limit of nothing"),
        pytest.param(["demo", "--for", "soon"], id="no duration"),
    ],
)
def test_a_command_that_makes_no_sense_is_a_usage_error(words: list[str]) -> None:
    ended = coverwatch(*words)
    assert ended.status == 2
    assert ended.err.startswith("Usage: ")


def test_a_good_configuration_is_summed_up(config: Path) -> None:
    ended = coverwatch("config", "check", "--config", config)
    assert ended.status == 0
    assert f"{config} is good: 1 tiers" in ended.out
    assert coverwatch("config", "check", "--config", config, "--json").document["ok"] is True


def test_the_example_is_good() -> None:
    example = Path(__file__).parents[2] / "config" / "example.toml"
    assert coverwatch("config", "check", "--without-secrets", "--config", example).status == 0


FAULTY = """
speed = "high"

[shop]
time_zone = "Mars/Olympus"
langage = "en"

[store]
url = "mysql://host/shop"

[rhythm]
blocklists = "often"
accounts = "0s"

[tiers.do-basic]
niche = "vpss"
rank = -1

[tiers.do-large]
niche = "vps"
rank = 20
provider = "digitalocean"

[notifier]
kind = "telegram"
token = "telegram_token"
"""


def test_every_fault_of_a_configuration_is_told_at_once_with_its_place_and_remedy(tmp_path: Path) -> None:
    file = tmp_path / "monitor.toml"
    file.write_text(FAULTY)
    ended = coverwatch("config", "check", "--config", file)
    assert ended.status == 78
    told = failed(ended.status, ended.err)
    assert ended.out == ""
    assert all(line.startswith("coverwatch: ") for line in told)
    for place, remedy in (
        ("speed: ", "unknown key"),
        ("shop.langage: ", "did you mean 'language'?"),
        ("shop.time_zone: ", "write one such as Asia/Singapore"),
        ("store.url: ", "write sqlite:///file or postgresql://host/name"),
        ("rhythm.blocklists: ", "write 90s, 15m, 6h or 30d"),
        ("rhythm.accounts: ", "must be longer than nothing"),
        ("tiers.do-basic.niche: ", "write 'vps'"),
        ("tiers.do-basic.rank: ", "greater than or equal to 0"),
    ):
        assert [line for line in told if place in line and remedy in line], (place, remedy, told)
    document = coverwatch("config", "check", "--config", file, "--json")
    assert document.status == 78
    assert [f"coverwatch: {fault}" for fault in document.document["faults"]] == told


def test_a_missing_secret_is_named_with_the_file_that_should_hold_it(config: Path) -> None:
    config.write_text(CONFIG.replace('kind = "console"', 'kind = "telegram"\ntoken = "bot_token"'))
    ended = coverwatch("config", "check", "--config", config)
    assert ended.status == 78
    [told] = failed(ended.status, ended.err)
    assert f"secret 'bot_token': {config.parent}/secrets/bot_token cannot be read" in told
    assert coverwatch("config", "check", "--without-secrets", "--config", config).status == 0
    (config.parent / "secrets").mkdir()
    (config.parent / "secrets" / "bot_token").write_text(f"{TOKEN}\n")
    checked = coverwatch("config", "check", "--config", config)
    assert checked.status == 0
    assert TOKEN not in checked.out


UNFIT = """
[web]
api = "short"
[secrets]
key = "no_key"
[handover]
key = "no_key"
[notifier]
kind = "telegram"
"""


def test_secrets_that_cannot_be_what_they_are_named_for_are_told_all_at_once(tmp_path: Path) -> None:
    file = tmp_path / "monitor.toml"
    file.write_text(UNFIT)
    (tmp_path / "secrets").mkdir()
    for name, words in (("short", "0f" * 15), ("no_key", "0f" * 31), ("telegram_token", TOKEN)):
        (tmp_path / "secrets" / name).write_text(words)
    ended = coverwatch("config", "check", "--config", file)
    assert ended.status == 78
    assert failed(ended.status, ended.err) == [
        "coverwatch: handover.key: the key that secrets are sealed with must be 64 hexadecimal digits; see: stock key",
        "coverwatch: secrets.key: the key that secrets are sealed with must be 64 hexadecimal digits; see: stock key",
        "coverwatch: web.api: the token has less than 32 characters; make one with: openssl rand -hex 32",
    ]
    for name, words in (("short", "0f" * 16), ("no_key", "0f" * 32)):
        (tmp_path / "secrets" / name).write_text(words)
    assert coverwatch("config", "check", "--config", file).status == 0


def test_tables_that_do_not_agree_are_told_all_at_once(tmp_path: Path) -> None:
    file = tmp_path / "monitor.toml"
    tier = '[tiers.one]\nniche = "vps"\nrank = 1\nprovider = "nobody"\n'
    file.write_text(f'{tier}[web]\napi = "token"\n[notifier]\nkind = "console"\n')
    ended = coverwatch("config", "check", "--config", file)
    assert failed(ended.status, ended.err) == [
        "coverwatch: tiers.one.provider: 'nobody' is no table of [providers]",
        'coverwatch: web.api: it makes links to a bot; write notifier.kind = "telegram", or remove it',
    ]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param(None, "cannot be read: No such file or directory", id="not there"),
        pytest.param(b"[shop\n", "is not TOML", id="not TOML"),
        pytest.param(b"\xff\xfe\x00", "is not TOML", id="not text"),
        pytest.param(b"", "notifier: is missing", id="empty"),
        pytest.param(b"notifier = 3", "notifier: ", id="a number for a table"),
    ],
)
@pytest.mark.parametrize("command", [["config", "check"], ["run"], ["cases", "list"], ["deliveries", "list"]])
def test_a_configuration_that_cannot_be_used_ends_every_command_with_78(
    tmp_path: Path, content: bytes | None, says: str, command: list[str]
) -> None:
    file = tmp_path / "monitor.toml"
    if content is not None:
        file.write_bytes(content)
    ended = coverwatch(*command, "--config", file)
    assert ended.status == 78
    assert any(says in line for line in failed(ended.status, ended.err))
    # Nothing was half started.
    assert [path.name for path in tmp_path.iterdir()] in ([], ["monitor.toml"])


def test_a_folder_is_no_configuration(tmp_path: Path) -> None:
    ended = coverwatch("run", "--config", tmp_path)
    assert failed(ended.status, ended.err)


def test_an_empty_shop_says_what_to_do_next(config: Path) -> None:
    for group, hint in (
        ("deliveries", "coverwatch import deliveries FILE"),
        ("stock", "coverwatch import stock FILE"),
        ("cases", "nothing is owed"),
    ):
        ended = coverwatch(group, "list", "--config", config)
        assert ended.status == 0
        assert ended.out == ""
        assert hint in ended.err
        assert coverwatch(group, "list", "--json", "--config", config).document == []


def test_deliveries_are_listed_as_a_table_for_pipes_and_as_a_document(story: Path) -> None:
    head, *rows = coverwatch("deliveries", "list", "--config", story).out.splitlines()
    assert head.split("\t")[:3] == ["ORDER", "ITEM", "CUSTOMER"]
    assert [row.split("\t")[0] for row in rows] == ["INV-1", "INV-2", "INV-3"]
    document = coverwatch("deliveries", "list", "--json", "--config", story).document
    assert [(row["order"], row["customer"], row["case"]) for row in document] == [
        ("INV-1", "alice", 1),
        ("INV-2", "alice", None),
        ("INV-3", "alice", None),
    ]
    assert document[0]["delivered_at"] == "2026-05-25T11:00:00+00:00"
    assert len(coverwatch("deliveries", "list", "--limit", "2", "--json", "--config", story).document) == 2


def test_an_order_shows_its_cases_and_the_rulings_that_opened_none(story: Path) -> None:
    shown = coverwatch("deliveries", "show", "INV-1", "--config", story).out
    assert "case 1: range_listed, promised" in shown
    late = coverwatch("deliveries", "show", "INV-3", "--config", story).out
    assert "no case for range_listed: exclusions.after_window" in late
    [document] = coverwatch("deliveries", "show", "INV-3", "--json", "--config", story).document
    assert [ruling["clause"] for ruling in document["rulings"]] == ["exclusions.after_window"]


def test_a_case_tells_its_story(story: Path) -> None:
    told = coverwatch("cases", "show", "1", "--config", story).out
    for part in (
        "Case 1: range_listed of INV-1, promised",
        "clause defects.range_listed",
        "spare spare-1",
        "bl.example.net: spam",
        "3 of 3 lists answered",
        "open ",
        "approve ",
        "promise ",
        "case_opened to alice: ",
        "replacement_ready to alice: ",
    ):
        assert part in told
    document = coverwatch("cases", "show", "1", "--json", "--config", story).document
    assert [event["move"] for event in document["events"]] == ["open", "approve", "promise"]
    assert [held["unit"] for held in document["reservations"]] == ["spare-1"]
    assert [notice["kind"] for notice in document["notices"]] == ["case_opened", "replacement_ready"]


def test_cases_and_stock_are_listed(story: Path) -> None:
    [case] = coverwatch("cases", "list", "--json", "--config", story).document
    assert (case["order"], case["state"], case["spare"]) == ("INV-1", "promised", "spare-1")
    assert coverwatch("cases", "list", "--open", "--json", "--config", story).document == [case]
    stock = coverwatch("stock", "list", "--json", "--config", story).document
    assert [(each["unit"], each["place"], each["promised_to"]) for each in stock] == [
        ("spare-1", "shelf", 1),
        ("spare-2", "shelf", None),
    ]
    assert "spare-2" in coverwatch("stock", "list", "--tier", "vpn-eu", "--config", story).out
    assert coverwatch("stock", "show", "spare-1", "--json", "--config", story).document["promised_to"] == 1
    assert "promised to  1" in coverwatch("stock", "show", "spare-1", "--config", story).out


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        pytest.param(["deliveries", "show", "INV-9"], "coverwatch deliveries list", id="order"),
        pytest.param(["cases", "show", "9"], "coverwatch cases list", id="case"),
        pytest.param(["stock", "show", "spare-9"], "coverwatch stock list", id="spare"),
    ],
)
def test_what_is_not_there_is_said_with_the_way_to_what_is(story: Path, words: list[str], hint: str) -> None:
    ended = coverwatch(*words, "--config", story)
    assert ended.status == 1
    assert any(hint in line for line in failed(ended.status, ended.err))


def test_no_chat_is_shown_to_anybody(story: Path) -> None:
    for words in (["deliveries", "list"], ["deliveries", "show", "INV-1"], ["cases", "show", "1"], ["cases", "list"]):
        assert "5000000001" not in coverwatch(*words, "--json", "--config", story).out


def test_a_database_of_a_newer_version_is_refused_by_every_command(config: Path) -> None:
    async def age() -> None:
        store = await connect(f"sqlite:///{config.parent}/data/coverwatch.sqlite")
        async with store.write() as connection:
            await connection.execute(text("update alembic_version set version_num = '9999'"))
        await store.close()

    asyncio.run(age())
    for words in (["run"], ["cases", "list"], ["deliveries", "list", "--json"]):
        ended = coverwatch(*words, "--config", config)
        assert ended.status == 1
        assert "written by a newer coverwatch" in "".join(failed(ended.status, ended.err))


def test_a_damaged_database_is_told_in_one_line(config: Path) -> None:
    (config.parent / "data").mkdir()
    (config.parent / "data" / "coverwatch.sqlite").write_text("no database " * 500)
    ended = coverwatch("cases", "list", "--config", config)
    assert ended.status == 1
    assert len(failed(ended.status, ended.err)) == 1


def test_on_a_full_disk_the_daemon_says_so_and_leaves_nothing_half_done(config: Path) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (16_384, 16_384))

    ended = program("run", "--config", config, preexec_fn=limit)
    assert ended.status == 1
    [told] = failed(ended.status, ended.err)
    assert "cannot open the database" in told
    # With room again it starts from nothing.
    assert coverwatch("cases", "list", "--config", config).status == 0


def test_whoever_has_seen_enough_may_close_the_pipe(story: Path) -> None:
    with subprocess.Popen(
        [PROGRAM, "deliveries", "list", "--config", story], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""


@pytest.fixture(scope="module")
def daemon(story: Path) -> Iterator[tuple[Running, str]]:
    """Run the daemon of the shop with the story; give it with its address."""
    with running("run", "--config", story) as process:
        line = process.until('"ready"')
        yield process, json.loads(line)["console"]
        assert process.stop(signal.SIGTERM) == 0
        assert "Traceback" not in "".join(process.lines)
        assert '"stopped"' in process.lines[-1]


def fetch(url: str, method: str = "GET") -> tuple[int, str]:
    with urllib.request.urlopen(urllib.request.Request(url, method=method)) as answer:  # noqa: S310 - our own server on loopback
        return answer.status, answer.read().decode()


def test_a_second_daemon_on_the_same_file_names_the_first_and_ends(daemon: tuple[Running, str], story: Path) -> None:
    process, _ = daemon
    ended = coverwatch("run", "--config", story)
    assert ended.status == 1
    [told] = failed(ended.status, ended.err)
    assert f"is in use by process {process.process.pid};" in told


def test_commands_read_while_the_daemon_runs(daemon: tuple[Running, str], story: Path) -> None:
    assert daemon[0].process.poll() is None
    assert [case["number"] for case in coverwatch("cases", "list", "--json", "--config", story).document] == [1]


@pytest.mark.parametrize("path", ["-/healthy", "-/ready"])
def test_health_is_told_to_get_and_head(daemon: tuple[Running, str], path: str) -> None:
    _, console = daemon
    assert fetch(console + path) == (200, f"coverwatch is {'alive' if path == '-/healthy' else 'ready'}\n")
    assert fetch(console + path, "HEAD") == (200, "")


def test_metrics_are_in_the_format_of_prometheus(daemon: tuple[Running, str]) -> None:
    _, console = daemon
    status, page = fetch(console + "metrics")
    assert status == 200
    samples = [line for line in page.splitlines() if line and not line.startswith("#")]
    sample = re.compile(r'[a-z_]+(\{([a-z_]+="[^"]*",?)*\})? [-+0-9.e]+', re.IGNORECASE)
    assert [line for line in samples if not sample.fullmatch(line)] == []
    assert 'coverwatch_cases{state="promised"} 1.0' in samples
    assert 'coverwatch_spares{condition="reserved",tier="vpn-eu"} 1.0' in samples


@pytest.mark.wide
def test_promtool_finds_no_fault_with_the_metrics(daemon: tuple[Running, str], real_part: Callable[[str], str]) -> None:
    promtool = real_part("promtool")
    _, page = fetch(daemon[1] + "metrics")
    checked = subprocess.run([promtool, "check", "metrics"], input=page, capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


def test_the_console_shows_what_is_owed_and_nothing_secret(daemon: tuple[Running, str]) -> None:
    _, console = daemon
    status, overview = fetch(console)
    assert status == 200
    assert "INV-1" in overview
    assert "The &lt;small&gt; shop" in overview
    status, case = fetch(console + "cases/1")
    assert status == 200
    assert "spare-1" in case
    for page in (overview, case):
        assert "5000000001" not in page
        assert "<script" not in page
    with pytest.raises(urllib.error.HTTPError, match="404"):
        fetch(console + "cases/99")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_daemon_ends_cleanly_when_it_is_asked_to(config: Path, number: signal.Signals) -> None:
    with running("run", "--config", config) as process:
        process.until('"ready"')
        assert process.stop(number) == 0
        assert "Traceback" not in "".join(process.lines)


def test_the_daemon_takes_over_a_new_policy_when_it_is_hung_up_on_and_refuses_a_faulty_one(config: Path) -> None:
    with running("run", "--config", config) as process:
        process.until('"ready"')
        config.write_text(CONFIG.replace("rank = 10", 'rank = "high"'))
        process.process.send_signal(signal.SIGHUP)
        assert "tiers.vpn-eu.rank" in process.until('"reload_refused"')
        config.write_text(CONFIG.replace("rank = 10", "rank = 11"))
        process.process.send_signal(signal.SIGHUP)
        process.until('"reloaded"')
        assert process.stop(signal.SIGTERM) == 0
