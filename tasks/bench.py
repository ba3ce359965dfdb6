"""Bench: measure on this machine, in a folder of its own, what the monitor does all day; nothing is called."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from models.bench import DAY_S, Cost, Size, made_panel
from models.reading import Source
from tasks.history.hours import Pace, hours_between
from tasks.history.panels import course
from tasks.history.questions import page
from tasks.history.read import connect, history
from tasks.history.table import READINGS
from tasks.history.write import as_rows, write_rows

READS = 4  # of each integration and cycle, as made_readings.sql makes them
BEGIN = datetime(2026, 1, 5, tzinfo=UTC)  # any Monday
BARE_SCAN = "SELECT count(*), avg(latency_ms) FROM readings"
TIMES = 3  # the quickest of so many counts: others use this machine too
Told = Callable[[int, int], object]
"""Told how much of how much is done."""


def measure(size: Size, readings: int, told: Told = lambda _, __: None) -> list[Cost]:
    """What a cycle's parts cost, and a day's learning.

    Args:
        size: how much is watched.
        readings: how many are made up to learn from; three hours of cycles at least, a day at most.
        told: how far it is.
    """
    from models.panel import CYCLES  # noqa: PLC0415  # numpy, only where something is measured

    a_day = int(DAY_S // size.every_s)
    cycles = min(max(readings // (READS * size.integrations), CYCLES), max(a_day, CYCLES))
    ids = [f"made-{nth:04}" for nth in range(size.integrations)]
    found: list[Cost] = []
    with tempfile.TemporaryDirectory(prefix="heal-bench-") as folder:
        home = Path(folder)
        steps: tuple[Callable[[], Cost], ...] = (
            lambda: judging(size),
            lambda: writing(home, ids, size),
            lambda: gathering(home, ids, size, cycles),
            lambda: learning(home, ids, size, cycles),
        )
        told(0, len(steps) + 1)
        fill(home, ids, size, cycles)
        for nth, step in enumerate(steps, start=1):
            told(nth, len(steps) + 1)
            found.append(step())
    return found


def took(work: Callable[[], object], times: int = TIMES) -> float:
    """Seconds of CPU, of all threads; the least of some."""
    best = float("inf")
    for _ in range(times):
        began = time.process_time()
        work()
        best = min(best, time.process_time() - began)
    return best


def made(ids: list[str], size: Size, cycles: int, since: datetime = BEGIN) -> Any:  # noqa: ANN401 - a pyarrow.Table
    """So many cycles of readings."""
    asked = {"integration_ids": ids, "since": since, "cycles": cycles, "every_s": size.every_s}
    with connect() as db:
        found: Any = db.sql(page("made_readings"), params=asked)
        return as_rows(READINGS, found.fetchnumpy())


def fill(home: Path, ids: list[str], size: Size, cycles: int) -> None:
    """A history of so many cycles."""
    write_rows(READINGS, made(ids, size, cycles), home / "history" / READINGS.name)


def judging(size: Size) -> Cost:
    """Every detector over the last three hours of every series."""
    from models.detectors import judge_all  # noqa: PLC0415  # numpy, as above

    panel = made_panel(size)
    judge_all(panel)  # the first time loads what the others need
    spent = took(lambda: judge_all(made_panel(size))) - took(lambda: made_panel(size))
    return Cost("judge every series", spent, "sum of the same values", took(panel.values.sum), 1)


def writing(home: Path, ids: list[str], size: Size) -> Cost:
    """The readings of one cycle, durably."""
    import pyarrow.parquet as pq  # noqa: PLC0415  # 0.15 s, only where something is measured

    rows = made(ids, size, 1)
    spent = took(lambda: write_rows(READINGS, rows, home / "written"))
    return Cost("write a cycle's readings", spent, "Parquet file", took(lambda: pq.write_table(rows, home / "bare")), 1)


def gathering(home: Path, ids: list[str], size: Size, cycles: int) -> Cost:
    """The last three hours of every series, from the history."""
    from models.panel import CYCLES  # noqa: PLC0415  # as above

    every = timedelta(seconds=size.every_s)
    until = BEGIN + cycles * every
    spent = took(lambda: course(home, ids, until - CYCLES * every, until, every, (Source.GENERATED,)))
    return Cost("gather three hours of readings", spent, "scan of one column", scan(home), 1)


def learning(home: Path, ids: list[str], size: Size, cycles: int) -> Cost:
    """Every hour of the history added up; its part of each cycle is that of as many new readings."""
    every = timedelta(seconds=size.every_s)
    until = BEGIN + cycles * every
    spent = took(lambda: hours_between(home, ids, BEGIN, until, Pace(every, 0)), times=1)
    what = f"learn hours of {READS * len(ids) * cycles:,} readings"
    return Cost(what, spent, "scan of one column", scan(home), 1 / cycles)


def scan(home: Path) -> float:
    """What the least of all questions to the same files costs."""
    with history(home) as db:
        return took(lambda: db.execute(BARE_SCAN).fetchall())
