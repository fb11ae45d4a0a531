"""The composition root: settings in, one running daemon out; the order of starting and of stopping."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from importlib.metadata import version
from random import SystemRandom

import dns.resolver
from aiohttp import web

from checks import Probe
from checks.accounts import AccountProbe
from checks.blocklist import BlocklistProbe, DailyBudget, DnsOptions
from checks.dns.engine import Engine, EngineOptions
from checks.doors import Doors
from checks.endpoints import open_endpoint
from checks.feeds import FeedReach, Feeds
from checks.keys import KeyProbe
from checks.providers import open_provider
from checks.statuspages import open_page
from config import Config, ConfigError, Settings, load
from config.places import regions
from monitor.clock import Clock, SystemClock
from monitor.core.plan import Check, Sharing
from monitor.core.rotation import rounds_within
from monitor.core.secret import Secret
from monitor.courier import Courier
from monitor.faults import FAULTS
from monitor.pages import LOOP as PAGES
from monitor.pages import Pages
from monitor.reach import open_api, open_reception, second_shop, shop_of
from monitor.reception import Reception
from monitor.reception.ears import Doorbell, Ears
from monitor.reception.menus import Menus
from monitor.rhythm import UPKEEP, Rhythm
from monitor.store import views
from monitor.store.boxes import Seal, SealError
from monitor.store.engine import Store, connect, only_one
from monitor.store.safe import Keeper
from monitor.sweep import Law, Sweeper
from monitor.telemetry import Metrics, Progress, logger, notify, stamp, watchdog_seconds
from monitor.upkeep import Upkeep
from monitor.web.console import Console
from monitor.web.health import Health
from notifiers import open_notifier

GRACE = 3.0
"""Seconds that a sweep under way gets to end before it is cut short; its slot counts as missed."""
HEARTBEAT = 1.0
SPARE_OF_BUDGET = 0.9
"""Of a day's budget, what sweeps may use: self-tests, repeats and the prompt need some too."""

RELOADED = frozenset({"policy", "tiers", "suppliers"})
"""Tables of monitor.toml that SIGHUP takes over; the others need a restart."""


@dataclass(frozen=True, slots=True)
class App:
    """Everything that runs, put together."""

    store: Store
    sweeper: Sweeper
    rhythm: Rhythm
    pages: Pages
    courier: Courier
    second: Courier | None
    """Tells by the second channel whom the first does not reach."""
    reception: Reception | None
    """None without Telegram, and in a dry run: nobody is told anything, so nobody has anything to answer."""
    ears: Ears | Doorbell | None
    menus: Menus | None
    progress: Progress
    metrics: Metrics
    clock: Clock
    address: str
    """Where the console listens, as a URL."""


async def serve(config: Config, *, announce: Callable[[App], None] | None = None) -> None:
    """Run the daemon until SIGTERM or SIGINT."""
    FAULTS.arm(os.environ.get("COVERWATCH_FAULT", ""))
    log = logger("app")
    stop = asyncio.Event()
    with _signals(stop):
        async with open_app(config, SystemClock()) as app:
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reload, app, config)
            notify("READY=1", f"STATUS=watching; console at {app.address}")
            log.info("ready", console=app.address, version=version("coverwatch"), pid=os.getpid())
            if announce is not None:
                announce(app)
            await run(app, stop)
    log.info("stopped")


def reload(app: App, running: Config) -> None:
    """Take over the policy and the tiers of the file as it is now; a faulty file changes nothing."""
    log = logger("app")
    try:
        found = load(running.path, secrets=False)
    except ConfigError as fault:
        log.warning("reload_refused", faults=list(fault.faults))
        return
    law = Law(found.policy, found.settings.catalogue(), regions())
    app.sweeper.obey(law)
    if app.reception is not None:
        app.reception.obey(law)
    app.metrics.replace(app.metrics.policy, {(found.policy.version,): 1})
    # What needs other connections is taken over by a restart, and says so.
    kept = [name for name in type(found.settings).model_fields if name not in RELOADED]
    waiting = [name for name in kept if getattr(found.settings, name) != getattr(running.settings, name)]
    log.info("reloaded", policy=found.policy.version, restart_needed_for=waiting)


async def run(app: App, stop: asyncio.Event) -> None:
    """Let everything work until ``stop`` is set; then finish what is under way, within the grace."""
    async with asyncio.TaskGroup() as group:
        alone = app.store.on_sqlite
        courier = group.create_task(app.courier.run(alone=alone, stopping=stop.is_set), name="courier")
        rhythm = group.create_task(app.rhythm.run(), name="rhythm")
        heart = group.create_task(_beat(app), name="heart")
        pages = group.create_task(app.pages.run(stop.is_set, app.progress, app.courier.ring), name="pages")
        working, waiting = {courier, rhythm}, {heart, pages}
        if app.reception is not None and app.ears is not None:
            working.add(group.create_task(app.reception.run(alone=alone, stopping=stop.is_set), name="reception"))
            waiting.add(group.create_task(app.ears.run(), name="ears"))
        if app.menus is not None:
            waiting.add(group.create_task(app.menus.run(), name="menus"))
        if app.second is not None:
            working.add(group.create_task(app.second.run(alone=alone, stopping=stop.is_set), name="second"))
        await stop.wait()
        notify("STOPPING=1")
        app.rhythm.stop()
        app.courier.ring()
        if app.second is not None:
            app.second.ring()
        if app.reception is not None:
            app.reception.ring()
        for task in waiting:
            task.cancel()
        _, late = await asyncio.wait(working, timeout=GRACE)
        for task in late:
            task.cancel()


