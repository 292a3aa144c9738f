"""Events in a hash chain, and its head."""

import uuid

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "aura_events",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer, "sqlite"), autoincrement=False, nullable=False),
        sa.Column("event_id", sa.Text, nullable=False),
        sa.Column("ts", sa.BigInteger, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("actor", sa.Text),
        sa.Column("actor_kind", sa.Text),
        sa.Column("case_id", sa.Text),
        sa.Column("queue", sa.Text),
        sa.Column("value", sa.Double),
        sa.Column("agent", sa.Text),
        sa.Column("ai_recommendation", sa.Text),
        sa.Column("human_verdict", sa.Text),
        sa.Column("confidence", sa.Double),
        sa.Column("outcome", sa.Text),
        sa.Column("severity", sa.Text),
        sa.Column("penalties", sa.Text),
        sa.Column("attributes", sa.Text),
        sa.Column("recorded_at", sa.BigInteger, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.Column("chain", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_aura_events"),
        sa.UniqueConstraint("event_id", name="uq_aura_events_event_id"),
    )
    op.create_index("ix_aura_events_actor_ts", "aura_events", ["actor", "ts"])
    op.create_index("ix_aura_events_case_id", "aura_events", ["case_id"])
    op.create_index("ix_aura_events_ts", "aura_events", ["ts"])
    head = op.create_table(
        "aura_head",
        sa.Column("id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("ledger_id", sa.Text, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("recorded_at", sa.BigInteger, nullable=False),
        sa.Column("chain", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_aura_head"),
    )
    op.bulk_insert(head, [{"id": 1, "ledger_id": uuid.uuid4().hex, "seq": 0, "recorded_at": 0, "chain": bytes(32)}])


def downgrade() -> None:
    """Nothing recorded is ever thrown away."""
    raise NotImplementedError("a ledger is not taken back to an older schema; restore the backup made before the upgrade")
