"""The first schema."""

import sqlalchemy as sa
from alembic import op

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema one step on."""
    op.create_table(
        "carrier",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_carrier")),
    )
    op.create_table(
        "customer",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("chat", sa.BigInteger(), nullable=True),
        sa.Column("email", sa.String(), nullable=True),
        sa.Column("imported_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_customer")),
    )
    op.create_table(
        "source",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("believed", sa.Boolean(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("heard_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_source")),
    )
    op.create_table(
        "sweep",
        sa.Column("number", NUMBER, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("node", sa.String(), nullable=False),
        sa.Column("shards", sa.Integer(), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_sweep")),
        sa.UniqueConstraint("kind", "due_at", name=op.f("uq_sweep_kind_due_at")),
    )
    op.create_table(
        "unit",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("tier", sa.String(), nullable=False),
        sa.Column("supplier", sa.String(), nullable=False),
        sa.Column("ranges", sa.Text(), nullable=False),
        sa.Column("address", sa.String(), nullable=True),
        sa.Column("access", sa.String(), nullable=True),
        sa.Column("cost", sa.String(), nullable=False),
        sa.Column("block", sa.String(), nullable=True),
        sa.Column("place", sa.String(), nullable=False),
        sa.Column("imported_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("place in ('shelf', 'delivered', 'sick')", name=op.f("ck_unit_place")),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_unit")),
    )
    with op.batch_alter_table("unit", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_unit_block"), ["block"], unique=False)
        batch_op.create_index(batch_op.f("ix_unit_place"), ["place"], unique=False)
        batch_op.create_index(batch_op.f("ix_unit_tier"), ["tier"], unique=False)

    op.create_table(
        "delivery",
        sa.Column("number", NUMBER, nullable=False),
        sa.Column("order_number", sa.String(), nullable=False),
        sa.Column("item", sa.Integer(), nullable=False),
        sa.Column("turn", sa.Integer(), nullable=False),
        sa.Column("customer", sa.String(), nullable=False),
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("imported_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tx_hash", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["customer"], ["customer.name"], name=op.f("fk_delivery_customer")),
        sa.ForeignKeyConstraint(["unit"], ["unit.name"], name=op.f("fk_delivery_unit")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_delivery")),
        sa.UniqueConstraint("order_number", "item", "turn", name=op.f("uq_delivery_order_number_item_turn")),
        sa.UniqueConstraint("unit", name=op.f("uq_delivery_unit")),
    )
    with op.batch_alter_table("delivery", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_delivery_customer"), ["customer"], unique=False)
        batch_op.create_index(batch_op.f("ix_delivery_delivered_at"), ["delivered_at"], unique=False)

    op.create_table(
        "report",
        sa.Column("sweep", NUMBER, nullable=False),
        sa.Column("shard", sa.Integer(), nullable=False),
        sa.Column("filed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("summary", sa.JSON(), nullable=False),
        sa.Column("survey", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(["sweep"], ["sweep.number"], name=op.f("fk_report_sweep"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("sweep", "shard", name=op.f("pk_report")),
    )
    op.create_table(
        "standing",
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("defect", sa.String(), nullable=False),
        sa.Column("last_ok", sa.DateTime(timezone=True), nullable=True),
        sa.Column("first_bad", sa.DateTime(timezone=True), nullable=True),
        sa.Column("counted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("rounds", sa.Integer(), nullable=False),
        sa.Column("looked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("verdict", sa.String(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["unit"], ["unit.name"], name=op.f("fk_standing_unit")),
        sa.PrimaryKeyConstraint("unit", "defect", name=op.f("pk_standing")),
    )
    op.create_table(
        "spending",
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("questions", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("source", "day", name=op.f("pk_spending")),
    )
    op.create_table(
        "listed_address",
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["unit"], ["unit.name"], name=op.f("fk_listed_address_unit")),
        sa.PrimaryKeyConstraint("unit", "address", name=op.f("pk_listed_address")),
    )
    op.create_table(
        "cases",
        sa.Column("number", NUMBER, autoincrement=False, nullable=False),
        sa.Column("delivery", NUMBER, nullable=False),
        sa.Column("defect", sa.String(), nullable=False),
        sa.Column("period", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("clause", sa.String(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("verify_due", sa.DateTime(timezone=True), nullable=False),
        sa.Column("replace_due", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tier", sa.String(), nullable=False),
        sa.Column("supplier", sa.String(), nullable=False),
        sa.Column("customer", sa.String(), nullable=False),
        sa.Column("spare", sa.String(), nullable=True),
        sa.Column("supplier_fault", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["customer"], ["customer.name"], name=op.f("fk_cases_customer")),
        sa.ForeignKeyConstraint(["delivery"], ["delivery.number"], name=op.f("fk_cases_delivery")),
        sa.ForeignKeyConstraint(["spare"], ["unit.name"], name=op.f("fk_cases_spare")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_cases")),
        sa.UniqueConstraint("delivery", "defect", "period", name=op.f("uq_cases_delivery_defect_period")),
    )
    with op.batch_alter_table("cases", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_cases_opened_at"), ["opened_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_cases_state"), ["state"], unique=False)
        batch_op.create_index(
            "uq_cases_one_open",
            ["delivery", "defect"],
            unique=True,
            sqlite_where=sa.text("state in ('approved', 'handed_over', 'held', 'promised', 'suspected', 'verifying')"),
            postgresql_where=sa.text(
                "state in ('approved', 'handed_over', 'held', 'promised', 'suspected', 'verifying')"
            ),
        )

    op.create_table(
        "event",
        sa.Column("case_number", NUMBER, nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("who", sa.String(), nullable=False),
        sa.Column("move", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["case_number"], ["cases.number"], name=op.f("fk_event_case_number")),
        sa.PrimaryKeyConstraint("case_number", "sequence", name=op.f("pk_event")),
    )
    op.create_table(
        "notice",
        sa.Column("number", NUMBER, nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("customer", sa.String(), nullable=True),
        sa.Column("chat", sa.BigInteger(), nullable=True),
        sa.Column("case_number", NUMBER, nullable=True),
        sa.Column("params", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("repeats", sa.Integer(), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("receipt", sa.String(), nullable=True),
        sa.Column("why", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "state in ('queued', 'sending', 'sent', 'unknown', 'rejected', 'unreachable', 'expired', 'withheld')",
            name=op.f("ck_notice_state"),
        ),
        sa.ForeignKeyConstraint(["case_number"], ["cases.number"], name=op.f("fk_notice_case_number")),
        sa.ForeignKeyConstraint(["customer"], ["customer.name"], name=op.f("fk_notice_customer")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_notice")),
        sa.UniqueConstraint("key", name=op.f("uq_notice_key")),
    )
    with op.batch_alter_table("notice", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_notice_case_number"), ["case_number"], unique=False)
        batch_op.create_index("ix_notice_due", ["state", "not_before"], unique=False)

    op.create_table(
        "reservation",
        sa.Column("number", NUMBER, nullable=False),
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("case_number", NUMBER, nullable=False),
        sa.Column("reserved_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["case_number"], ["cases.number"], name=op.f("fk_reservation_case_number")),
        sa.ForeignKeyConstraint(["unit"], ["unit.name"], name=op.f("fk_reservation_unit")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_reservation")),
    )
    with op.batch_alter_table("reservation", schema=None) as batch_op:
        batch_op.create_index(
            "uq_reservation_case_held",
            ["case_number"],
            unique=True,
            sqlite_where=sa.text("released_at is null"),
            postgresql_where=sa.text("released_at is null"),
        )
        batch_op.create_index(
            "uq_reservation_unit_held",
            ["unit"],
            unique=True,
            sqlite_where=sa.text("released_at is null"),
            postgresql_where=sa.text("released_at is null"),
        )

    op.create_table(
        "ruling",
        sa.Column("number", NUMBER, nullable=False),
        sa.Column("delivery", NUMBER, nullable=False),
        sa.Column("case_number", NUMBER, nullable=True),
        sa.Column("defect", sa.String(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("clause", sa.String(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("policy_version", sa.String(), nullable=False),
        sa.Column("policy_digest", sa.String(), nullable=False),
        sa.Column("claim", sa.JSON(), nullable=False),
        sa.Column("finding", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["case_number"], ["cases.number"], name=op.f("fk_ruling_case_number")),
        sa.ForeignKeyConstraint(["delivery"], ["delivery.number"], name=op.f("fk_ruling_delivery")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_ruling")),
    )
    with op.batch_alter_table("ruling", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_ruling_delivery"), ["delivery"], unique=False)
        batch_op.create_index(
            "uq_ruling_once",
            ["delivery", "defect", "clause"],
            unique=True,
            sqlite_where=sa.text("case_number is null"),
            postgresql_where=sa.text("case_number is null"),
        )


def downgrade() -> None:
    """Take the step back."""
    with op.batch_alter_table("ruling", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_ruling_once",
            sqlite_where=sa.text("case_number is null"),
            postgresql_where=sa.text("case_number is null"),
        )
        batch_op.drop_index(batch_op.f("ix_ruling_delivery"))

    op.drop_table("ruling")
    with op.batch_alter_table("reservation", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_reservation_unit_held",
            sqlite_where=sa.text("released_at is null"),
            postgresql_where=sa.text("released_at is null"),
        )
        batch_op.drop_index(
            "uq_reservation_case_held",
            sqlite_where=sa.text("released_at is null"),
            postgresql_where=sa.text("released_at is null"),
        )

    op.drop_table("reservation")
    with op.batch_alter_table("notice", schema=None) as batch_op:
        batch_op.drop_index("ix_notice_due")
        batch_op.drop_index(batch_op.f("ix_notice_case_number"))

    op.drop_table("notice")
    op.drop_table("event")
    with op.batch_alter_table("cases", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_cases_one_open",
            sqlite_where=sa.text("state in ('approved', 'handed_over', 'held', 'promised', 'suspected', 'verifying')"),
            postgresql_where=sa.text(
                "state in ('approved', 'handed_over', 'held', 'promised', 'suspected', 'verifying')"
            ),
        )
        batch_op.drop_index(batch_op.f("ix_cases_state"))
        batch_op.drop_index(batch_op.f("ix_cases_opened_at"))

    op.drop_table("cases")
    op.drop_table("standing")
    op.drop_table("report")
    with op.batch_alter_table("delivery", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_delivery_delivered_at"))
        batch_op.drop_index(batch_op.f("ix_delivery_customer"))

    op.drop_table("delivery")
    with op.batch_alter_table("unit", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_unit_tier"))
        batch_op.drop_index(batch_op.f("ix_unit_place"))
        batch_op.drop_index(batch_op.f("ix_unit_block"))

    op.drop_table("spending")
    op.drop_table("listed_address")
    op.drop_table("unit")
    op.drop_table("sweep")
    op.drop_table("source")
    op.drop_table("customer")
    op.drop_table("carrier")
