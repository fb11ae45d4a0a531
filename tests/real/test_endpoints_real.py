"""Endpoints against peers that nobody here wrote: wireguard-go, OpenVPN's own server, OpenSSH's own server."""

import asyncio
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from checks.endpoints import Endpoint, EndpointOptions, open_endpoint
from checks.knock import Target
from monitor.clock import SystemClock
from monitor.core.coverage import Bad, Look, Unclear
from monitor.core.endpoint import AcceptsKey, Alive, Closed, KeySeen, Knock, Sign, look_at_key
from monitor.core.observation import Silent
from monitor.core.secret import Secret
from tests.conftest import require
from tests.peers.namespaces import NOBODY, THERE, Cable, cable

pytestmark = pytest.mark.wide

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
Part = Callable[[str], str]


def endpoint(kind: str, **more: Any) -> Endpoint:
    table = {"kind": kind, "allow": ["127.0.0.0/8"], "timeout": 10.0, **more}
    return open_endpoint(TypeAdapter[Any](EndpointOptions).validate_python(table), SystemClock())


def run(*command: str | Path, text: str | None = None) -> str:
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False, timeout=20)
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return done.stdout.strip()


def free_port(kind: socket.SocketKind) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def started(*command: str | Path, cwd: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server until the end of the block, by its own handle."""
    with (cwd / "log").open("wb") as log:
        server = subprocess.Popen(command, cwd=cwd, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            yield server
        finally:
            server.terminate()
            try:
                server.wait(10)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


async def until(true: Callable[[], bool], what: str) -> None:
    for _ in range(200):
        if true():
            return
        await asyncio.sleep(0.05)
    pytest.fail(f"{what} did not come up")


def may_tunnel() -> bool:
    return os.geteuid() == 0 and os.access("/dev/net/tun", os.W_OK)


def key_pair(wg: str) -> tuple[str, str]:
    private = run(wg, "genkey")
    return private, run(wg, "pubkey", text=private)


WG_PORT = 51820


@contextmanager
def wireguard_go(real_part: Part, there: Cable, folder: Path, peers: str) -> Iterator[str]:
    """Run wireguard-go in the far namespace; give its public key."""
    wg, go = real_part("wg"), real_part("wireguard-go")
    private, public = key_pair(wg)
    conf = folder / "server.conf"
    conf.write_text(f"[Interface]\nPrivateKey = {private}\nListenPort = {WG_PORT}\n{peers}")
    # Its control socket bears the name of the interface, and lies in a folder that namespaces share.
    name = f"cw{os.getpid() % 100_000}"
    control = Path("/var/run/wireguard") / f"{name}.sock"
    with started(*there.inside(go, "-f", name), cwd=folder):
        for _ in range(200):
            if control.exists():
                break
            time.sleep(0.05)
        run(*there.inside(wg, "setconf", name, conf))
        # A device that is down has no sockets.
        run(*there.inside(real_part("ip"), "link", "set", name, "up"))
        yield public
    control.unlink(missing_ok=True)


def customer(private: str, public: str, shared: str = "", host: str = THERE) -> Secret:
    psk = f"PresharedKey = {shared}\n" if shared else ""
    return Secret(
        f"[Interface]\nPrivateKey = {private}\n[Peer]\nPublicKey = {public}\n{psk}Endpoint = {host}:{WG_PORT}\n"
    )


def test_wireguard_go_answers_the_right_key_is_silent_to_a_revoked_one_and_a_dead_host_is_told_apart(
    real_part: Part, tmp_path: Path
) -> None:
    require(may_tunnel(), "no /dev/net/tun, or not root")
    real_part("ip")
    wg = real_part("wg")
    (anna, anna_public), (bert, bert_public), (stranger, _) = key_pair(wg), key_pair(wg), key_pair(wg)
    shared = run(wg, "genpsk")
    peers = (
        f"[Peer]\nPublicKey = {anna_public}\nAllowedIPs = 198.18.1.2/32\n"
        f"[Peer]\nPublicKey = {bert_public}\nPresharedKey = {shared}\nAllowedIPs = 198.18.1.3/32\n"
    )
    wireguard = partial(endpoint, "wireguard", allow=[THERE, NOBODY])
    door = endpoint("tcp", allow=[THERE, NOBODY], timeout=0.5)

    def knock(secret: Secret, timeout: float = 10.0) -> Knock:
        return there.knock(lambda: wireguard(timeout=timeout).knock(None, secret))

    def seen(host: str, secret: Secret, *signs: Sign) -> Look:
        """Look at a key as a sweep does: the key itself, and a door of the same host."""
        beside = there.knock(lambda: door.knock(Target(host, 22), None))
        found = KeySeen(NOON, host, knock(secret, 0.5), (Sign("tcp 22", beside, same_endpoint=False), *signs))
        return look_at_key(found, worked_before=True)

    with cable() as there:
        with wireguard_go(real_part, there, tmp_path, peers) as public:
            annas, berts = customer(anna, public), customer(bert, public, shared)
            assert knock(annas) == AcceptsKey()
            assert knock(berts) == AcceptsKey()
            assert isinstance(knock(customer(bert, public), 0.5), Silent), "without the shared key"
            assert isinstance(knock(customer(stranger, public), 0.5), Silent)

            name = f"cw{os.getpid() % 100_000}"
            run(*there.inside(wg, "set", name, "peer", anna_public, "remove"))
            assert isinstance(knock(annas, 0.5), Silent)
            # The host refuses a connection, so it lives; another customer's key is taken, so the endpoint does.
            assert isinstance(seen(THERE, annas), Bad)
            assert isinstance(seen(THERE, annas, Sign("bert", knock(berts), same_endpoint=True)), Bad)

            # Nobody is there: the same silence, and no sign of life beside it.
            assert isinstance(seen(NOBODY, customer(anna, public, host=NOBODY)), Unclear)
        assert knock(berts) == Closed("port unreachable"), "the host says that nobody listens any more"
        assert not isinstance(seen(THERE, annas), Bad)
        there.cut()
        assert isinstance(knock(berts, 0.5), Silent)
        assert isinstance(seen(THERE, annas), Unclear), "a dead host is no banned key"


@pytest.mark.parametrize("proto", ["udp", "tcp"])
@pytest.mark.parametrize("wrap", ["", "tls-auth", "tls-crypt"])
async def test_openvpn_answers_a_reset_signed_with_its_key_and_no_other(
    real_part: Part, tmp_path: Path, wrap: str, proto: str
) -> None:
    require(may_tunnel(), "no /dev/net/tun, or not root")
    openvpn, openssl = real_part("openvpn"), real_part("openssl")
    subject = ("-subj", "/CN=vpn.example", "-days", "2")
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")
    run(openssl, "req", "-x509", *curve, "-nodes", *subject, "-keyout", tmp_path / "key", "-out", tmp_path / "cert")
    for name in ("ours", "theirs"):
        run(openvpn, "--genkey", "secret", tmp_path / name)
    port = free_port(socket.SOCK_STREAM if proto == "tcp" else socket.SOCK_DGRAM)
    options = [
        *("--mode", "server", "--dev", "tun", "--ifconfig-noexec", "--local", "127.0.0.1", "--lport", str(port)),
        *("--proto", "tcp-server" if proto == "tcp" else "udp", "--tls-server", "--verb", "4"),
        *("--ca", "cert", "--cert", "cert", "--key", "key", "--dh", "none"),
    ]
    if wrap:
        options += [f"--{wrap}", "ours", *(["0"] if wrap == "tls-auth" else [])]
    head = f"remote 127.0.0.1 {port} {proto}\n" + ("key-direction 1\n" if wrap == "tls-auth" else "")
    good, bad = (
        Secret(head + (f"<{wrap}>\n{(tmp_path / name).read_text()}</{wrap}>\n" if wrap else ""))
        for name in ("ours", "theirs")
    )
    here = endpoint("openvpn")
    with started(openvpn, *options, cwd=tmp_path):
        ready = b"Listening for incoming TCP" if proto == "tcp" else b"UDPv4 link local"
        await until(lambda: ready in (tmp_path / "log").read_bytes(), "openvpn")
        if wrap:
            assert isinstance(await endpoint("openvpn", timeout=1.0).knock(None, bad), Silent)
        assert await here.knock(None, good) == (AcceptsKey() if wrap else Alive("answers a reset"))
    assert await here.knock(None, good) == Closed("connection refused" if proto == "tcp" else "port unreachable")


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
async def test_openssh_proves_its_host_key(real_part: Part, tmp_path: Path, kind: str) -> None:
    sshd, keygen = real_part("sshd"), real_part("ssh-keygen")
    require(os.geteuid() == 0, "sshd needs root")
    # Its folder for unprivileged children, which the package's own start script makes.
    run("mkdir", "-p", "/run/sshd")
    port = free_port(socket.SOCK_STREAM)
    run(keygen, "-q", "-t", kind, "-N", "", "-f", tmp_path / "host")
    config = tmp_path / "config"
    config.write_text(f"ListenAddress 127.0.0.1\nPort {port}\nHostKey {tmp_path}/host\nPidFile none\nUsePAM no\n")
    with started(sshd, "-D", "-e", "-f", config, cwd=tmp_path):
        await until(lambda: b"listening on" in (tmp_path / "log").read_bytes(), "sshd")
        found = await endpoint("ssh").knock(Target("127.0.0.1", port), None)
    fingerprint = run(keygen, "-l", "-f", tmp_path / "host.pub").split()[1]
    assert isinstance(found, Alive)
    assert (found.identity, found.words[:16]) == (fingerprint, "SSH-2.0-OpenSSH_")
