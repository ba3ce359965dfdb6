"""The drop folder of the clinic: files appear as simulated time goes by, and the active faults spoil the newest.

Content and time of each file follow from the seed, the day and the faults alone. A file is put in its place in
one piece, unless it is to be seen growing.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from simulator.clock import Clock
from simulator.drop_faults import (
    ColumnsChanged,
    EncodingChanged,
    FileLate,
    FileMissing,
    FileTruncated,
    HalfSize,
    SameFileAgain,
    StillGrowing,
    TrailerWrong,
    UploadBroken,
)
from simulator.exports import EXPORTS, Export, Row
from simulator.faults import Fault
from simulator.people import Practice
from simulator.weather import Weather

KEPT = 25  # deliveries of each export that still lie there: five weeks of a working day's
LOOK_S = 0.05  # real seconds between two looks at the clock
OUTBOUND, INBOUND, SENT, BESIDE = "outbound", "inbound", "sent", "old"
GROWTH = b"C0-0,TEST000001,x,1970-01-01,1970-01-01,0.00,x\r\n"

F = TypeVar("F", bound=Fault)


class Placed(NamedTuple):
    """One file as it should lie there."""

    export: Export
    day: date
    faults: tuple[Fault, ...]  # that are active on it
    changed_at: datetime


class Drop:
    """A folder for each direction, under one root.

    Args:
        root: holds `outbound` (for us), `inbound` (for the partner) and `sent` (our copies of what we sent).
        practice: what is exported.
        timezone: of the practice.
        clock: simulated time.
        weather: the active faults.
    """

    def __init__(self, root: Path, practice: Practice, timezone: str, clock: Clock, weather: Weather) -> None:
        self.root, self._practice, self._zone = root, practice, ZoneInfo(timezone)
        self._clock, self._weather = clock, weather
        self._placed: dict[Path, Placed] = {}
        self._growing: set[Path] = set()
        for name in (OUTBOUND, INBOUND, SENT, BESIDE):
            (root / name).mkdir(parents=True, exist_ok=True)

    async def keep_up(self) -> None:
        """Let files come as time goes by, until cancelled."""
        while True:
            self.refresh()
            await asyncio.sleep(LOOK_S)

    def refresh(self) -> None:
        """Make the folders what they should be now."""
        now = self._clock.now()
        wanted = dict(place for export in EXPORTS for place in self._wanted(export, now))
        for path in self._placed.keys() - wanted.keys():
            path.unlink(missing_ok=True)
        for path, placed in wanted.items():
            if self._placed.get(path) != placed:
                self._write(path, placed)
        self._placed = wanted
        for path in self._growing & wanted.keys():
            with path.open("ab") as file:
                file.write(GROWTH)
            os.utime(path, (now.timestamp(), now.timestamp()))

    def _wanted(self, export: Export, now: datetime) -> Iterator[tuple[Path, Placed]]:
        """The files of one export, newest first; only the newest is spoilt. One name holds only the newest."""
        days = export.latest(now, self._zone, KEPT)
        is_one_name = "%" not in export.name
        for nth, day in enumerate(days):
            faults = self._faults(export) if nth == 0 else ()
            placed = Placed(export, day, faults, export.delivered(day, self._zone) + _delay(faults))
            folders = self._folders(export, placed, now)
            yield from ((self.root / folder / day.strftime(export.name), placed) for folder in folders)
            if is_one_name and folders:
                return

    def _folders(self, export: Export, placed: Placed, now: datetime) -> list[str]:
        """Where this file lies."""
        missing = _one(FileMissing, placed.faults)
        lost = _one(UploadBroken, placed.faults)
        if missing or placed.changed_at > now:
            return [BESIDE] if missing and missing.elsewhere else []
        if export.is_sent:
            return [SENT] if lost and lost.how == "lost" else [SENT, INBOUND]
        return [OUTBOUND]

    def _faults(self, export: Export) -> tuple[Fault, ...]:
        """The active faults that concern an export."""
        active = self._weather.active.values()
        return tuple(one for one in active if one.concerns("main", export.operation) and type(one) in SPOILING)

    def _write(self, path: Path, placed: Placed) -> None:
        content = self._content(placed)
        if path.parent.name == INBOUND and _one(UploadBroken, placed.faults):
            content = content[: len(content) // 2]
        if _one(StillGrowing, placed.faults):
            self._growing.add(path)
        else:
            self._growing.discard(path)
        beside = self.root / f".{path.name}"
        beside.write_bytes(content)
        os.utime(beside, (placed.changed_at.timestamp(), placed.changed_at.timestamp()))
        beside.replace(path)

    def _content(self, placed: Placed) -> bytes:
        export, faults, day = placed.export, placed.faults, placed.day
        if _one(SameFileAgain, faults):
            day = export.latest(export.delivered(day, self._zone) - timedelta(seconds=1), self._zone, 1)[0]
        columns, rows = export.columns, export.rows(self._practice, day, self._zone)
        if half := _one(HalfSize, faults):
            rows = rows[: int(len(rows) * half.share)]
        if changed := _one(ColumnsChanged, faults):
            columns, *rows = (_changed(row, changed.how) for row in (columns, *rows))
        wrong = _one(TrailerWrong, faults)
        text = export.table(columns, rows, len(rows) + (wrong.by if wrong else 0))
        if changed and changed.how == "delimiter":
            text = text.replace(export.delimiter, "\t")
        other = _one(EncodingChanged, faults)
        content = export.packed(text.encode(other.to if other else "utf-8"))
        cut = _one(FileTruncated, faults)
        return content[: int(len(content) * cut.share)] if cut else content


SPOILING = {
    *(ColumnsChanged, EncodingChanged, FileLate, FileMissing, FileTruncated),
    *(HalfSize, SameFileAgain, StillGrowing, TrailerWrong, UploadBroken),
}


def _one(kind: type[F], faults: tuple[Fault, ...]) -> F | None:
    return next((fault for fault in faults if isinstance(fault, kind)), None)


def _delay(faults: tuple[Fault, ...]) -> timedelta:
    late = _one(FileLate, faults)
    return timedelta(minutes=late.minutes if late else 0)


def _changed(row: Row, how: str) -> Row:
    """A row, or the header, of a table whose columns changed."""
    changes = {
        "added": (*row, "x"),
        "removed": row[:-1],
        "renamed": (*row[:-1], f"{row[-1]}_new"),
        "reordered": (row[1], row[0], *row[2:]),
    }
    return changes.get(how, row)
