"""What somebody would write without any of this: fixed limits, and three standard deviations. The measure to beat."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from models.panel import Course, Flags, Floats
from models.reading import Source
from models.series import Worse, metric_of
from tests.scores import Page

LAST, OF_THEM = 5, 3  # a rule fires when it holds in 3 of the last 5 cycles
QUIET = 5  # cycles without, before it can call anybody again
ERRORS, SLOW_MS, SILENT = 0.05, 2000.0, 5  # share of failed calls; latency; cycles without data
TRAILING, SIGMAS = 1440, 3.0  # a day, on which three standard deviations are taken


def lasting(flags: Flags, last: int = LAST, least: int = OF_THEM) -> Flags:
    """(n, T) whether a flag stands now and in so many of the last cycles."""
    total = np.cumsum(flags, axis=1, dtype=np.int32)
    total[:, last:] -= total[:, :-last].copy()
    held: Flags = (total >= least) & flags
    return held


def pages(course: Course, fires: Flags, first: int, detectors: tuple[str, ...] = ()) -> list[Page]:
    """One page per integration and spell; a spell ends after some quiet cycles.

    Args:
        course: the n series.
        fires: (n, T).
        first: the column that is cycle 0 of the month.
        detectors: named on every page.
    """
    found = []
    for site, rows in by_integration(course):
        spoken = fires[rows]
        at = np.flatnonzero(spoken.any(axis=0))
        for cycle in at[np.diff(at, prepend=-QUIET - 1) > QUIET].tolist():
            series = course.series[rows[int(spoken[:, cycle].argmax())]]
            found.append(Page(site, cycle - first, series.key, detectors))
    return found


def by_integration(course: Course) -> Iterator[tuple[str, npt.NDArray[np.int64]]]:
    """The rows of each integration."""
    names = np.array([one.integration_id for one in course.series])
    for name in dict.fromkeys(names.tolist()):
        yield name, np.flatnonzero(names == name)


def fixed(course: Course, limits: Mapping[tuple[str, str], float]) -> Flags:
    """(n, T) error rate above 5 %, latency above 2 s, queue at its limit, no data for five minutes.

    Args:
        course: the n series.
        limits: by integration and metric: what somebody knows a queue to hold.
    """
    fires = np.zeros(course.values.shape, dtype=bool)
    with np.errstate(invalid="ignore"):
        for nth, one in enumerate(course.series):
            values = course.values[nth : nth + 1]
            if one.metric == "error_rate":
                fires[nth] = lasting(values > ERRORS)[0]
                if one.source == Source.PROBE:
                    fires[nth] |= lasting(np.isnan(values), SILENT, SILENT)[0]
            elif one.metric == "latency":
                fires[nth] = lasting(values > SLOW_MS)[0]
            elif (one.integration_id, one.metric) in limits:
                fires[nth] = lasting(values >= limits[one.integration_id, one.metric])[0]
    return fires


def three_sigma(course: Course) -> Flags:
    """(n, T) further than three standard deviations from the mean of the day before, on the side that is worse."""
    fires = np.zeros(course.values.shape, dtype=bool)
    for nth, one in enumerate(course.series):
        values = course.values[nth]
        mean, deviation = _trailing(values)
        with np.errstate(invalid="ignore"):
            above, below = values > mean + SIGMAS * deviation, values < mean - SIGMAS * deviation
        worse = metric_of(one.metric).worse
        flags = {Worse.HIGHER: above, Worse.LOWER: below, Worse.EITHER: above | below}[worse]
        fires[nth] = lasting(flags[None, :])[0]
    return fires


def _trailing(values: Floats) -> tuple[Floats, Floats]:
    """(T,) mean and standard deviation of the day before each cycle; NaN while there is less than half a day."""
    known = ~np.isnan(values)
    filled = np.where(known, values - np.nanmean(values), 0.0)  # centred, or the sums of squares lose their digits
    sums: Sequence[Floats] = [
        np.concatenate(([0.0], np.cumsum(part))) for part in (known.astype(float), filled, filled**2)
    ]
    at = np.arange(len(values))
    count, total, squares = (part[at] - part[np.maximum(0, at - TRAILING)] for part in sums)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(count >= TRAILING / 2, total / count, np.nan)
        return mean + np.nanmean(values), np.sqrt(np.maximum(0.0, squares / count - mean**2))
