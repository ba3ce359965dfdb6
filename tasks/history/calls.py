"""Calls in the grid of their hours: what each series was, hour by hour, from every call of a span.

By the same definitions as panel.sql, which cuts the last hours for detectors; `tests/integration/test_usual.py` holds
the two against each other.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import duckdb

from models.reading import TRANSPORT, Outcome, Source
from models.series import ERROR_RATE, Series
from tasks.history.panels import OF_CALLS, OF_READS
from tasks.history.questions import page

if TYPE_CHECKING:
    from models.hours import Grid, Hours, Places

OUTCOMES = tuple(Outcome)
OK = OUTCOMES.index(Outcome.OK) + 1  # its place in calls.sql
ENDED = {  # column of panel.sql → the outcomes that it counts
    "transport": TRANSPORT,
    "throttled": {Outcome.THROTTLED},
    "unauthenticated": {Outcome.UNAUTHENTICATED, Outcome.CREDENTIAL_REFUSED},
    "forbidden": {Outcome.FORBIDDEN},
    "untrusted": {Outcome.TLS_FAILED},
    "no_data": {Outcome.MALFORMED, Outcome.SEMANTIC},
}
KINDS = {ERROR_RATE: set(OUTCOMES) - {Outcome.OK}} | {OF_CALLS[column]: ended for column, ended in ENDED.items()}
WAITS = {column: metric for column, metric in OF_CALLS.items() if column not in ENDED}


class Part(NamedTuple):
    """The hours of some series."""

    series: list[Series]
    hours: Hours  # (n, h)


class Calls(NamedTuple):
    """m calls: each of one of g kinds (an integration, a source and an operation), and of one of k integrations."""

    columns: dict[str, Any]  # (m,) those of calls.sql that are left
    bad: Any  # which of the m failed
    kinds: list[tuple[str, str, str]]  # g integrations, operations and sources
    places: Places  # among those of g series
    wholes: list[tuple[str, str]]  # k integrations and sources
    in_whole: Places  # among those of k series


def parts_of_calls(db: duckdb.DuckDBPyConnection, asked: dict[str, Any], grid: Grid) -> Iterator[Part]:
    """The hours of every series of calls, metric by metric.

    Args:
        db: the history.
        asked: integration_ids, since, until, every_s and sources.
        grid: of that span.
    """
    calls = fetched(db, asked, grid)
    if calls is not None:
        yield from _of_reads(calls, grid)
        yield from _of_wholes(calls, grid)
        yield from _of_waits(calls, grid)


def fetched(db: duckdb.DuckDBPyConnection, asked: dict[str, Any], grid: Grid) -> Calls | None:
    """Every call of a span at its place; None when there was none."""
    import numpy as np  # noqa: PLC0415  # only where something is learned

    from models.hours import Places  # noqa: PLC0415  # as above

    ids = asked["integration_ids"]
    span = {"first": min(ids), "last": max(ids), "since": asked["since"], "until": asked["until"]}
    (found,) = db.execute(page("operations"), span).fetchall()
    operations = found[0] or []
    told = asked | span | {"operations": operations, "outcomes": [one.value for one in OUTCOMES]}
    table: Any = db.sql(page("calls"), params=told).to_arrow_table()
    if not table.num_rows:
        return None
    columns = {name: table[name].to_numpy() for name in table.column_names}
    bad = np.flatnonzero(columns["outcome"] != OK)
    for name in OF_READS:  # what a call that failed took, or brought, says nothing of good ones
        columns[name] = columns[name].copy()
        columns[name][bad] = np.nan
    at = grid.place[columns.pop("cycle") - np.int32(grid.first)]
    is_traffic = np.array([name == Source.TRAFFIC for name in (None, *asked["sources"])])
    whole = (columns.pop("whose").astype(np.int32) - 1) * 2 + is_traffic[columns.pop("source")]
    kind = whole * len(operations) + columns.pop("operation") - 1
    known, begin = _numbered(kind, grid.size)
    wholes, whole_begins = _numbered(whole, grid.size)
    named = [(ids[one // 2], (Source.PROBE.value, Source.TRAFFIC.value)[one % 2]) for one in wholes]
    of_whole = dict(zip(wholes, named, strict=True))
    kinds = [(*of_whole[one // len(operations)], operations[one % len(operations)]) for one in known]
    return Calls(
        columns,
        bad,
        [(whose, operation, source) for whose, source, operation in kinds],
        Places(begin + at, len(kinds) * grid.size),
        named,
        Places(whole_begins + at, len(wholes) * grid.size),
    )


def _numbered(codes: Any, size: int) -> tuple[list[int], Any]:  # noqa: ANN401 - numpy arrays
    """The codes that occur, in order, and where the places of each row's one begin."""
    import numpy as np  # noqa: PLC0415  # as above

    known = np.flatnonzero(np.bincount(codes))
    begins = np.zeros(int(known[-1]) + 1, dtype=np.int64)
    begins[known] = size * np.arange(len(known))
    return known.tolist(), begins[codes]


