"""The secret files that the settings name: without them the daemon cannot start, nor with unfit ones."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import assert_never

from config.settings import Settings
from monitor.core.secret import Secret
from notifiers import AnyOptions

SHORTEST_TOKEN = 32
"""Characters of the API's token: one that somebody made up could be guessed."""


def _anything(_: Secret) -> str | None:
    return None


@dataclass(frozen=True, slots=True)
class Credential:
    """A secret file, and where it is named. ``fault`` says what is wrong with its value, without telling it."""

    place: str
    name: str
    fault: Callable[[Secret], str | None] = _anything


def credentials(settings: Settings) -> list[Credential]:
    """Give the secret files that the daemon cannot start without."""
    carriers: list[tuple[str, AnyOptions]] = [("notifier", settings.notifier)]
    if settings.second is not None:
        carriers.append(("second.via", settings.second.via))
    found = [each for place, options in carriers for each in _of(place, options)]
    if settings.handover.key is not None:
        found.append(Credential("handover.key", settings.handover.key, _seals))
    if settings.secrets.key is not None:
        found.append(Credential("secrets.key", settings.secrets.key, _seals))
    if settings.web.api is not None:
        found.append(Credential("web.api", settings.web.api, _is_long))
    return found + [Credential(f"lists.keys.{of}", name) for of, name in settings.lists.keys.items()]


def _of(place: str, options: AnyOptions) -> list[Credential]:
    match options.kind:
        case "telegram":
            hook = [Credential(f"{place}.webhook_secret", options.webhook_secret)] if options.webhook else []
            return [Credential(f"{place}.token", options.token), *hook]
        case "email":
            return [Credential(f"{place}.password", options.password)] if options.password else []
        case "webhook":
            return [Credential(f"{place}.key", options.key)]
        case "console":
            return []
        case _:
            assert_never(options)


def _seals(keys: Secret) -> str | None:
    # Only whoever seals anything loads what that needs.
    from monitor.store.boxes import Seal, SealError  # noqa: PLC0415 - see above

    try:
        Seal(keys)
    except SealError as fault:
        return str(fault)
    return None


def _is_long(token: Secret) -> str | None:
    if len(token.reveal()) >= SHORTEST_TOKEN:
        return None
    return f"the token has less than {SHORTEST_TOKEN} characters; make one with: openssl rand -hex 32"
