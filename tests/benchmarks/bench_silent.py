"""Failures that make no noise, found and named: `python -m tests.benchmarks.bench_silent [--seeds 30]`, from the root.

Every fault of the pretend landing program at 0.1 %, 0.5 % and 5 % of the rows, and every decoy, with different seeds,
on the pretend practice and on the public data (Synthea; skipped by name where it is not there). A fault is found when
every key that it touched is named; its keys are exact when no other is, and no other column; its name is right when
all of them are called what was done. What is too little for its own name goes by a neighbour's: one record that lost
its page is missing.

Then how long it takes: a landing program with a fault, and a reconciliation every hour of the practice's clock.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from models.discrepancy import DiscrepancyKind
from simulator import landing_decoys as decoys
from simulator import landing_faults as faults
from simulator.landing import DELAY
from simulator.landing_faults import Batch, LandingFault, Row
from tests.two_sides import PRACTICE, PUBLIC, SINCE, SYNTHEA, Judged, World, judge, practice_appointments

RATES = (0.001, 0.005, 0.05)
HOUR = timedelta(hours=1)


@dataclass
class Score:
    """How often what."""

    runs: int = 0
    found: int = 0
    exact: int = 0
    named: int = 0
    least: int | None = None  # rows that a run touched, at least

    def add(self, other: Score) -> None:
        self.runs, self.found = self.runs + other.runs, self.found + other.found
        self.exact, self.named = self.exact + other.exact, self.named + other.named
        self.least = min(one for one in (self.least, other.least) if one is not None)


def kinds(world: World) -> dict[str, Callable[[int], LandingFault]]:
    """Every fault that this world can have, for so many rows."""
    made: dict[str, Callable[[int], LandingFault]] = {
        "dropped": lambda count: faults.RowsDropped(count=count),
        "page cut": lambda count: faults.PagesCut(count=count, of=world.cut_of),
        "duplicated": lambda count: faults.RowsDuplicated(count=count),
        "added": lambda count: faults.RowsAdded(count=count),
        "old version kept": lambda count: faults.OldVersionsKept(count=count),
        "column emptied": lambda count: faults.ColumnEmptied(count=count, column=world.empties),
        "column changed": lambda count: faults.ColumnChanged(count=count, column=world.changes),
    }
    if world.layout.instants:
        made["shifted by 1 h"] = lambda count: faults.InstantsShifted(count=count)
        made["UTC read as local"] = lambda count: faults.InstantsShifted(count=count, by_s=-4 * 3600)
    if world.layout.patient:
        made["patients mixed up"] = lambda count: faults.PatientsMixedUp(count=count)
    return made


def score(batch: Batch, judged: Judged) -> Score:
    """Of one run."""
    truth = frozenset().union(*(one.keys for one in batch.touched))
    found = all(one.keys <= judged.touches(one) for one in batch.touched)
    columns = {one.column for one in batch.touched}
    is_exact = found and judged.all_keys() == truth and {column for _, column in judged.keys} <= {*columns, None}
    named = all(judged.keys.get((one.kind, _column(one))) == one.keys for one in batch.touched if one.kind)
    return Score(1, found, is_exact, named and is_exact, len(truth))


def _column(one: faults.Touched) -> str | None:
    return None if one.kind is DiscrepancyKind.STALE else one.column


def decoy_kinds(world: World) -> Iterator[tuple[str, LandingFault]]:
    """Every decoy that this world can have."""
    if world.layout.changed:
        yield "late but arriving", decoys.LateButArriving(share=0.05)
    yield "closed day", decoys.ClosedDay()
    if world.layout.provider:
        yield "provider on leave", decoys.ProviderOnLeave()
    yield "merged away", decoys.MergedAway(share=0.05)
    if world.layout.instants:
        yield "written in local time", decoys.WrittenInLocalTime(share=1.0)


def measure(worlds: Sequence[World], seeds: int) -> None:
    """Print the table of faults, and that of decoys."""
    print(f"{'fault':<20}{'rate':>7}{'runs':>7}{'rows ≥':>8}{'found':>9}{'keys exact':>12}{'name right':>12}")
    whole = Score()
    for name in dict.fromkeys(name for world in worlds for name in kinds(world)):
        for rate in RATES:
            total = Score()
            for world in worlds:
                if name in kinds(world):
                    fault = kinds(world)[name](max(1, round(rate * len(world.rows))))
                    for seed in range(seeds):
                        batch = world.spoilt(fault, seed)
                        total.add(score(batch, judge(world, batch.theirs, batch.ours)))
            whole.add(total)
            print(_row(name, f"{rate:.1%}", total), flush=True)
    print(_row("all", "", whole))
    print(f"\n{'decoy':<24}{'runs':>7}{'false alarms':>14}")
    alarms: dict[str, list[bool]] = {"nothing at all": []}
    for world in worlds:
        alarms["nothing at all"].append(bool(judge(world, world.rows, world.rows).keys))
        for name, decoy in decoy_kinds(world):
            for seed in range(seeds):
                batch = world.spoilt(decoy, seed)
                alarms.setdefault(name, []).append(bool(judge(world, batch.theirs, batch.ours).keys))
    for name, told in alarms.items():
        print(f"{name:<24}{len(told):>7}{sum(told):>14}")


def _row(name: str, rate: str, total: Score) -> str:
    shares = (total.found / total.runs, total.exact / total.runs, total.named / total.runs)
    return f"{name:<20}{rate:>7}{total.runs:>7}{total.least:>8}" + "".join(
        f"{share:>{width}.1%}" for share, width in zip(shares, (9, 12, 12), strict=True)
    )


def delays(seeds: int) -> None:
    """Print how long after the first row that a fault touched it is told of."""
    world = practice_appointments()
    late = world.wanted.late_after
    print(f"\ntold of, after the first change that it spoilt, asked every hour (stated: {late / HOUR:.0f} h and a run)")
    print(f"{'fault':<20}{'runs':>7}{'median h':>10}{'worst h':>9}{'runs until':>12}")
    for name, make in kinds(world).items():
        waits = [wait for seed in range(seeds) if (wait := delay(world, make(10), seed)) is not None]
        runs = sorted(waits)
        print(f"{name:<20}{len(runs):>7}{runs[len(runs) // 2]:>10.1f}{runs[-1]:>9.1f}{int(runs[-1]) + 1:>12}")


def delay(world: World, fault: LandingFault, seed: int) -> float | None:
    """Hours from the first change that the fault spoilt to the first run that tells of it; None: nothing was spoilt."""
    begins = SINCE + timedelta(days=4, hours=Random(seed).uniform(8, 14))  # noqa: S311 - a Monday, while it is open
    name = world.layout.changed or ""
    bad = [row for row in world.rows if begins <= faults.moment(row[name]) < begins + HOUR]
    rest = [row for row in world.rows if faults.moment(row[name]) < begins]
    batch = fault.spoil(Batch.of(bad, begins), world.layout, Random(seed))  # noqa: S311 - chooses rows
    keys = {key for one in batch.touched for key in one.keys}
    if not keys:
        return None
    first = min(faults.moment(row[name]) for row in (*bad, *batch.ours) if str(row[world.layout.key]) in keys)
    first = max(first, begins)  # an older version is older
    for run in range(1, 24):
        as_of = begins.replace(minute=0, second=0, microsecond=0) + run * HOUR
        if _tells(world, [*rest, *bad], [*rest, *batch.ours], as_of, frozenset(keys)):
            return (as_of - first) / HOUR
    return 24.0


def _tells(world: World, theirs: Sequence[Row], ours: Sequence[Row], as_of: datetime, keys: frozenset[str]) -> bool:
    name = world.layout.changed or ""
    there = [row for row in theirs if faults.moment(row[name]) < as_of]
    here = [row for row in ours if faults.moment(row[name]) < as_of - DELAY]
    asked = World(**vars(world) | {"as_of": as_of})
    return bool(judge(asked, there, here).all_keys() & keys)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.bench_silent")
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--world", help="only those whose name holds this")
    given = parser.parse_args()
    makers = PRACTICE + (PUBLIC if SYNTHEA.exists() else ())
    if not SYNTHEA.exists():
        print("the public data (Synthea) is not at ../shared/data: without it")
    worlds = [world for make in makers if (world := make()) and (given.world or "") in world.name]
    print(", ".join(f"{world.name}: {len(world.rows):,} rows" for world in worlds))
    measure(worlds, given.seeds)
    delays(given.seeds)


if __name__ == "__main__":
    main()
