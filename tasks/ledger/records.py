"""Nouns kept by their id: whoever needs to remember one more kind of thing writes a noun, and no table."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, insert, select, update

from models.noun import Kept
from tasks.ledger.names import name_of
from tasks.ledger.pen import Pen, document_of
from tasks.ledger.tables import records


class RecordChanges(Pen):
    """What may be done to kept nouns."""

    def keep(self, noun: Kept, *, audited: bool = True) -> bool:
        """Remember this noun in place of the one with its id; whether anything changed.

        Args:
            noun: what to remember.
            audited: whether the audit tells of it. What changes with every cycle and decides nothing need not be told.
        """
        document, name = document_of(noun, noun.id), name_of(type(noun))
        here = records.c.noun == name, records.c.id == noun.id
        known = self._rows(select(records.c.document).where(*here))
        if known and known[0].document == document:
            return False
        state: str | None = getattr(noun, "state", None)
        values = {
            "integration_id": getattr(noun, "integration_id", None),
            "state": state,
            "updated_at": self.at,
            "document": document,
        }
        if known:
            self._connection.execute(update(records).where(*here).values(**values))
        else:
            self._connection.execute(insert(records).values(noun=name, id=noun.id, **values))
        before = known[0].document if known else None
        if audited:
            self._record(f"{name}-kept", noun.id, documents=(before, document), state=state)
        return True

    def next_id(self, kind: str, moment: datetime | None = None) -> str:
        """An id that no other of this kind has: KIND-YYYY-MM-DD-NNN, by the UTC day of a moment; None: of now."""
        return self._numbered(kind, moment or self.at)

    def numbered(self, kind: str) -> str:
        """The next id of this kind today, e.g. `SIL-2026-11-23-001`."""
        return self._numbered(kind, self.at)

    def forget(self, kind: type[Kept], record_id: str) -> bool:
        """Remember it no longer; whether it was known."""
        here = records.c.noun == name_of(kind), records.c.id == record_id
        gone = bool(self._connection.execute(delete(records).where(*here)).rowcount)
        if gone:
            self._record(f"{name_of(kind)}-forgotten", record_id)
        return gone

    def forget_before(self, kind: type[Kept], state: str, before: datetime) -> int:
        """Forget those of one state that were last changed before an instant; how many there were."""
        old = records.c.noun == name_of(kind), records.c.state == state, records.c.updated_at < before
        gone = self._connection.execute(delete(records).where(*old)).rowcount
        if gone:
            self._record(f"{name_of(kind)}-forgotten", name_of(kind), count=gone)
        return gone
