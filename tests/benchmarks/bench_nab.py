"""How well one causal setting finds labelled anomalies. Run it from the root: `python -m tests.benchmarks.bench_nab`.

Scores the Numenta Anomaly Benchmark's development files as `heal detect FILE --scores OUT` does, and prints, for
the benchmark's three profiles, what the shipped threshold earns, what the best single one would, and what one
fitted on *other* files earns (five folds by file, dealt 20 times; and each category left out in turn). Then the
same for each category. 100 is perfect, 0 is silence. No data, no figures: it says so.

    --settings N   also draw N settings of all constants at random and choose setting and threshold on the other
                   folds: what tuning itself is worth on files it has not seen (N times a quarter of a minute)
    --each         also move each constant alone
    --changed      also score the same files changed: begun later, noisier, sampled half as often, square roots
"""

from __future__ import annotations

import argparse
import multiprocessing as mp
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from multiprocessing.pool import Pool
from pathlib import Path

import numpy as np
import pandas as pd

from models import streaming
from models.streaming import THRESHOLD, StreamingScorer
from tasks.detect_file import detect_file, write_scores
from tests.benchmarks.nab import (
    DATA,
    PROFILES,
    STANDARD,
    THRESHOLDS,
    TOOL,
    Floats,
    Series,
    agree,
    fitted_elsewhere,
    folds,
    labelled,
    normalised,
    read_scores,
    tool,
    worth,
)

FOLDS, DEALS, PROCESSES = 5, 20, 2
HEAL = Path(sys.executable).with_name("heal")
BY_COMMAND = ("realTraffic/speed_7578.csv", "realKnownCause/rogue_agent_key_hold.csv")  # two short files
OTHERS: dict[str, tuple[float, ...]] = {  # what else a constant of models/streaming.py might have been
    "STEP_ROWS": (24, 36, 48, 96, 144),
    "LEVEL_ROWS": (4, 9, 12),
    "LEVEL_BEFORE_ROWS": (72, 96, 216, 288),
    "SHAPE_ROWS": (4, 6, 8, 16, 24),
    "HOURS_S": (3_600, 10_800, 14_400),
    "WARM_UP_ROWS": (100, 200),
    "RECORD_ROWS": (4_000, 6_000, 12_000, 16_000),
    "RECORD_GROWTH": (2.0, 8.0),
    "QUIET_SHARE": (0.03, 0.05, 0.2),
    "REMEMBER_EVERY_S": (600,),
}
Setting = Mapping[str, float]
Change = Callable[[pd.DataFrame, int], pd.DataFrame]


def scored_as_the_command_does(name: str) -> Floats:
    """Read a file, score it, write the scores, read them."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "scores.csv"
        write_scores(detect_file(DATA / "data" / name), out)
        return read_scores(out)


def scored_by_the_command(name: str) -> Floats:
    """The same through the console script."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "scores.csv"
        command = (HEAL, "detect", DATA / "data" / name, "--scores", out, "--no-plot")
        subprocess.run(command, check=False, capture_output=True)
        return read_scores(out)


@contextmanager
def constants(setting: Setting) -> Iterator[None]:
    """Other constants for a while, in this process."""
    shipped = {name: getattr(streaming, name) for name in setting}
    try:
        for name, value in setting.items():
            setattr(streaming, name, value)
        yield
    finally:
        for name, value in shipped.items():
            setattr(streaming, name, value)


def scored(task: tuple[Series, Setting]) -> Floats:
    """Scores of one series under a setting, to the six digits that a file of scores has."""
    series, setting = task
    with constants(setting):
        scorer = StreamingScorer()
        rows = zip(series.times_s, series.values, strict=True)
        return np.round([scorer.score(at, value) for at, value in rows], 6)


def worths(series: Sequence[Series], scores: Sequence[Floats]) -> dict[str, Floats]:
    """For each profile: what each threshold earns on each series."""
    return {p: np.asarray([worth(*pair, p) for pair in zip(series, scores, strict=True)]) for p in PROFILES}


def cross_validated(series: Sequence[Series], candidates: Floats, profile: str) -> tuple[float, float]:
    """Mean and standard deviation over DEALS deals of files to folds; `candidates` as in `fitted_elsewhere`."""
    deals = [folds(series, FOLDS, seed) for seed in range(DEALS)]
    earned = [normalised(fitted_elsewhere(candidates, deal).sum(), series, profile) for deal in deals]
    return float(np.mean(earned)), float(np.std(earned))


