"""Putting rows on a shelf: one small file a call, there completely or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.errors import BadInput
from models.noun import Noun
from tasks.history.shelf import new_name, stamp
from tasks.history.table import Column, Table, arrow_schema, columns, shape

if TYPE_CHECKING:
    import pandas as pd

READ_ONLY = 0o444  # what is remembered does not change


def write_nouns(table: Table, nouns: Sequence[Noun], shelf: Path) -> Path | None:
    """Write nouns as one file; it is durable when this returns. None when there was nothing to write."""
    import pyarrow as pa  # noqa: PLC0415 - 0.15 s, which a process that only reads need not pay

    if not nouns:
        return None
    schema = arrow_schema(table)
    by_column = {name: [getattr(noun, name) for noun in nouns] for name in schema.names}
    instants = by_column[table.at]
    return _write(table, pa.table(by_column, schema), min(instants), max(instants), shelf)


def write_frame(table: Table, frame: pd.DataFrame, shelf: Path) -> tuple[Path, ...]:
    """Write a data frame as one sorted file per UTC day.

    Columns are the noun's fields; those with a default may be absent.

    Raises:
        BadInput: when a column is missing, unknown, of the wrong type or holds a word its enum does not know.
    """
    import pyarrow as pa  # noqa: PLC0415 - as above

    full = _checked(table, frame).sort_values(table.order.split(", "), kind="stable")
    paths = []
    for _, day in full.groupby(full[table.at].dt.floor("D")):
        try:
            rows = pa.Table.from_pandas(day, arrow_schema(table), preserve_index=False)
        except pa.ArrowException as error:
            raise BadInput(f"{table.name}: a column has the wrong type ({type(error).__name__})") from None
        paths.append(_write(table, rows, day[table.at].min(), day[table.at].max(), shelf))
    return tuple(paths)


def write_rows(table: Table, rows: Any, shelf: Path) -> Path | None:  # noqa: ANN401 - a pyarrow.Table
    """Write rows of one UTC day that DuckDB counted, with exactly the noun's fields as columns; None for none."""
    import pyarrow.compute as pc  # noqa: PLC0415 - as above

    if not rows.num_rows:
        return None
    full = rows.select(arrow_schema(table).names).cast(arrow_schema(table))
    first, last = (pc.min_max(full[table.at])[end].as_py() for end in ("min", "max"))
    return _write(table, full, first, last, shelf)


def _checked(table: Table, frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with every column, its instants in UTC."""
    wanted = {column.name: column for column in columns(table)}
    absent = [name for name, column in wanted.items() if column.required and name not in frame.columns]
    unknown = [str(name) for name in frame.columns if name not in wanted]
    if absent or unknown:
        raise BadInput(f"{table.name}: columns missing: {absent}, unknown: {unknown}")
    if getattr(frame[table.at].dtype, "tz", None) is None:
        raise BadInput(f"{table.name}: {table.at} has no time zone; localise it, e.g. to UTC")
    absent_ones = {name: c.default for name, c in wanted.items() if name not in frame.columns}
    full = frame.assign(**{table.at: frame[table.at].dt.tz_convert(UTC)}, **absent_ones)
    for column in wanted.values():
        _check_values(table, full, column)
    return full


def _check_values(table: Table, frame: pd.DataFrame, column: Column) -> None:
    """A row without an instant would belong to no day, one with a strange word could never be read back."""
    values = frame[column.name]
    if column.required and values.isna().any():
        raise BadInput(f"{table.name}: {column.name} is empty in {values.isna().sum()} rows")
    strange = set(values.unique()) - column.choices if column.choices else ()
    if strange:
        raise BadInput(f"{table.name}: {column.name} has {len(strange)} words outside its list")


def _write(table: Table, rows: Any, first: datetime, last: datetime, shelf: Path) -> Path:  # noqa: ANN401 - a pyarrow.Table
    import pyarrow.parquet as pq  # noqa: PLC0415 - as above

    folder = day_folder(shelf, first)
    name = new_name(stamp(first), stamp(last), shape(table), rows.num_rows)
    return publish(folder / name, lambda temporary: pq.write_table(rows, temporary))


def day_folder(shelf: Path, at: datetime) -> Path:
    """The folder of a UTC day, made durable when it is new."""
    folder = shelf / f"day={at.astimezone(UTC):%Y-%m-%d}"
    make_folder(folder)
    return folder


def make_folder(folder: Path) -> None:
    """Make a folder and its parents, each entered durably in the one above."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        sync(folder.parent)


def publish(path: Path, write: Callable[[Path], object]) -> Path:
    """Write under a temporary name, make it durable, then give it its name: all of it, or nothing."""
    temporary = stage(path, write)
    temporary.rename(path)
    sync(path.parent)
    return path


def stage(path: Path, write: Callable[[Path], object]) -> Path:
    """The first half of `publish`: a durable file that no reader sees, because its name begins with a dot."""
    temporary = path.with_name(f".{path.name}")
    temporary.unlink(missing_ok=True)  # a dead process may have left one, and it is read-only
    write(temporary)
    temporary.chmod(READ_ONLY)
    sync(temporary)
    return temporary


def sync(path: Path) -> None:
    """Have the disk hold what was written to a file or entered in a folder."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
