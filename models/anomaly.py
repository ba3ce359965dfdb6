"""Anomaly: something odd in a window, with its severity, its trend and the figures behind it."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from pydantic import AwareDatetime, NonNegativeFloat

from models.baseline import Baseline
from models.integration import Importance, Integration
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
    """Everything a detector may look at. The window is never part of its own baselines."""

    integration: Integration
    window: Window
    baselines: tuple[Baseline, ...] = ()
    as_of: AwareDatetime
    odd: tuple[tuple[AwareDatetime, AwareDatetime], ...] = ()  # spans in which a told sighting was odd (models.unusual)


HALF = 0.5  # of all calls failing: nobody can work around that
WEIGHT = {Importance.ROUTINE: 0, Importance.IMPORTANT: 1, Importance.CRITICAL: 2}


def severity_of(integration: Integration, operations: Sequence[str], error_rate: float) -> Severity:
    """Severity from what waits: an archive is LOW, patient lists MEDIUM, prescriptions HIGH; half failing adds one.

    Args:
        integration: whose declared reads carry their importance.
        operations: the operations touched; none counts as routine.
        error_rate: failed share of recent calls in [0, 1].
    """
    touched = [WEIGHT[read.importance] for read in integration.reads if read.operation in operations]
    level = max(touched, default=0) + (1 if error_rate >= HALF else 0)
    return list(Severity)[level]


SLOPE_P = 0.1  # the Mann-Kendall test's two-sided p below which a slope is believed
STEADY = 0.1  # relative change over the window that nobody would call a trend


def trend_of(values: Sequence[float], *, higher_is_worse: bool = True) -> Trend:
    """Trend label by the Mann-Kendall test (Kendall's τ against time) and the Theil-Sen slope.

    Args:
        values: the metric per equal time step, oldest first; fewer than 4 are STABLE.
        higher_is_worse: whether growth is bad.
    """
    import numpy as np  # noqa: PLC0415  # a second to import both, and only detectors ask
    from scipy import stats  # noqa: PLC0415

    series = np.asarray(values, dtype=float)
    series = series[np.isfinite(series)]
    if len(series) < 4 or np.ptp(series) == 0:  # noqa: PLR2004  # τ of 3 points cannot reach p < 0.1
        return Trend.STABLE
    steps = np.arange(len(series))
    slope = float(stats.theilslopes(series, steps).slope)
    change = slope * (len(series) - 1)
    scale = max(float(np.mean(np.abs(series))), 1e-9)
    if float(stats.kendalltau(steps, series).pvalue) > SLOPE_P or abs(change) < STEADY * scale:
        return Trend.STABLE
    return Trend.WORSENING if (change > 0) == higher_is_worse else Trend.IMPROVING
