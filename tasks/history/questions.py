"""What the house asks its history: one function and one SQL page per question, nouns as answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import duckdb

from models.baseline import BUCKET_MINUTES, Baseline
from models.errors import BadInput, Transient
from models.history import Latencies, Minute, Totals
from models.integration import Integration
from models.reading import Counts, Outcome, Reading, Source, Window
from tasks.history.read import LOOKS, has_lost_files, history

PAGES = Path(__file__).parent.parent / "sql"
REAL = (
    Source.PROBE,
    Source.TRAFFIC,
)  # generated history teaches what is usual, and is not judged

Store = Path | duckdb.DuckDBPyConnection
"""A state directory, read as it is now, or a connection that `history` opened, read as it was then."""

Answer = TypeVar("Answer")
Row = dict[str, Any]


def recent(
    store: Store, integration_id: str, since: datetime, until: datetime, sources: tuple[Source, ...] = REAL
) -> Window:
    """The window `since` ≤ observed_at < `until` of one integration, oldest reading first."""
    return windows(store, [integration_id], since, until, sources)[integration_id]


def windows(
    store: Store, integration_ids: Sequence[str], since: datetime, until: datetime, sources: tuple[Source, ...] = REAL
) -> dict[str, Window]:
    """The same window of each of these integrations, from one look at the files."""
    asked = {"integration_ids": list(integration_ids), "since": since, "until": until, "sources": list(sources)}
    found: dict[str, list[Reading]] = {name: [] for name in integration_ids}
    for row in rows(store, "recent", asked):
        found[row["integration_id"]].append(Reading.model_validate(row))
    return {
        name: Window(integration_id=name, since=since, until=until, readings=tuple(readings))
        for name, readings in found.items()
    }


def first_bad(
    store: Store, integration_id: str, since: datetime, until: datetime, sources: tuple[Source, ...] = REAL
) -> Reading | None:
    """The first reading of the span that did not get what it asked for; None when all did."""
    found = rows(store, "first_bad", _span(integration_id, since, until, sources))
    return Reading.model_validate(found[0]) if found else None


def last_good(
    store: Store, integration_id: str, since: datetime, until: datetime, sources: tuple[Source, ...] = REAL
) -> dict[tuple[str, str | None], datetime]:
    """When each operation, and location that calls name, was last read well in the span."""
    found = rows(store, "last_good", _span(integration_id, since, until, sources))
    return {(row["operation"], row["location"]): row["last_ok_at"] for row in found}


def totals(
    store: Store, integration_id: str, since: datetime, until: datetime, sources: tuple[Source, ...] = REAL
) -> Totals:
    """Calls, failures, bytes and records of the span, from which availability and volume follow."""
    (row,) = rows(store, "totals", _span(integration_id, since, until, sources))
    counts = Counts(total=row.pop("total"), failed=row.pop("failed"))
    return Totals(integration_id=integration_id, since=since, until=until, counts=counts, **row)


def outcomes(
    store: Store, integration_id: str, since: datetime, until: datetime, operation: str | None = None
) -> dict[Outcome, int]:
    """How many calls of the span ended in which way, the most frequent first; of one operation or of all."""
    asked = _span(integration_id, since, until, REAL) | {"operation": operation}
    return {Outcome(row["outcome"]): row["calls"] for row in rows(store, "outcomes", asked)}


def calls_per_minute(
    store: Store, integration_id: str, since: datetime, until: datetime, sources: tuple[Source, ...] = REAL
) -> tuple[Minute, ...]:
    """Calls and failures by minute, the silent minutes too."""
    found = rows(store, "calls_per_minute", _span(integration_id, since, until, sources))
    return tuple(Minute(at=row["minute"], counts=Counts(total=row["total"], failed=row["failed"])) for row in found)


def latencies(
    store: Store, integration_id: str, since: datetime, until: datetime, sources: tuple[Source, ...] = REAL
) -> tuple[Latencies, ...]:
    """Latency percentiles of the answered calls of the span, by operation."""
    found = rows(store, "latencies", _span(integration_id, since, until, sources))
    return tuple(Latencies.model_validate(row) for row in found)


def baseline(store: Store, integration: Integration, before: datetime, weeks: int = 4) -> tuple[Baseline, ...]:
    """What is usual for one integration, see `baselines`."""
    return tuple(Baseline.model_validate(row) for row in baselines(store, [integration], before, weeks).to_pylist())


def baselines(store: Store, integrations: Sequence[Integration], before: datetime, weeks: int = 4) -> Any:  # noqa: ANN401 - a pyarrow.Table
    """What is usual, learnt from all sources over the `weeks` that end at `before`, as a table of `Baseline`.

    Args:
        store: a state directory or an open history.
        integrations: whose; their time zones say what an hour is. Fifty at four weeks fit into memory.
        before: where the judged window begins: a window never teaches its own baseline.
        weeks: how far back; 4 gives each hour of the week four chances.
    """
    asked = {
        "integration_ids": [integration.id for integration in integrations],
        "timezones": [integration.timezone for integration in integrations],
        "since": before - timedelta(weeks=weeks),
        "before": before,
        "bucket_minutes": BUCKET_MINUTES,
    }
    return table(store, "baseline", asked)


def ask(store: Store, question: str) -> list[Row]:
    """Answer one SELECT that a person wrote, as one dict per row.

    Raises:
        BadInput: when it is anything but one SELECT (a COPY could overwrite what it may read), or fails.
    """
    try:
        return answer(store, lambda db: _fetch(db, _only_select(db, question)))
    except duckdb.Error as error:
        raise BadInput(f"the history cannot answer that: {error}") from None


def _only_select(db: duckdb.DuckDBPyConnection, question: str) -> str:
    if [statement.type for statement in db.extract_statements(question)] != [duckdb.StatementType.SELECT]:
        raise BadInput("the history answers one SELECT at a time, and nothing else")
    return question


def answer(
    store: Store,
    question: Callable[[duckdb.DuckDBPyConnection], Answer],
    since: datetime | None = None,
    until: datetime | None = None,
) -> Answer:
    """Put a question to a store; on a directory, ask afresh when a compaction takes a file away meanwhile.

    Raises:
        Transient: when files vanish faster than they can be read.
    """
    if not isinstance(store, Path):
        return question(store)
    for _ in range(LOOKS):
        with history(store, since=since, until=until) as db:
            try:
                return question(db)
            except (duckdb.IOException, duckdb.PermissionException):  # the latter when a locked path is gone
                if not has_lost_files(db):
                    raise
    raise Transient("the history's files vanish faster than they can be read; try again in a minute")


def _span(integration_id: str, since: datetime, until: datetime, sources: tuple[Source, ...]) -> Row:
    words = [source.value for source in sources]
    return {"integration_id": integration_id, "since": since, "until": until, "sources": words}


def rows(store: Store, name: str, asked: Row) -> list[Row]:
    """The answer of a page of `tasks/sql`, read from the files that can hold it.

    Args:
        store: a state directory or an open history.
        name: the page, without `.sql`.
        asked: its parameters; must hold `since` and `until` (or `before`), outside which no file is opened.
    """
    listed: list[Row] = table(store, name, asked).to_pylist()
    return listed


def table(store: Store, name: str, asked: Row) -> Any:  # noqa: ANN401 - a pyarrow.Table
    """The same answer as a `pyarrow.Table`, for those too long to be made into rows."""
    until = asked.get("until", asked.get("before"))
    return answer(store, lambda db: _arrow(db, page(name), asked), asked["since"], until)


def _fetch(db: duckdb.DuckDBPyConnection, question: str) -> list[Row]:
    listed: list[Row] = _arrow(db, question, None).to_pylist()
    return listed


def _arrow(db: duckdb.DuckDBPyConnection, question: str, asked: Row | None) -> Any:  # noqa: ANN401 - a pyarrow.Table
    """Through Arrow: DuckDB's own conversion of instants needs pytz."""
    found: Any = db.sql(question, params=asked)
    return found.to_arrow_table()


@cache
def page(name: str) -> str:
    """The text of a page of `tasks/sql`."""
    return (PAGES / f"{name}.sql").read_text(encoding="utf-8")
