"""Answers that name their trouble: throttling, refused tokens, expired sessions, broken trust.

These need no baseline: a healthy connection shows none of them. One call may be chance (a token that ended
between two requests); two in a row of the same kind are a pattern.
"""

from __future__ import annotations

from models.anomaly import Anomaly, Case, DetectionMethod, severity_of, trend_of
from models.facts import affected_operations
from models.reading import Outcome

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
