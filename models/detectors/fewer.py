"""Fewer calls than there should be: real traffic that falls off, counted over five and over fifteen cycles.

A minute with two calls instead of six is nothing; fifteen such minutes are thirty calls where ninety were usual. Asked
is how likely so few are where calls come as in the quietest such hour of the past (Poisson), for the hours of one slot
are not alike. Half of the usual must be gone besides, for nobody feels less (`Metric.felt`). Answers to probes tell of
the same records again and again, which makes no sum of them: that is the business of `level` and `zero`.
"""

from __future__ import annotations

import numpy as np

from models.anomaly import DetectionMethod
from models.detectors._columns import began_s
from models.panel import MOST, Floats, Held, Ints, Panel, Verdicts
from models.reading import Source

METHOD = DetectionMethod.DEVIATION
SPANS = (5, 15)  # cycles
CHANCE = 1e-6  # of so few in the quietest such hour
KNOWN = 0.8  # of a span that must have been measured
EXTREME = 1.65  # standard deviations of one cycle by which the least median of six of many lies below: 3.3 of its own


def judge(panel: Panel) -> Verdicts:
    """Of every count of real traffic whose usual is known, whether too little has come for some time."""
    found = Verdicts.silent(len(panel.series))
    counted = panel.known("is_count") & (panel.side <= 0)
    rows = np.array([at for at in np.flatnonzero(counted).tolist() if is_traffic(panel, at)], dtype=np.int64)
    for span in SPANS:
        if rows.size and panel.values.shape[1] >= span:
            note(found, panel, rows, span)
    return found.held_for(Held.CLOSED, panel.known("is_daytime") & ~panel.is_open)


def is_traffic(panel: Panel, at: int) -> bool:
    """Whether each cycle of a series counts something new."""
    return panel.series[at].metric == "calls" and panel.series[at].source != Source.PROBE


def note(found: Verdicts, panel: Panel, rows: Ints, span: int) -> None:
    """What the last cycles of one span say, where it is louder than what the others said."""
    from scipy.stats import poisson  # noqa: PLC0415  # a tenth of a second, and most panels hold no traffic

    values, usual = panel.values[rows, -span:], panel.usual.of(rows)
    known = (~np.isnan(values)).sum(axis=1)
    seen = np.nansum(values, axis=1)
    lost = usual.middle - seen / np.maximum(known, 1)
    asked = (known >= KNOWN * span) & (lost >= panel.felt[rows]) & (usual.middle > 0)
    chance = poisson.logcdf(seen[asked], known[asked] * quietest(usual.middle, usual.bottom)[asked])
    score = np.minimum(chance / np.log(CHANCE), MOST)
    at = rows[asked][score > found.score[rows[asked]]]
    found.score[at] = score[score > found.score[rows[asked]]]
    found.side[at] = np.where(found.score[at] > 1, -1, 0)
    found.since_s[at] = began_s(panel, np.full(len(at), panel.values.shape[1] - span))


def quietest(middle: Floats, bottom: Floats) -> Floats:
    """(m,) calls a cycle in the quietest such hour: of whose medians of six the least was `bottom`."""
    least = np.nan_to_num(bottom)
    rate: Floats = ((EXTREME + np.sqrt(EXTREME**2 + 4 * least)) / 2) ** 2
    return np.minimum(middle, rate)
