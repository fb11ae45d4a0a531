"""The tables of talking with people: what they said, who is linked to whom, what was shown to them, and what is sealed.

They belong to the one schema of ``tables``.
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    text,
)

from monitor.store.judgement import incident
from monitor.store.tables import Instant, Number, cases, customer, metadata, unit

inbox = Table(
    "inbox",
    metadata,
    Column("number", Number, primary_key=True),
    Column("key", String, nullable=False, unique=True),
    Column("kind", String, nullable=False),
    Column("chat", BigInteger),
    Column("content", JSON, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False, index=True),
    Column("not_before", Instant, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("lease_until", Instant),
    Column("done_at", Instant),
    Column("why", Text, nullable=False),
)
Index("ix_inbox_waiting", inbox.c.done_at, inbox.c.not_before)
Index("ix_inbox_chat", inbox.c.chat, inbox.c.received_at)

chat = Table(
    "chat",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("language", String),
    Column("unreachable", String),
    Column("since", Instant),
    Column("strikes", Integer, nullable=False),
    Column("struck_at", Instant),
    Column("moved_to", BigInteger),
    Column("muted_until", Instant),
    Column("muted_by", String),
)

link = Table(
    "link",
    metadata,
    Column("number", Number, primary_key=True),
    Column("digest", String, nullable=False, unique=True),
    Column("customer", ForeignKey(customer.c.name), nullable=False, index=True),
    Column("order_number", String, nullable=False),
    Column("made_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("state", String, nullable=False),
    Column("chat", BigInteger),
    Column("settled_at", Instant),
    Column("settled_by", String),
    CheckConstraint("state in ('issued', 'waiting', 'linked', 'refused')", name="state"),
)

card = Table(
    "card",
    metadata,
    Column("number", Number, primary_key=True),
    Column("case_number", ForeignKey(cases.c.number), unique=True),
    Column("incident", ForeignKey(incident.c.number), unique=True),
    Column("chat", BigInteger, nullable=False),
    Column("receipt", String, nullable=False),
    Column("shown", Integer, nullable=False),
    Column("not_before", Instant, nullable=False),
    CheckConstraint("(case_number is null) <> (incident is null)", name="subject"),
)

draft = Table(
    "draft",
    metadata,
    Column("number", Number, primary_key=True),
    Column("chat", BigInteger, nullable=False, unique=True),
    Column("content", JSON, nullable=False),
    Column("expires_at", Instant, nullable=False),
)

box = Table(
    "box",
    metadata,
    Column("unit", ForeignKey(unit.c.name), primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("sealed_at", Instant, nullable=False),
)

reveal = Table(
    "reveal",
    metadata,
    Column("number", Number, primary_key=True),
    Column("case_number", ForeignKey(cases.c.number), nullable=False, index=True),
    Column("chat", BigInteger, nullable=False),
    Column("at", Instant, nullable=False),
    Column("delete_at", Instant, nullable=False, index=True),
    Column("receipt", String),
    Column("deleted_at", Instant),
)

picture = Table(
    "picture",
    metadata,
    Column("number", Number, primary_key=True),
    Column("chat", BigInteger, nullable=False),
    Column("case_number", ForeignKey(cases.c.number), index=True),
    Column("received_at", Instant, nullable=False),
    Column("media", String, nullable=False),
    Column("content", LargeBinary),
    Column("size", Integer, nullable=False),
    Column("digest", String, nullable=False),
    Column("deleted_at", Instant),
    CheckConstraint("(content is null) = (deleted_at is not null)", name="deleted"),
)
Index("ix_picture_chat", picture.c.chat, picture.c.received_at)
_KEPT = text("deleted_at is null")
Index("ix_picture_kept", picture.c.received_at, sqlite_where=_KEPT, postgresql_where=_KEPT)

post = Table(
    "post",
    metadata,
    Column("name", String, primary_key=True),
    Column("node", String, nullable=False),
    Column("until", Instant, nullable=False),
)
