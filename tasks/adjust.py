"""Adjust: a temporary change in the place of one that is in force, with the same owner."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from models.tuning import Adjustment

if TYPE_CHECKING:  # brings SQLAlchemy, which `heal validate` does not wait for
    from tasks.ledger import Change


def new_id() -> str:
    """Of an adjustment."""
    return f"ADJ-{uuid.uuid4().hex[:12]}"


def instead(change: Change, old: Adjustment, **changes: object) -> Adjustment:
    """Put a changed one in the place of this one, from now on; the ledger has both in one transaction or neither."""
    fresh = old.model_copy(update={"id": new_id(), "since": change.at, **changes})
    change.revert(old.id)
    change.adjust(fresh)
    return fresh
