"""Whether a report contradicts itself: figures against counts, words against figures, times in order.

Every rule looks at the document alone, so a stranger can judge a file that he was sent.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from itertools import pairwise

from pydantic import ValidationError

from models.remedy import Outcome
from models.report.coherence import RULES as OF_SERVICE
from models.report.document import MonitoringReport
from models.report.form import Tally
from models.report.gaps import RULES as OF_GAPS
from models.report.status import NEARLY_ALL, Word
from models.wording import UNKNOWN, percent, stamp, volume

ANOMALY_ID = re.compile(r"ANM-\d{4}-\d{2}-\d{2}-\d{3,}")
BETTER = {Outcome.SUCCESSFUL, Outcome.PARTIAL, Outcome.MINIMAL}  # words that claim the rate did not rise
ROUNDED = 0.0051  # half of a unit in the last of two decimals

Rule = Callable[[MonitoringReport], Iterator[str]]


def check(document: object) -> list[str]:
    """Every contradiction in a parsed document, one sentence each; empty when it is consistent.

    A document of the wrong form is answered with what is wrong in its form, never with its values.
    """
    try:
        report = MonitoringReport.model_validate(document)
    except ValidationError as error:
        return [f"{'.'.join(map(str, e['loc'])) or 'document'}: {e['msg']}" for e in error.errors()]
    return [finding for rule in RULES for finding in rule(report)]


def rates_follow_from_counts(report: MonitoringReport) -> Iterator[str]:
    """The error rate is failed over all, in the same rounding."""
    figures = report.monitoring_report.metrics
    total = figures.successful_transactions + figures.failed_transactions
    expected = percent(figures.failed_transactions / total if total else None)
    if figures.error_rate != expected:
        yield (
            f"metrics.errorRate is {figures.error_rate}, but {figures.failed_transactions} failed of {total} "
            f"transactions is {expected}"
        )


def twins_agree(report: MonitoringReport) -> Iterator[str]:
    """A figure and its numeric twin say the same."""
    figures = report.monitoring_report.metrics
    size = figures.x_bytes_last_hour
    pairs = (
        ("availability", figures.availability, percent(figures.x_availability), figures.x_availability),
        ("errorRate", figures.error_rate, percent(figures.x_error_rate), figures.x_error_rate),
        ("dataVolumeLastHour", figures.data_volume_last_hour, volume(size or 0), size),
    )
    for name, shown, expected, twin in pairs:
        if twin is not None and shown != expected:
            yield f"metrics.{name} is {shown}, but its x- twin is {expected}"


def shares_are_shares(report: MonitoringReport) -> Iterator[str]:
    """No percentage is above 100."""
    figures = report.monitoring_report.metrics
    for name, shown in (("availability", figures.availability), ("errorRate", figures.error_rate)):
        if shown != UNKNOWN and float(shown[:-1]) > 100:  # noqa: PLR2004  # per cent
            yield f"metrics.{name} is {shown}: a share is at most 100%"


def status_follows_from_counts(report: MonitoringReport) -> Iterator[str]:
    """The word fits the recent calls it was judged by."""
    head = report.monitoring_report
    recent, limit, word = head.x_recent, head.x_error_limit, head.overall_status
    if recent is None or limit is None:
        return
    share, counted = rate(recent), f"{recent.failed} of {recent.total} recent calls failed"
    if recent.failed > recent.total:
        yield f"x-recent: {counted}"
    elif not recent.total and word is not Word.UNKNOWN:
        yield f"overallStatus is {word}, but there are no recent calls: it must be {UNKNOWN}"
    elif word is Word.HEALTHY and share > limit:
        yield f"overallStatus is HEALTHY, but {counted} (limit {percent(limit)})"
    elif word is Word.DOWN and share < NEARLY_ALL:
        yield f"overallStatus is DOWN, but only {counted}"
    elif word is Word.DEGRADED and recent.total and share >= NEARLY_ALL:
        yield f"overallStatus is DEGRADED, but {counted}: it must be DOWN"


def anomalies_are_in_order(report: MonitoringReport) -> Iterator[str]:
    """Ids are well formed and unique; nothing was observed after the report."""
    at = report.monitoring_report.timestamp
    ids = [anomaly.id for anomaly in report.anomalies if anomaly.id is not None]
    yield from (f"anomaly id {id_!r} is not of the form ANM-YYYY-MM-DD-NNN" for id_ in ids if not is_id(id_))
    yield from (f"anomaly id {id_} is used {ids.count(id_)} times" for id_ in sorted(set(ids)) if ids.count(id_) > 1)
    for place, anomaly in enumerate(report.anomalies):
        yield from later(f"anomalies.{place}.firstObserved", anomaly.first_observed, "the report", at)


def is_id(text: str) -> bool:
    """Whether it has the form of an anomaly's id."""
    return ANOMALY_ID.fullmatch(text) is not None


