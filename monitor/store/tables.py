"""The schema. Unique keys, not care, make every repeat harmless."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)

from monitor.core.case import OPEN


class Instant(TypeDecorator[datetime]):
    """An aware instant, kept in UTC on both databases; a naive one is refused at the border."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Turn any zone into UTC."""
        if value is None:
            return None
        if value.utcoffset() is None:
            raise ValueError(f"{value!r} has no time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:  # noqa: ANN401, ARG002
        """Give back an aware instant; SQLite hands out naive ones."""
        if value is None:
            return None
        found: datetime = value
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


# SQLite numbers rows by itself only where the type is INTEGER.
Number = BigInteger().with_variant(Integer, "sqlite")

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

customer = Table(
    "customer",
    metadata,
    Column("name", String, primary_key=True),
    Column("language", String, nullable=False),
    Column("chat", BigInteger),
    Column("email", String),
    Column("imported_at", Instant, nullable=False),
)

unit = Table(
    "unit",
    metadata,
    Column("name", String, primary_key=True),
    Column("tier", String, nullable=False, index=True),
    Column("supplier", String, nullable=False),
    Column("ranges", Text, nullable=False),
    Column("address", String),
    Column("access", String),
    Column("cost", String, nullable=False),
    Column("block", String, index=True),
    Column("place", String, nullable=False, index=True),
    Column("imported_at", Instant, nullable=False),
    Column("protocol", String),
    Column("endpoint", String),
    CheckConstraint("place in ('shelf', 'delivered', 'sick')", name="place"),
)

delivery = Table(
    "delivery",
    metadata,
    Column("number", Number, primary_key=True),
    Column("order_number", String, nullable=False),
    Column("item", Integer, nullable=False),
    Column("turn", Integer, nullable=False),
    Column("customer", ForeignKey(customer.c.name), nullable=False, index=True),
    Column("unit", ForeignKey(unit.c.name), nullable=False, unique=True),
    Column("delivered_at", Instant, nullable=False, index=True),
    Column("imported_at", Instant, nullable=False),
    Column("tx_hash", String),
    UniqueConstraint("order_number", "item", "turn"),
)

standing = Table(
    "standing",
    metadata,
    Column("unit", ForeignKey(unit.c.name), primary_key=True),
    Column("defect", String, primary_key=True),
    Column("last_ok", Instant),
    Column("first_bad", Instant),
    Column("counted_at", Instant),
    Column("rounds", Integer, nullable=False),
    Column("looked_at", Instant),
    Column("verdict", String, nullable=False),
    Column("why", Text, nullable=False),
)

sweep = Table(
    "sweep",
    metadata,
    Column("number", Number, primary_key=True),
    Column("kind", String, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("claimed_at", Instant, nullable=False),
    Column("node", String, nullable=False),
    Column("shards", Integer),
    Column("finished_at", Instant),
    UniqueConstraint("kind", "due_at"),
)

report = Table(
    "report",
    metadata,
    Column("sweep", ForeignKey(sweep.c.number, ondelete="CASCADE"), primary_key=True),
    Column("shard", Integer, primary_key=True),
    Column("filed_at", Instant, nullable=False),
    Column("summary", JSON, nullable=False),
    Column("survey", JSON),
)

source = Table(
    "source",
    metadata,
    Column("name", String, primary_key=True),
    Column("believed", Boolean, nullable=False),
    Column("why", Text, nullable=False),
    Column("since", Instant, nullable=False),
    Column("heard_at", Instant),
)

spending = Table(
    "spending",
    metadata,
    Column("source", String, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("questions", BigInteger, nullable=False),
)

listed_address = Table(
    "listed_address",
    metadata,
    Column("unit", ForeignKey(unit.c.name), primary_key=True),
    Column("address", String, primary_key=True),
)

cases = Table(
    "cases",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=False),
    Column("delivery", ForeignKey(delivery.c.number), nullable=False),
    Column("defect", String, nullable=False),
    Column("period", Integer, nullable=False),
    Column("state", String, nullable=False, index=True),
    Column("opened_at", Instant, nullable=False, index=True),
    Column("closed_at", Instant),
    Column("clause", String, nullable=False),
    Column("reason", Text, nullable=False),
    Column("verify_due", Instant, nullable=False),
    Column("replace_due", Instant, nullable=False),
    Column("tier", String, nullable=False),
    Column("supplier", String, nullable=False),
    Column("customer", ForeignKey(customer.c.name), nullable=False),
    Column("spare", ForeignKey(unit.c.name)),
    Column("supplier_fault", Boolean, nullable=False),
    UniqueConstraint("delivery", "defect", "period"),
)

_OPEN = text("state in ({})".format(", ".join(sorted(f"'{state}'" for state in OPEN))))
Index(
    "uq_cases_one_open",
    cases.c.delivery,
    cases.c.defect,
    unique=True,
    sqlite_where=_OPEN,
    postgresql_where=_OPEN,
)

ruling = Table(
    "ruling",
    metadata,
    Column("number", Number, primary_key=True),
    Column("delivery", ForeignKey(delivery.c.number), nullable=False, index=True),
    Column("case_number", ForeignKey(cases.c.number)),
    Column("defect", String, nullable=False),
    Column("outcome", String, nullable=False),
    Column("clause", String, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("policy_version", String, nullable=False),
    Column("policy_digest", String, nullable=False),
    Column("claim", JSON, nullable=False),
    Column("finding", JSON, nullable=False),
)

_REFUSED = text("case_number is null")
Index(
    "uq_ruling_once",
    ruling.c.delivery,
    ruling.c.defect,
    ruling.c.clause,
    unique=True,
    sqlite_where=_REFUSED,
    postgresql_where=_REFUSED,
)

event = Table(
    "event",
    metadata,
    Column("case_number", ForeignKey(cases.c.number), primary_key=True),
    Column("sequence", Integer, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("who", String, nullable=False),
    Column("move", String, nullable=False),
    Column("state", String, nullable=False),
    Column("why", Text, nullable=False),
    Column("digest", String, nullable=False),
)

reservation = Table(
    "reservation",
    metadata,
    Column("number", Number, primary_key=True),
    Column("unit", ForeignKey(unit.c.name), nullable=False),
    Column("case_number", ForeignKey(cases.c.number), nullable=False),
    Column("reserved_at", Instant, nullable=False),
    Column("expires_at", Instant),
    Column("released_at", Instant),
)

_HELD = text("released_at is null")
Index(
    "uq_reservation_unit_held",
    reservation.c.unit,
    unique=True,
    sqlite_where=_HELD,
    postgresql_where=_HELD,
)
Index(
    "uq_reservation_case_held",
    reservation.c.case_number,
    unique=True,
    sqlite_where=_HELD,
    postgresql_where=_HELD,
)

notice = Table(
    "notice",
    metadata,
    Column("number", Number, primary_key=True),
    Column("key", String, nullable=False, unique=True),
    Column("kind", String, nullable=False),
    Column("customer", ForeignKey(customer.c.name)),
    Column("chat", BigInteger),
    Column("channel", String, nullable=False, server_default="first"),
    Column("case_number", ForeignKey(cases.c.number), index=True),
    Column("params", JSON, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("not_before", Instant, nullable=False),
    Column("state", String, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("repeats", Integer, nullable=False),
    Column("lease_until", Instant),
    Column("settled_at", Instant),
    Column("receipt", String),
    Column("why", Text, nullable=False),
    CheckConstraint(
        "state in ('queued', 'sending', 'sent', 'unknown', 'rejected', 'unreachable', 'expired', 'withheld')",
        name="state",
    ),
    CheckConstraint("channel in ('first', 'second')", name="channel"),
)
# In the order of telling: who looks for a few of very many finds them at the beginning.
Index("ix_notice_state", notice.c.state, notice.c.number)
Index("ix_notice_customer", notice.c.customer, notice.c.state, notice.c.number)

carrier = Table(
    "carrier",
    metadata,
    Column("name", String, primary_key=True),
    Column("not_before", Instant, nullable=False),
)
