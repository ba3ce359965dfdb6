"""Trend labels of many series at once: Mann and Kendall's test, and the slope of Theil and Sen (`models.slope`).

The same test that `scipy.stats.kendalltau` makes against time, exact where no two values are equal and by the normal
approximation with its correction for ties elsewhere, for m short series in a few numpy calls: in an outage of
everything, tens of thousands of series need a label in one cycle.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from models.anomaly import Trend
from models.slope import pairs_of

SLOPE_P = 0.1  # the Mann-Kendall test's two-sided p below which a slope is believed
STEADY = 0.1  # relative change over the window that nobody would call a trend

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

FEWEST = 4  # τ of three points cannot reach p < 0.1
Z = NormalDist().inv_cdf(1 - SLOPE_P / 2)
AT_ONCE = 2048  # series: their pairs fit into a processor's cache


def trends_of(values: Floats, higher_is_worse: Flags) -> list[Trend]:
    """The label of each series.

    Args:
        values: (m, w) per equal time step, oldest first; NaN where there is none. Fewer than 4 are STABLE.
        higher_is_worse: (m,) whether growth is bad.
    """
    found: list[Trend] = []
    for first in range(0, len(values), AT_ONCE):
        signs = _changes(np.asarray(values[first : first + AT_ONCE], dtype=np.float64))
        worse = np.where(higher_is_worse[first : first + AT_ONCE], 1, -1) * signs
        found += [LABELS[sign] for sign in worse.tolist()]
    return found


LABELS = {1: Trend.WORSENING, 0: Trend.STABLE, -1: Trend.IMPROVING}


def _changes(values: Floats) -> npt.NDArray[np.int64]:
    """(m,) +1 where a series grows, and neither by chance nor by too little to call it so; −1 where it shrinks."""
    m, width = values.shape
    if width < FEWEST:
        return np.zeros(m, dtype=np.int64)
    order = np.argsort(~np.isfinite(values), axis=1, kind="stable")  # gaps last: steps are counted without them
    packed = np.take_along_axis(values, order, axis=1)
    packed = np.where(np.isfinite(packed), packed, np.nan)
    pairs = pairs_of(np.arange(width, dtype=np.float64), packed)
    known = np.isfinite(packed).sum(axis=1)
    change = np.nan_to_num(pairs.middle) * (known - 1)
    scale = np.maximum(np.nansum(np.abs(packed), axis=1) / np.maximum(known, 1), 1e-9)
    believed = (known >= FEWEST) & ~_is_chance(packed, pairs.rises, known) & (np.abs(change) >= STEADY * scale)
    return np.where(believed, np.sign(change), 0).astype(np.int64)


def _is_chance(packed: Floats, score: npt.NDArray[np.int64], known: npt.NDArray[np.int64]) -> Flags:
    """(m,) whether a series in no order would rise or fall as much in more than one case of ten."""
    equal = (packed[:, :, None] == packed[:, None, :]).sum(axis=2)  # NaN equals nothing
    tied = np.where(equal > 1, (equal - 1) * (2 * equal + 5), 0).sum(axis=1)
    n = known.astype(np.float64)
    spread = np.sqrt(np.maximum((n * (n - 1) * (2 * n + 5) - tied) / 18, 0.0))
    exact = np.array([least_score(many) for many in range(packed.shape[1] + 1)])[known]
    least = np.where(tied > 0, Z * spread, exact)
    return np.abs(score) < least


@lru_cache(maxsize=256)
def least_score(n: int) -> int:
    """The least |S| of n different values whose two-sided p is at most 0.1 by counting all orders; n² if none is.

    S is pairs that rise less those that fall. Of n! orders, so many have k falling pairs as the coefficients of
    Π (1 + x + … + xʲ) tell (Kendall 1938, *A New Measure of Rank Correlation*).

    >>> least_score(4), least_score(10)
    (6, 21)
    """
    ways: Sequence[int] = [1]
    for j in range(1, n):
        padded = [*ways, *[0] * j]
        sums = list(accumulate(padded))
        ways = [total - (sums[k - j - 1] if k > j else 0) for k, total in enumerate(sums)]
    total, pairs, tail = sum(ways), n * (n - 1) // 2, 0
    least = n * n
    for k, many in enumerate(ways):
        tail += many
        if 2 * tail > SLOPE_P * total or pairs - 2 * k <= 0:
            break
        least = pairs - 2 * k
    return least
