"""The document from the story. Nothing is computed here that the story does not hold."""

from __future__ import annotations

from collections.abc import Mapping

from models.anomaly import Anomaly, Severity
from models.diagnosis import INCONCLUSIVE, Diagnosis, Hypothesis, band
from models.escalation import Escalation, contact_groups
from models.evidence import references
from models.incident import Incident
from models.integration import Contacts
from models.loss import Loss, loss_of
from models.remedy import Action, ActionState, Outcome, impact
from models.report.compared import reconciliation_entry
from models.report.covered import coverage_entry
from models.report.document import (
    NONE,
    NOT_DIAGNOSED,
    SCHEMA_VERSION,
    AdjustmentEntry,
    AnomalyEntry,
    AttemptEntry,
    BacklogEntry,
    Diagnostics,
    EscalationDetails,
    HypothesisEntry,
    IncidentEntry,
    Metrics,
    Monitoring,
    MonitoringReport,
    NotAttempted,
    PendingEntry,
    Reasoned,
    Remediation,
    RootCause,
    RuledOut,
)
from models.report.gaps import gap_entry
from models.report.serving import (
    alert_entry,
    availability_entry,
    downtime_entry,
    objective_entry,
    operation_entry,
    slots,
    stability_entry,
    tally,
)
from models.report.status import status_of
from models.signature import FaultDomain
from models.story import Backlog, Story
from models.tuning import Adjustment
from models.wording import percent, volume

SHOWN = 5  # hypotheses; those behind them are below a few per cent

WITHOUT_WORD = {  # an attempt that ended before it could be judged
    ActionState.FAILED: Outcome.WORSE.value,
    ActionState.UNKNOWN: "UNKNOWN",
    ActionState.NEEDS_HUMAN: "UNKNOWN",
    ActionState.ROLLED_BACK: "ROLLED_BACK",
    ActionState.ROLLBACK_FAILED: "ROLLBACK_FAILED",
}


def build_report(story: Story) -> MonitoringReport:
    """The published document of one story."""
    loss = loss_of(story.backlog, story.gaps)
    return MonitoringReport(
        monitoring_report=monitoring(story),
        anomalies=tuple(anomaly_entry(anomaly) for anomaly in story.anomalies),
        diagnostic_results=diagnostics(story.incident),
        remediation_actions=remediation(story),
        escalation_details=escalation_details(story),
        x_schema_version=SCHEMA_VERSION,
        x_incident=incident_entry(story.incident),
        x_backlog=backlog_entry(story.backlog),
        x_gaps=tuple(map(gap_entry, story.gaps)) or None,
        x_no_data_loss=None if loss is None else loss is Loss.NONE,
        x_availability=tuple(map(availability_entry, story.availability)) or None,
        x_objectives=tuple(map(objective_entry, story.budgets)) or None,
        x_operations=tuple(map(operation_entry, story.speeds)) or None,
        x_stability=stability_entry(story.stability),
        x_reconciliation=tuple(map(reconciliation_entry, story.reconciled)) or None,
        x_coverage=coverage_entry(story.coverage),
        x_time_compression=None if story.speed == 1.0 else story.speed,
        x_generated_history=story.generated_history or None,
    )


def monitoring(story: Story) -> Monitoring:
    """The head: status and metrics."""
    status = status_of(story)
    return Monitoring(
        timestamp=story.as_of,
        integration_id=story.integration.id,
        overall_status=status.word,
        metrics=metrics(story),
        x_status=Reasoned(rule=status.rule, says=status.says),
        x_recent=tally(story.recent),
        x_error_limit=story.integration.sla.error_rate,
        x_since=story.totals.since,
        x_until=story.totals.until,
        x_alerts=tuple(alert_entry(alert) for alert in story.alerts if alert.stands) or None,
        x_maintenance=downtime_entry(story.downtime),
    )


