"""Folding the small files of closed hours into large sorted ones, without any reader noticing.

Every step leaves a state in which each row counts exactly once, so a compactor may be killed after any:

1. the large file is staged under a hidden name;
2. it gets its name: not in the manifest, so it does not count;
3. the manifest is replaced: from this instant the large file counts and those it covers do not;
4. a *later* run deletes the covered files, since a reader may just have listed them.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import duckdb

from models.errors import Permanent, Transient
from models.history import Compaction
from tasks.history import shelf
from tasks.history.read import connect, history_folder, select
from tasks.history.shelf import Fold, Manifest, Segment
from tasks.history.table import TABLES, Table, shape
from tasks.history.write import make_folder, publish, stage, sync

GRACE = timedelta(hours=1)  # how long a covered file stays for readers that opened it
PATIENCE_S = 3600  # a temporary file older than this on the file system's own clock has no living writer


class Step(NamedTuple):
    """One durable step, and what it did."""

    name: str
    did: Compaction = Compaction()


class Place(NamedTuple):
    """What one run knows everywhere: where, with what, and as of when."""

    db: duckdb.DuckDBPyConnection
    table: Table
    aside: Path
    before: datetime
    grace: timedelta
    started: float  # on the file system's clock, in seconds


def compact(home: Path | None, before: datetime, grace: timedelta = GRACE) -> Compaction:
    """Fold the small files of the hours that closed before `before`.

    Args:
        home: the state directory; default $HEAL_HOME, else ./heal-state.
        before: now, usually; its own hour is still open.
        grace: covered files are deleted by a later run whose `before` is at least this much later.

    Raises:
        Transient: when another compaction runs.
        Permanent: when a manifest is damaged, or a folded file does not hold what it should.
    """
    done = Compaction()
    for step in steps(home, before, grace):
        done = done.plus(step.did)
    return done


def steps(home: Path | None, before: datetime, grace: timedelta = GRACE) -> Iterator[Step]:
    """The same, one durable step at a time; whoever stops between two leaves a sound history."""
    folder = history_folder(home)
    make_folder(folder)
    with _alone(folder / "compact.lock") as started, connect() as db:
        db.execute("SET temp_directory = $1", [str(folder / ".spill")])  # a day may outgrow memory
        for table in TABLES:
            place = Place(db, table, folder / shelf.SET_ASIDE / table.name, before, grace, started)
            for day in shelf.days(folder / table.name):
                yield from _sweep(place, day)
                yield from _set_aside(place, day)
                yield from _retire(place, day)
                yield from _fold(place, day)


@contextmanager
def _alone(lock: Path) -> Iterator[float]:
    """Hold the lock, which dies with its process; gives the file system's idea of now."""
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Transient("another compaction of this history is running; try again later") from None
        os.utime(file.fileno())
        yield lock.stat().st_mtime


def _sweep(place: Place, day: Path) -> Iterator[Step]:
    """Remove what dead processes left: no reader ever counted it."""
    seen = shelf.look(day)
    known = {fold.name for fold in seen.manifest.folds} | seen.manifest.covered
    left = [day / n for n in seen.names if n.startswith(shelf.FOLDED) and n not in known]
    hidden = (path for path in day.glob(".*") if path.stat().st_mtime < place.started - PATIENCE_S)
    removed = _remove([*left, *hidden], day)
    if removed:
        yield Step("swept", Compaction(files_removed=removed))


def _set_aside(place: Place, day: Path) -> Iterator[Step]:
    """Move torn files out of the way; a torn large file gives way to the small ones while they are there."""
    seen = shelf.look(day)
    verdict = shelf.verify(place.db, seen.live())
    for torn in verdict.torn:
        yield from _shed(place, torn) if torn.is_folded else _move(place, torn)
    for gone in verdict.missing:
        yield from _shed(place, gone)


def _move(place: Place, torn: Segment) -> Iterator[Step]:
    make_folder(place.aside)
    torn.path.rename(place.aside / torn.path.name)
    sync(place.aside)
    sync(torn.path.parent)
    yield Step("set aside", Compaction(set_aside=(torn.path.name,)))


