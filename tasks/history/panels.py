"""Courses of series from the history: what detectors judge, one value per series and cycle."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from models.reading import Source
from models.series import Series
from tasks.history.questions import REAL, Store, answer, table

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
    *,
    along_the_clock: bool = True,
) -> Course:
    """Every series of these integrations over since ≤ t < until, cut into cycles of `every`.

    A series exists where it had at least one value; generated history counts as probes. A cycle without calls is NaN
    in all of them, and 0 calls of real traffic where that source was seen at all.

    Args:
        store: a state directory or an open history.
        integration_ids: whose.
        since: the first cycle holds it.
        until: the last cycle ends there, or holds the instant before it.
        every: length of a cycle.
        sources: the calls that count.
        along_the_clock: whether cycles begin at multiples of `every`, as everybody's do who compares them with others'.
            Otherwise the last one ends at `until`: a round that begins at 59.9 s of each minute would else leave its
            readings in the minute before, and half of the time nothing in the newest.
    """
    import numpy as np  # noqa: PLC0415  # only where something is judged

    from models.panel import Course  # noqa: PLC0415  # as above

    every_s = every.total_seconds()
    phase_s = 0.0 if along_the_clock else until.timestamp() % every_s
    first = int((since.timestamp() - phase_s) // every_s)
    width = int(-(-(until.timestamp() - phase_s) // every_s)) - first
    asked: dict[str, Any] = {"integration_ids": list(integration_ids), "since": since, "until": until}
    asked |= {"every_s": every_s, "phase_s": phase_s}
    of_calls = asked | {"sources": [one.value for one in sources]}
    both = answer(store, lambda db: (table(db, "panel", of_calls), table(db, "panel_gauges", asked)), since, until)
    figures, gauges = both
    parts = [*_of_readings(figures, first, width), *_of_gauges(gauges, first, width)]
    return Course(
        every_s=every_s,
        series=tuple(name for part in parts for name in part.names),
        ends_s=phase_s + every_s * np.arange(first + 1, first + width + 1, dtype=np.float64),
        values=np.concatenate([np.empty((0, width)), *(part.values for part in parts)]),
        weights=np.concatenate([np.empty((0, width)), *(part.weights for part in parts)]),
    )


class Part(NamedTuple):
    """The series of one metric."""

    names: list[Series]
    values: Any  # (n, width)
    weights: Any  # (n, width)


class Groups(NamedTuple):
    """Rows of a sorted answer that belong to one series, and the cycle of each row."""

    keys: list[tuple[Any, ...]]  # of each of the g groups
    group: Any  # (m,) of each row
    column: Any  # (m,) of each row

    def placed(self, values: Any, width: int) -> Any:  # noqa: ANN401 - numpy arrays
        """(g, width) the values where they belong; NaN where there is no row."""
        import numpy as np  # noqa: PLC0415  # as above

        matrix = np.full((len(self.keys), width), np.nan)
        matrix[self.group, self.column] = values
        return matrix


def _of_readings(figures: Any, first: int, width: int) -> Iterator[Part]:  # noqa: ANN401 - a pyarrow.Table
    """The series of readings, metric by metric."""
    import numpy as np  # noqa: PLC0415  # as above

    groups = _grouped(figures, ("integration_id", "source", "operation"), first)
    calls = np.nan_to_num(groups.placed(_floats(figures, "calls"), width))
    of_reads = np.array([operation is not None for _, _, operation in groups.keys], dtype=bool)
    of_traffic = np.array([source == Source.TRAFFIC for _, source, _ in groups.keys], dtype=bool)
    failed = groups.placed(_floats(figures, "failed"), width) / np.maximum(calls, 1.0)
    yield _part("error_rate", groups, failed, calls, ~of_reads)
    yield _part("calls", groups, calls.copy(), calls, ~of_reads & of_traffic)
    for metrics, wanted in ((OF_CALLS, ~of_reads), (OF_READS, of_reads)):
        for column, metric in metrics.items():
            values = groups.placed(_floats(figures, column), width)
            yield _part(metric, groups, values, np.where(np.isnan(values), 0.0, calls), wanted)


def _of_gauges(gauges: Any, first: int, width: int) -> Iterator[Part]:  # noqa: ANN401 - a pyarrow.Table
    """The series of gauges; one value stands behind each."""
    import numpy as np  # noqa: PLC0415  # as above

    groups = _grouped(gauges, ("integration_id", "metric", "subject"), first)
    values = groups.placed(_floats(gauges, "value"), width)
    kept = np.flatnonzero(~np.isnan(values).all(axis=1)) if width else np.empty(0, dtype=np.int64)
    names = [Series(whose, metric, subject) for whose, metric, subject in (groups.keys[at] for at in kept)]
    yield Part(names, values[kept], (~np.isnan(values[kept])).astype(float))


def _part(metric: str, groups: Groups, values: Any, weights: Any, wanted: Any) -> Part:  # noqa: ANN401 - numpy arrays
    """One metric of the groups that have it, as far as they ever had a value."""
    import numpy as np  # noqa: PLC0415  # as above

    kept = np.flatnonzero(wanted & ~np.isnan(values).all(axis=1))
    names = [Series(whose, metric, operation, source) for whose, source, operation in (groups.keys[at] for at in kept)]
    return Part(names, values[kept], weights[kept])


def _grouped(answer: Any, keys: tuple[str, ...], first: int) -> Groups:  # noqa: ANN401 - a pyarrow.Table
    """The groups of a sorted answer: where any key changes, another begins. Keys are compared as numbers."""
    import numpy as np  # noqa: PLC0415  # as above

    changed = np.zeros(len(answer), dtype=bool)
    changed[:1] = True
    for name in keys:
        codes = answer[name].combine_chunks().dictionary_encode(null_encoding="encode").indices.to_numpy()
        changed[1:] |= codes[1:] != codes[:-1]
    begins = np.flatnonzero(changed)
    listed = zip(*(answer[name].take(begins).to_pylist() for name in keys), strict=True)
    return Groups(list(listed), np.cumsum(changed) - 1, answer["cycle"].to_numpy() - first)


def _floats(answer: Any, name: str) -> Any:  # noqa: ANN401 - from pyarrow to numpy
    import numpy as np  # noqa: PLC0415  # as above

    return np.asarray(answer[name].to_numpy(zero_copy_only=False), dtype=np.float64)
