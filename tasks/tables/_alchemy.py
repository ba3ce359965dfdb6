"""Tables of SQLite and PostgreSQL, read through SQLAlchemy: read-only, streamed, with bound parameters alone."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Sequence
from datetime import date, datetime
from types import TracebackType
from typing import Any, Self

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Date,
    DateTime,
    Engine,
    MetaData,
    Numeric,
    Select,
    Text,
    cast,
    create_engine,
    event,
    func,
    inspect,
    literal,
    select,
)
from sqlalchemy import Table as Described
from sqlalchemy.dialects.postgresql import BIT
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from models.canonical import zone
from models.errors import BadInput
from models.reconciliation import ColumnKind
from tasks.tables._duck import chosen
from tasks.tables._interface import BATCH, Row, check_columns, counted_by_day, within

SEPARATOR = "\x1f"  # between the values of a row: no text of people holds it
HEX_DIGITS = 15  # sixty bits: a sum of two hundred million of them is exact in every database
BIT60 = BIT(60)
CONNECT_S = 10  # to a server that does not answer
STATEMENT_MS = 600_000  # one read; who compares more does so in parts


class DatabaseTable:
    """One table of a database."""

    def __init__(self, url: str, table: str | None, timezone: str) -> None:
        """Open it.

        Raises:
            BadInput: when nobody answers, or there is no such table; the URL is not repeated.
        """
        self._timezone = timezone
        self._engine = engine_of(url)
        self._where = where_of(self._engine)
        try:
            with self._engine.connect() as connection:
                self._table = described(connection, table, self._where)
        except BadInput:
            self.close()
            raise
        except SQLAlchemyError as error:
            self.close()
            kind = type(getattr(error, "orig", None) or error).__name__
            raise BadInput(f"{self._where} cannot be read ({kind}); check host, name, user and rights") from None

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of its columns."""
        return tuple(self._table.columns.keys())

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
        """Rows in batches; where the database knows the column as a time, it leaves the others out itself."""
        wanted = tuple(dict.fromkeys((*columns, *([by] if by else []))))
        check_columns(wanted, self.columns, self._where)
        asked = select(*(self._table.c[name] for name in wanted))
        if by:
            asked = narrowed(asked, self._table.c[by], since, until, self._timezone)
        with self._engine.connect() as connection:
            found = connection.execution_options(yield_per=BATCH).execute(asked)
            for part in found.mappings().partitions(BATCH):
                rows = [dict(one) for one in part]
                yield within(rows, by, kind, since, until, self._timezone) if by else rows

    def checksums(
        self, key: Sequence[str], columns: Sequence[str], digits: int, within_parts: Collection[str] | None
    ) -> dict[str, tuple[int, int, int]]:
        """Of each part of the keys: how many rows, and two sums over the MD5 of every row, added up by the database.

        Args:
            key: the columns of the key.
            columns: what a row is.
            digits: how many of the MD5 of a key name its part.
            within_parts: only what lies in these, whose names are shorter; None: everything.
        """
        check_columns((*key, *columns), self.columns, self._where)
        row = func.md5(self._joined((*key, *columns)))
        part = func.substr(func.md5(self._joined(key)), 1, digits)
        asked = select(part, func.count(), *(self._summed(row, at) for at in (1, 17))).group_by(part)
        if within_parts is not None:
            shorter = len(next(iter(within_parts), ""))
            asked = asked.where(func.substr(func.md5(self._joined(key)), 1, shorter).in_(sorted(within_parts)))
        with self._engine.connect() as connection:
            found = connection.execute(asked).all()
        return {str(name): (int(rows), int(one), int(other)) for name, rows, one, other in found}

    def rows_of(self, key: Sequence[str], columns: Sequence[str], parts: Collection[str]) -> Iterator[list[Row]]:
        """The rows of these parts of the keys, in batches."""
        check_columns((*key, *columns), self.columns, self._where)
        if not parts:
            return
        digits = len(next(iter(parts)))
        part = func.substr(func.md5(self._joined(key)), 1, digits)
        asked = select(*(self._table.c[name] for name in columns)).where(part.in_(sorted(parts)))
        with self._engine.connect() as connection:
            found = connection.execution_options(yield_per=BATCH).execute(asked)
            for batch in found.mappings().partitions(BATCH):
                yield [dict(one) for one in batch]

    def _joined(self, names: Sequence[str]) -> ColumnElement[str]:
        """Columns as one text; what is empty is told apart from what is not there by nobody else either."""
        parts = [func.coalesce(cast(self._table.c[name], Text), "") for name in names]
        joined: ColumnElement[str] = parts[0]
        for one in parts[1:]:
            joined = joined + SEPARATOR + one
        return joined

    def _summed(self, row: ColumnElement[str], at: int) -> ColumnElement[Any]:
        """Sixty bits of each MD5, added up without rounding."""
        if self._engine.dialect.name == "sqlite":
            return func.sum_of_hex(row, at)
        bits = cast(literal("x").concat(func.substr(row, at, HEX_DIGITS)), BIT60)
        return func.sum(cast(cast(bits, BigInteger), Numeric))

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def engine_of(url: str) -> Engine:
    """An engine that only reads.

    Raises:
        BadInput: when the URL is none, or its driver is not installed.
    """
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite":
            return with_functions(create_engine(parsed))
        told = f"-c default_transaction_read_only=on -c statement_timeout={STATEMENT_MS}"
        return create_engine(parsed, connect_args={"connect_timeout": CONNECT_S, "options": told})
    except (ArgumentError, NoSuchModuleError, ValueError):
        raise BadInput("this is no URL of a database; write postgresql://USER@HOST/DATABASE#TABLE") from None
    except ImportError:
        raise BadInput("the driver for PostgreSQL is missing; install integration-healing[postgresql]") from None


