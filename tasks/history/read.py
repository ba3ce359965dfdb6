"""Reading the shelves: views over exactly the files that count, in a locked DuckDB."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import duckdb

from models.errors import BadInput, Transient
from models.history import HistoryHealth
from tasks.history.shelf import SET_ASIDE, Segment, days, look, parquet_names, segment, stamp, verify
from tasks.history.table import TABLES, Column, Table, columns, shape

log = logging.getLogger("tasks.remember")

LOOKS = 5  # fresh listings before a file that stays away counts as lost; one is enough but for a running fold
QUIET = {  # nothing is fetched, and no Python variable of the caller can be read by name
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "allow_persistent_secrets": "false",
    "python_enable_replacements": "false",
    "temp_directory": "",  # a report never spills rows to a disk that nobody watches
}


class Snapshot(NamedTuple):
    """The files of one table at one instant; each row is in exactly one of them."""

    whole: tuple[Segment, ...]
    torn: tuple[Segment, ...]


def history_folder(home: Path | None = None) -> Path:
    """Where the history lies: under `home`, else under $HEAL_HOME, else under ./heal-state.

    Raises:
        BadInput: when the path holds a character that DuckDB would read as a pattern.
    """
    folder = (home or Path(os.environ.get("HEAL_HOME", "heal-state"))).absolute() / "history"
    if set(str(folder)) & set("*?["):
        raise BadInput(f"{folder.parent}: a state directory must not have *, ? or [ in its path; move it")
    return folder


def history(
    home: Path | None = None, *, since: datetime | None = None, until: datetime | None = None
) -> duckdb.DuckDBPyConnection:
    """An in-memory DuckDB with one view per table, as of now, safe while monitors write.

    It holds no lock and stops nobody. It reads the files that count and nothing else on this machine, and its
    configuration is locked. Open it again to see newer rows, or after a compaction took its files away.
    `set_aside` lists the torn files that the views leave out; when there are any, a warning is logged.

    Args:
        home: the state directory; default $HEAL_HOME, else ./heal-state. An empty one gives empty views.
        since: leave out files that end before it (the views may still hold earlier rows).
        until: leave out files that begin at or after it.

    Raises:
        Permanent: when a manifest is damaged.
        Transient: when files vanish faster than they can be read.
    """
    folder = history_folder(home)
    for _ in range(LOOKS):
        with suppress(duckdb.IOException):  # a file went between being verified and being bound to its view
            return _open(folder, since, until)
    raise Transient("the history's files vanish faster than they can be read; try again in a minute")


def _open(folder: Path, since: datetime | None, until: datetime | None) -> duckdb.DuckDBPyConnection:
    db = connect()
    try:
        found = {table: snapshot(db, table, folder, since, until) for table in TABLES}
        _make_views(db, found)
        _lock(db, [str(s.path) for seen in found.values() for s in seen.whole])
    except BaseException:
        db.close()
        raise
    return db


def check_history(home: Path | None = None) -> HistoryHealth:
    """Hold every file against its name and count what is lost.

    Raises:
        Permanent: when a manifest is damaged.
    """
    folder = history_folder(home)
    with connect() as db:
        found = [snapshot(db, table, folder) for table in TABLES]
    whole = [s for seen in found for s in seen.whole]
    torn = [s for seen in found for s in seen.torn]
    return HistoryHealth(
        files=len(whole),
        rows=sum(s.rows or 0 for s in whole),
        torn=tuple(s.path.name for s in torn),
        rows_lost=sum(s.rows or 0 for s in torn),
    )


def connect() -> duckdb.DuckDBPyConnection:
    """An in-memory DuckDB that speaks UTC and fetches nothing; not yet locked."""
    db = duckdb.connect(config=dict(QUIET))
    db.execute("SET TimeZone = 'UTC'")
    db.execute("SET parquet_metadata_cache = true")  # files never change, and their footers are read first
    return db


def snapshot(
    db: duckdb.DuckDBPyConnection,
    table: Table,
    folder: Path,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Snapshot:
    """The files of a table that count now; looks again when one vanished between listing and opening."""
    for _ in range(LOOKS):
        live = [s for s in _live(folder / table.name) if _overlaps(s, since, until)]
        verdict = verify(db, live)
        if not verdict.missing:
            break
    corner = folder / SET_ASIDE / table.name
    aside = (segment(corner / name) for name in parquet_names(corner))
    # by name: a file may be moved aside between the two listings
    lost = {s.path.name: s for s in (*verdict.missing, *verdict.torn, *aside)}
    return Snapshot(verdict.whole, tuple(lost.values()))


def select(table: Table, files: Iterable[Segment]) -> str:
    """SQL for the rows of these files in the columns of today; one that a file lacks has its noun's default there."""
    chosen = tuple(files)
    today = [s.path for s in chosen if s.shape == shape(table)]
    other = [s.path for s in chosen if s.shape != shape(table)]
    names = ", ".join(_named(column) if other else column.name for column in columns(table))
    nothing = ", ".join(f"NULL::{column.sql} AS {column.name}" for column in columns(table))
    parts = [f"SELECT {nothing} WHERE false"]
    parts += [_from_parquet(paths, same) for paths, same in ((today, True), (other, False)) if paths]
    return f"SELECT {names} FROM ({' UNION ALL BY NAME '.join(parts)})"  # noqa: S608 - our own names