def row(says: str, series: Sequence[Series], earned: Floats, profile: str) -> str:
    """One line: shipped threshold, best one, and one fitted on other files."""
    totals = earned.sum(axis=0)
    shipped = normalised(totals[np.searchsorted(THRESHOLDS, THRESHOLD)], series, profile)
    best = normalised(totals.max(), series, profile)
    mean, spread = cross_validated(series, earned[None], profile)
    categories = np.unique([one.category for one in series], return_inverse=True)[1]
    unseen = normalised(fitted_elsewhere(earned[None], categories).sum(), series, profile)
    return (
        f"{says:<28}{shipped:>9.1f}{best:>9.1f} at {THRESHOLDS[totals.argmax()]:.3f}"
        f"{mean:>9.1f} ± {spread:.1f}{unseen:>12.1f}"
    )


HEAD = f"{'':<28}{'shipped':>9}{'best':>9}{'':>9}{'others':>9}{'':>6}{'categories':>12}"


def categories(series: Sequence[Series], scores: Mapping[str, Floats], earned: Mapping[str, Floats]) -> Iterator[str]:
    """For each category: files, windows found and alarms outside at the shipped threshold, then each profile."""
    deals = [folds(series, FOLDS, seed) for seed in range(DEALS)]
    fitted = {p: [fitted_elsewhere(earned[p][None], deal) for deal in deals] for p in PROFILES}
    place = int(np.searchsorted(THRESHOLDS, THRESHOLD))
    for category in sorted({one.category for one in series}):
        members = [n for n, one in enumerate(series) if one.category == category]
        ours = [series[n] for n in members]
        alarms = [(one, (scores[one.name] >= THRESHOLD) & one.is_judged) for one in ours]
        hit = sum(len(np.unique(one.window[alarm & (one.window >= 0)])) for one, alarm in alarms)
        outside = sum(int((alarm & (one.window < 0)).sum()) for one, alarm in alarms)
        line = f"{category:<24}{len(ours):>5}{hit:>5} of {sum(one.windows for one in ours):<2}{outside:>8}"
        for p in PROFILES:
            at_shipped = normalised(earned[p][members, place].sum(), ours, p)
            elsewhere = np.mean([normalised(one[members].sum(), ours, p) for one in fitted[p]])
            line += f"{at_shipped:>10.1f}{elsewhere:>7.1f}" if np.isfinite(at_shipped) else f"{'–':>10}{'–':>7}"
        yield line


def drawn(count: int) -> list[Setting]:
    """Settings of all constants, each drawn from what it is and what it might have been."""
    chance = np.random.default_rng(0)
    ranges = {name: sorted((*others, getattr(streaming, name))) for name, others in OTHERS.items()}
    whole = {name for name in OTHERS if name.endswith("_ROWS")}
    pick = {name: [int(value) if name in whole else value for value in values] for name, values in ranges.items()}
    return [{name: values[chance.integers(len(values))] for name, values in pick.items()} for _ in range(count)]


def begun_later(share: float) -> Change:
    """Without the first share of its rows."""
    return lambda frame, _: frame.iloc[int(share * len(frame)) :].reset_index(drop=True)


def noisier(share: float) -> Change:
    """With normal noise of a share of the interquartile range."""

    def change(frame: pd.DataFrame, seed: int) -> pd.DataFrame:
        spread = frame["value"].quantile(0.75) - frame["value"].quantile(0.25)
        return frame.assign(value=frame["value"] + np.random.default_rng(seed).normal(0, share * spread, len(frame)))

    return change


CHANGES: dict[str, Change] = {
    "begun 5 % later": begun_later(0.05),
    "begun 10 % later": begun_later(0.10),
    "noise of 5 % of the IQR": noisier(0.05),
    "noise of 10 % of the IQR": noisier(0.1),
    "noise of 20 % of the IQR": noisier(0.2),
    "every second row": lambda frame, _: frame.iloc[::2].reset_index(drop=True),
    "every other second row": lambda frame, _: frame.iloc[1::2].reset_index(drop=True),
    "square roots": lambda frame, _: frame.assign(value=np.sqrt(frame["value"] - min(0.0, frame["value"].min()))),
    "times 1000, less 7": lambda frame, _: frame.assign(value=1000 * frame["value"] - 7),
}


def changed(name: str, change: Change, seed: int) -> Series:
    """A file changed, its windows moved to the rows that are left."""
    frame = change(tool().load(name, str(DATA))[["timestamp", "value"]], seed)
    stamps = np.maximum.accumulate(pd.DatetimeIndex(frame["timestamp"]).to_numpy())
    spans = [tuple(pd.Timestamp(end) for end in span) for span in tool().files(str(DATA))[name]]
    left = [span for span in spans if span[0] >= stamps[0]]
    at = [[min(int(np.searchsorted(stamps, end)), len(stamps) - 1) for end in span] for span in left]
    return labelled(name, frame, [[str(frame["timestamp"][place]) for place in span] for span in at])


