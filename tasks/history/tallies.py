"""Tallies: closed hours booked once from their readings, and sums over any span without reading a month again.

Measured (`tests/benchmarks/bench_slo.py`; 100 integrations, a month, 17.6 million readings, two busy cores): every
objective over every window takes 19 CPU-seconds from the raw readings and 0.4 through booked hours.

Booking may be killed, run twice or run by two processes at once: an hour's rows are written as one file, the same
readings give the same rows, and of two rows for one hour the later counts. The last day is compared again whenever
an hour closes, because traffic may be told late.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import duckdb

from models.integration import Integration
from models.maintenance import Closure, downtimes, merged
from models.objective import PERIOD
from models.tally import Tally, floored, slot_of
from tasks.history.questions import REAL, Row, Store, answer, table
from tasks.history.read import history_folder
from tasks.history.shelf import days as shelf_days
from tasks.history.table import BOOKED, READINGS
from tasks.history.write import write_rows

HOUR, MINUTE, DAY = timedelta(hours=1), timedelta(minutes=1), timedelta(days=1)
REACH = PERIOD + HOUR  # how far back hours are booked; the longest span begins at a full hour
LATE = DAY + HOUR  # how far back a closed hour is looked at again
_booked: dict[Path, tuple[datetime, int]] = {}  # by home: up to which hour, and for whom


def book_hours(home: Path, integrations: Sequence[Integration], closures: Sequence[Closure], as_of: datetime) -> None:
    """Book every hour that has closed since the last time.

    Also after a pause, for an integration or a limit that is new, and when readings came late.
    """
    closed = floored(as_of, HOUR)
    asked = hash(tuple((one.id, limits_of(one)) for one in integrations))
    if _booked.get(home) == (closed, asked):
        return
    for since, members in due(home, integrations, closed):
        answer(home, partial(book_days, home, members, closures, as_of, tuple(days(since, closed))), since, closed)
    _booked[home] = (closed, asked)


def book_days(
    home: Path,
    integrations: Sequence[Integration],
    closures: Sequence[Closure],
    as_of: datetime,
    spans: Sequence[tuple[datetime, datetime]],
    db: duckdb.DuckDBPyConnection,
) -> None:
    """Write what is missing of each day, the oldest first: whoever is killed has finished some days."""
    for since, until in spans:
        rows = unbooked(db, integrations, closures, since, until, as_of)
        write_rows(BOOKED, rows, history_folder(home) / BOOKED.name)


def due(
    home: Path, integrations: Sequence[Integration], closed: datetime
) -> Iterator[tuple[datetime, list[Integration]]]:
    """From where which integrations must be booked; nothing for those that are complete."""
    horizon = max(closed - REACH, beginning_of_history(home, closed))
    found = answer(home, lambda db: table(db, "booked", {"since": horizon}).to_pylist(), horizon, closed)
    last = {(row["integration_id"], row["limit_ms"]): row["last"] for row in found}
    grouped: dict[datetime, list[Integration]] = {}
    for integration in integrations:
        begins = min(last.get((integration.id, limit), horizon - HOUR) + HOUR for limit in limits_of(integration))
        if begins < closed:
            grouped.setdefault(max(horizon, min(begins, closed - LATE)), []).append(integration)
    yield from grouped.items()


def beginning_of_history(home: Path, otherwise: datetime) -> datetime:
    """The day of the first reading that is kept."""
    folders = shelf_days(history_folder(home) / READINGS.name)
    return datetime.fromisoformat(f"{folders[0].name.removeprefix('day=')}T00:00Z") if folders else otherwise


def unbooked(
    db: duckdb.DuckDBPyConnection,
    integrations: Sequence[Integration],
    closures: Sequence[Closure],
    since: datetime,
    until: datetime,
    booked_at: datetime,
) -> Any:  # noqa: ANN401 - a pyarrow.Table
    """The rows of one day that are still to be written."""
    count(db, integrations, closures, since, until, HOUR)
    pairs = [(one.id, limit) for one in integrations for limit in limits_of(one)]
    asked = {
        "since": since,
        "last": until - HOUR,
        "limited": [name for name, _ in pairs],
        "limits_ms": [limit for _, limit in pairs],
        "booked_at": booked_at,
    }
    return table(db, "unbooked", asked)


def tallies(
    store: Store,
    integrations: Sequence[Integration],
    closures: Sequence[Closure],
    as_of: datetime,
    spans: Iterable[timedelta],
    exact: timedelta,
) -> tuple[Tally, ...]:
    """The sums of every integration, source and limit over each span that ends now; none where nothing happened.

    Args:
        store: a state directory or an open history; hours that are not booked yet are missing.
        integrations: whose.
        closures: the downtimes that were declared by hand.
        as_of: now.
        spans: how far back, PERIOD at most.
        exact: spans up to this begin at a full minute, longer ones at a full hour.
    """
    begins = {span: beginning(as_of, span, exact) for span in spans}
    fresh_from = floored(as_of - exact, HOUR)

    def look(db: duckdb.DuckDBPyConnection) -> list[Row]:
        count(db, integrations, closures, fresh_from, as_of, MINUTE)
        asked = {
            "ids": [one.id for one in integrations],
            "spans_s": [span.total_seconds() for span in begins],
            "since": list(begins.values()),
            "fresh_from": fresh_from,
        }
        found: list[Row] = table(db, "spans", asked).to_pylist()
        return found

    found = answer(store, look, min(begins.values()), as_of)
    return tuple(Tally(span=timedelta(seconds=row.pop("span_s")), **row) for row in found)


def count(
    db: duckdb.DuckDBPyConnection,
    integrations: Sequence[Integration],
    closures: Sequence[Closure],
    since: datetime,
    until: datetime,
    bucket: timedelta,
) -> None:
    """Leave the answer of `tally.sql` in the connection as `fresh`."""
    away = [
        (one.id, begin, end)
        for one in integrations
        if one.maintenance or closures
        for begin, end in merged(downtimes(one.maintenance, one.timezone, since - DAY, until, of(one, closures)))
    ]
    limited = [(one.id, limit) for one in integrations for limit in limits_of(one) if limit is not None]
    asked = {
        "ids": [one.id for one in integrations],
        "slots_s": [int(slot_of(one).total_seconds()) for one in integrations],
        "error_limits": [one.sla.error_rate for one in integrations],
        "limited": [name for name, _ in limited],
        "limits_ms": [limit for _, limit in limited],
        "closed": [name for name, _, _ in away],
        "closed_since": [begin for _, begin, _ in away],
        "closed_until": [end for _, _, end in away],
        "since": since,
        "until": until,
        "bucket_s": int(bucket.total_seconds()),
        "sources": [source.value for source in REAL],
    }
    db.register("fresh", table(db, "tally", asked))


def of(integration: Integration, closures: Sequence[Closure]) -> list[Closure]:
    """The closures of one integration."""
    return [closure for closure in closures if closure.integration_id == integration.id]


def limits_of(integration: Integration) -> tuple[float | None, ...]:
    """What calls are judged by: failure always, and the limit of each objective that has one."""
    limits = (objective.limit_ms for objective in integration.promised)
    return None, *sorted({limit for limit in limits if limit is not None})


def beginning(as_of: datetime, span: timedelta, exact: timedelta) -> datetime:
    """Where a span begins that ends now."""
    return floored(as_of - span, MINUTE if span <= exact else HOUR)


def days(since: datetime, until: datetime) -> Iterator[tuple[datetime, datetime]]:
    """A span cut at midnight UTC."""
    while since < until:
        end = min(until, floored(since, DAY) + DAY)
        yield since, end
        since = end
