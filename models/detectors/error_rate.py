"""Error rate against the limit of the SLA: raised late, cleared later, so that it does not flap.

Raised when the rate was above the limit for two cycles in a row, with at least three failed calls between
them; cleared when it was below half of the limit for two cycles. Between the two levels nothing changes.
"""

from __future__ import annotations

from collections.abc import Sequence

from models.anomaly import Anomaly, Case, DetectionMethod, severity_of, trend_of
from models.baseline import usual
from models.facts import affected_operations
from models.reading import Counts, Window

FOR_CYCLES = 2  # a single bad cycle stays observed
FEWEST_FAILURES = 3  # one failed call of three at night is no incident (spec: escalation, 6)
CLEAR_SHARE = 0.5  # of the limit


def evaluate(case: Case) -> list[Anomaly]:
    """One anomaly while the threshold is raised, else none."""
    cycles = case.window.cycles(case.integration.probe_every)
    limit = case.integration.sla.error_rate
    since = raised_since([cycle.counts for cycle in cycles], limit)
    if since is None:
        return []
    bad = case.window.between(cycles[since].since, case.window.until)
    rate = bad.counts.error_rate
    operations = affected_operations(case.integration, bad)
    first_bad = next(r.observed_at for r in bad.readings if not r.outcome.is_ok)
    return [
        Anomaly(
            integration_id=case.integration.id,
            metric="error_rate",
            severity=severity_of(case.integration, operations, rate),
            description=f"Error rate exceeds its limit in {', '.join(operations) or 'single calls'}",
            detection_method=DetectionMethod.THRESHOLD,
            baseline=f"{ordinary_rate(case):.1%} usual error rate (limit {limit:.0%})",
            current=f"{rate:.1%} of {bad.counts.total} calls failed",
            first_observed=first_bad,
            observed_at=case.as_of,
            trend=trend_of([cycle.counts.error_rate for cycle in cycles]),
            score=rate / limit if limit else float(bad.counts.failed),
        )
    ]


def raised_since(cycles: Sequence[Counts], limit: float) -> int | None:
    """Index of the cycle in which the alarm that still stands began; None when none stands."""
    raised: int | None = None
    for index in range(FOR_CYCLES, len(cycles) + 1):
        latest = cycles[index - FOR_CYCLES : index]
        if raised is None and is_raised(latest, limit):
            raised = index - FOR_CYCLES
        elif raised is not None and all(c.error_rate <= CLEAR_SHARE * limit for c in latest):
            raised = None
    return raised


def is_raised(latest: Sequence[Counts], limit: float) -> bool:
    """Whether these cycles in a row are all above the limit, on enough failures."""
    return all(c.error_rate > limit for c in latest) and sum(c.failed for c in latest) >= FEWEST_FAILURES


def ordinary_rate(case: Case) -> float:
    """The usual error rate of this hour over all declared reads; 0 while it is being learned."""
    rates = [
        usual(case.baselines, read.operation, case.window.until, case.integration.timezone).error_rate
        for read in case.integration.reads
    ]
    return sum(rates) / len(rates)


def is_bad(cycle: Window, limit: float) -> bool:
    """Whether one cycle by itself keeps the connection from being usable."""
    return cycle.counts.error_rate > limit
