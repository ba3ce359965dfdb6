"""Nouns that are kept by their id, changes with before and after, and notices about alerts too."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

INSTANT = sa.Text().with_variant(sa.DateTime(timezone=True), "postgresql")


def upgrade() -> None:
    """Forward; there is no way back, restore a backup instead."""
    op.create_table(
        "records",
        sa.Column("noun", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("integration_id", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=True),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("noun", "id"),
        sqlite_strict=True,
    )
    op.create_index("records_by_integration", "records", ["noun", "integration_id"], unique=False)
    op.create_index("records_by_state", "records", ["noun", "state"], unique=False)
    for name in ("kind", "before", "after"):
        op.add_column("changes", sa.Column(name, sa.Text(), nullable=True))
    let_notices_speak_of_alerts()


def let_notices_speak_of_alerts() -> None:
    """`notices.incident_id` may name an alert too, so it refers to no table any more."""
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint("notices_incident_id_fkey", "notices")
        return
    op.create_table(  # SQLite cannot drop a constraint: the table is made anew
        "notices_anew",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("incident_id", sa.Text(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("escalation_id", sa.Text(), nullable=True),
        sa.Column("says", sa.Text(), nullable=False),
        sa.Column("queued_at", INSTANT, nullable=False),
        sa.Column("not_before", INSTANT, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=True),
        sa.Column("claimed_until", INSTANT, nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["escalation_id"], ["escalations.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("incident_id", "seq", name="one_order_per_incident"),
        sqlite_strict=True,
    )
    op.execute("INSERT INTO notices_anew SELECT * FROM notices")
    op.drop_table("notices")
    op.rename_table("notices_anew", "notices")
    op.create_index("notices_by_turn", "notices", ["state", "not_before"], unique=False)