def actions_are_in_order(report: MonitoringReport) -> Iterator[str]:
    """Attempts lie between the beginning of the trouble and the report; automatic ones to come after it."""
    at, began = report.monitoring_report.timestamp, beginning(report)
    for place, attempt in enumerate(report.remediation_actions.attempted_actions):
        name = f"attemptedActions.{place}.timestamp"
        yield from later(name, attempt.timestamp, "the report", at)
        if began is not None:
            yield from later("the beginning of the trouble", began, name, attempt.timestamp)
    for place, pending in enumerate(report.remediation_actions.pending_actions):
        if pending.automatic_execution and pending.scheduled_time < at:
            due = stamp(pending.scheduled_time)
            yield f"pendingActions.{place} was due at {due}, but is neither executed nor withdrawn"


def beginning(report: MonitoringReport) -> datetime | None:
    """When the trouble began: the incident's start, else the first anomaly's; None when neither is there."""
    if report.x_incident is not None:
        return report.x_incident.started_at
    return min((anomaly.first_observed for anomaly in report.anomalies), default=None)


def incident_is_in_order(report: MonitoringReport) -> Iterator[str]:
    """Started, restored, resolved, reported: in this order."""
    incident = report.x_incident
    if incident is None:
        return
    known = [
        ("x-incident.startedAt", incident.started_at),
        ("x-incident.restoredAt", incident.restored_at),
        ("x-incident.resolvedAt", incident.resolved_at),
        ("the report", report.monitoring_report.timestamp),
    ]
    times = [(name, at) for name, at in known if at is not None]
    for (name, at), (next_name, next_at) in pairwise(times):
        yield from later(name, at, next_name, next_at)


def outcomes_follow_from_counts(report: MonitoringReport) -> Iterator[str]:
    """An attempt that is said to have helped did not raise the error rate."""
    for place, attempt in enumerate(report.remediation_actions.attempted_actions):
        before, after = attempt.x_before, attempt.x_after
        if before is None or after is None:
            continue
        if attempt.outcome in BETTER and rate(after) > rate(before):
            yield (
                f"attemptedActions.{place} is {attempt.outcome}, but the error rate rose from "
                f"{percent(rate(before))} to {percent(rate(after))}"
            )


def confidence_is_the_leading_hypothesis(report: MonitoringReport) -> Iterator[str]:
    """The stated confidence belongs to the most probable hypothesis."""
    analysis = report.diagnostic_results.root_cause_analysis
    shares = [hypothesis.probability for hypothesis in analysis.x_hypotheses or ()]
    if shares and abs(analysis.confidence - shares[0]) > ROUNDED:
        yield f"confidence is {analysis.confidence}, but the leading hypothesis has {shares[0]}"
    if shares != sorted(shares, reverse=True):
        yield "x-hypotheses are not in the order of their probability"


def escalation_is_complete(report: MonitoringReport) -> Iterator[str]:
    """A call for a human names somebody."""
    details = report.escalation_details
    if details.requires_escalation and not details.relevant_contact_groups:
        yield "requiresEscalation is true, but no contact group is named"


def backlog_adds_up(report: MonitoringReport) -> Iterator[str]:
    """No more reads are processed or waiting than were ever queued."""
    backlog = report.x_backlog
    if backlog is not None and backlog.processed + backlog.waiting > backlog.queued:
        yield (
            f"x-backlog: {backlog.processed} processed and {backlog.waiting} waiting are more than the "
            f"{backlog.queued} queued"
        )


def later(name: str, at: datetime, than: str, limit: datetime) -> Iterable[str]:
    """The contradiction when one time lies after another that must not precede it."""
    return [f"{name} ({stamp(at)}) lies after {than} ({stamp(limit)})"] if at > limit else []


def rate(tally: Tally) -> float:
    """Failed share in [0, 1]; 0 of 0 is 0."""
    return tally.failed / tally.total if tally.total else 0.0


RULES: tuple[Rule, ...] = (
    rates_follow_from_counts,
    twins_agree,
    shares_are_shares,
    status_follows_from_counts,
    anomalies_are_in_order,
    actions_are_in_order,
    incident_is_in_order,
    outcomes_follow_from_counts,
    confidence_is_the_leading_hypothesis,
    escalation_is_complete,
    backlog_adds_up,
    *OF_GAPS,
    *OF_SERVICE,
)
