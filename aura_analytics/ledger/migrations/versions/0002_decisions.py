"""The accountability layer's decision log in the ledger's database."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "aura_decisions",
        sa.Column("n", number, autoincrement=True, nullable=False),
        sa.Column("request_id", sa.Text, nullable=False),
        sa.Column("ts", sa.BigInteger),
        sa.Column("bin", sa.BigInteger),
        sa.Column("micros", sa.BigInteger),
        sa.Column("ended", sa.BigInteger),
        sa.Column("amendment", sa.BigInteger),
        sa.Column("confidence", sa.Double),
        sa.Column("components", sa.Text, nullable=False),
        sa.Column("served", sa.Text, nullable=False),
        sa.Column("covariates", sa.Text, nullable=False),
        sa.Column("line", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text),
        sa.PrimaryKeyConstraint("n", name="pk_aura_decisions"),
        sa.UniqueConstraint("request_id", name="uq_aura_decisions_request_id"),
    )
    op.create_index("ix_aura_decisions_ts", "aura_decisions", ["ts"])
    op.create_index("ix_aura_decisions_outcome", "aura_decisions", ["outcome"])
    op.create_table(
        "aura_decision_notes",
        sa.Column("n", number, autoincrement=True, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("request_id", sa.Text, nullable=False),
        sa.Column("line", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("n", name="pk_aura_decision_notes"),
    )
    op.create_index("ix_aura_decision_notes_request_id_kind", "aura_decision_notes", ["request_id", "kind"])


def downgrade() -> None:
    """Nothing recorded is ever thrown away."""
    raise NotImplementedError("a ledger is not taken back to an older schema; restore the backup made before the upgrade")
