"""What became better or worse between two reports of one integration."""

from __future__ import annotations

from collections.abc import Iterator

from models.errors import BadInput
from models.report.document import Metrics, MonitoringReport
from models.report.status import Word
from models.wording import UNKNOWN

HEALTH = (Word.DOWN, Word.DEGRADED, Word.HEALTHY)  # worst first; the other words are not on this scale


def compare(earlier: MonitoringReport, later: MonitoringReport) -> list[str]:
    """One sentence per difference, each beginning with `improved`, `worsened` or `changed`.

    Raises:
        BadInput: when they are not of the same integration, or not in the order of time.
    """
    before, after = earlier.monitoring_report, later.monitoring_report
    if before.integration_id != after.integration_id:
        raise BadInput("These reports are of two integrations; compare two reports of the same one.")
    if before.timestamp > after.timestamp:
        raise BadInput("The first report is the later one; give the earlier report first.")
    return [
        *status_change(before.overall_status, after.overall_status),
        *figures(before.metrics, after.metrics),
        *comings_and_goings(earlier, later),
    ]


def status_change(before: Word, after: Word) -> Iterator[str]:
    """The overall word."""
    if before is after:
        return
    judged = before in HEALTH and after in HEALTH
    better = judged and HEALTH.index(after) > HEALTH.index(before)
    yield f"{verdict(better=better) if judged else 'changed'}: overallStatus {before} → {after}"


def figures(before: Metrics, after: Metrics) -> Iterator[str]:
    """The figures for which there is a good direction."""
    rows: tuple[tuple[str, float | None, float | None, str, bool], ...] = (
        ("availability", share(before.availability), share(after.availability), "%", True),
        ("averageLatency", before.average_latency, after.average_latency, "ms", False),
        ("errorRate", share(before.error_rate), share(after.error_rate), "%", False),
    )
    for name, old, new, unit, more_is_better in rows:
        if old is None or new is None:
            if old is not new:
                yield f"changed: {name} {shown(old, unit)} → {shown(new, unit)}"
        elif old != new:
            better = (new > old) == more_is_better
            yield f"{verdict(better=better)}: {name} {shown(old, unit)} → {shown(new, unit)}"


def comings_and_goings(earlier: MonitoringReport, later: MonitoringReport) -> Iterator[str]:
    """Anomalies by id, the cause, and the attempts made since."""
    old = {anomaly.id: anomaly.description for anomaly in earlier.anomalies}
    new = {anomaly.id: anomaly.description for anomaly in later.anomalies}
    yield from (f"improved: anomaly {id_} is gone ({says})" for id_, says in old.items() if id_ not in new)
    yield from (f"worsened: anomaly {id_} is new ({says})" for id_, says in new.items() if id_ not in old)
    was = earlier.diagnostic_results.root_cause_analysis
    now = later.diagnostic_results.root_cause_analysis
    if was.determined_cause != now.determined_cause:
        yield f"changed: determinedCause {was.determined_cause} → {now.determined_cause}"
    known = {(attempt.action, attempt.timestamp) for attempt in earlier.remediation_actions.attempted_actions}
    for attempt in later.remediation_actions.attempted_actions:
        if (attempt.action, attempt.timestamp) not in known:
            yield f"changed: attempted {attempt.action} - {attempt.outcome}"


def verdict(*, better: bool) -> str:
    """The first word of a sentence."""
    return "improved" if better else "worsened"


def share(percentage: str) -> float | None:
    """`3.8%` → 3.8; None when unknown."""
    return None if percentage == UNKNOWN else float(percentage[:-1])


def shown(value: float | None, unit: str) -> str:
    """A figure with its unit."""
    return UNKNOWN if value is None else f"{value:g}{unit}"