def _shed(place: Place, torn: Segment) -> Iterator[Step]:
    """Take a torn large file out of the manifest, which uncovers what it covered.

    When the covered files are not all there, rows are lost: it is first moved aside, where it keeps being
    reported; one that is altogether gone stays in the manifest for the same reason.
    """
    day = torn.path.parent
    manifest = shelf.read_manifest(day)
    fold = next((f for f in manifest.folds if f.name == torn.path.name), None)
    if fold is None:
        return
    there = [name for name in fold.covers if (day / name).exists()]
    is_lossless = bool(there) and len(there) == len(fold.covers)
    if not is_lossless and torn.path.exists():
        yield from _move(place, torn)
    if is_lossless or (place.aside / fold.name).exists():
        _replace(day, [f for f in manifest.folds if f != fold] + _restored(day, fold, there))
        yield Step("uncovered")
        _remove([torn.path], day)


def _restored(day: Path, fold: Fold, names: list[str]) -> list[Fold]:
    """The entries of those covered files that were large ones themselves."""
    told = [shelf.segment(day / name) for name in names if name.startswith(shelf.FOLDED)]
    return [Fold(name=s.path.name, rows=s.rows or 0, as_of=fold.as_of) for s in told]


def _retire(place: Place, day: Path) -> Iterator[Step]:
    """Delete covered files whose grace is over, durably, and only then forget that they were covered."""
    manifest = shelf.read_manifest(day)
    ripe = [f for f in manifest.folds if f.covers and f.as_of + place.grace <= place.before]
    ripe = [f for f in ripe if (day / f.name).exists()]  # never the last copy
    if not ripe:
        return
    removed = _remove([day / name for fold in ripe for name in fold.covers], day)
    yield Step("covered removed", Compaction(files_removed=removed))
    _replace(day, [f.model_copy(update={"covers": ()}) if f in ripe else f for f in manifest.folds])
    yield Step("covered forgotten")


def _fold(place: Place, day: Path) -> Iterator[Step]:
    chosen = _foldable(place, shelf.look(day))
    if len(chosen) < 2:  # noqa: PLR2004 - one file alone is folded already
        return
    rows = sum(s.rows or 0 for s in chosen)
    first, last = min(s.first for s in chosen), max(s.last for s in chosen)
    path = day / f"{shelf.FOLDED}{shelf.new_name(first, last, shape(place.table), rows)}"
    temporary = stage(path, lambda to: _write(place, chosen, to))
    yield Step("staged")
    temporary.rename(path)
    sync(day)
    _check(place, path)
    yield Step("named")
    names = tuple(s.path.name for s in chosen)
    kept = [fold for fold in shelf.read_manifest(day).folds if fold.name not in names]
    _replace(day, [*kept, Fold(name=path.name, rows=rows, as_of=place.before, covers=names)])
    small = sum(not s.is_folded for s in chosen)
    yield Step("published", Compaction(files_folded=small, rows_folded=rows))


def _foldable(place: Place, seen: shelf.Day) -> list[Segment]:
    """Whole files of closed hours; large ones join when their day is closed and they cover nothing any more.

    (A large file that still covers others waits: the rows of what a file covers must be counted once only.)
    """
    cut = place.before.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    is_closed = seen.folder.name < f"day={cut:%Y-%m-%d}"
    busy = {fold.name for fold in seen.manifest.folds if fold.covers}
    small = [s for s in seen.live() if s.last < shelf.stamp(cut)]
    ready = [s for s in small if not s.is_folded or (is_closed and s.path.name not in busy)]
    return list(shelf.verify(place.db, ready).whole)


def _write(place: Place, chosen: list[Segment], to: Path) -> None:
    rows = place.db.sql(select(place.table, chosen))
    rows.order(place.table.order).write_parquet(str(to), compression="zstd")


def _check(place: Place, path: Path) -> None:
    """The large file must hold what it is about to replace."""
    if not shelf.verify(place.db, [shelf.segment(path)]).whole:
        raise Permanent(f"{path.name} lacks rows that it should hold; the small files stay. Check the disk.")


def _replace(day: Path, folds: list[Fold]) -> None:
    text = Manifest(folds=tuple(folds)).model_dump_json(indent=1)
    publish(day / shelf.MANIFEST, lambda to: to.write_text(text))


def _remove(paths: list[Path], day: Path) -> int:
    there = [path for path in paths if path.exists()]
    for path in there:
        path.unlink(missing_ok=True)
    if there:
        sync(day)
    return len(there)
