"""No data where there was some: a selector that matches nothing, a metric that got another name, a source that is gone.

A gap is news when it is three times as long as the longest one of the panel, and at least three cycles; nothing is
assumed of how regularly a series comes. A series that somebody declared and that has no value at all is silent, too.
Silence that follows from something else is left to who tells of that: where calls fail, or nobody calls, nothing can
be measured of them (`threshold`, `zero`).
"""

from __future__ import annotations

import numpy as np

from models.anomaly import DetectionMethod
from models.detectors._columns import began_s, last_set, run_lengths
from models.panel import MOST, Flags, Held, Ints, Panel, Verdicts
from models.reading import Source
from models.series import ERROR_RATE, OF_READINGS, RECORDS, Series

METHOD = DetectionMethod.DEVIATION
TIMES = 3  # the longest gap of the panel
LEAST = 2.0  # cycles that may always be missing
FEWEST = 10  # values in the panel before their absence says anything


def judge(panel: Panel) -> Verdicts:
    """Of every gauge, of records, and of probing itself, whether the data have stopped."""
    found = Verdicts.silent(len(panel.series))
    rows = np.array([at for at, one in enumerate(panel.series) if is_heard(one)], dtype=np.int64)
    width = panel.values.shape[1]
    if not rows.size or not width:
        return found
    known = ~np.isnan(panel.values[rows])
    last = last_set(known)
    missing = width - 1 - last
    begun = np.maximum.accumulate(known, axis=1)
    within = np.arange(width) < last[:, None]
    longest = np.where(begun & within, run_lengths(~known), 0).max(axis=1)
    counts = (known.sum(axis=1) >= FEWEST) | (~known.any(axis=1) & np.isin(rows, panel.expected))
    score = np.where(counts, np.minimum(missing / (TIMES * longest + LEAST), MOST), 0.0)
    score[explained(panel, rows, missing)] = 0.0
    stands = score > 1
    found.score[rows] = score
    found.since_s[rows[stands]] = began_s(panel, np.minimum(last[stands] + 1, width - 1))
    return found.held_for(Held.CLOSED, is_traffic(panel) & ~panel.is_open)


def is_heard(one: Series) -> bool:
    """Whether the silence of a series would be news by itself."""
    is_probing = one.metric == ERROR_RATE and one.source == Source.PROBE and one.subject is None
    return one.metric not in OF_READINGS or one.metric == RECORDS or is_probing


def is_traffic(panel: Panel) -> Flags:
    """(n,) series of real traffic."""
    return np.array([one.source != Source.PROBE for one in panel.series], dtype=bool)


def explained(panel: Panel, rows: Ints, missing: Ints) -> Flags:
    """(m,) whether calls failed, or none were made, over the columns in which a series of readings is missing."""
    at = {(one.integration_id, one.source): nth for nth, one in enumerate(panel.series) if is_anchor(one)}
    told = np.zeros(len(rows), dtype=bool)
    asked = [nth for nth, row in enumerate(rows) if panel.series[row].metric == RECORDS and missing[nth] > LEAST]
    for nth in asked:
        one = panel.series[rows[nth]]
        anchor = at.get((one.integration_id, one.source))
        lately = slice(panel.values.shape[1] - int(missing[nth]), None)
        failures = 1.0 if anchor is None else np.nansum(panel.values[anchor, lately])
        calls = 0.0 if anchor is None else panel.weights[anchor, lately].sum()
        told[nth] = failures > 0 or calls == 0
    return told


def is_anchor(one: Series) -> bool:
    """Whether it tells how all calls of an integration and source fared."""
    return one.metric == ERROR_RATE and one.subject is None
