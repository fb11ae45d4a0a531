"""WireGuard: a handshake that the endpoint answers only to a key that it takes. To all others it is silent.

Two things to know. The endpoint sends what it has for this key to us until the customer's next packet: knock seldom.
And it takes no handshake older than the key's last one: where the customer's clock is ahead of ours, it is silent too.
"""

import base64
import binascii
from dataclasses import dataclass
from typing import Literal

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from checks.knock import Manner, Target, converse, find
from checks.noise import NO_PSK, Initiator, Keys
from monitor.clock import Clock
from monitor.core.endpoint import AcceptsKey, Alive, Knock, Misfit
from monitor.core.observation import Silent
from monitor.core.secret import Secret

KEY_SIZE = 32


class Options(Manner):
    """How patiently to knock."""

    kind: Literal["wireguard"]


class WireGuard:
    """Tries a key. The secret is a configuration file as ``wg setconf`` or ``wg-quick`` take it."""

    def __init__(self, options: Options, clock: Clock) -> None:
        self._options = options
        self._clock = clock

    def where(self, secret: Secret | None) -> Target | None:
        """Give the endpoint of the configuration's first peer."""
        conf = read_conf(secret)
        return None if isinstance(conf, Misfit) else conf.endpoint

    async def knock(self, target: Target | None, secret: Secret | None) -> Knock:
        """Say what the endpoint says to the key; without a target, at the address that the configuration names."""
        conf = read_conf(secret)
        if isinstance(conf, Misfit):
            return conf
        target = target or conf.endpoint
        if target is None:
            return Misfit("neither the unit nor the configuration names an endpoint")
        address = await find(target, self._options)
        if isinstance(address, Misfit | Silent):
            return address
        calls: list[Initiator] = []

        def say() -> bytes:
            calls.append(Initiator(conf.keys, X25519PrivateKey.generate()))
            return calls[-1].initiation(self._clock.now())

        def read(message: bytes) -> Knock | None:
            if any(call.is_accepted_by(message) for call in calls):
                return AcceptsKey()
            return Alive("busy") if any(call.is_told_to_wait_by(message) for call in calls) else None

        try:
            return await converse(address, target.port, self._options, say, read)
        except ValueError:
            return Misfit("the peer's public key is none")


@dataclass(frozen=True, slots=True)
class Conf:
    """A WireGuard configuration, as far as it is needed: the keys, and the endpoint of the first peer."""

    keys: Keys
    endpoint: Target | None


def read_conf(secret: Secret | None) -> Conf | Misfit:
    """Read a configuration; the message of a fault never quotes it."""
    lines = (secret.reveal() if secret else "").splitlines()
    found: dict[str, str] = {}
    section = ""
    for line in (line.partition("#")[0].strip() for line in lines):
        if line.startswith("["):
            section = line.strip("[]").strip().casefold()
        elif "=" in line:
            name, _, value = line.partition("=")
            found.setdefault(f"{section}.{name.strip().casefold()}", value.strip())
    private, peer = _key(found.get("interface.privatekey")), _key(found.get("peer.publickey"))
    shared = _key(found["peer.presharedkey"]) if "peer.presharedkey" in found else NO_PSK
    if private is None or peer is None or shared is None:
        return Misfit("the secret holds no PrivateKey and PublicKey of 32 bytes in base64")
    host, _, port = found.get("peer.endpoint", "").rpartition(":")
    valid = host and port.isascii() and port.isdigit() and 0 < int(port) < 65536  # noqa: PLR2004 - ports
    return Conf(Keys(private, peer, shared), Target(host.strip("[]"), int(port)) if valid else None)


def _key(text: str | None) -> bytes | None:
    try:
        key = base64.b64decode(text or "", validate=True)
    except binascii.Error:
        return None
    return key if len(key) == KEY_SIZE else None
