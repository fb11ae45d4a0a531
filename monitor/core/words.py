"""The words that people write for values: durations, networks, endpoints, instants."""

import re
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network

from monitor.core.fleet import Network

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
PORTS = 65535
DNS_PORT = 53
YEARS = range(1970, 3000)


def parse_duration(value: object) -> timedelta:
    """Read ``90s``, ``15m``, ``6h``, ``30d``, or several together such as ``1h30m``."""
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str) or not re.fullmatch(r"(\d{1,9}[smhd])+", value.strip()):
        raise ValueError(f"{value!r} is not a duration; write 90s, 15m, 6h or 30d")
    try:
        return timedelta(seconds=sum(int(n) * UNITS[unit] for n, unit in re.findall(r"(\d+)([smhd])", value)))
    except OverflowError:
        raise ValueError(f"{value!r} is longer than anybody waits") from None


def parse_network(value: object) -> Network:
    """Read a network such as ``203.0.113.0/28``."""
    try:
        return ip_network(str(value))
    except ValueError as fault:
        raise ValueError(f"{value!r} is not a network: {fault}") from None


def parse_endpoint(value: object) -> tuple[str, int]:
    """Read ``HOST:PORT`` or ``[IPv6]:PORT``, HOST being an address; the port of an address without one is 53."""
    if isinstance(value, tuple):
        return value
    words = str(value).strip()
    match = re.fullmatch(r"\[([0-9A-Fa-f:.]+)\](?::(\d{1,5}))?|([^:\[\]]+)(?::(\d{1,5}))?", words)
    host, port = (match[1] or match[3], int(match[2] or match[4] or DNS_PORT)) if match else (words, DNS_PORT)
    try:
        ip_address(host)
    except ValueError:
        raise ValueError(f"{words!r} is not ADDRESS:PORT; write one such as 127.0.0.1:8553 or [::1]:53") from None
    if port > PORTS:
        raise ValueError(f"{words!r}: a port lies between 0 and {PORTS}")
    return host, port


def parse_instant(words: str) -> datetime:
    """Read an ISO 8601 instant with its zone, as UTC; a naive one is refused, and one that no clock of ours shows."""
    try:
        at = datetime.fromisoformat(words.strip())
    except ValueError:
        raise ValueError(f"{words!r} is not an instant; write 2026-05-25T12:00:00Z") from None
    if at.utcoffset() is None:
        raise ValueError(f"{words!r} has no time zone; write 2026-05-25T12:00:00Z, or +08:00 at its end")
    if at.year not in YEARS:
        # Windows are added to instants: that has to stay within the calendar.
        raise ValueError(f"{words!r} lies outside the years {YEARS[0]} to {YEARS[-1]}")
    return at.astimezone(UTC)
