"""A table that a person names, read for its promises: only the columns that anything is promised of.

Text is taken as it stands: a type that is guessed from the first rows is wrong for a `plano` far down, and the error
quotes its line. `tasks.promise_rows` reads it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from models.errors import BadInput

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

CSV, PARQUET, DUCKDB = (".csv", ".tsv", ".txt"), (".parquet",), (".duckdb", ".ddb")
KNOWN = "a file: .csv, .tsv, .parquet, or .duckdb#TABLE"


def read_table(place: str, columns: Sequence[str], names: Mapping[str, str]) -> pd.DataFrame:
    """The rows of a table.

    Args:
        place: where it is; `#name` at its end is the table of a database.
        columns: those that anything is promised of.
        names: what some of them are called in the table.

    Raises:
        BadInput: it cannot be read, or a column is not there that was named.
    """
    import duckdb  # noqa: PLC0415  # 0.1 s

    path, _, table = place.partition("#")
    try:
        with duckdb.connect(path if path.endswith(DUCKDB) else ":memory:", read_only=path.endswith(DUCKDB)) as db:
            return picked(opened(db, existing(path), table), columns, names)
    except duckdb.Error:  # what it says may quote a row
        raise BadInput(f"{Path(path).name} cannot be read as a table; write {KNOWN}") from None


def opened(db: duckdb.DuckDBPyConnection, path: Path, table: str) -> duckdb.DuckDBPyRelation:
    """A relation of what is there."""
    ending = path.suffix.lower()
    if ending in CSV:
        return db.read_csv(str(path), all_varchar=True, header=True)
    if ending in PARQUET:
        return db.read_parquet(str(path))
    if ending in DUCKDB and table:
        return db.table(table)
    raise BadInput(f"cannot tell what {path.name} is; write {KNOWN}")


def existing(written: str) -> Path:
    """A file that is there."""
    path = Path(written)
    if not path.is_file():
        raise BadInput(f"there is no file {path.name}; write {KNOWN}")
    return path


def picked(relation: duckdb.DuckDBPyRelation, columns: Sequence[str], names: Mapping[str, str]) -> pd.DataFrame:
    """The columns that are wanted, under the names that promises go by."""
    absent = [name for name in names.values() if name not in relation.columns]
    if absent:
        raise BadInput(f"the table has no column {', '.join(absent)}; --columns is written as date_written=ITS_NAME")
    its = {name: names.get(name, name) for name in columns if names.get(name, name) in relation.columns}
    if not its:
        raise BadInput(
            "the table has none of the columns that anything is promised of; say which is which by --columns"
        )
    chosen = ", ".join(f"{quoted(theirs)} AS {quoted(ours)}" for ours, theirs in its.items())
    rows: pd.DataFrame = relation.select(chosen).df()
    return rows


def quoted(name: str) -> str:
    """A name as SQL writes one."""
    return '"' + name.replace('"', '""') + '"'
