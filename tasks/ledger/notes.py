"""Changes of the smaller things: missed reads, what was altered on either side, the kill switch."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, insert, select, update

from models.facts import Change as Alteration
from models.queue import MissedRead, ReadState
from tasks.ledger.pen import Pen
from tasks.ledger.reads import HALT
from tasks.ledger.tables import changes, missed_reads, switches


class NoteChanges(Pen):
    """What may be noted."""

    def miss(self, reads: Sequence[MissedRead]) -> int:
        """Queue reads for replay; a known one is kept as it is, and joins an incident if it had none.

        Returns:
            How many were new.
        """
        ids = {read.id for read in reads}
        rows = self._rows(select(missed_reads.c.id).where(missed_reads.c.id.in_(ids)))
        known = {row.id for row in rows}
        new = {read.id: read for read in reads if read.id not in known}
        if new:
            queued = [read.model_dump() | {"tries": 0} for read in new.values()]
            self._connection.execute(insert(missed_reads), queued)
        joined = [read for read in reads if read.id in known and read.incident_id]
        for read in joined:
            here = missed_reads.c.id == read.id, missed_reads.c.incident_id.is_(None)
            self._connection.execute(update(missed_reads).where(*here).values(incident_id=read.incident_id))
        for integration_id in sorted({read.integration_id for read in new.values()}):
            count = sum(read.integration_id == integration_id for read in new.values())
            self._record("reads-missed", integration_id, count=count)
        return len(new)

    def processed(self, ids: Sequence[str], *, ok: bool) -> None:
        """The reads were replayed: answered (`ok`), or tried in vain and waiting again."""
        here = missed_reads.c.id.in_(ids), missed_reads.c.state == ReadState.WAITING
        state = ReadState.PROCESSED if ok else ReadState.WAITING
        by = (
            update(missed_reads)
            .where(*here)
            .values(state=state, tries=missed_reads.c.tries + 1)
            .returning(missed_reads.c.integration_id)
        )
        touched = [row.integration_id for row in self._connection.execute(by)]
        for integration_id in sorted(set(touched)):
            self._record("reads-replayed", integration_id, count=touched.count(integration_id), state=state)

    def note_change(self, change: Alteration) -> bool:
        """Remember that something was altered; whether it was new."""
        written = change.model_dump()
        here = {name: written[name] for name in ("integration_id", "at", "side", "says")}
        if self._rows(select(changes.c.at).filter_by(**here)):
            return False
        self._connection.execute(insert(changes).values(**written))
        self._record("change-noted", change.integration_id, side=change.side)
        return True

    def halt(self, reason: str) -> None:
        """Switch healing off, for all integrations; watching goes on. A later reason replaces the first."""
        self._connection.execute(delete(switches).where(switches.c.name == HALT))
        self._connection.execute(insert(switches).values(name=HALT, reason=reason, since=self.at, actor=self.actor))
        self._record("halted", HALT)

    def resume(self) -> None:
        """Switch healing on again; nothing happens when it is on."""
        if self._connection.execute(delete(switches).where(switches.c.name == HALT)).rowcount:
            self._record("resumed", HALT)
