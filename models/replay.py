"""Replay: the detectors over a stretch of the past, as they would have judged it cycle by cycle.

A detector judges the last column of a panel, for any number of series. So the cycles of a day are laid under each
other as if they were series, each with the past that it had: one call judges them all, and a month takes seconds.
What comes out are the few verdicts that stand out, from which any threshold of at least today's can be told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from models.panel import CYCLES, Course, Flags, Floats, Panel, Rules, Usual, Verdicts
from models.series import Series
from models.signs import UNKNOWN

MOST_ROWS = 12_000  # series × cycles that are judged in one call: some 50 MB


class Loud(NamedTuple):
    """One detector that scored above 1 on one series in one cycle."""

    cycle: int
    row: int
    detector: str
    score: float
    side: int
    since_s: float
    unknown: bool  # held, because too little is known, nobody works, or it was agreed


@dataclass(frozen=True)
class Trail:
    """What a replay left of one integration: everything above 1, and where nothing could be judged."""

    every_s: float
    series: tuple[Series, ...]  # n
    ends_s: Floats  # (T,)
    loud: tuple[Loud, ...]  # by cycle
    blind: Flags  # (n, T) no data, or agreed maintenance


class Ground(NamedTuple):
    """What held beside the values: all over n series and T cycles."""

    limits: Floats  # (n,)
    is_open: Flags  # (n, T)
    in_maintenance: Flags  # (n, T)
    rules: Rules

    @classmethod
    def plain(cls, n: int, width: int) -> Ground:
        """No limits, always open, no maintenance."""
        shape = (n, width)
        return cls(np.full(n, np.nan), np.ones(shape, dtype=bool), np.zeros(shape, dtype=bool), Rules.none())


def stacked(course: Course, columns: range, usual_at: Callable[[int], Usual], ground: Ground) -> Panel:
    """The panels of several cycles as one: row `k * n + i` is series i as it was judged in the k-th of these columns.

    Its times are those of the last cycle: a `since` of the k-th is so much too late as that cycle is earlier.

    Args:
        course: n series.
        columns: the judged cycles, without gaps.
        usual_at: of the n series; the same in all columns of an hour.
        ground: of the n series.
    """
    n, k = len(course.series), len(columns)
    last = columns[-1]
    rules = ground.rules
    return Panel(
        every_s=course.every_s,
        series=course.series * k,
        ends_s=course.ends_s[last] - course.every_s * np.arange(CYCLES)[::-1],
        values=windows(course.values, columns, np.nan),
        weights=windows(course.weights, columns, 0.0),
        usual=tiled((usual_at(hour[0]), len(hour)) for hour in hours(course, columns)),
        limits=np.tile(ground.limits, k),
        is_open=ground.is_open[:, columns.start : columns.stop].T.ravel(),
        in_maintenance=ground.in_maintenance[:, columns.start : columns.stop].T.ravel(),
        rules=Rules(
            np.tile(rules.rows, k) + np.repeat(np.arange(k) * n, len(rules.rows)),
            np.tile(rules.limits, k),
            np.tile(rules.clears, k),
            np.tile(rules.sides, k),
            np.tile(rules.cycles, k),
        ),
    )


def windows(values: Floats, columns: range, gap: float) -> Floats:
    """(k·n, CYCLES) the last three hours of each series before each of these columns, and with it."""
    padded = np.pad(values[:, : columns.stop], ((0, 0), (CYCLES - 1, 0)), constant_values=gap)
    seen = np.lib.stride_tricks.sliding_window_view(padded, CYCLES, axis=1)[:, columns.start : columns.stop]
    found: Floats = np.ascontiguousarray(seen.transpose(1, 0, 2)).reshape(-1, CYCLES)
    return found


def replay(
    course: Course,
    columns: range,
    usual_at: Callable[[int], Usual],
    judge: Callable[[Panel], dict[str, Verdicts]],
    ground: Ground | None = None,
    progress: Callable[[int], object] = lambda _: None,
) -> Trail:
    """Judge these cycles, each by what came before it only.

    Args:
        course: with as much before the first of these columns as a panel holds.
        columns: what is judged.
        usual_at: what was known to be usual in a column; the same for all columns of an hour.
        judge: models.detectors.judge_all, or some of them.
        ground: what held beside the values.
        progress: told how many cycles are done.
    """
    known = ground or Ground.plain(len(course.series), len(course.ends_s))
    loud: list[Loud] = []
    most = max(1, MOST_ROWS // max(1, len(course.series)))
    for begin in range(columns.start, columns.stop, most):
        block = range(begin, min(begin + most, columns.stop))
        panel = stacked(course, block, usual_at, known)
        loud += sorted(_loud(panel, judge(panel), block, len(course.series)))
        progress(block[-1] + 1 - columns.start)
    return Trail(
        every_s=course.every_s,
        series=course.series,
        ends_s=course.ends_s[columns.start : columns.stop],
        loud=tuple(one._replace(cycle=one.cycle - columns.start) for one in loud),
        blind=(np.isnan(course.values) | known.in_maintenance)[:, columns.start : columns.stop],
    )


def tiled(parts: Iterable[tuple[Usual, int]]) -> Usual:
    """What is usual of the same series again and again, each so many times."""
    known = tuple(parts)
    fields = {
        name: np.concatenate([np.tile(getattr(usual, name), times) for usual, times in known])
        for name in Usual.__dataclass_fields__
    }
    return Usual(**fields)


def hours(course: Course, columns: range) -> Iterator[range]:
    """The columns cut where an hour ends."""
    number = ((course.ends_s - course.every_s / 2) // 3600).astype(np.int64)
    begin = columns.start
    for column in range(columns.start + 1, columns.stop + 1):
        if column == columns.stop or number[column] != number[begin]:
            yield range(begin, column)
            begin = column


def _loud(panel: Panel, verdicts: dict[str, Verdicts], block: range, n: int) -> Iterator[Loud]:
    for name, one in verdicts.items():
        reason = np.isin(one.held, UNKNOWN)
        for at in np.flatnonzero((one.score > 1) & (one.speaks | reason)).tolist():
            k, row = divmod(at, n)
            late_s = panel.every_s * (len(block) - 1 - k)
            yield Loud(
                cycle=block[k],
                row=row,
                detector=name,
                score=float(one.score[at]),
                side=int(one.side[at]),
                since_s=float(one.since_s[at]) - late_s,
                unknown=bool(reason[at]),
            )


def eased(panel: Panel, verdicts: dict[str, Verdicts], factor_of: Callable[[Series], float]) -> dict[str, Verdicts]:
    """The verdicts where somebody has agreed to another threshold: a score is told in units of it.

    Args:
        panel: whose.
        verdicts: by the detector's name.
        factor_of: from which score on a series counts as odd; 1 where nothing was agreed.
    """
    factors = np.array([factor_of(one) for one in panel.series], dtype=float)
    if (factors == 1).all():
        return verdicts
    return {
        name: Verdicts(one.score / factors, one.side, one.held, one.since_s, one.eta_s)
        for name, one in verdicts.items()
    }
