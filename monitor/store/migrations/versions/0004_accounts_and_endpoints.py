"""Accounts and endpoints: how a unit's endpoint is spoken to, what was handed over, and sealed secrets."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema one step on."""
    with op.batch_alter_table("unit", schema=None) as batch_op:
        batch_op.add_column(sa.Column("protocol", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("endpoint", sa.String(), nullable=True))

    op.create_table(
        "baseline",
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("servers", sa.JSON(), nullable=False),
        sa.Column("addresses", sa.JSON(), nullable=False),
        sa.Column("identity", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["unit"], ["unit.name"], name=op.f("fk_baseline_unit")),
        sa.PrimaryKeyConstraint("unit", name=op.f("pk_baseline")),
    )
    op.create_table(
        "safe",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_safe")),
    )


def downgrade() -> None:
    """Take the step back."""
    op.drop_table("safe")
    op.drop_table("baseline")
    with op.batch_alter_table("unit", schema=None) as batch_op:
        batch_op.drop_column("endpoint")
        batch_op.drop_column("protocol")
