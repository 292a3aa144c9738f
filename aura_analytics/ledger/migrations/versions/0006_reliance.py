"""The chance of an audit, the verdict before advice, and whether it was the decider's own work."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; no event that is there says anything in them, and its hash stays what it is."""
    op.add_column("aura_events", sa.Column("audit_chance", sa.Double))
    op.add_column("aura_events", sa.Column("initial_verdict", sa.Text))
    op.add_column("aura_events", sa.Column("own_work", sa.Integer))


def downgrade() -> None:
    """Nothing recorded is ever thrown away."""
    raise NotImplementedError("a ledger is not taken back to an older schema; restore the backup made before the upgrade")
