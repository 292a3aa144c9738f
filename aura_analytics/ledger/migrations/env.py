"""Run by Alembic, on the connection that `schema` opened and locked."""

from typing import Any

from alembic import context

from aura_analytics.ledger.tables import METADATA

config: Any = getattr(context, "config", None)  # there is none when somebody else imports this
if config is not None:
    context.configure(
        connection=config.attributes["connection"],
        target_metadata=METADATA,
        version_table=config.attributes["version_table"],
        render_as_batch=True,
    )
    with context.begin_transaction():
        context.run_migrations()
