"""How well detection does on a pretend month. Run it from the root: `python -m tests.benchmarks.bench_month`.

Fifty integrations over 28 days at one cycle a minute, with some 270 labelled faults of 23 families and decoys: every
cycle goes through the detectors, the sightings and their calls, as the monitor's would. Beside it, on the same
readings: each detector by itself, and the plain rules that somebody would write instead.

Everybody whose sighting is believed is told: severities are left out, for a pretend site has no orders that wait. What
is learned is learned once a day from the days before. Joint models are not learned here (`bench_joint` does).

Constants are fitted on the seeds of `--fit` only. The figures that are published come from those of `--report`, at
which nobody looks while tuning; 101 to 103 were published before, and have been looked at. `--seed N` runs one seed,
`--sites` and `--days` make it smaller, `--begins` moves it, `-v` tells progress.
"""

from __future__ import annotations

import argparse
import time
from datetime import UTC, datetime

from simulator.month.plan import BEGINS, make_month
from tests.months import Replayed, replay
from tests.scores import HEAD, Score, causes_of_false, families, row, together

FIT, REPORT = (1, 2, 3), (201, 202)


def scores_of(seed: int, sites: int, days: int, begins: datetime) -> dict[str, Score]:
    """Each set of rules on one month."""
    faults = round(276 * sites * days / (50 * 28))
    month = make_month(seed, sites=sites, days=days, faults=faults, begins=begins)
    began = time.perf_counter()
    done: Replayed = replay(month)
    print(
        f"seed {seed}: {sites} integrations, {days} days from {begins:%Y-%m-%d}, {len(month.faults)} faults, "
        f"{len(month.decoys)} decoys; "
        f"judged in {done.judged_s:.0f} CPU-s, all in {time.perf_counter() - began:.0f} s",
        flush=True,
    )
    sets = {"the whole": done.whole, **{f"  {name}": pages for name, pages in done.detectors.items()}, **done.plain}
    return {name: Score.of(month, pages) for name, pages in sets.items()}


def day(written: str) -> datetime:
    """Midnight UTC of a day."""
    return datetime.fromisoformat(written).replace(tzinfo=UTC)


def main() -> None:
    """Print the tables."""
    asked = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    asked.add_argument("--seed", type=int, help="one seed")
    which = asked.add_mutually_exclusive_group()
    which.add_argument("--fit", action="store_true", help=f"the seeds to tune on, {FIT}")
    which.add_argument("--report", action="store_true", help=f"the seeds to publish, {REPORT}")
    asked.add_argument("--sites", type=int, default=50)
    asked.add_argument("--days", type=int, default=28)
    asked.add_argument("--begins", type=day, default=BEGINS, help="the first judged day, e.g. 2026-11-14")
    asked.add_argument("--misses", action="store_true", help="list every missed fault and every false page")
    asked.add_argument("-v", action="store_true", help="tell how far it is")
    told = asked.parse_args()
    seeds = (told.seed,) if told.seed is not None else REPORT if told.report else FIT
    print("seeds to publish" if set(seeds) <= set(REPORT) else "seeds to tune on: not for publication", seeds)
    by_seed = [scores_of(seed, told.sites, told.days, told.begins) for seed in seeds]
    print(HEAD)
    for name in by_seed[0]:
        print(row(name, together([scores[name] for scores in by_seed if name in scores])))
    whole = together([scores["the whole"] for scores in by_seed])
    print()
    print(families(whole))
    print()
    print(causes_of_false(whole))
    if told.misses:
        show_misses(whole)


def show_misses(score: Score) -> None:
    """Every fault that nobody was called for, and every call for nothing."""
    for label in score.missed:
        what = f"{label.family} {label.grade} size {label.size}"
        print(f"missed {label.integration_id} {what} {label.since}–{label.until}")
    decoys = {page: label.family for page, label in score.fooled}
    for page in score.false:
        print(f"false {page.integration_id} {page.cycle} {page.series} {page.detectors} {decoys.get(page, '')}")


if __name__ == "__main__":
    main()
