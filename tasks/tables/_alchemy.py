"""Tables of SQLite and PostgreSQL, read through SQLAlchemy: read-only, streamed, with bound parameters alone."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, unquote

from sqlalchemy import (
    URL,
    Column,
    ColumnElement,
    Connection,
    Date,
    DateTime,
    Engine,
    MetaData,
    Select,
    Text,
    cast,
    create_engine,
    inspect,
    select,
    type_coerce,
)
from sqlalchemy import Table as Described
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.types import NullType

from models.canonical import zone
from models.errors import BadInput
from tasks.tables._checksums import Sums, as_sent, lies_in, sums_asked, sums_found, with_functions
from tasks.tables._duck import chosen
from tasks.tables._interface import BATCH, Row, check_columns, within

CONNECT_S = 10  # to a server that does not answer
STATEMENT_MS = 600_000  # one read; who compares more does so in parts
TOLD = {  # so that two servers write the same value as the same text, to the last digit
    "default_transaction_read_only": "on",
    "statement_timeout": str(STATEMENT_MS),
    "TimeZone": "UTC",
    "DateStyle": "ISO",
    "IntervalStyle": "postgres",
    "bytea_output": "hex",
    "extra_float_digits": "1",
}
Texts = list[tuple[str | None, ...]]


class DatabaseTable:
    """One table of a database."""

    def __init__(self, url: str | URL, table: str | None, timezone: str) -> None:
        """Open it.

        Raises:
            BadInput: when nobody answers, or there is no such table; the URL is not repeated.
        """
        self._timezone = timezone
        self._engine = engine_of(url)
        self._where = where_of(self._engine)
        try:
            with told_by(self._where), self._engine.connect() as connection:
                self._table = described(connection, table, self._where)
        except BadInput:
            self.close()
            raise

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of its columns."""
        return tuple(self._table.columns.keys())

    def stream(
        self,
        columns: Sequence[str],
        by: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Iterator[list[Row]]:
        """Rows in batches; where the database knows the column as a time, it leaves the others out itself."""
        wanted = tuple(dict.fromkeys((*columns, *([by] if by else []))))
        check_columns(wanted, self.columns, self._where)
        asked = select(*(self._bare(name) for name in wanted))
        if by and not self._is_sqlite:
            asked = narrowed(asked, self._table.c[by], since, until, self._timezone)
        with told_by(self._where), self._engine.connect() as connection:
            found = connection.execution_options(yield_per=BATCH).execute(asked)
            for part in found.mappings().partitions(BATCH):
                rows = [dict(one) for one in part]
                yield within(rows, by, since, until, self._timezone) if by else rows

    def checksums(self, key: Sequence[str], columns: Sequence[str], digits: int, parts: Collection[str] | None) -> Sums:
        """Of each part of the keys, how many rows, and two sums over them, see `tasks.tables._checksums`.

        Args:
            key: the columns of the key.
            columns: what a row is.
            digits: how many of the MD5 of a key name its part.
            parts: only what lies in these, whose names may be shorter; None: everything.

        Raises:
            BadInput: there is no such column, or it cannot be read.
        """
        check_columns((*key, *columns), self.columns, self._where)
        asked = sums_asked(self._dialect, self._described(key), self._described(columns), digits, parts)
        with told_by(self._where), self._engine.connect() as connection:
            return sums_found(connection.execute(asked).all())

    def texts(
        self,
        columns: Sequence[str],
        key: Sequence[str] = (),
        parts: Collection[str] | None = None,
        most: int | None = None,
    ) -> Iterator[Texts]:
        """Rows in batches, each value as the text that its checksum was made of.

        Args:
            columns: which.
            key: of which the parts are.
            parts: only the rows in these; None: all.
            most: so many rows; None: all.

        Raises:
            BadInput: as `checksums`.
        """
        check_columns((*key, *columns), self.columns, self._where)
        asked = select(*(self._text(name) for name in columns)).limit(most)
        if parts is not None:
            asked = asked.where(lies_in(self._dialect, self._described(key), parts))
        with told_by(self._where), self._engine.connect() as connection:
            found = connection.execution_options(yield_per=BATCH).execute(asked)
            for batch in found.partitions(BATCH):
                yield [tuple(map(as_sent, row)) for row in batch] if self._is_sqlite else [tuple(row) for row in batch]

    @property
    def _dialect(self) -> str:
        return self._engine.dialect.name

    @property
    def _is_sqlite(self) -> bool:
        return self._dialect == "sqlite"

    def _described(self, names: Sequence[str]) -> list[Column[Any]]:
        return [self._table.c[name] for name in names]

    def _bare(self, name: str) -> ColumnElement[Any]:
        """A column; of SQLite what it holds, whatever it was declared as: a DATE there may be any text."""
        one = self._table.c[name]
        return type_coerce(one, NullType()).label(name) if self._is_sqlite else one

    def _text(self, name: str) -> ColumnElement[Any]:
        """A column as text; SQLite would round its numbers."""
        return self._bare(name) if self._is_sqlite else cast(self._table.c[name], Text).label(name)

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@contextmanager
def told_by(where: str) -> Iterator[None]:
    """What a driver says as a sentence of ours: its own may quote a statement, a value or a password.

    Raises:
        BadInput: in the place of whatever a driver raises.
    """
    try:
        yield
    except SQLAlchemyError as error:
        kind = type(getattr(error, "orig", None) or error).__name__
        raise BadInput(f"{where} cannot be read ({kind}); {CURES.get(kind, CURE)}") from None


CURE = "check host, name, user and rights"
CURES = {
    "QueryCanceled": f"it took longer than {STATEMENT_MS // 60_000} minutes: compare fewer --columns, or a copy",
    "DatabaseError": "give a SQLite database that is whole",
}


def url_of_sqlite(path: Path) -> URL:
    """A file that is opened to be read alone, whatever its name holds."""
    return URL.create("sqlite", database=f"file:{quote(str(path.absolute()))}", query={"mode": "ro", "uri": "true"})


def engine_of(url: str | URL) -> Engine:
    """An engine that only reads.

    Raises:
        BadInput: when the URL is none, or its driver is not installed.
    """
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite":
            return with_functions(create_engine(parsed))
        told = " ".join(f"-c {name}={value}" for name, value in TOLD.items())
        return create_engine(parsed, connect_args={"connect_timeout": CONNECT_S, "options": told})
    except (ArgumentError, NoSuchModuleError, ValueError):
        raise BadInput("this is no URL of a database; write postgresql://USER@HOST/DATABASE#TABLE") from None
    except ImportError:
        raise BadInput("the driver for PostgreSQL is missing; install integration-healing[postgresql]") from None


def where_of(engine: Engine) -> str:
    """The database as a person knows it, without user and password."""
    url = engine.url
    if url.get_backend_name() == "sqlite":
        return unquote((url.database or "").removeprefix("file:"))
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
    """With the span as bound values, where the column is a time to the database; SQLite has only texts, of any form."""
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