def _named(column: Column) -> str:
    """The column, or its default where an older file has none."""
    if column.default is None or column.required:
        return column.name
    return f"coalesce({column.name}, {_quoted(column.default)}::{column.sql}) AS {column.name}"


def _from_parquet(paths: list[Path], is_uniform: bool) -> str:
    """Matching columns by name opens every file once more for every query: twice the time for 2,000 files."""
    files = ", ".join(map(_quoted, paths))
    options = f"union_by_name = {not is_uniform}, hive_partitioning = false"
    return f"SELECT * FROM read_parquet([{files}], {options})"  # noqa: S608 - paths are quoted


def _live(shelf: Path) -> Iterable[Segment]:
    return (s for day in days(shelf) for s in look(day).live())


def _overlaps(file: Segment, since: datetime | None, until: datetime | None) -> bool:
    """Whether a file may hold rows of the span; one with a strange name may hold anything."""
    if file.rows is None:
        return True
    return (since is None or file.last >= stamp(since)) and (until is None or file.first < stamp(until))


def _make_views(db: duckdb.DuckDBPyConnection, found: dict[Table, Snapshot]) -> None:
    db.execute("CREATE TABLE set_aside (table_name VARCHAR, file VARCHAR, expected_rows BIGINT)")
    for table, seen in found.items():
        db.execute(f"CREATE VIEW {table.name} AS {select(table, seen.whole)}")
        for s in seen.torn:
            db.execute("INSERT INTO set_aside VALUES (?, ?, ?)", [table.name, s.path.name, s.rows])
    torn = [s for seen in found.values() for s in seen.torn]
    if torn:
        rows = sum(s.rows or 0 for s in torn)
        log.warning("history: %d torn files left out, %d rows; see the table set_aside", len(torn), rows)


def _lock(db: duckdb.DuckDBPyConnection, paths: list[str]) -> None:
    if paths:
        db.execute(f"SET allowed_paths = [{', '.join(map(_quoted, paths))}]")
    db.execute("SET enable_external_access = false")
    db.execute("SET lock_configuration = true")


def has_lost_files(db: duckdb.DuckDBPyConnection) -> bool:
    """Whether a compaction has taken away files that this connection was opened on."""
    allowed = db.execute("SELECT unnest(current_setting('allowed_paths'))").fetchall()
    return not all(Path(path).exists() for (path,) in allowed)


def _quoted(path: object) -> str:
    return "'" + str(path).replace("'", "''") + "'"
