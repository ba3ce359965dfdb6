"""Joint: what is normal *together* for one integration, learned once with PyOD and kept as numbers.

Each feature is standardised by the training median and MAD. The score is the mean of three parts, each
divided by its own 99.9 % quantile over the training rows: the largest |z| of one feature, the distance to the
20th neighbour (KNN, Ramaswamy et al. 2000) and the Mahalanobis distance under a robust covariance (MCD,
Rousseeuw & Van Driessen 1999). Single spikes, joint shifts and broken correlations are each caught by one of
the three, and missed by at least one other (docs/decisions/0005).

PyOD fits; what it learned is taken out as plain numbers, so that a model can be kept, and a row is scored
alone against the training rows in microseconds, never in a batch of its neighbours.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import AwareDatetime, Field, NonNegativeInt

from models.noun import Noun
from models.reading import Identifier

Matrix = npt.NDArray[np.float64]

FEWEST_ROWS = 500  # about two days of five-minute buckets: before that it is learning
MOST_ROWS = 1000  # training rows, evenly thinned: the robust covariance takes a second for 2000
NEIGHBOURS = 20
QUANTILE = 0.999
SCALE = 1.4826  # makes a MAD comparable with a standard deviation under normality
FLOOR = 0.05  # smallest scale of a feature: they are ratios' logarithms and shares, where less is not felt
CLIP = 50.0  # |z| beyond which more says nothing more


class JointModel(Noun):
    """A trained judge of joint features; `d` of them, over `n` training rows."""

    integration_id: Identifier
    trained_until: AwareDatetime  # no row at or after it was learned from
    buckets: NonNegativeInt  # how many there were before they were thinned
    features: tuple[str, ...]
    centre: tuple[float, ...]
    scale: tuple[float, ...]
    past: bytes = Field(repr=False)  # n × d standardised rows, float64, row by row
    varied: tuple[bool, ...]  # features that ever vary; the others would make the covariance singular
    location: tuple[float, ...]  # of the robust covariance, over the varied features; empty: fewer than two vary
    precision: tuple[float, ...]  # its inverse, row by row
    cuts: tuple[float, float, float]  # the training quantile of each part

    @property
    def rows(self) -> Matrix:
        """The training rows, standardised."""
        return np.frombuffer(self.past, dtype=np.float64).reshape(-1, len(self.features))


def learn(
    integration_id: str, features: Sequence[str], rows: Sequence[Sequence[float]], until: AwareDatetime
) -> JointModel | None:
    """Learn what is normal together; the same rows give the same model. None while there are too few.

    Args:
        integration_id: whose.
        features: names of the columns.
        rows: n × d training rows, oldest first, without missing values.
        until: the end of what they cover.
    """
    from pyod.models.knn import KNN  # noqa: PLC0415  # brings numba: seconds, and only when learning

    if len(rows) < FEWEST_ROWS:
        return None
    data = thinned(np.asarray(rows, dtype=float))
    centre = np.median(data, axis=0)
    scale = np.maximum(SCALE * np.median(np.abs(data - centre), axis=0), FLOOR)
    z = standardise(data, centre, scale)
    knn = KNN(n_neighbors=NEIGHBOURS)
    knn.fit(z)
    varied = np.ptp(z, axis=0) > 0
    location, precision, distances = robust_covariance(z[:, varied])
    parts = np.column_stack([np.abs(z).max(axis=1), knn.decision_scores_, distances])
    cuts = np.maximum(np.quantile(parts, QUANTILE, axis=0), 1e-9)
    return JointModel(
        integration_id=integration_id,
        trained_until=until,
        buckets=len(rows),
        features=tuple(features),
        centre=tuple(centre.tolist()),
        scale=tuple(scale.tolist()),
        past=np.ascontiguousarray(z).tobytes(),
        varied=tuple(varied.tolist()),
        location=tuple(location.tolist()),
        precision=tuple(precision.ravel().tolist()),
        cuts=tuple(cuts.tolist()),
    )


def robust_covariance(z: Matrix) -> tuple[Matrix, Matrix, Matrix]:
    """Location, precision and the training distances by PyOD's MCD; all empty or zero for fewer than two columns."""
    from pyod.models.mcd import MCD  # noqa: PLC0415  # as above

    if z.shape[1] < 2:  # noqa: PLR2004  # one feature has no covariance
        return np.empty(0), np.empty(0), np.zeros(len(z))
    fitted: Any = MCD(random_state=0).fit(z)
    return fitted.detector_.location_, fitted.detector_.precision_, fitted.decision_scores_


def thinned(data: Matrix) -> Matrix:
    """At most `MOST_ROWS` rows, evenly spread over the past."""
    if len(data) <= MOST_ROWS:
        return data
    kept: Matrix = data[np.linspace(0, len(data) - 1, MOST_ROWS).astype(int)]
    return kept


def standardise(data: npt.ArrayLike, centre: npt.ArrayLike, scale: npt.ArrayLike) -> Matrix:
    """Robust z of each feature, clipped: beyond 50 deviations more says nothing more."""
    z: Matrix = np.clip((np.asarray(data, dtype=float) - np.asarray(centre)) / np.asarray(scale), -CLIP, CLIP)
    return z


def score_row(model: JointModel, row: Sequence[float]) -> float:
    """Score of one row, alone: the mean of the parts, each over its training quantile."""
    z = standardise(row, model.centre, model.scale)
    parts = [np.abs(z).max() / model.cuts[0], neighbour_distance(model, z) / model.cuts[1]]
    if model.location:
        parts.append(mahalanobis(model, z) / model.cuts[2])
    return float(np.mean(parts))


def neighbour_distance(model: JointModel, z: Matrix) -> float:
    """Euclidean distance to the 20th nearest training row."""
    squared = np.square(model.rows - z).sum(axis=1)
    return float(np.sqrt(np.partition(squared, NEIGHBOURS - 1)[NEIGHBOURS - 1]))


def mahalanobis(model: JointModel, z: Matrix) -> float:
    """Squared distance from the robust location, as scikit-learn and PyOD count it."""
    off = z[np.asarray(model.varied)] - np.asarray(model.location)
    precision = np.asarray(model.precision).reshape(len(off), len(off))
    return float(off @ precision @ off)
