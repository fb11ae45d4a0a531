"""Cards of incidents: an incident counts its moves, and a card belongs to a case or to an incident."""

import sqlalchemy as sa
from alembic import op

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema one step on."""
    with op.batch_alter_table("incident", schema=None) as batch_op:
        batch_op.add_column(sa.Column("moves", sa.Integer(), server_default="0", nullable=False))

    # Another primary key is another table; the cards that are shown stay the cards of their cases.
    rows = _cards()
    op.drop_table("card")
    op.create_table(
        "card",
        sa.Column("number", NUMBER, nullable=False),
        sa.Column("case_number", NUMBER, nullable=True),
        sa.Column("incident", NUMBER, nullable=True),
        sa.Column("chat", sa.BigInteger(), nullable=False),
        sa.Column("receipt", sa.String(), nullable=False),
        sa.Column("shown", sa.Integer(), nullable=False),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("(case_number is null) <> (incident is null)", name=op.f("ck_card_subject")),
        sa.ForeignKeyConstraint(["case_number"], ["cases.number"], name=op.f("fk_card_case_number")),
        sa.ForeignKeyConstraint(["incident"], ["incident.number"], name=op.f("fk_card_incident")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_card")),
        sa.UniqueConstraint("case_number", name=op.f("uq_card_case_number")),
        sa.UniqueConstraint("incident", name=op.f("uq_card_incident")),
    )
    op.bulk_insert(_card(), rows)


def downgrade() -> None:
    """Take the step back."""
    rows = [row for row in _cards() if row["case_number"] is not None]
    op.drop_table("card")
    op.create_table(
        "card",
        sa.Column("case_number", NUMBER, nullable=False),
        sa.Column("chat", sa.BigInteger(), nullable=False),
        sa.Column("receipt", sa.String(), nullable=False),
        sa.Column("shown", sa.Integer(), nullable=False),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["case_number"], ["cases.number"], name=op.f("fk_card_case_number")),
        sa.PrimaryKeyConstraint("case_number", name=op.f("pk_card")),
    )
    op.bulk_insert(_card(), rows)
    with op.batch_alter_table("incident", schema=None) as batch_op:
        batch_op.drop_column("moves")


def _card() -> sa.TableClause:
    return sa.table(
        "card",
        sa.column("case_number", sa.BigInteger()),
        sa.column("chat", sa.BigInteger()),
        sa.column("receipt", sa.String()),
        sa.column("shown", sa.Integer()),
        sa.column("not_before", sa.DateTime(timezone=True)),
    )


def _cards() -> list[dict[str, object]]:
    return [dict(row) for row in op.get_bind().execute(sa.select(_card())).mappings()]
