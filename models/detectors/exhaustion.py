"""What runs out: a series on its way to its limit, with the time that is left.

A queue that fills, a quota that is used up, a disk: each has a limit (`panel.limits`, or one that somebody declared),
and a pace. The pace is the Theil-Sen slope over the last 12, 24, 48, 96 or 168 cycles, whichever a straight line tells
best: a queue that began to fill half an hour ago must not be judged by the two quiet hours before. It speaks when

- the trend is no accident (Mann-Kendall) and straight enough;
- the limit is reached within the horizon of that metric, and the interval of that time is not wider than itself;
- the value is where it has not been within the panel: what fills and drains, drained from as high before;
- the value is not within what is usual at this hour: every queue grows in the morning.

Beyond the limit it is silent: that is the `threshold`'s to say.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.anomaly import DetectionMethod
from models.panel import MOST, Flags, Floats, Ints, Panel, Verdicts
from models.slope import SCALE, Z_INTERVAL, Slopes, middle, slopes

METHOD = DetectionMethod.PREDICTION
SPANS = (12, 24, 48, 96, 168)  # cycles
POINTS = 24  # at most, of each span: medians of 1, 2, 4 and 7 cycles
KNOWN = 2 / 3  # of them that must be there
CERTAIN_Z = 3.29  # two-sided p < 0.001: a thousand series are asked every minute
STRAIGHT = 0.75  # of the scatter that the line must tell
STRAIGHT_AT_ONCE = 0.9  # ... of the shortest span: a few points lie on a line soon
BENT = 0.1  # of the present rise, by which the end may lie off the line: while it bends, the pace is not known
NEW_HEIGHT = 0.25  # of the present rise, by which it must be beyond everything before
AT_THE_END = 2.0  # standard errors of a line at its end, in those of its middle
LATEST = 3  # cycles whose median is where it stands
WIDEST = 0.5  # half of the interval, as a share of the time left
HORIZON_S = 3600.0  # what is reached later is no business of tonight
HORIZONS_S = {  # of metrics that take longer to put right (models.resource.LIMITS)
    "disk_share": 24 * 3600.0,
    "disk_free_bytes": 24 * 3600.0,
}


@dataclass(frozen=True)
class Forecast:
    """When m series reach a limit; NaN: not on their way."""

    rows: Ints  # (m,) index of the series
    sides: Ints  # (m,) +1: the limit is above
    eta_s: Floats  # (m,) seconds from the end of the judged cycle
    soonest_s: Floats  # (m,) 95 % interval
    latest_s: Floats  # (m,) infinite where the trend may as well end
    since_s: Floats  # (m,) unix seconds from which on the line tells it


def judge(panel: Panel) -> Verdicts:
    """Of every series with a limit, whether it is reached soon, and when."""
    found = Verdicts.silent(len(panel.series))
    ahead = forecast(panel)
    horizon = np.array([HORIZONS_S.get(panel.series[row].metric, HORIZON_S) for row in ahead.rows.tolist()])
    speaking = np.flatnonzero(ahead.eta_s < horizon)
    for at in speaking[np.argsort(-ahead.eta_s[speaking], kind="stable")].tolist():  # of several limits, the nearest
        row, eta_s = int(ahead.rows[at]), float(ahead.eta_s[at])
        found.score[row] = min(horizon[at] / max(eta_s, 1.0), MOST)
        found.side[row], found.eta_s[row], found.since_s[row] = ahead.sides[at], eta_s, ahead.since_s[at]
    return found


def forecast(panel: Panel) -> Forecast:
    """When each limit is reached, of those series that are believed to be on their way."""
    rows, limits, sides = bounds(panel)
    nothing = np.full(len(rows), np.nan)
    ahead = Forecast(rows, sides, nothing, nothing.copy(), nothing.copy(), nothing.copy())
    width = panel.values.shape[1]
    if not len(rows) or width < SPANS[0]:
        return ahead
    values = sides[:, None] * panel.values[rows]  # towards the limit is up, for all of them
    limits = sides * limits
    alive = np.flatnonzero((values[:, -1] < limits) & ~_is_usual(panel, rows, sides))
    if not len(alive):
        return ahead
    span, trend = best_line(values[alive], panel.every_s)
    left, rise = limits[alive] - trend.level, trend.per_s * span * panel.every_s
    unsure = Z_INTERVAL * AT_THE_END * SCALE * trend.off / np.sqrt(np.maximum(trend.points, 1))
    eta, soonest, latest = (
        _until(limit, pace)
        for limit, pace in ((left, trend.per_s), (left - unsure, trend.high), (left + unsure, trend.low))
    )
    believed = (
        (left > 0)
        & _is_straight(trend, span)
        & (latest <= soonest + 2 * WIDEST * eta)
        & (np.abs(middle(values[alive, -LATEST:]) - trend.level) <= BENT * rise)
        & _is_new(values[alive], span, rise)
    )
    chosen = alive[believed]
    ahead.eta_s[chosen], ahead.soonest_s[chosen] = eta[believed], soonest[believed]
    ahead.latest_s[chosen] = latest[believed]
    ahead.since_s[chosen] = panel.ends_s[-1] - span[believed] * panel.every_s
    return ahead


def _until(left: Floats, pace: Floats) -> Floats:
    """(m,) seconds until what is left is gone; infinite where it does not get less."""
    seconds: Floats = np.where(pace > 0, np.maximum(left, 0.0) / np.where(pace > 0, pace, 1.0), np.inf)
    return seconds


def bounds(panel: Panel) -> tuple[Ints, Floats, Ints]:
    """(m,) series, limit and side of every limit that can be run into; shares of calls and patterns do not run out."""
    fills = ~panel.known("is_share") & ~panel.known("is_signature")
    plain = np.flatnonzero(~np.isnan(panel.limits) & fills)
    declared = np.flatnonzero(fills[panel.rules.rows]) if len(panel.rules.rows) else np.empty(0, dtype=np.int64)
    rows = np.concatenate([plain, panel.rules.rows[declared]])
    limits = np.concatenate([panel.limits[plain], panel.rules.limits[declared]])
    sides = np.concatenate([np.where(panel.side[plain] < 0, -1, 1), panel.rules.sides[declared]])
    return rows, limits, sides


def best_line(values: Floats, every_s: float) -> tuple[Ints, Slopes]:
    """For each row the span, in cycles, that a line tells best, and that line; second 0 is the judged cycle's end."""
    spans = [span for span in SPANS if span <= values.shape[1]]
    lines = [line(values[:, -span:], every_s) for span in spans]
    straight = [_is_straight(one, np.full(len(values), span)) for one, span in zip(lines, spans, strict=True)]
    fits = np.column_stack([np.where(is_so, one.fit, -np.inf) for one, is_so in zip(lines, straight, strict=True)])
    best = len(spans) - 1 - np.argmax(fits[:, ::-1], axis=1)  # of equals, the longest
    rows = np.arange(len(values))
    chosen = {
        name: np.column_stack([getattr(one, name) for one in lines])[rows, best] for name in Slopes.__dataclass_fields__
    }
    return np.array(spans)[best], Slopes(**chosen)