@asynccontextmanager
async def open_app(config: Config, clock: Clock) -> AsyncIterator[App]:
    """Put a daemon together and open all it needs; nothing is left half open."""
    settings = config.settings
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(only_one(config.store_url))
        store = await connect(config.store_url)
        stack.push_async_callback(store.close)
        metrics = Metrics()
        metrics.build.labels(version("coverwatch")).set(1)
        metrics.policy.labels(config.policy.version).set(1)
        probes = await _probes(config, store, clock, stack, metrics)
        every = rhythm_of(settings)
        talks = settings.notifier.kind == "telegram" and not settings.dry_run
        limits = _limits({check: every[check] for check in probes}, talks=talks, second=settings.second is not None)
        progress = Progress(limits, clock.monotonic())
        notifier = await stack.enter_async_context(open_notifier(settings.notifier, config.secret, clock))
        courier = Courier(store, notifier, shop_of(settings), clock, metrics, progress, dry_run=settings.dry_run)
        second = None
        if settings.second is not None:
            way = await stack.enter_async_context(open_notifier(settings.second.via, config.secret, clock))
            shop = second_shop(settings, settings.second)
            second = Courier(store, way, shop, clock, metrics, progress, dry_run=settings.dry_run)
        sweeper = Sweeper(
            store,
            probes,
            Law(config.policy, settings.catalogue(), regions()),
            clock,
            metrics,
            _node(),
            shard_size=settings.rhythm.shard_size,
            sharing=sharing(settings),
            dry_run=settings.dry_run,
        )
        upkeep = Upkeep(
            store, sweeper, clock, dry_run=settings.dry_run, daily=settings.operators.daily,
            pictures_for=settings.pictures.kept_for,
        )  # fmt: skip
        rhythm = Rhythm(sweeper, upkeep, every, clock, metrics, progress, courier.ring)
        pages = await _pages(config, store, clock, stack)
        reception, ears, menus, hook = open_reception(
            config, store, notifier, clock, metrics, progress, courier.ring, rhythm.look_at, _node()
        )
        doors = [*hook, *open_api(config, store, notifier, clock)]
        address = await _listen(config, store, metrics, progress, clock, stack, doors)
        yield App(
            store, sweeper, rhythm, pages, courier, second, reception, ears, menus, progress, metrics, clock, address
        )


def _node() -> str:
    return f"{os.uname().nodename}:{os.getpid()}"


def _limits(spans: Mapping[Check, timedelta], *, talks: bool, second: bool) -> dict[str, float]:
    # A shard of unanswering zones may take minutes; that is slow, not stuck.
    loops = {"courier": 300.0, f"rhythm:{UPKEEP}": 600.0, PAGES: 600.0}
    people = {"reception": 300.0, "ears": 300.0} if talks else {}
    people |= {"courier:second": 300.0} if second else {}
    return {**loops, **people, **{f"rhythm:{check}": max(600.0, 2 * s.total_seconds()) for check, s in spans.items()}}


async def _probes(
    config: Config, store: Store, clock: Clock, stack: AsyncExitStack, metrics: Metrics
) -> Mapping[Check, Probe]:
    settings = config.settings
    probes: dict[Check, Probe] = {}
    zones = settings.lists.read(config.secret)
    feeds = await _feeds(config, clock, stack)
    if zones or feeds:
        engine = Engine(_resolvers(settings.dns), _engine_options(settings.dns)) if zones else None
        probes[Check.BLOCKLIST] = probe = BlocklistProbe(
            zones,
            None if engine is None else await stack.enter_async_context(engine),
            SystemRandom(),
            settings.lists.patience,
            {name: DailyBudget(each.rate, each.day) for name, each in settings.lists.budgets().items()},
            feeds,
        )
        metrics.follow_dns(probe.count_by_list, probe.count_datagrams)
    providers = {}
    for name, options in settings.providers.items():
        providers[name], session = open_provider(options, clock)
        stack.push_async_callback(session.close)

    access = keeper(config, store).read
    doors = Doors(settings.witness, clock)
    if providers:
        probes[Check.ACCOUNT] = AccountProbe(providers, access, doors)
    endpoints = {name: open_endpoint(options, clock) for name, options in settings.endpoints.items()}
    if endpoints:
        probes[Check.ENDPOINT] = KeyProbe(endpoints, access, doors)
    return probes


