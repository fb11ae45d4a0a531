"""What is said in a conversation: answers that are given at once and that nobody is owed later."""

from collections.abc import Mapping
from enum import StrEnum


class Saying(StrEnum):
    """One thing that is said, in answer to what somebody wrote or pressed."""

    WELCOME = "welcome"
    HELP = "help"
    NOT_LINKED = "not_linked"
    LINK_CONFIRM = "link_confirm"
    LINK_FAILED = "link_failed"
    LINK_WAITING = "link_waiting"
    TOO_MANY = "too_many"
    STATUS = "status"
    LANGUAGE = "language"
    LANGUAGE_SET = "language_set"
    STOPPED = "stopped"
    RESUMED = "resumed"
    PASSED_ON = "passed_on"
    NO_PICTURE = "no_picture"
    PICTURE_KEPT = "picture_kept"
    PICTURE_REFUSED = "picture_refused"
    REPORT_USAGE = "report_usage"
    REPORT_UNKNOWN = "report_unknown"
    REPORT_KIND = "report_kind"
    REPORT_HASH = "report_hash"
    REPORT_KNOWN = "report_known"
    REPORT_DROPPED = "report_dropped"
    HANDED_OVER = "handed_over"
    OPERATOR_HELP = "operator_help"
    CARD = "card"
    CARD_REPLACED = "card_replaced"
    CASE_LIST = "case_list"
    NO_CASE = "no_case"
    STOCK_LIST = "stock_list"
    INCIDENT_LIST = "incident_list"
    INCIDENT_CARD = "incident_card"
    INCIDENT_OVER = "incident_over"
    INCIDENT_REPLACED = "incident_replaced"
    NO_INCIDENT = "no_incident"
    BRAKE_STATUS = "brake_status"
    BRAKE_RELEASED = "brake_released"
    MUTED = "muted"
    MUTE_USAGE = "mute_usage"
    NOT_ALLOWED = "not_allowed"
    DIGEST = "digest"
    RELINKED = "relinked"


NOTHING: frozenset[str] = frozenset()
INCIDENT = frozenset({"number", "scope", "name", "reason", "since", "units", "cases"})
"""The facts of an incident's card."""

SAID: Mapping[Saying, frozenset[str]] = {
    **dict.fromkeys(Saying, NOTHING),
    Saying.LINK_CONFIRM: frozenset({"ending"}),
    Saying.REPORT_KIND: frozenset({"order", "unit"}),
    Saying.REPORT_HASH: frozenset({"order", "defect"}),
    Saying.REPORT_KNOWN: frozenset({"order", "case", "state"}),
    Saying.HANDED_OVER: frozenset({"order", "spare", "until"}),
    Saying.CARD: frozenset(
        {"case", "order", "unit", "tier", "defect", "state", "reason", "replace_due", "spare", "who", "move", "at"}
    ),
    Saying.CARD_REPLACED: frozenset({"case"}),
    Saying.NO_CASE: frozenset({"case"}),
    Saying.INCIDENT_CARD: INCIDENT | {"who"},
    Saying.INCIDENT_OVER: INCIDENT | {"who", "until", "minutes", "ended"},
    Saying.INCIDENT_REPLACED: frozenset({"number"}),
    Saying.NO_INCIDENT: frozenset({"number"}),
    Saying.BRAKE_STATUS: frozenset({"held", "hour", "day"}),
    Saying.BRAKE_RELEASED: frozenset({"cases"}),
    Saying.MUTED: frozenset({"until"}),
    Saying.RELINKED: frozenset({"customer", "verdict", "order", "who"}),
}
"""What each of them needs to be told; as in notices, instants are ISO 8601 with an offset."""

LISTED: Mapping[Saying, frozenset[str]] = {
    Saying.STATUS: frozenset({"order", "unit", "until", "case", "state"}),
    Saying.CASE_LIST: frozenset({"case", "state", "order", "defect", "due"}),
    Saying.STOCK_LIST: frozenset({"tier", "available", "reserved", "sick"}),
    Saying.INCIDENT_LIST: frozenset({"number", "scope", "name", "since", "reason"}),
    Saying.BRAKE_STATUS: frozenset({"reason", "since"}),
    Saying.DIGEST: frozenset({"title", "case", "incident"}),
}
"""What each member of ``items`` carries; where it is empty, there is nothing to say about that."""
