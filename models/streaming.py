"""A causal streaming scorer for one series of numbers: how surprising is this row, given the rows before it?

Three simple forecasts watch every row, each for another kind of trouble:

    step    |value − median of the 72 rows before it|                          spikes, drops
    level   |median of the last 6 rows − median of the 144 rows before them|   shifts, slow leaks
    shape   distance of the last 12 rows to the two nearest windows of the     wrong for this time of day
            same two hours on earlier days, root mean square

A forecast's miss is compared with the largest miss *it* has made so far: ``ratio = miss / record``. Nothing is
assumed about units, spread or distribution, and a forecast that suits a series badly has a large record and
so keeps quiet. The score is ``1 − 2^−r`` with r the largest of the three ratios: above 0.5 is more surprising
than anything yet seen, 0.75 twice that; a record that is only equalled stays at 0.46.

Season needs no switch. With a daily pattern the nearest windows are those of other days; with a weekly one
they are those of the days that resemble today, because up to four weeks are remembered; without a season any
day will do, and the record tells how little this forecast is worth.

Sources: nearest neighbours of a lagged window as a measure of novelty, KNN-CAD (Burnaev and Ishimtsev 2016,
arXiv:1608.04585); running medians as robust levels, Huber, Robust Statistics (1981); records as an
exceedance rule free of distribution, Arnold, Balakrishnan and Nagaraja, Records (1998).
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Sequence
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from models.noun import Noun

# All 35 development files of the Numenta Anomaly Benchmark had been seen when these were chosen. On files that a
# threshold had not seen they earn 75 of 100; constants drawn at random and chosen on other files earn 72, which is
# what to expect of new series. Moving one by half moves little: docs/decisions/0022-one-score-for-streams.md.
STEP_ROWS = 72
LEVEL_ROWS = 6
LEVEL_BEFORE_ROWS = 144
SHAPE_ROWS = 12
WARM_UP_ROWS = 150  # a forecast speaks once it has missed this often: fewer make a record worth nothing
WARM_UP_AT_MOST_ROWS = 750  # ... and once a day has passed, or this many rows of a fast series
RECORD_ROWS = 8000  # a record is forgotten after this many rows: four weeks at five minutes
RECORD_GROWTH = 4.0  # one miss raises a record at most this many times, so that a disaster cannot deafen
QUIET_SHARE = 0.1  # after an alarm, lesser ones stay under it for about a tenth of the rows seen so far,
QUIET_ROWS = 1000  # ... and at most about this many
QUIET_RATIO = 0.9  # what a lesser one is shown as, and what equals a record: a steady slope equals it at every row
EQUAL = 1e-6  # a record broken by a smaller share is equalled: rounding can do that much to a miss of FLOAT_NOISE
FLOAT_NOISE = 1e-9  # a miss smaller than this share of the largest value is rounding, not news
THRESHOLD = 0.517  # a record broken by 5 %; anything from 2 % to 7 % earns much the same
JOIN_ROWS = 12  # alarms no further apart than this are one anomaly: an hour at five minutes
MOST_RATIO = 40.0  # beyond it the score is 1 to twelve digits

DAY_S = 86_400
HOURS_S = 7_200  # one twelfth of a day: the stretch of earlier days that a window is compared with
REMEMBERED = 1024  # windows per stretch,
REMEMBER_EVERY_S = 200  # ... taken no closer than this: four weeks at any sampling rate


class Direction(StrEnum):
    """Which way the peak of an anomaly lies from the usual value."""

    ABOVE = "above"
    BELOW = "below"
    NEITHER = "neither"  # the value is ordinary, its place in the day is not


class SeriesAnomaly(Noun):
    """One stretch of surprising rows; times are seconds on the series' own clock, both ends included."""

    start_s: float
    end_s: float
    peak_value: float  # the value of the most surprising row
    usual_value: float  # median of the rows before it
    score: float  # of the most surprising row, in [0, 1]
    direction: Direction


