"""Counts that should not be zero: no appointment at ten o'clock on a working Tuesday.

The conditional test of two Poisson rates (`models.volume`; Przyborowski & Wilenski 1940), at zero: with
d such hours behind a usual rate of λ a cycle, k cycles in a row bring nothing with probability (d / (d + 1)) ^ (d λ k),
which is exp(−λ k) where much is known and larger where little is. Where counts scatter more than Poisson allows, they
are divided by the dispersion. Answers tell of the same records again and again, so an hour of them counts as one.
"""

from __future__ import annotations

import numpy as np

from models.anomaly import DetectionMethod
from models.detectors._columns import began_s, last_set
from models.panel import MOST, Floats, Held, Ints, Panel, Verdicts
from models.series import RECORDS

METHOD = DetectionMethod.DEVIATION
CHANCE = 1e-6  # that an ordinary hour is as empty: thousands of series are asked each minute
HOUR_S = 3600.0


def judge(panel: Panel) -> Verdicts:
    """Of every count whose usual is known, how unlikely it is that nothing came."""
    found = Verdicts.silent(len(panel.series))
    rows = np.flatnonzero(panel.known("is_count") & (panel.side <= 0))
    if not rows.size or not panel.values.shape[1]:
        return found
    values, usual = panel.values[rows], panel.usual.of(rows)
    first = last_set(values > 0) + 1  # gaps in a row of zeros are bridged
    empty = (values == 0) & (np.arange(values.shape[1]) >= first[:, None])
    many = np.where(values[:, -1] == 0, empty.sum(axis=1), 0)
    days = np.maximum(usual.days, 1)
    dispersion = np.maximum(1.0, panel.scale[rows] ** 2 / np.maximum(usual.middle, 1e-9))
    surprise = days * usual.middle * independent(panel, rows, many) / dispersion * np.log1p(1 / days)
    score = np.nan_to_num(np.minimum(surprise / -np.log(CHANCE), MOST))
    found.score[rows] = score
    found.side[rows] = np.where(score > 1, -1, 0)
    stands = score > 1
    found.since_s[rows[stands]] = began_s(panel, np.argmax(empty[stands], axis=1))
    return found.held_for(Held.CLOSED, ~panel.is_open)


def independent(panel: Panel, rows: Ints, many: Ints) -> Floats:
    """(m,) how many cycles tell of something new: each that counts calls; of records the first, then one an hour."""
    told_again = np.array([panel.series[row].metric == RECORDS for row in rows], dtype=bool)
    of_records = np.where(many > 0, 1 + (many - 1) * panel.every_s / HOUR_S, 0.0)
    fresh: Floats = np.where(told_again, of_records, many.astype(float))
    return fresh
