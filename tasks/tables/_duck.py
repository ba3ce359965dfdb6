"""Files and DuckDB databases, read by DuckDB in memory: nothing is written, and nothing else can be opened."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from models.errors import BadInput
from tasks.tables._checksums import Sums, part_in_duckdb, quoted, sums_found, sums_in_duckdb
from tasks.tables._interface import BATCH, Row, check_columns, within

if TYPE_CHECKING:
    import duckdb

# Everything is read as text: what a value is, is told by who compares it, and not guessed from the first rows.
# Nothing of the form is guessed either but the sign between columns: DuckDB would leave out lines until one fits.
CSV = (
    "read_csv({place}, all_varchar = true, header = true, skip = 0, delim = {sign}, quote = '\"', escape = '\"', "
    "comment = '', strict_mode = true, null_padding = false, ignore_errors = false, union_by_name = true)"
)
SIGNS = ",;|\t"  # between the columns of a .csv or .txt; the one that its first line has most of
FORMATS = {
    ".csv": CSV,
    ".tsv": CSV,
    ".txt": CSV,
    ".parquet": "read_parquet({place}, union_by_name = true)",
    ".jsonl": "read_json_objects({place}, format = 'newline_delimited')",
    ".ndjson": "read_json_objects({place}, format = 'newline_delimited')",
    ".json": "read_json_objects({place}, format = 'auto')",
}
JSON = (".jsonl", ".ndjson", ".json")
FIRST_LINE = 65_536  # bytes of it that are looked at
GLOB = frozenset("*?[")


class DuckTable:
    """A relation of a DuckDB of its own, called `rows` there."""

    def __init__(
        self,
        db: duckdb.DuckDBPyConnection,
        where: str,
        timezone: str,
        reads: str,
        file: Path | None = None,
    ) -> None:
        self.db, self._where, self._timezone = db, where, timezone
        self.reads = reads  # as another DuckDB reads the same, of a database that is attached as `{file}`
        self.file = file  # that database
        self.columns = tuple(str(name) for name, *_ in db.execute("describe rows").fetchall())

    @classmethod
    def of_files(cls, path: Path, timezone: str) -> DuckTable:
        """One file, or all that a pattern names, as one table; a column that one of them lacks is empty there.

        Raises:
            BadInput: when there is none, or it cannot be read as what its ending says.
        """
        import duckdb  # noqa: PLC0415  # only where a table is opened

        db = duckdb.connect()
        try:
            files = files_of(db, path)
            reads = reads_of(db, path, files)
            db.execute(f"create view rows as select * from {reads}")  # noqa: S608  # quoted paths, a format of ours
            return cls(db, str(path), timezone, reads)
        except duckdb.Error as error:
            db.close()
            raise BadInput(f"{path} cannot be read as {path.suffix.lower()}: {why(error)}") from None
        except BadInput:
            db.close()
            raise

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
            full = ".".join(quoted(one) for one in (schema or "main", bare))
            db.execute(f"create view rows as select * from there.{full}")  # noqa: S608  # names that were checked, quoted
            return cls(db, f"{path}#{name}", timezone, f"{{file}}.{full}", path)
        except duckdb.IOException:
            db.close()
            says = "another program has it open to write, or it is no DuckDB database"
            raise BadInput(f"{path} cannot be opened: {says}; compare a copy, or close the other program") from None
        except (duckdb.Error, BadInput) as error:
            db.close()
            if isinstance(error, BadInput):
                raise
            raise BadInput(f"{path} cannot be read ({type(error).__name__})") from None

    def stream(
        self,
        columns: Sequence[str],
        by: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Iterator[list[Row]]:
        """Rows in batches."""
        wanted = tuple(dict.fromkeys((*columns, *([by] if by else []))))
        check_columns(wanted, self.columns, self._where)
        for found in self._fetched(f"select {', '.join(map(quoted, wanted))} from rows"):  # noqa: S608  # checked names
            rows = [dict(zip(wanted, one, strict=True)) for one in found]
            yield within(rows, by, since, until, self._timezone) if by else rows

    def _fetched(self, asked: str) -> Iterator[list[tuple[Any, ...]]]:
        """An answer in batches.

        Raises:
            BadInput: a row cannot be read; what DuckDB says of it would quote it.
        """
        import duckdb  # noqa: PLC0415  # as above

        try:
            cursor = self.db.cursor()
            cursor.execute("set TimeZone = 'UTC'")  # a setting of each cursor
            cursor.execute(asked)
            while found := cursor.fetchmany(BATCH):
                yield found
        except duckdb.Error as error:
            raise BadInput(f"{self._where} cannot be read to its end: {why(error)}") from None

    def checksums(self, key: Sequence[str], columns: Sequence[str], digits: int, parts: Collection[str] | None) -> Sums:
        """As a database adds them up, see `tasks.tables._checksums`.

        Raises:
            BadInput: there is no such column, or a row cannot be read.
        """
        check_columns((*key, *columns), self.columns, self._where)
        where = "true" if parts is None else lies_in_duckdb(key, parts)
        asked = sums_in_duckdb("rows", key, columns, digits, where)
        return sums_found([row for some in self._fetched(asked) for row in some])

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


def lies_in_duckdb(key: Sequence[str], parts: Collection[str]) -> str:
    """Whether a row lies in one of these parts."""
    digits = max(map(len, parts), default=1)
    listed = ", ".join(quoted(one, "'") for one in sorted(parts))
    return f"{part_in_duckdb(key, digits)} in (select unnest([{listed}]::varchar[]))"


def files_of(db: duckdb.DuckDBPyConnection, path: Path) -> list[str]:
    """The files that a path or a pattern names.

    Raises:
        BadInput: when there is none.
    """
    if path.is_file():
        return [str(path)]
    found = (
        db.execute("select file from glob(?) order by file", [str(path)]).fetchall() if GLOB & set(str(path)) else []
    )
    if not found:
        raise BadInput(f"there is no file {path}; give the path of one that exists")
    return [str(one) for (one,) in found]


def reads_of(db: duckdb.DuckDBPyConnection, path: Path, files: Sequence[str]) -> str:
    """How DuckDB reads some files.

    Raises:
        BadInput: when one is empty, or two columns cannot be told apart.
    """
    ending = path.suffix.lower()
    listed = ", ".join(quoted("".join(f"[{sign}]" if sign in GLOB else sign for sign in one), "'") for one in files)
    sign = quoted("\t" if ending == ".tsv" else sign_of(Path(files[0])), "'") if FORMATS[ending] is CSV else ""
    reads = FORMATS[ending].format(place=f"[{listed}]", sign=sign)
    return fields_of(db, reads, path) if ending in JSON else reads


def sign_of(path: Path) -> str:
    """What stands between the columns of a file.

    Raises:
        BadInput: when it is empty.
    """
    with path.open("rb") as file:
        first = file.readline(FIRST_LINE).decode("utf-8", "replace").removeprefix("\ufeff").strip("\r\n")
    if not first:
        raise BadInput(f"{path} has no first line with the names of its columns; give it one")
    return max(SIGNS, key=first.count)


def fields_of(db: duckdb.DuckDBPyConnection, reads: str, path: Path) -> str:
    """Each field of JSON documents as a column of text.

    A number keeps its digits: read as a number, two long ones may become one.

    Raises:
        BadInput: two fields differ in case alone, or there is no document.
    """
    asked = f"select distinct unnest(json_keys(json)) as name from {reads} order by name"  # noqa: S608  # ours
    names = [str(name) for (name,) in db.execute(asked).fetchall()]
    if len({name.casefold() for name in names}) < len(names):
        raise BadInput(f"{path} has fields whose names differ in case alone, which cannot be told apart; rename one")
    if not names:
        raise BadInput(f"{path} holds no documents with fields; give a file of JSON objects")
    listed = ", ".join(f"json ->> {quoted(pointer(name), chr(39))} as {quoted(name)}" for name in names)
    return f"(select {listed} from {reads})"  # noqa: S608  # quoted


def pointer(name: str) -> str:
    """A field as JSON Pointer names it (RFC 6901).

    >>> pointer("a/b")
    '/a~1b'
    """
    return "/" + name.replace("~", "~0").replace("/", "~1")


def why(error: Exception) -> str:
    """What is wrong with a file, in our words: DuckDB's own quote its lines."""
    says = str(error)
    line = LINE.search(says)
    place = f"line {line[1]}: " if line else ""
    for sign, cure in CURES.items():
        if sign in says:
            return place + cure
    return f"{place}a line is not as the first one, or ends otherwise ({type(error).__name__}); look at its columns"


LINE = re.compile(r"CSV Error on Line: ([0-9]+)", re.ASCII)
CURES = {  # of what DuckDB 2.0 says
    "Invalid unicode": "it is not UTF-8; write the file anew as UTF-8",
    "invalid UTF-8": "it is not UTF-8; write the file anew as UTF-8",
    "unterminated quote": "a quote is opened and never closed; close it",
    "magic bytes": "it is no Parquet file; write it anew",
    "Malformed JSON": "it is no JSON; write each document on a line of its own",
}
