"""What learning what is usual costs. Run it from the root: `python -m tests.benchmarks.bench_baselines`.

Writes a month of readings for 116 integrations (four calls a minute, 20 million rows), then prints how long it takes

    to scan them: `SELECT count(*), avg(latency_ms)`, and every column that learning reads;
    to count them by hour, operation and integration, and to find the quartiles of one column by them: what DuckDB
        needs for the least that a baseline is;
    to learn from all of them what is usual: the days added up, and the coming hours drawn from them;
    to do so a day later, when one day is new: what is added up once, and what is drawn anew;
    to learn the former baselines (hours of the week by operation: latency and errors) from the same files;
    to ask what is usual for a thousand integrations with thirty series each, first and again.

Times depend on the machine, and on what else it does: CPU seconds less so, and ratios should not.
Another number of integrations may be given: `python -m tests.benchmarks.bench_baselines 12`.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from models.integration import Integration
from models.series import Series
from tasks.history import hours as added_up
from tasks.house import House
from tasks.learn import write
from tasks.learn_hours import AT_ONCE, usual_ahead
from tasks.past import hour_of, usual_of
from tasks.remember import baselines, history
from tests.benchmarks.bench_slo import NOW, fill, integrations
from tests.benchmarks.fleet import WallClock

DAY = timedelta(days=1)
LAST_NIGHT = NOW.replace(hour=0, minute=0)
READ = (
    "integration_id, observed_at, operation, outcome, latency_ms, "
    "connect_ms, received_bytes, records, newest_at, source"
)
ASKED_ABOUT, SERIES_EACH = 1000, 30


class Cost(NamedTuple):
    """Of one piece of work, in seconds."""

    wall_s: float
    cpu_s: float


def cost(work: Callable[[], object]) -> Cost:
    began, burned = time.perf_counter(), time.process_time()
    work()
    return Cost(time.perf_counter() - began, time.process_time() - burned)


def best(work: Callable[[], object], rounds: int = 3) -> Cost:
    return min(cost(work) for _ in range(rounds))


def scan(home: Path, columns: str) -> None:
    with history(home) as db:
        db.sql(f"SELECT {columns} FROM readings").fetchall()  # noqa: S608 - our own words


def learn(home: Path, fleet: list[Integration], end: datetime) -> None:
    """As `tasks.learn_hours.learn_hours` does, every turn at once."""
    for first in range(0, len(fleet), AT_ONCE):
        turn = fleet[first : first + AT_ONCE]
        added_up.add_up(home, turn, end)
        usual_ahead(home, turn, end, {})


def by_hour(home: Path, figures: str) -> None:
    """What DuckDB needs to group all readings, whatever is made of them."""
    hour = "integration_id, operation, epoch_us(observed_at) // 3_600_000_000 AS hour"
    with history(home) as db:
        db.execute(f"CREATE TEMP TABLE found AS SELECT {hour}, {figures} FROM readings GROUP BY ALL")  # noqa: S608 - ours


def add_up(home: Path, fleet: list[Integration], end: datetime) -> None:
    for first in range(0, len(fleet), AT_ONCE):
        added_up.add_up(home, fleet[first : first + AT_ONCE], end)


def learn_as_before(home: Path, fleet: list[Integration], end: datetime) -> None:
    for first in range(0, len(fleet), AT_ONCE):
        baselines(home, fleet[first : first + AT_ONCE], before=end)


def asked_about(home: Path, fleet: list[Integration], end: datetime) -> list[Series]:
    """Keep what was learned of one integration for a thousand that are its like; the series to ask about."""
    keys = [f"latency:Read{n}.search" for n in range(SERIES_EACH)]
    learned = usual_ahead(home, fleet[:1], end, {}).to_pandas()
    learned = learned[learned["series"] == "error_rate"]
    house = House(configuration=None, home=home, clock=WallClock())  # type: ignore[arg-type]  # only its home is used
    for first in range(0, ASKED_ABOUT, AT_ONCE):
        turn = [fleet[0].model_copy(update={"id": f"site-{n:04}"}) for n in range(first, first + AT_ONCE)]
        rows = [
            pa.Table.from_pandas(learned.assign(integration_id=one.id, series=key), preserve_index=False)
            for one in turn
            for key in keys
        ]
        write(house, "usual", end, pa.concat_tables(rows).sort_by("at_s"), turn)
    operations = [key.removeprefix("latency:") for key in keys]
    return [Series(f"site-{n:04}", "latency", name) for n in range(ASKED_ABOUT) for name in operations]


def line(what: str, took: Cost, than: Cost, says: str) -> None:
    print(f"{what:<58}{took.wall_s:>9.2f} s{took.cpu_s:>9.2f} s CPU{took.cpu_s / than.cpu_s:>10.2f} × {says}")


def main() -> None:
    many = int(sys.argv[1]) if len(sys.argv) > 1 else 116
    fleet = integrations(many)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        print(f"{fill(home, many):,} readings of {many} integrations, {READ.count(',') + 1} columns read")
        bare = best(lambda: scan(home, "count(*), avg(latency_ms)"))
        line("scan: count(*), avg(latency_ms)", bare, bare, "scan")
        wide = best(lambda: scan(home, ", ".join(f"max({name})" for name in READ.split(", "))))
        line("scan: every column that is read", wide, bare, "scan")
        line("by hour: count(*)", best(lambda: by_hour(home, "count(*)")), bare, "scan")
        quartiles = "quantile_cont(latency_ms, [0, 0.25, 0.5, 0.75, 1])"
        line("by hour: quartiles of latency_ms", best(lambda: by_hour(home, quartiles)), bare, "scan")
        line("the former baselines", cost(lambda: learn_as_before(home, fleet, LAST_NIGHT)), bare, "scan")
        up = cost(lambda: add_up(home, fleet, LAST_NIGHT - DAY))
        drawn = cost(lambda: learn(home, fleet, LAST_NIGHT - DAY))  # all is added up: only to draw is left
        full = Cost(up.wall_s + drawn.wall_s, up.cpu_s + drawn.cpu_s)
        line("learn everything", full, bare, "scan")
        line("... beside every column that is read", full, wide, "wide scan")
        line("... of it, to add up every reading", up, bare, "scan")
        line("... of it, to draw what is usual, four times a day", drawn, bare, "scan")
        day = cost(lambda: add_up(home, fleet, LAST_NIGHT))
        line("a day later, to add up the new readings", day, up, "all of them")
        line("... and to draw what is usual", cost(lambda: learn(home, fleet, LAST_NIGHT)), full, "everything")
        rows = added_up.hours_known(home, fleet, LAST_NIGHT).num_rows
        size = sum(path.stat().st_size for path in (home / "learned" / "partials").iterdir())
        print(f"kept: {rows:,} hours of series in {size / 1e6:.1f} MB")
        series = asked_about(home, fleet, LAST_NIGHT)
        first = cost(lambda: usual_of(home, series, NOW - timedelta(hours=6)))
        hour_of.cache_clear()
        first = min(first, cost(lambda: usual_of(home, series, NOW - timedelta(hours=6))))
        again = best(lambda: usual_of(home, series, NOW - timedelta(hours=6)))
        known = int((~usual_of(home, series, NOW - timedelta(hours=6)).is_learning).sum())
        print(
            f"usual_of {len(series):,} series ({known:,} known): first {first.wall_s:.3f} s, again {again.wall_s:.3f} s"
        )
        shutil.rmtree(home / "learned")


if __name__ == "__main__":
    main()