def _is_straight(trend: Slopes, span: Ints) -> Flags:
    """(m,) whether it goes up, not by chance, and along a line."""
    known = trend.points >= KNOWN * np.minimum(span, POINTS)
    flags: Flags = known & (trend.z > CERTAIN_Z) & (trend.fit >= np.where(span > SPANS[0], STRAIGHT, STRAIGHT_AT_ONCE))
    return flags


def line(values: Floats, every_s: float) -> Slopes:
    """The trend of the medians of equal parts of a span."""
    points = min(values.shape[1], POINTS)
    each = values.shape[1] // points
    at_s = (np.arange(points) - points + 1) * each * every_s - (each - 1) / 2 * every_s
    return slopes(at_s, middle(values.reshape(-1, each)).reshape(len(values), points))


def _is_usual(panel: Panel, rows: Ints, sides: Ints) -> Flags:
    """(m,) whether the latest value is no further towards the limit than this hour usually sees."""
    bound = np.where(sides > 0, panel.usual.high[rows], panel.usual.low[rows])
    return sides * (panel.latest[rows] - bound) <= 0


def _is_new(values: Floats, span: Ints, rise: Floats) -> Flags:
    """(m,) whether the end of the line is clearly beyond everything before it, as far back as the panel goes."""
    width = values.shape[1]
    before = np.where(np.arange(width) < width - span[:, None], values, -np.inf)
    highest = np.where(np.isnan(before), -np.inf, before).max(axis=1, initial=-np.inf)
    now = middle(values[:, -LATEST:])
    flags: Flags = now >= highest + NEW_HEIGHT * rise
    return flags
