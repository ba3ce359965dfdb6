"""Alembic's way in: it works on the connection, and in the transaction, that `open_ledger` hands over."""

from __future__ import annotations

from alembic import context

from tasks.ledger.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,  # SQLite can, when the transaction was begun by hand as ours is
)
context.run_migrations()
