"""What the house asks its history: one function and one SQL page per question, nouns as answers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import duckdb

from models.baseline import BUCKET_MINUTES, Baseline
from models.errors import BadInput, Transient
from models.history import Latencies, Minute, Totals
from models.integration import Integration
from models.reading import Counts, Reading, Source, Window
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
    found = rows(store, "recent", _span(integration_id, since, until, sources))
    readings = tuple(Reading.model_validate(row) for row in found)
    return Window(integration_id=integration_id, since=since, until=until, readings=readings)


def first_bad(
    store: Store, integration_id: str, since: datetime, until: datetime, sources: tuple[Source, ...] = REAL
) -> Reading | None:
    """The first reading of the span that did not get what it asked for; None when all did."""
    found = rows(store, "first_bad", _span(integration_id, since, until, sources))
    return Reading.model_validate(found[0]) if found else None


def totals(
    store: Store, integration_id: str, since: datetime, until: datetime, sources: tuple[Source, ...] = REAL
) -> Totals:
    """Calls, failures, bytes and records of the span, from which availability and volume follow."""
    (row,) = rows(store, "totals", _span(integration_id, since, until, sources))
    counts = Counts(total=row.pop("total"), failed=row.pop("failed"))
    return Totals(integration_id=integration_id, since=since, until=until, counts=counts, **row)


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
    """What is usual, learnt from all sources over the `weeks` that end at `before`.

    Args:
        store: a state directory or an open history.
        integration: whose time zone the hours are in.
        before: where the judged window begins: a window never teaches its own baseline.
        weeks: how far back; 4 gives each hour of the week four chances.
    """
    asked = {
        "integration_id": integration.id,
        "timezone": integration.timezone,
        "since": before - timedelta(weeks=weeks),
        "before": before,
        "bucket_minutes": BUCKET_MINUTES,
    }
    return tuple(Baseline.model_validate(row) for row in rows(store, "baseline", asked))


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
    until = asked.get("until", asked.get("before"))
    return answer(store, lambda db: _fetch(db, page(name), asked), asked["since"], until)


def _fetch(db: duckdb.DuckDBPyConnection, question: str, asked: Row | None = None) -> list[Row]:
    """Rows as dicts, through Arrow: DuckDB's own conversion of instants needs pytz."""
    found: Any = db.sql(question, params=asked).to_arrow_table()
    listed: list[Row] = found.to_pylist()
    return listed


@cache
def page(name: str) -> str:
    """The text of a page of `tasks/sql`."""
    return (PAGES / f"{name}.sql").read_text(encoding="utf-8")
