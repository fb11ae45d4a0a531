"""Endpoints: what WireGuard, OpenVPN, TLS and SSH say to us on loopback, and what is made of liars and of silence."""

import asyncio
import base64
import hashlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as some
from pydantic import TypeAdapter

from checks.endpoints import ENDPOINTS, Endpoint, EndpointOptions, open_endpoint
from checks.endpoints.openvpn import Plain, TlsAuth, TlsCrypt, read_profile
from checks.endpoints.wireguard import read_conf
from checks.knock import Target
from checks.noise import Initiator, Keys
from monitor.clock import Clock, DrivenClock, SystemClock
from monitor.core.endpoint import AcceptsKey, Alive, Closed, Knock, Misfit
from monitor.core.observation import Silent
from monitor.core.secret import Secret
from monitor.demo.wireguard import WireGuardEndpoint

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
Converse = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def endpoint(kind: str, clock: Clock | None = None, **more: Any) -> Endpoint:
    table = {"kind": kind, "allow": ["127.0.0.0/8"], "timeout": 10.0, **more}
    return open_endpoint(TypeAdapter[Any](EndpointOptions).validate_python(table), clock or SystemClock())


async def knock(kind: str, port: int, secret: str | None = None, **more: Any) -> Knock:
    return await endpoint(kind, **more).knock(Target("127.0.0.1", port), Secret(secret) if secret else None)


@asynccontextmanager
async def serving(converse: Converse, **more: Any) -> AsyncIterator[int]:
    talks: set[asyncio.Task[None]] = set()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        talks.add(task)
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await converse(reader, writer)
        writer.transport.abort()

    server = await asyncio.start_server(talk, "127.0.0.1", 0, **more)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in talks:
            task.cancel()
        await asyncio.gather(*talks, return_exceptions=True)


@asynccontextmanager
async def answering(*words: bytes) -> AsyncIterator[int]:
    """Answer every datagram with these."""

    class Door(asyncio.DatagramProtocol):
        def connection_made(self, transport: Any) -> None:
            self.transport = transport

        def datagram_received(self, _: bytes, addr: Any) -> None:
            for word in words:
                self.transport.sendto(word, addr)

    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(Door, local_addr=("127.0.0.1", 0))
    try:
        yield transport.get_extra_info("sockname")[1]
    finally:
        transport.close()


async def test_wireguard_takes_a_key_with_and_without_a_shared_one() -> None:
    async with WireGuardEndpoint() as there:
        for peer in (there.admit(), there.admit(shared=bytes(range(32)))):
            secret = Secret(there.configuration(peer))
            assert await endpoint("wireguard").knock(None, secret) == AcceptsKey()
            assert await endpoint("wireguard").knock(Target("127.0.0.1", there.port), secret) == AcceptsKey()


async def test_wireguard_is_silent_to_a_banned_key_while_another_is_taken() -> None:
    async with WireGuardEndpoint() as there:
        banned, good = there.admit(), there.admit()
        banned.banned = True
        short = endpoint("wireguard", timeout=0.3)
        assert isinstance(await short.knock(None, Secret(there.configuration(banned))), Silent)
        assert await endpoint("wireguard").knock(None, Secret(there.configuration(good))) == AcceptsKey()
        # A lost datagram must not look like a ban: it is sent three times.
        assert there.heard == 4


async def test_wireguard_that_is_gone_is_closed_and_one_that_is_busy_lives() -> None:
    async with WireGuardEndpoint() as there:
        secret = Secret(there.configuration(there.admit()))
        there.busy = True
        assert await endpoint("wireguard").knock(None, secret) == Alive("busy")
        there.unplug()
        assert await endpoint("wireguard").knock(None, secret) == Closed("port unreachable")


