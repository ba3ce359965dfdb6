"""The history: what every probe and transaction saw, appended by many and read by anybody at any time.

    from tasks.remember import history
    db = history()
    db.sql("SELECT outcome, count(*) FROM readings GROUP BY ALL").df()

Parquet files written by many, read by DuckDB: no server, no lock between writers and readers. How the files
lie is told in `tasks.history.shelf`, why in docs/decisions.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from models.delivery import Delivery
from models.gauge import Gauge
from models.reading import Reading
from tasks.history.compact import compact, steps
from tasks.history.questions import (
    Store,
    answer,
    ask,
    baseline,
    baselines,
    calls_per_minute,
    first_bad,
    latencies,
    outcomes,
    recent,
    totals,
    windows,
)
from tasks.history.read import check_history, history, history_folder
from tasks.history.table import DELIVERIES, GAUGES, READINGS
from tasks.history.write import write_frame, write_nouns

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "Store",
    "answer",
    "ask",
    "baseline",
    "baselines",
    "calls_per_minute",
    "check_history",
    "compact",
    "first_bad",
    "history",
    "latencies",
    "outcomes",
    "recent",
    "remember",
    "remember_deliveries",
    "remember_frame",
    "remember_gauges",
    "steps",
    "totals",
    "windows",
]


def remember(readings: Sequence[Reading], home: Path | None = None) -> Path | None:
    """Append readings as one small file, durable and complete when this returns.

    Args:
        readings: in any order; none at all writes nothing.
        home: the state directory; default $HEAL_HOME, else ./heal-state.

    Returns:
        The file, or None when there was nothing to write.
    """
    return write_nouns(READINGS, readings, history_folder(home) / READINGS.name)


def remember_gauges(gauges: Sequence[Gauge], home: Path | None = None) -> Path | None:
    """Append samples as one small file, durable and complete when this returns.

    Args:
        gauges: in any order; none at all writes nothing.
        home: the state directory; default $HEAL_HOME, else ./heal-state.

    Returns:
        The file, or None when there was nothing to write.
    """
    return write_nouns(GAUGES, gauges, history_folder(home) / GAUGES.name)


def remember_deliveries(deliveries: Sequence[Delivery], home: Path | None = None) -> Path | None:
    """Append steps of writes as one small file, durable and complete when this returns.

    Args:
        deliveries: in any order; none at all writes nothing.
        home: the state directory; default $HEAL_HOME, else ./heal-state.

    Returns:
        The file, or None when there was nothing to write.
    """
    return write_nouns(DELIVERIES, deliveries, history_folder(home) / DELIVERIES.name)


def remember_frame(frame: pd.DataFrame, home: Path | None = None) -> tuple[Path, ...]:
    """Append a data frame of readings, e.g. generated history, as one sorted file per UTC day.

    Args:
        frame: columns are the fields of Reading; those with a default may be absent.
        home: the state directory; default $HEAL_HOME, else ./heal-state.

    Returns:
        The files, oldest day first. Each is complete by itself; all are only when this returns.

    Raises:
        BadInput: when a column is missing, unknown, of the wrong type or holds a word its enum does not know.
    """
    return write_frame(READINGS, frame, history_folder(home) / READINGS.name)
