"""TCP and TLS: whether a port is open, who presents which certificate there, and until when it is good."""

import asyncio
import hashlib
import ssl
from datetime import datetime
from typing import Literal

from cryptography import x509

from checks.foreign import clip
from checks.knock import Manner, Target, connected, find
from monitor.clock import Clock
from monitor.core.endpoint import Alive, Closed, Knock, Misfit
from monitor.core.fleet import Address
from monitor.core.observation import Silent
from monitor.core.secret import Secret


class Options(Manner):
    """How patiently to knock, and whether to speak TLS."""

    kind: Literal["tcp"]
    tls: bool = False


class Tcp:
    """Opens a connection and closes it again. Certificates are read, not judged: nothing is sent that needs trust."""

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
            async with asyncio.timeout(self._options.timeout):
                return await self._open(address, target)
        except TimeoutError:
            return Silent(f"no answer within {self._options.timeout:g} s")
        except ConnectionRefusedError:
            return Closed("connection refused")
        except OSError as error:
            return Silent(clip(error.strerror or str(error)))

    async def _open(self, address: Address, target: Target) -> Knock:
        async with connected(address, target.port) as (_, writer):
            if not self._options.tls:
                return Alive("accepts connections")
            try:
                async with asyncio.timeout(self._options.timeout / 2):
                    await writer.start_tls(_context(), server_hostname=target.host)
            except (OSError, TimeoutError) as error:
                # Whoever took the connection is alive, whatever became of it.
                return Alive(f"accepts connections, and speaks no TLS: {clip(str(error)) or 'silent'}")
            session: ssl.SSLObject = writer.get_extra_info("ssl_object")
            return _read(session.getpeercert(binary_form=True), session.version() or "TLS")


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _read(certificate: bytes | None, version: str) -> Alive:
    if not certificate:
        return Alive(f"{version}, without a certificate")
    identity = f"SHA256:{hashlib.sha256(certificate).hexdigest()}"
    until = _end(certificate)
    return Alive(f"{version}, certificate until {until:%Y-%m-%d}" if until else version, identity, until)


def _end(certificate: bytes) -> datetime | None:
    try:
        return x509.load_der_x509_certificate(certificate).not_valid_after_utc
    except ValueError:
        return None
