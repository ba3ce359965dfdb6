"""What a month of objectives costs each cycle. Run it from the root: `python -m tests.benchmarks.bench_slo`.

Writes a month of readings for 100 integrations (four calls a minute, 17 million rows), then answers the same
question twice: every objective over every window, from the raw readings and from booked hours. Times depend on the
machine; the ratio should not.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from models.integration import Integration, Read
from models.slo import WINDOWS
from models.tally import floored
from tasks.history import tallies as counting
from tasks.history.read import connect
from tasks.history.shelf import new_name, stamp
from tasks.history.table import READINGS, arrow_schema, shape
from tasks.history.write import day_folder, publish

OPERATIONS = ("Patient.search", "Appointment.search", "MedicationRequest.search", "Coverage.search")
NOW = datetime(2026, 11, 25, 12, 30, tzinfo=UTC)
DAYS, ROUNDS = 30, 3
SPANS = (*WINDOWS, timedelta(days=DAYS))

A_DAY = """
SELECT
    'int-' || lpad(nth::VARCHAR, 4, '0') AS integration_id,
    $day::TIMESTAMPTZ + to_minutes(minute) + to_milliseconds(250 * call) AS observed_at,
    ($operations::VARCHAR[])[call + 1] AS operation, 'API' AS component,
    CASE WHEN hash(nth, minute, call, $day) % 1000 < 4 THEN 'server_error' ELSE 'ok' END AS outcome,
    'in' AS direction, NULL AS resource, NULL AS location, 'read' AS rung, 200 AS status, NULL AS code,
    50 + hash(nth, minute, call) % 400 AS latency_ms,
    NULL AS dns_ms, NULL AS connect_ms, NULL AS tls_ms, 40 AS first_byte_ms, 4096 AS received_bytes, 0 AS sent_bytes,
    3 AS records, NULL AS newest_at, NULL AS pool_wait_ms, 4 AS connections, 1 AS attempts, NULL AS retry_after_s,
    NULL AS clock_skew_s, NULL AS token_age_s, NULL AS request_id, 'probe' AS source
FROM range($many) AS n (nth), range(1440) AS m (minute), range(4) AS c (call)
WHERE $day::TIMESTAMPTZ + to_minutes(minute) < $now
ORDER BY integration_id, observed_at
"""


def fill(home: Path, many: int) -> int:
    """A month until NOW, one large file a day as a compaction leaves it; returns how many rows."""
    rows = 0
    with connect() as db:
        for back in range(DAYS, -1, -1):
            day = floored(NOW, timedelta(days=1)) - timedelta(days=back)
            asked = {"day": day, "many": many, "operations": list(OPERATIONS), "now": NOW}
            rows += write_sorted(home, db, db.sql(A_DAY, params=asked).to_arrow_table())
    return rows


def write_sorted(home: Path, db: duckdb.DuckDBPyConnection, table: pa.Table) -> int:
    """One file, as `tasks.history.compact` writes it: through DuckDB, in the order of the table; how many rows."""
    first, last = (bound.as_py() for bound in pc.min_max(table["observed_at"]).values())
    path = day_folder(home / "history" / READINGS.name, first)
    path /= new_name(stamp(first), stamp(last), shape(READINGS), table.num_rows)
    rows = db.from_arrow(table.select(arrow_schema(READINGS).names).cast(arrow_schema(READINGS)))
    publish(path, lambda to: rows.order(READINGS.order).write_parquet(str(to), compression="zstd"))
    return table.num_rows


def integrations(many: int) -> list[Integration]:
    """As many as were written."""
    reads = tuple(Read(operation=operation, component="API") for operation in OPERATIONS)
    return [
        Integration(id=f"int-{n:04}", name=f"Integration {n}", kind="epic_fhir", settings={}, reads=reads)
        for n in range(many)
    ]


def best(work: Callable[[], object]) -> tuple[float, float]:
    """Wall and CPU seconds of the quickest of a few rounds."""
    took = []
    for _ in range(ROUNDS):
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        took.append((time.perf_counter() - wall, time.process_time() - cpu))
    return min(took)


def main() -> None:
    """Print the table."""
    many = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    watched = integrations(many)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        print(f"{many} integrations, {DAYS} days, {fill(home, many):,} readings")
        raw = best(lambda: counting.tallies(home, watched, (), NOW, SPANS, exact=timedelta(days=DAYS)))
        began = time.perf_counter()
        counting.book_hours(home, watched, (), NOW)
        print(f"booked once, a month in one go: {time.perf_counter() - began:.1f} s")
        booked = best(lambda: counting.tallies(home, watched, (), NOW, SPANS, exact=timedelta(hours=6)))
        for name, (wall, cpu) in (("raw readings", raw), ("booked hours", booked)):
            print(f"{name:14} {wall:7.2f} s  {cpu:7.2f} CPU-s")
        print(f"ratio {raw[1] / booked[1]:.0f}")


if __name__ == "__main__":
    main()
