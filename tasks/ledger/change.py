"""Change: everything that one transaction may write. Each method adds its own audit row."""

from __future__ import annotations

from tasks.ledger.actions import ActionChanges
from tasks.ledger.incidents import IncidentChanges
from tasks.ledger.leases import LeaseChanges
from tasks.ledger.notes import NoteChanges
from tasks.ledger.outbox import OutboxChanges
from tasks.ledger.records import RecordChanges
from tasks.ledger.sends import SendChanges


class Change(IncidentChanges, ActionChanges, OutboxChanges, NoteChanges, RecordChanges, LeaseChanges, SendChanges):
    """One transaction: state, audit and outbox are committed together or not at all (I4)."""
