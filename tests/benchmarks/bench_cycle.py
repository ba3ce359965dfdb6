"""What one cycle costs, and how that grows. Run it from the root: `python -m tests.benchmarks.bench_cycle`.

A fleet at one local nginx over TLS, two reads each, with a week of history. Prints the phases of a cycle for
250, 500 and 1,000 integrations (wall and CPU seconds of this process), then what a fifth of dead targets costs
the healthy ones: rounds with and without them take turns, so that the machine's moods meet both.
"""

from __future__ import annotations

import asyncio
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from models.reading import Reading
from tasks.detect import detect, worth_attending
from tasks.house import House, open_house
from tasks.learn import learn_usual, learned_until
from tasks.learn_joint import learn_together
from tasks.probe import probe_all
from tasks.remember import remember
from tasks.watch import watch_all
from tests.benchmarks.fleet import Peers, furnish, give_a_past, peers, percentile

SIZES = (250, 500, 1_000)
DAYS, ROUNDS = 7, 3
DEAD_SHARE = 0.2
INTERVAL_S, CORES = 60.0, 2


class Phases:
    """Wall and CPU seconds by phase."""

    def __init__(self) -> None:
        self.spent: dict[str, tuple[float, float]] = {}

    def time(self, name: str, work: Callable[[], Any]) -> Any:
        wall, cpu = time.perf_counter(), time.process_time()
        answer = work()
        self.spent[name] = (time.perf_counter() - wall, time.process_time() - cpu)
        return answer

    @property
    def total(self) -> tuple[float, float]:
        return sum(wall for wall, _ in self.spent.values()), sum(cpu for _, cpu in self.spent.values())


def cycle(house: House) -> Phases:
    """One cycle as flows/monitor.py says it, without Prefect."""
    phases = Phases()
    fresh = phases.time("configuration", lambda: open_house(house.configuration.path, house.home, house.clock))
    readings = phases.time("probe", lambda: asyncio.run(probe_all(fresh)))
    phases.time("remember", lambda: remember(readings, fresh.home))
    phases.time("watch", lambda: asyncio.run(watch_all(fresh, readings)))
    judged = phases.time("judge", lambda: detect(fresh))
    phases.time("attend", lambda: list(worth_attending(fresh, judged)))
    phases.time("learn", lambda: learn_together(fresh))
    return phases


def learned(house: House) -> None:
    """Have every baseline learned, as twenty cycles would."""
    for _ in range(100):
        learn_usual(house)
        if len(learned_until(house.home, "baselines")) == len(house.configuration.integrations):
            return


def grow(base: Path, where: Peers) -> None:
    """The table of growth."""
    print(f"\n{'':>14}" + "".join(f"{size:>20,}" for size in SIZES) + "   integrations")
    table: dict[str, list[str]] = {}
    for size in SIZES:
        house = furnish(base / str(size), size, where)
        rows = give_a_past(house, DAYS)
        learned(house)
        cycle(house)  # the first opens tokens and imports
        best = min((cycle(house) for _ in range(ROUNDS)), key=lambda phases: phases.total[1])
        for name, (wall, cpu) in best.spent.items():
            table.setdefault(name, []).append(f"{wall:7.2f} s {cpu:6.2f} CPU-s")
        wall, cpu = best.total
        table.setdefault("whole cycle", []).append(f"{wall:7.2f} s {cpu:6.2f} CPU-s")
        table.setdefault("of 60 s", []).append(f"{wall / INTERVAL_S:9.0%} {cpu / INTERVAL_S / CORES:8.0%} CPU")
        table.setdefault("each", []).append(f"{1000 * cpu / size:11.1f} CPU-ms")
        table.setdefault("history", []).append(f"{rows:14,} rows")
    for name, cells in table.items():
        print(f"{name:>14}" + "".join(f"{cell:>20}" for cell in cells))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory of this process: {peak:.0f} MiB")


def with_dead_ones(base: Path, where: Peers) -> None:
    """Healthy p95 with and without a fifth of silent targets, in alternating rounds."""
    size = SIZES[-1]
    dead = int(size * DEAD_SHARE)
    well, sick = furnish(base / "well", size - dead, where), furnish(base / "sick", size, where, silent=dead)
    asyncio.run(probe_all(well))
    latencies: dict[str, list[float]] = {"none": [], "a fifth": []}
    walls: dict[str, list[float]] = {"none": [], "a fifth": []}
    for _ in range(ROUNDS):
        for name, house in (("none", well), ("a fifth", sick)):
            began = time.perf_counter()
            readings: tuple[Reading, ...] = asyncio.run(probe_all(house))
            walls[name].append(time.perf_counter() - began)
            latencies[name] += [r.latency_ms for r in readings if r.outcome.is_ok and r.latency_ms is not None]
    print(f"\n{size - dead} healthy integrations beside {dead} that answer nothing (10 s deadline):")
    p95 = {name: percentile(values, 0.95) for name, values in latencies.items()}
    for name, value in p95.items():
        middle, n = percentile(latencies[name], 0.5), len(latencies[name])
        print(f"  dead: {name:8} p50 {middle:6.2f} ms  p95 {value:6.2f} ms  n={n}  cycle {min(walls[name]):.1f} s")
    print(f"  healthy p95 with a fifth dead: {p95['a fifth'] / p95['none'] - 1:+.1%}")


def main() -> None:
    """Print the tables."""
    with tempfile.TemporaryDirectory() as folder, peers(Path(folder) / "peers") as where:
        if "--dead" not in sys.argv:
            grow(Path(folder), where)
        with_dead_ones(Path(folder), where)


if __name__ == "__main__":
    main()
