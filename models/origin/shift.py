"""Shift: how far an abnormal spell is from what is usual, beside how far usual spells of equal length are.

A spell of w rows is compared with every w usual rows that follow each other: a series that jumps every hour is not
surprising when it jumps again, and no distribution needs to be assumed.
"""

from __future__ import annotations

from warnings import catch_warnings, simplefilter

import numpy as np
from scipy import stats

from models.origin.case import FEWEST
from models.panel import MOST, Floats

REACH = 0.95  # what one usual spell in twenty reaches is noise: the customary 5 %
ENOUGH = 20  # spells from which their 95 % quantile can be told; of fewer it is computed from the deviation
MAD_SCALE = 1.4826  # makes a MAD comparable with a standard deviation under normality
TENTHS = 2.563  # deviations between the 10 % and the 90 % quantile of a normal distribution
LEAST_SHARE = 0.01  # of the median: no series is believed to be steadier, or rounding would be a sign
LEAST_REACH = 0.5  # deviations: a mean that never leaves its middle does not make half a deviation remarkable


def middle_and_scale(normal: Floats) -> tuple[Floats, Floats]:
    """(n,) median and robust deviation of each series (T, n); NaN where fewer than FEWEST values are known."""
    if len(normal) < FEWEST:
        unknown = np.full(normal.shape[1], np.nan)
        return unknown, unknown.copy()
    known = np.isfinite(normal).sum(axis=0) >= FEWEST
    with np.errstate(all="ignore"), catch_warnings():
        simplefilter("ignore", RuntimeWarning)  # a series without values has no median, and none is wanted
        low, middle, high = np.nanquantile(normal, [0.1, 0.5, 0.9], axis=0)
        mad = np.nanmedian(np.abs(normal - middle), axis=0)
        scale = np.fmax(np.fmax(MAD_SCALE * mad, (high - low) / TENTHS), LEAST_SHARE * np.abs(middle))
    return np.where(known, middle, np.nan), np.where(known, scale, np.nan)


def deviations(values: Floats, middle: Floats, scale: Floats) -> Floats:
    """(rows, n) how many deviations each value is from the middle, at most ±MOST; NaN: no data."""
    away = values - middle
    with np.errstate(all="ignore"):
        z = np.where(scale > 0, away / np.where(scale > 0, scale, 1.0), np.sign(away) * MOST)
    clipped: Floats = np.clip(z, -MOST, MOST)
    return np.where(np.isfinite(values) & np.isfinite(middle), clipped, np.nan)


def means(values: Floats, rows: int) -> Floats:
    """(spells, n) mean of each `rows` rows that follow each other; 0 where none is known."""
    known = np.isfinite(values)
    sums, counts = _sums(np.where(known, values, 0.0), rows), _sums(known.astype(float), rows)
    return np.where(counts > 0, sums / np.maximum(counts, 1.0), 0.0)


def totals(values: Floats, rows: int) -> Floats:
    """(spells, n) sum of each `rows` rows that follow each other; what is not known adds nothing."""
    return _sums(np.where(np.isfinite(values), values, 0.0), rows)


def reach(spells: Floats, single: Floats, rows: int) -> Floats:
    """(n,) what one usual spell in twenty reaches.

    Args:
        spells: (spells, n) the statistic of usual spells.
        single: (T, n) its rows; their deviation tells it where there are too few spells.
        rows: of a spell.
    """
    if len(spells) >= ENOUGH:
        found: Floats = np.quantile(spells, REACH, axis=0)
        return found
    _, scale = middle_and_scale(single)
    known = np.maximum(np.isfinite(single).sum(axis=0), 2)
    wider = stats.t.ppf(REACH, known - 1) * np.sqrt(1 + rows / known)  # few values: neither is known well
    computed: Floats = wider * np.nan_to_num(scale) * np.sqrt(rows)
    return computed


def surprise(normal: Floats, abnormal: Floats, sides: Floats, before: Floats) -> tuple[Floats, Floats, Floats]:
    """(n,) surprise, (w, n) deviations and (n,) their mean.

    Surprise is how often the spell's mean deviation doubles what one usual spell in twenty reaches; 0 below it. Where
    it is known what was just before, the change from that is compared with such changes: what only goes on did not
    begin now, and what drifts over hours is no sign.

    Args:
        normal: (T, n), oldest first.
        abnormal: (w, n).
        sides: (n,) +1: only higher counts, −1: only lower, 0: either.
        before: (k, n) the rows just before; k = 0: unknown.
    """
    middle, scale = middle_and_scale(normal)
    z, usual = deviations(abnormal, middle, scale), deviations(normal, middle, scale)
    rows, k = max(1, min(len(abnormal), len(normal))), len(before)
    shift = means(z, len(z))[0] if len(z) else np.zeros(normal.shape[1])
    spells, changed = means(usual, rows), shift
    if k and len(spells) - k >= ENOUGH:
        spells = spells[k:] - means(usual, k)[: len(spells) - k]
        changed = shift - means(deviations(before, middle, scale), k)[0]
    limit = reach(towards(spells, sides), usual, rows) / (1 if len(spells) >= ENOUGH else rows)
    is_known = np.isfinite(z).any(axis=0)
    beyond = towards(changed[None], sides)[0] / np.fmax(limit, LEAST_REACH)
    doubled: Floats = np.where(is_known, np.log2(np.fmax(beyond, 1.0)), 0.0)
    return doubled, z, shift


def onset(z: Floats) -> int | None:
    """Row at which what ends highest began: the cumulated sum beyond one deviation last left zero there (Page 1954)."""
    total, left, best, found = 0.0, 0, 0.0, None
    for row, value in enumerate(np.nan_to_num(z)):
        left = row if total <= 0 else left
        total = max(0.0, total + float(value) - 1.0)
        if total > best:
            best, found = total, left
    return found


def towards(values: Floats, sides: Floats) -> Floats:
    """Towards the side of trouble; both sides where either is."""
    return np.where(sides == 0, np.abs(values), sides * values)


def _sums(values: Floats, rows: int) -> Floats:
    if len(values) < rows:
        return np.zeros((0, values.shape[1]))
    run = np.concatenate([np.zeros((1, values.shape[1])), values.cumsum(axis=0)])
    sums: Floats = run[rows:] - run[:-rows]
    return sums
