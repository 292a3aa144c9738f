"""A chain of what stands beside the events: decisions, notes on them, and marks of how events came in."""

import hashlib
import json
import struct

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_HELD = (
    ("decision", "SELECT n, request_id, line FROM aura_decisions ORDER BY n"),
    ("note", "SELECT n, kind, request_id, line FROM aura_decision_notes ORDER BY n"),
    ("mark", "SELECT seq, mark FROM aura_marks ORDER BY seq, mark"),
)


def upgrade() -> None:
    """Make the tables, and chain what is there."""
    number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    rows = op.create_table(
        "aura_beside",
        sa.Column("n", number, autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("row", sa.BigInteger, nullable=False),
        sa.Column("chain", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("n", name="pk_aura_beside"),
    )
    head = op.create_table(
        "aura_beside_head",
        sa.Column("id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("n", sa.BigInteger, nullable=False),
        sa.Column("chain", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_aura_beside_head"),
    )
    connection = op.get_bind()
    n, chain = 0, bytes(32)
    for kind, query in _HELD:
        found = connection.exec_driver_sql(query)
        while some := found.fetchmany(10_000):
            linked = []
            for row in some:
                n += 1
                text = json.dumps([kind, *row], ensure_ascii=False, separators=(",", ":"))
                chain = hashlib.sha256(chain + struct.pack(">q", n) + text.encode("utf-8", "surrogateescape")).digest()
                linked.append({"n": n, "kind": kind, "row": row[0], "chain": chain})
            op.bulk_insert(rows, linked)
    op.bulk_insert(head, [{"id": 1, "n": n, "chain": chain}])


def downgrade() -> None:
    """Nothing recorded is ever thrown away."""
    raise NotImplementedError("a ledger is not taken back to an older schema; restore the backup made before the upgrade")
