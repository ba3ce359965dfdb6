"""Anomaly: something odd in a window, with its severity, its trend and the figures behind it."""

from __future__ import annotations

from enum import StrEnum

from pydantic import AwareDatetime, NonNegativeFloat

from models.baseline import Baseline
from models.integration import Integration
from models.noun import Noun
from models.reading import Identifier, Window


class Severity(StrEnum):
    """How bad it is for the practice, from impact and not from σ alone."""

    LOW = "LOW"
    MEDIUM = "MEDIUM"
    HIGH = "HIGH"
    CRITICAL = "CRITICAL"

    @property
    def rank(self) -> int:
        """0 for LOW … 3 for CRITICAL."""
        return list(Severity).index(self)


class Trend(StrEnum):
    """Where it is heading."""

    WORSENING = "WORSENING"
    STABLE = "STABLE"
    IMPROVING = "IMPROVING"


class DetectionMethod(StrEnum):
    """The six ways of the specification, in its words."""

    DEVIATION = "Statistical deviation"
    SIGNATURE = "Known failure signature"
    CORRELATION = "Correlation across dimensions"
    PREDICTION = "Predictive trend"
    THRESHOLD = "Threshold violation"
    REPORT = "User report"


class Anomaly(Noun):
    """One finding of one detector about one metric of one integration."""

    integration_id: Identifier
    metric: str  # stable key, e.g. "error_rate" or "latency:Patient.search"
    severity: Severity
    description: str
    detection_method: DetectionMethod
    baseline: str  # as a person reads it, e.g. "350ms average response time"
    current: str
    first_observed: AwareDatetime
    observed_at: AwareDatetime
    trend: Trend
    score: NonNegativeFloat  # > 1 is anomalous, on one scale for all detectors
    why: str = ""  # why it is as severe as it is (models.severity)
    seen_by: tuple[str, ...] = ()  # the detectors that say so, the one whose words these are first
    id: str | None = None  # ANM-YYYY-MM-DD-NNN, given by the ledger


def gravest(anomaly: Anomaly) -> tuple[int, float, str]:
    """Sorts the gravest first, then the loudest."""
    return -anomaly.severity.rank, -anomaly.score, anomaly.metric


class Case(Noun):
    """What is known of one integration while its incident is followed. The window is in none of its own baselines."""

    integration: Integration
    window: Window
    baselines: tuple[Baseline, ...] = ()
    as_of: AwareDatetime
    odd: tuple[tuple[AwareDatetime, AwareDatetime], ...] = ()  # spans in which a told sighting was odd (models.unusual)