async def test_wireguard_takes_no_handshake_older_than_the_last() -> None:
    clock = DrivenClock(NOON)
    async with WireGuardEndpoint() as there:
        secret = Secret(there.configuration(there.admit()))
        assert await endpoint("wireguard", clock).knock(None, secret) == AcceptsKey()
        assert isinstance(await endpoint("wireguard", clock, timeout=0.3).knock(None, secret), Silent)
        clock.advance(timedelta(seconds=1))
        assert await endpoint("wireguard", clock).knock(None, secret) == AcceptsKey()


async def test_a_wireguard_answer_that_the_peer_did_not_make_is_none() -> None:
    forged = [
        b"",
        b"\x02" + bytes(91),
        b"\x03" + bytes(63),
        b"\x04" + bytes(31),
        bytes(65_000),
        *[b"\x02" + bytes([number]) * 91 for number in range(100)],
    ]
    peer, ours = X25519PrivateKey.generate().public_key().public_bytes_raw(), X25519PrivateKey.generate()
    text = [base64.b64encode(each).decode() for each in (ours.private_bytes_raw(), peer)]
    async with answering(*forged) as port:
        conf = f"[Interface]\nPrivateKey = {text[0]}\n[Peer]\nPublicKey = {text[1]}\n"
        assert isinstance(await knock("wireguard", port, conf, timeout=0.3), Silent)


@given(some.binary(max_size=100) | some.binary(min_size=80, max_size=80))
def test_no_bytes_are_taken_for_an_answer(message: bytes) -> None:
    peer = X25519PrivateKey.generate().public_key().public_bytes_raw()
    call = Initiator(Keys(bytes(range(32)), peer), X25519PrivateKey.generate())
    call.initiation(NOON)
    whole = b"\x02\x00\x00\x00" + message[:4].ljust(4) + call.index + message[4:].ljust(80)[:80]
    assert not call.is_accepted_by(message)
    assert not call.is_accepted_by(whole)


def test_two_handshakes_of_one_key_share_nothing_that_can_be_seen() -> None:
    keys = Keys(bytes(range(32)), X25519PrivateKey.generate().public_key().public_bytes_raw())
    first, second = (Initiator(keys, X25519PrivateKey.generate()).initiation(NOON) for _ in range(2))
    assert len(first) == len(second) == 148
    assert first[4:132] != second[4:132]
    assert first[:4] + first[132:] == b"\x01\0\0\0" + bytes(16)
    assert not {first[start : start + 16] for start in range(8, 117)} & {
        second[start : start + 16] for start in range(8, 117)
    }


KEY = base64.b64encode(bytes(range(32))).decode()


@pytest.mark.parametrize(
    "conf",
    [
        "",
        "[Interface]\nPrivateKey = short\n[Peer]\nPublicKey = " + KEY,
        f"[Interface]\nPrivateKey = {KEY}\n",
        f"[Peer]\nPrivateKey = {KEY}\nPublicKey = {KEY}\n",
        f"[Interface]\nPrivateKey = {KEY}\n[Peer]\nPublicKey = {KEY}\nPresharedKey = {KEY}x\n",
    ],
)
async def test_a_wireguard_configuration_that_is_none_is_a_misfit_and_is_not_quoted(conf: str) -> None:
    found = await knock("wireguard", 9, conf)
    assert isinstance(found, Misfit)
    assert KEY not in found.words


async def test_a_public_key_of_low_order_is_a_misfit() -> None:
    conf = f"[Interface]\nPrivateKey = {KEY}\n[Peer]\nPublicKey = {base64.b64encode(bytes(32)).decode()}\n"
    assert isinstance(await knock("wireguard", 9, conf), Misfit)


def test_a_wireguard_configuration_is_read_as_people_write_it() -> None:
    conf = read_conf(
        Secret(
            f"# mine\n[interface]\nprivatekey={KEY} # secret\nDNS = 9.9.9.9\n\n[Peer]\nPublicKey = {KEY}\n"
            f"Endpoint = [2001:db8::1]:51820\n[Peer]\nPublicKey = other\nEndpoint = 203.0.113.1:1\n"
        )
    )
    assert not isinstance(conf, Misfit)
    assert conf.endpoint == Target("2001:db8::1", 51820)
    assert KEY not in repr(conf)


