"""Features that are unusual *together*, by the model that was learned of this integration (models.joint)."""

from __future__ import annotations

from models.anomaly import Anomaly, Case, DetectionMethod, JointSample, Trend, severity_of

MARGIN = 1.5  # above the training quantile; at 288 buckets a day a bare quantile would speak twice a week


def evaluate(case: Case) -> list[Anomaly]:
    """One anomaly when the latest bucket does not look like any of the past."""
    sample = case.joint
    score = score_of(sample) if sample is not None else 0.0
    return [describe(case, sample, score)] if sample is not None and score > 1 else []


def is_unusual(sample: JointSample) -> bool:
    """Whether a bucket does not look like any of the past."""
    return score_of(sample) > 1


def score_of(sample: JointSample) -> float:
    """The score of a bucket; 0 where nothing was read or learned."""
    if sample.latest is None or sample.model is None:
        return 0.0
    from models.joint import score_row  # noqa: PLC0415  # numpy, only when there is something to judge

    return score_row(sample.model, sample.latest) / MARGIN


def describe(case: Case, sample: JointSample, score: float) -> Anomaly:
    """The anomaly in words, naming the features that stand out most."""
    from models.joint import standardise  # noqa: PLC0415  # as above

    model = sample.model
    z = standardise(sample.latest or (), model.centre, model.scale)
    leading = sorted(range(len(z)), key=lambda i: -abs(z[i]))[:2]
    named = ", ".join(f"{model.features[i].replace('_', ' ')} {z[i]:+.1f}σ" for i in leading)
    return Anomaly(
        integration_id=case.integration.id,
        metric="joint",
        severity=severity_of(
            case.integration,
            tuple(read.operation for read in case.integration.reads),
            case.window.counts.error_rate,
        ),
        description=f"Unusual combination of measurements: {named}",
        detection_method=DetectionMethod.CORRELATION,
        baseline=f"{model.buckets} five-minute buckets of history",
        current=f"joint score {score:.1f} (anomalous above 1)",
        first_observed=case.window.since,
        observed_at=case.as_of,
        trend=Trend.STABLE,
        score=score,
    )
