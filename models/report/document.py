"""The published document: key for key and format for format; our own keys stand under `x-` only."""

from __future__ import annotations

import json
from typing import Any

from pydantic import NonNegativeFloat, NonNegativeInt

from models.anomaly import DetectionMethod, Severity, Trend
from models.reading import Identifier
from models.remedy import ActionState
from models.report.compared import ReconciliationEntry
from models.report.covered import CoverageEntry
from models.report.form import Confidence, Instant, Page, Percentage, Probability, Tally, Volume
from models.report.gaps import GapEntry
from models.report.service import (
    AlertEntry,
    AvailabilityEntry,
    DowntimeEntry,
    ObjectiveEntry,
    OperationEntry,
    Slots,
    StabilityEntry,
)
from models.report.status import Word

SCHEMA_VERSION = "1.0"  # minor: only optional `x-` keys were added; major: anything else

NONE = "NONE"  # determinedCause without an incident
NOT_DIAGNOSED = "NOT_DIAGNOSED"  # determinedCause before the first diagnosis


class Metrics(Page):
    """The figures of the span; the `x-` twins are the same as numbers (shares in [0, 1], bytes)."""

    availability: Percentage
    average_latency: NonNegativeInt | None  # ms; null: nothing answered
    error_rate: Percentage
    data_volume_last_hour: Volume
    active_connections: NonNegativeInt
    successful_transactions: NonNegativeInt
    failed_transactions: NonNegativeInt
    x_availability: NonNegativeFloat | None = None
    x_slots: Slots | None = None  # what availability was counted from
    x_error_rate: NonNegativeFloat | None = None
    x_bytes_last_hour: NonNegativeInt | None = None


class Reasoned(Page):
    """A rule and its words."""

    rule: str
    says: str


class Monitoring(Page):
    """The head of the document."""

    timestamp: Instant
    integration_id: Identifier
    overall_status: Word
    metrics: Metrics
    x_status: Reasoned | None = None
    x_recent: Tally | None = None  # the cycles that the status was judged by
    x_error_limit: float | None = None  # of the SLA, in [0, 1]
    x_since: Instant | None = None  # the span of the metrics
    x_until: Instant | None = None
    x_alerts: tuple[AlertEntry, ...] | None = None  # those that stand, the gravest first
    x_maintenance: DowntimeEntry | None = None  # the agreed downtime that holds now


class AnomalyEntry(Page):
    """One finding."""

    id: str | None  # ANM-YYYY-MM-DD-NNN; null: not recorded in the ledger yet
    severity: Severity
    description: str
    detection_method: DetectionMethod
    baseline: str
    current: str
    first_observed: Instant
    trend: Trend
    x_metric: str | None = None
    x_score: float | None = None
    x_observed_at: Instant | None = None


class HypothesisEntry(Page):
    """One cause that was weighed."""

    cause: str
    says: str
    probability: Probability
    supported_by: tuple[str, ...] = ()
    contradicted_by: tuple[str, ...] = ()


class RuledOut(Page):
    """One cause that the evidence killed, and the evidence."""

    cause: str
    because: str


class RootCause(Page):
    """The determined cause, or a word in capitals that says why there is none."""

    confidence: Confidence
    determined_cause: str
    evidence_points: tuple[str, ...]
    affected_components: tuple[str, ...]
    x_evidence_refs: tuple[str, ...] | None = None  # of each evidence point, for `heal evidence`
    x_cause: str | None = None  # the signature's key
    x_band: str | None = None  # HIGH, MEDIUM or LOW
    x_fault_domain: str | None = None
    x_hypotheses: tuple[HypothesisEntry, ...] | None = None
    x_ruled_out: tuple[RuledOut, ...] | None = None


class Diagnostics(Page):
    """What is behind it."""

    root_cause_analysis: RootCause
    related_factors: tuple[str, ...]


class AttemptEntry(Page):
    """One thing that was really tried."""

    action: str
    timestamp: Instant
    outcome: str
    impact: str
    x_id: str | None = None
    x_remedy: str | None = None
    x_state: ActionState | None = None
    x_before: Tally | None = None
    x_after: Tally | None = None
    x_interval: tuple[float, float] | None = None  # 95 % interval of the change of the error rate, in [-1, 1]


class NotAttempted(Page):
    """One thing that was considered and not done, with the rule that stopped it."""

    action: str
    state: ActionState
    rule: str
    reason: str


class PendingEntry(Page):
    """One thing that will happen, or waits for a person."""

    action: str
    estimated_impact: str
    prerequisites: str
    automatic_execution: bool
    scheduled_time: Instant


class AdjustmentEntry(Page):
    """A temporary change in force, and when it ends by itself."""

    setting: str
    value: float | str
    previous: float | str
    since: Instant
    until: Instant


class Remediation(Page):
    """What was done and what is to come."""

    attempted_actions: tuple[AttemptEntry, ...]
    pending_actions: tuple[PendingEntry, ...]
    x_not_attempted: tuple[NotAttempted, ...] | None = None
    x_adjustments: tuple[AdjustmentEntry, ...] | None = None


class EscalationDetails(Page):
    """Who must know, and what they should do."""

    requires_escalation: bool
    recommended_actions: tuple[str, ...]
    suggested_priority: Severity
    relevant_contact_groups: tuple[str, ...]
    x_id: str | None = None
    x_raised_at: Instant | None = None
    x_reason: Reasoned | None = None


class IncidentEntry(Page):
    """The thread to which the report belongs."""

    id: str
    state: str
    started_at: Instant
    restored_at: Instant | None = None
    resolved_at: Instant | None = None


class BacklogEntry(Page):
    """Reads that failed in the incident, and what became of them."""

    queued: NonNegativeInt
    processed: NonNegativeInt
    waiting: NonNegativeInt


class MonitoringReport(Page):
    """The whole document."""

    monitoring_report: Monitoring
    anomalies: tuple[AnomalyEntry, ...]
    diagnostic_results: Diagnostics
    remediation_actions: Remediation
    escalation_details: EscalationDetails
    x_schema_version: str | None = None
    x_incident: IncidentEntry | None = None
    x_backlog: BacklogEntry | None = None
    x_gaps: tuple[GapEntry, ...] | None = None  # spans of data that did not come, or did not go
    x_no_data_loss: bool | None = None  # true: every count says so; left out when nothing was ever missed
    x_availability: tuple[AvailabilityEntry, ...] | None = None  # over an hour, a day and a month
    x_objectives: tuple[ObjectiveEntry, ...] | None = None
    x_operations: tuple[OperationEntry, ...] | None = None  # how quick each operation was
    x_stability: StabilityEntry | None = None
    x_reconciliation: tuple[ReconciliationEntry, ...] | None = None  # what both sides hold, compared
    x_coverage: CoverageEntry | None = None  # who could tell that data arrive
    x_time_compression: float | None = None  # left out when time ran at its real speed
    x_generated_history: bool | None = None  # true: the baseline is simulated history

    def to_json(self) -> str:
        """The document as it is published: two blanks of indent, keys in the specification's order."""
        return json.dumps(self.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n"


def json_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of the document."""
    schema = MonitoringReport.model_json_schema(by_alias=True, mode="validation")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