STATIC = "-----BEGIN OpenVPN Static key V1-----\n" + bytes(range(256)).hex() + "\n-----END OpenVPN Static key V1-----\n"


@pytest.mark.parametrize(
    "wrap",
    [
        Plain(),
        TlsAuth(ours=bytes(64), theirs=bytes(64)),
        TlsAuth(ours=bytes(64), theirs=bytes(64), digest="sha512"),
        TlsCrypt(ours=(bytes(64), bytes(64)), theirs=(bytes(64), bytes(64))),
    ],
    ids=["plain", "tls-auth", "tls-auth sha512", "tls-crypt"],
)
def test_an_openvpn_packet_is_opened_by_who_holds_the_key_and_by_nobody_else(wrap: Any) -> None:
    sealed = wrap.seal(b"\x38" + bytes(8), b"body!", bytes(8))
    assert wrap.open(sealed) == b"body!"
    if not isinstance(wrap, Plain):
        for place in range(len(sealed)):
            crooked = sealed[:place] + bytes([sealed[place] ^ 1]) + sealed[place + 1 :]
            assert wrap.open(crooked) is None
        assert wrap.open(b"\x40" + bytes(4)) is None


@pytest.mark.parametrize(
    ("profile", "fault"),
    [
        ("<tls-auth>\nno key\n</tls-auth>", "holds no static key"),
        (f"<tls-auth>\n{STATIC[:200]}\n</tls-auth>", "holds no static key"),
        (f"key-direction 2\n<tls-auth>\n{STATIC}</tls-auth>", "key-direction or auth is unknown"),
        (f"auth ROT13\n<tls-auth>\n{STATIC}</tls-auth>", "key-direction or auth is unknown"),
    ],
)
def test_an_openvpn_profile_that_cannot_be_used_is_a_misfit(profile: str, fault: str) -> None:
    found = read_profile(Secret(profile))
    assert isinstance(found, Misfit)
    assert fault in found.words
    assert "0102" not in found.words


def test_an_openvpn_profile_names_where_and_how() -> None:
    found = read_profile(Secret("client\nremote vpn.example 443 tcp-client\nremote other.example\nauth-user-pass\n"))
    assert not isinstance(found, Misfit)
    assert (found.remote, found.stream) == (Target("vpn.example", 443), True)
    assert read_profile(Secret(f"<tls-crypt>\n{STATIC}</tls-crypt>")) != read_profile(None)


@pytest.mark.parametrize(
    "word",
    [
        b"",
        b"\x40",
        b"\x40" + bytes(8),
        b"\x40" + bytes(8) + b"\x01" + bytes(12),
        b"\x40" + bytes(8) + b"\xff",
        bytes(99),
    ],
)
async def test_an_openvpn_answer_to_somebody_else_is_none(word: bytes) -> None:
    async with answering(word) as port:
        assert isinstance(await knock("openvpn", port, timeout=0.3), Silent)


async def test_openvpn_over_tcp_hangs_up_or_refuses() -> None:
    async def hang_up(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.readexactly(2)

    async with serving(hang_up) as port:
        assert await knock("openvpn", port, "proto tcp\n") == Silent("it hangs up")
    assert await knock("openvpn", port, "proto tcp\n") == Closed("connection refused")


def certificate(folder: Path, until: datetime) -> tuple[Path, str]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "vpn.example")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(until - timedelta(days=90))
        .not_valid_after(until)
        .sign(key, SHA256())
    )
    file = folder / "both.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(private + made.public_bytes(Encoding.PEM))
    return file, hashlib.sha256(made.public_bytes(Encoding.DER)).hexdigest()


