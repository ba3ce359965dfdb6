"""The ledger's history of tables (Alembic). `tasks.ledger.open_ledger` runs what is missing; nobody else does."""
