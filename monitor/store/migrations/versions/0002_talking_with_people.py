"""Talking with people: what they said, who is linked to whom, what was shown to them, and what is sealed."""

import sqlalchemy as sa
from alembic import op

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema one step on."""
    op.create_table(
        "inbox",
        sa.Column("number", NUMBER, nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("chat", sa.BigInteger(), nullable=True),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("why", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_inbox")),
        sa.UniqueConstraint("key", name=op.f("uq_inbox_key")),
    )
    with op.batch_alter_table("inbox", schema=None) as batch_op:
        batch_op.create_index("ix_inbox_chat", ["chat", "received_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_inbox_expires_at"), ["expires_at"], unique=False)
        batch_op.create_index("ix_inbox_waiting", ["done_at", "not_before"], unique=False)

    op.create_table(
        "chat",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("language", sa.String(), nullable=True),
        sa.Column("unreachable", sa.String(), nullable=True),
        sa.Column("since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("strikes", sa.Integer(), nullable=False),
        sa.Column("struck_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("moved_to", sa.BigInteger(), nullable=True),
        sa.Column("muted_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("muted_by", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_chat")),
    )
    op.create_table(
        "link",
        sa.Column("number", NUMBER, nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("customer", sa.String(), nullable=False),
        sa.Column("order_number", sa.String(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("chat", sa.BigInteger(), nullable=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_by", sa.String(), nullable=True),
        sa.CheckConstraint("state in ('issued', 'waiting', 'linked', 'refused')", name=op.f("ck_link_state")),
        sa.ForeignKeyConstraint(["customer"], ["customer.name"], name=op.f("fk_link_customer")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_link")),
        sa.UniqueConstraint("digest", name=op.f("uq_link_digest")),
    )
    with op.batch_alter_table("link", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_link_customer"), ["customer"], unique=False)

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
    op.create_table(
        "draft",
        sa.Column("number", NUMBER, nullable=False),
        sa.Column("chat", sa.BigInteger(), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_draft")),
        sa.UniqueConstraint("chat", name=op.f("uq_draft_chat")),
    )
    op.create_table(
        "box",
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["unit"], ["unit.name"], name=op.f("fk_box_unit")),
        sa.PrimaryKeyConstraint("unit", name=op.f("pk_box")),
    )
    op.create_table(
        "reveal",
        sa.Column("number", NUMBER, nullable=False),
        sa.Column("case_number", NUMBER, nullable=False),
        sa.Column("chat", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("delete_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("receipt", sa.String(), nullable=True),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["case_number"], ["cases.number"], name=op.f("fk_reveal_case_number")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_reveal")),
    )
    with op.batch_alter_table("reveal", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_reveal_case_number"), ["case_number"], unique=False)
        batch_op.create_index("ix_reveal_delete_at", ["delete_at"], unique=False)

    op.create_table(
        "post",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("node", sa.String(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_post")),
    )


def downgrade() -> None:
    """Take the step back."""
    op.drop_table("post")
    with op.batch_alter_table("reveal", schema=None) as batch_op:
        batch_op.drop_index("ix_reveal_delete_at")
        batch_op.drop_index(batch_op.f("ix_reveal_case_number"))

    op.drop_table("reveal")
    op.drop_table("box")
    op.drop_table("draft")
    op.drop_table("card")
    with op.batch_alter_table("link", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_link_customer"))

    op.drop_table("link")
    op.drop_table("chat")
    with op.batch_alter_table("inbox", schema=None) as batch_op:
        batch_op.drop_index("ix_inbox_waiting")
        batch_op.drop_index(batch_op.f("ix_inbox_expires_at"))
        batch_op.drop_index("ix_inbox_chat")

    op.drop_table("inbox")