class SumOfHex:
    """For SQLite, which has neither hashes nor whole numbers that large: a sum of hexadecimal digits of texts."""

    def __init__(self) -> None:
        self.total = 0

    def step(self, text: str, at: int) -> None:
        """One more row."""
        self.total += int(text[at - 1 : at - 1 + HEX_DIGITS], 16)

    def finalize(self) -> str:
        """The sum, as text: it is larger than SQLite's numbers."""
        return str(self.total)


def md5_of(text: str | None) -> str:
    """As PostgreSQL has it."""
    return hashlib.md5((text or "").encode(), usedforsecurity=False).hexdigest()


def with_functions(engine: Engine) -> Engine:
    """SQLite with the two functions that PostgreSQL has."""

    @event.listens_for(engine, "connect")
    def _connected(connection: Any, _: Any) -> None:  # noqa: ANN401 - sqlite3's, through SQLAlchemy's pool
        connection.create_function("md5", 1, md5_of, deterministic=True)
        connection.create_aggregate("sum_of_hex", 2, SumOfHex)

    return engine


def where_of(engine: Engine) -> str:
    """The database as a person knows it, without user and password."""
    url = engine.url
    if url.get_backend_name() == "sqlite":
        return (url.database or "").removeprefix("file:")
    return f"{url.host or 'localhost'}/{url.database or ''}"


def described(connection: Connection, table: str | None, where: str) -> Described:
    """The table as the database describes it.

    Raises:
        BadInput: when there is none of that name.
    """
    looked = inspect(connection)
    schema, _, bare = (table or "").rpartition(".")
    known = [*looked.get_table_names(schema or None), *looked.get_view_names(schema or None)]
    name = chosen(bare or None, known, where)
    return Described(name, MetaData(), schema=schema or None, autoload_with=connection)


def narrowed(
    asked: Select[Any], by: Column[Any], since: datetime | None, until: datetime | None, timezone: str
) -> Select[Any]:
    """With the span as bound values, where the column is a time to the database; SQLite has only texts."""
    for bound, is_first in ((since, True), (until, False)):
        if bound is not None and (value := as_column(bound, by, timezone, is_first=is_first)) is not None:
            asked = asked.where(by >= value if is_first else by < value)
    return asked


def as_column(at: datetime, by: Column[Any], timezone: str, *, is_first: bool) -> datetime | date | None:
    """An instant as the column's own type has it; None: the column is no time."""
    if isinstance(by.type, DateTime):
        return at if by.type.timezone else at.astimezone(zone(timezone)).replace(tzinfo=None)
    if isinstance(by.type, Date):
        local = at.astimezone(zone(timezone))
        begins = local.replace(tzinfo=None) == datetime(local.year, local.month, local.day)  # noqa: DTZ001
        day = local.date()
        return day if begins or is_first else date.fromordinal(day.toordinal() + 1)
    return None
