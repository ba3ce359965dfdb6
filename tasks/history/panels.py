"""Courses of series from the history: what detectors judge, one value per series and cycle."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from models.reading import Source
from models.series import Series
from tasks.history.questions import REAL, Store, table

if TYPE_CHECKING:
    from models.panel import Course

OF_CALLS = {  # of all calls of an integration: column → metric
    "transport": "transport_share",
    "throttled": "pattern:throttling",
    "unauthenticated": "pattern:authentication",
    "forbidden": "pattern:authorization",
    "untrusted": "pattern:trust",
    "no_data": "pattern:content",
    "connect_ms": "connect",
    "pool_wait_ms": "pool_wait",
}
OF_READS = {  # of each operation
    "latency_ms": "latency",
    "size_bytes": "answer_size",
    "records": "records",
    "staleness_s": "staleness",
}


def course(
    store: Store,
    integration_ids: Sequence[str],
    since: datetime,
    until: datetime,
    every: timedelta,
    sources: tuple[Source, ...] = REAL,
) -> Course:
    """Every series of these integrations over since ≤ t < until, cut into cycles of `every` along the clock.

    A series exists where it had at least one value; generated history counts as probes. A cycle without calls is NaN
    in all of them, and 0 calls of real traffic where that source was seen at all.
    """
    import numpy as np  # noqa: PLC0415  # only where something is judged

    from models.panel import Course  # noqa: PLC0415  # as above

    every_s = every.total_seconds()
    first, last = int(since.timestamp() // every_s), int(-(-until.timestamp() // every_s))
    asked: dict[str, Any] = {"integration_ids": list(integration_ids), "since": since, "until": until}
    asked |= {"every_s": every_s}
    figures = table(store, "panel", asked | {"sources": [one.value for one in sources]})
    gauges = table(store, "panel_gauges", asked)
    names: list[Series] = []
    values: list[Any] = []
    weights: list[Any] = []
    for name, at, value, weight in (*_of_readings(figures), *_of_gauges(gauges)):
        row, behind = np.full(last - first, np.nan), np.zeros(last - first)
        row[at - first], behind[at - first] = value, weight
        if np.isnan(row).all():
            continue
        names.append(name)
        values.append(row)
        weights.append(behind)
    shape = (0, last - first)
    return Course(
        every_s=every_s,
        series=tuple(names),
        ends_s=np.arange(first + 1, last + 1, dtype=np.float64) * every_s,
        values=np.vstack(values) if values else np.empty(shape),
        weights=np.vstack(weights) if weights else np.empty(shape),
    )


def _of_readings(figures: Any) -> Iterator[tuple[Series, Any, Any, Any]]:  # noqa: ANN401 - a pyarrow.Table
    """(series, cycles, values, calls) for each series of readings; the table is sorted by its first three columns."""
    import numpy as np  # noqa: PLC0415  # as above

    columns = {name: figures[name].to_numpy(zero_copy_only=False) for name in figures.column_names}
    for span in _groups([columns[name] for name in ("integration_id", "source", "operation")]):
        mine = {name: column[span] for name, column in columns.items()}
        whose, source, operation = (mine[name][0] for name in ("integration_id", "source", "operation"))
        calls = mine["calls"].astype(float)
        if operation is None:
            yield Series(whose, "error_rate", None, source), mine["cycle"], mine["failed"] / calls, calls
            if source == Source.TRAFFIC:
                yield Series(whose, "calls", None, source), mine["cycle"], calls, calls
        for column, metric in (OF_CALLS if operation is None else OF_READS).items():
            value = np.asarray(mine[column], dtype=float)
            yield Series(whose, metric, operation, source), mine["cycle"], value, np.where(np.isnan(value), 0.0, calls)


def _of_gauges(gauges: Any) -> Iterator[tuple[Series, Any, Any, Any]]:  # noqa: ANN401 - a pyarrow.Table
    import numpy as np  # noqa: PLC0415  # as above

    columns = {name: gauges[name].to_numpy(zero_copy_only=False) for name in gauges.column_names}
    for span in _groups([columns[name] for name in ("integration_id", "metric", "subject")]):
        whose, metric, subject = (columns[name][span][0] for name in ("integration_id", "metric", "subject"))
        value = columns["value"][span]
        yield Series(whose, metric, subject), columns["cycle"][span], value, np.ones(len(value))


def _groups(keys: list[Any]) -> Iterator[slice]:
    """Slices of equal keys in sorted columns."""
    import numpy as np  # noqa: PLC0415  # as above

    if not len(keys[0]):
        return
    changed = np.zeros(len(keys[0]), dtype=bool)
    for column in keys:
        changed[1:] |= np.array([a != b for a, b in zip(column[1:], column[:-1], strict=True)], dtype=bool)
    edges = [0, *np.flatnonzero(changed).tolist(), len(changed)]
    for begin, end in pairwise(edges):
        yield slice(begin, end)
