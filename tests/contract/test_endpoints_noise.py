"""The handshake against a Noise library that nobody here wrote, for machines without a tun device."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from pydantic import TypeAdapter

from checks.endpoints import EndpointOptions, open_endpoint
from checks.knock import Target
from checks.noise import CONSTRUCTION, IDENTIFIER, NO_PSK, RESPONSE, Initiator, Keys
from monitor.clock import DrivenClock
from monitor.core.endpoint import AcceptsKey, Closed, Knock
from monitor.core.observation import Silent
from monitor.core.secret import Secret

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def noise() -> Any:
    return pytest.importorskip("noise.connection", reason="noiseprotocol is not installed")


class RefusedError(Exception):
    """The key is not one of those that are taken."""


def respond(
    noise: Any, private: X25519PrivateKey, shared: bytes, message: bytes, taken: set[bytes] | None = None
) -> bytes:
    """Answer as the library does; the frame around it is WireGuard's. ``taken``: public keys that are answered."""
    responder = noise.NoiseConnection.from_name(CONSTRUCTION)
    responder.set_psks(shared)
    responder.set_as_responder()
    responder.set_prologue(IDENTIFIER)
    responder.set_keypair_from_private_bytes(noise.Keypair.STATIC, private.private_bytes_raw())
    responder.start_handshake()
    stamp = responder.read_message(message[8:116])
    assert stamp[:8] == (0x4000000000000000 + 10 + int(NOON.timestamp())).to_bytes(8)
    if taken is not None and responder.noise_protocol.handshake_state.rs.public_bytes not in taken:
        raise RefusedError
    said = bytes(responder.write_message(b""))
    return bytes([RESPONSE, 0, 0, 0]) + b"them" + message[4:8] + said + bytes(32)


@pytest.mark.parametrize("shared", [NO_PSK, bytes(range(32))], ids=["without a shared key", "with one"])
def test_both_sides_agree_and_a_wrong_shared_key_is_no_agreement(noise: Any, shared: bytes) -> None:
    theirs, ours = X25519PrivateKey.generate(), X25519PrivateKey.generate()
    keys = Keys(ours.private_bytes_raw(), theirs.public_key().public_bytes_raw(), shared)
    call = Initiator(keys, X25519PrivateKey.generate())
    message = call.initiation(NOON)
    assert call.is_accepted_by(respond(noise, theirs, shared, message))
    assert not call.is_accepted_by(respond(noise, theirs, bytes([7]) * 32, message))


class Endpoint(asyncio.DatagramProtocol):
    """An endpoint whose handshake is the library's, on a UDP port of loopback."""

    def __init__(self, noise: Any, private: X25519PrivateKey, taken: set[bytes]) -> None:
        self.noise, self.private, self.taken = noise, private, taken

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        try:
            self.transport.sendto(respond(self.noise, self.private, NO_PSK, data, self.taken), addr)
        except RefusedError:
            return


@asynccontextmanager
async def listening(noise: Any, private: X25519PrivateKey, taken: set[bytes]) -> AsyncIterator[int]:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(
        lambda: Endpoint(noise, private, taken), local_addr=("127.0.0.1", 0)
    )
    try:
        yield transport.get_extra_info("sockname")[1]
    finally:
        transport.close()


def conf(private: X25519PrivateKey, peer: X25519PrivateKey) -> Secret:
    keys = (private.private_bytes_raw(), peer.public_key().public_bytes_raw())
    ours, theirs = (base64.b64encode(key).decode() for key in keys)
    return Secret(f"[Interface]\nPrivateKey = {ours}\n[Peer]\nPublicKey = {theirs}\n")


async def test_the_right_key_is_answered_a_revoked_one_is_met_with_silence_and_a_dead_endpoint_is_told_apart(
    noise: Any,
) -> None:
    server, anna, bert = (X25519PrivateKey.generate() for _ in range(3))
    taken = {each.public_key().public_bytes_raw() for each in (anna, bert)}
    table = {"kind": "wireguard", "allow": ["127.0.0.0/8"], "timeout": 1.0}
    here = open_endpoint(TypeAdapter[Any](EndpointOptions).validate_python(table), DrivenClock(NOON))

    async def knock(key: X25519PrivateKey) -> Knock:
        return await here.knock(Target("127.0.0.1", port), conf(key, server))

    async with listening(noise, server, taken) as port:
        assert await knock(anna) == AcceptsKey()
        taken.remove(anna.public_key().public_bytes_raw())
        assert isinstance(await knock(anna), Silent)
        assert await knock(bert) == AcceptsKey()
    assert await knock(bert) == Closed("port unreachable")
