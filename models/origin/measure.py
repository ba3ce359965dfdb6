"""Measure: what each node of a case shows, as the graph's arithmetic wants it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from models.origin.case import ADDS_UP, AVAILABILITY, FEWEST, LATENCY, REQUESTS, Case, Kind, kind_of
from models.origin.node import Ailing
from models.origin.shift import middle_and_scale, onset, reach, surprise, totals
from models.panel import Floats, Ints

TOLD = 3  # metrics of a node that are put into words


def measured(case: Case) -> Mapping[str, Ailing]:
    """What each node shows, of those of which something can be said.

    A node of which nothing usual is known, or that was never measured, is left out: trouble is looked for beyond it.
    """
    kinds = [kind_of(one.metric) for one in case.columns]
    sides = np.array([kind.side for kind in kinds], dtype=float)
    doubled, z, shift = surprise(case.normal, case.abnormal, sides, case.before)
    can_tell = np.isfinite(case.normal).sum(axis=0) >= FEWEST
    counts = {node: _requests(case, node) for node in case.nodes}
    some = [float(now.mean()) for _, now in filter(None, counts.values())]
    by_default = float(np.median(some)) if some else 1.0
    found: dict[str, Ailing] = {}
    for node, rows in case.rows.items():
        judged = [int(at) for at in rows if can_tell[at] and kinds[at] is not Kind.LOAD]
        if not judged:
            continue
        most = max(judged, key=lambda at: doubled[at])
        amount, doubt = _amount(case, node, counts[node], by_default)
        found[node] = Ailing(
            surprise=_own(case, rows[can_tell[rows]], kinds, doubled, shift),
            began_s=_began(case, node, most, z, shift),
            amount=amount,
            doubt=doubt,
            says=_told(case, judged, doubled, shift),
        )
    return found


def _own(case: Case, rows: Ints, kinds: Sequence[Kind], doubled: Floats, shift: Floats) -> float:
    """The surprise of a node without what those it calls, and those that call it, explain of it.

    Its latency is explained as far as that of its calls to others is as surprising; bytes and processor as far as the
    number of its requests is, when both went the same way. Of several statistics of one metric the most surprising
    counts, and metrics add up: a node of which everything is odd is odder.
    """
    best: dict[str, int] = {}
    for at in map(int, rows):
        metric = case.columns[at].metric
        best[metric] = at if metric not in best or doubled[at] > doubled[best[metric]] else best[metric]
    seen = max((doubled[at] for at in best.values() if kinds[at] is Kind.OF_CALLEES), default=0.0)
    asked = max((at for at in best.values() if kinds[at] is Kind.LOAD), key=lambda at: doubled[at], default=None)
    total = 0.0
    for at in best.values():
        less = seen if kinds[at] is Kind.LATENCY else 0.0
        if kinds[at] is Kind.OTHER and asked is not None and shift[at] * shift[asked] > 0:
            less = doubled[asked]
        if kinds[at] not in {Kind.LOAD, Kind.OF_CALLEES}:
            total += max(0.0, float(doubled[at] - less))
    return total


def _told(case: Case, judged: Sequence[int], doubled: Floats, shift: Floats) -> tuple[str, ...]:
    """The series that stand out, in words: that of the target's metric first, then the most surprising."""
    order = sorted(judged, key=lambda at: (case.columns[at].metric != case.metric, -doubled[at]))
    odd = {case.columns[at].metric: at for at in reversed(order) if doubled[at] > 0}  # of each metric the first
    return tuple(_says(case, at, shift) for at in list(reversed(odd.values()))[:TOLD])


def _requests(case: Case, node: str) -> tuple[Floats, Floats] | None:
    """(T,) and (w,) how many requests a node answered, usually and now; None: nobody counted."""
    at = case.column(node, REQUESTS, "Sum")
    if at is None or not np.isfinite(case.abnormal[:, at]).any():
        return None
    return np.nan_to_num(case.normal[:, at]), np.nan_to_num(case.abnormal[:, at])


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
    side = kind_of(case.metric).side
    away = side * np.column_stack([np.nan_to_num(normal - np.nanmedian(normal)) * usually])
    extra = side * np.nan_to_num(abnormal - np.nanmedian(normal)) * now
    rows = max(1, min(len(abnormal), len(normal)))
    return float(extra.sum()), float(max(0.0, reach(totals(away, rows), away, rows)[0]))


def _began(case: Case, node: str, best: int, z: Floats, shift: Floats) -> float | None:
    """When it began: as it is known, or the first row of what stands out, of the target's metric if it does."""
    if node in case.began_s:
        return case.began_s[node]
    at = case.column(node, case.metric, case.statistic, *ADDS_UP)
    at = best if at is None else at
    side = kind_of(case.columns[at].metric).side or (1 if shift[at] >= 0 else -1)
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
