"""The first two messages of Noise IKpsk2 as WireGuard fixes them, from the side of who calls.

Source: the WireGuard paper (Donenfeld, NDSS 2017), section 5.4. Composed from cryptography's X25519 and
ChaCha20-Poly1305 and the standard library's BLAKE2s: the Noise libraries for Python have had no release for years.
"""

import hmac
import struct
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2s

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

CONSTRUCTION = b"Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s"
IDENTIFIER = b"WireGuard v1 zx2c4 Jason@zx2c4.com"
LABEL_MAC1 = b"mac1----"
NO_PSK = bytes(32)

INITIATION, RESPONSE, COOKIE = 1, 2, 3
RESPONSE_SIZE = 92
COOKIE_SIZE = 64
TAI_OFFSET = (1 << 62) + 10


@dataclass(frozen=True, slots=True)
class Keys:
    """What one peer knows: its private key, the other's public key, and what they share beside. 32 bytes each."""

    private: bytes = field(repr=False)
    peer: bytes
    shared: bytes = field(default=NO_PSK, repr=False)


class Initiator:
    """One handshake. ValueError: the peer's key is none."""

    def __init__(self, keys: Keys, ephemeral: X25519PrivateKey) -> None:
        self._keys = keys
        self._static = X25519PrivateKey.from_private_bytes(keys.private)
        self._ephemeral = ephemeral
        self._chain = digest(CONSTRUCTION)
        self._hash = digest(digest(self._chain + IDENTIFIER) + keys.peer)
        self.index = ephemeral.public_key().public_bytes_raw()[:4]
        """The name of this handshake on the wire: as random as the key that it is taken from."""

    def initiation(self, at: datetime) -> bytes:
        """Make the first message (148 bytes), to be sent once. The responder takes no instant older than the last."""
        peer = X25519PublicKey.from_public_bytes(self._keys.peer)
        ephemeral = self._ephemeral.public_key().public_bytes_raw()
        (self._chain,) = derive(self._chain, ephemeral, 1)
        self._mix(ephemeral)
        static = self._seal(self._ephemeral.exchange(peer), self._static.public_key().public_bytes_raw())
        stamp = self._seal(self._static.exchange(peer), tai64n(at))
        message = struct.pack("<B3x", INITIATION) + self.index + ephemeral + static + stamp
        return message + mac1(self._keys.peer, message) + bytes(16)

    def is_accepted_by(self, message: bytes) -> bool:
        """Tell whether a message is the valid answer: made by the peer, who knows and takes our key."""
        if len(message) != RESPONSE_SIZE or message[0] != RESPONSE or message[8:12] != self.index:
            return False
        ephemeral, empty = message[12:44], message[44:60]
        try:
            theirs = X25519PublicKey.from_public_bytes(ephemeral)
            (chain,) = derive(self._chain, ephemeral, 1)
            (chain,) = derive(chain, self._ephemeral.exchange(theirs), 1)
            (chain,) = derive(chain, self._static.exchange(theirs), 1)
            _, tau, key = derive(chain, self._keys.shared, 3)
            ChaCha20Poly1305(key).decrypt(bytes(12), empty, digest(digest(self._hash + ephemeral) + tau))
        except (InvalidTag, ValueError):
            # ValueError: a point of low order, which no honest peer has.
            return False
        return True

    def is_told_to_wait_by(self, message: bytes) -> bool:
        """Tell whether a message is a cookie: the endpoint is busy, and says nothing about the key."""
        return len(message) == COOKIE_SIZE and message[0] == COOKIE and message[4:8] == self.index

    def _seal(self, secret: bytes, plain: bytes) -> bytes:
        self._chain, key = derive(self._chain, secret, 2)
        sealed = ChaCha20Poly1305(key).encrypt(bytes(12), plain, self._hash)
        self._mix(sealed)
        return sealed

    def _mix(self, data: bytes) -> None:
        self._hash = digest(self._hash + data)


def digest(data: bytes) -> bytes:
    """Hash, as the construction does."""
    return blake2s(data).digest()


def derive(key: bytes, data: bytes, number: int) -> list[bytes]:
    """Derive so many keys (HKDF with BLAKE2s, RFC 5869)."""
    seed = hmac.digest(key, data, "blake2s")
    keys: list[bytes] = []
    for count in range(1, number + 1):
        keys.append(hmac.digest(seed, (keys[-1] if keys else b"") + bytes([count]), "blake2s"))
    return keys


def mac1(peer: bytes, message: bytes) -> bytes:
    """Prove to a peer that we know its public key, so that it listens at all."""
    return blake2s(message, key=digest(LABEL_MAC1 + peer), digest_size=16).digest()


def tai64n(at: datetime) -> bytes:
    """Write an instant as the responder compares it: 12 bytes, the greater the later."""
    return struct.pack(">QI", TAI_OFFSET + int(at.timestamp()), at.microsecond * 1000)
