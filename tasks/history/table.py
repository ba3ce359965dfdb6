"""A table of the history is a noun: its fields are the columns. Another table is one more line here.

A column that came later has a default in its noun, which stands for the rows of files that are older.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from functools import cache
from types import NoneType
from typing import Any, NamedTuple, get_args
from zlib import crc32

from pydantic import AwareDatetime

from models.delivery import Delivery
from models.error_cluster import ErrorCount
from models.gauge import Gauge
from models.noun import Noun
from models.reading import Reading
from models.tally import BookedHour


class Column(NamedTuple):
    """One column: `sql` is its DuckDB type, `choices` what an enum allows (empty: anything)."""

    name: str
    sql: str
    choices: frozenset[str] = frozenset()
    default: Any = None
    required: bool = False


class Table(NamedTuple):
    """One kind of noun on its own shelf; `at` names the column that says when."""

    name: str
    noun: type[Noun]
    at: str
    order: str  # how a folded file is sorted, so that DuckDB can skip most of it


READINGS = Table("readings", Reading, at="observed_at", order="integration_id, observed_at")
GAUGES = Table("gauges", Gauge, at="observed_at", order="integration_id, metric, observed_at")
DELIVERIES = Table("deliveries", Delivery, at="observed_at", order="integration_id, key, observed_at")
BOOKED = Table("booked_hours", BookedHour, at="bucket", order="integration_id, bucket")
ERRORS = Table("errors", ErrorCount, at="observed_at", order="integration_id, cluster, observed_at")
TABLES = (READINGS, GAUGES, DELIVERIES, BOOKED, ERRORS)


@cache
def columns(table: Table) -> tuple[Column, ...]:
    """The columns, in the order of the noun's fields."""
    return tuple(
        Column(name, *_sql_type(_bare(field.annotation)), field.default, field.is_required())
        for name, field in table.noun.model_fields.items()
    )


@cache
def shape(table: Table) -> str:
    """The fingerprint of today's columns; files with another come from another version of the noun."""
    return f"{crc32(repr([(c.name, c.sql) for c in columns(table)]).encode()):08x}"


@cache
def arrow_schema(table: Table) -> Any:  # noqa: ANN401 - pyarrow publishes no types
    """The `pyarrow.Schema` of a file: enums are strings, instants are UTC microseconds."""
    import pyarrow as pa  # noqa: PLC0415 - 0.15 s, which a process that only reads need not pay

    types = {
        "VARCHAR": pa.string(),
        "DOUBLE": pa.float64(),
        "BIGINT": pa.int64(),
        "BOOLEAN": pa.bool_(),
        "TIMESTAMPTZ": pa.timestamp("us", tz="UTC"),
    }
    return pa.schema([pa.field(column.name, types[column.sql]) for column in columns(table)])


def _bare(annotation: Any) -> Any:  # noqa: ANN401 - an annotation may be anything
    """`Annotated[str, …] | None` → `str`."""
    if hasattr(annotation, "__metadata__"):
        return _bare(annotation.__origin__)
    choices = [choice for choice in get_args(annotation) if choice is not NoneType]
    return _bare(choices[0]) if choices else annotation


def _sql_type(kind: type) -> tuple[str, frozenset[str]]:
    if kind is AwareDatetime or issubclass(kind, datetime):
        return "TIMESTAMPTZ", frozenset()
    if issubclass(kind, StrEnum):
        return "VARCHAR", frozenset(kind)
    # bool before int: a bool is an int too
    for python, sql in ((bool, "BOOLEAN"), (str, "VARCHAR"), (int, "BIGINT"), (float, "DOUBLE")):
        if issubclass(kind, python):
            return sql, frozenset()
    raise TypeError(f"{kind.__name__} has no column type; add one to tasks/history/table.py")
