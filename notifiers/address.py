"""Addresses that an operator writes into the settings and that secrets are sent to."""

from urllib.parse import urlsplit

HERE = frozenset({"127.0.0.1", "::1", "localhost"})
"""This machine: nothing that is sent there is seen on the way."""


def guarded(url: str) -> str:
    """Give the address without a slash at its end; what is sent there is encrypted, or stays on this machine.

    :raises ValueError: it is no address, or not a safe one.
    """
    parts = urlsplit(url)
    try:
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or parts.fragment or parts.username is not None or url != url.strip():
        raise ValueError(f"{url!r} is not an address such as https://example.org")
    if parts.scheme != "https" and not (parts.scheme == "http" and host in HERE):
        raise ValueError(f"{url!r}: write https://, for secrets travel with it (http only to this machine)")
    return url.rstrip("/")


def file_name(name: str) -> str:
    """Give the name of a secret file, if it looks like one.

    :raises ValueError: it rather looks like the secret itself.
    """
    if not name or ":" in name or name != name.strip():
        raise ValueError("this is the name of a secret file; the secret itself stands in that file")
    return name
