"""How much the history costs. Run it from the root: `python -m tests.benchmarks.bench_history`.

Prints two comparisons: eight writing processes against the same rows through bare pyarrow, and reading 2,000
small files against reading them folded. Times depend on the machine; the ratios should not.
"""

from __future__ import annotations

import multiprocessing as mp
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from models.reading import Outcome, Reading
from tasks.history.table import READINGS, arrow_schema
from tasks.remember import check_history, compact, history, recent, remember

WRITERS, BATCHES, ROWS = 8, 10, 500
ROUNDS = 3  # the best of them: whatever else the machine does only ever adds
SMALL_FILES, ROWS_EACH = 2_000, 50
START = datetime(2026, 11, 23, tzinfo=UTC)

Batch = list[Reading]


def batch(first: int, rows: int) -> Batch:
    """Readings a second apart."""
    return [
        Reading(
            integration_id=f"epic-{i % 4}",
            observed_at=START + timedelta(seconds=i),
            operation="Patient.search",
            component="Patient API",
            outcome=Outcome.OK,
            status=200,
            latency_ms=100.0 + i % 50,
            received_bytes=i,
        )
        for i in range(first, first + rows)
    ]


def through_remember(rows: Batch, home: Path) -> None:
    """Durable, named, under its day."""
    remember(rows, home)


def bare(rows: Batch, home: Path) -> None:
    """The least that writes the same rows: no folder, no fsync, no rename."""
    schema = arrow_schema(READINGS)
    table = pa.table({name: [getattr(row, name) for row in rows] for name in schema.names}, schema)
    pq.write_table(table, home / f"{time.perf_counter_ns()}-{mp.current_process().pid}.parquet")


def writer(write: Callable[[Batch, Path], None], home: Path, gate: Barrier, times: mp.Queue[float]) -> None:
    """Write ten batches once everybody is ready; report seconds."""
    batches = [batch(n * ROWS, ROWS) for n in range(BATCHES)]
    gate.wait()
    began = time.perf_counter()
    for rows in batches:
        write(rows, home)
    times.put(time.perf_counter() - began)


def eight_writers(write: Callable[[Batch, Path], None], home: Path) -> float:
    """Seconds until the slowest of eight processes is done."""
    spawn = mp.get_context("spawn")
    gate, times = spawn.Barrier(WRITERS), spawn.Queue()
    writers = [spawn.Process(target=writer, args=(write, home, gate, times)) for _ in range(WRITERS)]
    for process in writers:
        process.start()
    slowest = max(times.get() for _ in writers)
    for process in writers:
        process.join()
    return slowest


def one_round() -> tuple[float, float]:
    """Seconds through bare pyarrow and through `remember`, each in a fresh folder; no row may be missing."""
    with tempfile.TemporaryDirectory() as folder:
        plain = eight_writers(bare, Path(folder))
    with tempfile.TemporaryDirectory() as folder:
        ours = eight_writers(through_remember, Path(folder))
        found = check_history(Path(folder)).rows
    if found != WRITERS * BATCHES * ROWS:
        raise SystemExit(f"{found} rows found, {WRITERS * BATCHES * ROWS} written")
    return plain, ours


def timed(work: Callable[[], object]) -> float:
    """Seconds."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def reading_times(home: Path) -> dict[str, float]:
    """Seconds for the three commonest ways to read."""
    hour = (START, START + timedelta(hours=1))

    def all_rows() -> None:
        with history(home) as db:
            db.execute("SELECT outcome, count(*), median(latency_ms) FROM readings GROUP BY ALL").fetchall()

    return {
        "open and aggregate all": timed(all_rows),
        "recent, one hour": timed(lambda: recent(home, "epic-1", *hour)),
        "check_history": timed(lambda: check_history(home)),
    }


def show(title: str, rows: dict[str, float | str]) -> None:
    """A small table."""
    print(f"\n{title}")
    for name, value in rows.items():
        print(f"  {name:<42}{value if isinstance(value, str) else f'{value:.3f} s':>12}")


def main() -> None:
    """Both comparisons, each in a fresh folder."""
    plain, ours = (min(times) for times in zip(*(one_round() for _ in range(ROUNDS)), strict=True))
    title = f"{WRITERS} processes × {BATCHES} batches × {ROWS} rows, best of {ROUNDS}"
    show(title, {"remember": ours, "bare pyarrow": plain, "ratio": f"{ours / plain:.2f}"})
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        for n in range(SMALL_FILES):
            remember(batch(n * ROWS_EACH % 80_000, ROWS_EACH), home)
        before = reading_times(home)
        folding = timed(lambda: compact(home, START + timedelta(days=2)))
        after = reading_times(home)
    show(f"{SMALL_FILES:,} small files", {**before})
    show("folded", {"compact": folding, **after})


if __name__ == "__main__":
    main()
