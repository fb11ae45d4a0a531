"""The engine and a real rbldnsd: thousands of questions, in good and bad weather, none lost and none wrong."""

import random
from collections.abc import Callable, Iterator
from ipaddress import IPv4Address, IPv6Address

import pytest

from checks.dns.engine import Engine, EngineOptions
from monitor.core.dnsxl import TEST_CLEAN_4, TEST_CLEAN_6, TEST_LISTED_4, TEST_LISTED_6, Addresses, NoSuchName, Reply
from tests.peers.dns_rbldnsd import rbldnsd
from tests.peers.dns_weather import weather

pytestmark = pytest.mark.wide

QUESTIONS = 20_000
SEED = 11


@pytest.fixture(scope="module")
def listed() -> dict[int, int]:
    """Give addresses and the codes they are listed with."""
    chance = random.Random(SEED)
    return {chance.getrandbits(32): 0x7F000002 + chance.randrange(10) for _ in range(5_000)}


@pytest.fixture(scope="module")
def server(real_part: Callable[[str], str], listed: dict[int, int]) -> Iterator[tuple[str, int]]:
    four = "".join(f"{IPv4Address(address)} :{IPv4Address(code)}:Seen $\n" for address, code in listed.items())
    six = "2001:db8:bad::/48 :127.0.0.4:Bad neighbours\n::ffff:7f00:2 :127.0.0.2:Test entry\n"
    zones = {
        "four.test": ("ip4set", f"127.0.0.2 :127.0.0.2:Test entry\n{four}"),
        "six.test": ("ip6trie", six),
    }
    with rbldnsd(real_part("rbldnsd"), zones) as address:
        yield address


async def _ask(address: tuple[str, int], listed: dict[int, int], options: EngineOptions) -> Engine:
    """Ask about as many listed as other addresses, and hold every reply against the list."""
    chance = random.Random(SEED + 1)
    asked = [*listed, *{chance.getrandbits(32) for _ in range(QUESTIONS - len(listed))}]
    got: dict[int, Reply] = {}
    async with Engine([address], options) as engine:
        tally = await engine.ask("four.test", asked, lambda address, said, _: got.update({address: said}))
    assert (tally.answered, tally.unanswered) == (len(asked), 0)
    expected = {address: Addresses((listed[address],)) if address in listed else NoSuchName() for address in asked}
    assert got == expected
    return engine


async def test_every_answer_is_the_lists_own(server: tuple[str, int], listed: dict[int, int]) -> None:
    await _ask(server, listed, EngineOptions(in_flight=64))


async def test_two_lost_in_a_hundred_change_no_answer(server: tuple[str, int], listed: dict[int, int]) -> None:
    with weather(server, loss=0.02, delay=0.01, seed=SEED) as far:
        engine = await _ask(far, listed, EngineOptions(in_flight=200, tries=8, deadline=20))
    (counters,) = engine.resolvers.values()
    assert counters.repeated > QUESTIONS * 0.01


async def test_the_test_entries_stand_and_the_clean_ones_do_not(server: tuple[str, int]) -> None:
    async with Engine([server], EngineOptions()) as engine:
        assert await engine.query(TEST_LISTED_4, "four.test") == Addresses((0x7F000002,))
        assert await engine.query(TEST_CLEAN_4, "four.test") == NoSuchName()
        assert await engine.query(TEST_LISTED_6, "six.test") == Addresses((0x7F000002,))
        assert await engine.query(TEST_CLEAN_6, "six.test") == NoSuchName()


async def test_ipv6_addresses_are_asked_about_in_nibbles(server: tuple[str, int]) -> None:
    prefix = int(IPv6Address("2001:db8:bad::"))
    inside = [prefix + (host << 40) + host for host in range(500)]
    outside = [address + (1 << 80) for address in inside]
    got: dict[int, Reply] = {}
    async with Engine([server], EngineOptions()) as engine:
        await engine.ask("six.test", [*inside, *outside], lambda one, said, _: got.update({one: said}), version=6)
    assert got == dict.fromkeys(inside, Addresses((0x7F000004,))) | dict.fromkeys(outside, NoSuchName())


async def test_a_list_says_why(server: tuple[str, int]) -> None:
    async with Engine([server], EngineOptions()) as engine:
        assert await engine.text(TEST_LISTED_4, "four.test") == "Test entry"
