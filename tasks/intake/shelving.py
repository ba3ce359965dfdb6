"""Shelving: rows and the record of how far their file was taken in are committed together, or not at all.

1. rows are staged: durable files that no reader sees;
2. one ledger transaction says which of them count, and up to where each file was taken in;
3. they get their names, and received files of which nothing is left to read are removed.

Killed before 2, nothing happened: the rows are read again, and the staged files are swept. Killed after 2, step 3
is done by whoever comes next. So every line counts once, whenever the power fails.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

from models.error_cluster import ERROR
from models.inbox import FileState, Move, Outstanding, TakenFile
from models.intake._batch import DELIVERY, GAUGE, READING, Batch
from tasks.history.read import history_folder
from tasks.history.table import DELIVERIES, ERRORS, GAUGES, READINGS, Table
from tasks.history.write import Staged, as_rows, put_in_place, stage_rows
from tasks.house import House
from tasks.intake.folder import put_away
from tasks.pseudonym import house_id

ROOM = "staged"  # below the history's folder
TOGETHER = 8192  # rows that become columns at once
REMEMBERED = timedelta(days=30)  # for so long a file that is dropped again is recognised
FULL = 4 * TOGETHER  # rows that become a file
COLUMNS: dict[Table, tuple[str, ...]] = {READINGS: READING, GAUGES: GAUGE, DELIVERIES: DELIVERY, ERRORS: ERROR}


class Shelving:
    """Rows of many files on their way into the history."""

    def __init__(self, house: House, inbox: Path) -> None:
        self.house, self.inbox, self.folder = house, inbox, history_folder(house.home)
        self.id = f"outstanding-{house_id(house.home)}"
        self.rows: dict[Table, list[tuple[Any, ...]]] = {table: [] for table in COLUMNS}
        self.columns: dict[Table, list[Any]] = {table: [] for table in COLUMNS}
        self.records: dict[str, TakenFile] = {}
        self.forgotten: set[str] = set()
        self.gone: list[Path] = []
        self.away: list[tuple[Path, str]] = []

    def known(self, record_id: str) -> TakenFile | None:
        """The record of this id as it will be after the next flush."""
        if record_id in self.forgotten:
            return None
        return self.records.get(record_id) or self.house.ledger.kept(TakenFile, record_id)

    def recover(self) -> None:
        """Finish what a run before this one had committed and not finished; sweep what it had not committed."""
        self._finish(self.house.ledger.kept(Outstanding, self.id))
        for left in (self.folder / ROOM).glob("*/*"):
            left.unlink()

    def add(self, batch: Batch) -> None:
        """Rows of one batch."""
        added = {READINGS: batch.readings, GAUGES: batch.gauges, DELIVERIES: batch.deliveries}
        for table, rows in (added | {ERRORS: batch.errors.rows()}).items():
            self.rows[table] += rows
            if len(self.rows[table]) >= TOGETHER:
                self._compress(table)

    def note(self, record: TakenFile) -> None:
        """How far a file will have been taken in, once these rows are committed."""
        self.records[record.id] = record
        self.forgotten.discard(record.id)

    def finished(self, path: Path, record_id: str) -> None:
        """A file of somebody's that is in the history once these rows are: it is put away, and remembered."""
        self.away.append((path, record_id))

    def done(self, path: Path, record_id: str) -> None:
        """A received file whose last rows are here; nobody else will bring it again."""
        self.gone.append(path)
        self.records.pop(record_id, None)
        self.forgotten.add(record_id)

    @property
    def is_full(self) -> bool:
        """Whether it is time to flush."""
        loose = sum(map(len, self.rows.values()))
        packed: int = sum(columns.num_rows for listed in self.columns.values() for columns in listed)
        return loose + packed >= FULL

    def flush(self) -> None:
        """All three steps.

        Raises:
            Transient: when the ledger cannot be written; nothing has happened then.
        """
        if self.records or self.gone or any(self.rows.values()) or any(self.columns.values()):
            self._commit()
        for path, record_id in self.away:
            put_away(self.inbox, path, record_id)
        self.away = []

    def _commit(self) -> None:
        staged = [one for table in COLUMNS for one in self._stage(table)]
        gone = tuple(str(path.relative_to(self.inbox)) for path in self.gone)
        outstanding = Outstanding(id=self.id, moves=tuple(map(self._move, staged)), gone=gone)
        with self.house.ledger.change("intake", self.house.clock.now()) as change:
            for record in self.records.values():
                change.keep(record)
            for record_id in self.forgotten:
                change.forget(TakenFile, record_id)
            change.forget_before(TakenFile, FileState.TAKEN, change.at - REMEMBERED)
            change.keep(outstanding)
        self.records, self.forgotten, self.gone = {}, set(), []
        self._finish(outstanding)

    def _compress(self, table: Table) -> None:
        """Rows become columns, a tenth of their size."""
        rows, self.rows[table] = self.rows[table], []
        if rows:
            columns = dict(zip(COLUMNS[table], zip(*rows, strict=True), strict=True))
            self.columns[table].append(as_rows(table, columns))

    def _stage(self, table: Table) -> Iterable[Staged]:
        import pyarrow as pa  # noqa: PLC0415 - 0.15 s, which a process that only reads need not pay

        self._compress(table)
        columns, self.columns[table] = self.columns[table], []
        if not columns:
            return ()
        room = self.folder / ROOM / table.name
        return stage_rows(table, pa.concat_tables(columns), self.folder / table.name, room)

    def _move(self, staged: Staged) -> Move:
        source, target = (str(path.relative_to(self.folder)) for path in staged)
        return Move(source=source, target=target)

    def _finish(self, outstanding: Outstanding | None) -> None:
        if outstanding is None:
            return
        put_in_place(Staged(self.folder / move.source, self.folder / move.target) for move in outstanding.moves)
        for path in outstanding.gone:
            (self.inbox / path).unlink(missing_ok=True)
