"""Describe: the verdicts on a panel in words, for the few series of which a detector speaks.

One anomaly for each such series. Its words are those of the detector that has most to say: a limit that somebody set
or a failure that names itself says what it is, and needs no comparison with the past; otherwise the loudest. The other
detectors that say so too are named beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType

import numpy as np

from models.anomaly import Anomaly, DetectionMethod, Trend, gravest
from models.anomaly_words import LATELY, Seen, words_of
from models.catalogue import load
from models.integration import Integration
from models.panel import Panel, Verdicts
from models.series import ERROR_RATE, Series
from models.severity import Impact, Judged, weigh
from models.trend import trends_of

ROOM = "models.detectors"
PLAIN = ("threshold", "known_failure")  # what they say needs no comparison

Verdict = Mapping[str, Verdicts]


def describe(
    panel: Panel,
    verdicts: Verdict,
    integrations: Iterable[Integration],
    as_of: datetime,
    affected: Callable[[str], tuple[str, ...]] | None = None,
    ailing: Mapping[Series, int] = MappingProxyType({}),
    burning: Container[str] = (),
) -> dict[str, list[Anomaly]]:
    """By integration, one anomaly for each series that speaks; the gravest first.

    Args:
        panel: what was judged.
        verdicts: by detector, as `models.detectors.judge_all` gives them.
        integrations: whose; series of others are left out.
        as_of: when it was judged.
        affected: the operations of an integration that fail, in the order of the configuration; None: all its reads.
        ailing: how many integrations ail of the same as a series, where that is more than its own.
        burning: the integrations whose error budget is spent so fast that somebody is called for it.
    """
    known = {one.id: one for one in integrations}
    loud = [(row, names) for row, names in speaking(verdicts) if panel.series[row].integration_id in known]
    rows = np.array([row for row, _ in loud], dtype=np.int64)
    sides = np.array([verdicts[names[0]].side[row] for row, names in loud])
    trends = trends_of(panel.values[rows, -LATELY:], sides >= 0)
    found: dict[str, list[Anomaly]] = {}
    for (row, names), trend in zip(loud, trends, strict=True):
        integration = known[panel.series[row].integration_id]
        seen = Seen(panel, row, names[0], verdicts[names[0]], touched(integration, panel.series[row], affected))
        impact = Impact(
            seen.operations,
            failing_share(panel, integration.id),
            as_of,
            is_burning=integration.id in burning,
            practices=ailing.get(panel.series[row], 1),
        )
        judged = weigh(integration, impact)
        found.setdefault(integration.id, []).append(anomaly_of(seen, judged, as_of, names, trend))
    return {name: sorted(several, key=gravest) for name, several in found.items()}


def speaking(verdicts: Verdict) -> Iterable[tuple[int, list[str]]]:
    """The rows of which somebody speaks, with the detectors' names, the one with most to say first."""
    if not verdicts:
        return
    names = sorted(verdicts)
    speaks = np.array([verdicts[name].speaks for name in names])
    for row in np.flatnonzero(speaks.any(axis=0)).tolist():
        mine = [name for at, name in enumerate(names) if speaks[at, row]]
        yield row, sorted(mine, key=lambda name: (name not in PLAIN, -float(verdicts[name].score[row]), name))


def touched(
    integration: Integration, series: Series, affected: Callable[[str], tuple[str, ...]] | None
) -> tuple[str, ...]:
    """The operations that the trouble of a series is about."""
    reads = tuple(read.operation for read in integration.reads)
    if series.subject in reads:
        return (series.subject,) if series.subject else ()
    return reads if affected is None else affected(integration.id)


def anomaly_of(seen: Seen, judged: Judged, as_of: datetime, names: Sequence[str], trend: Trend) -> Anomaly:
    """One series that speaks, in words."""
    words = words_of(seen)
    return Anomaly(
        integration_id=seen.series.integration_id,
        metric=seen.series.key,
        severity=judged.severity,
        why=judged.why,
        description=words.description,
        detection_method=method_of(seen.detector),
        baseline=words.baseline,
        current=words.current,
        first_observed=min(datetime.fromtimestamp(seen.since_s, UTC), as_of),
        observed_at=as_of,
        trend=trend,
        score=float(seen.verdicts.score[seen.row]),
        seen_by=tuple(names),
    )


def method_of(detector: str) -> DetectionMethod:
    """In which of the six ways a detector finds."""
    method: DetectionMethod = load(ROOM, detector).METHOD
    return method


def failing_share(panel: Panel, integration_id: str) -> float:
    """The failed share of an integration's calls lately, the worse of probes and real traffic."""
    cache: dict[str, float] = panel.__dict__.setdefault("_failing", {})
    if not cache:
        rows = [row for row in panel.rows(ERROR_RATE).tolist() if panel.series[row].subject is None]
        values, calls = panel.values[rows, -LATELY:], panel.weights[rows, -LATELY:]
        shares = np.nansum(values * calls, axis=1) / np.maximum(calls.sum(axis=1), 1.0)
        for row, share in zip(rows, shares.tolist(), strict=True):
            name = panel.series[row].integration_id
            cache[name] = max(share, cache.get(name, 0.0))
    return cache.get(integration_id, 0.0)
