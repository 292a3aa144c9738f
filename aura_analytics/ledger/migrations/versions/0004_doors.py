"""Marks on events that are taken otherwise than they say, and the digests of the mirror's parts."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables; what was recorded before counts as the desk's."""
    number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "aura_marks",
        sa.Column("seq", number, autoincrement=False, nullable=False),
        sa.Column("mark", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("seq", "mark", name="pk_aura_marks"),
    )
    op.create_table(
        "aura_mirror_parts",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("rows", sa.BigInteger, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_aura_mirror_parts"),
    )


def downgrade() -> None:
    """Nothing recorded is ever thrown away."""
    raise NotImplementedError("a ledger is not taken back to an older schema; restore the backup made before the upgrade")
