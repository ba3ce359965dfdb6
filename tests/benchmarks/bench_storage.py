"""How large the history grows, and what it costs to ask. Run: `python -m tests.benchmarks.bench_storage [DAYS]`.

Thirty days of a hundred integrations with ten series each at one reading a minute: every integration has its
own draws, written a day at a time and folded, as the monitor and its hourly fold leave them. Prints bytes per
reading and the questions people ask, for half the integrations, all of them, and half the days, so that growth
can be read off.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from models.integration import Integration, Read
from simulator.history import generate_history
from tasks.remember import compact, history, remember_frame

INTEGRATIONS, SERIES, DAYS, EVERY_S, ROUNDS = 100, 10, 30, 60, 5
NOW = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)
OPERATIONS = ("Patient.search", "Appointment.search", "MedicationRequest.search", "VisionPrescription.search")

LAST_HOUR = f"""
SELECT integration_id, operation, count(*), avg((outcome <> 'ok')::INT), median(latency_ms)
FROM readings WHERE observed_at >= TIMESTAMPTZ '{NOW - timedelta(hours=1)}' GROUP BY ALL
"""  # noqa: S608  # our own instant
TREND = """
SELECT time_bucket(INTERVAL 1 DAY, observed_at) AS day, operation, count(*),
       quantile_cont(latency_ms, 0.95), avg((outcome <> 'ok')::INT)
FROM readings WHERE integration_id = 'site-0007' GROUP BY ALL ORDER BY ALL
"""


def site(number: int) -> Integration:
    reads = tuple(
        Read(operation=f"{OPERATIONS[n % 4].split('.')[0]}.search{n}", component=f"Part {n}") for n in range(SERIES)
    )
    return Integration(id=f"site-{number:04d}", name=f"Site {number}", kind="epic_fhir", settings={}, reads=reads)


def fill(home: Path, integrations: int, days: int) -> int:
    """Write and fold; how many readings."""
    rows = 0
    for number in range(integrations):
        frame = generate_history(site(number), NOW, weeks=-(-days // 7), every_s=EVERY_S, seed=number)
        frame = frame[frame["observed_at"] >= NOW - pd.Timedelta(days=days)]
        remember_frame(as_measured(frame, number), home)
        rows += len(frame)
    compact(home, before=NOW)
    compact(home, before=NOW + timedelta(hours=2))  # a later run removes what is covered
    return rows


def as_measured(frame: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Every column that a real probe fills, with as much chance in it; also a request id for each failed call."""
    rng, n = np.random.default_rng(seed), len(frame)
    failed = (frame["outcome"] != "ok").to_numpy()
    ids = np.array([rng.bytes(16).hex() if bad else None for bad in failed], dtype=object)
    return frame.assign(
        source="probe",
        dns_ms=np.round(rng.gamma(2.0, 0.3, n), 4),
        first_byte_ms=np.round(frame["latency_ms"] * rng.uniform(0.8, 0.98, n), 4),
        connections=rng.integers(1, 5, n),
        clock_skew_s=np.round(rng.normal(-0.5, 0.3, n), 6),
        token_age_s=np.round(rng.uniform(0, 3600, n), 6),
        newest_at=frame["observed_at"] - pd.to_timedelta(rng.gamma(2.0, 60.0, n).round(), unit="s"),
        resource=frame["operation"].str.split(".").str[0],
        request_id=ids,
    )


def size(home: Path) -> int:
    return sum(path.stat().st_size for path in (home / "history").rglob("*.parquet"))


def ask(home: Path, question: str, since: datetime | None = None) -> float:
    """Milliseconds of the best of five, opening included: as `heal sql` or a notebook's first cell pays it."""

    def once() -> float:
        began = time.perf_counter()
        with history(home, since=since) as db:
            db.sql(question).fetchall()
        return (time.perf_counter() - began) * 1000

    return min(once() for _ in range(ROUNDS))


def warm(home: Path, question: str) -> float:
    """The same in a notebook that is open already."""
    with history(home) as db:
        return min(timed(lambda: db.sql(question).fetchall()) for _ in range(ROUNDS))


def timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def main() -> None:
    """Print the table."""
    days = int(sys.argv[1]) if len(sys.argv) > 1 else DAYS
    print(f"DuckDB {duckdb.__version__}; one reading a minute, {SERIES} series each\n")
    heads = {"integrations": 13, "days": 6, "readings": 13, "on disk": 11, "each": 9, "last hour": 12, "trend": 10}
    print("".join(f"{head:>{width}}" for head, width in {**heads, "warm": 10}.items()))
    for integrations, span in ((INTEGRATIONS // 2, days), (INTEGRATIONS, days // 2), (INTEGRATIONS, days)):
        with tempfile.TemporaryDirectory() as folder:
            home = Path(folder)
            rows = fill(home, integrations, span)
            on_disk = size(home)
            hour = ask(home, LAST_HOUR, NOW - timedelta(hours=1))
            trend, again = ask(home, TREND), warm(home, TREND)
            print(
                f"{integrations:13}{span:6}{rows:13,}{on_disk / 1e9:8.2f} GB{on_disk / rows:7.1f} B"
                f"{hour:9.0f} ms{trend:7.0f} ms{again:7.0f} ms",
                flush=True,
            )


if __name__ == "__main__":
    main()