class RunningMedian:
    """Median of the last `size` numbers; O(log size) to search, and a move of a few bytes."""

    def __init__(self, size: int) -> None:
        self.recent: deque[float] = deque()
        self.ordered: list[float] = []
        self.size = size

    def learn(self, value: float) -> float | None:
        """Take one more number; returns the one it pushed out, None while there is room."""
        oldest = self.recent.popleft() if len(self.recent) == self.size else None
        if oldest is not None:
            del self.ordered[bisect_left(self.ordered, oldest)]
        self.recent.append(value)
        insort(self.ordered, value)
        return oldest

    @property
    def median(self) -> float | None:
        """The middle, or None until half full."""
        n = len(self.ordered)
        if 2 * n < self.size:
            return None
        return self.ordered[n // 2] if n % 2 else (self.ordered[n // 2 - 1] + self.ordered[n // 2]) / 2


class Record:
    """The largest of the last RECORD_ROWS misses of one forecast, one miss counted for little more than it."""

    def __init__(self) -> None:
        self.falling: deque[tuple[int, float]] = deque()  # misses that nothing later has exceeded
        self.seen = 0

    def ratio(self, miss: float | None, noise: float) -> float:
        """Miss in shares of the record *before* it, in [0, MOST_RATIO]; 0 while learning. Learns the miss.

        What does not break the record comes out QUIET_RATIO times smaller.
        """
        if miss is None:
            return 0.0
        miss = miss if miss > noise else 0.0
        record = self.falling[0][1] if self.falling else 0.0
        is_ready = self.seen >= WARM_UP_ROWS
        allowed = RECORD_GROWTH * record if is_ready and record > 0 else math.inf
        self._learn(min(miss, allowed))
        if not is_ready or miss == 0:
            return 0.0
        ratio = min(miss / record, MOST_RATIO) if record > 0 else MOST_RATIO
        return ratio if ratio > 1 + EQUAL else QUIET_RATIO * ratio

    def _learn(self, miss: float) -> None:
        while self.falling and self.falling[-1][1] <= miss:
            self.falling.pop()
        self.falling.append((self.seen, miss))
        self.seen += 1
        if self.falling[0][0] <= self.seen - RECORD_ROWS:
            self.falling.popleft()


class Neighbours:
    """Windows of the last SHAPE_ROWS values, kept by the time of day at which they ended."""

    def __init__(self) -> None:
        self.window = np.zeros(SHAPE_ROWS)
        self.apart = np.empty((REMEMBERED, SHAPE_ROWS))  # room to work in: a new array a row costs more than the sums
        self.filled = 0
        self.memory: dict[int, NDArray[np.float64]] = {}
        self.kept: dict[int, int] = {}
        self.waiting: list[NDArray[np.float64]] = []  # this visit's windows are no witnesses for themselves
        self.stretch = -1
        self.kept_at_s = -math.inf

    def miss(self, at_s: float, value: float) -> float | None:
        """Mean RMS distance to the two nearest earlier windows; None when there are not two. Learns it."""
        self.window[:-1] = self.window[1:]
        self.window[-1] = value
        self.filled += 1
        stretch = int(at_s % DAY_S // HOURS_S)
        if stretch != self.stretch:
            self._remember()
            self.stretch = stretch
        if self.filled < SHAPE_ROWS:
            return None
        if at_s - self.kept_at_s >= REMEMBER_EVERY_S:
            self.waiting.append(self.window.copy())
            self.kept_at_s = at_s
            self.waiting = self.waiting[-REMEMBERED:]
        return self._distance(min(self.kept.get(stretch, 0), REMEMBERED))

    def _distance(self, count: int) -> float | None:
        if count < 2:  # noqa: PLR2004 (two neighbours need two windows)
            return None
        apart = np.subtract(self.memory[self.stretch][:count], self.window, out=self.apart[:count])
        squares = np.einsum("ij,ij->i", apart, apart)
        squares.partition(1)
        nearest, next_nearest = squares[:2].tolist()
        return (math.sqrt(nearest / SHAPE_ROWS) + math.sqrt(next_nearest / SHAPE_ROWS)) / 2

    def _remember(self) -> None:
        if not self.waiting:
            return
        ring = self.memory.setdefault(self.stretch, np.zeros((REMEMBERED, SHAPE_ROWS)))
        first = self.kept.get(self.stretch, 0)
        ring[(first + np.arange(len(self.waiting))) % REMEMBERED] = self.waiting
        self.kept[self.stretch] = first + len(self.waiting)
        self.waiting = []


class StreamingScorer:
    """Scores one series row by row; the module's docstring has the method.

    The same rows give the same scores; a score depends on no later row; memory is bounded (about 1.5 MB,
    however long the series). Scores do not change when all values are shifted or scaled, up or down.

    >>> scorer = StreamingScorer()
    >>> quiet = [scorer.score(300.0 * row, float(row % 2)) for row in range(1000)]
    >>> max(quiet) < 0.5
    True
    >>> round(scorer.score(300.0 * 1000, 9.0), 2)
    1.0
    """

    def __init__(self) -> None:
        self.started_s: float | None = None
        self.latest_s = -math.inf
        self.rows = 0
        self.largest = 0.0
        self.peak = 0.0
        self._forget_recent()
        self.neighbours = Neighbours()
        self.records = (Record(), Record(), Record())

    def score(self, at_seconds: float, value: float) -> float:
        """Surprise of one row in [0, 1]; 0 while learning, and for a value that is not a finite number.

        Learning lasts WARM_UP_ROWS rows and one day, or WARM_UP_AT_MOST_ROWS rows if that is sooner. Rows
        may come at any spacing and share a time; after a silence of a day the recent level is learned anew,
        while the days remembered still count.

        Raises:
            ValueError: when time goes backwards.
        """
        if at_seconds < self.latest_s:
            raise ValueError("rows must come in order of time; sort them first")
        if not math.isfinite(value):
            return 0.0
        if at_seconds - self.latest_s > DAY_S:
            self._forget_recent()
            self.neighbours.filled = 0  # no window reaches across the silence
        self.started_s = at_seconds if self.started_s is None else self.started_s
        self.latest_s = at_seconds
        self.largest = max(self.largest, abs(value))
        self.rows += 1
        misses = (self._step(value), self._level(value), self.neighbours.miss(at_seconds, value))
        noise = FLOAT_NOISE * self.largest
        ratios = [record.ratio(miss, noise) for record, miss in zip(self.records, misses, strict=True)]
        return 1.0 - 2.0 ** -self._after_alarms(max(ratios)) if self._has_learned() else 0.0

    def _forget_recent(self) -> None:
        self.before = RunningMedian(STEP_ROWS)
        self.now = RunningMedian(LEVEL_ROWS)
        self.earlier = RunningMedian(LEVEL_BEFORE_ROWS)

    def _has_learned(self) -> bool:
        days_passed = self.started_s is not None and self.latest_s - self.started_s >= DAY_S
        return self.rows >= WARM_UP_AT_MOST_ROWS or (self.rows >= WARM_UP_ROWS and days_passed)

    def _step(self, value: float) -> float | None:
        usual = self.before.median
        self.before.learn(value)
        return None if usual is None else abs(value - usual)

    def _level(self, value: float) -> float | None:
        left = self.now.learn(value)
        if left is not None:
            self.earlier.learn(left)
        now, usual = self.now.median, self.earlier.median
        return None if now is None or usual is None else abs(now - usual)

    def _after_alarms(self, ratio: float) -> float:
        """The ratio, held under a record while a greater alarm is fresh."""
        self.peak *= math.exp(-1 / min(QUIET_ROWS, max(1.0, QUIET_SHARE * self.rows)))
        if ratio <= self.peak:
            return min(ratio, QUIET_RATIO)
        self.peak = ratio
        return ratio


def anomalies(
    times_s: Sequence[float],
    values: Sequence[float],
    scores: Sequence[float],
    threshold: float = THRESHOLD,
) -> list[SeriesAnomaly]:
    """Rows that score at least `threshold`, joined where at most JOIN_ROWS apart; oldest first.

    The three sequences have one entry per row, in order of time. The scorer marks where trouble begins and
    where it grows; a shift that lasts becomes the new usual, so `end_s` is the last alarm, not the recovery.
    """
    rows = np.flatnonzero(np.asarray(scores, dtype=float) >= threshold)
    if not rows.size:
        return []
    runs = np.split(rows, np.flatnonzero(np.diff(rows) > JOIN_ROWS) + 1)
    return [_described(run, times_s, values, scores) for run in runs]


def _described(
    run: NDArray[np.intp], times_s: Sequence[float], values: Sequence[float], scores: Sequence[float]
) -> SeriesAnomaly:
    first, last = int(run[0]), int(run[-1])
    worst = max(run.tolist(), key=scores.__getitem__)
    before = np.asarray(values[max(0, first - STEP_ROWS) : first], dtype=float)
    before = before[np.isfinite(before)]
    peak = values[worst]
    low, usual, high = np.quantile(before, (0.25, 0.5, 0.75)).tolist() if before.size else (peak,) * 3
    return SeriesAnomaly(
        start_s=times_s[first],
        end_s=times_s[last],
        peak_value=peak,
        usual_value=usual,
        score=scores[worst],
        direction=Direction.ABOVE if peak > high else Direction.BELOW if peak < low else Direction.NEITHER,
    )
