"""OpenVPN: the reset with which every session begins, answered before any certificate is looked at.

With ``tls-auth`` or ``tls-crypt`` the reset is signed with a key that all customers of an endpoint share: an answer
proves that the endpoint takes it, and to any other it is silent. Without them the answer proves life alone.
"""

import base64
import hmac
import re
import secrets
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR

from checks.knock import Manner, Target, converse, converse_by_stream, find
from monitor.clock import Clock
from monitor.core.endpoint import AcceptsKey, Alive, Knock, Misfit
from monitor.core.observation import Silent
from monitor.core.secret import Secret

CLIENT_RESET, SERVER_RESET = 7 << 3, 8 << 3
"""P_CONTROL_HARD_RESET_CLIENT_V2 and its answer, with key number 0."""
HEAD = 9
"""Bytes of operation and session."""
STATIC_KEY = re.compile(r"-----BEGIN OpenVPN Static key V1-----\s*([0-9a-fA-F\s]+)-----END")
BLOCK = re.compile(r"<(tls-auth|tls-crypt)>(.*?)</\1>", re.DOTALL)
LINE = re.compile(r"^\s*(remote|proto|auth|key-direction)[ \t]+(.+?)\s*$", re.MULTILINE)
DIGESTS = {"SHA1": "sha1", "SHA224": "sha224", "SHA256": "sha256", "SHA384": "sha384", "SHA512": "sha512"}
DIRECTIONS = {"": (0, 0), "0": (0, 1), "1": (1, 0)}
"""Which halves of a static key sign what we send and what they send."""
KEY_SIZE = 256


class Options(Manner):
    """How patiently to knock."""

    kind: Literal["openvpn"]


class Wrap(Protocol):
    """Signs, and perhaps hides, a control packet; and reads one."""

    def seal(self, head: bytes, body: bytes, number: bytes) -> bytes:
        """Wrap a packet; ``number`` is its replay counter and time."""

    def open(self, packet: bytes) -> bytes | None:
        """Give what is behind the head; None: it is not by who holds the key."""


@dataclass(frozen=True, slots=True)
class Plain:
    """Neither tls-auth nor tls-crypt."""

    def seal(self, head: bytes, body: bytes, number: bytes) -> bytes:  # noqa: ARG002 - the shape of every one of its kind
        """Leave it as it is."""
        return head + body

    def open(self, packet: bytes) -> bytes | None:
        """Leave it as it is."""
        return packet[HEAD:]


@dataclass(frozen=True, slots=True)
class TlsAuth:
    """An HMAC over the replay counter, the head and the body, between head and counter."""

    ours: bytes = field(repr=False)
    theirs: bytes = field(repr=False)
    digest: str = "sha1"

    def seal(self, head: bytes, body: bytes, number: bytes) -> bytes:
        """Sign."""
        return head + self._sign(self.ours, number + head + body) + number + body

    def open(self, packet: bytes) -> bytes | None:
        """Verify."""
        size = len(self._sign(self.theirs, b""))
        head, sign, number, body = _cut(packet, HEAD, size, 8)
        return body if hmac.compare_digest(sign, self._sign(self.theirs, number + head + body)) else None

    def _sign(self, key: bytes, data: bytes) -> bytes:
        return hmac.digest(key[: hmac.new(key, digestmod=self.digest).digest_size], data, self.digest)


@dataclass(frozen=True, slots=True)
class TlsCrypt:
    """HMAC-SHA256 over head, counter and body; half of it is the counter with which AES-256 hides the body."""

    ours: tuple[bytes, bytes] = field(repr=False)
    theirs: tuple[bytes, bytes] = field(repr=False)

    def seal(self, head: bytes, body: bytes, number: bytes) -> bytes:
        """Sign and hide."""
        cipher, sign = self.ours
        tag = hmac.digest(sign[:32], head + number + body, "sha256")
        return head + number + tag + _hide(cipher, tag, body)

    def open(self, packet: bytes) -> bytes | None:
        """Uncover and verify."""
        cipher, sign = self.theirs
        head, number, tag, hidden = _cut(packet, HEAD, 8, 32)
        if len(tag) < 32:  # noqa: PLR2004 - of SHA-256
            return None
        body = _hide(cipher, tag, hidden)
        return body if hmac.compare_digest(tag, hmac.digest(sign[:32], head + number + body, "sha256")) else None


