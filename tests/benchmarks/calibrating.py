"""Maps of a leading share, fitted and compared: which one tells best how often a cause is right.

Every candidate is fitted on all families of signatures but one and judged on that one (log loss), so none is praised
for knowing the cases.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, minimize

from models.calibration import ALONE, BELOW, CLAIMED

Vector = NDArray[np.float64]
Map = Callable[[Vector], Vector]
LEAST = 0.01  # no share is told nearer to 0 or 1 than this
HARD_SHARE = 0.66  # of the weight: where the worst band, of all cases or of the hard ones alone, is least wrong
SHARES = tuple(round(0.50 + 0.02 * nth, 2) for nth in range(16))  # that were tried
BANDS = ((0.5, 0.6), (0.6, 0.7), (0.7, 0.8), (0.8, 0.9), (0.9, 1.01))
ENOUGH = 30  # cases in a band that say anything


class Judged(NamedTuple):
    """Leading shares of at least 0.5, and whether each was right."""

    shares: Vector
    right: Vector
    hard: NDArray[np.bool_]
    families: NDArray[np.str_]
    hard_share: float = HARD_SHARE

    @property
    def weights(self) -> Vector:
        """So that the hard ones have `hard_share` of all weight."""
        share = self.hard.mean()
        return np.where(self.hard, self.hard_share / share, (1 - self.hard_share) / (1 - share))

    def only(self, which: NDArray[np.bool_]) -> Judged:
        return Judged(*(column[which] for column in self[:4]), self.hard_share)


def loss(told: Vector, right: Vector, weights: Vector) -> float:
    """Mean negative log likelihood."""
    safe = np.clip(told, LEAST, 1 - LEAST)
    return float(-np.average(right * np.log(safe) + (1 - right) * np.log(1 - safe), weights=weights))


def as_weighed(_: Judged) -> Map:
    return lambda shares: shares


def platt(known: Judged) -> Map:
    """A logistic curve over the log odds (J. Platt, 1999)."""
    return curve(odds, slopes(known, odds))


def beta(known: Judged) -> Map:
    """One over log p and log (1 - p), each with its own slope (Kull, Silva Filho and Flach, 2017)."""
    return curve(both_logs, slopes(known, both_logs))


def odds(shares: Vector) -> Vector:
    return np.column_stack([np.log(shares / (1 - shares)), np.ones_like(shares)])


def both_logs(shares: Vector) -> Vector:
    return np.column_stack([np.log(shares), -np.log(1 - shares), np.ones_like(shares)])


def curve(columns: Map, values: Vector) -> Map:
    return lambda shares: 1 / (1 + np.exp(-(columns(shares) @ values)))


def slopes(known: Judged, columns: Map) -> Vector:
    """The slopes, none of them falling, and last the intercept."""
    count = columns(known.shares).shape[1]
    rising = Bounds([0.0] * (count - 1) + [-np.inf], np.inf)
    found = minimize(
        lambda values: loss(curve(columns, values)(known.shares), known.right, known.weights),
        np.eye(1, count)[0], bounds=rising,
    )  # fmt: skip
    return np.asarray(found.x)


def isotonic(known: Judged) -> Map:
    """Steps that never fall: neighbours that do are pooled (Barlow et al., 1972)."""
    order = np.argsort(known.shares, kind="stable")
    pools: list[list[float]] = []  # mean, weight, highest share
    for share, right, weight in zip(known.shares[order], known.right[order], known.weights[order], strict=True):
        pools.append([right, weight, share])
        while len(pools) > 1 and pools[-2][0] >= pools[-1][0]:
            mean, more, top = pools.pop()
            total = pools[-1][1] + more
            pools[-1] = [(pools[-1][0] * pools[-1][1] + mean * more) / total, total, top]
    means, tops = np.array([pool[0] for pool in pools]), np.array([pool[2] for pool in pools])
    return lambda shares: means[np.minimum(np.searchsorted(tops, shares), len(means) - 1)]


def limited(candidate: Callable[[Judged], Map]) -> Callable[[Judged], Map]:
    """The same, lifting nothing over a limit of policy."""

    def fitted(known: Judged) -> Map:
        free = candidate(known)
        return lambda p: np.where(p < ALONE, np.clip(free(p), CLAIMED, BELOW), np.maximum(free(p), ALONE))

    return fitted


CANDIDATES: dict[str, Callable[[Judged], Map]] = {
    "as weighed": as_weighed,
    "Platt": platt,
    "beta": beta,
    "isotonic": isotonic,
    "Platt within the limits": limited(platt),
    "beta within the limits": limited(beta),
}


def cross_validated(known: Judged) -> dict[str, float]:
    """The log loss of each candidate on families that it was not fitted on."""
    losses: dict[str, float] = {}
    for name, candidate in CANDIDATES.items():
        told = np.zeros_like(known.shares)
        for family in np.unique(known.families):
            out = known.families == family
            told[out] = candidate(known.only(~out))(known.shares[out])
        losses[name] = loss(told, known.right, known.weights)
    return losses


def worst_band(known: Judged, told: Vector) -> float:
    """The largest difference between stated and observed in any band, of all cases and of the hard ones."""
    return max(
        abs(float(told[inside].mean() - known.right[inside].mean()))
        for those in (np.ones_like(known.hard), known.hard)
        for low, high in BANDS
        if (inside := those & (told >= low) & (told < high)).sum() >= ENOUGH
    )
