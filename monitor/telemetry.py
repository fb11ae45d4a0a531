"""Every metric and every log event by name; structured logs; progress for systemd."""

import logging
import os
import re
import socket
import sys
from collections.abc import Callable, Iterable, Mapping, MutableMapping, Sequence
from datetime import datetime
from typing import Any

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

TOKENS = re.compile(r"bot\d+:[A-Za-z0-9_-]+|\b\d{6,}:[A-Za-z0-9_-]{30,}")
"""What a Telegram token looks like, in a URL and alone."""
ROWS = re.compile(r"^DETAIL:.*$", re.MULTILINE)
"""Where PostgreSQL names the values of the row it refuses."""


class Metrics:
    """The figures of one process. No label ever carries an address, a customer or an order."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self.build = self._gauge("build_info", "The version that runs.", "version")
        self.sweeps = self._counter("sweeps_total", "Sweeps that ended, by kind and result.", "kind", "result")
        self.sweep_seconds = self._histogram("sweep_duration_seconds", "How long a sweep took, by kind.", "kind")
        self.sweep_success = self._gauge(
            "sweep_last_success_timestamp_seconds", "When a sweep of this kind last ended well.", "kind"
        )
        self.list_believed = self._gauge("list_believed", "1 while the list passes its self-test.", "list")
        self.accounts = self._counter(
            "account_looks_total", "Looks at accounts, by provider and state.", "provider", "state"
        )
        self.verdicts = self._counter("verdicts_total", "Verdicts, by defect and verdict.", "defect", "verdict")
        self.decisions = self._counter("decisions_total", "Rulings, by outcome and clause.", "outcome", "clause")
        self.cases = self._gauge("cases", "Cases, by state.", "state")
        self.oldest_due = self._gauge(
            "case_oldest_due_timestamp_seconds", "When the open case that is due first is due; 0 without one."
        )
        self.spares = self._gauge("spares", "Spares, by tier and condition.", "tier", "condition")
        self.notices = self._gauge("notices", "Notices, by state.", "state")
        self.told = self._counter("notices_told_total", "Attempts to tell, by kind and outcome.", "kind", "outcome")
        self.ambiguous = self._counter("outbox_ambiguous_total", "Sends whose answer was lost.")
        self.heard = self._counter("updates_total", "What people said and did on Telegram, by kind.", "kind")
        self.heard_at = self._gauge(
            "updates_last_heard_timestamp_seconds", "When Telegram last answered the question for news."
        )
        self.policy = self._gauge("policy_info", "The coverage policy in force.", "version")
        self.loop_lag = self._gauge("event_loop_lag_seconds", "How late the last heartbeat of the event loop was.")

    def follow_dns(self, lists: "Count", resolvers: "Count") -> None:
        """Read, whenever the page is asked for, what became of the questions to lists and of all datagrams."""
        words = "What became of the questions to a list: asked, answered, lost, refused, forged ..."
        self.registry.register(_Read("list_questions", words, ("list", "fate"), lists))
        words = "What became of the datagrams to and from all resolvers: asked, answered, lost, forged ..."
        self.registry.register(_Read("dns_datagrams", words, ("fate",), resolvers))

    def _counter(self, name: str, words: str, *labels: str) -> Counter:
        return Counter(f"coverwatch_{name}", words, labels, registry=self.registry)

    def _gauge(self, name: str, words: str, *labels: str) -> Gauge:
        return Gauge(f"coverwatch_{name}", words, labels, registry=self.registry)

    def _histogram(self, name: str, words: str, *labels: str) -> Histogram:
        buckets = (0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600)
        return Histogram(f"coverwatch_{name}", words, labels, registry=self.registry, buckets=buckets)

    def page(self) -> bytes:
        """Give the metrics page in the Prometheus text format."""
        return generate_latest(self.registry)

    def replace(self, gauge: Gauge, values: Mapping[tuple[str, ...], float]) -> None:
        """Set a labelled gauge to exactly these values: what is no more is not shown."""
        gauge.clear()
        for labels, value in values.items():
            gauge.labels(*labels).set(value)


Count = Callable[[], Mapping[tuple[str, ...], float]]
"""Gives numbers that only grow, by their labels."""


class _Read(Collector):
    """A counter that is kept elsewhere."""

    def __init__(self, name: str, words: str, labels: Sequence[str], count: Count) -> None:
        self._name, self._words, self._labels, self._count = f"coverwatch_{name}", words, labels, count

    def describe(self) -> Iterable[Metric]:
        """Name the family without counting."""
        return [CounterMetricFamily(self._name, self._words, labels=self._labels)]

    def collect(self) -> Iterable[Metric]:
        """Count now."""
        family = CounterMetricFamily(self._name, self._words, labels=self._labels)
        for labels, value in self._count().items():
            family.add_metric(labels, value)
        yield family


Log = structlog.stdlib.BoundLogger
"""Events are named in snake_case and logged at their edge: once when it begins, once when it ends."""


def logger(name: str) -> Log:
    """Give a logger; ``name`` tells the part of the house."""
    log: Log = structlog.stdlib.get_logger(name)
    return log


def redact(_logger: object, _method: str, record: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Blot out whatever looks like a bot token, and the rows in a database's complaints, wherever they came from."""
    for key, value in record.items():
        if isinstance(value, str) and ":" in value:
            record[key] = ROWS.sub("DETAIL: [row]", TOKENS.sub("[token]", value))
    return record


def set_up_logging(*, verbose: bool = False) -> None:
    """Send our records and those of libraries through one formatter: for people on a terminal, else JSON lines."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    renderer: Any = (
        # The pretty tracebacks show the local variables of every frame, and some of them are secrets.
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        if sys.stderr.isatty()
        else structlog.processors.JSONRenderer()
    )
    last = [structlog.processors.format_exc_info, redact, renderer]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last]
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.DEBUG if verbose else logging.INFO)
    # These tell every request; a URL of the Bot API holds the token.
    for chatty in ("httpx", "httpcore", "aiosqlite", "asyncio", "apscheduler", "telegram", "aiohttp.access", "alembic"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


class Progress:
    """Tells systemd that work goes on: fed by the loops' own progress, never by a timer alone.

    ``limits``: by loop, the most seconds it may take for a step; ``began`` in monotonic seconds.
    """

    def __init__(self, limits: Mapping[str, float], began: float) -> None:
        self._limits = dict(limits)
        # A loop that hangs at its very first step is stuck as well.
        self._last = dict.fromkeys(limits, began)

    def made(self, loop: str, at: float) -> None:
        """Record that a loop got somewhere; ``at`` in monotonic seconds."""
        self._last[loop] = at

    def stuck(self, at: float) -> list[str]:
        """Name the loops that got nowhere for longer than their limit."""
        return sorted(name for name, limit in self._limits.items() if at - self._last[name] > limit)


def notify(*states: str) -> None:
    """Send states such as ``READY=1`` to systemd; nothing where it does not listen (sd_notify(3))."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    path = "\0" + address[1:] if address.startswith("@") else address
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
        try:
            channel.sendto("\n".join(states).encode(), path)
        except OSError:
            # systemd is gone or restarts: there is nobody to tell.
            return


def watchdog_seconds() -> float | None:
    """Give systemd's watchdog interval; None without one."""
    usec = os.environ.get("WATCHDOG_USEC", "")
    return int(usec) / 1_000_000 if usec.isdigit() and int(usec) > 0 else None


def stamp(instants: Iterable[datetime]) -> float:
    """Give the earliest instant as a Unix time; 0 without one."""
    return min((at.timestamp() for at in instants), default=0.0)
