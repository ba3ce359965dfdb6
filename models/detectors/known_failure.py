"""Answers that name their trouble: throttling, refused tokens, expired sessions, broken trust.

These need no past: a healthy connection shows none of them. One call may be chance (a token that ended between two
requests); two of the same kind are a pattern, as long as it goes on.
"""

from __future__ import annotations

import numpy as np

from models.anomaly import DetectionMethod
from models.detectors._columns import began_s
from models.panel import MOST, Panel, Verdicts

METHOD = DetectionMethod.SIGNATURE
LOOKED_AT = 15  # cycles over which calls of the kind are counted
GOES_ON = 3  # ... and how recent the latest must be: with few calls a cycle, not each of them meets it


def judge(panel: Panel) -> Verdicts:
    """Of every pattern's share of calls, whether it was met often enough lately."""
    found = Verdicts.silent(len(panel.series))
    rows = np.flatnonzero(panel.known("is_signature"))
    if not rows.size or not panel.values.shape[1]:
        return found
    shares, calls = np.nan_to_num(panel.values[rows, -LOOKED_AT:]), panel.weights[rows, -LOOKED_AT:]
    met = np.round(shares * calls)
    share = met.sum(axis=1) / np.maximum(calls.sum(axis=1), 1.0)
    limit = np.array([panel.metrics[row].limit for row in rows], dtype=float)
    limit = np.fmax(np.where(np.isnan(panel.limits[rows]), limit, panel.limits[rows]), 1e-9)
    speaks = (met.sum(axis=1) >= panel.known("fewest")[rows]) & (met[:, -GOES_ON:] > 0).any(axis=1)
    found.score[rows] = np.where(speaks, np.minimum(share / limit, MOST), 0.0)
    found.side[rows] = found.score[rows] > 1
    first = panel.values.shape[1] - met.shape[1] + np.argmax(met > 0, axis=1)
    found.since_s[rows] = np.where(found.score[rows] > 1, began_s(panel, first), np.nan)
    return found