def all_scored(pool: Pool, series: Sequence[Series], settings: Sequence[Setting]) -> list[dict[str, Floats]]:
    """`worths` of every setting."""
    found = pool.map(scored, [(one, setting) for setting in settings for one in series], chunksize=5)
    return [worths(series, found[n : n + len(series)]) for n in range(0, len(found), len(series))]


def as_the_scorer_of_nab_calls_it(frame: pd.DataFrame) -> Floats:
    """A data frame of timestamp and value, scored row by row; for its check that no score depends on a later row."""
    return scored((labelled("prefix", frame, []), {}))


def print_shipped(series: Sequence[Series], scores: Mapping[str, Floats]) -> None:
    """The figures of the setting that ships, over all files and for each category."""
    earned = worths(series, [scores[one.name] for one in series])
    print(f"{len(series)} files, {sum(one.windows for one in series)} windows; the scorer of NAB agrees")
    peeking = tool().check_causal(as_the_scorer_of_nab_calls_it, root=str(DATA))
    print(f"scores of a prefix that depend on the rest: {peeking or 'none'}")
    print(f"\n{HEAD}")
    for profile in PROFILES:
        print(row(profile, series, earned[profile], profile))
    print(f"\n{'':<44}{'standard':>17}{'low FP':>17}{'low FN':>17}")
    print(f"{'':<24}{'files':>5}{'found':>10}{'outside':>8}" + f"{'shipped':>10}{'others':>7}" * len(PROFILES))
    print(*categories(series, scores, earned), sep="\n")


def print_each(pool: Pool, series: Sequence[Series]) -> None:
    """Each constant moved alone."""
    print(f"\nEach constant alone, {STANDARD}\n{HEAD}")
    for name, value in [(name, value) for name, others in OTHERS.items() for value in others]:
        (earned,) = all_scored(pool, series, [{name: value}])
        print(row(f"{name} {value:g}", series, earned[STANDARD], STANDARD), flush=True)


def print_drawn(pool: Pool, series: Sequence[Series], count: int) -> None:
    """All constants drawn: the threshold fitted elsewhere for each, then setting and threshold fitted elsewhere."""
    tables = all_scored(pool, series, drawn(count))
    print(f"\n{count} settings drawn at random{'their mean':>20}{'setting chosen elsewhere':>28}")
    for profile in PROFILES:
        candidates = np.asarray([table[profile] for table in tables])
        alone = [cross_validated(series, one[None], profile)[0] for one in candidates]
        mean, spread = cross_validated(series, candidates, profile)
        print(f"{profile:<31}{np.mean(alone):>10.1f} ± {np.std(alone):.1f}{mean:>22.1f} ± {spread:.1f}")


def print_changed(pool: Pool, names: Sequence[str]) -> None:
    """The shipped setting on changed copies of the files."""
    print(f"\nThe same files changed, {STANDARD}\n{HEAD}")
    for says, change in CHANGES.items():
        series = [changed(name, change, seed) for seed, name in enumerate(names)]
        (earned,) = all_scored(pool, series, [{}])
        print(row(says, series, earned[STANDARD], STANDARD), flush=True)


def main() -> None:
    """Measure and print."""
    ask = argparse.ArgumentParser(description="NAB, cross-validated.")
    ask.add_argument("--settings", type=int, default=0)
    ask.add_argument("--each", action="store_true")
    ask.add_argument("--changed", action="store_true")
    asked = ask.parse_args()
    if not (DATA.exists() and TOOL.exists()):
        print("skipped: the public data (NAB) is not at ../shared/data/nab/dev, or its scorer not in ../shared/tools")
        return
    windows = dict(sorted(tool().files(str(DATA)).items()))
    series = [labelled(name, tool().load(name, str(DATA)), spans) for name, spans in windows.items()]
    with mp.get_context("spawn").Pool(PROCESSES) as pool:
        scores = dict(zip(windows, pool.map(scored_as_the_command_does, windows, chunksize=1), strict=True))
        agree(series, scores)
        for name in BY_COMMAND:
            assert (scored_by_the_command(name) == scores[name]).all(), f"heal detect scores {name} differently"
        print_shipped(series, scores)
        if asked.changed:
            print_changed(pool, list(windows))
        if asked.each:
            print_each(pool, series)
        if asked.settings:
            print_drawn(pool, series, asked.settings)


if __name__ == "__main__":
    main()
