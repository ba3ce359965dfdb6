"""What every kind of gap has in common: which incidents they hold, how one is kept, and which run would count it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from models.gap import Gap, Trouble, begun, joined, touched
from models.incident import State
from models.integration import Integration
from models.reconciliation import Reconciliation
from tasks.ledger import Change

NOT_YET = frozenset({State.SUSPECTED, State.RESOLVED, State.CLOSED})  # a suspicion may be a blip


def keep(change: Change, known: Iterable[Gap], found: Trouble, at: datetime) -> Gap:
    """One trouble in the ledger: as a new gap, or as part of those that it touches."""
    near = touched(known, found)
    gap = joined(near, found) if near else begun(change.next_id("GAP", at), found, at)
    change.keep(gap)
    for other in near[1:]:
        change.forget(Gap, other.id)
    return gap


def reconciled_by(integration: Integration, resource: str, operations: Sequence[str]) -> Reconciliation | None:
    """The reconciliation that counts this data; None: replayed reads are all the proof there is."""
    known = integration.reconcile
    return next((one for one in known if one.resource == resource or one.operation in operations), None)
