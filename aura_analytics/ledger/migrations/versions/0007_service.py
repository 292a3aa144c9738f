"""What a service keeps: keys, who read whose dossier, verdicts that were told, and what is to be told."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "aura_keys",
        sa.Column("id", sa.Text, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("name", "scopes", "hash")),
        sa.Column("person", sa.Integer, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("expires", sa.BigInteger),
        sa.Column("revoked", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_aura_keys"),
    )
    op.create_table(
        "aura_access",
        sa.Column("n", number, nullable=False, autoincrement=True),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("reader", "actor", "line")),
        sa.PrimaryKeyConstraint("n", name="pk_aura_access"),
    )
    op.create_index("ix_aura_access_actor", "aura_access", ["actor"])
    op.create_table(
        "aura_verdicts",
        *(sa.Column(name, sa.Text, nullable=False) for name in ("policy", "actor", "verdict")),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("policy", "actor", name="pk_aura_verdicts"),
    )
    op.create_table(
        "aura_outbox",
        sa.Column("n", number, nullable=False, autoincrement=True),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("name", "channel", "recipient", "actor", "line")),
        sa.Column("due", sa.BigInteger, nullable=False),
        sa.Column("holder", sa.Text),
        sa.Column("held_until", sa.BigInteger),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("sent", sa.BigInteger),
        sa.Column("failed", sa.Text),
        sa.PrimaryKeyConstraint("n", name="pk_aura_outbox"),
        sa.UniqueConstraint("name", name="uq_aura_outbox_name"),
    )
    op.create_index("ix_aura_outbox_sent_due", "aura_outbox", ["sent", "due"])
    op.create_table(
        "aura_mutes",
        sa.Column("n", number, nullable=False, autoincrement=True),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("recipient", "by", "reason")),
        sa.Column("begins", sa.BigInteger, nullable=False),
        sa.Column("ends", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("n", name="pk_aura_mutes"),
    )


def downgrade() -> None:
    """Nothing recorded is ever thrown away."""
    raise NotImplementedError("a ledger is not taken back to an older schema; restore the backup made before the upgrade")
