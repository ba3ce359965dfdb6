"""One day's folder on a shelf: which files count, and whether they are whole.

    <home>/history/readings/day=2026-11-23/
        <first>-<last>-<uuid>-<shape>-n<rows>.parquet         small: one call of `remember`
        folded-<first>-<last>-<uuid>-<shape>-n<rows>.parquet  large: counts only when the manifest lists it
        manifest.json                                         which large file covers which others
    <home>/history/set-aside/readings/                        torn files, under their own names

`first` and `last` are instants of its rows, `shape` is the fingerprint of its columns.

A file lies under the UTC day of its first row. Readers list the folder *first* and read the manifest *after*:
a small file that is folded in between is then found covered, and never counts twice or not at all.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import duckdb
from pydantic import AwareDatetime, NonNegativeInt, ValidationError

from models.errors import Permanent
from models.noun import Noun

FOLDED = "folded-"
MANIFEST = "manifest.json"
SET_ASIDE = "set-aside"
STAMP = "%Y%m%dT%H%M%S%fZ"  # sorts as text the way it sorts in time
NAME = re.compile(r"(?:folded-)?(\d{8}T\d{12}Z)-(\d{8}T\d{12}Z)-[0-9a-f]{32}-([0-9a-f]{8})-n(\d+)\.parquet")


class Segment(NamedTuple):
    """A file, and what its name promises; `rows` is None when the name is not one of ours."""

    path: Path
    first: str = ""
    last: str = ""
    shape: str = ""  # see `tasks.history.table.shape`
    rows: int | None = None

    @property
    def is_folded(self) -> bool:
        """Whether a compaction wrote it."""
        return self.path.name.startswith(FOLDED)


class Fold(Noun):
    """One large file, and the files whose rows it holds; those are deleted by a later compaction."""

    name: str
    rows: NonNegativeInt
    as_of: AwareDatetime  # the compaction's `before`: from it the grace of the covered files is counted
    covers: tuple[str, ...] = ()


class Manifest(Noun):
    """The large files of one day that count."""

    folds: tuple[Fold, ...] = ()

    @property
    def covered(self) -> frozenset[str]:
        """Names of the files whose rows stand in a large one."""
        return frozenset(name for fold in self.folds for name in fold.covers)


class Day(NamedTuple):
    """One folder as seen at one instant."""

    folder: Path
    names: tuple[str, ...]
    manifest: Manifest

    def live(self) -> Iterator[Segment]:
        """The files that count, each row in exactly one of them."""
        covered = self.manifest.covered
        small = (n for n in self.names if not n.startswith(FOLDED) and n not in covered)
        for name in (*(fold.name for fold in self.manifest.folds), *small):
            yield segment(self.folder / name)


class Verdict(NamedTuple):
    """Which files can be read; `missing` are gone since they were listed."""

    whole: tuple[Segment, ...]
    torn: tuple[Segment, ...]
    missing: tuple[Segment, ...]


def segment(path: Path) -> Segment:
    """What a file's name promises."""
    told = NAME.fullmatch(path.name)
    return Segment(path, told[1], told[2], told[3], int(told[4])) if told else Segment(path)


def new_name(first: str, last: str, shape: str, rows: int) -> str:
    """A name that no other file has."""
    return f"{first}-{last}-{uuid4().hex}-{shape}-n{rows}.parquet"


def stamp(at: datetime) -> str:
    """An instant the way file names carry it."""
    return at.astimezone(UTC).strftime(STAMP)


def days(shelf: Path) -> list[Path]:
    """The day folders of a shelf, oldest first."""
    return sorted(shelf.glob("day=*"))


def look(folder: Path) -> Day:
    """A day's folder: the names first, the manifest after (the order matters, see above)."""
    names = tuple(sorted(parquet_names(folder)))
    return Day(folder, names, read_manifest(folder))


def parquet_names(folder: Path) -> Iterable[str]:
    """Names of finished Parquet files; a name with a leading dot is still being written."""
    if not folder.is_dir():
        return []
    with os.scandir(folder) as found:
        return [e.name for e in found if e.name.endswith(".parquet") and not e.name.startswith(".")]


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a day; empty when no compaction has come by.

    Raises:
        Permanent: when it cannot be understood. Without it no reader can tell which rows count once.
    """
    try:
        return Manifest.model_validate_json((folder / MANIFEST).read_bytes())
    except FileNotFoundError:
        return Manifest()
    except ValidationError:
        raise Permanent(
            f"{folder / MANIFEST} is damaged. Restore it from a backup; where no folded-… file stands "
            "beside it, delete it instead."
        ) from None


def verify(db: duckdb.DuckDBPyConnection, segments: Iterable[Segment]) -> Verdict:
    """Hold each file against its name: its footer must be readable and tell as many rows as promised."""
    sought = tuple(segments)
    found = _rows_in(db, [str(s.path) for s in sought if s.rows is not None])
    whole = tuple(s for s in sought if s.rows is not None and found.get(str(s.path)) == s.rows)
    rest = set(sought).difference(whole)
    missing = tuple(s for s in sought if s in rest and not s.path.exists())
    return Verdict(whole, tuple(s for s in sought if s in rest.difference(missing)), missing)


def _rows_in(db: duckdb.DuckDBPyConnection, paths: list[str]) -> dict[str, int]:
    """Rows by path, from the footers; a file whose footer cannot be read is left out, found by halving."""
    if not paths:
        return {}
    try:
        found = db.execute("SELECT file_name, num_rows FROM parquet_file_metadata($1)", [paths])
        return dict(found.fetchall())
    except duckdb.Error:
        half = len(paths) // 2
        return {} if not half else _rows_in(db, paths[:half]) | _rows_in(db, paths[half:])
