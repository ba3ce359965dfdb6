"""Notices that a stage withholds, with the reason; what tells of them, when they were sent, and in place of which."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

INSTANT = sa.Text().with_variant(sa.DateTime(timezone=True), "postgresql")


def upgrade() -> None:
    """Forward; there is no way back, restore a backup instead."""
    for name in ("stage", "because", "told_by", "environment", "root", "instead_of"):
        op.add_column("notices", sa.Column(name, sa.Text(), nullable=True))
    for name in ("released_at", "tried_at", "sent_at"):
        op.add_column("notices", sa.Column(name, INSTANT, nullable=True))
    op.add_column("notices", sa.Column("step", sa.Integer(), nullable=True))
    op.create_index("notices_by_root", "notices", ["root"], unique=False)
    op.execute("UPDATE notices SET released_at = queued_at")
    op.execute("UPDATE notices SET sent_at = not_before WHERE state = 'delivered'")
