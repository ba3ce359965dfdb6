"""Answers that name their trouble: throttling, refused tokens, expired sessions, broken trust.

These need no past: a healthy connection shows none of them. One call may be chance (a token that ended between two
requests); two of the same kind are a pattern, as long as it goes on.
"""

from __future__ import annotations

import numpy as np

from models.anomaly import Anomaly, Case, DetectionMethod, severity_of, trend_of
from models.detectors._columns import began_s
from models.facts import affected_operations
from models.panel import MOST, Panel, Verdicts
from models.reading import Outcome

METHOD = DetectionMethod.SIGNATURE
LOOKED_AT = 15  # cycles over which calls of the kind are counted
GOES_ON = 3  # ... and how recent the latest must be: with few calls a cycle, not each of them meets it


def judge(panel: Panel) -> Verdicts:
    """Of every pattern's share of calls, whether it was met often enough lately."""
    found = Verdicts.silent(len(panel.series))
    rows = np.flatnonzero(panel.known("is_signature"))
    if not rows.size:
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


FEWEST = 2  # calls; see above
LIMIT = 0.02  # share of calls from which the pattern is anomalous

PATTERNS: dict[str, tuple[str, frozenset[Outcome]]] = {
    "throttling": ("Rate limiting", frozenset({Outcome.THROTTLED})),
    "authentication": (
        "Authentication failures",
        frozenset({Outcome.UNAUTHENTICATED, Outcome.CREDENTIAL_REFUSED}),
    ),
    "authorization": ("Access denied", frozenset({Outcome.FORBIDDEN})),
    "trust": ("TLS handshakes refused", frozenset({Outcome.TLS_FAILED})),
    "content": ("Answers that are not data", frozenset({Outcome.MALFORMED, Outcome.SEMANTIC})),
}


def evaluate(case: Case) -> list[Anomaly]:
    """One anomaly for each pattern that the window shows."""
    return [anomaly for name in PATTERNS if (anomaly := match(case, name)) is not None]


def match(case: Case, name: str) -> Anomaly | None:
    """The anomaly of one pattern, if the window shows it often enough."""
    words, outcomes = PATTERNS[name]
    matched = [r for r in case.window.readings if r.outcome in outcomes]
    share = case.window.share_of(*outcomes)
    if len(matched) < FEWEST or share <= LIMIT:
        return None
    cycles = case.window.cycles(case.integration.probe_every)
    operations = affected_operations(case.integration, case.window)
    return Anomaly(
        integration_id=case.integration.id,
        metric=f"pattern:{name}",
        severity=severity_of(case.integration, operations, case.window.counts.error_rate),
        description=f"{words} on {', '.join(operations) or 'single calls'}",
        detection_method=DetectionMethod.SIGNATURE,
        baseline=f"none expected (limit {LIMIT:.0%} of calls)",
        current=f"{share:.1%} of {len(case.window.readings)} calls",
        first_observed=matched[0].observed_at,
        observed_at=case.as_of,
        trend=trend_of([cycle.share_of(*outcomes) for cycle in cycles]),
        score=share / LIMIT,
    )
