"""Past: what was learned, as the present cycle needs it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from models.baseline import Baseline, hour_of_week
from models.integration import Integration
from models.series import Series
from tasks.learn import floored, latest

if TYPE_CHECKING:
    from models.panel import Usual

HOUR, QUARTER = timedelta(hours=1), timedelta(minutes=15)
JUDGED = timedelta(minutes=15)  # the least that a window covers, models.follow.lookback


class Hour(NamedTuple):
    """What a file says of one hour: `row` by (integration_id, key of the series), and the columns."""

    row: dict[tuple[str, str], int]
    columns: dict[str, Any]  # numpy arrays, by the fields of models.panel.Usual


def usual_of(home: Path, series: Sequence[Series], at: datetime, before: datetime | None = None) -> Usual:
    """What is usual for each of n series in the hour of an instant, in their order; unknown where nothing is learned.

    Args:
        home: the state directory.
        series: of any integrations.
        at: the judged instant; it lies in the same hour on the clocks of all practices that share a file.
        before: nothing that was learned from here on is used; by default fifteen minutes before `at`.
    """
    import numpy as np  # noqa: PLC0415  # only where something is judged

    from models.panel import Usual  # noqa: PLC0415  # as above

    usual = Usual.unknown(len(series))
    fields = {name: getattr(usual, name).copy() for name in usual.__dataclass_fields__}
    files = latest(home, "usual", tuple({one.integration_id for one in series}), before or at - JUDGED)
    file_of = {name: path for path, names in files.items() for name in names}
    hours = {path: hour_of(path, floored(at, QUARTER)) for path in files}
    found: dict[Path, tuple[list[int], list[int]]] = {path: ([], []) for path in files}
    for nth, one in enumerate(series):
        path = file_of.get(one.integration_id)
        if path is not None and (row := hours[path].row.get((one.integration_id, one.key))) is not None:
            found[path][0].append(nth)
            found[path][1].append(row)
    for path, (places, rows) in found.items():
        for name, values in fields.items():
            values[np.array(places, dtype=np.int64)] = hours[path].columns[name][np.array(rows, dtype=np.int64)]
    return Usual(**fields)


@lru_cache(maxsize=256)
def hour_of(path: Path, at: datetime) -> Hour:
    """What a file of usual.sql says of the hour that holds an instant; no hour begins within a quarter of one."""
    import numpy as np  # noqa: PLC0415  # as above
    import pyarrow.compute as pc  # noqa: PLC0415  # 0.15 s, only where something was learned
    import pyarrow.parquet as pq  # noqa: PLC0415  # as above

    from models.panel import Usual  # noqa: PLC0415  # as above

    begins, at_s = pc.field("at_s"), int(at.timestamp())
    table = pq.read_table(path, filters=(begins > at_s - int(HOUR.total_seconds())) & (begins <= at_s))
    kinds = {name: values.dtype for name, values in vars(Usual.unknown(0)).items()}
    columns = {name: np.asarray(table[name].to_numpy(zero_copy_only=False), dtype=kind) for name, kind in kinds.items()}
    keys = zip(table["integration_id"].to_pylist(), table["series"].to_pylist(), strict=True)
    return Hour({key: row for row, key in enumerate(keys)}, columns)


def usual_until(
    home: Path, integrations: Sequence[Integration], judged: datetime, now: datetime
) -> dict[str, tuple[Baseline, ...]]:
    """The newest baselines of each integration that were learned before the judged window.

    Only those that speak of the window's hours: a week has 168, and a window lies in one or two.
    """
    found: dict[str, list[Baseline]] = {one.id: [] for one in integrations}
    hours = tuple(sorted({hour_of_week(at, zone) for zone in zones(integrations) for at in moments(judged, now)}))
    for path, names in latest(home, "baselines", tuple(found), judged).items():
        for known in baselines_of(path, hours):
            if known.integration_id in names:
                found[known.integration_id].append(known)
    return {name: tuple(known) for name, known in found.items()}


def zones(integrations: Sequence[Integration]) -> set[str]:
    """The time zones of the practices."""
    return {one.timezone for one in integrations}


def moments(since: datetime, until: datetime) -> list[datetime]:
    """Instants of which at least one lies in every hour that the span touches."""
    steps = int((until - since) / HOUR) + 1
    return [*(since + n * HOUR for n in range(steps)), until]


@lru_cache(maxsize=64)
def baselines_of(path: Path, hours: tuple[int, ...]) -> tuple[Baseline, ...]:
    """The baselines of a file that speak of these hours of the week, of their hours of the day, or of all hours."""
    import pyarrow.compute as pc  # noqa: PLC0415  # 0.15 s, only where something was learned
    import pyarrow.parquet as pq  # noqa: PLC0415  # as above

    def spoken(column: str, values: set[int]) -> Any:  # noqa: ANN401 - a pyarrow expression
        return pc.field(column).is_null() | pc.field(column).isin(sorted(values))

    wanted = spoken("hour_of_week", set(hours)) & spoken("hour_of_day", {hour % 24 for hour in hours})
    return tuple(Baseline.model_validate(row) for row in pq.read_table(path, filters=wanted).to_pylist())


def judges_until(home: Path, integrations: Sequence[Integration], judged: datetime) -> Any:  # noqa: ANN401 - models.joint.Judges, or nothing
    """The newest joint models of these integrations that were learned before the judged window, ready to judge."""
    files = latest(home, "joint", [one.id for one in integrations], judged)
    return judges_of(tuple(sorted(files.items()))) if files else {}


@lru_cache(maxsize=4)
def judges_of(files: tuple[tuple[Path, frozenset[str]], ...]) -> Any:  # noqa: ANN401 - as above
    """The joint models of some integrations in each file, stacked; the stacks of a thousand take some 100 MB."""
    from models.joint import Judges  # noqa: PLC0415  # numpy

    found = {one.integration_id: one for path, mine in files for one in models_of(path) if one.integration_id in mine}
    return Judges(found)


@lru_cache(maxsize=512)
def models_of(path: Path) -> tuple[Any, ...]:
    """The joint models of a file."""
    import pyarrow.parquet as pq  # noqa: PLC0415  # as above

    from models.joint import JointModel  # noqa: PLC0415  # numpy

    return tuple(JointModel.model_validate(row) for row in pq.read_table(path).to_pylist())
