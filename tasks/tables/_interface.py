"""What an open table is. Synchronous: whoever must not wait calls it in a thread."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from types import TracebackType
from typing import Any, Protocol, Self

from models.canonical import instant_of, zone
from models.errors import BadInput
from models.reconciliation import ColumnKind

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_. -]{0,62}", re.ASCII)
BATCH = 5000  # rows taken together
Row = dict[str, Any]


class Table(Protocol):
    """One table, open to be read."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of its columns, in order."""
        ...

    def count_by_day(
        self, by: str, kind: ColumnKind, since: datetime, until: datetime, timezone: str
    ) -> dict[date, int]:
        """How many rows each day has, on the clock of a zone, of [since, until); days without any are left out.

        Raises:
            BadInput: there is no such column.
        """
        ...

    def stream(
        self,
        columns: Sequence[str],
        by: str | None = None,
        kind: ColumnKind = ColumnKind.INSTANT,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Iterator[list[Row]]:
        """Rows in batches, with these columns; of [since, until) by one column, where that is given.

        Raises:
            BadInput: there is no such column.
        """
        ...

    def close(self) -> None:
        """Let go of whatever is open."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def check_columns(wanted: Iterable[str], known: Sequence[str], where: str) -> None:
    """Refuse columns that are not there.

    Raises:
        BadInput: with the names that there are.
    """
    lost = [name for name in wanted if name not in known]
    if lost:
        raise BadInput(f"{where} has no column {', '.join(lost)}; {names_of(known)}")


def names_of(known: Sequence[str]) -> str:
    """The columns in words; of a file without a header, whose first row may be a patient's, not even these."""
    if all(NAME.fullmatch(name) for name in known):
        return f"it has: {', '.join(known)}"
    return "its first line does not look like names of columns; give it one"


def moment(value: Any, kind: ColumnKind, timezone: str) -> datetime | None:  # noqa: ANN401 - what a driver gives
    """The instant by which a row is placed; a date is its midnight in the zone. None: it has none."""
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=zone(timezone))).astimezone(UTC)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=zone(timezone)).astimezone(UTC)
    del kind  # both kinds are read alike: a date alone is a midnight
    return instant_of(value, timezone)


def within(
    rows: Iterable[Row], by: str, kind: ColumnKind, since: datetime | None, until: datetime | None, timezone: str
) -> list[Row]:
    """The rows whose moment lies in [since, until); those without a moment lie nowhere."""

    def lies(row: Row) -> bool:
        at = moment(row[by], kind, timezone)
        return at is not None and (since is None or at >= since) and (until is None or at < until)

    return [row for row in rows if lies(row)]


def counted_by_day(
    batches: Iterable[list[Row]], by: str, kind: ColumnKind, written_in: str, timezone: str
) -> dict[date, int]:
    """How many rows each day has, on the clock of a zone."""
    counts: Counter[date] = Counter()
    for rows in batches:
        moments = (moment(row[by], kind, written_in) for row in rows)
        counts.update(at.astimezone(zone(timezone)).date() for at in moments if at is not None)
    return dict(sorted(counts.items()))