def metrics(story: Story) -> Metrics:
    """The figures; what was not measured is UNKNOWN, and never 0% or 100%."""
    totals = story.totals
    rate = totals.counts.error_rate if totals.counts.total else None
    latency = totals.mean_latency_ms
    return Metrics(
        availability=percent(totals.availability),
        average_latency=None if latency is None else round(latency),
        error_rate=percent(rate),
        data_volume_last_hour=volume(story.last_hour_bytes),
        active_connections=story.connections,
        successful_transactions=totals.counts.succeeded,
        failed_transactions=totals.counts.failed,
        x_availability=totals.availability,
        x_slots=slots(totals),
        x_error_rate=rate,
        x_bytes_last_hour=story.last_hour_bytes,
    )


def anomaly_entry(anomaly: Anomaly) -> AnomalyEntry:
    """One finding."""
    return AnomalyEntry(
        id=anomaly.id,
        severity=anomaly.severity,
        description=anomaly.description,
        detection_method=anomaly.detection_method,
        baseline=anomaly.baseline,
        current=anomaly.current,
        first_observed=anomaly.first_observed,
        trend=anomaly.trend,
        x_metric=anomaly.metric,
        x_score=round(anomaly.score, 2),
        x_observed_at=anomaly.observed_at,
    )


def diagnostics(incident: Incident | None) -> Diagnostics:
    """What is behind it, or a word that says why nothing was determined."""
    diagnosis = incident.diagnosis if incident else None
    if diagnosis is None:
        return undetermined(NOT_DIAGNOSED if incident else NONE)
    cause = root_cause(diagnosis, references(incident.id, diagnosis) if incident else {})
    return Diagnostics(root_cause_analysis=cause, related_factors=diagnosis.related_factors)


def undetermined(why: str) -> Diagnostics:
    """No cause at all."""
    nothing = RootCause(confidence=0, determined_cause=why, evidence_points=(), affected_components=())
    return Diagnostics(root_cause_analysis=nothing, related_factors=())


def root_cause(diagnosis: Diagnosis, refs: Mapping[tuple[str, str], str]) -> RootCause:
    """The cause with everything that was weighed; `confidence` is the leading hypothesis's."""
    return RootCause(
        confidence=diagnosis.confidence,
        determined_cause=diagnosis.says if diagnosis.is_conclusive else INCONCLUSIVE,
        evidence_points=tuple(piece.says for piece in diagnosis.evidence),
        affected_components=diagnosis.affected_components,
        x_evidence_refs=tuple(refs.get((piece.kind, piece.says), "") for piece in diagnosis.evidence),
        x_cause=diagnosis.cause,
        x_band=band(diagnosis.confidence),
        x_fault_domain=diagnosis.fault_domain,
        x_hypotheses=tuple(hypothesis_entry(h) for h in diagnosis.hypotheses[:SHOWN]),
        x_ruled_out=tuple(
            RuledOut(cause=h.cause, because=h.killed_by.says) for h in diagnosis.ruled_out if h.killed_by
        ),
    )


def hypothesis_entry(hypothesis: Hypothesis) -> HypothesisEntry:
    """One cause that was weighed."""
    return HypothesisEntry(
        cause=hypothesis.cause,
        says=hypothesis.says,
        probability=hypothesis.probability,
        supported_by=tuple(piece.says for piece in hypothesis.evidence if piece.supports),
        contradicted_by=tuple(piece.says for piece in hypothesis.evidence if not piece.supports),
    )


def remediation(story: Story) -> Remediation:
    """What was done, what is to come, and what was considered and not done."""
    refused = tuple(not_attempted(a) for a in story.actions if a.executed_at is None and not a.is_open)
    active = tuple(adjustment_entry(a) for a in story.adjustments if a.is_active(story.as_of))
    return Remediation(
        attempted_actions=tuple(attempt_entry(a) for a in attempted(story)),
        pending_actions=tuple(
            PendingEntry(
                action=pending.action,
                estimated_impact=pending.estimated_impact,
                prerequisites=pending.prerequisites,
                automatic_execution=pending.automatic,
                scheduled_time=pending.scheduled_at,
            )
            for pending in story.pending
        ),
        x_not_attempted=refused or None,
        x_adjustments=active or None,
    )