class OpenVpn:
    """Sends a reset. The secret, if any, is a client's configuration with its keys inline."""

    def __init__(self, options: Options, clock: Clock) -> None:
        self._options = options
        self._clock = clock

    def where(self, secret: Secret | None) -> Target | None:
        """Give the remote that the configuration names."""
        profile = read_profile(secret)
        return None if isinstance(profile, Misfit) else profile.remote

    async def knock(self, target: Target | None, secret: Secret | None) -> Knock:
        """Say what the endpoint says; without a target, at the address that the configuration names."""
        profile = read_profile(secret)
        if isinstance(profile, Misfit):
            return profile
        target = target or profile.remote
        if target is None:
            return Misfit("neither the unit nor the configuration names an endpoint")
        address = await find(target, self._options)
        if isinstance(address, Misfit | Silent):
            return address
        session = secrets.token_bytes(8)
        sent = 0

        def say() -> bytes:
            nonlocal sent
            sent += 1
            number = struct.pack(">II", sent, int(self._clock.now().timestamp()))
            # No acknowledgements, and the first message of the session.
            return profile.wrap.seal(bytes([CLIENT_RESET]) + session, bytes(5), number)

        def read(packet: bytes) -> Knock | None:
            if len(packet) < HEAD or packet[0] != SERVER_RESET:
                return None
            body = profile.wrap.open(packet)
            if body is None or not _answers(body, session):
                return None
            return Alive("answers a reset") if isinstance(profile.wrap, Plain) else AcceptsKey()

        hold = converse_by_stream if profile.stream else converse
        return await hold(address, target.port, self._options, say, read)


@dataclass(frozen=True, slots=True)
class Profile:
    """A client's configuration, as far as it is needed."""

    wrap: Wrap
    remote: Target | None
    stream: bool
    """Over TCP instead of UDP."""


def read_profile(secret: Secret | None) -> Profile | Misfit:
    """Read a client's configuration; the message of a fault never quotes it."""
    text = secret.reveal() if secret else ""
    lines: dict[str, list[str]] = {}
    for name, value in LINE.findall(text):
        lines.setdefault(name, value.split())
    block = BLOCK.search(text)
    wrap = _wrap(block[1], block[2], lines) if block else Plain()
    if isinstance(wrap, Misfit):
        return wrap
    host, port, proto = (*lines.get("remote", []), *[""] * 3)[:3]
    port = port if port.isascii() and port.isdigit() else "1194"
    remote = Target(host, int(port)) if host and 0 < int(port) < 65536 else None  # noqa: PLR2004 - ports
    return Profile(wrap, remote, stream=(proto or lines.get("proto", [""])[0]).startswith("tcp"))


def _wrap(kind: str, text: str, lines: Mapping[str, list[str]]) -> Wrap | Misfit:
    """Take our keys and theirs from a static key: two pairs of 64 bytes for a cipher and 64 for an HMAC."""
    key = _static_key(text)
    if key is None:
        return Misfit(f"its <{kind}> holds no static key")
    pairs = [(key[start : start + 64], key[start + 64 : start + 128]) for start in (0, 128)]
    if kind == "tls-crypt":
        return TlsCrypt(ours=pairs[1], theirs=pairs[0])
    ends = DIRECTIONS.get(lines.get("key-direction", [""])[0])
    digest = DIGESTS.get(lines.get("auth", ["SHA1"])[0].upper())
    if ends is None or digest is None:
        return Misfit("its key-direction or auth is unknown to us")
    return TlsAuth(ours=pairs[ends[0]][1], theirs=pairs[ends[1]][1], digest=digest)


def _static_key(text: str) -> bytes | None:
    found = STATIC_KEY.search(text)
    try:
        key = base64.b16decode("".join(found[1].split()).upper()) if found else b""
    except ValueError:
        return None
    return key if len(key) == KEY_SIZE else None


def _answers(body: bytes, session: bytes) -> bool:
    """Tell whether a body acknowledges our session: a count, that many numbers, and the session they are of."""
    count = body[0] if body else 0
    return count > 0 and body[1 + 4 * count : 9 + 4 * count] == session


def _cut(packet: bytes, *sizes: int) -> tuple[bytes, bytes, bytes, bytes]:
    first, second, third = sizes
    middle, end = first + second, first + second + third
    return packet[:first], packet[first:middle], packet[middle:end], packet[end:]


def _hide(key: bytes, tag: bytes, data: bytes) -> bytes:
    encryptor = Cipher(AES(key[:32]), CTR(tag[:16])).encryptor()
    return encryptor.update(data) + encryptor.finalize()
