"""Panels for tests: a few series whose past and present fit on a line."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from models.baseline import SCALE
from models.panel import Course, Panel, Usual
from models.series import ERROR_RATE, LATENCY, Series

EVERY_S = 60.0
END_S = 1_800_000_000.0
EPIC = "epic-fhir-main"
NAN = float("nan")


def a_usual(n: int = 1, **changes: float) -> Usual:
    """The same is usual for n series: unknown, but for what is told."""
    told = {name: np.full(n, value) for name, value in changes.items() if name not in {"days", "basis"}}
    ints = {
        name: np.full(n, changes.get(name, default), dtype=np.int64) for name, default in (("days", 20), ("basis", 0))
    }
    nothing = Usual.unknown(n)
    known = {name: getattr(nothing, name) for name in nothing.__dataclass_fields__}
    return Usual(**{**known, **told, **(ints if told else {})})


def a_panel(
    *rows: Sequence[float],
    series: Sequence[Series] | None = None,
    metric: str = LATENCY,
    calls: float = 20.0,
    **changes: Any,
) -> Panel:
    """One series for each row of values, oldest first; `calls` stand behind each value that is there."""
    values = np.array(rows, dtype=float).reshape(len(rows), len(rows[0]) if rows else 0)
    n, width = values.shape
    subjects = [None] if n == 1 else [f"s{nth}" for nth in range(n)]
    told = {
        "every_s": EVERY_S,
        "series": tuple(series or [Series(EPIC, metric, subject) for subject in subjects]),
        "ends_s": END_S - EVERY_S * np.arange(width)[::-1],
        "values": values,
        "weights": np.where(np.isnan(values), 0.0, calls),
        "usual": Usual.unknown(n),
        "limits": np.full(n, np.nan),
        "is_open": np.ones(n, dtype=bool),
        "in_maintenance": np.zeros(n, dtype=bool),
    }
    return Panel(**{**told, **changes})


def of_calls(*cycles: tuple[int, int], limit: float = NAN, metric: str = ERROR_RATE, **changes: Any) -> Panel:
    """A share of calls, from (calls, failed) for each cycle."""
    calls = np.array([[total for total, _ in cycles]], dtype=float)
    values = np.array([[failed / total if total else NAN for total, failed in cycles]])
    return a_panel(*values, metric=metric, weights=calls, limits=np.array([limit]), **changes)


FEWEST = 30  # values of an hour that teach anything


def usual_by_hour(weeks: Course, series: Sequence[Series], day: datetime, timezone: str) -> dict[int, Usual]:
    """What is usual on this day of the week for each of these series, by local hour, learned from whole weeks."""
    at = {one: row for row, one in enumerate(weeks.series)}
    taught = weeks.values  # noqa: PD011  # of a Course
    frame = pd.DataFrame({nth: taught[at[one]] for nth, one in enumerate(series) if one in at})
    ends = pd.to_datetime(weeks.ends_s - 1, unit="s", utc=True).tz_convert(timezone)
    weekday = pd.Timestamp(day).tz_convert(timezone).day_of_week
    level = (frame.rolling(6, min_periods=4).median() - frame.rolling(144, min_periods=72).median().shift(6)).abs()
    found = {}
    for hour in range(24):
        mine = np.asarray((ends.hour == hour) & (ends.day_of_week == weekday))
        some, steps = frame[mine], level[mine]
        middle = some.median()
        known = {
            "middle": middle.where(some.count() >= FEWEST),
            "spread": SCALE * (some - middle).abs().median(),
            "low": some.quantile(0.005),
            "high": some.quantile(0.995),
            "step": some.diff().abs().max(),
            "level": steps.max(),
        }
        columns = {name: column.reindex(range(len(series))).to_numpy(dtype=float) for name, column in known.items()}
        days = np.where(np.isnan(columns["middle"]), 0, 4)
        found[hour] = Usual(**columns, days=days, basis=np.zeros(len(series), dtype=np.int64))
    return found
