"""Likeness: how alike two courses are when one is shifted, and whether that is an accident.

It is the Pearson correlation of robust residuals, clipped by the caller. Ranks would forget how far the ten bad cycles
of 180 stand out and give 0.15 for two that jump together; clipped residuals give 0.8, and one wild value still moves
nothing. How many points it rests on follows from how slowly both change (Bartlett 1946, as in Pyper & Peterman 1998,
*Comparison of methods to account for autocorrelation*), and as the best of 31 shifts is taken, p must be that much
smaller (Bonferroni). It is proven only when it is there in both halves of what speaks for it: one common step proves
nothing by itself, whatever its correlation.
"""

from __future__ import annotations

import numpy as np
from scipy import stats

from models.panel import Flags, Floats, Ints

FARTHEST = 15  # cycles: a queue behind a slow server shows it within a quarter of an hour
ALIKE = 0.5  # the smallest correlation that counts; a quarter of the variance in common
CHANCE = 0.01  # of taking an accident for a correlation
LAGS = np.arange(-FARTHEST, FARTHEST + 1)


def shifted(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """(P, 31) correlation of each pair at each of `LAGS` (y behind x), and how many cycles both were measured."""
    found = [correlation(*overlap(x, y, np.full(len(x), lag))) for lag in LAGS]
    return np.column_stack([r for r, _ in found]), np.column_stack([n for _, n in found])


def overlap(x: Floats, y: Floats, lags: Ints) -> tuple[Floats, Floats]:
    """Each pair with the second drawn forward by its lag; NaN where it has no value there."""
    width = x.shape[1]
    at = np.arange(width) + lags[:, None]
    inside = (at >= 0) & (at < width)
    return x, np.where(inside, np.take_along_axis(y, np.clip(at, 0, max(width - 1, 0)), axis=1), np.nan)


def correlation(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """(P,) Pearson's r over the cycles that both were measured, and their number; 0 where nothing can be said."""
    u, v, n = centred(x, y)
    scale = np.sqrt((u * u).sum(axis=1) * (v * v).sum(axis=1))
    usable = (n > 2) & (scale > 1e-9)  # noqa: PLR2004  # any two points lie on a line
    return np.clip(np.where(usable, (u * v).sum(axis=1) / np.where(usable, scale, 1.0), 0.0), -1, 1), n


def centred(x: Floats, y: Floats) -> tuple[Floats, Floats, Floats]:
    """Both without their means over the cycles that both were measured, 0 elsewhere; and how many cycles."""
    both = ~(np.isnan(x) | np.isnan(y))
    n = both.sum(axis=1).astype(float)
    u, v = (np.where(both, one, 0.0) for one in (x, y))
    u, v = (np.where(both, one - (one.sum(axis=1) / np.maximum(n, 1))[:, None], 0.0) for one in (u, v))
    return u, v, n


def lasts(x: Floats, y: Floats) -> Flags:
    """(P,) whether a likeness is there in both halves of the evidence: one common step has only its first."""
    u, v, _ = centred(x, y)
    evidence = np.abs(u * v).cumsum(axis=1)
    is_first = evidence <= evidence[:, -1:] / 2
    r, _ = correlation(x, y)
    halves = (correlation(np.where(half, x, np.nan), y)[0] for half in (is_first, ~is_first))
    flags: Flags = np.min([half * np.sign(r) for half in halves], axis=0) >= ALIKE
    return flags


def autocorrelation(course: Floats) -> Floats:
    """(m, w // 4) correlation of each course with itself, 1, 2, … cycles later; gaps count as usual."""
    m, width = course.shape
    known = ~np.isnan(course)
    centre = np.where(known, course, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    flat = np.where(known, course - centre[:, None], 0.0)
    spectrum = np.fft.rfft(flat, n=2 * width, axis=1)
    power = np.fft.irfft(np.abs(spectrum) ** 2, axis=1)[:, : width // 4 + 1]
    variance = np.where(power[:, :1] > 0, power[:, :1], 1.0)
    memory: Floats = (power / variance)[:, 1:] if m else np.empty((0, width // 4))
    return memory


def effective(n: Floats, memory: Floats, other: Floats) -> Floats:
    """(P,) how many independent points n are, when each remembers the last ones (Bartlett 1946)."""
    lags = np.arange(1, memory.shape[1] + 1)
    taper = np.maximum(0.0, 1 - lags / np.maximum(n, 1)[:, None])
    inflation = 1 + 2 * (taper * memory * other).sum(axis=1)
    points: Floats = np.minimum(n, n / np.maximum(inflation, 1 / np.maximum(n, 1)))
    return points


def significant(r: Floats, points: Floats) -> Flags:
    """(P,) whether the best of all shifts is no accident, and says something."""
    freedom = np.maximum(points - 2, 0.1)
    t = np.abs(r) * np.sqrt(freedom / np.maximum(1 - r * r, 1e-9))
    p = 2 * stats.t.sf(t, freedom) * len(LAGS)
    flags: Flags = (points > 3) & (p < CHANCE) & (np.abs(r) >= ALIKE)  # noqa: PLR2004  # a line fits any two
    return flags
