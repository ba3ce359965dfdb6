"""Hours: what series were in each hour, from values that lie in a grid of cycles.

A value has its place at once, so that nothing is looked up and nothing compared: adding up twenty million calls costs
what a few numpy calls over them cost. A grid is (series, hours, sixes, 6): the cycles of an hour in rows of six, as
`models.panel.Usual.level` wants them; where a cycle had no value, or an hour no such cycle, it is NaN.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Reals = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

HOUR_S = 3600
SIX = 6  # cycles of which a median stays apart from a single odd one
NEVER = np.float32(np.nan)
FEW = 3  # cycles; see `shares`
# Which two of six to put in order, one after another, until all are (Knuth 1998, *The Art of Computer Programming* 3,
# section 5.3.4: there is no shorter way). Twelve comparisons of whole columns cost a tenth of sorting every row.
NETWORK = ((0, 5), (1, 3), (2, 4), (1, 2), (3, 4), (0, 3), (2, 5), (0, 1), (2, 3), (4, 5), (1, 2), (3, 4))


@dataclass(frozen=True)
class Grid:
    """How the cycles of a span lie in hours."""

    first: int  # the first cycle: unix seconds // seconds per cycle
    begins_s: Ints  # (h,) unix seconds at which each hour begins
    place: Ints  # (w,) of each cycle of the span, in hours of `sixes` rows
    sixes: int

    @property
    def hour(self) -> int:
        """Places of one hour."""
        return self.sixes * SIX

    @property
    def size(self) -> int:
        """Places of one series."""
        return len(self.begins_s) * self.hour

    def hours_of(self, values: Reals) -> Reals:
        """(n, h, places of an hour) of n series, from their places one after another."""
        return values.reshape(-1, len(self.begins_s), self.hour)


def grid(since_s: float, until_s: float, every_s: float, shift_s: int = 0) -> Grid:
    """The grid of a span; a cycle belongs to the hour in which it begins.

    Args:
        since_s: unix seconds; the first cycle holds it.
        until_s: the last cycle holds the instant before it.
        every_s: seconds per cycle.
        shift_s: by how much local hours begin before whole UTC hours (`models.slot.shift_s`).

    >>> grid(0.0, 7200.0, 900.0).place.tolist()
    [0, 1, 2, 3, 16, 17, 18, 19]
    """
    first = int(since_s // every_s)
    cycles = np.arange(first, max(first + 1, int(-(-until_s // every_s))), dtype=np.int64)
    hour = (np.rint(cycles * every_s).astype(np.int64) + shift_s) // HOUR_S
    known, opens, nth = np.unique(hour, return_index=True, return_inverse=True)
    row = cycles // SIX - cycles[opens][nth] // SIX
    sixes = int(row.max()) + 1
    return Grid(first, known * HOUR_S - shift_s, (nth * sixes + row) * SIX + cycles % SIX, sixes)


class Hours(NamedTuple):
    """What m hours were: of the values of their cycles."""

    n: Ints  # (m,) cycles with a value; 0: nothing is known, and the rest is NaN
    low: Reals
    q25: Reals
    median: Reals
    q75: Reals
    high: Reals
    bottom: Reals  # the least median of six cycles in a row
    top: Reals  # the greatest

    def shaped(self, shape: tuple[int, ...]) -> Hours:
        """The same hours, otherwise arranged."""
        return Hours(*(one.reshape(shape) for one in self))  # type: ignore[arg-type]  # a tuple of two kinds


def added_up(values: Reals) -> Hours:
    """What hours were.

    Args:
        values: (…, places of an hour), NaN where there is none.

    >>> found = added_up(np.array([1, 2, 3, 4, 5, 60], np.float32))
    >>> [float(one) for one in found]
    [6.0, 1.0, 2.25, 3.5, 4.75, 60.0, 3.5, 3.5]
    """
    flat = values.reshape(-1, values.shape[-1])
    ordered = np.sort(flat, axis=1)  # NaN last
    n = flat.shape[1] - np.count_nonzero(np.isnan(flat), axis=1)
    six = median_of_six(flat.reshape(-1, SIX)).reshape(len(flat), flat.shape[1] // SIX)
    return Hours(
        n,
        ordered[:, 0],
        quantile(ordered, n, 0.25),
        quantile(ordered, n, 0.5),
        quantile(ordered, n, 0.75),
        highest(ordered, n),
        np.fmin.reduce(six, 1),
        np.fmax.reduce(six, 1),
    ).shaped(values.shape[:-1])


def quantile(ordered: Reals, n: Ints, share: float) -> Reals:
    """(m,) a quantile of the first n of each row, between its neighbours in proportion (Hyndman & Fan 1996, type 7)."""
    row, at = np.arange(len(ordered)), share * np.maximum(n - 1, 0)
    below = at.astype(np.int64)
    low, high = ordered[row, below], ordered[row, np.minimum(below + 1, np.maximum(n - 1, 0))]
    found: Reals = low + (at - below).astype(np.float32) * (high - low)
    return found


def highest(ordered: Reals, n: Ints) -> Reals:
    """(m,) the last that is a value."""
    found: Reals = ordered[np.arange(len(ordered)), np.maximum(n - 1, 0)]
    return found


def median_of_six(values: Reals) -> Reals:
    """(m,) the medians of rows of six; NaN where a row is empty."""
    columns = [np.ascontiguousarray(values[:, at]) for at in range(SIX)]
    for one, other in NETWORK:  # NaN in one makes both NaN: such rows come below
        columns[one], columns[other] = (
            np.minimum(columns[one], columns[other]),
            np.maximum(columns[one], columns[other]),
        )
    found: Reals = (columns[2] + columns[3]) * np.float32(0.5)
    lacking = np.flatnonzero(np.isnan(found))
    if lacking.size:
        rows = np.sort(values[lacking], axis=1)
        n = SIX - np.count_nonzero(np.isnan(rows), axis=1)
        found[lacking] = quantile(rows, n, 0.5)
    return found


@dataclass(frozen=True)
class Places:
    """Where m values lie; several of them may share a place."""

    at: Ints  # (m,) in [0, size)
    size: int

    @cached_property
    def many(self) -> Ints:
        """(size,) how many lie at each."""
        return np.bincount(self.at, minlength=self.size)

    @cached_property
    def is_shared(self) -> Flags:
        """(m,) whether others lie there too."""
        return (self.many > 1)[self.at] if (self.many > 1).any() else np.zeros(len(self.at), dtype=bool)

    def medians(self, values: Reals, *, least: bool = False) -> Reals:
        """(size,) the median of the m values at each place, or the least; NaN where there is none (and NaN is none).

        >>> Places(np.array([0, 2, 2, 2]), 3).medians(np.array([1, 7, 5, np.nan], np.float32)).tolist()
        [1.0, nan, 6.0]
        """
        found = np.full(self.size, NEVER)
        if not self.is_shared.any():
            found[self.at] = values
            return found
        found[self.at[~self.is_shared]] = values[~self.is_shared]
        shared = np.flatnonzero(self.is_shared & ~np.isnan(values))
        order = shared[np.lexsort((values[shared], self.at[shared]))]
        at, ordered = self.at[order], values[order]
        begins = np.flatnonzero(np.diff(at, prepend=-1))
        last = np.diff(begins, append=len(at)) - 1
        middle = (ordered[begins + last // 2] + ordered[begins + (last + 1) // 2]) / 2
        found[at[begins]] = ordered[begins] if least else middle
        return found


def shares(calls: Ints, failed: Ints, kinds: Mapping[str, Ints], hour: int) -> dict[str, Hours]:
    """What the shares of calls were that ended in some way, by its name.

    Where next to nothing failed, shares need no sorting: fewer than three cycles of an hour, and than a quarter of
    them, move neither a quartile nor a median of six; only the greatest value is not zero.

    Args:
        calls: (m hours × places of an hour,) calls at each place.
        failed: places of calls that failed, one for each.
        kinds: by name, places of calls that ended so; of those that failed.
        hour: places of an hour.
    """
    n = np.count_nonzero(calls.reshape(-1, hour), axis=1)
    failing = np.bincount(np.unique(failed) // hour, minlength=len(n))
    is_calm = (failing < FEW) & (4 * failing < n)
    return {name: _share(calls, places, hour, n, is_calm) for name, places in kinds.items()}


def _share(calls: Ints, places: Ints, hour: int, n: Ints, is_calm: Flags) -> Hours:
    at, many = np.unique(places, return_counts=True)
    values = (many / calls[at]).astype(np.float32)
    found = Hours(n, *(np.where(n > 0, np.float32(0), NEVER) for _ in range(7)))
    np.maximum.at(found.high, at // hour, values)
    rows = np.flatnonzero(~is_calm & (np.bincount(at // hour, minlength=len(n)) > 0))
    row_of = np.full(len(n), -1)
    row_of[rows] = np.arange(len(rows))
    mine = row_of[at // hour] >= 0
    dense = np.where(calls.reshape(-1, hour)[rows] > 0, np.float32(0), NEVER)
    dense[row_of[at[mine] // hour], at[mine] % hour] = values[mine]
    for field, exact in zip(found, added_up(dense), strict=True):
        field[rows] = exact  # type: ignore[index]  # arrays of two kinds
    return found