async def listening(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read()


async def test_tls_tells_whose_certificate_is_good_until_when(tmp_path: Path) -> None:
    until = datetime(2026, 12, 24, 12, 0, tzinfo=UTC)
    file, fingerprint = certificate(tmp_path, until)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(file)
    async with serving(listening, ssl=context) as port:
        found = await knock("tcp", port, tls=True)
    assert found == Alive("TLSv1.3, certificate until 2026-12-24", f"SHA256:{fingerprint}", until)


async def test_tcp_tells_who_listens_and_who_does_not() -> None:
    async with serving(listening) as port:
        assert await knock("tcp", port) == Alive("accepts connections")
        silent = await knock("tcp", port, tls=True, timeout=1.0)
    assert silent == Alive("accepts connections, and speaks no TLS: silent")
    assert await knock("tcp", port) == Closed("connection refused")


async def test_who_takes_a_connection_lives_even_where_it_speaks_no_tls() -> None:
    async def rant(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"550 go away\r\n")
        await writer.drain()

    async with serving(rant) as port:
        found = await knock("tcp", port, tls=True)
    assert isinstance(found, Alive)
    assert found.identity is None


SSH_LIARS = {
    "no SSH": b"550 go away\r\n",
    "a line without end": b"x" * 100_000,
    "lines without end": b"hello\r\n" * 1000,
    "a banner alone": b"SSH-2.0-Lonely\r\n",
    "garbage after the banner": b"SSH-2.0-Liar\r\n" + bytes(range(256)) * 200,
    "a packet without end": b"SSH-2.0-Liar\r\n\xff\xff\xff\xff\x04",
    "an empty packet": b"SSH-2.0-Liar\r\n" + (b"\0\0\0\x05\x04" + bytes(4)),
    "chatter": b"SSH-2.0-Liar\r\n" + (b"\0\0\0\x0c\x0a\x02" + bytes(10)) * 60,
    "a disconnect": b"SSH-2.0-Liar\r\n" + b"\0\0\0\x0c\x0a\x01" + bytes(10),
    "a reply cut short": b"SSH-2.0-Liar\r\n"
    + (b"\0\0\0\x0c\x0a\x14" + bytes(10))
    + (b"\0\0\0\x0c\x06\x1f" + bytes(10)),
}


@pytest.mark.parametrize("words", SSH_LIARS.values(), ids=SSH_LIARS)
async def test_an_ssh_server_without_proof_lives_and_has_no_identity(words: bytes) -> None:
    async def lie(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(words)
        await writer.drain()
        await reader.read()

    async with serving(lie) as port:
        found = await knock("ssh", port, timeout=1.0)
    assert isinstance(found, Alive)
    assert found.identity is None
    assert "SSH-2.0-L" in found.words or found.words.startswith("accepts connections, and speaks no SSH")


every_kind = pytest.mark.parametrize("kind", sorted(ENDPOINTS))


@every_kind
async def test_nobody_knocks_at_our_own_doors_unless_told_to(kind: str) -> None:
    peer = X25519PrivateKey.generate().public_key().public_bytes_raw()
    conf = f"[Interface]\nPrivateKey = {KEY}\n[Peer]\nPublicKey = {base64.b64encode(peer).decode()}\n"
    for host in ("127.0.0.1", "::1", "169.254.169.254", "10.0.0.1", "224.0.0.1", "64:ff9b::7f00:1"):
        found = await endpoint(kind, allow=[]).knock(Target(host, 9), Secret(conf) if kind == "wireguard" else None)
        assert isinstance(found, Misfit)
        assert f"{ip_address(host)} is refused" in found.words


@every_kind
async def test_a_unit_without_an_endpoint_is_a_misfit(kind: str) -> None:
    assert isinstance(await endpoint(kind).knock(None, None), Misfit)


@every_kind
async def test_a_name_that_is_none_is_silence(kind: str) -> None:
    peer = X25519PrivateKey.generate().public_key().public_bytes_raw()
    conf = f"[Interface]\nPrivateKey = {KEY}\n[Peer]\nPublicKey = {base64.b64encode(peer).decode()}\n"
    found = await endpoint(kind).knock(Target("x" * 300, 9), Secret(conf) if kind == "wireguard" else None)
    assert isinstance(found, Silent)
