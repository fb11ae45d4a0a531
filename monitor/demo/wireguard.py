"""A WireGuard endpoint that answers handshakes and nothing else: to the keys that it takes, and to no others."""

import asyncio
import base64
import struct
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self, cast

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from checks.noise import CONSTRUCTION, COOKIE, IDENTIFIER, INITIATION, NO_PSK, RESPONSE, derive, digest, mac1
from monitor.demo.loopback import LOOPBACK

INITIATION_SIZE = 148


@dataclass(slots=True)
class Peer:
    """A customer's key. ``banned``: it is not taken any more. ``last`` is the stamp of its last handshake."""

    private: X25519PrivateKey
    shared: bytes = NO_PSK
    banned: bool = False
    last: bytes = b""

    @property
    def public(self) -> bytes:
        """The key by which the endpoint knows it."""
        return self.private.public_key().public_bytes_raw()


@dataclass(slots=True)
class WireGuardEndpoint:
    """Listens on a free UDP port of 127.0.0.1. ``busy``: answers everybody with a cookie, as under load."""

    private: X25519PrivateKey = field(default_factory=X25519PrivateKey.generate)
    peers: dict[bytes, Peer] = field(default_factory=dict)
    busy: bool = False
    port: int = 0
    heard: int = 0
    _transport: asyncio.DatagramTransport | None = None

    async def __aenter__(self) -> Self:
        await self.plug_in()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.unplug()

    async def plug_in(self) -> None:
        """Listen (again), at the port that it had before."""
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: _Door(self), local_addr=(LOOPBACK, self.port))
        self.port = self._transport.get_extra_info("sockname")[1]

    def unplug(self) -> None:
        """Listen no more."""
        if self._transport is not None:
            self._transport.close()
            self._transport = None

    def admit(self, private: X25519PrivateKey | None = None, shared: bytes = NO_PSK) -> Peer:
        """Take a key, a new one if none is given."""
        peer = Peer(private or X25519PrivateKey.generate(), shared)
        self.peers[peer.public] = peer
        return peer

    def configuration(self, peer: Peer) -> str:
        """Write the file that the customer was given."""
        private, public = peer.private.private_bytes_raw(), self.private.public_key().public_bytes_raw()
        shared = "" if peer.shared == NO_PSK else f"PresharedKey = {_text(peer.shared)}\n"
        return (
            f"[Interface]\nPrivateKey = {_text(private)}\nAddress = 198.18.0.2/32\n\n"
            f"[Peer]\nPublicKey = {_text(public)}\n{shared}Endpoint = {LOOPBACK}:{self.port}\nAllowedIPs = 0.0.0.0/0\n"
        )

    def answer(self, message: bytes) -> bytes | None:
        """Answer a handshake; None: it is none, or its key is not taken."""
        self.heard += 1
        public = self.private.public_key().public_bytes_raw()
        if len(message) != INITIATION_SIZE or message[0] != INITIATION:
            return None
        if message[116:132] != mac1(public, message[:116]):
            return None
        if self.busy:
            return struct.pack("<B3x", COOKIE) + message[4:8] + bytes(56)
        try:
            return self._respond(message, public)
        except (InvalidTag, ValueError):
            return None

    def _respond(self, message: bytes, public: bytes) -> bytes | None:
        index, ephemeral, sealed, stamp = message[4:8], message[8:40], message[40:88], message[88:116]
        theirs = X25519PublicKey.from_public_bytes(ephemeral)
        hashed = digest(digest(digest(digest(CONSTRUCTION) + IDENTIFIER) + public) + ephemeral)
        (chain,) = derive(digest(CONSTRUCTION), ephemeral, 1)
        chain, key = derive(chain, self.private.exchange(theirs), 2)
        static = ChaCha20Poly1305(key).decrypt(bytes(12), sealed, hashed)
        hashed = digest(hashed + sealed)
        chain, key = derive(chain, self.private.exchange(X25519PublicKey.from_public_bytes(static)), 2)
        last = ChaCha20Poly1305(key).decrypt(bytes(12), stamp, hashed)
        hashed = digest(hashed + stamp)
        peer = self.peers.get(static)
        if peer is None or peer.banned or last <= peer.last:
            return None
        peer.last = last
        ours = X25519PrivateKey.generate()
        point = ours.public_key().public_bytes_raw()
        (chain,) = derive(chain, point, 1)
        (chain,) = derive(chain, ours.exchange(theirs), 1)
        (chain,) = derive(chain, ours.exchange(X25519PublicKey.from_public_bytes(static)), 1)
        _, tau, key = derive(chain, peer.shared, 3)
        empty = ChaCha20Poly1305(key).encrypt(bytes(12), b"", digest(digest(hashed + point) + tau))
        said = struct.pack("<B3x", RESPONSE) + point[:4] + index + point + empty
        return said + mac1(static, said) + bytes(16)


class _Door(asyncio.DatagramProtocol):
    def __init__(self, endpoint: WireGuardEndpoint) -> None:
        self._endpoint = endpoint
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # asyncio's own transports are no subclasses of it before Python 3.12.
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        said = self._endpoint.answer(data)
        if said is not None and self._transport is not None:
            self._transport.sendto(said, addr)


def _text(key: bytes) -> str:
    return base64.b64encode(key).decode()
