"""SSH: the banner, and the host key with the proof that the host holds it (RFC 4253, RFC 8731).

The conversation ends where a login would begin: nobody's key is tried.
"""

import asyncio
import base64
import hashlib
import secrets
import struct
from dataclasses import dataclass
from typing import Literal

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256, SHA512
from cryptography.hazmat.primitives.serialization import load_ssh_public_key

from checks.foreign import clip
from checks.knock import Manner, Target, connected, find
from monitor.clock import Clock
from monitor.core.endpoint import Alive, Closed, Knock, Misfit
from monitor.core.observation import Silent
from monitor.core.secret import Secret

BANNER = b"SSH-2.0-coverwatch"
LONGEST_LINE = 255
MOST_LINES = 50
"""Lines that a server may say before its banner."""
LARGEST_PACKET = 35_000
KEXINIT, ECDH_INIT, ECDH_REPLY = 20, 30, 31
CHATTER = frozenset({2, 3, 4})
"""Messages that may come at any time and mean nothing: ignore, unimplemented, debug."""
OFFERS = (
    b"curve25519-sha256,curve25519-sha256@libssh.org",
    b"ssh-ed25519,ecdsa-sha2-nistp256,rsa-sha2-512,rsa-sha2-256",
    *[b"aes128-ctr,aes256-ctr,aes128-gcm@openssh.com,aes256-gcm@openssh.com,chacha20-poly1305@openssh.com"] * 2,
    *[b"hmac-sha2-256,hmac-sha2-512,hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,hmac-sha1"] * 2,
    *[b"none"] * 2,
    *[b""] * 2,
)
"""Key exchange, host keys, ciphers, checks, compression, languages; the last four both ways."""


class Options(Manner):
    """How patiently to knock."""

    kind: Literal["ssh"]


class Ssh:
    """Asks a server for its host key."""

    def __init__(self, options: Options, _: Clock) -> None:
        self._options = options

    def where(self, secret: Secret | None) -> Target | None:  # noqa: ARG002 - no key is tried
        """Give nothing: there is no configuration that could name a place."""
        return None

    async def knock(self, target: Target | None, secret: Secret | None) -> Knock:  # noqa: ARG002 - no key is tried
        """Say who answers there."""
        if target is None:
            return Misfit("the unit names no endpoint")
        address = await find(target, self._options)
        if isinstance(address, Misfit | Silent):
            return address
        try:
            async with asyncio.timeout(self._options.timeout), connected(address, target.port) as (reader, writer):
                return await _greet(reader, writer, self._options.timeout / 2)
        except TimeoutError:
            return Silent(f"no answer within {self._options.timeout:g} s")
        except ConnectionRefusedError:
            return Closed("connection refused")
        except OSError as error:
            return Silent(clip(error.strerror or str(error)))


async def _greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float) -> Knock:
    # Who takes the connection, or greets, and then falls silent is alive all the same.
    words = "accepts connections, and speaks no SSH"
    try:
        async with asyncio.timeout(seconds):
            banner = await _banner(reader)
            words = clip(banner.decode("ascii", "replace"))
            return Alive(words, await _host_key(reader, writer, banner))
    except _NoHostKeyError as fault:
        return Alive(f"{words}: {fault}")
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError, TimeoutError):
        return Alive(words)


async def _banner(reader: asyncio.StreamReader) -> bytes:
    for _ in range(MOST_LINES):
        line = await reader.readuntil(b"\n")
        if line.startswith(b"SSH-"):
            return line.rstrip(b"\r\n")[:LONGEST_LINE]
    raise _NoHostKeyError("it talks on and on")


class _NoHostKeyError(Exception):
    """The server did not prove that it holds a host key; says why."""


async def _host_key(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, banner: bytes) -> str:
    ours = bytes([KEXINIT]) + secrets.token_bytes(16) + b"".join(map(_string, OFFERS)) + bytes(5)
    writer.write(BANNER + b"\r\n" + _packet(ours))
    theirs = await _message(reader, KEXINIT)
    ephemeral = X25519PrivateKey.generate()
    point = ephemeral.public_key().public_bytes_raw()
    writer.write(_packet(bytes([ECDH_INIT]) + _string(point)))
    reply = _Reader(await _message(reader, ECDH_REPLY), 1)
    blob, their_point, signature = reply.string(), reply.string(), reply.string()
    try:
        shared = ephemeral.exchange(X25519PublicKey.from_public_bytes(their_point))
    except ValueError:
        raise _NoHostKeyError("its ephemeral key is none") from None
    said = (BANNER, banner, ours, theirs, blob, point, their_point)
    _verify(blob, signature, hashlib.sha256(b"".join(map(_string, said)) + _mpint(shared)).digest())
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def _verify(blob: bytes, signature: bytes, exchanged: bytes) -> None:
    """Verify that the holder of a host key signed this very conversation."""
    read = _Reader(signature)
    kind, sign = read.string(), read.string()
    name = _Reader(blob).string()
    try:
        key = load_ssh_public_key(name + b" " + base64.b64encode(blob))
        match key:
            case ed25519.Ed25519PublicKey():
                key.verify(sign, exchanged)
            case ec.EllipticCurvePublicKey():
                parts = _Reader(sign)
                pair = utils.encode_dss_signature(parts.integer(), parts.integer())
                key.verify(pair, exchanged, ec.ECDSA(SHA256()))
            case rsa.RSAPublicKey():
                # The older ssh-rsa signs with SHA-1, and is not offered.
                key.verify(sign, exchanged, padding.PKCS1v15(), SHA512() if kind == b"rsa-sha2-512" else SHA256())
            case _:
                raise _NoHostKeyError("its host key is of an unknown kind")
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        raise _NoHostKeyError("its host key does not verify") from None


async def _message(reader: asyncio.StreamReader, wanted: int) -> bytes:
    for _ in range(MOST_LINES):
        size, padded = struct.unpack(">IB", await reader.readexactly(5))
        if not padded < size <= LARGEST_PACKET:
            raise _NoHostKeyError("its packets have impossible sizes")
        payload = (await reader.readexactly(size - 1))[: size - 1 - padded]
        if payload[:1] == bytes([wanted]):
            return payload
        if not payload or payload[0] not in CHATTER:
            raise _NoHostKeyError("it ends the conversation")
    raise _NoHostKeyError("it chatters")


@dataclass(slots=True)
class _Reader:
    data: bytes
    at: int = 0

    def string(self) -> bytes:
        start = self.at + 4
        if start > len(self.data):
            raise _NoHostKeyError("its packets are cut short")
        end = start + int.from_bytes(self.data[self.at : start])
        if end > len(self.data):
            raise _NoHostKeyError("its packets are cut short")
        self.at = end
        return self.data[start:end]

    def integer(self) -> int:
        return int.from_bytes(self.string())


def _string(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def _mpint(data: bytes) -> bytes:
    data = data.lstrip(b"\0")
    return _string(b"\0" + data if data and data[0] & 0x80 else data)


def _packet(payload: bytes) -> bytes:
    padding_size = 8 - (len(payload) + 5) % 8
    padding_size += 8 if padding_size < 4 else 0  # noqa: PLR2004 - the least that is allowed
    head = struct.pack(">IB", len(payload) + padding_size + 1, padding_size)
    return head + payload + secrets.token_bytes(padding_size)
