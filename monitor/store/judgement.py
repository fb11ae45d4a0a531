"""The tables of judgement: incidents and who belongs to them, what lists usually say, the brake, clocks, stock levels.

They belong to the one schema of ``tables``.
"""

from sqlalchemy import JSON, Boolean, CheckConstraint, Column, ForeignKey, Index, Integer, String, Table, Text, text

from monitor.store.tables import Instant, Number, cases, delivery, metadata

incident = Table(
    "incident",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=False),
    Column("kind", String, nullable=False),
    Column("name", String, nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("opened_by", String, nullable=False),
    Column("why", Text, nullable=False),
    Column("covered", Integer, nullable=False),
    Column("found", JSON),
    Column("moves", Integer, nullable=False, server_default="0"),
    Column("closed_at", Instant),
    Column("closed_by", String),
    Column("closed_why", Text),
    CheckConstraint("kind in ('supplier', 'range', 'provider', 'list')", name="kind"),
)

_LASTING = text("closed_at is null")
Index(
    "uq_incident_one_open",
    incident.c.kind,
    incident.c.name,
    unique=True,
    sqlite_where=_LASTING,
    postgresql_where=_LASTING,
)

member = Table(
    "member",
    metadata,
    Column("incident", ForeignKey(incident.c.number), primary_key=True),
    Column("delivery", ForeignKey(delivery.c.number), primary_key=True),
    Column("case_number", ForeignKey(cases.c.number), index=True),
    Column("joined_at", Instant, nullable=False),
)

population = Table(
    "population",
    metadata,
    Column("source", String, primary_key=True),
    Column("supplier", String, primary_key=True),
    Column("heard", Integer, nullable=False),
    Column("listed", Integer, nullable=False),
    Column("ranges", Integer, nullable=False),
    Column("counted_at", Instant, nullable=False),
)

engagement = Table(
    "engagement",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=False),
    Column("limit_name", String, nullable=False),
    Column("about", String, nullable=False),
    Column("allowed", Integer, nullable=False),
    Column("engaged_at", Instant, nullable=False),
    Column("released_at", Instant),
    Column("released_by", String),
)

_ENGAGED = text("released_at is null")
Index(
    "uq_engagement_one_open",
    engagement.c.limit_name,
    engagement.c.about,
    unique=True,
    sqlite_where=_ENGAGED,
    postgresql_where=_ENGAGED,
)

reading = Table(
    "reading",
    metadata,
    Column("case_number", ForeignKey(cases.c.number), primary_key=True),
    Column("clock", String, primary_key=True),
    Column("condition", String, nullable=False),
    Column("since", Instant, nullable=False),
    Column("events", Integer, nullable=False),
    Column("next_at", Instant),
    Column("delayed", Boolean, nullable=False),
)
Index("ix_reading_condition", reading.c.condition)

stock_level = Table(
    "stock_level",
    metadata,
    Column("tier", String, primary_key=True),
    Column("low", Boolean, nullable=False),
    Column("since", Instant, nullable=False),
)
