"""Scores: every series near or above 1 on the one scale, and what keeps those quiet that are above it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from models.panel import Held, Panel, Verdicts
from models.series import Series
from models.wording import counted

NEAR = 0.8  # from here on it is worth a look
ABOVE, BELOW = "above", "below"


class Scored(NamedTuple):
    """One series, as the loudest detector sees it now."""

    series: Series
    score: float
    detectors: tuple[str, ...]  # those that speak; none: it is held, or near
    loudest: str
    current: str  # as a person reads it
    usual: str
    held: str  # why it is kept quiet, in a sentence; empty: it is not, or is below 1

    @property
    def speaks(self) -> bool:
        """Whether it counts as odd."""
        return bool(self.detectors)


def scores(panel: Panel, verdicts: Mapping[str, Verdicts], least: float = NEAR) -> tuple[Scored, ...]:
    """The series of a panel whose highest score is at least so high, the highest first."""
    if not verdicts:
        return ()
    names = sorted(verdicts)
    all_scores = np.array([verdicts[name].score for name in names])
    speaks = np.array([verdicts[name].speaks for name in names])
    top = np.where(speaks.any(0), np.where(speaks, all_scores, 0.0).max(0), all_scores.max(0))
    rows = np.flatnonzero(top >= least)
    found = (_scored(panel, verdicts, names, int(row)) for row in rows[np.argsort(-top[rows], kind="stable")])
    return tuple(found)


def _scored(panel: Panel, verdicts: Mapping[str, Verdicts], names: list[str], row: int) -> Scored:
    loud = [name for name in names if verdicts[name].speaks[row]]
    loudest = max(loud or names, key=lambda name: float(verdicts[name].score[row]))
    score = float(verdicts[loudest].score[row])
    held = Held(int(verdicts[loudest].held[row]))
    return Scored(
        series=panel.series[row],
        score=score,
        detectors=tuple(loud),
        loudest=loudest,
        current=_value(panel, row, float(panel.latest[row])),
        usual=_value(panel, row, float(panel.usual.middle[row])),
        held=_reason(panel, row, held) if score > 1 else "",
    )


def _value(panel: Panel, row: int, value: float) -> str:
    return "–" if np.isnan(value) else panel.metrics[row].reads.format(value=value)


def _reason(panel: Panel, row: int, held: Held) -> str:
    """E.g. `3ms above the usual is 10 deviations, but smaller than anybody feels (100ms)`."""
    off = float(panel.latest[row] - panel.usual.middle[row])
    if held is not Held.NOT_FELT or np.isnan(off):
        return held.says
    side, many = ABOVE if off > 0 else BELOW, round(abs(off) / _deviation(panel, row))
    shift, felt = _value(panel, row, abs(off)), _value(panel, row, float(panel.felt[row]))
    return f"{shift} {side} the usual is {counted(many, 'deviation')}, but {held.says} ({felt})"


def _deviation(panel: Panel, row: int) -> float:
    """The spread that was seen; the one that is believed, where the series never moved."""
    seen = float(panel.usual.spread[row])
    return seen if np.isfinite(seen) and seen > 0 else float(panel.scale[row])
