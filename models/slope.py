"""Slope: how fast many series rise or fall, whether that is by chance, and how well a straight line tells it.

The slope is the median of all pairwise slopes (Theil 1950, Sen 1968), so that one odd point moves nothing; its
interval is Sen's, from the variance of the Mann-Kendall statistic (Mann 1945, Kendall 1975), which also tells whether
it may be chance. Everything is over n series at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

Z_INTERVAL = 1.959964  # two-sided 95 %
SCALE = 1.4826  # makes a median distance comparable with a standard deviation under normality
CHUNK = 2000  # series whose pairs are held at once


@dataclass(frozen=True)
class Slopes:
    """Of n series; NaN where fewer than two points are known."""

    per_s: Floats  # (n,) Theil-Sen slope, a second
    low: Floats  # (n,) 95 % interval of the slope
    high: Floats
    z: Floats  # (n,) Mann-Kendall statistic, standard normal without a trend; 0 for too few points
    level: Floats  # (n,) the line at time 0
    off: Floats  # (n,) median distance of the points from the line
    fit: Floats  # (n,) 1: every point lies on the line; 0: the line tells no more than the median does
    points: Ints  # (n,)
    rises: Ints  # (n,) pairs that rise less pairs that fall: Mann and Kendall's S


class Pairs(NamedTuple):
    """Every point of n series beside every later one, of k at most."""

    paces: Floats  # (n, k (k − 1) / 2) the slopes between them, ascending; NaN, which comes last, where one is unknown
    known: Ints  # (n,) how many slopes are known
    rises: Ints  # (n,) pairs that rise less pairs that fall: Mann and Kendall's S

    @property
    def middle(self) -> Floats:
        """(n,) the median slope: Theil and Sen's; NaN of nothing."""
        return ranked(self.paces, self.known, (self.known - 1) / 2)


def pairs_of(at_s: Floats, values: Floats) -> Pairs:
    """The pairs of each row.

    Args:
        at_s: (k,) or (n, k) ascending; slopes are per its unit.
        values: (n, k); NaN: no point.
    """
    earlier, later = np.triu_indices(values.shape[1], k=1)
    rise = values[:, later] - values[:, earlier]
    points = (~np.isnan(values)).sum(axis=1)
    rises = np.nansum(np.sign(rise), axis=1).astype(np.int64)
    return Pairs(np.sort(rise / (at_s[..., later] - at_s[..., earlier]), axis=1), points * (points - 1) // 2, rises)


def slopes(at_s: Floats, values: Floats) -> Slopes:
    """The trend of each row.

    Args:
        at_s: (k,) or (n, k) seconds, ascending; the line's level is told of second 0.
        values: (n, k); NaN: no point.
    """
    parts = [
        _slopes(np.broadcast_to(at_s, values.shape)[first : first + CHUNK], values[first : first + CHUNK])
        for first in range(0, max(len(values), 1), CHUNK)
    ]
    return Slopes(
        **{name: np.concatenate([getattr(part, name) for part in parts]) for name in Slopes.__dataclass_fields__}
    )


def _slopes(at_s: Floats, values: Floats) -> Slopes:
    pairs = pairs_of(at_s, values)
    points, rises = (~np.isnan(values)).sum(axis=1), pairs.rises
    deviation = np.sqrt(points * (points - 1) * (2 * points + 5) / 18)
    half = Z_INTERVAL * deviation / 2
    per_s = pairs.middle
    level = middle(values - per_s[:, None] * at_s)
    off = middle(np.abs(values - per_s[:, None] * at_s - level[:, None]))
    scatter = middle(np.abs(values - middle(values)[:, None]))
    return Slopes(
        per_s=per_s,
        low=ranked(pairs.paces, pairs.known, (pairs.known - 1) / 2 - half),
        high=ranked(pairs.paces, pairs.known, (pairs.known - 1) / 2 + half),
        z=np.where(points > 2, (rises - np.sign(rises)) / np.maximum(deviation, 1.0), 0.0),  # noqa: PLR2004  # of two, any rise
        level=level,
        off=off,
        fit=np.where(scatter > 0, 1 - off / np.where(scatter > 0, scatter, 1.0), 0.0),
        points=points,
        rises=rises,
    )


def ranked(ordered: Floats, count: Ints, rank: Floats) -> Floats:
    """(n,) the value at a rank from 0 to count − 1 of each sorted row, between its neighbours; NaN of nothing."""
    last = np.maximum(count - 1, 0)
    at = np.clip(rank, 0, last)
    rows, below = np.arange(len(ordered)), np.floor(at).astype(np.int64)
    if not ordered.shape[1]:
        return np.full(len(ordered), np.nan)
    low, high = ordered[rows, below], ordered[rows, np.minimum(below + 1, last)]
    found: Floats = np.where(count > 0, low + (at - below) * (high - low), np.nan)
    return found


def middle(values: Floats) -> Floats:
    """(n,) median of each row without its gaps."""
    count = (~np.isnan(values)).sum(axis=1)
    return ranked(np.sort(values, axis=1), count, (count - 1) / 2)
