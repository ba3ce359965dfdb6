"""Values against a limit that somebody set: raised late, cleared later, so that it does not flap.

Raised when the value was beyond the limit for so many cycles in a row (two, unless a rule says more), with enough
failed calls between them where it is a share of calls; cleared when it was back beyond a second level for two cycles:
half of the limit for shares, a tenth inside of it for anything else. Between the two levels nothing changes. Cycles
without data neither raise nor clear.

The state is worked out anew from the panel each time, as the last of all raising and clearing events in it.
"""

from __future__ import annotations

import numpy as np

from models.anomaly import DetectionMethod
from models.detectors._columns import began_s, last_set, packed, run_lengths
from models.panel import MOST, Flags, Floats, Ints, Panel, Rules, Verdicts

METHOD = DetectionMethod.THRESHOLD
FOR_CYCLES = 2  # a single bad cycle stays observed
CLEAR_CYCLES = 2
CLEAR_SHARE = 0.5  # of the limit, where it is a share of calls
CLEAR_INSIDE = 0.1  # of the limit, where it is anything else
FRESH = 15  # cycles after which a limit that nobody measures any more stands no longer: `silence` speaks instead
STANDS = 1.01  # the least score while it is raised and the value wanders between the two levels


def judge(panel: Panel) -> Verdicts:
    """Of every series with a limit, whether the alarm stands in the newest cycle, and since when."""
    found = Verdicts.silent(len(panel.series))
    rules = Rules.joined(plain(panel), panel.rules)
    if not len(rules.rows) or not panel.values.shape[1]:
        return found
    since = raised_since(panel, rules)
    at = np.flatnonzero(since >= 0)
    score = scores(panel, rules, at, since[at])
    for nth in np.argsort(score, kind="stable").tolist():  # of several rules of a series, the worst comes last
        row, rule = int(rules.rows[at[nth]]), at[nth]
        found.score[row], found.side[row] = score[nth], rules.sides[rule]
        found.since_s[row] = began_s(panel, since[at[nth] : at[nth] + 1])[0]
    return found


def plain(panel: Panel) -> Rules:
    """The limits that came without levels of their own; a pattern's are `known_failure`'s."""
    rows = np.flatnonzero(~np.isnan(panel.limits) & ~panel.known("is_signature"))
    limits, sides = panel.limits[rows], np.where(panel.side[rows] < 0, -1, 1)
    clears = default_clear(limits, sides, panel.known("is_share")[rows])
    return Rules(rows, limits, clears, sides, np.full(len(rows), FOR_CYCLES))


def default_clear(limits: Floats, sides: Ints, is_share: Flags) -> Floats:
    """(m,) the level at which an alarm is cleared, where nobody wrote one."""
    inside: Floats = limits - sides * CLEAR_INSIDE * np.abs(limits)
    return np.where(is_share & (sides > 0), CLEAR_SHARE * limits, inside)


def raised_since(panel: Panel, rules: Rules) -> Ints:
    """(m,) the column in which the alarm that still stands began; −1 where none stands."""
    order, values, calls = packed(panel, rules.rows)
    width = values.shape[1]
    sides, known = rules.sides[:, None], ~np.isnan(values)
    over = known & (sides * (values - rules.limits[:, None]) > 0)
    back = known & (sides * (values - rules.clears[:, None]) <= 0)
    enough = behind(panel, rules, np.where(over, values, 0.0), calls) >= panel.known("fewest")[rules.rows][:, None]
    raising = (run_lengths(over) >= rules.cycles[:, None]) & enough
    cleared = last_set(run_lengths(back) >= CLEAR_CYCLES)
    since_then = raising & (np.arange(width) > cleared[:, None])
    first = np.argmax(since_then, axis=1) - rules.cycles + 1
    column = np.take_along_axis(order, np.maximum(first, 0)[:, None], axis=1)[:, 0]
    fresh = ~np.isnan(panel.values[rules.rows, -FRESH:]).all(axis=1)
    return np.where(since_then.any(axis=1) & fresh, column, -1)


def behind(panel: Panel, rules: Rules, over: Floats, calls: Floats) -> Floats:
    """(m, w) calls beyond the limit in as many cycles as raise it: the failed ones where it is a share."""
    counted = np.where(panel.known("is_share")[rules.rows][:, None], np.round(over * calls), calls)
    summed = np.cumsum(np.pad(counted, ((0, 0), (1, 0))), axis=1)
    upto = np.arange(1, over.shape[1] + 1)
    before = np.take_along_axis(summed, np.maximum(upto - rules.cycles[:, None], 0), axis=1)
    found: Floats = summed[:, 1:] - before
    return found


def scores(panel: Panel, rules: Rules, at: Ints, since: Ints) -> Floats:
    """(k,) how far beyond, of standing alarms: 1 + distance in limits; of a share, over all calls since it began."""
    rows, limits = rules.rows[at], rules.limits[at]
    values, calls = panel.values[rows], panel.weights[rows]
    counts = (np.arange(values.shape[1]) >= since[:, None]) & ~np.isnan(values)
    pooled = np.where(counts, values * calls, 0.0).sum(axis=1) / np.maximum((counts * calls).sum(axis=1), 1.0)
    latest = values[np.arange(len(rows)), last_set(~np.isnan(values))]
    value = np.where(panel.known("is_share")[rows], pooled, latest)
    unit = np.maximum(np.abs(limits), np.fmax(panel.known("noise")[rows], 1e-9))
    found: Floats = np.clip(1 + rules.sides[at] * (value - limits) / unit, STANDS, MOST)
    return found
