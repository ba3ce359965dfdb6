"""What the ledger answers about gaps: what failed and was made up for, and what was delivered."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, case, func, select

from models.queue import ReadState
from models.sending import Tally
from tasks.ledger.send_reads import SendReads
from tasks.ledger.tables import missed_reads, sends


class MissedSpan(NamedTuple):
    """The failed reads of some operations: the first, the last, and how many there are and were replayed."""

    first: datetime
    last: datetime
    queued: int
    processed: int


class GapReads(SendReads):
    """The questions about gaps, shared by `Ledger` and `Change`."""

    def operations_missed(self, incident_id: str) -> tuple[str, ...]:
        """The operations of which reads failed in an incident."""
        operation = missed_reads.c.operation
        asked = select(operation).where(missed_reads.c.incident_id == incident_id).distinct().order_by(operation)
        return tuple(row.operation for row in self._rows(asked))

    def reads_missed(
        self,
        incident_id: str,
        operations: Collection[str],
        after: datetime | None = None,
        until: datetime | None = None,
    ) -> MissedSpan | None:
        """The failed reads of an incident over after < due_at <= until; None: there are none."""
        due, is_done = missed_reads.c.due_at, missed_reads.c.state == ReadState.PROCESSED
        wanted: list[ColumnElement[bool]] = [
            missed_reads.c.incident_id == incident_id,
            missed_reads.c.operation.in_(operations),
        ]
        wanted += [] if after is None else [due > after]
        wanted += [] if until is None else [due <= until]
        counted = func.min(due), func.max(due), func.count(), func.sum(case((is_done, 1), else_=0))
        (row,) = self._rows(select(*counted).where(*wanted))
        return MissedSpan(row[0], row[1], row[2], row[3]) if row[2] else None

    def sends_between(self, integration_id: str, kinds: Collection[str], since: datetime, until: datetime) -> Tally:
        """How the messages stand that were queued over since <= queued_at <= until."""
        here = (
            sends.c.integration_id == integration_id,
            sends.c.kind.in_(kinds),
            sends.c.queued_at >= since,
            sends.c.queued_at <= until,
        )
        asked = select(sends.c.state, func.count().label("many")).where(*here).group_by(sends.c.state)
        return Tally(**{row.state: row.many for row in self._rows(asked)})
