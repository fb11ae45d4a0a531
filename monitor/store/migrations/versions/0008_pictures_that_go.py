"""Pictures that go: each has its size and digest, which stay when its content is deleted."""

from hashlib import sha256

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

KEPT = sa.text("deleted_at is null")


def upgrade() -> None:
    """Bring the schema one step on."""
    with op.batch_alter_table("picture", schema=None) as batch_op:
        batch_op.add_column(sa.Column("size", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("digest", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True))

    pictures = sa.table(
        "picture",
        sa.column("number", sa.BigInteger()),
        sa.column("content", sa.LargeBinary()),
        sa.column("size", sa.Integer()),
        sa.column("digest", sa.String()),
    )
    connection = op.get_bind()
    for number in connection.execute(sa.select(pictures.c.number)).scalars().all():
        mine = pictures.c.number == number
        content = connection.execute(sa.select(pictures.c.content).where(mine)).scalar_one()
        facts = {"size": len(content), "digest": sha256(content).hexdigest()}
        connection.execute(sa.update(pictures).where(mine).values(**facts))

    with op.batch_alter_table("picture", schema=None) as batch_op:
        batch_op.alter_column("size", existing_type=sa.Integer(), nullable=False)
        batch_op.alter_column("digest", existing_type=sa.String(), nullable=False)
        batch_op.alter_column("content", existing_type=sa.LargeBinary(), nullable=True)
        batch_op.create_check_constraint(
            batch_op.f("ck_picture_deleted"), "(content is null) = (deleted_at is not null)"
        )
        batch_op.create_index(
            "ix_picture_kept", ["received_at"], unique=False, sqlite_where=KEPT, postgresql_where=KEPT
        )


def downgrade() -> None:
    """Take the step back; of pictures that are gone, nothing is left to keep."""
    op.execute("delete from picture where content is null")
    with op.batch_alter_table("picture", schema=None) as batch_op:
        batch_op.drop_index("ix_picture_kept", sqlite_where=KEPT, postgresql_where=KEPT)
        batch_op.drop_constraint(batch_op.f("ck_picture_deleted"), type_="check")
        batch_op.alter_column("content", existing_type=sa.LargeBinary(), nullable=False)
        batch_op.drop_column("deleted_at")
        batch_op.drop_column("digest")
        batch_op.drop_column("size")
