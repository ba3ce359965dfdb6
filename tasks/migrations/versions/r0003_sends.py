"""Messages to be brought over exactly once: their state and keyed hashes, nothing of what they say."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

INSTANT = sa.Text().with_variant(sa.DateTime(timezone=True), "postgresql")
IN_THE_WAY = sa.text("state NOT IN ('sent', 'withdrawn')")


def upgrade() -> None:
    """Forward; there is no way back, restore a backup instead."""
    op.create_table(
        "sends",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("integration_id", sa.Text(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("order_key", sa.Text(), nullable=False),
        sa.Column("identity", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("letter", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("spent", sa.Integer(), nullable=False),
        sa.Column("asks", sa.Integer(), nullable=False),
        sa.Column("because", sa.Text(), nullable=True),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("queued_at", INSTANT, nullable=False),
        sa.Column("changed_at", INSTANT, nullable=False),
        sa.Column("not_before", INSTANT, nullable=False),
        sa.Column("left_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("seq"),
        sa.UniqueConstraint("integration_id", "identity", name="one_send_per_message"),
        sqlite_strict=True,
    )
    op.create_index("sends_by_turn", "sends", ["integration_id", "state", "not_before"], unique=False)
    op.create_index(
        "sends_in_the_way",
        "sends",
        ["integration_id", "order_key", "seq"],
        unique=False,
        sqlite_where=IN_THE_WAY,
        postgresql_where=IN_THE_WAY,
    )
