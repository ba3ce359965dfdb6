"""Signs: what the detectors' verdicts on a panel say of single series, for those few that speak."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import numpy as np

from models.anomaly import Severity
from models.panel import Flags, Held, Panel, Verdicts
from models.series import JOINT, Series
from models.sighting import Sign

UNKNOWN = (Held.LEARNING, Held.TOO_FEW, Held.CLOSED, Held.EXPECTED)  # held so, nobody can say how it is


def signs_of(
    panel: Panel, verdicts: Mapping[str, Verdicts], severity_of: Callable[[Series], Severity]
) -> tuple[Sign, ...]:
    """One sign for each series of which at least one detector speaks.

    Args:
        panel: the judged panel.
        verdicts: by the detector's name.
        severity_of: what it does to the practice.
    """
    if not verdicts:
        return ()
    names = sorted(verdicts)
    speaks = np.array([verdicts[name].speaks for name in names])
    return tuple(_sign(panel, verdicts, names, speaks, int(row), severity_of) for row in np.flatnonzero(speaks.any(0)))


def _sign(
    panel: Panel,
    verdicts: Mapping[str, Verdicts],
    names: list[str],
    speaks: Flags,
    row: int,
    severity_of: Callable[[Series], Severity],
) -> Sign:
    mine = [name for at, name in enumerate(names) if speaks[at, row]]
    loudest = max(mine, key=lambda name: float(verdicts[name].score[row]))
    known = [float(verdicts[name].since_s[row]) for name in mine]
    began_s = min((one for one in known if np.isfinite(one)), default=float(panel.ends_s[-1]) - panel.every_s)
    return Sign(
        series=panel.series[row],
        detectors=tuple(mine),
        score=float(verdicts[loudest].score[row]),
        side=int(verdicts[loudest].side[row]),
        severity=severity_of(panel.series[row]),
        since=datetime.fromtimestamp(began_s, UTC),
    )


def is_judged(panel: Panel, verdicts: Mapping[str, Verdicts]) -> Flags:
    """(n,) whether anything can be said of each series now.

    It cannot while there is no value, unless a detector speaks of that; nor while what would be said is held back
    because too little is known, nobody works, or it was agreed. A change too small to be felt is no trouble, and is.
    What has no values of its own can be judged when it was given a score: unmeasured, its score is 0.
    """
    speaks = np.zeros(len(panel.series), dtype=bool)
    valued = ~np.isnan(panel.latest)
    for row in panel.rows(JOINT):
        valued[row] = any(one.score[row] > 0 for one in verdicts.values())
    unknown = panel.in_maintenance | ~valued
    for one in verdicts.values():
        speaks |= one.speaks
        unknown |= (one.score > 1) & np.isin(one.held, UNKNOWN)
    flags: Flags = speaks | ~unknown
    return flags


def judged_in(panel: Panel, verdicts: Mapping[str, Verdicts]) -> Callable[[Series], bool]:
    """The same as a question about one series; one that is not in the panel was not judged."""
    flags = is_judged(panel, verdicts)
    at = {name: row for row, name in enumerate(panel.series)}
    return lambda series: series in at and bool(flags[at[series]])
