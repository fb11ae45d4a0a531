"""What people write for values, and what they are told when it is none."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.words import parse_duration, parse_endpoint, parse_instant, parse_network


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        pytest.param("90s", timedelta(seconds=90), id="seconds"),
        pytest.param("15m", timedelta(minutes=15), id="minutes"),
        pytest.param("6h", timedelta(hours=6), id="hours"),
        pytest.param("30d", timedelta(days=30), id="days"),
        pytest.param("1h30m", timedelta(hours=1, minutes=30), id="several together"),
        pytest.param(" 1d2h3m4s ", timedelta(days=1, hours=2, minutes=3, seconds=4), id="all, with blanks around"),
        pytest.param("0s", timedelta(), id="nothing"),
        pytest.param(timedelta(hours=2), timedelta(hours=2), id="one that was read already"),
    ],
)
def test_a_duration_is_read(words: object, meant: timedelta) -> None:
    assert parse_duration(words) == meant


@pytest.mark.parametrize(
    "words",
    ["", "15", "m", "-15m", "15 m", "1.5h", "15M", "1w", "15mx", 15, None, "1234567890s"],
)
def test_what_is_no_duration_is_refused_with_an_example(words: object) -> None:
    with pytest.raises(ValueError, match=r"is not a duration; write 90s, 15m, 6h or 30d$"):
        parse_duration(words)


def test_a_duration_beyond_all_patience_is_refused() -> None:
    with pytest.raises(ValueError, match="'999999999d999999999d' is longer than anybody waits"):
        parse_duration("999999999d999999999d")


@given(st.integers(0, 9), st.integers(0, 99), st.integers(0, 99), st.integers(0, 99))
def test_the_parts_of_a_duration_add_up(days: int, hours: int, minutes: int, seconds: int) -> None:
    meant = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)

    assert parse_duration(f"{days}d{hours}h{minutes}m{seconds}s") == meant


def test_a_network_is_read() -> None:
    assert parse_network("203.0.113.0/28") == ip_network("203.0.113.0/28")
    assert parse_network(ip_network("2001:db8::/48")) == ip_network("2001:db8::/48")


@pytest.mark.parametrize("words", ["203.0.113.0/33", "203.0.113.1/28", "somewhere", ""])
def test_what_is_no_network_is_refused(words: str) -> None:
    with pytest.raises(ValueError, match=f"^'{words}' is not a network: "):
        parse_network(words)


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        pytest.param("127.0.0.1:5300", ("127.0.0.1", 5300), id="an address and a port"),
        pytest.param("127.0.0.1", ("127.0.0.1", 53), id="without a port it is that of DNS"),
        pytest.param(" 127.0.0.1:0 ", ("127.0.0.1", 0), id="port 0 is a port"),
        pytest.param("[::1]:5300", ("::1", 5300), id="IPv6 in brackets"),
        pytest.param("[::1]", ("::1", 53), id="IPv6 in brackets without a port"),
        pytest.param("::1", ("::1", 53), id="IPv6 without either"),
        pytest.param("[2001:db8::af]:53", ("2001:db8::af", 53), id="in small letters"),
        pytest.param("[2001:DB8::AF]:53", ("2001:DB8::AF", 53), id="in capital letters"),
        pytest.param("127.0.0.1:65535", ("127.0.0.1", 65535), id="the last port"),
        pytest.param(("127.0.0.1", 5300), ("127.0.0.1", 5300), id="one that was read already"),
    ],
)
def test_an_endpoint_is_read(words: object, meant: tuple[str, int]) -> None:
    assert parse_endpoint(words) == meant


@pytest.mark.parametrize(
    "words", ["resolver.example:53", "127.0.0.1:", "127.0.0.1:123456", "[::1", "127.0.0.1:53:53", ""]
)
def test_a_name_is_no_endpoint(words: str) -> None:
    with pytest.raises(ValueError, match=r"is not ADDRESS:PORT; write one such as 127\.0\.0\.1:8553 or \[::1\]:53$"):
        parse_endpoint(words)


def test_a_port_has_sixteen_bits() -> None:
    with pytest.raises(ValueError, match=r"'127\.0\.0\.1:65536': a port lies between 0 and 65535"):
        parse_endpoint("127.0.0.1:65536")


@pytest.mark.parametrize(
    "words", ["2026-05-25T12:00:00Z", "2026-05-25T20:00:00+08:00", " 2026-05-25 12:00:00+00:00 ", "20260525T120000Z"]
)
def test_an_instant_is_read_as_utc(words: str) -> None:
    at = parse_instant(words)

    assert at == datetime(2026, 5, 25, 12, tzinfo=UTC)
    assert at.tzinfo is UTC


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        pytest.param("yesterday", "'yesterday' is not an instant; write 2026-05-25T12:00:00Z", id="no instant"),
        pytest.param("2026-02-30T12:00:00Z", "is not an instant; write", id="a day that is not in the calendar"),
        pytest.param(
            "2026-05-25T12:00:00",
            r"'2026-05-25T12:00:00' has no time zone; write 2026-05-25T12:00:00Z, or \+08:00 at its end",
            id="a naive one",
        ),
        pytest.param("0001-01-01T00:00:00+14:00", "lies outside the years 1970 to 2999", id="before all clocks"),
        pytest.param("9999-12-31T23:59:59Z", "lies outside the years 1970 to 2999", id="the end of the calendar"),
        pytest.param("3000-01-01T00:00:00Z", "lies outside the years 1970 to 2999", id="the year after the last"),
        pytest.param("1969-12-31T23:59:59Z", "lies outside the years 1970 to 2999", id="the year before the first"),
    ],
)
def test_what_is_no_instant_of_ours_is_refused(words: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        parse_instant(words)


@pytest.mark.parametrize("words", ["1970-01-01T00:00:00+14:00", "2999-12-31T23:59:59-12:00"])
def test_the_ends_of_the_years_are_inside(words: str) -> None:
    assert parse_instant(words) == datetime.fromisoformat(words)
