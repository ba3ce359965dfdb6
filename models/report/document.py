"""The published document: key for key and format for format; our own keys stand under `x-` only.

An unsaid `x-` key is left out, so a document that never had one is written as it was read. Keys of the
specification are always there.
"""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    AwareDatetime,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PlainSerializer,
    SerializerFunctionWrapHandler,
    WithJsonSchema,
    model_serializer,
)
from pydantic.alias_generators import to_camel

from models.anomaly import DetectionMethod, Severity, Trend
from models.noun import Noun
from models.reading import Identifier
from models.remedy import ActionState
from models.report.status import Word
from models.wording import UNKNOWN, stamp, to_second

SCHEMA_VERSION = "1.0"  # minor: only optional `x-` keys were added; major: anything else

NONE = "NONE"  # determinedCause without an incident
NOT_DIAGNOSED = "NOT_DIAGNOSED"  # determinedCause before the first diagnosis

Percentage = Annotated[str, Field(pattern=rf"^([0-9]+\.[0-9]%|{UNKNOWN})$")]
Volume = Annotated[str, Field(pattern=r"^([0-9]+B|[0-9]+\.[0-9](KB|MB|GB|TB))$")]
Confidence = Annotated[float, Field(ge=0, le=1), AfterValidator(lambda share: round(share, 2))]
Probability = Annotated[float, Field(ge=0, le=1), AfterValidator(lambda share: round(share, 4))]
Instant = Annotated[
    AwareDatetime,
    AfterValidator(to_second),
    PlainSerializer(stamp, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time", "pattern": r"T\d\d:\d\d:\d\dZ$"}),
]


def published_name(field: str) -> str:
    """`error_rate` → `errorRate`; `x_error_rate` → `x-errorRate`."""
    return f"x-{to_camel(field[2:])}" if field.startswith("x_") else to_camel(field)


class Page(Noun):
    """A part of the document: camelCase keys, in the order in which the fields stand."""

    model_config = ConfigDict(
        alias_generator=published_name, validate_by_name=True, validate_by_alias=True, serialize_by_alias=True
    )

    @model_serializer(mode="wrap")
    def _leave_out_unsaid(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        said: dict[str, Any] = handler(self)
        return {key: value for key, value in said.items() if value is not None or not key.startswith("x-")}


class Tally(Page):
    """Calls, and the failed ones."""

    total: NonNegativeInt
    failed: NonNegativeInt


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
    x_time_compression: float | None = None  # left out when time ran at its real speed
    x_generated_history: bool | None = None  # true: the baseline is simulated history

    def to_json(self) -> str:
        """The document as it is published: two blanks of indent, keys in the specification's order."""
        return json.dumps(self.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n"


def json_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of the document."""
    schema = MonitoringReport.model_json_schema(by_alias=True, mode="validation")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
