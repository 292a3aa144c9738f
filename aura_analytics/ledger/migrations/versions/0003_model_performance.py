"""The Accountant's table `model_performance`, as a view of the EVALUATION events: it cannot disagree with them."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_SQLITE = """
CREATE VIEW model_performance AS
SELECT seq AS id, actor AS model_name, case_id AS job_id, round(value, 2) AS score, coalesce(penalties, '[]') AS penalties,
       strftime('%Y-%m-%d %H:%M:%f', ts / 1000000.0, 'unixepoch') AS created_at,
       confidence, severity, json_extract(attributes, '$.policy') AS rule_version, event_id
FROM aura_events WHERE type = 'EVALUATION'
"""
_POSTGRES = """
CREATE VIEW model_performance AS
SELECT seq AS id, actor AS model_name, case_id AS job_id, round(value::numeric, 2)::numeric(5, 2) AS score,
       ARRAY(SELECT jsonb_array_elements_text(coalesce(penalties, '[]')::jsonb)) AS penalties,
       timestamp '1970-01-01' + ts * interval '1 microsecond' AS created_at,
       confidence, severity, substring(attributes from '"policy": "([^"]*)"') AS rule_version, event_id
FROM aura_events WHERE type = 'EVALUATION'
"""


def upgrade() -> None:
    """Make the view."""
    op.execute(_SQLITE if op.get_bind().dialect.name == "sqlite" else _POSTGRES)


def downgrade() -> None:
    """Nothing recorded is ever thrown away."""
    raise NotImplementedError("a ledger is not taken back to an older schema; restore the backup made before the upgrade")
