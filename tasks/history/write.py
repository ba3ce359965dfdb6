"""Putting rows on a shelf: one small file a call, there completely or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from models.errors import BadInput
from models.noun import Noun
from tasks.history.shelf import new_name, stamp
from tasks.history.table import Column, Table, arrow_schema, columns, shape

if TYPE_CHECKING:
    import pandas as pd

READ_ONLY = 0o444  # what is remembered does not change
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1) // timedelta(microseconds=1)


class Staged(NamedTuple):
    """A durable file that no reader sees yet, and the name it is to get."""

    temporary: Path
    path: Path


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


def as_rows(table: Table, columns_told: Mapping[str, Sequence[Any]]) -> Any:  # noqa: ANN401 - a pyarrow.Table
    """Columns as they stand in a file; instants are microseconds since 1970, columns left out have their default.

    Nothing is checked but the types: whoever writes so has checked every value (`models.intake`).
    """
    import pyarrow as pa  # noqa: PLC0415 - as above

    total = len(next(iter(columns_told.values())))
    given = {column.name: column for column in columns(table)}
    arrays = []
    for field in arrow_schema(table):
        values = columns_told.get(field.name)
        if values is None:
            default = given[field.name].default
            arrays.append(pa.nulls(total, field.type) if default is None else pa.repeat(pa.scalar(default), total))
        else:
            kind = pa.int64() if pa.types.is_timestamp(field.type) else field.type
            arrays.append(pa.array(values, kind))
    cast = [array.cast(field.type) for array, field in zip(arrays, arrow_schema(table), strict=True)]
    return pa.Table.from_arrays(cast, schema=arrow_schema(table))


def write_columns(table: Table, columns_told: Mapping[str, Sequence[Any]], shelf: Path) -> tuple[Path, ...]:
    """Write columns as one file per UTC day, quicker than nouns by an order of magnitude; see `as_rows`."""
    if not columns_told or not len(next(iter(columns_told.values()))):
        return ()
    days = _by_day(table, as_rows(table, columns_told))
    return tuple(_write(table, day, first, last, shelf) for first, last, day in days)


def write_rows(table: Table, rows: Any, shelf: Path) -> tuple[Path, ...]:  # noqa: ANN401 - a pyarrow.Table
    """Write the answer of a question, whose columns are exactly the table's, as one file per UTC day."""
    if not rows.num_rows:
        return ()
    full = rows.select(arrow_schema(table).names).cast(arrow_schema(table))
    return tuple(_write(table, day, first, last, shelf) for first, last, day in _by_day(table, full))


def stage_rows(table: Table, rows: Any, shelf: Path, room: Path) -> tuple[Staged, ...]:  # noqa: ANN401 - as above
    """Write rows durably, a file for each UTC day, where no reader looks; `put_in_place` makes them count.

    Between the two, whoever must be sure that they count exactly once writes down their names.

    Args:
        table: whose rows.
        rows: a `pyarrow.Table` in its schema.
        shelf: where they will count.
        room: where they wait; on the shelf's file system, outside its day folders.
    """
    import pyarrow.parquet as pq  # noqa: PLC0415 - as above

    make_folder(room)
    staged = []
    for first, last, day in _by_day(table, rows):
        name = new_name(stamp(first), stamp(last), shape(table), day.num_rows)
        pq.write_table(day, room / name)
        (room / name).chmod(READ_ONLY)
        sync(room / name)
        staged.append(Staged(room / name, shelf / f"day={first:%Y-%m-%d}" / name))
    sync(room)
    return tuple(staged)


def _by_day(table: Table, rows: Any) -> Iterator[tuple[datetime, datetime, Any]]:  # noqa: ANN401 - as above
    """The rows of each UTC day with their first and last instant."""
    import pyarrow as pa  # noqa: PLC0415 - as above
    import pyarrow.compute as pc  # noqa: PLC0415 - as above

    instants = rows[table.at].cast(pa.int64())
    days = pc.divide(instants, DAY)
    for day in [days[0]] if pc.min(days) == pc.max(days) else pc.unique(days):
        mine = pc.equal(days, day)
        bounds = pc.min_max(instants.filter(mine)).as_py()
        first, last = (EPOCH + timedelta(microseconds=bounds[end]) for end in ("min", "max"))
        yield first, last, rows.filter(mine)


def put_in_place(staged: Iterable[Staged]) -> None:
    """Give staged files their names; one that has it already is left alone, so this may be done again."""
    touched = set()
    for one in staged:
        if one.temporary.exists():
            make_folder(one.path.parent)
            one.temporary.rename(one.path)
            touched |= {one.path.parent, one.temporary.parent}
    for folder in touched:
        sync(folder)


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
