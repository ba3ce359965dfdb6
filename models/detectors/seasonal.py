"""The latest value against what is usual at this hour: robust z, and the tail that such hours have shown.

Speaks beyond five robust deviations *and* a fifth as far again from the middle as the outermost values of the past (of
a waiting time, twice as far): a steady series makes any tremor significant, and one with a long tail goes five
deviations away every day. The z of a
share counts the chance of drawing calls besides. What the clean past has seen once scores no more than it may: such a
value is not believed sooner for being far. What nobody feels is held (`Metric.felt`): three milliseconds may be
ten deviations, and no one at a practice is slower for them.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from models.anomaly import DetectionMethod
from models.detectors._columns import deviating, onset_s, seen_spread
from models.panel import Flags, Floats, Held, Ints, Panel, Verdicts

METHOD = DetectionMethod.DEVIATION
Z_LIMIT = 5.0  # at 168 hours × dozens of series a day, 3.5 would speak of nothing every day
LATELY = 3  # cycles whose failed calls are counted before a share is believed
TAIL = 1.2  # of the way from the middle to the 0.5 % quantile on that side, which is passed every three hours
WAITING = 2.0  # ... of a waiting time: it passes twice that quantile with the square of its chance, once in four weeks
SEEN = 2.5  # the score at most of what the clean past has seen: below what two cycles in a row are believed for


def judge(panel: Panel) -> Verdicts:
    """Of every series whose usual is known, how far the latest value is from it, the wrong way."""
    if not panel.values.size:
        return Verdicts.silent(len(panel.series))
    usual = panel.usual
    off = panel.latest - usual.middle
    far = np.where(panel.known("is_waiting"), WAITING, TAIL)
    tail = far * np.where(off > 0, usual.high - usual.middle, usual.middle - usual.low)
    drawn = chance(panel)
    most = np.fmax(Z_LIMIT * np.fmax(panel.scale, drawn), tail)
    by_spread = np.abs(off) / np.fmax(Z_LIMIT * np.fmax(seen_spread(panel), drawn), tail)
    found = deviating(panel, off, by_spread, np.abs(off) / most, failed(panel))
    score = np.where(np.abs(off) <= usual.step, np.minimum(found.score, SEEN), found.score)
    held = np.fmax(found.held, learning(panel))
    return replace(found, score=score, held=held, since_s=since(panel, most, found.score > 1))


def chance(panel: Panel) -> Floats:
    """(n,) standard deviation that a share has because it is drawn from so few calls; 0 of what is no share."""
    share = np.clip(panel.usual.middle, 0.0, 1.0)
    drawn: Floats = np.sqrt(share * (1 - share) / np.maximum(panel.weights[:, -1], 1.0))
    return np.where(panel.known("is_share"), drawn, 0.0)


def failed(panel: Panel) -> Floats:
    """(n,) calls behind the latest shares: where few are made in a cycle, three may take two of them."""
    calls: Floats = np.nansum(np.round(panel.values[:, -LATELY:] * panel.weights[:, -LATELY:]), axis=1)
    return calls


def learning(panel: Panel) -> Ints:
    """(n,) held because nothing usual is known of a series that has a value."""
    blind = panel.usual.is_learning & ~np.isnan(panel.latest) & ~panel.known("is_signature")
    return np.where(blind, int(Held.LEARNING), int(Held.NOT)).astype(np.int64)


def since(panel: Panel, most: Floats, stands: Flags) -> Floats:
    """(n,) when the values began to lie felt and far from what is usual now, on the side on which they are."""
    rows = np.flatnonzero(stands)
    middle = panel.usual.middle[rows, None]
    signed = np.sign(panel.latest[rows, None] - middle) * (panel.values[rows] - middle)
    return onset_s(panel, signed >= np.fmax(most[rows] / 2, panel.felt[rows])[:, None], rows)
