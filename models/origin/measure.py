"""Measure: what each node of a case shows, as the graph's arithmetic wants it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from models.origin.case import ADDS_UP, AVAILABILITY, LATENCY, REQUESTS, SIDES, Case
from models.origin.node import Ailing
from models.origin.shift import FEWEST, middle_and_scale, onset, reach, surprise, totals
from models.panel import Floats

TOLD = 2  # series of a node that are put into words: the two most surprising


def measured(case: Case) -> Mapping[str, Ailing]:
    """What each node shows, of those of which something can be said.

    A node of which nothing usual is known, or that was never measured, is left out: trouble is looked for beyond it.
    """
    sides = np.array([SIDES.get(one.metric, 0) for one in case.columns], dtype=float)
    doubled, z, shift = surprise(case.normal, case.abnormal, sides)
    requests = {node: _requests(case, node) for node in case.nodes}
    some = [many for many in requests.values() if many is not None]
    by_default = float(np.median([np.nansum(many[1]) for many in some])) / max(1, len(case.abnormal)) if some else 1.0
    found: dict[str, Ailing] = {}
    for node, rows in case.rows.items():
        can_tell = np.isfinite(case.normal[:, rows]).sum(axis=0) >= FEWEST
        judged = [int(at) for at in rows[can_tell] if case.columns[at].metric != REQUESTS]
        if not judged:
            continue
        best = sorted(judged, key=lambda at: -doubled[at])
        amount, doubt = _amount(case, node, requests[node], by_default)
        found[node] = Ailing(
            surprise=float(doubled[best[0]]),
            began_s=_began(case, node, best[0], z, shift),
            amount=amount,
            doubt=doubt,
            requests=_many(requests[node], by_default, len(case.abnormal)),
            says=tuple(_says(case, at, shift) for at in best[:TOLD] if doubled[at] > 0),
        )
    return found


def _requests(case: Case, node: str) -> tuple[Floats, Floats] | None:
    """(T,) and (w,) how many requests a node answered, usually and now; None: nobody counted."""
    at = case.column(node, REQUESTS, "Sum")
    if at is None or not np.isfinite(case.abnormal[:, at]).any():
        return None
    return np.nan_to_num(case.normal[:, at]), np.nan_to_num(case.abnormal[:, at])


def _many(requests: tuple[Floats, Floats] | None, by_default: float, rows: int) -> float:
    return by_default * rows if requests is None else float(requests[1].sum())


def _amount(
    case: Case, node: str, requests: tuple[Floats, Floats] | None, by_default: float
) -> tuple[float | None, float]:
    """Extra seconds or failed requests of a node, and what a usual spell reaches; None: cannot be told.

    The extra time of n requests is n times the rise of their average: a percentile does not add up, an average does.
    """
    at = case.column(node, case.metric, *ADDS_UP, case.statistic)
    if case.metric not in {LATENCY, AVAILABILITY} or at is None:
        return None, 0.0
    normal, abnormal = case.normal[:, at], case.abnormal[:, at]
    if np.isfinite(normal).sum() < FEWEST:
        return None, 0.0
    usually, now = requests or (np.full(len(normal), by_default), np.full(len(abnormal), by_default))
    away = SIDES[case.metric] * np.column_stack([np.nan_to_num(normal - np.nanmedian(normal)) * usually])
    extra = SIDES[case.metric] * np.nan_to_num(abnormal - np.nanmedian(normal)) * now
    rows = max(1, min(len(abnormal), len(normal)))
    return float(extra.sum()), float(max(0.0, reach(totals(away, rows), away, rows)[0]))


def _began(case: Case, node: str, best: int, z: Floats, shift: Floats) -> float | None:
    """When it began: as it is known, or the first row of what stands out, of the target's metric if it does."""
    if node in case.began_s:
        return case.began_s[node]
    at = case.column(node, case.metric, case.statistic, *ADDS_UP)
    at = best if at is None else at
    side = SIDES.get(case.columns[at].metric, 0) or (1 if shift[at] >= 0 else -1)
    row = onset(side * z[:, at])
    return None if row is None else float(case.ends_s[row])


def _says(case: Case, at: int, shift: Floats) -> str:
    """E.g. `latency (Average) rose from 0.0134 to 0.235, 84.9 times its usual deviation`."""
    one = case.columns[at]
    middle, _ = middle_and_scale(case.normal[:, [at]])
    now = float(np.nanmean(case.abnormal[:, at]))
    went = "rose" if now > middle[0] else "fell"
    return (
        f"{one.metric} ({one.statistic}) {went} from {middle[0]:.4g} to {now:.4g}, "
        f"{abs(shift[at]):.1f} times its usual deviation"
    )
