"""Where people are reached, as the settings say: through the shop's own channel, or through the second."""

from collections.abc import Callable
from functools import partial
from typing import assert_never
from zoneinfo import ZoneInfo

from aiohttp import web

from config import Config
from config.people import SecondTable
from config.places import regions
from config.settings import Settings
from monitor.clock import Clock
from monitor.core.fleet import Customer
from monitor.letters import Shop
from monitor.reception import Reception
from monitor.reception.ears import Doorbell, Ears
from monitor.reception.menus import Menus
from monitor.reception.office import Terms
from monitor.store.boxes import Seal
from monitor.store.engine import Store
from monitor.store.outbox import Channel
from monitor.sweep import Law
from monitor.telemetry import Metrics, Progress
from monitor.web.api import Api
from notifiers import Notifier


def open_reception(
    config: Config,
    store: Store,
    notifier: Notifier,
    clock: Clock,
    metrics: Metrics,
    progress: Progress,
    ring: Callable[[], None],
    look: Callable[[str], None],
    node: str,
) -> tuple[Reception | None, Ears | Doorbell | None, Menus | None, list[web.RouteDef]]:
    """Open what people talk to, how it hears them, and what it offers them.

    Nothing where there is no Telegram, or nobody is told anything.
    """
    settings = config.settings
    if settings.notifier.kind != "telegram" or settings.dry_run:
        return None, None, None, []
    # The Bot API library takes a second to load.
    from notifiers.telegram.sender import Telegram  # noqa: PLC0415 - see above

    if not isinstance(notifier, Telegram):
        return None, None, None, []
    table = settings.handover
    seal = None if table.key is None else Seal(config.secret(table.key))
    law = Law(config.policy, settings.catalogue(), regions())
    terms = Terms(seal, table.shown_for, table.again_within)
    staff = settings.operators.staff()
    shop = shop_of(settings)
    reception = Reception(store, notifier, shop, staff, law, terms, clock, metrics, progress, ring, look)
    menus = Menus(store, notifier, shop, clock)
    options = settings.notifier
    if options.webhook is None:
        ears = Ears(store, partial(notifier.poller, reception.take), clock, metrics, progress, node)
        return reception, ears, menus, []
    from monitor.web.hook import Hook  # noqa: PLC0415 - it needs what Telegram does

    words = config.secret(options.webhook_secret)
    bell = Doorbell(partial(notifier.deliver_updates, options.webhook, words), clock, progress)
    return reception, bell, menus, Hook(options.webhook, words, reception.take).routes()


def open_api(config: Config, store: Store, notifier: Notifier, clock: Clock) -> list[web.RouteDef]:
    """Open what the shop's own programs ask; nothing without a token."""
    settings = config.settings
    if settings.web.api is None:
        return []
    from notifiers.telegram.sender import Telegram  # noqa: PLC0415 - it takes a second to load

    if not isinstance(notifier, Telegram):
        return []
    return Api(store, clock, config.secret(settings.web.api), settings.links.lifetime, notifier.name).routes()


def shop_of(settings: Settings) -> Shop:
    """Give the shop as it speaks through its own channel."""
    zone, language, options = ZoneInfo(settings.shop.time_zone), settings.shop.language, settings.notifier
    match options.kind:
        case "telegram":
            operators = None if options.operators is None else str(options.operators)

            def reaches(customer: Customer | None) -> bool:
                return settings.second is not None and _second(settings.second, customer) is not None

            return Shop(zone, language, options.kind, operators, _chat, options.operators_topic, second=reaches)
        case "email":
            return Shop(zone, language, options.kind, None, lambda customer: customer.email)
        case "console" | "webhook":
            return Shop(zone, language, options.kind, "operators", lambda customer: customer.name)
        case _:
            assert_never(options)


def second_shop(settings: Settings, table: SecondTable) -> Shop:
    """Give the shop as it speaks to whom its own channel does not reach."""
    return Shop(
        ZoneInfo(settings.shop.time_zone),
        settings.shop.language,
        # Silences of this one are kept apart from those of the first, even of the same kind.
        f"second:{table.via.kind}",
        _second(table, None),
        lambda customer: _second(table, customer),
        channel=Channel.SECOND,
    )


def _second(table: SecondTable, customer: Customer | None) -> str | None:
    """Give where the second channel reaches a customer, or operators; None: nowhere."""
    if customer is None:
        return table.operators
    return customer.email if table.via.kind == "email" else customer.name


def _chat(customer: Customer) -> str | None:
    return None if customer.chat is None else str(customer.chat)
