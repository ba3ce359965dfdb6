"""The Numenta Anomaly Benchmark's labelled series, and what a threshold is worth on each of them.

The scorer is the one that comes with the data (`../shared/tools/nab_score.py`); here its rule is applied to one
file at a time, so that a threshold may be fitted on some files and judged on others. `agree` holds both together.
"""

from __future__ import annotations

import csv
import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.streaming import THRESHOLD

SHARED = Path(__file__).parents[2] / ".." / "shared"
TOOL, DATA = SHARED / "tools" / "nab_score.py", SHARED / "data" / "nab" / "dev"
STANDARD, LOW_FP, LOW_FN = PROFILES = ("standard", "reward_low_FP_rate", "reward_low_FN_rate")
THRESHOLDS = np.unique([*np.arange(0.4, 0.8, 0.0005), *np.arange(0.8, 1.0, 0.01), THRESHOLD])
ENOUGH = 1e-9  # scores of the same rule may differ by rounding

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Series:
    """One labelled file: its rows, and what an alarm at each row earns or costs."""

    name: str  # category/file.csv
    times_s: tuple[float, ...]
    values: tuple[float, ...]
    earns: Floats  # of an alarm at the row: in a window its reward, outside minus its cost, before weighting
    window: NDArray[np.int64]  # number of the window that the row lies in; -1 outside
    is_judged: NDArray[np.bool_]  # False in the first 15 % (750 rows at most), where nothing counts
    windows: int

    @property
    def category(self) -> str:
        """The folder of the benchmark."""
        return self.name.split("/")[0]

    @property
    def present(self) -> NDArray[np.int64]:
        """Windows with a row that is judged."""
        return np.unique(self.window[self.is_judged & (self.window >= 0)])


@cache
def tool() -> ModuleType:
    """The scorer that comes with the data."""
    spec = importlib.util.spec_from_file_location("nab_score", TOOL)
    assert spec, TOOL
    assert spec.loader, TOOL
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def labelled(name: str, frame: pd.DataFrame, windows: Sequence[Sequence[str]]) -> Series:
    """A series with its windows; `frame` has timestamp and value, a window its first and last timestamp."""
    truth = tool().FileTruth(name, frame["timestamp"], windows, 0)
    times_s = frame["timestamp"].to_numpy().astype("datetime64[us]").astype(np.int64) / 1e6
    times_s = np.maximum.accumulate(times_s)  # as files are read: a clock set back is no later than the last row
    values = tuple(frame["value"].astype(float).tolist())
    return Series(name, tuple(times_s.tolist()), values, truth.s, truth.win, ~truth.prob, len(windows))


def worth(series: Series, scores: Floats, profile: str) -> Floats:
    """What each of THRESHOLDS earns on one series: the benchmark's raw score."""
    reward, cost, miss = tool().PROFILES[profile]
    outside = series.is_judged & (series.window < 0)
    order = np.argsort(-scores[outside])
    lost = np.r_[0.0, np.cumsum(series.earns[outside][order] * cost)]
    total = lost[np.searchsorted(-scores[outside][order], -THRESHOLDS, side="right")]
    for one in series.present:
        rows = np.flatnonzero(series.is_judged & (series.window == one))
        first = np.searchsorted(np.maximum.accumulate(scores[rows]), THRESHOLDS)  # an earlier alarm earns more
        total = total + np.r_[series.earns[rows] * reward, -miss][first]
    return total


def normalised(raw: float, series: Sequence[Series], profile: str) -> float:
    """A raw score over several series on the benchmark's scale: 0 for no alarm at all, 100 for perfect ones."""
    reward, _, miss = tool().PROFILES[profile]
    null = -miss * sum(len(one.present) for one in series)
    perfect = reward * sum(one.windows for one in series)
    return 100 * (raw - null) / (perfect - null) if perfect > null else float("nan")


def folds(series: Sequence[Series], count: int, seed: int) -> NDArray[np.int64]:
    """A fold for each series; every category is dealt out evenly, in an order that the seed decides."""
    dealt, chance, place = np.zeros(len(series), dtype=np.int64), np.random.default_rng(seed), 0
    for category in sorted({one.category for one in series}):
        members = chance.permutation([n for n, one in enumerate(series) if one.category == category])
        dealt[members] = (np.arange(len(members)) + place) % count
        place += len(members)
    return dealt


def fitted_elsewhere(worths: Floats, fold: NDArray[np.int64]) -> Floats:
    """What each series earns at the setting and threshold that earn most on the other folds.

    `worths` has the axes settings, series, thresholds.
    """
    earned = np.zeros(worths.shape[1])
    for one in np.unique(fold):
        others = worths[:, fold != one].sum(axis=1)
        setting, threshold = np.unravel_index(others.argmax(), others.shape)
        earned[fold == one] = worths[setting, fold == one, threshold]
    return earned


def agree(series: Sequence[Series], scores: Mapping[str, Floats]) -> None:
    """The rule applied file by file gives what the benchmark's own scorer gives."""
    place = int(np.searchsorted(THRESHOLDS, THRESHOLD))
    theirs = tool().score_corpus(scores, thresholds=dict.fromkeys(PROFILES, THRESHOLD), root=str(DATA))
    for profile in PROFILES:
        ours = normalised(sum(worth(one, scores[one.name], profile)[place] for one in series), series, profile)
        assert abs(ours - theirs[profile]["score"]) < ENOUGH, f"{profile}: {ours}, and by {TOOL.name} {theirs[profile]}"


def read_scores(path: Path) -> Floats:
    """The scores that `heal detect --scores` wrote."""
    with path.open(encoding="utf-8", newline="") as file:
        return np.asarray([float(row["score"]) for row in csv.DictReader(file)])
