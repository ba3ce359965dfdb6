"""Shifts that last: the median of the last six cycles beside what is usual at this hour, and beside the hours before.

One cycle wanders; the median of six hardly does, so that a shift too small for any single cycle stands out. It is
compared with what is usual (a Monday's peak is no shift), and speaks beyond four robust deviations *and* two and a half
times as far from the middle as the outermost medians of six that such hours have seen: what lasts by nature, such as a
queue or the slow wandering of a host, is not steadier for being looked at six times. Nor is a count over an hour, of
which five deviations are asked, as of a single cycle. A few hours alike have not seen much of what comes once a week,
so that a value must also be twice as far away as the largest step that four clean weeks have seen at any hour, unless
that is eight deviations. Seven eighths of all that suffice when the step from the 144 cycles before is also larger than
any step the clean past has seen (the record rule of `models.streaming`; Arnold, Balakrishnan and Nagaraja, *Records*,
1998).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from models.anomaly import DetectionMethod
from models.detectors._columns import deviating, medians, onset_s, seen_spread
from models.panel import Flags, Floats, Ints, Panel, Verdicts

METHOD = DetectionMethod.DEVIATION
RECENT, BEFORE = 6, 144  # cycles, as in models.streaming
FEWEST_RECENT, FEWEST_BEFORE = 4, 72
Z_LIMIT = 4.0  # of the median of six, in deviations of one cycle
Z_COUNT = 5.0  # ... of a count, whose six cycles tell of the same things again
SUPPORT = 0.875  # of the limit, where the step is larger than every step before
RECORD = 1.05  # a record counts as broken by this share, as in models.streaming
TAIL = 2.5  # of the way from the middle to the outermost median of six that such hours and their neighbours have seen
WANDER = 2.0  # of the largest step of the clean past: a host wanders twice as far from its usual as in three hours
FAR = 8.0  # deviations that are far whatever the past has seen: a week of incidents that nobody noted must not deafen
SPARSE = 0.1  # share of failed calls below which twice as many are asked: of a hundred, three fail on any day
Z_STEP = 6.0  # stands in for a record that is not known, in deviations


def judge(panel: Panel) -> Verdicts:
    """Of every series whose usual is known, whether its level has moved the wrong way."""
    if not panel.values.size:
        return Verdicts.silent(len(panel.series))
    now = medians(panel.values[:, -RECENT:], FEWEST_RECENT)
    off = now - panel.usual.middle
    tail = TAIL * np.where(off > 0, panel.usual.top - panel.usual.middle, panel.usual.middle - panel.usual.bottom)
    tail = np.fmax(tail, wander(panel))
    limit = np.where(panel.known("is_count"), Z_COUNT, Z_LIMIT)
    by_spread = np.abs(off) / np.fmax(limit * seen_spread(panel), tail)
    by_scale = np.abs(off) / np.fmax(limit * panel.scale, tail)
    stepped = np.zeros(len(now))
    likely = np.flatnonzero((by_scale > SUPPORT) & (np.abs(off) >= panel.felt))
    stepped[likely] = np.minimum(step(panel, now, off, likely), by_scale[likely] / SUPPORT)
    found = deviating(panel, off, by_spread, np.fmax(by_scale, stepped), failed(panel))
    return replace(found, since_s=since(panel, off, found.score > 1))


def wander(panel: Panel) -> Floats:
    """(n,) how far from its usual a series goes by itself; NaN of what is counted, waited for, or a share of calls.

    The steps of a count hold every opening of the practice, and a share that was zero and is not has no steps.
    """
    widest = np.minimum(WANDER * panel.usual.level, FAR * panel.scale)
    other = panel.known("is_count") | panel.known("is_share") | panel.known("is_waiting")
    return np.where(other, np.nan, widest)


def step(panel: Panel, now: Floats, off: Floats, rows: Ints) -> Floats:
    """(k,) the step from the cycles before, over the largest that the clean past has seen; 0 the other way."""
    before = medians(panel.values[rows, -RECENT - BEFORE : -RECENT], FEWEST_BEFORE)
    most = np.where(np.isnan(panel.usual.level), Z_STEP * panel.scale, RECORD * panel.usual.level)[rows]
    moved = np.sign(off[rows]) * (now[rows] - before)
    found: Floats = np.nan_to_num(np.maximum(moved, 0.0) / np.maximum(most, 1e-12))
    return found


def failed(panel: Panel) -> Floats:
    """(n,) failed calls behind the latest shares; each counts half where they are few of many."""
    calls = panel.weights[:, -RECENT:]
    bad: Floats = np.nansum(np.round(panel.values[:, -RECENT:] * calls), axis=1)
    return np.where(bad < SPARSE * calls.sum(axis=1), bad / 2, bad)


def since(panel: Panel, off: Floats, stands: Flags) -> Floats:
    """(n,) when the values began to lie beyond half of the shift."""
    rows = np.flatnonzero(stands)
    signed = np.sign(off[rows])[:, None] * (panel.values[rows] - panel.usual.middle[rows, None])
    return onset_s(panel, signed >= np.abs(off[rows] / 2)[:, None], rows)
