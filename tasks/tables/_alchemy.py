"""Tables of SQLite and PostgreSQL, read through SQLAlchemy: read-only, streamed, with bound parameters alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from types import TracebackType
from typing import Any, Self

from sqlalchemy import (
    Column,
    Connection,
    Date,
    DateTime,
    Engine,
    MetaData,
    Select,
    create_engine,
    inspect,
    select,
)
from sqlalchemy import Table as Described
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from models.canonical import zone
from models.errors import BadInput
from models.reconciliation import ColumnKind
from tasks.tables._duck import chosen
from tasks.tables._interface import BATCH, Row, check_columns, counted_by_day, within

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
            return create_engine(parsed)
        told = f"-c default_transaction_read_only=on -c statement_timeout={STATEMENT_MS}"
        return create_engine(parsed, connect_args={"connect_timeout": CONNECT_S, "options": told})
    except (ArgumentError, NoSuchModuleError, ValueError):
        raise BadInput("this is no URL of a database; write postgresql://USER@HOST/DATABASE#TABLE") from None
    except ImportError:
        raise BadInput("the driver for PostgreSQL is missing; install integration-healing[postgresql]") from None


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
