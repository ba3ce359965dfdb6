"""What one cycle of judging costs. Run it from the root: `python -m tests.benchmarks.bench_detect`.

On one core: 1,000 and 100 integrations of 30 series are judged by every detector of the room, and what stands out is
put into words; then one integration in a hundred fails, and then all do. Beside it, in the same run and on the same
values, what somebody would write first: PyOD, fitted to each integration's three hours (ECOD, KNN), and a loop over
series with pandas (rolling median and MAD). Those are timed on fewer series, and compared by series a second.
Last, what it costs to read such a panel from the history: 1,000 integrations, two reads, 180 cycles.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from models.describe import describe
from models.detectors import judge_all
from models.integration import Integration, Read
from models.panel import CYCLES, Floats, Panel, Usual
from models.series import PATTERNS, Series, metric_of
from simulator.history import generate_history
from tasks.history.panels import course
from tasks.remember import remember_frame

MINUTE = timedelta(minutes=1)
NOW = datetime(2026, 11, 24, 15, tzinfo=UTC)
SIZES = (100, 1_000)
READS = ("Patient.search", "Appointment.search", "MedicationRequest.search", "VisionPrescription.search")
OF_ALL = ("error_rate", "transport_share", *(one.name for one in PATTERNS.values()), "connect", "pool_wait")
OF_READS = ("latency", "answer_size", "records", "staleness")
GAUGES = ("queue_depth", "queue_oldest_age_s", "backlog", "cpu_share", "disk_share")
MIDDLES = {"latency": 300.0, "answer_size": 9000.0, "records": 40.0, "staleness": 900.0, "connect": 20.0}
BEFORE = 144  # cycles of the rolling median
FEW_INTEGRATIONS, FEW_SERIES = 30, 300  # of the plain ways


def named(integrations: int) -> tuple[Series, ...]:
    """Thirty series of each."""
    return tuple(
        Series(f"site-{nth:04d}", metric, subject)
        for nth in range(integrations)
        for metric, subject in (
            *((metric, None) for metric in (*OF_ALL, *GAUGES)),
            *((metric, read) for read in READS for metric in OF_READS),
        )
    )


def panel_of(integrations: int, failing: int = 0, seed: int = 4) -> Panel:
    """Three hours of ordinary values; the first `failing` integrations fail and are slow in the newest five cycles."""
    rng = np.random.default_rng(seed)
    series = named(integrations)
    n = len(series)
    is_share = np.array([metric_of(one.metric).is_share for one in series])
    middle = np.where(is_share, 0.0, np.array([MIDDLES.get(one.metric, 5.0) for one in series]))
    values = middle[:, None] * np.exp(rng.normal(0, 0.15, (n, CYCLES)))
    values[rng.random(values.shape) < 0.02] = np.nan
    sick = np.array([int(one.integration_id[5:]) < failing for one in series])
    values[np.ix_(sick & is_share, range(CYCLES - 5, CYCLES))] = 0.5
    values[np.ix_(sick & ~is_share, range(CYCLES - 5, CYCLES))] *= 9
    spread = 0.15 * middle
    usual = Usual(
        middle=middle,
        spread=spread,
        low=middle * np.exp(-0.4),
        high=middle * np.exp(0.4),
        days=np.full(n, 20),
        basis=np.zeros(n, dtype=np.int64),
        step=3 * spread,
        level=spread,
    )
    return Panel(
        every_s=60.0,
        series=series,
        ends_s=NOW.timestamp() - 60.0 * np.arange(CYCLES, dtype=np.float64)[::-1],
        values=values,
        weights=np.where(np.isnan(values), 0.0, 8.0),
        usual=usual,
        limits=np.array([0.05 if one.metric == "error_rate" else np.nan for one in series]),
        is_open=np.ones(n, dtype=bool),
        in_maintenance=np.zeros(n, dtype=bool),
    )


def watched(count: int, reads: tuple[str, ...] = READS) -> tuple[Integration, ...]:
    """The configuration of so many sites."""
    some = tuple(Read(operation=read, component=read) for read in reads)
    return tuple(
        Integration(id=f"site-{nth:04d}", name="Site", kind="epic_fhir", settings={}, reads=some)
        for nth in range(count)
    )


def took(work: Callable[[], object], times: int = 3) -> float:
    """Seconds of CPU, the best of some."""
    best = float("inf")
    for _ in range(times):
        began = time.process_time()
        work()
        best = min(best, time.process_time() - began)
    return best


def row(name: str, seconds: float, series: int, more: str = "") -> None:
    print(f"{name:44} {seconds:8.2f} s {series / seconds:12,.0f} series/s  {more}")


def ours() -> float:
    """The table of sizes; returns the seconds of the largest, where nothing is wrong."""
    quiet = 0.0
    for size in SIZES:
        integrations = watched(size)
        for failing in (0, size // 100, size):
            panel = panel_of(size, failing)
            plain = dict(vars(panel))

            def cycle(plain: dict[str, object] = plain, sites: tuple[Integration, ...] = integrations) -> int:
                fresh = Panel(**plain)  # type: ignore[arg-type]  # its own fields: nothing worked out is kept
                return sum(map(len, describe(fresh, judge_all(fresh), sites, NOW).values()))

            told, seconds = cycle(), took(cycle)
            quiet = seconds if not failing else quiet
            row(f"{size:,} x 30, {failing:,} of them failing", seconds, len(panel.series), f"{told:,} put into words")
    return quiet


def plain_ways(seconds: float) -> None:
    """PyOD for each integration, and pandas for each series."""
    from pyod.models.ecod import ECOD  # noqa: PLC0415  # numba: seconds
    from pyod.models.knn import KNN  # noqa: PLC0415  # as above

    panel = panel_of(FEW_INTEGRATIONS)
    measured = panel.values  # noqa: PD011  # of a Panel
    each = [np.nan_to_num(part) for part in np.split(measured, FEW_INTEGRATIONS)]

    def by(detector: type) -> Callable[[], object]:
        def fit(values: Floats) -> object:
            return detector().fit(values[:, :-1].T).decision_function(values[:, -1:].T)

        fit(each[0])  # compiled
        return lambda: [fit(one) for one in each]

    many, pace = len(panel.series), SIZES[-1] * 30 / seconds
    ways = {f"PyOD {one.__name__}, one per integration": (took(by(one)), many) for one in (ECOD, KNN)}
    ways["pandas, rolling median and MAD per series"] = (
        took(lambda: pandas_loop(measured[:FEW_SERIES])),
        FEW_SERIES,
    )
    for name, (spent, series) in ways.items():
        row(
            name,
            spent,
            series,
            f"{pace / (series / spent):,.0f} times as long as ours, for 30,000: {30_000 / series * spent:,.0f} s",
        )


def pandas_loop(values: Floats) -> list[float]:
    """Robust z of the newest value of each series."""
    found = []
    for one in values:
        series = pd.Series(one)
        middle = series.rolling(BEFORE, min_periods=BEFORE // 2).median()
        spread = (series - middle).abs().rolling(BEFORE, min_periods=BEFORE // 4).median()
        found.append(float((series.iloc[-1] - middle.iloc[-1]) / (spread.iloc[-1] or 1.0)))
    return found


def reading() -> None:
    """From a store of a thousand integrations to a course."""
    size = SIZES[-1]
    sites = watched(size, READS[:2])
    frame = generate_history(sites[0], NOW, weeks=1, every_s=60)
    frame = frame[frame["observed_at"] >= NOW - CYCLES * MINUTE].assign(source="probe")
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        remember_frame(pd.concat([frame.assign(integration_id=one.id) for one in sites], ignore_index=True), home)
        ids = [one.id for one in sites]
        seen = course(home, ids, NOW - CYCLES * MINUTE, NOW, MINUTE)
        seconds = took(lambda: course(home, ids, NOW - CYCLES * MINUTE, NOW, MINUTE))
    row(f"read from the history, {size:,} x 2 reads", seconds, len(seen.series), f"{size * 2 * CYCLES:,} readings")


def main() -> None:
    """Measure and print."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # one core, whatever the libraries would take
    quiet = ours()
    plain_ways(quiet)
    reading()


if __name__ == "__main__":
    main()
