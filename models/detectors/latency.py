"""Latency of each operation against what this hour of this week usually looks like.

The median of the last three cycles is compared with the median and MAD of the baseline (robust z). Speaks
only beyond six robust deviations *and* when it is at least 50 % and 100 ms slower: a steady series makes any
tremor significant, but nobody at a practice feels three milliseconds (below a tenth of a second an answer
seems immediate: Nielsen 1993, *Usability Engineering*, chapter 5).
"""

from __future__ import annotations

from statistics import median

from models.anomaly import Anomaly, Case, DetectionMethod, severity_of, trend_of
from models.baseline import Baseline, deviation, usual
from models.integration import Read
from models.reading import Window

CYCLES = 3
FEWEST_CALLS = 3
Z_LIMIT = 6.0  # at 168 hours × dozens of series a day, 3.5 would speak of nothing every day
SLOWER_SHARE, SLOWER_MS = 0.5, 100.0


def evaluate(case: Case) -> list[Anomaly]:
    """One anomaly for each operation that is unusually slow."""
    cycles = case.window.cycles(case.integration.probe_every)[-CYCLES:]
    if not cycles:
        return []
    recent = case.window.between(cycles[0].since, case.window.until)
    found = (judge(case, read, recent.of(read.operation)) for read in case.integration.reads)
    return [anomaly for anomaly in found if anomaly is not None]


def judge(case: Case, read: Read, recent: Window) -> Anomaly | None:
    """The anomaly of one operation, if its latency is unusual."""
    latencies = [r.latency_ms for r in recent.readings if r.outcome.is_ok and r.latency_ms is not None]
    ordinary = usual(case.baselines, read.operation, recent.until, case.integration.timezone)
    if len(latencies) < FEWEST_CALLS or ordinary.is_learning or ordinary.median_ms is None:
        return None
    now = median(latencies)
    score = deviation(now, ordinary) / Z_LIMIT
    if score <= 1 or not is_felt(now, ordinary.median_ms):
        return None
    return describe(case, read, ordinary, now, score)


def is_felt(now_ms: float, usual_ms: float) -> bool:
    """Whether the difference is large enough to matter to anyone."""
    return now_ms - usual_ms >= max(SLOWER_MS, SLOWER_SHARE * usual_ms)


def describe(case: Case, read: Read, ordinary: Baseline, now_ms: float, score: float) -> Anomaly:
    """The anomaly in words, with both values."""
    cycles = [c.of(read.operation).latencies_ms() for c in case.window.cycles(case.integration.probe_every)]
    first = next(
        (c.since for c in case.window.cycles(case.integration.probe_every) if slow(c, read, ordinary)),
        case.window.since,
    )
    return Anomaly(
        integration_id=case.integration.id,
        metric=f"latency:{read.operation}",
        severity=severity_of(case.integration, (read.operation,), case.window.counts.error_rate),
        description=f"Increased latency in {read.operation}",
        detection_method=DetectionMethod.DEVIATION,
        baseline=f"{ordinary.median_ms or 0:.0f}ms median response time ({ordinary.basis})",
        current=f"{now_ms:.0f}ms median response time",
        first_observed=first,
        observed_at=case.as_of,
        trend=trend_of([median(values) for values in cycles if values]),
        score=score,
    )


def slow(cycle: Window, read: Read, ordinary: Baseline) -> bool:
    """Whether one cycle by itself was unusually slow for this operation."""
    latencies = cycle.of(read.operation).latencies_ms()
    return bool(latencies) and is_felt(median(latencies), ordinary.median_ms or 0.0)