def _of_reads(calls: Calls, grid: Grid) -> Iterator[Part]:
    """What good answers of each operation were like."""
    import numpy as np  # noqa: PLC0415  # as above

    from models.hours import added_up  # noqa: PLC0415  # as above

    for column, metric in OF_READS.items():
        values = calls.columns[column]
        if not np.isnan(values).all():
            placed = calls.places.medians(values, least=column == "staleness_s")
            named = [Series(whose, metric, operation, source) for whose, operation, source in calls.kinds]
            yield Part(named, added_up(grid.hours_of(placed)))


def _of_wholes(calls: Calls, grid: Grid) -> Iterator[Part]:
    """How the calls of each integration ended, and how many its users made."""
    import numpy as np  # noqa: PLC0415  # as above

    from models.hours import NEVER, added_up, shares  # noqa: PLC0415  # as above

    at, many = calls.in_whole.at[calls.bad], calls.in_whole.many
    ended = calls.columns["outcome"][calls.bad]
    kinds = {name: at[np.isin(ended, [OUTCOMES.index(one) + 1 for one in those])] for name, those in KINDS.items()}
    shape = (len(calls.wholes), len(grid.begins_s))
    for metric, hours in shares(many, at, kinds, grid.hour).items():
        named = [Series(whose, metric, source=source) for whose, source in calls.wholes]
        yield Part(named, hours.shaped(shape))
    of_traffic = [nth for nth, (_, source) in enumerate(calls.wholes) if source == Source.TRAFFIC]
    counts = many.reshape(len(calls.wholes), -1)[of_traffic].astype(np.float32)
    named = [Series(calls.wholes[nth][0], "calls", source=Source.TRAFFIC.value) for nth in of_traffic]
    yield Part(named, added_up(grid.hours_of(np.where(counts > 0, counts, NEVER))))


def _of_waits(calls: Calls, grid: Grid) -> Iterator[Part]:
    """How long the calls of each integration waited, whatever came of them."""
    import numpy as np  # noqa: PLC0415  # as above

    from models.hours import Places, added_up  # noqa: PLC0415  # as above

    for column, metric in WAITS.items():
        known = np.flatnonzero(~np.isnan(calls.columns[column]))
        if known.size:
            places = Places(calls.in_whole.at[known], calls.in_whole.size)
            named = [Series(whose, metric, source=source) for whose, source in calls.wholes]
            yield Part(named, added_up(grid.hours_of(places.medians(calls.columns[column][known]))))


def parts_of_gauges(db: duckdb.DuckDBPyConnection, asked: dict[str, Any], grid: Grid) -> Iterator[Part]:
    """The hours of every gauge; the arguments are those of `parts_of_calls`."""
    import numpy as np  # noqa: PLC0415  # as above

    from models.hours import Places, added_up  # noqa: PLC0415  # as above

    told = {name: value for name, value in asked.items() if name != "sources"} | {"phase_s": 0.0}
    samples: Any = db.sql(page("panel_gauges"), params=told).to_arrow_table()
    if not samples.num_rows:
        return
    keys = zip(*(samples[name].to_pylist() for name in ("integration_id", "metric", "subject")), strict=True)
    number: dict[tuple[Any, ...], int] = {}
    nth = np.array([number.setdefault(key, len(number)) for key in keys])
    at = nth * grid.size + grid.place[samples["cycle"].to_numpy() - grid.first]
    values = samples["value"].to_numpy().astype(np.float32)
    yield Part(
        [Series(*key) for key in number], added_up(grid.hours_of(Places(at, len(number) * grid.size).medians(values)))
    )


def table_of(parts: list[Part], grid: Grid) -> Any:  # noqa: ANN401 - a pyarrow.Table
    """The hours in which each series had a value, in the order of integrations, series and time."""
    import numpy as np  # noqa: PLC0415  # as above
    import pyarrow as pa  # noqa: PLC0415  # 0.15 s, only where something is learned

    from models.hours import Hours  # noqa: PLC0415  # as above

    series = [one for part in parts for one in part.series]
    order = sorted(range(len(series)), key=lambda nth: (series[nth].integration_id, series[nth].key))
    fields = [np.concatenate([part.hours[nth] for part in parts])[order] for nth in range(len(Hours._fields))]
    row, hour = np.nonzero(fields[0])
    words: Any = lambda of: pa.DictionaryArray.from_arrays(row, pa.array(of, pa.string())).cast(pa.string())  # noqa: E731
    columns = {
        "integration_id": words([series[nth].integration_id for nth in order]),
        "series": words([series[nth].key for nth in order]),
        "begin_s": grid.begins_s[hour],
    }
    return pa.table(columns | {name: one[row, hour] for name, one in zip(Hours._fields, fields, strict=True)})
