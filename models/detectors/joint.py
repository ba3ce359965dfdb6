"""Features that are unusual *together*: PyOD's KNN and MCD on standardised five-minute buckets.

Each feature is standardised by the training median and MAD. The score is the mean of three parts, each
divided by its own 99.9 % quantile over the training rows: the largest |z| of one feature, the distance to the
20th neighbour (KNN, Ramaswamy et al. 2000) and the Mahalanobis distance under a robust covariance (MCD,
Rousseeuw & Van Driessen 1999). Single spikes, joint shifts and broken correlations are each caught by one of
the three, and missed by at least one other (docs/decisions/0005).

A row is always scored alone against the training rows, never in a batch of its neighbours.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from models.anomaly import Anomaly, Case, DetectionMethod, JointSample, Trend, severity_of

Matrix = npt.NDArray[np.float64]

FEWEST_ROWS = 500  # about two days of five-minute buckets: before that it is learning
MOST_ROWS = 1000  # training rows, evenly thinned: the robust covariance takes a second for 2000
NEIGHBOURS = 20
QUANTILE = 0.999
MARGIN = 1.5  # above the training quantile; at 288 buckets a day a bare quantile would speak twice a week
SCALE = 1.4826  # makes a MAD comparable with a standard deviation under normality
FLOOR = 0.05  # smallest scale of a feature: they are ratios' logarithms and shares, where less is not felt
CLIP = 50.0  # |z| beyond which more says nothing more


class Model(NamedTuple):
    """A trained judge of joint features."""

    centre: Matrix
    scale: Matrix
    varied: npt.NDArray[np.bool_]  # features that ever vary; the others would make the covariance singular
    knn: object
    mcd: object | None  # None: fewer than two features vary
    cuts: Matrix  # the training quantile of each part


def evaluate(case: Case) -> list[Anomaly]:
    """One anomaly when the latest bucket does not look like any of the past."""
    sample = case.joint
    if sample is None or sample.latest is None or len(sample.rows) < FEWEST_ROWS:
        return []
    model = train(sample.rows)
    row = np.asarray(sample.latest, dtype=float)
    score = float(score_row(model, row)) / MARGIN
    if score <= 1:
        return []
    return [describe(case, sample, model, row, score)]


@lru_cache(maxsize=64)
def train(rows: tuple[tuple[float, ...], ...]) -> Model:
    """Learn what is normal together; the same rows give the same model.

    Args:
        rows: n × d training features, oldest first, without missing values.
    """
    from pyod.models.knn import KNN  # noqa: PLC0415  # brings numba: seconds, and only when judging
    from pyod.models.mcd import MCD  # noqa: PLC0415

    data = thinned(np.asarray(rows, dtype=float))
    centre = np.median(data, axis=0)
    scale = np.maximum(SCALE * np.median(np.abs(data - centre), axis=0), FLOOR)
    z = standardise(data, centre, scale)
    knn = KNN(n_neighbors=NEIGHBOURS)
    knn.fit(z)
    varied = np.ptp(z, axis=0) > 0
    mcd = MCD(random_state=0) if varied.sum() > 1 else None
    if mcd is not None:
        mcd.fit(z[:, varied])
    parts = np.column_stack(
        [np.abs(z).max(axis=1), knn.decision_scores_, mcd.decision_scores_ if mcd else np.zeros(len(z))]
    )
    cuts = np.maximum(np.quantile(parts, QUANTILE, axis=0), 1e-9)
    return Model(centre, scale, varied, knn, mcd, cuts)


def thinned(data: Matrix) -> Matrix:
    """At most `MOST_ROWS` rows, evenly spread over the past."""
    if len(data) <= MOST_ROWS:
        return data
    kept: Matrix = data[np.linspace(0, len(data) - 1, MOST_ROWS).astype(int)]
    return kept


def standardise(data: Matrix, centre: Matrix, scale: Matrix) -> Matrix:
    """Robust z of each feature, clipped: beyond 50 deviations more says nothing more."""
    return np.clip((data - centre) / scale, -CLIP, CLIP)


def score_row(model: Model, row: Matrix) -> float:
    """Score of one row, alone: the mean of the parts, each over its training quantile."""
    z = standardise(row[None, :], model.centre, model.scale)
    parts = [np.abs(z).max() / model.cuts[0], model.knn.decision_function(z)[0] / model.cuts[1]]  # type: ignore[attr-defined]  # pyod publishes no types
    if model.mcd is not None:
        parts.append(model.mcd.decision_function(z[:, model.varied])[0] / model.cuts[2])  # type: ignore[attr-defined]  # same
    return float(np.mean(parts))


def describe(case: Case, sample: JointSample, model: Model, row: Matrix, score: float) -> Anomaly:
    """The anomaly in words, naming the features that stand out most."""
    z = standardise(row[None, :], model.centre, model.scale)[0]
    leading = [int(i) for i in np.argsort(-np.abs(z))[:2]]
    named = ", ".join(f"{sample.features[i].replace('_', ' ')} {z[i]:+.1f}σ" for i in leading)
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
        baseline=f"{len(sample.rows)} five-minute buckets of history",
        current=f"joint score {score:.1f} (anomalous above 1)",
        first_observed=case.window.since,
        observed_at=case.as_of,
        trend=Trend.STABLE,
        score=score,
    )
