"""Files and DuckDB databases, read by DuckDB in memory: nothing is written, and nothing else can be opened."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from models.errors import BadInput
from models.reconciliation import ColumnKind
from tasks.tables._interface import BATCH, Row, check_columns, counted_by_day, within

if TYPE_CHECKING:
    import duckdb

FORMATS = {  # everything as text: what a value is, is told by who compares it, and not guessed from the first rows
    ".csv": "read_csv(?, all_varchar = true, header = true)",
    ".tsv": "read_csv(?, all_varchar = true, header = true, delim = '\t')",
    ".txt": "read_csv(?, all_varchar = true, header = true)",
    ".parquet": "read_parquet(?)",
    ".jsonl": "read_json(?, format = 'newline_delimited')",
    ".ndjson": "read_json(?, format = 'newline_delimited')",
    ".json": "read_json(?)",
}
GLOB = frozenset("*?[")


class DuckTable:
    """A relation of a DuckDB of its own, called `rows` there."""

    def __init__(self, db: duckdb.DuckDBPyConnection, where: str, timezone: str, reads: str | None = None) -> None:
        self.db, self._where, self._timezone = db, where, timezone
        self.reads = reads  # as another DuckDB would read the same; None: it would have to open a database
        self.columns = tuple(str(name) for name, *_ in db.execute("describe rows").fetchall())

    @classmethod
    def of_files(cls, path: Path, timezone: str) -> DuckTable:
        """One file, or all that a pattern names, as one table.

        Raises:
            BadInput: when there is none, or it cannot be read as what its ending says.
        """
        import duckdb  # noqa: PLC0415  # only where a table is opened

        is_there = any(path.parent.glob(path.name)) if GLOB & set(str(path)) else path.is_file()
        if not is_there:
            raise BadInput(f"there is no file {path}; give the path of one that exists")
        db = duckdb.connect()
        try:
            read = FORMATS[path.suffix.lower()].replace("?", quoted(str(path), "'"))
            db.execute(f"create view rows as select * from {read}")  # noqa: S608  # a quoted path, a format of ours
            return cls(db, str(path), timezone, read)
        except duckdb.Error as error:
            db.close()
            raise BadInput(f"{path} cannot be read as {path.suffix.lower()} ({type(error).__name__})") from None

    @classmethod
    def of_database(cls, path: Path, table: str | None, timezone: str) -> DuckTable:
        """A table or view of a DuckDB file.

        Raises:
            BadInput: when another process writes to it, it is no database, or it has no such table.
        """
        import duckdb  # noqa: PLC0415  # as above

        db = duckdb.connect()
        try:
            db.execute(f"attach {quoted(str(path), chr(39))} as there (read_only)")
            name = chosen(table, [str(one) for (one,) in db.execute(TABLES).fetchall()], path)
            schema, _, bare = name.rpartition(".")
            full = ".".join(quoted(one) for one in ("there", schema or "main", bare))
            db.execute(f"create view rows as select * from {full}")  # noqa: S608  # names that were checked, quoted
            return cls(db, f"{path}#{name}", timezone)
        except duckdb.IOException:
            db.close()
            says = "another program has it open to write, or it is no DuckDB database"
            raise BadInput(f"{path} cannot be opened: {says}; compare a copy, or close the other program") from None
        except (duckdb.Error, BadInput) as error:
            db.close()
            if isinstance(error, BadInput):
                raise
            raise BadInput(f"{path} cannot be read ({type(error).__name__})") from None

    def count_by_day(
        self, by: str, kind: ColumnKind, since: datetime, until: datetime, timezone: str
    ) -> dict[date, int]:
        """How many rows each day has."""
        return counted_by_day(self.stream((by,), by, kind, since, until), by, kind, self._timezone, timezone)

    def stream(
        self,
        columns: Sequence[str],
        by: str | None = None,
        kind: ColumnKind = ColumnKind.INSTANT,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Iterator[list[Row]]:
        """Rows in batches."""
        wanted = tuple(dict.fromkeys((*columns, *([by] if by else []))))
        check_columns(wanted, self.columns, self._where)
        listed = ", ".join(map(quoted, wanted))
        cursor = self.db.cursor().execute(f"select {listed} from rows")  # noqa: S608  # names that were checked
        while found := cursor.fetchmany(BATCH):
            rows = [dict(zip(wanted, one, strict=True)) for one in found]
            yield within(rows, by, kind, since, until, self._timezone) if by else rows

    def close(self) -> None:
        """Close the database."""
        self.db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


TABLES = """
    select case table_schema when 'main' then table_name else table_schema || '.' || table_name end
    from information_schema.tables where table_catalog = 'there' order by 1
"""


def chosen(wanted: str | None, known: Sequence[str], where: object) -> str:
    """The table that is meant: the named one, or the only one.

    Raises:
        BadInput: with the tables that there are.
    """
    listed = ", ".join(known) or "none"
    if wanted is None and len(known) != 1:
        raise BadInput(f"{where} has several tables: {listed}; say which, as {where}#TABLE")
    name = known[0] if wanted is None else wanted
    if name not in known:
        raise BadInput(f"{where} has no table {name}; it has: {listed}")
    return name


def quoted(name: Any, mark: str = '"') -> str:  # noqa: ANN401 - a name, or a path
    """A name or text as SQL writes it."""
    return f"{mark}{str(name).replace(mark, mark * 2)}{mark}"
