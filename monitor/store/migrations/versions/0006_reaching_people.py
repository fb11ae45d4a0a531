"""Reaching people: a second channel, a crowd in its order, each customer's own notices at once; and their pictures."""

import sqlalchemy as sa
from alembic import op

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

revision = "0006"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema one step on."""
    with op.batch_alter_table("notice", schema=None) as batch_op:
        batch_op.add_column(sa.Column("channel", sa.String(), server_default="first", nullable=False))
        batch_op.create_check_constraint(batch_op.f("ck_notice_channel"), "channel in ('first', 'second')")
        batch_op.drop_index("ix_notice_due")
        batch_op.create_index("ix_notice_state", ["state", "number"], unique=False)
        batch_op.create_index("ix_notice_customer", ["customer", "state", "number"], unique=False)

    op.create_table(
        "picture",
        sa.Column("number", NUMBER, nullable=False),
        sa.Column("chat", sa.BigInteger(), nullable=False),
        sa.Column("case_number", NUMBER, nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("media", sa.String(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["case_number"], ["cases.number"], name=op.f("fk_picture_case_number")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_picture")),
    )
    with op.batch_alter_table("picture", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_picture_case_number"), ["case_number"], unique=False)
        batch_op.create_index("ix_picture_chat", ["chat", "received_at"], unique=False)


def downgrade() -> None:
    """Take the step back."""
    op.drop_table("picture")
    with op.batch_alter_table("notice", schema=None) as batch_op:
        batch_op.drop_index("ix_notice_customer")
        batch_op.drop_index("ix_notice_state")
        batch_op.create_index("ix_notice_due", ["state", "not_before"], unique=False)
        batch_op.drop_constraint(batch_op.f("ck_notice_channel"), type_="check")
        batch_op.drop_column("channel")