def attempted(story: Story) -> tuple[Action, ...]:
    """The actions that were really executed, oldest first."""
    done = [action for action in story.actions if action.executed_at is not None]
    return tuple(sorted(done, key=lambda action: action.executed_at or action.planned_at))


def attempt_entry(action: Action) -> AttemptEntry:
    """One attempt with its measured outcome."""
    effect = action.effect
    return AttemptEntry(
        action=action.says,
        timestamp=action.executed_at or action.planned_at,
        outcome=outcome_word(action),
        impact=impact_of(action),
        x_id=action.id,
        x_remedy=action.remedy,
        x_state=action.state,
        x_before=tally(effect.before) if effect else None,
        x_after=tally(effect.after) if effect else None,
        x_interval=(round(effect.interval[0], 4), round(effect.interval[1], 4)) if effect else None,
    )


def outcome_word(action: Action) -> str:
    """The outcome, or what became of an attempt that ended before it could be judged."""
    if action.outcome is Outcome.PENDING:
        return WITHOUT_WORD.get(action.state, action.outcome.value)
    return action.outcome.value


def impact_of(action: Action) -> str:
    """The sentence beside the word."""
    if action.impact:
        return action.impact
    return impact(action.effect, action.outcome) if action.effect else "Not measured"


def not_attempted(action: Action) -> NotAttempted:
    """One thing that was considered and not done."""
    return NotAttempted(action=action.says, state=action.state, rule=action.rule, reason=action.reason)


def adjustment_entry(adjustment: Adjustment) -> AdjustmentEntry:
    """A temporary change in force."""
    return AdjustmentEntry(
        setting=adjustment.setting.value,
        value=adjustment.value,
        previous=adjustment.previous,
        since=adjustment.since,
        until=adjustment.until,
    )


def escalation_details(story: Story) -> EscalationDetails:
    """Who must know; recommendations stand here although nobody has to be called."""
    escalation, incident = story.escalation, story.incident
    if escalation is not None:
        return called(escalation, required=incident is None or incident.is_active)
    diagnosis = incident.diagnosis if incident else None
    domain = diagnosis.fault_domain if diagnosis else None
    return EscalationDetails(
        requires_escalation=False,
        recommended_actions=diagnosis.recommended if diagnosis else (),
        suggested_priority=incident.severity if incident else Severity.LOW,
        relevant_contact_groups=owner_first(domain, story.integration.contacts),
    )


def owner_first(domain: FaultDomain | None, contacts: Contacts) -> tuple[str, ...]:
    """The groups to ask while nobody has to be called: ours before those who could act."""
    return tuple(dict.fromkeys((contacts.owner, *contact_groups(domain, contacts))))


def called(escalation: Escalation, *, required: bool) -> EscalationDetails:
    """The call for a human; no longer required once the incident is over."""
    return EscalationDetails(
        requires_escalation=required,
        recommended_actions=escalation.recommended,
        suggested_priority=escalation.priority,
        relevant_contact_groups=escalation.contact_groups,
        x_id=escalation.id,
        x_raised_at=escalation.raised_at,
        x_reason=Reasoned(rule=escalation.reason.rule, says=escalation.reason.says),
    )


def incident_entry(incident: Incident | None) -> IncidentEntry | None:
    """The thread to which the report belongs."""
    if incident is None:
        return None
    return IncidentEntry(
        id=incident.id,
        state=incident.state.value,
        started_at=incident.started_at,
        restored_at=incident.restored_at,
        resolved_at=incident.resolved_at,
    )


def backlog_entry(backlog: Backlog) -> BacklogEntry | None:
    """Reads that failed in the incident; None when none did."""
    if not backlog.queued:
        return None
    return BacklogEntry(queued=backlog.queued, processed=backlog.processed, waiting=backlog.waiting)
