"""What an open table is. Synchronous: whoever must not wait calls it in a thread."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from types import TracebackType
from typing import Any, Protocol, Self

from models.canonical import instant_of, zone
from models.errors import BadInput

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_. -]{0,62}", re.ASCII)
BATCH = 5000  # rows taken together
Row = dict[str, Any]


class Table(Protocol):
    """One table, open to be read."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of its columns, in order."""
        ...

    def stream(
        self,
        columns: Sequence[str],
        by: str | None = None,
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


def moment(value: Any, timezone: str) -> datetime | None:  # noqa: ANN401 - what a driver gives
    """The instant by which a row is placed; a date is its midnight in the zone. None: it has none."""
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=zone(timezone))).astimezone(UTC)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=zone(timezone)).astimezone(UTC)
    return instant_of(value, timezone)


def within(rows: Iterable[Row], by: str, since: datetime | None, until: datetime | None, timezone: str) -> list[Row]:
    """The rows whose moment lies in [since, until); those without a moment lie nowhere."""

    def lies(row: Row) -> bool:
        at = moment(row[by], timezone)
        return at is not None and (since is None or at >= since) and (until is None or at < until)

    return [row for row in rows if lies(row)]