def keeper(config: Config, store: Store) -> Keeper:
    """Give what finds the secrets of accounts and keys."""

    def file(name: str) -> Secret:
        try:
            return config.secret(name)
        except ConfigError as fault:
            raise LookupError(str(fault)) from None

    name = config.settings.secrets.key
    try:
        return Keeper(store, file, None if name is None else Seal(config.secret(name)))
    except SealError as fault:
        raise ConfigError([f"secrets.key: {fault}"]) from None


async def _pages(config: Config, store: Store, clock: Clock, stack: AsyncExitStack) -> Pages:
    pages = {}
    for name, options in config.settings.status_pages.items():
        pages[name], session = open_page(options, clock, regions())
        stack.push_async_callback(session.close)
    return Pages(store, pages, clock, withheld=config.settings.dry_run)


async def _feeds(config: Config, clock: Clock, stack: AsyncExitStack) -> Feeds | None:
    table, home = config.settings.feeds, config.path.parent
    sources = table.read(home)
    if not sources:
        return None
    reach = FeedReach(timeout=table.timeout.total_seconds(), allow=table.allow)
    try:
        return await stack.enter_async_context(Feeds(sources, home / table.directory, clock, reach))
    except OSError as fault:
        raise ConfigError([f"feeds.directory: {fault.filename} cannot be written: {fault.strerror}"]) from None


def rhythm_of(settings: Settings) -> Mapping[Check, timedelta]:
    """Tell how often what is looked at."""
    rhythm = settings.rhythm
    return {Check.BLOCKLIST: rhythm.blocklists, Check.ACCOUNT: rhythm.accounts, Check.ENDPOINT: rhythm.endpoints}


def sharing(settings: Settings) -> Sharing:
    """Tell how the addresses of ranges are shared out over rounds, within the smallest budget of any list."""
    every = settings.rhythm.blocklists
    rounds_a_day = timedelta(days=1) / every
    allowed = [int(budget.day * SPARE_OF_BUDGET / rounds_a_day) for budget in settings.lists.budgets().values()]
    rounds = rounds_within(settings.lists.full_round, every)
    return Sharing(rounds, min(allowed, default=None), settings.lists.sample)


def _engine_options(options: DnsOptions) -> EngineOptions:
    return EngineOptions(
        in_flight=options.in_flight,
        timeout=options.timeout.total_seconds(),
        tries=options.tries,
        deadline=options.deadline.total_seconds(),
        rate=options.rate,
    )


def _resolvers(options: DnsOptions) -> list[tuple[str, int]]:
    return list(options.resolvers) or system_resolvers()


def system_resolvers() -> list[tuple[str, int]]:
    """Give the resolvers that this machine uses."""
    try:
        return [(str(host), 53) for host in dns.resolver.Resolver().nameservers]
    except dns.resolver.NoResolverConfiguration:
        raise ConfigError(["dns.resolvers: none given, and /etc/resolv.conf names none"]) from None


async def _listen(
    config: Config,
    store: Store,
    metrics: Metrics,
    progress: Progress,
    clock: Clock,
    stack: AsyncExitStack,
    doors: list[web.RouteDef],
) -> str:
    async def refresh() -> None:
        async with store.read() as connection:
            figures = await views.figures(connection)
        metrics.replace(metrics.cases, {(state,): count for state, count in figures.cases.items()})
        metrics.replace(metrics.spares, {**figures.spares})
        metrics.replace(metrics.notices, {(state,): count for state, count in figures.notices.items()})
        metrics.oldest_due.set(stamp([figures.oldest_due] if figures.oldest_due else []))

    site = web.Application()
    site.add_routes(Health(metrics, progress, clock, refresh).routes())
    site.add_routes(doors)
    site.add_routes(Console(store, clock, config.settings.shop.name).routes())
    runner = web.AppRunner(site, handle_signals=False, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    host, port = config.settings.web.listen
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as fault:
        raise ConfigError([f"web.listen: cannot listen on {host}:{port}: {fault.strerror}"]) from None
    bound = runner.addresses[0]
    shown = f"[{bound[0]}]" if ":" in bound[0] else bound[0]
    return f"http://{shown}:{bound[1]}/"


async def _beat(app: App) -> None:
    """Feed systemd's watchdog as long as every loop gets somewhere, and measure how late the event loop is."""
    interval = min(HEARTBEAT, (watchdog_seconds() or 30.0) / 3)
    while True:
        began = app.clock.monotonic()
        await asyncio.sleep(interval)
        now = app.clock.monotonic()
        app.metrics.loop_lag.set(max(0.0, now - began - interval))
        if not app.progress.stuck(now):
            notify("WATCHDOG=1")


@contextlib.contextmanager
def _signals(stop: asyncio.Event) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.remove_signal_handler(number)
